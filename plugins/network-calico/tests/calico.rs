//! The plugin on a fake cluster whose platform has brought calico; then with every piece of it broken in turn.

use arcus_network::fake::{kernel, of};
use arcus_network_calico::Calico;
use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::contract::facts::{Fact, Probe};
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use arcus_sdk::prelude::*;

const MANIFEST: &str = include_str!("../manifest.toml");
const DEPLOYED: &str = "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults/main.yml";
const UNIT: &str = "calico.service";

/// Machines as they are before the platform is installed.
fn bare_world() -> World {
    let mut world = World::new();
    for (name, address, roles) in [
        ("manage01", "10.99.0.11", &[Role::Manage, Role::Gateway][..]),
        ("manage02", "10.99.0.12", &[Role::Manage, Role::Gateway]),
        ("compute01", "10.99.0.21", &[Role::Compute]),
        ("storage01", "10.99.0.31", &[Role::Storage]),
    ] {
        world.node(name, address, roles).memory.insert("ipip".into(), "can be loaded".into());
    }
    kernel(&mut world, "ipip");
    world
}

/// The platform stands, and calico with it: routes and sessions are those of the nodes whose calico runs.
fn standing_world() -> World {
    let mut world = bare_world();
    world.directory("manage01", "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults");
    world.write("manage01", "/opt/rainbond/.rainbond.success", "5.1\n");
    world.write("manage01", DEPLOYED, "CLUSTER_NETWORK: calico\npod_cidr: 10.244.0.0/16\n");
    for node in ["manage01", "manage02", "compute01"] {
        world.write(node, "/opt/rainbond/conf/network.yaml", "version: \"2.1\"\nservices:\n- name: calico\n  health:\n    name: calico\n");
        world.machine(node).listen(179, "bird");
        let unit = world.machine(node).unit(UNIT);
        (unit.active, unit.enabled, unit.started) = (true, true, 10);
        let tunl0 = NetworkInterface { name: "tunl0".into(), up: true, mtu: 1480, mac: String::new(), addresses: vec!["10.244.0.65/32".into()] };
        world.machine(node).interfaces.push(tunl0);
    }
    world.now = 100_000;
    world.on_probe(|world, node, probe| {
        let Probe::Routes = probe else { return None };
        let routes = world.nodes.iter().enumerate().filter(|(_, other)| world.at(&other.name).runs(UNIT));
        let route = |(place, other): (usize, &Node)| {
            let (to, proto) = (format!("10.244.0.{}/26", place * 64), "bird".to_owned());
            if other.name == node {
                Route { to, via: None, dev: String::new(), proto }
            } else {
                Route { to, via: Some(other.address.clone()), dev: "tunl0".into(), proto }
            }
        };
        Some(Fact::Routes(routes.map(route).collect()))
    });
    world.simulate(|world, run| {
        run.matches(["calicoctl", "node", "status"])?;
        let others = world.nodes.iter().filter(|other| other.name != run.node && world.at(&other.name).units.contains_key(UNIT));
        let row = |other: &Node| {
            let (state, info) = if world.at(&other.name).runs(UNIT) { ("up", "Established") } else { ("start", "Connect") };
            format!("| {} | node-to-node mesh | {state} | 10:00:00 | {info} |\n", other.address)
        };
        let rows: String = others.map(row).collect();
        Some(run.prints(format!("Calico process is running.\n\nIPv4 BGP status\n+---+\n| PEER ADDRESS | PEER TYPE | STATE | SINCE | INFO |\n+---+\n{rows}+---+\n")))
    });
    world.simulate(|world, run| {
        run.matches(["calicoctl", "get", "ippool", "-o", "yaml"])?;
        let pool = world.memory.get("pool").cloned().unwrap_or_else(|| "10.244.0.0/16".into());
        Some(run.prints(format!("items:\n- spec:\n    blockSize: 26\n    cidr: {pool}\n    ipipMode: Always\n")))
    });
    world
}

