//! One planning pass: all plugins plan at once, every step is vetted, and what is so already is left out.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arcus_contract::actions::{Action, Desired, Step};
use arcus_contract::checks::{Seen, Verdict, Weighing};
use arcus_contract::facts::{Answer, Request};
use arcus_contract::files::{Content, Piece};
use arcus_contract::types::Problem;
use arcus_plan::manifest::{Manifest, Secret};
use arcus_plan::sequence::Sequence;
use arcus_plan::standing::{self, Standing};
use arcus_plan::vet;
use arcus_plugin::{Export, Failure, Plugin, Round, Wanted};
use futures::future::join_all;

use crate::aim::Aim;
use crate::cast::{Role, broken, place};
use crate::engine::Engine;
use crate::event::Event;
use crate::fault::{Fault, Kind, Trouble};
use crate::migrate;
use crate::observer::Observer;
use crate::outlook::Outlook;
use crate::vault::{Known, Vault};
use crate::veil::Veil;

impl Engine {
    pub(crate) fn round(&self) -> (Arc<Observer>, Round) {
        let observer = Arc::new(Observer::new(self.fleet.clone(), self.vault.clone(), self.heard.clone(), self.cast.manifests()));
        (observer.clone(), Round::new(observer))
    }

    /// Plans, vets, looks, judges. With `ahead`, what the last plan here asked is fetched first, so that a plan of a cluster
    /// where nothing changed is one round trip per node.
    pub(crate) async fn pass(&self, aim: &Aim, ahead: bool) -> Result<Outlook, Fault> {
        let (observer, round) = self.round();
        self.emit(Event::Phase { name: "observe" });
        migrate::look(self, &observer);
        if ahead {
            let known = self.asked.known(&self.folder);
            let of_cluster = |wanted: &Wanted| self.cluster.node(&wanted.request.node).is_some();
            let known: Vec<Wanted> = known.into_iter().filter(of_cluster).collect();
            round.fetch(&known).await;
        }
        crate::kept::note(&self.folder, &self.vault);
        migrate::refuse(self, aim)?;
        let plans = self.plans(aim, &round).await;
        // Where the plugins asked for nothing, nobody was asked.
        let _ = arcus_plugin::Fetch::fetch(&*observer, Vec::new()).await;
        migrate::refuse_unknown(self, &observer.node_files())?;
        let plans = plans?;
        self.vet(&plans)?;

        self.emit(Event::Phase { name: "compare" });
        let mut secrets = BTreeMap::new();
        for (role, desired) in self.cast.roles.iter().zip(&plans) {
            for step in &desired.steps {
                want_contents(&observer, role.plugin.manifest(), step, &mut secrets);
            }
        }
        // One round trip per node for the targets and the goals of all plugins together.
        let mut wanted = Vec::new();
        for (role, desired) in self.cast.roles.iter().zip(&plans) {
            for step in &desired.steps {
                let requests = standing::looks(step).into_iter().chain(goal_requests(step));
                wanted.extend(requests.map(|request| Wanted::new(role.plugin.name(), request)));
            }
        }
        let mut answers = round.look(wanted).await.into_iter();
        // When all else was fetched ahead, secrets and files to carry over are still to be read.
        let _ = arcus_plugin::Fetch::fetch(&*observer, Vec::new()).await;
        let node_files = observer.node_files();
        self.refuse_conflicts(&secrets)?;

        let (mut asked, mut questions) = (Vec::new(), 0);
        let mut unanswered = BTreeMap::new();
        round.each(|wanted, answer| {
            questions += 1;
            if ahead {
                asked.push(wanted.clone());
            }
            if let Err(problem) = answer
                && is_nodes_fault(problem)
            {
                unanswered.entry(wanted.request.node.clone()).or_insert_with(|| problem.clone());
            }
        });
        tracing::debug!(round_trips = round.fetches(), questions, "looked");
        if ahead {
            self.asked.keep(&self.folder, asked.into_iter());
        }
        // Of a hundred nodes this is much, and `answers` has what is needed of it.
        drop((round, observer));

        let (mut ordered, mut seen, mut roles, mut warnings, mut stated) = (vec![], vec![], vec![], vec![], vec![]);
        for (place, (role, desired)) in self.cast.roles.iter().zip(plans).enumerate() {
            let name = role.plugin.name().to_owned();
            let mut looked = Vec::with_capacity(desired.steps.len());
            let mut goals = Vec::new();
            for (number, step) in desired.steps.iter().enumerate() {
                let targets: Vec<Answer> = answers.by_ref().take(standing::looks(step).len()).collect();
                let goal: Vec<(Request, Answer)> = goal_requests(step).zip(answers.by_ref()).collect();
                if step.goal.is_some() {
                    goals.push((number, goal));
                }
                looked.push(targets);
            }
            let verdicts = weigh(&self.vault.veil(), role, &desired.steps, goals).await?;
            let contents = self.vault.contents(role.plugin.manifest(), &node_files);
            let mut steps = Vec::with_capacity(desired.steps.len());
            for (number, (step, targets)) in desired.steps.iter().zip(looked).enumerate() {
                let verdict = verdicts.get(&number);
                let mut standing = standing::standing(step, &targets, verdict.map(|(verdict, _)| verdict), &contents);
                if let (Standing::Open(_), Some((_, Some(problem)))) = (&standing, verdict) {
                    standing = Standing::Unknown(problem.clone());
                }
                steps.push((step.clone(), standing));
                seen.push(targets);
                roles.push(place);
            }
            warnings.extend(desired.warnings.into_iter().map(|warning| (name.clone(), warning)));
            stated.push((name.clone(), desired.steps));
            ordered.push((name, steps));
        }
        let sequence = Sequence::new(ordered).map_err(|tangle| {
            Fault::new(Kind::Step, "plan.tangled", tangle.to_string()).help("this is a mistake in a plugin, or a plugin is missing in the cluster file")
        })?;
        Ok(Outlook { sequence, seen, roles, stated, warnings, node_files, secrets, unanswered })
    }

