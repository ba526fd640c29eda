//! The plugin's section of the cluster file, and everything the file alone shows to be wrong with it.

use arcus_sdk::prelude::*;

/// The plugin's section of the cluster file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is mounted, as in /proc/mounts.
    pub source: String,
    /// Type of the file system, as fstab has it.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default = "defaults")]
    options: Vec<String>,
}

fn defaults() -> Vec<String> {
    vec!["defaults".into()]
}

impl Config {
    /// As fstab has them.
    pub fn options(&self) -> &[String] {
        &self.options
    }

    /// The file says which they are.
    pub fn names_options(&self) -> bool {
        self.options != defaults()
    }
}

/// File systems of one machine: a directory on one of these is another on every node.
const OWN: [&str; 12] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "vfat", "f2fs", "bind", "none"];

/// Everything that the cluster file alone shows to be wrong.
pub fn read(cluster: &Cluster<Config>) -> Result<(), Vec<Problem>> {
    let config = &cluster.config;
    let mut problems = Vec::new();
    let plain = |text: &str| !text.is_empty() && !text.starts_with('-') && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "'\"`$\\;&|<>(){}*?!#".contains(c));
    if !plain(&config.source) {
        let message = format!("the source {:?} is not one word as fstab has it", config.source);
        problems.push(problem("existing.source", message).at("/source").help("write it like 10.0.0.9:/grdata"));
    }
    if OWN.contains(&config.kind.as_str()) {
        let message = format!("{} is a file system of one machine: what one node writes the others would not see", config.kind);
        problems.push(problem("existing.not-shared", message).at("/type").help("the shared directory is one of NFS, GlusterFS, CephFS or the like, mounted on every node"));
    }
    for (place, option) in config.options.iter().enumerate() {
        if !plain(option) || option.contains(',') {
            let message = format!("the option {option:?} is not one word as fstab has it");
            problems.push(problem("existing.option", message).at(format!("/options/{place}")).help("write each of them apart: [_netdev, noatime]"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
