//! The plugin on a fake cluster whose operator has set up MidoNet; then with each part missing in turn.

use arcus_network_midonet::Midonet;
use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use arcus_sdk::prelude::*;

const MANIFEST: &str = include_str!("../manifest.toml");
const CONFIG: &str = r#"{
    "zookeeper": ["10.99.0.51", "10.99.0.52", "10.99.0.53"], "cassandra": ["10.99.0.54"],
    "api": "http://10.99.0.55:8080/midonet-api", "keystone": "http://10.99.0.56:5000/v3" }"#;
const CNI: &str = "/opt/rainbond/etc/cni/10-midonet.conf";
const CONF: &str = r#"{ "name": "midonet", "type": "midonet-cni", "mtu": 1454,
    "midonet_api": { "url": "http://10.99.0.55:8080/midonet-api", "provider_router_id": "5a7c" } }"#;
const AGENT: &str = "midolman.service";
const MEMBERS: [&str; 3] = ["manage01", "compute01", "compute02"];
const HOSTS: [&str; 5] = ["manage01", "compute01", "compute02", "network01", "network02"];
const DEPLOYED: &str = "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults/main.yml";

/// The nodes, and servers of the operator's that are no nodes of the file.
fn bare_world() -> World {
    let mut world = World::new();
    for (name, address, roles) in [
        ("manage01", "10.99.0.11", &[Role::Manage, Role::Gateway][..]),
        ("compute01", "10.99.0.21", &[Role::Compute]),
        ("compute02", "10.99.0.22", &[Role::Compute]),
        ("network01", "10.99.0.41", &[Role::Network]),
        ("network02", "10.99.0.42", &[Role::Network]),
        ("outside", "10.99.0.50", &[]),
    ] {
        world.node(name, address, roles);
    }
    // A machine, and no node.
    world.nodes.retain(|node| node.name != "outside");
    let outside = world.machine("outside");
    let address = |last: u8| NetworkInterface { name: format!("eth{last}"), up: true, mtu: 1500, mac: String::new(), addresses: vec![format!("10.99.0.{last}/24")] };
    outside.interfaces.extend((51..=56).map(address));
    world.simulate(|world, run| {
        run.matches(["modinfo", "-F", "filename", "openvswitch"])?;
        let has = world.at(&run.node).memory.contains_key("openvswitch");
        Some(if has { run.prints("/lib/modules/openvswitch.ko\n") } else { run.fails(1, "modinfo: ERROR: Module openvswitch not found.\n") })
    });
    world.simulate(|world, run| {
        let [url] = run.matches(["curl", "-sS", "--max-time", "5", "-o", "/dev/null", "-w", "%{http_code}"])? else { return None };
        Some(match world.memory.get(url) {
            Some(code) => run.prints(code.clone()),
            None => Output { status: 7, stdout: b"000".to_vec(), ..run.fails(7, "curl: (7) Failed to connect\n") },
        })
    });
    world.simulate(|world, run| {
        let [address] = &run.matches(["nc", "-w", "3"])?[..1] else { return None };
        assert_eq!(run.stdin, b"ruok");
        Some(run.prints(world.memory.get(address).cloned().unwrap_or_default()))
    });
    world
}

fn standing_world() -> World {
    let mut world = bare_world();
    for port in [2181, 9042, 8080, 5000] {
        world.machine("outside").listen(port, "java");
    }
    for address in ["10.99.0.51", "10.99.0.52", "10.99.0.53"] {
        world.memory.insert(address.into(), "imok".into());
    }
    world.memory.insert("http://10.99.0.55:8080/midonet-api".into(), "401".into());
    world.memory.insert("http://10.99.0.56:5000/v3".into(), "200".into());
    for node in HOSTS {
        world.machine(node).memory.insert("openvswitch".into(), "can be loaded".into());
        let unit = world.machine(node).unit(AGENT);
        (unit.active, unit.enabled, unit.started) = (true, true, 10);
    }
    for node in MEMBERS {
        world.directory(node, "/opt/rainbond/etc/cni");
        world.directory(node, "/opt/rainbond/bin");
        world.write(node, CNI, CONF);
        world.write(node, "/opt/rainbond/bin/midonet-cni", "program");
        world.machine(node).files.get_mut("/opt/rainbond/bin/midonet-cni").unwrap().mode = 0o755;
    }
    world
}

/// As it would be with an installer that knows it; there is none.
fn deployed_world() -> World {
    let mut world = standing_world();
    world.directory("manage01", "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults");
    world.write("manage01", "/opt/rainbond/.rainbond.success", "5.1\n");
    world.write("manage01", DEPLOYED, "CLUSTER_NETWORK: midonet\n");
    world
}

fn fixture(world: World) -> Fixture {
    Fixture::new(MANIFEST, CONFIG, world)
}

