//! Gateway keepalived: one address that outlives a gateway.

mod conf;
mod config;
mod health;
mod holder;
mod plan;
mod proof;
mod ring;
mod trials;
mod vrid;

use arcus_sdk::prelude::*;
pub use config::Config;
use ring::Ring;

/// The plugin.
pub struct Keepalived;

impl Plugin for Keepalived {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        match Ring::of(cluster) {
            Ok(ring) => plan::plan(cluster, &ring, plan),
            Err(problems) => problems.into_iter().for_each(|problem| plan.problem(problem)),
        }
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("run", holder::is_held).on("answering", holder::is_held_once).on("holder", holder::is_at_home)
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        match Ring::of(cluster) {
            Ok(ring) => proof::verify(cluster, &ring, checks),
            Err(problems) => problems.into_iter().for_each(|problem| checks.problem(problem)),
        }
        Ok(())
    }

    fn drills(cluster: &Cluster<Config>) -> Result<Vec<Drill>, Problem> {
        match Ring::of(cluster) {
            Ok(ring) => trials::trials(cluster, &ring),
            Err(mut problems) => Err(problems.swap_remove(0)),
        }
    }
}

impl Gateway for Keepalived {
    fn offer(cluster: &Cluster<Config>) -> Result<GatewayOffer, Vec<Problem>> {
        Ring::of(cluster).map(|ring| GatewayOffer { address: ring.address() })
    }
}

arcus_sdk::export!(gateway: Keepalived);
