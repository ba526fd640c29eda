//! Typed questions and their answers. Not answered ([`Look::Unknown`]) and not there (`None`, empty) are different types.

use crate::fact::FactType;
use crate::{Cluster, problem};
use arcus_contract::facts::{Answer, Probe, Request};
use arcus_contract::types::{Node, Problem};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// What is known after asking: the answer, or why there is none. A `Known` may well say that something is not there.
#[derive(Debug, Clone, PartialEq)]
pub enum Look<T> {
    /// A node answered.
    Known(T),
    /// It could not be read. Never treat as absent, never as fine.
    Unknown(Problem),
}

impl<T> Look<T> {
    /// The answer, if there is one. For where silence needs no treatment of its own.
    pub fn known(&self) -> Option<&T> {
        match self {
            Look::Known(value) => Some(value),
            Look::Unknown(_) => None,
        }
    }

    /// Answered, and so. False for silence: do not negate.
    pub fn is_known_and(&self, so: impl FnOnce(&T) -> bool) -> bool {
        self.known().is_some_and(so)
    }

    /// Changes the answer, keeps silence.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Look<U> {
        match self {
            Look::Known(value) => Look::Known(change(value)),
            Look::Unknown(problem) => Look::Unknown(problem),
        }
    }

    /// By reference.
    pub fn as_ref(&self) -> Look<&T> {
        match self {
            Look::Known(value) => Look::Known(value),
            Look::Unknown(problem) => Look::Unknown(problem.clone()),
        }
    }

    /// For `?`: silence as an error of the whole call. Rarely right: plan the rest instead.
    pub fn or_problem(self) -> Result<T, Problem> {
        match self {
            Look::Known(value) => Ok(value),
            Look::Unknown(problem) => Err(problem),
        }
    }
}

impl<T: FactType> Look<T> {
    pub(crate) fn from_answer(answer: Answer) -> Self {
        match answer {
            Ok(fact) => match T::from_fact(fact) {
                Some(value) => Look::Known(value),
                None => Look::Unknown(problem("plugin.answer", "the answer is of another kind than the question")),
            },
            Err(problem) => Look::Unknown(problem),
        }
    }
}

/// A question whose answer is a `T`. Made by the functions of [`crate::probe`].
#[derive(Debug, Clone, PartialEq)]
pub struct Ask<T> {
    probe: Probe,
    answer: PhantomData<fn() -> T>,
}

impl<T> Ask<T> {
    pub(crate) fn new(probe: Probe) -> Self {
        Ask { probe, answer: PhantomData }
    }
    /// To this node: for the requests of a goal.
    pub fn on(&self, node: &Node) -> Request {
        Request { node: node.name.clone(), probe: self.probe.clone() }
    }
    /// To each of these nodes: for the requests of a goal.
    pub fn on_each<'a>(&self, nodes: impl IntoIterator<Item = &'a Node>) -> Vec<Request> {
        nodes.into_iter().map(|node| self.on(node)).collect()
    }
}

/// One or several questions: an [`Ask`], a tuple of up to eight, or a `Vec`.
pub trait Probes {
    /// A [`Look`] for each question, in the same shape.
    type Seen;
    #[doc(hidden)]
    fn probes(&self, to: &mut Vec<Probe>);
    #[doc(hidden)]
    fn seen(&self, answers: &mut dyn Iterator<Item = Answer>) -> Self::Seen;
}

impl<T: FactType> Probes for Ask<T> {
    type Seen = Look<T>;
    fn probes(&self, to: &mut Vec<Probe>) {
        to.push(self.probe.clone());
    }
    fn seen(&self, answers: &mut dyn Iterator<Item = Answer>) -> Look<T> {
        match answers.next() {
            Some(answer) => Look::from_answer(answer),
            None => Look::Unknown(problem("plugin.unanswered", "the host gave fewer answers than there were requests")),
        }
    }
}

impl<P: Probes> Probes for Vec<P> {
    type Seen = Vec<P::Seen>;
    fn probes(&self, to: &mut Vec<Probe>) {
        self.iter().for_each(|part| part.probes(to));
    }
    fn seen(&self, answers: &mut dyn Iterator<Item = Answer>) -> Self::Seen {
        self.iter().map(|part| part.seen(answers)).collect()
    }
}

macro_rules! tuple_probes {
    ($($part:ident $place:tt),+) => {
        impl<$($part: Probes),+> Probes for ($($part,)+) {
            type Seen = ($($part::Seen,)+);
            fn probes(&self, to: &mut Vec<Probe>) {
                $(self.$place.probes(to);)+
            }
            fn seen(&self, answers: &mut dyn Iterator<Item = Answer>) -> Self::Seen {
                ($(self.$place.seen(answers),)+)
            }
        }
    };
}
tuple_probes!(A 0, B 1);
tuple_probes!(A 0, B 1, C 2);
tuple_probes!(A 0, B 1, C 2, D 3);
tuple_probes!(A 0, B 1, C 2, D 3, E 4);
tuple_probes!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple_probes!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple_probes!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

