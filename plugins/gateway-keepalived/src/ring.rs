//! The group of gateways and the address it holds, from the cluster file alone: who, in which order, how fast.

use crate::config::Config;
use crate::health::Check;
use crate::whose::Whose;
use arcus_sdk::net::{self, IpNet, Ipv4Net};
use arcus_sdk::prelude::*;
use std::net::Ipv4Addr;

/// Priorities lie this far apart where there is room.
const APART: u8 = 10;

/// The group.
pub struct Ring<'a> {
    /// Who they are.
    pub whose: Whose,
    /// The address with its prefix length, as configured.
    pub vip: Ipv4Net,
    /// Milliseconds between adverts.
    pub advert: u32,
    /// First the one that holds the address when all are well.
    pub members: Vec<Member<'a>>,
    /// How much a bad health lowers a priority: the worst healthy one stays above the best that is not.
    pub penalty: u8,
    /// How health is looked at, where the platform says what is healthy.
    pub check: Option<Check>,
}

/// A gateway.
pub struct Member<'a> {
    /// The node.
    pub node: &'a Node,
    /// Differs from all others.
    pub priority: u8,
}

impl<'a> Ring<'a> {
    /// The gateways' group and, where they have an address of their own, the managers'; or everything that the cluster file alone shows
    /// to be wrong with them.
    pub fn all(cluster: &'a Cluster<Config>) -> Result<Vec<Self>, Vec<Problem>> {
        let gateways = Self::of(cluster)?;
        let Some(managers) = &cluster.config.managers else { return Ok(vec![gateways]) };
        if let Some(both) = gateways.nodes().find(|node| node.roles.contains(&Role::Manage)) {
            let message = format!("{} is a gateway and a manager, so one address serves for both", both.name);
            return Err(vec![problem("vip.one-serves", message).on(both).at("/managers").help("leave it out, or make gateways of other machines")]);
        }
        let managers = Self::group(cluster, Whose::Managers, cluster.role(Role::Manage), managers)?;
        if managers.vip.addr() == gateways.vip.addr() {
            let message = format!("{} cannot be with the gateways and with the managers", managers.vip.addr());
            return Err(vec![problem("vip.twice", message).at("/managers").help("choose another free address")]);
        }
        Ok(vec![gateways, managers])
    }

    /// The gateways' group, or everything that the cluster file alone shows to be wrong with it.
    pub fn of(cluster: &'a Cluster<Config>) -> Result<Self, Vec<Problem>> {
        Self::group(cluster, Whose::Gateways, gateways(cluster), &cluster.config.vip)
    }

    fn group(cluster: &'a Cluster<Config>, whose: Whose, mut nodes: Vec<&'a Node>, address: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        // By name, so that priorities do not move with the lines of the file.
        nodes.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let vip = keep(vip(cluster, whose, address), &mut problems);
        let advert = keep(advert(&cluster.config), &mut problems);
        let apart = keep(apart(cluster.config.priority, nodes.len()), &mut problems);
        let check = match Check::of(&cluster.handed.demands, whose) {
            Some(check) => keep(check.map(Some), &mut problems),
            None => Some(None),
        };
        if cluster.config.unicast {
            for node in nodes.iter().filter(|node| node.address.parse::<Ipv4Addr>().is_err()) {
                let message = format!("{} has the address {}: gateways talk to each other by IPv4", node.name, node.address);
                problems.push(problem("vrrp.address", message).at("/unicast").help("give the gateways IPv4 addresses, or set `unicast: false`"));
            }
        }
        match (vip, advert, apart, check) {
            (Some(vip), Some(advert), Some(apart), Some(check)) if problems.is_empty() => {
                let priority = |place: usize| cluster.config.priority - apart * place as u8;
                let penalty = apart * nodes.len() as u8;
                let members = nodes.into_iter().enumerate().map(|(place, node)| Member { node, priority: priority(place) }).collect();
                Ok(Ring { whose, vip, advert, members, penalty, check })
            }
            _ => Err(problems),
        }
    }

    /// Of the group's own steps and checks, where several groups have the same: `one-holder`, `managers-one-holder`.
    pub fn id(&self, id: &str) -> String {
        match self.whose {
            Whose::Gateways => id.to_owned(),
            Whose::Managers => format!("managers-{id}"),
        }
    }

    /// One of them, in words.
    pub fn member(&self) -> &'static str {
        match self.whose {
            Whose::Gateways => "gateway",
            Whose::Managers => "manager",
        }
    }

    /// What holds when the address answers.
    pub fn milestone(&self) -> &'static str {
        match self.whose {
            Whose::Gateways => milestone::VIP_ANSWERING,
            Whose::Managers => milestone::MANAGERS_ANSWERING,
        }
    }

    /// The address without its prefix length.
    pub fn address(&self) -> String {
        self.vip.addr().to_string()
    }

    /// The gateways, in the order of their priority.
    pub fn nodes(&self) -> impl Iterator<Item = &'a Node> {
        self.members.iter().map(|member| member.node)
    }
}

