//! Nodes that are not there: a closure answers every batch.
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Batch, ConnectError, Endpoint, Event, Link, Lost, Outcome, Report, Sink, Transport};

type Answerer = dyn Fn(&str, &Batch) -> Result<Report, Lost> + Send + Sync;
type Doorkeeper = dyn Fn(&Endpoint) -> Result<(), ConnectError> + Send + Sync;

/// A transport to nodes that exist in memory only, for tests of what stands above: the closure gets the node's name and
/// the batch and returns what a node would. Events are made from the outcomes.
#[derive(Clone)]
pub struct Simulated {
    answer: Arc<Answerer>,
    door: Arc<Doorkeeper>,
}

impl Simulated {
    /// Every node can be reached.
    pub fn new(answer: impl Fn(&str, &Batch) -> Result<Report, Lost> + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), door: Arc::new(|_| Ok(())) }
    }

    /// Decides who can be reached.
    pub fn with_door(mut self, door: impl Fn(&Endpoint) -> Result<(), ConnectError> + Send + Sync + 'static) -> Self {
        self.door = Arc::new(door);
        self
    }
}

#[async_trait]
impl Transport for Simulated {
    async fn connect(&self, endpoint: &Endpoint) -> Result<Arc<dyn Link>, ConnectError> {
        (self.door)(endpoint)?;
        Ok(Arc::new(SimulatedLink { node: endpoint.name.clone(), answer: self.answer.clone() }))
    }
}

struct SimulatedLink {
    node: String,
    answer: Arc<Answerer>,
}

#[async_trait]
impl Link for SimulatedLink {
    fn node(&self) -> &str {
        &self.node
    }

    async fn run(&self, batch: &Batch, sink: &mut dyn Sink) -> Result<Report, Lost> {
        // A real node takes a while: let others run, so that what is written on top cannot rely on being alone.
        tokio::task::yield_now().await;
        let result = (self.answer)(&self.node, batch);
        let outcomes = match &result {
            Ok(report) => &report.outcomes,
            Err(lost) => &lost.outcomes,
        };
        for (task, outcome) in outcomes.iter().enumerate().filter(|(_, outcome)| **outcome != Outcome::NotReached) {
            sink.event(Event::Begin { task });
            sink.event(Event::End { task, outcome: outcome.clone() });
        }
        result
    }

    fn is_lost(&self) -> bool {
        false
    }

    async fn close(&self) {}
}
