//! Where a node is reached, and as whom.
use std::{fmt, sync::Arc};

/// Where a node is reached, and as whom. Made from the cluster file, so it holds no commands and no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The node's name in the cluster file; what errors and events say.
    pub name: String,
    /// IPv4, IPv6 or host name, without a port.
    pub address: String,
    /// TCP port of sshd.
    pub port: u16,
    /// Login. Other than `root`, every batch goes through sudo.
    pub user: String,
    /// One hop in between. A bastion that itself has one is refused.
    pub bastion: Option<Arc<Endpoint>>,
}

impl Endpoint {
    /// `address` on port 22 as root, no bastion.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self { name: name.into(), address: address.into(), port: 22, user: "root".into(), bastion: None }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.address.contains(':') {
            write!(f, "{}@[{}]:{}", self.user, self.address, self.port)
        } else {
            write!(f, "{}@{}:{}", self.user, self.address, self.port)
        }
    }
}
