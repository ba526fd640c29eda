//! Addresses and networks: reading them with readable errors, and finding overlaps.

use crate::{Cluster, Explain, problem};
use arcus_contract::types::Problem;
pub use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;

/// Reads a CIDR such as `10.244.0.0/16`. `Err`: `net.cidr`, pointing to the place in the config.
pub fn cidr(text: &str, pointer: &str) -> Result<IpNet, Problem> {
    text.parse().map_err(|_| {
        problem("net.cidr", format!("{text} is not a network in CIDR notation")).at(pointer).help("write it like 10.244.0.0/16")
    })
}

/// As [`cidr`], and its host bits must be zero: `10.244.0.0/16`, not `10.244.1.2/16`.
pub fn network(text: &str, pointer: &str) -> Result<IpNet, Problem> {
    let net = cidr(text, pointer)?;
    if net.addr() == net.network() {
        return Ok(net);
    }
    let message = format!("{text} is an address inside a network, not a network");
    Err(problem("net.cidr", message).at(pointer).help(format!("write {}", net.trunc())))
}

/// Have they any address in common?
pub fn overlaps(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// The nodes whose address lies in this network, by name and address.
pub fn nodes_inside<'a, C>(cluster: &'a Cluster<C>, net: &IpNet) -> Vec<(&'a str, &'a str)> {
    let inside = |address: &str| address.parse::<IpAddr>().is_ok_and(|address| net.contains(&address));
    let nodes = cluster.nodes.iter().filter(|node| inside(&node.address));
    nodes.map(|node| (node.name.as_str(), node.address.as_str())).collect()
}
