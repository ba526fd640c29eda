//! A cluster whose first manager serves the shared directory by NFS, with units that use it; and one with a NAS.
#![allow(dead_code, unreachable_pub)]

use arcus_migrate_storage::Migrate;
use arcus_sdk::contract::facts::{Mounted, Output};
use arcus_sdk::contract::handoffs::{SharedDirectory, StorageOffer};
use arcus_sdk::contract::types::Role;
use arcus_sdk::fake::{Fixture, Invocation, Lab, Package, World};

pub const MANIFEST: &str = include_str!("../../manifest.toml");
pub const MEMBERS: [&str; 3] = ["manage01", "manage02", "compute01"];
const LINE: &str = "/grdata *(rw,sync,no_root_squash,no_subtree_check)";
pub const EXPORTS: &str = "/opt/rainbond/etc/tools *(rw,sync)\n/grdata *(rw,sync,no_root_squash,no_subtree_check)\n/opt/rainbond/.init *(rw,sync)\n";
pub const NFS: &str = "10.99.0.11:/grdata";
pub const NAS: &str = "10.99.0.9:/";
pub const VOLUME: &str = "storage01:/data";

fn users() -> Vec<(Role, String)> {
    [(Role::Manage, "node.service"), (Role::Manage, "rbd-api.service"), (Role::Compute, "node.service"), (Role::Compute, "docker.service")]
        .map(|(role, unit)| (role, unit.to_owned()))
        .into()
}

pub fn client(source: &str) -> Mounted {
    Mounted {
        source: source.into(),
        target: "/grdata".into(),
        fstype: "nfs4".into(),
        options: vec!["rw".into()],
        size_bytes: 100 << 30,
        free_bytes: 90 << 30,
        live: true,
        fstab: Some(vec!["rw".into(), "_netdev".into()]),
    }
}

fn world() -> World {
    let mut world = World::new();
    world.node("manage01", "10.99.0.11", &[Role::Manage]);
    world.node("manage02", "10.99.0.12", &[Role::Manage]);
    world.node("compute01", "10.99.0.21", &[Role::Compute]);
    world.offers(Package::new("rsync", "3.2.7"));
    for node in MEMBERS {
        let units: &[&str] = if node == "compute01" { &["node.service", "docker.service"] } else { &["node.service", "rbd-api.service"] };
        for name in units {
            let unit = world.machine(node).unit(name);
            (unit.active, unit.enabled) = (true, true);
        }
        world.directory(node, "/grdata");
    }
    // One that the operator does not let start by itself.
    world.machine("manage02").unit("rbd-api.service").enabled = false;
    world.simulate(exportfs);
    world
}

/// Somebody who was turned away asked for the directory: what is mounted there is busy until the server is told to forget.
pub fn asked_for(world: &mut World, node: &str) {
    world.machine(node).memory.insert("handed out".into(), "# /grdata\t10.99.0.77\n/opt/rainbond/etc/tools\t*(rw)\n".into());
}

/// What `exportfs -raf` read last is what it serves.
fn exportfs(world: &mut World, invocation: &Invocation) -> Option<Output> {
    if invocation.matches(["exportfs", "-raf"]).is_some() {
        let text = world.text(&invocation.node, "/etc/exports").unwrap_or_default();
        world.machine(&invocation.node).memory.insert("exported".into(), text);
        world.machine(&invocation.node).memory.remove("handed out");
        return Some(invocation.prints(""));
    }
    if invocation.matches(["cat", "/proc/net/rpc/nfsd.export/content"]).is_some() {
        return Some(invocation.prints(world.at(&invocation.node).memory.get("handed out").cloned().unwrap_or_default()));
    }
    invocation.matches(["exportfs", "-s"])?;
    let text = world.at(&invocation.node).memory.get("exported").cloned().unwrap_or_default();
    Some(invocation.prints(text.replace(" ", "  ").replace("(rw,", "(sync,wdelay,rw,")))
}

fn fixture(world: World, old: StorageOffer) -> Fixture {
    Fixture::new(MANIFEST, "{}", world)
        .handing(|handed| {
            let nodes = MEMBERS.map(str::to_owned).to_vec();
            handed.demands.shared = Some(SharedDirectory { path: "/grdata".into(), nodes, attach: false, users: users() });
            let new = StorageOffer { source: VOLUME.into(), fstype: "glusterfs".into(), options: vec!["defaults".into(), "_netdev".into()], local: vec![] };
            handed.storage = vec![("glusterfs".into(), new), ("nfs".into(), old)];
        })
        .provided("storage.ready", &["manage01"])
        .provided("storage.client", &MEMBERS)
}

