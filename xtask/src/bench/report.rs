//! The figures: a table for people, `converge.json` for programs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::measure::Cost;
use super::startup::Startup;

/// What is brought about or looked at, in the order and the words of the table.
const PHASES: [(&str, &str); 3] = [
    ("bare", "first apply, packages included"),
    ("configure", "first apply, packages there already"),
    ("again", "nothing to do (median)"),
];

/// Where figures come from.
#[derive(Debug, Serialize)]
pub struct Machine {
    cpus: usize,
    cpu: String,
    kernel: String,
    memory_kib: u64,
    /// Of others, when the bench began; figures of a busy machine are good as ratios only.
    load: String,
}

impl Machine {
    /// This one.
    pub fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        Self {
            cpus: std::thread::available_parallelism().map_or(0, usize::from),
            cpu: field(&read("/proc/cpuinfo"), "model name"),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_kib: memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0),
            load: read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" "),
        }
    }
}

impl Machine {
    /// In one line, for people.
    pub fn line(&self) -> String {
        format!("{} CPUs ({}), kernel {}, load {}", self.cpus, self.cpu, self.kernel, self.load)
    }
}

/// One contender in one phase on one number of nodes.
#[derive(Debug, Serialize)]
pub struct Row {
    /// How many nodes.
    pub nodes: usize,
    /// Of [`PHASES`].
    pub phase: &'static str,
    /// Who, for programs.
    pub contender: &'static str,
    /// Who, for people.
    #[serde(skip)]
    pub title: &'static str,
    /// Of every run.
    pub costs: Vec<Cost>,
    /// Most memory at a time, of a run of its own.
    pub memory_bytes: Option<u64>,
}

impl Row {
    fn median(&self, of: impl Fn(&Cost) -> f64) -> f64 {
        let mut values: Vec<f64> = self.costs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
    fn wall(&self) -> f64 {
        self.median(|cost| cost.wall_s)
    }
    fn cpu(&self) -> f64 {
        self.median(|cost| cost.cpu_s)
    }
    fn nodes_cpu(&self) -> f64 {
        self.median(|cost| cost.nodes_cpu_s)
    }
}

/// All figures of one run.
pub struct Report {
    machine: Machine,
    release: bool,
    /// Of `arcus` alone.
    pub startup: Vec<Startup>,
    /// Of everybody.
    pub rows: Vec<Row>,
}

impl Report {
    /// Without figures yet.
    pub fn new(machine: Machine, release: bool) -> Self {
        Self { machine, release, startup: Vec::new(), rows: Vec::new() }
    }

    /// Prints how long `arcus` takes to begin.
    pub fn print_startup(&self) {
        for one in &self.startup {
            println!("{:<16} {:>6.1} ms (median of {}; {:.1} to {:.1})", one.command, one.median_ms, one.runs, one.min_ms, one.max_ms);
        }
    }

    /// Prints the tables of one number of nodes.
    pub fn print(&self, nodes: usize) {
        for (phase, words) in PHASES {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.nodes == nodes && row.phase == phase).collect();
            if rows.is_empty() {
                continue;
            }
            let find = |name: &str| rows.iter().find(|row| row.contender == name);
            let (floor, peer) = (find("russh"), find("pyinfra"));
            println!("\n{nodes} nodes, {words}{}", if self.release { "" } else { " - DEBUG BUILD" });
            println!("| | wall s | CPU s | nodes' CPU s | memory MiB | wall / russh floor | wall / pyinfra | CPU / pyinfra | others' CPU s |");
            println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
            for row in &rows {
                let ratio = |own: f64, other: Option<f64>| other.map_or_else(String::new, |other| format!("{:.2}", own / other));
                println!(
                    "| {} | {:.2} | {:.2} | {:.1} | {} | {} | {} | {} | {:.1} |",
                    row.title,
                    row.wall(),
                    row.cpu(),
                    row.nodes_cpu(),
                    row.memory_bytes.map_or_else(String::new, |bytes| format!("{:.1}", bytes as f64 / f64::from(1 << 20))),
                    ratio(row.wall(), floor.map(|row| row.wall())),
                    ratio(row.wall(), peer.map(|row| row.wall())),
                    ratio(row.cpu(), peer.map(|row| row.cpu())),
                    row.median(|cost| cost.others_cpu_s),
                );
            }
        }
    }

    /// Writes everything for programs.
    pub fn write(&self, path: &Path) -> Result<()> {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let mut value = serde_json::to_value(row)?;
                value["median"] = json!({ "wall_s": row.wall(), "cpu_s": row.cpu(), "nodes_cpu_s": row.nodes_cpu() });
                Ok(value)
            })
            .collect::<Result<_>>()?;
        let text = json!({ "machine": self.machine, "release": self.release, "startup": self.startup, "rows": rows });
        fs::write(path, serde_json::to_string_pretty(&text)? + "\n").with_context(|| path.display().to_string())
    }
}
