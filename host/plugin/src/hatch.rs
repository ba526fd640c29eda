//! The hatch: what a plugin does live on the nodes of one step, and who performs it.

use std::{sync::Arc, time::Instant};

use arcus_contract::{facts::Output, types::Problem};
use async_trait::async_trait;

/// Performs what a plugin does live. What comes here was allowed before. Dropped when the step ends, however it ends.
#[async_trait]
pub trait Live: Send + Sync {
    /// Runs a command on a node, so many seconds at most.
    async fn exec(&self, node: &str, argv: Vec<String>, stdin: String, timeout_s: u32) -> Result<Output, Problem>;
    /// What a file holds.
    async fn read(&self, node: &str, path: String) -> Result<Vec<u8>, Problem>;
    /// Writes a file, whole.
    async fn write(&self, node: &str, path: String, content: Vec<u8>, mode: u32) -> Result<(), Problem>;
    /// It was not allowed, and is told so.
    fn refused(&self, node: &str, what: &str, problem: &Problem);
}

/// The nodes of a step, as the guest holds them.
pub(crate) struct Fleet;

/// Host's side of a step that runs live.
pub(crate) struct Hatch {
    pub live: Arc<dyn Live>,
    /// The nodes it may open.
    pub nodes: Vec<String>,
    /// When its time is up.
    pub until: Instant,
    /// Nodes that it has opened.
    pub open: Vec<String>,
    /// How many things it did.
    pub times: usize,
}

impl Hatch {
    pub(crate) fn new(live: Arc<dyn Live>, nodes: Vec<String>, until: Instant) -> Self {
        Self { live, nodes, until, open: Vec::new(), times: 0 }
    }
}
