//! One list of names and never a second, what is in the way, and that every piece that breaks is seen.

mod common;

use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::contract::facts::Mounted;
use arcus_sdk::contract::types::{Problem, Role};
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use common::{CLIENTS, NAMES, SERVERS, SOURCE, bare, bare_world, fixture, with};
use storage_moosefs::Moose;

fn standing() -> World {
    let mut lab = Lab::<Moose>::new(bare());
    lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    let mut world = lab.world().clone();
    world.pass(1_000);
    world
}

fn refused(fixture: Fixture) -> Vec<Problem> {
    match Lab::<Moose>::new(fixture).plan() {
        Err(Trouble::Refused(problems)) => problems,
        Ok(_) => panic!("it was planned"),
        Err(trouble) => panic!("{trouble}"),
    }
}

#[test]
fn any_node_mounts_it_so() {
    let offer = Lab::<Moose>::new(bare()).storage_offer().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!((offer.source.as_str(), offer.fstype.as_str()), (SOURCE, "moosefs"));
    assert_eq!(offer.options, ["_netdev", "mfsdelayedinit", "fsname=10.99.0.31:9421:/", "subtype=moosefs"]);
    let other = Lab::<Moose>::new(with(r#"{"master": "storage02"}"#, bare_world())).storage_offer().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(other.source, "10.99.0.32:9421:/");
}

#[test]
fn what_the_cluster_file_alone_shows_to_be_wrong_is_refused_at_its_place() {
    for (config, code, pointer) in [(r#"{"copies": 4}"#, "moosefs.too-few", "/copies"), (r#"{"master": "manage01"}"#, "moosefs.master", "/master"), (r#"{"master": "nobody"}"#, "moosefs.master", "/master")] {
        let Err(Trouble::Refused(problems)) = Lab::<Moose>::new(with(config, bare_world())).storage_offer() else { panic!("{config} was taken") };
        assert!(problems[0].code == code && problems[0].pointer.as_deref() == Some(pointer) && problems[0].help.is_some(), "{config}: {problems:?}");
    }
    let mut six = bare_world();
    six.node("storage04", "fd00::9", &[Role::Storage]);
    assert!(matches!(Lab::<Moose>::new(fixture(six)).storage_offer(), Err(Trouble::Refused(problems)) if problems[0].code == "moosefs.address"));
}

#[test]
fn bare_nodes_become_a_storage_and_each_does_its_part() {
    let world = standing();
    for node in CLIENTS {
        assert!(world.at(node).mounts.iter().any(|mounted| mounted.live && mounted.target == "/grdata" && mounted.source == SOURCE), "{node}");
        assert!(!world.at(node).packages.contains_key("moosefs-chunkserver"));
    }
    for node in SERVERS {
        assert!(world.at(node).runs("moosefs-chunkserver.service"), "{node}");
        assert_eq!(world.at(node).runs("moosefs-metalogger.service"), node != "storage01");
        let (mode, owner, _) = &world.at(node).directories["/data/moosefs"];
        assert_eq!((*mode, owner.as_str()), (0o750, "mfs"));
    }
    let exports = world.text("storage01", "/etc/mfs/mfsexports.cfg").unwrap();
    assert!(exports.contains("10.99.0.11 / rw") && exports.contains("10.99.0.21 / rw") && !exports.contains("10.99.0.31") && !exports.contains('*'), "{exports}");
    // The word by which chunk servers are known is a secret, the same everywhere, for root and the daemon only.
    let settings = &world.at("storage01").files["/etc/mfs/mfsmaster.cfg"];
    assert_eq!((settings.mode, settings.group.as_str()), (0o640, "mfs"));
    let word = |node: &str, path: &str| world.text(node, path).unwrap().lines().find_map(|line| line.strip_prefix("AUTH_CODE = ").map(str::to_owned)).unwrap();
    assert_eq!(word("storage01", "/etc/mfs/mfsmaster.cfg"), word("storage03", "/etc/mfs/mfschunkserver.cfg"));
}

#[test]
fn an_empty_list_is_never_begun_where_anybody_remembers_files() {
    type Leave = fn(&mut World);
    let cases: [(&str, &str, Leave); 4] = [
        ("moosefs.names-lost", "storage02 has the log of a master", |world| {
            world.directory("storage02", "/var/lib/mfs");
            world.write("storage02", "/var/lib/mfs/metadata_ml.mfs.back", "names");
        }),
        ("moosefs.names-lost", "storage03 has chunks of files", |world| {
            world.directory("storage03", "/data/moosefs/00");
            world.write("storage03", "/data/moosefs/00/chunk_1.mfs", "bytes");
        }),
        ("moosefs.other-master", "storage02 has been a master, and the file says storage01", |world| {
            world.directory("storage02", "/var/lib/mfs");
            world.write("storage02", "/var/lib/mfs/metadata.mfs.back", "names");
        }),
        ("moosefs.disk-on-root", "/data/moosefs of storage02 is on the system's own disk", |world| world.machine("storage02").mounts.retain(|mounted| mounted.target != "/data")),
    ];
    for (code, says, leave) in cases {
        let mut world = bare_world();
        leave(&mut world);
        let problems = refused(fixture(world));
        assert!(problems.len() == 1 && problems[0].code == code && problems[0].message.contains(says) && problems[0].help.is_some(), "{says}: {problems:?}");
    }
    // Who is silent may have been a master: nothing is begun without him.
    let mut world = bare_world();
    world.machine("storage03").reachable = false;
    let mut lab = Lab::<Moose>::new(fixture(world));
    lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(lab.world().read("storage01", NAMES).is_none());
    // A list that is there stays.
    let mut world = bare_world();
    world.directory("storage01", "/var/lib/mfs");
    world.write("storage01", "/var/lib/mfs/metadata.mfs.back", "names");
    let mut lab = Lab::<Moose>::new(fixture(world));
    let plan = lab.plan().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(plan.warnings.iter().any(|warning| warning.code == "moosefs.one-master"), "the single master is said in every plan");
    lab.round().ok();
    assert!(lab.world().read("storage01", NAMES).is_none(), "nothing was put beside it");
}

#[test]
fn something_else_that_is_mounted_is_refused_and_not_covered() {
    let mut world = standing();
    let nfs = Mounted { source: "10.99.0.9:/srv".into(), target: "/grdata".into(), fstype: "nfs4".into(), options: vec![], size_bytes: 1, free_bytes: 1, live: true, fstab: None };
    let mounts = &mut world.machine("compute01").mounts;
    mounts.retain(|mounted| mounted.target != "/grdata");
    mounts.push(nfs);
    let problems = refused(fixture(world));
    assert!(problems[0].code == "moosefs.other-mounted" && problems[0].message.contains("10.99.0.9:/srv (nfs4)") && problems[0].help.as_ref().unwrap().contains("arcus migrate"), "{problems:?}");
}

#[test]
fn while_data_are_moved_from_another_storage_nothing_is_mounted() {
    let attached = |attach: bool, world: World| {
        fixture(world).handing(|handed| {
            if let Some(shared) = &mut handed.demands.shared {
                shared.attach = attach;
            }
        })
    };
    let mut lab = Lab::<Moose>::new(attached(false, bare_world()));
    assert!(lab.converge().unwrap_or_else(|trouble| panic!("{trouble}")).is_done());
    for node in CLIENTS {
        assert!(lab.world().at(node).packages.contains_key("moosefs-client") && lab.world().at(node).mounts.iter().all(|mounted| mounted.target != "/grdata"));
    }
}

#[test]
fn more_copies_are_set_once_it_is_mounted() {
    let mut lab = Lab::<Moose>::new(with(r#"{"copies": 3}"#, bare_world()));
    assert!(lab.converge().unwrap_or_else(|trouble| panic!("{trouble}")).is_done());
    assert_eq!(lab.world().memory["copies"], "3");
}

fn checks(world: World) -> Vec<Check> {
    Lab::<Moose>::new(fixture(world)).verify().unwrap_or_else(|trouble| panic!("{trouble}")).checks
}

fn of<'a>(checks: &'a [Check], id: &str, node: Option<&str>) -> &'a Check {
    let found = checks.iter().find(|check| check.id == id && check.node.as_deref() == node);
    found.unwrap_or_else(|| panic!("no check {id} on {node:?} in {checks:#?}"))
}

#[test]
fn every_broken_piece_is_seen() {
    assert!(checks(standing()).iter().all(|check| check.outcome == Outcome::Passed));
    type Break = fn(&mut World);
    let cases: [(&str, Option<&str>, &str, Break); 9] = [
        ("master", Some("storage01"), "does not run", |world| world.machine("storage01").unit("moosefs-master.service").active = false),
        ("connected", Some("storage02"), "Can't connect to MFS master", |world| world.machine("storage01").unit("moosefs-master.service").active = false),
        ("chunks", Some("storage02"), "does not run", |world| world.machine("storage02").unit("moosefs-chunkserver.service").active = false),
        ("logger", Some("storage03"), "is not started at boot", |world| world.machine("storage03").unit("moosefs-metalogger.service").enabled = false),
        ("whole", None, "3 chunks have none that can be read", |world| drop(world.memory.insert("none".into(), "3".into()))),
        ("copies", None, "they have 1", |world| drop(world.memory.insert("copies".into(), "1".into()))),
        ("mounted", Some("compute01"), "nothing is mounted there", |world| world.machine("compute01").mounts.iter_mut().for_each(|mounted| mounted.live &= mounted.target != "/grdata")),
        ("fstab", Some("compute01"), "fstab has no line", |world| world.machine("compute01").mounts.iter_mut().for_each(|mounted| mounted.fstab = None)),
        ("fstab", Some("compute01"), "fstab says rw", |world| world.machine("compute01").mounts.iter_mut().filter(|mounted| mounted.target == "/grdata").for_each(|mounted| mounted.fstab = Some(vec!["rw".into()]))),
    ];
    for (id, node, says, breaks) in cases {
        let mut world = standing();
        breaks(&mut world);
        let checks = checks(world);
        let check = of(&checks, id, node);
        assert!(check.outcome == Outcome::Failed && check.detail.contains(says), "{says}: {check:?}");
    }
    // It may connect again, and copies are made good: nothing is claimed before.
    let mut world = standing();
    world.machine("storage02").memory.insert("cut".into(), "off".into());
    world.memory.insert("few".into(), "2".into());
    let found = checks(world);
    assert!(matches!(of(&found, "connected", Some("storage02")).outcome, Outcome::Pending(_)), "{found:?}");
    assert!(matches!(of(&found, "whole", None).outcome, Outcome::Pending(_)), "{found:?}");
}

#[test]
fn drills_take_a_storage_node_but_never_the_master() {
    let lab = Lab::<Moose>::new(fixture(standing()));
    let drills = lab.drills().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(drills.iter().map(|drill| drill.id.as_str()).collect::<Vec<_>>(), ["storage-isolate", "storage-power"]);
    assert!(drills.iter().all(|drill| drill.title.contains("storage02") && drill.watches[0].observer == "compute01" && drill.watches[0].others == ["manage01"]), "{drills:#?}");
}

#[test]
fn a_node_that_leaves_lets_go_and_one_that_keeps_files_does_not_leave() {
    let mut lab = Lab::<Moose>::new(fixture(standing()));
    lab.removing("compute01");
    lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(lab.world().at("compute01").mounts.iter().all(|mounted| mounted.target != "/grdata"));
    for (node, says) in [("storage01", "is the master"), ("storage02", "keeps chunks")] {
        let mut lab = Lab::<Moose>::new(fixture(standing()));
        lab.removing(node);
        let Err(Trouble::Refused(problems)) = lab.plan() else { panic!("{node} may leave") };
        assert!(problems[0].code == "moosefs.storage-stays" && problems[0].message.contains(says) && problems[0].help.is_some(), "{problems:?}");
    }
}
