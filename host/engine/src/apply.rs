//! Apply: performs what was approved, plans again, and goes on until nothing is left, or says what is in the way.

use std::collections::{BTreeMap, BTreeSet};

use arcus_contract::actions::{Action, Step};
use arcus_contract::facts::{Fact, Probe, Request};
use arcus_contract::types::Role;
use arcus_plan::sequence::State;
use arcus_plan::standing::Standing;
use arcus_plugin::Wanted;
use serde::Serialize;

use crate::aim::Aim;
use crate::engine::Engine;
use crate::event::Event;
use crate::fault::{Fault, Kind, Trouble};
use crate::fresh::Fresh;
use crate::journal::{Entry, FORMAT, Journal, now};
use crate::lock::Held;
use crate::outlook::Outlook;
use crate::proposal::Proposal;
use crate::run::{OUTSIDE_LIMIT, Performer, RoundEnd, journal_fault};

/// A plan that is not through after so many rounds never will be.
const MAX_ROUNDS: usize = 20;
/// So many runs back, steps that were left open are still decided.
const DECIDES: usize = 20;

/// What the operator adds to a plain yes.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// Accepted risks: `data-loss:NAME`, `quorum`, `blackout`, `live:PLUGIN`.
    pub accept: Vec<String>,
    /// Change things although many nodes cannot be reached.
    pub despite_unreachable: bool,
}

/// What an apply came to.
#[derive(Debug, Clone, Serialize)]
pub struct Applied {
    /// Id of the run; its journal is `.arcus/runs/<run>.jsonl`. Empty when there was nothing to do.
    pub run: String,
    /// Steps performed.
    pub performed: usize,
    /// Rounds of planning and performing.
    pub rounds: usize,
    /// How each node ended.
    pub nodes: BTreeMap<String, NodeEnd>,
    /// Steps that `--limit` kept from being performed.
    pub outside_limit: usize,
    /// Jobs that go on without us.
    pub detached: Vec<String>,
}

/// How a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeEnd {
    /// Nothing is left to do.
    Done,
    /// A step failed.
    Failed,
    /// Something was not done, and why.
    Blocked(String),
    /// What is left lies outside `--limit`.
    OutsideLimit,
    /// It did not answer.
    NotReached,
}

impl std::fmt::Display for NodeEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Failed => f.write_str("failed"),
            Self::Blocked(why) => write!(f, "blocked: {why}"),
            Self::OutsideLimit => write!(f, "blocked: {OUTSIDE_LIMIT}"),
            Self::NotReached => f.write_str("not reached"),
        }
    }
}

impl Serialize for NodeEnd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Engine {
    /// As [`Engine::plan`], for a plan that [`Engine::apply`] is to perform: where nobody works on the cluster, it is not made again
    /// under the lock when it is performed at once.
    ///
    /// # Errors
    /// As [`Engine::plan`].
    pub async fn plan_to_apply(&self) -> Result<Proposal, Fault> {
        // First the lock, then the looks: whoever changes something after that raises the epoch.
        let epoch = self.free_epoch().await;
        let outlook = self.pass(&Aim::Plan, true).await?;
        let proposal = self.propose(&outlook, Aim::Plan).await;
        if let Some(epoch) = epoch {
            *self.fresh.lock().expect("no panic while held") = Some(Fresh::new(outlook, proposal.digest.clone(), epoch));
        }
        Ok(proposal)
    }

