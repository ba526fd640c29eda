//! Runs a plugin against the fake cluster as the host would: plan, leave out, perform in order, judge, again.

use super::answer::{answer, plain_answer};
use super::live;
use super::perform::perform;
use super::secrets::Secrets;
use super::subject::Subject;
use super::world::World;
use crate::{Gateway, Migration, Network, Nodes, Platform, Plugin, Preflight, Storage, guest, host, problem};
use arcus_contract::actions::{Action, Call, Desired, Step};
use arcus_contract::checks::{Check, Drill, Outcome, Seen, Verdict, Verified, Weighing};
use arcus_contract::facts::{Answer, Request};
use arcus_contract::handoffs::{GatewayOffer, Handed, Input, NetworkOffer, PlatformDemand, StorageOffer};
use arcus_contract::types::Problem;
use arcus_plan::envelope::Envelope;
use arcus_plan::likeness::{Contents, Kept, digest};
use arcus_plan::manifest::{Manifest, Secret};
use arcus_plan::sequence::{Sequence, State};
use arcus_plan::standing::{Standing, looks, standing};
use arcus_plan::vet;
use std::cell::{Cell, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

/// Rounds after which a plugin is said not to converge.
const ROUNDS: usize = 12;
/// The plugin that stands for all others: it provides the milestones of the fixture.
const OTHERS: &str = "others";

/// Where a test begins: a world, the plugin's config and manifest, and what the other plugins hand over.
#[derive(Clone)]
pub struct Fixture {
    /// The machines.
    pub world: World,
    /// The plugin's section of the cluster file, JSON.
    pub config: String,
    /// What the others say.
    pub handed: Handed,
    manifest: Manifest,
    cluster_id: String,
    provided: Vec<(String, Vec<String>)>,
    secrets: BTreeMap<String, Vec<u8>>,
    artifacts: BTreeMap<String, Vec<u8>>,
}

impl Fixture {
    /// From the text of `manifest.toml`, the config as JSON, and a world.
    ///
    /// # Panics
    /// When the manifest does not read.
    pub fn new(manifest: &str, config: impl Into<String>, world: World) -> Self {
        Self::of(Manifest::from_toml(manifest).unwrap_or_else(|error| panic!("{error}")), config, world)
    }

    /// The same, from a manifest that was read already.
    pub fn of(manifest: Manifest, config: impl Into<String>, world: World) -> Self {
        let value = |(name, secret): (&String, &Secret)| {
            let mut value = format!("value-of-{name}-0123456789abcdef").into_bytes();
            if let Secret::Generated { length, .. } = secret {
                value.truncate(*length);
            }
            (name.clone(), value)
        };
        let secrets = manifest.grant.secrets.iter().map(value).collect();
        let artifact = |name: &String| (name.clone(), format!("artifact {name}").into_bytes());
        let artifacts = manifest.grant.artifacts.iter().map(artifact).collect();
        Fixture {
            world,
            config: config.into(),
            handed: guest::nothing_handed(),
            manifest,
            cluster_id: "6b0d6a51-3a3f-4f0e-9a55-2f7d1c1e8a10".into(),
            provided: Vec::new(),
            secrets,
            artifacts,
        }
    }

    /// Other plugins have brought about this milestone on these nodes already.
    pub fn provided(mut self, milestone: &str, nodes: &[&str]) -> Self {
        self.provided.push((milestone.into(), nodes.iter().map(ToString::to_string).collect()));
        self
    }

    /// The value of a secret, instead of a made-up one.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.into(), value.into());
        self
    }

    /// What an artifact holds, instead of its name.
    pub fn artifact(mut self, name: &str, content: &[u8]) -> Self {
        self.artifacts.insert(name.into(), content.into());
        self
    }

    /// Changes what the other plugins hand over.
    pub fn handing(mut self, change: impl FnOnce(&mut Handed)) -> Self {
        change(&mut self.handed);
        self
    }
}

type PlanFn = Rc<dyn Fn(Input) -> Result<Desired, Vec<Problem>>>;
type JudgeFn = fn(Input, Vec<Weighing>, Vec<Seen>) -> Vec<Verdict>;
type LiveFn = fn(&str, &str, Rc<dyn Nodes>) -> Result<(), Problem>;

