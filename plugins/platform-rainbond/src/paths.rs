//! Where things are on a node.

/// Folder of what Arcus uploads; not the installer's own, which it deletes.
pub const FOLDER: &str = "/opt/arcus";
/// The installer. After init only the one below may be used.
pub const INSTALLER: &str = "/opt/arcus/grctl";
/// The installer while its digest is not known yet.
pub const FETCHED: &str = "/opt/arcus/grctl.fetched";
/// Where that tool asks.
pub const TOOL: &str = "/root/.rbd/grctl.yaml";
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
/// What a member kept that never became one.
pub const ETCD_FAILED: &str = "/opt/rainbond/data/etcd.failed";
/// How etcd is started.
pub const START_ETCD: &str = "/opt/rainbond/scripts/start-etcd.sh";
/// All of Rainbond's own.
pub const HOME: &str = "/opt/rainbond";
/// What a trial of a node's disk writes, before and after there is anything of Rainbond's.
pub const TRIALS: [&str; 2] = ["/opt/rainbond/.arcus-trial", "/opt/.arcus-trial"];
/// What is kept on the first manager before a manager joins.
pub const BACKUP: &str = "/opt/rainbond/backup";
/// The keys of etcd.
pub const SNAPSHOT: &str = "/opt/rainbond/backup/etcd.db";
/// The console's database.
pub const DUMP: &str = "/opt/rainbond/backup/console.sql";
/// What applications keep on the node that they run on, and on no other.
pub const LOCAL: &str = "/grlocaldata";
/// The shared directory.
pub const SHARED: &str = "/grdata";

/// Made by init, and what it logs in to other nodes with.
pub const KEY: &str = "/root/.ssh/id_rsa";
/// Its public half.
pub const PUBLIC_KEY: &str = "/root/.ssh/id_rsa.pub";
/// Who may log in.
pub const AUTHORIZED: &str = "/root/.ssh/authorized_keys";

/// Settings of the database's client, with the password of an operator's database.
pub const DATABASE: &str = "/opt/arcus/database.cnf";
/// Runs the installer with that password.
pub const WITH_DATABASE: &str = "/opt/arcus/grctl-with-database";
/// Where the bundle of an offline installation is unpacked, and what it is set up with.
pub const OFFLINE: &str = "/opt/arcus/offline/offline.sh";

/// Names and their addresses.
pub const HOSTS: &str = "/etc/hosts";
/// How the nodes' own name server is run.
pub const DNS: &str = "/opt/rainbond/conf/dns.yaml";
/// The unit that the agent makes of it.
pub const DNS_UNIT: &str = "/etc/systemd/system/rbd-dns.service";
/// How the agent is run.
pub const START_NODE: &str = "/opt/rainbond/scripts/start-node.sh";
/// How compute nodes get to etcd.
pub const START_PROXY: &str = "/opt/rainbond/scripts/start-etcd-proxy.sh";
/// How pods get their addresses.
pub const CNI: &str = "/opt/rainbond/etc/cni/10-calico.conf";
/// How Kubernetes is run on managers.
pub const KUBERNETES: &str = "/opt/rainbond/conf/k8s-master.yaml";
/// The unit that the agent makes of its API.
pub const KUBERNETES_UNIT: &str = "/etc/systemd/system/kube-apiserver.service";
/// The agent's own tool.
pub const NODE_TOOL: &str = "/usr/local/bin/node";