    /// Brings about what was approved. Takes the lock, plans again (unless the plan is [fresh](Engine::plan_to_apply)), and performs only
    /// what lies within the approved plan.
    ///
    /// # Errors
    /// What failed, what is in the way, or who holds the lock. Nothing is taken back: the next apply goes on from here.
    pub async fn apply(&self, approved: &Proposal, options: &ApplyOptions) -> Result<Applied, Fault> {
        if let Some(fault) = approved.refusal() {
            return Err(fault);
        }
        let unaccepted: Vec<String> = approved.risks().into_iter().filter(|risk| !options.accept.contains(risk)).collect();
        if !unaccepted.is_empty() {
            let message = format!("this plan puts at risk what a plain yes does not cover: {}", unaccepted.join(", "));
            let help = unaccepted.iter().map(|risk| format!("--accept {risk}")).collect::<Vec<_>>().join(" ");
            return Err(Fault::new(Kind::Pending, "apply.unaccepted", message).help(format!("to go on: {help}")));
        }
        self.check_reach(options).await?;
        let state = self.state()?;
        let run = run_id();
        let held = self.take_lock(&run, approved.aim.verb()).await?;
        let begun = Entry::Run {
            format: FORMAT,
            run: run.clone(),
            verb: approved.aim.verb().into(),
            operator: format!("{}@{}", self.operator.user, self.operator.host),
            at: now(),
            plugins: self.digests(),
        };
        let result = match Journal::begin(&state, &run, &begun) {
            Ok(journal) => {
                // A drill that somebody left open; what cannot be taken back now does not hinder the rest.
                match self.finish_left(&held, None, Some(&journal)).await {
                    Ok(done) => done.into_iter().for_each(|done| self.emit(Event::Note(format!("taken back: the drill {done}")))),
                    Err(fault) => self.emit(Event::Note(fault.to_string())),
                }
                let result = match self.rounds(approved, &held, &journal, &state).await {
                    Err(fault) if fault.kind == Kind::Step && approved.aim == Aim::Plan => Err(self.make_good(fault, &held, &journal, &state).await),
                    result => result,
                };
                let end = match &result {
                    Ok(_) => "done",
                    Err(fault) => match fault.kind {
                        Kind::Interrupted => "interrupted",
                        Kind::Locked => "fenced",
                        Kind::Unreachable => "blocked",
                        _ => "failed",
                    },
                };
                let _ = journal.write(&Entry::End { end: end.into(), at: now() });
                result
            }
            Err(error) => Err(journal_fault(&error)),
        };
        held.release().await;
        result
    }

    /// A change of members that failed half-way puts at risk those who were there before, so it is taken back at once, without another
    /// yes. Nothing else is ever undone by itself.
    async fn make_good(&self, mut fault: Fault, held: &Held, journal: &Journal, state: &cap_std::fs::Dir) -> Fault {
        let plugins: BTreeSet<&String> = fault.troubles.iter().filter(|trouble| trouble.step.is_some()).filter_map(|trouble| trouble.plugin.as_ref()).collect();
        if plugins.is_empty() || self.stop.is_cancelled() {
            return fault;
        }
        let worse = |mut fault: Fault, worse: Fault| {
            let help = "look at what is in the way, then `arcus mend`".to_owned();
            let told = worse.troubles.into_iter().map(|trouble| Trouble { message: format!("it could not be made good: {}", trouble.message), help: trouble.help.or(Some(help.clone())), ..trouble });
            fault.troubles.extend(told);
            fault
        };
        let proposal = match self.plan_for(Aim::Mend).await {
            Ok(proposal) => proposal,
            Err(found) => return worse(fault, found),
        };
        if proposal.is_empty() && proposal.blocked.is_empty() {
            return fault;
        }
        let titles: Vec<String> = proposal.steps.iter().filter(|step| step.action != "wait").map(|step| format!("{} on {}", step.title, step.node)).collect();
        match self.rounds(&proposal, held, journal, state).await {
            Ok(_) => {
                let message = format!("what stopped half-way was made good: {}", titles.join("; "));
                let help = "mend the cause, then `arcus apply` again".to_owned();
                fault.troubles.push(Trouble { code: "run.made-good".into(), message, help: Some(help), ..Trouble::default() });
                fault
            }
            Err(found) => worse(fault, found),
        }
    }

