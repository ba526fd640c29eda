//! `cargo xtask test`: every test there is, with its own set-up.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::build::run;

/// Packages whose tests have the machine to themselves: each makes a lab of its own.
const OF_THE_LAB: [&str; 2] = ["arcus-lab", "arcus-tests"];

/// Tests that were built into one program.
struct Suite {
    package: String,
    /// As cargo calls it: `ssh` for `tests/ssh.rs`, the package for what stands beside its code.
    name: String,
    folder: PathBuf,
    program: PathBuf,
}

/// Builds what the tests need and runs them all, also after one failed; `long`: also those that are left out for the time they take, which
/// each names.
pub fn test(root: &Path, long: bool) -> Result<()> {
    arcus_lab::ensure(&mut |line| eprintln!("{line}"))?;
    crate::contract::generate(root, true)?;
    crate::plugins::build(root, &[])?;
    // All at once, with the binary: what is built for some packages only is built again for others where they want other features of
    // what they share, and that takes longer than the tests.
    let mut suites = build(root)?;
    arcus_lab::Base::ensure(&mut |line| eprintln!("{line}"))?;
    suites.sort_by_key(|suite| (suite.is_of_the_lab(), suite.package.clone(), suite.name.clone()));
    let mut times = Vec::new();
    let mut failed = Vec::new();
    for suite in &suites {
        eprintln!("\n== {suite}");
        let begun = Instant::now();
        if !suite.run(long)? {
            failed.push(suite.to_string());
        }
        times.push((begun.elapsed(), suite.to_string()));
    }
    let begun = Instant::now();
    eprintln!("\n== what the documentation shows");
    if let Err(error) = run(cargo(root).args(["--workspace", "--doc", "--quiet"])) {
        failed.push(error.to_string());
    }
    times.push((begun.elapsed(), "documentation".into()));
    tell(times);
    if !long {
        eprintln!("\nleft out: what takes many minutes, on nodes with kernels of their own: cargo xtask test --long");
    }
    if failed.is_empty() { Ok(()) } else { bail!("these failed:\n  {}", failed.join("\n  ")) }
}

fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).arg("test");
    cargo
}

/// Builds all tests, and the binaries they call.
fn build(root: &Path) -> Result<Vec<Suite>> {
    let mut cargo = cargo(root);
    cargo.args(["--workspace", "--no-run", "--message-format", "json-render-diagnostics"]).stdout(Stdio::piped());
    let mut child = cargo.spawn().context("running cargo")?;
    let mut suites = Vec::new();
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
        let message: Value = serde_json::from_str(&line?).context("cargo said something that is no JSON")?;
        suites.extend(suite(&message));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`cargo test --workspace --no-run` ended with {status}");
    }
    if suites.is_empty() {
        bail!("cargo built no tests");
    }
    Ok(suites)
}

/// From a message of cargo: <https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages>.
fn suite(message: &Value) -> Option<Suite> {
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
    // `path+file:///folder#name@version`, or without the name where it is that of the folder.
    let id = message["package_id"].as_str()?.rsplit('#').next()?;
    let package = match id.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => folder.file_name()?.to_string_lossy().into_owned(),
    };
    Some(Suite { package, name: message["target"]["name"].as_str()?.into(), folder, program: message["executable"].as_str()?.into() })
}

impl Suite {
    fn is_of_the_lab(&self) -> bool {
        OF_THE_LAB.contains(&self.package.as_str())
    }

    /// As cargo would: in the folder of its package. Whether all of it passed.
    fn run(&self, long: bool) -> Result<bool> {
        let mut program = Command::new(&self.program);
        program.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder).arg("--quiet");
        if self.is_of_the_lab() {
            program.args(["--test-threads", "1"]);
            if long {
                program.arg("--include-ignored");
            }
        }
        Ok(program.status().with_context(|| self.program.display().to_string())?.success())
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.name == self.package.replace('-', "_") { f.write_str(&self.package) } else { write!(f, "{}: {}", self.package, self.name) }
    }
}

/// Where the time went: suites that took longer than ten seconds.
fn tell(mut times: Vec<(Duration, String)>) {
    times.sort();
    eprintln!("\n== times");
    for (took, suite) in times.iter().rev().filter(|(took, _)| took.as_secs() >= 10) {
        eprintln!("{:>6.1} s  {suite}", took.as_secs_f32());
    }
}
