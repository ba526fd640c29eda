//! Performs steps on the world, with the failures a real node would give.

use super::answer::directory;
use super::machine::{Document, Unit};
use super::world::{Invocation, World};
use arcus_contract::actions::{Action, Command, CopyTree, Service, Step};
use arcus_contract::facts::JobFact;
use arcus_contract::files::{File, Part};
use arcus_plan::likeness::{Contents, body, pieces_body, render};

/// Performs the action. `Err`: what the node said.
pub(super) fn perform(world: &mut World, contents: &dyn Contents, step: &Step) -> Result<(), String> {
    let node = step.node.as_str();
    if !world.at(node).reachable {
        return Err("no answer".into());
    }
    world.later();
    match &step.action {
        Action::Package(wanted) => {
            let package = world.packages.get(&wanted.name).cloned().ok_or_else(|| format!("no package {}", wanted.name))?;
            if wanted.version.as_ref().is_some_and(|version| *version != package.version) {
                return Err(format!("{} is there in version {} only", package.name, package.version));
            }
            for (path, content) in &package.files {
                let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
                world.directory(node, parent);
                // As packages do with configuration that somebody changed.
                if world.read(node, path).is_none() {
                    world.write(node, path, content.as_str());
                }
            }
            world.machine(node).packages.insert(package.name.clone(), package.version.clone());
            for (name, reads) in &package.units {
                let unit = world.machine(node).unit(name);
                unit.reads.extend(reads.iter().filter(|path| !unit.reads.contains(path)).cloned().collect::<Vec<_>>());
            }
            if package.started {
                for (name, _) in &package.units {
                    world.machine(node).unit(name).enabled = true;
                    if !world.at(node).runs(name) {
                        // A unit that cannot start without configuration is no failure of the package.
                        let _ = start(world, node, name);
                    }
                }
            }
            Ok(())
        }
        Action::Directory(wanted) => {
            parent_exists(world, node, &wanted.path)?;
            let kept = (wanted.mode, wanted.owner.clone(), wanted.group.clone());
            world.machine(node).directories.insert(wanted.path.clone(), kept);
            Ok(())
        }
        Action::File(wanted) => write(world, contents, node, wanted),
        Action::Absent(path) => {
            world.remove(node, path);
            Ok(())
        }
        Action::Service(wanted) => service(world, node, wanted),
        Action::Mount(wanted) => {
            if wanted.live {
                world.mounts(node, wanted)?;
            }
            world.directory(node, &wanted.target);
            world.machine(node).mount(wanted);
            Ok(())
        }
        Action::Unmount(target) => {
            world.machine(node).unmount(target);
            Ok(())
        }
        Action::Command(command) => run(world, contents, node, command),
        Action::Job(command) => job(world, contents, step, command),
        Action::CopyTree(copy) => copy_tree(world, step, copy),
        Action::Fetch(fetch) => {
            let Some(file) = world.read(node, &fetch.path) else { return Err(format!("{} is not there", fetch.path)) };
            let content = file.content.clone();
            world.kept.insert((node.to_owned(), fetch.name.clone()), content);
            Ok(())
        }
        Action::Wait => Ok(()),
        Action::Later(_) => Err("a later step was performed".into()),
        Action::Call(_) => Err("it runs live, which the plugin itself does".into()),
    }
}

pub(super) fn parent_exists(world: &World, node: &str, path: &str) -> Result<(), String> {
    let parent = match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    };
    match directory(world, node, parent) {
        Some(_) => Ok(()),
        None => Err(format!("{parent} does not exist")),
    }
}

fn write(world: &mut World, contents: &dyn Contents, node: &str, wanted: &File) -> Result<(), String> {
    parent_exists(world, node, &wanted.path)?;
    let current = world.read(node, &wanted.path).cloned();
    let content = match &wanted.part {
        Part::Whole => body(&wanted.content, contents),
        _ => render(wanted, current.as_ref().map(|file| file.content.as_slice()), contents),
    }
    .map_err(|missing| missing.to_string())?;
    let original = format!("{}.arcus-original", wanted.path);
    if let Some(current) = current.as_ref().filter(|_| wanted.keep_original)
        && world.read(node, &original).is_none()
    {
        world.put(node, &original, current.clone());
    }
    let changed = world.later();
    let (mode, owner, group) = match (&wanted.part, &current) {
        (Part::Block(_) | Part::Line(_) | Part::Hosts, Some(current)) => (current.mode, current.owner.clone(), current.group.clone()),
        _ => (wanted.mode, wanted.owner.clone(), wanted.group.clone()),
    };
    world.put(node, &wanted.path, Document { content, mode, owner, group, changed });
    // The host reloads systemd after writing a unit.
    let unit = wanted.path.strip_prefix("/etc/systemd/system/").filter(|name| !name.contains('/'));
    if let Some(unit) = unit {
        world.machine(node).unit(unit);
    }
    Ok(())
}

