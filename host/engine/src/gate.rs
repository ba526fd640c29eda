//! Lets in those plugins of third parties that the lock file pins and the operator approved; those that come with Arcus need none.

use std::sync::Arc;

use arcus_cluster::Cluster;
use arcus_plugin::{Approval, Approvals, Inspection, Lock, Refusal, admit};
use cap_std::fs::Dir;

use crate::fault::{Fault, Kind, Trouble};

/// What is pinned, and what is approved.
pub struct Gate {
    /// `arcus.lock`.
    pub lock: Lock,
    /// The operator's own side. None: nothing is approved.
    pub approvals: Option<Arc<Approvals>>,
}

impl Gate {
    /// Reads the lock file of a folder.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn open(folder: &Dir, approvals: Option<Arc<Approvals>>) -> Result<Self, Fault> {
        let lock = Lock::read(folder).map_err(|error| Fault::new(Kind::Input, error.code(), error.to_string()).help(error.help()))?;
        Ok(Self { lock, approvals })
    }

    /// Where a third party's plugin lies in the folder: where the cluster file says, or where `arcus plugin add` puts what it pins.
    pub fn path(&self, cluster: &Cluster, name: &str) -> Option<String> {
        let named = cluster.plugins.get(name).map(|outside| outside.path.clone());
        named.or_else(|| self.lock.pins.contains_key(name).then(|| Self::usual(name)))
    }

    /// Where `arcus plugin add` puts a component that the cluster file gives no place.
    pub fn usual(name: &str) -> String {
        format!("plugins/{name}.wasm")
    }

    /// What was approved, if this component may be used in this cluster.
    ///
    /// # Errors
    /// Why not; nothing of it was run.
    pub fn admit(&self, cluster: &Cluster, inspection: &Inspection) -> Result<Approval, Refusal> {
        admit(&self.lock, self.approvals.as_deref(), &cluster.id.to_string(), inspection)
    }
}

/// A refusal, as the operator is told.
pub fn refused(inspection: &Inspection, refusal: &Refusal) -> Fault {
    let name = &inspection.manifest.name;
    Fault::one(
        Kind::Denied,
        Trouble {
            code: refusal.code().into(),
            message: refusal.message(inspection),
            help: Some(refusal.help(name)),
            plugin: Some(name.clone()),
            ..Trouble::default()
        },
    )
}
