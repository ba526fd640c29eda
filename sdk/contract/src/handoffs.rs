//! What plugins of different concerns tell each other. Promises made from the cluster file alone, before
//! anything is looked at: that is why all plans can be made at once, and shown whole. No functions.
//! 
//! Milestones, by who provides them: storage `storage.ready` (can be mounted), `storage.client` on a node (it is able to
//! mount it), `storage.mounted` on a node;
//! network `network.ready` on a node; gateway `vip.answering`; platform `platform.initialised`,
//! `platform.joined` on a node. Others: `<plugin>.<name>`.
//!
//! Generated from `wit/handoffs.wit` by `cargo xtask contract`.

/// The directory that all share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct SharedDirectory {
    /// Absolute; the same on all nodes.
    #[cfg_attr(feature = "host", component(name = "path"))]
    pub path: String,
    /// Nodes that mount it.
    #[cfg_attr(feature = "host", component(name = "nodes"))]
    pub nodes: Vec<crate::types::NodeName>,
    /// False while a migration runs: make these nodes able to mount it, mount nothing.
    #[cfg_attr(feature = "host", component(name = "attach"))]
    pub attach: bool,
    /// Units that use it, by role: stopped for a freeze, restarted after a switch.
    #[cfg_attr(feature = "host", component(name = "users"))]
    pub users: Vec<(crate::types::Role, String)>,
}

/// Platform to everybody: what it wants from the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct PlatformDemand {
    /// None: nothing is shared.
    #[cfg_attr(feature = "host", component(name = "shared"))]
    pub shared: Option<crate::handoffs::SharedDirectory>,
    /// URL on the gateway node itself that answers 2xx while traffic can be served there.
    #[cfg_attr(feature = "host", component(name = "gateway-health"))]
    pub gateway_health: Option<String>,
    /// Unit that serves the traffic: until it is installed, health is not a reason to give up the address.
    #[cfg_attr(feature = "host", component(name = "gateway-unit"))]
    pub gateway_unit: Option<String>,
    /// As `gateway-health`, of a manager, where the managers have an address of their own.
    #[cfg_attr(feature = "host", component(name = "manage-health"))]
    pub manage_health: Option<String>,
    /// As `gateway-unit`, of a manager.
    #[cfg_attr(feature = "host", component(name = "manage-unit"))]
    pub manage_unit: Option<String>,
}

/// Storage to platform and migration: how any node mounts the shared directory. As in fstab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct StorageOffer {
    /// `host:/path`, `host:/volume`.
    #[cfg_attr(feature = "host", component(name = "source"))]
    pub source: String,
    /// `nfs`, `glusterfs`.
    #[cfg_attr(feature = "host", component(name = "fstype"))]
    pub fstype: String,
    /// Each as between two commas.
    #[cfg_attr(feature = "host", component(name = "options"))]
    pub options: Vec<String>,
    /// Nodes that serve it from the very directory (an NFS server): nothing is mounted on these.
    #[cfg_attr(feature = "host", component(name = "local"))]
    pub local: Vec<crate::types::NodeName>,
}

/// Network to platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct NetworkOffer {
    /// `calico`, `flannel`, ...
    #[cfg_attr(feature = "host", component(name = "kind"))]
    pub kind: String,
    /// CIDR.
    #[cfg_attr(feature = "host", component(name = "pods"))]
    pub pods: String,
    /// The platform's installer brings it when told the kind. False: the plugin does.
    #[cfg_attr(feature = "host", component(name = "by-platform"))]
    pub by_platform: bool,
}

/// Gateway to platform: the address that users and nodes can count on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct GatewayOffer {
    /// IPv4 or IPv6, no prefix, no port.
    #[cfg_attr(feature = "host", component(name = "address"))]
    pub address: String,
    /// The address of the managers, where it is another one: gateways are machines of their own then. Its milestone is
    /// `vip.managers-answering`.
    #[cfg_attr(feature = "host", component(name = "managers"))]
    pub managers: Option<String>,
}

/// All that was said, as given to a plugin. Only contracts its manifest consumes are filled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Handed {
    /// Of the platform; without one, nothing is demanded.
    #[cfg_attr(feature = "host", component(name = "demands"))]
    pub demands: crate::handoffs::PlatformDemand,
    /// By name in the cluster file; two while a migration runs.
    #[cfg_attr(feature = "host", component(name = "storage"))]
    pub storage: Vec<(String, crate::handoffs::StorageOffer)>,
    /// None: no network plugin is used.
    #[cfg_attr(feature = "host", component(name = "network"))]
    pub network: Option<crate::handoffs::NetworkOffer>,
    /// None: no gateway plugin is used.
    #[cfg_attr(feature = "host", component(name = "gateway"))]
    pub gateway: Option<crate::handoffs::GatewayOffer>,
    /// Contracts that came after this version, by name.
    #[cfg_attr(feature = "host", component(name = "others"))]
    pub others: Vec<(String, crate::types::Json)>,
}

/// What every function of a plugin is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Input {
    /// Made once by `arcus init` and kept: ids derived from it are stable for ever and differ between clusters.
    #[cfg_attr(feature = "host", component(name = "cluster-id"))]
    pub cluster_id: String,
    /// Its name in the cluster file.
    #[cfg_attr(feature = "host", component(name = "cluster"))]
    pub cluster: String,
    /// The plugin's part of the cluster file, validated against its schema.
    #[cfg_attr(feature = "host", component(name = "config"))]
    pub config: crate::types::Json,
    /// All of the cluster file, in its order.
    #[cfg_attr(feature = "host", component(name = "nodes"))]
    pub nodes: Vec<crate::types::Node>,
    /// What the other plugins promised.
    #[cfg_attr(feature = "host", component(name = "handed"))]
    pub handed: crate::handoffs::Handed,
}

