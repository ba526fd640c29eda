//! What the operator is shown and says yes to: every step with its reason, every file with its diff, and what comes later.

use std::collections::BTreeMap;

use arcus_contract::actions::{Action, Disruption, Step};
use arcus_contract::facts::Fact;
use arcus_plan::envelope::Envelope;
use arcus_plan::likeness;
use arcus_plan::loss::lost;
use arcus_plan::sequence::{Item, State};
use arcus_plan::standing::Standing;
use arcus_plan::vet;
use serde::Serialize;
use similar::TextDiff;

use crate::cast::Role;
use crate::aim::Aim;
use crate::engine::Engine;
use crate::fault::{Fault, Kind, Trouble};
use crate::journal::{Entry, Journal};
use crate::outlook::Outlook;
use crate::pass::named;

/// A plan, as shown.
#[derive(Debug, Clone, Serialize)]
pub struct Proposal {
    /// Name of the cluster.
    pub cluster: String,
    /// Which plan this is.
    #[serde(skip)]
    pub aim: Aim,
    /// What would be performed, in the order of the plans.
    pub steps: Vec<PlannedStep>,
    /// What is known only after apply.
    pub later: Vec<PlannedLater>,
    /// What will not be done, and why: nodes that did not answer, things that are somebody else's.
    pub blocked: Vec<PlannedLater>,
    /// Things that are somebody else's, or missing on this side. While there is one, nothing is applied at all: half a cluster
    /// that waits for it would be worse than none.
    pub refused: Vec<Trouble>,
    /// How many steps are so already.
    pub satisfied: usize,
    /// What plugins and the file's rules want the operator to know.
    pub warnings: Vec<Trouble>,
    /// Requirements that the file relaxes; printed in every plan.
    pub relaxed: Vec<String>,
    /// Nodes that were not reached.
    pub missing: BTreeMap<String, Trouble>,
    /// Nodes of which something could not be seen.
    pub unanswered: BTreeMap<String, Trouble>,
    /// Digests of the plugins, by name.
    pub plugins: BTreeMap<String, String>,
    /// Digest of all that was planned: what `apply FILE` compares.
    pub digest: String,
    /// What a yes to this covers.
    #[serde(skip_deserializing)]
    pub envelope: Envelope,
}

/// A step that would be performed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedStep {
    /// Id, unique in its plugin.
    pub id: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Where it runs.
    pub node: String,
    /// The node it is about, where that is another.
    pub about: Option<String>,
    /// What it does, in the plugin's words.
    pub title: String,
    /// Kind of action.
    pub action: String,
    /// Exactly what, in the host's words.
    pub what: String,
    /// Why it is to be done.
    pub why: String,
    /// Difference to what is there, for files.
    pub diff: Option<Diff>,
    /// What it puts at risk.
    pub disrupts: Vec<Disruption>,
    /// What may be lost, by its name, where data are at risk.
    pub loses: Option<String>,
    /// Done one at a time within this group.
    pub group: Option<String>,
    /// Once per cluster.
    pub once: bool,
    /// Until when it is waited, in the plugin's words.
    pub until: Option<String>,
    /// Whether it can be taken back: `restored`, `by a step`, `not at all`.
    pub undo: String,
    /// It lies outside `--limit`: shown, not performed.
    pub outside_limit: bool,
}

/// A step that is not performed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedLater {
    /// Id, unique in its plugin.
    pub id: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Where.
    pub node: String,
    /// What it does, in the plugin's words.
    pub title: String,
    /// Kinds of action it may become.
    pub kinds: Vec<String>,
    /// Why not now.
    pub why: String,
    /// What it puts at risk.
    pub disrupts: Vec<Disruption>,
    /// What may be lost, by its name, where data are at risk.
    pub loses: Option<String>,
    /// Nodes that it may run live on, should it come to that. None: it never will.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Vec<String>>,
}

/// A difference, as unified text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The file.
    pub path: String,
    /// Unified diff; none when the content must not be shown, or is no text.
    pub text: Option<String>,
    /// In words, when there is no text.
    pub note: Option<String>,
}

impl Proposal {
    /// Why this plan cannot be applied, where something is in its way that only the operator can remove.
    pub fn refusal(&self) -> Option<Fault> {
        let troubles = self.refused.clone();
        (!troubles.is_empty()).then_some(Fault { kind: Kind::Input, troubles, diagnostics: vec![] })
    }