    async fn rounds(&self, approved: &Proposal, held: &Held, journal: &Journal, state: &cap_std::fs::Dir) -> Result<Applied, Fault> {
        let performer = Performer::new(self, held, journal);
        let mut total = 0;
        let mut times: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut number = 0;
        let planned = self.fresh.lock().expect("no panic while held").take();
        let mut fresh = planned.and_then(|fresh| fresh.take(&approved.digest, held.fence().epoch));
        loop {
            number += 1;
            let mut outlook = match fresh.take() {
                Some(outlook) => outlook,
                // The plan that was just approved asked the same a moment ago; later rounds ask other things.
                None => self.pass(&approved.aim, number == 1 && approved.aim == Aim::Plan).await?,
            };
            // Other plans know nothing of what an apply left open.
            if number == 1 && approved.aim == Aim::Plan {
                self.decide(&outlook, journal, state).await?;
            }
            self.keep_to_envelope(approved, &outlook)?;
            if let Some(item) = outlook.sequence.items().iter().find(|item| {
                item.state == State::Waiting && !item.recheck && times.get(&(item.plugin.clone(), item.step.id.clone())).is_some_and(|times| *times > 1)
            }) {
                let seen = match &item.standing {
                    Standing::Open(what) => what.clone(),
                    _ => String::new(),
                };
                return Err(Fault::one(
                    Kind::Step,
                    Trouble {
                        code: "plan.does-not-converge".into(),
                        message: format!("it was performed twice and is still not so: {seen}"),
                        help: Some("somebody else changes it back, or the plugin asks for what cannot be".into()),
                        node: Some(item.step.node.clone()),
                        plugin: Some(item.plugin.clone()),
                        step: Some(item.step.id.clone()),
                        tail: None,
                    },
                ));
            }
            self.keep_groups_whole(&mut outlook).await;
            let waiting = outlook.sequence.waiting();
            self.emit(Event::Round { number, steps: waiting });
            if number == 1 && waiting > 0 {
                let touched = outlook.sequence.items().iter().filter(|item| item.state == State::Waiting && self.within_limit(&item.step));
                self.raise_fence(held, &touched.flat_map(|item| nodes_of(&item.step)).collect()).await?;
            }
            if waiting > 0 {
                performer.secrets(&outlook).await?;
            }
            let end = performer.round(&mut outlook).await?;
            total += end.performed.len();
            for step in &end.performed {
                *times.entry(step.clone()).or_default() += 1;
            }
            let later = outlook.sequence.items().iter().any(|item| matches!(item.state, State::Later(_)));
            if end.failed.is_empty() && end.unknown.is_empty() && !end.fenced && outlook.sequence.is_finished() && !later && outlook.unanswered.is_empty() {
                return Ok(self.applied(journal, total, number, &outlook, &end).await);
            }
            self.judge_end(&end, held)?;
            if end.performed.is_empty() && !end.stale {
                return self.stuck(journal, total, number, &outlook, &end).await;
            }
            if number == MAX_ROUNDS {
                return Err(Fault::new(Kind::Step, "plan.does-not-converge", format!("after {MAX_ROUNDS} rounds there is still something to do"))
                    .help("somebody else changes it back, or the plugin asks for what cannot be: `arcus plan` shows what is left"));
            }
        }
    }

    fn judge_end(&self, end: &RoundEnd, held: &Held) -> Result<(), Fault> {
        if end.fenced || held.fenced().is_cancelled() {
            return Err(Fault::new(Kind::Locked, "run.fenced", "another run has taken over: nothing more was changed by this one")
                .help("`arcus status` says who it is"));
        }
        if !end.failed.is_empty() {
            let mut troubles = end.failed.clone();
            troubles.extend(end.unknown.clone());
            return Err(Fault { kind: Kind::Step, troubles, diagnostics: vec![] });
        }
        if self.stop.is_cancelled() {
            let mut fault = Fault::new(Kind::Interrupted, "run.interrupted", "interrupted: nothing new was begun, and what was under way has ended").help("`arcus apply` goes on from here");
            if !end.detached.is_empty() {
                fault = Fault::new(Kind::Interrupted, "run.interrupted", format!("interrupted; still running on its node: {}", end.detached.join("; ")))
                    .help("`arcus apply` attaches to it again");
            }
            return Err(fault);
        }
        if !end.unknown.is_empty() {
            return Err(Fault { kind: Kind::Unreachable, troubles: end.unknown.clone(), diagnostics: vec![] });
        }
        Ok(())
    }

