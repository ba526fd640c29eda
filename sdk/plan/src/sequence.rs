//! Which steps may run now: order between steps, milestones, groups, one step per node at a time.

use std::collections::{BTreeMap, BTreeSet};

use arcus_contract::actions::{Action, Goal, Step};

use crate::standing::Standing;

/// Where a step is in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was so already.
    LeftOut,
    /// It waits for its turn.
    Waiting,
    /// It cannot be told yet.
    Later(String),
    /// It is under way.
    Running,
    /// It was performed and its goal is met.
    Done,
    /// It failed.
    Failed,
    /// It will not run in this round, and why.
    Blocked(String),
}

impl State {
    /// What comes after it may go.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::LeftOut | Self::Done)
    }
}

/// A step in a run.
#[derive(Debug, Clone)]
pub struct Item {
    /// Name of the plugin.
    pub plugin: String,
    /// The step.
    pub step: Step,
    /// What was seen of it.
    pub standing: Standing,
    /// Where it is.
    pub state: State,
    /// It may have become so, or have to be done again, by what runs before it: it is looked at when its turn comes.
    pub recheck: bool,
}

/// All steps of all plugins, and what holds between them.
#[derive(Debug, Clone)]
pub struct Sequence {
    items: Vec<Item>,
    /// Per item: the items it comes after.
    after: Vec<Vec<usize>>,
    /// Milestone → node → items that provide it.
    providers: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
}

/// A plan that can never run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Tangle {
    /// Steps that wait for each other.
    #[error("these steps wait for each other: {0}")]
    Circle(String),
    /// A milestone that no step of any plugin provides.
    #[error("{plugin}: step `{step}` needs `{milestone}`, which no plugin provides{}", on.as_ref().map(|node| format!(" on {node}")).unwrap_or_default())]
    Orphan {
        /// Name of the plugin.
        plugin: String,
        /// Id of the step.
        step: String,
        /// The milestone.
        milestone: String,
        /// The node it was needed on.
        on: Option<String>,
    },
}

impl Sequence {
    /// Orders the steps, each with what was seen of it. Plugins in the order given, steps in the order of their plans.
    ///
    /// # Errors
    /// Circles, and milestones that nobody provides at all (a provider that is there but cannot run is no error).
    pub fn new(plans: Vec<(String, Vec<(Step, Standing)>)>) -> Result<Self, Tangle> {
        let mut items = Vec::new();
        let mut places = BTreeMap::new();
        for (plugin, steps) in plans {
            for (step, standing) in steps {
                places.insert((plugin.clone(), step.id.clone()), items.len());
                let state = match &standing {
                    Standing::Satisfied => State::LeftOut,
                    Standing::Open(_) => State::Waiting,
                    Standing::Later(why) => State::Later(why.clone()),
                    Standing::Unknown(problem) | Standing::Refused(problem) => State::Blocked(problem.message.clone()),
                };
                items.push(Item { plugin: plugin.clone(), step, standing, state, recheck: false });
            }
        }
        let after = items
            .iter()
            .map(|item| {
                let place = |id: &String| places.get(&(item.plugin.clone(), id.clone())).copied();
                item.step.after.iter().filter_map(place).collect()
            })
            .collect();
        let mut providers: BTreeMap<String, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
        for (place, item) in items.iter().enumerate() {
            for milestone in &item.step.provides {
                providers.entry(milestone.clone()).or_default().entry(item.step.node.clone()).or_default().push(place);
            }
        }
        let mut sequence = Self { items, after, providers };
        sequence.orphans()?;
        sequence.circles()?;
        sequence.touch();
        sequence.block();
        Ok(sequence)
    }

    /// The steps, in order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether nothing is left: every step was so already or was done.
    pub fn is_finished(&self) -> bool {
        self.items.iter().all(|item| item.state.is_over())
    }

    /// Steps that wait for their turn.
    pub fn waiting(&self) -> usize {
        self.items.iter().filter(|item| item.state == State::Waiting).count()
    }

