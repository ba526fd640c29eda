//! Exit codes, and which one counts when several would do. Documented in `docs/exit-codes.md`.

use std::collections::BTreeSet;

use arcus_engine::Kind;

/// The exit code of a kind of fault.
pub fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Step => 1,
        Kind::Pending => 2,
        Kind::Input => 3,
        Kind::Unreachable => 4,
        Kind::Locked => 5,
        Kind::Verification => 6,
        Kind::Denied => 7,
        Kind::Interrupted => 130,
    }
}

/// What it is called in JSON.
pub fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Step => "step",
        Kind::Pending => "pending",
        Kind::Input => "input",
        Kind::Unreachable => "unreachable",
        Kind::Locked => "locked",
        Kind::Verification => "verification",
        Kind::Denied => "denied",
        Kind::Interrupted => "interrupted",
    }
}

/// All that holds at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Causes {
    all: BTreeSet<Kind>,
    changed: bool,
}

/// Refusals come first where nothing was changed: then they are the reason for everything else.
const UNCHANGED: [Kind; 8] =
    [Kind::Interrupted, Kind::Denied, Kind::Input, Kind::Locked, Kind::Step, Kind::Unreachable, Kind::Verification, Kind::Pending];
/// Once something was changed, a failed step is what the operator must know first.
const CHANGED: [Kind; 8] =
    [Kind::Interrupted, Kind::Step, Kind::Denied, Kind::Input, Kind::Locked, Kind::Unreachable, Kind::Verification, Kind::Pending];

impl Causes {
    /// One more.
    pub fn add(&mut self, cause: Kind) {
        self.all.insert(cause);
    }

    /// Something was changed on a node.
    pub fn changed(&mut self) {
        self.changed = true;
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = Kind> + '_ {
        self.all.iter().copied()
    }

    /// The one that counts.
    pub fn first(&self) -> Option<Kind> {
        let order = if self.changed { CHANGED } else { UNCHANGED };
        order.into_iter().find(|cause| self.all.contains(cause))
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.first().map_or(0, code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(changed: bool, causes: &[Kind]) -> u8 {
        let all = causes.iter().copied().collect();
        Causes { all, changed }.code()
    }

    #[test]
    fn precedence_is_as_documented() {
        use Kind::*;
        assert_eq!(ends(false, &[]), 0);
        assert_eq!(ends(true, &[]), 0);
        assert_eq!(ends(true, &[Interrupted, Step, Denied]), 130);
        assert_eq!(ends(false, &[Denied, Input, Locked, Unreachable]), 7);
        assert_eq!(ends(false, &[Input, Locked, Unreachable]), 3);
        assert_eq!(ends(false, &[Locked, Unreachable]), 5);
        assert_eq!(ends(true, &[Step, Locked, Unreachable, Verification]), 1);
        assert_eq!(ends(true, &[Locked, Unreachable]), 5);
        assert_eq!(ends(true, &[Unreachable, Verification, Pending]), 4);
        assert_eq!(ends(true, &[Verification, Pending]), 6);
        assert_eq!(ends(false, &[Pending]), 2);
    }

    #[test]
    fn every_cause_has_a_place_and_a_line_in_the_documentation() {
        let documented = include_str!("../../../docs/exit-codes.md");
        for cause in UNCHANGED {
            assert!(CHANGED.contains(&cause));
            assert!(documented.contains(&format!("| {} | `{}` |", super::code(cause), word(cause))), "{cause:?}");
        }
    }
}