    /// Nothing can go on. Whether that is a fault depends on what is in the way.
    async fn stuck(&self, journal: &Journal, performed: usize, rounds: usize, outlook: &Outlook, end: &RoundEnd) -> Result<Applied, Fault> {
        let mut troubles = Vec::new();
        let mut kind = Kind::Step;
        for (node, problem) in &outlook.unanswered {
            kind = Kind::Unreachable;
            troubles.push(Trouble { node: Some(node.clone()), ..Trouble::of(None, problem.clone()) });
        }
        for item in outlook.sequence.items() {
            let why = match (&item.state, &item.standing) {
                (_, Standing::Refused(problem)) => {
                    kind = Kind::Step;
                    troubles.push(Trouble { step: Some(item.step.id.clone()), ..Trouble::of(Some(&item.plugin), problem.clone()) });
                    continue;
                }
                (State::Blocked(why), _) if why != OUTSIDE_LIMIT => why.clone(),
                (State::Later(why), _) => format!("it cannot be told yet: {why}"),
                _ => continue,
            };
            troubles.push(Trouble {
                code: "step.blocked".into(),
                message: format!("{}: {why}", item.step.title),
                node: Some(item.step.node.clone()),
                plugin: Some(item.plugin.clone()),
                step: Some(item.step.id.clone()),
                help: Some("mend what it waits for, then `arcus apply` goes on".into()),
                ..Trouble::default()
            });
        }
        if end.outside_limit > 0 && outlook.unanswered.is_empty() {
            return Ok(self.applied(journal, performed, rounds, outlook, end).await);
        }
        if troubles.is_empty() {
            let help = Some("`arcus plan` shows what is left; this is a mistake in a plugin: tell its author".into());
            troubles.push(Trouble { code: "plan.stuck".into(), message: "something is left, and nothing of it can start".into(), help, ..Trouble::default() });
        }
        Err(Fault { kind, troubles, diagnostics: vec![] })
    }

    async fn applied(&self, journal: &Journal, performed: usize, rounds: usize, outlook: &Outlook, end: &RoundEnd) -> Applied {
        let missing = self.fleet.missing().await;
        let mut nodes: BTreeMap<String, NodeEnd> = self.fleet.names().map(|node| (node.to_owned(), NodeEnd::Done)).collect();
        for item in outlook.sequence.items() {
            let found = match &item.state {
                State::Failed => NodeEnd::Failed,
                State::Blocked(why) if why == OUTSIDE_LIMIT => NodeEnd::OutsideLimit,
                State::Blocked(why) | State::Later(why) => NodeEnd::Blocked(why.clone()),
                _ => continue,
            };
            let end = nodes.entry(item.step.node.clone()).or_insert(NodeEnd::Done);
            // What came after a failure is blocked by it.
            if *end != NodeEnd::Failed {
                *end = found;
            }
        }
        for node in missing.keys() {
            nodes.insert(node.clone(), NodeEnd::NotReached);
        }
        Applied { run: journal.run().to_owned(), performed, rounds, nodes, outside_limit: end.outside_limit, detached: end.detached.clone() }
    }

    /// A later round may only do what was announced.
    fn keep_to_envelope(&self, approved: &Proposal, outlook: &Outlook) -> Result<(), Fault> {
        let mut troubles = Vec::new();
        for item in outlook.sequence.items().iter().filter(|item| item.state == State::Waiting) {
            if let Err(outside) = approved.envelope.covers(&item.plugin, &item.step) {
                troubles.push(Trouble {
                    code: "plan.outside".into(),
                    message: format!("{}: {}", item.step.title, outside.reason),
                    help: Some("`arcus plan` shows the plan as it is now".into()),
                    node: Some(item.step.node.clone()),
                    plugin: Some(item.plugin.clone()),
                    step: Some(item.step.id.clone()),
                    tail: None,
                });
            }
        }
        if troubles.is_empty() { Ok(()) } else { Err(Fault { kind: Kind::Pending, troubles, diagnostics: vec![] }) }
    }

    /// What is disruptive, once-only or a change of membership does not run while any member of its group is silent.
    async fn keep_groups_whole(&self, outlook: &mut Outlook) {
        let missing: BTreeSet<String> = self.fleet.missing().await.into_keys().collect();
        if missing.is_empty() {
            return;
        }
        let mut members: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for item in outlook.sequence.items() {
            if let Some(group) = &item.step.group {
                members.entry((item.plugin.clone(), group.clone())).or_default().insert(item.step.node.clone());
            }
        }
        let mut held_back = Vec::new();
        for (place, item) in outlook.sequence.items().iter().enumerate().filter(|(_, item)| item.state == State::Waiting) {
            if let Some(node) = nodes_of(&item.step).skip(1).find(|node| missing.contains(*node)) {
                held_back.push((place, format!("{node}, on which it runs live, did not answer")));
            }
        }
        for (place, item) in outlook.sequence.items().iter().enumerate().filter(|(_, item)| item.state == State::Waiting) {
            let group = item.step.group.as_ref().and_then(|group| members.get(&(item.plugin.clone(), group.clone())));
            let silent: Vec<&String> = group.into_iter().flatten().filter(|node| missing.contains(*node)).collect();
            if !silent.is_empty() {
                let names = silent.iter().map(|node| node.as_str()).collect::<Vec<_>>().join(", ");
                held_back.push((place, format!("{names} of its group did not answer")));
            }
        }
        for (place, why) in held_back {
            outlook.sequence.hold_back(place, why);
        }
    }

