//! The hatch on the fake cluster: what a step does live, vetted and limited as the host does it.

use super::machine::Document;
use super::perform::parent_exists;
use super::secrets::Secrets;
use super::world::{Invocation, World};
use crate::hatch::Nodes;
use arcus_contract::facts::Output;
use arcus_contract::types::Problem;
use arcus_plan::manifest::Manifest;
use arcus_plan::vet::hatch;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// As many times a step may do something.
const TIMES: usize = 1_000;

/// The nodes of one step, while it runs.
pub(super) struct Step {
    pub world: Rc<RefCell<World>>,
    pub manifest: Manifest,
    pub secrets: Secrets,
    /// The nodes it may open.
    pub nodes: Vec<String>,
    /// It does so much more before the run is cut; `None`: all it wants.
    pub left: Cell<Option<usize>>,
    /// How often it did something.
    pub times: Cell<usize>,
    /// It is over.
    pub over: Cell<bool>,
}

impl Step {
    /// The run was cut in its midst.
    pub fn is_cut(&self) -> bool {
        self.left.get() == Some(0) && self.over.get()
    }

    fn counted(&self, node: &str) -> Result<(), Problem> {
        if self.left.get() == Some(0) {
            self.over.set(true);
        }
        self.times.set(self.times.get() + 1);
        if self.over.get() || self.times.get() > TIMES {
            return Err(problem(node, "session.ended", "the step is over, and so is what it opened".into()));
        }
        self.left.set(self.left.get().map(|left| left - 1));
        Ok(())
    }

    fn reached(&self, node: &str) -> Result<(), Problem> {
        if self.world.borrow().at(node).reachable { Ok(()) } else { Err(problem(node, "node.unreachable", "no answer".into())) }
    }
}

impl Nodes for Step {
    fn names(&self) -> Vec<String> {
        self.nodes.clone()
    }

    fn open(&self, node: &str) -> Result<(), Problem> {
        hatch::open(&self.nodes, node)?;
        self.counted(node)
    }

    fn exec(&self, node: &str, argv: &[String], stdin: &[u8], _: u32) -> Result<Output, Problem> {
        hatch::exec(&self.manifest, node, argv, stdin)?;
        self.counted(node)?;
        self.reached(node)?;
        let mut world = self.world.borrow_mut();
        world.later();
        let missing = problem(node, "query.missing", format!("nothing simulates `{}`", argv.join(" ")));
        let mut output = world.run(&Invocation { node: node.to_owned(), argv: argv.to_vec(), stdin: stdin.to_vec() }).ok_or(missing)?;
        output.truncated |= output.stdout.len() > hatch::CONTENT || output.stderr.len() > hatch::CONTENT;
        for stream in [&mut output.stdout, &mut output.stderr] {
            stream.truncate(hatch::CONTENT);
            *stream = self.secrets.redact(std::mem::take(stream));
        }
        Ok(output)
    }

    fn read(&self, node: &str, path: &str) -> Result<Vec<u8>, Problem> {
        hatch::read(&self.manifest, node, path)?;
        self.counted(node)?;
        self.reached(node)?;
        let world = self.world.borrow();
        let file = world.read(node, path).ok_or_else(|| problem(node, "session.absent", format!("there is no file {path}")))?;
        if self.secrets.is_in(&file.content) {
            return Err(problem(node, "session.secret", format!("{path} holds the value of a secret")));
        }
        if file.content.len() > hatch::CONTENT {
            return Err(problem(node, "session.too-large", format!("{path} has {} bytes, of {} at most", file.content.len(), hatch::CONTENT)));
        }
        Ok(file.content.clone())
    }

    fn write(&self, node: &str, path: &str, content: &[u8], mode: u32) -> Result<(), Problem> {
        hatch::write(&self.manifest, node, path, content, mode)?;
        self.counted(node)?;
        self.reached(node)?;
        let mut world = self.world.borrow_mut();
        parent_exists(&world, node, path).map_err(|said| problem(node, "file.no-parent", said))?;
        let changed = world.later();
        world.put(node, path, Document { content: content.to_vec(), mode, owner: "root".into(), group: "root".into(), changed });
        Ok(())
    }
}

fn problem(node: &str, code: &str, message: String) -> Problem {
    Problem { code: code.into(), message, help: None, node: Some(node.to_owned()), pointer: None, retryable: code == "node.unreachable" }
}