fn service(world: &mut World, node: &str, wanted: &Service) -> Result<(), String> {
    let unit = world.at(node).units.get(&wanted.name).cloned();
    let Some(unit) = unit else {
        return if wanted.running || wanted.enabled { Err(format!("there is no unit {}", wanted.name)) } else { Ok(()) };
    };
    if unit.masked && wanted.running {
        return Err(format!("{} is masked", wanted.name));
    }
    (world.machine(node).unit(&wanted.name).enabled, world.machine(node).unit(&wanted.name).held) = (wanted.enabled, wanted.held);
    let newer = |path: &String| world.read(node, path).is_some_and(|file| file.changed > unit.started);
    let own = format!("/etc/systemd/system/{}", wanted.name);
    let stale = wanted.newer_than.iter().chain([&own]).any(newer);
    match (unit.active, wanted.running) {
        (false, true) => start(world, node, &wanted.name),
        (true, true) if stale => start(world, node, &wanted.name),
        (true, false) => {
            world.machine(node).unit(&wanted.name).active = false;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Starts (or restarts, or reloads) a unit: it reads its files now.
pub(super) fn start(world: &mut World, node: &str, name: &str) -> Result<(), String> {
    let started = world.later();
    let reads = world.at(node).units.get(name).map(|unit| unit.reads.clone()).unwrap_or_default();
    let read = |path: &String| Some((path.clone(), world.read(node, path)?.content.clone()));
    let loaded = reads.iter().filter_map(read).collect();
    let unit = world.machine(node).unit(name);
    let starts = unit.starts + 1;
    *unit = Unit { active: true, failed: false, started, starts, loaded, ..unit.clone() };
    world.starting(node, name).map_err(|said| {
        let unit = world.machine(node).unit(name);
        (unit.active, unit.failed) = (false, true);
        format!("{name} did not start: {said}")
    })
}

fn invocation(contents: &dyn Contents, node: &str, command: &Command) -> Result<Invocation, String> {
    let stdin = pieces_body(&command.stdin, contents).map_err(|missing| missing.to_string())?;
    Ok(Invocation { node: node.to_owned(), argv: command.argv.clone(), stdin })
}

fn run(world: &mut World, contents: &dyn Contents, node: &str, command: &Command) -> Result<(), String> {
    let invocation = invocation(contents, node, command)?;
    let output = world.run(&invocation).ok_or_else(|| format!("nothing simulates `{}`", command.argv.join(" ")))?;
    if output.status != 0 && !command.status_lies {
        return Err(format!("`{}` ended with status {}: {}", command.argv.join(" "), output.status, String::from_utf8_lossy(&output.stderr)));
    }
    Ok(())
}

/// A job goes on without us: its effect comes with the next second. One that runs is attached to, not started again.
fn job(world: &mut World, contents: &dyn Contents, step: &Step, command: &Command) -> Result<(), String> {
    let invocation = invocation(contents, &step.node, command)?;
    if !world.at(&step.node).jobs.get(&step.id).is_some_and(|job| job.running) {
        world.start_job(&step.id, invocation);
    }
    Ok(())
}

/// It runs as a job, whose last words stay on the node when it fails.
fn copy_tree(world: &mut World, step: &Step, copy: &CopyTree) -> Result<(), String> {
    let node = step.node.as_str();
    let source = world.below(node, &copy.source);
    let bytes: u64 = source.values().map(|document| document.content.len() as u64).sum();
    let room = world.at(node).mounts.iter().rev().find(|mounted| mounted.live && mounted.target == copy.target).map(|mounted| mounted.free_bytes);
    if room.is_some_and(|room| room < bytes) {
        let words = format!("{} is too small", copy.target);
        let job = JobFact { running: false, status: Some(1), started_s: world.later(), tail: words.clone().into_bytes() };
        world.machine(node).jobs.insert(step.id.clone(), job);
        return Err(words);
    }
    world.machine(node).jobs.remove(&step.id);
    if copy.mirror {
        for rest in world.below(node, &copy.target).into_keys().filter(|rest| !source.contains_key(rest)) {
            world.remove(node, &format!("{}{rest}", copy.target));
        }
    }
    let files = source.len();
    for (rest, document) in source {
        world.put(node, &format!("{}{rest}", copy.target), document);
    }
    let receipt = format!("source: {}\ntarget: {}\nfiles: {files}\n", copy.source, copy.target);
    world.write(node, &copy.receipt, receipt);
    Ok(())
}
