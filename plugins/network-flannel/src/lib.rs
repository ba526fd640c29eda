//! Network flannel: the platform's installer brings it, with plain routes (`host-gw`); this plugin wants the one segment that these
//! need, tells the range of pods, prepares the nodes, and proves that packets arrive.

mod prerequisites;
mod proof;
mod segment;
mod store;
mod subnets;

use arcus_network::range::Share;
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

/// The installer sets subnets of 256 addresses. Flannel wants room for four, and never gives out the first.
const SHARE: Share = Share { network: "flannel", what: "subnet of flannel", length: 24, longest: 22, lost: 1 };

/// The plugin.
pub struct Flannel;

/// The nodes that flannel runs on: all that the platform runs on.
fn members(cluster: &Cluster<Config>) -> Vec<&Node> {
    cluster.any_role(&[Role::Manage, Role::Compute, Role::Gateway])
}

impl Plugin for Flannel {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        prerequisites::plan(cluster, plan);
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("load-bridge-filter", module::is_loaded).on("forward", forwarding::is_on)
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        proof::verify(cluster, checks)
    }
}

impl Network for Flannel {
    fn offer(cluster: &Cluster<Config>) -> Result<NetworkOffer, Vec<Problem>> {
        let problems = SHARE.mistakes(cluster, &cluster.config.pods, members(cluster).len());
        if problems.is_empty() {
            Ok(NetworkOffer { kind: "flannel".into(), pods: cluster.config.pods.clone(), by_platform: true })
        } else {
            Err(problems)
        }
    }
}

arcus_sdk::export!(network: Flannel);