    /// Whether nothing is left to do, now or later.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.later.is_empty()
    }

    /// What of this must be accepted apart from a plain yes: `data-loss:NAME` (a volume, `NODE:PATH`, or a node), `quorum`,
    /// `blackout`, and `live:PLUGIN` where what a yes is said to cannot be shown.
    pub fn risks(&self) -> Vec<String> {
        let mut risks = Vec::new();
        let steps = self.steps.iter().filter(|step| !step.outside_limit).map(|step| (&step.disrupts, &step.loses));
        for (disrupts, loses) in steps.chain(self.later.iter().map(|later| (&later.disrupts, &later.loses))) {
            for risk in disrupts {
                let word = match risk {
                    Disruption::Data => format!("data-loss:{}", loses.as_deref().unwrap_or_default()),
                    Disruption::Quorum => "quorum".into(),
                    Disruption::Blackout => "blackout".into(),
                };
                if !risks.contains(&word) {
                    risks.push(word);
                }
            }
        }
        let steps = self.steps.iter().filter(|step| !step.outside_limit && step.action == "call").map(|step| &step.plugin);
        let later = self.later.iter().chain(&self.blocked).filter(|later| later.kinds.iter().any(|kind| kind == "call")).map(|later| &later.plugin);
        for plugin in steps.chain(later) {
            let word = format!("live:{plugin}");
            if !risks.contains(&word) {
                risks.push(word);
            }
        }
        risks
    }
}

impl Engine {
    /// Looks at the cluster and says what would be done. Changes nothing.
    ///
    /// # Errors
    /// When no plan can be made: a plugin finds the configuration or the cluster unfit, or is itself broken or denied.
    pub async fn plan(&self) -> Result<Proposal, Fault> {
        self.plan_for(Aim::Plan).await
    }

    /// As [`Engine::plan`], for any of the plans.
    ///
    /// # Errors
    /// As [`Engine::plan`].
    pub async fn plan_for(&self, aim: Aim) -> Result<Proposal, Fault> {
        let outlook = self.pass(&aim, aim == Aim::Plan).await?;
        Ok(self.propose(&outlook, aim).await)
    }

    pub(crate) async fn propose(&self, outlook: &Outlook, aim: Aim) -> Proposal {
        let past = self.past();
        let (mut steps, mut later, mut blocked, mut satisfied) = (vec![], vec![], vec![], 0);
        let mut refused = Vec::new();
        for (place, item) in outlook.sequence.items().iter().enumerate() {
            // What is done once and has failed is told by its plugin, and leaves the rest alone.
            if let Standing::Refused(problem) = &item.standing
                && !item.step.once
                && self.within_limit(&item.step)
            {
                refused.push(Trouble { step: Some(item.step.id.clone()), ..Trouble::of(Some(&item.plugin), problem.clone()) });
            }
            match (&item.state, &item.standing) {
                (State::LeftOut, _) => satisfied += 1,
                (_, Standing::Later(why)) => later.push(self.postponed(item, why)),
                // What waits for such a step is announced with its real action: it is concrete, only not yet possible.
                (State::Waiting, _) | (State::Blocked(_), Standing::Open(_)) => steps.push(self.planned(outlook, place, &past)),
                (State::Blocked(why), _) => blocked.push(self.postponed(item, why)),
                _ => {}
            }
        }
        let mut envelope = Envelope::of(outlook.stated.iter().map(|(plugin, steps)| (plugin.as_str(), steps.as_slice())));
        for role in &self.cast.roles {
            envelope.live_within(role.plugin.name(), &vet::reach(role.plugin.manifest(), &role.input.nodes));
        }
        let digest = likeness::digest(&serde_json::to_vec(&(&outlook.stated, &steps_key(&steps))).unwrap_or_default());
        let mut warnings: Vec<Trouble> = outlook.warnings.iter().map(|(plugin, warning)| Trouble::of(Some(plugin), warning.clone())).collect();
        warnings.extend(self.cast.roles.iter().filter_map(unsigned));
        warnings.extend(self.cluster.notes.iter().map(|note| Trouble {
            code: note.code.clone(),
            message: note.message.clone(),
            help: note.help.clone(),
            ..Trouble::default()
        }));
        let missing = self.fleet.missing().await;
        Proposal {
            cluster: self.cluster.name.clone(),
            aim,
            steps,
            later,
            blocked,
            refused,
            satisfied,
            warnings,
            relaxed: self.cluster.relax.iter().map(|relaxed| relaxed.name.clone()).collect(),
            unanswered: outlook.unanswered.iter().map(|(node, problem)| (node.clone(), Trouble::of(None, problem.clone()))).collect(),
            missing: missing.into_iter().map(|(node, problem)| (node, Trouble::of(None, problem))).collect(),
            plugins: self.digests(),
            digest,
            envelope,
        }
    }

