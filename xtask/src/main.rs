//! The only task runner: every command a developer or CI needs, with its own set-up.

mod contract;
mod lab;
mod plugins;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Tasks of the Arcus workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Real nodes for a cluster file, to be tried by hand.
    Lab {
        #[command(subcommand)]
        lab: lab::Lab,
    },
    /// Build the crates in `plugins/` into components, `target/plugins/<name>.wasm`.
    Plugins {
        /// Only these; all when none is named.
        names: Vec<String>,
    },
    /// Write the Rust types of the contract from `wit/`.
    Contract {
        /// Only compare; fail when they are out of date.
        #[arg(long)]
        check: bool,
    },
}

/// The top of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

fn main() -> Result<()> {
    match Args::parse().task {
        Task::Lab { lab } => lab::run(&root(), lab),
        Task::Plugins { names } => plugins::build(&root(), &names),
        Task::Contract { check } => contract::generate(&root(), check),
    }
}
