//! Answers probes from the state of the world.

use super::world::{Invocation, World};
use arcus_contract::facts::{Answer, DirectoryFact, Fact, FileFact, FileProbe, Probe, Reachability, Request, ServiceFact, ServiceProbe};
use arcus_contract::types::Problem;
use arcus_plan::likeness::{Contents, digest, likeness};
use arcus_plan::manifest::Manifest;
use arcus_plan::{pattern, vet};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// How long a file may be to have a digest.
const CONTENT: usize = 65_536;

/// Answers a request of a plugin: what its manifest does not grant is denied.
pub(super) fn answer(world: &RefCell<World>, manifest: &Manifest, contents: &dyn Contents, request: &Request) -> Answer {
    vet::permit(manifest, request)?;
    plain_answer(world, manifest, contents, request)
}

/// Answers without asking for a grant: the host's own looks.
pub(super) fn plain_answer(world: &RefCell<World>, manifest: &Manifest, contents: &dyn Contents, request: &Request) -> Answer {
    let node = request.node.as_str();
    let problem = |code: &str, message: String| Problem {
        code: code.into(),
        message,
        help: None,
        node: Some(node.to_owned()),
        pointer: None,
        retryable: code == "node.unreachable",
    };
    match world.borrow().machines.get(node) {
        None => return Err(problem("node.unknown", format!("there is no node {node}"))),
        Some(machine) if !machine.reachable => return Err(problem("node.unreachable", "no answer".into())),
        Some(_) => {}
    }
    if let Some(fact) = world.borrow().answers(node, &request.probe) {
        return Ok(fact);
    }
    if let Probe::Query(query) = &request.probe {
        let known = manifest.query(&query.id).ok_or_else(|| problem("node.denied", format!("no query {}", query.id)))?;
        let holes = pattern::holes(&known.argv).min(query.args.len());
        let (head, tail) = if known.stdin.is_some() { query.args.split_at(holes) } else { (&query.args[..], &query.args[..0]) };
        let argv = pattern::fill(&known.argv, head).map_err(|reason| problem("node.denied", reason))?;
        let stdin = match &known.stdin {
            Some(template) => pattern::fill_text(template, tail).map_err(|reason| problem("node.denied", reason))?,
            None => String::new(),
        };
        let missing = problem("query.missing", format!("{} is not there", argv[0]));
        let invocation = Invocation { node: node.to_owned(), argv, stdin: stdin.into_bytes() };
        return world.borrow_mut().run(&invocation).map(Fact::Query).ok_or(missing);
    }
    // Contents look into the world themselves, so it is only borrowed to be read.
    Ok(from_state(&world.borrow(), contents, node, &request.probe))
}

fn from_state(world: &World, contents: &dyn Contents, node: &str, probe: &Probe) -> Fact {
    let machine = world.at(node);
    match probe {
        Probe::Os => Fact::Os(machine.os.clone()),
        Probe::Hardware => Fact::Hardware(machine.hardware.clone()),
        Probe::Mounts => Fact::Mounts(machine.mounts.clone()),
        Probe::BlockDevices => Fact::BlockDevices(machine.block_devices.clone()),
        Probe::Interfaces => Fact::Interfaces(machine.interfaces.clone()),
        Probe::Routes => Fact::Routes(machine.routes.clone()),
        Probe::Sockets => Fact::Sockets(machine.sockets.clone()),
        Probe::Clock => Fact::Clock(machine.clock.clone()),
        Probe::File(wanted) => Fact::File(file(world, node, wanted)),
        Probe::FileIs(wanted) => {
            let fact = file(world, node, &FileProbe { path: wanted.path.clone(), content: CONTENT as u32 });
            // A secret or file that is not there yet cannot be what the file holds.
            Fact::FileIs(likeness(wanted, fact.as_ref(), contents).unwrap_or(arcus_contract::facts::Likeness::Differs))
        }
        Probe::Directory(path) => Fact::Directory(directory(world, node, path)),
        Probe::Package(name) => Fact::Package(machine.packages.get(name).cloned()),
        Probe::Service(wanted) => Fact::Service(service(world, node, wanted)),
        Probe::KernelModule(name) => Fact::KernelModule(machine.modules.contains(name)),
        Probe::Sysctl(key) => Fact::Sysctl(machine.sysctls.get(key).cloned()),
        Probe::Neighbour(address) => Fact::Neighbour(neighbour(world, node, address)),
        Probe::VrrpHeard(interface) => Fact::VrrpHeard(machine.heard.get(interface).cloned().unwrap_or_default()),
        Probe::Reach((address, port)) => Fact::Reach(reach(world, node, address, *port)),
        Probe::Job(step) => Fact::Job(machine.jobs.get(step).cloned()),
        Probe::Holders(path) => Fact::Holders(machine.holders.get(path).cloned().unwrap_or_default()),
        Probe::Query(_) => unreachable!("queries are run, not looked up"),
    }
}

