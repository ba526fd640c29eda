//! Checks of `verify` and `preflight`, shown: what is not well first, then what is; what is alike once, with the nodes it is so on.

use std::collections::HashMap;

use arcus_engine::{CheckReport, Verified};

use crate::cli::foreign::{Foreign, without_name};
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::cli::show::fault::missing;
use crate::safe;

/// Results in the order of their weight.
const ORDER: [&str; 5] = ["failed", "unknown", "pending", "warned", "passed"];

/// Who was not reached, then all checks, by plugin; the summary last.
pub fn checks(verified: &Verified, paint: Paint) -> Safe {
    let mut text = missing(&verified.missing, paint);
    if !text.is_empty() {
        text.line(&"");
    }
    let mut plugins: Vec<&str> = Vec::new();
    for check in &verified.checks {
        if !plugins.contains(&check.plugin.as_str()) {
            plugins.push(&check.plugin);
        }
    }
    for plugin in plugins {
        text.line(&paint.bold(Foreign::word(plugin)));
        let mut rows = rows(verified.checks.iter().filter(|check| check.plugin == plugin));
        rows.sort_by_key(|row| weight(row.first.result.as_str()));
        for row in rows {
            text.push(&row.shown(paint));
        }
        text.line(&"");
    }
    text.line(&summary(verified, paint));
    text
}

fn weight(result: &str) -> usize {
    ORDER.iter().position(|known| *known == result).unwrap_or(0)
}

/// Checks that are told together.
struct Row<'a> {
    first: &'a CheckReport,
    nodes: Vec<&'a str>,
    /// Ids of checks that one node does not answer, all for the same reason.
    silent: Vec<&'a str>,
}

/// What is the same on many nodes is one row, and so is all that a node leaves unanswered for one reason. In the order in which they come.
fn rows<'a>(checks: impl Iterator<Item = &'a CheckReport>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    let mut known: HashMap<[&str; 4], usize> = HashMap::new();
    for check in checks {
        let silent: Vec<&str> = (check.result == "unknown").then_some(check.id.as_str()).into_iter().collect();
        let Some(node) = check.node.as_deref() else {
            rows.push(Row { first: check, nodes: vec![], silent });
            continue;
        };
        let detail = check.detail.as_str();
        let key = if silent.is_empty() { [check.result.as_str(), &check.id, &check.title, detail] } else { ["", node, "", detail] };
        match known.get(&key) {
            None => {
                known.insert(key, rows.len());
                rows.push(Row { first: check, nodes: vec![node], silent });
            }
            Some(&place) if silent.is_empty() => rows[place].nodes.push(node),
            Some(&place) => rows[place].silent.extend(silent),
        }
    }
    rows
}

impl Row<'_> {
    fn shown(&self, paint: Paint) -> Safe {
        let check = self.first;
        let mark = match check.result.as_str() {
            "passed" => paint.green("passed "),
            "warned" => paint.yellow("warned "),
            "failed" => paint.red("failed "),
            "pending" => paint.yellow("pending"),
            _ => paint.red("unknown"),
        };
        let names: Vec<Safe> = self.nodes.iter().map(|node| paint.cyan(Foreign::word(node))).collect();
        let nodes = if names.is_empty() { Safe::new() } else { safe!("{}: ", Safe::join(&names, ", ")) };
        let (title, ids) = match self.silent.as_slice() {
            many @ [_, _, ..] => (safe!("{} checks", many.len()), many.iter().map(|id| Safe::of(&Foreign::word(id))).collect()),
            _ => (Safe::of(&Foreign::line(&check.title)), vec![Safe::of(&Foreign::word(&check.id))]),
        };
        let mut text = Safe::new();
        text.line(&safe!("  {} {}{} {}", mark, nodes, title, paint.dim(safe!("[{}]", Safe::join(&ids, ", ")))));
        let detail = self.nodes.first().map_or(check.detail.as_str(), |node| without_name(&check.detail, node));
        for line in Foreign::lines(detail, 20) {
            text.line(&safe!("          {}", if check.result == "passed" { paint.dim(line) } else { line }));
        }
        text
    }
}

/// How many of each.
pub fn summary(verified: &Verified, paint: Paint) -> Safe {
    let mut parts = vec![crate::cli::console::count(verified.checks.len(), "check", "checks")];
    for (result, word) in [("passed", "passed"), ("warned", "warned"), ("failed", "failed"), ("pending", "still pending"), ("unknown", "unknown")] {
        let count = verified.count(result);
        if count > 0 {
            let part = safe!("{} {}", count, word);
            parts.push(match result {
                "passed" => paint.green(part),
                "warned" | "pending" => paint.yellow(part),
                _ => paint.red(part),
            });
        }
    }
    if verified.checks.is_empty() {
        parts.push(paint.red("nothing was checked, so nothing is proven"));
    }
    Safe::join(&parts, ", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arcus_engine::Trouble;

    use super::*;

    fn check(id: &str, node: Option<&str>, result: &str, detail: &str) -> CheckReport {
        CheckReport { id: id.into(), plugin: "storage-glusterfs".into(), node: node.map(Into::into), title: format!("The {id}"), result: result.into(), detail: detail.into() }
    }

    #[test]
    fn what_is_not_well_comes_first() {
        let verified = Verified {
            checks: vec![
                check("pool", None, "passed", "3 peers connected"),
                check("mount", Some("compute01"), "failed", "it is ext4, not fuse.glusterfs\nfrom /dev/sda1"),
                check("quorum", None, "warned", "2 of 3"),
                check("heal", Some("storage01"), "pending", "4 entries"),
                check("witness", Some("compute02"), "unknown", "no answer\u{1b}[8m"),
            ],
            missing: BTreeMap::new(),
        };
        insta::assert_snapshot!(checks(&verified, Paint::new(false)).as_str());
    }

    #[test]
    fn what_is_alike_on_many_nodes_is_told_once() {
        let nodes = ["manage01", "manage02", "compute01"];
        let mut checks = vec![check("pool", None, "passed", "3 peers connected"), check("pool", None, "passed", "and of the other volume")];
        for node in nodes {
            checks.push(check("cpu", Some(node), "failed", "2 processors; 16 are wanted"));
            checks.push(check("disk", Some(node), "passed", &format!("room on {node}")));
            checks.push(check("swap", Some(node), "passed", "none is used"));
        }
        for id in ["cpu", "disk", "swap"] {
            checks.push(check(id, Some("storage01"), "unknown", "storage01: nobody answers at 10.0.0.31:22 (node.unreachable)"));
        }
        checks.push(check("port", Some("storage01"), "unknown", "it was not said"));
        let silent = Trouble { code: "node.unreachable".into(), message: "storage01: nobody answers at 10.0.0.31:22".into(), help: Some("Is the machine up?".into()), ..Trouble::default() };
        let missing = BTreeMap::from([("storage01".to_owned(), silent)]);
        insta::assert_snapshot!(super::checks(&Verified { checks, missing }, Paint::new(false)).as_str());
    }

    #[test]
    fn no_checks_prove_nothing() {
        assert_eq!(checks(&Verified { checks: vec![], missing: BTreeMap::new() }, Paint::new(false)).as_str(), "0 checks, nothing was checked, so nothing is proven\n");
    }
}
