//! Proof: daemons, who is connected, how many copies there are, and the mounts, each as it is and not as it was ordered.

use crate::layout::Layout;
use crate::{Config, master, mounting, servers};
use arcus_sdk::{Finding, prelude::*};

/// Seconds in which copies that a node missed are usually made good: the master waits for it, and then makes others.
const HEAL: u32 = 300;

fn runs(unit: &str, service: Option<&ServiceFact>) -> Finding {
    match service {
        None => failed(format!("there is no {unit}")),
        Some(service) if !service.active => failed(format!("{unit} {}", if service.failed { "failed" } else { "does not run" })),
        Some(service) if service.stale => failed(format!("{unit} runs with what its files said before")),
        Some(service) if !service.enabled => failed(format!("{unit} runs, but is not started at boot")),
        Some(service) => passed(format!("for {} s", service.since_s)),
    }
}

/// All checks.
pub fn verify(cluster: &Cluster<Config>, layout: &Layout<'_>, checks: &mut Checks) {
    let shared = cluster.handed.demands.shared.as_ref().filter(|shared| shared.attach);
    let clients = shared.map(|shared| cluster.named(&shared.nodes)).unwrap_or_default();
    let path = shared.map(|shared| shared.path.clone()).unwrap_or_default();
    let address = layout.master.address.as_str();
    let mut batch = cluster.batch();
    let of_master = batch.one(
        layout.master,
        (probe::service_with(master::UNIT, [master::SETTINGS, master::EXPORTS]), probe::query("servers", [address]), probe::query("chunks", [address])),
    );
    let of_servers = batch.each(
        layout.servers.iter().copied(),
        (probe::service_with(servers::CHUNKS, [servers::SETTINGS, servers::DISKS]), probe::service_with(servers::LOGGER, [servers::LOGGER_SETTINGS])),
    );
    let of_clients = batch.each(clients.iter().copied(), (probe::mounts(), probe::directory(&path)));
    let copies = clients.first().map(|node| batch.one(node, probe::query("copies", [path.as_str()])));
    let mut got = batch.send();
    let ((service, connected, chunks), of_servers, of_clients) = (got.take(of_master), got.take(of_servers), got.take(of_clients));
    let copies = copies.map(|ticket| got.take(ticket));

    checks.on(layout.master, "master", "the master runs, also after a boot").judge(&service, |service| runs(master::UNIT, service.as_ref()));
    let known = connected.known().and_then(servers::connected);
    for node in &layout.servers {
        let (chunks, logger) = of_servers.of(node);
        checks.on(node, "chunks", "the chunk server runs, also after a boot").judge(chunks, |service| runs(servers::CHUNKS, service.as_ref()));
        if node.name != layout.master.name {
            checks.on(node, "logger", "the master's changes are logged").judge(logger, |service| runs(servers::LOGGER, service.as_ref()));
        }
        // The master says it, but a node that is silent to us is not called well by others.
        let check = checks.on(node, "connected", "the master has its chunk server");
        match (&connected, chunks) {
            (Unknown(problem), _) | (_, Unknown(problem)) => check.unanswered(problem),
            (Known(output), Known(_)) => match &known {
                None => check.failed(servers::complaint(output)),
                Some(found) if found.contains(&node.address) => check.passed(format!("{} of {}", found.len(), layout.servers.len())),
                Some(_) => check.pending(30, "it is not connected"),
            },
        }
    }
    checks.of_cluster("whole", "every file has its copies").judge(&chunks, |output| match servers::lacking(output) {
        None => failed(servers::complaint(output)),
        Some((0, 0)) => passed("no chunk lacks one"),
        Some((few, 0)) => pending(HEAL, format!("{few} chunks have fewer than they should")),
        Some((_, none)) => failed(format!("{none} chunks have none that can be read")),
    });
    if let Some(copies) = copies {
        checks.of_cluster("copies", format!("new files have {} copies", cluster.config.copies)).judge(&copies, |output| match mounting::copies(output) {
            Some(found) if found == cluster.config.copies => passed(format!("{found} copies")),
            Some(found) => failed(format!("they have {found}")),
            None => failed(servers::complaint(output)),
        });
    }
    for node in &clients {
        let (mounts, directory) = of_clients.of(node);
        mounted(layout, node, &path, mounts, directory, checks);
    }
    if !clients.is_empty() {
        checks.witness("shared", format!("what one node writes to {path} the others read"), clients.iter().copied(), path);
    }
}

fn mounted(layout: &Layout<'_>, node: &Node, path: &str, mounts: &Look<Vec<Mounted>>, directory: &Look<Option<DirectoryFact>>, checks: &mut Checks) {
    let source = layout.source();
    checks.on(node, "mounted", format!("{path} is {source}")).judge(mounts, |mounts| match (mounts.at(path), directory) {
        (Some(found), _) if found.live && !mounting::is_ours(layout, found) => failed(format!("{} ({}) is mounted there", found.source, found.fstype)),
        (Some(found), Known(Some(_))) if found.live => passed(format!("{} from {}", found.fstype, found.source)),
        // It hangs in the table of mounts, and whoever looks into it gets an error.
        (Some(found), Unknown(problem)) if found.live => failed(format!("it is mounted, but cannot be read: {}", problem.message)),
        (Some(found), Known(None)) if found.live => failed("it is mounted, but cannot be read"),
        _ => failed("nothing is mounted there"),
    });
    checks.on(node, "fstab", format!("{path} is mounted again after a boot")).judge(mounts, |mounts| {
        match mounts.iter().find(|mounted| mounted.target == path && mounted.fstab.is_some()) {
            None => failed(format!("fstab has no line for {path}")),
            Some(mounted) if mounted.source != source => failed(format!("fstab says {}, wanted is {source}", mounted.source)),
            Some(mounted) if mounted.fstab.as_ref() != Some(&layout.options()) => failed(format!("fstab says {}, wanted is {}", mounted.fstab.clone().unwrap_or_default().join(","), layout.options().join(","))),
            Some(_) => passed(format!("from {source}")),
        }
    });
}
