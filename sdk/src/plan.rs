//! Building a plan: one method per kind of step, edges by handle, ids from verb and node.

use crate::ask::Look;
use crate::goal::Goals;
use crate::{Explain, problem};
use arcus_contract::actions::{
    Action, Call, Command, Desired, Directory, Disruption, Fetch, Goal, Later, Mount, Need, Package, Service, Step,
};
use arcus_contract::facts::Request;
use arcus_contract::files::{File, Part, Piece};
use arcus_contract::types::{Node, Problem};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A plan being made. Steps of one node run one at a time, the first that is ready in the order they are added here: what must not run
/// before something else says so with [`Planned::after`].
///
/// Every method takes the verb of the step's id first: `plan.package("install", node, "nfs-common")` is `install:web1`.
/// Verbs are lower-case letters, digits and `-`, and mean the same in every plan. Two steps of one node need two verbs (or
/// [`Planned::of`]).
#[derive(Default)]
pub struct Plan {
    steps: Rc<RefCell<Vec<Draft>>>,
    warnings: Vec<Problem>,
    problems: Vec<Problem>,
}

/// A step of the plan: a handle for others' `after`, and the place to say more about it. Cheap to clone.
#[derive(Clone)]
pub struct Planned {
    steps: Rc<RefCell<Vec<Draft>>>,
    place: usize,
}

/// What runs live and has no goal yet: say with [`Unproven::until`] when it is done, or the plan is refused.
#[must_use = "what runs live needs a goal: call `.until(...)`"]
pub struct Unproven(Planned);

/// A command or job that has no goal yet: say with [`Unguarded::until`] when it is done, or the plan is refused.
#[must_use = "a command or job needs a goal: call `.until(...)`"]
pub struct Unguarded(Planned);

struct Draft {
    verb: String,
    subject: String,
    after: Vec<usize>,
    unknown: Option<Problem>,
    step: Step,
}

impl Plan {
    /// Installs a package, by its plain name in the node's package manager.
    pub fn package(&mut self, verb: &str, node: &Node, name: impl Into<String>) -> Planned {
        let name = name.into();
        let title = format!("install {name}");
        self.add(verb, node, title, Action::Package(Package { name, version: None }), 600)
    }

    /// Makes a directory of root with this mode (e.g. `0o755`). Parents must be there.
    pub fn directory(&mut self, verb: &str, node: &Node, path: impl Into<String>, mode: u32) -> Planned {
        let path = path.into();
        let title = format!("make directory {path}");
        let directory = Directory { path, mode, owner: "root".into(), group: "root".into() };
        self.add(verb, node, title, Action::Directory(directory), 30)
    }

    /// Writes a file, or our part of one; see [`crate::file`].
    pub fn file(&mut self, verb: &str, node: &Node, file: impl Into<File>) -> Planned {
        let file = file.into();
        let title = match &file.part {
            Part::Whole => format!("write {}", file.path),
            Part::Block(marker) => format!("write block {marker} in {}", file.path),
            Part::Line(key) => format!("write line {key} in {}", file.path),
            Part::Hosts => format!("write names in {}", file.path),
        };
        self.add(verb, node, title, Action::File(file), 60)
    }

    /// Writes the block with this marker in a file that others also edit (mode 0644, of root).
    pub fn block(&mut self, verb: &str, node: &Node, path: &str, marker: &str, content: impl crate::content::IntoContent) -> Planned {
        self.file(verb, node, crate::file(path).block(marker).content(content))
    }

    /// Writes the one line that begins with this key in a file that others also edit (mode 0644, of root). The line is the whole
    /// line, key included.
    pub fn line(&mut self, verb: &str, node: &Node, path: &str, key: &str, line: impl crate::content::IntoContent) -> Planned {
        self.file(verb, node, crate::file(path).line(key).content(line))
    }

    /// Removes a file.
    pub fn absent(&mut self, verb: &str, node: &Node, path: impl Into<String>) -> Planned {
        let path = path.into();
        let title = format!("remove {path}");
        self.add(verb, node, title, Action::Absent(path), 30)
    }

