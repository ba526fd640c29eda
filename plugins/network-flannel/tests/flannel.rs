//! The plugin on a fake cluster whose platform has brought flannel; then with every piece of it broken in turn.

use arcus_network::fake::{kernel, of};
use arcus_network_flannel::Flannel;
use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::contract::facts::{Fact, Probe};
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use arcus_sdk::prelude::*;

const MANIFEST: &str = include_str!("../manifest.toml");
const MARK: &str = "/opt/rainbond/.rainbond.success";
const DEPLOYED: &str = "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults/main.yml";
const SERVICES: &str = "/opt/rainbond/conf/network.yaml";
const ENV: &str = "/run/flannel/subnet.env";
const CNI: &str = "/opt/rainbond/etc/cni/10-flannel.conflist";
const UNIT: &str = "flannel.service";
const MEMBERS: [&str; 4] = ["manage01", "manage02", "compute01", "compute02"];

/// Machines as they are before the platform is installed.
fn bare_world() -> World {
    let mut world = World::new();
    for (name, address, roles) in [
        ("manage01", "10.99.0.11", &[Role::Manage, Role::Gateway][..]),
        ("manage02", "10.99.0.12", &[Role::Manage, Role::Gateway]),
        ("compute01", "10.99.0.21", &[Role::Compute]),
        ("compute02", "10.99.0.22", &[Role::Compute]),
        ("storage01", "10.98.0.31", &[Role::Storage]),
    ] {
        let machine = world.node(name, address, roles);
        machine.memory.insert("br_netfilter".into(), "can be loaded".into());
        machine.routes = vec![
            Route { to: "0.0.0.0/0".into(), via: Some("10.99.0.1".into()), dev: "eth0".into(), proto: "static".into() },
            Route { to: "10.99.0.0/24".into(), via: None, dev: "eth0".into(), proto: "kernel".into() },
        ];
    }
    kernel(&mut world, "br_netfilter");
    world
}

fn number(node: &str) -> usize {
    MEMBERS.iter().position(|member| *member == node).unwrap() + 1
}

fn env(range: &str, subnet: &str) -> String {
    format!("FLANNEL_NETWORK={range}\nFLANNEL_SUBNET={subnet}\nFLANNEL_MTU=1500\nFLANNEL_IPMASQ=false\n")
}