    async fn plans(&self, aim: &Aim, round: &Round) -> Result<Vec<Desired>, Fault> {
        let seats: Vec<_> = self.cast.roles.iter().map(|_| round.seat()).collect();
        let calls = self.cast.roles.iter().zip(seats).map(|(role, seat)| async move {
            match aim {
                Aim::Migrate(way) => migrate::plan(self, role, *way, seat).await,
                Aim::Plan => role.plugin.plan(seat, &role.input).await,
                Aim::Mend => role.plugin.mend(seat, &role.input).await,
                Aim::Leave(node) => role.plugin.leave(seat, &role.input, node).await,
            }
        });
        let mut plans = Vec::new();
        let mut fault = Fault { kind: Kind::Input, troubles: vec![], diagnostics: vec![] };
        for (role, result) in self.cast.roles.iter().zip(join_all(calls).await) {
            match result {
                Ok(desired) => plans.push(desired),
                Err(failure) => self.blame(role, failure, &mut fault),
            }
        }
        if fault.troubles.is_empty() && fault.diagnostics.is_empty() { Ok(plans) } else { Err(fault) }
    }

    /// Adds what a plugin said instead of a result.
    pub(crate) fn blame(&self, role: &Role, failure: Failure, fault: &mut Fault) {
        match failure {
            Failure::Problems(problems) => {
                // It passes on what it was told when it asked for what it was not granted.
                if problems.iter().all(|problem| problem.code == "node.denied") {
                    fault.kind = Kind::Denied;
                }
                for problem in problems {
                    match place(&self.file, role, &problem) {
                        Some(diagnostic) => fault.diagnostics.push(diagnostic),
                        None => fault.troubles.push(Trouble::of(Some(role.plugin.name()), problem)),
                    }
                }
            }
            Failure::Call(error) => {
                fault.kind = Kind::Step;
                fault.troubles.push(broken(&error));
            }
        }
    }

    fn vet(&self, plans: &[Desired]) -> Result<(), Fault> {
        let nodes = self.nodes();
        let (mut troubles, mut denied) = (Vec::new(), false);
        for (role, desired) in self.cast.roles.iter().zip(plans) {
            for denial in vet::plan(role.plugin.manifest(), &nodes, desired).err().into_iter().flatten() {
                denied |= denial.permission.is_some();
                let node = desired.steps.iter().find(|step| step.id == denial.step).map(|step| step.node.clone());
                let mut trouble = Trouble { node, ..Trouble::from(denial) };
                trouble.message = format!("{} (in the plan that its `{}` returned)", trouble.message, Export::Plan);
                troubles.push(trouble);
            }
        }
        let kind = if denied { Kind::Denied } else { Kind::Step };
        if troubles.is_empty() { Ok(()) } else { Err(Fault { kind, troubles, diagnostics: vec![] }) }
    }

