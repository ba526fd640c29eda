//! Every check fails when what it is about is broken.

mod common;

use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::fake::{Fixture, Lab, World};
use arcus_storage_nfs::Nfs;
use common::{converged, nas, nfs, served_by_a_node, shared};

fn bad(lab: &Lab<Nfs>) -> Vec<(String, Check)> {
    let checks = lab.verify().unwrap_or_else(|trouble| panic!("{trouble}")).checks;
    let name = |check: &Check| check.node.as_ref().map_or(check.id.clone(), |node| format!("{}@{node}", check.id));
    checks.into_iter().filter(|check| !matches!(check.outcome, Outcome::Passed)).map(|check| (name(&check), check)).collect()
}

fn breaks(fixture: Fixture, change: impl FnOnce(&mut World)) -> Vec<String> {
    let lab = converged(fixture);
    assert!(bad(&lab).iter().all(|(_, check)| check.outcome == Outcome::Warned), "{:#?}", bad(&lab));
    change(&mut lab.world());
    bad(&lab).into_iter().map(|(name, _)| name).collect()
}

const ALL: [&str; 3] = ["compute01", "manage01", "manage02"];

fn on_all(check: &str) -> Vec<String> {
    ALL.map(|node| format!("{check}@{node}")).to_vec()
}

#[test]
fn a_whole_cluster_passes_and_every_node_writes_and_reads() {
    for fixture in [nfs(), nas()] {
        let lab = converged(fixture);
        assert!(bad(&lab).is_empty(), "{:#?}", bad(&lab));
        let witnesses = lab.verify().unwrap().witnesses;
        let mut writers: Vec<&str> = witnesses.iter().map(|witness| witness.writer.as_str()).collect();
        writers.sort_unstable();
        assert_eq!(writers, ALL);
        assert!(witnesses.iter().all(|witness| witness.directory == "/grdata"));
        assert_eq!(witnesses.iter().find(|witness| witness.id == "shared").unwrap().readers.len(), 2);
    }
}

#[test]
fn the_server() {
    // What is mounted is not looked into, which would hang.
    let both = |checks: Vec<String>| ALL.iter().flat_map(|node| [format!("server@{node}"), format!("mounted@{node}")]).eq(checks);
    assert!(both(breaks(nfs(), |world| world.machine("nas").reachable = false)));
    assert!(both(breaks(nas(), |world| world.machine("nas").sockets.clear())));
    assert_eq!(breaks(nas(), |world| world.machine("nas").sockets.retain(|socket| socket.port != 111)), on_all("server"));
}

#[test]
fn the_mount() {
    let gone = |world: &mut World| world.machine("compute01").mounts.retain(|mounted| mounted.target != "/grdata");
    assert_eq!(breaks(nfs(), gone), ["mounted@compute01", "fstab@compute01"]);
    let changed = |change: fn(&mut arcus_sdk::contract::facts::Mounted)| breaks(nfs(), move |world| change(shared(world, "compute01")));
    assert_eq!(changed(|mounted| mounted.live = false), ["mounted@compute01"]);
    assert_eq!(changed(|mounted| mounted.fstype = "fuse.glusterfs".into()), ["mounted@compute01"]);
    assert_eq!(changed(|mounted| mounted.source = "10.99.0.9:/other".into()), ["mounted@compute01", "fstab@compute01"]);
    assert_eq!(changed(|mounted| mounted.options = ["rw", "vers=3", "nolock"].map(str::to_owned).to_vec()), ["mounted@compute01"]);
    assert_eq!(changed(|mounted| mounted.fstab = None), ["fstab@compute01"]);
    assert_eq!(changed(|mounted| mounted.fstab = Some(vec!["defaults".into()])), ["fstab@compute01"]);
}

#[test]
fn root_and_locks() {
    assert_eq!(breaks(nfs(), |world| drop(world.memory.insert("made by".into(), "nobody".into()))), on_all("root"));
    assert_eq!(breaks(nas(), |world| drop(world.memory.remove("made by"))), on_all("root"));
    assert_eq!(breaks(nfs(), |world| drop(world.memory.insert("no locks".into(), String::new()))), on_all("locks"));
}

#[test]
fn slots_are_a_matter_of_speed() {
    let lab = converged(nas());
    lab.world().machine("compute01").memory.insert("slots".into(), "2".into());
    let found = bad(&lab);
    assert!(matches!(found.as_slice(), [(name, Check { outcome: Outcome::Warned, .. })] if name == "slots@compute01"), "{found:?}");
}

#[test]
fn a_node_that_serves() {
    let stopped = breaks(served_by_a_node(), |world| world.machine("manage01").sockets.clear());
    assert_eq!(stopped, ["server@compute01", "mounted@compute01", "server@manage02", "mounted@manage02", "serves@manage01"]);
    let lab = converged(served_by_a_node());
    lab.world().machine("manage01").sockets.clear();
    let (_, check) = bad(&lab).pop().unwrap();
    assert_eq!(check.outcome, Outcome::Failed);
    assert!(lab.verify().unwrap().witnesses.iter().any(|witness| witness.writer == "manage01"));
}

#[test]
fn silence_is_unknown() {
    let lab = converged(nfs());
    for node in ALL {
        lab.world().machine(node).reachable = false;
    }
    let found = bad(&lab);
    assert!(!found.is_empty());
    for (name, check) in found {
        assert!(matches!(check.outcome, Outcome::Unknown), "{name}: {check:?}");
    }
}