/// The first manager is the server, as Rainbond's own installer has it.
pub fn served() -> Fixture {
    let mut world = world();
    world.write("manage01", "/etc/exports", EXPORTS);
    world.machine("manage01").memory.insert("exported".into(), EXPORTS.into());
    for (path, text) in [("/grdata/services/storage/health.check", "token"), ("/grdata/tenant/a", "one"), ("/grdata/tenant/b", "two")] {
        world.write("manage01", path, text);
    }
    for node in ["manage02", "compute01"] {
        world.machine(node).mounts.push(client(NFS));
    }
    fixture(world, StorageOffer { source: NFS.into(), fstype: "nfs".into(), options: vec!["rw".into()], local: vec!["manage01".into()] })
}

/// A NAS that is none of the nodes.
pub fn nas() -> Fixture {
    let mut world = world();
    for node in MEMBERS {
        world.machine(node).mounts.push(client(NAS));
    }
    world.write("manage01", "/grdata/tenant/a", "one");
    fixture(world, StorageOffer { source: NAS.into(), fstype: "nfs".into(), options: vec!["vers=3".into(), "nolock".into()], local: vec![] })
}

pub fn moved(fixture: Fixture) -> Lab<Migrate> {
    let mut lab = Lab::<Migrate>::new(fixture);
    through(&mut lab);
    lab
}

pub fn through(lab: &mut Lab<Migrate>) {
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(report.is_done(), "{:#?}", report.left());
}

/// What is live at the shared directory.
pub fn source(world: &World, node: &str) -> Option<String> {
    world.at(node).mounts.iter().rev().find(|mounted| mounted.live && mounted.target == "/grdata").map(|mounted| mounted.source.clone())
}

/// Everybody works as before: on the old storage, with the units as they were, nothing held, the export open.
pub fn assert_home(lab: &Lab<Migrate>, when: &str) {
    let world = lab.world();
    let local = world.at("manage01").files.contains_key("/etc/exports");
    for node in MEMBERS {
        let wanted = if local { (node != "manage01").then_some(NFS) } else { Some(NAS) };
        assert_eq!(source(&world, node).as_deref(), wanted, "{when}: {node}");
        for (name, unit) in &world.at(node).units {
            assert!(unit.active && !unit.held, "{when}: {name} on {node}: {unit:?}");
            assert_eq!(unit.enabled, !(node == "manage02" && name == "rbd-api.service"), "{when}: {name} on {node}");
        }
        assert!(!world.at(node).files.contains_key("/var/lib/arcus-migration/phase"), "{when}: {node}");
    }
    if local {
        assert_eq!(world.text("manage01", "/etc/exports").unwrap(), EXPORTS, "{when}");
        assert!(world.at("manage01").memory["exported"].contains(LINE), "{when}");
    }
}

/// Everybody works on the new storage.
pub fn assert_moved(lab: &Lab<Migrate>, when: &str) {
    let world = lab.world();
    for node in MEMBERS {
        assert_eq!(source(&world, node).as_deref(), Some(VOLUME), "{when}: {node}");
        for (name, unit) in &world.at(node).units {
            assert!(unit.active && !unit.held, "{when}: {name} on {node}: {unit:?}");
        }
    }
}

/// A node with somebody on it who writes has the storage; and no two nodes write to different ones.
pub fn assert_safe(lab: &Lab<Migrate>, when: &str) {
    let world = lab.world();
    let writers: Vec<(&str, Option<String>)> =
        MEMBERS.iter().filter(|node| world.at(node).units.values().any(|unit| unit.active)).map(|node| (*node, source(&world, node))).collect();
    let on_new = writers.iter().filter(|(_, source)| source.as_deref() == Some(VOLUME)).count();
    assert!(on_new == 0 || on_new == writers.len(), "{when}: {writers:?}");
    for (node, source) in &writers {
        let has_its_own = *node == "manage01" && world.at("manage01").files.contains_key("/etc/exports");
        assert!(source.is_some() || has_its_own, "{when}: {node} runs without the directory");
    }
}
