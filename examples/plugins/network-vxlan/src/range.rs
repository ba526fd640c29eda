//! The range of pods: can it be one, and does the cluster file have anything else in it?

use crate::Config;
use arcus_sdk::net::{self, IpNet, Ipv4Net};
use arcus_sdk::prelude::*;
use std::net::IpAddr;

/// Prefix length of a node's part.
pub const BLOCK: u8 = 24;

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

/// A mistake in it.
pub fn wrong(code: &str, message: String) -> Problem {
    problem(format!("vxlan.{code}"), message).at("/pods").help("choose a private range that nothing else uses, e.g. 10.244.0.0/16")
}
