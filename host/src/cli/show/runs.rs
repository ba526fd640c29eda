//! Journals, shown: all runs in a line each, or one run step by step.

use arcus_engine::{Entry, Journal};

use crate::cli::foreign::Foreign;
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::cli::show::table::table;
use crate::safe;

/// A run in one line: when, id, verb, who, how it ended, how many steps.
pub fn line(run: &str, entries: &[Entry], paint: Paint) -> Vec<Safe> {
    let (mut at, mut verb, mut operator, mut end) = ("", "", "", None);
    let (mut done, mut failed) = (0_usize, 0_usize);
    for entry in entries {
        match entry {
            Entry::Run { at: begun, verb: word, operator: who, .. } => (at, verb, operator) = (begun, word, who),
            Entry::Outcome { end, .. } if end == "done" => done += 1,
            Entry::Outcome { end, .. } if end == "failed" => failed += 1,
            Entry::End { end: word, .. } => end = Some(word.as_str()),
            _ => {}
        }
    }
    let open = Journal::open_steps(entries).len();
    let mut counts = vec![safe!("{} done", done)];
    if failed > 0 {
        counts.push(paint.red(safe!("{} failed", failed)));
    }
    if open > 0 {
        counts.push(paint.yellow(safe!("{} open", open)));
    }
    let end = match end {
        Some("done") => paint.green("done"),
        Some(end) => paint.red(Foreign::word(end)),
        None => paint.yellow("no end"),
    };
    vec![Safe::of(&Foreign::word(at)), Safe::of(&Foreign::word(run)), Safe::of(&Foreign::word(verb)), Safe::of(&Foreign::word(operator)), end, Safe::join(&counts, ", ")]
}

/// A run, entry by entry.
pub fn run(entries: &[Entry], paint: Paint) -> Safe {
    let rows: Vec<Vec<Safe>> = entries.iter().map(|entry| row(entry, paint)).collect();
    table(&rows)
}

fn row(entry: &Entry, paint: Paint) -> Vec<Safe> {
    let word = |text: &str| Safe::of(&Foreign::word(text));
    let step = |plugin: &str, step: &str| safe!("{}/{}", Foreign::word(plugin), Foreign::word(step));
    match entry {
        Entry::Run { run, verb, operator, at, plugins, .. } => {
            let plugins: Vec<Safe> = plugins.iter().map(|(name, digest)| safe!("{} {}", Foreign::word(name), Foreign::capped(digest, 12))).collect();
            vec![word(at), paint.bold(Foreign::word(verb)), word(operator), word(run), Safe::join(&plugins, ", ")]
        }
        Entry::Intent { plugin, step: id, node, action, at, .. } => vec![word(at), paint.dim("begins"), word(node), step(plugin, id), word(action)],
        Entry::Outcome { plugin, step: id, node, end, detail, at } => {
            let painted = match end.as_str() {
                "done" | "became-so" => paint.green(Foreign::word(end)),
                "failed" | "unknown" => paint.red(Foreign::word(end)),
                _ => paint.yellow(Foreign::word(end)),
            };
            vec![word(at), painted, word(node), step(plugin, id), Safe::of(&Foreign::line(detail))]
        }
        Entry::Live { plugin, step: id, node, what, end, at } => {
            let done = if end.is_empty() { safe!("{}", Foreign::line(what)) } else { safe!("{}: {}", Foreign::line(what), Foreign::line(end)) };
            vec![word(at), paint.dim(if end.is_empty() { "live" } else { "lived" }), word(node), step(plugin, id), done]
        }
        Entry::Decided { run, plugin, step: id, node, as_seen, at } => {
            vec![word(at), paint.cyan("decided"), word(node), step(plugin, id), safe!("{}, open since run {}", Foreign::word(as_seen), Foreign::word(run))]
        }
        Entry::End { end, at } => {
            let painted = if end == "done" { paint.green(Foreign::word(end)) } else { paint.red(Foreign::word(end)) };
            vec![word(at), paint.bold("end"), painted]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn journal() -> Vec<Entry> {
        let at = |second: u32| format!("2026-05-01T10:00:{second:02}.000Z");
        vec![
            Entry::Run { format: 1, run: "r7".into(), verb: "apply".into(), operator: "eva@desk".into(), at: at(0), plugins: BTreeMap::from([("storage-glusterfs".into(), "0123456789abcdef".into())]) },
            Entry::Decided { run: "r6".into(), plugin: "storage-glusterfs".into(), step: "volume".into(), node: "storage01".into(), as_seen: "done".into(), at: at(1) },
            Entry::Intent { plugin: "storage-glusterfs".into(), step: "mount-compute01".into(), node: "compute01".into(), action: "mount".into(), wanted: "ab".into(), at: at(2) },
            Entry::Outcome { plugin: "storage-glusterfs".into(), step: "mount-compute01".into(), node: "compute01".into(), end: "failed".into(), detail: "mount: no route".into(), at: at(3) },
            Entry::Intent { plugin: "storage-glusterfs".into(), step: "mount-compute02".into(), node: "compute02".into(), action: "mount".into(), wanted: "ab".into(), at: at(4) },
            Entry::End { end: "failed".into(), at: at(5) },
        ]
    }

    #[test]
    fn a_run_is_told_entry_by_entry() {
        insta::assert_snapshot!(run(&journal(), Paint::new(false)).as_str());
    }

    #[test]
    fn a_run_in_a_line_counts_what_is_open() {
        let line = line("r7", &journal(), Paint::new(false));
        let cells: Vec<&str> = line.iter().map(Safe::as_str).collect();
        assert_eq!(cells, ["2026-05-01T10:00:00.000Z", "r7", "apply", "eva@desk", "failed", "0 done, 1 failed, 1 open"]);
    }
}
