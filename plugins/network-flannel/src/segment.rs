//! One segment: flannel's routes name the other node as the next hop, so every node must reach every other without a gateway between.

use arcus_sdk::net::IpNet;
use arcus_sdk::prelude::*;
use std::net::IpAddr;

const HELP: &str = "put all manage, compute and gateway nodes into one subnet of one segment, or use calico, which goes over gateways";

/// What a node shows of itself.
pub struct Place<'a> {
    /// The node.
    pub node: &'a Node,
    /// Its interfaces and routes.
    pub seen: (&'a [NetworkInterface], &'a [Route]),
    /// Who answered for the address of another node on this node's segment.
    pub heard: Vec<(&'a Node, Option<&'a str>)>,
}

/// All that stands between nodes, as far as they answered.
pub fn mistakes(places: &[Place<'_>], members: &[&Node]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for place in places {
        problems.extend(subnet(place, members));
        problems.extend(next_hops(place, members));
        problems.extend(strangers(place, places));
    }
    problems
}

/// The node has its address, and that address's subnet has everybody.
fn subnet(place: &Place<'_>, members: &[&Node]) -> Option<Problem> {
    let (node, (interfaces, _)) = (place.node, place.seen);
    if !matches!(node.address.parse(), Ok(IpAddr::V4(_))) {
        let message = format!("{} of {} is no IPv4 address", node.address, node.name);
        return Some(problem("flannel.address", message).on(node).help("the platform's flannel carries IPv4 over IPv4"));
    }
    let Some(interface) = interfaces.with_address(&node.address) else {
        let message = format!("no interface of {} has its address {}", node.name, node.address);
        return Some(problem("flannel.address", message).on(node).help("flannel is bound to that address: name one that the node itself has"));
    };
    let own = interface.addresses.iter().find(|cidr| cidr.split('/').next() == Some(node.address.as_str()))?;
    let net = own.parse::<IpNet>().ok()?.trunc();
    let outside = |other: &&&Node| !other.address.parse::<IpAddr>().is_ok_and(|address| net.contains(&address));
    let outside: Vec<&str> = members.iter().filter(outside).map(|other| other.name.as_str()).collect();
    let message = || format!("{} is in {net}, and {} {} not", node.name, outside.join(", "), if outside.len() == 1 { "is" } else { "are" });
    (!outside.is_empty()).then(|| problem("flannel.not-one-segment", message()).on(node).help(HELP))
}

/// The way to nobody leads over a gateway.
fn next_hops(place: &Place<'_>, members: &[&Node]) -> Option<Problem> {
    let (node, (_, routes)) = (place.node, place.seen);
    let routes: Vec<(IpNet, &Route)> = routes.iter().filter_map(|route| Some((route.to.parse().ok()?, route))).collect();
    let gateway = |other: &Node| {
        let address: IpAddr = other.address.parse().ok()?;
        let matching = || routes.iter().filter(|(net, _)| net.contains(&address));
        let longest = matching().map(|(net, _)| net.prefix_len()).max()?;
        let via = matching().filter(|(net, _)| net.prefix_len() == longest).find_map(|(_, route)| route.via.as_deref())?;
        Some(format!("{} by {via}", other.name))
    };
    let ways: Vec<String> = members.iter().filter(|other| other.name != node.name).filter_map(|other| gateway(other)).collect();
    let message = || format!("{} reaches {} and not directly", node.name, ways.join(", "));
    (!ways.is_empty()).then(|| problem("flannel.not-one-segment", message()).on(node).help(HELP))
}

/// Who answers for an address is the machine that has it: clouds put a router in between that answers for all.
fn strangers(place: &Place<'_>, places: &[Place<'_>]) -> Option<Problem> {
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    let found = place.heard.iter().find_map(|(other, mac)| {
        let (mac, them) = ((*mac)?, places.iter().find(|place| place.node.name == other.name)?);
        // A machine with two interfaces on one segment may answer with either.
        let theirs = them.seen.0.iter().any(|interface| same(&interface.mac, mac));
        (!theirs).then(|| format!("{mac} answers for {} of {}, and is none of its interfaces", other.address, other.name))
    });
    let help = "something answers in place of the machines and will not pass on packets of pods: use calico, or let the network be a plain segment";
    found.map(|found| problem("flannel.not-one-segment", format!("on the segment of {}, {found}", place.node.name)).on(place.node).help(help))
}
