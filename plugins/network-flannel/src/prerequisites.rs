//! What flannel needs of the nodes before the platform is installed: one segment, forwarding, and filters that see bridged packets.

use crate::segment::{self, Place};
use crate::{Config, SHARE, members};
use arcus_network::module::{Module, Standing};
use arcus_network::{forwarding, found, installer, peers};
use arcus_sdk::prelude::*;

/// What is bridged passes the rules for services.
const BRIDGE_FILTER: Module = Module { name: "br_netfilter", verb: "bridge-filter", words: "filter for bridges", query: "bridge-module", network: "flannel" };
/// Of so many other nodes each is asked who answers for their address.
const HEARD: usize = 2;

/// All that should be so on the nodes; problems where something is in the way.
pub fn plan(cluster: &Cluster<Config>, plan: &mut Plan) {
    let members = members(cluster);
    let mut batch = cluster.batch();
    let seen = batch.each(members.iter().copied(), (probe::interfaces(), probe::routes(), BRIDGE_FILTER.ask(), installer::services()));
    let search = found::search(cluster, &members, &mut batch);
    let mut got = batch.send();
    let seen = got.take(seen);

    let others = found::others(cluster, &members, "flannel", search, &mut got);
    for problem in SHARE.mistakes(cluster, &cluster.config.pods, members.len()).into_iter().chain(others) {
        plan.problem(problem);
    }
    // It takes seconds to hear who answers, and what stands is proven in better ways.
    let mut batch = cluster.batch();
    let ticket = batch.each_of(members.iter().enumerate().filter(|(_, node)| matches!(seen.of(node).3, Known(None))).map(|(place, node)| {
        let asked: Vec<_> = peers(&members, place).iter().take(HEARD).map(|peer| probe::neighbour(&peer.address)).collect();
        (*node, asked)
    }));
    let heard = batch.send().take(ticket);
    let mut places = Vec::new();
    for (place, node) in members.iter().enumerate() {
        let (Known(interfaces), Known(routes), ..) = seen.of(node) else { continue };
        if let Ok(range) = SHARE.range(&cluster.config.pods) {
            for problem in SHARE.used_on(cluster, node, &range, interfaces, routes) {
                plan.problem(problem);
            }
        }
        let tried = peers(&members, place).into_iter().zip(heard.get(&node.name).into_iter().flatten());
        let heard = tried.filter_map(|(peer, look)| Some((peer, look.known()?.as_deref()))).collect();
        places.push(Place { node, seen: (interfaces.as_slice(), routes.as_slice()), heard });
    }
    for problem in segment::mistakes(&places, &members) {
        plan.problem(problem);
    }

    for node in members {
        let (_, _, filter, _) = seen.of(node);
        forwarding::plan("flannel", node, plan);
        match Standing::of(filter) {
            Standing::Unknown(_) | Standing::Loaded | Standing::Loadable => BRIDGE_FILTER.load(node, filter, plan),
            Standing::Missing => plan.warn(
                problem("flannel.no-bridge-filter", format!("the kernel of {} has no br_netfilter", node.name))
                    .on(node)
                    .help("pods of one node then reach services past their rules: install a kernel with the module br_netfilter"),
            ),
        }
    }
}
