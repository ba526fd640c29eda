//! That somebody said yes to a plugin in a cluster. An approval says itself what it is for, so one that is copied to another cluster or
//! plugin approves nothing there.

use std::path::PathBuf;

use arcus_component::Inspection;
use arcus_plan::manifest::Grant;
use serde::{Deserialize, Serialize};

use crate::asked::grant_digest;

/// Somebody said yes to a plugin in a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Approval {
    /// Id of the cluster.
    pub cluster: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: String,
    /// SHA-256 of what it asks for.
    pub grant_digest: String,
    /// What it asks for, to tell what a later version wants beyond it.
    pub grant: Grant,
    /// The operator's name of the key that signed it, as it was when this was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Who.
    pub by: String,
    /// RFC 3339.
    pub at: String,
}

impl Approval {
    /// Of a component in a cluster.
    pub fn of(inspection: &Inspection, cluster: &str, by: &str, at: &str) -> Self {
        let manifest = &inspection.manifest;
        Self {
            cluster: cluster.to_owned(),
            plugin: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: inspection.digest.clone(),
            grant_digest: grant_digest(&manifest.grant),
            grant: manifest.grant.clone(),
            signed_by: None,
            by: by.to_owned(),
            at: at.to_owned(),
        }
    }
}

/// Why approvals cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// It cannot be made, opened or read.
    #[error("what was approved, in {path}, cannot be read or kept: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Somebody else could approve there.
    #[error("what was approved, in {path}, is not the operator's alone: {reason}")]
    NotPrivate {
        /// The folder.
        path: PathBuf,
        /// Who else has access.
        reason: String,
    },
    /// A statement that somebody signed is not what they signed.
    #[error("the approval {place} does not count: {reason}")]
    Statement {
        /// In the folder of the cluster file.
        place: String,
        /// Why not.
        reason: String,
    },
}

impl ApprovalError {
    /// Stable dotted name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "approvals.unusable",
            Self::NotPrivate { .. } => "approvals.not-private",
            Self::Statement { .. } => "approvals.statement-wrong",
        }
    }

    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Io { .. } => "mend the folder's permissions, or set XDG_STATE_HOME to another",
            Self::NotPrivate { .. } => "if nobody else should have been there, remove it and approve again; or set XDG_STATE_HOME to a folder of your own, outside of the cluster's",
            Self::Statement { .. } => "get it and its signature back from version control; or `arcus plugin approve NAME` for yourself",
        }
    }
}
