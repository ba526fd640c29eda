//! Exit codes, and which one counts when several would do. Documented in `docs/exit-codes.md`.

use std::collections::BTreeSet;

use arcus_engine::Kind;
use serde::Serialize;

/// A reason not to end with 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A step failed.
    Step,
    /// Changes are pending, were not approved, or lie outside what was.
    Pending,
    /// The cluster file, an argument, or the preflight says no.
    Input,
    /// A node was not reached.
    Unreachable,
    /// Another run holds the lock, or took over.
    Locked,
    /// Verification or a drill failed.
    Verification,
    /// A plugin wanted what it was not granted.
    Denied,
    /// The operator interrupted.
    Interrupted,
}

impl Cause {
    /// Its exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Step => 1,
            Self::Pending => 2,
            Self::Input => 3,
            Self::Unreachable => 4,
            Self::Locked => 5,
            Self::Verification => 6,
            Self::Denied => 7,
            Self::Interrupted => 130,
        }
    }

    /// As in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Pending => "pending",
            Self::Input => "input",
            Self::Unreachable => "unreachable",
            Self::Locked => "locked",
            Self::Verification => "verification",
            Self::Denied => "denied",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Kind> for Cause {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Step => Self::Step,
            Kind::Pending => Self::Pending,
            Kind::Input => Self::Input,
            Kind::Unreachable => Self::Unreachable,
            Kind::Locked => Self::Locked,
            Kind::Verification => Self::Verification,
            Kind::Denied => Self::Denied,
            Kind::Interrupted => Self::Interrupted,
        }
    }
}

/// All that holds at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Causes {
    all: BTreeSet<Cause>,
    changed: bool,
}

/// Refusals come first where nothing was changed: then they are the reason for everything else.
const UNCHANGED: [Cause; 8] =
    [Cause::Interrupted, Cause::Denied, Cause::Input, Cause::Locked, Cause::Step, Cause::Unreachable, Cause::Verification, Cause::Pending];
/// Once something was changed, a failed step is what the operator must know first.
const CHANGED: [Cause; 8] =
    [Cause::Interrupted, Cause::Step, Cause::Denied, Cause::Input, Cause::Locked, Cause::Unreachable, Cause::Verification, Cause::Pending];

impl Causes {
    /// One more.
    pub fn add(&mut self, cause: impl Into<Cause>) {
        self.all.insert(cause.into());
    }

    /// Something was changed on a node.
    pub fn changed(&mut self) {
        self.changed = true;
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = Cause> + '_ {
        self.all.iter().copied()
    }

    /// The one that counts.
    pub fn first(&self) -> Option<Cause> {
        let order = if self.changed { CHANGED } else { UNCHANGED };
        order.into_iter().find(|cause| self.all.contains(cause))
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.first().map_or(0, Cause::code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(changed: bool, causes: &[Cause]) -> u8 {
        let all = causes.iter().copied().collect();
        Causes { all, changed }.code()
    }

    #[test]
    fn precedence_is_as_documented() {
        use Cause::*;
        assert_eq!(code(false, &[]), 0);
        assert_eq!(code(true, &[]), 0);
        assert_eq!(code(true, &[Interrupted, Step, Denied]), 130);
        assert_eq!(code(false, &[Denied, Input, Locked, Unreachable]), 7);
        assert_eq!(code(false, &[Input, Locked, Unreachable]), 3);
        assert_eq!(code(false, &[Locked, Unreachable]), 5);
        assert_eq!(code(true, &[Step, Locked, Unreachable, Verification]), 1);
        assert_eq!(code(true, &[Locked, Unreachable]), 5);
        assert_eq!(code(true, &[Unreachable, Verification, Pending]), 4);
        assert_eq!(code(true, &[Verification, Pending]), 6);
        assert_eq!(code(false, &[Pending]), 2);
    }

    #[test]
    fn every_cause_has_a_place_and_a_line_in_the_documentation() {
        let documented = include_str!("../../../docs/exit-codes.md");
        for cause in UNCHANGED {
            assert!(CHANGED.contains(&cause));
            assert!(documented.contains(&format!("| {} | `{}` |", cause.code(), cause.word())), "{cause:?}");
        }
    }
}
