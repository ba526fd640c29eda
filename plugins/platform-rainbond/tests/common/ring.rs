//! etcd as the fake world has it: members that are registered count for the majority, whether they run or not.

use super::{DATA, SCRIPT, listen};
use arcus_sdk::contract::facts::Output;
use arcus_sdk::fake::{Invocation, Unit, World};

/// Registers a manager and, if it is to run, starts it.
pub fn join(world: &mut World, node: &str, runs: bool) {
    let address = world.nodes.iter().find(|known| known.name == node).unwrap().address.clone();
    let id = world.memory.keys().filter(|key| key.starts_with("etcd/")).count() + 160;
    world.memory.entry(format!("etcd/{address}")).or_insert_with(|| id.to_string());
    if runs {
        world.memory.insert(format!("ran/{address}"), "yes".into());
    }
    world.write(node, SCRIPT, "#!/bin/sh\nexec etcd \\\n  --data-dir /opt/rainbond/data/etcd\n");
    world.write(node, &format!("{DATA}/member"), "x");
    let now = world.now;
    *world.machine(node).unit("etcd.service") = Unit { active: runs, enabled: true, started: now, ..Unit::default() };
    if runs {
        listen(world, node, 2379, "etcd");
        listen(world, node, 2380, "etcd");
    }
}

/// Addresses of all that are registered.
pub fn members(world: &World) -> Vec<String> {
    world.memory.keys().filter_map(|key| key.strip_prefix("etcd/")).map(str::to_owned).collect()
}

/// Whether enough of them run.
pub fn has_majority(world: &World) -> bool {
    let members = members(world);
    let runs = |address: &&String| world.by_address(address).is_some_and(|node| world.at(node).reachable && world.at(node).runs("etcd.service"));
    members.is_empty() || members.iter().filter(runs).count() * 2 > members.len()
}

/// A start with the flag forgets all others.
pub fn starts(world: &mut World, node: &str, unit: &str) -> Result<(), String> {
    if unit == "etcd.service" && world.text(node, SCRIPT).is_some_and(|text| text.contains("--force-new-cluster")) {
        let own = world.at(node).interfaces.iter().flat_map(|interface| interface.addresses.clone()).collect::<Vec<_>>();
        world.memory.retain(|key, _| key.strip_prefix("etcd/").is_none_or(|address| own.iter().any(|cidr| cidr.split('/').next() == Some(address))));
        let counted = world.memory.get("forced").map_or(0, |count| count.parse::<u32>().unwrap()) + 1;
        world.memory.insert("forced".into(), counted.to_string());
    }
    Ok(())
}

pub fn program(world: &mut World, run: &Invocation, words: &[&str]) -> Option<Output> {
    let refused = || Some(run.fails(7, "curl: (7) Failed to connect"));
    match words {
        ["curl", "-fsS", "--max-time", "5", "http://127.0.0.1:2379/health"] => match world.at(&run.node).runs("etcd.service") {
            false => refused(),
            true if has_majority(world) => Some(run.prints("{\"health\":\"true\"}")),
            true => Some(run.fails(22, "curl: (22) The requested URL returned error: 503")),
        },
        ["curl", "-fsS", "--max-time", "5", url] if url.ends_with(":2380/members") => {
            if !world.at(&run.node).runs("etcd.service") || world.memory.contains_key("no-list") {
                return refused();
            }
            let ids = world.memory.iter().filter_map(|(key, id)| Some((key.strip_prefix("etcd/")?, id)));
            // Its name comes with its first start.
            let name = |address: &str| if world.memory.contains_key(&format!("ran/{address}")) { "x" } else { "" };
            let each: Vec<String> = ids.map(|(address, id)| format!(r#"{{"id":{id},"peerURLs":["http://{address}:2380"],"name":"{}"}}"#, name(address))).collect();
            Some(run.prints(format!("[{}]\n", each.join(","))))
        }
        ["etcdctl", "member", "remove", hex] => {
            if !has_majority(world) {
                return Some(run.fails(1, "Error: etcdserver: request timed out"));
            }
            let id = u64::from_str_radix(hex, 16).unwrap().to_string();
            world.memory.retain(|key, value| !(key.starts_with("etcd/") && *value == id));
            Some(run.prints(format!("Member {hex} removed from cluster\n")))
        }
        ["env", "ETCDCTL_API=3", "etcdctl", "snapshot", "save", path] => {
            world.write(&run.node, path, format!("snapshot of {}", members(world).join(" ")));
            Some(run.prints("Snapshot saved\n"))
        }
        ["docker", "exec", "-i", "rbd-db", "mysqldump", ..] => {
            world.memory.insert("dumped".into(), "yes".into());
            Some(run.prints(""))
        }
        ["docker", "cp", "rbd-db:/tmp/arcus-console.sql", path] => {
            if !world.memory.contains_key("dumped") {
                return Some(run.fails(1, "no such file"));
            }
            world.write(&run.node, path, "CREATE DATABASE console;");
            Some(run.prints(""))
        }
        ["find", path, "-mmin", "-30"] => Some(match world.read(&run.node, path) {
            Some(file) if world.now - file.changed < 1800 => run.prints(format!("{path}\n")),
            Some(_) => run.prints(""),
            None => run.fails(1, format!("find: '{path}': No such file or directory")),
        }),
        ["df", "-Pk", "/opt"] => {
            let free = world.at(&run.node).memory.get("free-kib").cloned().unwrap_or_else(|| "90000000".into());
            Some(run.prints(format!("Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 1 1 {free} 1% /\n")))
        }
        ["dd", "if=/dev/zero", of, ..] => {
            let seconds = world.at(&run.node).memory.get("disk-s").cloned().unwrap_or_else(|| "0.2".into());
            world.write(&run.node, of.strip_prefix("of=").unwrap(), "0");
            Some(run.prints(format!("200+0 records in\n409600 bytes (410 kB, 400 KiB) copied, {seconds} s, 2 MB/s\n")))
        }
        ["mv", "--backup=numbered", "-T", from, to] => {
            for (rest, _) in world.below(&run.node, from) {
                world.remove(&run.node, &format!("{from}{rest}"));
                world.write(&run.node, &format!("{to}{rest}"), "x");
            }
            world.machine(&run.node).directories.remove(*from);
            Some(run.prints(""))
        }
        ["systemctl", "restart", "node.service"] => {
            let now = world.now;
            let unit = world.machine(&run.node).unit("node.service");
            (unit.active, unit.started) = (true, now);
            world.machine(&run.node).memory.remove("stale");
            Some(run.prints(""))
        }
        _ => None,
    }
}