fn fixture(world: World) -> Fixture {
    Fixture::new(MANIFEST, r#"{"pods": "10.244.0.0/16"}"#, world)
}

fn standing() -> Fixture {
    fixture(standing_world())
}

arcus_sdk::properties!(Calico, standing);

fn with_pods(pods: &str) -> Lab<Calico> {
    let mut fixture = fixture(bare_world());
    fixture.config = format!("{{\"pods\": {pods:?}}}");
    Lab::new(fixture)
}

fn refused(pods: &str) -> Vec<Problem> {
    match with_pods(pods).network_offer() {
        Err(Trouble::Refused(problems)) => problems,
        other => panic!("{pods}: {other:?}"),
    }
}

#[test]
fn the_offer_says_kind_range_and_who_brings_it() {
    let offer = with_pods("10.244.0.0/16").network_offer().unwrap();
    assert_eq!(offer, NetworkOffer { kind: "calico".into(), pods: "10.244.0.0/16".into(), by_platform: true });
    let mut without = fixture(bare_world());
    without.config = "{}".into();
    assert_eq!(Lab::<Calico>::new(without).network_offer().unwrap(), offer, "a section may be empty");
}

#[test]
fn a_range_that_something_uses_is_refused_with_its_place() {
    for (pods, code, says) in [
        ("10.99.0.0/16", "calico.pods-overlap", "contains the address 10.99.0.11 of manage01 (and 3 more nodes)"),
        ("10.0.0.0/8", "calico.pods-overlap", "10.99.0.11"),
        ("11.4.0.0/16", "calico.pods-overlap", "the platform's services"),
        ("172.16.0.0/12", "calico.pods-overlap", "docker"),
        ("10.244.3.0/16", "net.cidr", "an address inside a network"),
        ("10.244.0.0", "net.cidr", "not a network in CIDR"),
        ("fd00::/64", "calico.pods-ipv6", "IPv6"),
        ("10.244.0.0/27", "calico.pods-too-small", "smaller than one block"),
        ("10.244.0.0/25", "calico.pods-too-small", "there are 3 nodes"),
    ] {
        let problems = refused(pods);
        let found = problems.iter().find(|problem| problem.code == code && problem.message.contains(says));
        let found = found.unwrap_or_else(|| panic!("{pods}: {problems:?}"));
        assert_eq!(found.pointer.as_deref(), Some("/pods"));
    }
    // All at once.
    assert!(refused("0.0.0.0/0").len() >= 3);
}

#[test]
fn networks_that_only_the_nodes_know_are_refused_too() {
    let mut world = bare_world();
    let nas = NetworkInterface { name: "eth1".into(), up: true, mtu: 9000, mac: "02:11:00:00:00:01".into(), addresses: vec!["10.244.8.2/24".into()] };
    world.machine("compute01").interfaces.push(nas);
    let route = |to: &str, dev: &str| Route { to: to.into(), via: Some("10.99.0.1".into()), dev: dev.into(), proto: "static".into() };
    world.machine("manage02").routes = vec![route("0.0.0.0/0", "eth0"), route("10.244.128.0/17", "eth0"), route("10.244.0.65/32", "cali0")];
    world.machine("manage01").listen(179, "zebra");
    let Err(Trouble::Refused(problems)) = Lab::<Calico>::new(fixture(world)).plan() else { panic!("it was planned") };
    let said: Vec<_> = problems.iter().map(|problem| (problem.code.as_str(), problem.node.as_deref().unwrap_or_default())).collect();
    assert_eq!(said, [("calico.port-taken", "manage01"), ("calico.pods-overlap", "manage02"), ("calico.pods-overlap", "compute01")]);
    assert!(problems[1].message.contains("10.244.128.0/17") && problems[2].message.contains("eth1"), "{problems:?}");
}

#[test]
fn another_network_that_is_there_is_an_error_before_any_change() {
    type Leave = fn(&mut World);
    let cases: [(&str, &str, Leave); 4] = [
        ("manage01 has flannel", "the installer's", |world| {
            world.directory("manage01", "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults");
            world.write("manage01", "/opt/rainbond/.rainbond.success", "5.1\n");
            world.write("manage01", DEPLOYED, "CLUSTER_NETWORK: flannel\n");
        }),
        ("compute01 has flannel", "flannel.service runs", |world| world.machine("compute01").unit("flannel.service").active = true),
        ("compute01 has flannel", "10-flannel.conflist is there", |world| {
            world.directory("compute01", "/opt/rainbond/etc/cni");
            world.write("compute01", "/opt/rainbond/etc/cni/10-flannel.conflist", "{}");
        }),
        ("compute01 has midonet", "midolman.service runs", |world| world.machine("compute01").unit("midolman.service").active = true),
    ];
    for (says, how, leave) in cases {
        let mut world = bare_world();
        leave(&mut world);
        let Err(Trouble::Refused(problems)) = Lab::<Calico>::new(fixture(world)).plan() else { panic!("{how}: it was planned") };
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].code, "calico.other-network");
        assert!(problems[0].message.contains(says) && problems[0].message.contains(how), "{problems:?}");
    }
    // An installer that did not come to its end chose nothing yet.
    let mut world = bare_world();
    world.directory("manage01", "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults");
    world.write("manage01", DEPLOYED, "CLUSTER_NETWORK: flannel\n");
    assert!(Lab::<Calico>::new(fixture(world)).plan().is_ok());
}

#[test]
fn bare_nodes_are_prepared_and_storage_is_left_alone() {
    let mut lab = Lab::<Calico>::new(fixture(bare_world()));
    assert!(lab.converge().unwrap().is_done());
    for node in ["manage01", "manage02", "compute01"] {
        assert_eq!(lab.world().at(node).sysctls["net.ipv4.ip_forward"], "1");
        assert!(lab.world().at(node).modules.contains("ipip"));
        assert_eq!(lab.world().text(node, "/etc/modules-load.d/arcus-calico.conf").unwrap(), "ipip\n");
    }
    assert_eq!(lab.world().at("storage01").sysctls["net.ipv4.ip_forward"], "0");
}

