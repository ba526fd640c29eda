//! A node that leaves: its tunnels go, and nothing makes them again. The others lose it with their next plan.

use crate::files::{CNI, FORWARDING, PEERS, UNIT};
use arcus_sdk::prelude::*;

/// The steps.
pub fn plan(node: &Node, plan: &mut Plan) {
    let cni = plan.absent("forget-cni", node, CNI).title("no pod is given to the network any more");
    let stopped = plan.service("stop", node, UNIT).stopped().disabled().after([&cni]);
    for (verb, path) in [("forget-unit", "/etc/systemd/system/arcus-vxlan.service"), ("forget-peers", PEERS), ("forget-forwarding", FORWARDING)] {
        plan.absent(verb, node, path).after([&stopped]);
    }
}