    /// A systemd unit, running and enabled; say otherwise with [`Planned::stopped`], [`Planned::disabled`],
    /// and what it reads at start with [`Planned::newer_than`].
    pub fn service(&mut self, verb: &str, node: &Node, unit: impl Into<String>) -> Planned {
        let name = unit.into();
        let title = format!("run {name}");
        let service = Service { name, running: true, enabled: true, held: false, newer_than: Vec::new(), reload: false };
        self.add(verb, node, title, Action::Service(service), 120)
    }

    /// Mounts, live and in fstab; see [`crate::mount`].
    pub fn mount(&mut self, verb: &str, node: &Node, mount: impl Into<Mount>) -> Planned {
        let mount = mount.into();
        let title = format!("mount {} on {}", mount.source, mount.target);
        self.add(verb, node, title, Action::Mount(mount), 90)
    }

    /// Unmounts, live and in fstab.
    pub fn unmount(&mut self, verb: &str, node: &Node, target: impl Into<String>) -> Planned {
        let target = target.into();
        let title = format!("unmount {target}");
        self.add(verb, node, title, Action::Unmount(target), 90)
    }

    /// Runs a command of the manifest: argv, no shell. It dies with the run; what takes longer than a minute is a [`Plan::job`].
    pub fn command<S: Into<String>>(&mut self, verb: &str, node: &Node, argv: impl IntoIterator<Item = S>) -> Unguarded {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        let title = argv.join(" ");
        let command = Command { argv, stdin: Vec::new(), status_lies: false };
        Unguarded(self.add(verb, node, title, Action::Command(command), 60))
    }

    /// As [`Plan::command`], but detached on the node: started once, goes on without us, a later run attaches to it.
    pub fn job<S: Into<String>>(&mut self, verb: &str, node: &Node, argv: impl IntoIterator<Item = S>) -> Unguarded {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        let title = argv.join(" ");
        let command = Command { argv, stdin: Vec::new(), status_lies: false };
        Unguarded(self.add(verb, node, title, Action::Job(command), 1800))
    }

    /// Does nothing until this is so: holds back what comes after it.
    pub fn wait(&mut self, verb: &str, node: &Node, requests: impl IntoIterator<Item = Request>, expect: &str, within_s: u32) -> Planned {
        self.add(verb, node, format!("wait until {expect}"), Action::Wait, within_s).until(requests, expect, within_s)
    }

