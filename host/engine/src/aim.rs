//! Which of its plans every plugin is asked for.

/// Which plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Aim {
    /// The cluster file: what should be.
    #[default]
    Plan,
    /// What a change of members that stopped half-way needs, so that those who were there before go on.
    Mend,
    /// This node out of the cluster.
    Leave(String),
    /// The shared directory to the storage of the file, or back.
    Migrate(Way),
}

/// Which way a migration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the new storage.
    Forward,
    /// Back to the old one.
    Back,
    /// No way back any more.
    Confirm,
}

impl Aim {
    /// As the lock, the journal and reports call it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Plan => "apply",
            Self::Mend => "mend",
            Self::Leave(_) => "node remove",
            Self::Migrate(Way::Forward) => "migrate start",
            Self::Migrate(Way::Back) => "migrate rollback",
            Self::Migrate(Way::Confirm) => "migrate confirm",
        }
    }
}
