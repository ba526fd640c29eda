//! Moves the shared directory from one storage to another: a live copy, a freeze in which nobody can write, the rest of the copy and a
//! complete comparison, a switch node by node, a thaw. Up to the switch the way back is instant; after the thaw it is a migration in
//! the other direction.

mod back;
mod confirm;
mod exports;
mod forward;
mod phase;
mod proof;
mod route;
mod seen;
mod steps;
mod target;
mod users;

use arcus_sdk::prelude::*;
pub use route::Config;

use phase::Phase;
use route::Route;
use seen::Seen;

/// The plugin.
pub struct Migrate;

/// One of the three ways.
type Way = fn(&Route, &Seen, Phase, &mut Plan);

fn go(cluster: &Cluster<Config>, plan: &mut Plan, way: Way) {
    let found = Route::read(cluster).and_then(|route| Seen::look(cluster, &route).map(|seen| (route, seen)));
    match found {
        Err(problems) => problems.into_iter().for_each(|problem| plan.problem(problem)),
        Ok((route, seen)) => match &seen.phase {
            Known(phase) => way(&route, &seen, *phase, plan),
            Unknown(silent) => {
                let node = silent.node.as_deref().unwrap_or("a manager");
                let mut problem = problem("migrate.phase-unknown", format!("{node} did not answer, and may know where the migration stands"))
                    .help("wait for it, or name it under `exclude` if it stays away");
                problem.node = silent.node.clone();
                problem.retryable = true;
                plan.problem(problem);
            }
        },
    }
}

impl Plugin for Migrate {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        go(cluster, plan, forward::plan);
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new()
            .on("quiet", shared::is_released)
            .on("empty", target::is_empty)
            .on("seal", steps::is_sealed)
            .on("closed", exports::is_closed)
            .on("opened", exports::is_open)
            .on("let-go", exports::is_let_go)
            .on("switch", steps::is_mounted)
            .on("restore", steps::is_mounted)
    }

    fn unfinished(cluster: &Cluster<Config>) -> Result<Vec<Problem>, Problem> {
        Ok(match Route::read(cluster).and_then(|route| Seen::look(cluster, &route).map(|seen| (route, seen))) {
            Err(problems) => problems,
            Ok((route, seen)) => proof::unfinished(&route, &seen),
        })
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        match Route::read(cluster).and_then(|route| Seen::look(cluster, &route).map(|seen| (route, seen))) {
            Err(problems) => problems.into_iter().for_each(|problem| checks.problem(problem)),
            Ok((route, seen)) => proof::verify(cluster, &route, &seen, checks),
        }
        Ok(())
    }
}

impl Migration for Migrate {
    fn rollback(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        go(cluster, plan, back::plan);
        Ok(())
    }

    fn confirm(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        go(cluster, plan, confirm::plan);
        Ok(())
    }
}

arcus_sdk::export!(migration: Migrate);
