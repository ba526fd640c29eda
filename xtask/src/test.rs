//! `cargo xtask test`: every test there is, with its own set-up.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::build::run;

/// Builds what the tests need and runs them all. Unit and property tests run in parallel, those of the lab one after the other.
pub fn test(root: &Path) -> Result<()> {
    arcus_lab::ensure(&mut |line| eprintln!("{line}"))?;
    crate::contract::generate(root, true)?;
    crate::build::build(root, false)?;
    arcus_lab::Base::ensure(&mut |line| eprintln!("{line}"))?;
    let cargo = || {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(root).arg("test").arg("--quiet");
        cargo
    };
    run(cargo().args(["--workspace", "--exclude", "arcus-lab", "--exclude", "arcus-tests"]))?;
    run(cargo().args(["--package", "arcus-lab", "--package", "arcus-tests", "--", "--test-threads", "1"]))
}
