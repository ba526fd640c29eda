//! The plugin's section of the cluster file, and what can be wrong with it before any node is asked.

use crate::member;
use crate::version::Version;
use arcus_sdk::prelude::*;
use std::net::IpAddr;

/// The plugin's section of the cluster file.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Line of Rainbond.
    pub version: Version,
    /// Manager that is installed first; the first of the file when absent.
    pub init_node: Option<String>,
    /// The installer.
    #[serde(default)]
    pub grctl: Grctl,
    /// External address of the first manager.
    pub eip: Option<String>,
    /// Default domain of applications.
    pub domain: Option<String>,
    /// Name of the data centre in the console.
    #[serde(default = "rainbond")]
    pub region: String,
    /// Where the installer takes its packages from.
    #[serde(default)]
    pub install: Source,
    /// What an offline installation is unpacked from; absent: the operator has unpacked it.
    pub bundle: Option<Bundle>,
    /// A database of the operator's instead of Rainbond's own.
    pub database: Option<Outside>,
    /// Secrets that may be on a command line of the installer.
    pub accept_argv_secret: Option<ArgvSecret>,
    /// Whether the installer checks the machine itself.
    #[serde(default = "yes")]
    pub installer_checks: bool,
    /// Seconds that things may take.
    #[serde(default)]
    pub timeouts: Timeouts,
}

/// Which installer, and from where.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grctl {
    /// Lower-case hex.
    pub sha256: Option<String>,
    /// The first manager fetches it from there. Absent: it is an artifact of the operator.
    pub url: Option<String>,
}

/// The bundle of an offline installation.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// On the first manager.
    pub path: String,
    /// Lower-case hex.
    pub sha256: String,
}

/// A database of the operator's.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// Where it is.
    pub host: String,
    /// Its port.
    #[serde(default = "mysql")]
    pub port: u16,
    /// Who is let in, with all rights.
    pub user: String,
}

/// A secret that may be on a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArgvSecret {
    /// The password of the operator's database.
    Exdb,
}

fn mysql() -> u16 {
    3306
}

/// Where the installer takes its packages from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The internet.
    #[default]
    Online,
    /// A bundle that was unpacked on the first manager.
    Offline,
}

impl Source {
    /// As `grctl init` wants it.
    pub fn word(self) -> &'static str {
        match self {
            Source::Online => "online",
            Source::Offline => "offline",
        }
    }
}

/// Seconds that things may take.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// The first node.
    pub init: u32,
    /// Each other node.
    pub install: u32,
    /// From installed to healthy.
    pub healthy: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        // An hour is common for the first node on slow disks; health is reported minutes late.
        Timeouts { init: 7200, install: 3600, healthy: 600 }
    }
}

fn rainbond() -> String {
    "rainbond".into()
}

fn yes() -> bool {
    true
}

/// Every mistake that shows in the file alone.
pub fn mistakes(cluster: &Cluster<Config>) -> Vec<Problem> {
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
    found.extend(database_mistakes(config));
    if let Some(bundle) = &config.bundle
        && config.install != Source::Offline
    {
        let message = format!("{} is for an offline installation, and this one is online", bundle.path);
        found.push(problem("rainbond.bundle-online", message).at("/bundle").help("write install: offline, or leave out the bundle"));
    }
    found
}

fn database_mistakes(config: &Config) -> Vec<Problem> {
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
pub fn unusable_offers(cluster: &Cluster<Config>) -> Vec<Problem> {
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