    /// Does nothing, comes after all of these: n + m edges instead of n * m.
    pub fn join<'a>(&mut self, verb: &str, node: &Node, after: impl IntoIterator<Item = &'a Planned>) -> Planned {
        self.add(verb, node, format!("all of {verb}"), Action::Wait, 0).after(after)
    }

    /// A step that cannot be told yet: shown as "known after `why`", blocks what comes after it. `kinds`: names of the actions
    /// it may become (`file`, `command`, ...), under the same verb, node and disruption.
    pub fn later(&mut self, verb: &str, node: &Node, why: impl Into<String>, kinds: &[&str]) -> Planned {
        let later = Later { why: why.into(), kinds: kinds.iter().map(ToString::to_string).collect() };
        self.add(verb, node, verb.replace('-', " "), Action::Later(later), 0)
    }

    /// Copies a file of the node to the operator's side, under this name below `.arcus/kept/`.
    pub fn fetch(&mut self, verb: &str, node: &Node, path: impl Into<String>, name: impl Into<String>) -> Planned {
        let fetch = Fetch { path: path.into(), name: name.into() };
        let title = format!("fetch {} as {}", fetch.path, fetch.name);
        self.add(verb, node, title, Action::Fetch(fetch), 600)
    }

    /// Runs [`Plugin::live`](crate::Plugin::live) on these nodes, and no other step on them meanwhile; five minutes at most. `args` is what it
    /// is told, as JSON. The operator is shown that it is so, and accepts it apart.
    pub fn call<'a>(&mut self, verb: &str, node: &Node, nodes: impl IntoIterator<Item = &'a Node>, args: &impl serde::Serialize) -> Unproven {
        let nodes: Vec<String> = nodes.into_iter().map(|node| node.name.clone()).collect();
        let title = format!("{} live on {}", verb.replace('-', " "), nodes.join(", "));
        let args = match serde_json::to_string(args) {
            Ok(args) => args,
            Err(error) => {
                self.problem(problem("plugin.args", format!("what the step `{verb}` is told is no JSON: {error}")));
                String::new()
            }
        };
        Unproven(self.add(verb, node, title, Action::Call(Call { name: verb.to_owned(), args, nodes }), 300))
    }

    /// Any other action (copy-tree), with a title and the seconds it may take.
    pub fn action(&mut self, verb: &str, node: &Node, title: impl Into<String>, action: Action, timeout_s: u32) -> Planned {
        self.add(verb, node, title.into(), action, timeout_s)
    }

    /// Shown with every plan: an accepted risk, what was not tested.
    pub fn warn(&mut self, warning: Problem) {
        self.warnings.push(warning);
    }

    /// A reason why no plan can be made. Go on, so that all are reported at once.
    pub fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn add(&mut self, verb: &str, node: &Node, title: String, action: Action, timeout_s: u32) -> Planned {
        let mut steps = self.steps.borrow_mut();
        steps.push(Draft {
            verb: verb.to_owned(),
            subject: node.name.clone(),
            after: Vec::new(),
            unknown: None,
            step: Step {
                id: String::new(),
                node: node.name.clone(),
                about: None,
                title,
                action,
                after: Vec::new(),
                needs: Vec::new(),
                provides: Vec::new(),
                group: None,
                once: false,
                goal: None,
                undo: None,
                disrupts: Vec::new(),
                timeout_s,
            },
        });
        Planned { steps: self.steps.clone(), place: steps.len() - 1 }
    }

    /// Turns drafts into the contract's plan, or says what is wrong with it.
    pub(crate) fn finish<C>(self, goals: &Goals<C>, silent: &BTreeMap<String, Problem>) -> Result<Desired, Vec<Problem>> {
        let Plan { steps, warnings, mut problems } = self;
        let mut drafts = steps.take();
        let ids: Vec<String> = drafts.iter().map(|draft| format!("{}:{}", draft.verb, draft.subject)).collect();
        let mut seen = BTreeSet::new();
        for (draft, id) in drafts.iter_mut().zip(&ids) {
            problems.extend(refusal(draft, id, goals));
            if !seen.insert(id) {
                problems.push(problem("plugin.duplicate-step", format!("two steps have the id {id}")));
            }
            draft.step.id = id.clone();
            draft.step.after = draft.after.iter().map(|&place| ids[place].clone()).collect();
            let unknown = draft.unknown.take().or_else(|| silent.get(&draft.step.node).cloned());
            // A wait performs nothing, and its goal says by itself what is not answered.
            if let Some(reason) = unknown
                && !matches!(draft.step.action, Action::Later(_) | Action::Wait)
            {
                let why = match &reason.node {
                    Some(node) => format!("{node} answers ({})", reason.message),
                    None => reason.message.clone(),
                };
                let kinds = vec![draft.step.action.word().to_owned()];
                draft.step.action = Action::Later(Later { why, kinds });
                draft.step.undo = None;
            }
        }
        if problems.is_empty() {
            Ok(Desired { steps: drafts.into_iter().map(|draft| draft.step).collect(), warnings })
        } else {
            Err(problems)
        }
    }
}

/// The author's mistakes that only show once the step is complete.
fn refusal<C>(draft: &Draft, id: &str, goals: &Goals<C>) -> Option<Problem> {
    let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !plain(&draft.verb) {
        let message = format!("the verb of step {id} may have lower-case letters, digits and '-' only");
        return Some(problem("plugin.verb", message));
    }
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '/';
    if draft.subject.is_empty() || id.len() > 200 || draft.subject.contains(odd) {
        let message = format!("the id {id:?} of a step is empty, too long, or has blanks, slashes or control characters");
        return Some(problem("plugin.subject", message));
    }
    match &draft.step.goal {
        None if matches!(draft.step.action, Action::Command(_) | Action::Job(_) | Action::Call(_)) => {
            let message = format!("step {id} runs a command and does not say when it is done");
            Some(problem("plugin.no-goal", message).help("add `.until(requests, expect, within_s)`"))
        }
        Some(goal) if goal.requests.is_empty() => {
            Some(problem("plugin.no-goal", format!("the goal of step {id} looks at nothing")))
        }
        Some(_) if !goals.has(&draft.verb) => {
            let message = format!("step {id} has a goal, and `goals()` has no entry for `{}`", draft.verb);
            Some(problem("plugin.no-judge", message))
        }
        _ => None,
    }
}

