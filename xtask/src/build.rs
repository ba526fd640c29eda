//! `cargo xtask build`: the plugins, then the binary that embeds them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Builds everything; returns the path of `arcus`.
pub fn build(root: &Path, release: bool) -> Result<PathBuf> {
    crate::plugins::build(root, &[])?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--package", "arcus"]);
    if release {
        cargo.arg("--release");
    }
    run(&mut cargo)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join(if release { "release" } else { "debug" }).join("arcus"))
}

/// Runs a command and fails with its name when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let name = format!("{} {}", command.get_program().display(), command.get_args().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "));
    let status = command.status().with_context(|| name.clone())?;
    if !status.success() {
        bail!("`{name}` ended with {status}");
    }
    Ok(())
}
