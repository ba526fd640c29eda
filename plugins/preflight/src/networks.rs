//! Networks of pods, services and containers against those the node uses.

use crate::Config;
use crate::seen::Seen;
use arcus_sdk::net::{IpNet, overlaps};
use arcus_sdk::prelude::*;

/// Fixed by the installer.
const SERVICES: &str = "11.0.0.0/12";
const DOCKER: &str = "172.30.0.0/16";

/// Made by containers and their network: these lie in those ranges rightly.
const OWN: [&str; 8] = ["docker", "cali", "tunl", "cni", "flannel", "veth", "kube-", "br-"];

/// The checks `cidr-overlap` and `docker-network`.
pub fn check(cluster: &Cluster<Config>, seen: &Seen<'_>, checks: &mut Checks) {
    if !seen.is_member() {
        return;
    }
    let used = match (&seen.interfaces, &seen.routes) {
        (Known(interfaces), Known(routes)) => Known(used(cluster, interfaces, routes)),
        (Unknown(problem), _) | (_, Unknown(problem)) => Unknown(problem.clone()),
    };
    let mut ranges = vec![("services", SERVICES)];
    if let Some(network) = &cluster.handed.network {
        ranges.insert(0, ("pods", &network.pods));
    }
    let names: Vec<String> = ranges.iter().map(|(what, range)| format!("{what} {range}")).collect();
    checks.on(seen.node, "cidr-overlap", "the networks of pods and services are free").judge(&used, |used| {
        let found: Vec<String> = ranges.iter().filter_map(|(what, range)| clash(what, range, used)).collect();
        match found.is_empty() {
            true => passed(format!("{}; the node uses neither", names.join(", "))),
            // What is there now may be the platform's in a way not known here.
            false if seen.is_installed() => warned(found.join("; ")),
            false => failed(format!("{}: choose another range for pods, or move the node's network", found.join("; "))),
        }
    });
    checks.on(seen.node, "docker-network", "the network of containers is free").judge(&used, |used| match clash("containers", DOCKER, used) {
        None => passed(format!("{DOCKER}; the node does not use it")),
        Some(found) if seen.is_installed() => warned(found),
        Some(found) => failed(format!("{found}: the installer takes {DOCKER} for docker in any case, so the node must be in another network")),
    });
}

/// Networks that the node uses, each with how it was found.
fn used(cluster: &Cluster<Config>, interfaces: &[NetworkInterface], routes: &[Route]) -> Vec<(IpNet, String)> {
    let own = |device: &str| OWN.iter().any(|prefix| device.starts_with(prefix));
    let mut used: Vec<(IpNet, String)> = Vec::new();
    for interface in interfaces.iter().filter(|interface| !own(&interface.name)) {
        for address in &interface.addresses {
            if let Ok(net) = address.parse::<IpNet>() {
                used.push((net.trunc(), format!("{} has {address}", interface.name)));
            }
        }
    }
    // Pods of another node are reached through that node.
    let by_member = |route: &Route| route.via.as_ref().is_some_and(|via| cluster.nodes.iter().any(|node| node.address == *via));
    for route in routes.iter().filter(|route| !own(&route.dev) && route.proto != "bird" && !by_member(route)) {
        if let Ok(net) = route.to.parse::<IpNet>()
            && net.prefix_len() > 0
            && !used.iter().any(|(known, _)| *known == net.trunc())
        {
            used.push((net.trunc(), format!("a route leads to {} by {}", route.to, route.dev)));
        }
    }
    used
}

fn clash(what: &str, range: &str, used: &[(IpNet, String)]) -> Option<String> {
    let net: IpNet = range.parse().ok()?;
    let (_, how) = used.iter().find(|(other, _)| overlaps(&net, other))?;
    Some(format!("{what} {range} overlap: {how}"))
}
