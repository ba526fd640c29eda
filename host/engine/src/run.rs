//! Performs what one pass left over: in parallel where nothing orders or groups it, each step journalled before and after.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arcus_contract::actions::{Action, Call, Fetch, Step};
use arcus_contract::checks::Verdict;
use arcus_contract::facts::{Answer, Fact, JobFact, Probe, Request};
use arcus_contract::types::Problem;
use arcus_node::{Batch, Change, Event as NodeEvent, Failure, Look, Outcome, Quiet, Task};
use arcus_plan::manifest::Secret;
use arcus_plan::sequence::{Item, State};
use arcus_plan::standing::{self, Standing};
use arcus_plugin::{Failure as Failed, Wanted};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use crate::change;
use crate::engine::Engine;
use crate::event::{Event, StepEnd};
use crate::fault::{Fault, Kind, Trouble};
use crate::hatch::Hatch;
use crate::journal::{Entry, Journal, now};
use crate::lock::Held;
use crate::observer::Observer;
use crate::outlook::Outlook;
use crate::pass::{goal_requests, is_nodes_fault, judge};
use crate::proposal::wanted;
use crate::vault::{Known, NodeFiles, Vault};

/// Why a step that `--limit` leaves out is held back.
pub const OUTSIDE_LIMIT: &str = "it is outside --limit";
/// First pause between two looks at a goal, and the longest.
const POLL: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// A node that has not answered for so long is not waited for any more; its job goes on.
const SILENCE: Duration = Duration::from_secs(60);

/// What a round came to.
#[derive(Default)]
pub struct RoundEnd {
    /// Steps that were performed, or had become so.
    pub performed: Vec<(String, String)>,
    /// What failed.
    pub failed: Vec<Trouble>,
    /// What could not be told: the link broke.
    pub unknown: Vec<Trouble>,
    /// Something had changed under our eyes: it is planned again.
    pub stale: bool,
    /// Another run took over.
    pub fenced: bool,
    /// Jobs that go on without us.
    pub detached: Vec<String>,
    /// Steps that `--limit` kept from being performed.
    pub outside_limit: usize,
}

/// The right and the means to change something.
pub struct Performer<'a> {
    engine: &'a Engine,
    held: &'a Held,
    journal: &'a Journal,
    touched: Mutex<HashMap<String, HashSet<String>>>,
}

/// How one step ended, with its place in the sequence.
struct Ended {
    place: usize,
    state: State,
    end: StepEnd,
}

/// A goal that is looked at in the round trip that brings it about.
struct Behind {
    observer: Arc<Observer>,
    wanted: Vec<Wanted>,
    looks: Vec<Look>,
}

impl Behind {
    /// Whether it is met already. Everything else is left to waiting.
    async fn is_met(self, role: &crate::cast::Role, step: &Step, answers: Vec<arcus_node::Answer>) -> Result<bool, Fault> {
        let seen = self.wanted.into_iter().zip(answers).map(|(wanted, answer)| (wanted.request.clone(), self.observer.answer(&wanted, answer))).collect();
        let verdicts = judge(&self.observer.veil(), role, std::slice::from_ref(step), &[(0, seen)]).await?;
        Ok(matches!(verdicts.get(&0), Some((Verdict::Met, None))))
    }
}

impl<'a> Performer<'a> {
    /// For one run.
    pub fn new(engine: &'a Engine, held: &'a Held, journal: &'a Journal) -> Self {
        Self { engine, held, journal, touched: Mutex::default() }
    }

