//! What should be on every node; and what stands in the way, found before anything is changed.

use crate::files::{self, CNI, CNI_FOLDER, FOLDER, FORWARDING, PEERS, SYSCTL, UNIT};
use crate::layout::{Layout, Seat};
use crate::{Config, clash, kernel};
use arcus_sdk::prelude::*;

/// Bytes that a tunnel adds to a packet: Ethernet, VXLAN, UDP, IPv4.
pub const OVERHEAD: u32 = 50;
/// At most one node's tunnels are made anew at a time.
const GROUP: &str = "vxlan-mesh";

type Seen = (Look<Vec<NetworkInterface>>, Look<Vec<Route>>, Look<Output>, Look<Output>);

/// All of it.
pub fn plan(cluster: &Cluster<Config>, layout: &Layout<'_>, plan: &mut Plan) {
    let config = &cluster.config;
    let nodes = layout.seats.iter().map(|seat| seat.node);
    let seen = cluster.ask_many(nodes, (probe::interfaces(), probe::routes(), probe::query("tunnels", []), probe::query("cni", [])));
    for seat in &layout.seats {
        refuse(config, layout, seat, seen.of(seat.node), plan);
    }
    for seat in &layout.seats {
        of_node(config, layout, seat, plan);
    }
}

fn of_node(config: &Config, layout: &Layout<'_>, seat: &Seat<'_>, plan: &mut Plan) {
    let node = seat.node;
    let folder = plan.directory("folder", node, FOLDER, 0o755);
    let peers = plan.file("peers", node, files::peers(layout, seat)).after([&folder]).title("routes to the pods of the other nodes");
    let forwarding = plan.file("forwarding", node, files::forwarding(layout, seat)).after([&folder]).title("which machine is behind which route");
    let unit = plan.file("unit", node, files::unit(config, seat)).title(format!("the unit that makes the tunnels at boot: {} is {}'s", seat.block, node.name));
    // Other peers are handed to the kernel while packets go on; another device is made anew.
    let run = plan.service("run", node, UNIT).newer_than([PEERS, FORWARDING]).reload().after([&unit, &peers, &forwarding]);
    plan.command("mesh", node, ["systemctl", "restart", UNIT])
        .until(kernel::asks().iter().map(|ask| ask.on(node)), "the kernel has a tunnel and a route to every other node", 10)
        .title("make the tunnels anew where the kernel has others than the files say")
        .group(GROUP)
        .after([&run])
        .provides(milestone::NETWORK_READY);

    let kept = plan.file("keep-forward", node, file(SYSCTL).content("net.ipv4.ip_forward = 1\n")).title("forward IPv4 packets after every boot");
    plan.command("forward", node, ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])
        .until([probe::sysctl("net.ipv4.ip_forward").on(node)], "IPv4 packets are forwarded", 5)
        .title("forward IPv4 packets")
        .after([&kept])
        .provides(milestone::NETWORK_READY);

    let above = plan.directory("cni-parent", node, "/etc/cni", 0o755);
    let parent = plan.directory("cni-folder", node, CNI_FOLDER, 0o755).after([&above]);
    plan.file("cni", node, files::cni(config, seat)).after([&parent]).title(format!("pods of this node are of {}", seat.block)).provides(milestone::NETWORK_READY);
}

/// What a node shows to be in the way.
fn refuse(config: &Config, layout: &Layout<'_>, seat: &Seat<'_>, seen: &Seen, plan: &mut Plan) {
    let node = seat.node;
    let (interfaces, routes, tunnels, cni) = seen;
    if let Known(interfaces) = interfaces {
        let none = Vec::new();
        clash::used_on(seat, &layout.range, interfaces, routes.known().unwrap_or(&none)).into_iter().for_each(|problem| plan.problem(problem));
        match interfaces.with_address(&node.address) {
            None => plan.problem(
                problem("vxlan.address", format!("no interface of {} has its address {}", node.name, node.address)).on(node).help("tunnels end at that address: name one that the node itself has"),
            ),
            Some(interface) if interface.mtu < config.mtu + OVERHEAD => {
                let message = format!("{} of {} carries packets of {} bytes: pods' of {} need {} with their tunnel", interface.name, node.name, interface.mtu, config.mtu, config.mtu + OVERHEAD);
                let help = format!("write `mtu: {}`, or let the nodes' network carry larger packets", interface.mtu.saturating_sub(OVERHEAD));
                plan.problem(problem("vxlan.mtu", message).on(node).at("/mtu").help(help));
            }
            Some(_) => {}
        }
    }
    if let Known(said) = tunnels
        && let Some(other) = kernel::taken(config, &kernel::tunnels(said))
    {
        let message = format!("{} has a tunnel {} with the number {} on port {} already", node.name, other.name, other.vni, other.port);
        plan.problem(problem("vxlan.taken", message).on(node).at("/vni").help("choose another `vni` or `port`; or take that tunnel away if nobody needs it"));
    }
    if let Known(said) = cni {
        let others = others(said);
        if !others.is_empty() {
            let message = format!("{} has another network for its pods: {CNI_FOLDER}/{}", node.name, others.join(", "));
            plan.problem(problem("vxlan.other-network", message).on(node).help("pods are given to whoever has the first file there: take the other network off the node, or choose it in the cluster file"));
        }
    }
}

/// Files of other networks where the container runtime looks.
pub fn others(output: &Output) -> Vec<String> {
    let ours = CNI.rsplit('/').next().unwrap_or_default();
    let text = if output.is_ok() { output.text() } else { String::new() };
    let is_one = |name: &&str| [".conf", ".conflist", ".json"].iter().any(|end| name.ends_with(end)) && *name != ours;
    text.lines().map(str::trim).filter(is_one).map(str::to_owned).collect()
}

/// Judges `forward`.
pub fn forwards(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<String>>(0)?.as_deref().map(str::trim) {
        Some("1") => met(),
        Some(_) => unmet("net.ipv4.ip_forward is off"),
        None => unmet("the kernel has no net.ipv4.ip_forward"),
    }
}
