//! Every check passes on machines that are as the guide wants them, and fails when its fact is broken.

use arcus_preflight::{CHECKS, Inspection};
use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::contract::facts::{Fact, Mounted, NetworkInterface, Output, Probe, Route, Socket};
use arcus_sdk::contract::handoffs::{NetworkOffer, StorageOffer};
use arcus_sdk::contract::types::Role;
use arcus_sdk::fake::{Fixture, Invocation, World, inspect};

const MANIFEST: &str = include_str!("../manifest.toml");

fn mount(target: &str, gb: u64) -> Mounted {
    Mounted {
        source: format!("/dev/{}", target.replace('/', "_")),
        target: target.into(),
        fstype: "xfs".into(),
        options: vec![],
        size_bytes: gb * 1_000_000_000,
        free_bytes: gb * 900_000_000,
        live: true,
        fstab: None,
    }
}

/// As the guide wants them.
fn world() -> World {
    let mut world = World::new();
    world.node("manage01", "10.99.0.11", &[Role::Manage, Role::Gateway]);
    world.node("manage02", "10.99.0.12", &[Role::Manage, Role::Gateway]);
    world.node("compute01", "10.99.0.21", &[Role::Compute]);
    world.node("storage01", "10.99.0.31", &[Role::Storage]);
    let names: Vec<String> = world.nodes.iter().map(|node| node.name.clone()).collect();
    for name in &names {
        world.write(name, "/etc/resolv.conf", "search x\nnameserver 10.99.0.1\n");
        world.directory(name, "/run/systemd/system");
        let machine = world.machine(name);
        machine.os.id = "centos".into();
        machine.os.version = "7".into();
        machine.os.kernel = "3.10.0-693.el7.x86_64".into();
        machine.sysctls.insert("vm.overcommit_memory".into(), "0".into());
        machine.mounts = vec![mount("/", 40), mount("/var/lib/docker", 100), mount("/opt/rainbond", 50), mount("/cache", 50)];
        machine.mounts.extend([mount("/grlocaldata", 100), mount("/data", 500)]);
    }
    world.simulate(|world, run: &Invocation| {
        let words: Vec<&str> = run.argv.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["cat", "/proc/swaps"] => {
                Some(run.prints(format!("Filename\tType\tSize\tUsed\tPriority\n{}", world.at(&run.node).memory.get("swap").cloned().unwrap_or_default())))
            }
            ["firewall-cmd", "--list-all"] => Some(run.prints(world.memory.get("firewall").cloned().unwrap_or_default())),
            ["id", "-u"] => Some(run.prints(world.memory.get("user").cloned().unwrap_or("0\n".into()))),
            ["hostname", "-i"] if world.memory.contains_key("nameless") => Some(run.fails(1, "hostname: Name or service not known")),
            ["hostname", "-i"] => Some(Output { status: 0, ..run.prints("10.99.0.11\n") }),
            _ => None,
        }
    });
    world
}

fn fixture(world: World) -> Fixture {
    Fixture::new(MANIFEST, "{}", world).handing(|handed| {
        handed.network = Some(NetworkOffer { kind: "calico".into(), pods: "10.244.0.0/16".into(), by_platform: true });
        handed.storage.push(("glusterfs".into(), StorageOffer { source: "10.99.0.31:/data".into(), fstype: "glusterfs".into(), options: vec![], local: vec![] }));
    })
}

fn checks(world: World) -> Vec<Check> {
    inspect::<Inspection>(fixture(world)).unwrap_or_else(|trouble| panic!("{trouble}"))
}

fn find(checks: &[Check], id: &str, node: Option<&str>) -> Check {
    let found = checks.iter().find(|check| check.id == id && check.node.as_deref() == node);
    found.unwrap_or_else(|| panic!("no check {id} on {node:?}")).clone()
}

