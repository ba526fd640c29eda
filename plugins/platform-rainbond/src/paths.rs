//! Where things are on a node.

/// Folder of what Arcus uploads; not the installer's own, which it deletes.
pub const FOLDER: &str = "/opt/arcus";
/// The installer. After init only the one below may be used.
pub const INSTALLER: &str = "/opt/arcus/grctl";
/// The installer while its digest is not known yet.
pub const FETCHED: &str = "/opt/arcus/grctl.fetched";
/// The tool that init puts on managers.
pub const GRCTL: &str = "/usr/local/bin/grctl";

/// Written by init after full success, with the version in it: the only proof of it.
pub const MARK: &str = "/opt/rainbond/.rainbond.success";
/// Written by init as soon as it has decided who this node is.
pub const NODE_ID: &str = "/opt/rainbond/.init/uuid";
/// Where init keeps what it has decided.
pub const INIT: &str = "/opt/rainbond/.init";
/// Members and records of the cluster.
pub const ETCD: &str = "/opt/rainbond/data/etcd";
/// The shared directory.
pub const SHARED: &str = "/grdata";

/// Made by init, and what it logs in to other nodes with.
pub const KEY: &str = "/root/.ssh/id_rsa";
/// Its public half.
pub const PUBLIC_KEY: &str = "/root/.ssh/id_rsa.pub";
/// Who may log in.
pub const AUTHORIZED: &str = "/root/.ssh/authorized_keys";
