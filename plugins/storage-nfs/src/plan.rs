//! What should be: the client, the share mounted live and in fstab, and proof that root and locks are what they must be.

use crate::config::{Config, Preset};
use crate::mounting::{self, TYPE, differences, is_ours};
use crate::share::{self, Share};
use crate::witness;
use arcus_sdk::prelude::*;

/// Read when the module is loaded: by the client's package, or the first mount.
const SLOTS_FILE: &str = "/etc/modprobe.d/arcus-nfs.conf";
/// Requests that may be under way to the server at once; older kernels have 2, or 16.
pub const SLOTS: u32 = 128;

/// What was seen on a node that is to mount the share.
struct Client<'a> {
    node: &'a Node,
    os: Look<Os>,
    mounts: Look<Vec<Mounted>>,
    folder: Look<Option<DirectoryFact>>,
    reached: Vec<Look<Reachability>>,
}

/// Nodes that mount the share, and the one that serves it itself, if a node does.
pub fn members<'a>(cluster: &'a Cluster<Config>, share: &Share, shared: &SharedDirectory) -> (Vec<&'a Node>, Option<&'a Node>) {
    let (local, clients): (Vec<_>, Vec<_>) = cluster.named(&shared.nodes).into_iter().partition(|node| share.local.as_ref() == Some(&node.name));
    (clients, local.into_iter().next())
}

/// All that should be so; problems where something else is in the way.
pub fn plan(cluster: &Cluster<Config>, share: &Share, plan: &mut Plan) {
    let Some(shared) = &cluster.handed.demands.shared else { return };
    let (nodes, local) = members(cluster, share, shared);
    let clients = look(cluster, share, shared, &nodes);
    for client in &clients {
        refuse(cluster, share, shared, client, plan);
    }
    if let Some(node) = local {
        let message = format!("{} is the server: while it is down, nobody has the shared directory", node.name);
        plan.warn(problem("nfs.server-is-node", message).at("/server").help("a server of its own, a NAS or GlusterFS bears the loss of a manager"));
        plan.wait("serves", node, serving(&shared.path, node), "it has the directory, and serves NFS", 10)
            .provides(milestone::STORAGE_READY)
            .provides(milestone::STORAGE_MOUNTED);
    }

    let mut mounts = Vec::new();
    for client in &clients {
        let node = client.node;
        let mut before = Vec::new();
        if cluster.config.preset == Preset::Nas {
            let text = format!("# Requests to an NFS server that may be under way at once.\noptions sunrpc tcp_slot_table_entries={SLOTS}\n");
            before.push(plan.file("slots", node, file(SLOTS_FILE).content(text)));
        }
        // The package may load the module itself.
        before.push(plan.software("client", node, Software::NfsClient, &client.os).after(&before).provides(milestone::STORAGE_READY).provides(milestone::STORAGE_CLIENT));
        if shared.attach {
            mounts.push(
                plan.mount("mount", node, mount(&share.source, &shared.path, TYPE).options(&share.options))
                    .until([probe::mounts().on(node)], format!("{} is {}", shared.path, share.source), 20)
                    .after(&before),
            );
        }
    }
    if shared.attach {
        witness::plan(cluster, &nodes, &mounts, plan);
    }
}

/// Who looks into a mount whose server is gone hangs, and with it all else that is asked of the node: only where it answers.
pub fn is_alive(reached: &[Look<Reachability>]) -> bool {
    reached.first().is_some_and(|look| look.is_known_and(|how| *how == Reachability::Open))
}

/// Two asks: the second looks into the mounts of those that have one.
fn look<'a>(cluster: &'a Cluster<Config>, share: &Share, shared: &SharedDirectory, nodes: &[&'a Node]) -> Vec<Client<'a>> {
    let reach: Vec<_> = share.ports.iter().map(|port| probe::reach(cluster.config.server.as_str(), *port)).collect();
    let mut batch = cluster.batch();
    let seen = batch.each(nodes.iter().copied(), (probe::os(), probe::mounts()));
    let reached = batch.each(nodes.iter().copied(), reach);
    let mut got = batch.send();
    let (seen, reached) = (got.take(seen), got.take(reached));
    let has_it = |node: &Node| seen.of(node).1.is_known_and(|mounts| mounts.at(&shared.path).is_some_and(|found| is_ours(found, share)));
    let folders = cluster.ask_each(nodes.iter().copied().filter(|node| has_it(node) && is_alive(reached.of(node))), witness::ask());
    let client = |node: &&'a Node| {
        let (os, mounts) = seen.of(node).clone();
        let folder = folders.get(&node.name).cloned().unwrap_or(Known(None));
        Client { node, os, mounts, folder, reached: reached.of(node).clone() }
    };
    nodes.iter().map(client).collect()
}