#[test]
fn a_kernel_without_tunnels_is_said_not_tried() {
    let mut world = bare_world();
    world.machine("compute01").memory.remove("ipip");
    let mut lab = Lab::<Calico>::new(fixture(world));
    let plan = lab.plan().unwrap();
    assert!(!plan.steps.iter().any(|step| step.id == "load-ipip:compute01"));
    assert_eq!(plan.warnings.iter().map(|warning| (warning.code.as_str(), warning.node.as_deref())).collect::<Vec<_>>(), [("calico.no-ipip", Some("compute01"))]);
    assert!(lab.converge().unwrap().is_done());
    // Told once, however many they are.
    let mut world = bare_world();
    for name in ["manage01", "compute01"] {
        world.machine(name).memory.remove("ipip");
    }
    let plan = Lab::<Calico>::new(fixture(world)).plan().unwrap();
    let [warning] = plan.warnings.as_slice() else { panic!("{:?}", plan.warnings) };
    assert!(warning.node.is_none() && warning.message.starts_with("the kernels of manage01, compute01 have no IPIP"), "{warning:?}");
}

fn checks(world: World) -> Vec<Check> {
    Lab::<Calico>::new(fixture(world)).verify().unwrap().checks
}

#[test]
fn nothing_is_claimed_before_the_platform_is_initialised() {
    let checks = checks(bare_world());
    assert!(checks.iter().all(|check| check.outcome == Outcome::Unknown), "{checks:#?}");
    let mut world = standing_world();
    world.machine("manage01").reachable = false;
    let checks = self::checks(world);
    let deployed = of(&checks, "deployed", None);
    assert_eq!(deployed.outcome, Outcome::Unknown);
    assert!(deployed.detail.contains("not known whether"), "{}", deployed.detail);
}

#[test]
fn every_broken_piece_is_seen() {
    type Break = fn(&mut World);
    let cases: [(&str, Option<&str>, &str, Break); 10] = [
        ("alone", None, "compute01 has flannel", |world| world.machine("compute01").unit("flannel.service").active = true),
        ("deployed", None, "flannel is deployed", |world| world.write("manage01", DEPLOYED, "CLUSTER_NETWORK: flannel\n")),
        ("pool", None, "10.0.0.0/16", |world| {
            world.memory.insert("pool".into(), "10.0.0.0/16".into());
        }),
        ("service", Some("compute01"), "flannel, not calico", |world| {
            world.write("compute01", "/opt/rainbond/conf/network.yaml", "services:\n  - name: \"flannel\"\n");
        }),
        ("running", Some("compute01"), "does not run", |world| world.machine("compute01").unit(UNIT).active = false),
        ("routes", Some("manage02"), "none learned by BGP to compute01", |world| world.machine("compute01").unit(UNIT).active = false),
        ("sessions", Some("manage01"), "none with compute01", |world| world.machine("compute01").unit(UNIT).active = false),
        ("bgp", Some("manage01"), "compute01 refuses", |world| world.machine("compute01").sockets.retain(|socket| socket.port != 179)),
        ("bgp", Some("manage01"), "compute01 is silent", |world| world.machine("compute01").reachable = false),
        ("tunnel", Some("compute01"), "tunl0 is down", |world| {
            let tunl0 = world.machine("compute01").interfaces.iter_mut().find(|interface| interface.name == "tunl0");
            tunl0.unwrap().up = false;
        }),
    ];
    for (id, node, says, breaks) in cases {
        let mut world = standing_world();
        breaks(&mut world);
        let checks = checks(world);
        let check = of(&checks, id, node);
        assert!(check.outcome == Outcome::Failed && check.detail.contains(says), "{says}: {check:?}");
    }
}

#[test]
fn a_calico_that_just_started_has_time() {
    let mut world = standing_world();
    let now = world.now;
    for node in ["manage01", "manage02", "compute01"] {
        world.machine(node).unit(UNIT).started = now - 30;
    }
    // It comes up 20 seconds later.
    world.machine("compute01").sockets.clear();
    world.on_tick(move |world| {
        if world.now == now + 20 {
            world.machine("compute01").listen(179, "bird");
        }
    });
    let checks = checks(world);
    assert_eq!(of(&checks, "bgp", Some("manage01")).outcome, Outcome::Passed);
}

#[test]
fn a_missing_tunnel_is_a_warning_only_where_the_kernel_has_none() {
    let mut world = standing_world();
    for node in ["compute01", "manage02"] {
        world.machine(node).interfaces.retain(|interface| interface.name != "tunl0");
    }
    world.machine("compute01").memory.remove("ipip");
    let checks = checks(world);
    assert_eq!(of(&checks, "tunnel", Some("compute01")).outcome, Outcome::Warned);
    assert_eq!(of(&checks, "tunnel", Some("manage02")).outcome, Outcome::Failed);
}
