//! Making problems (errors and warnings) in a readable way.

use arcus_contract::types::{Node, Problem};

/// A problem with a stable dotted code (`gluster.volume-differs`) and one sentence. Add the rest with [`Explain`].
pub fn problem(code: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem { code: code.into(), message: message.into(), help: None, node: None, pointer: None, retryable: false }
}

/// Adds to a problem what makes it useful.
pub trait Explain: Sized {
    /// What the operator can do about it.
    fn help(self, help: impl Into<String>) -> Self;
    /// The node it is about.
    fn on(self, node: &Node) -> Self;
    /// JSON pointer into the plugin's own config, e.g. `/volume`: the host underlines that place in the file.
    fn at(self, pointer: impl Into<String>) -> Self;
    /// The same call may succeed later without anybody changing anything.
    fn retryable(self) -> Self;
}

impl Explain for Problem {
    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    fn on(mut self, node: &Node) -> Self {
        self.node = Some(node.name.clone());
        self
    }
    fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }
    fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }
}
