//! Network calico: the platform's installer brings it; this plugin tells it the range of pods, prepares the nodes, and proves that
//! the routes are there.

mod pods;
mod prerequisites;
mod proof;

use arcus_network::{forwarding, module};
use arcus_sdk::prelude::*;

/// The plugin's section of the cluster file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// IPv4 range of all pods, CIDR.
    #[serde(default = "default_pods")]
    pub pods: String,
}

fn default_pods() -> String {
    "10.244.0.0/16".into()
}

/// The plugin.
pub struct Calico;

/// The nodes that calico runs on: all that the platform runs on.
fn members(cluster: &Cluster<Config>) -> Vec<&Node> {
    cluster.any_role(&[Role::Manage, Role::Compute, Role::Gateway])
}

impl Plugin for Calico {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        prerequisites::plan(cluster, plan);
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("load-ipip", module::is_loaded).on("forward", forwarding::is_on)
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        proof::verify(cluster, checks)
    }
}

impl Network for Calico {
    fn offer(cluster: &Cluster<Config>) -> Result<NetworkOffer, Vec<Problem>> {
        let problems = pods::SHARE.mistakes(cluster, &cluster.config.pods, members(cluster).len());
        if problems.is_empty() {
            Ok(NetworkOffer { kind: "calico".into(), pods: cluster.config.pods.clone(), by_platform: true })
        } else {
            Err(problems)
        }
    }
}

arcus_sdk::export!(network: Calico);
