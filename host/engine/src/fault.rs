//! What went wrong, as data: each trouble with its code, where it is, and what to do next.

use arcus_cluster::Diagnostic;
use arcus_contract::types::Problem;
use arcus_plan::vet::Denial;

/// Why a verb of the engine did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", self.summary())]
pub struct Fault {
    /// Of which kind: decides the exit code.
    pub kind: Kind,
    /// All that is known, most important first.
    pub troubles: Vec<Trouble>,
    /// Findings in the cluster file, with their places.
    pub diagnostics: Vec<Diagnostic>,
}

/// Kinds of fault. The exit codes, and what takes precedence, are documented in `docs/exit-codes.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A step failed.
    Step,
    /// Changes are pending, or lie outside what was approved.
    Pending,
    /// The cluster file, an argument, or the preflight says no.
    Input,
    /// A node was not reached.
    Unreachable,
    /// Another run holds the lock, or took over.
    Locked,
    /// Verification or a drill failed.
    Verification,
    /// A plugin wanted what it was not granted.
    Denied,
    /// The operator interrupted.
    Interrupted,
}

/// One thing that went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Trouble {
    /// Stable dotted name.
    pub code: String,
    /// What happened, one sentence.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
    /// The node.
    pub node: Option<String>,
    /// The plugin.
    pub plugin: Option<String>,
    /// The step.
    pub step: Option<String>,
    /// The tail of what a node printed.
    pub tail: Option<String>,
}

impl Fault {
    /// Of one trouble.
    pub fn one(kind: Kind, trouble: Trouble) -> Self {
        Self { kind, troubles: vec![trouble], diagnostics: vec![] }
    }

    /// Of one code and message.
    pub fn new(kind: Kind, code: &str, message: impl Into<String>) -> Self {
        Self::one(kind, Trouble { code: code.into(), message: message.into(), ..Trouble::default() })
    }

    /// Of findings in the cluster file.
    pub fn file(diagnostics: Vec<Diagnostic>) -> Self {
        Self { kind: Kind::Input, troubles: vec![], diagnostics }
    }

    /// With what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(last) = self.troubles.last_mut() {
            last.help = Some(help.into());
        }
        self
    }

    fn summary(&self) -> String {
        match (self.troubles.first(), self.diagnostics.first()) {
            (Some(trouble), _) => format!("{}: {}", trouble.code, trouble.message),
            (None, Some(diagnostic)) => diagnostic.message.clone(),
            (None, None) => "nothing was said".into(),
        }
    }
}

impl Trouble {
    /// From a problem of the contract, told by a plugin.
    pub fn of(plugin: Option<&str>, problem: Problem) -> Self {
        Self {
            code: problem.code,
            message: problem.message,
            help: problem.help,
            node: problem.node,
            plugin: plugin.map(str::to_owned),
            ..Self::default()
        }
    }
}

impl From<Denial> for Trouble {
    fn from(denial: Denial) -> Self {
        Self {
            code: if denial.permission.is_some() { "plugin.denied".into() } else { "plugin.contract-broken".into() },
            help: Some(match &denial.permission {
                Some(permission) => {
                    format!(
                        "its manifest does not ask for {permission}, so nobody approved that; for a version that does: `arcus plugin approve {}`",
                        denial.plugin
                    )
                }
                None => "this is a mistake in the plugin: tell its author".into(),
            }),
            message: denial.reason,
            plugin: Some(denial.plugin),
            step: Some(denial.step).filter(|step| !step.is_empty()),
            ..Self::default()
        }
    }
}