/// A plugin at work on a fake cluster.
pub struct Lab<P> {
    fixture: Fixture,
    world: Rc<RefCell<World>>,
    plan: PlanFn,
    judge: JudgeFn,
    live: LiveFn,
    /// Things done live after which the run is cut.
    cut: Option<usize>,
    /// Performed steps after which the run is cut, as if the operator's machine lost power.
    crash: Option<usize>,
    /// Of the ready steps, those of this node go first.
    hurried: Option<String>,
    plugin: std::marker::PhantomData<P>,
}

/// What one planning pass and the steps after it came to.
#[derive(Debug, Clone)]
pub struct Round {
    /// The plan, whole.
    pub steps: Vec<Step>,
    /// Ids of the steps that were not so already: what this round wanted to do or could not tell.
    pub remaining: Vec<String>,
    /// Ids of those of them that this round could do.
    pub intended: Vec<String>,
    /// Ids of the steps that were performed, in order.
    pub performed: Vec<String>,
    /// What is still not so, and why, by id: laters, blocked and failed steps.
    pub left: BTreeMap<String, String>,
    /// Asks of the plan that were not answered.
    pub unanswered: Vec<Problem>,
}

impl Round {
    /// Nothing was left to do and every ask was answered: the host would call the plugin done.
    pub fn is_empty(&self) -> bool {
        self.remaining.is_empty() && self.unanswered.is_empty()
    }
}

/// What a whole run came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its rounds; the last is empty when the plugin is done.
    pub rounds: Vec<Round>,
}

impl Report {
    /// Ids of all performed steps, in order.
    pub fn performed(&self) -> Vec<&str> {
        self.rounds.iter().flat_map(|round| &round.performed).map(String::as_str).collect()
    }
    /// The plugin is done.
    pub fn is_done(&self) -> bool {
        self.rounds.last().is_some_and(Round::is_empty)
    }
    /// What is still not so, and why.
    pub fn left(&self) -> BTreeMap<String, String> {
        self.rounds.last().map(|round| round.left.clone()).unwrap_or_default()
    }
}

/// Why a run ended badly.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// The plugin returned problems instead of a plan (or checks).
    Refused(Vec<Problem>),
    /// The plan asks for what the manifest does not grant, or can never run.
    Denied(Vec<String>),
    /// A step failed.
    Failed {
        /// Its id.
        step: String,
        /// What was said.
        why: String,
    },
    /// A step that was performed and met comes back.
    Returns {
        /// Its id.
        step: String,
        /// What differs again.
        why: String,
    },
    /// A later round went beyond what was announced.
    Outside(String),
    /// Round after round, and not done.
    Endless(Vec<String>),
    /// The crash that was asked for.
    Crashed,
}

impl fmt::Display for Trouble {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Refused(problems) => {
                write!(to, "the plugin refuses:")?;
                problems.iter().try_for_each(|problem| write!(to, "\n  {} {}", problem.code, problem.message))
            }
            Trouble::Denied(reasons) => write!(to, "the host would refuse the plan:\n  {}", reasons.join("\n  ")),
            Trouble::Failed { step, why } => write!(to, "step {step} failed: {why}"),
            Trouble::Returns { step, why } => write!(to, "does not converge: step {step} was done and comes back: {why}"),
            Trouble::Outside(why) => write!(to, "outside of what was announced: {why}"),
            Trouble::Endless(left) => write!(to, "not done after {ROUNDS} rounds, still left: {}", left.join(", ")),
            Trouble::Crashed => write!(to, "the run was cut"),
        }
    }
}

impl<P> Lab<P> {
    fn around(fixture: Fixture, plan: PlanFn, judge: JudgeFn, live: LiveFn) -> Self {
        let world = Rc::new(RefCell::new(fixture.world.clone()));
        Lab { world, fixture, plan, judge, live, cut: None, crash: None, hurried: None, plugin: std::marker::PhantomData }
    }

    pub(super) fn name(&self) -> &str {
        &self.fixture.manifest.name
    }

