//! The proof: every part of MidoNet is there, and the installer did not bring calico in its place.

use crate::{Config, few_network_nodes, hosts, parts};
use arcus_network::{found, installer};
use arcus_sdk::prelude::*;

/// All checks.
pub fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
    let hosts = hosts(cluster);
    let managers = cluster.role(Role::Manage);
    let mut batch = cluster.batch();
    let asked = parts::ask(cluster, &mut batch);
    let seats = batch.each(managers.iter().copied(), installer::asks());
    let search = found::search(cluster, &hosts, &mut batch);
    let mut got = batch.send();
    let parts = asked.take(cluster, &mut got);
    let seats = got.take(seats);

    let deployed = checks.of_cluster("deployed", "the installer did not bring calico in place of MidoNet");
    match installer::seat(managers.iter().map(|manager| (*manager, seats.of(manager))), "nothing of MidoNet") {
        Err(why) => deployed.unknown(why),
        Ok((first, file)) => deployed.judge(file, |file| match file.as_ref().and_then(installer::chosen).as_deref() {
            Some("calico") => failed(format!("calico is deployed on {}: that is what its installer makes of midonet", first.name)),
            _ => installer::is_deployed("midonet", first, file.as_ref()),
        }),
    }
    found::alone(checks, &found::others(cluster, &hosts, "midonet", search, &mut got));
    checks.of_cluster("network-nodes", "traffic can leave through two network nodes").is(match few_network_nodes(cluster) {
        None => passed(format!("{} of them", cluster.role(Role::Network).len())),
        Some(few) => warned(few),
    });
    for part in parts {
        let check = match &part.node {
            Some(node) => checks.on(node, part.id, part.title),
            None => checks.of_cluster(part.id, part.title),
        };
        match part.found {
            Ok(finding) => check.is(finding),
            Err(problem) => check.unanswered(&problem),
        }
    }
    Ok(())
}
