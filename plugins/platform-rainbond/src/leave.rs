//! A node out of the cluster: its work moved away, the others healthy without it, its record gone, and then the machine.

use crate::config::Config;
use crate::ring::{self, Ring};
use crate::grctl::{self, Listed};
use crate::member;
use crate::role::Role;
use crate::seat::{self, Seat, Stage};
use crate::{etcd, paths};
use arcus_sdk::prelude::*;

/// What Rainbond runs on nodes that are no managers: the agent first, which starts the others again when it finds them stopped.
const UNITS: [&str; 9] = [
    "node.service",
    "kubelet.service",
    "rbd-gateway.service",
    "rbd-dns.service",
    "calico.service",
    "flannel.service",
    "etcd-proxy.service",
    "kube-proxy.service",
    "docker.service",
];
/// An agent's last word is believed for a minute.
const FORGETS_S: u32 = 180;

/// The steps. `Err`: why it must not go, or how it is done by hand.
pub fn plan(cluster: &Cluster<Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
    if !member::all(cluster).iter().any(|other| other.name == node.name) {
        return Ok(());
    }
    let seat = seat::find(cluster)?;
    if let Stage::Unknown(problem) = &seat.stage {
        return Err(problem.clone());
    }
    let nodes = match (&seat.stage, &seat.nodes) {
        (Stage::Done, Known(nodes)) => nodes,
        (Stage::Done, Unknown(problem)) => return Err(problem.clone()),
        _ => return Err(problem("rainbond.not-installed", "there is no Rainbond to take a node out of").help("delete the node from the file")),
    };
    let listed = grctl::at(nodes, &node.address);
    if member::is_manager(node) {
        let ring = ring::look(cluster, &seat);
        let how = listed.map_or_else(|| "Rainbond does not list it: delete it from the file".to_owned(), |listed| by_hand(&seat, &ring, listed));
        return Err(problem("rainbond.manager-stays", format!("{} is a manager: taking one out puts the majority at risk, so it is done by hand", node.name)).on(node).help(how));
    }
    if let Some(why) = listed.and_then(|listed| last_of_its_kind(nodes, listed)) {
        return Err(problem("rainbond.last-one", why).on(node).help("add another one first"));
    }
    let uid = seat.uid(cluster, node);
    let list = || [probe::query("nodes", []).on(seat.node)];
    let mut before = Vec::new();
    if listed.is_some_and(|listed| listed.roles.contains(&Role::Compute) && listed.status.is_installed()) {
        let cordoned = plan
            .command("cordon", seat.node, [paths::GRCTL, "node", "cordon", &uid])
            .status_lies()
            .until(list(), format!("nothing new is placed on {}", node.name), 60)
            .about(node)
            .title(format!("place nothing new on {}", node.name));
        let local = cluster.ask_one(node, probe::directory(paths::LOCAL));
        let down = plan
            .command("down", seat.node, [paths::GRCTL, "node", "down", &uid])
            .status_lies()
            .until(list(), format!("{} takes no applications", node.name), 120)
            .about(node)
            .title(format!("move the work of {} to the others", node.name))
            .after([&cordoned]);
        before.push(match &local {
            Known(None) => down,
            Known(Some(kept)) if kept.entries == 0 => down,
            // It does not move with them, and the machine is to be made anew; who does not answer may keep something.
            _ => down.disrupts(Disruption::Data).title(format!("move the work of {} to the others, without what it keeps in {}", node.name, paths::LOCAL)),
        });
    }
    let kept = plan
        .wait("without", node, list(), &format!("all others are healthy without {}", node.name), cluster.config.timeouts.healthy)
        .after(&before);
    before.push(kept);
    let units = cluster.ask_many([node], UNITS.map(probe::service).to_vec()).of(node).clone();
    for (unit, look) in UNITS.into_iter().zip(units) {
        if look.is_known_and(|fact| fact.as_ref().is_some_and(|fact| fact.active || fact.enabled)) {
            let stopped = plan.service("silence", node, unit).of(unit).stopped().disabled().title(format!("stop {unit}")).after(&before);
            before.push(stopped);
        }
    }
    if listed.is_some() {
        let gone = plan.wait("gone", node, list(), &format!("Rainbond knows that {} does not run", node.name), FORGETS_S).after(&before);
        plan.command("delete", seat.node, [paths::GRCTL, "node", "delete", &uid])
            .status_lies()
            .until(list(), format!("{} is in no list", node.name), 30)
            .about(node)
            .title(format!("take {} out of Rainbond", node.name))
            .after([&gone]);
    }
    Ok(())
}

