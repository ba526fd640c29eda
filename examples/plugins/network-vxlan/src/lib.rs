//! Network vxlan: every node has a /24 of the pods' range and a tunnel to every other node. What the kernel must know (routes, neighbours,
//! forwarding) is in files of each node, made from the cluster file alone; a unit hands it to the kernel at boot.

mod clash;
mod files;
mod kernel;
mod layout;
mod leave;
mod plan;
mod pods;
mod proof;
mod range;
mod reach;
mod trials;

use arcus_sdk::prelude::*;
use std::collections::BTreeMap;

/// Its section of the cluster file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// IPv4 range of all pods, CIDR.
    #[serde(default = "default_pods")]
    pub pods: String,
    /// Which /24 a node has, by its name, where its address does not say it.
    #[serde(default)]
    pub blocks: BTreeMap<String, u32>,
    /// Number of the virtual network.
    #[serde(default = "default_vni")]
    pub vni: u32,
    /// UDP port.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Largest packet of a pod.
    #[serde(default = "default_mtu")]
    pub mtu: u32,
}

fn default_pods() -> String {
    "10.244.0.0/16".into()
}
fn default_vni() -> u32 {
    76
}
fn default_port() -> u16 {
    4789
}
fn default_mtu() -> u32 {
    1450
}

/// The plugin. It has no state: whatever it must know, it asks.
pub struct Vxlan;

impl Plugin for Vxlan {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        match layout::read(cluster) {
            Ok(layout) => plan::plan(cluster, &layout, plan),
            Err(problems) => problems.into_iter().for_each(|problem| plan.problem(problem)),
        }
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("mesh", kernel::is_meshed).on("forward", plan::forwards).on("apart", trials::reached).on("whole", trials::reached)
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        match layout::read(cluster) {
            Ok(layout) => proof::verify(cluster, &layout, checks),
            Err(problems) => problems.into_iter().for_each(|problem| checks.problem(problem)),
        }
        Ok(())
    }

    fn leave(_: &Cluster<Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
        leave::plan(node, plan);
        Ok(())
    }

    fn drills(cluster: &Cluster<Config>) -> Result<Vec<Drill>, Problem> {
        match layout::read(cluster) {
            Ok(layout) => Ok(trials::trials(cluster, &layout)),
            Err(mut problems) => Err(problems.swap_remove(0)),
        }
    }
}

impl Network for Vxlan {
    fn offer(cluster: &Cluster<Config>) -> Result<NetworkOffer, Vec<Problem>> {
        let layout = layout::read(cluster)?;
        Ok(NetworkOffer { kind: "vxlan".into(), pods: layout.range.to_string(), by_platform: false })
    }
}

arcus_sdk::export!(network: Vxlan);
