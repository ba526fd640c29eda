//! Proof: the pool, the volume, its bricks and copies, and the mounts, each as it is and not as it was ordered.

use crate::config::{self, Config};
use crate::layout::{Layout, storage};
use crate::mounting::{self, is_ours};
use crate::plan::unlisted;
use crate::pool;
use crate::volume::{self, Said, Volume};
use arcus_sdk::{Finding, prelude::*};

/// All checks.
pub fn verify(cluster: &Cluster<Config>, layout: &Layout, checks: &mut Checks) {
    let config = &cluster.config;
    let servers = storage(cluster);
    let shared = cluster.handed.demands.shared.as_ref().filter(|shared| shared.attach);
    let clients = shared.map(|shared| cluster.named(&shared.nodes)).unwrap_or_default();
    let path = shared.map(|shared| shared.path.clone()).unwrap_or_default();

    let mut batch = cluster.batch();
    let seen = batch.each(servers.iter().copied(), (probe::service("glusterd.service"), pool::ask(), volume::ask(config)));
    let mounted = batch.each(clients.iter().copied(), (probe::mounts(), probe::directory(&path)));
    let mut got = batch.send();
    let (seen, mounted) = (got.take(seen), got.take(mounted));

    for node in &servers {
        let (service, peers, _) = seen.of(node);
        checks.on(node, "glusterd", "glusterd runs, also after a boot").judge(service, |service| match service {
            None => failed("glusterd is not installed"),
            Some(service) if !service.active => failed("it does not run"),
            Some(service) if !service.enabled => failed("it runs, but is not enabled: a reboot would lose its bricks"),
            Some(_) => passed("active and enabled"),
        });
        checks.on(node, "peers", "every other storage node is a connected peer").judge(peers, |output| in_pool(&servers, node, output));
    }

    // One node of the pool speaks for all; one that shows the volume before one that does not.
    let said = |node: &&Node| seen.of(node).2.known().map(volume::said);
    let speaker = servers.iter().copied().find(|node| matches!(said(node), Some(Said::Is(_)))).or_else(|| servers.iter().copied().find(|node| said(node).is_some()));
    let Some(speaker) = speaker else {
        let why = servers.iter().find_map(|node| match &seen.of(node).2 {
            Unknown(problem) => Some(problem.clone()),
            Known(_) => None,
        });
        let why = why.unwrap_or_else(|| problem("gluster.silent", "no storage node answered"));
        checks.of_cluster("volume", format!("the volume {} is the one of the file, and started", config.volume)).unanswered(&why);
        return proof_of_mounts(cluster, layout, &clients, &path, &mounted, checks);
    };
    if let Known(output) = &seen.of(speaker).1
        && let Some(peers) = pool::peers(output)
    {
        let strangers = unlisted(cluster, &peers);
        let check = checks.of_cluster("members", "the pool has no members but the storage nodes");
        if strangers.is_empty() { check.passed(format!("{} members", peers.len() + 1)) } else { check.failed(format!("not in the file: {}", strangers.join(", "))) }
    }
    let volume = match said(&speaker) {
        Some(Said::Is(volume)) => Ok(volume),
        Some(Said::Nothing(words)) => Err(words),
        _ => Err(format!("there is no volume {}", config.volume)),
    };
    let check = checks.of_cluster("volume", format!("the volume {} is the one of the file, and started", config.volume));
    match volume {
        Err(words) => check.failed(format!("{}: {words}", speaker.name)),
        Ok(volume) => {
            check.is(as_meant(cluster, layout, &volume));
            checks.of_cluster("options", "the volume has its options").is(match volume.other_options(config, layout).as_slice() {
                [] => passed("all as wanted"),
                other => failed(other.join("; ")),
            });
            proof_of_copies(cluster, layout, speaker, checks);
        }
    }
    proof_of_mounts(cluster, layout, &clients, &path, &mounted, checks);
}

fn in_pool(servers: &[&Node], node: &Node, output: &Output) -> Finding {
    let Some(peers) = pool::peers(output) else { return failed(pool::complaint(output)) };
    let others = servers.iter().filter(|other| other.name != node.name);
    // By number where names differ: a peer may know this one by a name of its own.
    let connected = peers.iter().filter(|peer| peer.is_connected()).count();
    let missing: Vec<String> = others
        .clone()
        .filter(|other| !peers.iter().any(|peer| peer.is(other) && peer.is_connected()))
        .map(|other| match peers.iter().find(|peer| peer.is(other)) {
            Some(peer) => format!("{}: {}", other.name, peer.state),
            None => format!("{} is not known", other.name),
        })
        .collect();
    if missing.is_empty() || (connected == peers.len() && connected >= servers.len() - 1) {
        passed(format!("{connected} of {}", servers.len() - 1))
    } else {
        failed(missing.join("; "))
    }
}

