//! Machines with a kernel that has tunnels: it does what the unit's own lines and batch files say, and answers as iproute2 does.

#![allow(dead_code)]

use arcus_sdk::contract::types::Role;
use arcus_sdk::fake::{Fixture, World};

pub const MANIFEST: &str = include_str!("../../manifest.toml");
pub const UNIT: &str = "arcus-vxlan.service";
pub const UNIT_FILE: &str = "/etc/systemd/system/arcus-vxlan.service";
pub const NODES: [(&str, &str, Role); 4] =
    [("manage01", "10.99.0.11", Role::Manage), ("compute01", "10.99.0.21", Role::Compute), ("compute02", "10.99.0.22", Role::Compute), ("storage01", "10.99.0.31", Role::Storage)];

pub fn bare_world() -> World {
    let mut world = World::new();
    for (name, address, role) in NODES {
        world.node(name, address, &[role]);
        world.machine(name).sysctls.insert("net.ipv4.ip_forward".into(), "0".into());
        world.directory(name, "/etc/sysctl.d");
        world.directory(name, "/etc/systemd/system");
    }
    world.on_start(|world, node, unit| if unit == UNIT { start(world, node) } else { Ok(()) });
    world.simulate(|world, run| match run.argv.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["systemctl", "restart", UNIT] => {
            if let Err(said) = start(world, &run.node) {
                return Some(run.fails(1, said));
            }
            Some(run.prints(""))
        }
        ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"] => {
            world.machine(&run.node).sysctls.insert("net.ipv4.ip_forward".into(), "1".into());
            Some(run.prints(""))
        }
        _ => None,
    });
    world.simulate(|world, run| {
        let kernel = |key: &str| world.at(&run.node).memory.get(key).cloned();
        let of_device = |text: Option<String>| match (kernel("device"), text) {
            (None, _) => run.fails(1, "Cannot find device \"arcus-vxlan\"\n"),
            (Some(_), text) => run.prints(text.unwrap_or_default()),
        };
        match run.argv.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["ip", "-d", "-o", "link", "show", "type", "vxlan"] => Some(run.prints(kernel("device").unwrap_or_default() + &kernel("stranger").unwrap_or_default())),
            ["ip", "-o", "-4", "addr", "show", "dev", "arcus-vxlan"] => Some(of_device(kernel("address"))),
            ["ip", "route", "show", "dev", "arcus-vxlan"] => Some(of_device(kernel("routes"))),
            ["ip", "neigh", "show", "dev", "arcus-vxlan"] => Some(of_device(kernel("neighbours"))),
            ["bridge", "fdb", "show", "dev", "arcus-vxlan"] => Some(of_device(kernel("forwarding"))),
            ["ls", "/etc/cni/net.d"] => {
                let names: Vec<String> = world.below(&run.node, "/etc/cni/net.d").into_keys().map(|name| name.trim_start_matches('/').to_owned()).collect();
                Some(if names.is_empty() { run.fails(2, "ls: cannot access '/etc/cni/net.d'\n") } else { run.prints(names.join("\n")) })
            }
            ["ls", "-t", "/var/lib/cni/networks/arcus-vxlan"] => Some(kernel("pods").map_or_else(|| run.fails(2, "ls: cannot access\n"), |pods| run.prints(pods))),
            ["ping", .., size, "-I", from, to] => Some(if arrives(world, &run.node, from, to, size.parse().unwrap()) { run.prints("1 received\n") } else { run.fails(1, "") }),
            _ => None,
        }
    });
    world
}

/// What the unit does, by its own lines.
fn start(world: &mut World, node: &str) -> Result<(), String> {
    let unit = world.text(node, UNIT_FILE).ok_or("there is no unit")?;
    for key in ["device", "address", "routes", "neighbours", "forwarding"] {
        world.machine(node).memory.remove(key);
    }
    let commands: Vec<String> = unit.lines().filter_map(|line| line.strip_prefix("ExecStart=")).map(str::to_owned).collect();
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        if let [program, "-batch", file] = words.as_slice() {
            let lines = world.text(node, file).ok_or(format!("{file}: no such file"))?;
            for line in lines.lines() {
                kernel(world, node, &format!("{program} {line}"))?;
            }
        } else {
            kernel(world, node, &command)?;
        }
    }
    Ok(())
}

