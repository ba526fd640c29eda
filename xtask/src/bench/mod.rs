//! `cargo xtask bench`: what a run costs, beside what it could cost at best and what others cost. Figures are reported, never
//! asserted.

mod contender;
mod converge;
mod measure;
mod plugins;
mod report;
mod site;
mod startup;
#[path = "../../../tests/bench-plugin/src/values.rs"]
mod values;
mod venv;

use std::path::Path;

use anyhow::Result;
use clap::{Args, Subcommand};

/// What is measured.
#[derive(Subcommand)]
pub enum Bench {
    /// The same state on many nodes, brought about and looked at again, by Arcus, by others, and by bare scripts.
    Converge(Converge),
    /// Loading plugins, and calling them: as components in the sandbox, and natively, in one run.
    Plugins {
        /// Debug builds; only good for working on the benchmark itself.
        #[arg(long)]
        debug_build: bool,
    },
}

/// How `converge` is run.
#[derive(Args)]
pub struct Converge {
    /// Numbers of nodes, one world each.
    #[arg(long, value_delimiter = ',', default_values_t = [20, 100], value_parser = clap::value_parser!(u16).range(3..=100))]
    nodes: Vec<u16>,
    /// Ansible too, with and without mitogen: many minutes at 100 nodes.
    #[arg(long)]
    all: bool,
    /// How often the state is looked at again by each contender, in turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    repeat: u16,
    /// Take the debug builds of Arcus and the floor; only good for working on the benchmark itself.
    #[arg(long)]
    debug_build: bool,
    /// Only these contenders (arcus, pyinfra, openssh, russh, ansible, mitogen).
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Build nothing: take the binaries that are there.
    #[arg(long)]
    no_build: bool,
}

/// Runs it.
pub fn run(root: &Path, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Converge(options) => converge::converge(root, options),
        Bench::Plugins { debug_build } => plugins::plugins(root, !debug_build),
    }
}