/// What was seen, by node.
#[derive(Debug, Clone)]
pub struct PerNode<S> {
    seen: BTreeMap<String, S>,
}

impl<S> PerNode<S> {
    /// What was seen on this node.
    ///
    /// # Panics
    /// When this node was not asked: a mistake in the plugin.
    pub fn of(&self, node: &Node) -> &S {
        match self.seen.get(&node.name) {
            Some(seen) => seen,
            None => panic!("node {} was not asked", node.name),
        }
    }
    /// What was seen on this node, if it was asked.
    pub fn get(&self, node: &str) -> Option<&S> {
        self.seen.get(node)
    }
    /// All, sorted by name of node.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &S)> {
        self.seen.iter().map(|(node, seen)| (node.as_str(), seen))
    }
}

impl<T> PerNode<Look<T>> {
    /// The nodes that answered, with their answers, sorted by name.
    pub fn known(&self) -> impl Iterator<Item = (&str, &T)> {
        self.seen.iter().filter_map(|(node, look)| look.known().map(|value| (node.as_str(), value)))
    }
    /// Nobody was silent.
    pub fn all_known(&self) -> bool {
        self.seen.values().all(|look| look.known().is_some())
    }
    /// The first of these nodes that answered, in their order, with its answer. For work that any member can do.
    pub fn first_known<'a, 'n>(&'a self, nodes: impl IntoIterator<Item = &'n Node>) -> Option<(&'n Node, &'a T)> {
        nodes.into_iter().find_map(|node| Some((node, self.seen.get(&node.name)?.known()?)))
    }
}

/// Questions collected for one ask.
///
/// ```no_run
/// # use arcus_sdk::prelude::*;
/// # fn example(cluster: &Cluster<()>) {
/// let mut batch = cluster.batch();
/// let os = batch.each(&cluster.nodes, probe::os());
/// let list = batch.one(&cluster.nodes[0], probe::query("node-list", []));
/// let mut got = batch.send();
/// let (os, list) = (got.take(os), got.take(list));
/// # let _ = (os, list);
/// # }
/// ```
pub struct Batch<'a, C> {
    cluster: &'a Cluster<C>,
    requests: Vec<Request>,
}

/// A place in a [`Batch`], given back for what was seen there.
pub struct Ticket<S> {
    start: usize,
    read: Read<S>,
}

/// How a ticket's answers are read, once they are there.
type Read<S> = Box<dyn FnOnce(&mut dyn Iterator<Item = Answer>) -> S>;

impl<'a, C> Batch<'a, C> {
    pub(crate) fn new(cluster: &'a Cluster<C>) -> Self {
        Batch { cluster, requests: Vec::new() }
    }

    /// Questions to one node.
    pub fn one<P: Probes + 'static>(&mut self, node: &Node, probes: P) -> Ticket<P::Seen> {
        let start = self.requests.len();
        self.add(node, &probes);
        Ticket { start, read: Box::new(move |answers| probes.seen(answers)) }
    }

    /// The same questions to many nodes.
    pub fn each<'n, P: Probes + 'static>(&mut self, nodes: impl IntoIterator<Item = &'n Node>, probes: P) -> Ticket<PerNode<P::Seen>> {
        let start = self.requests.len();
        let mut names = Vec::new();
        for node in nodes {
            names.push(node.name.clone());
            self.add(node, &probes);
        }
        let read: Read<PerNode<P::Seen>> =
            Box::new(move |answers| PerNode { seen: names.into_iter().map(|node| (node, probes.seen(answers))).collect() });
        Ticket { start, read }
    }

    /// Questions that differ by node, e.g. reach to all the *others*.
    pub fn each_of<'n, P: Probes + 'static>(&mut self, nodes: impl IntoIterator<Item = (&'n Node, P)>) -> Ticket<PerNode<P::Seen>> {
        let start = self.requests.len();
        let mut asked = Vec::new();
        for (node, probes) in nodes {
            self.add(node, &probes);
            asked.push((node.name.clone(), probes));
        }
        let read: Read<PerNode<P::Seen>> = Box::new(move |answers| PerNode {
            seen: asked.into_iter().map(|(node, probes)| (node, probes.seen(answers))).collect(),
        });
        Ticket { start, read }
    }

    fn add<P: Probes>(&mut self, node: &Node, probes: &P) {
        let asked = probes_of(probes).into_iter();
        self.requests.extend(asked.map(|probe| Request { node: node.name.clone(), probe }));
    }

    /// Asks everything at once: at most one round trip per node.
    pub fn send(self) -> Got {
        Got { answers: self.cluster.ask(self.requests) }
    }
}

fn probes_of(probes: &impl Probes) -> Vec<Probe> {
    let mut all = Vec::new();
    probes.probes(&mut all);
    all
}

/// The answers of a [`Batch`].
pub struct Got {
    answers: Vec<Answer>,
}

impl Got {
    /// What was seen for this ticket (of the same batch).
    pub fn take<S>(&mut self, ticket: Ticket<S>) -> S {
        (ticket.read)(&mut self.answers.iter().skip(ticket.start).cloned())
    }
}