    /// The world as it is now.
    pub fn world(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// Changes config or hand-offs for what comes next; the world stays as it is.
    pub fn fixture(&mut self) -> &mut Fixture {
        &mut self.fixture
    }

    /// Cuts the next runs after so many performed steps; `None`: no more.
    pub fn crash_after(&mut self, steps: Option<usize>) {
        self.crash = steps;
    }

    /// Cuts the next runs in the midst of what a step does live, after it did so many things; `None`: no more.
    pub fn cut_live_after(&mut self, things: Option<usize>) {
        self.cut = things;
    }

    /// This node gets as far as it can before any other does something: finds edges that are missing between nodes.
    pub fn hurry(&mut self, node: &str) {
        self.hurried = Some(node.into());
    }

    /// What the plugin's functions are given.
    pub fn input(&self) -> Input {
        Input {
            cluster_id: self.fixture.cluster_id.clone(),
            cluster: "fake".into(),
            config: self.fixture.config.clone(),
            nodes: self.world.borrow().nodes.clone(),
            handed: self.fixture.handed.clone(),
        }
    }

    /// Runs a function of the plugin while the world answers; gives what was not answered, too.
    fn call<T>(&self, call: impl FnOnce(Input) -> T) -> (T, Vec<Problem>) {
        let unanswered = Rc::new(RefCell::new(Vec::new()));
        let (world, manifest, contents) = (self.world.clone(), self.fixture.manifest.clone(), self.contents());
        let seen = unanswered.clone();
        // One pass is one snapshot.
        let mut snapshot: BTreeMap<String, Answer> = BTreeMap::new();
        let answers = move |requests: &[Request]| {
            let mut one = |request: &Request| {
                let key = format!("{request:?}");
                let given = snapshot.entry(key);
                let answer = given.or_insert_with(|| answer(&world, &manifest, &contents, request)).clone();
                if let Err(problem) = &answer
                    && is_nodes_fault(problem)
                {
                    seen.borrow_mut().push(problem.clone());
                }
                answer
            };
            requests.iter().map(&mut one).collect()
        };
        let result = host::native::with(answers, || call(self.input()));
        let unanswered = unanswered.take();
        (result, unanswered)
    }

    fn contents(&self) -> Named {
        Named { world: self.world.clone(), secrets: self.fixture.secrets.clone(), artifacts: self.fixture.artifacts.clone() }
    }

    fn look(&self, requests: &[Request]) -> Vec<Answer> {
        let contents = self.contents();
        requests.iter().map(|request| plain_answer(&self.world, &self.fixture.manifest, &contents, request)).collect()
    }

}

impl<P: Subject> Lab<P> {
    /// A plugin on the fixture's world.
    pub fn new(fixture: Fixture) -> Self {
        Self::around(fixture, Rc::new(P::plan), P::judge, P::live)
    }

    /// The plan, vetted as the host would.
    ///
    /// # Errors
    /// `Refused` by the plugin, `Denied` by the manifest.
    pub fn plan(&self) -> Result<Desired, Trouble> {
        self.planned().map(|(desired, _)| desired)
    }

    fn planned(&self) -> Result<(Desired, Vec<Problem>), Trouble> {
        let (desired, unanswered) = self.call(|input| (self.plan)(input));
        let desired = desired.map_err(Trouble::Refused)?;
        vet::plan(&self.fixture.manifest, &self.world.borrow().nodes, &desired).map_err(denied)?;
        Ok((desired, unanswered))
    }

    /// Where each of these steps stands now.
    pub(super) fn standings(&self, steps: &[Step]) -> Vec<Standing> {
        let seen: Vec<Vec<Answer>> = steps.iter().map(|step| self.look(&looks(step))).collect();
        let goals = self.judged(steps);
        let contents = self.contents();
        let each = steps.iter().zip(&seen).zip(&goals);
        each.map(|((step, seen), verdict)| {
            let standing = standing(step, seen, verdict.as_ref().map(|(verdict, _)| verdict), &contents);
            match (standing, verdict) {
                // A goal that is not met, and of which not everything was answered, proves nothing.
                (Standing::Open(_), Some((_, Some(problem)))) => Standing::Unknown(problem.clone()),
                (standing, _) => standing,
            }
        })
        .collect()
    }

    /// The plugin's word on the goals of these steps, all in one call, each with the first answer that was missing.
    fn judged(&self, steps: &[Step]) -> Vec<Option<(Verdict, Option<Problem>)>> {
        let (mut cases, mut seen, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            let Some(goal) = &step.goal else { continue };
            let answers = self.look(&goal.requests);
            let places = (seen.len()..seen.len() + answers.len()).map(|place| place as u32).collect();
            missing.push(answers.iter().find_map(|answer| answer.as_ref().err().filter(|problem| is_nodes_fault(problem))).cloned());
            seen.extend(goal.requests.iter().cloned().zip(answers).map(|(request, answer)| Seen { request, answer }));
            cases.push(Weighing { step: step.id.clone(), expect: goal.expect.clone(), seen: places });
        }
        let count = cases.len();
        // `judge` must not ask: nobody answers here.
        let verdicts = (self.judge)(self.input(), cases, seen);
        assert_eq!(verdicts.len(), count, "one verdict for each goal");
        let mut verdicts = verdicts.into_iter().zip(missing);
        steps.iter().map(|step| step.goal.as_ref().and_then(|_| verdicts.next())).collect()
    }