fn file(world: &World, node: &str, wanted: &FileProbe) -> Option<FileFact> {
    let file = world.read(node, &wanted.path)?;
    let length = file.content.len().min(wanted.content as usize).min(CONTENT);
    Some(FileFact {
        mode: file.mode,
        owner: file.owner.clone(),
        group: file.group.clone(),
        size_bytes: file.content.len() as u64,
        sha256: digest(&file.content),
        content: file.content[..length].to_vec(),
    })
}

pub(super) fn directory(world: &World, node: &str, path: &str) -> Option<DirectoryFact> {
    let machine = world.at(node);
    let first = |rest: &str| rest.trim_start_matches('/').split('/').next().map(str::to_owned);
    let mut entries: BTreeSet<String> = world.below(node, path).keys().filter_map(|rest| first(rest)).collect();
    let mounted = machine.mounted_above(path);
    if mounted.is_none() {
        let under = |other: &String| other.strip_prefix(path.trim_end_matches('/')).filter(|rest| rest.starts_with('/') && rest.len() > 1).and_then(first);
        entries.extend(machine.directories.keys().filter_map(under));
    }
    let known = machine.directories.get(path).cloned();
    let (mode, owner, group) = match known {
        Some(known) => known,
        None if mounted.is_some_and(|mount| mount.target == path) || !entries.is_empty() => (0o755, "root".into(), "root".into()),
        None => return None,
    };
    Some(DirectoryFact { mode, owner, group, entries: entries.len() as u64 })
}

fn service(world: &World, node: &str, wanted: &ServiceProbe) -> Option<ServiceFact> {
    let machine = world.at(node);
    let unit = machine.units.get(&wanted.name)?;
    let own = format!("/etc/systemd/system/{}", wanted.name);
    let overrides = format!("{own}.d/");
    let changed_since = |path: &str| world.read(node, path).is_some_and(|file| file.changed > unit.started);
    let overridden = machine.files.iter().any(|(path, file)| path.starts_with(&overrides) && file.changed > unit.started);
    let stale = changed_since(&own) || overridden || wanted.newer_than.iter().any(|path| changed_since(path));
    Some(ServiceFact {
        active: unit.active,
        enabled: unit.enabled,
        masked: unit.masked,
        held: unit.held,
        failed: unit.failed,
        since_s: if unit.active { world.now - unit.started } else { 0 },
        stale: unit.active && stale,
    })
}

fn neighbour(world: &World, node: &str, address: &str) -> Option<String> {
    use crate::Interfaces;
    let others = world.machines.iter().filter(|(name, machine)| *name != node && machine.reachable);
    let holder = others.filter_map(|(_, machine)| machine.interfaces.with_address(address)).find(|interface| interface.up);
    holder.map(|interface| interface.mac.clone()).or_else(|| world.at(node).neighbours.get(address).cloned())
}

fn reach(world: &World, node: &str, address: &str, port: u16) -> Reachability {
    let machine = if address.starts_with("127.") || address == "::1" || address == "localhost" {
        world.at(node)
    } else {
        match world.by_address(address).map(|name| world.at(name)) {
            Some(machine) if machine.reachable => machine,
            _ => return Reachability::Silent,
        }
    };
    let any = ["*", "0.0.0.0", "::", address];
    let open = machine.sockets.iter().any(|socket| socket.tcp && socket.port == port && any.contains(&socket.address.as_str()));
    if open { Reachability::Open } else { Reachability::Refused }
}