    /// When much of the cluster is out of reach, it may be this machine that is cut off.
    async fn check_reach(&self, options: &ApplyOptions) -> Result<(), Fault> {
        let missing = self.fleet.missing().await;
        if missing.is_empty() || options.despite_unreachable {
            return Ok(());
        }
        let managers: Vec<&str> = self.cluster.with(Role::Manage).map(|member| member.node.name.as_str()).collect();
        let silent = managers.iter().filter(|node| missing.contains_key(**node)).count();
        let nodes = self.cluster.nodes.len();
        if silent * 2 > managers.len() || missing.len() * 5 > nodes {
            let names: Vec<&str> = missing.keys().map(String::as_str).collect();
            let message = format!("{} of {nodes} nodes cannot be reached ({}): maybe it is this machine that is cut off, so nothing was changed", missing.len(), names.join(", "));
            let mut fault = Fault::new(Kind::Unreachable, "apply.cut-off", message).help("when you are sure, --despite-unreachable");
            fault.troubles.extend(missing.into_values().map(|problem| Trouble::of(None, problem)));
            return Err(fault);
        }
        Ok(())
    }

    /// Steps of earlier runs that were begun and of which no end is told: decided by what is seen now. A run that came to nothing
    /// before it could decide leaves them to the next.
    async fn decide(&self, outlook: &Outlook, journal: &Journal, state: &cap_std::fs::Dir) -> Result<(), Fault> {
        let mut decided = Vec::new();
        let mut settled: BTreeSet<(String, String)> = BTreeSet::new();
        let runs = Journal::runs(state).unwrap_or_default();
        for run in runs.iter().rev().filter(|run| run.as_str() != journal.run()).take(DECIDES) {
            let entries = Journal::read(state, run).unwrap_or_default();
            for (plugin, step, node) in Journal::open_steps(&entries) {
                if !settled.insert((plugin.clone(), step.clone())) {
                    continue;
                }
                let found = outlook.sequence.items().iter().find(|item| item.plugin == plugin && item.step.id == step);
                let as_seen = match found.map(|item| (&item.state, &item.standing, &item.step.action)) {
                    Some((State::LeftOut, ..) | (_, Standing::Satisfied, _)) => "done",
                    Some((_, Standing::Open(_), Action::Job(_) | Action::CopyTree(_))) if self.is_running(&plugin, &step, &node).await => "running",
                    Some((_, Standing::Open(_), _)) => "not-done",
                    _ => "unknown",
                };
                decided.push(Entry::Decided { run: run.clone(), plugin, step, node, as_seen: as_seen.into(), at: now() });
            }
            // What came later in time has had the last word on these.
            settled.extend(entries.into_iter().filter_map(|entry| match entry {
                Entry::Intent { plugin, step, .. } => Some((plugin, step)),
                Entry::Decided { plugin, step, as_seen, .. } if as_seen == "done" || as_seen == "not-done" => Some((plugin, step)),
                _ => None,
            }));
        }
        journal.write_all(&decided).map_err(|error| journal_fault(&error))
    }

    /// Whether a step is a job that goes on at its node.
    async fn is_running(&self, plugin: &str, step: &str, node: &str) -> bool {
        let (_, round) = self.round();
        let request = Request { node: node.to_owned(), probe: Probe::Job(step.to_owned()) };
        let answer = round.look(vec![Wanted::new(plugin, request)]).await.pop();
        matches!(answer, Some(Ok(Fact::Job(Some(job)))) if job.running)
    }
}

/// Where a step changes something: its own node first, then those that it runs live on.
fn nodes_of(step: &Step) -> impl Iterator<Item = &str> {
    let live = if let Action::Call(call) = &step.action { call.nodes.as_slice() } else { &[] };
    std::iter::once(&step.node).chain(live).map(String::as_str)
}

/// Sorts by time; unique among operators.
pub(crate) fn run_id() -> String {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S").to_string();
    let unique = uuid::Uuid::new_v4().simple().to_string();
    format!("{time}-{}", &unique[..6])
}