/// One thing is changed; this check must say so on this node, in these words.
fn broken(change: impl Fn(&mut World), id: &str, node: &str, outcome: Outcome, words: &str) {
    let mut world = world();
    change(&mut world);
    let check = find(&checks(world), id, Some(node));
    assert_eq!(check.outcome, outcome, "{id}: {}", check.detail);
    assert!(check.detail.contains(words), "{id}: {}", check.detail);
}

#[test]
fn machines_as_the_guide_wants_them_pass() {
    let checks = checks(world());
    let bad: Vec<&Check> = checks.iter().filter(|check| check.outcome != Outcome::Passed && check.id != "installer-changes").collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let unknown: Vec<&str> = checks.iter().map(|check| check.id.as_str()).filter(|id| !CHECKS.contains(id)).collect();
    assert!(unknown.is_empty(), "these cannot be relaxed by name: {unknown:?}");
    for id in CHECKS.iter().filter(|id| **id != "answers") {
        assert!(checks.iter().any(|check| check.id == *id), "nothing checks {id}");
    }
    let changes = find(&checks, "installer-changes", None);
    assert_eq!(changes.outcome, Outcome::Warned);
    assert!(changes.detail.contains("/etc/resolv.conf"), "{}", changes.detail);
}

#[test]
fn everything_is_asked_in_one_round() {
    let rounds = std::rc::Rc::new(std::cell::Cell::new(0));
    let (counter, given) = (rounds.clone(), fixture(world()));
    let lab_input = arcus_sdk::contract::handoffs::Input {
        cluster_id: "4f1c2f0e-0000-4000-8000-000000000001".into(),
        cluster: "fake".into(),
        config: "{}".into(),
        nodes: given.world.nodes.clone(),
        handed: given.handed.clone(),
    };
    let answers = move |requests: &[arcus_sdk::contract::facts::Request]| {
        counter.set(counter.get() + 1);
        requests.iter().map(|_| Err(arcus_sdk::problem("node.timeout", "no answer in time"))).collect()
    };
    let checks = arcus_sdk::native::with(answers, || arcus_sdk::guest::inspect::<Inspection>(lab_input)).unwrap();
    assert_eq!(rounds.get(), 1);
    // And what was not answered is never fine.
    let passed: Vec<&Check> = checks.iter().filter(|check| check.outcome == Outcome::Passed).collect();
    assert!(passed.is_empty(), "{passed:#?}");
}

#[test]
fn the_manifest_names_every_check() {
    let manifest = arcus_plan::manifest::Manifest::from_toml(MANIFEST).unwrap();
    let named = manifest.schema.pointer("/properties/relax/items/examples").and_then(|names| names.as_array()).unwrap();
    let named: Vec<&str> = named.iter().filter_map(|name| name.as_str()).collect();
    assert_eq!(named, CHECKS);
}

#[test]
fn sizes_have_five_percent_of_tolerance_and_roles_do_not_add_up() {
    let cpus = |count| move |world: &mut World| world.machine("manage01").hardware.cpus = count;
    broken(cpus(16), "cpu", "manage01", Outcome::Passed, "the largest wish of its roles, not their sum");
    broken(cpus(15), "cpu", "manage01", Outcome::Failed, "15 processors; 16 are wanted for manage");
    let memory = |bytes| move |world: &mut World| world.machine("compute01").hardware.memory_bytes = bytes;
    broken(memory(61 << 30), "memory", "compute01", Outcome::Passed, "64 are wanted for compute");
    broken(memory(60 << 30), "memory", "compute01", Outcome::Failed, "60.0 GiB");
    let disk = |target: &'static str, gb: u64| move |world: &mut World| {
        let mounts = &mut world.machine("manage01").mounts;
        mounts.iter_mut().find(|mount| mount.target == target).unwrap().size_bytes = gb * 1_000_000_000;
    };
    broken(disk("/var/lib/docker", 95), "disk-docker", "manage01", Outcome::Passed, "95.0 GB");
    broken(disk("/var/lib/docker", 94), "disk-docker", "manage01", Outcome::Failed, "relax `disk-docker`");
    broken(disk("/", 37), "disk-root", "manage01", Outcome::Failed, "37.0 GB");
    broken(disk("/cache", 47), "disk-cache", "manage01", Outcome::Failed, "50 are wanted");
}