    /// Performs until nothing more can start and nothing runs.
    ///
    /// # Errors
    /// When the journal cannot be written: nothing more is sent then.
    pub async fn round(&self, outlook: &mut Outlook) -> Result<RoundEnd, Fault> {
        let mut end = RoundEnd { outside_limit: self.keep_to_limit(outlook), ..RoundEnd::default() };
        let mut running = FuturesUnordered::new();
        loop {
            let halted = self.engine.stop.is_cancelled() || self.held.fenced().is_cancelled() || end.fenced;
            if !halted {
                for first in outlook.sequence.ready() {
                    if running.len() >= self.engine.jobs {
                        break;
                    }
                    let places = outlook.sequence.batch(first);
                    let items: Vec<(usize, Item, Vec<Answer>)> = places
                        .iter()
                        .map(|place| (*place, outlook.sequence.items()[*place].clone(), outlook.seen[*place].clone()))
                        .collect();
                    for place in &places {
                        outlook.sequence.start(*place);
                    }
                    let role = outlook.roles[first];
                    running.push(self.batch(role, items, outlook.node_files.clone()));
                }
            }
            let Some(ends) = running.next().await else { break };
            for Ended { place, state, end: how } in ends? {
                let item = &outlook.sequence.items()[place];
                let (plugin, step) = (item.plugin.clone(), item.step.clone());
                let trouble = |problem: &Problem| Trouble { step: Some(step.id.clone()), ..Trouble::of(Some(&plugin), problem.clone()) };
                match &how {
                    StepEnd::Done | StepEnd::BecameSo => end.performed.push((plugin.clone(), step.id.clone())),
                    StepEnd::Stale => end.stale = true,
                    StepEnd::Detached => end.detached.push(format!("{plugin}: {} on {}", step.title, step.node)),
                    StepEnd::Failed(problem) if problem.code == "run.fenced" => end.fenced = true,
                    StepEnd::Failed(problem) => end.failed.push(trouble(problem)),
                    StepEnd::Unknown(why) => end.unknown.push(Trouble {
                        code: "node.lost".into(),
                        message: why.clone(),
                        help: Some("run `arcus apply` again: what became of it is decided by looking".into()),
                        node: Some(step.node.clone()),
                        plugin: Some(plugin.clone()),
                        step: Some(step.id.clone()),
                        tail: None,
                    }),
                    StepEnd::Held(_) => {}
                }
                outlook.sequence.end(place, state);
            }
        }
        end.fenced |= self.held.fenced().is_cancelled();
        Ok(end)
    }

    /// What `--limit` excludes does not run, nor what needs it.
    fn keep_to_limit(&self, outlook: &mut Outlook) -> usize {
        let outside = |item: &Item| item.state == State::Waiting && !self.engine.within_limit(&item.step);
        let places: Vec<usize> = outlook.sequence.items().iter().enumerate().filter(|(_, item)| outside(item)).map(|(place, _)| place).collect();
        for place in &places {
            outlook.sequence.hold_back(*place, OUTSIDE_LIMIT.into());
        }
        places.len()
    }

    /// Secrets that have no value yet are made and put on every node that uses them, before anything else.
    pub async fn secrets(&self, outlook: &Outlook) -> Result<(), Fault> {
        for (key, (plugin, name, users)) in &outlook.secrets {
            let users: BTreeSet<String> = users.clone();
            let (value, nodes) = match self.engine.vault.known(key) {
                Known::One(value, without) => (value, without.into_iter().filter(|node| users.contains(node)).collect::<Vec<_>>()),
                Known::None => {
                    let manifests = self.engine.cast.manifests();
                    let Some(Secret::Generated { length, alphabet }) = manifests.get(plugin).and_then(|manifest| manifest.grant.secrets.get(name)) else {
                        continue;
                    };
                    (Vault::make(*length, alphabet.as_deref())?, users.into_iter().collect())
                }
                Known::Unknown | Known::Conflict(_) => continue,
            };
            for node in nodes {
                let task = Task {
                    id: format!("secret:{name}"),
                    change: Change::KeepSecret { name: key.clone(), value: value.clone() },
                    timeout: Duration::from_secs(20),
                };
                let batch = Batch { fence: Some(self.held.fence()), tasks: vec![task], ..Batch::default() };
                match self.engine.fleet.run(&node, &batch, &mut Quiet).await {
                    Ok(report) if report.outcomes.iter().all(Outcome::is_done) => self.engine.vault.note(key, &node, Ok(Some(value.clone()))),
                    Ok(_) | Err(_) => {
                        let message = format!("the secret `{name}` of {plugin} could not be kept on {node}");
                        return Err(Fault::new(Kind::Step, "secret.not-kept", message).help("run `arcus apply` again: what was kept is read back from the nodes"));
                    }
                }
            }
        }
        Ok(())
    }

