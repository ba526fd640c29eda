//! The two groups that there may be.

/// Who holds the address of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The gateways: what users reach.
    Gateways,
    /// The managers: what the cluster itself reaches.
    Managers,
}

impl Whose {
    /// Where the address stands in the config.
    pub fn pointer(self) -> &'static str {
        match self {
            Whose::Gateways => "/vip",
            Whose::Managers => "/managers",
        }
    }
}
