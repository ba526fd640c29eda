//! To the new storage.

use crate::phase::{self, Phase};
use crate::route::{NEW, OLD, Route};
use crate::seen::Seen;
use crate::{exports, steps, target};
use arcus_sdk::prelude::*;

/// All that leads there, from wherever things stand.
pub fn plan(route: &Route, seen: &Seen, phase: Phase, plan: &mut Plan) {
    match phase {
        Phase::Reversing | Phase::Returning => {
            let message = "the way back has begun, and must come to its end first";
            plan.problem(problem("migrate.returning", message).on(route.copier).help("`arcus migrate rollback` goes on with it; then `arcus migrate start` begins anew"));
        }
        Phase::Confirming => plan.problem(problem("migrate.confirming", "the old storage is being let go").on(route.copier).help("`arcus migrate confirm` goes on with it")),
        Phase::Thawed => thawed(route, seen, plan),
        _ if phase == Phase::None && seen.members.iter().all(|member| member.is_switched(route)) => {
            plan.warn(
                problem("migrate.over", format!("every node uses {} already, and nothing is under way", route.new.0))
                    .help("take `migrating-from` and the section of the old storage out of the file"),
            );
            for member in &seen.members {
                steps::switch(route, member, &[], plan);
            }
        }
        _ => whole(route, seen, phase, plan),
    }
}

fn whole(route: &Route, seen: &Seen, phase: Phase, plan: &mut Plan) {
    if !stands_in_the_way(route, seen, plan) {
        return;
    }
    let node = route.copier;
    // 1: prepare.
    let memory = steps::memory(route, plan);
    let rsync = plan.package("rsync", node, "rsync").known(&seen.os);
    let mut ready = vec![plan.join("prepared", node, memory.iter().chain([&rsync]))];
    ready.push(steps::stage(route, seen, &ready, plan));
    ready.extend(steps::old_at(route, "old", OLD, "ro", &ready, plan));
    // 2: live copy.
    let mut before = vec![target::claim(route, seen, phase, &ready, plan)];
    before.extend(ready.iter().cloned());
    if phase < Phase::Freezing {
        before.extend(phase::write(route, Phase::Copying, &before, plan));
    }
    before.push(steps::copy(route, "live", (route.source(), NEW), false, &before, plan));
    // 3: freeze, as far as a node has not switched yet.
    if phase < Phase::Switching {
        let noted = phase::write(route, Phase::Freezing, &before, plan);
        before.push(plan.join("to-freeze", node, &noted));
    }
    let mut frozen = before.clone();
    let mut let_go = Vec::new();
    let mut silent = Vec::new();
    for member in &seen.members {
        if member.is_switched(route) {
            continue;
        }
        let quiet = steps::quiet(route, member, &before, plan);
        if route.is_server(member.node) {
            silent.push(quiet);
        } else {
            let_go.push(steps::detach(route, member, "detach", &route.old.1, &[quiet], plan));
        }
    }
    if !let_go.is_empty() {
        frozen.push(plan.join("detached", node, &let_go));
    }
    // Who still has the old storage mounted would hang if it were closed before.
    if let Known(Some(line)) = &seen.export
        && !silent.is_empty()
    {
        frozen.push(exports::close(route, line, &frozen, plan));
    }
    if !silent.is_empty() {
        let after: Vec<Planned> = frozen.iter().cloned().chain(silent).collect();
        frozen.push(steps::seal(route, &after, plan));
    }
    // 4: what has changed, and the comparison.
    let compared = steps::copy(route, "final", (route.source(), NEW), true, &frozen, plan);
    // 5: switch.
    let noted = phase::write(route, Phase::Switching, std::slice::from_ref(&compared), plan);
    let noted = plan.join("to-switch", node, &noted);
    // What seals the directory on its server must be free to go.
    let mut ready = vec![noted];
    if still_serves(route, seen) {
        ready.push(exports::let_go(route, &ready, plan));
    }
    let switched: Vec<Planned> = in_turn(route, seen).into_iter().map(|member| steps::switch(route, member, &ready, plan)).collect();
    // 6: thaw. From here on the old storage is behind.
    let switched = plan.join("switched", node, &switched);
    let noted = phase::write_next(route, Phase::Thawed, &[switched], plan);
    let noted = plan.join("to-thaw", node, &noted);
    for member in &seen.members {
        steps::release(route, member, std::slice::from_ref(&noted), plan);
    }
}

/// The server is among those that have not switched.
fn still_serves(route: &Route, seen: &Seen) -> bool {
    seen.members.iter().any(|member| route.is_server(member.node) && !member.is_switched(route))
}

/// The node that holds the old data covers them first: should that fail, all others still point to the old ones.
fn in_turn<'s, 'a>(route: &Route, seen: &'s Seen<'a>) -> Vec<&'s crate::seen::Member<'a>> {
    let (server, others): (Vec<_>, Vec<_>) = seen.members.iter().partition(|member| route.is_server(member.node));
    server.into_iter().chain(others).collect()
}

/// What ends with the new storage in use: nodes that come back, or were added, still switch.
fn thawed(route: &Route, seen: &Seen, plan: &mut Plan) {
    let noted = phase::write(route, Phase::Thawed, &[], plan);
    for member in &seen.members {
        let switched = steps::switch(route, member, &noted, plan);
        steps::release(route, member, &[switched], plan);
    }
    plan.warn(
        problem("migrate.unconfirmed", format!("{} is in use, and the old data on {} are kept", route.new.0, route.old.0))
            .help("`arcus migrate confirm` when you are content; `arcus migrate rollback` copies back what was written since"),
    );
}

/// False: there is something.
fn stands_in_the_way(route: &Route, seen: &Seen, plan: &mut Plan) -> bool {
    let path = &route.shared.path;
    let copier = seen.of(route.copier);
    let mut fine = true;
    let mut refuse = |problem: Problem| {
        fine = false;
        plan.problem(problem);
    };
    if let Known(mounts) = &copier.mounts {
        let below = format!("{path}/");
        for mounted in mounts.iter().filter(|mounted| mounted.live && mounted.target.starts_with(&below)) {
            let message = format!("{} is mounted below {path}: it would be copied as if it were part of it", mounted.target);
            refuse(problem("migrate.nested-mount", message).on(route.copier).help("unmount it, or move what it holds"));
        }
        if route.serves
            && let Some(mounted) = copier.live(path)
            && mounted.source != *path
            && !copier.is_switched(route)
        {
            let message = format!("{path} is a file system of its own ({}) on the node that serves it", mounted.source);
            refuse(problem("migrate.own-disk", message).on(route.copier).help(format!("mount it elsewhere and make {path} a folder in it, or move its data by hand")));
        }
    }
    for member in seen.members.iter().filter(|member| !route.is_server(member.node)) {
        let foreign = member.live(path).filter(|mounted| !crate::seen::is(mounted, &route.old.1) && !crate::seen::is(mounted, &route.new.1));
        if let Some(mounted) = foreign {
            let message = format!("{path} on {} is {} ({}), neither {} nor {}", member.node.name, mounted.source, mounted.fstype, route.old.0, route.new.0);
            refuse(problem("migrate.foreign-mount", message).on(member.node).help("correct the section of the old storage in the file, or what is mounted"));
        }
    }
    fine
}
