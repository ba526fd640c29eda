//! What calico needs of a node before the platform is installed: forwarding, and the kernel's IPIP tunnels.

use crate::{Config, members, pods};
use arcus_network::found;
use arcus_sdk::prelude::*;

/// BGP.
pub const BGP: u16 = 179;

/// All that should be so on the nodes; problems where another network is in the way.
pub fn plan(cluster: &Cluster<Config>, plan: &mut Plan) {
    let members = members(cluster);
    let mut batch = cluster.batch();
    let seen = batch.each(members.iter().copied(), (probe::interfaces(), probe::routes(), probe::sockets(), tunnels()));
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

        let setting = plan
            .file("keep-forward", node, file("/etc/sysctl.d/60-arcus-calico.conf").content("net.ipv4.ip_forward = 1\n"))
            .title("forward IPv4 packets after every boot");
        plan.command("forward", node, ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])
            .until([probe::sysctl("net.ipv4.ip_forward").on(node)], "IPv4 packets are forwarded", 5)
            .title("forward IPv4 packets")
            .after([&setting])
            .provides(milestone::NETWORK_READY);

        match Tunnels::of(tunnels) {
            // Not known whether it has them: announced, and told when the node answers.
            Tunnels::Unknown(_) | Tunnels::Loaded | Tunnels::Loadable => load_ipip(plan, node, &tunnels.0),
            Tunnels::Missing => without.push(node),
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

fn load_ipip(plan: &mut Plan, node: &Node, loaded: &Look<bool>) {
    let kept = plan
        .file("keep-ipip", node, file("/etc/modules-load.d/arcus-calico.conf").content("ipip\n"))
        .title("load the kernel's IPIP module at every boot")
        .known(loaded);
    plan.command("load-ipip", node, ["modprobe", "ipip"])
        .until([probe::kernel_module("ipip").on(node)], "the kernel's IPIP module is loaded", 5)
        .title("load the kernel's IPIP module")
        .known(loaded)
        .after([&kept])
        .provides(milestone::NETWORK_READY);
}

/// Judges `forward`.
pub fn forwards(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<String>>(0)?.as_deref().map(str::trim) {
        Some("1") => met(),
        Some(_) => unmet("net.ipv4.ip_forward is off"),
        None => unmet("the kernel has no net.ipv4.ip_forward"),
    }
}

/// Judges `load-ipip`.
pub fn ipip_loaded(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    if *case.get::<bool>(0)? { met() } else { unmet("the module ipip is not loaded") }
}

/// What a node can do about IPIP tunnels.
pub enum Tunnels {
    /// The module is loaded or built in.
    Loaded,
    /// It is there to be loaded.
    Loadable,
    /// This kernel has none.
    Missing,
    /// Not answered.
    Unknown(Problem),
}

/// What to ask for [`Tunnels::of`].
pub fn tunnels() -> (Ask<bool>, Ask<Output>) {
    (probe::kernel_module("ipip"), probe::query("ipip-module", []))
}

impl Tunnels {
    /// From what was seen.
    pub fn of(seen: &(Look<bool>, Look<Output>)) -> Self {
        match seen {
            (Unknown(problem), _) => Tunnels::Unknown(problem.clone()),
            (Known(true), _) => Tunnels::Loaded,
            (Known(false), Known(module)) if module.is_ok() => Tunnels::Loadable,
            (Known(false), Known(_)) => Tunnels::Missing,
            // Without `modinfo` there is no `modprobe` either: both are of the same package.
            (Known(false), Unknown(problem)) if problem.code == "query.missing" => Tunnels::Missing,
            (Known(false), Unknown(problem)) => Tunnels::Unknown(problem.clone()),
        }
    }
}

/// Calico's BGP daemon; the owner may not be readable, then nothing is claimed.
fn is_bird(process: &str) -> bool {
    process.is_empty() || process.starts_with("bird") || process.starts_with("calico")
}
