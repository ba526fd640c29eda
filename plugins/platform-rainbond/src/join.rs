//! The other nodes: added, installed and put to work. Managers one at a time, the others side by side.

use crate::config::Config;
use crate::grctl;
use crate::seat::{Seat, Stage};
use crate::{etcd, majority, member, mend, paths, ready, ring, unlisted};
use arcus_sdk::prelude::*;

/// So many nodes that are no managers are installed at the same time: each is a run of the installer on the first manager.
const AT_ONCE: usize = 4;

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
pub fn plan(cluster: &Cluster<Config>, seat: &Seat<'_>, first: &Planned, plan: &mut Plan) -> Result<(), Problem> {
    let nodes = member::joining(cluster, seat.node);
    moved(cluster, seat, &nodes).into_iter().for_each(|problem| plan.problem(problem));
    if let Some(problem) = member::cannot_add(cluster, seat.patch) {
        plan.problem(problem);
    }
    let ring = ring::look(cluster, seat);
    unlisted::plan(cluster, seat, &ring, plan);
    if seat.stage == Stage::Done {
        majority::ailing(seat, &ring).into_iter().for_each(|problem| plan.warn(problem));
    }
    let (managers, others): (Vec<&Node>, Vec<&Node>) = nodes.into_iter().partition(|node| member::is_manager(node));

    let healthy = cluster.config.timeouts.healthy;
    let list = || [probe::query("nodes", []).on(seat.node)];
    // What stopped half-way is made good before anything else.
    let mut gate = mend::steps(seat, &ring, plan)?;
    // Without a majority not even the first would be called healthy.
    let first = &first.clone().after(&gate);
    gate.push(first.clone());
    let mut members = Vec::new();
    // Those that are taken out again first do not count.
    let mut count = ring.members.known().map_or(1, Vec::len).saturating_sub(ring.half_joined().len());
    for node in &managers {
        let half = ring.half_joined().iter().any(|(other, _)| other.node.name == node.name);
        let installed = seat.nodes.is_known_and(|nodes| grctl::at(nodes, &node.address).is_some_and(|listed| listed.status.is_installed()));
        // Where Rainbond shows nobody its list, who has been a member is one; where etcd does not, who is installed is.
        let settled = matches!(seat.nodes, Unknown(_)) && ring.has_run(&node.address);
        let joins = half || !(installed || settled) || (matches!(ring.members, Known(_)) && !ring.has(&node.address));
        let mut before = gate.clone();
        if let Some(other) = ring.others.iter().find(|other| other.node.name == node.name) {
            if joins {
                before = ready::plan(seat, &ring, other, &before, plan);
            }
            ready::clear(other, joins, plan);
        }
        let mut last = install(cluster, seat, node, first, &before, plan).group(ring::MEMBERSHIP);
        // From the moment it is registered until it runs, one of two is no majority.
        if joins && count == 1 && ready::in_use(seat, &ring) {
            last = last.disrupts(Disruption::Quorum);
        }
        count += usize::from(joins);
        if member::is_compute(node) {
            last = up(cluster, seat, node, &last, plan);
        }
        // The next one changes the membership again, so this one must take part by then. Full health has to wait for the last: between two
        // and three managers Rainbond may not report it.
        let asked = [
            probe::query("nodes", []).on(seat.node),
            probe::reach(node.address.as_str(), 2379).on(seat.node),
            probe::query("etcd-members", [etcd::list(&seat.node.address).as_str()]).on(seat.node),
            probe::query("etcd-health", []).on(node),
        ];
        let member = plan
            .wait("member", node, asked, &format!("{} takes part in etcd and reports", node.name), healthy)
            .group(ring::MEMBERSHIP)
            .after([&last]);
        members.push(member.clone());
        gate = vec![member];
    }
    let mut ready = vec![first.clone()];
    for node in &managers {
        let refreshed = refresh(seat, node, &members, plan);
        let expect = format!("{} is running", node.name);
        let joined = plan.wait("joined", node, list(), &expect, healthy).after([&refreshed]).provides(milestone::PLATFORM_JOINED);
        ready.push(joined);
    }
    let mut installed: Vec<Planned> = Vec::new();
    for (number, node) in others.into_iter().enumerate() {
        let mut before = ready.clone();
        before.extend(number.checked_sub(AT_ONCE).map(|earlier| installed[earlier].clone()));
        let mut last = install(cluster, seat, node, first, &before, plan);
        installed.push(last.clone());
        if member::is_compute(node) {
            last = up(cluster, seat, node, &last, plan);
        }
        let expect = format!("{} is running", node.name);
        plan.wait("joined", node, list(), &expect, healthy).after([&last]).provides(milestone::PLATFORM_JOINED);
    }
    Ok(())
}

/// An agent that was started when there were fewer managers may go on asking those only, and call its node unhealthy for ever. It is given
/// a minute, then started again.
fn refresh(seat: &Seat<'_>, node: &Node, after: &[Planned], plan: &mut Plan) -> Planned {
    let asked = || [probe::query("nodes", []).on(seat.node), probe::service("node.service").on(node)];
    let settled = plan.wait("settled", node, asked(), &format!("{} is running, or has had its time", node.name), 120).group(ring::MEMBERSHIP).after(after);
    plan.command("refresh", node, ["systemctl", "restart", "node.service"])
        .until(asked(), "its agent sees all managers", 120)
        .title("start its agent again, which may know too few managers")
        .known(&seat.nodes)
        // Looked at when its turn comes: where the agent sees all, it is left alone.
        .group(ring::MEMBERSHIP)
        .after([&settled])
}

fn install(cluster: &Cluster<Config>, seat: &Seat<'_>, node: &Node, first: &Planned, after: &[Planned], plan: &mut Plan) -> Planned {
    let config = &cluster.config;
    let uid = seat.uid(cluster, node);
    let installed = |nodes: &Vec<grctl::Listed>| grctl::at(nodes, &node.address).is_some_and(|listed| listed.status.is_installed());
    let mut before = after.to_vec();
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
    install
}

/// Installed is not in service: Kubernetes knows a compute node only after this.
fn up(cluster: &Cluster<Config>, seat: &Seat<'_>, node: &Node, after: &Planned, plan: &mut Plan) -> Planned {
    plan.command("up", seat.node, [paths::GRCTL, "node", "up", &seat.uid(cluster, node)])
        .status_lies()
        .until([probe::query("nodes", []).on(seat.node)], format!("{} takes applications", node.name), cluster.config.timeouts.healthy)
        .about(node)
        .title(format!("put {} to work", node.name))
        .known(&seat.nodes)
        .after([after])
}
