//! Which nodes Rainbond runs on, and in which of its roles.

use crate::config::Config;
use crate::role::{Role, Roles};
use arcus_sdk::contract::types::{Node, Role as FileRole};
use arcus_sdk::{Cluster, Explain};

/// The roles that a node of the file has in Rainbond.
pub fn roles(cluster: &Cluster<Config>, node: &Node) -> Roles {
    let mut roles = Roles::new();
    for role in &node.roles {
        match role {
            FileRole::Manage => roles.insert(Role::Manage),
            FileRole::Gateway => roles.insert(Role::Gateway),
            FileRole::Compute => roles.insert(Role::Compute),
            FileRole::Storage | FileRole::Network => false,
        };
    }
    if is_manager(node) {
        // Being one on every manager, 5.0 has no word for it.
        match cluster.config.version.gateway_on_every_manager() {
            true => drop(roles.remove(&Role::Gateway)),
            false if managers_are_gateways(cluster) => drop(roles.insert(Role::Gateway)),
            false => {}
        }
    }
    roles
}

/// Whether the managers are the gateways: where no node is named as one, or where nothing else is possible.
fn managers_are_gateways(cluster: &Cluster<Config>) -> bool {
    cluster.config.version.gateway_on_every_manager() || cluster.role(FileRole::Gateway).is_empty()
}

/// Managers, in the order of the file.
pub fn managers(cluster: &Cluster<Config>) -> Vec<&Node> {
    cluster.role(FileRole::Manage)
}

/// All nodes that Rainbond runs on, in the order of the file.
pub fn all(cluster: &Cluster<Config>) -> Vec<&Node> {
    cluster.any_role(&[FileRole::Manage, FileRole::Gateway, FileRole::Compute])
}

/// Nodes on which traffic comes in.
pub fn gateways(cluster: &Cluster<Config>) -> Vec<&Node> {
    let managers = managers_are_gateways(cluster);
    let is = |node: &&Node| node.roles.contains(&FileRole::Gateway) || (managers && is_manager(node));
    cluster.nodes.iter().filter(is).collect()
}

/// All but the first, in the order in which they join: managers, since the cluster is not whole without them; gateways; compute nodes.
pub fn joining<'a>(cluster: &'a Cluster<Config>, first: &Node) -> Vec<&'a Node> {
    let mut nodes: Vec<&Node> = all(cluster).into_iter().filter(|node| node.name != first.name).collect();
    nodes.sort_by_key(|node| match () {
        () if is_manager(node) => 0,
        () if !node.roles.contains(&FileRole::Compute) => 1,
        () => 2,
    });
    nodes
}

/// Whether it is a manager.
pub fn is_manager(node: &Node) -> bool {
    node.roles.contains(&FileRole::Manage)
}

/// Whether it runs applications.
pub fn is_compute(node: &Node) -> bool {
    node.roles.contains(&FileRole::Compute)
}

/// A gateway on a machine of its own that this patch of the tool cannot add.
pub fn cannot_add(cluster: &Cluster<Config>, patch: Option<u32>) -> Option<arcus_sdk::contract::types::Problem> {
    let alone = all(cluster).into_iter().find(|node| roles(cluster, node).iter().eq([&Role::Gateway]))?;
    let why = cluster.config.version.cannot_add_gateway(patch)?;
    let problem = arcus_sdk::problem("rainbond.gateway-alone", format!("{} is a gateway and nothing else: {why}", alone.name)).on(alone);
    Some(problem.help("make it a gateway on the managers, or give a newer installer"))
}
