//! Clocks. From a second apart etcd complains; from half a minute Rainbond calls nodes unknown.

use crate::seen::Seen;
use arcus_sdk::prelude::*;

const WARN_MS: i64 = 1_000;
const FAIL_MS: i64 = 30_000;

/// The checks `time-offset` and `time-sync`.
pub fn check(all: &[Seen<'_>], checks: &mut Checks) {
    let mut offsets: Vec<i64> = all.iter().filter_map(|seen| seen.clock.known().map(|clock| clock.offset_ms)).collect();
    offsets.sort_unstable();
    let middle = offsets.get(offsets.len() / 2).copied().unwrap_or_default();
    let spread = offsets.last().zip(offsets.first()).map_or(0, |(last, first)| last - first);
    for seen in all {
        checks.on(seen.node, "time-offset", "its clock agrees with the others'").judge(&seen.clock, |clock| {
            // What counts is how far two nodes are apart. Of such two, one at least is half of that from the middle: it is the one to mend.
            let away = clock.offset_ms - middle;
            let sure = (away.abs() - i64::from(clock.error_ms)).max(0);
            let said = match away {
                0 => "in the middle of all nodes' clocks".to_owned(),
                _ => format!("{} ms {} the middle of all nodes' clocks", away.abs(), if away > 0 { "ahead of" } else { "behind" }),
            };
            match sure {
                sure if spread >= FAIL_MS && sure >= FAIL_MS / 2 => failed(format!("{said}: nodes 30 s apart are unknown to Rainbond; set the clock and run chrony")),
                sure if spread > WARN_MS && sure > WARN_MS / 2 => warned(format!("{said}: etcd warns from 1 s; run chrony on all nodes against one source")),
                _ => passed(said),
            }
        });
        checks.on(seen.node, "time-sync", "something keeps its clock right").judge(&seen.clock, |clock| match clock.synchronised {
            true => passed("the kernel says the clock is synchronised"),
            false => failed("the kernel says that nothing synchronises the clock, and the installer sets nothing up: run chrony, or relax `time-sync`"),
        });
    }
}
