//! Checks of `verify` and `preflight`, shown: what is not well first and in full, then what is, counted.

use arcus_engine::{CheckReport, Verified};

use crate::cli::foreign::Foreign;
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::safe;

/// Results in the order of their weight.
const ORDER: [&str; 5] = ["failed", "unknown", "pending", "warned", "passed"];

/// All checks, by plugin; the summary last.
pub fn checks(verified: &Verified, paint: Paint) -> Safe {
    let mut text = Safe::new();
    let mut plugins: Vec<&str> = Vec::new();
    for check in &verified.checks {
        if !plugins.contains(&check.plugin.as_str()) {
            plugins.push(&check.plugin);
        }
    }
    for plugin in plugins {
        text.line(&paint.bold(Foreign::word(plugin)));
        let mut of_plugin: Vec<&CheckReport> = verified.checks.iter().filter(|check| check.plugin == plugin).collect();
        of_plugin.sort_by_key(|check| weight(&check.result));
        for check in of_plugin {
            text.push(&one(check, paint));
        }
        text.line(&"");
    }
    text.line(&summary(verified, paint));
    text
}

fn weight(result: &str) -> usize {
    ORDER.iter().position(|known| *known == result).unwrap_or(0)
}

fn one(check: &CheckReport, paint: Paint) -> Safe {
    let mark = match check.result.as_str() {
        "passed" => paint.green("passed "),
        "warned" => paint.yellow("warned "),
        "failed" => paint.red("failed "),
        "pending" => paint.yellow("pending"),
        _ => paint.red("unknown"),
    };
    let node = check.node.as_deref().map(|node| safe!("{}: ", paint.cyan(Foreign::word(node)))).unwrap_or_default();
    let id = paint.dim(safe!("[{}]", Foreign::word(&check.id)));
    let mut text = Safe::new();
    text.line(&safe!("  {} {}{} {}", mark, node, Foreign::line(&check.title), id));
    for line in Foreign::lines(&check.detail, 20) {
        text.line(&safe!("          {}", if check.result == "passed" { paint.dim(line) } else { line }));
    }
    text
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
        };
        insta::assert_snapshot!(checks(&verified, Paint::new(false)).as_str());
    }

    #[test]
    fn no_checks_prove_nothing() {
        assert_eq!(checks(&Verified { checks: vec![] }, Paint::new(false)).as_str(), "0 checks, nothing was checked, so nothing is proven\n");
    }
}
