//! Drills: a storage node is lost while a node that mounts the directory writes, each write synced. Not the master: without it nothing
//! is read or written, which no drill has to show.

use crate::layout::Layout;
use crate::{Config, servers};
use arcus_sdk::prelude::*;

/// Milliseconds from one write to the next.
const EVERY: u32 = 100;
/// A client tries a chunk server that says nothing again and again before it takes another: 26 s were seen.
const AT_MOST: u32 = 60_000;
/// Seconds of an isolation.
const ISOLATION: u32 = 45;
/// Seconds in which the copies are whole again.
const HEALS: u32 = 720;

/// What may be tried now: with so many storage nodes that files are kept as often as they should be without one of them.
pub fn trials(cluster: &Cluster<Config>, layout: &Layout<'_>) -> Vec<Drill> {
    let Some(shared) = cluster.handed.demands.shared.as_ref().filter(|shared| shared.attach) else { return Vec::new() };
    let Some(lost) = layout.servers.iter().copied().find(|node| node.name != layout.master.name) else { return Vec::new() };
    let mut writers: Vec<&Node> = cluster.named(&shared.nodes).into_iter().filter(|node| node.name != lost.name).collect();
    // Where applications write, if there is such a node.
    writers.sort_by_key(|node| !node.roles.contains(&Role::Compute));
    let Some((writer, others)) = writers.split_first().filter(|(_, others)| !others.is_empty()) else { return Vec::new() };

    let title = |what: &str| format!("{what} {}, while {} writes to {}", lost.name, writer.name, shared.path);
    let drill = |trial: Trial| {
        trial
            .watch_from("writes", writer, others.iter().copied(), write(shared.path.clone()), EVERY, AT_MOST)
            .recovers("served", writer, probe::directory(&shared.path).on_each([*writer]), format!("{} is served without {}", shared.path, lost.name), 60)
            .heals("healed", layout.master, servers::asks(layout), "every storage node is connected, and every file has its copies", HEALS)
            .drill()
    };
    vec![drill(Trial::isolate("storage-isolate", title("cut off"), lost, ISOLATION)), drill(Trial::power("storage-power", title("take the power of"), lost))]
}

/// Judges `served`: the directory can be looked into.
pub fn is_served(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<DirectoryFact>>(0)? {
        Some(_) => met(),
        None => unmet("it is not there"),
    }
}

/// Judges `healed`.
pub fn is_whole(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match servers::is_whole(cluster, case.get(0)?, case.get(1)?) {
        Ok(()) => met(),
        Err(why) => unmet(why),
    }
}
