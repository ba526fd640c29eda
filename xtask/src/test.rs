//! `cargo xtask test`: every test there is, with its own set-up.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::build::run;

/// Packages whose tests make a lab each, and so run one after the other within their suite.
const OF_THE_LAB: [&str; 2] = ["arcus-lab", "arcus-tests"];
/// Suites of the lab that have the machine to themselves: they measure how long something takes, or hit a moment.
const ALONE: [&str; 2] = ["drills", "survives"];
/// So many of the others run at a time: each spends half of its time waiting.
const LANES: usize = 2;

/// Tests that were built into one program.
pub struct Suite {
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
    let mut suites = std::thread::scope(|scope| {
        // Beside the builds: packages are on their way to it for half of its time.
        let base = scope.spawn(|| arcus_lab::Base::ensure(&mut |line| eprintln!("{line}")));
        crate::plugins::build(root, &[])?;
        crate::plugins::ensure_target(crate::plugins::WITH_WASI)?;
        // All at once, with the binary: what is built for some packages only is built again for others where they want other features of
        // what they share, and that takes longer than the tests.
        let suites = build(root)?;
        base.join().expect("making the base does not panic")?;
        anyhow::Ok(suites)
    })?;
    suites.sort_by_key(|suite| (suite.is_of_the_lab(), suite.package.clone(), suite.name.clone()));
    let (alone, beside): (Vec<&Suite>, Vec<&Suite>) = suites.iter().partition(|suite| suite.is_alone());
    let mut ends = run_all(beside, LANES, long)?;
    ends.extend(run_all(alone, 1, long)?);
    let mut failed: Vec<String> = ends.iter().filter(|end| !end.passed).map(|end| end.name.clone()).collect();
    let mut times: Vec<(Duration, String)> = ends.into_iter().map(|end| (end.took, end.name)).collect();
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

/// `cargo test`, of the cargo that runs this.
pub fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).arg("test");
    cargo
}

/// Builds all tests, and the binaries they call.
pub fn build(root: &Path) -> Result<Vec<Suite>> {
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
    pub fn is_of_the_lab(&self) -> bool {
        OF_THE_LAB.contains(&self.package.as_str())
    }

    /// As cargo would: in the folder of its package.
    pub fn command(&self) -> Command {
        let mut program = Command::new(&self.program);
        program.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        program
    }

    fn is_alone(&self) -> bool {
        self.is_of_the_lab() && ALONE.contains(&self.name.as_str())
    }

    /// Whether all of it passed, and what it printed.
    fn run(&self, long: bool) -> Result<(bool, String)> {
        let mut program = self.command();
        program.arg("--quiet");
        if self.is_of_the_lab() {
            program.args(["--test-threads", "1"]);
            if long {
                program.arg("--include-ignored");
            }
        }
        // A file, and no pipe: whatever a test left running would hold that open.
        let mut printed = tempfile::tempfile().context("making a file for what the tests print")?;
        let status = program.stdout(printed.try_clone()?).stderr(printed.try_clone()?).status().with_context(|| self.program.display().to_string())?;
        printed.rewind()?;
        let mut bytes = Vec::new();
        printed.read_to_end(&mut bytes)?;
        Ok((status.success(), String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// How a suite ended.
struct End {
    name: String,
    took: Duration,
    passed: bool,
}

/// Runs suites, so many at a time; what each printed is told whole when it has ended.
fn run_all(suites: Vec<&Suite>, lanes: usize, long: bool) -> Result<Vec<End>> {
    let queue = Mutex::new(VecDeque::from(suites));
    let ends = Mutex::new(Vec::new());
    let lane = || -> Result<()> {
        loop {
            let Some(suite) = queue.lock().expect("no lane panics").pop_front() else { return Ok(()) };
            let begun = Instant::now();
            let (passed, printed) = suite.run(long)?;
            let end = End { name: suite.to_string(), took: begun.elapsed(), passed };
            let mut ends = ends.lock().expect("no lane panics");
            eprintln!("\n== {} ({:.1} s)\n{}", end.name, end.took.as_secs_f32(), printed.trim_end());
            ends.push(end);
        }
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().try_for_each(|lane| lane.join().expect("no lane panics"))
    })?;
    Ok(ends.into_inner().expect("no lane panics"))
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
