//! A platform that wants a shared directory and nothing else: a storage can be tried alone.

use arcus_sdk::prelude::*;

/// There is little to choose.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Units that use the directory, wherever they are.
    #[serde(default)]
    users: Vec<String>,
}

/// The plugin.
pub struct Shelf;

/// Written when the directory is there: what begins only after the storage is proven.
const BEGUN: &str = "/etc/shelf";

fn members(cluster: &Cluster<Config>) -> Vec<&Node> {
    cluster.any_role(&[Role::Manage, Role::Compute])
}

impl Plugin for Shelf {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        for node in members(cluster) {
            plan.file("begin", node, file(BEGUN).content("the shared directory is there\n")).needs(milestone::STORAGE_MOUNTED, [node]);
        }
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new()
    }

    fn verify(_: &Cluster<Config>, _: &mut Checks) -> Result<(), Problem> {
        Ok(())
    }
}

impl Platform for Shelf {
    fn demands(cluster: &Cluster<Config>) -> Result<PlatformDemand, Vec<Problem>> {
        let nodes = members(cluster).into_iter().map(|node| node.name.clone()).collect();
        let users = [Role::Manage, Role::Compute].into_iter().flat_map(|role| cluster.config.users.iter().map(move |unit| (role, unit.clone()))).collect();
        let shared = SharedDirectory { path: "/grdata".into(), nodes, attach: true, users };
        Ok(PlatformDemand { shared: Some(shared), gateway_health: None, gateway_unit: None, manage_health: None, manage_unit: None })
    }
}

arcus_sdk::export!(platform: Shelf);
