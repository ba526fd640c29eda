//! What can be wrong before any node is asked: with the plugin's section, and with what the other plugins offer.

use crate::config::{ArgvSecret, Config, Source};
use crate::member;
use arcus_sdk::prelude::*;
use std::net::IpAddr;

/// Every one that shows without a look at any node.
pub fn all(cluster: &Cluster<Config>) -> Vec<Problem> {
    let mut found = in_file(cluster);
    found.extend(in_offers(cluster));
    found
}

fn in_file(cluster: &Cluster<Config>) -> Vec<Problem> {
    let config = &cluster.config;
    let mut found = Vec::new();
    if config.grctl.url.is_some() && config.grctl.sha256.is_none() {
        found.push(
            problem("rainbond.grctl-digest", "an installer that is fetched from a url needs its sha256")
                .at("/grctl/url")
                .help("write grctl.sha256, from where the installer is published, or from a copy you trust"),
        );
    }
    if let Some(eip) = &config.eip
        && eip.parse::<IpAddr>().is_err()
    {
        found.push(problem("rainbond.eip", format!("{eip} is not an address")).at("/eip").help("write it without a prefix length"));
    }
    let first = match &config.init_node {
        Some(name) => match cluster.node(name) {
            None => {
                found.push(problem("rainbond.init-node", format!("the cluster has no node {name}")).at("/init-node"));
                None
            }
            Some(node) if !node.roles.contains(&Role::Manage) => {
                let message = format!("{name} is no manager, and the first node must be one");
                found.push(problem("rainbond.init-node", message).at("/init-node").help("name a node with the role manage"));
                None
            }
            Some(node) => Some(node),
        },
        None => member::managers(cluster).first().copied(),
    };
    for node in &cluster.nodes {
        let roles = member::roles(cluster, node);
        // The first node is not added, and may be more than others may.
        let is_first = first.is_some_and(|first| first.name == node.name);
        if let Some(why) = config.version.cannot_add(&roles).filter(|_| !is_first) {
            found.push(problem("rainbond.roles", format!("{}: {why}", node.name)).on(node).help("give these roles to nodes of their own"));
        }
    }
    found.extend(in_database(config));
    if let Some(bundle) = &config.bundle
        && config.install != Source::Offline
    {
        let message = format!("{} is for an offline installation, and this one is online", bundle.path);
        found.push(problem("rainbond.bundle-online", message).at("/bundle").help("write install: offline, or leave out the bundle"));
    }
    found
}

fn in_database(config: &Config) -> Vec<Problem> {
    if config.database.is_none() {
        return match config.accept_argv_secret {
            Some(_) => vec![problem("rainbond.argv-secret", "there is no secret to accept on a command line").at("/accept-argv-secret").help("leave it out")],
            None => Vec::new(),
        };
    }
    let mut found = Vec::new();
    if !config.version.takes_outside_database() {
        let message = format!("Rainbond {} knows no other database than its own", config.version);
        found.push(problem("rainbond.database-version", message).at("/database").help("use version \"5.1\", or leave out the database"));
    }
    if config.accept_argv_secret != Some(ArgvSecret::Exdb) {
        let message = "the installer takes the password of the database as an argument, which everybody on the first manager can see while it runs, and leaves it in global.sh and in the arguments of services";
        found.push(
            problem("rainbond.argv-secret", message)
                .at("/database")
                .help("accept it by writing accept-argv-secret: exdb beside it, and give the cluster a database user of its own"),
        );
    }
    found
}

/// What the other plugins offer and this version of Rainbond cannot use.
fn in_offers(cluster: &Cluster<Config>) -> Vec<Problem> {
    let Some(network) = &cluster.handed.network else { return Vec::new() };
    match network.kind.as_str() {
        "calico" | "flannel" if network.by_platform => Vec::new(),
        kind if network.by_platform => vec![
            problem("rainbond.network", format!("the installer knows no network {kind}: it would install calico and say nothing"))
                .help("use calico or flannel"),
        ],
        kind => vec![
            problem("rainbond.network", format!("the installer always brings a network of its own, beside which {kind} cannot run"))
                .help("use calico or flannel"),
        ],
    }
}
