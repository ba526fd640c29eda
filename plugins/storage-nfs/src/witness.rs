//! What root leaves on the share, once: a folder of its own, that shows whether the server takes root for nobody, and in it a file to lock.

use crate::config::Config;
use crate::share::{self, Share};
use arcus_sdk::prelude::*;

/// Root's folder on the share.
pub const FOLDER: &str = "/grdata/.arcus";
/// What makes it, unless it is there since before this mount. Not an action that sets the owner: who owns what root makes is the question.
const MAKE: [&str; 4] = ["mkdir", "--parents", "--mode=0700", FOLDER];
/// What locks, and makes the file for it.
const LOCK: [&str; 5] = ["flock", "--timeout", "10", "/grdata/.arcus/lock", "true"];

/// A client may believe for a minute that a folder is not there which another has made: acdirmax of nfs(5).
const SEEN_S: u32 = 90;

/// What is asked of a node about the folder.
pub fn ask() -> Ask<Option<DirectoryFact>> {
    probe::directory(FOLDER)
}

/// What is asked of a node about locks.
pub fn ask_lock() -> Ask<Output> {
    probe::query("lock", [])
}

/// The node that makes the folder. Always the same; a manager, as these come first and stay.
pub fn writer<'a>(clients: &[&'a Node]) -> Option<&'a Node> {
    clients.iter().copied().min_by_key(|node| (!node.roles.contains(&Role::Manage), &node.name))
}

/// Steps that prove what the platform relies on, after the mounts; what comes last on a node provides `storage.mounted`.
pub fn plan(cluster: &Cluster<Config>, clients: &[&Node], mounts: &[Planned], plan: &mut Plan) {
    let Some(writer) = writer(clients) else { return };
    let place = clients.iter().position(|node| node.name == writer.name).unwrap_or_default();
    let made = plan
        .command("root", writer, MAKE)
        .until([ask().on(writer)], "what root makes on the share belongs to root", 5)
        .title(format!("make {FOLDER}, to see that root is root on the share"))
        .after([&mounts[place]]);
    for (node, mount) in clients.iter().zip(mounts) {
        let root = if node.name == writer.name {
            made.clone()
        } else {
            plan.wait("root", node, [ask().on(node)], "root reads what belongs to root on the share", SEEN_S).after([mount, &made])
        };
        if cluster.config.locks() {
            plan.command("lock", node, LOCK)
                .until([ask_lock().on(node)], "a file on the share can be locked", 10)
                .title("lock a file on the share")
                .after([&root])
                .provides(milestone::STORAGE_MOUNTED);
        } else {
            root.provides(milestone::STORAGE_MOUNTED);
        }
    }
}

/// Root is somebody else on the server, as far as this node sees the folder.
pub fn squashed(share: &Share, node: &Node, seen: &Look<Option<DirectoryFact>>) -> Option<Problem> {
    let message = match seen {
        Known(Some(folder)) if folder.owner != "root" => {
            format!("what root made on {} belongs to {} as {} sees it: the server takes root for somebody else", share.source, folder.owner, node.name)
        }
        Unknown(problem) if problem.code == "node.denied" => {
            format!("root of {} may not read root's folder {FOLDER} on {}: the server takes root for somebody else", node.name, share.source)
        }
        _ => return None,
    };
    let help = "export it with `no_root_squash` to all nodes (a NAS: permission group `no_squash`), and remove the folder .arcus on the server; the platform gives files to the users of its services. \
                With NFS 4 also an id mapping domain that differs shows as `nobody`";
    Some(problem("nfs.root-squash", message).on(node).help(help))
}

/// Judges `root`.
pub fn is_roots(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let share = match share::read(cluster) {
        Ok(share) => share,
        Err(problems) => return problems.into_iter().next().map_or_else(|| unmet("the file has mistakes"), will_fail),
    };
    let node = case.node()?;
    let seen = match case.raw(0) {
        Some((_, Err(problem))) => Unknown(problem.clone()),
        _ => Known(case.get::<Option<DirectoryFact>>(0)?.clone()),
    };
    if let Some(problem) = squashed(&share, node, &seen) {
        return will_fail(problem);
    }
    match seen {
        Known(Some(_)) => met(),
        Known(None) => unmet(format!("{FOLDER} is not there")),
        Unknown(problem) => unmet(format!("{} did not answer: {}", node.name, problem.message)),
    }
}

/// Judges `lock`.
pub fn is_locked(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let output = case.get::<Output>(0)?;
    if output.is_ok() { met() } else { unmet(refusal(output)) }
}

/// Why there is no lock.
pub fn refusal(output: &Output) -> String {
    let words = output.error_text();
    match words.trim().lines().last() {
        Some(line) if !line.is_empty() => line.to_owned(),
        _ => "somebody holds the lock, or the server's lock service does not answer".into(),
    }
}
