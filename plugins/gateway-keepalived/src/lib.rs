//! Gateway keepalived: one address that outlives a gateway, and one that outlives a manager where those are other machines.

mod conf;
mod config;
mod gates;
mod health;
mod holder;
mod leave;
mod plan;
mod proof;
mod ring;
mod trials;
mod unlisted;
mod vrid;
mod whose;

use arcus_sdk::prelude::*;
pub use config::Config;
use ring::Ring;
use whose::Whose;

/// The plugin.
pub struct Keepalived;

impl Plugin for Keepalived {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        match Ring::all(cluster) {
            Ok(rings) => plan::plan(cluster, &rings, plan),
            Err(problems) => problems.into_iter().for_each(|problem| plan.problem(problem)),
        }
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("run", holder::is_held).on("leave", holder::is_held).on("answering", holder::is_at_home).on("holder", holder::is_at_home)
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        match Ring::all(cluster) {
            Ok(rings) => rings.iter().for_each(|ring| proof::verify(cluster, ring, checks)),
            Err(problems) => problems.into_iter().for_each(|problem| checks.problem(problem)),
        }
        Ok(())
    }

    fn leave(cluster: &Cluster<Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
        match Ring::all(cluster) {
            Ok(rings) => leave::plan(cluster, &rings, node, plan),
            Err(mut problems) => Err(problems.swap_remove(0)),
        }
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
        let rings = Ring::all(cluster)?;
        let address = |whose| rings.iter().find(|ring| ring.whose == whose).map(Ring::address);
        Ok(GatewayOffer { address: address(Whose::Gateways).unwrap_or_default(), managers: address(Whose::Managers) })
    }
}

arcus_sdk::export!(gateway: Keepalived);
