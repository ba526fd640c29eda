//! A node that leaves the cluster: the volume is unmounted there. One that keeps a brick does not leave by itself.

use crate::config::Config;
use crate::layout::{self, storage};
use arcus_sdk::prelude::*;

/// The steps. `Err`: it keeps files, and how it is taken out by hand.
pub fn plan(cluster: &Cluster<Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
    let layout = layout::read(cluster).map_err(|mut problems| problems.swap_remove(0))?;
    if storage(cluster).iter().any(|server| server.name == node.name) {
        let bricks: Vec<String> = layout.bricks.iter().filter(|brick| brick.node == node.name).map(|brick| format!("{}:{}", node.address, brick.path)).collect();
        let message = format!("{} keeps {} of the volume {}: taking it out puts files at risk, so it is done by hand", node.name, if bricks.is_empty() { "names".to_owned() } else { bricks.join(", ") }, cluster.config.volume);
        return Err(problem("gluster.storage-stays", message).on(node).help(by_hand(&cluster.config, &bricks, &node.address)));
    }
    shared::leave(cluster, node, plan);
    Ok(())
}

/// How a storage node is replaced, with the real values.
pub fn by_hand(config: &Config, bricks: &[String], address: &str) -> String {
    let volume = &config.volume;
    let moves: Vec<String> = bricks.iter().map(|brick| format!("`gluster volume replace-brick {volume} {brick} NEW:PATH commit force`")).collect();
    format!(
        "1. wait until `gluster volume heal {volume} info` shows 0 entries everywhere; 2. on another storage node, with an empty brick on a new machine of the pool: {}; 3. wait again until all is healed; 4. `gluster peer detach {address}`; 5. write the new node into the file instead",
        moves.join(", ")
    )
}
