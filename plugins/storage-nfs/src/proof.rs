//! Proof: the server is reached, the share is mounted as it should be, root is root on it, locks hold, and what one writes all read.

use crate::config::{Config, Preset};
use crate::mounting::{differences, is_ours};
use crate::plan::{SLOTS, amiss, is_alive, members};
use crate::share::Share;
use crate::witness;
use arcus_sdk::{Finding, prelude::*};

/// All checks.
pub fn verify(cluster: &Cluster<Config>, share: &Share, checks: &mut Checks) {
    let Some(shared) = cluster.handed.demands.shared.as_ref().filter(|shared| shared.attach) else { return };
    let (clients, local) = members(cluster, share, shared);
    let path = &shared.path;

    let reach: Vec<_> = share.ports.iter().map(|port| probe::reach(cluster.config.server.as_str(), *port)).collect();
    let mut batch = cluster.batch();
    let seen = batch.each(clients.iter().copied(), (probe::mounts(), probe::sysctl("sunrpc.tcp_slot_table_entries")));
    let reached = batch.each(clients.iter().copied(), reach);
    let served = local.map(|node| batch.one(node, (probe::directory(path), probe::mounts(), probe::sockets())));
    let mut got = batch.send();
    let (seen, reached) = (got.take(seen), got.take(reached));
    // Without a mount, the folder would be one of the node's own.
    let has_it = |node: &Node| seen.of(node).0.is_known_and(|mounts| mounts.at(path).is_some_and(|found| is_ours(found, share)));
    let alive: Vec<&Node> = clients.iter().copied().filter(|node| has_it(node) && is_alive(reached.of(node))).collect();
    let mut batch = cluster.batch();
    let inside = batch.each(alive.iter().copied(), (probe::directory(path), witness::ask()));
    let locked = cluster.config.locks().then(|| batch.each(alive.iter().copied(), witness::ask_lock()));
    let mut got_inside = batch.send();
    let inside = got_inside.take(inside);
    let locked = locked.map(|locked| got_inside.take(locked));

    for node in &clients {
        let (mounts, slots) = seen.of(node);
        let inside = inside.get(&node.name);
        proof_of_server(cluster, share, node, reached.of(node), checks);
        let directory = inside.map(|(directory, _)| directory);
        checks.on(node, "mounted", format!("{path} is {}", share.source)).judge(mounts, |mounts| mounted(cluster, share, path, mounts, directory));
        checks.on(node, "fstab", format!("{path} is mounted again after a boot")).judge(mounts, |mounts| noted(share, path, mounts));
        if let Some((_, folder)) = inside {
            let check = checks.on(node, "root", "root is root on the share");
            match (witness::squashed(share, node, folder), folder) {
                (Some(problem), _) => check.failed(problem.message),
                (None, Known(Some(_))) => check.passed(format!("{} belongs to root, and root reads it", witness::FOLDER)),
                (None, Known(None)) => check.failed(format!("{} is not there: `arcus apply` makes it", witness::FOLDER)),
                (None, Unknown(problem)) => check.unanswered(problem),
            }
            if let Some(locked) = &locked {
                checks.on(node, "locks", "a file on the share can be locked").judge(locked.of(node), |output| match output.is_ok() {
                    true => passed("the server gave a lock"),
                    false => failed(witness::refusal(output)),
                });
            }
        }
        if cluster.config.preset == Preset::Nas {
            checks.on(node, "slots", "many requests may be under way at once").judge(slots, |slots| slots_of(slots.as_deref()));
        }
    }
    if let (Some(node), Some(served)) = (local, served) {
        let (directory, mounts, sockets) = got.take(served);
        let check = checks.on(node, "serves", format!("it serves {path} from its own disk"));
        match (&directory, &mounts, &sockets) {
            (Known(directory), Known(mounts), Known(sockets)) => check.is(match amiss(path, directory, mounts, sockets) {
                None => warned("it does; while it is down, nobody has the shared directory"),
                Some(words) => failed(words),
            }),
            (Unknown(problem), ..) | (_, Unknown(problem), _) | (.., Unknown(problem)) => check.unanswered(problem),
        }
    }

    // Who serves it sees the same files.
    let all: Vec<&Node> = clients.iter().copied().chain(local).collect();
    checks.witness("shared", format!("what one node writes to {path} the others read"), all.iter().copied(), path);
    // A server may let one node write as root and not another.
    for node in all.iter().skip(1) {
        checks.witness(format!("written-by-{}", node.name), format!("{} writes to {path} as root", node.name), [*node, all[0]], path);
    }
}

