//! The shared directory on a node that lets go of it: whoever has something open there is waited for, by name.

use crate::{Case, Cluster, Judged, Plan, met, probe, unmet};
use arcus_contract::facts::Holder;
use arcus_contract::types::Node;

/// Until whoever uses it must be through.
const PATIENCE_S: u32 = 180;
/// How many are named.
const NAMED: usize = 5;

/// What a storage plans for a node that leaves the cluster ([`crate::Plugin::leave`]): once nobody there has anything open (the step
/// `released`, which [`is_released`] judges), it is unmounted, live and in fstab. Nothing on a node that does not use it.
pub fn leave<C>(cluster: &Cluster<C>, node: &Node, plan: &mut Plan) {
    let Some(shared) = cluster.handed.demands.shared.as_ref().filter(|shared| shared.nodes.contains(&node.name)) else { return };
    let path = shared.path.as_str();
    let released = plan.wait("released", node, [probe::holders(path).on(node)], &format!("nobody has anything open below {path}"), PATIENCE_S);
    plan.unmount("unmount", node, path).after([&released]);
}

/// Judges a wait whose only request is [`probe::holders`]: nobody has anything open any more.
pub fn is_released<C>(_: &Cluster<C>, case: &Case<'_>) -> Judged {
    match case.get::<Vec<Holder>>(0)?.as_slice() {
        [] => met(),
        holders => unmet(in_use_by(holders)),
    }
}

/// Who has something open, in words.
pub fn in_use_by(holders: &[Holder]) -> String {
    let one = |holder: &Holder| {
        let unit = holder.unit.as_ref().map(|unit| format!(" of {unit}")).unwrap_or_default();
        format!("{}{unit} (pid {}{})", holder.command, holder.pid, if holder.writing { ", writing" } else { "" })
    };
    let more = if holders.len() > NAMED { format!(" and {} more", holders.len() - NAMED) } else { String::new() };
    format!("still in use by {}{more}", holders.iter().take(NAMED).map(one).collect::<Vec<_>>().join(", "))
}
