//! Drills, shown: what was broken where, how long users were cut off, who took over, and whether all is as before.

use arcus_engine::{DrillReport, DrillResult};

use crate::cli::foreign::Foreign;
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::safe;

/// All drills of a report.
pub fn drills(report: &DrillReport, paint: Paint) -> Safe {
    let mut text = Safe::new();
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
    text.line(&Safe::join(&parts, ", "));
    text
}

fn one(drill: &DrillResult, paint: Paint) -> Safe {
    let mark = if drill.passed { paint.green("passed") } else { paint.red("failed") };
    let mut text = Safe::new();
    text.line(&safe!("{} {}: {} on {}", mark, paint.bold(Foreign::word(&drill.id)), Foreign::word(&drill.fault), paint.cyan(Foreign::word(&drill.node))));
    let most = drill.at_most_ms.map(|most| safe!(" (at most {} ms)", most)).unwrap_or_default();
    text.line(&safe!("  blackout {}{}, on the way back {}, seen from {}", milliseconds(drill.blackout_ms), most, milliseconds(drill.fail_back_ms), Foreign::word(&drill.vantage)));
    let holder = |holder: &Option<String>| holder.as_deref().map_or(safe!("nobody"), |holder| Safe::of(&Foreign::word(holder)));
    text.line(&safe!("  the address was on {}, then on {}, and is on {}", holder(&drill.holder_before), holder(&drill.holder_during), holder(&drill.holder_after)));
    let restored = if drill.restored { paint.green("everything is as it was before") } else { paint.red("NOT everything is as it was before") };
    text.line(&safe!("  {}", restored));
    for line in Foreign::lines(&drill.detail, 20) {
        text.line(&safe!("  {}", line));
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
        let stop = DrillResult {
            id: "vip.stop".into(),
            fault: "stop".into(),
            node: "manage01".into(),
            passed: true,
            blackout_ms: Some(212),
            at_most_ms: Some(300),
            fail_back_ms: Some(0),
            vantage: "compute01".into(),
            holder_before: Some("manage01".into()),
            holder_during: Some("manage02".into()),
            holder_after: Some("manage01".into()),
            restored: true,
            detail: String::new(),
        };
        let power = DrillResult {
            id: "vip.power".into(),
            fault: "power".into(),
            passed: false,
            blackout_ms: None,
            holder_during: None,
            restored: false,
            detail: "nobody took over\nmanage01 did not come back".into(),
            ..stop.clone()
        };
        let report = DrillReport { drills: vec![stop, power], left_out: vec!["vip.isolate: interrupted".into()] };
        insta::assert_snapshot!(drills(&report, Paint::new(false)).as_str());
    }
}
