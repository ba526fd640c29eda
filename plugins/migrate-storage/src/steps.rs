//! The steps that both ways are made of.

use crate::route::{MEMORY, NEW, Route};
use crate::seen::{Member, Seen, is, receipt};
use crate::users;
use arcus_sdk::prelude::*;
use arcus_sdk::contract::actions::CopyTree;
use arcus_sdk::{Finding, bind};

/// Longest that a copy may take: a week.
const COPY_S: u32 = 604_800;
/// Until whoever has files open is gone, once the units are stopped.
const QUIET_S: u32 = 90;

/// Where the plugin remembers things, on every member.
pub fn memory(route: &Route, plan: &mut Plan) -> Vec<Planned> {
    route.members.iter().map(|node| plan.directory("memory", node, MEMORY, 0o700)).collect()
}

/// The new storage beside the old one.
pub fn stage(route: &Route, seen: &Seen, after: &[Planned], plan: &mut Plan) -> Planned {
    let node = route.copier;
    let (_, offer) = route.new;
    let mut options = offer.options.clone();
    // Without it, access lists are refused.
    if offer.fstype == "glusterfs" {
        options.push("acl".into());
    }
    plan.mount("stage", node, mount(offer.source.as_str(), NEW, offer.fstype.as_str()).options(options).live_only())
        .title(format!("mount {} beside it, on {NEW}", route.new.0))
        .after(after)
        .needs_anywhere(milestone::STORAGE_READY)
        .needs(milestone::STORAGE_CLIENT, [node])
        .known(&seen.of(node).mounts)
}

/// The old storage once more, where it is not a folder of the copying node's.
pub fn old_at(route: &Route, verb: &str, place: &str, how: &str, after: &[Planned], plan: &mut Plan) -> Option<Planned> {
    let (_, offer) = route.old;
    let options = offer.options.iter().map(String::as_str).filter(|option| *option != "rw" && *option != "ro").chain([how]);
    (!route.serves).then(|| {
        plan.mount(verb, route.copier, mount(offer.source.as_str(), place, offer.fstype.as_str()).options(options).live_only())
            .title(format!("mount {} once more, on {place}", route.old.0))
            .after(after)
    })
}

/// A copy, with its receipt.
pub fn copy(route: &Route, name: &str, ways: (&str, &str), compare: bool, after: &[Planned], plan: &mut Plan) -> Planned {
    let (source, target) = ways;
    let action = CopyTree { source: source.into(), target: target.into(), mirror: true, compare, receipt: receipt(name) };
    let title = match compare {
        true => format!("copy what has changed from {source} to {target}, and compare everything"),
        false => format!("copy {source} to {target} while it is in use"),
    };
    plan.action(&format!("copy-{name}"), route.copier, title, Action::CopyTree(action), COPY_S).after(after)
}

/// Stops and holds whoever uses the directory on a node, and waits until nobody has anything open there.
pub fn quiet(route: &Route, member: &Member, after: &[Planned], plan: &mut Plan) -> Planned {
    let (node, path) = (member.node, &route.shared.path);
    let users = users::or_named(route, node, &member.users);
    let noted = plan
        .file("note-units", node, file(users::path()).content(users::text(&users)).mode(0o600))
        .title(format!("note which units use {path}, and how they are now"))
        .after(after)
        .known(&member.users);
    let mut held = vec![noted.clone()];
    for user in &users {
        let step = plan.service("hold", node, user.unit.as_str()).held();
        let step = if user.enabled { step } else { step.disabled() };
        // The first of them may start the others again.
        let last = held.last().cloned();
        held.push(step.of(format!("{}@{}", user.unit, node.name)).after(last.iter()).disrupts(Disruption::Blackout));
    }
    plan.wait("quiet", node, [probe::holders(path.as_str()).on(node)], &format!("nobody on {} has anything open in {path}", node.name), QUIET_S).after(&held)
}

/// Options of a mount as fstab has them, or as the storage offers it. Where neither says any (an operator's own mount, after the switch),
/// a boot at least waits for the network.
pub fn options(member: &Member, route: &Route, offer: &StorageOffer) -> Vec<String> {
    let noted = member.mounts.known().and_then(|mounts| {
        mounts.iter().find(|mounted| mounted.target == route.shared.path && is(mounted, offer) && mounted.fstab.is_some())?.fstab.clone()
    });
    let offered = || {
        let mut options = offer.options.clone();
        options.extend(options.iter().all(|option| option == "defaults").then(|| "_netdev".to_owned()));
        options
    };
    noted.unwrap_or_else(offered).into_iter().filter(|option| option != "noauto").collect()
}

/// As the node's own fstab and kernel write it.
pub fn source(member: &Member, route: &Route, offer: &StorageOffer) -> String {
    let found = member.mounts.known().and_then(|mounts| mounts.iter().find(|mounted| mounted.target == route.shared.path && is(mounted, offer) && mounted.fstab.is_some()));
    found.map_or_else(|| offer.source.clone(), |mounted| mounted.source.clone())
}

/// Not mounted, and not by a reboot either.
pub fn detach(route: &Route, member: &Member, verb: &str, offer: &StorageOffer, after: &[Planned], plan: &mut Plan) -> Planned {
    let mut options = options(member, route, offer);
    options.push("noauto".into());
    let source = source(member, route, offer);
    plan.mount(verb, member.node, mount(source.as_str(), route.shared.path.as_str(), offer.fstype.as_str()).options(options).not_now())
        .title(format!("unmount {source}, and keep a reboot from mounting it"))
        .after(after)
        .known(&member.mounts)
}

