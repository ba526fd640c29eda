//! The other nodes, the virtual address, and the proof of all.

mod common;

use arcus_platform_rainbond::Rainbond;
use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::fake::{Lab, Trouble};
use common::*;

fn place(performed: &[String], id: &str) -> usize {
    performed.iter().position(|step| step == id).unwrap_or_else(|| panic!("{id} was not performed: {performed:?}"))
}

fn check(lab: &Lab<Rainbond>, id: &str, node: Option<&str>) -> Check {
    let checks = lab.verify().unwrap_or_else(|trouble| panic!("{trouble}")).checks;
    let found = checks.into_iter().find(|check| check.id == id && check.node.as_deref() == node);
    found.unwrap_or_else(|| panic!("no check {id} on {node:?}"))
}

fn bad(lab: &Lab<Rainbond>, id: &str, node: Option<&str>) -> String {
    let found = check(lab, id, node);
    assert!(matches!(found.outcome, Outcome::Failed | Outcome::Pending(_)), "{id}: {found:?}");
    found.detail
}

#[test]
fn managers_join_one_at_a_time_then_gateways_then_compute_nodes() {
    let mut given = of_5_1();
    given.world.node("edge01", "10.99.0.41", &[arcus_sdk::contract::types::Role::Gateway]);
    let mut lab = lab(given.provided("storage.mounted", &["edge01"]).provided("network.ready", &["edge01"]));
    let performed = done(&mut lab);
    let order = [
        "init:manage01", "key:manage02", "add:manage02", "install:manage02", "add:manage03", "install:manage03", "add:edge01", "install:edge01",
        "add:compute01", "install:compute01", "up:compute01", "add:compute02", "install:compute02", "up:compute02",
    ];
    let places: Vec<usize> = order.iter().map(|id| place(&performed, id)).collect();
    assert!(places.is_sorted(), "{performed:?}");
    let after = |id: &str| step(&lab, id).after;
    assert!(after("add:manage03").contains(&"member:manage02".into()), "not before the second takes part in etcd");
    assert!(after("settled:manage02").contains(&"member:manage03".into()), "full health is wanted when all are there");
    assert!(after("joined:manage02").contains(&"refresh:manage02".into()));
    assert!(after("add:compute01").contains(&"joined:manage03".into()), "compute nodes need healthy managers");
    assert_eq!(argv(&step(&lab, "add:edge01"))[8], "gateway");
}

#[test]
fn a_node_is_added_with_an_id_of_its_own_and_a_key() {
    let lab = lab(of_5_1());
    let add = step(&lab, "add:manage02");
    let argv = argv(&add);
    assert_eq!(argv[..4], ["/usr/local/bin/grctl", "node", "add", "--id"]);
    assert_eq!(argv[5..], ["--host", "manage02", "--role", "manage,gateway", "--internal-ip", "10.99.0.12", "--private-key", "/root/.ssh/id_rsa"]);
    assert_eq!((add.node.as_str(), add.about.as_deref()), ("manage01", Some("manage02")));
    assert_eq!(argv[4], common::argv(&step(&lab, "install:manage02"))[3], "one id in all steps");
    assert_ne!(argv[4], common::argv(&step(&lab, "add:manage03"))[4]);
}

#[test]
fn an_installation_that_fails_says_why_and_is_tried_again() {
    let mut lab = lab(of_5_1());
    lab.world().memory.insert("install-fails".into(), "yes".into());
    let Err(Trouble::Failed { step, why }) = lab.converge() else { panic!("it did not fail") };
    assert_eq!(step, "install:manage02");
    assert!(why.contains("the installation of manage02 failed"), "{why}");
    lab.world().memory.remove("install-fails");
    let performed = done(&mut lab);
    assert!(performed.iter().all(|id| id != "init:manage01" && id != "add:manage02") && performed.iter().any(|id| id == "install:manage02"));
}

