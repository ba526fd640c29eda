//! Preflight: can these machines become this cluster? The sizes that the guide asks for, and the facts that break installations in
//! practice: clocks, names, ports, networks, what the installer changes without asking.
//!
//! Everything is asked in one round. Each check names what was seen, what is wanted and what to do; one that fails can be relaxed in the
//! file by its id ([`CHECKS`]), which the host does.

mod changes;
mod clocks;
mod disks;
mod firewall;
mod names;
mod networks;
mod ports;
mod reach;
mod seen;
mod sizes;
mod system;

use arcus_sdk::prelude::*;
use seen::Seen;

/// Ids of the checks, for `preflight.relax`.
pub const CHECKS: [&str; 31] = [
    "answers",
    "cidr-overlap",
    "cpu",
    "disk-cache",
    "disk-data",
    "disk-docker",
    "disk-grlocaldata",
    "disk-opt-rainbond",
    "disk-room",
    "disk-root",
    "disk-type",
    "dns",
    "docker-network",
    "firewalld",
    "hostname-resolves",
    "hostname-unique",
    "installer-changes",
    "kernel",
    "machine-id-unique",
    "memory",
    "os",
    "arch",
    "overcommit",
    "ports",
    "reach",
    "root",
    "selinux",
    "swap",
    "systemd",
    "time-offset",
    "time-sync",
];

/// The plugin has no settings: `preflight.relax` is the host's.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Config {}

/// The plugin.
pub struct Inspection;

impl Preflight for Inspection {
    type Config = Config;

    fn inspect(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        let mut batch = cluster.batch();
        let seen = batch.each(&cluster.nodes, seen::questions());
        let views = reach::views(cluster);
        let reached = batch.each_of(views.iter().map(|(node, views)| (*node, views.iter().map(reach::View::ask).collect::<Vec<_>>())));
        let mut got = batch.send();
        let seen = got.take(seen);
        let reached = got.take(reached);

        let mut answering: Vec<Seen<'_>> = Vec::new();
        for node in &cluster.nodes {
            let seen = Seen::of(node, seen.of(node).clone());
            // One line for a node that is silent, not one for each thing that is therefore not known of it.
            match seen.silence() {
                Some(problem) => checks.on(node, "answers", "the node answers").unanswered(problem),
                None => answering.push(seen),
            }
        }
        for seen in &answering {
            system::check(seen, checks);
            firewall::check(seen, checks);
            sizes::check(seen, checks);
            disks::check(seen, checks);
            ports::check(seen, checks);
            networks::check(cluster, seen, checks);
        }
        clocks::check(&answering, checks);
        names::check(&answering, checks);
        for (node, views) in &views {
            if answering.iter().any(|seen| seen.node.name == node.name) {
                reach::check(node, views, reached.of(node), checks);
            }
        }
        changes::check(&answering, checks);
        Ok(())
    }
}

arcus_sdk::export!(preflight: Inspection);
