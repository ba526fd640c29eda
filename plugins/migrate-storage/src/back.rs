//! Back to the old storage.

use crate::phase::{self, Phase};
use crate::route::{BACK, NEW, OLD, Route};
use crate::seen::{Seen, receipt};
use crate::{exports, steps, users};
use arcus_sdk::prelude::*;

/// All that leads there, from wherever things stand.
pub fn plan(route: &Route, seen: &Seen, phase: Phase, plan: &mut Plan) {
    match phase {
        Phase::Confirming => return refuse(route, plan),
        Phase::None if seen.members.iter().any(|member| member.is_switched(route)) && !seen.has("final") => return refuse(route, plan),
        _ => {}
    }
    let after = match phase {
        Phase::Thawed | Phase::Reversing => reverse(route, seen, phase, plan),
        Phase::None => Vec::new(),
        // First the note, then the receipt: whoever begins anew must copy anew.
        _ => phase::write(route, Phase::Returning, &[], plan),
    };
    home(route, seen, phase, &after, plan);
}

fn refuse(route: &Route, plan: &mut Plan) {
    let message = format!("the migration to {} was confirmed: {} is no longer kept", route.new.0, route.old.0);
    plan.problem(problem("migrate.confirmed", message).on(route.copier).help("the way back is a migration of its own: change `use` and `migrating-from` in the file"));
}

/// What was written to the new storage since the thaw is only there: it is copied back while it is in use, where the old one can be reached
/// beside it; then freeze, the rest, compare.
fn reverse(route: &Route, seen: &Seen, phase: Phase, plan: &mut Plan) -> Vec<Planned> {
    let node = route.copier;
    let help = match route.serves {
        true => format!("users are stopped for all of it, since {} is covered by the new storage: about as long as comparing took in the live copy", route.shared.path),
        false => "they are stopped for about as long as in the freeze on the way there".into(),
    };
    plan.warn(
        problem("migrate.reverse", format!("{} has been in use: the way back copies what was written there to {}, stops the users, and compares", route.new.0, route.old.0))
            .help(help),
    );
    let memory = steps::memory(route, plan);
    let staged = steps::stage(route, seen, &memory, plan);
    let old = steps::old_at(route, "back", BACK, "rw", &memory, plan);
    let mut ready: Vec<Planned> = [staged].into_iter().chain(old).collect();
    if phase == Phase::Thawed && !route.serves {
        ready.push(steps::copy(route, "back-live", (NEW, route.back()), false, &ready, plan));
    }
    let noted = phase::write(route, Phase::Reversing, &ready, plan);
    let begun = plan.join("to-return", node, &noted);
    let mut detached = Vec::new();
    for member in &seen.members {
        let quiet = steps::quiet(route, member, std::slice::from_ref(&begun), plan);
        detached.push(steps::detach(route, member, "leave", &route.new.1, &[quiet], plan));
    }
    let left = plan.join("left", node, &detached);
    let copied = steps::copy(route, "back", (NEW, route.back()), true, &[left], plan);
    phase::write_next(route, Phase::Returning, &[copied], plan)
}

/// Everybody on the old storage, and no trace left.
fn home(route: &Route, seen: &Seen, phase: Phase, after: &[Planned], plan: &mut Plan) {
    let node = route.copier;
    let mut gone: Vec<Planned> = ["final", "live"].map(|name| plan.absent(&format!("forget-{name}"), node, receipt(name)).after(after)).into();
    gone.extend(after.iter().cloned());
    let mut home = Vec::new();
    let mut opened = gone.clone();
    if route.serves {
        let mut free = gone.clone();
        let uncovered = seen.of(node).mounts.is_known_and(|_| seen.of(node).live(&route.shared.path).is_none());
        // Once it is the server's own again, and exported, what that holds is its clients'.
        if !uncovered {
            free.push(exports::let_go(route, &gone, plan));
        }
        let server = steps::restore(route, seen.of(node), &free, plan).provides(milestone::STORAGE_MOUNTED);
        opened.push(server.clone());
        home.push(server);
    }
    if let Known(Some(line)) = &seen.export
        && phase > Phase::Copying
    {
        opened.push(exports::open(route, line, &opened, plan));
    }
    for member in seen.members.iter().filter(|member| !route.is_server(member.node)) {
        home.push(steps::restore(route, member, &opened, plan).provides(milestone::STORAGE_MOUNTED));
    }
    let home = plan.join("home", node, home.iter().chain(&opened));
    let mut last = vec![home.clone()];
    for member in &seen.members {
        last.extend(steps::release(route, member, std::slice::from_ref(&home), plan));
    }
    let all = plan.join("released", node, &last);
    let mut clean = vec![all.clone()];
    clean.push(plan.unmount("unstage", node, NEW).after([&all]).known(&seen.of(node).mounts));
    if !route.serves {
        clean.push(plan.unmount("unmount-old", node, OLD).after([&all]).known(&seen.of(node).mounts));
        clean.push(plan.unmount("unmount-back", node, BACK).after([&all]).known(&seen.of(node).mounts));
    }
    clean.extend(forget(route, seen, &[all], plan));
    end(route, &clean, plan);
}

/// What was remembered on the way.
pub fn forget(route: &Route, seen: &Seen, after: &[Planned], plan: &mut Plan) -> Vec<Planned> {
    let mut all: Vec<Planned> = seen.members.iter().map(|member| plan.absent("forget-units", member.node, users::path()).after(after).known(&member.users)).collect();
    all.push(plan.absent("forget-export", route.copier, exports::KEPT).after(after));
    all.extend(["back", "back-live"].map(|name| plan.absent(&format!("forget-{name}"), route.copier, receipt(name)).after(after)));
    all
}

/// Nothing is under way any more.
pub fn end(route: &Route, after: &[Planned], plan: &mut Plan) {
    for node in &route.keepers {
        plan.absent("end", node, phase::path()).after(after).title("note: nothing is under way");
    }
}
