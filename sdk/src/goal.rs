//! Judging goals: plain functions in a table keyed by the verb of a step's id.

use crate::{Cluster, FactType};
use arcus_contract::checks::{Seen, Verdict, Weighing};
use arcus_contract::facts::{Answer, Request};
use arcus_contract::types::{Node, Problem};

/// What a goal's function returns: `Ok` is met. Made by [`met`], [`unmet`] and [`will_fail`]; `?` works on [`Case::get`].
pub type Judged = Result<(), Verdict>;

/// The goal is met.
pub fn met() -> Judged {
    Ok(())
}
/// Not yet: what is missing, shown live while waiting.
pub fn unmet(missing: impl Into<String>) -> Judged {
    Err(Verdict::Unmet(missing.into()))
}
/// Waiting will not help (`install_failed`): the step fails at once.
pub fn will_fail(problem: Problem) -> Judged {
    Err(Verdict::Failed(problem))
}

/// Judges one goal. A plain function or a closure that captures nothing: `judge` runs in a fresh instance.
pub type Judge<C> = fn(&Cluster<C>, &Case<'_>) -> Judged;

/// Who judges which steps, by the verb of their id.
pub struct Goals<C> {
    table: Vec<(&'static str, Judge<C>)>,
}

impl<C> Default for Goals<C> {
    fn default() -> Self {
        Goals { table: Vec::new() }
    }
}

impl<C> Goals<C> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Steps with this verb (`mount` for `mount:web1`) are judged so.
    ///
    /// # Panics
    /// When the verb is there already.
    pub fn on(mut self, verb: &'static str, judge: Judge<C>) -> Self {
        assert!(self.get(verb).is_none(), "two goals for the verb {verb}");
        self.table.push((verb, judge));
        self
    }

    pub(crate) fn get(&self, verb: &str) -> Option<Judge<C>> {
        self.table.iter().find(|(known, _)| *known == verb).map(|(_, judge)| *judge)
    }

    pub(crate) fn has(&self, verb: &str) -> bool {
        self.get(verb).is_some()
    }
}

/// One goal to be judged, with what was seen for it.
pub struct Case<'a> {
    /// The step's id, `verb:subject`.
    pub step: &'a str,
    /// The words given to `until`.
    pub expect: &'a str,
    nodes: &'a [Node],
    seen: Vec<&'a Seen>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(weighing: &'a Weighing, seen: &'a [Seen], nodes: &'a [Node]) -> Option<Self> {
        let seen: Option<Vec<_>> = weighing.seen.iter().map(|&place| seen.get(place as usize)).collect();
        Some(Case { step: &weighing.step, expect: &weighing.expect, nodes, seen: seen? })
    }

    /// The part of the id before the first `:`.
    pub fn verb(&self) -> &'a str {
        self.step.split_once(':').map_or(self.step, |(verb, _)| verb)
    }

    /// The part of the id after the first `:`: a node's name, or what [`crate::Planned::of`] was given.
    pub fn subject(&self) -> &'a str {
        self.step.split_once(':').map_or("", |(_, subject)| subject)
    }

    /// The node that the subject names. Failed, when it names none.
    pub fn node(&self) -> Result<&'a Node, Verdict> {
        let found = self.nodes.iter().find(|node| node.name == self.subject());
        found.ok_or_else(|| {
            Verdict::Failed(crate::problem("plugin.goal", format!("the subject of step {} is no node", self.step)))
        })
    }

    /// How many requests the goal has.
    pub fn len(&self) -> usize {
        self.seen.len()
    }
    /// The goal looks at nothing.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// The answer to the request at this place of the goal. Not answered: unmet, with the reason.
    pub fn get<T: FactType>(&self, place: usize) -> Result<&'a T, Verdict> {
        let Some(seen) = self.seen.get(place) else {
            let message = format!("step {} has {} requests, none at place {place}", self.step, self.seen.len());
            return Err(Verdict::Failed(crate::problem("plugin.goal", message)));
        };
        match &seen.answer {
            Ok(fact) => T::in_fact(fact).ok_or_else(|| {
                let message = format!("step {}: the answer at place {place} is of another kind", self.step);
                Verdict::Failed(crate::problem("plugin.goal", message))
            }),
            // The node did answer, and what could tell is not installed on it yet.
            Err(problem) if problem.code == "query.missing" => Err(Verdict::Unmet(format!("{}: {}", seen.request.node, problem.message))),
            Err(problem) => Err(Verdict::Unmet(format!("{} did not answer: {}", seen.request.node, problem.message))),
        }
    }

    /// All answers, for goals that look at many nodes alike. The first that is missing makes the goal unmet.
    pub fn all<T: FactType>(&self) -> Result<Vec<(&'a str, &'a T)>, Verdict> {
        (0..self.seen.len()).map(|place| Ok((self.seen[place].request.node.as_str(), self.get::<T>(place)?))).collect()
    }

    /// A question and its answer, as they came.
    pub fn raw(&self, place: usize) -> Option<(&'a Request, &'a Answer)> {
        self.seen.get(place).map(|seen| (&seen.request, &seen.answer))
    }
}
