//! Whether what is mounted is what the file says.

use crate::config::Config;
use arcus_sdk::prelude::*;

/// What is wrong with what is mounted there.
pub struct Amiss {
    /// In words.
    pub words: String,
    /// Something else is mounted: it may hold data.
    pub other: bool,
}

/// Nothing is wrong: none.
pub fn amiss(config: &Config, path: &str, mounts: &[Mounted]) -> Option<Amiss> {
    let wrong = |other: bool, words: String| Some(Amiss { words, other });
    let Some(found) = mounts.at(path) else { return wrong(false, "nothing is mounted there".into()) };
    if !found.live {
        return wrong(false, format!("{} stands in fstab, and is not mounted", found.source));
    }
    if !same_source(&found.source, &config.source) || !same_type(&found.fstype, &config.kind) {
        return wrong(true, format!("{} ({}) is mounted there, the file says {} ({})", found.source, found.fstype, config.source, config.kind));
    }
    if found.options.iter().any(|option| option == "ro") { wrong(false, "it is mounted read-only".into()) } else { None }
}

/// The helper of GlusterFS leaves out a slash.
pub fn same_source(one: &str, other: &str) -> bool {
    one == other || one.replacen(":/", ":", 1) == other.replacen(":/", ":", 1)
}

/// The kernel says `nfs4` and `fuse.glusterfs` where fstab says `nfs` and `glusterfs`.
fn same_type(one: &str, other: &str) -> bool {
    let plain = |name: &str| match name.strip_prefix("fuse.").unwrap_or(name) {
        "nfs4" => "nfs".to_owned(),
        name => name.to_owned(),
    };
    plain(one) == plain(other)
}
