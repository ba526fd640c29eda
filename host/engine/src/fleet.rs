//! All nodes of the cluster as one thing to look at: one connection per node, one round trip per node and question.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arcus_contract::types::Problem;
use arcus_node::{Answer, Batch, Endpoint, Link, Look, Lost, Report, Sink, Transport};
use futures::future::join_all;
use tokio::sync::Mutex as AsyncMutex;

use crate::event::{Event, Events};

/// The nodes, and the way to them.
pub struct Fleet {
    transport: Arc<dyn Transport>,
    doors: BTreeMap<String, Door>,
    events: Events,
}

struct Door {
    endpoint: Endpoint,
    link: AsyncMutex<Option<Result<Arc<dyn Link>, Problem>>>,
}

impl Fleet {
    /// Connects to nobody yet.
    pub fn new(transport: Arc<dyn Transport>, endpoints: impl IntoIterator<Item = Endpoint>, events: Events) -> Self {
        let door = |endpoint: Endpoint| (endpoint.name.clone(), Door { endpoint, link: AsyncMutex::new(None) });
        Self { transport, doors: endpoints.into_iter().map(door).collect(), events }
    }

    /// Names of all nodes, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.doors.keys().map(String::as_str)
    }

    /// The connection to a node: made on first use, made again after it was lost. A node that could not be reached is not
    /// tried again until [`Fleet::retry`].
    pub async fn link(&self, node: &str) -> Result<Arc<dyn Link>, Problem> {
        let Some(door) = self.doors.get(node) else {
            return Err(unknown(node));
        };
        let mut slot = door.link.lock().await;
        match slot.as_ref() {
            Some(Ok(link)) if !link.is_lost() => return Ok(link.clone()),
            Some(Err(problem)) => return Err(problem.clone()),
            _ => {}
        }
        let begun = Instant::now();
        let result = self.transport.connect(&door.endpoint).await.map_err(|error| error.to_problem());
        match &result {
            Ok(_) => (self.events)(Event::Reached { node: node.into(), took_ms: begun.elapsed().as_millis() as u64 }),
            Err(problem) => (self.events)(Event::NotReached { node: node.into(), problem: problem.clone() }),
        }
        *slot = Some(result.clone());
        result
    }

    /// Gives nodes that were not reached another chance.
    pub async fn retry(&self) {
        for door in self.doors.values() {
            let mut slot = door.link.lock().await;
            if matches!(slot.as_ref(), Some(Err(_))) {
                *slot = None;
            }
        }
    }

    /// Forgets the connection to a node that was silenced: it would be waited for until its keepalives run out.
    pub async fn forget(&self, node: &str) {
        if let Some(door) = self.doors.get(node) {
            *door.link.lock().await = None;
        }
    }

    /// Nodes that could not be reached so far, with the reason.
    pub async fn missing(&self) -> BTreeMap<String, Problem> {
        let mut missing = BTreeMap::new();
        for (name, door) in &self.doors {
            if let Some(Err(problem)) = door.link.lock().await.as_ref() {
                missing.insert(name.clone(), problem.clone());
            }
        }
        missing
    }

    /// Asks all at once: one round trip per node, nodes in parallel, answers in the order of the questions.
    pub async fn look(&self, asks: Vec<(String, Look)>) -> Vec<Answer> {
        let mut by_node: BTreeMap<String, Vec<(usize, Look)>> = BTreeMap::new();
        let total = asks.len();
        for (place, (node, look)) in asks.into_iter().enumerate() {
            by_node.entry(node).or_default().push((place, look));
        }
        let rounds = by_node.into_iter().map(|(node, asks)| async move {
            let (places, looks): (Vec<usize>, Vec<Look>) = asks.into_iter().unzip();
            let answers = self.look_at(&node, looks).await;
            (places, answers)
        });
        let answers = Mutex::new(HashMap::with_capacity(total));
        for (places, round) in join_all(rounds).await {
            answers.lock().expect("no panic while held").extend(places.into_iter().zip(round));
        }
        let mut answers = answers.into_inner().expect("no panic while held");
        (0..total)
            .map(|place| answers.remove(&place).unwrap_or_else(|| Err(problem("node.timeout", "no answer came", None))))
            .collect()
    }

    async fn look_at(&self, node: &str, looks: Vec<Look>) -> Vec<Answer> {
        let count = looks.len();
        let failed = |problem: Problem| vec![Err(problem); count];
        // A link that turns out to be dead is made again once: looking is safe to repeat.
        for attempt in 0..2 {
            let link = match self.link(node).await {
                Ok(link) => link,
                Err(problem) => return failed(problem),
            };
            match link.look(looks.clone()).await {
                Ok(answers) => return answers,
                Err(lost) if attempt == 0 && link.is_lost() => tracing::debug!(node, %lost, "looking again"),
                Err(lost) => {
                    // Nobody is there who makes sense: to be asked again would be to wait as long again.
                    if lost.code == "node.nonsense" || (lost.untouched && lost.code != "node.lost") {
                        self.give_up(node, lost.to_problem()).await;
                    }
                    return failed(lost.to_problem());
                }
            }
        }
        failed(problem("node.lost", "the connection broke twice", Some(node)))
    }

    async fn give_up(&self, node: &str, problem: Problem) {
        let Some(door) = self.doors.get(node) else { return };
        (self.events)(Event::NotReached { node: node.into(), problem: problem.clone() });
        *door.link.lock().await = Some(Err(problem));
    }

    /// Performs a batch on one node. Nothing is repeated.
    pub async fn run(&self, node: &str, batch: &Batch, sink: &mut dyn Sink) -> Result<Report, Lost> {
        let link = self.link(node).await.map_err(|problem| Lost {
            node: node.into(),
            code: "node.unreachable",
            reason: problem.message,
            outcomes: vec![],
            open: None,
            untouched: true,
        })?;
        link.run(batch, sink).await
    }

    /// Ends all connections in order.
    pub async fn close(&self) {
        join_all(self.doors.values().map(|door| async {
            if let Some(Ok(link)) = door.link.lock().await.take() {
                link.close().await;
            }
        }))
        .await;
    }
}

fn unknown(node: &str) -> Problem {
    problem("node.unknown", &format!("the cluster has no node `{node}`"), Some(node))
}

fn problem(code: &str, message: &str, node: Option<&str>) -> Problem {
    Problem { code: code.into(), message: message.into(), help: None, node: node.map(Into::into), pointer: None, retryable: true }
}
