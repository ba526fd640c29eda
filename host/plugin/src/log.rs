//! Lines of plugins' logs, and where they go.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Lower};

use crate::export::Export;

/// How much a line of a plugin's log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    /// For the author.
    #[component(name = "debug")]
    Debug,
    /// For the curious.
    #[component(name = "info")]
    Info,
    /// Something is odd.
    #[component(name = "warn")]
    Warn,
}

/// A line of a plugin's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Who.
    pub plugin: String,
    /// During which call.
    pub export: Export,
    /// How much it matters.
    pub level: Level,
    /// Foreign text, cut to 4 KiB.
    pub message: String,
}

/// Where plugins' logs go.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;
