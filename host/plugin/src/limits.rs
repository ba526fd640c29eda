//! How much a plugin may use. The same for all: a plugin that needs more is at fault.

use std::time::Duration;

/// Per call, unless said otherwise. The defaults leave more than ten times of what a cluster of 1,000 nodes was measured to need.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Processor time of the guest's own code and of the host's work for it; waiting for nodes does not count.
    pub cpu: Duration,
    /// Time by the clock, all waiting included.
    pub wall: Duration,
    /// Time by the clock that compiling may take, once, when it is loaded.
    pub compile: Duration,
    /// Bytes of linear memory, all memories of all its modules together.
    pub memory: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Bytes that may be copied out of the guest at once: its result, or the requests of one ask.
    pub transfer: usize,
    /// Calls of `observe.ask`.
    pub asks: usize,
    /// Requests of all asks together.
    pub requests: usize,
    /// Things that one step does live.
    pub live: usize,
    /// Steps of one plan.
    pub steps: usize,
    /// Log lines kept; more are counted and dropped.
    pub log_lines: usize,
    /// Bytes kept of each.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(600),
            compile: Duration::from_secs(180),
            memory: 64 << 20,
            table_elements: 100_000,
            transfer: 64 << 20,
            asks: 64,
            requests: 100_000,
            live: 1_000,
            steps: 50_000,
            log_lines: 1_000,
            log_bytes: 4 << 10,
        }
    }
}
