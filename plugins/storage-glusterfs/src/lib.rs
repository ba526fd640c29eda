//! Storage GlusterFS: a trusted pool, a replicated volume with a majority, mounted where the platform wants it.

mod config;
mod layout;
mod leave;
mod mounting;
mod plan;
mod pool;
mod proof;
mod role;
mod trials;
mod volume;

use arcus_sdk::prelude::*;
pub use config::Config;

/// The plugin.
pub struct Gluster;

impl Plugin for Gluster {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        match layout::read(cluster) {
            Ok(layout) => plan::plan(cluster, &layout, plan),
            Err(problems) => problems.into_iter().for_each(|problem| plan.problem(problem)),
        }
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new()
            .on("glusterd", pool::answers)
            .on("peer", pool::has_joined)
            .on("create", volume::is_made)
            .on("options", volume::is_set)
            .on("start", volume::is_started)
            .on("mount", mounting::is_mounted)
            .on("released", shared::is_released)
            .on("served", trials::is_served)
            .on("healed", trials::is_whole)
    }

    fn leave(cluster: &Cluster<Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
        leave::plan(cluster, node, plan)
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        match layout::read(cluster) {
            Ok(layout) => proof::verify(cluster, &layout, checks),
            Err(problems) => problems.into_iter().for_each(|problem| checks.problem(problem)),
        }
        Ok(())
    }

    fn drills(cluster: &Cluster<Config>) -> Result<Vec<Drill>, Problem> {
        match layout::read(cluster) {
            Ok(layout) => Ok(trials::trials(cluster, &layout)),
            Err(mut problems) => Err(problems.swap_remove(0)),
        }
    }
}

impl Storage for Gluster {
    fn offer(cluster: &Cluster<Config>) -> Result<StorageOffer, Vec<Problem>> {
        let layout = layout::read(cluster)?;
        let (source, options) = layout.mounted(&cluster.config.volume);
        Ok(StorageOffer { source, fstype: "glusterfs".into(), options, local: Vec::new() })
    }
}

arcus_sdk::export!(storage: Gluster);
