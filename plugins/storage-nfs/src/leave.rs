//! A node that leaves the cluster: the share is unmounted there.

use crate::config::Config;
use arcus_sdk::prelude::*;

/// The steps.
pub fn plan(cluster: &Cluster<Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
    let Some(shared) = cluster.handed.demands.shared.as_ref().filter(|shared| shared.nodes.contains(&node.name)) else { return Ok(()) };
    unmount(node, &shared.path, plan);
    Ok(())
}

/// Nobody uses it any more, then it is gone, live and in fstab.
fn unmount(node: &Node, path: &str, plan: &mut Plan) {
    let released = plan.wait("released", node, [probe::holders(path).on(node)], &format!("nobody has anything open below {path}"), 180);
    plan.unmount("unmount", node, path).after([&released]);
}

/// Judges `released`.
pub fn is_released(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Vec<Holder>>(0)?.first() {
        Some(holder) => unmet(format!("{} (process {}) has something open", holder.command, holder.pid)),
        None => met(),
    }
}
