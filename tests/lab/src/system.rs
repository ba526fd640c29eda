//! Which system a node is like.

use serde::{Deserialize, Serialize};

/// A system that nodes of the lab can be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum System {
    /// Debian 12, which all nodes are below.
    #[default]
    Debian12,
    /// Like CentOS 7.4: RPM packages by a real yum, its release files, programs that know no more than its own did. It is Debian's
    /// kernel interface, systemd and GlusterFS nevertheless.
    El7,
}
