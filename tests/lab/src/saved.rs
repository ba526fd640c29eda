//! What another process needs to take up a running world: the file `world.json` in the world's folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::base::Base;
use crate::clusterfile::NodeSpec;
use crate::options::Options;

/// A world as saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) id: String,
    pub(crate) dir: PathBuf,
    pub(crate) base: Base,
    pub(crate) nodes: Vec<NodeSpec>,
    pub(crate) options: Options,
    /// The first process of the world, as seen from outside.
    pub(crate) init: u32,
    /// Its network namespace: tells it from a later process of the same number.
    pub(crate) network: PathBuf,
}

impl Saved {
    pub(crate) fn write(&self) -> Result<()> {
        let file = self.dir.join("world.json");
        fs::write(&file, serde_json::to_vec_pretty(self)?).with_context(|| format!("writing {}", file.display()))
    }

    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let file = dir.join("world.json");
        let text = fs::read(&file).with_context(|| format!("no lab is up: {} cannot be read", file.display()))?;
        let saved: Self = serde_json::from_slice(&text).with_context(|| format!("reading {}", file.display()))?;
        if network_of(saved.init).ok().as_ref() != Some(&saved.network) {
            bail!("the lab in {} is dead (its first process, {}, is gone); take it down", dir.display(), saved.init);
        }
        Ok(saved)
    }

    /// The id only, also of a dead world.
    pub(crate) fn id_in(dir: &Path) -> Option<String> {
        let text = fs::read(dir.join("world.json")).ok()?;
        serde_json::from_slice::<Self>(&text).ok().map(|saved| saved.id)
    }
}

/// The name of a process's network namespace, `net:[4026…]`.
pub(crate) fn network_of(pid: u32) -> std::io::Result<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net"))
}
