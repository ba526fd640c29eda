//! What an apply came to, shown: per node how it ended, and what goes on without us.

use arcus_engine::{Applied, NodeEnd};

use crate::cli::console::count;
use crate::cli::foreign::Foreign;
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::safe;

/// The end of an apply.
pub fn applied(applied: &Applied, paint: Paint) -> Safe {
    let mut text = Safe::new();
    for (node, end) in applied.nodes.iter().filter(|(_, end)| **end != NodeEnd::Done) {
        let words = end.to_string();
        let painted = if matches!(end, NodeEnd::Blocked(_) | NodeEnd::OutsideLimit) { paint.yellow(Foreign::line(&words)) } else { paint.red(Foreign::line(&words)) };
        text.line(&safe!("{}: {}", paint.cyan(Foreign::word(node)), painted));
    }
    for job in &applied.detached {
        text.line(&safe!("{} {}; `arcus apply` attaches to it again", paint.yellow("still running:"), Foreign::line(job)));
    }
    let done = applied.nodes.values().filter(|end| **end == NodeEnd::Done).count();
    let mut line = safe!("{} done in {}; {} of {} nodes done", count(applied.performed, "step", "steps"), count(applied.rounds, "round", "rounds"), done, applied.nodes.len());
    if applied.outside_limit > 0 {
        line.push(&safe!("; {} outside --limit left", count(applied.outside_limit, "step", "steps")));
    }
    if !applied.run.is_empty() {
        line.push(&safe!(" (run {})", Foreign::word(&applied.run)));
    }
    text.line(&line);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn only_nodes_that_are_not_done_are_told_one_by_one() {
        let report = Applied {
            run: "20260501-100000-ab".into(),
            performed: 31,
            rounds: 4,
            nodes: BTreeMap::from([
                ("manage01".into(), NodeEnd::Done),
                ("storage02".into(), NodeEnd::Blocked("storage03 of its group did not answer".into())),
                ("storage03".into(), NodeEnd::NotReached),
            ]),
            outside_limit: 2,
            detached: vec!["grctl init on manage01".into()],
        };
        insta::assert_snapshot!(applied(&report, Paint::new(false)).as_str());
    }
}