fn as_meant(cluster: &Cluster<Config>, layout: &Layout, volume: &Volume) -> Finding {
    let differences = volume.differences(cluster, layout);
    if !differences.is_empty() {
        failed(differences.join("; "))
    } else if volume.is_started() {
        passed(format!("{}, started", volume.shape()))
    } else {
        failed(format!("it is {}", volume.status.to_lowercase()))
    }
}

/// What takes the pool's lock, or seconds: asked of one node only.
fn proof_of_copies(cluster: &Cluster<Config>, layout: &Layout, speaker: &Node, checks: &mut Checks) {
    let name = cluster.config.volume.as_str();
    let mut batch = cluster.batch();
    let asked = batch.one(speaker, (probe::query("bricks", [name]), probe::query("heal", [name]), probe::query("split-brain", [name])));
    let (bricks, heal, split) = batch.send().take(asked);
    checks.of_cluster("bricks", "every brick is online").judge(&bricks, |output| match volume::online(cluster, layout, output) {
        // Another command holds the pool's lock for a moment.
        None => pending(15, format!("{}: {}", speaker.name, first_line(output))),
        Some(online) if online.len() == layout.bricks.len() => passed(format!("{} of {}", online.len(), layout.bricks.len())),
        Some(online) => {
            let off = layout.bricks.iter().map(|brick| format!("{} {}", brick.node, brick.path)).filter(|brick| !online.contains(brick));
            failed(format!("not online: {}", off.collect::<Vec<_>>().join(", ")))
        }
    });
    checks.of_cluster("heal", "every copy is whole").judge(&heal, |output| match volume::entries(output) {
        None => unknown(format!("{}: {}", speaker.name, first_line(output))),
        Some((_, silent)) if !silent.is_empty() => failed(format!("cannot be asked: {}", silent.join(", "))),
        Some((0, _)) => passed("0 entries to heal"),
        Some((count, _)) => pending(config::heals(&cluster.config), format!("{count} entries to heal")),
    });
    checks.of_cluster("split-brain", "no file is in split brain").judge(&split, |output| match volume::entries(output) {
        None => unknown(format!("{}: {}", speaker.name, first_line(output))),
        Some((0, silent)) if silent.is_empty() => passed("0 files"),
        Some((0, silent)) => unknown(format!("cannot be asked: {}", silent.join(", "))),
        Some((count, _)) => failed(format!("{count} files: see `gluster volume heal {name} info split-brain`")),
    });
}

fn first_line(output: &Output) -> String {
    let text = output.text();
    let reason = text.split_once("<opErrstr>").and_then(|(_, rest)| rest.split_once("</opErrstr>"));
    reason.map_or_else(|| pool::complaint(output), |(reason, _)| reason.to_owned())
}

type Attached = (Look<Vec<Mounted>>, Look<Option<DirectoryFact>>);

fn proof_of_mounts(cluster: &Cluster<Config>, layout: &Layout, clients: &[&Node], path: &str, seen: &PerNode<Attached>, checks: &mut Checks) {
    let (_, options) = layout.mounted(&cluster.config.volume);
    for node in clients {
        let (mounts, directory) = seen.of(node);
        let source = mounting::source(cluster, layout, path, mounts);
        checks.on(node, "mounted", format!("{path} is the volume {}", cluster.config.volume)).judge(mounts, |mounts| match (mounts.at(path), directory) {
            (Some(found), _) if found.live && !is_ours(cluster, found) => {
                failed(format!("{} ({}) is mounted there, wanted is {source}", found.source, found.fstype))
            }
            (Some(found), Known(Some(_))) if found.live => passed(format!("fuse.glusterfs from {}", found.source)),
            // It hangs in the table of mounts, and whoever looks into it gets an error.
            (Some(found), Unknown(problem)) if found.live => failed(format!("it is mounted, but cannot be read: {}", problem.message)),
            (Some(found), Known(None)) if found.live => failed("it is mounted, but cannot be read"),
            _ => failed("nothing is mounted there"),
        });
        checks.on(node, "fstab", format!("{path} is mounted again after a boot")).judge(mounts, |mounts| {
            let line = mounts.iter().find(|mounted| mounted.target == path && mounted.fstab.is_some());
            match line.map(|mounted| (mounted, mounted.fstab.as_ref())) {
                None => failed(format!("fstab has no line for {path}")),
                Some((mounted, _)) if mounted.source != source => failed(format!("fstab says {}, wanted is {source}", mounted.source)),
                Some((_, Some(found))) if *found != options => failed(format!("fstab says {}, wanted is {}", found.join(","), options.join(","))),
                Some(_) => passed(format!("from {source}")),
            }
        });
    }
    if !clients.is_empty() {
        checks.witness("shared", format!("what one node writes to {path} the others read"), clients.iter().copied(), path);
    }
}
