//! Storage MooseFS: a master that knows where everything is, a chunk server on every storage node, loggers of what the master does on the
//! others, mounted where the platform wants it.

mod layout;
mod leave;
mod master;
mod mounting;
mod plan;
mod proof;
mod servers;
mod trials;

use arcus_sdk::prelude::*;

/// Its section of the cluster file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Storage node that is the master.
    pub master: Option<String>,
    /// Where chunks lie on every storage node.
    #[serde(default = "default_disk")]
    pub disk: String,
    /// Of every file.
    #[serde(default = "default_copies")]
    pub copies: u32,
    /// The directory may lie on the system's own disk.
    #[serde(default)]
    pub accept_disk_on_root: bool,
}

fn default_disk() -> String {
    "/data/moosefs".into()
}
fn default_copies() -> u32 {
    2
}

/// The plugin. It has no state: whatever it must know, it asks.
pub struct Moose;

impl Plugin for Moose {
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
            .on("names", master::has_names)
            .on("answers", master::answers)
            .on("connected", servers::are_connected)
            .on("mount", mounting::is_mounted)
            .on("copies", mounting::has_copies)
            .on("released", leave::is_released)
            .on("served", trials::is_served)
            .on("healed", trials::is_whole)
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        match layout::read(cluster) {
            Ok(layout) => proof::verify(cluster, &layout, checks),
            Err(problems) => problems.into_iter().for_each(|problem| checks.problem(problem)),
        }
        Ok(())
    }

    fn leave(cluster: &Cluster<Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
        leave::plan(cluster, node, plan)
    }

    fn drills(cluster: &Cluster<Config>) -> Result<Vec<Drill>, Problem> {
        match layout::read(cluster) {
            Ok(layout) => Ok(trials::trials(cluster, &layout)),
            Err(mut problems) => Err(problems.swap_remove(0)),
        }
    }
}

impl Storage for Moose {
    fn offer(cluster: &Cluster<Config>) -> Result<StorageOffer, Vec<Problem>> {
        let layout = layout::read(cluster)?;
        Ok(StorageOffer { source: layout.source(), fstype: layout::TYPE.into(), options: layout.options(), local: Vec::new() })
    }
}

arcus_sdk::export!(storage: Moose);
