//! `arcus completion`: completions for a shell.

use std::io::Write as _;

use arcus_engine::Fault;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Context;
use crate::cli::args::Cli;

/// Prints them.
pub fn run(_: &Context, shell: Shell) -> Result<(), Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "arcus", &mut script);
    // Who reads it may have left.
    let _ = std::io::stdout().write_all(&script);
    Ok(())
}
