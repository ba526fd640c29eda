//! The milestones that order steps of different plugins. Own ones are named `<plugin>.<name>`.

/// Storage: the shared directory can be mounted.
pub const STORAGE_READY: &str = "storage.ready";
/// Storage, on a node: it is able to mount the shared directory.
pub const STORAGE_CLIENT: &str = "storage.client";
/// Storage, on a node: the shared directory is mounted there (or served from there).
pub const STORAGE_MOUNTED: &str = "storage.mounted";
/// Network, on a node: what the network needs there is so.
pub const NETWORK_READY: &str = "network.ready";
/// Gateway: the virtual address is held and answers.
pub const VIP_ANSWERING: &str = "vip.answering";
/// Gateway: the address of the managers is held and answers, where it is another one.
pub const MANAGERS_ANSWERING: &str = "vip.managers-answering";
/// Platform: the first node stands.
pub const PLATFORM_INITIALISED: &str = "platform.initialised";
/// Platform, on a node: it is part of the platform.
pub const PLATFORM_JOINED: &str = "platform.joined";