    async fn batch(&self, role: usize, items: Vec<(usize, Item, Vec<Answer>)>, node_files: NodeFiles) -> Result<Vec<Ended>, Fault> {
        let role = &self.engine.cast.roles[role];
        let node = items[0].1.step.node.clone();
        let mut ends = Vec::with_capacity(items.len());
        let mut tasks = Vec::with_capacity(items.len());
        let mut going = Vec::with_capacity(items.len());
        let mut touched = self.touched.lock().expect("no panic while held").get(&node).cloned().unwrap_or_default();
        let begun = Instant::now();
        for (place, item, mut seen) in items {
            let step = item.step.clone();
            // A wait behind changes of this batch is looked at once they are made.
            let turn = step.once || step.group.is_some() || item.recheck || matches!(step.action, Action::Wait);
            if turn && (going.is_empty() || !matches!(step.action, Action::Wait)) {
                match self.look_again(role, &step, &node_files).await? {
                    (Standing::Satisfied, _) => {
                        ends.push(self.ended(&item, place, State::Done, StepEnd::BecameSo, begun)?);
                        continue;
                    }
                    (Standing::Open(_), answers) => seen = answers,
                    (Standing::Unknown(problem), _) => {
                        let why = format!("not every question about it was answered: {}", problem.message);
                        ends.push(self.ended(&item, place, State::Blocked(why.clone()), StepEnd::Held(why), begun)?);
                        continue;
                    }
                    (Standing::Refused(problem), _) => {
                        ends.push(self.ended(&item, place, State::Failed, StepEnd::Failed(problem), begun)?);
                        continue;
                    }
                    (Standing::Later(why), _) => {
                        ends.push(self.ended(&item, place, State::Blocked(why.clone()), StepEnd::Held(why), begun)?);
                        continue;
                    }
                }
            }
            if let Action::Fetch(fetch) = &step.action {
                ends.push(self.fetch(&item, place, fetch, begun).await?);
                continue;
            }
            if let Action::Call(call) = &step.action {
                ends.push(self.live(role, &item, place, call, begun).await?);
                continue;
            }
            let contents = self.engine.vault.contents(role.plugin.manifest(), &node_files);
            match change::task(role.plugin.name(), &step, &seen, &contents, &touched) {
                Ok(task) => {
                    touched.extend(change::touches(&step).map(str::to_owned));
                    tasks.push(task);
                    going.push((place, item));
                }
                Err(problem) => {
                    ends.push(self.ended(&item, place, State::Failed, StepEnd::Failed(problem), begun)?);
                    // What follows in this batch may rely on it.
                    break;
                }
            }
        }
        if going.is_empty() {
            return Ok(ends);
        }
        // Looking again takes its time, and the operator may not want it any more.
        if self.engine.stop.is_cancelled() || self.held.fenced().is_cancelled() {
            let why = "interrupted before it began".to_owned();
            for (place, item) in &going {
                ends.push(self.ended(item, *place, State::Blocked(why.clone()), StepEnd::Held(why.clone()), begun)?);
            }
            return Ok(ends);
        }
        let intents: Vec<Entry> = going.iter().map(|(_, item)| intent(item)).collect();
        self.journal.write_all(&intents).map_err(|error| journal_fault(&error))?;

        // What is done with its last command is told then, not when the batch is through.
        let mut starts = vec![begun; going.len()];
        let mut told: Vec<Option<Result<Ended, Fault>>> = going.iter().map(|_| None).collect();
        let mut sink = |event: NodeEvent| match event {
            NodeEvent::Begin { task } if task < going.len() => {
                starts[task] = Instant::now();
                self.tell(&going, event);
            }
            NodeEvent::End { task, outcome: Outcome::Done(_) } if task < going.len() && ends_with_its_command(&going[task].1.step) => {
                let (place, item) = &going[task];
                told[task] = Some(self.ended(item, *place, State::Done, StepEnd::Done, starts[task]));
            }
            event => self.tell(&going, event),
        };
        let goal = going.last().and_then(|(_, item)| self.goal_behind(role, &item.step));
        let looks = goal.as_ref().map(|goal| goal.looks.clone()).unwrap_or_default();
        let batch = Batch { fence: Some(self.held.fence()), tasks, looks, ..Batch::default() };
        let result = self.engine.fleet.run(&node, &batch, &mut sink).await;
        let (outcomes, answers, lost) = match result {
            Ok(report) => (report.outcomes, report.answers, None),
            Err(lost) => (lost.outcomes.clone(), Vec::new(), Some(lost)),
        };
        let met = match goal {
            Some(goal) if goal.looks.len() == answers.len() => goal.is_met(role, &going[going.len() - 1].1.step, answers).await?,
            _ => false,
        };
        for (number, (place, item)) in going.iter().enumerate() {
            let (state, end) = match outcomes.get(number) {
                Some(Outcome::Done(_)) => {
                    if let Some(path) = change::touches(&item.step) {
                        self.touched.lock().expect("no panic while held").entry(node.clone()).or_default().insert(path.to_owned());
                    }
                    if let Some(told) = told[number].take() {
                        ends.push(told?);
                        continue;
                    }
                    if met && number + 1 == going.len() { (State::Done, StepEnd::Done) } else { self.follow(role, &item.step).await? }
                }
                Some(Outcome::Failed(failure) | Outcome::Refused(failure)) => (State::Failed, StepEnd::Failed(failed(&item.step, failure))),
                Some(Outcome::Timeout(ended)) => {
                    let message = format!("it was not through after {} s and was stopped", item.step.timeout_s);
                    (State::Failed, StepEnd::Failed(problem(&item.step, "step.timeout", with_tail(message, &ended.tail))))
                }
                Some(Outcome::Stale { .. }) => (State::Blocked("it was changed by somebody since it was looked at".into()), StepEnd::Stale),
                Some(Outcome::Fenced { epoch }) => {
                    let message = format!("another run has taken over (epoch {epoch}): nothing was changed");
                    (State::Failed, StepEnd::Failed(problem(&item.step, "run.fenced", message)))
                }
                Some(Outcome::NotReached) => {
                    let why = "a step before it in its batch was not done".to_owned();
                    (State::Blocked(why.clone()), StepEnd::Held(why))
                }
                None => match &lost {
                    Some(lost) if lost.open == Some(number) => {
                        let why = format!("the link to {node} broke while it ran: {}", lost.reason);
                        (State::Blocked(why.clone()), StepEnd::Unknown(why))
                    }
                    Some(lost) => {
                        let why = format!("the link to {node} broke before it began: {}", lost.reason);
                        (State::Blocked(why.clone()), StepEnd::Unknown(why))
                    }
                    None => {
                        let why = "the node said nothing of it".to_owned();
                        (State::Blocked(why.clone()), StepEnd::Unknown(why))
                    }
                },
            };
            ends.push(self.ended(item, *place, state, end, starts[number])?);
        }
        Ok(ends)
    }

