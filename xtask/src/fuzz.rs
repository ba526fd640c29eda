//! `cargo xtask fuzz`: the tests in modules called `fuzz`, for as long as is said; each run takes other inputs (`tests/fuzz`).

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::test::{self, Suite};

/// As `tests/fuzz` reads it.
const SECONDS: &str = "ARCUS_FUZZ_SECONDS";

/// Runs them in turn, and goes on after one failed.
pub fn fuzz(root: &Path, minutes: u32, words: &[String]) -> Result<()> {
    crate::plugins::build(root, &[])?;
    let mut all = Vec::new();
    for suite in test::build(root)?.into_iter().filter(|suite| !suite.is_of_the_lab()) {
        let names = names(&suite, words)?;
        all.extend(names.into_iter().map(|name| (suite.to_string(), name, suite.command())));
    }
    if all.is_empty() {
        bail!("there is no such test");
    }
    let seconds = f64::from(minutes) * 60.0 / all.len() as f64;
    eprintln!("{} tests, {seconds:.0} s each", all.len());
    let mut failed = Vec::new();
    for (suite, name, mut program) in all {
        eprintln!("{suite}: {name}");
        let ended = program.args(["--quiet", "--exact", &name]).env(SECONDS, seconds.to_string()).stdout(Stdio::piped()).output().with_context(|| name.clone())?;
        if !ended.status.success() {
            eprintln!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
            failed.push(format!("{suite}: {name}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("these failed:\n  {}", failed.join("\n  ")) }
}

/// Of the tests of a suite that are meant to be run for long.
fn names(suite: &Suite, words: &[String]) -> Result<Vec<String>> {
    let listed = suite.command().args(["--list", "--format", "terse"]).output().with_context(|| suite.to_string())?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    let is_meant = |name: &&str| name.starts_with("fuzz::") || name.contains("::fuzz::");
    let is_wanted = |name: &&str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()) || suite.to_string().contains(word.as_str()));
    Ok(names.filter(is_meant).filter(is_wanted).map(str::to_owned).collect())
}
