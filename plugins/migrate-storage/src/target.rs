//! What the new storage holds already. A copy mirrors, so whatever else is there would be removed: before the first one it is empty, or the
//! operator gives up what is there.

use crate::phase::Phase;
use crate::route::{NEW, NEW_OWN, Route};
use crate::seen::{self, Seen, is};
use arcus_sdk::prelude::*;

/// Until it is mounted and can be looked at.
const SEEN_S: u32 = 20;

/// What is there, as far as it is known.
enum Held {
    /// Nothing, or it was not looked at yet.
    Nothing,
    /// What a migration to it has copied.
    Copied,
    /// Somebody else's.
    Others(u64),
}

fn line(route: &Route) -> String {
    format!("{} holds what a migration copies there\n", route.new.1.source)
}

fn held(route: &Route, seen: &Seen, phase: Phase) -> Held {
    let (claimed, there, own) = &seen.target;
    let is_ours = claimed.is_known_and(|file| file.as_ref().is_some_and(|file| file.text() == line(route)));
    if is_ours || phase > Phase::None {
        return Held::Copied;
    }
    let staged = seen.of(route.copier).live(NEW).is_some_and(|mounted| is(mounted, &route.new.1));
    match (there, own) {
        (Known(Some(there)), Known(own)) if staged => match others(there, own.as_ref()) {
            0 => Held::Nothing,
            entries => Held::Others(entries),
        },
        _ => Held::Nothing,
    }
}

/// Entries that are not the storage's own.
fn others(there: &DirectoryFact, own: Option<&DirectoryFact>) -> u64 {
    there.entries - there.entries.min(u64::from(own.is_some()))
}

fn counted(entries: u64) -> String {
    if entries == 1 { "one entry".into() } else { format!("{entries} entries") }
}

/// The steps after which it is the migration's, and what is in it may be replaced.
pub fn claim(route: &Route, seen: &Seen, phase: Phase, after: &[Planned], plan: &mut Plan) -> Planned {
    let (node, name) = (route.copier, route.target());
    let held = held(route, seen, phase);
    let mut before = after.to_vec();
    if let Held::Nothing = held {
        let asked = [probe::mounts().on(node), probe::directory(NEW).on(node), probe::directory(NEW_OWN).on(node)];
        before.push(plan.wait("empty", node, asked, &format!("{name} holds nothing yet"), SEEN_S).after(after));
    }
    let claimed = plan.file("claim", node, file(seen::claim()).content(line(route)).mode(0o600)).of(name).after(&before);
    match held {
        Held::Others(entries) => claimed.disrupts(Disruption::Data).title(format!("give up what {name} holds: {}, which the copy removes", counted(entries))),
        _ => claimed.title(format!("note that {name} is what the migration copies to")),
    }
}

/// Judges `empty`.
pub fn is_empty(cluster: &Cluster<crate::Config>, case: &Case<'_>) -> Judged {
    let (mounts, there) = (case.get::<Vec<Mounted>>(0)?, case.get::<Option<DirectoryFact>>(1)?);
    let Ok(route) = Route::read(cluster) else { return unmet("the file leads nowhere") };
    if !mounts.iter().any(|mounted| mounted.live && mounted.target == NEW && is(mounted, &route.new.1)) {
        return unmet(format!("it is not mounted on {NEW} yet"));
    }
    let own = case.get::<Option<DirectoryFact>>(2)?;
    match there.as_ref().map(|there| others(there, own.as_ref())) {
        Some(0) => met(),
        None => unmet(format!("{NEW} is not there")),
        Some(entries) => will_fail(
            problem("migrate.not-empty", format!("{} ({}) holds {} already, which the copy would remove", route.target(), route.new.1.source, counted(entries)))
                .on(route.copier)
                .help(format!("look at them on {} in {NEW}. Move away what matters; if nothing does, `arcus migrate start` now asks to give it up", route.copier.name)),
        ),
    }
}
