//! The other nodes: added, installed and put to work, managers one at a time.

use crate::config::Config;
use crate::grctl;
use crate::seat::Seat;
use crate::{member, paths};
use arcus_sdk::prelude::*;

/// Members of etcd change one at a time; a failure leaves the rest alone.
const MEMBERSHIP: &str = "membership";

/// The id under which Rainbond has a node, or will.
fn uid(cluster: &Cluster<Config>, seat: &Seat<'_>, node: &Node) -> String {
    let listed = seat.nodes.known().and_then(|nodes| grctl::at(nodes, &node.address));
    // Somebody may have added it by hand, under another id.
    listed.map_or_else(|| cluster.stable_uuid(&format!("node/{}", node.name)), |listed| listed.uid.clone())
}

/// Nodes that Rainbond has at another address than the file: it has no way to move one.
fn moved(cluster: &Cluster<Config>, seat: &Seat<'_>, nodes: &[&Node]) -> Vec<Problem> {
    let Known(listed) = &seat.nodes else { return Vec::new() };
    let mut found = Vec::new();
    for node in nodes {
        let own = cluster.stable_uuid(&format!("node/{}", node.name));
        if let Some(old) = listed.iter().find(|listed| listed.uid == own && listed.ip != node.address) {
            let message = format!("Rainbond has {} at {}, the file at {}", node.name, old.ip, node.address);
            found.push(problem("rainbond.address-moved", message).on(node).help(
                "give the node its old address back, or take it out of Rainbond (`grctl node down`, then `grctl node delete`) and apply again",
            ));
        }
    }
    found
}

/// All that should be so for the others, after the first one is healthy.
pub fn plan(cluster: &Cluster<Config>, seat: &Seat<'_>, first: &Planned, plan: &mut Plan) {
    let nodes = member::joining(cluster, seat.node);
    moved(cluster, seat, &nodes).into_iter().for_each(|problem| plan.problem(problem));
    let (managers, others): (Vec<&Node>, Vec<&Node>) = nodes.into_iter().partition(|node| member::is_manager(node));

    let healthy = cluster.config.timeouts.healthy;
    let list = || [probe::query("nodes", []).on(seat.node)];
    let mut gate = first.clone();
    let mut members = Vec::new();
    for node in &managers {
        let mut last = install(cluster, seat, node, first, &[&gate], plan);
        if member::is_compute(node) {
            last = up(cluster, seat, node, &last, plan);
        }
        // The next one changes the membership again, so this one must take part by then. Full health has to wait for the last: between two
        // and three managers Rainbond may not report it.
        let asked = [probe::query("nodes", []).on(seat.node), probe::reach(node.address.as_str(), 2379).on(seat.node)];
        gate = plan
            .wait("member", node, asked, &format!("{} takes part in etcd and reports", node.name), healthy)
            .group(MEMBERSHIP)
            .after([&last]);
        members.push(gate.clone());
    }
    let mut ready = vec![first.clone()];
    for node in &managers {
        let expect = format!("{} is running", node.name);
        let joined = plan.wait("joined", node, list(), &expect, healthy).after(&members).provides(milestone::PLATFORM_JOINED);
        ready.push(joined);
    }
    let ready: Vec<&Planned> = ready.iter().collect();
    for node in others {
        let mut last = install(cluster, seat, node, first, &ready, plan);
        if member::is_compute(node) {
            last = up(cluster, seat, node, &last, plan);
        }
        let expect = format!("{} is running", node.name);
        plan.wait("joined", node, list(), &expect, healthy).after([&last]).provides(milestone::PLATFORM_JOINED);
    }
}

fn install(cluster: &Cluster<Config>, seat: &Seat<'_>, node: &Node, first: &Planned, after: &[&Planned], plan: &mut Plan) -> Planned {
    let config = &cluster.config;
    let uid = uid(cluster, seat, node);
    let installed = |nodes: &Vec<grctl::Listed>| grctl::at(nodes, &node.address).is_some_and(|listed| listed.status.is_installed());
    let mut before: Vec<Planned> = after.iter().map(|step| (*step).clone()).collect();
    // The key serves the installation, which then brings its own: a node that was added by hand needs none of ours.
    if !seat.nodes.is_known_and(installed) {
        let folder = plan.directory("key-folder", node, "/root/.ssh", 0o700);
        let key = file(paths::AUTHORIZED).block("arcus: Rainbond's first node").from_node(seat.node, paths::PUBLIC_KEY).mode(0o600);
        let key = plan.file("key", node, key).title(format!("let {} log in with its key", seat.node.name)).after([&folder, first]);
        before.push(key);
    }
    let roles = config.version.add_roles(&member::roles(cluster, node));
    let list = probe::query("nodes", []).on(seat.node);
    // The private key: the documented public one breaks 5.1, and a password would be kept in etcd for everybody to read.
    let argv = [
        paths::GRCTL, "node", "add", "--id", &uid, "--host", &node.name, "--role", &roles, "--internal-ip", &node.address, "--private-key", paths::KEY,
    ];
    let added = plan
        .command("add", seat.node, argv)
        .status_lies()
        .until([list.clone()], format!("{} is in the list of nodes", node.name), 30)
        .about(node)
        .title(format!("add {} to Rainbond as {roles}", node.name))
        .known(&seat.nodes)
        .after(&before);
    let mut install = plan
        .job("install", seat.node, [paths::GRCTL, "node", "install", &uid])
        .status_lies()
        .until([list, probe::job(format!("install:{}", node.name)).on(seat.node)], format!("{} is installed", node.name), 60)
        .about(node)
        .title(format!("install Rainbond on {}", node.name))
        .timeout_s(config.timeouts.install)
        .known(&seat.nodes)
        .after([&added]);
    // Before, since the installer would mount its own where nothing is.
    if !cluster.handed.storage.is_empty() {
        install = install.needs(milestone::STORAGE_MOUNTED, [node]);
    }
    if cluster.handed.network.is_some() {
        install = install.needs(milestone::NETWORK_READY, [node]);
    }
    if member::is_manager(node) { install.group(MEMBERSHIP) } else { install }
}

/// Installed is not in service: Kubernetes knows a compute node only after this.
fn up(cluster: &Cluster<Config>, seat: &Seat<'_>, node: &Node, after: &Planned, plan: &mut Plan) -> Planned {
    plan.command("up", seat.node, [paths::GRCTL, "node", "up", &uid(cluster, seat, node)])
        .status_lies()
        .until([probe::query("nodes", []).on(seat.node)], format!("{} takes applications", node.name), cluster.config.timeouts.healthy)
        .about(node)
        .title(format!("put {} to work", node.name))
        .known(&seat.nodes)
        .after([after])
}
