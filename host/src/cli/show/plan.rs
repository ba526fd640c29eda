//! A plan, shown: what would be done on which node, exactly what, why, with the diff of every file; then what is known only
//! later, what is in the way, and what a yes would risk.

use std::collections::BTreeMap;

use arcus_contract::actions::Disruption;
use arcus_engine::{Diff, PlannedLater, PlannedStep, Proposal, Trouble};

use crate::cli::foreign::{Foreign, without_name};
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::cli::show::fault::{Alike, missing};
use crate::safe;

/// Lines of a diff.
const DIFF: usize = 2000;

/// A plan.
pub fn plan(proposal: &Proposal, paint: Paint) -> Safe {
    let mut text = Safe::new();
    warnings(&mut text, &proposal.warnings, paint);
    if !proposal.relaxed.is_empty() {
        let names: Vec<Safe> = proposal.relaxed.iter().map(|name| Safe::of(&Foreign::word(name))).collect();
        text.line(&safe!("{} {}", paint.yellow("relaxed in the file:"), Safe::join(&names, ", ")));
    }
    text.push(&missing(&proposal.missing, paint));
    for (node, unanswered) in proposal.unanswered.iter().filter(|(node, _)| !proposal.missing.contains_key(*node)) {
        text.line(&safe!("{} on {}: {}", paint.yellow("not seen:"), Foreign::word(node), Foreign::line(without_name(&unanswered.message, node))));
    }
    let mut steps = Steps { paint, shown: BTreeMap::new(), text };
    steps.all(&proposal.steps);
    let mut text = steps.text;
    later(&mut text, "known only after what comes before it:", &proposal.later, proposal, paint);
    later(&mut text, "will not be done:", &proposal.blocked, proposal, paint);
    risks(&mut text, proposal, paint);
    if !text.is_empty() {
        text.line(&"");
    }
    text.line(&summary(proposal, paint));
    text
}

/// Each once, and how often it was said; of those alike on many nodes, three in full.
fn warnings(text: &mut Safe, all: &[Trouble], paint: Paint) {
    let mut told: Vec<(&Trouble, usize)> = Vec::new();
    for warning in all {
        match told.iter_mut().find(|(known, _)| *known == warning) {
            Some((_, times)) => *times += 1,
            None => told.push((warning, 1)),
        }
    }
    let mut alike = Alike::default();
    for (warning, times) in told {
        text.push(&alike.told(warning, "warning", paint));
        if times > 1 {
            text.line(&safe!("  {} times", times));
        }
    }
}

/// `N steps, M later, K already so`.
pub fn summary(proposal: &Proposal, paint: Paint) -> Safe {
    let outside = proposal.steps.iter().filter(|step| step.outside_limit).count();
    let mut line = safe!("{} steps, {} later, {} already so", proposal.steps.len(), proposal.later.len(), proposal.satisfied);
    if !proposal.blocked.is_empty() {
        line.push(&safe!(", {} will not be done", proposal.blocked.len()));
    }
    if outside > 0 {
        line.push(&safe!(" ({} of the steps outside --limit)", outside));
    }
    let head = safe!("{}:", Foreign::word(&proposal.cluster));
    safe!("{} {}", paint.bold(head), line)
}

/// Steps being shown, one after the other.
struct Steps<'a> {
    paint: Paint,
    /// Diffs that were shown, and on which node: a hundred nodes with the same file show it once.
    shown: BTreeMap<(&'a str, &'a str), &'a str>,
    text: Safe,
}

impl<'a> Steps<'a> {
    fn all(&mut self, steps: &'a [PlannedStep]) {
        // Grouped by plugin, then by node, each in the order in which it comes first.
        let mut plugins: Vec<&str> = Vec::new();
        for step in steps {
            if !plugins.contains(&step.plugin.as_str()) {
                plugins.push(&step.plugin);
            }
        }
        for plugin in plugins {
            self.blank();
            let title = self.paint.bold(Foreign::word(plugin));
            self.text.line(&title);
            let of_plugin: Vec<&PlannedStep> = steps.iter().filter(|step| step.plugin == plugin).collect();
            let mut nodes: Vec<&str> = Vec::new();
            for step in &of_plugin {
                if !nodes.contains(&step.node.as_str()) {
                    nodes.push(&step.node);
                }
            }
            for node in nodes {
                let title = self.paint.cyan(Foreign::word(node));
                self.text.line(&safe!("  {}", title));
                for step in of_plugin.iter().filter(|step| step.node == node) {
                    self.step(step);
                }
            }
        }
    }

    fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.line(&"");
        }
    }

    fn step(&mut self, step: &'a PlannedStep) {
        let paint = self.paint;
        let marker = marker(step, paint);
        self.text.line(&safe!("    {} {}  {}", marker, paint.bold(Foreign::line(&step.title)), paint.dim(Foreign::word(&step.id))));
        let mut more = vec![Safe::of(&Foreign::line(&step.what))];
        if let Some(about) = step.about.as_ref().filter(|about| **about != step.node) {
            more.push(safe!("about {}", Foreign::word(about)));
        }
        if step.once {
            more.push(safe!("once per cluster"));
        }
        if let Some(group) = &step.group {
            more.push(safe!("one at a time in {}", Foreign::word(group)));
        }
        self.text.line(&safe!("        {}", Safe::join(&more, "; ")));
        self.text.line(&safe!("        {} {}", paint.dim("why:"), Foreign::line(&step.why)));
        if let Some(until) = &step.until {
            self.text.line(&safe!("        {} {}", paint.dim("until:"), Foreign::line(until)));
        }
        for disrupts in &step.disrupts {
            self.text.line(&safe!("        {}", paint.red(disruption(*disrupts, step.loses.as_deref()))));
        }
        if step.outside_limit {
            self.text.line(&safe!("        {}", paint.yellow("outside --limit: it will not be done")));
        }
        if let Some(diff) = &step.diff {
            self.diff(diff, &step.node);
        }
    }

    fn diff(&mut self, diff: &'a Diff, node: &'a str) {
        let paint = self.paint;
        if let Some(note) = &diff.note {
            self.text.line(&safe!("        {}: {}", Foreign::line(&diff.path), Foreign::line(note)));
        }
        let Some(text) = &diff.text else { return };
        if let Some(before) = self.shown.get(&(diff.path.as_str(), text.as_str())) {
            self.text.line(&safe!("        {}: the same difference as on {}", Foreign::line(&diff.path), Foreign::word(before)));
            return;
        }
        self.shown.insert((&diff.path, text), node);
        let total = text.lines().count();
        for line in text.lines().take(DIFF) {
            let shown = Foreign::line(line);
            let painted = match line.as_bytes() {
                [b'+', ..] => paint.green(shown),
                [b'-', ..] => paint.red(shown),
                [b'@', ..] => paint.cyan(shown),
                _ => Safe::of(&shown),
            };
            self.text.line(&safe!("        {}", painted));
        }
        if total > DIFF {
            self.text.line(&safe!("        {}", paint.yellow(safe!("({} more lines of this difference are not shown)", total - DIFF))));
        }
    }
}

/// What kind of step it is, at a glance.
fn marker(step: &PlannedStep, paint: Paint) -> Safe {
    if !step.disrupts.is_empty() || step.action == "call" {
        return paint.red("!");
    }
    match step.action.as_str() {
        "package" | "directory" | "mount" => paint.green("+"),
        "absent" | "unmount" => paint.red("-"),
        "file" | "service" => paint.yellow("~"),
        "job" => paint.cyan("»"),
        "wait" => paint.dim("."),
        _ => paint.cyan(">"),
    }
}

/// What a step puts at risk, in plain words.
fn disruption(disruption: Disruption, loses: Option<&str>) -> Safe {
    match disruption {
        Disruption::Data => safe!("what {} holds may be lost", Foreign::word(loses.unwrap_or_default())),
        Disruption::Quorum => safe!("may leave a group without a majority"),
        Disruption::Blackout => safe!("users may be cut off for a while"),
    }
}

fn later(text: &mut Safe, title: &'static str, all: &[PlannedLater], proposal: &Proposal, paint: Paint) {
    if all.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.line(&"");
    }
    text.line(&paint.bold(title));
    for one in all {
        let kinds: Vec<Safe> = one.kinds.iter().map(|kind| Safe::of(&Foreign::word(kind))).collect();
        let place = paint.dim(safe!("{}/{}", Foreign::word(&one.plugin), Foreign::word(&one.id)));
        text.line(&safe!("  {} {}: {} ({})  {}", paint.dim("…"), paint.cyan(Foreign::word(&one.node)), Foreign::line(&one.title), Safe::join(&kinds, ", "), place));
        // Why a node was not reached stands above, once.
        let silent = proposal.missing.iter().find(|(_, missing)| one.why.contains(&missing.message));
        let why = silent.map_or_else(|| Safe::of(&Foreign::line(&one.why)), |(node, _)| safe!("{} was not reached", Foreign::word(node)));
        text.line(&safe!("      {} {}", paint.dim("why:"), why));
        if let Some(nodes) = &one.live {
            let nodes: Vec<Safe> = nodes.iter().map(|node| Safe::of(&Foreign::word(node))).collect();
            text.line(&safe!("      {}", paint.red(safe!("may run live on {}, and on no other node", Safe::join(&nodes, ", ")))));
        }
        for disrupts in &one.disrupts {
            text.line(&safe!("      {}", paint.red(disruption(*disrupts, one.loses.as_deref()))));
        }
    }
}

