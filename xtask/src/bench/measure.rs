//! Running one command and saying what it cost: wall time, processor time on the operator's side and on the nodes, memory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use arcus_lab::World;
use serde::Serialize;

/// How often memory is looked at.
const BEAT: Duration = Duration::from_millis(10);

/// What a command cost.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cost {
    /// From start to end.
    pub wall_s: f64,
    /// User and system time of all processes on the operator's side.
    pub cpu_s: f64,
    /// User and system time of all nodes meanwhile, what they do anyway included.
    pub nodes_cpu_s: f64,
    /// The same of everything else on this machine: what figures suffered from.
    pub others_cpu_s: f64,
}

/// Where a world's costs are counted: in the control groups that its processes are in.
pub struct Meter {
    whole: PathBuf,
    operator: PathBuf,
}

impl Meter {
    /// Of this world.
    pub fn new(world: &World) -> Result<Self> {
        let node = world.nodes().first().context("a world without nodes")?.group_path();
        let whole = node.parent().context("no control group")?.to_owned();
        let operator = whole.join("operator");
        cpu(&operator)?;
        Ok(Self { whole, operator })
    }

    /// Runs a command of [`World::operator`] to its end; its output goes to a file.
    pub fn run(&self, command: &mut Command, log: &Path) -> Result<Cost> {
        let out = File::create(log).with_context(|| log.display().to_string())?;
        let (operator, whole, machine) = (cpu(&self.operator)?, cpu(&self.whole)?, busy()?);
        let began = Instant::now();
        let status = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).status().context("starting a contender")?;
        let wall_s = began.elapsed().as_secs_f64();
        let operator = cpu(&self.operator)? - operator;
        let whole = cpu(&self.whole)? - whole;
        let others_cpu_s = (busy()? - machine - whole).max(0.0);
        if !status.success() {
            let why = if status.code() == Some(124) { ": it took longer than it may" } else { "" };
            bail!("a contender ended with {status}{why}; {} ends with:\n{}", log.display(), tail(log));
        }
        Ok(Cost { wall_s, cpu_s: operator, nodes_cpu_s: whole - operator, others_cpu_s })
    }

    /// Ends what a command left running on the operator's side (shared connections of ssh).
    pub fn clear(&self) -> Result<()> {
        fs::write(self.operator.join("cgroup.kill"), "1").context("ending what a contender left")
    }

    /// Runs it once more and gives the most memory that it had at a time, in bytes. Looking costs time, so this run's is not taken.
    ///
    /// For one process its own high-water mark; for many the sum, in which a page that several share counts once.
    pub fn memory(&self, command: &mut Command, log: &Path) -> Result<u64> {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut most = 0;
                while !over.load(Ordering::Relaxed) {
                    most = most.max(self.memory_now());
                    std::thread::sleep(BEAT);
                }
                most
            });
            let result = self.run(command, log);
            over.store(true, Ordering::Relaxed);
            let most = watch.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result.map(|_| most)
        })
    }

    fn memory_now(&self) -> u64 {
        let members = fs::read_to_string(self.operator.join("cgroup.procs")).unwrap_or_default();
        // Threads in other processes' namespaces show up as 0; ids may repeat.
        let members: BTreeSet<&str> = members.lines().filter(|id| *id != "0").collect();
        let (mut sum, mut highest) = (0, 0);
        for id in members {
            let folder = Path::new("/proc").join(id);
            if fs::read_to_string(folder.join("comm")).is_ok_and(|name| matches!(name.trim(), "timeout" | "nsenter")) {
                continue; // Ours.
            }
            // What ends in between is not there any more.
            sum += field(&folder.join("smaps_rollup"), "Pss:");
            highest = highest.max(field(&folder.join("status"), "VmHWM:"));
        }
        sum.max(highest)
    }
}

/// A field in kB, in bytes.
fn field(file: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn cpu(group: &Path) -> Result<f64> {
    let path = group.join("cpu.stat");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
    let usage: u64 = usage.and_then(|usage| usage.trim().parse().ok()).with_context(|| format!("no usage in {}", path.display()))?;
    Ok(usage as f64 / 1e6)
}

/// Processor time of the whole machine since it started, in seconds.
fn busy() -> Result<f64> {
    let text = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let ticks: Vec<f64> = text.lines().next().unwrap_or_default().split_whitespace().skip(1).filter_map(|ticks| ticks.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; the others are parts of these.
    let idle = ticks.get(3).unwrap_or(&0.0) + ticks.get(4).unwrap_or(&0.0);
    Ok((ticks.iter().take(8).sum::<f64>() - idle) / 100.0)
}

/// The last lines of a file.
pub fn tail(file: &Path) -> String {
    let text = fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&text[text.len().saturating_sub(3000)..]).into_owned()
}