fn standing() -> Fixture {
    fixture(deployed_world())
}

arcus_sdk::properties!(Midonet, standing);

fn refused(world: World) -> Vec<Problem> {
    match Lab::<Midonet>::new(fixture(world)).plan() {
        Err(Trouble::Refused(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_is_never_the_installers() {
    let offer = Lab::<Midonet>::new(fixture(bare_world())).network_offer().unwrap();
    assert_eq!(offer, NetworkOffer { kind: "midonet".into(), pods: "172.16.0.0/16".into(), by_platform: false });
}

#[test]
fn a_file_that_cannot_be_is_refused_with_its_place() {
    for (from, to, code, pointer) in [
        (r#""10.99.0.51", "10.99.0.52""#, r#""10.99.0.52""#, "midonet.zookeeper-count", "/zookeeper"),
        (r#""10.99.0.51", "10.99.0.52", "#, "", "midonet.zookeeper-count", "/zookeeper"),
        ("10.99.0.55:8080", "10.99.0.11:8181", "midonet.port-taken", "/api"),
        ("http://10.99.0.55", "ftp://10.99.0.55", "midonet.url", "/api"),
        ("{", r#"{ "pods": "172.30.0.0/16", "#, "midonet.pods-overlap", "/pods"),
    ] {
        let mut fixture = fixture(bare_world());
        fixture.config = CONFIG.replacen(from, to, 1);
        let Err(Trouble::Refused(problems)) = Lab::<Midonet>::new(fixture).network_offer() else { panic!("{code}: it was taken") };
        assert_eq!(problems.iter().map(|problem| (problem.code.as_str(), problem.pointer.as_deref())).collect::<Vec<_>>(), [(code, Some(pointer))]);
    }
}

#[test]
fn all_that_is_missing_is_said_at_once_and_before_any_change() {
    let problems = refused(bare_world());
    // Once, however many nodes lack the same.
    let (hosts, members) = ("manage01, compute01, compute02, network01, network02: ", "manage01, compute01, compute02: ");
    let said: Vec<_> = problems.iter().map(|problem| (problem.code.strip_prefix("midonet.").unwrap(), problem.message.as_str())).collect();
    for (code, begins) in [
        ("agent", hosts),
        ("switch", hosts),
        ("zookeeper-reached", hosts),
        ("cassandra-reached", hosts),
        ("api-reached", hosts),
        ("cni", members),
        ("cni-program", members),
        ("zookeeper", "ZooKeeper at 10.99.0.53"),
        ("api", "http://10.99.0.55:8080/midonet-api does not answer"),
        ("keystone", "http://10.99.0.56:5000/v3 does not answer"),
    ] {
        assert!(said.iter().any(|(known, message)| *known == code && message.starts_with(begins)), "{code}: {said:#?}");
    }
    assert_eq!(problems.len(), 12, "{said:#?}");
    assert!(problems.iter().all(|problem| problem.help.as_ref().is_some_and(|help| !help.is_empty())), "{problems:#?}");
}

#[test]
fn with_all_its_parts_there_is_nothing_to_do() {
    let mut lab = Lab::<Midonet>::new(fixture(standing_world()));
    assert!(lab.plan().unwrap().warnings.is_empty());
    let report = lab.converge().unwrap();
    assert!(report.is_done() && report.performed().is_empty(), "{report:?}");
}

#[test]
fn each_missing_part_is_found_alone() {
    type Break = fn(&mut World);
    let cases: [(&str, Option<&str>, &str, Break); 17] = [
        ("agent", Some("network02"), "there is no midolman.service", |world| drop(world.machine("network02").units.remove(AGENT))),
        ("agent", Some("compute01"), "does not run", |world| world.machine("compute01").unit(AGENT).active = false),
        ("agent", Some("compute01"), "not started at boot", |world| world.machine("compute01").unit(AGENT).enabled = false),
        ("switch", Some("compute01"), "no module openvswitch", |world| drop(world.machine("compute01").memory.remove("openvswitch"))),
        ("zookeeper-reached", Some("compute01"), "10.99.0.52:2181 is silent", |world| {
            world.machine("outside").interfaces.retain(|interface| interface.name != "eth52");
        }),
        ("cassandra-reached", Some("compute01"), "nobody listens on 10.99.0.54:9042", |world| {
            world.machine("outside").sockets.retain(|socket| socket.port != 9042);
        }),
        ("api-reached", Some("compute01"), "nobody listens on 10.99.0.55:8080", |world| {
            world.machine("outside").sockets.retain(|socket| socket.port != 8080);
        }),
        ("api", None, "answers 503", |world| drop(world.memory.insert("http://10.99.0.55:8080/midonet-api".into(), "503".into()))),
        ("keystone", None, "does not answer: curl: (7)", |world| drop(world.memory.remove("http://10.99.0.56:5000/v3"))),
        ("zookeeper", None, "does not say imok", |world| drop(world.memory.remove("10.99.0.53"))),
        ("cni", Some("compute01"), "there is no", |world| world.remove("compute01", CNI)),
        // As it was published.
        ("cni", Some("compute01"), "is no JSON", |world| world.write("compute01", CNI, CONF.replace("1454", "1454\""))),
        ("cni", Some("compute01"), "of the type \"calico\"", |world| world.write("compute01", CNI, CONF.replace("midonet-cni", "calico"))),
        ("cni", Some("compute01"), "says the API is at", |world| world.write("compute01", CNI, CONF.replace("8080", "8181"))),
        ("cni", Some("compute01"), "no provider_router_id", |world| world.write("compute01", CNI, CONF.replace("5a7c", ""))),
        ("cni-program", Some("compute01"), "that can be run", |world| world.remove("compute01", "/opt/rainbond/bin/midonet-cni")),
        ("cni-program", Some("compute01"), "that can be run", |world| {
            world.machine("compute01").files.get_mut("/opt/rainbond/bin/midonet-cni").unwrap().mode = 0o644;
        }),
    ];
    for (id, node, says, breaks) in cases {
        let mut world = deployed_world();
        breaks(&mut world);
        let problems = refused(world.clone());
        let found = problems.iter().find(|problem| problem.code == format!("midonet.{id}") && problem.message.contains(says));
        assert!(found.is_some_and(|problem| problem.node.as_deref() == node || id.ends_with("reached")), "{says}: {problems:?}");
        let checks = checks(world);
        let check = of(&checks, id, node, says);
        assert_eq!(check.outcome, Outcome::Failed, "{says}: {check:?}");
    }
}

fn checks(world: World) -> Vec<Check> {
    Lab::<Midonet>::new(fixture(world)).verify().unwrap().checks
}

/// Of several of one name, the one that says this.
fn of<'a>(checks: &'a [Check], id: &str, node: Option<&str>, says: &str) -> &'a Check {
    let found = checks.iter().find(|check| check.id == id && check.node.as_deref() == node && check.detail.contains(says));
    found.unwrap_or_else(|| panic!("no check {id} on {node:?} says {says:?} in {checks:#?}"))
}

#[test]
fn calico_is_never_taken_for_it() {
    let mut world = deployed_world();
    world.write("manage01", DEPLOYED, "CLUSTER_NETWORK: calico\n");
    world.machine("compute02").unit("calico.service").active = true;
    let problems = refused(world.clone());
    assert_eq!(problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["midonet.other-network"]);
    assert!(problems[0].message.contains("has calico, and the file asks for midonet"), "{problems:?}");
    let checks = checks(world);
    assert_eq!(of(&checks, "deployed", None, "what its installer makes of midonet").outcome, Outcome::Failed);
    assert_eq!(of(&checks, "alone", None, "calico").outcome, Outcome::Failed);
}

#[test]
fn a_flannel_that_is_there_is_an_error_too() {
    let mut world = standing_world();
    world.write("compute01", "/opt/rainbond/etc/cni/10-flannel.conflist", "{}");
    let problems = refused(world);
    assert!(problems.len() == 1 && problems[0].message.contains("compute01 has flannel"), "{problems:?}");
}

#[test]
fn two_network_nodes_are_wanted() {
    for (left, says) in [(1, "one network node"), (0, "no network node")] {
        let mut world = deployed_world();
        for name in &["network02", "network01"][..2 - left] {
            world.nodes.retain(|node| node.name != *name);
        }
        let warnings = Lab::<Midonet>::new(fixture(world.clone())).plan().unwrap().warnings;
        assert!(warnings.len() == 1 && warnings[0].message.contains(says), "{warnings:?}");
        assert_eq!(of(&checks(world), "network-nodes", None, says).outcome, Outcome::Warned);
    }
}

#[test]
fn a_node_that_is_silent_lacks_nothing_and_proves_nothing() {
    let mut world = deployed_world();
    world.machine("compute02").reachable = false;
    assert!(Lab::<Midonet>::new(fixture(world.clone())).plan().is_ok());
    let checks = checks(world);
    assert!(checks.iter().filter(|check| check.node.as_deref() == Some("compute02")).all(|check| check.outcome == Outcome::Unknown));
}

#[test]
fn without_nc_the_ports_prove_what_they_can() {
    let mut world = deployed_world();
    // The last one asked is not there: nobody simulates it.
    world.memory.clear();
    let mut bare = World::new();
    bare.nodes.clone_from(&world.nodes);
    bare.machines.clone_from(&world.machines);
    let checks = checks(bare);
    assert!(!checks.iter().any(|check| check.id == "zookeeper"));
    assert_eq!(of(&checks, "zookeeper-reached", Some("compute01"), "3 of 3").outcome, Outcome::Passed);
}
