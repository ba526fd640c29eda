//! The range of pods: can it be one, and does anything else use it?

use arcus_sdk::net::{self, IpNet};
use arcus_sdk::prelude::*;

/// Ranges that the platform uses for itself, whatever is configured.
const TAKEN: [(&str, &str); 2] = [("11.0.0.0/12", "the platform's services"), ("172.30.0.0/16", "docker on every node")];

/// Interfaces whose addresses and routes are a network's own doing.
const OWN: [&str; 5] = ["cali", "tunl", "cni", "flannel", "veth"];

/// How a network hands out its range to nodes.
pub struct Share {
    /// First part of the codes of problems.
    pub network: &'static str,
    /// What a node gets, in words: `block of calico`.
    pub what: &'static str,
    /// Its prefix length.
    pub length: u8,
    /// The longest prefix that the range may have.
    pub longest: u8,
    /// So many of them no node gets.
    pub lost: u64,
}

impl Share {
    /// The configured range, or what is wrong with it as such.
    pub fn range(&self, pods: &str) -> Result<IpNet, Problem> {
        let net = net::network(pods, "/pods")?;
        if matches!(net, IpNet::V6(_)) {
            return Err(self.wrong("pods-ipv6", format!("{net} is IPv6, the platform's pods have IPv4 addresses")));
        }
        if net.prefix_len() > self.length {
            return Err(self.wrong("pods-too-small", format!("{net} is smaller than one {} (/{})", self.what, self.length)));
        }
        if net.prefix_len() > self.longest {
            return Err(self.wrong("pods-too-small", format!("{net} is too small: {} wants /{} at least", self.network, self.longest)));
        }
        Ok(net)
    }

    /// Everything that the cluster file alone shows to be wrong; `members` nodes have pods.
    pub fn mistakes<C>(&self, cluster: &Cluster<C>, pods: &str, members: usize) -> Vec<Problem> {
        let range = match self.range(pods) {
            Ok(range) => range,
            Err(problem) => return vec![problem],
        };
        let mut problems = Vec::new();
        let shares = (1_u64 << (self.length - range.prefix_len())).saturating_sub(self.lost);
        if members as u64 > shares {
            let message = format!("{range} has {shares} blocks of /{} for nodes, and there are {members} nodes with pods", self.length);
            problems.push(self.wrong("pods-too-small", message));
        }
        let inside = net::nodes_inside(cluster, &range);
        if let Some((name, address)) = inside.first() {
            let more = if inside.len() > 1 { format!(" (and {} more nodes)", inside.len() - 1) } else { String::new() };
            problems.push(self.wrong("pods-overlap", format!("{range} contains the address {address} of {name}{more}")));
        }
        for (taken, by) in TAKEN {
            if taken.parse().is_ok_and(|taken| net::overlaps(&range, &taken)) {
                problems.push(self.wrong("pods-overlap", format!("{range} overlaps {taken}, which {by} uses")));
            }
        }
        let vip = cluster.handed.gateway.as_ref().map(|offer| offer.address.as_str());
        if let Some(vip) = vip
            && vip.split('/').next().and_then(|address| address.parse().ok()).is_some_and(|address: std::net::IpAddr| range.contains(&address))
        {
            problems.push(self.wrong("pods-overlap", format!("{range} contains the gateway's address {vip}")));
        }
        problems
    }

    /// What a node's own interfaces and routes show to be wrong: networks that the cluster file does not know.
    pub fn used_on<C>(&self, cluster: &Cluster<C>, node: &Node, range: &IpNet, interfaces: &[NetworkInterface], routes: &[Route]) -> Vec<Problem> {
        let own = |device: &str| OWN.iter().any(|prefix| device.starts_with(prefix));
        // Pods of another node are reached through that node.
        let by_member = |route: &Route| route.via.as_ref().is_some_and(|via| cluster.nodes.iter().any(|node| node.address == *via));
        let clashes = |net: &str| net.parse::<IpNet>().is_ok_and(|net| net.prefix_len() > 0 && net::overlaps(range, &net));
        let mut problems = Vec::new();
        for interface in interfaces.iter().filter(|interface| !own(&interface.name)) {
            for address in interface.addresses.iter().filter(|address| clashes(address)) {
                let message = format!("{range} overlaps {address} on {} of {}", interface.name, node.name);
                problems.push(self.wrong("pods-overlap", message).on(node));
            }
        }
        let foreign = |route: &&Route| route.proto != "bird" && route.proto != "kernel" && !own(&route.dev) && !by_member(route);
        for route in routes.iter().filter(foreign).filter(|route| clashes(&route.to)) {
            let message = format!("{} has a route to {}, which overlaps the pods' {range}", node.name, route.to);
            problems.push(self.wrong("pods-overlap", message).on(node));
        }
        problems
    }

    fn wrong(&self, code: &str, message: String) -> Problem {
        let code = format!("{}.{code}", self.network);
        problem(code, message).at("/pods").help("choose a private range that nothing else uses, e.g. 10.244.0.0/16")
    }
}