    /// One round: plans, and performs what is not so and can be done.
    ///
    /// # Errors
    /// Everything but `Returns`, `Outside` and `Endless`, which need more than one round.
    pub fn round(&mut self) -> Result<Round, Trouble> {
        let (desired, unanswered) = self.planned()?;
        let standings = self.standings(&desired.steps);
        let open = |standing: &Standing| !matches!(standing, Standing::Satisfied);
        let remaining = desired.steps.iter().zip(&standings).filter(|(_, standing)| open(standing));
        let remaining: Vec<String> = remaining.map(|(step, _)| step.id.clone()).collect();
        let plan = desired.steps.iter().cloned().zip(standings).collect();
        let plans = vec![(OTHERS.to_owned(), self.others()), (self.fixture.manifest.name.clone(), plan)];
        let mut sequence = Sequence::new(plans).map_err(|tangle| Trouble::Denied(vec![tangle.to_string()]))?;
        self.keep_groups_whole(&mut sequence);
        let waiting = sequence.items().iter().filter(|item| item.state == State::Waiting);
        let intended: Vec<String> = waiting.map(|item| item.step.id.clone()).collect();
        let mut performed = Vec::new();
        loop {
            let ready = sequence.ready();
            let hurried = |place: &&usize| Some(&sequence.items()[**place].step.node) == self.hurried.as_ref();
            let Some(&place) = ready.iter().find(hurried).or(ready.first()) else { break };
            let item = sequence.items()[place].clone();
            let step = &item.step;
            let again = item.recheck || step.once || step.group.is_some() || matches!(step.action, Action::Wait);
            if again && let Some(now) = self.standings(std::slice::from_ref(step)).pop() {
                match now {
                    Standing::Satisfied => {
                        sequence.end(place, State::LeftOut);
                        continue;
                    }
                    Standing::Unknown(problem) => {
                        sequence.hold_back(place, format!("not every question about it was answered: {}", problem.message));
                        continue;
                    }
                    Standing::Refused(problem) => return Err(Trouble::Failed { step: step.id.clone(), why: problem.message }),
                    Standing::Open(_) | Standing::Later(_) => {}
                }
            }
            if self.crash == Some(0) {
                return Err(Trouble::Crashed);
            }
            sequence.start(place);
            let failed = |why: String| Trouble::Failed { step: step.id.clone(), why };
            if let Action::Call(call) = &step.action {
                self.live(call)?.map_err(|problem| failed(format!("{}: {}", problem.code, problem.message)))?;
            } else {
                let contents = self.contents();
                // Contents look into the world: performed on a copy, which then takes its place.
                let mut world = self.world.borrow().clone();
                let said = perform(&mut world, &contents, step);
                self.world.replace(world);
                said.map_err(failed)?;
            }
            if !matches!(step.action, Action::Wait) {
                self.crash = self.crash.map(|left| left - 1);
            }
            if self.crash == Some(0) && matches!(step.action, Action::Job(_)) {
                return Err(Trouble::Crashed);
            }
            self.until_met(step).map_err(failed)?;
            performed.push(step.id.clone());
            sequence.end(place, State::Done);
        }
        let left = sequence.items().iter().filter_map(|item| {
            let why = match &item.state {
                State::Later(why) => format!("later: {why}"),
                State::Blocked(why) => why.clone(),
                State::Waiting => "it waits for what does not come".into(),
                _ => return None,
            };
            Some((item.step.id.clone(), why))
        });
        Ok(Round { remaining, intended, performed, left: left.collect(), unanswered, steps: desired.steps })
    }