    /// The goal of a batch's last step, where the node itself can be asked for it behind the change. A job is not through by then, and
    /// what must be compared with secrets is asked as ever.
    fn goal_behind(&self, role: &crate::cast::Role, step: &Step) -> Option<Behind> {
        let goal = step.goal.as_ref().filter(|_| !is_job(step))?;
        let here = |request: &Request| request.node == step.node && !matches!(request.probe, Probe::FileIs(_));
        if goal.requests.is_empty() || !goal.requests.iter().all(here) {
            return None;
        }
        let (observer, _) = self.engine.round();
        let wanted: Vec<Wanted> = goal.requests.iter().map(|request| Wanted::new(role.plugin.name(), request.clone())).collect();
        let looks = wanted.iter().map(|wanted| observer.look(wanted).ok()).collect::<Option<Vec<_>>>()?;
        Some(Behind { observer, wanted, looks })
    }

    /// Changes nothing on the node, so it is no task of a batch; it travels alone.
    async fn fetch(&self, item: &Item, place: usize, fetch: &Fetch, begun: Instant) -> Result<Ended, Fault> {
        self.journal.write(&intent(item)).map_err(|error| journal_fault(&error))?;
        self.tell(&[(place, item.clone())], NodeEvent::Begin { task: 0 });
        match crate::fetch::fetch(self.engine, self.journal.run(), &item.step, fetch).await {
            Ok(kept) => {
                let line = format!("kept as {kept}");
                self.engine.emit(Event::StepLine { plugin: item.plugin.clone(), step: item.step.id.clone(), node: item.step.node.clone(), line });
                self.ended(item, place, State::Done, StepEnd::Done, begun)
            }
            Err(found) => self.ended(item, place, State::Failed, StepEnd::Failed(found), begun),
        }
    }

