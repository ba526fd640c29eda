//! Drills, shown: what was broken where, how long users were cut off, who took over, and whether all is as before.

use arcus_engine::{DrillReport, DrillResult, WatchResult};

use crate::cli::foreign::Foreign;
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::safe;

/// All drills of a report.
pub fn drills(report: &DrillReport, paint: Paint) -> Safe {
    let mut text = Safe::new();
    for left in &report.taken_back {
        text.line(&safe!("{} {}", paint.yellow("taken back first:"), Foreign::line(left)));
    }
    for drill in &report.drills {
        text.push(&one(drill, paint));
    }
    for left_out in &report.left_out {
        text.line(&safe!("{} {}", paint.yellow("left out"), Foreign::line(left_out)));
    }
    let passed = report.drills.iter().filter(|drill| drill.passed).count();
    let failed = report.drills.len() - passed;
    let mut parts = vec![crate::cli::console::count(report.drills.len(), "drill", "drills")];
    if passed > 0 {
        parts.push(paint.green(safe!("{} passed", passed)));
    }
    if failed > 0 {
        parts.push(paint.red(safe!("{} failed", failed)));
    }
    parts.push(match report.not_verified.is_empty() {
        true => paint.green("everything verifies"),
        false => paint.red("NOT everything verifies"),
    });
    text.line(&Safe::join(&parts, ", "));
    for unwell in &report.not_verified {
        text.line(&safe!("  {}", Foreign::line(unwell)));
    }
    text
}

fn one(drill: &DrillResult, paint: Paint) -> Safe {
    let mark = if drill.passed { paint.green("passed") } else { paint.red("failed") };
    let mut text = Safe::new();
    let unit = drill.unit.as_deref().map(|unit| safe!("{} ", Foreign::word(unit))).unwrap_or_default();
    text.line(&safe!("{} {}: {} {}on {}", mark, paint.bold(Foreign::word(&drill.id)), Foreign::word(&drill.fault), unit, paint.cyan(Foreign::word(&drill.node))));
    for watch in &drill.watches {
        text.push(&measured(watch));
    }
    if drill.holder_before.is_some() || drill.holder_after.is_some() {
        let holder = |holder: &Option<String>| holder.as_deref().map_or(safe!("nobody"), |holder| Safe::of(&Foreign::word(holder)));
        text.line(&safe!("  the address was on {}, then on {}, and is on {}", holder(&drill.holder_before), holder(&drill.holder_during), holder(&drill.holder_after)));
    }
    let restored = if drill.restored { paint.green("everything is as it was before") } else { paint.red("NOT everything is as it was before") };
    let timer = match (drill.timers_left.is_empty(), drill.timer_s) {
        (false, _) => paint.red(safe!("timers are left: {}", Foreign::line(&drill.timers_left.join(", ")))),
        (true, Some(seconds)) => safe!("no timer is left (it was set to {} s)", seconds),
        (true, None) => safe!("there was no timer: only the power hook brings it back"),
    };
    text.line(&safe!("  {}; {}", restored, timer));
    for line in Foreign::lines(&drill.detail, 20) {
        text.line(&safe!("  {}", line));
    }
    text
}

fn measured(watch: &WatchResult) -> Safe {
    let mut text = Safe::new();
    let (dark, back) = (milliseconds(watch.blackout_ms), milliseconds(watch.fail_back_ms));
    text.line(&safe!("  {}: blackout {} (expected at most {} ms), {} on the way back", Foreign::word(&watch.id), dark, watch.at_most_ms, back));
    text.line(&safe!("    seen from {}: {}", Foreign::word(&watch.vantage), Foreign::line(&watch.method)));
    if let (Some(acknowledged), Some(lost)) = (watch.acknowledged, watch.lost) {
        text.line(&safe!("    {} writes acknowledged, {} of them lost", acknowledged, lost));
    }
    text
}

fn milliseconds(time: Option<u64>) -> Safe {
    time.map_or(safe!("not measured"), |time| safe!("{} ms", time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_what_was_measured_and_from_where() {
        let address = WatchResult {
            id: "address".into(),
            vantage: "compute01".into(),
            method: "TCP connect to 10.0.0.100 port 80 every 20 ms, given up after 250 ms".into(),
            blackout_ms: Some(212),
            at_most_ms: 300,
            fail_back_ms: Some(0),
            acknowledged: None,
            lost: None,
        };
        let stop = DrillResult {
            id: "vip-stop".into(),
            fault: "stop".into(),
            node: "manage01".into(),
            unit: Some("keepalived.service".into()),
            passed: true,
            blackout_ms: Some(212),
            at_most_ms: Some(300),
            fail_back_ms: Some(0),
            vantage: "compute01".into(),
            watches: vec![address.clone()],
            holder_before: Some("manage01".into()),
            holder_during: Some("manage02".into()),
            holder_after: Some("manage01".into()),
            restored: true,
            timer_s: Some(61),
            timers_left: vec![],
            detail: String::new(),
        };
        let power = DrillResult {
            id: "vip-power".into(),
            fault: "power".into(),
            unit: None,
            passed: false,
            watches: vec![WatchResult { blackout_ms: None, fail_back_ms: None, ..address.clone() }],
            holder_during: None,
            restored: false,
            timer_s: None,
            detail: "nobody took over\nmanage01 did not come back".into(),
            ..stop.clone()
        };
        let writes = WatchResult { id: "writes".into(), acknowledged: Some(311), lost: Some(2), at_most_ms: 15_000, blackout_ms: Some(11_802), ..address };
        let storage = DrillResult {
            id: "storage-isolate".into(),
            fault: "isolate".into(),
            node: "storage01".into(),
            unit: None,
            passed: false,
            watches: vec![writes],
            holder_before: None,
            holder_after: None,
            timers_left: vec!["arcus-isolate-eth0 in 4 s".into()],
            detail: "2 of 311 acknowledged writes are not on compute02".into(),
            ..stop.clone()
        };
        let report = DrillReport {
            drills: vec![stop, power, storage],
            left_out: vec!["vip-isolate: interrupted".into()],
            taken_back: vec!["vip-stop on manage01, left open by run r1 of eva@desk".into()],
            not_verified: vec!["storage01: glusterd runs: it does not run (failed)".into()],
        };
        insta::assert_snapshot!(drills(&report, Paint::new(false)).as_str());
    }
}
