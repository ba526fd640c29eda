//! What flannel needs of the nodes before the platform is installed: one segment, forwarding, and filters that see bridged packets.

use crate::segment::{self, Place};
use crate::{Config, SHARE, members};
use arcus_network::{found, installer, peers};
use arcus_sdk::prelude::*;

/// Of so many other nodes each is asked who answers for their address.
const HEARD: usize = 2;

/// All that should be so on the nodes; problems where something is in the way.
pub fn plan(cluster: &Cluster<Config>, plan: &mut Plan) {
    let members = members(cluster);
    let mut batch = cluster.batch();
    let seen = batch.each(members.iter().copied(), (probe::interfaces(), probe::routes(), bridge_filter(), installer::services()));
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
        let setting = plan
            .file("keep-forward", node, file("/etc/sysctl.d/60-arcus-flannel.conf").content("net.ipv4.ip_forward = 1\n"))
            .title("forward IPv4 packets after every boot");
        plan.command("forward", node, ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])
            .until([probe::sysctl("net.ipv4.ip_forward").on(node)], "IPv4 packets are forwarded", 5)
            .title("forward IPv4 packets")
            .after([&setting])
            .provides(milestone::NETWORK_READY);
        match is_missing(filter) {
            false => load_bridge_filter(plan, node, &filter.0),
            true => plan.warn(
                problem("flannel.no-bridge-filter", format!("the kernel of {} has no br_netfilter", node.name))
                    .on(node)
                    .help("pods of one node then reach services past their rules: install a kernel with the module br_netfilter"),
            ),
        }
    }
}

fn load_bridge_filter(plan: &mut Plan, node: &Node, loaded: &Look<bool>) {
    let kept = plan
        .file("keep-bridge-filter", node, file("/etc/modules-load.d/arcus-flannel.conf").content("br_netfilter\n"))
        .title("load the kernel's filter for bridges at every boot")
        .known(loaded);
    plan.command("load-bridge-filter", node, ["modprobe", "br_netfilter"])
        .until([probe::kernel_module("br_netfilter").on(node)], "the kernel's filter for bridges is loaded", 5)
        .title("load the kernel's filter for bridges")
        .known(loaded)
        .after([&kept])
        .provides(milestone::NETWORK_READY);
}

/// What to ask for [`is_missing`].
fn bridge_filter() -> (Ask<bool>, Ask<Output>) {
    (probe::kernel_module("br_netfilter"), probe::query("bridge-module", []))
}

/// It is not loaded, and not there to be loaded. What is not known is not missing: the step is told when the node answers.
fn is_missing((loaded, module): &(Look<bool>, Look<Output>)) -> bool {
    match (loaded, module) {
        (Known(false), Known(module)) => !module.is_ok(),
        // Without `modinfo` there is no `modprobe` either: both are of the same package.
        (Known(false), Unknown(problem)) => problem.code == "query.missing",
        _ => false,
    }
}

/// Judges `forward`.
pub fn forwards(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<String>>(0)?.as_deref().map(str::trim) {
        Some("1") => met(),
        Some(_) => unmet("net.ipv4.ip_forward is off"),
        None => unmet("the kernel has no net.ipv4.ip_forward"),
    }
}

/// Judges `load-bridge-filter`.
pub fn bridge_filter_loaded(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    if *case.get::<bool>(0)? { met() } else { unmet("the module br_netfilter is not loaded") }
}
