//! How a world is made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a world is made with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Options {
    /// Where its folder is; a temporary one when absent.
    pub dir: Option<PathBuf>,
    /// Whether nodes outlive this process (`lab up`); else they end with it, however it ends.
    pub keep: bool,
    /// Size of every node's root disk, in memory used only as it fills.
    pub root_disk: String,
    /// Size of the data disk of storage nodes.
    pub data_disk: String,
    /// Files put into `/etc/arcus-lab/` on every node before it boots: what stand-ins are told, by file name.
    pub knobs: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { dir: None, keep: false, root_disk: "4g".into(), data_disk: "2g".into(), knobs: BTreeMap::new() }
    }
}

impl Options {
    /// With something told to the stand-ins.
    pub fn knob(mut self, name: &str, content: &str) -> Self {
        self.knobs.insert(name.to_owned(), content.to_owned());
        self
    }
}
