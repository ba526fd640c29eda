//! What happens, told to whoever renders it. All text that came from nodes or plugins is foreign: renderers escape it.

use std::sync::Arc;

use arcus_plugin::Level;
use arcus_contract::types::Problem;

/// Receives events, in order, from any thread. Must not block.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A part of the work begins: `observe`, `judge`, `apply`, `verify`, ...
    Phase {
        /// What it is called.
        name: &'static str,
    },
    /// A node answered for the first time in this run.
    Reached {
        /// Its name.
        node: String,
        /// How long connecting took.
        took_ms: u64,
    },
    /// A node cannot be reached; the run goes on without it as far as it may.
    NotReached {
        /// Its name.
        node: String,
        /// Why.
        problem: Problem,
    },
    /// A plugin wrote to the log.
    Log {
        /// Its name.
        plugin: String,
        /// How much it matters.
        level: Level,
        /// What it wrote.
        message: String,
    },
    /// A round of apply begins.
    Round {
        /// From 1.
        number: usize,
        /// Steps to perform.
        steps: usize,
    },
    /// A step begins on its node.
    StepBegan {
        /// Name of the plugin.
        plugin: String,
        /// Id of the step.
        step: String,
        /// Where.
        node: String,
        /// What it does.
        title: String,
    },
    /// The last line a step printed.
    StepLine {
        /// Name of the plugin.
        plugin: String,
        /// Id of the step.
        step: String,
        /// Where.
        node: String,
        /// The line.
        line: String,
    },
    /// A step was performed and waits for its goal.
    StepWaits {
        /// Name of the plugin.
        plugin: String,
        /// Id of the step.
        step: String,
        /// Where.
        node: String,
        /// What is missing.
        what: String,
    },
    /// A step ended.
    StepEnded {
        /// Name of the plugin.
        plugin: String,
        /// Id of the step.
        step: String,
        /// Where.
        node: String,
        /// What it did.
        title: String,
        /// How.
        end: StepEnd,
        /// How long it took.
        took_ms: u64,
    },
    /// Something the operator should know, and nothing failed.
    Note(String),
    /// A drill's fault begins or was taken back, its expectation is met, ...
    Drill {
        /// Id of the drill.
        drill: String,
        /// What happens.
        what: String,
    },
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepEnd {
    /// Performed, its goal met.
    Done,
    /// It had become so before its turn.
    BecameSo,
    /// What was to be changed is not what the diff was made against: nothing was written, it is planned again.
    Stale,
    /// It goes on without us.
    Detached,
    /// Not performed after all, and why.
    Held(String),
    /// It failed.
    Failed(Problem),
    /// The link broke: whether it was done is decided by looking.
    Unknown(String),
}
