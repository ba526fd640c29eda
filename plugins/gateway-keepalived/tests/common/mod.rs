//! keepalived on the fake cluster: it reads its files when it starts, and a second later the best of those that understand each
//! other holds the address.
#![allow(dead_code, unreachable_pub)]

use arcus_gateway_keepalived::Keepalived;
use arcus_sdk::contract::actions::{Action, Step};
use arcus_sdk::contract::files::{Content, Piece};
use arcus_sdk::contract::types::Role;
use arcus_sdk::fake::{Fixture, Lab, Package, World};
use std::collections::BTreeMap;

pub const MANIFEST: &str = include_str!("../../manifest.toml");
pub const UNIT: &str = "keepalived.service";
pub const CONF: &str = "/etc/keepalived/keepalived.conf";
pub const VIP: &str = "10.99.0.100";
pub const HA: &str = r#"{"vip": "10.99.0.100/24"}"#;
const AUTH: &str = "/etc/keepalived/arcus-auth.conf";
const CHECK: &str = "/etc/keepalived/arcus-gateway-check";

/// This many gateways, a compute and a storage node, nothing installed.
pub fn world(gateways: usize) -> World {
    let mut world = World::new();
    for number in 1..=gateways {
        world.node(&format!("manage0{number}"), &format!("10.99.0.1{number}"), &[Role::Manage, Role::Gateway]);
    }
    world.node("compute01", "10.99.0.21", &[Role::Compute]);
    world.node("storage01", "10.99.0.31", &[Role::Storage]);
    world.offers(Package::new("keepalived", "2.2.7").file("/etc/keepalived/keepalived.conf.sample", "").unit(UNIT).reads(&[CONF, AUTH]).started());
    world.on_start(|world, node, unit| {
        if unit != UNIT {
            return Ok(());
        }
        // Who starts does not hold it yet, and who restarts lets go of it.
        release(world, node);
        if group(world, node).is_some() { Ok(()) } else { Err("no configuration".into()) }
    });
    world.on_tick(elect);
    world.simulate(|world, run| {
        run.matches([CHECK])?;
        world.read(&run.node, CHECK)?;
        Some(if world.at(&run.node).memory.contains_key("unwell") { run.fails(1, "") } else { run.prints("") })
    });
    world
}

pub fn fixture(gateways: usize, config: &str) -> Fixture {
    Fixture::new(MANIFEST, config, world(gateways)).handing(|handed| {
        handed.demands.gateway_health = Some("http://127.0.0.1:18080/healthz".into());
        handed.demands.gateway_unit = Some("rbd-gateway.service".into());
    })
}

pub fn ha() -> Fixture {
    fixture(3, HA)
}

pub fn converged(fixture: Fixture) -> Lab<Keepalived> {
    let mut lab = Lab::<Keepalived>::new(fixture);
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(report.is_done(), "{:#?}", report.left());
    lab
}

/// Whom a running keepalived understands, and its priority.
fn group(world: &World, node: &str) -> Option<(String, u32)> {
    let text = world.at(node).runs_with(UNIT, CONF)?;
    let value = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(' ').map(str::to_owned));
    let (version, number) = (value("vrrp_version")?, value("virtual_router_id")?);
    let password = if version == "2" { world.at(node).runs_with(UNIT, AUTH)? } else { String::new() };
    let mut priority: i64 = value("priority")?.parse().ok()?;
    if world.at(node).memory.contains_key("unwell") {
        priority += value("weight").map_or(0, |weight| weight.parse().unwrap());
    }
    assert!((1..=254).contains(&priority), "a priority of {priority}");
    assert!(text.contains("virtual_ipaddress"));
    Some((format!("{version} {number} {password}"), u32::try_from(priority).unwrap()))
}

fn release(world: &mut World, node: &str) {
    for interface in &mut world.machine(node).interfaces {
        interface.addresses.retain(|cidr| !cidr.starts_with("10.99.0.100/"));
    }
}

/// The best of each group that runs holds the address.
pub fn elect(world: &mut World) {
    let names: Vec<String> = world.machines.keys().cloned().collect();
    let mut best: BTreeMap<String, (u32, String)> = BTreeMap::new();
    for node in &names {
        if !world.at(node).reachable {
            continue;
        }
        if world.at(node).units.contains_key(UNIT) {
            release(world, node);
        }
        if let Some((group, priority)) = group(world, node) {
            let found = best.entry(group).or_insert((priority, node.clone()));
            if priority > found.0 {
                *found = (priority, node.clone());
            }
        }
    }
    for (_, (_, node)) in best {
        let interface = world.machine(&node).interfaces.iter_mut().find(|interface| interface.name == "eth0").unwrap();
        interface.addresses.push("10.99.0.100/24".into());
    }
}

pub fn holders(world: &World) -> Vec<String> {
    world.machines.iter().filter(|(_, machine)| machine.has_address(VIP)).map(|(name, _)| name.clone()).collect()
}

pub fn steps(lab: &Lab<Keepalived>) -> Vec<Step> {
    lab.plan().unwrap_or_else(|trouble| panic!("{trouble}")).steps
}

/// The text that a step writes, secrets by name.
pub fn text(steps: &[Step], id: &str) -> String {
    let step = steps.iter().find(|step| step.id == id).unwrap_or_else(|| panic!("no step {id}"));
    let Action::File(file) = &step.action else { panic!("{id} is no file: {:?}", step.action) };
    let Content::Pieces(pieces) = &file.content else { panic!() };
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Secret(name) => format!("<{name}>"),
    };
    pieces.iter().map(piece).collect()
}
