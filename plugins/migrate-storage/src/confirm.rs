//! The operator is content: the old storage is let go. Its data are not removed.

use crate::back;
use crate::phase::{self, Phase};
use crate::route::{BACK, NEW, OLD, Route};
use crate::seen::{self, Seen, receipt};
use arcus_sdk::prelude::*;

/// What is left of the way is taken away.
pub fn plan(route: &Route, seen: &Seen, phase: Phase, plan: &mut Plan) {
    let node = route.copier;
    match phase {
        Phase::Thawed | Phase::Confirming => {}
        Phase::None if seen.members.iter().all(|member| member.is_switched(route)) => {}
        _ => {
            let message = format!("there is nothing to confirm: {}", phase.words());
            plan.problem(problem("migrate.not-there", message).on(node).help("`arcus migrate status` says where things stand"));
            return;
        }
    }
    for member in seen.members.iter().filter(|member| !member.is_switched(route)) {
        let message = format!("{} does not use {} yet", member.node.name, route.new.0);
        plan.problem(problem("migrate.not-there", message).on(member.node).help("`arcus migrate start` brings it there"));
    }
    let after = if phase == Phase::None { Vec::new() } else { phase::write(route, Phase::Confirming, &[], plan) };
    let mut clean = vec![plan.unmount("unstage", node, NEW).after(&after).known(&seen.of(node).mounts)];
    if !route.serves {
        clean.push(plan.unmount("unmount-old", node, OLD).after(&after).known(&seen.of(node).mounts));
        clean.push(plan.unmount("unmount-back", node, BACK).after(&after).known(&seen.of(node).mounts));
    }
    clean.extend(["final", "live"].map(|name| plan.absent(&format!("forget-{name}"), node, receipt(name)).after(&after)));
    clean.push(plan.absent("forget-target", node, seen::claim()).after(&after));
    clean.extend(back::forget(route, seen, &after, plan));
    back::end(route, &clean, plan);
    let help = match route.serves {
        true => format!("they lie below the mount on {} and take its space; to see them: mount --bind / /mnt, then /mnt{}", node.name, route.shared.path),
        false => format!("they are on {}", route.old.1.source),
    };
    plan.warn(problem("migrate.old-data", "the old data are not removed").on(node).help(format!("{help}. Then take `migrating-from` out of the file")));
}