    fn postponed(&self, item: &Item, why: &str) -> PlannedLater {
        let (kinds, live) = match &item.step.action {
            Action::Later(later) if later.kinds.iter().any(|kind| kind == "call") => {
                let role = self.cast.roles.iter().find(|role| role.plugin.name() == item.plugin);
                (later.kinds.clone(), role.map(|role| vet::reach(role.plugin.manifest(), &role.input.nodes)))
            }
            Action::Later(later) => (later.kinds.clone(), None),
            Action::Call(call) => (vec![item.step.action.word().to_owned()], Some(call.nodes.clone())),
            action => (vec![action.word().to_owned()], None),
        };
        PlannedLater {
            id: item.step.id.clone(),
            plugin: item.plugin.clone(),
            node: item.step.node.clone(),
            title: item.step.title.clone(),
            kinds,
            why: why.to_owned(),
            disrupts: item.step.disrupts.clone(),
            loses: lost(&item.step),
            live,
        }
    }

    fn planned(&self, outlook: &Outlook, place: usize, past: &Past) -> PlannedStep {
        let item = &outlook.sequence.items()[place];
        let step = &item.step;
        PlannedStep {
            id: step.id.clone(),
            plugin: item.plugin.clone(),
            node: step.node.clone(),
            about: step.about.clone(),
            title: step.title.clone(),
            action: step.action.word().into(),
            what: what(&step.action),
            why: why(item, past),
            diff: self.diff(outlook, place),
            disrupts: step.disrupts.clone(),
            loses: lost(step),
            group: step.group.clone(),
            once: step.once,
            until: step.goal.as_ref().map(|goal| goal.expect.clone()),
            undo: undo(step).into(),
            outside_limit: !self.within_limit(step),
        }
    }

    /// Whether `--limit` lets this step change something.
    pub(crate) fn within_limit(&self, step: &Step) -> bool {
        let allowed = |node: &String| self.limit.contains(node);
        // It changes all of them.
        if let Action::Call(call) = &step.action {
            return self.limit.is_empty() || call.nodes.iter().all(allowed);
        }
        self.limit.is_empty() || allowed(&step.node) || step.about.as_ref().is_some_and(allowed)
    }

    fn diff(&self, outlook: &Outlook, place: usize) -> Option<Diff> {
        let item = &outlook.sequence.items()[place];
        let Action::File(file) = &item.step.action else { return None };
        let hidden = |note: &str| Some(Diff { path: file.path.clone(), text: None, note: Some(note.into()) });
        let manifest = named(self, &item.plugin)?.manifest();
        let secret = likeness::is_secret(file) || vet::is_private(&file.path) || manifest.grant.secret.iter().any(|prefix| file.path.starts_with(prefix));
        let current = match outlook.seen[place].first() {
            Some(Ok(Fact::File(fact))) => fact.as_ref(),
            _ => return None,
        };
        if secret {
            return hidden("its content is secret and not shown");
        }
        if let arcus_contract::files::Content::Artifact(name) = &file.content {
            return hidden(&format!("the artifact `{name}`"));
        }
        let contents = self.vault.contents(manifest, &outlook.node_files);
        let wanted = likeness::render(file, current.map(|fact| fact.content.as_slice()), &contents).ok()?;
        let old = current.map(|fact| fact.content.clone()).unwrap_or_default();
        let (Ok(old), Ok(new)) = (String::from_utf8(old), String::from_utf8(wanted)) else {
            return hidden("its content is no text");
        };
        let diff = TextDiff::from_lines(&old, &new);
        let text = diff.unified_diff().context_radius(3).header(&file.path, &file.path).to_string();
        if text.is_empty() {
            let mode = current.map_or(0, |fact| fact.mode);
            return hidden(&format!("only mode or owner: {mode:04o} becomes {:04o}, {}:{}", file.mode, file.owner, file.group));
        }
        // What stood there may have been written with one.
        Some(Diff { path: file.path.clone(), text: Some(self.vault.veil().text(text)), note: None })
    }

    /// What earlier runs made so, from the journal; nothing when it was lost.
    fn past(&self) -> Past {
        let mut past = Past::new();
        let Ok(state) = crate::journal::state_folder(&self.folder) else { return past };
        for run in Journal::runs(&state).unwrap_or_default() {
            let mut wanted_by_step = BTreeMap::new();
            for entry in Journal::read(&state, &run).unwrap_or_default() {
                match entry {
                    Entry::Intent { plugin, step, wanted, .. } => {
                        wanted_by_step.insert((plugin, step), wanted);
                    }
                    Entry::Outcome { plugin, step, end, at, .. } if end == "done" || end == "became-so" => {
                        if let Some(wanted) = wanted_by_step.get(&(plugin.clone(), step.clone())) {
                            past.insert((plugin, step), (wanted.clone(), at));
                        }
                    }
                    _ => {}
                }
            }
        }
        past
    }
}