fn risks(text: &mut Safe, proposal: &Proposal, paint: Paint) {
    let risks = proposal.risks();
    if risks.is_empty() {
        return;
    }
    text.line(&"");
    text.line(&paint.red("A plain yes does not cover:"));
    for risk in &risks {
        text.line(&safe!("  {}", risk_in_words(risk)));
    }
}

/// A risk with its word for `--accept`.
pub fn risk_in_words(risk: &str) -> Safe {
    match risk.split_once(':') {
        Some(("live", plugin)) => safe!("--accept {}: {} runs live, and what it does then cannot be shown beforehand; it stays within what you approved of it", Foreign::word(risk), Foreign::word(plugin)),
        Some(("data-loss", name)) => safe!("--accept {}: what {} holds may be lost", Foreign::word(risk), Foreign::word(name)),
        _ if risk == "quorum" => safe!("--accept quorum: a group may be left without a majority"),
        _ if risk == "blackout" => safe!("--accept blackout: users may be cut off for a while"),
        _ => safe!("--accept {}", Foreign::word(risk)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::show::samples;

    #[test]
    fn a_plan_shows_everything_that_is_approved() {
        insta::assert_snapshot!(plan(&samples::proposal(), Paint::new(false)).as_str());
    }

    #[test]
    fn a_plan_in_colours_says_the_same() {
        let painted = plan(&samples::proposal(), Paint::new(true));
        assert!(painted.as_str().contains("\u{1b}[32m+"));
        assert_eq!(console::strip_ansi_codes(painted.as_str()), plan(&samples::proposal(), Paint::new(false)).as_str());
    }

    #[test]
    fn what_is_so_on_every_node_is_told_in_full_three_times_and_a_reason_once() {
        let nodes = ["manage01", "manage02", "manage03", "compute01", "compute02"];
        let silent = |node: &&str| (node.to_string(), Trouble { code: "node.refused".into(), message: format!("{node}: 10.0.0.9:22 refuses connections"), help: Some("Is sshd running?".into()), ..Trouble::default() });
        let of = samples::proposal();
        let all = Proposal {
            steps: vec![],
            later: nodes.iter().map(|node| PlannedLater { node: node.to_string(), why: format!("{node} answers ({})", silent(node).1.message), ..of.later[0].clone() }).collect(),
            warnings: nodes.iter().map(|node| Trouble { code: "calico.no-ipip".into(), message: format!("the kernel of {node} has no IPIP"), node: Some(node.to_string()), help: Some("install one".into()), ..Trouble::default() }).collect(),
            missing: nodes.iter().map(silent).collect(),
            ..of
        };
        let shown = plan(&all, Paint::new(false));
        let count = |words: &str| shown.as_str().matches(words).count();
        assert_eq!((count("help: install one"), count("no IPIP"), count("refuses connections"), count("was not reached")), (3, 5, 5, 5), "{}", shown.as_str());
    }

    #[test]
    fn nothing_to_do_is_one_line() {
        let nothing = Proposal { steps: vec![], later: vec![], blocked: vec![], warnings: vec![], relaxed: vec![], missing: BTreeMap::new(), unanswered: BTreeMap::new(), ..samples::proposal() };
        assert_eq!(plan(&nothing, Paint::new(false)).as_str(), "demo: 0 steps, 0 later, 12 already so\n");
    }

    #[test]
    fn what_others_wrote_cannot_hide_or_move_anything() {
        let evil = "\u{1b}[2K\u{202e}\nrm -rf /\u{7}";
        let mut proposal = samples::proposal();
        proposal.cluster = evil.into();
        for step in &mut proposal.steps {
            for field in [&mut step.id, &mut step.plugin, &mut step.node, &mut step.title, &mut step.what, &mut step.why] {
                *field = evil.into();
            }
            step.diff = Some(Diff { path: evil.into(), text: Some(format!("+{evil}")), note: Some(evil.into()) });
        }
        let shown = plan(&proposal, Paint::new(false));
        assert!(shown.as_str().chars().all(|character| character == '\n' || crate::cli::foreign::is_plain(character)));
    }
}