fn proof_of_server(cluster: &Cluster<Config>, share: &Share, node: &Node, reached: &[Look<Reachability>], checks: &mut Checks) {
    let server = &cluster.config.server;
    let check = checks.on(node, "server", format!("{server} answers"));
    if let Some(problem) = reached.iter().find_map(|look| if let Unknown(problem) = look { Some(problem) } else { None }) {
        return check.unanswered(problem);
    }
    let bad: Vec<String> = share
        .ports
        .iter()
        .zip(reached)
        .filter_map(|(port, look)| match look {
            Known(Reachability::Refused) => Some(format!("nobody listens on port {port}")),
            Known(Reachability::Silent) => Some(format!("no answer from port {port}")),
            _ => None,
        })
        .collect();
    if bad.is_empty() {
        let ports: Vec<String> = share.ports.iter().map(ToString::to_string).collect();
        check.passed(format!("on port {}", ports.join(" and ")));
    } else {
        check.failed(bad.join("; "));
    }
}

fn mounted(cluster: &Cluster<Config>, share: &Share, path: &str, mounts: &[Mounted], directory: Option<&Look<Option<DirectoryFact>>>) -> Finding {
    let Some(found) = mounts.at(path).filter(|found| found.live) else { return failed("nothing is mounted there") };
    if !is_ours(found, share) {
        return failed(format!("{} ({}) is mounted there, wanted is {}", found.source, found.fstype, share.source));
    }
    let differences = differences(found, share, cluster.config.locks());
    if !differences.is_empty() {
        return failed(format!("it is mounted otherwise: {}", differences.join("; ")));
    }
    match directory {
        Some(Known(Some(_))) => passed(format!("{} version {} from {}", found.fstype, share.version, found.source)),
        // It hangs in the table of mounts, and whoever looks into it gets an error: a stale handle.
        Some(Unknown(problem)) => failed(format!("it is mounted, but cannot be read: {}. {}", problem.message, stale(path))),
        Some(Known(None)) => failed(format!("it is mounted, but cannot be read. {}", stale(path))),
        None => failed("it is mounted, but the server does not answer: whoever looks into it waits"),
    }
}

/// What to do about a stale handle.
fn stale(path: &str) -> String {
    format!("Put back what the server exported, then `arcus verify`; if that is gone for good, stop who uses it here, `umount -l {path}`, and `arcus apply`")
}

fn noted(share: &Share, path: &str, mounts: &[Mounted]) -> Finding {
    let line = mounts.iter().find(|mounted| mounted.target == path && mounted.fstab.is_some());
    match line.map(|mounted| (mounted, mounted.fstab.as_ref())) {
        None => failed(format!("fstab has no line for {path}")),
        Some((mounted, _)) if mounted.source != share.source => failed(format!("fstab says {}, wanted is {}", mounted.source, share.source)),
        Some((_, Some(found))) if *found != share.options => failed(format!("fstab says {}, wanted is {}", found.join(","), share.options.join(","))),
        Some(_) => passed(format!("from {}", share.source)),
    }
}

/// Kernels since 3.1 add slots as they need them, so a small number costs speed at most.
fn slots_of(slots: Option<&str>) -> Finding {
    match slots.map(|slots| slots.trim().parse::<u32>()) {
        Some(Ok(slots)) if slots >= SLOTS => passed(format!("{slots}")),
        Some(Ok(slots)) => warned(format!("{slots}, wanted are {SLOTS}: the module was loaded before its settings were written; a reboot mends it")),
        _ => warned("this kernel does not tell"),
    }
}
