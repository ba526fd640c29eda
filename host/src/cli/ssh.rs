//! The way to the nodes: SSH with the operator's login and the pins beside the cluster file.

use std::sync::Arc;

use arcus_cluster::Cluster;
use arcus_engine::{Fault, Kind};
use arcus_node::{KnownHosts, Layout, Ssh, Transport};

use crate::cli::Context;
use crate::cli::folder::{Folder, KNOWN_HOSTS};
use crate::cli::met::Met;
use crate::cli::trust::endpoints;
use crate::cli::{login, met};

/// SSH to the nodes of a cluster. Connects to nobody yet.
///
/// # Errors
/// Also where a machine is pinned in the folder, and the operator has not met it.
pub fn transport(context: &Context, folder: &Folder, cluster: &Cluster) -> Result<Arc<dyn Transport>, Fault> {
    let pins = pins(folder)?;
    if let Some(mut met) = Met::open(&context.environment, folder)? {
        let strangers = met.strangers(&pins, &endpoints(cluster, &[]).concat());
        if !strangers.is_empty() {
            return Err(met::refused(&strangers));
        }
        met.begin(&pins)?;
    }
    Ok(Arc::new(ssh(context, folder, cluster)?))
}

/// The same, with what only SSH can do.
pub fn ssh(context: &Context, folder: &Folder, cluster: &Cluster) -> Result<Ssh, Fault> {
    let login = login::login(&context.global.reach, &context.environment, &context.console)?;
    Ok(Ssh::new(Layout::new(&cluster.id.to_string()).keeping(arcus_plan::vet::is_private), login, pins(folder)?))
}

/// The pins.
pub fn pins(folder: &Folder) -> Result<KnownHosts, Fault> {
    let text = match folder.dir.read_to_string(KNOWN_HOSTS) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(Fault::new(Kind::Input, "trust.unreadable", format!("{KNOWN_HOSTS}, which pins the nodes' host keys, cannot be read: {error}")).help("it must be a file of yours beside the cluster file"));
        }
    };
    KnownHosts::parse(&text).map_err(|error| Fault::new(Kind::Input, "trust.unreadable", format!("{KNOWN_HOSTS}: {error}")).help("mend the line, or remove it and run `arcus trust`"))
}
