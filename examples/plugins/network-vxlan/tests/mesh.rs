//! Who gets which block, what is in the way, and that every piece of the mesh that breaks is seen and mended.

mod common;

use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::contract::facts::{NetworkInterface, Route};
use arcus_sdk::contract::handoffs::NetworkOffer;
use arcus_sdk::contract::types::{Problem, Role};
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use common::{MANIFEST, UNIT, bare, bare_world, fixture};
use network_vxlan::Vxlan;

const MEMBERS: [&str; 3] = ["manage01", "compute01", "compute02"];

fn standing() -> World {
    let mut lab = Lab::<Vxlan>::new(bare());
    lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    let mut world = lab.world().clone();
    world.pass(1_000);
    for node in ["compute01", "compute02"] {
        let number = if node == "compute01" { 21 } else { 22 };
        let machine = world.machine(node);
        // The younger one first; the older one is gone, and still written down.
        machine.memory.insert("pods".into(), format!("lock\n10.244.{number}.3\n10.244.{number}.2\n"));
        machine.memory.insert(format!("10.244.{number}.3"), "a pod".into());
        let addresses = vec![format!("10.244.{number}.1/24")];
        machine.interfaces.push(NetworkInterface { name: "cni0".into(), up: true, mtu: 1450, mac: String::new(), addresses });
    }
    world
}

fn refused(fixture: Fixture) -> Vec<Problem> {
    match Lab::<Vxlan>::new(fixture).plan() {
        Err(Trouble::Refused(problems)) => problems,
        Ok(_) => panic!("it was planned"),
        Err(trouble) => panic!("{trouble}"),
    }
}

fn offered(config: &str, world: World) -> Result<NetworkOffer, Vec<Problem>> {
    match Lab::<Vxlan>::new(Fixture::new(MANIFEST, config, world)).network_offer() {
        Ok(offer) => Ok(offer),
        Err(Trouble::Refused(problems)) => Err(problems),
        Err(trouble) => panic!("{trouble}"),
    }
}

#[test]
fn the_platform_is_told_the_range_and_that_its_installer_brings_nothing() {
    let offer = NetworkOffer { kind: "vxlan".into(), pods: "10.244.0.0/16".into(), by_platform: false };
    assert_eq!(offered("{}", bare_world()).unwrap(), offer);
}