    /// The plugin itself does it, on the nodes that the step names. Whether it is done, its goal says.
    async fn live(&self, role: &crate::cast::Role, item: &Item, place: usize, call: &Call, begun: Instant) -> Result<Ended, Fault> {
        let step = &item.step;
        if self.engine.stop.is_cancelled() || self.held.fenced().is_cancelled() {
            let why = "interrupted before it began".to_owned();
            return self.ended(item, place, State::Blocked(why.clone()), StepEnd::Held(why), begun);
        }
        self.journal.write(&intent(item)).map_err(|error| journal_fault(&error))?;
        self.tell(&[(place, item.clone())], NodeEvent::Begin { task: 0 });
        let hatch = Arc::new(Hatch::new(self.engine, self.held, self.journal, role.plugin.name(), step));
        let said = role.plugin.live(hatch.clone(), call, Duration::from_secs(u64::from(step.timeout_s.max(1)))).await;
        let broken = hatch.end();
        let look = |fault: Problem| Problem { help: fault.help.or_else(|| Some(format!("what it did before is in the journal: `arcus log {}`", self.journal.run()))), ..fault };
        let (state, end) = match said {
            _ if broken.fenced => (State::Failed, StepEnd::Failed(problem(step, "run.fenced", "another run has taken over".into()))),
            Ok(()) => self.follow(role, step).await?,
            Err(_) if broken.lost.is_some() || broken.interrupted => {
                let why = broken.lost.unwrap_or_else(|| "interrupted while it ran live: what became of it is decided by looking".into());
                (State::Blocked(why.clone()), StepEnd::Unknown(why))
            }
            Err(Failed::Problems(problems)) => {
                let found = problems.into_iter().next().unwrap_or_else(|| problem(step, "plugin.output", "it failed, and did not say why".into()));
                (State::Failed, StepEnd::Failed(look(found)))
            }
            Err(Failed::Call(error)) => (State::Failed, StepEnd::Failed(Problem { help: Some(error.help().into()), ..problem(step, error.code(), error.to_string()) })),
        };
        self.ended(item, place, state, end, begun)
    }

