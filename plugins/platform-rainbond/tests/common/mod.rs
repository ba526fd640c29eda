//! A fake `grctl` on the SDK's fake cluster: it behaves as documented, failures that return 0 included, and shows only what is
//! state of the world.
#![allow(dead_code)]

use arcus_plan::likeness::digest;
use arcus_platform_rainbond::Rainbond;
use arcus_sdk::contract::actions::{Action, Step};
use arcus_sdk::contract::facts::{Output, Socket};
use arcus_sdk::contract::handoffs::{GatewayOffer, NetworkOffer, StorageOffer};
use arcus_sdk::contract::types::Role;
use arcus_sdk::fake::{Fixture, Invocation, Lab, Unit, World};

pub const MANIFEST: &str = include_str!("../../manifest.toml");
pub const VIP: &str = "10.99.0.100";
pub const MARK: &str = "/opt/rainbond/.rainbond.success";

pub const NODES: [(&str, &str, &[Role]); 6] = [
    ("manage01", "10.99.0.11", &[Role::Manage, Role::Gateway]),
    ("manage02", "10.99.0.12", &[Role::Manage, Role::Gateway]),
    ("manage03", "10.99.0.13", &[Role::Manage, Role::Gateway]),
    ("compute01", "10.99.0.21", &[Role::Compute]),
    ("compute02", "10.99.0.22", &[Role::Compute]),
    ("storage01", "10.99.0.31", &[Role::Storage]),
];

pub fn world(version: &str) -> World {
    let mut world = World::new();
    for (name, address, roles) in NODES {
        world.node(name, address, roles);
    }
    world.machine("manage01").interfaces[1].addresses.push(format!("{VIP}/24"));
    world.memory.insert("version".into(), version.into());
    world.simulate(program);
    world
}

/// As the other plugins leave it: storage mounted, networks ready, the address answering.
pub fn fixture(world: World, config: impl Into<String>) -> Fixture {
    let members = ["manage01", "manage02", "manage03", "compute01", "compute02"];
    Fixture::new(MANIFEST, config, world)
        .provided("storage.mounted", &members)
        .provided("network.ready", &members)
        .provided("vip.answering", &["manage01"])
        .handing(|handed| {
            handed.storage.push((
                "glusterfs".into(),
                StorageOffer {
                    source: "10.99.0.31:/data".into(),
                    fstype: "glusterfs".into(),
                    options: vec!["backupvolfile-server=10.99.0.32".into(), "log-level=WARNING".into()],
                    local: vec![],
                },
            ));
            handed.network = Some(NetworkOffer { kind: "calico".into(), pods: "10.244.0.0/16".into(), by_platform: true });
            handed.gateway = Some(GatewayOffer { address: VIP.into() });
        })
}

