//! The hatch: a procedure that is no list of steps, done live on the nodes that one step names. See [`crate::Plugin::live`].

use crate::problem;
use arcus_contract::facts::Output;
use arcus_contract::types::Problem;
use serde::de::DeserializeOwned;

#[cfg(target_family = "wasm")]
use crate::worlds::hatch::arcus::plugin::session as bindings;
#[cfg(not(target_family = "wasm"))]
use std::rc::Rc;

/// What [`crate::Plugin::live`] is given: what its step says, and its nodes.
pub struct Live<'a> {
    name: &'a str,
    args: &'a str,
    #[cfg(target_family = "wasm")]
    fleet: &'a bindings::Fleet,
    #[cfg(not(target_family = "wasm"))]
    nodes: Rc<dyn Nodes>,
}

/// A node that was opened. It is over with the step.
pub struct Session {
    #[cfg(target_family = "wasm")]
    open: bindings::Session,
    #[cfg(not(target_family = "wasm"))]
    node: String,
    #[cfg(not(target_family = "wasm"))]
    nodes: Rc<dyn Nodes>,
}

impl<'a> Live<'a> {
    #[cfg(target_family = "wasm")]
    pub(crate) fn new(name: &'a str, args: &'a str, fleet: &'a bindings::Fleet) -> Self {
        Self { name, args, fleet }
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn new(name: &'a str, args: &'a str, nodes: Rc<dyn Nodes>) -> Self {
        Self { name, args, nodes }
    }

    /// The verb of its step.
    pub fn name(&self) -> &str {
        self.name
    }

    /// What [`crate::Plan::call`] was given.
    ///
    /// # Errors
    /// `plugin.args`: it was something else, e.g. in a plan of another version of this plugin.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_str(self.args).map_err(|error| problem("plugin.args", format!("what the step `{}` says is not what it was written for: {error}", self.name)))
    }

    /// One of the step's nodes.
    ///
    /// # Errors
    /// `session.node`: not among them.
    pub fn open(&self, node: &str) -> Result<Session, Problem> {
        #[cfg(target_family = "wasm")]
        return Ok(Session { open: self.fleet.open(node)? });
        #[cfg(not(target_family = "wasm"))]
        {
            self.nodes.open(node)?;
            Ok(Session { node: node.to_owned(), nodes: self.nodes.clone() })
        }
    }
}

impl Session {
    /// Runs a command of the manifest, a minute at most. What its status means is for you to say.
    ///
    /// # Errors
    /// It did not run, or was killed.
    pub fn exec<S: Into<String>>(&self, argv: impl IntoIterator<Item = S>) -> Result<Output, Problem> {
        self.feed(argv, "", 60)
    }

    /// The same, with what it reads from standard input and the seconds it may take.
    ///
    /// # Errors
    /// As [`Session::exec`].
    pub fn feed<S: Into<String>>(&self, argv: impl IntoIterator<Item = S>, stdin: &str, timeout_s: u32) -> Result<Output, Problem> {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        #[cfg(target_family = "wasm")]
        return self.open.exec(&argv, stdin.as_bytes(), timeout_s);
        #[cfg(not(target_family = "wasm"))]
        self.nodes.exec(&self.node, &argv, stdin.as_bytes(), timeout_s)
    }

    /// What a file holds. `None`: there is none.
    ///
    /// # Errors
    /// It may not be read, or could not.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Problem> {
        #[cfg(target_family = "wasm")]
        let read = self.open.read_file(path);
        #[cfg(not(target_family = "wasm"))]
        let read = self.nodes.read(&self.node, path);
        match read {
            Ok(content) => Ok(Some(content)),
            Err(problem) if problem.code == "session.absent" => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Writes a file of root, whole. Its folder must be there.
    ///
    /// # Errors
    /// It may not be written, or could not.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Result<(), Problem> {
        #[cfg(target_family = "wasm")]
        return self.open.write_file(path, content.as_ref(), mode);
        #[cfg(not(target_family = "wasm"))]
        self.nodes.write(&self.node, path, content.as_ref(), mode)
    }
}

/// Natively: whoever stands for the nodes of a step, the fake cluster or a test.
#[cfg(not(target_family = "wasm"))]
pub trait Nodes {
    /// Those that may be opened.
    fn names(&self) -> Vec<String>;
    /// `fleet.open`.
    ///
    /// # Errors
    /// As the contract has it; so are those below.
    fn open(&self, node: &str) -> Result<(), Problem>;
    /// `session.exec`.
    fn exec(&self, node: &str, argv: &[String], stdin: &[u8], timeout_s: u32) -> Result<Output, Problem>;
    /// `session.read-file`.
    fn read(&self, node: &str, path: &str) -> Result<Vec<u8>, Problem>;
    /// `session.write-file`.
    fn write(&self, node: &str, path: &str, content: &[u8], mode: u32) -> Result<(), Problem>;
}
