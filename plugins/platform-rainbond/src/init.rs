//! The one command that makes a cluster.

use crate::addresses::Addresses;
use crate::config::Config;
use crate::{console, member, paths};
use arcus_sdk::prelude::*;

/// `grctl init` with all that it must be told. `Err`: what cannot be.
pub fn argv(cluster: &Cluster<Config>, node: &Node) -> Result<Vec<String>, Problem> {
    let config = &cluster.config;
    let program = if config.database.is_some() { paths::WITH_DATABASE } else { paths::INSTALLER };
    let mut argv: Vec<String> = vec![program.into(), "init".into()];
    let mut say = |flag: &str, value: &str| argv.extend([flag.to_owned(), value.to_owned()]);
    say("--role", &config.version.init_roles(&member::roles(cluster, node)));
    say("--rainbond-version", config.version.word());
    say("--install-type", config.install.word());
    say("--iip", &node.address);
    if let Some(eip) = &config.eip {
        say("--eip", eip);
    }
    if let Some(addresses) = Addresses::of(cluster) {
        say("--vip", addresses.managers);
    }
    if let Some(domain) = &config.domain {
        say("--domain", domain);
    }
    if let Some(network) = &cluster.handed.network {
        // Anything but these two becomes calico without a word.
        match network.kind.as_str() {
            kind @ ("calico" | "flannel") => say("--network", kind),
            kind => return Err(problem("rainbond.network", format!("the installer knows no network {kind}"))),
        }
        say("--pod-cidr", &network.pods);
    }
    if !config.installer_checks {
        say("--enable-check", "disable");
    }
    if let Some((_, offer)) = cluster.handed.storage.first() {
        argv.extend(config.version.storage_args(paths::SHARED, offer));
    }
    if let Some(outside) = &config.database {
        argv.extend(console::arguments(outside));
    }
    Ok(argv)
}
