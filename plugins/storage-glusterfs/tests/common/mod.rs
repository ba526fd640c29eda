//! GlusterFS on the fake cluster: daemons, pools, volumes and their refusals, as version 10 was seen to behave on real nodes.
#![allow(dead_code, unreachable_pub)]

use arcus_sdk::contract::facts::{Fact, Mounted, Output, Probe};
use arcus_sdk::contract::handoffs::SharedDirectory;
use arcus_sdk::contract::types::Role;
use arcus_sdk::fake::{Fixture, Invocation, Lab, Package, World};
use arcus_storage_glusterfs::Gluster;
use std::collections::BTreeSet;

pub const MANIFEST: &str = include_str!("../../manifest.toml");
pub const HA: &str = r#"{"volume": "data", "brick": "/data/brick", "arbiter": "storage03"}"#;
const UNIT: &str = "glusterd.service";

/// Three storage nodes with a disk each, one manager, one compute node, nothing installed.
pub fn world(storage: usize) -> World {
    let mut world = World::new();
    world.node("manage01", "10.99.0.11", &[Role::Manage, Role::Gateway]);
    world.node("compute01", "10.99.0.21", &[Role::Compute]);
    for number in 1..=storage {
        let machine = world.node(&format!("storage0{number}"), &format!("10.99.0.3{number}"), &[Role::Storage]);
        machine.mounts.push(Mounted {
            source: "/dev/vdb1".into(),
            target: "/data".into(),
            fstype: "xfs".into(),
            options: vec!["rw".into()],
            size_bytes: 500 << 30,
            free_bytes: 490 << 30,
            live: true,
            fstab: Some(vec!["defaults".into()]),
        });
    }
    simulate(&mut world);
    world
}

pub fn fixture(storage: usize, config: &str) -> Fixture {
    Fixture::new(MANIFEST, config, world(storage)).handing(|handed| {
        let nodes = vec!["manage01".into(), "compute01".into()];
        handed.demands.shared = Some(SharedDirectory { path: "/grdata".into(), nodes, attach: true, users: vec![] });
    })
}

pub fn ha() -> Fixture {
    fixture(3, HA)
}

/// The HA cluster after a run.
pub fn converged() -> Lab<Gluster> {
    let mut lab = Lab::<Gluster>::new(ha());
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(report.is_done(), "{:#?}", report.left());
    lab
}

fn simulate(world: &mut World) {
    world.offers(Package::new("glusterfs-server", "10.3").unit(UNIT));
    world.offers(Package::new("glusterfs-client", "10.3"));
    world.offers(Package::new("glusterfs-fuse", "10.3"));
    world.offers(Package::new("centos-release-gluster", "1.0"));
    world.simulate(gluster);
    // The kernel's word for the type is another than fstab's.
    world.on_probe(|world, node, probe| {
        if !matches!(probe, Probe::Mounts) {
            return None;
        }
        let seen = |mounted: &Mounted| Mounted {
            fstype: if mounted.live && mounted.fstype == "glusterfs" { "fuse.glusterfs".into() } else { mounted.fstype.clone() },
            ..mounted.clone()
        };
        Some(Fact::Mounts(world.at(node).mounts.iter().map(seen).collect()))
    });
    world.on_mount(|world, node, mount| {
        let (server, volume) = mount.source.split_once(":/").ok_or("no source of GlusterFS")?;
        if !["glusterfs-client", "glusterfs-fuse"].iter().any(|name| world.at(node).packages.contains_key(*name)) {
            return Err("mount: unknown filesystem type 'glusterfs'".into());
        }
        // Names of nodes lead to them, as /etc/hosts has it.
        let server = world.nodes.iter().find(|node| node.name == server || node.address == server).ok_or("no such host")?.name.clone();
        match volume_of(world, &server, volume) {
            Some(volume) if up(world, &server) && volume.status == "Started" => Ok(()),
            _ => Err("Mount failed. Check the log file for more details.".into()),
        }
    });
    world.on_tick(|world| {
        if let Some(left) = world.memory.get("heal").and_then(|left| left.parse::<u64>().ok()) {
            world.memory.insert("heal".into(), left.saturating_sub(1).to_string());
        }
    });
}

/// A volume as a node of its pool remembers it.
#[derive(Clone)]
pub struct Volume {
    pub shape: String,
    pub bricks: Vec<String>,
    pub status: String,
    pub options: Vec<(String, String)>,
}

