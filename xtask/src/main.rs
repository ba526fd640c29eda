//! The only task runner: every command a developer or CI needs, with its own set-up.

mod bench;
mod build;
mod contract;
mod demo;
mod fuzz;
mod lab;
mod plugins;
mod test;

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
    /// The main job on real nodes: eight bare machines become a cluster, planned, applied, verified and drilled.
    Demo,
    /// Every test, with all that it needs.
    Test {
        /// Also those that take many minutes each: on nodes with kernels of their own.
        #[arg(long)]
        long: bool,
    },
    /// Tries everything that parses what others wrote with inputs that nobody would think of, for longer than the tests do.
    Fuzz {
        /// All together.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        minutes: u32,
        /// Only tests whose name has one of these words.
        words: Vec<String>,
    },
    /// Build the plugins and the binary that embeds them.
    Build {
        /// As it is shipped.
        #[arg(long)]
        release: bool,
    },
    /// What a run costs, beside others and beside the least possible.
    Bench {
        #[command(subcommand)]
        bench: bench::Bench,
    },
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
    /// Build the plugin in a folder of its own, one that is never embedded.
    Component {
        /// Where its Cargo.toml and manifest.toml are.
        folder: PathBuf,
        /// The component to write.
        out: PathBuf,
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
        Task::Demo => demo::demo(&root()),
        Task::Test { long } => test::test(&root(), long),
        Task::Fuzz { minutes, words } => fuzz::fuzz(&root(), minutes, &words),
        Task::Build { release } => build::build(&root(), release).map(|arcus| println!("{}", arcus.display())),
        Task::Bench { bench } => bench::run(&root(), &bench),
        Task::Lab { lab } => lab::run(&root(), lab),
        Task::Plugins { names } => plugins::build(&root(), &names),
        Task::Component { folder, out } => plugins::component(&root(), &folder, &out),
        Task::Contract { check } => contract::generate(&root(), check),
    }
}