impl Planned {
    fn change(self, change: impl FnOnce(&mut Draft)) -> Self {
        change(&mut self.steps.borrow_mut()[self.place]);
        self
    }

    /// Only after these steps are done, on whatever node.
    pub fn after<'a>(self, steps: impl IntoIterator<Item = &'a Planned>) -> Self {
        let places: Vec<usize> = steps
            .into_iter()
            .map(|step| {
                assert!(Rc::ptr_eq(&step.steps, &self.steps), "`after` names a step of another plan");
                step.place
            })
            .collect();
        self.change(|draft| {
            for place in places {
                if !draft.after.contains(&place) {
                    draft.after.push(place);
                }
            }
        })
    }

    /// Only when this milestone holds on all of these nodes.
    pub fn needs<'a>(self, milestone: &str, nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        let nodes = nodes.into_iter().map(|node| node.name.clone()).collect::<Vec<_>>();
        assert!(!nodes.is_empty(), "`needs` names no node; `needs_anywhere` is meant?");
        self.change(|draft| draft.step.needs.push(Need { milestone: milestone.into(), nodes }))
    }

    /// Only when this milestone holds on any node.
    pub fn needs_anywhere(self, milestone: &str) -> Self {
        self.change(|draft| draft.step.needs.push(Need { milestone: milestone.into(), nodes: Vec::new() }))
    }

    /// Once this is done, this milestone holds on the step's node.
    pub fn provides(self, milestone: &str) -> Self {
        self.change(|draft| draft.step.provides.push(milestone.into()))
    }

    /// Done only when the entry of `goals()` for this step's verb says so about the answers to these requests; it has
    /// `within_s` seconds after the action ended. `expect`: plain words, shown as "until ...". Met at planning: the step is left out.
    pub fn until(self, requests: impl IntoIterator<Item = Request>, expect: impl Into<String>, within_s: u32) -> Self {
        let goal = Goal { requests: requests.into_iter().collect(), expect: expect.into(), within_s };
        self.change(|draft| draft.step.goal = Some(goal))
    }

    /// One step of this group at a time in the cluster, each until its goal is met, the first in the plan first; a failure stops the
    /// group. Put the holder of an address, or a leader, last. Not one *node* at a time: where a node has several steps, let its first be
    /// [`Planned::after`] the last of the node before, or another node's may come in between.
    pub fn group(self, group: impl Into<String>) -> Self {
        let group = group.into();
        self.change(|draft| draft.step.group = Some(group))
    }

    /// At most once per cluster: performed only when *every* request of its goal was answered in this run. Ask all who could know.
    pub fn once(self) -> Self {
        self.change(|draft| draft.step.once = true)
    }

    /// The node it is about, where that is another than the one it runs on; becomes the subject of the id.
    pub fn about(self, node: &Node) -> Self {
        self.change(|draft| {
            draft.step.about = Some(node.name.clone());
            draft.subject = node.name.clone();
        })
    }

    /// Another subject of the id than the node: `create:data`. Must be the same in every plan.
    pub fn of(self, subject: impl Into<String>) -> Self {
        let subject = subject.into();
        self.change(|draft| draft.subject = subject)
    }

    /// What it does, in plain words, instead of the words made from the action.
    pub fn title(self, title: impl Into<String>) -> Self {
        let title = title.into();
        self.change(|draft| draft.step.title = title)
    }

    /// What it can put at risk; the operator accepts each apart. Of data, by the name of what may be lost: say [`Planned::of`] what it is, a
    /// volume for instance; else it is the place that the action is about, or the node.
    pub fn disrupts(self, disruption: Disruption) -> Self {
        self.change(|draft| draft.step.disrupts.push(disruption))
    }

    /// How to take it back, where the host cannot know (commands) or should not restore what was there.
    pub fn undo(self, undo: Action) -> Self {
        self.change(|draft| draft.step.undo = Some(undo))
    }

    /// Seconds the action may take. Packages have 600 by default, jobs 1800, services 120, mounts 90, files and commands 60.
    pub fn timeout_s(self, seconds: u32) -> Self {
        self.change(|draft| draft.step.timeout_s = seconds)
    }

    /// This step was made from this look: when it is unknown, the step is `later` (kind: what it is now).
    pub fn known<T>(self, look: &Look<T>) -> Self {
        self.change(|draft| {
            if let Look::Unknown(problem) = look {
                draft.unknown.get_or_insert_with(|| problem.clone());
            }
        })
    }

    /// Of a package: exactly this version.
    pub fn version(self, version: impl Into<String>) -> Self {
        let version = version.into();
        self.change(|draft| match &mut draft.step.action {
            Action::Package(package) => package.version = Some(version),
            other => panic!("`version` is for packages, not for {}", other.word()),
        })
    }

    /// Of a directory: who owns it.
    pub fn owner(self, owner: &str, group: &str) -> Self {
        self.change(|draft| match &mut draft.step.action {
            Action::Directory(directory) => {
                directory.owner = owner.into();
                directory.group = group.into();
            }
            other => panic!("`owner` is for directories, not for {}; a file's is in its spec", other.word()),
        })
    }

    fn service(self, what: &str, change: impl FnOnce(&mut Service)) -> Self {
        self.change(|draft| match &mut draft.step.action {
            Action::Service(service) => change(service),
            other => panic!("`{what}` is for services, not for {}", other.word()),
        })
    }

    /// Of a service: files it reads at start. It is restarted when one changed since; a crash in between loses nothing.
    pub fn newer_than<S: Into<String>>(self, paths: impl IntoIterator<Item = S>) -> Self {
        self.service("newer_than", |service| service.newer_than.extend(paths.into_iter().map(Into::into)))
    }
    /// Of a service: a reload is enough when only [`Planned::newer_than`] asks for it.
    pub fn reload(self) -> Self {
        self.service("reload", |service| service.reload = true)
    }
    /// Of a service: not running.
    pub fn stopped(self) -> Self {
        self.service("stopped", |service| service.running = false)
            .change(|draft| draft.step.title = draft.step.title.replacen("run ", "stop ", 1))
    }
    /// Of a service: not running, and nobody can start it, nor a reboot, until a step of this service that does not say so.
    pub fn held(self) -> Self {
        self.stopped().service("held", |service| service.held = true).change(|draft| draft.step.title = draft.step.title.replacen("stop ", "stop and hold ", 1))
    }
    /// Of a service: not started at boot.
    pub fn disabled(self) -> Self {
        self.service("disabled", |service| service.enabled = false)
    }
}

impl Unproven {
    /// As [`Planned::until`].
    pub fn until(self, requests: impl IntoIterator<Item = Request>, expect: impl Into<String>, within_s: u32) -> Planned {
        self.0.until(requests, expect, within_s)
    }
}

impl Unguarded {
    fn command(self, change: impl FnOnce(&mut Command)) -> Self {
        Unguarded(self.0.change(|draft| match &mut draft.step.action {
            Action::Command(command) | Action::Job(command) => change(command),
            other => unreachable!("made as a command, is {}", other.word()),
        }))
    }

    /// What it reads from standard input; [`text!`](crate::text) puts secrets in.
    pub fn stdin(self, pieces: Vec<Piece>) -> Self {
        self.command(|command| command.stdin = pieces)
    }

    /// Its exit status proves nothing (`grctl`): only the goal decides.
    pub fn status_lies(self) -> Self {
        self.command(|command| command.status_lies = true)
    }

    /// As [`Planned::until`].
    pub fn until(self, requests: impl IntoIterator<Item = Request>, expect: impl Into<String>, within_s: u32) -> Planned {
        self.0.until(requests, expect, within_s)
    }
}
