//! The range of pods: can it be one, and does anything else use it?

use crate::{Config, members};
use arcus_sdk::net::{self, IpNet};
use arcus_sdk::prelude::*;

/// Calico hands out blocks of this many bits to nodes.
const BLOCK: u8 = 26;

/// Ranges that the platform uses for itself, whatever is configured.
const TAKEN: [(&str, &str); 2] = [("11.0.0.0/12", "the platform's services"), ("172.30.0.0/16", "docker on every node")];

/// The configured range, or what is wrong with it as such.
pub fn range(config: &Config) -> Result<IpNet, Problem> {
    let net = net::network(&config.pods, "/pods")?;
    if matches!(net, IpNet::V6(_)) {
        return Err(wrong("calico.pods-ipv6", format!("{net} is IPv6, the platform's pods have IPv4 addresses")));
    }
    if net.prefix_len() > BLOCK {
        let message = format!("{net} is smaller than one block of calico (/{BLOCK})");
        return Err(wrong("calico.pods-too-small", message));
    }
    Ok(net)
}

/// Everything that the cluster file alone shows to be wrong.
pub fn mistakes(cluster: &Cluster<Config>) -> Vec<Problem> {
    let range = match range(&cluster.config) {
        Ok(range) => range,
        Err(problem) => return vec![problem],
    };
    let mut problems = Vec::new();
    let (blocks, nodes) = (1_u64 << (BLOCK - range.prefix_len()), members(cluster).len() as u64);
    if nodes > blocks {
        let message = format!("{range} has {blocks} blocks of /{BLOCK}, and there are {nodes} nodes with pods");
        problems.push(wrong("calico.pods-too-small", message));
    }
    let inside = net::nodes_inside(cluster, &range);
    if let Some((name, address)) = inside.first() {
        let more = if inside.len() > 1 { format!(" (and {} more nodes)", inside.len() - 1) } else { String::new() };
        problems.push(wrong("calico.pods-overlap", format!("{range} contains the address {address} of {name}{more}")));
    }
    for (taken, by) in TAKEN {
        if taken.parse().is_ok_and(|taken| net::overlaps(&range, &taken)) {
            problems.push(wrong("calico.pods-overlap", format!("{range} overlaps {taken}, which {by} uses")));
        }
    }
    let vip = cluster.handed.gateway.as_ref().map(|offer| offer.address.as_str());
    if let Some(vip) = vip
        && vip.split('/').next().and_then(|address| address.parse().ok()).is_some_and(|address: std::net::IpAddr| range.contains(&address))
    {
        problems.push(wrong("calico.pods-overlap", format!("{range} contains the gateway's address {vip}")));
    }
    problems
}

/// What a node's own interfaces and routes show to be wrong: networks that the cluster file does not know.
pub fn used_on(node: &Node, range: &IpNet, interfaces: &[NetworkInterface], routes: &[Route]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for interface in interfaces.iter().filter(|interface| !is_calicos(&interface.name)) {
        for address in &interface.addresses {
            if address.parse::<IpNet>().is_ok_and(|net| net::overlaps(range, &net)) {
                let message = format!("{range} overlaps {address} on {} of {}", interface.name, node.name);
                problems.push(wrong("calico.pods-overlap", message).on(node));
            }
        }
    }
    for route in routes.iter().filter(|route| route.proto != "bird" && route.proto != "kernel" && !is_calicos(&route.dev)) {
        let default = |net: &IpNet| net.prefix_len() == 0;
        if route.to.parse::<IpNet>().is_ok_and(|net| !default(&net) && net::overlaps(range, &net)) {
            let message = format!("{} has a route to {}, which overlaps the pods' {range}", node.name, route.to);
            problems.push(wrong("calico.pods-overlap", message).on(node));
        }
    }
    problems
}

/// Interfaces whose addresses and routes are calico's own doing.
fn is_calicos(name: &str) -> bool {
    name.starts_with("cali") || name.starts_with("tunl")
}

fn wrong(code: &str, message: String) -> Problem {
    problem(code, message).at("/pods").help("choose a private range that nothing else uses, e.g. 10.244.0.0/16")
}