#[test]
fn what_the_cluster_file_alone_shows_to_be_wrong_is_refused_at_its_place() {
    for (config, code, pointer, says) in [
        (r#"{"pods": "10.99.0.0/16"}"#, "vxlan.pods-overlap", "/pods", "contains the address 10.99.0.11 of manage01 (and 3 more nodes)"),
        (r#"{"pods": "10.244.0.0/24"}"#, "vxlan.pods-too-small", "/pods", "no larger than what one node gets"),
        (r#"{"pods": "10.0.0.0/7"}"#, "vxlan.pods-too-large", "/pods", "larger than /8"),
        (r#"{"pods": "fd00::/64"}"#, "vxlan.pods-ipv6", "/pods", "IPv6"),
        (r#"{"pods": "10.244.1.0/16"}"#, "net.cidr", "/pods", "an address inside a network"),
        (r#"{"blocks": {"nobody": 3}}"#, "vxlan.block-of-nobody", "/blocks/nobody", "nobody is no node with pods"),
        (r#"{"blocks": {"storage01": 3}}"#, "vxlan.block-of-nobody", "/blocks/storage01", "storage01"),
        (r#"{"blocks": {"compute01": 256}}"#, "vxlan.block-outside", "/blocks/compute01", "from 0 to 255"),
        (r#"{"blocks": {"compute01": 11}}"#, "vxlan.same-block", "/blocks", "manage01 and compute01 would both have 10.244.11.0/24"),
    ] {
        let problems = offered(config, bare_world()).expect_err(config);
        let found = problems.iter().find(|problem| problem.code == code && problem.message.contains(says)).unwrap_or_else(|| panic!("{config}: {problems:?}"));
        assert!(found.pointer.as_deref() == Some(pointer) && found.help.is_some(), "{found:?}");
    }
    // A range of few blocks: addresses that end alike share the last bits.
    let problems = offered(r#"{"pods": "10.244.0.0/22"}"#, bare_world()).map(drop);
    assert!(problems.is_ok(), "11, 21 and 22 differ in their last two bits: {problems:?}");
    let problems = offered(r#"{"pods": "10.244.0.0/23"}"#, bare_world()).unwrap_err();
    assert_eq!(problems[0].code, "vxlan.same-block");
    let mut six = bare_world();
    six.node("far", "fd00::9", &[Role::Compute]);
    assert_eq!(offered("{}", six).unwrap_err()[0].code, "vxlan.address");
    let mut vip = fixture(bare_world());
    vip.handed.gateway = Some(arcus_sdk::contract::handoffs::GatewayOffer { address: "10.244.7.7/24".into(), managers: None });
    assert!(matches!(Lab::<Vxlan>::new(vip).network_offer(), Err(Trouble::Refused(problems)) if problems[0].message.contains("the gateway's address")));
}

#[test]
fn a_node_keeps_its_block_whoever_comes_and_goes() {
    let file_of = |world: World, config: &str, node: &str| {
        let mut lab = Lab::<Vxlan>::new(Fixture::new(MANIFEST, config, world));
        lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
        let text = lab.world().text(node, "/etc/cni/net.d/10-arcus-vxlan.conflist").unwrap();
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["plugins"][0]["mtu"], 1450);
        told["plugins"][0]["ipam"]["subnet"].as_str().unwrap().to_owned()
    };
    let mut fewer = bare_world();
    fewer.nodes.remove(0);
    fewer.nodes.reverse();
    assert_eq!(file_of(bare_world(), "{}", "compute02"), "10.244.22.0/24");
    assert_eq!(file_of(fewer, "{}", "compute02"), "10.244.22.0/24");
    assert_eq!(file_of(bare_world(), r#"{"blocks": {"compute02": 7}}"#, "compute02"), "10.244.7.0/24");
}

#[test]
fn whatever_is_in_the_way_is_refused_before_anything_is_changed() {
    type Break = fn(&mut World);
    let cases: [(&str, &str, Break); 6] = [
        ("vxlan.pods-overlap", "overlaps 10.244.8.2/24 on eth1 of compute01", |world| {
            let addresses = vec!["10.244.8.2/24".into()];
            world.machine("compute01").interfaces.push(NetworkInterface { name: "eth1".into(), up: true, mtu: 9000, mac: String::new(), addresses });
        }),
        ("vxlan.pods-overlap", "compute02 has a route to 10.244.128.0/17 by eth0", |world| {
            let far = Route { to: "10.244.128.0/17".into(), via: Some("10.99.0.1".into()), dev: "eth0".into(), proto: "static".into() };
            world.machine("compute02").routes.push(far);
        }),
        ("vxlan.address", "no interface of compute01 has its address 10.99.0.21", |world| world.machine("compute01").interfaces[1].addresses = vec!["192.168.5.2/24".into()]),
        ("vxlan.mtu", "eth0 of compute02 carries packets of 1400 bytes: pods' of 1450 need 1500 with their tunnel", |world| world.machine("compute02").interfaces[1].mtu = 1400),
        ("vxlan.taken", "compute01 has a tunnel other with the number 76 on port 4789 already", |world| {
            let line = "7: other: <UP> mtu 1450 \\ link/ether 0e:00:00:00:00:09 brd ff:ff:ff:ff:ff:ff \\ vxlan id 76 local 10.99.0.21 srcport 0 0 dstport 4789 ttl auto\n";
            world.machine("compute01").memory.insert("stranger".into(), line.into());
        }),
        ("vxlan.other-network", "compute02 has another network for its pods: /etc/cni/net.d/05-cilium.conflist", |world| {
            world.directory("compute02", "/etc/cni/net.d");
            world.write("compute02", "/etc/cni/net.d/05-cilium.conflist", "{}");
        }),
    ];
    for (code, says, breaks) in cases {
        let mut world = bare_world();
        breaks(&mut world);
        let problems = refused(fixture(world));
        assert_eq!(problems.len(), 1, "{says}: {problems:?}");
        assert!(problems[0].code == code && problems[0].message.contains(says) && problems[0].help.is_some(), "{says}: {problems:?}");
    }
    // What it made itself, and a tunnel with another number, are in nobody's way; nor is a silent node one of another network.
    let mut world = standing();
    let line = "7: flannel.1: <UP> mtu 1450 \\ link/ether 0e:00:00:00:00:09 brd ff:ff:ff:ff:ff:ff \\ vxlan id 1 local 10.99.0.21 srcport 0 0 dstport 8472 ttl auto\n";
    world.machine("compute01").memory.insert("stranger".into(), line.into());
    assert!(Lab::<Vxlan>::new(fixture(world.clone())).plan().is_ok());
    world.machine("compute02").reachable = false;
    assert!(Lab::<Vxlan>::new(fixture(world)).plan().is_ok());
}

fn checks(world: World) -> Vec<Check> {
    Lab::<Vxlan>::new(fixture(world)).verify().unwrap_or_else(|trouble| panic!("{trouble}")).checks
}

fn of<'a>(checks: &'a [Check], id: &str, node: Option<&str>) -> &'a Check {
    let found = checks.iter().find(|check| check.id == id && check.node.as_deref() == node);
    found.unwrap_or_else(|| panic!("no check {id} on {node:?} in {checks:#?}"))
}

#[test]
fn all_of_it_is_proven_and_storage_is_left_alone() {
    let world = standing();
    assert!(!world.at("storage01").units.contains_key(UNIT) && world.at("storage01").sysctls["net.ipv4.ip_forward"] == "0");
    let checks = checks(world);
    assert!(checks.iter().all(|check| check.outcome == Outcome::Passed), "{checks:#?}");
    assert_eq!(of(&checks, "packets", Some("manage01")).detail, "2 of 2");
    assert_eq!(of(&checks, "pods", Some("manage01")).detail, "2 of 2");
    let across = of(&checks, "pods", Some("compute01"));
    assert!(across.detail == "1 of 1" && across.title.contains("10.244.21.1"), "from the pods' own bridge: {across:?}");
}

type Break = fn(&mut World);

/// Damage to what the kernel has: seen, and mended by a plan.
const DAMAGE: [(&str, Break); 5] = [
    ("there is no arcus-vxlan", |world| drop(world.machine("compute01").memory.remove("device"))),
    ("no route to manage01, compute02", |world| drop(world.machine("compute01").memory.remove("routes"))),
    ("it would have to ask for manage01", |world| {
        let text = world.at("compute01").memory["neighbours"].replace("10.244.11.0 lladdr", "10.244.11.0 FAILED");
        world.machine("compute01").memory.insert("neighbours".into(), text);
    }),
    ("no tunnel to compute02", |world| {
        let text = world.at("compute01").memory["forwarding"].replace("dst 10.99.0.22", "dst 10.99.0.99");
        world.machine("compute01").memory.insert("forwarding".into(), text);
    }),
    ("its number is 77", |world| {
        let text = world.at("compute01").memory["device"].replace("id 76", "id 77");
        world.machine("compute01").memory.insert("device".into(), text);
    }),
];

#[test]
fn what_somebody_takes_from_the_kernel_is_seen_and_made_again() {
    for (says, breaks) in DAMAGE {
        let mut world = standing();
        breaks(&mut world);
        let found = checks(world.clone());
        let mesh = of(&found, "mesh", Some("compute01"));
        assert!(mesh.outcome == Outcome::Failed && mesh.detail.contains(says), "{says}: {mesh:?}");
        let mut lab = Lab::<Vxlan>::new(fixture(world));
        let report = lab.converge().unwrap_or_else(|trouble| panic!("{says}: {trouble}"));
        assert_eq!(report.performed(), ["mesh:compute01"], "{says}");
        let world = lab.world().clone();
        assert!(checks(world).iter().all(|check| check.outcome == Outcome::Passed), "{says}");
    }
}

#[test]
fn every_broken_piece_is_seen() {
    let cases: [(&str, Option<&str>, &str, Break); 9] = [
        ("alone", None, "compute02 has /etc/cni/net.d/05-cilium.conflist", |world| world.write("compute02", "/etc/cni/net.d/05-cilium.conflist", "{}")),
        ("service", Some("compute01"), "is not started at boot", |world| world.machine("compute01").unit(UNIT).enabled = false),
        ("forward", Some("compute01"), "is off", |world| drop(world.machine("compute01").sysctls.insert("net.ipv4.ip_forward".into(), "0".into()))),
        ("cni", Some("compute01"), "says something else", |world| world.write("compute01", "/etc/cni/net.d/10-arcus-vxlan.conflist", "{}")),
        ("underlay", Some("compute01"), "eth0 carries 1400 bytes, and 1500 are needed", |world| world.machine("compute01").interfaces[1].mtu = 1400),
        ("packets", Some("manage01"), "not from compute01", |world| world.machine("compute01").interfaces[1].mtu = 1400),
        ("packets", Some("manage01"), "not from compute02", |world| drop(world.machine("compute02").memory.insert("drops".into(), "UDP 4789".into()))),
        ("bridge", Some("compute01"), "cni0 has 10.244.7.1/24, not 10.244.21.1", |world| world.machine("compute01").interfaces.last_mut().unwrap().addresses = vec!["10.244.7.1/24".into()]),
        ("bridge", Some("compute01"), "lets packets of 1500 bytes through", |world| world.machine("compute01").interfaces.last_mut().unwrap().mtu = 1500),
    ];
    for (id, node, says, breaks) in cases {
        let mut world = standing();
        breaks(&mut world);
        let checks = checks(world);
        let check = of(&checks, id, node);
        // A packet may get lost for a while; then it has failed.
        let wanted = if id == "packets" { Outcome::Pending(20) } else { Outcome::Failed };
        assert!(check.outcome == wanted && check.detail.contains(says), "{says}: {check:?}");
    }
    let mut world = standing();
    world.machine("compute02").memory.insert("drops".into(), "UDP 4789".into());
    let found = checks(world);
    assert!(of(&found, "pods", Some("compute01")).detail.contains("10.244.22.3 on compute02"), "{found:?}");
}

#[test]
fn without_pods_or_with_none_that_lives_it_says_that_none_was_tried() {
    let (mut none, mut dead) = (standing(), standing());
    for node in ["compute01", "compute02"] {
        none.machine(node).memory.remove("pods");
        dead.machine(node).memory.retain(|key, _| !key.starts_with("10.244."));
    }
    for world in [none, dead] {
        let checks = checks(world);
        let check = of(&checks, "pods", None);
        assert!(check.outcome == Outcome::Warned && check.detail.contains("none was tried"), "{check:?}");
    }
}

#[test]
fn a_new_node_is_told_to_the_others_without_their_tunnels_being_made_anew() {
    let mut world = standing();
    let machine = world.node("compute03", "10.99.0.23", &[Role::Compute]);
    machine.sysctls.insert("net.ipv4.ip_forward".into(), "0".into());
    let mut lab = Lab::<Vxlan>::new(fixture(world));
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    let done = report.performed();
    for node in MEMBERS {
        for step in ["peers", "forwarding", "run"] {
            assert!(done.contains(&format!("{step}:{node}").as_str()), "{step} {node}: {done:?}");
        }
        assert!(!done.contains(&format!("unit:{node}").as_str()) && !done.contains(&format!("mesh:{node}").as_str()), "{done:?}");
    }
    assert!(lab.world().text("compute01", "/etc/arcus-vxlan/peers.ip").unwrap().contains("10.244.23.0/24"));
}

#[test]
fn a_node_that_leaves_is_without_tunnels_and_without_what_would_make_them() {
    let mut lab = Lab::<Vxlan>::new(fixture(standing()));
    lab.removing("compute02");
    lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    let world = lab.world();
    let machine = world.at("compute02");
    assert!(!machine.units[UNIT].active && !machine.units[UNIT].enabled);
    assert!(machine.files.keys().all(|path| !path.starts_with("/etc/arcus-vxlan") && !path.starts_with("/etc/cni") && !path.contains("systemd")), "{:?}", machine.files.keys());
    assert!(world.at("compute01").units[UNIT].active);
}

#[test]
fn drills_take_a_compute_node_and_watch_two_others() {
    let lab = Lab::<Vxlan>::new(fixture(standing()));
    let drills = lab.drills().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(drills.iter().map(|drill| drill.id.as_str()).collect::<Vec<_>>(), ["network-isolate", "network-stop", "network-power"]);
    assert!(drills.iter().all(|drill| drill.title.contains("compute01") && drill.watches[0].observer == "compute02"), "{drills:#?}");
    let mut two = bare_world();
    two.nodes.retain(|node| node.name != "compute02");
    assert!(Lab::<Vxlan>::new(fixture(two)).drills().unwrap_or_default().is_empty(), "nobody is left to tell");
}
