//! Merges what plugins ask at the same time into one round trip.
//!
//! Each concurrent call sits on a [`Seat`]. When every seat that is still taken waits for an answer, all that was asked
//! and is not known yet is fetched at once. What was fetched stays: within one round a question is answered alike to all.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use arcus_contract::facts::{Answer, Probe, Request};
use async_trait::async_trait;
use futures::FutureExt as _;
use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::{AbortHandle, JoinSet},
};

use crate::ask::{self, Asker};

/// A question and whose words it is in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The plugin whose manifest gives the question its meaning: ids of queries, jobs, secrets and artifacts are each
    /// plugin's own. None where the question means the same whoever asks.
    pub plugin: Option<Arc<str>>,
    /// The question.
    pub request: Request,
}

impl Wanted {
    /// As `plugin` means it.
    pub fn new(plugin: &str, request: Request) -> Self {
        let own = matches!(request.probe, Probe::Query(_) | Probe::Job(_) | Probe::FileIs(_));
        Self { plugin: own.then(|| plugin.into()), request }
    }
}

/// Asks the nodes.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// One answer per question, in their order. No question comes twice in one round.
    async fn fetch(&self, wanted: Vec<Wanted>) -> Vec<Answer>;

    /// What a guest is given of an answer. The host itself goes by what was said.
    fn shown(&self, answer: Answer) -> Answer {
        answer
    }
}

/// One pass over all plugins: one snapshot. Make a new one after anything was changed.
#[derive(Clone)]
pub struct Round(Arc<Shared>);

/// The place of one call in a round. Give it to the call; when it is dropped, nobody waits for that call any more.
pub struct Seat {
    shared: Arc<Shared>,
    number: u64,
    /// A guest asks one thing at a time.
    turn: tokio::sync::Mutex<()>,
}

struct Shared {
    fetch: Arc<dyn Fetch>,
    runtime: Handle,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    seats: BTreeMap<u64, Standing>,
    flights: u64,
    snapshot: HashMap<Wanted, Answer>,
    fetches: usize,
    tasks: Vec<AbortHandle>,
}

/// What the call on a seat does.
enum Standing {
    Running,
    /// Waits for the others.
    Queued(Ask),
    /// Waits for the nodes, in the fetch of this number.
    Asked(u64, Ask),
}

struct Ask {
    wanted: Vec<Wanted>,
    answer: oneshot::Sender<Vec<Answer>>,
}

impl Round {
    /// How long one that asks waits for one that neither asks nor ends. A guest ends by itself before that, so this is for
    /// seats that nobody uses.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// An empty snapshot.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(fetch: Arc<dyn Fetch>) -> Self {
        Self::with_patience(fetch, Self::PATIENCE)
    }

    /// With another time than 30 s after which those that ask stop waiting for those that do not.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn with_patience(fetch: Arc<dyn Fetch>, patience: Duration) -> Self {
        Self(Arc::new(Shared { fetch, runtime: Handle::current(), patience, state: Mutex::default() }))
    }

    /// Puts what was fetched ahead into the snapshot. What is known stays.
    pub fn prime(&self, known: impl IntoIterator<Item = (Wanted, Answer)>) {
        let mut state = self.0.lock();
        for (wanted, answer) in known {
            state.snapshot.entry(wanted).or_insert(answer);
        }
    }

    /// A place for one call. Take the seats of all calls that run together before the first of them starts.
    pub fn seat(&self) -> Seat {
        let mut state = self.0.lock();
        let number = state.next;
        state.next += 1;
        state.seats.insert(number, Standing::Running);
        Seat { shared: Arc::clone(&self.0), number, turn: tokio::sync::Mutex::default() }
    }

    /// What the host itself wants to know, from the same snapshot; fetched now where it is not known.
    pub async fn look(&self, wanted: Vec<Wanted>) -> Vec<Answer> {
        self.fetch(&wanted).await;
        self.0.lock().answers(&wanted)
    }

    /// Takes into the snapshot what is not known yet.
    pub async fn fetch(&self, wanted: &[Wanted]) {
        let unknown = {
            let mut state = self.0.lock();
            let unknown = state.unknown(wanted.iter());
            state.fetches += usize::from(!unknown.is_empty());
            unknown
        };
        let found = self.0.fetched(unknown).await;
        self.0.lock().learn(found);
    }

    /// All that was asked and answered so far, in no particular order.
    pub fn snapshot(&self) -> Vec<(Wanted, Answer)> {
        self.0.lock().snapshot.iter().map(|(wanted, answer)| (wanted.clone(), answer.clone())).collect()
    }

    /// Shows all that was asked and answered so far, in no particular order, without copying it.
    pub fn each(&self, mut see: impl FnMut(&Wanted, &Answer)) {
        for (wanted, answer) in &self.0.lock().snapshot {
            see(wanted, answer);
        }
    }

    /// How many times nodes were asked.
    pub fn fetches(&self) -> usize {
        self.0.lock().fetches
    }
}