/// What is in the way on a node, all of it.
fn refuse(cluster: &Cluster<Config>, share: &Share, shared: &SharedDirectory, client: &Client, plan: &mut Plan) {
    let (node, path) = (client.node, &shared.path);
    let Known(mounts) = &client.mounts else { return };
    let live = mounts.at(path).filter(|mounted| mounted.live);
    let noted = mounts.iter().find(|mounted| mounted.target == *path && !mounted.live && mounted.fstab.is_some());
    match live {
        Some(mounted) if !is_ours(mounted, share) => {
            let message = format!("{path} on {} is {} ({}), wanted is {} ({TYPE})", node.name, mounted.source, mounted.fstype, share.source);
            let help = "mounting something else moves no data: what is there is moved with `arcus migrate`; if nobody needs it, unmount it and take its line out of /etc/fstab";
            plan.problem(problem("nfs.other-mounted", message).on(node).help(help));
            return;
        }
        Some(mounted) => {
            let differences = differences(mounted, share, cluster.config.locks());
            if !differences.is_empty() {
                let message = format!("{path} on {} is mounted otherwise: {}", node.name, differences.join("; "));
                let help = format!("what is in use is not mounted anew: stop who uses it, `umount {path}`, and apply again");
                plan.problem(problem("nfs.mounted-otherwise", message).on(node).help(help));
            }
            if let Some(problem) = witness::squashed(share, node, &client.folder) {
                plan.problem(problem);
            }
        }
        None => refuse_unreached(cluster, share, client, plan),
    }
    if let Some(line) = noted.filter(|line| line.source != share.source || !matches!(line.fstype.as_str(), "nfs" | "nfs4")) {
        let message = format!("fstab of {} has {} ({}) for {path}, wanted is {} ({TYPE})", node.name, line.source, line.fstype, share.source);
        let help = "if nobody needs it any more, take that line out of /etc/fstab; else it is moved with `arcus migrate`";
        plan.problem(problem("nfs.other-in-fstab", message).on(node).help(help));
    }
}

/// Once mounted, a server that is away for a while is a matter of `verify`: it holds up no plan.
fn refuse_unreached(cluster: &Cluster<Config>, share: &Share, client: &Client, plan: &mut Plan) {
    let server = &cluster.config.server;
    for (port, reached) in share.ports.iter().zip(&client.reached) {
        let how = match reached {
            Known(Reachability::Refused) => "nobody listens there",
            Known(Reachability::Silent) => "there is no answer",
            Known(Reachability::Open) | Unknown(_) => continue,
        };
        let what = if *port == 111 { "which NFS 3 needs to find the rest" } else { "which is NFS" };
        let message = format!("{} does not reach port {port} of {server}, {what}: {how}", client.node.name);
        let help = "start the server, open its ports to all nodes (a NAS: security group and permission group), or correct `server`";
        plan.problem(problem("nfs.unreachable", message).on(client.node).at("/server").help(help).retryable());
        return;
    }
}

/// Judges `mount`: live, of this type, from this source, in the way that matters.
pub fn is_mounted(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let Some(shared) = &cluster.handed.demands.shared else { return unmet("nobody wants a shared directory") };
    let share = match share::read(cluster) {
        Ok(share) => share,
        Err(problems) => return problems.into_iter().next().map_or_else(|| unmet("the file has mistakes"), will_fail),
    };
    match case.get::<Vec<Mounted>>(0)?.at(&shared.path) {
        Some(found) if is_ours(found, &share) => match differences(found, &share, cluster.config.locks()).as_slice() {
            [] => met(),
            differences => unmet(differences.join("; ")),
        },
        Some(found) if found.live => unmet(format!("{} ({}) is mounted there", found.source, found.fstype)),
        _ => unmet("nothing is mounted there"),
    }
}

/// What tells that a node serves the directory itself.
fn serving(path: &str, node: &Node) -> [Request; 3] {
    [probe::directory(path).on(node), probe::mounts().on(node), probe::sockets().on(node)]
}

/// Judges `serves`.
pub fn is_served(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let Some(shared) = &cluster.handed.demands.shared else { return unmet("nobody wants a shared directory") };
    match amiss(&shared.path, case.get::<Option<DirectoryFact>>(0)?, case.get::<Vec<Mounted>>(1)?, case.get::<Vec<Socket>>(2)?) {
        None => met(),
        Some(words) => unmet(words),
    }
}

/// What is wrong with the directory on the node that serves it.
pub fn amiss(path: &str, directory: &Option<DirectoryFact>, mounts: &[Mounted], sockets: &[Socket]) -> Option<String> {
    if directory.is_none() {
        return Some(format!("there is no directory {path}"));
    }
    if let Some(found) = mounts.at(path).filter(|found| found.live && mounting::is_remote(found)) {
        return Some(format!("{path} comes from elsewhere: {} ({})", found.source, found.fstype));
    }
    sockets.tcp(2049).is_none().then(|| "it does not serve NFS: nobody listens on port 2049".into())
}