#[test]
fn a_path_without_a_mount_counts_against_what_it_lies_on() {
    let alone = |gb| move |world: &mut World| world.machine("manage01").mounts = vec![mount("/", gb)];
    for id in ["disk-root", "disk-docker", "disk-opt-rainbond", "disk-cache"] {
        broken(alone(229), id, "manage01", Outcome::Passed, "240 are wanted: / 40 + /var/lib/docker 100 + /opt/rainbond 50 + /cache 50");
        broken(alone(227), id, "manage01", Outcome::Failed, "240 are wanted");
    }
    let data = |mounts: Vec<Mounted>| move |world: &mut World| world.machine("storage01").mounts = mounts.clone();
    broken(data(vec![mount("/", 2000)]), "disk-data", "storage01", Outcome::Failed, "no mount of its own");
    broken(data(vec![mount("/", 40), mount("/data/brick", 500)]), "disk-data", "storage01", Outcome::Passed, "/data/brick");
    broken(data(vec![mount("/", 40), mount("/data", 400)]), "disk-data", "storage01", Outcome::Failed, "500 are wanted");
    let network = |world: &mut World| {
        let mut found = mount("/var/lib/docker", 100);
        found.fstype = "nfs4".into();
        world.machine("compute01").mounts.push(found);
    };
    broken(network, "disk-type", "compute01", Outcome::Failed, "need a disk of this machine");
}

#[test]
fn clocks_are_compared_with_each_other() {
    let ahead = |ms| move |world: &mut World| world.machine("compute01").clock.offset_ms = ms;
    broken(ahead(40_000), "time-offset", "compute01", Outcome::Failed, "40000 ms ahead of");
    broken(ahead(-40_000), "time-offset", "compute01", Outcome::Failed, "behind");
    broken(ahead(40_000), "time-offset", "manage01", Outcome::Passed, "in the middle");
    broken(ahead(20_000), "time-offset", "compute01", Outcome::Warned, "etcd warns");
    broken(ahead(900), "time-offset", "compute01", Outcome::Passed, "900 ms");
    // The operator's own clock does not matter.
    let all = |world: &mut World| world.machines.values_mut().for_each(|machine| machine.clock.offset_ms = 3_600_000);
    broken(all, "time-offset", "manage01", Outcome::Passed, "in the middle");
    broken(|world| world.machine("manage02").clock.synchronised = false, "time-sync", "manage02", Outcome::Failed, "chrony");
}

#[test]
fn clones_are_told_apart() {
    let name = |world: &mut World| world.machine("manage02").os.hostname = "manage01".into();
    broken(name, "hostname-unique", "manage01", Outcome::Failed, "manage01 is also the name of manage02");
    broken(name, "hostname-unique", "manage02", Outcome::Failed, "hostnamectl");
    broken(|world| world.machine("compute01").os.hostname = "localhost.localdomain".into(), "hostname-unique", "compute01", Outcome::Failed, "a name of its own");
    let id = |world: &mut World| {
        let id = world.at("manage01").os.machine_id.clone();
        world.machine("storage01").os.machine_id = id;
    };
    broken(id, "machine-id-unique", "storage01", Outcome::Failed, "manage01 has the same");
    broken(|world| drop(world.memory.insert("nameless".into(), "yes".into())), "hostname-resolves", "manage01", Outcome::Warned, "leads nowhere");
}

