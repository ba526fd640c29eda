//! Moving the shared directory to another storage: which plugins plan what meanwhile, and what nothing else may do.

use arcus_contract::actions::Desired;
use arcus_plan::manifest::Concern;
use arcus_plugin::{Failure, Seat};

use crate::aim::{Aim, Way};
use crate::cast::Role;
use crate::engine::Engine;
use crate::fault::{Fault, Kind};

/// While the file wants a migration nothing else is planned: whatever else it says is meant for the storage after that.
pub fn refuse(engine: &Engine, aim: &Aim) -> Result<(), Fault> {
    let migrating = engine.cluster.migrating.as_ref();
    match (aim, migrating) {
        (Aim::Migrate(_), Some(_)) | (Aim::Plan | Aim::Mend | Aim::Leave(_), None) => Ok(()),
        (Aim::Migrate(_), None) => {
            let help = "under `storage`, set `use` to the new one, `migrating-from` to the one that is mounted, and keep the sections of both";
            Err(Fault::new(Kind::Input, "migrate.not-wanted", "the cluster file does not say what the shared directory is to be moved from").help(help))
        }
        (_, Some(migrating)) => {
            let to = engine.cluster.storage.as_ref().map_or("", |used| used.name.as_str());
            let message = format!("the file says that the shared directory moves from {} to {to}, which this command does not do", migrating.from.name);
            let help = "`arcus migrate start` moves it, `arcus migrate status` says where that stands; once it is confirmed, take `migrating-from` out of the file";
            Err(Fault::new(Kind::Input, "migrate.pending", message).help(help))
        }
    }
}

/// The new storage is made ready, and the migration goes its way. All others wait.
pub async fn plan(engine: &Engine, role: &Role, way: Way, seat: Seat) -> Result<Desired, Failure> {
    let new = engine.cluster.storage.as_ref().is_some_and(|used| used.plugin == role.plugin.name());
    match (role.plugin.manifest().concern, way) {
        (Concern::Storage, _) if new => role.plugin.plan(seat, &role.input).await,
        (Concern::Migration, Way::Forward) => role.plugin.plan(seat, &role.input).await,
        (Concern::Migration, Way::Back) => role.plugin.rollback(seat, &role.input).await,
        (Concern::Migration, Way::Confirm) => role.plugin.confirm(seat, &role.input).await,
        _ => {
            drop(seat);
            Ok(Desired { steps: vec![], warnings: vec![] })
        }
    }
}
