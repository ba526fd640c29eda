//! Python tools in environments of their own below `target/bench`, from PyPI by pip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The peer that figures are compared with.
pub const PYINFRA: &[&str] = &["pyinfra==3.10.0"];
/// With `--all`.
pub const ANSIBLE: &[&str] = &["ansible-core==2.19.14", "mitogen==0.3.54"];

/// An environment with these packages in these versions; gives its folder.
pub fn ensure(folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    let mark = folder.join("installed");
    let wanted = packages.join("\n");
    if fs::read_to_string(&mark).is_ok_and(|have| have == wanted) {
        return Ok(folder.to_owned());
    }
    eprintln!("bench: installing {} in {}", packages.join(" "), folder.display());
    if !make(folder) {
        // Debian has the module in a package of its own.
        eprintln!("bench: installing with apt-get: python3-venv");
        run(Command::new("apt-get").args(["-q", "-y", "-o", "DPkg::Lock::Timeout=120", "install", "--no-install-recommends", "python3-venv"]))?;
        if !make(folder) {
            bail!("python3 -m venv {} fails", folder.display());
        }
    }
    run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
    fs::write(&mark, wanted)?;
    Ok(folder.to_owned())
}

fn make(folder: &Path) -> bool {
    Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder).status().is_ok_and(|status| status.success())
}

fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().display().to_string();
    let output = command.output().with_context(|| name.clone())?;
    if !output.status.success() {
        bail!("{name} failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Where mitogen's strategies for Ansible are.
pub fn mitogen(venv: &Path) -> Result<PathBuf> {
    let lib = fs::read_dir(venv.join("lib"))?.next().context("an empty environment")??.path();
    Ok(lib.join("site-packages/ansible_mitogen/plugins/strategy"))
}