#[test]
fn taken_ports_are_named_with_their_owner_until_the_platform_is_there() {
    let dns = |world: &mut World| {
        let socket = Socket { tcp: false, address: "127.0.0.53".into(), port: 53, process: "systemd-resolve".into() };
        world.machine("manage01").sockets.push(socket);
    };
    broken(dns, "ports", "manage01", Outcome::Failed, "53 is taken by systemd-resolve (127.0.0.53:53)");
    broken(|world| world.machine("compute01").listen(10250, "kubelet"), "ports", "compute01", Outcome::Failed, "10250 is taken by kubelet");
    broken(|world| world.machine("compute01").listen(80, "nginx"), "ports", "compute01", Outcome::Passed, "nobody listens");
    let installed = |world: &mut World| {
        dns(world);
        world.write("manage01", "/opt/rainbond/.rainbond.success", "5.1\n");
    };
    broken(installed, "ports", "manage01", Outcome::Passed, "its own");
}

#[test]
fn what_cannot_be_reached_is_named_and_a_refusal_is_an_answer() {
    broken(|world| world.machine("compute01").sockets.clear(), "reach", "manage01", Outcome::Failed, "compute01 10.99.0.21:22 (the installer logs in there): nobody listens");
    let cut = |world: &mut World| {
        world.on_probe(|_, node, probe| match probe {
            Probe::Reach((address, 24007)) if node == "compute01" && address == "10.99.0.31" => {
                Some(Fact::Reach(arcus_sdk::contract::facts::Reachability::Silent))
            }
            _ => None,
        });
    };
    broken(cut, "reach", "compute01", Outcome::Failed, "storage01 10.99.0.31:24007 (gluster): no answer");
    broken(|_| {}, "reach", "compute01", Outcome::Passed, "ports of 3 nodes");
}

#[test]
fn networks_that_overlap_are_named_with_what_uses_them() {
    let address = |cidr: &'static str, name: &'static str| {
        move |world: &mut World| {
            let interface = NetworkInterface { name: name.into(), up: true, mtu: 1500, mac: String::new(), addresses: vec![cidr.into()] };
            world.machine("manage02").interfaces.push(interface);
        }
    };
    broken(address("10.244.7.1/24", "eth1"), "cidr-overlap", "manage02", Outcome::Failed, "pods 10.244.0.0/16 overlap: eth1 has 10.244.7.1/24");
    broken(address("11.5.0.1/24", "eth1"), "cidr-overlap", "manage02", Outcome::Failed, "services 11.0.0.0/12");
    broken(address("172.30.9.9/24", "eth1"), "docker-network", "manage02", Outcome::Failed, "172.30.0.0/16");
    broken(address("172.30.42.1/16", "docker0"), "docker-network", "manage02", Outcome::Passed, "does not use it");
    broken(address("10.244.0.64/32", "tunl0"), "cidr-overlap", "manage02", Outcome::Passed, "uses neither");
    let route = |to: &'static str, via: &'static str, proto: &'static str| {
        move |world: &mut World| {
            let route = Route { to: to.into(), via: Some(via.into()), dev: "eth0".into(), proto: proto.into() };
            world.machine("compute01").routes.push(route);
        }
    };
    broken(route("0.0.0.0/0", "10.99.0.1", "static"), "cidr-overlap", "compute01", Outcome::Passed, "uses neither");
    broken(route("10.0.0.0/8", "10.99.0.1", "static"), "cidr-overlap", "compute01", Outcome::Failed, "a route leads to 10.0.0.0/8");
    broken(route("10.244.1.0/26", "10.99.0.1", "bird"), "cidr-overlap", "compute01", Outcome::Passed, "uses neither");
    broken(route("10.244.1.0/24", "10.99.0.12", "static"), "cidr-overlap", "compute01", Outcome::Passed, "uses neither");
}