    /// Whether a milestone holds on a node, or anywhere: somebody provides it, and all that do are over.
    pub fn holds(&self, milestone: &str, node: Option<&str>) -> bool {
        let Some(nodes) = self.providers.get(milestone) else { return false };
        let over = |places: &Vec<usize>| places.iter().all(|place| self.items[*place].state.is_over());
        match node {
            Some(node) => nodes.get(node).is_some_and(over),
            None => nodes.values().all(over),
        }
    }

    /// The steps that may start now, in order: at most one per node (but for jobs about others), none beside a running step of its node
    /// or group.
    pub fn ready(&self) -> Vec<usize> {
        let mut busy = Busy::default();
        let mut groups: BTreeSet<(&str, &str)> = BTreeSet::new();
        for item in self.items.iter().filter(|item| item.state == State::Running) {
            busy.with(item);
            groups.extend(group(item));
        }
        let mut stopped: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut ready = Vec::new();
        for (place, item) in self.items.iter().enumerate() {
            // A failure stops its group, and an earlier member goes first even while it is not ready.
            if matches!(item.state, State::Failed) {
                stopped.extend(group(item));
            }
            if item.state != State::Waiting {
                continue;
            }
            let free = group(item).is_none_or(|group| !stopped.contains(&group) && !groups.contains(&group));
            if !self.may_start(place) {
                continue;
            }
            if free && !busy.hinders(item) {
                groups.extend(group(item));
                busy.with(item);
                ready.push(place);
            }
        }
        ready
    }

    /// Whether all that this step comes after is over, and its milestones hold.
    pub fn may_start(&self, place: usize) -> bool {
        self.after[place].iter().all(|before| self.items[*before].state.is_over())
            && self.items[place].step.needs.iter().all(|need| {
                if need.nodes.is_empty() {
                    self.holds(&need.milestone, None)
                } else {
                    need.nodes.iter().all(|node| self.holds(&need.milestone, Some(node)))
                }
            })
    }

    /// The steps that travel in one script, beginning with a ready one: those of its node that would run right behind it.
    pub fn batch(&self, first: usize) -> Vec<usize> {
        let mut batch = vec![first];
        for place in first + 1..self.items.len() {
            let item = &self.items[place];
            if item.state != State::Waiting || item.step.node != self.items[first].step.node {
                continue;
            }
            if self.may_follow(&batch, place) {
                batch.push(place);
            } else if self.after[place].iter().all(|before| self.items[*before].state.is_over() || batch.contains(before)) {
                // It is next, and wants to travel alone.
                break;
            }
        }
        batch
    }

    /// Whether this step may travel in one script behind `batch`, the steps of its node that go right before it.
    /// What is disruptive, grouped, once-only, long, or waits for a goal travels alone or ends its batch. A wait for what is so on this
    /// node may end one: its goal is looked at behind the changes.
    fn may_follow(&self, batch: &[usize], place: usize) -> bool {
        let (Some(last), item) = (batch.last(), &self.items[place]) else { return false };
        let last = &self.items[*last];
        let lone = |item: &Item| item.step.group.is_some() || item.step.once || !item.step.disrupts.is_empty();
        let plain = |item: &Item| {
            !lone(item)
                && !item.recheck
                && matches!(
                    item.step.action,
                    Action::Package(_) | Action::Directory(_) | Action::File(_) | Action::Absent(_) | Action::Service(_) | Action::Mount(_)
                )
        };
        let waits_here = |item: &Item| {
            let here = |goal: &Goal| goal.requests.iter().all(|request| request.node == item.step.node);
            !lone(item) && matches!(item.step.action, Action::Wait) && item.step.goal.as_ref().is_some_and(here)
        };
        item.state == State::Waiting
            && item.step.node == last.step.node
            && last.step.goal.is_none()
            && plain(last)
            && (plain(item) || waits_here(item))
            && self.after[place].iter().all(|before| self.items[*before].state.is_over() || batch.contains(before))
            && item.step.needs.iter().all(|need| {
                !need.nodes.is_empty() && need.nodes.iter().all(|node| self.holds(&need.milestone, Some(node)))
                    || need.nodes.is_empty() && self.holds(&need.milestone, None)
            })
    }

    /// The step has begun.
    pub fn start(&mut self, place: usize) {
        self.items[place].state = State::Running;
    }

