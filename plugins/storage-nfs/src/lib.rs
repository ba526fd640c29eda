//! Storage NFS: a NAS, or any NFS server, mounted where the platform wants its shared directory.

mod config;
mod mounting;
mod options;
mod plan;
mod proof;
mod share;
mod witness;

use arcus_sdk::prelude::*;
pub use config::{Config, Preset};

/// The plugin.
pub struct Nfs;

impl Plugin for Nfs {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        match share::read(cluster) {
            Ok(share) => plan::plan(cluster, &share, plan),
            Err(problems) => problems.into_iter().for_each(|problem| plan.problem(problem)),
        }
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("mount", plan::is_mounted).on("released", shared::is_released).on("serves", plan::is_served).on("root", witness::is_roots).on("lock", witness::is_locked)
    }

    fn leave(cluster: &Cluster<Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
        shared::leave(cluster, node, plan);
        Ok(())
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        match share::read(cluster) {
            Ok(share) => proof::verify(cluster, &share, checks),
            Err(problems) => problems.into_iter().for_each(|problem| checks.problem(problem)),
        }
        Ok(())
    }
}

impl Storage for Nfs {
    fn offer(cluster: &Cluster<Config>) -> Result<StorageOffer, Vec<Problem>> {
        let share = share::read(cluster)?;
        Ok(StorageOffer { source: share.source, fstype: mounting::TYPE.into(), options: share.options, local: share.local.into_iter().collect() })
    }
}

arcus_sdk::export!(storage: Nfs);
