//! The functions of a plugin that the host calls.

/// One function, of whichever concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Export {
    Plan,
    Judge,
    Unfinished,
    Mend,
    Leave,
    Verify,
    Drills,
    Demands,
    OfferStorage,
    OfferNetwork,
    OfferGateway,
    Rollback,
    Confirm,
    Inspect,
    Live,
}

impl Export {
    pub(crate) const ALL: [Self; 15] = [
        Self::Plan,
        Self::Judge,
        Self::Unfinished,
        Self::Mend,
        Self::Leave,
        Self::Verify,
        Self::Drills,
        Self::Demands,
        Self::OfferStorage,
        Self::OfferNetwork,
        Self::OfferGateway,
        Self::Rollback,
        Self::Confirm,
        Self::Inspect,
        Self::Live,
    ];

    /// Interface and function, as in the contract.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Plan => ("lifecycle", "plan"),
            Self::Judge => ("lifecycle", "judge"),
            Self::Unfinished => ("lifecycle", "unfinished"),
            Self::Mend => ("lifecycle", "mend"),
            Self::Leave => ("lifecycle", "leave"),
            Self::Verify => ("lifecycle", "verify"),
            Self::Drills => ("lifecycle", "drills"),
            Self::Demands => ("platform", "demands"),
            Self::OfferStorage => ("storage", "offer"),
            Self::OfferNetwork => ("network", "offer"),
            Self::OfferGateway => ("gateway", "offer"),
            Self::Rollback => ("migration", "rollback"),
            Self::Confirm => ("migration", "confirm"),
            Self::Inspect => ("preflight", "inspect"),
            Self::Live => ("hatch", "run"),
        }
    }
}

impl std::fmt::Display for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (interface, function) = self.names();
        write!(f, "{interface}.{function}")
    }
}