    /// The step ended. A failure blocks what comes after it.
    pub fn end(&mut self, place: usize, state: State) {
        self.items[place].state = state;
        self.block();
    }

    /// Takes a step out of this round, and what comes after it.
    pub fn hold_back(&mut self, place: usize, why: String) {
        if !self.items[place].state.is_over() {
            self.items[place].state = State::Blocked(why);
            self.block();
        }
    }

    /// What can no longer run in this round is blocked, with the reason, so that the round can end.
    fn block(&mut self) {
        loop {
            let mut changed = false;
            for place in 0..self.items.len() {
                if self.items[place].state != State::Waiting {
                    continue;
                }
                if let Some(why) = self.hindrance(place) {
                    self.items[place].state = State::Blocked(why);
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    fn hindrance(&self, place: usize) -> Option<String> {
        let stuck = |before: usize| match &self.items[before].state {
            State::Failed => Some(format!("`{}` failed", self.items[before].step.id)),
            State::Later(_) => Some(format!("`{}` is known only after apply", self.items[before].step.id)),
            State::Blocked(_) => Some(format!("`{}` is blocked", self.items[before].step.id)),
            _ => None,
        };
        let item = &self.items[place];
        if let Some(why) = self.after[place].iter().find_map(|before| stuck(*before)) {
            return Some(why);
        }
        for need in &item.step.needs {
            let nodes = self.providers.get(&need.milestone);
            let places: Vec<usize> = match (nodes, need.nodes.is_empty()) {
                (None, _) => return Some(format!("nobody provides `{}`", need.milestone)),
                (Some(nodes), true) => nodes.values().flatten().copied().collect(),
                (Some(nodes), false) => {
                    let mut places = Vec::new();
                    for node in &need.nodes {
                        match nodes.get(node) {
                            Some(found) => places.extend(found),
                            None => return Some(format!("nobody provides `{}` on {node}", need.milestone)),
                        }
                    }
                    places
                }
            };
            if let Some(why) = places.into_iter().find_map(stuck) {
                return Some(format!("it needs `{}`, and {why}", need.milestone));
            }
        }
        if let Some(own) = group(item)
            && let Some(failed) = self.items.iter().find(|other| other.state == State::Failed && group(other) == Some(own))
        {
            return Some(format!("`{}` of its group failed", failed.step.id));
        }
        None
    }

    fn orphans(&self) -> Result<(), Tangle> {
        for item in &self.items {
            for need in &item.step.needs {
                let orphan = |on: Option<String>| Tangle::Orphan {
                    plugin: item.plugin.clone(),
                    step: item.step.id.clone(),
                    milestone: need.milestone.clone(),
                    on,
                };
                if !self.providers.contains_key(&need.milestone) && !item.state.is_over() {
                    return Err(orphan(None));
                }
            }
        }
        Ok(())
    }

    fn circles(&self) -> Result<(), Tangle> {
        // Kahn's algorithm over `after` and milestones together.
        let mut edges: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); self.items.len()];
        let mut incoming = vec![0_usize; self.items.len()];
        for (place, item) in self.items.iter().enumerate() {
            let mut before: BTreeSet<usize> = self.after[place].iter().copied().collect();
            for need in &item.step.needs {
                for (node, places) in self.providers.get(&need.milestone).into_iter().flatten() {
                    if need.nodes.is_empty() || need.nodes.contains(node) {
                        before.extend(places);
                    }
                }
            }
            for from in before {
                if edges[from].insert(place) {
                    incoming[place] += 1;
                }
            }
        }
        let mut free: Vec<usize> = (0..self.items.len()).filter(|place| incoming[*place] == 0).collect();
        let mut sorted = 0;
        while let Some(place) = free.pop() {
            sorted += 1;
            for next in &edges[place] {
                incoming[*next] -= 1;
                if incoming[*next] == 0 {
                    free.push(*next);
                }
            }
        }
        if sorted == self.items.len() {
            return Ok(());
        }
        let names = self.items.iter().enumerate().filter(|(place, _)| incoming[*place] > 0);
        let names: Vec<String> = names.map(|(_, item)| format!("{}/{}", item.plugin, item.step.id)).collect();
        Err(Tangle::Circle(names.join(", ")))
    }

    /// A satisfied step is not left out when an earlier remaining step of its node touches the same thing, and a `wait` not
    /// when it comes after a remaining step: what was true before proves nothing about afterwards.
    fn touch(&mut self) {
        loop {
            let mut changed = false;
            for place in 0..self.items.len() {
                if self.items[place].state != State::LeftOut {
                    continue;
                }
                let item = &self.items[place];
                let open = |other: &usize| !self.items[*other].state.is_over();
                let waits = matches!(item.step.action, Action::Wait) && self.after[place].iter().any(|before| open(before));
                let targets = targets(&item.step);
                let touched = (0..place).filter(open).any(|before| {
                    let earlier = &self.items[before];
                    earlier.step.node == item.step.node && self::targets(&earlier.step).iter().any(|target| targets.contains(target))
                });
                if waits || touched {
                    self.items[place].state = State::Waiting;
                    self.items[place].recheck = true;
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }
}

/// Steps of one lane run one at a time: those of a node. A job about another node (its installation, by a manager) takes long and does
/// little on its own, so each has a lane of its own, unless its group says otherwise.
fn lane(item: &Item) -> (&str, Option<&str>) {
    let step = &item.step;
    match (&step.action, &step.about, &step.group) {
        (Action::Job(_), Some(about), None) => (&step.node, Some(about)),
        _ => (&step.node, None),
    }
}

/// Lanes in which a step is under way, and nodes that somebody runs live on: who does has them to himself.
#[derive(Default)]
struct Busy<'a> {
    lanes: BTreeSet<(&'a str, Option<&'a str>)>,
    live: BTreeSet<&'a str>,
}

impl<'a> Busy<'a> {
    fn with(&mut self, item: &'a Item) {
        self.lanes.insert(lane(item));
        self.live.extend(live(item));
    }

    fn hinders(&self, item: &Item) -> bool {
        let (node, about) = lane(item);
        let occupied = |node: &str| self.live.contains(node) || self.lanes.iter().any(|(busy, _)| *busy == node);
        self.live.contains(node) || self.lanes.contains(&(node, about)) || live(item).any(occupied)
    }
}

/// The nodes that a step runs live on.
fn live(item: &Item) -> impl Iterator<Item = &str> {
    let nodes = if let Action::Call(call) = &item.step.action { call.nodes.as_slice() } else { &[] };
    // Its own as well, also where it does not open it.
    nodes.iter().map(String::as_str).chain((!nodes.is_empty()).then_some(item.step.node.as_str()))
}

fn group(item: &Item) -> Option<(&str, &str)> {
    item.step.group.as_deref().map(|group| (item.plugin.as_str(), group))
}

/// What a step touches or depends on, on its node.
pub fn targets(step: &Step) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    match &step.action {
        Action::Package(package) => {
            out.insert(format!("package {}", package.name));
        }
        Action::Directory(directory) => {
            out.insert(directory.path.clone());
        }
        Action::File(file) => {
            out.insert(file.path.clone());
        }
        Action::Absent(path) | Action::Unmount(path) => {
            out.insert(path.clone());
        }
        Action::Mount(mount) => {
            out.insert(mount.target.clone());
        }
        Action::Service(service) => {
            out.insert(format!("unit {}", service.name));
            out.extend(service.newer_than.iter().cloned());
        }
        Action::CopyTree(copy) => {
            out.insert(copy.receipt.clone());
        }
        // A snapshot is made anew by an earlier step.
        Action::Fetch(fetch) => {
            out.insert(fetch.path.clone());
        }
        Action::Command(_) | Action::Job(_) | Action::Wait | Action::Later(_) | Action::Call(_) => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use arcus_contract::actions::{Need, Package};
    use arcus_contract::facts::{Probe, Request};

    use super::*;
    use crate::samples;

    fn step(id: &str, node: &str, after: &[&str]) -> Step {
        let after = after.iter().map(|id| (*id).to_owned()).collect();
        Step { after, ..samples::step(id, node, Action::Package(Package { name: id.into(), version: None })) }
    }

    fn open() -> Standing {
        Standing::Open("not so".into())
    }

    fn names(sequence: &Sequence) -> Vec<String> {
        sequence.ready().into_iter().map(|place| sequence.items()[place].step.id.clone()).collect()
    }

    #[test]
    fn one_step_per_node_in_the_order_of_the_plan() {
        let steps = vec![(step("a", "n1", &[]), open()), (step("b", "n1", &[]), open()), (step("c", "n2", &["a"]), open())];
        let mut sequence = Sequence::new(vec![("p".into(), steps)]).unwrap();
        assert_eq!(names(&sequence), ["a"]);
        sequence.start(0);
        assert!(names(&sequence).is_empty());
        sequence.end(0, State::Done);
        assert_eq!(names(&sequence), ["b", "c"]);
    }

    #[test]
    fn a_milestone_needs_a_provider_and_all_of_them_over() {
        let mut provider = step("mount", "n1", &[]);
        provider.provides = vec!["storage.mounted".into()];
        let mut user = step("use", "n2", &[]);
        user.needs = vec![Need { milestone: "storage.mounted".into(), nodes: vec!["n1".into()] }];
        let mut other = user.clone();
        other.id = "other".into();
        other.needs[0].nodes = vec!["n2".into()];
        let plans = vec![("s".into(), vec![(provider, open())]), ("p".into(), vec![(user, open()), (other, open())])];
        let mut sequence = Sequence::new(plans).unwrap();
        assert_eq!(names(&sequence), ["mount"]);
        assert_eq!(sequence.items()[2].state, State::Blocked("nobody provides `storage.mounted` on n2".into()));
        sequence.start(0);
        sequence.end(0, State::Done);
        assert_eq!(names(&sequence), ["use"]);
    }

    #[test]
    fn what_runs_live_has_its_nodes_to_itself() {
        let call = |id: &str, node: &str, nodes: &[&str]| {
            let mut call = step(id, node, &[]);
            let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
            call.action = Action::Call(arcus_contract::actions::Call { name: "x".into(), args: "{}".into(), nodes });
            call
        };
        let job = |id: &str| {
            let mut job = step(id, "n2", &[]);
            job.action = Action::Job(arcus_contract::actions::Command { argv: vec!["x".into()], stdin: vec![], status_lies: false });
            job.about = Some("n9".into());
            job
        };
        let steps = vec![(call("live", "n1", &["n1", "n2"]), open()), (step("b", "n2", &[]), open()), (job("long"), open()), (step("c", "n3", &[]), open()), (call("other", "n3", &["n2"]), open())];
        let mut sequence = Sequence::new(vec![("p".into(), steps)]).unwrap();
        assert_eq!(names(&sequence), ["live", "c"]);
        sequence.start(0);
        assert_eq!(names(&sequence), ["c"]);
        sequence.end(0, State::Done);
        sequence.start(2);
        // A job that goes on there holds up whoever wants the node whole, and nobody else.
        assert_eq!(names(&sequence), ["b", "c"]);
        sequence.end(2, State::Done);
        sequence.end(1, State::Done);
        sequence.end(3, State::Done);
        assert_eq!(names(&sequence), ["other"]);
    }

    #[test]
    fn jobs_about_other_nodes_run_side_by_side() {
        let job = |id: &str, about: &str| {
            let mut job = step(id, "n1", &[]);
            job.action = Action::Job(arcus_contract::actions::Command { argv: vec!["x".into()], stdin: vec![], status_lies: false });
            job.about = Some(about.into());
            job
        };
        let mut grouped = job("d", "n5");
        grouped.group = Some("g".into());
        let steps = vec![(job("a", "n2"), open()), (job("b", "n3"), open()), (step("c", "n1", &[]), open()), (grouped, open()), (job("e", "n2"), open())];
        let mut sequence = Sequence::new(vec![("p".into(), steps)]).unwrap();
        assert_eq!(names(&sequence), ["a", "b", "c"], "one about a node at a time, and the group's one waits for its node");
        for place in 0..3 {
            sequence.start(place);
        }
        assert!(names(&sequence).is_empty());
        sequence.end(0, State::Done);
        assert_eq!(names(&sequence), ["e"]);
        sequence.end(2, State::Done);
        assert_eq!(names(&sequence), ["d", "e"]);
    }

    #[test]
    fn a_failure_blocks_what_comes_after_and_its_group() {
        let mut a = step("a", "n1", &[]);
        a.group = Some("g".into());
        let mut b = step("b", "n2", &[]);
        b.group = Some("g".into());
        let steps = vec![(a, open()), (b, open()), (step("c", "n1", &["a"]), open()), (step("d", "n1", &[]), open())];
        let mut sequence = Sequence::new(vec![("p".into(), steps)]).unwrap();
        assert_eq!(names(&sequence), ["a"], "one of a group at a time");
        sequence.start(0);
        sequence.end(0, State::Failed);
        assert_eq!(names(&sequence), ["d"]);
    }

    #[test]
    fn left_out_counts_as_done_and_is_looked_at_again_when_touched() {
        let mut wait = step("w", "n1", &["b"]);
        wait.action = Action::Wait;
        wait.goal = Some(Goal { requests: vec![], expect: "so".into(), within_s: 1 });
        let mut again = step("a2", "n1", &[]);
        again.action = Action::Package(Package { name: "a".into(), version: None });
        let steps = vec![
            (step("a", "n1", &[]), open()),
            (step("b", "n1", &["a"]), Standing::Satisfied),
            (wait, Standing::Satisfied),
            (again, Standing::Satisfied),
        ];
        let sequence = Sequence::new(vec![("p".into(), steps)]).unwrap();
        assert_eq!(sequence.items()[1].state, State::LeftOut);
        assert_eq!(sequence.items()[2].state, State::LeftOut, "what it comes after was left out");
        assert!(sequence.items()[3].recheck);
    }

    #[test]
    fn a_join_holds_back_what_comes_after_it() {
        let mut join = step("all", "n1", &["a", "b"]);
        join.action = Action::Wait;
        let lost = (step("b", "n2", &[]), Standing::Later("n2 answers".into()));
        let steps = |b| vec![(step("a", "n1", &[]), open()), b, (join.clone(), Standing::Satisfied), (step("c", "n1", &["all"]), open())];
        let mut sequence = Sequence::new(vec![("p".into(), steps((step("b", "n2", &[]), open())))]).unwrap();
        assert_eq!(names(&sequence), ["a", "b"]);
        for place in [0, 1] {
            sequence.start(place);
            sequence.end(place, State::Done);
        }
        assert_eq!(names(&sequence), ["all"]);
        let sequence = Sequence::new(vec![("p".into(), steps(lost))]).unwrap();
        assert!(matches!(sequence.items()[3].state, State::Blocked(_)), "it waits for a node that is lost");
    }

    #[test]
    fn a_wait_for_what_is_so_on_the_node_travels_with_the_changes_before_it() {
        let wait = |id: &str, of: &str| {
            let mut wait = step(id, "n1", &["b"]);
            wait.action = Action::Wait;
            let request = Request { node: of.into(), probe: Probe::Sockets };
            wait.goal = Some(Goal { requests: vec![request], expect: "so".into(), within_s: 1 });
            wait
        };
        let batch = |wait: Step| {
            let steps = vec![(step("a", "n1", &[]), open()), (step("b", "n1", &["a"]), open()), (wait, open()), (step("c", "n1", &[]), open())];
            Sequence::new(vec![("p".into(), steps)]).unwrap().batch(0)
        };
        assert_eq!(batch(wait("w", "n1")), [0, 1, 2], "and nothing behind it");
        assert_eq!(batch(wait("w", "n2")), [0, 1], "another node is asked apart");
        let mut grouped = wait("w", "n1");
        grouped.group = Some("g".into());
        assert_eq!(batch(grouped), [0, 1]);
    }

    #[test]
    fn circles_and_orphans_are_named() {
        let steps = vec![(step("a", "n1", &["b"]), open()), (step("b", "n1", &["a"]), open())];
        assert!(matches!(Sequence::new(vec![("p".into(), steps)]), Err(Tangle::Circle(names)) if names == "p/a, p/b"));
        let mut orphan = step("a", "n1", &[]);
        orphan.needs = vec![Need { milestone: "x.y".into(), nodes: vec![] }];
        assert!(matches!(Sequence::new(vec![("p".into(), vec![(orphan, open())])]), Err(Tangle::Orphan { .. })));
    }
}