/// The gateways; the managers, where none is named.
pub fn gateways(cluster: &Cluster<Config>) -> Vec<&Node> {
    let named = cluster.role(Role::Gateway);
    if named.is_empty() { cluster.role(Role::Manage) } else { named }
}

fn keep<T>(result: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

fn vip(cluster: &Cluster<Config>, whose: Whose, text: &str) -> Result<Ipv4Net, Problem> {
    let pointer = whose.pointer();
    let net = match net::cidr(text, pointer).map_err(|problem| problem.help("write it like 10.99.0.100/24"))? {
        IpNet::V4(net) => net,
        IpNet::V6(_) => return Err(problem("vip.ipv6", format!("{text} is IPv6; the virtual address must be IPv4")).at(pointer)),
    };
    if net.prefix_len() < 31 && (net.addr() == net.network() || net.addr() == net.broadcast()) {
        let message = format!("{} is the address of the network itself, not one in it", net.addr());
        return Err(problem("vip.not-a-host", message).at(pointer).help(format!("choose a free address inside {}", net.trunc())));
    }
    if let Some(node) = cluster.nodes.iter().find(|node| node.address.parse() == Ok(net.addr())) {
        let message = format!("{} is the address of {}: the virtual one must be free", net.addr(), node.name);
        return Err(problem("vip.is-a-node", message).at(pointer).help("choose an address that no machine has"));
    }
    Ok(net)
}

fn advert(config: &Config) -> Result<u32, Problem> {
    let wrong = |message: &str, help: &str| Err(problem("vrrp.advert", message).at("/advert").help(help));
    let time = match (&config.advert, config.version) {
        (None, 2) => Some(1000),
        (None, _) => Some(250),
        (Some(advert), _) => advert.milliseconds(),
    };
    match (time, config.version) {
        (None, _) => wrong("that is no time", "write it like 250ms or 1s"),
        (Some(time), 2) if time == 0 || !time.is_multiple_of(1000) || time > 255_000 => {
            wrong("VRRP version 2 counts in whole seconds, 1 to 255", "write 1s, or use `version: 3`")
        }
        (Some(time), version) if version != 2 && (!time.is_multiple_of(10) || !(10..=40_950).contains(&time)) => {
            wrong("VRRP version 3 counts in hundredths of a second, 10ms to 40950ms", "write it like 250ms")
        }
        (Some(time), _) => Ok(time),
    }
}

/// How far priorities lie apart, so that the last gateway in bad health still has at least 1.
fn apart(first: u8, count: usize) -> Result<u8, Problem> {
    if count == 0 {
        return Err(problem("vrrp.no-gateway", "no node has the role `gateway` or `manage`").help("give it to the nodes that users reach"));
    }
    let room = usize::from(first - 1) / (2 * count - 1);
    match u8::try_from(room).unwrap_or(u8::MAX).min(APART) {
        0 => {
            let message = format!("a first priority of {first} leaves no room for {count} gateways with distinct ones");
            Err(problem("vrrp.priority", message).at("/priority").help(format!("use at least {}", 2 * count)))
        }
        apart => Ok(apart),
    }
}

/// The interface of a node that carries the address, by name.
pub fn interface(config: &Config, ring: &Ring, node: &Node, interfaces: &[NetworkInterface]) -> Result<String, Problem> {
    let vip = ring.vip.addr();
    // The address itself, where the node holds it, says nothing about the network.
    let network = |cidr: &String| cidr.parse::<Ipv4Net>().ok().filter(|net| net.addr() != vip);
    let holds = |interface: &&NetworkInterface| interface.addresses.iter().filter_map(network).any(|net| net.contains(&vip));
    let outside = |message: String| {
        let networks: Vec<String> = interfaces
            .iter()
            .flat_map(|interface| interface.addresses.iter().filter_map(network).map(|net| net.trunc().to_string()))
            .filter(|net| !net.starts_with("127."))
            .collect();
        let help = format!("choose an address in a network that all gateways are in; {} is in {}", node.name, networks.join(", "));
        problem("vip.outside-subnet", message).on(node).at(ring.whose.pointer()).help(help)
    };
    let Some(name) = &config.interface else {
        // Where two are in the network, the one by which the others reach the node.
        let own = interfaces.with_address(&node.address).filter(holds);
        let found = own.or_else(|| interfaces.iter().find(holds)).map(|interface| interface.name.clone());
        return found.ok_or_else(|| outside(format!("{vip} is in no network of {}", node.name)));
    };
    match interfaces.named(name) {
        None => {
            let names: Vec<&str> = interfaces.iter().map(|interface| interface.name.as_str()).filter(|name| *name != "lo").collect();
            let message = format!("{} has no interface {name}", node.name);
            Err(problem("vip.no-interface", message).on(node).at("/interface").help(format!("it has {}", names.join(", "))))
        }
        Some(found) if holds(&found) => Ok(name.clone()),
        Some(_) => Err(outside(format!("{vip} is not in the network of {name} on {}", node.name))),
    }
}
