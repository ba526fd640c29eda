//! How long `arcus` takes before it does anything: what an operator waits for at every command.

use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::contender::Tools;
use super::site::Site;

const RUNS: usize = 20;

/// One command, run often.
#[derive(Debug, Serialize)]
pub struct Startup {
    /// What was run.
    pub command: String,
    /// The middle, the quickest and the slowest of all runs, in milliseconds.
    pub median_ms: f64,
    /// The quickest.
    pub min_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// How many.
    pub runs: usize,
}

/// Measures both, after one run each that compiles what is new.
pub fn measure(site: &Site, tools: &Tools) -> Result<Vec<Startup>> {
    let folder = site.folder().join("arcus");
    let file = folder.join("cluster.yaml").display().to_string();
    [vec!["--version"], vec!["-f", &file, "validate"]].iter().map(|words| one(words, tools)).collect()
}

/// Approves the plugin that is not of Arcus, as the operator must.
pub fn approve(site: &Site, tools: &Tools) -> Result<()> {
    let folder = site.folder().join("arcus");
    let file = folder.join("cluster.yaml").display().to_string();
    let component = folder.join("storage-bench.wasm").display().to_string();
    let inspected: serde_json::Value = serde_json::from_slice(&run(&["-o", "json", "plugin", "inspect", &component], tools)?.stdout)?;
    let digest = inspected["digest"].as_str().context("it has no digest")?;
    run(&["-f", &file, "plugin", "approve", "storage-bench", "--digest", digest], tools).map(drop)
}

fn run(words: &[&str], tools: &Tools) -> Result<Output> {
    let output = Command::new(&tools.arcus)
        .args(words)
        .env("XDG_CACHE_HOME", &tools.cache)
        .env("XDG_STATE_HOME", &tools.state)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {}", tools.arcus.display()))?;
    if !output.status.success() {
        bail!("arcus {} ended with {}:\n{}", words.join(" "), output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(output)
}

fn one(words: &[&str], tools: &Tools) -> Result<Startup> {
    let mut times = Vec::new();
    for number in 0..=RUNS {
        let begun = Instant::now();
        run(words, tools)?;
        let time = begun.elapsed().as_secs_f64() * 1e3;
        if number > 0 {
            times.push(time);
        }
    }
    times.sort_by(f64::total_cmp);
    let name = words.last().copied().unwrap_or_default();
    Ok(Startup { command: format!("arcus {name}"), median_ms: times[times.len() / 2], min_ms: times[0], max_ms: times[times.len() - 1], runs: times.len() })
}
