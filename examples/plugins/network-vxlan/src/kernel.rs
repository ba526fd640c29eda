//! What the kernel of a node has of the mesh, in the words of iproute2, and where that is not what the files say.

use crate::Config;
use crate::files::DEVICE;
use crate::layout::{self, Layout, Seat};
use arcus_sdk::prelude::*;

/// Of so many missing things the first are named.
const NAMED: usize = 3;

/// A tunnel device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    pub name: String,
    pub up: bool,
    pub mtu: u32,
    pub mac: String,
    pub vni: u32,
    pub port: u16,
    pub local: String,
    pub learns: bool,
}

/// The questions that [`differences`] wants answered, in its order.
pub fn asks() -> Vec<Ask<Output>> {
    ["tunnels", "address", "routes", "neighbours", "forwarding"].map(|id| probe::query(id, [])).to_vec()
}

/// The word after this one.
fn after<'w>(words: &[&'w str], key: &str) -> Option<&'w str> {
    words.get(words.iter().position(|word| *word == key)? + 1).copied()
}

/// All tunnels, one a line; lines that are none are skipped.
pub fn tunnels(output: &Output) -> Vec<Tunnel> {
    let text = output.text();
    let read = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "\\").collect();
        let (name, flags) = (words.get(1)?, words.get(2)?);
        let own = words.iter().position(|word| *word == "vxlan").map(|place| &words[place..])?;
        Some(Tunnel {
            name: name.trim_end_matches(':').split('@').next()?.to_owned(),
            up: flags.trim_matches(['<', '>']).split(',').any(|flag| flag == "UP"),
            mtu: after(&words, "mtu")?.parse().ok()?,
            mac: after(&words, "link/ether").unwrap_or_default().to_owned(),
            vni: after(own, "id")?.parse().ok()?,
            port: after(own, "dstport")?.parse().ok()?,
            local: after(own, "local").unwrap_or("any").to_owned(),
            learns: !own.contains(&"nolearning"),
        })
    };
    text.lines().filter_map(read).collect()
}

/// Another device that the kernel would not let ours be made beside.
pub fn taken<'t>(config: &Config, tunnels: &'t [Tunnel]) -> Option<&'t Tunnel> {
    tunnels.iter().find(|tunnel| tunnel.name != DEVICE && tunnel.vni == config.vni && tunnel.port == config.port)
}

/// Where the kernel has something else than the files say. `said` answers [`asks`].
pub fn differences(config: &Config, layout: &Layout<'_>, seat: &Seat<'_>, said: &[&Output]) -> Vec<String> {
    let [devices, address, routes, neighbours, forwarding] = said else { return vec!["it was not asked".into()] };
    let tunnels = tunnels(devices);
    let Some(tunnel) = tunnels.iter().find(|tunnel| tunnel.name == DEVICE) else { return vec![format!("there is no {DEVICE}")] };
    let mut all = Vec::new();
    let mut is = |so: bool, what: String| if !so { all.push(what) };
    is(tunnel.up, format!("{DEVICE} is down"));
    is(tunnel.vni == config.vni, format!("its number is {}", tunnel.vni));
    is(tunnel.port == config.port, format!("its port is {}", tunnel.port));
    is(tunnel.local == seat.address.to_string(), format!("it ends at {}", tunnel.local));
    is(tunnel.mac == seat.mac(), format!("its hardware address is {}", tunnel.mac));
    is(tunnel.mtu == config.mtu, format!("its largest packet is {}", tunnel.mtu));
    is(!tunnel.learns, "it learns what it is not told".into());
    let own = format!("{}/32", seat.own());
    is(address.text().split_whitespace().any(|word| word == own), format!("it does not have {own}"));
    let missing = |what: &str, output: &Output, fits: &dyn Fn(&[&str], &Seat<'_>) -> bool| {
        let text = output.text();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        let names: Vec<&str> = layout.others(seat).filter(|other| !lines.iter().any(|words| fits(words, other))).map(|other| other.node.name.as_str()).collect();
        let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
        (!names.is_empty()).then(|| format!("{what} {}{more}", names[..names.len().min(NAMED)].join(", ")))
    };
    let first = |words: &[&str], wanted: String| words.first().is_some_and(|word| *word == wanted);
    let says = |words: &[&str], key: &str, wanted: String| after(words, key).is_some_and(|word| word == wanted);
    all.extend(missing("no route to", routes, &|words, other| first(words, other.block.to_string()) && says(words, "via", other.own().to_string())));
    all.extend(missing("it would have to ask for", neighbours, &|words, other| {
        first(words, other.own().to_string()) && says(words, "lladdr", other.mac()) && words.contains(&"PERMANENT")
    }));
    all.extend(missing("no tunnel to", forwarding, &|words, other| first(words, other.mac()) && says(words, "dst", other.address.to_string())));
    all
}

/// Judges `mesh`.
pub fn is_meshed(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let layout = match layout::read(cluster) {
        Ok(layout) => layout,
        Err(mut problems) => return will_fail(problems.swap_remove(0)),
    };
    let node = case.node()?;
    let Some(seat) = layout.seats.iter().find(|seat| seat.node.name == node.name) else { return unmet("it has no pods") };
    let said = (0..case.len()).map(|place| case.get::<Output>(place)).collect::<Result<Vec<_>, _>>()?;
    match differences(&cluster.config, &layout, seat, &said).as_slice() {
        [] => met(),
        all => unmet(all.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_is_read_from_one_line_and_others_are_told_apart() {
        let line = "9: arcus-vxlan: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    link/ether 02:76:0a:63:00:0b brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \\    vxlan id 76 local 10.99.0.11 srcport 0 0 dstport 4789 nolearning ttl auto ageing 300 udpcsum noudp6zerocsumtx numtxqueues 1\n";
        let other = "4: flannel.1@eth0: <BROADCAST,MULTICAST> mtu 1450 qdisc noop state DOWN \\    link/ether 0e:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff \\    vxlan id 1 local 10.99.0.11 dev eth0 srcport 0 0 dstport 8472 ttl auto\n";
        let output = Output { status: 0, stdout: format!("{line}{other}nonsense\n").into_bytes(), stderr: vec![], truncated: false };
        let found = tunnels(&output);
        assert_eq!(found.len(), 2, "{found:?}");
        let ours = Tunnel { name: DEVICE.into(), up: true, mtu: 1450, mac: "02:76:0a:63:00:0b".into(), vni: 76, port: 4789, local: "10.99.0.11".into(), learns: false };
        assert_eq!(found[0], ours);
        assert!(found[1].name == "flannel.1" && found[1].learns && !found[1].up && (found[1].vni, found[1].port) == (1, 8472));
    }
}
