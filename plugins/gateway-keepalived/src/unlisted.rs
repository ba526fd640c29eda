//! Who else speaks VRRP with the number of the group: a gateway that the file does not name any more, or a stranger. Nothing is changed
//! there; every plan tells of it, and verify fails.

use crate::config::Config;
use crate::gates::Gates;
use crate::ring::Ring;
use crate::vrid::Heard;
use arcus_sdk::{Finding, prelude::*};
use std::collections::BTreeMap;

/// Everybody with this number who is no gateway of the group: how they are told, each once, and where they were heard first.
pub fn senders<'a>(cluster: &Cluster<Config>, ring: &Ring, gates: &Gates, vrid: u8, heard: &[Heard<'a>]) -> Vec<(String, &'a Node)> {
    let own = gates.addresses(ring);
    let mut found: BTreeMap<&str, (u8, &'a Node)> = BTreeMap::new();
    for Heard { node, routers } in heard {
        // With a priority of 0 somebody says that it stops.
        for router in routers.iter().filter(|router| router.router_id == vrid && router.priority > 0 && !own.contains(&router.source)) {
            found.entry(&router.source).or_insert((router.priority, node));
        }
    }
    let told = |(source, (priority, node)): (&str, (u8, &'a Node))| {
        let name = cluster.nodes.iter().find(|known| known.address == source).map(|known| format!("{} at ", known.name)).unwrap_or_default();
        (format!("{name}{source} (priority {priority})"), node)
    };
    found.into_iter().map(told).collect()
}

/// A finding for each.
pub fn plan(cluster: &Cluster<Config>, ring: &Ring, gates: &Gates, vrid: u8, heard: &[Heard<'_>], plan: &mut Plan) {
    for (sender, node) in senders(cluster, ring, gates, vrid, heard) {
        let message = format!("{sender} speaks VRRP with the group's number, {vrid}, and is no {} of the file; nothing is changed on it", ring.member());
        plan.warn(problem("vrrp.unlisted", message).on(node).help(format!(
            "if it was one, put it back into the file or stop keepalived there; if it is a stranger's, one of both needs another number (`vrid`): two that hold {} make it unreachable",
            ring.address()
        )));
    }
}

/// What verify says. A node that has no means to listen does not make it unknown, as long as another one listened.
pub fn finding(cluster: &Cluster<Config>, ring: &Ring, gates: &Gates, vrid: u8, listened: &PerNode<Look<Vec<Vrrp>>>) -> Finding {
    let heard: Vec<Heard<'_>> = ring.nodes().filter_map(|node| Some(Heard { node, routers: listened.get(&node.name)?.known()?.clone() })).collect();
    let senders = senders(cluster, ring, gates, vrid, &heard);
    if !senders.is_empty() {
        let told: Vec<String> = senders.into_iter().map(|(sender, node)| format!("{sender}, heard on {}", node.name)).collect();
        return failed(format!("{}: `arcus plan` tells what to do", told.join("; ")));
    }
    match (heard.len(), ring.members.len()) {
        (0, _) => warned("no gateway has the means to listen (perl or python)"),
        (some, all) if some < all => passed(format!("number {vrid}, listened on {some} of {all}")),
        _ => passed(format!("number {vrid}")),
    }
}
