//! What should be: a master, chunk servers, loggers, mounts; and what stands in the way, found before anything is changed.

use crate::layout::Layout;
use crate::master::{self, Lists};
use crate::{Config, layout, mounting, servers};
use arcus_sdk::prelude::*;

type Server = (Lists, Look<Vec<Mounted>>, Look<Option<DirectoryFact>>);

/// All of it.
pub fn plan(cluster: &Cluster<Config>, layout: &Layout<'_>, plan: &mut Plan) {
    let config = &cluster.config;
    let shared = cluster.handed.demands.shared.as_ref();
    let clients = shared.map(|shared| cluster.named(&shared.nodes)).unwrap_or_default();
    let mut batch = cluster.batch();
    let ticket = batch.each(layout.servers.iter().copied(), (master::asks(), probe::mounts(), probe::directory(&config.disk)));
    let mounted = batch.each(clients.iter().copied(), probe::mounts());
    let mut got = batch.send();
    let (seen, mounted) = (got.take(ticket), got.take(mounted));

    refuse(config, layout, &seen, plan);
    plan.warn(
        problem("moosefs.one-master", format!("{} is the only master: without it nothing is read or written, though every file has {} copies", layout.master.name, config.copies))
            .on(layout.master)
            .help("the loggers on the other storage nodes keep what brings it back by hand, see the README of this plugin; GlusterFS has no such node"),
    );
    // Who does not answer may have been the master: an empty list is never begun behind its back.
    let silent = layout.servers.iter().find_map(|node| if let Unknown(problem) = &seen.of(node).1 { Some(problem.clone()) } else { None });
    let sure: Look<()> = silent.map_or(Known(()), Unknown);
    let ready = master::plan(cluster, layout, &sure, plan);
    let running: Vec<Planned> = layout.servers.iter().map(|node| servers::plan(config, layout, node, &ready, plan)).collect();
    let all = plan.join("all-servers", layout.master, running.iter());
    let expect = format!("{} storage nodes or more are connected to the master", config.copies);
    let connected = plan.wait("connected", layout.master, servers::asks(layout), &expect, 90).after([&all]).provides(milestone::STORAGE_READY);

    let mut first = None;
    for node in &clients {
        let client = plan.package("client", node, "moosefs-client").provides(milestone::STORAGE_CLIENT);
        // While data are moved from another storage, nothing is mounted.
        let Some(shared) = shared.filter(|shared| shared.attach) else { continue };
        if let Known(mounts) = mounted.of(node)
            && let Some(problem) = mounting::in_the_way(layout, node, &shared.path, mounts)
        {
            plan.problem(problem);
        }
        let mount = plan
            .mount("mount", node, mount(layout.source(), &shared.path, layout::TYPE).options(layout.options()))
            .after([&client, &connected])
            .until([probe::mounts().on(node)], "the shared directory is mounted", 30)
            .provides(milestone::STORAGE_MOUNTED);
        first.get_or_insert((*node, mount, shared.path.as_str()));
    }
    if let Some((node, mount, path)) = first {
        plan.command("copies", node, ["mfssetgoal", "-r", &config.copies.to_string(), path])
            .until([probe::query("copies", [path]).on(node)], format!("new files have {} copies", config.copies), 10)
            .title(format!("keep {} copies of every file", config.copies))
            .group("moosefs-copies")
            .after([&mount])
            .timeout_s(600);
    }
}

fn refuse(config: &Config, layout: &Layout<'_>, seen: &PerNode<Server>, plan: &mut Plan) {
    let lists: Vec<(&Node, &Lists)> = layout.servers.iter().map(|node| (*node, &seen.of(node).0)).collect();
    let holds = |node: &Node| seen.of(node).2.is_known_and(|directory| directory.as_ref().is_some_and(|directory| directory.entries > 0));
    master::refuse(layout, &lists, &holds, plan);
    for node in &layout.servers {
        let Known(mounts) = &seen.of(node).1 else { continue };
        let below = |mounted: &&Mounted| mounted.live && mounted.target != "/" && (config.disk == mounted.target || config.disk.starts_with(&format!("{}/", mounted.target)));
        if !config.accept_disk_on_root && !mounts.iter().any(|mounted| below(&mounted)) {
            let message = format!("{} of {} is on the system's own disk: when it fills up, the system stops too", config.disk, node.name);
            plan.problem(problem("moosefs.disk-on-root", message).on(node).at("/disk").help("mount a disk above it; or write `accept-disk-on-root: true`"));
        }
    }
}
