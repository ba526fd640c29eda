//! Where the stand-ins are: programs that behave as documented, for what tests cannot have.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The folder of the stand-ins; nodes see it read-only at `/srv/standins`.
pub fn standins_dir() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../standins");
    here.canonicalize().unwrap_or(here)
}

/// The path of a stand-in on this machine, to be handed to Arcus: `grctl-5.0` or `grctl-5.1`.
pub fn standin(name: &str) -> Result<PathBuf> {
    let path = standins_dir().join(name);
    if !path.is_file() {
        bail!("no stand-in called {name} in {}", standins_dir().display());
    }
    Ok(path)
}
