//! The figures: tables for people, JSON for programs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Times of one thing, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Times {
    median: f64,
    min: f64,
    max: f64,
    runs: usize,
}

impl Times {
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let ms = |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
        Self { median: ms(times.get(times.len() / 2)), min: ms(times.first()), max: ms(times.last()), runs: times.len() }
    }

    fn shown(&self) -> String {
        format!("{} ({} to {})", figure(self.median), figure(self.min), figure(self.max))
    }
}

/// Three digits.
fn figure(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => format!("{ms:.3}"),
        ms if ms < 10.0 => format!("{ms:.2}"),
        ms if ms < 100.0 => format!("{ms:.1}"),
        ms => format!("{ms:.0}"),
    }
}

/// One thing, done once.
#[derive(Debug, Serialize)]
struct Alone {
    what: String,
    ms: Times,
}

/// The same, done as a component and natively.
#[derive(Debug, Serialize)]
struct Both {
    what: String,
    /// What came of it, to be compared with other runs.
    result: String,
    component_ms: Times,
    native_ms: Times,
    ratio: f64,
}

/// All figures of one run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    alone: Vec<Alone>,
    both: Vec<Both>,
}

impl Report {
    pub fn alone(&mut self, what: impl Into<String>, times: Vec<Duration>) {
        self.alone.push(Alone { what: what.into(), ms: Times::of(times) });
    }

    pub fn both(&mut self, what: impl Into<String>, result: impl Into<String>, component: Vec<Duration>, native: Vec<Duration>) {
        let (component_ms, native_ms) = (Times::of(component), Times::of(native));
        let ratio = component_ms.median / native_ms.median;
        self.both.push(Both { what: what.into(), result: result.into(), component_ms, native_ms, ratio });
    }

    pub fn print(&self) {
        println!("| | ms: median (from, to) | runs |\n|---|--:|--:|");
        for row in &self.alone {
            println!("| {} | {} | {} |", row.what, row.ms.shown(), row.ms.runs);
        }
        println!("\n| | result | component, ms | natively, ms | ratio |\n|---|---|--:|--:|--:|");
        for row in &self.both {
            println!("| {} | {} | {} | {} | {:.1} |", row.what, row.result, row.component_ms.shown(), row.native_ms.shown(), row.ratio);
        }
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n").with_context(|| path.display().to_string())
    }
}
