//! The range of pods: can it be one, and does anything else use it?

use crate::layout::{BLOCK, Seat};
use crate::{Config, files};
use arcus_sdk::net::{self, IpNet, Ipv4Net};
use arcus_sdk::prelude::*;
use std::net::IpAddr;

/// Interfaces whose addresses and routes are the network's own doing: the tunnel, the pods' bridge, the pods' ends.
const OWN: [&str; 3] = [files::DEVICE, files::BRIDGE, "veth"];

/// The configured range, or what is wrong with it as such.
pub fn range(pods: &str) -> Result<Ipv4Net, Problem> {
    match net::network(pods, "/pods")? {
        IpNet::V6(net) => Err(wrong("pods-ipv6", format!("{net} is IPv6, and pods have IPv4 addresses here"))),
        IpNet::V4(net) if net.prefix_len() >= BLOCK => Err(wrong("pods-too-small", format!("{net} is no larger than what one node gets (/{BLOCK})"))),
        // One octet of numbers is as many nodes as anybody has; larger ranges leave nothing private to the rest.
        IpNet::V4(net) if net.prefix_len() < 8 => Err(wrong("pods-too-large", format!("{net} is larger than /8"))),
        IpNet::V4(net) => Ok(net),
    }
}

/// What the cluster file alone shows to be in the range.
pub fn mistakes(cluster: &Cluster<Config>, range: &Ipv4Net) -> Vec<Problem> {
    let range = IpNet::V4(*range);
    let mut problems = Vec::new();
    let inside = net::nodes_inside(cluster, &range);
    if let Some((name, address)) = inside.first() {
        let more = if inside.len() > 1 { format!(" (and {} more nodes)", inside.len() - 1) } else { String::new() };
        problems.push(wrong("pods-overlap", format!("{range} contains the address {address} of {name}{more}")));
    }
    let addresses = cluster.handed.gateway.iter().flat_map(|offer| [Some(&offer.address), offer.managers.as_ref()]).flatten();
    for address in addresses {
        if address.split('/').next().and_then(|address| address.parse::<IpAddr>().ok()).is_some_and(|address| range.contains(&address)) {
            problems.push(wrong("pods-overlap", format!("{range} contains the gateway's address {address}")));
        }
    }
    problems
}

/// What a node's own interfaces and routes show to be in it: networks that the cluster file does not know.
pub fn used_on(seat: &Seat<'_>, range: &Ipv4Net, interfaces: &[NetworkInterface], routes: &[Route]) -> Vec<Problem> {
    let (node, range) = (seat.node, IpNet::V4(*range));
    let own = |device: &str| OWN.iter().any(|prefix| device.starts_with(prefix));
    let clashes = |net: &str| net.parse::<IpNet>().is_ok_and(|net| net.prefix_len() > 0 && net::overlaps(&range, &net));
    let mut problems = Vec::new();
    for interface in interfaces.iter().filter(|interface| !own(&interface.name)) {
        for address in interface.addresses.iter().filter(|address| clashes(address)) {
            problems.push(wrong("pods-overlap", format!("{range} overlaps {address} on {} of {}", interface.name, node.name)).on(node));
        }
    }
    // What the kernel made of an address was told with the address.
    for route in routes.iter().filter(|route| !own(&route.dev) && route.proto != "kernel" && clashes(&route.to)) {
        problems.push(wrong("pods-overlap", format!("{} has a route to {} by {}, which overlaps the pods' {range}", node.name, route.to, route.dev)).on(node));
    }
    problems
}

fn wrong(code: &str, message: String) -> Problem {
    problem(format!("vxlan.{code}"), message).at("/pods").help("choose a private range that nothing else uses, e.g. 10.244.0.0/16")
}
