//! Where things stand, for `status` and `verify`.

use crate::phase::{self, Phase};
use crate::route::{Config, Route};
use crate::seen::Seen;
use crate::steps;
use arcus_sdk::prelude::*;

/// The phase first, then each node.
pub fn verify(_: &Cluster<Config>, route: &Route, seen: &Seen, checks: &mut Checks) {
    let title = format!("{} {}", route.shared.path, phase::ends(route));
    match &seen.phase {
        Unknown(problem) => checks.of_cluster("phase", title).unanswered(problem),
        Known(phase) => {
            let over = seen.members.iter().all(|member| member.is_switched(route));
            let check = checks.of_cluster("phase", title);
            match phase {
                Phase::None if over => check.passed("it is over: take `migrating-from` out of the file"),
                Phase::None => check.passed("not begun: `arcus migrate start`"),
                phase => check.warned(told(route, seen, *phase)),
            }
        }
    }
    for member in &seen.members {
        if let Known(Phase::None | Phase::Copying | Phase::Thawed | Phase::Confirming) = &seen.phase {
            checks.on(member.node, "users", "what uses it runs").judge(&member.users, |users| match (member.held.as_slice(), member.stopped.as_slice()) {
                ([], []) => passed(format!("{} units", users.len())),
                (held, []) => failed(format!("held: {}", held.join(", "))),
                (_, stopped) => failed(format!("not running: {}", stopped.join(", "))),
            });
        }
        let look = member.mounts.as_ref();
        let switched = matches!(seen.phase, Known(Phase::Thawed)) && !member.is_switched(route);
        checks.on(member.node, "where", format!("what {} is", route.shared.path)).judge(&look, |_| match switched {
            true => failed(format!("it does not use {} yet: `arcus migrate start` brings it there", route.new.0)),
            false => steps::place(route, member),
        });
    }
}

/// For `status`: nothing when nothing is under way.
pub fn unfinished(route: &Route, seen: &Seen) -> Vec<Problem> {
    match &seen.phase {
        Known(Phase::None) => Vec::new(),
        Known(phase) => vec![problem("migrate.under-way", told(route, seen, *phase))],
        Unknown(silent) => vec![problem("migrate.phase-unknown", format!("it is not known where the migration {} stands: {}", phase::ends(route), silent.message))],
    }
}

/// Phase, who may write, how far, and what the way back costs.
fn told(route: &Route, seen: &Seen, phase: Phase) -> String {
    let (old, new) = (&route.old.0, &route.new.0);
    let mut words = vec![format!("migration {}: {}", phase::ends(route), if phase == Phase::Freezing && seen.copying.is_some() { "phase 4 of 7, delta and compare" } else { phase.words() })];
    words.push(match phase {
        Phase::Freezing | Phase::Switching | Phase::Reversing => "nobody may write".into(),
        Phase::Thawed | Phase::Confirming => format!("{new} is written to"),
        _ => format!("{old} is written to"),
    });
    words.extend(seen.copying.clone().filter(|line| !line.is_empty()));
    words.extend(seen.failed.as_ref().map(|why| format!("the last try ended: {why}")));
    if phase == Phase::Freezing {
        for member in &seen.members {
            if let Known(holders) = &member.holders
                && !holders.is_empty()
                && !member.held.is_empty()
            {
                words.push(format!("{}: {}", member.node.name, shared::in_use_by(holders)));
            }
        }
    }
    if !matches!(phase, Phase::Thawed | Phase::Confirming) {
        // A NAS cannot be told to keep a node out.
        let or = if route.serves { ", or name it under `exclude`" } else { "" };
        words.extend(seen.members.iter().filter(|member| matches!(member.mounts, Unknown(_))).map(|member| format!("{} does not answer and is waited for: bring it back{or}", member.node.name)));
    }
    let there = seen.members.iter().filter(|member| member.is_switched(route)).count();
    words.push(format!("{there} of {} nodes on {new}", seen.members.len()));
    words.push(match phase {
        Phase::Thawed => "next: `arcus migrate confirm`; the way back, `arcus migrate rollback`, copies back what was written since and stops the users again".into(),
        Phase::Reversing | Phase::Returning => "next: `arcus migrate rollback` goes on".into(),
        Phase::Confirming => "next: `arcus migrate confirm` goes on".into(),
        _ => "next: `arcus migrate start` goes on; `arcus migrate rollback` goes back at once, nothing is lost".into(),
    });
    words.join("; ")
}
