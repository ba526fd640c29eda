//! What Rainbond and etcd have and the file does not say. Nothing is changed on such nodes; every plan tells of them.

use crate::config::Config;
use crate::ring::Ring;
use crate::grctl::Listed;
use crate::member;
use crate::role::{Role, Roles};
use crate::seat::Seat;
use crate::leave;
use arcus_sdk::prelude::*;

/// Nodes that Rainbond lists and the file does not.
pub fn nodes<'n>(cluster: &Cluster<Config>, nodes: &'n [Listed]) -> Vec<&'n Listed> {
    nodes.iter().filter(|listed| !member::all(cluster).iter().any(|node| node.address == listed.ip)).collect()
}

/// Members of etcd that are no managers of the file, as number and address.
pub fn members(cluster: &Cluster<Config>, ring: &Ring<'_>) -> Vec<String> {
    let managers = member::managers(cluster);
    let Known(members) = &ring.members else { return Vec::new() };
    let strangers = members.iter().filter(|member| !managers.iter().any(|node| member.is(&node.address)));
    strangers.map(|member| format!("{} at {}", member.hex(), member.place())).collect()
}

/// A node as the operator should see it.
pub fn named(listed: &Listed) -> String {
    let host = if listed.host.is_empty() { "a node" } else { &listed.host };
    format!("{host} at {} ({}, {})", listed.ip, listed.roles_text, listed.status)
}

/// Findings, and what is refused: managers that are missing in the file, roles that are others.
pub fn plan(cluster: &Cluster<Config>, seat: &Seat<'_>, ring: &Ring<'_>, plan: &mut Plan) {
    if let Known(nodes) = &seat.nodes {
        for listed in self::nodes(cluster, nodes) {
            if listed.roles.contains(&Role::Manage) {
                plan.problem(
                    problem("rainbond.manager-left-out", format!("Rainbond has the manager {}, and the file does not", named(listed)))
                        .help(format!("put it back into the file; or take it out for good, by hand: {}", leave::by_hand(seat, ring, listed))),
                );
            } else if let Some(node) = cluster.nodes.iter().find(|node| node.address == listed.ip) {
                plan.problem(changed(node, listed, "in none of its roles"));
            } else {
                plan.warn(
                    problem("rainbond.unlisted-node", format!("Rainbond has {}, which the file does not have; nothing is changed on it", named(listed)))
                        .help("put it back into the file; to take it out for good, then run `arcus node remove NAME` and delete it again"),
                );
            }
        }
        for node in member::all(cluster) {
            roles(cluster, seat, nodes, node).into_iter().for_each(|problem| plan.problem(problem));
        }
    }
    let strangers = members(cluster, ring);
    // Those that Rainbond lists were told above.
    let listed = |text: &String| seat.nodes.is_known_and(|nodes| self::nodes(cluster, nodes).iter().any(|node| text.ends_with(&format!(" at {}", node.ip))));
    for stranger in strangers.iter().filter(|stranger| !listed(stranger)) {
        plan.warn(
            problem("rainbond.unlisted-member", format!("etcd has the member {stranger}, which is no manager of the file; it counts for the majority"))
                .on(seat.node)
                .help(format!("if it is a left-over, take it out on {}: `etcdctl member remove {}`", seat.node.name, stranger.split(' ').next().unwrap_or_default())),
        );
    }
}

/// A node that is there in other roles than the file says: no tool of Rainbond changes them.
fn roles(cluster: &Cluster<Config>, seat: &Seat<'_>, nodes: &[Listed], node: &Node) -> Option<Problem> {
    let listed = crate::grctl::at(nodes, &node.address).filter(|listed| listed.status.is_installed())?;
    let expected = member::roles(cluster, node);
    // 5.0 may list the gateway that every manager is, and 5.1 has one on the first.
    let may_be_gateway = cluster.config.version.gateway_on_every_manager() || node.name == seat.node.name;
    let also = may_be_gateway && expected.contains(&Role::Manage) && !expected.contains(&Role::Gateway);
    let found: Roles = listed.roles.iter().copied().filter(|role| !(also && *role == Role::Gateway)).collect();
    if found == expected {
        return None;
    }
    Some(changed(node, listed, &format!("as {}", cluster.config.version.add_roles(&expected))))
}

fn changed(node: &Node, listed: &Listed, wanted: &str) -> Problem {
    let message = format!("{} is in Rainbond as {}, and the file has it {wanted}: roles of a live node are not changed", node.name, listed.roles_text);
    problem("rainbond.role-changed", message).on(node).help(format!(
        "give it its old roles back; or take it out under them with `arcus node remove {}`, reinstall the machine, and add it with the new ones",
        node.name
    ))
}
