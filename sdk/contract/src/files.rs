//! A file as it should be: written by an action, compared by a probe. No functions.
//!
//! Generated from `wit/files.wit` by `cargo xtask contract`.

/// How much of the file is ours. What others also edit is never `whole`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Part {
    /// All of it.
    #[cfg_attr(feature = "host", component(name = "whole"))]
    Whole,
    /// The lines between two comment lines that carry this marker.
    #[cfg_attr(feature = "host", component(name = "block"))]
    Block(String),
    /// The one line that begins with this key.
    #[cfg_attr(feature = "host", component(name = "line"))]
    Line(String),
    /// Entries of a hosts file: each line of the content is an address and names. These names are taken out of all other lines,
    /// and lines that are left without any; the rest stays.
    #[cfg_attr(feature = "host", component(name = "hosts"))]
    Hosts,
}

impl Part {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Block(_) => "block",
            Self::Line(_) => "line",
            Self::Hosts => "hosts",
        }
    }
}

/// Joined without anything between.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Piece {
    /// As it is.
    #[cfg_attr(feature = "host", component(name = "text"))]
    Text(String),
    /// A secret by its name in the manifest: given by the operator, or made once by the host and kept on
    /// the nodes. Put in late, redacted everywhere. A plugin never sees it, so only the host can compare.
    #[cfg_attr(feature = "host", component(name = "secret"))]
    Secret(String),
}

impl Piece {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Secret(_) => "secret",
        }
    }
}

/// What it holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Content {
    /// Text, with secrets in it where it has to be.
    #[cfg_attr(feature = "host", component(name = "pieces"))]
    Pieces(Vec<crate::files::Piece>),
    /// An artifact of the operator, by its name in the manifest; digest checked on both sides.
    #[cfg_attr(feature = "host", component(name = "artifact"))]
    Artifact(String),
    /// What this file of a node holds, carried over unseen (`whole` or `block`).
    #[cfg_attr(feature = "host", component(name = "node-file"))]
    NodeFile((crate::types::NodeName, String)),
}

impl Content {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pieces(_) => "pieces",
            Self::Artifact(_) => "artifact",
            Self::NodeFile(_) => "node-file",
        }
    }
}

/// The wanted file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct File {
    /// Absolute.
    #[cfg_attr(feature = "host", component(name = "path"))]
    pub path: String,
    /// How much of it is ours.
    #[cfg_attr(feature = "host", component(name = "part"))]
    pub part: crate::files::Part,
    /// What that part holds.
    #[cfg_attr(feature = "host", component(name = "content"))]
    pub content: crate::files::Content,
    /// Permission bits, e.g. 0o644.
    #[cfg_attr(feature = "host", component(name = "mode"))]
    pub mode: u32,
    /// Name of a user that is there.
    #[cfg_attr(feature = "host", component(name = "owner"))]
    pub owner: String,
    /// Name of a group that is there.
    #[cfg_attr(feature = "host", component(name = "group"))]
    pub group: String,
    /// Before the first change, copy what is there to `<path>.arcus-original`, once.
    #[cfg_attr(feature = "host", component(name = "keep-original"))]
    pub keep_original: bool,
}

