//! Drills: one storage node is lost while a node that mounts the volume writes, each write synced. How long writes hang is measured; what
//! was acknowledged must be read on every other node; and the copies must become whole again.

use crate::config::{self, Config};
use crate::layout::{self, Layout, storage};
use crate::volume;
use arcus_sdk::prelude::*;

/// Milliseconds from one write to the next.
const EVERY: u32 = 100;
/// Seconds beyond the ping timeout that clients take to go on without a node.
const MARGIN: u32 = 5;
/// Seconds until the bricks of a node that is back are online.
const BRICKS: u32 = 60;
/// An isolation lasts no longer than this.
const LONGEST: u32 = 120;

/// What may be tried now.
pub fn trials(cluster: &Cluster<Config>, layout: &Layout) -> Vec<Drill> {
    let Some(shared) = cluster.handed.demands.shared.as_ref().filter(|shared| shared.attach) else { return Vec::new() };
    let servers = storage(cluster);
    // The harshest loss: a node with copies, and the one that clients ask first. An arbiter would not be missed.
    let first = layout.servers().first().copied().unwrap_or_default();
    let Some(lost) = servers.iter().copied().find(|node| node.address == first) else { return Vec::new() };
    let Some(speaker) = servers.iter().copied().find(|node| node.name != lost.name) else { return Vec::new() };
    let mut writers: Vec<&Node> = cluster.named(&shared.nodes).into_iter().filter(|node| node.name != lost.name).collect();
    // Where applications write, if there is such a node.
    writers.sort_by_key(|node| !node.roles.contains(&Role::Compute));
    let Some((writer, others)) = writers.split_first().filter(|(_, others)| !others.is_empty()) else { return Vec::new() };

    let timeout = cluster.config.ping_timeout;
    let title = |what: &str| format!("{what} {}, while {} writes to {}", lost.name, writer.name, shared.path);
    let drill = |trial: Trial| {
        trial
            .watch_from("writes", writer, others.iter().copied(), write(shared.path.clone()), EVERY, 1000 * (timeout + MARGIN))
            .recovers("served", writer, probe::directory(&shared.path).on_each([*writer]), format!("{} is served without {}", shared.path, lost.name), timeout + 60)
            .heals("healed", speaker, asked(&cluster.config, speaker), "every brick is online, and every copy whole", config::heals(&cluster.config) + BRICKS)
            .drill()
    };
    let isolation = timeout + 2 * MARGIN;
    let mut drills = Vec::new();
    if isolation <= LONGEST {
        drills.push(drill(Trial::isolate("storage-isolate", title("cut off"), lost, isolation)));
    }
    drills.push(drill(Trial::power("storage-power", title("take the power of"), lost)));
    drills
}

fn asked(config: &Config, speaker: &Node) -> Vec<Request> {
    let name = config.volume.as_str();
    vec![probe::query("bricks", [name]).on(speaker), probe::query("heal", [name]).on(speaker)]
}

/// Judges `served`: the directory can be looked into.
pub fn is_served(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<DirectoryFact>>(0)? {
        Some(_) => met(),
        None => unmet("it is not there"),
    }
}

/// Judges `healed`: every brick is online, and nothing is left to heal.
pub fn is_whole(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let layout = match layout::read(cluster) {
        Ok(layout) => layout,
        Err(mut problems) => return will_fail(problems.swap_remove(0)),
    };
    let (bricks, heal) = (case.get::<Output>(0)?, case.get::<Output>(1)?);
    match volume::online(cluster, &layout, bricks) {
        // Another command holds the pool's lock for a moment.
        None => return unmet("the bricks cannot be asked"),
        Some(online) if online.len() < layout.bricks.len() => return unmet(format!("{} of {} bricks are online", online.len(), layout.bricks.len())),
        Some(_) => {}
    }
    match volume::entries(heal) {
        None => unmet("what is to be healed cannot be asked"),
        Some((_, silent)) if !silent.is_empty() => unmet(format!("{} cannot be asked", silent.join(", "))),
        Some((0, _)) => met(),
        Some((count, _)) => unmet(format!("{count} entries to heal")),
    }
}
