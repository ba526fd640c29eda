//! Machines that can install MooseFS: a master that wants its list of names, chunk servers that find it, loggers, and clients.

#![allow(dead_code)]

use arcus_sdk::contract::facts::Mounted;
use arcus_sdk::contract::handoffs::SharedDirectory;
use arcus_sdk::contract::types::Role;
use arcus_sdk::fake::{Fixture, Package, World};

pub const MANIFEST: &str = include_str!("../../manifest.toml");
pub const NAMES: &str = "/var/lib/mfs/metadata.mfs";
pub const SOURCE: &str = "10.99.0.31:9421:/";
pub const SERVERS: [&str; 3] = ["storage01", "storage02", "storage03"];
pub const CLIENTS: [&str; 2] = ["manage01", "compute01"];
const MASTER: &str = "moosefs-master.service";
const CHUNKS: &str = "moosefs-chunkserver.service";

pub fn bare_world() -> World {
    let mut world = World::new();
    world.node("manage01", "10.99.0.11", &[Role::Manage]);
    world.node("compute01", "10.99.0.21", &[Role::Compute]);
    for (place, name) in SERVERS.iter().enumerate() {
        world.node(name, &format!("10.99.0.{}", 31 + place), &[Role::Storage]);
        world.machine(name).mounts.push(disk());
        world.directory(name, "/data");
        world.directory(name, "/etc/mfs");
    }
    let server = |name: &str, unit: &str, reads: &[&str]| Package::new(name, "3.0.117").unit(unit).reads(reads);
    world.offers(server("moosefs-master", MASTER, &["/etc/mfs/mfsmaster.cfg", "/etc/mfs/mfsexports.cfg"]).file("/var/lib/mfs/metadata.mfs.empty", "MFSM NEW"));
    world.offers(server("moosefs-chunkserver", CHUNKS, &["/etc/mfs/mfschunkserver.cfg", "/etc/mfs/mfshdd.cfg"]));
    world.offers(server("moosefs-metalogger", "moosefs-metalogger.service", &["/etc/mfs/mfsmetalogger.cfg"]));
    world.offers(Package::new("moosefs-client", "3.0.117"));
    world.offers(Package::new("moosefs-cli", "3.0.117"));
    world.on_start(|world, node, unit| match unit {
        MASTER if world.read(node, NAMES).is_none() => Err("if this is new installation then rename metadata.mfs.empty".into()),
        _ => Ok(()),
    });
    world.on_mount(|world, _, mount| {
        let host = mount.source.split(':').next().unwrap_or_default();
        let up = world.by_address(host).is_some_and(|node| world.at(node).runs(MASTER));
        if mount.fstype != "moosefs" || up { Ok(()) } else { Err("can't connect to mfsmaster".into()) }
    });
    world.simulate(|world, run| match run.argv.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["cp", "--no-clobber", from, to] => {
            if world.read(&run.node, to).is_none() {
                let Some(content) = world.read(&run.node, from).map(|file| file.content.clone()) else { return Some(run.fails(1, "cp: cannot stat")) };
                world.write(&run.node, to, content);
            }
            Some(run.prints(""))
        }
        ["mfscli", "-H", host, "-p", what] => {
            if !world.at(&run.node).packages.contains_key("moosefs-cli") {
                return None;
            }
            let up = world.by_address(host).is_some_and(|node| world.at(node).runs(MASTER));
            if !up {
                return Some(run.fails(1, "Can't connect to MFS master\n"));
            }
            let few = world.memory.get("few").map_or("0", String::as_str);
            let none = world.memory.get("none").map_or("0", String::as_str);
            Some(run.prints(match *what {
                "-SCS" => connected(world),
                _ => format!("all chunks matrix:\tchunkclass missing:\t{none}\nall chunks matrix:\tchunkclass endangered:\t{few}\nall chunks matrix:\tchunkclass undergoal:\t0\nall chunks matrix:\tchunkclass stable:\t4\n"),
            }))
        }
        ["mfsgetgoal", path] => {
            let mounted = world.at(&run.node).mounts.iter().any(|mounted| mounted.live && mounted.target == *path && mounted.source == SOURCE);
            let copies = world.memory.get("copies").map_or("2", String::as_str);
            Some(if mounted { run.prints(format!("{path}: {copies}\n")) } else { run.fails(1, format!("{path}: not MFS object\n")) })
        }
        ["mfssetgoal", "-r", copies, path] => {
            if !world.at(&run.node).mounts.iter().any(|mounted| mounted.live && mounted.target == *path) {
                return Some(run.fails(1, "not MFS object\n"));
            }
            world.memory.insert("copies".into(), (*copies).to_owned());
            Some(run.prints(""))
        }
        _ => None,
    });
    world
}

/// Chunk servers that run with the settings of this master.
fn connected(world: &World) -> String {
    let mut text = String::new();
    for node in SERVERS {
        let address = &world.nodes.iter().find(|known| known.name == node).unwrap().address;
        if world.at(node).reachable && world.at(node).runs(CHUNKS) && !world.at(node).memory.contains_key("cut") {
            text += &format!("chunk servers:\t{address}\t9422\t1\t-\t3.0.117\t0\tmaintenance_off\t2\t269402112\t12638253056\t-\t0\t0\t0\n");
        } else {
            text += &format!("\nDisconnected chunk servers:\t{address}\t9422\t1\tmaintenance_off\n");
        }
    }
    text
}

pub fn disk() -> Mounted {
    Mounted { source: "/dev/vdb1".into(), target: "/data".into(), fstype: "xfs".into(), options: vec![], size_bytes: 1 << 40, free_bytes: 1 << 40, live: true, fstab: None }
}

pub fn with(config: &str, world: World) -> Fixture {
    Fixture::new(MANIFEST, config, world).handing(|handed| {
        let nodes = CLIENTS.map(str::to_owned).to_vec();
        handed.demands.shared = Some(SharedDirectory { path: "/grdata".into(), nodes, attach: true, users: vec![] });
    })
}

pub fn fixture(world: World) -> Fixture {
    with("{}", world)
}

pub fn bare() -> Fixture {
    fixture(bare_world())
}
