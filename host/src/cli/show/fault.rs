//! What went wrong, shown: what, where, the last a node printed, and what to do next.

use std::collections::BTreeMap;

use arcus_cluster::{Diagnostic, Severity};
use arcus_engine::{Fault, Trouble};
use serde::Serialize;

use crate::cli::console::Terminal;
use crate::cli::exit;
use crate::cli::foreign::{Foreign, without_name};
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::cli::show::snippet;
use crate::safe;

/// Lines of what a node printed.
const TAIL: usize = 20;

/// A fault, all of it.
pub fn fault(fault: &Fault, paint: Paint, terminal: Terminal) -> Safe {
    let mut text = snippet::draw(&fault.diagnostics, paint, terminal);
    let mut alike = Alike::default();
    for one in &fault.troubles {
        text.push(&alike.told(one, "error", paint));
    }
    text
}

/// Troubles told one after the other: a hundred nodes with the same one are told in full three times, and then by name.
#[derive(Default)]
pub struct Alike<'a> {
    times: BTreeMap<(&'a str, &'a str), usize>,
}

impl<'a> Alike<'a> {
    /// The next one.
    pub fn told(&mut self, one: &'a Trouble, kind: &'static str, paint: Paint) -> Safe {
        let times = self.times.entry((one.code.as_str(), one.help.as_deref().unwrap_or_default())).or_default();
        *times += 1;
        if *times <= 3 {
            return trouble(one, kind, paint);
        }
        let mut text = Safe::new();
        let unnamed = |node: &&String| !one.message.lines().next().unwrap_or_default().contains(node.as_str());
        let node = one.node.as_ref().filter(unnamed).map(|node| safe!(" at node {}", paint.cyan(Foreign::word(node)))).unwrap_or_default();
        text.line(&safe!("{} {}{}", label(one, kind, paint), headline(one), node));
        text
    }
}

/// Nodes that were not reached, and why. Often it is one reason; what to do about it is said for the first.
pub fn missing(missing: &BTreeMap<String, Trouble>, paint: Paint) -> Safe {
    let mut text = Safe::new();
    for (node, missing) in missing {
        text.line(&safe!("{} {}: {}", paint.red("not reached:"), Foreign::word(node), Foreign::line(without_name(&missing.message, node))));
    }
    if let Some(help) = missing.values().find_map(|missing| missing.help.as_deref()) {
        text.line(&safe!("  {} {}", paint.cyan("help:"), Foreign::line(help)));
    }
    text
}

/// One trouble, as an error or a warning.
pub fn trouble(one: &Trouble, kind: &'static str, paint: Paint) -> Safe {
    let mut text = Safe::new();
    text.line(&safe!("{} {}", label(one, kind, paint), headline(one)));
    let mut at = Vec::new();
    for (what, value) in [("node", &one.node), ("plugin", &one.plugin), ("step", &one.step)] {
        if let Some(value) = value {
            at.push(safe!("{} {}", what, paint.cyan(Foreign::word(value))));
        }
    }
    if !at.is_empty() {
        text.line(&safe!("  at {}", Safe::join(&at, ", ")));
    }
    // What a node printed may come with the message, below its first line.
    let below = one.message.split_once('\n').map(|(_, below)| below);
    for tail in below.into_iter().chain(one.tail.as_deref()) {
        for line in Foreign::tail(tail, TAIL) {
            text.line(&safe!("  {} {}", paint.dim("|"), line));
        }
    }
    if let Some(help) = &one.help {
        text.line(&safe!("  {} {}", paint.cyan("help:"), Foreign::line(help)));
    }
    text
}

fn label(one: &Trouble, kind: &'static str, paint: Paint) -> Safe {
    let label = safe!("{}[{}]", kind, Foreign::word(&one.code));
    if kind == "error" { paint.red(label) } else { paint.yellow(label) }
}

fn headline(one: &Trouble) -> Safe {
    Safe::of(&Foreign::line(one.message.lines().next().unwrap_or_default()))
}

/// A fault for programs.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    kind: &'static str,
    code: &'a str,
    exit_code: u8,
    message: &'a str,
    troubles: &'a [Trouble],
    diagnostics: &'a [Diagnostic],
}

impl<'a> Told<'a> {
    /// Of a fault.
    pub fn of(fault: &'a Fault) -> Self {
        // Warnings are told beside the errors, and are not why.
        let place = fault.diagnostics.iter().find(|one| one.severity == Severity::Error).or(fault.diagnostics.first());
        let (code, message) = match (fault.troubles.first(), place) {
            (Some(trouble), _) => (trouble.code.as_str(), trouble.message.as_str()),
            (None, Some(place)) => (place.code.as_str(), place.message.as_str()),
            (None, None) => ("", ""),
        };
        Self { kind: exit::word(fault.kind), code, exit_code: exit::code(fault.kind), message, troubles: &fault.troubles, diagnostics: &fault.diagnostics }
    }
}

#[cfg(test)]
mod tests {
    use arcus_engine::Kind;

    use super::*;

    fn terminal() -> Terminal {
        Terminal { person: false, live: false, out: Paint::new(false), err: Paint::new(false), width: 100, unicode: true }
    }

    #[test]
    fn says_what_where_the_tail_and_what_next() {
        let failed = Trouble {
            code: "job.failed".into(),
            message: "it ended with status 1\nTASK [etcd]\n\u{1b}[31mfatal: disk full\u{1b}[0m".into(),
            help: Some("free space on /var, then `arcus apply`".into()),
            node: Some("manage01".into()),
            plugin: Some("platform-rainbond".into()),
            step: Some("init".into()),
            tail: None,
        };
        let many = (1..=5).map(|number| Trouble {
            code: "node.unreachable".into(),
            message: format!("compute0{number}: cannot reach root@10.0.0.{number}:22: timed out"),
            help: Some("Is the machine up?".into()),
            node: Some(format!("compute0{number}")),
            ..Trouble::default()
        });
        let all = Fault { kind: Kind::Step, troubles: [failed].into_iter().chain(many).collect(), diagnostics: vec![] };
        insta::assert_snapshot!(fault(&all, Paint::new(false), terminal()).as_str());
        insta::assert_json_snapshot!(serde_json::to_value(Told::of(&all)).unwrap());
    }
}
