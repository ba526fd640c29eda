//! `cargo xtask bench plugins` runs this: what the sandbox costs, beside the same code called natively, each in turn within one run.
//!
//! Arguments: a folder for what it writes, and the component of `tests/bench-plugin`.

mod calls;
mod loading;
mod report;
mod simulated;
mod whole;

use std::path::PathBuf;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().context("a folder")?;
    let bench = arguments.next().context("the component of tests/bench-plugin")?;
    let bench = std::fs::read(&bench).with_context(|| bench.display().to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut report = report::Report::default();
    let loaded = runtime.block_on(loading::measure(&folder, &bench, &mut report))?;
    runtime.block_on(calls::measure(&loaded, &mut report))?;
    let whole = runtime.block_on(whole::measure(&folder, &mut report));
    report.print();
    report.write(&folder.join("plugins.json"))?;
    whole
}