    /// What the plugin says when it has run live.
    fn live(&self, call: &Call) -> Result<Result<(), Problem>, Trouble> {
        let step = Rc::new(live::Step {
            world: self.world.clone(),
            manifest: self.fixture.manifest.clone(),
            secrets: Secrets::of(self.fixture.secrets.values().cloned()),
            nodes: call.nodes.clone(),
            left: Cell::new(self.cut),
            times: Cell::new(0),
            over: Cell::new(false),
        });
        let said = (self.live)(&call.name, &call.args, step.clone());
        // Whoever kept something of it has nothing.
        if step.is_cut() {
            return Err(Trouble::Crashed);
        }
        step.over.set(true);
        Ok(said)
    }

    /// Waits as the host does: time passes between looks.
    fn until_met(&self, step: &Step) -> Result<(), String> {
        if let Action::Job(command) = &step.action {
            self.world.borrow_mut().pass(1);
            let world = self.world.borrow();
            let job = world.at(&step.node).jobs.get(&step.id).filter(|job| !command.status_lies && job.status != Some(0));
            if let Some(job) = job {
                return Err(format!("the job ended with {:?}: {}", job.status, String::from_utf8_lossy(&job.tail)));
            }
        }
        let Some(goal) = &step.goal else { return Ok(()) };
        let mut waited = 0;
        loop {
            let what = match self.judged(std::slice::from_ref(step)).pop().flatten() {
                None | Some((Verdict::Met, _)) => return Ok(()),
                Some((Verdict::Failed(problem), _)) => return Err(problem.message),
                Some((Verdict::Unmet(what), _)) => what,
            };
            if waited >= goal.within_s {
                return Err(format!("performed, but after {waited} s it is not so: {what} (wanted: {})", goal.expect));
            }
            waited += 1;
            self.world.borrow_mut().pass(1);
        }
    }

    /// A group with a silent member stands still, as the host has it.
    fn keep_groups_whole(&self, sequence: &mut Sequence) {
        let silent = |node: &str| !self.world.borrow().at(node).reachable;
        let stopped: BTreeMap<String, String> = sequence
            .items()
            .iter()
            .filter_map(|item| item.step.group.clone().filter(|_| silent(&item.step.node)).map(|group| (group, item.step.node.clone())))
            .collect();
        for place in 0..sequence.items().len() {
            let item = &sequence.items()[place];
            if let Action::Call(call) = &item.step.action
                && let Some(node) = call.nodes.iter().find(|node| silent(node)).cloned()
                && item.state == State::Waiting
            {
                sequence.hold_back(place, format!("{node}, on which it runs live, did not answer"));
            }
        }
        for place in 0..sequence.items().len() {
            let item = &sequence.items()[place];
            if let Some(node) = item.step.group.as_ref().and_then(|group| stopped.get(group))
                && item.state == State::Waiting
            {
                sequence.hold_back(place, format!("{node} of its group did not answer"));
            }
        }
    }

    /// Steps of the plugin that stands for all others, all so already.
    fn others(&self) -> Vec<(Step, Standing)> {
        let each = self.fixture.provided.iter().flat_map(|(milestone, nodes)| nodes.iter().map(move |node| (milestone, node)));
        each.map(|(milestone, node)| {
            let step = Step {
                id: format!("{milestone}:{node}"),
                node: node.clone(),
                about: None,
                title: String::new(),
                action: Action::Wait,
                after: vec![],
                needs: vec![],
                provides: vec![milestone.clone()],
                group: None,
                once: false,
                goal: None,
                undo: None,
                disrupts: vec![],
                timeout_s: 0,
            };
            (step, Standing::Satisfied)
        })
        .collect()
    }

    /// Rounds until the plugin is done, or nothing more can be done. What later rounds do must have been announced by the first.
    ///
    /// # Errors
    /// Any trouble.
    pub fn converge(&mut self) -> Result<Report, Trouble> {
        let announced = self.announce()?;
        self.converge_within(&announced)
    }

    /// What the operator would approve now.
    ///
    /// # Errors
    /// As [`Lab::plan`].
    pub fn announce(&self) -> Result<Envelope, Trouble> {
        let desired = self.plan()?;
        let manifest = &self.fixture.manifest;
        let mut envelope = Envelope::of([(manifest.name.as_str(), desired.steps.as_slice())]);
        envelope.live_within(&manifest.name, &vet::reach(manifest, &self.world.borrow().nodes));
        Ok(envelope)
    }