    /// Where a step stands right now, all its questions asked afresh.
    async fn look_again(&self, role: &crate::cast::Role, step: &Step, node_files: &NodeFiles) -> Result<(Standing, Vec<Answer>), Fault> {
        let (_, round) = self.engine.round();
        let looks = standing::looks(step);
        let requests: Vec<Request> = looks.iter().cloned().chain(goal_requests(step)).collect();
        let wanted = requests.iter().map(|request| Wanted::new(role.plugin.name(), request.clone())).collect();
        let mut answers = round.look(wanted).await;
        let goal: Vec<(Request, Answer)> = requests.into_iter().skip(looks.len()).zip(answers.drain(looks.len()..)).collect();
        let doubt = goal.iter().filter_map(|(_, answer)| answer.as_ref().err()).find(|problem| is_nodes_fault(problem)).cloned();
        let verdicts = match step.goal {
            Some(_) => judge(&self.engine.vault.veil(), role, std::slice::from_ref(step), &[(0, goal)]).await?,
            None => HashMap::new(),
        };
        let contents = self.engine.vault.contents(role.plugin.manifest(), node_files);
        let standing = standing::standing(step, &answers, verdicts.get(&0).map(|(verdict, _)| verdict), &contents);
        // Absence is only what a node that answered said.
        let standing = match (standing, doubt) {
            (Standing::Open(_), Some(problem)) if step.once || step.group.is_some() => Standing::Unknown(problem),
            (standing, _) => standing,
        };
        Ok((standing, answers))
    }

