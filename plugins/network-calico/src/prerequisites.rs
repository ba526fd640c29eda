//! What calico needs of a node before the platform is installed: forwarding, and the kernel's IPIP tunnels.

use crate::{Config, members, pods};
use arcus_network::module::{Module, Standing};
use arcus_network::{forwarding, found};
use arcus_sdk::prelude::*;

/// BGP.
pub const BGP: u16 = 179;
/// Tunnels between nodes.
pub const IPIP: Module = Module { name: "ipip", verb: "ipip", words: "IPIP module", query: "ipip-module", network: "calico" };

/// All that should be so on the nodes; problems where another network is in the way.
pub fn plan(cluster: &Cluster<Config>, plan: &mut Plan) {
    let members = members(cluster);
    let mut batch = cluster.batch();
    let seen = batch.each(members.iter().copied(), (probe::interfaces(), probe::routes(), probe::sockets(), IPIP.ask()));
    let search = found::search(cluster, &members, &mut batch);
    let mut got = batch.send();
    let seen = got.take(seen);
    let others = found::others(cluster, &members, "calico", search, &mut got);
    for problem in pods::SHARE.mistakes(cluster, &cluster.config.pods, members.len()).into_iter().chain(others) {
        plan.problem(problem);
    }
    let range = pods::SHARE.range(&cluster.config.pods);
    let mut without = Vec::new();
    for node in members {
        let (interfaces, routes, sockets, tunnels) = seen.of(node);
        if let (Ok(range), Known(interfaces), Known(routes)) = (&range, interfaces, routes) {
            for problem in pods::SHARE.used_on(cluster, node, range, interfaces, routes) {
                plan.problem(problem);
            }
        }
        if let Some(other) = sockets.known().and_then(|sockets| sockets.tcp(BGP)).filter(|socket| !is_bird(&socket.process)) {
            let message = format!("{} listens on TCP {BGP} of {}, where calico must", other.process, node.name);
            plan.problem(problem("calico.port-taken", message).on(node).help("stop and disable that service on this node"));
        }

        forwarding::plan("calico", node, plan);
        match Standing::of(tunnels) {
            // Not known whether it has them: announced, and told when the node answers.
            Standing::Unknown(_) | Standing::Loaded | Standing::Loadable => IPIP.load(node, tunnels, plan),
            Standing::Missing => without.push(node),
        }
    }
    warn_of_no_ipip(&without, plan);
}

/// Once, for all nodes: most often they run the same kernel.
fn warn_of_no_ipip(nodes: &[&Node], plan: &mut Plan) {
    let names = nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
    let warning = match nodes {
        [] => return,
        [node] => problem("calico.no-ipip", format!("the kernel of {names} has no IPIP: its pods are reached by plain routes at best")).on(node),
        _ => problem("calico.no-ipip", format!("the kernels of {names} have no IPIP: their pods are reached by plain routes at best")),
    };
    plan.warn(warning.help("calico puts traffic between nodes into IPIP: install a kernel with the module ipip"));
}

/// Calico's BGP daemon; the owner may not be readable, then nothing is claimed.
fn is_bird(process: &str) -> bool {
    process.is_empty() || process.starts_with("bird") || process.starts_with("calico")
}
