//! Who does what: from the cluster file alone.

use crate::Config;
use arcus_sdk::prelude::*;

/// The port of the master for clients.
pub const PORT: u16 = 9421;
/// In fstab; the kernel says `fuse.moosefs`.
pub const TYPE: &str = "moosefs";

/// Storage nodes and their parts.
#[derive(Debug)]
pub struct Layout<'a> {
    /// Knows where everything is.
    pub master: &'a Node,
    /// All storage nodes: each keeps chunks.
    pub servers: Vec<&'a Node>,
}

impl Layout<'_> {
    /// What is mounted. The program that mounts it would call it otherwise; it is told to call it so.
    pub fn source(&self) -> String {
        format!("{}:{PORT}:/", self.master.address)
    }

    /// In the words of fstab. While the master is silent nobody sees the empty directory below; when it is back it goes on by itself, also
    /// where it was away when the node booted.
    pub fn options(&self) -> Vec<String> {
        vec!["_netdev".into(), "mfsdelayedinit".into(), format!("fsname={}", self.source()), format!("subtype={TYPE}")]
    }
}

/// Reads it; all mistakes at once.
pub fn read(cluster: &Cluster<Config>) -> Result<Layout<'_>, Vec<Problem>> {
    let config = &cluster.config;
    let servers = cluster.role(Role::Storage);
    let mut problems = Vec::new();
    for node in servers.iter().filter(|node| node.address.parse::<std::net::Ipv4Addr>().is_err()) {
        problems.push(problem("moosefs.address", format!("{} of {} is no IPv4 address", node.address, node.name)).on(node).help("MooseFS goes by IPv4: write the node's"));
    }
    if (servers.len() as u64) < u64::from(config.copies) {
        let message = format!("{} copies of every file are wanted, and {} nodes have the role storage", config.copies, servers.len());
        problems.push(problem("moosefs.too-few", message).at("/copies").help("give more nodes the role storage, or write fewer copies"));
    }
    let master = match &config.master {
        None => servers.first().copied(),
        Some(name) => {
            let found = servers.iter().copied().find(|node| node.name == *name);
            if found.is_none() {
                problems.push(problem("moosefs.master", format!("{name} is no node with the role storage")).at("/master").help("name one that is"));
            }
            found
        }
    };
    match master {
        Some(master) if problems.is_empty() => Ok(Layout { master, servers }),
        _ => Err(problems),
    }
}
