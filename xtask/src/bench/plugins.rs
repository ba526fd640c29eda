//! `bench plugins`: builds `xtask/figures` with the features that `arcus` has, and runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::report::Machine;
use crate::build::run;

/// Builds, measures, and prints.
pub fn plugins(root: &Path, release: bool) -> Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    crate::plugins::build(root, &[])?;
    let component = folder.join("storage-bench.wasm");
    crate::plugins::component(root, &root.join("tests/bench-plugin"), &component)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--package", "arcus", "--package", "arcus-figures", "--bin", "arcus-figures"]);
    if release {
        cargo.arg("--release");
    }
    run(&mut cargo)?;
    println!("{}{}\n", Machine::now().line(), if release { "" } else { " - DEBUG BUILD" });
    run(Command::new(target.join(if release { "release" } else { "debug" }).join("arcus-figures")).args([&folder, &component]))?;
    eprintln!("bench: figures in {}", folder.join("plugins.json").display());
    Ok(())
}
