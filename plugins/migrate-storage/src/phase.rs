//! Where things stand: one line on each manager, written before what it tells of begins.

use crate::route::{MEMORY, Route};
use arcus_sdk::prelude::*;

/// A phase. The later one counts where managers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing is under way, or it is being prepared.
    None,
    /// The data are copied while they are in use.
    Copying,
    /// Whoever uses them is stopped; then what has changed is copied and all is compared.
    Freezing,
    /// Node by node to the new storage.
    Switching,
    /// They are used again, on the new storage. The way back begins in it, too.
    Thawed,
    /// Back to the old storage, with what was written to the new one: nobody may write.
    Reversing,
    /// Back to the old storage, which holds everything.
    Returning,
    /// The old storage is let go.
    Confirming,
}

const WORDS: [(Phase, &str); 7] = [
    (Phase::Copying, "phase 2 of 7, live copy"),
    (Phase::Freezing, "phase 3 of 7, freeze"),
    (Phase::Switching, "phase 5 of 7, switch"),
    (Phase::Thawed, "phase 6 of 7, in use again, not confirmed"),
    (Phase::Reversing, "on the way back by a reverse migration"),
    (Phase::Returning, "on the way back"),
    (Phase::Confirming, "phase 7 of 7, letting go of the old storage"),
];

impl Phase {
    /// As it is told.
    pub fn words(self) -> &'static str {
        WORDS.iter().find(|(phase, _)| *phase == self).map_or("not begun", |(_, words)| words)
    }

    /// The copy that is made in it, by the name of its receipt.
    pub fn copy(self) -> Option<&'static str> {
        match self {
            Self::Copying => Some("live"),
            Self::Freezing => Some("final"),
            Self::Thawed => Some("back-live"),
            Self::Reversing => Some("back"),
            _ => None,
        }
    }

    /// The verb of the steps that write it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Copying => "copying",
            Self::Freezing => "freezing",
            Self::Switching => "switching",
            Self::Thawed => "thawed",
            Self::Reversing => "reversing",
            Self::Returning => "returning",
            Self::Confirming => "confirming",
        }
    }
}

/// The file.
pub fn path() -> String {
    format!("{MEMORY}/phase")
}

/// The ends of the way, as the file names them.
pub fn ends(route: &Route) -> String {
    format!("from {} to {}", route.old.0, route.new.0)
}

/// The line for a phase.
pub fn line(route: &Route, phase: Phase) -> String {
    format!("{}; {}\n", phase.words(), ends(route))
}

/// What a manager's file says. Problem: it is about another migration, or no line of ours.
pub fn parse(route: &Route, node: &Node, text: &str) -> Result<Phase, Problem> {
    let text = text.trim_end();
    let known = text.split_once("; ").and_then(|(words, ends)| {
        let phase = WORDS.iter().find(|(_, known)| *known == words)?.0;
        (ends == self::ends(route)).then_some(phase)
    });
    known.ok_or_else(|| {
        let help = "finish that one first, with the cluster file it was begun with: `arcus migrate start`, `rollback` or `confirm`";
        problem("migrate.another", format!("another migration is under way: {text}")).on(node).help(help)
    })
}

/// As [`write`], behind another phase of the same plan that needs no second look at everybody: what was there when it was planned is no longer
/// there, so the step would not be done, but planned anew, while users wait.
pub fn write_next(route: &Route, phase: Phase, after: &[Planned], plan: &mut Plan) -> Vec<Planned> {
    let notes = write(route, phase, after, plan);
    // A step of a group is looked at when its turn comes; each manager is a group of its own, so none waits for another.
    route.keepers.iter().zip(notes).map(|(node, note)| note.group(format!("note@{}", node.name))).collect()
}

/// Steps that write a phase on every manager.
pub fn write(route: &Route, phase: Phase, after: &[Planned], plan: &mut Plan) -> Vec<Planned> {
    let each = route.keepers.iter().map(|node| {
        plan.file(phase.verb(), node, file(path()).content(line(route, phase)).mode(0o600)).title(format!("note: {}", phase.words())).after(after)
    });
    each.collect()
}