#[test]
fn a_node_whose_storage_is_not_mounted_is_not_installed() {
    let members = ["manage01", "manage02", "manage03", "compute01"];
    let mut given = of_5_1();
    let handed = given.handed.clone();
    given = arcus_sdk::fake::Fixture::new(MANIFEST, r#"{"version": "5.1"}"#, given.world)
        .provided("storage.mounted", &members)
        .provided("network.ready", &["manage01", "manage02", "manage03", "compute01", "compute02"])
        .provided("vip.answering", &["manage01"])
        .handing(|now| *now = handed);
    let mut lab = lab(given);
    let report = lab.converge().unwrap();
    assert!(report.left().contains_key("install:compute02") && !report.performed().contains(&"install:compute02"));
    assert!(report.performed().contains(&"joined:compute01") || !report.left().contains_key("joined:compute01"));
}

#[test]
fn a_cluster_built_by_hand_is_taken_as_it_is() {
    let given = of_5_1();
    let lab = lab(given);
    {
        let world = &mut *lab.world();
        for (place, (name, address, roles)) in [
            ("manage01", "10.99.0.11", "manage,gateway"),
            ("manage02", "10.99.0.12", "manage,gateway"),
            ("manage03", "10.99.0.13", "manage,gateway"),
            ("compute01", "10.99.0.21", "compute"),
            ("compute02", "10.99.0.22", "compute"),
        ]
        .into_iter()
        .enumerate()
        {
            let uid = format!("ffffffff-aaaa-4aaa-8aaa-00000000000{place}");
            software(world, name, roles, "5.1");
            put(world, &Row { uid: uid.clone(), ip: address.into(), roles: roles.into(), state: "install_success".into(), since: 1 });
            world.memory.insert(format!("up/{uid}"), "yes".into());
        }
        world.write("manage01", MARK, "5.1\n");
        world.machine("manage01").unit("rbd-db.service").active = true;
        world.memory.insert("region/rainbond".into(), region("10.99.0.11"));
        world.memory.insert("vendor".into(), VIP.into());
        world.pass(60);
    }
    let mut lab = lab;
    let performed = done(&mut lab);
    // What leads to the first node is led to the address; nothing is installed or added.
    assert!(performed.iter().any(|id| id == "region:rainbond"), "{performed:?}");
    let known = ["region", "names", "dns", "dns-update", "agent-etcd", "agent-run", "agent-well", "proxy-etcd", "proxy-run", "pods-etcd"];
    assert!(performed.iter().all(|id| known.contains(&id.split(':').next().unwrap())), "{performed:?}");
    assert_eq!(argv(&step(&lab, "install:compute02"))[3], "ffffffff-aaaa-4aaa-8aaa-000000000004");
}

#[test]
fn a_data_centre_that_is_not_there_is_named() {
    let mut lab = lab(fixture(world("5.1"), r#"{"version": "5.1", "region": "third"}"#));
    let Err(Trouble::Failed { step, why }) = lab.converge() else { panic!("it did not fail") };
    assert_eq!(step, "region:third");
    assert!(why.contains("no data centre third; it has other, rainbond"), "{why}");
}

#[test]
fn a_gateway_that_is_down_is_noticed_by_several() {
    let mut lab = lab(of_5_1());
    done(&mut lab);
    lab.world().machine("manage02").unit("rbd-gateway.service").active = false;
    lab.world().machine("manage02").sockets.retain(|socket| socket.port != 80);
    assert!(bad(&lab, "gateway", Some("manage02")).contains("Failed to connect"));
    assert!(bad(&lab, "gateway-reached", Some("manage02")).contains("nobody listens"));
    assert_eq!(bad(&lab, "member", Some("manage02")), "running(unhealth)");
    assert!(bad(&lab, "cluster-status", None).contains("unhealthy"));
    assert_eq!(bad(&lab, "services", None), "Ready 4/5");
    assert_eq!(check(&lab, "gateway", Some("manage01")).outcome, Outcome::Passed);
}

#[test]
fn each_other_thing_that_breaks_is_noticed() {
    let mut lab = lab(of_5_1());
    done(&mut lab);
    let whole = lab.world().clone();
    let broken = |change: &dyn Fn(&mut arcus_sdk::fake::World), id: &str, node: Option<&str>, words: &str| {
        *lab.world() = whole.clone();
        change(&mut lab.world());
        let detail = bad(&lab, id, node);
        assert!(detail.contains(words), "{id}: {detail}");
    };
    broken(&|world| world.machine("compute01").unit("node.service").active = false, "member", Some("compute01"), "does not run");
    broken(&|world| world.machine("manage03").unit("etcd.service").active = false, "etcd", Some("manage03"), "Failed to connect");
    broken(&|world| world.machine("manage03").sockets.retain(|socket| socket.port != 2379), "etcd-reached", Some("manage03"), "nobody listens");
    broken(&|world| world.machine("manage03").sockets.retain(|socket| socket.port != 8443), "api-reached", Some("manage03"), "nobody listens");
    broken(&|world| world.machine("manage01").sockets.retain(|socket| socket.port != 7070), "console-reached", Some("manage01"), "nobody listens");
    broken(&|world| drop(world.machine("manage01").interfaces[1].addresses.pop()), "traffic-by-vip", None, "no answer");
    broken(
        &|world| {
            world.memory.retain(|key, value| !(key.starts_with("node/") && value.contains("10.99.0.22")));
        },
        "member",
        Some("compute02"),
        "not in the list",
    );
    broken(
        &|world| {
            for (_, value) in world.memory.iter_mut().filter(|(key, value)| key.starts_with("node/") && value.contains("10.99.0.22")) {
                *value = value.replace("compute", "manage");
            }
        },
        "member",
        Some("compute02"),
        "as manage",
    );
}

#[test]
fn a_node_that_the_file_does_not_have_is_no_member_of_it() {
    let mut lab = lab(of_5_1());
    done(&mut lab);
    put(&mut lab.world(), &Row { uid: "x".into(), ip: "10.99.0.77".into(), roles: "compute".into(), state: "not_installed".into(), since: 0 });
    let check = check(&lab, "unlisted", None);
    assert_eq!(check.outcome, Outcome::Failed);
    assert!(check.detail.contains("10.99.0.77"), "{}", check.detail);
}

#[test]
fn an_api_that_is_silent_proves_nothing() {
    let mut lab = lab(of_5_1());
    done(&mut lab);
    for node in ["manage01", "manage02", "manage03"] {
        lab.world().machine(node).unit("rbd-api.service").active = false;
    }
    for id in ["unlisted", "cluster-status", "services"] {
        let check = check(&lab, id, None);
        assert_eq!(check.outcome, Outcome::Unknown, "{id}");
        assert!(check.detail.contains("not working properly"), "{}", check.detail);
    }
}

#[test]
fn a_node_that_moved_is_not_added_a_second_time() {
    let mut lab = lab(of_5_1());
    done(&mut lab);
    lab.world().nodes.iter_mut().find(|node| node.name == "compute02").unwrap().address = "10.99.0.29".into();
    let Err(Trouble::Refused(problems)) = lab.plan() else { panic!("planned") };
    assert_eq!(problems[0].code, "rainbond.address-moved");
    assert!(problems[0].message.contains("10.99.0.22") && problems[0].message.contains("10.99.0.29"), "{}", problems[0].message);
}

#[test]
fn where_no_node_is_named_a_gateway_the_managers_are() {
    let mut given = of_5_1();
    for node in &mut given.world.nodes {
        node.roles.retain(|role| *role != arcus_sdk::contract::types::Role::Gateway);
    }
    let mut lab = lab(given);
    assert_eq!(argv(&step(&lab, "init:manage01"))[3], "manage,gateway");
    done(&mut lab);
    assert_eq!(check(&lab, "gateway", Some("manage03")).outcome, Outcome::Passed);
    assert_eq!(check(&lab, "member", Some("manage03")).outcome, Outcome::Passed);
}
