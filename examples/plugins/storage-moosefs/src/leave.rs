//! A node that leaves the cluster: the directory is unmounted there. One that keeps chunks, or the names, does not leave by itself.

use crate::Config;
use crate::layout;
use arcus_sdk::prelude::*;

/// The steps. `Err`: it keeps files, and how it is taken out by hand.
pub fn plan(cluster: &Cluster<Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
    let layout = layout::read(cluster).map_err(|mut problems| problems.swap_remove(0))?;
    if layout.servers.iter().any(|server| server.name == node.name) {
        let (what, how) = if node.name == layout.master.name {
            ("is the master", "move the master first, as the README of this plugin says")
        } else {
            ("keeps chunks of files", "mark its disk for removal (a `*` before its line in /etc/mfs/mfshdd.cfg, then reload moosefs-chunkserver), wait until `mfscli -SIC` tells of no chunk below its goal, stop it, then write another node into the file")
        };
        return Err(problem("moosefs.storage-stays", format!("{} {what}: taking it out puts files at risk, so it is done by hand", node.name)).on(node).help(how));
    }
    if let Some(shared) = cluster.handed.demands.shared.as_ref().filter(|shared| shared.nodes.contains(&node.name)) {
        let path = shared.path.as_str();
        let released = plan.wait("released", node, [probe::holders(path).on(node)], &format!("nobody has anything open below {path}"), 180);
        plan.unmount("unmount", node, path).after([&released]);
    }
    Ok(())
}

/// Judges `released`.
pub fn is_released(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Vec<arcus_sdk::contract::facts::Holder>>(0)?.first() {
        Some(holder) => unmet(format!("{} (process {}) has something open", holder.command, holder.pid)),
        None => met(),
    }
}