pub fn of_5_1() -> Fixture {
    fixture(world("5.1"), r#"{"version": "5.1"}"#)
}

pub fn of_5_0() -> Fixture {
    fixture(world("5.0"), r#"{"version": "5.0"}"#)
}

pub fn lab(fixture: Fixture) -> Lab<Rainbond> {
    Lab::new(fixture)
}

pub fn done(lab: &mut Lab<Rainbond>) -> Vec<String> {
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(report.is_done(), "left: {:#?}", report.left());
    report.performed().into_iter().map(str::to_owned).collect()
}

/// How many times an init really began.
pub fn inits(lab: &Lab<Rainbond>) -> usize {
    lab.world().memory.get("inits").map_or(0, |count| count.parse().unwrap())
}

pub fn step(lab: &Lab<Rainbond>, id: &str) -> Step {
    let plan = lab.plan().unwrap_or_else(|trouble| panic!("{trouble}"));
    plan.steps.into_iter().find(|step| step.id == id).unwrap_or_else(|| panic!("the plan has no step {id}"))
}

pub fn argv(step: &Step) -> &[String] {
    match &step.action {
        Action::Command(command) | Action::Job(command) => &command.argv,
        other => panic!("{} is {other:?}", step.id),
    }
}

fn program(world: &mut World, run: &Invocation) -> Option<Output> {
    let words: Vec<&str> = run.argv.iter().map(String::as_str).collect();
    let there = |world: &World, path: &str| world.read(&run.node, path).is_some();
    match words.as_slice() {
        ["/opt/arcus/grctl" | "/usr/local/bin/grctl", ..] if !there(world, words[0]) => None,
        ["/opt/arcus/grctl" | "/usr/local/bin/grctl", rest @ ..] => Some(grctl(world, run, rest)),
        ["docker", "exec", "-i", "rbd-db", "mysql", rest @ ..] => mysql(world, run, rest),
        ["tail", "-n", "60", path] => Some(match world.text(&run.node, path) {
            Some(text) => run.prints(text),
            None => run.fails(1, format!("tail: cannot open '{path}'")),
        }),
        ["sha256sum", path] => Some(match world.read(&run.node, path) {
            Some(file) => run.prints(format!("{}  {path}\n", digest(&file.content))),
            None => run.fails(1, "sha256sum: No such file or directory"),
        }),
        ["curl", "-fsSL", "--max-time", "900", "--output", path, _] => {
            world.write(&run.node, path, "fetched");
            Some(run.prints(""))
        }
        ["install", "-m", "0755", from, to] => {
            let content = world.read(&run.node, from)?.content.clone();
            world.write(&run.node, to, content);
            world.machine(&run.node).files.get_mut(*to)?.mode = 0o755;
            Some(run.prints(""))
        }
        ["curl", "-fsS", "--max-time", "5", url] => {
            let (unit, says) = match *url {
                "http://127.0.0.1:8888/v2/health" => ("rbd-api.service", "{\"status\":\"health\"}"),
                "http://127.0.0.1:10254/healthz" => ("rbd-gateway.service", "ok"),
                _ => ("etcd.service", "{\"health\":\"true\"}"),
            };
            Some(if world.at(&run.node).runs(unit) { run.prints(says) } else { run.fails(7, "curl: (7) Failed to connect") })
        }
        _ => None,
    }
}

fn flag(words: &[&str], name: &str) -> Option<String> {
    let place = words.iter().position(|word| *word == name)?;
    words.get(place + 1).map(|value| (*value).to_owned())
}

fn grctl(world: &mut World, run: &Invocation, words: &[&str]) -> Output {
    let version = world.memory["version"].clone();
    match words {
        ["version"] if world.memory.contains_key("self-built") => run.prints("Rainbond grctl \n"),
        ["version"] => run.prints(format!("Rainbond grctl {version}.1-5cb66ee-2019-03-21-10\n")),
        ["init", "-h"] => {
            run.prints(format!("OPTIONS:\n   --rainbond-version value   Rainbond Install Version. default {version} (default: \"{version}\")\n"))
        }
        ["init", rest @ ..] => init(world, run, rest),
        ["node", "list"] => list(world, run),
        ["cluster"] => cluster(world, run),
        ["node", "add", rest @ ..] => {
            let ip = flag(rest, "--internal-ip").unwrap();
            if rows(world).iter().any(|row| row.ip == ip) {
                return Output { status: 1, stdout: format!("(Code:400) msg:node internal ip {ip} is exist").into_bytes(), stderr: vec![], truncated: false };
            }
            assert_eq!(flag(rest, "--private-key").as_deref(), Some("/root/.ssh/id_rsa"));
            let row = Row { uid: flag(rest, "--id").unwrap(), ip, roles: flag(rest, "--role").unwrap(), state: "not_installed".into(), since: world.now };
            put(world, &row);
            run.prints("success add node, you install it by running: grctl node install <nodeID>\n")
        }
        ["node", "install", uid] => {
            let Some(mut row) = rows(world).into_iter().find(|row| row.uid == *uid) else { return run.fails(1, "node not found") };
            let node = world.by_address(&row.ip).unwrap().to_owned();
            let key = world.text(&run.node, "/root/.ssh/id_rsa.pub").unwrap_or_default();
            let may = world.text(&node, "/root/.ssh/authorized_keys").is_some_and(|keys| !key.is_empty() && keys.contains(&key));
            row.since = world.now;
            if !may || !world.at(&node).reachable || world.memory.contains_key("install-fails") {
                row.state = "install_failed".into();
                put(world, &row);
                world.machine(&run.node).memory.insert("said".into(), format!(" !!! Make sure you can SSH in {}", row.ip));
                return Output { status: 0, stdout: vec![], stderr: b"level=error msg=\"Error executing shell script exit status 7\"".to_vec(), truncated: false };
            }
            row.state = "install_success".into();
            put(world, &row);
            software(world, &node, &row.roles, &version);
            run.prints(format!("Install node {uid} successful \n"))
        }
        ["node", "up", uid] => {
            let up = format!("up/{uid}");
            world.memory.insert(up, "yes".into());
            run.prints(format!("up node {uid}  success\n"))
        }
        _ => run.fails(3, "No help topic"),
    }
}

fn init(world: &mut World, run: &Invocation, words: &[&str]) -> Output {
    let version = world.memory["version"].clone();
    if world.read(&run.node, MARK).is_some() {
        return Output { status: 0, stdout: vec![], stderr: b"Rainbond is already installed".to_vec(), truncated: false };
    }
    let roles = flag(words, "--role").unwrap();
    let wanted = if version == "5.1" { roles.contains("manage") && roles.contains("gateway") } else { roles.contains("master") };
    if !wanted || world.memory.contains_key("init-lies") {
        return Output { status: 0, stdout: vec![], stderr: b"first node must have manage and gateway role".to_vec(), truncated: false };
    }
    let count = world.memory.get("inits").map_or(0, |count| count.parse().unwrap()) + 1;
    world.memory.insert("inits".into(), count.to_string());
    let node = run.node.clone();
    let ip = flag(words, "--iip").unwrap();
    world.write(&node, "/opt/rainbond/.init/uuid", "0b5e0b5e-aaaa-4aaa-8aaa-000000000001");
    if world.memory.contains_key("init-breaks") {
        world.write(&node, "/opt/rainbond/rainbond-ansible/log/fail.log", "TASK [db]\nfatal: [n1]: FAILED! => {\"msg\": \"no space\"}\nPLAY RECAP\n");
        return Output { status: 0, stdout: vec![], stderr: b"exit status 2".to_vec(), truncated: false };
    }
    world.directory(&node, "/root/.ssh");
    world.write(&node, "/root/.ssh/id_rsa", "private");
    world.write(&node, "/root/.ssh/id_rsa.pub", "ssh-rsa AAAA root@first\n");
    let roles = roles.replace("master", "manage").replace("worker", "compute");
    let row = Row { uid: "0b5e0b5e-aaaa-4aaa-8aaa-000000000001".into(), ip: ip.clone(), roles: roles.clone(), state: "install_success".into(), since: world.now };
    put(world, &row);
    software(world, &node, &roles, &version);
    world.machine(&node).unit("rbd-db.service").active = true;
    listen(world, &node, 7070, "app-ui");
    world.memory.insert("region/other".into(), "192.0.2.9".into());
    world.memory.insert("region/rainbond".into(), flag(words, "--eip").unwrap_or(ip));
    world.write(&node, MARK, format!("{version}\n"));
    run.prints("console: http://...\n")
}

fn listen(world: &mut World, node: &str, port: u16, process: &str) {
    world.machine(node).sockets.push(Socket { tcp: true, address: "*".into(), port, process: process.into() });
}

/// Units and ports of a node with these roles.
pub fn software(world: &mut World, node: &str, roles: &str, version: &str) {
    let mut units = vec!["node.service"];
    if roles.contains("manage") {
        units.extend(["etcd.service", "rbd-api.service"]);
        world.write(node, "/usr/local/bin/grctl", "grctl");
        world.write(node, "/opt/rainbond/data/etcd/member", "x");
        listen(world, node, 2379, "etcd");
        listen(world, node, 8443, "api");
    }
    if roles.contains("gateway") || (version == "5.0" && roles.contains("manage")) {
        units.push("rbd-gateway.service");
        listen(world, node, 80, "nginx");
    }
    for unit in units {
        *world.machine(node).unit(unit) = Unit { active: true, enabled: true, ..Unit::default() };
    }
}

pub struct Row {
    pub uid: String,
    pub ip: String,
    pub roles: String,
    pub state: String,
    pub since: u64,
}

pub fn put(world: &mut World, row: &Row) {
    world.memory.insert(format!("node/{}", row.uid), format!("{}|{}|{}", row.ip, row.roles, row.state));
    // Apart, so that worlds that took different ways can be compared.
    let node = world.by_address(&row.ip).map(str::to_owned);
    if let Some(node) = node {
        world.machine(&node).unit("node.service").started = row.since;
    }
}

pub fn rows(world: &World) -> Vec<Row> {
    let one = |(key, value): (&String, &String)| {
        let uid = key.strip_prefix("node/")?.to_owned();
        let mut parts = value.split('|').map(str::to_owned);
        Some(Row { uid, ip: parts.next()?, roles: parts.next()?, state: parts.next()?, since: 0 })
    };
    world.memory.iter().filter_map(one).collect()
}

/// As Rainbond shows it: late by five seconds.
fn status(world: &World, row: &Row) -> String {
    let node = world.by_address(&row.ip).map(|name| world.at(name));
    let compute = row.roles.contains("compute");
    let up = world.memory.contains_key(&format!("up/{}", row.uid)) || row.roles.contains("manage");
    let agent = node.and_then(|node| node.units.get("node.service"));
    let reports = node.is_some_and(|node| node.reachable && node.runs("node.service"));
    let lag = agent.is_some_and(|agent| world.now.saturating_sub(agent.started) < 5);
    let services = |unit: &&str| node.is_none_or(|node| node.units.get(*unit).is_none_or(|unit| unit.active));
    let healthy = !lag && ["rbd-api.service", "rbd-gateway.service", "etcd.service"].iter().all(|unit| services(&unit));
    match row.state.as_str() {
        "install_success" if !reports => "unknown".into(),
        "install_success" if compute && !up => "offline(unschedulable,unhealth,offline)".into(),
        "install_success" if healthy => "running".into(),
        "install_success" => "running(unhealth)".into(),
        other => format!("{other}(unschedulable,unhealth)"),
    }
}

fn api(world: &World, run: &Invocation) -> Option<Output> {
    let alive = NODES.iter().any(|(name, ..)| world.at(name).reachable && world.at(name).runs("rbd-api.service"));
    let down = "The current cluster api server is not working properly.\nYou can query the service log for troubleshooting.\n";
    (!alive).then(|| Output { status: 1, ..run.prints(down) })
}

fn table(world: &World) -> String {
    let old = world.memory["version"] == "5.0";
    let mode = |text: &'static str| if old { text } else { "" };
    let rule = "+-----+-----+-----+\n";
    let mut text = format!("{rule}| Uid | IP | HostName | NodeRole {}| Status |\n{rule}", mode("| NodeMode "));
    for row in rows(world) {
        let host = world.by_address(&row.ip).unwrap_or_default();
        text += &format!("| {} | {} | {host} | {} {}| \u{1b}[0;32;32m{}\u{1b}[0m |\n{rule}", row.uid, row.ip, row.roles, mode("| node "), status(world, &row));
    }
    text
}

fn list(world: &mut World, run: &Invocation) -> Output {
    let noise = b"time=x level=error msg=\"error config k8s,stat /root/.kube/config\"\n".to_vec();
    match api(world, run) {
        Some(down) => down,
        None => Output { stderr: noise, ..run.prints(table(world)) },
    }
}

fn cluster(world: &mut World, run: &Invocation) -> Output {
    if let Some(down) = api(world, run) {
        return down;
    }
    let rows = rows(world);
    let good = rows.iter().filter(|row| status(world, row) == "running").count();
    let word = if good == rows.len() { "healthy" } else { "unhealthy" };
    run.prints(format!(
        "\tUsed/Total\tUse of\n| Service | HealthyQuantity/Total | Message |\n| ClusterStatus | \u{1b}[0;32;32m{word}\u{1b}[0m | {} |\n| Ready | {good}/{} | |\n\n{}",
        if word == "healthy" { "" } else { "There is a service exception in the cluster" },
        rows.len(),
        table(world)
    ))
}

fn mysql(world: &mut World, run: &Invocation, words: &[&str]) -> Option<Output> {
    if !world.at(&run.node).runs("rbd-db.service") {
        // Before the installation there is no docker at all.
        let installed = world.at(&run.node).runs("node.service");
        return installed.then(|| run.fails(1, "Error response from daemon: Container rbd-db is not running"));
    }
    let statement = match words {
        ["-e", statement] => (*statement).to_owned(),
        [] => String::from_utf8(run.stdin.clone()).unwrap(),
        _ => return Some(run.fails(1, "usage")),
    };
    if statement == "SELECT region_name, tcpdomain FROM console.region_info" {
        let rows = world.memory.iter().filter_map(|(key, value)| Some(format!("{}\t{value}\n", key.strip_prefix("region/")?)));
        return Some(run.prints(format!("region_name\ttcpdomain\n{}", rows.collect::<String>())));
    }
    let inner = statement.strip_prefix("UPDATE console.region_info SET tcpdomain='").and_then(|rest| rest.strip_suffix("';\n"));
    let (value, region) = inner.and_then(|rest| rest.split_once("' WHERE region_name='")).unwrap_or_else(|| panic!("not understood: {statement}"));
    let key = format!("region/{region}");
    if world.memory.contains_key(&key) {
        world.memory.insert(key, value.to_owned());
    }
    Some(run.prints(""))
}
