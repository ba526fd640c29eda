//! An NFS server on the fake cluster, with what it may refuse, and the client's kernel as it shows what is mounted.
#![allow(dead_code, unreachable_pub)]

use arcus_sdk::contract::facts::{DirectoryFact, Fact, Mounted, Probe};
use arcus_sdk::contract::handoffs::SharedDirectory;
use arcus_sdk::contract::types::Role;
use arcus_sdk::fake::{Fixture, Invocation, Lab, Package, World};
use arcus_sdk::contract::facts::Output;
use arcus_storage_nfs::Nfs;

pub const MANIFEST: &str = include_str!("../../manifest.toml");
pub const NFS: &str = r#"{"server": "10.99.0.9", "export": "/grdata"}"#;
pub const NAS: &str = r#"{"server": "10.99.0.9", "export": "/", "preset": "nas"}"#;
const FOLDER: &str = "/grdata/.arcus";

/// Two managers, one compute node, nothing installed; the server is a machine outside of the cluster.
pub fn world() -> World {
    let mut world = World::new();
    world.node("compute01", "10.99.0.21", &[Role::Compute]);
    world.node("manage01", "10.99.0.11", &[Role::Manage, Role::Gateway]);
    world.node("manage02", "10.99.0.12", &[Role::Manage, Role::Gateway]);
    for node in ["compute01", "manage01", "manage02"] {
        world.directory(node, "/etc/modprobe.d");
    }
    let server = world.node("nas", "10.99.0.9", &[]);
    server.listen(2049, "nfsd");
    server.listen(111, "rpcbind");
    world.nodes.pop();
    simulate(&mut world);
    world
}

pub fn fixture(config: &str) -> Fixture {
    with(config, world())
}

pub fn with(config: &str, world: World) -> Fixture {
    Fixture::new(MANIFEST, config, world).handing(|handed| {
        let nodes = vec!["manage01".into(), "manage02".into(), "compute01".into()];
        handed.demands.shared = Some(SharedDirectory { path: "/grdata".into(), nodes, attach: true, users: vec![] });
    })
}

pub fn nfs() -> Fixture {
    fixture(NFS)
}

pub fn nas() -> Fixture {
    fixture(NAS)
}

/// The first manager serves the directory itself.
pub fn served_by_a_node() -> Fixture {
    let mut world = world();
    world.directory("manage01", "/grdata");
    world.machine("manage01").listen(2049, "nfsd");
    with(r#"{"server": "10.99.0.11", "export": "/grdata"}"#, world)
}

pub fn converged(fixture: Fixture) -> Lab<Nfs> {
    let mut lab = Lab::<Nfs>::new(fixture);
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(report.is_done(), "{:#?}", report.left());
    lab
}

fn simulate(world: &mut World) {
    world.offers(Package::new("nfs-common", "1:2.6.2"));
    world.offers(Package::new("nfs-utils", "1:1.3.0"));
    world.simulate(programs);
    world.on_probe(|world, node, probe| match probe {
        Probe::Mounts => Some(Fact::Mounts(world.at(node).mounts.iter().map(as_the_kernel_shows).collect())),
        // The server says who made it.
        Probe::Directory(path) if path == FOLDER => {
            let is_mounted = world.at(node).mounts.iter().any(|mounted| mounted.live && mounted.target == "/grdata");
            let owner = world.memory.get("made by").filter(|_| is_mounted)?;
            let fact = DirectoryFact { mode: 0o700, owner: owner.clone(), group: "root".into(), entries: 0 };
            Some(Fact::Directory(Some(fact)))
        }
        Probe::Sysctl(key) if key.starts_with("sunrpc.") => Some(Fact::Sysctl(world.at(node).memory.get("slots").cloned())),
        _ => None,
    });
    world.on_mount(|world, node, mount| {
        let installed = world.at(node).packages.keys().any(|name| name.starts_with("nfs-"));
        if !installed {
            return Err("mount: bad option; for several filesystems (e.g. nfs, cifs) you might need a /sbin/mount.<type> helper program".into());
        }
        let server = mount.source.split_once(":/").and_then(|(server, _)| world.by_address(server)).ok_or("mount.nfs: Connection timed out")?.to_owned();
        if world.memory.contains_key("not exported") {
            return Err(format!("mount.nfs: access denied by server while mounting {}", mount.source));
        }
        if !world.at(&server).sockets.iter().any(|socket| socket.port == 2049) {
            return Err("mount.nfs: Connection refused".into());
        }
        // What the module reads when it is loaded, which is now.
        let slots = world.text(node, "/etc/modprobe.d/arcus-nfs.conf").and_then(|text| text.trim().rsplit_once('=').map(|(_, slots)| slots.to_owned()));
        world.machine(node).memory.entry("slots".into()).or_insert(slots.unwrap_or("2".into()));
        Ok(())
    });
}

/// With the options that a kernel adds and rewrites.
fn as_the_kernel_shows(mounted: &Mounted) -> Mounted {
    let Some(options) = mounted.fstab.as_ref().filter(|_| mounted.live && mounted.fstype == "nfs" && mounted.options == ["rw"]) else { return mounted.clone() };
    let version = options.iter().find_map(|option| option.strip_prefix("vers=")).unwrap_or("4.2");
    let nolock = options.iter().any(|option| option == "nolock");
    let mut live: Vec<String> = vec!["rw".into(), format!("vers={version}"), "hard".into()];
    live.push(format!("local_lock={}", if nolock { "all" } else { "none" }));
    let fstype = if version.starts_with('4') { "nfs4" } else { "nfs" };
    Mounted { fstype: fstype.into(), options: live, ..mounted.clone() }
}

/// The line of a node's mount of the share, as the kernel shows it, for a test to change.
pub fn shared<'w>(world: &'w mut World, node: &str) -> &'w mut Mounted {
    let mounted = world.machine(node).mounts.iter_mut().find(|mounted| mounted.target == "/grdata").expect("the share is mounted");
    *mounted = as_the_kernel_shows(mounted);
    mounted
}

fn programs(world: &mut World, run: &Invocation) -> Option<Output> {
    let is_mounted = world.at(&run.node).mounts.iter().any(|mounted| mounted.live && mounted.target == "/grdata");
    if let Some([]) = run.matches(["mkdir", "--parents", "--mode=0700", FOLDER]).map(|rest| rest as &[String]) {
        if world.memory.contains_key("root may not write") {
            return Some(run.fails(1, format!("mkdir: cannot create directory '{FOLDER}': Permission denied\n")));
        }
        assert!(is_mounted, "it would be made on the node's own disk");
        let owner = if world.memory.contains_key("squashes") { "nobody" } else { "root" };
        world.memory.insert("made by".into(), owner.into());
        return Some(run.prints(""));
    }
    let takes = run.matches(["flock", "--timeout", "10", "/grdata/.arcus/lock", "true"]).is_some();
    let looks = run.argv[..2] == ["sh", "-c"];
    if !takes && !looks {
        return None;
    }
    if world.memory.contains_key("no locks") {
        return Some(run.fails(71, "flock: 9: No locks available\n"));
    }
    if takes {
        assert!(is_mounted && world.memory.contains_key("made by"));
        world.memory.insert("lock".into(), String::new());
    } else if !is_mounted || !world.memory.contains_key("lock") {
        return Some(run.fails(2, "sh: 1: cannot open /grdata/.arcus/lock: No such file\n"));
    }
    Some(run.prints(""))
}