    /// After the action: a job is followed to its end, then the goal is waited for.
    async fn follow(&self, role: &crate::cast::Role, step: &Step) -> Result<(State, StepEnd), Fault> {
        if is_job(step) {
            let lies = matches!(&step.action, Action::Job(command) if command.status_lies);
            match self.follow_job(role, step, lies).await {
                Ok(()) => {}
                Err(StepEnd::Detached) => return Ok((State::Blocked("it goes on without us".into()), StepEnd::Detached)),
                Err(StepEnd::Unknown(why)) => return Ok((State::Blocked(why.clone()), StepEnd::Unknown(why))),
                Err(end) => return Ok((State::Failed, end)),
            }
        }
        // One whose machine was switched off meanwhile left none.
        if matches!(step.action, Action::CopyTree(_)) && !matches!(self.look_again(role, step, &NodeFiles::default()).await?, (Standing::Satisfied, _)) {
            return Ok((State::Failed, StepEnd::Failed(problem(step, "copy.no-receipt", "the copy ended without its receipt".into()))));
        }
        let Some(goal) = &step.goal else { return Ok((State::Done, StepEnd::Done)) };
        let until = Instant::now() + Duration::from_secs(u64::from(goal.within_s));
        let mut pause = POLL.0;
        loop {
            let (_, round) = self.engine.round();
            let wanted = goal.requests.iter().map(|request| Wanted::new(role.plugin.name(), request.clone())).collect();
            let answers = round.look(wanted).await;
            let seen: Vec<(Request, Answer)> = goal.requests.iter().cloned().zip(answers).collect();
            let verdicts = judge(&self.engine.vault.veil(), role, std::slice::from_ref(step), &[(0, seen)]).await?;
            let what = match verdicts.get(&0).map(|(verdict, _)| verdict) {
                Some(Verdict::Met) => return Ok((State::Done, StepEnd::Done)),
                Some(Verdict::Failed(found)) => return Ok((State::Failed, StepEnd::Failed(self.with_job_tail(role, step, found.clone()).await))),
                Some(Verdict::Unmet(what)) => what.clone(),
                None => String::new(),
            };
            if Instant::now() >= until {
                let message = format!("it was performed, but after {} s it is not so: {} (wanted: {})", goal.within_s, what, goal.expect);
                let found = problem(step, "step.goal-unmet", message);
                return Ok((State::Failed, StepEnd::Failed(self.with_job_tail(role, step, found).await)));
            }
            if self.held.fenced().is_cancelled() {
                return Ok((State::Failed, StepEnd::Failed(problem(step, "run.fenced", "another run has taken over".into()))));
            }
            self.engine.emit(Event::StepWaits { plugin: role.plugin.name().into(), step: step.id.clone(), node: step.node.clone(), what });
            if matches!(step.action, Action::Wait) && self.engine.stop.is_cancelled() {
                let why = "interrupted while waiting".to_owned();
                return Ok((State::Blocked(why.clone()), StepEnd::Held(why)));
            }
            tokio::time::sleep(pause.min(until.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 3 / 2).min(POLL.1);
        }
    }

    async fn job(&self, role: &crate::cast::Role, step: &Step) -> Answer {
        let (_, round) = self.engine.round();
        let request = Request { node: step.node.clone(), probe: Probe::Job(step.id.clone()) };
        round.look(vec![Wanted::new(role.plugin.name(), request)]).await.pop().unwrap_or_else(|| Err(problem(step, "node.lost", "no answer".into())))
    }

    async fn follow_job(&self, role: &crate::cast::Role, step: &Step, status_lies: bool) -> Result<(), StepEnd> {
        let until = Instant::now() + Duration::from_secs(u64::from(step.timeout_s));
        let mut pause = POLL.0;
        let mut heard = Instant::now();
        let mut last = String::new();
        loop {
            match self.job(role, step).await {
                Ok(Fact::Job(Some(JobFact { running: false, status, tail, .. }))) => {
                    return match status {
                        Some(0) => Ok(()),
                        Some(_) if status_lies => Ok(()),
                        Some(status) => {
                            let message = with_tail(format!("it ended with status {status}"), &tail);
                            Err(StepEnd::Failed(problem(step, "job.failed", message)))
                        }
                        // It was cut off with its machine: whether it did its work, the goal tells.
                        None => Ok(()),
                    };
                }
                Ok(Fact::Job(Some(job))) => {
                    heard = Instant::now();
                    let line = last_line(&self.engine.vault.veil().bytes(&job.tail));
                    if !line.is_empty() && line != last {
                        last.clone_from(&line);
                        self.engine.emit(Event::StepLine { plugin: role.plugin.name().into(), step: step.id.clone(), node: step.node.clone(), line });
                    }
                }
                Ok(Fact::Job(None)) => return Err(StepEnd::Failed(problem(step, "job.gone", "the job's folder is gone from the node".into()))),
                Ok(_) => return Err(StepEnd::Failed(problem(step, "answer.shape", "the node answered something else than was asked".into()))),
                Err(found) => {
                    // From the last answer on: that the link is gone shows only after a while.
                    if heard.elapsed() > SILENCE {
                        let why = format!("{} has not answered for a minute; the job goes on without us: {}", step.node, found.message);
                        return Err(StepEnd::Unknown(why));
                    }
                    let what = format!("no answer for {} s: {}", heard.elapsed().as_secs(), found.message);
                    self.engine.emit(Event::StepWaits { plugin: role.plugin.name().into(), step: step.id.clone(), node: step.node.clone(), what });
                    self.engine.fleet.retry().await;
                }
            }
            if self.engine.stop.is_cancelled() {
                return Err(StepEnd::Detached);
            }
            if self.held.fenced().is_cancelled() {
                return Err(StepEnd::Failed(problem(step, "run.fenced", "another run has taken over; the job goes on under it".into())));
            }
            if Instant::now() >= until {
                let message = format!("it has been running for more than {} s; it is left running, and `arcus apply` attaches to it again", step.timeout_s);
                return Err(StepEnd::Failed(problem(step, "step.timeout", message)));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(POLL.1);
        }
    }

    /// A job's failure is explained by the last it printed.
    async fn with_job_tail(&self, role: &crate::cast::Role, step: &Step, mut found: Problem) -> Problem {
        if is_job(step)
            && let Ok(Fact::Job(Some(job))) = self.job(role, step).await
        {
            found.message = with_tail(found.message, &job.tail);
        }
        found
    }

    fn tell(&self, going: &[(usize, Item)], event: NodeEvent) {
        let of = |task: usize| going.get(task).map(|(_, item)| item);
        match event {
            NodeEvent::Begin { task } => {
                if let Some(item) = of(task) {
                    self.engine.emit(Event::StepBegan {
                        plugin: item.plugin.clone(),
                        step: item.step.id.clone(),
                        node: item.step.node.clone(),
                        title: item.step.title.clone(),
                    });
                }
            }
            NodeEvent::Line { task, line } => {
                if let Some(item) = of(task) {
                    let line = self.engine.vault.veil().text(line);
                    self.engine.emit(Event::StepLine { plugin: item.plugin.clone(), step: item.step.id.clone(), node: item.step.node.clone(), line });
                }
            }
            NodeEvent::End { .. } => {}
        }
    }

    fn ended(&self, item: &Item, place: usize, state: State, mut end: StepEnd, begun: Instant) -> Result<Ended, Fault> {
        // With what the node printed, and that may be what it was fed.
        if let StepEnd::Failed(Problem { message: said, .. }) | StepEnd::Unknown(said) | StepEnd::Held(said) = &mut end {
            *said = self.engine.vault.veil().text(std::mem::take(said));
        }
        let (word, detail) = match &end {
            StepEnd::Done => ("done", String::new()),
            StepEnd::BecameSo => ("became-so", String::new()),
            StepEnd::Stale => ("stale", String::new()),
            StepEnd::Detached => ("detached", String::new()),
            StepEnd::Held(why) => ("held", why.clone()),
            StepEnd::Failed(problem) => ("failed", format!("{}: {}", problem.code, problem.message)),
            StepEnd::Unknown(why) => ("unknown", why.clone()),
        };
        let entry = Entry::Outcome {
            plugin: item.plugin.clone(),
            step: item.step.id.clone(),
            node: item.step.node.clone(),
            end: word.into(),
            detail,
            at: now(),
        };
        // What became so by itself had no intent; for the history it counts like one that was performed.
        if matches!(end, StepEnd::BecameSo) {
            self.journal.write(&intent(item)).map_err(|error| journal_fault(&error))?;
        }
        self.journal.write(&entry).map_err(|error| journal_fault(&error))?;
        self.engine.emit(Event::StepEnded {
            plugin: item.plugin.clone(),
            step: item.step.id.clone(),
            node: item.step.node.clone(),
            title: item.step.title.clone(),
            end: end.clone(),
            took_ms: begun.elapsed().as_millis() as u64,
        });
        Ok(Ended { place, state, end })
    }
}

/// Nothing is followed or waited for after the command.
fn ends_with_its_command(step: &Step) -> bool {
    step.goal.is_none() && !is_job(step)
}

/// It goes on at its node when the command that began it has ended.
fn is_job(step: &Step) -> bool {
    matches!(step.action, Action::Job(_) | Action::CopyTree(_))
}

fn intent(item: &Item) -> Entry {
    Entry::Intent {
        plugin: item.plugin.clone(),
        step: item.step.id.clone(),
        node: item.step.node.clone(),
        action: item.step.action.word().into(),
        wanted: wanted(&item.step),
        at: now(),
    }
}

pub(crate) fn journal_fault(error: &std::io::Error) -> Fault {
    Fault::new(Kind::Step, "journal.unwritable", format!("the journal cannot be written: {error}"))
        .help("nothing more was sent; free space below the cluster file, then run `arcus apply` again")
}

fn problem(step: &Step, code: &str, message: String) -> Problem {
    Problem { code: code.into(), message, help: None, node: Some(step.node.clone()), pointer: None, retryable: false }
}

fn failed(step: &Step, failure: &Failure) -> Problem {
    let help = match failure.code.as_str() {
        "package.not-found" => "give this node a repository that has it, then `arcus apply` goes on",
        "package.locked" => "let the other program end (an update that runs by itself?), then `arcus apply` goes on",
        "node.no-space" => "make room on its disk, then `arcus apply` goes on",
        _ => "mend what the node says; then `arcus apply` goes on",
    };
    Problem { help: Some(help.into()), ..problem(step, &failure.code, with_tail(failure.message.clone(), &failure.tail)) }
}

/// What the node printed last, under what happened. Foreign text: renderers escape it.
fn with_tail(message: String, tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    if lines.is_empty() {
        return message;
    }
    let last = &lines[lines.len().saturating_sub(12)..];
    format!("{message}\n{}", last.join("\n"))
}

fn last_line(tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    let line = text.trim_end().rsplit(['\n', '\r']).next().unwrap_or_default();
    line.chars().take(200).collect()
}