/// The platform stands, and flannel with it: routes lead to the nodes that have a lease, compute nodes have a pod each.
fn standing_world() -> World {
    let mut world = bare_world();
    world.directory("manage01", "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults");
    world.write("manage01", MARK, "5.1\n");
    world.write("manage01", DEPLOYED, "CLUSTER_NETWORK: flannel\npod_cidr: 10.244.0.0/16\n");
    for node in MEMBERS {
        let place = number(node);
        world.directory(node, "/run/flannel");
        world.write(node, SERVICES, "version: '2.1'\nservices:\n- name: flannel\n  health:\n    name: flannel\n");
        world.write(node, CNI, "{ \"name\": \"cbr0\" }");
        world.write(node, ENV, env("10.244.0.0/16", &format!("10.244.{place}.1/24")));
        world.machine(node).sysctls.insert("net.ipv4.ip_forward".into(), "1".into());
        world.machine(node).memory.insert("lease".into(), format!("10.244.{place}.0-24"));
        let unit = world.machine(node).unit(UNIT);
        (unit.active, unit.enabled, unit.started) = (true, true, 10);
        if node.starts_with("compute") {
            let bridge =
                NetworkInterface { name: "cni0".into(), up: true, mtu: 1500, mac: String::new(), addresses: vec![format!("10.244.{place}.1/24")] };
            world.machine(node).interfaces.push(bridge);
            // The younger one first; the older one is gone, and still written down.
            world.machine(node).memory.insert("pods".into(), format!("lock\nlast_reserved_ip.0\n10.244.{place}.3\n10.244.{place}.2\n"));
            world.machine(node).memory.insert(format!("10.244.{place}.3"), "a pod".into());
        }
    }
    world.now = 100_000;
    world.on_probe(|world, node, probe| {
        let Probe::Routes = probe else { return None };
        Some(Fact::Routes(routes(world, node)))
    });
    world.simulate(|world, run| {
        let [url] = run.matches(["curl", "-sS", "--max-time", "5"])? else { return None };
        let said = match url.rsplit('/').next()? {
            "config" => match world.memory.get("config") {
                Some(told) if told.is_empty() => r#"{"errorCode":100,"message":"Key not found","cause":"/kubernetes","index":7}"#.to_owned(),
                told => {
                    let told = told.map_or(r#"{"Network":"10.244.0.0/16", "SubnetLen": 24, "Backend": {"Type": "host-gw"}}"#, String::as_str);
                    format!(r#"{{"action":"get","node":{{"key":"/kubernetes/network/config","value":{told:?}}}}}"#)
                }
            },
            _ => {
                let lease = |lease: &str, address: &str| {
                    let value = format!(r#"{{"PublicIP":"{address}","BackendType":"host-gw"}}"#);
                    format!(r#"{{"key":"/kubernetes/network/subnets/{lease}","value":{value:?},"ttl":80000}}"#)
                };
                let mut all: Vec<String> =
                    world.nodes.iter().filter_map(|node| Some(lease(world.at(&node.name).memory.get("lease")?, &node.address))).collect();
                all.extend(world.memory.get("stranger").map(|address| lease("10.244.99.0-24", address)));
                format!(r#"{{"action":"get","node":{{"key":"/kubernetes/network/subnets","dir":true,"nodes":[{}]}}}}"#, all.join(","))
            }
        };
        Some(run.prints(said))
    });
    world.simulate(|world, run| {
        run.matches(["ls", "-t", "/var/lib/cni/networks/cbr0"])?;
        let pods = world.at(&run.node).memory.get("pods").cloned();
        Some(pods.map_or_else(|| run.fails(2, "ls: cannot access\n"), |pods| run.prints(pods)))
    });
    world.simulate(|world, run| {
        let [from, to] = run.matches(["ping", "-n", "-q", "-c", "1", "-W", "3", "-I"])? else { return None };
        let place = |address: &str| address.split('.').nth(2).and_then(|place| place.parse::<usize>().ok()).unwrap_or_default();
        let there = MEMBERS[place(to) - 1];
        let from_pods = from.starts_with("10.244.");
        assert!(!from_pods || world.at(&run.node).interfaces.named("cni0").is_some(), "{from} is no address of {}", run.node);
        let way = |here: &str, there: &str| {
            let net = format!("10.244.{}.0/24", number(there));
            here == there || routes(world, here).iter().any(|route| route.to == net)
        };
        let forwards = run.node == there || !world.at(there).memory.contains_key("drops");
        let lives = world.at(there).memory.contains_key(to);
        let back = !from_pods || way(there, &run.node);
        Some(if lives && forwards && way(&run.node, there) && back { run.prints("1 received\n") } else { run.fails(1, "") })
    });
    world
}

/// As the kernel has them: the node's own, and one for each lease.
fn routes(world: &World, node: &str) -> Vec<Route> {
    let mut all = world.at(node).routes.clone();
    if !MEMBERS.contains(&node) || !world.at(node).runs(UNIT) {
        return all;
    }
    let others = MEMBERS.iter().filter(|other| **other != node && world.at(other).memory.contains_key("lease"));
    all.extend(others.map(|other| {
        let via = world.nodes.iter().find(|node| node.name == **other).map(|node| node.address.clone());
        Route { to: format!("10.244.{}.0/24", number(other)), via, dev: "eth0".into(), proto: "boot".into() }
    }));
    all
}

fn fixture(world: World) -> Fixture {
    Fixture::new(MANIFEST, r#"{"pods": "10.244.0.0/16"}"#, world)
}

fn bare() -> Fixture {
    fixture(bare_world())
}

fn standing() -> Fixture {
    fixture(standing_world())
}

arcus_sdk::properties!(Flannel, standing);

#[test]
fn later_rounds_on_bare_machines_were_announced() {
    arcus_sdk::fake::properties::later_rounds_were_announced::<Flannel>(bare);
    arcus_sdk::fake::properties::every_prefix_can_be_resumed::<Flannel>(bare);
}

fn refused(fixture: Fixture) -> Vec<Problem> {
    match Lab::<Flannel>::new(fixture).plan() {
        Err(Trouble::Refused(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_offer_says_kind_range_and_who_brings_it() {
    let mut without = bare();
    without.config = "{}".into();
    let offer = Lab::<Flannel>::new(without).network_offer().unwrap();
    assert_eq!(offer, NetworkOffer { kind: "flannel".into(), pods: "10.244.0.0/16".into(), by_platform: true });
}

#[test]
fn a_range_that_cannot_be_is_refused_with_its_place() {
    for (pods, code, says) in [
        ("10.99.0.0/16", "flannel.pods-overlap", "contains the address 10.99.0.11 of manage01 (and 3 more nodes)"),
        ("11.4.0.0/16", "flannel.pods-overlap", "the platform's services"),
        ("172.30.4.0/22", "flannel.pods-overlap", "docker"),
        ("10.244.0.0/25", "flannel.pods-too-small", "smaller than one subnet"),
        ("10.244.0.0/23", "flannel.pods-too-small", "wants /22"),
        // Four subnets, of which the first is given to nobody.
        ("10.244.0.0/22", "flannel.pods-too-small", "has 3 blocks of /24 for nodes, and there are 4 nodes"),
        ("fd00::/64", "flannel.pods-ipv6", "IPv6"),
        ("10.244.0.0", "net.cidr", "not a network"),
    ] {
        let mut fixture = bare();
        fixture.config = format!("{{\"pods\": {pods:?}}}");
        let Err(Trouble::Refused(problems)) = Lab::<Flannel>::new(fixture).network_offer() else { panic!("{pods} was taken") };
        let found = problems.iter().find(|problem| problem.code == code && problem.message.contains(says));
        assert_eq!(found.unwrap_or_else(|| panic!("{pods}: {problems:?}")).pointer.as_deref(), Some("/pods"));
    }
}

#[test]
fn whatever_stands_between_nodes_is_refused() {
    type Break = fn(&mut World);
    let cases: [(&str, &str, Break); 6] = [
        ("flannel.not-one-segment", "compute02 is in 10.99.0.16/28, and manage01, manage02 are not", |world| {
            world.machine("compute02").interfaces[1].addresses = vec!["10.99.0.22/28".into()];
        }),
        ("flannel.not-one-segment", "manage01 is in 10.99.0.0/24, and far is not", |world| {
            let far = world.node("far", "10.77.0.9", &[Role::Compute]);
            far.routes = vec![Route { to: "0.0.0.0/0".into(), via: Some("10.77.0.1".into()), dev: "eth0".into(), proto: "static".into() }];
        }),
        // One subnet on paper, and every other machine behind the cloud's router.
        ("flannel.not-one-segment", "compute01 reaches manage01 by 10.99.0.1, manage02 by 10.99.0.1, compute02 by 10.99.0.1", |world| {
            let machine = world.machine("compute01");
            machine.routes[1] = Route { to: "10.99.0.1/32".into(), via: None, dev: "eth0".into(), proto: "kernel".into() };
        }),
        ("flannel.not-one-segment", "compute01 reaches manage02 by 10.99.0.254 and not directly", |world| {
            let detour = Route { to: "10.99.0.12/32".into(), via: Some("10.99.0.254".into()), dev: "eth0".into(), proto: "static".into() };
            world.machine("compute01").routes.push(detour);
        }),
        ("flannel.address", "no interface of manage02 has its address 10.99.0.12", |world| {
            world.machine("manage02").interfaces[1].addresses = vec!["192.168.5.12/24".into()];
        }),
        ("flannel.not-one-segment", "12:34:56:78:9a:bc answers for 10.99.0.12 of manage02", |world| {
            world.on_probe(|_, node, probe| match probe {
                Probe::Neighbour(address) if node == "manage01" && address == "10.99.0.12" => Some(Fact::Neighbour(Some("12:34:56:78:9a:bc".into()))),
                _ => None,
            });
        }),
    ];
    for (code, says, breaks) in cases {
        let mut world = bare_world();
        breaks(&mut world);
        let problems = refused(fixture(world));
        let found = problems.iter().find(|problem| problem.code == code && problem.message.contains(says));
        let found = found.unwrap_or_else(|| panic!("{says}: {problems:?}"));
        assert!(found.help.is_some() && found.node.is_some(), "{found:?}");
    }
    // Storage nodes have no pods, and may be anywhere: they are, in the bare world.
    assert!(Lab::<Flannel>::new(bare()).plan().is_ok());
    // A node that is silent is no node elsewhere.
    let mut world = bare_world();
    world.machine("compute02").reachable = false;
    assert!(Lab::<Flannel>::new(fixture(world)).plan().is_ok());
}

#[test]
fn networks_that_only_the_nodes_know_are_refused_and_ones_own_are_not() {
    let mut world = bare_world();
    let nas = NetworkInterface { name: "eth1".into(), up: true, mtu: 9000, mac: "02:11:00:00:00:01".into(), addresses: vec!["10.244.8.2/24".into()] };
    world.machine("compute01").interfaces.push(nas);
    let far = Route { to: "10.244.128.0/17".into(), via: Some("10.99.0.1".into()), dev: "eth0".into(), proto: "static".into() };
    world.machine("manage02").routes.push(far);
    let problems = refused(fixture(world));
    let said: Vec<_> = problems.iter().map(|problem| (problem.code.as_str(), problem.node.as_deref().unwrap_or_default())).collect();
    assert_eq!(said, [("flannel.pods-overlap", "manage02"), ("flannel.pods-overlap", "compute01")]);
    assert!(Lab::<Flannel>::new(standing()).plan().is_ok(), "its own bridge and routes are in nobody's way");
}

#[test]
fn another_network_that_is_there_is_an_error_before_any_change() {
    type Leave = fn(&mut World);
    let cases: [(&str, Leave); 5] = [
        ("manage01 has calico, and the file asks for flannel: the installer's", |world| {
            world.directory("manage01", "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults");
            world.write("manage01", MARK, "5.1\n");
            world.write("manage01", DEPLOYED, "CLUSTER_NETWORK: flannel\nCLUSTER_NETWORK: calico\n");
        }),
        ("compute01 has calico, and the file asks for flannel: /opt/rainbond/conf/network.yaml names it, also on compute02", |world| {
            for node in ["compute01", "compute02"] {
                world.directory(node, "/opt/rainbond/conf");
                world.write(node, SERVICES, "services:\n- name: calico\n");
            }
        }),
        ("calico.service runs", |world| world.machine("compute01").unit("calico.service").active = true),
        // The first file in its folder is the one that counts, and that is calico's.
        ("10-calico.conf is there", |world| {
            world.directory("compute02", "/opt/rainbond/etc/cni");
            world.write("compute02", "/opt/rainbond/etc/cni/10-calico.conf", "{}");
        }),
        ("compute01 has midonet", |world| world.machine("compute01").unit("midolman.service").active = true),
    ];
    for (says, leave) in cases {
        let mut world = bare_world();
        leave(&mut world);
        let problems = refused(fixture(world));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].code == "flannel.other-network" && problems[0].message.contains(says), "{problems:?}");
    }
    let mut world = bare_world();
    world.machine("compute01").unit("calico.service").active = false;
    assert!(Lab::<Flannel>::new(fixture(world)).plan().is_ok(), "a unit that does not run moves no packets");
}

#[test]
fn bare_nodes_are_prepared_and_storage_is_left_alone() {
    let mut lab = Lab::<Flannel>::new(bare());
    assert!(lab.converge().unwrap().is_done());
    for node in MEMBERS {
        assert_eq!(lab.world().at(node).sysctls["net.ipv4.ip_forward"], "1");
        assert!(lab.world().at(node).modules.contains("br_netfilter"));
        assert_eq!(lab.world().text(node, "/etc/modules-load.d/arcus-flannel.conf").unwrap(), "br_netfilter\n");
        assert_eq!(lab.world().text(node, "/etc/sysctl.d/60-arcus-flannel.conf").unwrap(), "net.ipv4.ip_forward = 1\n");
    }
    assert_eq!(lab.world().at("storage01").sysctls["net.ipv4.ip_forward"], "0");
}

#[test]
fn a_kernel_without_the_filter_is_said_not_tried() {
    let mut world = bare_world();
    world.machine("compute01").memory.remove("br_netfilter");
    let mut lab = Lab::<Flannel>::new(fixture(world));
    let plan = lab.plan().unwrap();
    assert!(!plan.steps.iter().any(|step| step.id == "load-bridge-filter:compute01"));
    assert_eq!(plan.warnings.iter().map(|warning| (warning.code.as_str(), warning.node.as_deref())).collect::<Vec<_>>(), [("flannel.no-bridge-filter", Some("compute01"))]);
    assert!(lab.converge().unwrap().is_done());
}

fn checks(world: World) -> Vec<Check> {
    Lab::<Flannel>::new(fixture(world)).verify().unwrap().checks
}

#[test]
fn all_of_it_is_proven() {
    let checks = checks(standing_world());
    assert!(checks.iter().all(|check| check.outcome == Outcome::Passed), "{checks:#?}");
    assert_eq!(of(&checks, "pods", Some("manage01")).detail, "2 of 2");
    let across = of(&checks, "pods", Some("compute01"));
    assert!(across.detail == "1 of 1" && across.title.contains("10.244.3.1"), "from the pods' own network: {across:?}");
}

#[test]
fn nothing_is_claimed_before_the_platform_is_initialised() {
    let checks = checks(bare_world());
    assert!(!checks.is_empty() && checks.iter().all(|check| check.outcome == Outcome::Unknown), "{checks:#?}");
}

#[test]
fn every_broken_piece_is_seen() {
    type Break = fn(&mut World);
    let cases: [(&str, Option<&str>, &str, Break); 20] = [
        ("alone", None, "compute02 has calico", |world| world.write("compute02", "/opt/rainbond/etc/cni/10-calico.conf", "{}")),
        ("deployed", None, "calico is deployed", |world| world.write("manage01", DEPLOYED, "CLUSTER_NETWORK: calico\n")),
        ("config", None, "Key not found", |world| drop(world.memory.insert("config".into(), String::new()))),
        ("config", None, "flannel was told 10.0.0.0/16", |world| {
            world.memory.insert("config".into(), r#"{"Network":"10.0.0.0/16","Backend":{"Type":"host-gw"}}"#.into());
        }),
        ("config", None, "the backend is vxlan", |world| {
            world.memory.insert("config".into(), r#"{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}"#.into());
        }),
        ("leases", None, "compute02 has none", |world| drop(world.machine("compute02").memory.remove("lease"))),
        ("subnets", None, "manage02 has 10.244.1.0/24", |world| world.write("manage02", ENV, env("10.244.0.0/16", "10.244.1.1/24"))),
        ("running", Some("compute01"), "does not run", |world| world.machine("compute01").unit(UNIT).active = false),
        ("running", Some("compute01"), "there is no", |world| drop(world.machine("compute01").units.remove(UNIT))),
        ("service", Some("compute01"), "calico, not flannel", |world| world.write("compute01", SERVICES, "services:\n  - name: \"calico\"\n")),
        ("subnet", Some("compute01"), "there is no /run/flannel/subnet.env", |world| world.remove("compute01", ENV)),
        ("subnet", Some("compute01"), "it is of 10.0.0.0/16", |world| world.write("compute01", ENV, env("10.0.0.0/16", "10.0.3.1/24"))),
        ("subnet", Some("compute01"), "not within", |world| world.write("compute01", ENV, env("10.244.0.0/16", "10.3.3.1/24"))),
        ("subnet", Some("compute01"), "has no FLANNEL_SUBNET", |world| world.write("compute01", ENV, "FLANNEL_NETWORK=10.244.0.0/16\n")),
        ("cni", Some("compute01"), "there is no", |world| world.remove("compute01", CNI)),
        ("forward", Some("compute01"), "is off", |world| drop(world.machine("compute01").sysctls.insert("net.ipv4.ip_forward".into(), "0".into()))),
        ("routes", Some("manage02"), "none to compute01 (10.244.3.0/24)", |world| drop(world.machine("compute01").memory.remove("lease"))),
        ("bridge", Some("compute01"), "cni0 is down", |world| world.machine("compute01").interfaces.iter_mut().last().unwrap().up = false),
        ("bridge", Some("compute01"), "cni0 has 10.244.7.1/24, not 10.244.3.1", |world| {
            world.machine("compute01").interfaces.iter_mut().last().unwrap().addresses = vec!["10.244.7.1/24".into()];
        }),
        // Its own node reaches the pod, and the firewall there passes on nothing.
        ("pods", Some("compute01"), "10.244.4.3 on compute02", |world| drop(world.machine("compute02").memory.insert("drops".into(), "forwarded".into()))),
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
fn a_tunnel_is_no_plain_route_and_a_wrong_hop_none_either() {
    for (via, dev) in [("10.99.0.22", "eth0"), ("10.99.0.21", "flannel.1")] {
        let mut world = standing_world();
        let broken = Route { to: "10.244.3.0/24".into(), via: Some(via.into()), dev: dev.into(), proto: "boot".into() };
        world.machine("compute01").memory.remove("lease");
        world.machine("manage01").routes.push(broken);
        let checks = checks(world);
        assert_eq!(of(&checks, "routes", Some("manage01")).outcome, Outcome::Failed, "{via} {dev}");
    }
}

#[test]
fn what_is_not_known_is_not_passed() {
    let mut world = standing_world();
    world.machine("compute02").reachable = false;
    let checks = checks(world);
    assert_eq!(of(&checks, "subnets", None).outcome, Outcome::Unknown);
    let routes = of(&checks, "routes", Some("manage01"));
    assert!(routes.outcome == Outcome::Unknown && routes.detail.contains("compute02"), "{routes:?}");
    assert_eq!(of(&checks, "running", Some("compute02")).outcome, Outcome::Unknown);
}

#[test]
fn without_pods_or_with_none_that_lives_it_says_that_none_was_tried() {
    let mut none = standing_world();
    let mut dead = standing_world();
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
fn a_lease_of_a_stranger_is_told() {
    let mut world = standing_world();
    world.memory.insert("stranger".into(), "10.99.0.77".into());
    let checks = checks(world);
    let check = of(&checks, "leases", None);
    assert!(check.outcome == Outcome::Warned && check.detail.contains("10.244.99.0/24 is 10.99.0.77's"), "{check:?}");
}

#[test]
fn a_flannel_that_just_started_has_time() {
    let mut world = standing_world();
    let now = world.now;
    world.machine("compute01").unit(UNIT).started = now - 20;
    world.remove("compute01", ENV);
    world.on_tick(move |world| {
        if world.now == now + 20 {
            world.write("compute01", ENV, env("10.244.0.0/16", "10.244.3.1/24"));
        }
    });
    let checks = checks(world);
    assert_eq!(of(&checks, "subnet", Some("compute01")).outcome, Outcome::Passed);
}
