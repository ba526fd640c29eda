//! Why a file is not a plugin this Arcus can use.

/// A refused component: what is wrong with it and what to do. Says nothing about where it came from; who loads it adds that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Stable dotted name, e.g. `plugin.imports-wasi`.
    pub code: &'static str,
    /// One sentence. May hold text of the component: foreign.
    pub message: String,
    /// What to do next.
    pub help: String,
}

impl Fault {
    /// A fault of this code.
    pub fn new(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: help.into() }
    }

    /// What was read is no component any more.
    pub(crate) fn damaged(message: impl Into<String>) -> Self {
        Self::new("plugin.damaged", message, "The file is cut or changed. Get it again and compare its SHA-256 with what the author published.")
    }
}