fn last_of_its_kind(nodes: &[Listed], leaving: &Listed) -> Option<String> {
    let good = |role: Role| nodes.iter().any(|node| node.uid != leaving.uid && node.roles.contains(&role) && node.status.is_in_service());
    if leaving.roles.contains(&Role::Compute) && !good(Role::Compute) {
        return Some(format!("{} is the last compute node in service: its applications would have nowhere to go", leaving.host));
    }
    if leaving.roles.contains(&Role::Gateway) && !good(Role::Gateway) {
        return Some(format!("{} is the last gateway in service: no traffic would come in", leaving.host));
    }
    None
}

/// How a manager is taken out, with the real values.
pub fn by_hand(seat: &Seat<'_>, ring: &Ring<'_>, listed: &Listed) -> String {
    let id = ring.members.known().and_then(|members| members.iter().find(|member| member.is(&listed.ip))).map_or_else(|| "ID (see `etcdctl member list`)".to_owned(), etcd::Member::hex);
    let all = ring.members.known().map_or(0, Vec::len);
    let left = match all {
        0 => String::new(),
        1 => return "it is the only manager: there is no cluster without it".into(),
        all => format!(" (of {} members that are left {} may fail)", all - 1, (all - 2) / 2),
    };
    let host = if listed.host.is_empty() { &listed.ip } else { &listed.host };
    let tool = if listed.ip == seat.node.address { "another manager; the console, its database and the playbooks go with this node, so move them first".to_owned() } else { seat.node.name.clone() };
    format!(
        "1. on {tool}: `etcdctl member remove {id}`{left}; 2. on {host}: `systemctl disable --now node etcd`, then `umount {shared}`; 3. on the first manager, after a minute: `grctl node down {uid}`, `grctl node delete {uid}`; 4. clean `etcdctl get --prefix /rainbond/endpoint` of {ip}; 5. put another manager in: their number must be odd",
        shared = paths::SHARED,
        uid = listed.uid,
        ip = listed.ip,
    )
}

fn row(case: &Case<'_>) -> Result<(Vec<Listed>, Option<Listed>), arcus_sdk::contract::checks::Verdict> {
    let node = case.node()?;
    let nodes = grctl::nodes(case.get::<Output>(0)?).map_err(arcus_sdk::contract::checks::Verdict::Unmet)?;
    let own = grctl::at(&nodes, &node.address).cloned();
    Ok((nodes, own))
}

/// Judges `cordon`.
pub fn is_cordoned(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match row(case)?.1 {
        Some(own) if own.status.is_in_service() && !own.status.has("unschedulable") => unmet("it is still schedulable"),
        _ => met(),
    }
}

/// Judges `down`.
pub fn is_down(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match row(case)?.1 {
        Some(own) if own.status.word == "running" => unmet(format!("it is {}", own.status)),
        _ => met(),
    }
}

/// Judges `without`.
pub fn are_healthy(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let node = case.node()?;
    let (nodes, _) = row(case)?;
    match nodes.iter().find(|other| other.ip != node.address && other.status.is_installed() && !other.status.is_good()) {
        Some(other) => unmet(format!("{} is {}", other.host, other.status)),
        None => met(),
    }
}

/// Judges `gone`.
pub fn is_silent(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match row(case)?.1 {
        Some(own) if own.status.word == "running" => unmet(format!("it is still {}", own.status)),
        _ => met(),
    }
}

/// Judges `delete`.
pub fn is_deleted(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match row(case)?.1 {
        Some(own) => unmet(format!("it is {}", own.status)),
        None => met(),
    }
}
