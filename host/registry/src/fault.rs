//! Why something was not got or put.

/// What happened, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Stable dotted name.
    pub code: &'static str,
    /// What happened, one sentence. It may hold words of the registry.
    pub message: String,
    /// What to do next.
    pub help: String,
    /// Somebody wants what they must not: no mistake of the operator's.
    pub denied: bool,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: help.into(), denied: false }
    }

    pub(crate) fn denied(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { denied: true, ..Self::new(code, message, help) }
    }
}
