//! The number of the VRRP group: stable for ever, different between clusters, and nobody else's on the segment.

use crate::config::Config;
use crate::ring::Ring;
use crate::whose::Whose;
use arcus_sdk::prelude::*;

/// The number in a configuration of keepalived for the group that holds this address.
pub fn in_file(text: &str, address: &str) -> Option<u8> {
    let (mut number, mut holds) = (None, false);
    for line in text.lines() {
        let mut words = line.split(['#', '!']).next().unwrap_or_default().split_whitespace();
        match (words.next(), words.next()) {
            (Some("vrrp_instance"), _) => (number, holds) = (None, false),
            (Some("virtual_router_id"), Some(value)) => number = value.parse().ok(),
            (Some(word), _) if word.split('/').next() == Some(address) => holds = true,
            _ => {}
        }
        if holds && number.is_some() {
            return number;
        }
    }
    None
}

/// The number that the config wants for this group: the managers' one is the next.
pub fn asked_for(config: &Config, ring: &Ring) -> Option<u8> {
    let number = config.vrid?;
    Some(match ring.whose {
        Whose::Gateways => number,
        Whose::Managers => number % 255 + 1,
    })
}

/// A router that was heard, and on which gateway.
pub struct Heard<'a> {
    /// The gateway that listened.
    pub node: &'a Node,
    /// What it heard.
    pub routers: Vec<Vrrp>,
}

/// The number to use: the configured one, else the one in the gateways' own files, else one derived from the cluster that no stranger
/// was heard to use.
pub fn choose(cluster: &Cluster<Config>, ring: &Ring, own: Option<u8>, taken: Option<u8>, heard: &[Heard]) -> Result<u8, Problem> {
    let stranger = |number: u8| {
        heard.iter().find_map(|heard| {
            let is_strange = |router: &&Vrrp| router.router_id == number && !ring.nodes().any(|node| node.address == router.source);
            heard.routers.iter().find(is_strange).map(|router| (heard.node, router))
        })
    };
    if let Some(number) = asked_for(&cluster.config, ring) {
        return match stranger(number) {
            None => Ok(number),
            Some((node, router)) => {
                let message = format!("{} uses VRID {number} already (priority {}), heard on {}", router.source, router.priority, node.name);
                let help = "choose another `vrid`, or leave it out: a free one is found then";
                Err(problem("vrid.in-use", message).on(node).at("/vrid").help(help))
            }
        };
    }
    if let Some(number) = own {
        return Ok(number);
    }
    let digits: String = cluster.stable_uuid("vrid").chars().filter(char::is_ascii_hexdigit).take(4).collect();
    let first = u16::from_str_radix(&digits, 16).unwrap_or_default() % 255;
    let mut numbers = (0..255).map(|step| ((first + step) % 255 + 1) as u8);
    numbers.find(|number| Some(*number) != taken && stranger(*number).is_none()).ok_or_else(|| problem("vrid.in-use", "all 255 VRIDs of this segment are in use"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_group_that_holds_the_address() {
        let file = "vrrp_instance a {\n  virtual_router_id 51 # not 5\n  virtual_ipaddress {\n    10.0.0.9\n  }\n}\n\
                    vrrp_instance b {\n  virtual_ipaddress {\n    10.0.0.100/24 dev eth0\n  }\n  virtual_router_id 77\n}\n";
        assert_eq!(in_file(file, "10.0.0.9"), Some(51));
        assert_eq!(in_file(file, "10.0.0.100"), Some(77));
        assert_eq!(in_file(file, "10.0.0.1"), None);
        assert_eq!(in_file("# 10.0.0.9\nvirtual_router_id 3\n", "10.0.0.9"), None);
    }
}