    /// As [`Lab::converge`], with what was announced before.
    ///
    /// # Errors
    /// Any trouble.
    pub fn converge_within(&mut self, announced: &Envelope) -> Result<Report, Trouble> {
        let mut rounds: Vec<Round> = Vec::new();
        let mut done = BTreeSet::new();
        for _ in 0..ROUNDS {
            let round = self.round()?;
            for step in round.steps.iter().filter(|step| round.intended.contains(&step.id)) {
                announced.covers(&self.fixture.manifest.name, step).map_err(|outside| Trouble::Outside(outside.to_string()))?;
            }
            // A job that was cut short may be attached to again; anything else that was met must stay so.
            if let Some(step) = round.performed.iter().find(|step| done.contains(*step)) {
                let why = round.left.get(step).cloned().unwrap_or_else(|| "it is no longer as it was made".into());
                return Err(Trouble::Returns { step: step.clone(), why });
            }
            done.extend(round.performed.iter().cloned());
            let stuck = round.performed.is_empty();
            rounds.push(round);
            if stuck {
                return Ok(Report { rounds });
            }
        }
        Err(Trouble::Endless(rounds.pop().map(|round| round.remaining).unwrap_or_default()))
    }

    /// The plugin's checks, looked at again while any is pending, as long as they say, ten minutes at most.
    ///
    /// # Errors
    /// `Refused`.
    pub fn verify(&self) -> Result<Verified, Trouble> {
        let mut left = 600_u64;
        loop {
            let verified = self.call(P::verify).0.map_err(Trouble::Refused)?;
            let pending = |check: &Check| if let Outcome::Pending(seconds) = check.outcome { Some(u64::from(seconds).max(1)) } else { None };
            match verified.checks.iter().filter_map(pending).min() {
                Some(seconds) if seconds <= left => {
                    left -= seconds;
                    self.world.borrow_mut().pass(seconds);
                }
                _ => return Ok(verified),
            }
        }
    }

    /// The plugin's drills, vetted as the host would.
    ///
    /// # Errors
    /// `Refused` by the plugin, `Denied` by the manifest.
    pub fn drills(&self) -> Result<Vec<Drill>, Trouble> {
        let drills = self.call(P::drills).0.map_err(Trouble::Refused)?;
        let unit = self.fixture.handed.demands.gateway_unit.as_deref();
        let nodes = self.world.borrow().nodes.clone();
        let denials = drills.iter().filter_map(|drill| vet::drill(&self.fixture.manifest, &nodes, unit, drill).err()).flatten();
        let denied: Vec<String> = denials.map(|denial| denial.to_string()).collect();
        if denied.is_empty() { Ok(drills) } else { Err(Trouble::Denied(denied)) }
    }

    /// What is missing of these waits of a drill now, as far as the nodes that answer can tell. Empty: they are met.
    pub fn missing(&self, waits: &[Step]) -> Vec<String> {
        let mut waits = waits.to_vec();
        // The host leaves out what the silenced node would be asked.
        let world = self.world.borrow();
        waits.iter_mut().filter_map(|step| step.goal.as_mut()).for_each(|goal| goal.requests.retain(|request| world.at(&request.node).reachable));
        drop(world);
        let judged = self.judged(&waits).into_iter().flatten();
        judged
            .filter_map(|(verdict, _)| match verdict {
                Verdict::Met => None,
                Verdict::Unmet(what) => Some(what),
                Verdict::Failed(problem) => Some(problem.message),
            })
            .collect()
    }
}

impl<P: Plugin> Lab<P> {
    /// What the plugin says is half-done.
    ///
    /// # Errors
    /// `Refused`.
    pub fn unfinished(&self) -> Result<Vec<Problem>, Trouble> {
        self.call(guest::unfinished::<P>).0.map_err(Trouble::Refused)
    }

    /// From now on plans are those of the cluster file.
    pub fn planning(&mut self) {
        self.plan = Rc::new(guest::plan::<P>);
    }

    /// From now on plans make good what stopped half-way.
    pub fn mending(&mut self) {
        self.plan = Rc::new(guest::mend::<P>);
    }

