//! The roles that Rainbond knows.

/// A role of Rainbond. Its own `storage` role does nothing, and storage nodes are the storage plugin's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Runs etcd, the API and the schedulers.
    Manage,
    /// Takes the traffic in.
    Gateway,
    /// Runs applications.
    Compute,
}

/// The roles of a node.
pub type Roles = std::collections::BTreeSet<Role>;
