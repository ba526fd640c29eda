//! A node that keeps the volume, which is in use, and from now on is to use it too: another role for a live node. Neither its disks nor its
//! services were made for that, and the platform's installer would change both beneath the bricks.

use crate::config::Config;
use crate::mounting;
use arcus_sdk::prelude::*;

/// So many of those who use the volume are asked what is in it.
const ENOUGH: usize = 3;
/// Gluster has a folder of its own at the root of each volume.
const OWN: u64 = 1;

/// `clients`: who shall use the volume, and what is mounted there; `keepers`: who keeps it.
pub fn changed(cluster: &Cluster<Config>, shared: &SharedDirectory, clients: &[(&Node, &Look<Vec<Mounted>>)], keepers: &[&Node]) -> Vec<Problem> {
    let path = &shared.path;
    let keeps = |node: &Node| keepers.iter().any(|keeper| keeper.name == node.name);
    let has_nothing = |mounts: &Look<Vec<Mounted>>| mounts.is_known_and(|mounts| matches!(mounting::found(path, mounts), (None, None)));
    let has_it = |mounts: &Look<Vec<Mounted>>| mounts.is_known_and(|mounts| mounting::found(path, mounts).0.is_some_and(|live| mounting::is_ours(cluster, live)));
    let suspects: Vec<&Node> = clients.iter().filter(|(node, mounts)| keeps(node) && has_nothing(mounts)).map(|(node, _)| *node).collect();
    if suspects.is_empty() {
        return Vec::new();
    }
    // In a first build that was cut off nobody has written anything; where the platform is on the node already, its mount was lost.
    let mut batch = cluster.batch();
    let users = clients.iter().filter(|(_, mounts)| has_it(mounts)).map(|(node, _)| *node).take(ENOUGH);
    let held = batch.each(users, probe::directory(path.as_str()));
    let units = batch.each_of(suspects.iter().map(|node| {
        let of_roles = shared.users.iter().filter(|(role, _)| node.roles.contains(role));
        (*node, of_roles.map(|(_, unit)| probe::service(unit.as_str())).collect::<Vec<_>>())
    }));
    let mut got = batch.send();
    let (held, units) = (got.take(held), got.take(units));
    let in_use = held.known().any(|(_, held)| held.as_ref().is_some_and(|held| held.entries > OWN));
    let is_new = |node: &&Node| units.of(node).iter().all(|unit| unit.is_known_and(Option::is_none));
    suspects.into_iter().filter(|node| in_use && is_new(node)).map(|node| told(cluster, node, path)).collect()
}

fn told(cluster: &Cluster<Config>, node: &Node, path: &str) -> Problem {
    let volume = &cluster.config.volume;
    let message = format!("{} keeps the volume {volume}, which is in use, and the file makes it a node that uses it as well: roles of a live node are not changed", node.name);
    problem("gluster.role-changed", message).on(node).help(format!(
        "give it its old roles back, and take another machine for the new one; if it was to be both from the first, and only its mount failed, mount it there: `mount -t glusterfs {}:/{volume} {path}`, then `arcus apply`",
        node.address
    ))
}
