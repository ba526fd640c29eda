//! From a step to a change that a node can perform: content rendered, expectations put in, services told what to do.

use std::collections::HashSet;
use std::time::Duration;

use arcus_contract::actions::{Action, Over, Step};
use arcus_contract::facts::{Answer, Fact};
use arcus_contract::files::Part;
use arcus_contract::types::Problem;
use arcus_node::{Change, Expect, Hidden, ServiceAction, Source, Task};
use arcus_plan::likeness::{self, Contents};

use crate::observer::job_id;

/// Renders one step. `seen` answers its looks; `touched` are the paths changed on its node in this run.
///
/// # Errors
/// What is missing for it.
pub fn task(plugin: &str, step: &Step, seen: &[Answer], contents: &dyn Contents, touched: &HashSet<String>) -> Result<Task, Problem> {
    let change = change(plugin, step, seen, contents, touched)?;
    Ok(Task { id: job_id(plugin, &step.id), change, timeout: Duration::from_secs(u64::from(step.timeout_s.max(1))) })
}

fn change(plugin: &str, step: &Step, seen: &[Answer], contents: &dyn Contents, touched: &HashSet<String>) -> Result<Change, Problem> {
    let missing = |missing: likeness::Missing| problem(step, "content.missing", missing.to_string());
    Ok(match &step.action {
        Action::Package(package) => Change::Package { name: package.name.clone(), version: package.version.clone() },
        Action::Directory(directory) => Change::Directory {
            path: directory.path.clone(),
            mode: directory.mode,
            owner: directory.owner.clone(),
            group: directory.group.clone(),
            shared_parent: false,
        },
        Action::File(file) => {
            let Some(Ok(Fact::File(fact))) = seen.first() else { return Err(unseen(step)) };
            let bytes = likeness::render(file, fact.as_ref().map(|fact| fact.content.as_slice()), contents).map_err(missing)?;
            let expect = fact.as_ref().map_or(Expect::Absent, |fact| match fact.sha256.is_empty() {
                true => Expect::Any,
                false => Expect::Digest(fact.sha256.clone()),
            });
            // A part leaves mode and owner to whoever owns the rest.
            let (mode, owner, group) = match (&file.part, fact) {
                (Part::Block(_) | Part::Line(_) | Part::Hosts, Some(fact)) => (fact.mode, fact.owner.clone(), fact.group.clone()),
                _ => (file.mode, file.owner.clone(), file.group.clone()),
            };
            Change::WriteFile {
                path: file.path.clone(),
                content: Source::Bytes(Hidden::new(bytes)),
                mode,
                owner,
                group,
                keep_original: file.keep_original,
                expect,
                shared_parent: false,
            }
        }
        Action::Absent(path) => {
            let Some(Ok(Fact::File(fact))) = seen.first() else { return Err(unseen(step)) };
            let expect = match fact {
                Some(fact) if !fact.sha256.is_empty() => Expect::Digest(fact.sha256.clone()),
                _ => Expect::Any,
            };
            Change::Remove { path: path.clone(), expect, shared_parent: false }
        }
        Action::Service(service) => {
            let fact = match seen.first() {
                Some(Ok(Fact::Service(fact))) => fact.as_ref(),
                _ => None,
            };
            let mut actions = Vec::new();
            let held = fact.is_some_and(|fact| fact.held);
            if held != service.held && (service.held || fact.is_some()) {
                actions.push(if service.held { ServiceAction::Hold } else { ServiceAction::Release });
            }
            if fact.is_none_or(|fact| fact.enabled != service.enabled) {
                actions.push(if service.enabled { ServiceAction::Enable } else { ServiceAction::Disable });
            }
            let active = fact.is_some_and(|fact| fact.active);
            let changed = service.newer_than.iter().any(|path| touched.contains(path)) || fact.is_some_and(|fact| fact.stale);
            match (service.running, active) {
                (true, false) => actions.push(ServiceAction::Start),
                (true, true) if changed && service.reload => actions.push(ServiceAction::Reload),
                (true, true) if changed => actions.push(ServiceAction::Restart),
                (false, true) => actions.push(ServiceAction::Stop),
                _ => {}
            }
            Change::Service { name: service.name.clone(), actions }
        }
        Action::Mount(mount) => Change::Mount {
            live: mount.live,
            source: mount.source.clone(),
            target: mount.target.clone(),
            fstype: mount.fstype.clone(),
            options: mount.options.clone(),
            persist: mount.persist,
            over: match &mount.over {
                Over::Nothing => arcus_node::Over::Nothing,
                Over::Mount(source) => arcus_node::Over::Mount(source.clone()),
                Over::Files => arcus_node::Over::Files,
            },
        },
        Action::Unmount(target) => Change::Unmount { target: target.clone(), source: None },
        Action::Command(command) => Change::Command {
            argv: command.argv.clone(),
            stdin: Hidden::new(likeness::pieces_body(&command.stdin, contents).map_err(missing)?),
            status_lies: command.status_lies,
        },
        Action::Job(command) => Change::Job {
            id: job_id(plugin, &step.id),
            argv: command.argv.clone(),
            stdin: Hidden::new(likeness::pieces_body(&command.stdin, contents).map_err(missing)?),
            again: true,
        },
        Action::Wait => Change::Nothing,
        Action::CopyTree(copy) => Change::CopyTree {
            id: job_id(plugin, &step.id),
            source: copy.source.clone(),
            target: copy.target.clone(),
            mirror: copy.mirror,
            compare: copy.compare,
            receipt: copy.receipt.clone(),
        },
        Action::Fetch(_) | Action::Call(_) | Action::Later(_) => {
            return Err(problem(step, "action.unserved", format!("this Arcus does not perform a {}", step.action.word())));
        }
    })
}

/// Paths that a step changes, for services that read them.
pub fn touches(step: &Step) -> Option<&str> {
    match &step.action {
        Action::File(file) => Some(&file.path),
        Action::Absent(path) => Some(path),
        _ => None,
    }
}

fn unseen(step: &Step) -> Problem {
    problem(step, "step.unseen", "what is there now could not be seen, so nothing was written over it".into())
}

fn problem(step: &Step, code: &str, message: String) -> Problem {
    Problem { code: code.into(), message, help: None, node: Some(step.node.clone()), pointer: None, retryable: false }
}
