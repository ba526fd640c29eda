//! Collecting what was checked. What no node answered is `unknown`, never passed.

use crate::ask::Look;
use arcus_contract::checks::{Check, Outcome, Verified, Witness};
use arcus_contract::types::{Node, Problem};

/// What one check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    outcome: Outcome,
    detail: String,
}

fn finding(outcome: Outcome, detail: impl Into<String>) -> Finding {
    Finding { outcome, detail: detail.into() }
}
/// It is so. The detail says what was seen.
pub fn passed(detail: impl Into<String>) -> Finding {
    finding(Outcome::Passed, detail)
}
/// It is not so.
pub fn failed(detail: impl Into<String>) -> Finding {
    finding(Outcome::Failed, detail)
}
/// It is so, but the operator should know something.
pub fn warned(detail: impl Into<String>) -> Finding {
    finding(Outcome::Warned, detail)
}
/// Not yet, and no cause for alarm for so many seconds more: the host looks again.
pub fn pending(seconds: u32, detail: impl Into<String>) -> Finding {
    finding(Outcome::Pending(seconds), detail)
}
/// Could not be told.
pub fn unknown(why: impl Into<String>) -> Finding {
    finding(Outcome::Unknown, why)
}

/// The checks of a `verify` or `inspect`.
#[derive(Default)]
pub struct Checks {
    checks: Vec<Check>,
    witnesses: Vec<Witness>,
    problems: Vec<Problem>,
}

/// A check that has an id and a title and wants its outcome.
#[must_use = "a check needs an outcome: call `.passed(...)`, `.judge(...)` or another"]
pub struct Checking<'a> {
    checks: &'a mut Checks,
    id: String,
    title: String,
    node: Option<String>,
}

impl Checks {
    /// A check on a node. `id` is stable and the same on every node: `mounted`.
    pub fn on(&mut self, node: &Node, id: impl Into<String>, title: impl Into<String>) -> Checking<'_> {
        Checking { checks: self, id: id.into(), title: title.into(), node: Some(node.name.clone()) }
    }

    /// A check of the cluster as a whole: `one-holder`.
    pub fn of_cluster(&mut self, id: impl Into<String>, title: impl Into<String>) -> Checking<'_> {
        Checking { checks: self, id: id.into(), title: title.into(), node: None }
    }

    /// The host writes a file in this directory on the first of these nodes, reads it on the others, removes it. With fewer than two
    /// nodes there is nothing to prove, and nothing is asked for.
    pub fn witness<'n>(
        &mut self,
        id: impl Into<String>,
        title: impl Into<String>,
        nodes: impl IntoIterator<Item = &'n Node>,
        directory: impl Into<String>,
    ) {
        let mut names = nodes.into_iter().map(|node| node.name.clone());
        let (Some(writer), readers) = (names.next(), names.collect::<Vec<_>>()) else { return };
        if !readers.is_empty() {
            self.witnesses.push(Witness { id: id.into(), title: title.into(), writer, readers, directory: directory.into() });
        }
    }

    /// A reason why nothing can be checked. Go on, so that all are reported at once.
    pub fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(crate) fn finish(self) -> Result<Verified, Vec<Problem>> {
        if self.problems.is_empty() {
            Ok(Verified { checks: self.checks, witnesses: self.witnesses })
        } else {
            Err(self.problems)
        }
    }
}

impl Checking<'_> {
    /// The outcome is this.
    pub fn is(self, finding: Finding) {
        let Checking { checks, id, title, node } = self;
        checks.checks.push(Check { id, node, title, outcome: finding.outcome, detail: finding.detail });
    }
    /// The outcome is what the closure finds in the answer; without one it is unknown.
    pub fn judge<T>(self, look: &Look<T>, find: impl FnOnce(&T) -> Finding) {
        match look {
            Look::Known(value) => self.is(find(value)),
            Look::Unknown(problem) => self.unanswered(problem),
        }
    }
    /// It is so.
    pub fn passed(self, detail: impl Into<String>) {
        self.is(passed(detail));
    }
    /// It is not so.
    pub fn failed(self, detail: impl Into<String>) {
        self.is(failed(detail));
    }
    /// It is so, but.
    pub fn warned(self, detail: impl Into<String>) {
        self.is(warned(detail));
    }
    /// Not yet; the host looks again for so many seconds.
    pub fn pending(self, seconds: u32, detail: impl Into<String>) {
        self.is(pending(seconds, detail));
    }
    /// Could not be told.
    pub fn unknown(self, why: impl Into<String>) {
        self.is(unknown(why));
    }
    /// Could not be told, because of this.
    pub fn unanswered(self, problem: &Problem) {
        let why = match &problem.node {
            // A message that begins with its node says it once.
            Some(node) if !problem.message.starts_with(&format!("{node}: ")) => format!("{node}: {} ({})", problem.message, problem.code),
            _ => format!("{} ({})", problem.message, problem.code),
        };
        self.is(unknown(why));
    }
}
