//! Whether what is mounted is the share, and as it should be.

use crate::share::Share;
use arcus_sdk::prelude::*;

/// fstab's type for every version.
pub const TYPE: &str = "nfs";

/// A live mount of this share, with whatever options.
pub fn is_ours(mounted: &Mounted, share: &Share) -> bool {
    mounted.live && mounted.source == share.source && matches!(mounted.fstype.as_str(), "nfs" | "nfs4")
}

/// In what a live mount of this share differs, of what cannot be changed while it is in use. Sizes and times are negotiated.
pub fn differences(mounted: &Mounted, share: &Share, locks: bool) -> Vec<String> {
    let value = |name: &str| mounted.options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
    let has = |name: &str| mounted.options.iter().any(|option| option == name);
    let mut differences = Vec::new();
    if let Some(version) = value("vers") {
        // Kernels before 3.11 tell the minor version apart.
        let version = match value("minorversion") {
            Some(minor) if !version.contains('.') => format!("{version}.{minor}"),
            _ => version.to_owned(),
        };
        let fits = version == share.version || (share.version == "4" && version.starts_with("4."));
        if !fits {
            differences.push(format!("version {version} and not {}", share.version));
        }
    }
    let is_local = has("nolock") || value("local_lock").is_some_and(|kept| kept != "none");
    if locks && is_local {
        differences.push("locks hold on one node only".into());
    } else if !locks && !is_local && value("local_lock").is_some() {
        differences.push("locks are asked of the server".into());
    }
    for (option, words) in [("soft", "it gives up writes (soft)"), ("softerr", "it gives up writes (softerr)"), ("ro", "it is read-only")] {
        if has(option) {
            differences.push(words.into());
        }
    }
    differences
}

/// A file system that lies on another machine.
pub fn is_remote(mounted: &Mounted) -> bool {
    matches!(mounted.fstype.as_str(), "nfs" | "nfs4" | "cifs" | "ceph" | "9p") || mounted.fstype.starts_with("fuse.")
}
