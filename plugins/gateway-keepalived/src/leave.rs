//! A gateway that leaves: keepalived stops there, and another holds the address.

use crate::conf;
use crate::config::Config;
use crate::ring::Ring;
use arcus_sdk::prelude::*;

/// The steps, for every group that the node is in.
pub fn plan(cluster: &Cluster<Config>, rings: &[Ring], node: &Node, plan: &mut Plan) -> Result<(), Problem> {
    let Some(ring) = rings.iter().find(|ring| ring.nodes().any(|member| member.name == node.name)) else { return Ok(()) };
    let others: Vec<&Node> = ring.nodes().filter(|member| member.name != node.name).collect();
    if others.is_empty() {
        let message = format!("{} is the only one that holds {}", node.name, ring.address());
        return Err(problem("vrrp.last-one", message).on(node).help("add another one first"));
    }
    let unit = cluster.ask_one(node, probe::service(conf::UNIT));
    // Where it never ran there is nothing to stop.
    if unit.is_known_and(Option::is_none) {
        return Ok(());
    }
    plan.service("leave", node, conf::UNIT)
        .stopped()
        .disabled()
        .until(probe::interfaces().on_each(others), format!("another {} holds {}", ring.member(), ring.address()), 30)
        .title(format!("stop keepalived: {} takes the address no more", node.name))
        .known(&unit);
    Ok(())
}