    /// From now on plans take this node out.
    pub fn removing(&mut self, node: &str) {
        let node = node.to_owned();
        self.plan = Rc::new(move |input| guest::leave::<P>(input, &node));
    }
}

impl<P: Storage> Lab<P> {
    /// What the plugin offers, from the cluster file alone; others act by it, so it is held against the manifest.
    ///
    /// # Errors
    /// `Refused` by the plugin, `Denied` by the manifest.
    pub fn storage_offer(&self) -> Result<StorageOffer, Trouble> {
        let offer = guest::storage_offer::<P>(self.input()).map_err(Trouble::Refused)?;
        vet::handed::storage(&self.fixture.manifest, &self.world.borrow().nodes, &offer).map_err(denied)?;
        Ok(offer)
    }
}

impl<P: Network> Lab<P> {
    /// As [`Lab::storage_offer`].
    ///
    /// # Errors
    /// `Refused` by the plugin, `Denied` by the manifest.
    pub fn network_offer(&self) -> Result<NetworkOffer, Trouble> {
        let offer = guest::network_offer::<P>(self.input()).map_err(Trouble::Refused)?;
        vet::handed::network(&self.fixture.manifest, &offer).map_err(denied)?;
        Ok(offer)
    }
}

impl<P: Gateway> Lab<P> {
    /// As [`Lab::storage_offer`].
    ///
    /// # Errors
    /// `Refused` by the plugin, `Denied` by the manifest.
    pub fn gateway_offer(&self) -> Result<GatewayOffer, Trouble> {
        let offer = guest::gateway_offer::<P>(self.input()).map_err(Trouble::Refused)?;
        vet::handed::gateway(&self.fixture.manifest, &offer).map_err(denied)?;
        Ok(offer)
    }
}

impl<P: Platform> Lab<P> {
    /// As [`Lab::storage_offer`]; asked before the offers and after them, as the host does.
    ///
    /// # Errors
    /// `Refused` by the plugin, `Denied` by the manifest, or because it wants something else the second time.
    pub fn demands(&self) -> Result<PlatformDemand, Trouble> {
        let bare = Input { handed: guest::nothing_handed(), ..self.input() };
        let demands = guest::demands::<P>(bare).map_err(Trouble::Refused)?;
        if guest::demands::<P>(self.input()).map_err(Trouble::Refused)? != demands {
            return Err(Trouble::Denied(vec!["it wants something else once it knows the offers".into()]));
        }
        vet::handed::demands(&self.fixture.manifest, &self.world.borrow().nodes, &demands).map_err(denied)?;
        Ok(demands)
    }
}

fn denied(denials: Vec<vet::Denial>) -> Trouble {
    Trouble::Denied(denials.iter().map(ToString::to_string).collect())
}

/// Runs a preflight plugin on a fixture.
///
/// # Errors
/// `Refused`.
pub fn inspect<P: Preflight>(fixture: Fixture) -> Result<Vec<Check>, Trouble> {
    let lab = Lab::<P>::around(fixture, Rc::new(|_| Err(vec![])), |_, _, _| vec![], |_, _, _| Err(problem("plugin.no-live", "a preflight changes nothing")));
    lab.call(guest::inspect::<P>).0.map_err(Trouble::Refused)
}

impl<P: Migration> Lab<P> {
    /// From now on plans lead back to the old storage.
    pub fn rolling_back(mut self) -> Self {
        self.plan = Rc::new(guest::rollback::<P>);
        self
    }
    /// From now on plans let go of the old storage.
    pub fn confirming(mut self) -> Self {
        self.plan = Rc::new(guest::confirm::<P>);
        self
    }
}

/// The node did not answer; unlike a program that is not there yet, or a right that is missing.
fn is_nodes_fault(problem: &Problem) -> bool {
    problem.code.starts_with("node.") && problem.code != "node.denied" && problem.code != "node.unreadable"
}

/// Contents by name: secrets and artifacts of the fixture, files of the world.
struct Named {
    world: Rc<RefCell<World>>,
    secrets: BTreeMap<String, Vec<u8>>,
    artifacts: BTreeMap<String, Vec<u8>>,
}

impl Contents for Named {
    fn secret(&self, name: &str) -> Option<Vec<u8>> {
        self.secrets.get(name).cloned()
    }
    fn artifact(&self, name: &str) -> Option<Vec<u8>> {
        self.artifacts.get(name).cloned()
    }
    fn node_file(&self, node: &str, path: &str) -> Option<Vec<u8>> {
        let world = self.world.borrow();
        let file = world.machines.get(node).filter(|machine| machine.reachable).and_then(|_| world.read(node, path));
        file.map(|file| file.content.clone())
    }
    fn kept(&self, node: &str, name: &str) -> Option<Kept> {
        let kept = self.world.borrow().kept.get(&(node.to_owned(), name.to_owned())).cloned()?;
        Some(Kept { sha256: digest(&kept), size: kept.len() as u64 })
    }
}