/// The server's own folder, read-only for everybody on it, also after a reboot.
pub fn seal(route: &Route, after: &[Planned], plan: &mut Plan) -> Planned {
    let path = route.shared.path.as_str();
    plan.mount("seal", route.copier, bind(path, path).options(["bind", "ro"]).over_files())
        .until([probe::mounts().on(route.copier)], format!("{path} of {} is read-only", route.copier.name), 10)
        .title(format!("make {path} read-only on {}, which serves it", route.copier.name))
        .after(after)
}

/// Judges `seal`.
pub fn is_sealed<C>(cluster: &Cluster<C>, case: &Case<'_>) -> Judged {
    let path = cluster.handed.demands.shared.as_ref().map_or("", |shared| shared.path.as_str());
    match case.get::<Vec<Mounted>>(0)?.iter().rev().find(|mounted| mounted.live && mounted.target == path) {
        Some(mounted) if mounted.options.iter().any(|option| option == "ro") => met(),
        Some(_) => unmet("it can be written to"),
        None => unmet("it is not bound"),
    }
}

/// To the new storage.
pub fn switch(route: &Route, member: &Member, after: &[Planned], plan: &mut Plan) -> Planned {
    let (_, offer) = route.new;
    let path = route.shared.path.as_str();
    let over = if route.is_server(member.node) { path.to_owned() } else { source(member, route, &route.old.1) };
    plan.mount("switch", member.node, mount(offer.source.as_str(), path, offer.fstype.as_str()).options(&offer.options).over_mount(over))
        .until([probe::mounts().on(member.node)], format!("{path} is {}", offer.source), 20)
        .after(after)
        .needs(milestone::STORAGE_CLIENT, [member.node])
        .known(&member.mounts)
        .group("switch")
        .provides(milestone::STORAGE_MOUNTED)
}

/// Back to the old storage.
pub fn restore(route: &Route, member: &Member, after: &[Planned], plan: &mut Plan) -> Planned {
    let (_, offer) = route.old;
    let path = route.shared.path.as_str();
    if route.is_server(member.node) {
        return plan.unmount("restore", member.node, path).title(format!("uncover {path}, which {} serves", member.node.name)).after(after).known(&member.mounts);
    }
    let source = source(member, route, offer);
    plan.mount("restore", member.node, mount(source.as_str(), path, offer.fstype.as_str()).options(options(member, route, offer)).over_mount(&route.new.1.source))
        .until([probe::mounts().on(member.node)], format!("{path} is {source}"), 20)
        .after(after)
        .known(&member.mounts)
        .group("restore")
}

/// Judges `switch` and `restore`.
pub fn is_mounted<C>(cluster: &Cluster<C>, case: &Case<'_>) -> Judged {
    let path = cluster.handed.demands.shared.as_ref().map_or("", |shared| shared.path.as_str());
    let [new, old] = cluster.handed.storage.as_slice() else { return unmet("two storages are wanted") };
    let (name, offer) = if case.verb() == "switch" { new } else { old };
    match case.get::<Vec<Mounted>>(0)?.iter().rev().find(|mounted| mounted.live && mounted.target == path) {
        Some(mounted) if is(mounted, offer) => met(),
        Some(mounted) => unmet(format!("{} ({}) is mounted, not {name}", mounted.source, mounted.fstype)),
        None => unmet("nothing is mounted there"),
    }
}

/// As it was before the freeze: what ran runs, and nothing is held.
pub fn release(route: &Route, member: &Member, after: &[Planned], plan: &mut Plan) -> Vec<Planned> {
    let node = member.node;
    let users = users::or_named(route, node, &member.users);
    let mut all: Vec<Planned> = Vec::new();
    // The one that was stopped first starts last: it looks after the others.
    for user in users.iter().rev() {
        let step = plan.service("release", node, user.unit.as_str()).title(format!("let {} run again", user.unit));
        let step = if user.running { step } else { step.stopped() };
        let step = if user.enabled { step } else { step.disabled() };
        let last = all.last().cloned();
        all.push(step.of(format!("{}@{}", user.unit, node.name)).after(after).after(last.iter()).known(&member.users));
    }
    all
}

/// What is on a node at the shared directory's place, in words.
pub fn place(route: &Route, member: &Member) -> Finding {
    let path = &route.shared.path;
    match member.live(path) {
        Some(mounted) if is(mounted, &route.new.1) => arcus_sdk::passed(format!("{path} is {} ({})", route.new.0, mounted.source)),
        Some(mounted) if is(mounted, &route.old.1) => arcus_sdk::passed(format!("{path} is {} ({})", route.old.0, mounted.source)),
        Some(mounted) if route.is_server(member.node) && mounted.source == *path => arcus_sdk::passed(format!("{path} is its own folder, read-only")),
        Some(mounted) => arcus_sdk::warned(format!("{path} is {} ({})", mounted.source, mounted.fstype)),
        None if route.is_server(member.node) => arcus_sdk::passed(format!("{path} is its own folder, which it serves")),
        None => arcus_sdk::warned(format!("nothing is mounted on {path}")),
    }
}
