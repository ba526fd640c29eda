//! A fake `grctl` on the SDK's fake cluster: it behaves as documented, failures that return 0 included, and shows only what is
//! state of the world.
#![allow(dead_code)]

pub mod ring;

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
pub const SCRIPT: &str = "/opt/rainbond/scripts/start-etcd.sh";
pub const DATA: &str = "/opt/rainbond/data/etcd";
pub const TOOL: &str = "/root/.rbd/grctl.yaml";
pub const CERTIFICATES: &str = "/opt/rainbond/etc/rbd-api/region.goodrain.me/ssl";

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
    simulate(&mut world);
    world
}

/// `grctl`, etcd, and what else is run.
pub fn simulate(world: &mut World) {
    world.simulate(program);
    world.on_start(ring::starts);
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
            handed.gateway = Some(GatewayOffer { address: VIP.into(), managers: None });
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
    if let Some(said) = ring::program(world, run, &words) {
        return Some(said);
    }
    match words.as_slice() {
        ["/opt/arcus/grctl" | "/usr/local/bin/grctl", ..] if !there(world, words[0]) => None,
        ["/opt/arcus/grctl" | "/usr/local/bin/grctl", rest @ ..] => Some(grctl(world, run, rest)),
        ["/opt/arcus/grctl-with-database", "init", rest @ ..] => {
            let settings = world.text(&run.node, "/opt/arcus/database.cnf")?;
            assert!(settings.contains("password=\"") && world.text(&run.node, "/opt/arcus/grctl-with-database")?.contains("--exdb-passwd"));
            assert_eq!(flag(rest, "--exdb-host").as_deref(), Some("10.99.0.9"));
            world.memory.insert("outside".into(), "yes".into());
            Some(init(world, run, rest))
        }
        ["docker", "exec", "-i", "rbd-db", "mysql", rest @ ..] if !world.memory.contains_key("outside") => mysql(world, run, rest),
        ["mysql", "--defaults-file=/opt/arcus/database.cnf", rest @ ..] => {
            world.read(&run.node, "/opt/arcus/database.cnf")?;
            match rest {
                _ if world.memory.contains_key("login-fails") => Some(run.fails(1, "ERROR 1045 (28000): Access denied for user 'rainbond'")),
                ["--connect-timeout=10", "-e", "SELECT VERSION()"] => {
                    let version = world.memory.get("mysql").map_or("5.7.40", String::as_str);
                    Some(run.prints(format!("VERSION()\n{version}\n")))
                }
                rest => mysql(world, run, rest),
            }
        }
        ["/usr/local/bin/node", "service", "update"] => {
            world.read(&run.node, "/opt/rainbond/conf/dns.yaml")?;
            agent_updates(world, &run.node);
            Some(run.prints("update success\n"))
        }
        ["chmod", "0600", paths @ ..] => {
            for path in paths {
                world.machine(&run.node).files.get_mut(*path)?.mode = 0o600;
            }
            Some(run.prints(""))
        }
        ["getent", "ahostsv4", name] => Some(match world.memory.get("vendor") {
            Some(address) if *name == "arcus.abc123.grapps.cn" => run.prints(format!("{address}  STREAM {name}\n{address}  DGRAM\n")),
            _ => run.fails(2, ""),
        }),
        ["openssl", "x509", "-in", path, "-noout", "-checkip", address] => Some(match world.text(&run.node, path) {
            Some(text) if text == *address => run.prints(format!("IP {address} does match certificate\n")),
            Some(_) => run.prints(format!("IP {address} does NOT match certificate\n")),
            None => run.fails(1, format!("Can't open {path} for reading, No such file or directory")),
        }),
        ["tar", "-xf", bundle, "-C", "/opt/arcus"] => {
            world.read(&run.node, bundle)?;
            world.write(&run.node, "/opt/arcus/offline/offline.sh", "x");
            Some(run.prints(""))
        }
        ["sh", "-c", "cd /opt/arcus/offline && exec ./offline.sh"] => {
            world.read(&run.node, "/opt/arcus/offline/offline.sh")?;
            unpacked(world, &run.node);
            Some(run.prints(""))
        }
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
                "http://127.0.0.1:8181/version" => ("kube-apiserver.service", "{}"),
                _ => return None,
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
        ["version"] => run.prints(format!("Rainbond grctl {version}.{}-5cb66ee-2019-03-21-10\n", world.memory.get("patch").map_or("11", String::as_str))),
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
            if world.memory.get("etcd-fails-on").is_some_and(|name| *name == node) {
                ring::join(world, &node, false);
                row.state = "install_failed".into();
                put(world, &row);
                return Output { status: 0, stdout: vec![], stderr: b" !!! etcd failed\nlevel=error msg=\"Error executing shell script exit status 1\"".to_vec(), truncated: false };
            }
            row.state = "install_success".into();
            put(world, &row);
            software(world, &node, &row.roles, &version);
            run.prints(format!("Install node {uid} successful \n"))
        }
        ["domain", "--ip", address] => {
            world.memory.insert("vendor".into(), (*address).to_owned());
            run.prints("")
        }
        ["node", "up", uid] => {
            let up = format!("up/{uid}");
            world.memory.insert(up, "yes".into());
            run.prints(format!("up node {uid}  success\n"))
        }
        ["node", "cordon", uid] => {
            world.memory.insert(format!("cordoned/{uid}"), "yes".into());
            run.prints(format!("cordon node {uid}  success\n"))
        }
        ["node", "down", uid] => {
            world.memory.remove(&format!("up/{uid}"));
            run.prints(format!("down node {uid}  success\n"))
        }
        ["node", "delete", uid] => {
            let running = rows(world).iter().any(|row| row.uid == *uid && status(world, row).starts_with("running"));
            if running {
                return Output { status: 1, ..run.prints("(Code:401) msg:node is running, you must closed node process in node") };
            }
            world.memory.remove(&format!("node/{uid}"));
            world.memory.remove(&format!("cordoned/{uid}"));
            run.prints(format!("delete node {uid}  success\n"))
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
    let told = flag(words, "--vip").or_else(|| flag(words, "--eip")).unwrap_or_else(|| ip.clone());
    world.memory.insert("told".into(), told);
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
    if flag(words, "--exdb-host").is_none() {
        world.machine(&node).unit("rbd-db.service").active = true;
    }
    for path in ["/opt/rainbond/rainbond-ansible/scripts/installer/global.sh", "/opt/rainbond/.init/.db_info", "/opt/rainbond/.init/db"] {
        world.write(&node, path, "DB_PASS");
    }
    listen(world, &node, 7070, "app-ui");
    world.memory.insert("region/other".into(), region("192.0.2.9"));
    let address = flag(words, "--eip").unwrap_or(ip);
    world.memory.insert("region/rainbond".into(), region(&address));
    world.memory.insert("vendor".into(), address);
    world.write(&node, MARK, format!("{version}\n"));
    run.prints("console: http://...\n")
}

/// A row as the installer fills it: where the API is, the events, TCP applications, and the vendor's domain.
pub fn region(address: &str) -> String {
    format!("https://region.goodrain.me:8443\tws://{address}:6060\t{address}\tabc123.grapps.cn")
}

/// What the offline bundle brings, for either version.
pub fn unpacked(world: &mut World, node: &str) {
    for path in ["/opt/rainbond/offline/base.images.tgz", "/opt/rainbond/offline/rainbond.images.tgz", "/grdata/services/offline/base.images.tgz",
        "/grdata/services/offline/rainbond.images.tgz", "/grdata/services/offline/pkgs/rpm/centos/7/repodata/repomd.xml",
        "/opt/rainbond/rainbond-ansible/roles/prepare/templates/rainbond.repo.j2", "/opt/rainbond/rainbond-ansible/setup.sh"] {
        world.write(node, path, "x");
    }
}

/// What the agent makes of its settings: units that run with them.
pub fn agent_updates(world: &mut World, node: &str) {
    for (conf, unit) in [("dns.yaml", "rbd-dns.service"), ("k8s-master.yaml", "kube-apiserver.service")] {
        let Some(text) = world.text(node, &format!("/opt/rainbond/conf/{conf}")) else { continue };
        let path = format!("/etc/systemd/system/{unit}");
        if world.text(node, &path).as_deref() != Some(&text) {
            world.write(node, &path, text);
            let now = world.now;
            *world.machine(node).unit(unit) = Unit { active: true, enabled: true, started: now, ..Unit::default() };
        }
    }
}

/// As the installer writes the settings that lead to the first node.
fn settings(world: &mut World, node: &str, roles: &str) {
    let first = "10.99.0.11";
    let (manager, compute) = (roles.contains("manage"), roles.contains("compute"));
    if world.text(node, "/etc/hosts").is_none() {
        world.write(node, "/etc/hosts", format!("127.0.0.1 localhost\n{first} first\n{first}  kubeapi.goodrain.me goodrain.me repo.goodrain.me lang.goodrain.me maven.goodrain.me region.goodrain.me\n"));
    }
    world.write(node, "/opt/rainbond/conf/dns.yaml", format!("services:\n- name: rbd-dns\n  start: >-\n    rbd-dns\n    --recoders=goodrain.me={first},*.goodrain.me={first}\n"));
    let etcd = if manager || compute { "127.0.0.1" } else { first };
    world.write(node, "/opt/rainbond/scripts/start-node.sh", format!("#!/bin/bash\nNODE_OPTS=\"--log-level=info --etcd=http://{etcd}:2379   --noderule {roles}\"\n"));
    let cni = if manager { first } else { "127.0.0.1" };
    world.write(node, "/opt/rainbond/etc/cni/10-calico.conf", format!("{{\n    \"type\": \"calico\",\n    \"etcd_endpoints\": \"http://{cni}:2379\",\n    \"ipam\": {{}}\n}}\n"));
    if compute {
        world.write(node, "/opt/rainbond/scripts/start-etcd-proxy.sh", format!("exec etcd \\\n  --endpoints=http://{first}:2379 \\\n  --listen-addr=127.0.0.1:2379\n"));
    }
    if manager {
        let secure = if world.memory.contains_key("api-on-6443") { "" } else { "    --secure-port=6442\n" };
        let port = if secure.is_empty() { 6443 } else { 6442 };
        world.write(node, "/opt/rainbond/conf/k8s-master.yaml", format!("services:\n- name: kube-apiserver\n  endpoints:\n  - name: APISERVER_ENDPOINTS\n    port: {port}\n  start: >-\n    kube-apiserver\n    --insecure-port=8181\n{secure}    --etcd-servers=x\n"));
    }
    agent_updates(world, node);
}

fn listen(world: &mut World, node: &str, port: u16, process: &str) {
    world.machine(node).sockets.push(Socket { tcp: true, address: "*".into(), port, process: process.into() });
}

/// Units and ports of a node with these roles.
pub fn software(world: &mut World, node: &str, roles: &str, version: &str) {
    let mut units = vec!["node.service"];
    settings(world, node, roles);
    if roles.contains("compute") && !roles.contains("manage") {
        units.push("etcd-proxy.service");
    }
    if roles.contains("manage") {
        ring::join(world, node, true);
        units.push("rbd-api.service");
        let told = world.memory.get("told").cloned().filter(|_| version == "5.1").unwrap_or_else(|| "region.goodrain.me".into());
        world.write(node, TOOL, format!("region_api:\n  endpoints:\n    - https://{told}:8443\n  client-ca-file: {CERTIFICATES}/ca.pem\n"));
        world.write(node, &format!("{CERTIFICATES}/server.pem"), told);
        world.write(node, "/usr/local/bin/grctl", "grctl");
        listen(world, node, 8443, "api");
        listen(world, node, 6442, "kube-apiserver");
    }
    if roles.contains("gateway") || (version == "5.0" && roles.contains("manage")) {
        units.push("rbd-gateway.service");
        [80, 443, 6443].into_iter().for_each(|port| listen(world, node, port, "nginx"));
    }
    for unit in units {
        let now = world.now;
        *world.machine(node).unit(unit) = Unit { active: true, enabled: true, started: now, ..Unit::default() };
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
        "install_success" if node.is_some_and(|node| node.memory.contains_key("stale")) => "running(unhealth)".into(),
        "install_success" if healthy && world.memory.contains_key(&format!("cordoned/{}", row.uid)) => "running(unschedulable)".into(),
        "install_success" if healthy => "running".into(),
        "install_success" => "running(unhealth)".into(),
        other => format!("{other}(unschedulable,unhealth)"),
    }
}

/// Whether somebody is where the tool of a node asks.
fn is_asked_rightly(world: &World, node: &str) -> bool {
    let Some(settings) = world.text(node, TOOL) else { return true };
    let host = settings.split("//").nth(1).and_then(|rest| rest.split(':').next()).unwrap_or_default();
    let virtual_one = || world.machines.values().flat_map(|machine| &machine.interfaces).flat_map(|interface| &interface.addresses).any(|address| address.split('/').next() == Some(host));
    host == "127.0.0.1" || host == "region.goodrain.me" || world.by_address(host).is_some() || virtual_one()
}

fn api(world: &World, run: &Invocation) -> Option<Output> {
    let alive = is_asked_rightly(world, &run.node) && world.machines.values().any(|machine| machine.reachable && machine.runs("rbd-api.service"));
    let down = "The current cluster api server is not working properly.\nYou can query the service log for troubleshooting.\n";
    (!alive || !ring::has_majority(world)).then(|| Output { status: 1, ..run.prints(down) })
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
    if !world.memory.contains_key("outside") && !world.at(&run.node).runs("rbd-db.service") {
        // Before the installation there is no docker at all.
        let installed = world.at(&run.node).runs("node.service");
        return installed.then(|| run.fails(1, "Error response from daemon: Container rbd-db is not running"));
    }
    let statement = match words {
        ["-e", statement] => (*statement).to_owned(),
        [] => String::from_utf8(run.stdin.clone()).unwrap(),
        _ => return Some(run.fails(1, "usage")),
    };
    if statement == "SELECT region_name, url, wsurl, tcpdomain, httpdomain FROM console.region_info" {
        let rows = world.memory.iter().filter_map(|(key, value)| Some(format!("{}\t{value}\n", key.strip_prefix("region/")?)));
        return Some(run.prints(format!("region_name\turl\twsurl\ttcpdomain\thttpdomain\n{}", rows.collect::<String>())));
    }
    let values: Vec<&str> = statement.split('\'').collect();
    let ["UPDATE console.region_info SET url=", url, ", wsurl=", wsurl, ", tcpdomain=", tcpdomain, " WHERE region_name=", region, ";\n"] = values.as_slice() else {
        panic!("not understood: {statement}")
    };
    if let Some(row) = world.memory.get_mut(&format!("region/{region}")) {
        let domain = row.rsplit('\t').next().unwrap_or_default().to_owned();
        *row = format!("{url}\t{wsurl}\t{tcpdomain}\t{domain}");
    }
    Some(run.prints(""))
}