/// Step → what it made so last, and when.
type Past = BTreeMap<(String, String), (String, String)>;

/// Digest of what a step wants; what the journal remembers of it.
pub(crate) fn wanted(step: &Step) -> String {
    likeness::digest(&serde_json::to_vec(&step.action).unwrap_or_default())
}

fn why(item: &Item, past: &Past) -> String {
    let seen = match &item.standing {
        Standing::Open(what) => what.clone(),
        _ if item.recheck => "what it depends on changes before it".into(),
        _ => String::new(),
    };
    match past.get(&(item.plugin.clone(), item.step.id.clone())) {
        None => format!("first time: {seen}"),
        Some((before, at)) if *before == wanted(&item.step) => format!("drift since {at}: {seen}"),
        Some((_, at)) => format!("wanted otherwise than on {at}: {seen}"),
    }
}

/// What nobody in the operator's policy signed is named in every plan.
fn unsigned(role: &Role) -> Option<Trouble> {
    let (plugin, outside) = (&role.plugin, role.outside.as_ref().filter(|outside| outside.signed_by.is_none())?);
    Some(Trouble {
        code: "plugin.unsigned".into(),
        message: format!("{} {} from {} is a third party's, and not signed by a key of yours", plugin.name(), plugin.manifest().version, outside.path),
        help: Some(format!("that it is what you approved is known by its digest; `arcus plugin inspect {}` shows what it may do", plugin.name())),
        plugin: Some(plugin.name().to_owned()),
        ..Trouble::default()
    })
}

fn steps_key(steps: &[PlannedStep]) -> Vec<(&str, &str, Option<&str>)> {
    steps.iter().map(|step| (step.plugin.as_str(), step.id.as_str(), step.diff.as_ref().and_then(|diff| diff.text.as_deref()))).collect()
}

fn undo(step: &Step) -> &'static str {
    match (&step.undo, &step.action) {
        (Some(_), _) => "by a step",
        (None, Action::Command(_) | Action::Job(_) | Action::CopyTree(_) | Action::Call(_)) => "not at all",
        (None, Action::Wait | Action::Fetch(_) | Action::Later(_)) => "nothing to take back",
        (None, _) => "restored",
    }
}

/// Exactly what an action does, in one line.
fn what(action: &Action) -> String {
    match action {
        Action::Package(package) => match &package.version {
            Some(version) => format!("install {} {version}", package.name),
            None => format!("install {}", package.name),
        },
        Action::Directory(directory) => format!("directory {} {:04o} {}:{}", directory.path, directory.mode, directory.owner, directory.group),
        Action::File(file) => {
            let part = match &file.part {
                arcus_contract::files::Part::Whole => String::new(),
                arcus_contract::files::Part::Block(marker) => format!(", block `{marker}`"),
                arcus_contract::files::Part::Line(key) => format!(", line `{key}`"),
                arcus_contract::files::Part::Hosts => ", names".into(),
            };
            format!("file {}{part} {:04o} {}:{}", file.path, file.mode, file.owner, file.group)
        }
        Action::Absent(path) => format!("remove {path}"),
        Action::Service(service) => {
            let running = if service.running { "running" } else { "stopped" };
            let enabled = if service.enabled { "enabled" } else { "disabled" };
            format!("{} {running}, {enabled}", service.name)
        }
        Action::Mount(mount) => format!("mount {} on {} as {} ({})", mount.source, mount.target, mount.fstype, mount.options.join(",")),
        Action::Unmount(target) => format!("unmount {target}"),
        Action::Command(command) => format!("run {}", command.argv.join(" ")),
        Action::Job(command) => format!("run as a job {}", command.argv.join(" ")),
        Action::Fetch(fetch) => format!("fetch {} to .arcus/kept as {}", fetch.path, fetch.name),
        Action::CopyTree(copy) => format!("copy {} to {}", copy.source, copy.target),
        Action::Wait => "wait".into(),
        Action::Later(later) => later.why.clone(),
        Action::Call(call) => {
            let args = if call.args == "null" { String::new() } else { format!(", told {}", call.args) };
            format!("the plugin itself runs live on {}; what it does there cannot be shown beforehand ({}{args})", call.nodes.join(", "), call.name)
        }
    }
}
