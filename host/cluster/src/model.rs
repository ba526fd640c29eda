//! What a cluster file says, once it holds no mistakes: defaults filled in, everything resolved.

use std::collections::BTreeMap;
use std::fmt;

use arcus_contract::types::{Node, Role};
use serde_json::Value;
use uuid::Uuid;

use crate::diagnostic::Diagnostic;

/// A cluster as the operator wants it.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// How people call it.
    pub name: String,
    /// What makes it this cluster and no other.
    pub id: Uuid,
    /// The machines, in the order of the file.
    pub nodes: Vec<Member>,
    /// Shared storage.
    pub storage: Option<Use>,
    /// The storage that the data are still on, and what moves them.
    pub migrating: Option<Migrating>,
    /// Network between containers.
    pub network: Option<Use>,
    /// Virtual address.
    pub gateway: Option<Use>,
    /// The platform.
    pub platform: Option<Use>,
    /// Requirements that may be missed. Printed in every plan.
    pub relax: Vec<Relaxation>,
    /// Plugins that do not come with Arcus, by name.
    pub plugins: BTreeMap<String, PluginPath>,
    /// Warnings, and notes about what was filled in.
    pub notes: Vec<Diagnostic>,
    /// What would have been an error or a warning, had it not been relaxed. Printed in every plan.
    pub relaxed: Vec<Diagnostic>,
}

impl Cluster {
    /// What the file uses, one plugin per concern; while it wants a migration, also the storage that it comes from, right after the new
    /// one, and what moves the data.
    pub fn uses(&self) -> impl Iterator<Item = &Use> {
        let moving = self
            .migrating
            .iter()
            .flat_map(|migrating| [&migrating.from, &migrating.by]);
        self.storage
            .iter()
            .chain(moving)
            .chain([&self.network, &self.gateway, &self.platform].into_iter().flatten())
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Member> {
        self.nodes.iter().find(|member| member.node.name == name)
    }

    /// The nodes with a role, in the order of the file.
    pub fn with(&self, role: Role) -> impl Iterator<Item = &Member> {
        self.nodes
            .iter()
            .filter(move |member| member.node.roles.contains(&role))
    }
}

/// A machine of the cluster.
#[derive(Clone, Debug)]
pub struct Member {
    /// As plugins see it.
    pub node: Node,
    /// How it is reached.
    pub ssh: Ssh,
    /// JSON Pointer to it in the file.
    pub pointer: String,
}

/// How a machine is reached, with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// IP address or host name.
    pub address: String,
    /// Port of the SSH server.
    pub port: u16,
    /// User to log in as.
    pub user: String,
    /// The machine in between, if any; it is itself reached directly.
    pub bastion: Option<Jump>,
}

/// The machine in between.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Jump {
    /// Its name in the file.
    pub name: String,
    /// IP address or host name.
    pub address: String,
    /// Port of the SSH server.
    pub port: u16,
    /// User to log in as.
    pub user: String,
}

/// What plugins are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Concern {
    /// Storage that all managers and compute nodes share.
    Storage,
    /// The network between containers.
    Network,
    /// The address users come in by.
    Gateway,
    /// What all this is for.
    Platform,
    /// From one storage to another; not chosen by a section of its own.
    Migration,
}

impl Concern {
    /// Those with a section, in the order of the file.
    pub const ALL: [Self; 4] = [Self::Storage, Self::Network, Self::Gateway, Self::Platform];

    /// The key in the file, and the first part of a plugin's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Network => "network",
            Self::Gateway => "gateway",
            Self::Platform => "platform",
            Self::Migration => "migrate",
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The plugin chosen for a concern.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// What for.
    pub concern: Concern,
    /// Its name without the concern: `glusterfs`.
    pub name: String,
    /// The plugin's name: `storage-glusterfs`.
    pub plugin: String,
    /// Its settings as they are in the file; `{}` when there are none. [`crate::File::config`] checks them.
    pub config: Value,
    /// JSON Pointer to the settings, there or not: `/storage/glusterfs`.
    pub pointer: String,
}

/// A wish to move the shared directory to another storage.
#[derive(Clone, Debug, PartialEq)]
pub struct Migrating {
    /// The storage it comes from.
    pub from: Use,
    /// The plugin that moves it.
    pub by: Use,
}

/// A requirement that may be missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relaxation {
    /// Id of a check of the preflight plugin, or of a rule of the file.
    pub name: String,
    /// JSON Pointer to it in the file.
    pub pointer: String,
}

/// Where the component of a third party's plugin is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginPath {
    /// Relative to the folder of the file, and inside of it.
    pub path: String,
    /// JSON Pointer to it in the file.
    pub pointer: String,
}