/// One command of iproute2.
fn kernel(world: &mut World, node: &str, command: &str) -> Result<(), String> {
    let words: Vec<&str> = command.split(' ').collect();
    let memory = &mut world.machine(node).memory;
    let there = memory.contains_key("device");
    match words.as_slice() {
        ["/sbin/ip", "link", "add", name, "type", "vxlan", "id", vni, "dstport", port, "local", local, "nolearning"] => {
            memory.insert("device".into(), format!("9: {name}: <BROADCAST> mtu 1500 qdisc noop\\    link/ether 0e:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff \\    vxlan id {vni} local {local} srcport 0 0 dstport {port} nolearning ttl auto\n"));
        }
        _ if !there => return Err("Cannot find device \"arcus-vxlan\"".into()),
        ["/sbin/ip", "link", "set", _, "address", mac, "mtu", mtu, "up"] => {
            let device = memory["device"].replace("<BROADCAST>", "<BROADCAST,UP>").replace("mtu 1500", &format!("mtu {mtu}")).replace("0e:00:00:00:00:01", mac);
            memory.insert("device".into(), device);
        }
        ["/sbin/ip", "addr", "replace", address, "dev", name] => drop(memory.insert("address".into(), format!("9: {name}    inet {address} scope global {name}\n"))),
        ["/sbin/ip", "route", "flush", "dev", _] => drop(memory.remove("routes")),
        ["/sbin/ip", "neigh", "replace", to, "lladdr", mac, "dev", _, "nud", "permanent"] => memory.entry("neighbours".into()).or_default().push_str(&format!("{to} lladdr {mac} PERMANENT\n")),
        ["/sbin/ip", "route", "replace", to, "via", via, "dev", _, "onlink"] => memory.entry("routes".into()).or_default().push_str(&format!("{to} via {via} onlink \n")),
        ["/sbin/bridge", "fdb", "replace", mac, "dev", _, "dst", to, "self", "permanent"] => memory.entry("forwarding".into()).or_default().push_str(&format!("{mac} dst {to} self permanent\n")),
        other => return Err(format!("no such command: {other:?}")),
    }
    Ok(())
}

/// The node whose block has this address.
fn of_block(address: &str) -> Option<&'static str> {
    let number = address.split('.').nth(2)?;
    NODES.iter().find(|(_, node, _)| node.rsplit('.').next() == Some(number)).map(|(name, ..)| *name)
}

/// A packet and its answer, through what the two kernels have.
fn arrives(world: &World, node: &str, from: &str, to: &str, payload: u32) -> bool {
    let Some(there) = of_block(to) else { return false };
    let lives = to.ends_with(".0") || world.at(there).memory.contains_key(to);
    if there == node {
        return lives;
    }
    let way = |from: &str, to: &str| -> Option<()> {
        let (here, there) = (&world.at(from).memory, world.at(to));
        let number = to_number(to);
        let route = here.get("routes")?.lines().find(|line| line.starts_with(&format!("10.244.{number}.0/24 ")))?.split(' ').nth(2)?.to_owned();
        let mac = here.get("neighbours")?.lines().find(|line| line.starts_with(&format!("{route} ")))?.split(' ').nth(2)?.to_owned();
        let end = here.get("forwarding")?.lines().find(|line| line.starts_with(&mac))?.split(' ').nth(2)?.to_owned();
        let tunnel = there.memory.get("device")?;
        let fits = payload + 78 <= world.at(from).interfaces[1].mtu.min(there.interfaces[1].mtu);
        (fits && world.by_address(&end) == Some(to) && tunnel.contains(&mac) && there.reachable && !there.memory.contains_key("drops")).then_some(())
    };
    assert!(from.ends_with(".0") || world.at(node).memory.contains_key("pods"), "{from} is no address of {node}");
    lives && way(node, there).is_some() && way(there, node).is_some()
}

fn to_number(node: &str) -> &'static str {
    NODES.iter().find(|(name, ..)| *name == node).and_then(|(_, address, _)| address.rsplit('.').next()).unwrap()
}

pub fn fixture(world: World) -> Fixture {
    Fixture::new(MANIFEST, "{}", world)
}

pub fn bare() -> Fixture {
    fixture(bare_world())
}
