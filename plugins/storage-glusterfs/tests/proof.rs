//! Every check fails when what it is about is broken.

mod common;

use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::fake::{Lab, World};
use arcus_storage_glusterfs::Gluster;
use common::{converged, peers_of, put_volume, volume_of};

fn bad(lab: &Lab<Gluster>) -> Vec<(String, Check)> {
    let checks = lab.verify().unwrap_or_else(|trouble| panic!("{trouble}")).checks;
    let is_bad = |check: &Check| !matches!(check.outcome, Outcome::Passed);
    let name = |check: &Check| check.node.as_ref().map_or(check.id.clone(), |node| format!("{}@{node}", check.id));
    checks.into_iter().filter(is_bad).map(|check| (name(&check), check)).collect()
}

fn breaks(change: impl FnOnce(&mut World)) -> Vec<String> {
    let lab = converged();
    change(&mut lab.world());
    bad(&lab).into_iter().map(|(name, _)| name).collect()
}

fn volume(world: &mut World, change: impl FnOnce(&mut common::Volume)) {
    let mut volume = volume_of(world, "storage01", "data").unwrap();
    change(&mut volume);
    put_volume(world, "storage01", "data", &volume);
}

#[test]
fn a_whole_cluster_passes_and_proves_it_across_nodes() {
    let lab = converged();
    assert!(bad(&lab).is_empty(), "{:#?}", bad(&lab));
    let witnesses = lab.verify().unwrap().witnesses;
    let [witness] = witnesses.as_slice() else { panic!("{witnesses:?}") };
    assert_eq!((witness.writer.as_str(), witness.directory.as_str()), ("manage01", "/grdata"));
    assert_eq!(witness.readers, ["compute01"]);
}

#[test]
fn the_daemon() {
    assert_eq!(breaks(|world| world.machine("storage02").unit("glusterd.service").enabled = false), ["glusterd@storage02"]);
    let stopped = breaks(|world| world.machine("storage02").unit("glusterd.service").active = false);
    assert!(stopped.contains(&"glusterd@storage02".into()) && stopped.contains(&"bricks".into()), "{stopped:?}");
}

#[test]
fn the_pool() {
    let lonely = breaks(|world| {
        world.machine("storage03").memory.insert("peers".into(), String::new());
        for node in ["storage01", "storage02"] {
            let others: Vec<String> = peers_of(world, node).into_iter().filter(|peer| peer != "storage03").collect();
            world.machine(node).memory.insert("peers".into(), others.join(" "));
        }
    });
    assert_eq!(lonely, ["peers@storage01", "peers@storage02", "peers@storage03"]);
    let more = breaks(|world| {
        for node in ["storage01", "storage02", "storage03"] {
            let peers = format!("{} stranger", world.at(node).memory["peers"]);
            world.machine(node).memory.insert("peers".into(), peers);
        }
    });
    assert_eq!(more, ["members"]);
}

#[test]
fn the_volume() {
    assert_eq!(breaks(|world| volume(world, |volume| volume.shape = "Replicate/1 x 3 = 3".into())), ["volume"]);
    let stopped = breaks(|world| volume(world, |volume| volume.status = "Stopped".into()));
    assert_eq!(stopped, ["volume", "bricks"]);
    assert_eq!(breaks(|world| volume(world, |volume| volume.options.clear())), ["options"]);
    let gone = breaks(|world| {
        for node in ["storage01", "storage02", "storage03"] {
            world.machine(node).memory.remove("volume data");
        }
    });
    assert_eq!(gone, ["volume"]);
}

#[test]
fn the_copies() {
    let dead = breaks(|world| drop(world.machine("storage03").memory.insert("brick-dead".into(), String::new())));
    assert_eq!(dead, ["bricks", "heal", "split-brain"]);
    assert_eq!(breaks(|world| drop(world.memory.insert("split-brain".into(), "2".into()))), ["split-brain"]);
    // Copies that heal in time are no failure; those that do not stay pending.
    assert!(breaks(|world| drop(world.memory.insert("heal".into(), "5".into()))).is_empty());
    let lab = converged();
    lab.world().memory.insert("heal".into(), "100000".into());
    let left = bad(&lab);
    assert!(matches!(left.as_slice(), [(name, Check { outcome: Outcome::Pending(_), .. })] if name == "heal"), "{left:?}");
    // Another transaction is no broken brick.
    let lab = converged();
    lab.world().memory.insert("locked".into(), String::new());
    let left = bad(&lab);
    assert!(matches!(left.as_slice(), [(name, Check { outcome: Outcome::Pending(_), .. })] if name == "bricks"), "{left:?}");
}

#[test]
fn the_mounts() {
    let gone = |world: &mut World| world.machine("compute01").mounts.retain(|mounted| mounted.target != "/grdata");
    assert_eq!(breaks(gone), ["mounted@compute01", "fstab@compute01"]);
    let grdata = |world: &mut World, change: fn(&mut arcus_sdk::contract::facts::Mounted)| {
        world.machine("compute01").mounts.iter_mut().filter(|mounted| mounted.target == "/grdata").for_each(change);
    };
    assert_eq!(breaks(|world| grdata(world, |mounted| mounted.live = false)), ["mounted@compute01"]);
    assert_eq!(breaks(|world| grdata(world, |mounted| mounted.fstype = "nfs4".into())), ["mounted@compute01"]);
    assert_eq!(breaks(|world| grdata(world, |mounted| mounted.source = "10.99.0.31:/other".into())), ["mounted@compute01", "fstab@compute01"]);
    assert_eq!(breaks(|world| grdata(world, |mounted| mounted.fstab = None)), ["fstab@compute01"]);
    assert_eq!(breaks(|world| grdata(world, |mounted| mounted.fstab = Some(vec!["_netdev".into()]))), ["fstab@compute01"]);
}

#[test]
fn silence_is_unknown() {
    let lab = converged();
    for node in ["storage01", "storage02", "storage03"] {
        lab.world().machine(node).reachable = false;
    }
    for (name, check) in bad(&lab) {
        assert!(matches!(check.outcome, Outcome::Unknown), "{name}: {check:?}");
    }
    assert!(bad(&lab).iter().any(|(name, _)| name == "volume"));
}