#[async_trait]
impl Asker for Seat {
    async fn ask(&self, plugin: &str, requests: Vec<Request>) -> Vec<Answer> {
        let _turn = self.turn.lock().await;
        let wanted: Vec<Wanted> = requests.into_iter().map(|request| Wanted::new(plugin, request)).collect();
        let (sender, mut answer) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if state.unknown(wanted.iter()).is_empty() {
                let answers = state.answers(&wanted);
                drop(state);
                return self.shared.shown(answers);
            }
            let ask = Ask { wanted: wanted.clone(), answer: sender };
            state.seats.insert(self.number, Standing::Queued(ask));
            self.shared.settle(&mut state, false);
        }
        // Given up (its call was ended): nobody may wait for the answer to this.
        let _given_up = GivenUp(self);
        loop {
            match tokio::time::timeout(self.shared.patience, &mut answer).await {
                Ok(Ok(answers)) => return self.shared.shown(answers),
                Ok(Err(_)) => return wanted.iter().map(|wanted| ask::lost(&wanted.request)).collect(),
                Err(_) => self.shared.settle(&mut self.shared.lock(), true),
            }
        }
    }
}

/// Takes back what a seat asked, when it stops waiting.
struct GivenUp<'a>(&'a Seat);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        let mut state = self.0.shared.lock();
        if let Some(standing) = state.seats.get_mut(&self.0.number) {
            *standing = Standing::Running;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.seats.remove(&self.number);
        self.shared.settle(&mut state, false);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for task in &self.state.get_mut().unwrap_or_else(PoisonError::into_inner).tasks {
            task.abort();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self, answers: Vec<Answer>) -> Vec<Answer> {
        answers.into_iter().map(|answer| self.fetch.shown(answer)).collect()
    }

    /// Fetches for all that wait, if everybody does. `anyway`: also if somebody still runs.
    fn settle(self: &Arc<Self>, state: &mut State, anyway: bool) {
        let running = state.seats.values().any(|standing| matches!(standing, Standing::Running));
        if running && !anyway {
            return;
        }
        state.flights += 1;
        let flight = state.flights;
        let mut asked = Vec::new();
        for standing in state.seats.values_mut() {
            *standing = match std::mem::replace(standing, Standing::Running) {
                Standing::Queued(ask) => {
                    asked.extend(ask.wanted.iter().cloned());
                    Standing::Asked(flight, ask)
                }
                other => other,
            };
        }
        if asked.is_empty() {
            return;
        }
        let unknown = state.unknown(asked.iter());
        state.fetches += usize::from(!unknown.is_empty());
        // Not part of any call: a call that is ended must not take the others' answers with it.
        let (fetch, shared) = (Arc::clone(&self.fetch), Arc::downgrade(self));
        let task = self.runtime.spawn(async move {
            let found = gather(&*fetch, unknown).await;
            deliver(&shared, found, flight);
        });
        state.tasks.retain(|task| !task.is_finished());
        state.tasks.push(task.abort_handle());
    }

    async fn fetched(&self, unknown: Vec<Wanted>) -> Vec<(Wanted, Answer)> {
        // On a task of its own, so that a fetch that panics is a lost answer here as well.
        let fetch = Arc::clone(&self.fetch);
        let lost: Vec<_> = unknown.iter().map(|wanted| (wanted.clone(), ask::lost(&wanted.request))).collect();
        let mut task = JoinSet::new();
        task.spawn_on(async move { gather(&*fetch, unknown).await }, &self.runtime);
        task.join_next().await.and_then(Result::ok).unwrap_or(lost)
    }
}

/// Fetches, and makes good what comes back short.
async fn gather(fetch: &dyn Fetch, unknown: Vec<Wanted>) -> Vec<(Wanted, Answer)> {
    if unknown.is_empty() {
        return Vec::new();
    }
    let mut answers = match AssertUnwindSafe(fetch.fetch(unknown.clone())).catch_unwind().await {
        Ok(answers) => answers.into_iter(),
        Err(_) => Vec::new().into_iter(),
    };
    unknown
        .into_iter()
        .map(|wanted| {
            let answer = answers.next().unwrap_or_else(|| ask::lost(&wanted.request));
            (wanted, answer)
        })
        .collect()
}

fn deliver(shared: &Weak<Shared>, found: Vec<(Wanted, Answer)>, flight: u64) {
    let Some(shared) = shared.upgrade() else { return };
    let mut state = shared.lock();
    state.learn(found);
    let mut ready = Vec::new();
    for standing in state.seats.values_mut() {
        *standing = match std::mem::replace(standing, Standing::Running) {
            Standing::Asked(of, ask) if of == flight => {
                ready.push(ask);
                Standing::Running
            }
            other => other,
        };
    }
    for ask in ready {
        let answers = state.answers(&ask.wanted);
        // Nobody there: that call was ended.
        let _ = ask.answer.send(answers);
    }
}

impl State {
    /// Each of these that is not known, once, in their order.
    fn unknown<'a>(&self, wanted: impl Iterator<Item = &'a Wanted>) -> Vec<Wanted> {
        let mut seen = HashSet::new();
        wanted.filter(|wanted| !self.snapshot.contains_key(*wanted) && seen.insert(*wanted)).cloned().collect()
    }

    /// The first answer to a question is the one that stays.
    fn learn(&mut self, found: Vec<(Wanted, Answer)>) {
        for (wanted, answer) in found {
            self.snapshot.entry(wanted).or_insert(answer);
        }
    }

    fn answers(&self, wanted: &[Wanted]) -> Vec<Answer> {
        wanted.iter().map(|wanted| self.snapshot.get(wanted).cloned().unwrap_or_else(|| ask::lost(&wanted.request))).collect()
    }
}