#[test]
fn systems_and_their_settings() {
    let os = |id: &'static str, version: &'static str, kernel: &'static str| {
        move |world: &mut World| {
            let os = &mut world.machine("manage01").os;
            (os.id, os.version, os.kernel) = (id.into(), version.into(), kernel.into());
        }
    };
    broken(os("debian", "12", "6.1.0"), "os", "manage01", Outcome::Warned, "stand-in");
    broken(os("centos", "7", "3.10.0-957.el7.x86_64"), "os", "manage01", Outcome::Warned, "nobody can answer");
    broken(os("ubuntu", "22.04", "5.15"), "os", "manage01", Outcome::Warned, "not tried");
    broken(os("arch", "", "6.9"), "os", "manage01", Outcome::Failed, "refuses all but");
    broken(os("centos", "6", "2.6.32-754"), "kernel", "manage01", Outcome::Failed, "3.10");
    // What is only like Red Hat is refused by the installer, and may hold storage.
    for (id, version) in [("rocky", "8.8"), ("almalinux", "9.3"), ("anolis", "7.9"), ("openEuler", "20.03"), ("kylin", "V10")] {
        broken(os(id, version, "4.19.90"), "os", "manage01", Outcome::Failed, "refuses all but");
        broken(|world| world.machine("storage01").os.id = id.into(), "os", "storage01", Outcome::Warned, "not tried; packages are those of its family");
    }
    broken(|world| world.machine("storage01").os.id = "arch".into(), "os", "storage01", Outcome::Failed, "of no family");
    broken(|world| world.machine("storage01").os.arch = "aarch64".into(), "arch", "storage01", Outcome::Failed, "aarch64");
    broken(|world| world.machine("compute01").directories.retain(|path, _| !path.starts_with("/run/systemd")), "systemd", "compute01", Outcome::Failed, "not there");
    broken(|world| drop(world.memory.insert("user".into(), "1000\n".into())), "root", "manage01", Outcome::Failed, "user id 1000");
    let firewall = |node: &'static str| move |world: &mut World| world.machine(node).unit("firewalld.service").active = true;
    broken(firewall("manage01"), "firewalld", "manage01", Outcome::Warned, "removes it");
    let zone = |services: &'static str| {
        move |world: &mut World| {
            world.machine("storage01").unit("firewalld.service").active = true;
            world.memory.insert("firewall".into(), format!("public (active)\n  target: default\n  services: {services}\n  ports: \n"));
        }
    };
    broken(zone("ssh"), "firewalld", "storage01", Outcome::Failed, "--zone=public --add-service=glusterfs");
    broken(zone("ssh glusterfs"), "firewalld", "storage01", Outcome::Passed, "lets GlusterFS through");
    broken(|world| world.write("storage01", "/sys/fs/selinux/enforce", "1"), "selinux", "storage01", Outcome::Warned, "gluster_export_all_rw");
    broken(|world| world.write("manage01", "/sys/fs/selinux/enforce", "1"), "selinux", "manage01", Outcome::Warned, "turns it off");
    broken(|world| drop(world.machine("manage01").memory.insert("swap".into(), "/dev/vda2 partition 2097152 0 -2\n".into())), "swap", "manage01", Outcome::Warned, "2048 MiB");
    broken(|world| drop(world.machine("manage01").sysctls.insert("vm.overcommit_memory".into(), "2".into())), "overcommit", "manage01", Outcome::Failed, "0 or 1");
    broken(|world| world.write("manage01", "/etc/resolv.conf", "nameserver 127.0.0.53\n"), "dns", "manage01", Outcome::Warned, "on this machine");
    broken(|world| world.remove("manage01", "/etc/resolv.conf"), "dns", "manage01", Outcome::Warned, "114.114.114.114");
}

#[test]
fn a_silent_node_is_one_unknown_and_hides_nothing_of_the_others() {
    let mut world = world();
    world.machine("compute01").reachable = false;
    let checks = checks(world);
    let own: Vec<&Check> = checks.iter().filter(|check| check.node.as_deref() == Some("compute01")).collect();
    assert_eq!(own.len(), 1);
    assert_eq!((own[0].id.as_str(), &own[0].outcome), ("answers", &Outcome::Unknown));
    // It is seen from the others that it does not answer there either.
    assert_eq!(find(&checks, "reach", Some("manage01")).outcome, Outcome::Failed);
    assert_eq!(find(&checks, "cpu", Some("manage02")).outcome, Outcome::Passed);
}