    fn refuse_conflicts(&self, secrets: &BTreeMap<String, (String, String, BTreeSet<String>)>) -> Result<(), Fault> {
        for (key, (plugin, name, _)) in secrets {
            if let Known::Conflict(nodes) = self.vault.known(key) {
                let message = format!("the secret `{name}` of {plugin} is not the same on {}", nodes.join(", "));
                return Err(Fault::new(Kind::Input, "secret.conflict", message).help(
                    "two runs made one each: remove the wrong one below /var/lib/arcus/<cluster>/secrets on its node, then plan again",
                ));
            }
        }
        Ok(())
    }
}

/// Per step: its verdict, and why that cannot be trusted, when a node did not answer.
type Judged = HashMap<usize, (Verdict, Option<Problem>)>;
/// A step's place, and the answers to what its goal looks at.
type Goal = (usize, Vec<(Request, Answer)>);

/// Judges the goals of one plugin in one call.
pub(crate) async fn judge(veil: &Veil, role: &Role, steps: &[Step], goals: &[Goal]) -> Result<Judged, Fault> {
    weigh(veil, role, steps, goals.to_vec()).await
}

/// The same, with answers that nobody needs afterwards.
async fn weigh(veil: &Veil, role: &Role, steps: &[Step], goals: Vec<Goal>) -> Result<Judged, Fault> {
    if goals.is_empty() {
        return Ok(HashMap::new());
    }
    let mut seen: Vec<Seen> = Vec::new();
    let mut places: HashMap<Request, u32> = HashMap::new();
    let mut cases = Vec::with_capacity(goals.len());
    let mut doubts = Vec::with_capacity(goals.len());
    for (number, goal) in goals {
        let step = &steps[number];
        let doubt = goal.iter().filter_map(|(_, answer)| answer.as_ref().err()).find(|problem| is_nodes_fault(problem));
        doubts.push((number, doubt.cloned()));
        let mut indices = Vec::with_capacity(goal.len());
        for (request, answer) in goal {
            indices.push(match places.entry(request) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    seen.push(Seen { request: new.key().clone(), answer: veil.answer(answer) });
                    *new.insert(seen.len() as u32 - 1)
                }
            });
        }
        let expect = step.goal.as_ref().map(|goal| goal.expect.clone()).unwrap_or_default();
        cases.push(Weighing { step: step.id.clone(), expect, seen: indices });
    }
    drop(places);
    let verdicts = role.plugin.judge(&role.input, &cases, &seen).await.map_err(|error| Fault::one(Kind::Step, broken(&error)))?;
    if verdicts.len() != cases.len() {
        let message = format!("{} goals were put to {}, {} verdicts came back", cases.len(), role.plugin.name(), verdicts.len());
        return Err(Fault::new(Kind::Step, "plugin.contract-broken", message).help("this is a mistake in the plugin: tell its author"));
    }
    Ok(doubts.into_iter().zip(verdicts).map(|((number, doubt), verdict)| (number, (verdict, doubt))).collect())
}

/// What the goal of a step looks at.
pub(crate) fn goal_requests(step: &Step) -> impl Iterator<Item = Request> + '_ {
    step.goal.iter().flat_map(|goal| goal.requests.iter().cloned())
}

/// The node did not answer; unlike a program that is not there yet, or a right that is missing.
pub(crate) fn is_nodes_fault(problem: &Problem) -> bool {
    problem.code.starts_with("node.") && problem.code != "node.denied" && problem.code != "node.unreadable"
}

fn want_contents(observer: &Observer, manifest: &Manifest, step: &Step, secrets: &mut BTreeMap<String, (String, String, BTreeSet<String>)>) {
    for action in std::iter::once(&step.action).chain(&step.undo) {
        let pieces: &[Piece] = match action {
            Action::File(file) => {
                if let Content::NodeFile((node, path)) = &file.content {
                    observer.want_file(node.clone(), path.clone());
                }
                match &file.content {
                    Content::Pieces(pieces) => pieces,
                    _ => &[],
                }
            }
            Action::Command(command) | Action::Job(command) => &command.stdin,
            _ => &[],
        };
        for piece in pieces {
            if let Piece::Secret(name) = piece
                && matches!(manifest.grant.secrets.get(name), Some(Secret::Generated { .. }))
            {
                let key = Vault::key(&manifest.name, name);
                observer.want_secret(key.clone(), step.node.clone());
                let entry = secrets.entry(key).or_insert_with(|| (manifest.name.clone(), name.clone(), BTreeSet::new()));
                entry.2.insert(step.node.clone());
            }
        }
    }
}

/// A plugin of the cast by its name.
pub(crate) fn named<'a>(engine: &'a Engine, name: &str) -> Option<&'a Plugin> {
    engine.cast.roles.iter().map(|role| &role.plugin).find(|plugin| plugin.name() == name)
}