impl Volume {
    fn write(&self) -> String {
        let options: Vec<String> = self.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
        [self.shape.as_str(), &self.bricks.join(" "), &self.status, &options.join(" ")].join("|")
    }
    fn read(text: &str) -> Self {
        let parts: Vec<&str> = text.split('|').collect();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let pairs = words(parts[3]);
        let options = pairs.iter().filter_map(|option| option.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
        Volume { shape: parts[0].into(), bricks: words(parts[1]), status: parts[2].into(), options: options.collect() }
    }
}

fn up(world: &World, node: &str) -> bool {
    world.at(node).reachable && world.at(node).runs(UNIT)
}

pub fn peers_of(world: &World, node: &str) -> BTreeSet<String> {
    world.at(node).memory.get("peers").map(|peers| peers.split(' ').filter(|peer| !peer.is_empty()).map(str::to_owned).collect()).unwrap_or_default()
}

fn pool_of(world: &World, node: &str) -> BTreeSet<String> {
    let mut pool = peers_of(world, node);
    pool.insert(node.to_owned());
    pool
}

pub fn volume_of(world: &World, node: &str, name: &str) -> Option<Volume> {
    world.at(node).memory.get(&format!("volume {name}")).map(|text| Volume::read(text))
}

/// Puts these nodes into one pool, as a hand would have done.
pub fn pool(world: &mut World, nodes: &[&str]) {
    for node in nodes {
        let peers: Vec<&str> = nodes.iter().copied().filter(|other| other != node).collect();
        remember_peers(world, node, peers.into_iter().map(str::to_owned).collect());
    }
}

fn remember_peers(world: &mut World, node: &str, peers: BTreeSet<String>) {
    for peer in &peers {
        world.directory(node, "/var/lib/glusterd/peers");
        if world.text(node, &format!("/var/lib/glusterd/peers/{peer}")).is_none() {
            world.write(node, &format!("/var/lib/glusterd/peers/{peer}"), "state=3\n");
        }
    }
    let text = peers.into_iter().collect::<Vec<_>>().join(" ");
    world.machine(node).memory.insert("peers".into(), text);
}

pub fn put_volume(world: &mut World, node: &str, name: &str, volume: &Volume) {
    for member in pool_of(world, node) {
        let directory = format!("/var/lib/glusterd/vols/{name}");
        world.directory(&member, &directory);
        world.machine(&member).memory.insert(format!("volume {name}"), volume.write());
    }
}

/// gluster installed and its daemon running on these nodes.
pub fn install(world: &mut World, nodes: &[&str]) {
    for node in nodes {
        let machine = world.machine(node);
        machine.packages.insert("glusterfs-server".into(), "10.3".into());
        let unit = machine.unit(UNIT);
        (unit.active, unit.enabled) = (true, true);
        world.directory(node, "/var/lib/glusterd");
    }
}

fn gluster(world: &mut World, run: &Invocation) -> Option<Output> {
    if run.argv[0] != "gluster" || !world.at(&run.node).packages.contains_key("glusterfs-server") {
        return None;
    }
    if !up(world, &run.node) {
        return Some(run.fails(1, "Connection failed. Please check if gluster daemon is operational.\n"));
    }
    let words: Vec<&str> = run.argv[1..].iter().map(String::as_str).filter(|word| !word.starts_with("--") || *word == "--xml").collect();
    Some(match words.as_slice() {
        ["peer", "status"] => peer_status(world, run),
        ["peer", "probe", address] => probe(world, run, address),
        ["volume", "info", name] => info(world, run, name),
        ["volume", "create", name, rest @ ..] => create(world, run, name, rest),
        ["volume", "set", name, options @ ..] => match volume_of(world, &run.node, name) {
            None => run.fails(1, format!("volume set: failed: Volume {name} does not exist\n")),
            Some(mut volume) => {
                for pair in options.chunks(2) {
                    volume.options.retain(|(known, _)| known != pair[0]);
                    volume.options.push((pair[0].into(), pair[1].into()));
                }
                volume.options.sort();
                put_volume(world, &run.node, name, &volume);
                run.prints("volume set: success\n")
            }
        },
        ["volume", "start", name] => match volume_of(world, &run.node, name) {
            None => run.fails(1, format!("volume start: {name}: failed: Volume {name} does not exist\n")),
            Some(volume) if volume.status == "Started" => run.fails(1, format!("volume start: {name}: failed: Volume {name} already started\n")),
            Some(mut volume) => {
                volume.status = "Started".into();
                put_volume(world, &run.node, name, &volume);
                run.prints(format!("volume start: {name}: success\n"))
            }
        },
        ["volume", "status", name, "--xml"] => status(world, run, name),
        ["volume", "heal", name, "info"] => heal(world, run, name, "Number of entries", "heal"),
        ["volume", "heal", name, "info", "split-brain"] => heal(world, run, name, "Number of entries in split-brain", "split-brain"),
        other => run.fails(1, format!("unrecognized command {other:?}\n")),
    })
}

fn peer_status(world: &World, run: &Invocation) -> Output {
    let peers = peers_of(world, &run.node);
    let mut text = format!("Number of Peers: {}\n", peers.len());
    for peer in &peers {
        // A stranger is no machine of the cluster.
        let address = world.nodes.iter().find(|node| node.name == *peer).map_or(peer.clone(), |node| node.address.clone());
        let connected = world.machines.get(peer).is_none_or(|machine| machine.reachable && machine.runs(UNIT));
        let word = if connected { "Connected" } else { "Disconnected" };
        text.push_str(&format!("\nHostname: {address}\nUuid: 00000000-0000-4000-8000-000000000000\nState: Peer in Cluster ({word})\n"));
    }
    run.prints(text)
}

fn probe(world: &mut World, run: &Invocation, address: &str) -> Output {
    let Some(other) = world.by_address(address).map(str::to_owned).filter(|other| up(world, other)) else {
        return run.fails(1, "peer probe: failed: Probe returned with Transport endpoint is not connected\n");
    };
    let own = pool_of(world, &run.node);
    if own.contains(&other) {
        return run.prints(format!("peer probe: Host {address} port 24007 already in peer list\n"));
    }
    if !peers_of(world, &other).is_empty() || world.at(&other).memory.keys().any(|key| key.starts_with("volume ")) {
        return run.fails(1, format!("peer probe: failed: {address} is either already part of another cluster or having volumes configured\n"));
    }
    let volumes: Vec<(String, String)> =
        world.at(&run.node).memory.iter().filter(|(key, _)| key.starts_with("volume ")).map(|(key, text)| (key.clone(), text.clone())).collect();
    let all: BTreeSet<String> = own.into_iter().chain([other.clone()]).collect();
    for member in &all {
        let peers = all.iter().filter(|peer| *peer != member).cloned().collect();
        remember_peers(world, member, peers);
    }
    for (key, text) in volumes {
        put_volume(world, &run.node, key.trim_start_matches("volume "), &Volume::read(&text));
    }
    run.prints("peer probe: success\n")
}

fn info(world: &World, run: &Invocation, name: &str) -> Output {
    let Some(volume) = volume_of(world, &run.node, name) else { return run.fails(1, format!("Volume {name} does not exist\n")) };
    let (kind, number) = volume.shape.split_once('/').unwrap();
    let mut text = format!(
        "\nVolume Name: {name}\nType: {kind}\nVolume ID: fb2c90bd-c3e3-4e7d-a417-610cdb5ff942\nStatus: {}\nSnapshot Count: 0\n\
         Number of Bricks: {number}\nTransport-type: tcp\nBricks:\n",
        volume.status
    );
    for (place, brick) in volume.bricks.iter().enumerate() {
        let arbiter = number.contains("(2 + 1)") && place % 3 == 2;
        text.push_str(&format!("Brick{}: {brick}{}\n", place + 1, if arbiter { " (arbiter)" } else { "" }));
    }
    text.push_str("Options Reconfigured:\n");
    volume.options.iter().for_each(|(option, value)| text.push_str(&format!("{option}: {value}\n")));
    text.push_str("transport.address-family: inet\nnfs.disable: on\n");
    run.prints(text)
}

fn create(world: &mut World, run: &Invocation, name: &str, rest: &[&str]) -> Output {
    let failed = |why: &str| run.fails(1, format!("volume create: {name}: failed: {why}\n"));
    if volume_of(world, &run.node, name).is_some() {
        return failed(&format!("Volume {name} already exists"));
    }
    let (replica, arbiter, bricks) = match rest {
        ["replica", replica, "arbiter", "1", bricks @ ..] => (replica, true, bricks),
        ["replica", replica, bricks @ ..] => (replica, false, bricks),
        _ => return failed("wrong usage"),
    };
    let (bricks, force) = match bricks {
        [bricks @ .., "force"] => (bricks, true),
        bricks => (bricks, false),
    };
    let replica: usize = replica.parse().unwrap();
    if bricks.len() % replica != 0 {
        return failed("number of bricks is not a multiple of replica count");
    }
    for brick in bricks {
        let (address, path) = brick.split_once(':').unwrap();
        let Some(node) = world.by_address(address).map(str::to_owned) else { return failed("no such host") };
        if !pool_of(world, &run.node).contains(&node) || !up(world, &node) {
            return failed(&format!("Host {address} is not in 'Peer in Cluster' state"));
        }
        let on_root = !path.starts_with("/data/");
        if on_root && !force {
            return failed(&format!("The brick {brick} is being created in the root partition."));
        }
        let parent = path.rsplit_once('/').unwrap().0;
        if !on_root && parent != "/data" && !world.at(&node).directories.contains_key(parent) {
            return failed(&format!("Failed to create brick directory for brick {brick}. Reason : No such file or directory"));
        }
        // The mark that an attempt leaves is on the directory itself.
        let marked = world.at(&node).directories.contains_key(&format!("{path}/.glusterfs"));
        if !force && (marked || world.text(&node, &format!("{path}/.glusterfs/health_check")).is_some()) {
            return failed(&format!("{brick} is already part of a volume"));
        }
        world.write(&node, &format!("{path}/.glusterfs/health_check"), "");
    }
    let sets = bricks.len() / replica;
    let kind = if sets > 1 { "Distributed-Replicate" } else { "Replicate" };
    let number = if arbiter { format!("{sets} x (2 + 1) = {}", bricks.len()) } else { format!("{sets} x {replica} = {}", bricks.len()) };
    let volume = Volume {
        shape: format!("{kind}/{number}"),
        bricks: bricks.iter().map(ToString::to_string).collect(),
        status: "Created".into(),
        options: vec![],
    };
    put_volume(world, &run.node, name, &volume);
    run.prints(format!("volume create: {name}: success: please start the volume to access data\n"))
}

fn status(world: &World, run: &Invocation, name: &str) -> Output {
    if world.memory.contains_key("locked") {
        return run.prints("<cliOutput><opRet>-1</opRet><opErrstr>Another transaction is in progress for data. Please try again after some time.</opErrstr></cliOutput>");
    }
    let Some(volume) = volume_of(world, &run.node, name) else {
        return run.prints("<cliOutput>\n<opRet>-1</opRet>\n<opErrstr>Volume data does not exist</opErrstr></cliOutput>");
    };
    let mut text = String::from("<cliOutput>\n  <opRet>0</opRet>\n  <opErrno>0</opErrno>\n  <opErrstr/>\n  <volStatus>\n");
    for brick in &volume.bricks {
        let (address, path) = brick.split_once(':').unwrap();
        let node = world.by_address(address).unwrap();
        if !up(world, node) {
            continue;
        }
        let online = u8::from(volume.status == "Started" && !world.at(node).memory.contains_key("brick-dead"));
        text.push_str(&format!(
            "        <node>\n          <hostname>{address}</hostname>\n          <path>{path}</path>\n          <status>{online}</status>\n          \
             <ports>\n            <tcp>54008</tcp>\n          </ports>\n        </node>\n"
        ));
    }
    text.push_str("        <node>\n          <hostname>Self-heal Daemon</hostname>\n          <path>localhost</path>\n          <status>1</status>\n        </node>\n  </volStatus>\n</cliOutput>\n");
    run.prints(text)
}

fn heal(world: &World, run: &Invocation, name: &str, words: &str, memory: &str) -> Output {
    let Some(volume) = volume_of(world, &run.node, name) else { return run.fails(254, format!("Volume {name} does not exist\nVolume heal failed.\n")) };
    let mut text = String::new();
    for (place, brick) in volume.bricks.iter().enumerate() {
        let node = world.by_address(brick.split_once(':').unwrap().0).unwrap();
        let (state, count) = if up(world, node) && !world.at(node).memory.contains_key("brick-dead") {
            let count = if place == 0 { world.memory.get(memory).cloned().unwrap_or("0".into()) } else { "0".into() };
            ("Connected", count)
        } else {
            ("Transport endpoint is not connected", "-".into())
        };
        text.push_str(&format!("Brick {brick}\nStatus: {state}\n{words}: {count}\n\n"));
    }
    run.prints(text)
}
