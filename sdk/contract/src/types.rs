//! Words that every other interface uses. No functions: importing this grants nothing.
//!
//! Generated from `wit/types.wit` by `cargo xtask contract`.

/// Name of a node as written in the cluster file.
pub type NodeName = String;

/// UTF-8 JSON text.
pub type Json = String;

/// What a node is for.
#[derive(Debug, Clone, Copy, PartialOrd, Ord, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(enum))]
#[repr(u8)]
pub enum Role {
    /// `manage`.
    #[cfg_attr(feature = "host", component(name = "manage"))]
    Manage,
    /// `compute`.
    #[cfg_attr(feature = "host", component(name = "compute"))]
    Compute,
    /// `gateway`.
    #[cfg_attr(feature = "host", component(name = "gateway"))]
    Gateway,
    /// `storage`.
    #[cfg_attr(feature = "host", component(name = "storage"))]
    Storage,
    /// `network`.
    #[cfg_attr(feature = "host", component(name = "network"))]
    Network,
}

impl Role {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Manage => "manage",
            Self::Compute => "compute",
            Self::Gateway => "gateway",
            Self::Storage => "storage",
            Self::Network => "network",
        }
    }

    /// For bindings that lift a guest's value; the canonical ABI has checked the range.
    #[doc(hidden)]
    #[allow(clippy::missing_safety_doc, unsafe_code)]
    pub unsafe fn _lift(value: u8) -> Self {
        match value {
            0 => Self::Manage,
            1 => Self::Compute,
            2 => Self::Gateway,
            3 => Self::Storage,
            4 => Self::Network,
            _ => panic!("invalid enum discriminant"),
        }
    }
}

/// A machine of the cluster file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Node {
    /// Unique in the cluster.
    #[cfg_attr(feature = "host", component(name = "name"))]
    pub name: crate::types::NodeName,
    /// Address by which the other nodes reach it. IPv4 or IPv6, no port.
    #[cfg_attr(feature = "host", component(name = "address"))]
    pub address: String,
    /// At least one.
    #[cfg_attr(feature = "host", component(name = "roles"))]
    pub roles: Vec<crate::types::Role>,
    /// The operator's own `key: value` pairs, sorted by key.
    #[cfg_attr(feature = "host", component(name = "labels"))]
    pub labels: Vec<(String, String)>,
}

/// The one error (and warning) record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Problem {
    /// Stable dotted name, e.g. `gluster.volume-differs`. New codes never break the contract.
    /// The host's own codes: `node.unreachable`, `node.denied` (no right to read), `node.timeout`,
    /// `node.truncated`, `query.missing` (the program is not there), `ask.not-now` (see `observe`).
    #[cfg_attr(feature = "host", component(name = "code"))]
    pub code: String,
    /// One sentence, no trailing newline, no control characters (the host strips them).
    #[cfg_attr(feature = "host", component(name = "message"))]
    pub message: String,
    /// What the operator can do about it.
    #[cfg_attr(feature = "host", component(name = "help"))]
    pub help: Option<String>,
    /// The node it is about.
    #[cfg_attr(feature = "host", component(name = "node"))]
    pub node: Option<crate::types::NodeName>,
    /// JSON Pointer into the plugin's own config; the host underlines that place in the file.
    #[cfg_attr(feature = "host", component(name = "pointer"))]
    pub pointer: Option<String>,
    /// The same call may succeed later without anybody changing anything.
    #[cfg_attr(feature = "host", component(name = "retryable"))]
    pub retryable: bool,
}

