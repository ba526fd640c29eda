//! What can be known about a node. Every probe only reads. No functions.
//! 
//! Three things are never mixed up: *is there* (`some`), *is not there* (`none`, `false`, empty list),
//! and *could not be read* (the answer is a problem).
//!
//! Generated from `wit/facts.wit` by `cargo xtask contract`.

/// A file to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct FileProbe {
    /// Absolute path; symlinks are followed.
    #[cfg_attr(feature = "host", component(name = "path"))]
    pub path: String,
    /// Bytes of content wanted, from the start: 0 for none, at most 65536.
    #[cfg_attr(feature = "host", component(name = "content"))]
    pub content: u32,
}

/// A systemd unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct ServiceProbe {
    /// With its suffix, e.g. `keepalived.service`.
    #[cfg_attr(feature = "host", component(name = "name"))]
    pub name: String,
    /// Files it reads when it starts; see `stale` in the answer.
    #[cfg_attr(feature = "host", component(name = "newer-than"))]
    pub newer_than: Vec<String>,
}

/// A read-only command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Query {
    /// Id among the manifest's queries.
    #[cfg_attr(feature = "host", component(name = "id"))]
    pub id: String,
    /// Fill the argv template there; each is checked against its pattern.
    #[cfg_attr(feature = "host", component(name = "args"))]
    pub args: Vec<String>,
}

/// The closed set of questions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Probe {
    /// System, kernel, names and ids.
    #[cfg_attr(feature = "host", component(name = "os"))]
    Os,
    /// Processors and memory.
    #[cfg_attr(feature = "host", component(name = "hardware"))]
    Hardware,
    /// What is mounted, and what stands in fstab.
    #[cfg_attr(feature = "host", component(name = "mounts"))]
    Mounts,
    /// Disks and their parts.
    #[cfg_attr(feature = "host", component(name = "block-devices"))]
    BlockDevices,
    /// Network interfaces with their addresses.
    #[cfg_attr(feature = "host", component(name = "interfaces"))]
    Interfaces,
    /// The main routing table.
    #[cfg_attr(feature = "host", component(name = "routes"))]
    Routes,
    /// Listening TCP and UDP sockets.
    #[cfg_attr(feature = "host", component(name = "sockets"))]
    Sockets,
    /// How far its clock is from the operator's.
    #[cfg_attr(feature = "host", component(name = "clock"))]
    Clock,
    /// A file's metadata, and content where that is granted.
    #[cfg_attr(feature = "host", component(name = "file"))]
    File(crate::facts::FileProbe),
    /// Is it so? Rendered by the host, with secrets; the content does not pass the plugin.
    #[cfg_attr(feature = "host", component(name = "file-is"))]
    FileIs(crate::files::File),
    /// Absolute path of a directory.
    #[cfg_attr(feature = "host", component(name = "directory"))]
    Directory(String),
    /// Name in the node's package manager.
    #[cfg_attr(feature = "host", component(name = "package"))]
    Package(String),
    /// How a unit stands.
    #[cfg_attr(feature = "host", component(name = "service"))]
    Service(crate::facts::ServiceProbe),
    /// Name of a module.
    #[cfg_attr(feature = "host", component(name = "kernel-module"))]
    KernelModule(String),
    /// Dotted key, e.g. `vm.overcommit_memory`.
    #[cfg_attr(feature = "host", component(name = "sysctl"))]
    Sysctl(String),
    /// Who answers for this address on the node's segment.
    #[cfg_attr(feature = "host", component(name = "neighbour"))]
    Neighbour(String),
    /// Routers heard on this interface: listens for 2 s, in which a router with the usual interval, a second, is heard twice.
    #[cfg_attr(feature = "host", component(name = "vrrp-heard"))]
    VrrpHeard(String),
    /// TCP connect to address and port, 3 s at most.
    #[cfg_attr(feature = "host", component(name = "reach"))]
    Reach((String, u16)),
    /// A job, by its step id.
    #[cfg_attr(feature = "host", component(name = "job"))]
    Job(String),
    /// Processes with anything open below this directory or mount point.
    #[cfg_attr(feature = "host", component(name = "holders"))]
    Holders(String),
    /// A read-only command of the manifest. Policy, not construction: the operator approved its argv.
    #[cfg_attr(feature = "host", component(name = "query"))]
    Query(crate::facts::Query),
}

impl Probe {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Os => "os",
            Self::Hardware => "hardware",
            Self::Mounts => "mounts",
            Self::BlockDevices => "block-devices",
            Self::Interfaces => "interfaces",
            Self::Routes => "routes",
            Self::Sockets => "sockets",
            Self::Clock => "clock",
            Self::File(_) => "file",
            Self::FileIs(_) => "file-is",
            Self::Directory(_) => "directory",
            Self::Package(_) => "package",
            Self::Service(_) => "service",
            Self::KernelModule(_) => "kernel-module",
            Self::Sysctl(_) => "sysctl",
            Self::Neighbour(_) => "neighbour",
            Self::VrrpHeard(_) => "vrrp-heard",
            Self::Reach(_) => "reach",
            Self::Job(_) => "job",
            Self::Holders(_) => "holders",
            Self::Query(_) => "query",
        }
    }
}

/// One question about one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Request {
    /// `node`.
    #[cfg_attr(feature = "host", component(name = "node"))]
    pub node: crate::types::NodeName,
    /// `probe`.
    #[cfg_attr(feature = "host", component(name = "probe"))]
    pub probe: crate::facts::Probe,
}

/// The system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Os {
    /// `ID` and `VERSION_ID` of os-release, e.g. `debian` and `12`.
    #[cfg_attr(feature = "host", component(name = "id"))]
    pub id: String,
    /// Empty where os-release has none.
    #[cfg_attr(feature = "host", component(name = "version"))]
    pub version: String,
    /// `ID_LIKE` of os-release, e.g. `rhel fedora`.
    #[cfg_attr(feature = "host", component(name = "like"))]
    pub like: Vec<String>,
    /// `uname -r`.
    #[cfg_attr(feature = "host", component(name = "kernel"))]
    pub kernel: String,
    /// `uname -m`.
    #[cfg_attr(feature = "host", component(name = "arch"))]
    pub arch: String,
    /// As the kernel has it, without a domain if it has none.
    #[cfg_attr(feature = "host", component(name = "hostname"))]
    pub hostname: String,
    /// Differs between machines unless one was cloned.
    #[cfg_attr(feature = "host", component(name = "machine-id"))]
    pub machine_id: String,
    /// New with every boot.
    #[cfg_attr(feature = "host", component(name = "boot-id"))]
    pub boot_id: String,
}

/// Online CPUs; all memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Hardware {
    /// `cpus`.
    #[cfg_attr(feature = "host", component(name = "cpus"))]
    pub cpus: u32,
    /// `memory-bytes`.
    #[cfg_attr(feature = "host", component(name = "memory-bytes"))]
    pub memory_bytes: u64,
}

/// A live mount, a line of fstab, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Mounted {
    /// As the kernel says; where it stands in fstab only, as fstab does.
    #[cfg_attr(feature = "host", component(name = "source"))]
    pub source: String,
    /// Mount point, absolute.
    #[cfg_attr(feature = "host", component(name = "target"))]
    pub target: String,
    /// As the kernel says: `fuse.glusterfs`, `nfs4`, `xfs`.
    #[cfg_attr(feature = "host", component(name = "fstype"))]
    pub fstype: String,
    /// As the kernel says, which adds some and leaves some out.
    #[cfg_attr(feature = "host", component(name = "options"))]
    pub options: Vec<String>,
    /// 0 where it is not live, or has no size.
    #[cfg_attr(feature = "host", component(name = "size-bytes"))]
    pub size_bytes: u64,
    /// To whoever is not root; 0 as above.
    #[cfg_attr(feature = "host", component(name = "free-bytes"))]
    pub free_bytes: u64,
    /// Live now; false when it stands in fstab only.
    #[cfg_attr(feature = "host", component(name = "live"))]
    pub live: bool,
    /// The options of its line in fstab (same source and target); none when there is no such line.
    #[cfg_attr(feature = "host", component(name = "fstab"))]
    pub fstab: Option<Vec<String>>,
}

/// `in-use`: mounted, partitioned or held by LVM, md or swap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct BlockDevice {
    /// `path`.
    #[cfg_attr(feature = "host", component(name = "path"))]
    pub path: String,
    /// `size-bytes`.
    #[cfg_attr(feature = "host", component(name = "size-bytes"))]
    pub size_bytes: u64,
    /// `fstype`.
    #[cfg_attr(feature = "host", component(name = "fstype"))]
    pub fstype: Option<String>,
    /// `in-use`.
    #[cfg_attr(feature = "host", component(name = "in-use"))]
    pub in_use: bool,
}

/// `addresses` are CIDR.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct NetworkInterface {
    /// `name`.
    #[cfg_attr(feature = "host", component(name = "name"))]
    pub name: String,
    /// `up`.
    #[cfg_attr(feature = "host", component(name = "up"))]
    pub up: bool,
    /// `mtu`.
    #[cfg_attr(feature = "host", component(name = "mtu"))]
    pub mtu: u32,
    /// `mac`.
    #[cfg_attr(feature = "host", component(name = "mac"))]
    pub mac: String,
    /// `addresses`.
    #[cfg_attr(feature = "host", component(name = "addresses"))]
    pub addresses: Vec<String>,
}

/// `to` is CIDR; `proto` as iproute2 names it, e.g. `bird`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Route {
    /// `to`.
    #[cfg_attr(feature = "host", component(name = "to"))]
    pub to: String,
    /// `via`.
    #[cfg_attr(feature = "host", component(name = "via"))]
    pub via: Option<String>,
    /// `dev`.
    #[cfg_attr(feature = "host", component(name = "dev"))]
    pub dev: String,
    /// `proto`.
    #[cfg_attr(feature = "host", component(name = "proto"))]
    pub proto: String,
}

/// `address` may be `*`; `process` is the name of the owner, empty where it may not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Socket {
    /// `tcp`.
    #[cfg_attr(feature = "host", component(name = "tcp"))]
    pub tcp: bool,
    /// `address`.
    #[cfg_attr(feature = "host", component(name = "address"))]
    pub address: String,
    /// `port`.
    #[cfg_attr(feature = "host", component(name = "port"))]
    pub port: u16,
    /// `process`.
    #[cfg_attr(feature = "host", component(name = "process"))]
    pub process: String,
}

/// The node's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Clock {
    /// Against the operator's machine, corrected by half the round trip. Positive: the node is ahead.
    #[cfg_attr(feature = "host", component(name = "offset-ms"))]
    pub offset_ms: i64,
    /// Half the round trip: the error of the above.
    #[cfg_attr(feature = "host", component(name = "error-ms"))]
    pub error_ms: u32,
    /// The kernel says that something keeps it right.
    #[cfg_attr(feature = "host", component(name = "synchronised"))]
    pub synchronised: bool,
}

/// Metadata, and content as far as asked for and granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct FileFact {
    /// Permission bits, e.g. 0o644.
    #[cfg_attr(feature = "host", component(name = "mode"))]
    pub mode: u32,
    /// Name, or number where it has none.
    #[cfg_attr(feature = "host", component(name = "owner"))]
    pub owner: String,
    /// Name, or number where it has none.
    #[cfg_attr(feature = "host", component(name = "group"))]
    pub group: String,
    /// All of it, however much was asked for.
    #[cfg_attr(feature = "host", component(name = "size-bytes"))]
    pub size_bytes: u64,
    /// Lower-case hex; empty above 64 MiB.
    #[cfg_attr(feature = "host", component(name = "sha256"))]
    pub sha256: String,
    /// What was asked for, or less when the file is shorter.
    #[cfg_attr(feature = "host", component(name = "content"))]
    pub content: Vec<u8>,
}

/// `entries`: names in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct DirectoryFact {
    /// `mode`.
    #[cfg_attr(feature = "host", component(name = "mode"))]
    pub mode: u32,
    /// `owner`.
    #[cfg_attr(feature = "host", component(name = "owner"))]
    pub owner: String,
    /// `group`.
    #[cfg_attr(feature = "host", component(name = "group"))]
    pub group: String,
    /// `entries`.
    #[cfg_attr(feature = "host", component(name = "entries"))]
    pub entries: u64,
}

/// `active` is systemd's `active` only; `masked` units cannot be started. `since-s`: seconds since it became
/// active, 0 when it is not. `held`: by a service step; it cannot be started either. `stale`: it runs, but its unit file or one of `newer-than` was changed after it
/// started (or last reloaded through Arcus).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct ServiceFact {
    /// `active`.
    #[cfg_attr(feature = "host", component(name = "active"))]
    pub active: bool,
    /// `enabled`.
    #[cfg_attr(feature = "host", component(name = "enabled"))]
    pub enabled: bool,
    /// `masked`.
    #[cfg_attr(feature = "host", component(name = "masked"))]
    pub masked: bool,
    /// `held`.
    #[cfg_attr(feature = "host", component(name = "held"))]
    pub held: bool,
    /// `failed`.
    #[cfg_attr(feature = "host", component(name = "failed"))]
    pub failed: bool,
    /// `since-s`.
    #[cfg_attr(feature = "host", component(name = "since-s"))]
    pub since_s: u64,
    /// `stale`.
    #[cfg_attr(feature = "host", component(name = "stale"))]
    pub stale: bool,
}

/// Answer of `reach`.
#[derive(Debug, Clone, Copy, PartialOrd, Ord, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(enum))]
#[repr(u8)]
pub enum Reachability {
    /// Somebody accepted.
    #[cfg_attr(feature = "host", component(name = "open"))]
    Open,
    /// The host answered that nobody listens there.
    #[cfg_attr(feature = "host", component(name = "refused"))]
    Refused,
    /// No answer in time: no such host, or something in between drops it.
    #[cfg_attr(feature = "host", component(name = "silent"))]
    Silent,
}

impl Reachability {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::Silent => "silent",
        }
    }

    /// For bindings that lift a guest's value; the canonical ABI has checked the range.
    #[doc(hidden)]
    #[allow(clippy::missing_safety_doc, unsafe_code)]
    pub unsafe fn _lift(value: u8) -> Self {
        match value {
            0 => Self::Open,
            1 => Self::Refused,
            2 => Self::Silent,
            _ => panic!("invalid enum discriminant"),
        }
    }
}

/// Answer of `file-is`.
#[derive(Debug, Clone, Copy, PartialOrd, Ord, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(enum))]
#[repr(u8)]
pub enum Likeness {
    /// `same`.
    #[cfg_attr(feature = "host", component(name = "same"))]
    Same,
    /// `differs`.
    #[cfg_attr(feature = "host", component(name = "differs"))]
    Differs,
    /// `absent`.
    #[cfg_attr(feature = "host", component(name = "absent"))]
    Absent,
}

impl Likeness {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Absent => "absent",
        }
    }

    /// For bindings that lift a guest's value; the canonical ABI has checked the range.
    #[doc(hidden)]
    #[allow(clippy::missing_safety_doc, unsafe_code)]
    pub unsafe fn _lift(value: u8) -> Self {
        match value {
            0 => Self::Same,
            1 => Self::Differs,
            2 => Self::Absent,
            _ => panic!("invalid enum discriminant"),
        }
    }
}

/// An advertisement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Vrrp {
    /// `source`.
    #[cfg_attr(feature = "host", component(name = "source"))]
    pub source: String,
    /// `router-id`.
    #[cfg_attr(feature = "host", component(name = "router-id"))]
    pub router_id: u8,
    /// `priority`.
    #[cfg_attr(feature = "host", component(name = "priority"))]
    pub priority: u8,
}

/// `status` once it ended. Times are seconds since the epoch, by the node's clock.
/// `tail`: the last 4 KiB of what it printed, both streams.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct JobFact {
    /// `running`.
    #[cfg_attr(feature = "host", component(name = "running"))]
    pub running: bool,
    /// `status`.
    #[cfg_attr(feature = "host", component(name = "status"))]
    pub status: Option<i32>,
    /// `started-s`.
    #[cfg_attr(feature = "host", component(name = "started-s"))]
    pub started_s: u64,
    /// `tail`.
    #[cfg_attr(feature = "host", component(name = "tail"))]
    pub tail: Vec<u8>,
}

/// A process; `unit` is its systemd unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Holder {
    /// `pid`.
    #[cfg_attr(feature = "host", component(name = "pid"))]
    pub pid: u32,
    /// `command`.
    #[cfg_attr(feature = "host", component(name = "command"))]
    pub command: String,
    /// `unit`.
    #[cfg_attr(feature = "host", component(name = "unit"))]
    pub unit: Option<String>,
    /// `writing`.
    #[cfg_attr(feature = "host", component(name = "writing"))]
    pub writing: bool,
}

/// What a command said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Output {
    /// Exit status; 128 and the signal's number where one ended it.
    #[cfg_attr(feature = "host", component(name = "status"))]
    pub status: i32,
    /// Both at most 64 KiB.
    #[cfg_attr(feature = "host", component(name = "stdout"))]
    pub stdout: Vec<u8>,
    /// As above.
    #[cfg_attr(feature = "host", component(name = "stderr"))]
    pub stderr: Vec<u8>,
    /// There was more of one of them.
    #[cfg_attr(feature = "host", component(name = "truncated"))]
    pub truncated: bool,
}

/// One case per probe, same name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Fact {
    /// The system.
    #[cfg_attr(feature = "host", component(name = "os"))]
    Os(crate::facts::Os),
    /// Processors and memory.
    #[cfg_attr(feature = "host", component(name = "hardware"))]
    Hardware(crate::facts::Hardware),
    /// In the order of the kernel, then what stands in fstab only.
    #[cfg_attr(feature = "host", component(name = "mounts"))]
    Mounts(Vec<crate::facts::Mounted>),
    /// All that the kernel knows.
    #[cfg_attr(feature = "host", component(name = "block-devices"))]
    BlockDevices(Vec<crate::facts::BlockDevice>),
    /// All, the loopback too.
    #[cfg_attr(feature = "host", component(name = "interfaces"))]
    Interfaces(Vec<crate::facts::NetworkInterface>),
    /// Of the main table.
    #[cfg_attr(feature = "host", component(name = "routes"))]
    Routes(Vec<crate::facts::Route>),
    /// Those that listen.
    #[cfg_attr(feature = "host", component(name = "sockets"))]
    Sockets(Vec<crate::facts::Socket>),
    /// The node's clock.
    #[cfg_attr(feature = "host", component(name = "clock"))]
    Clock(crate::facts::Clock),
    /// None: there is no such file.
    #[cfg_attr(feature = "host", component(name = "file"))]
    File(Option<crate::facts::FileFact>),
    /// As the host compared it.
    #[cfg_attr(feature = "host", component(name = "file-is"))]
    FileIs(crate::facts::Likeness),
    /// None: there is no such directory.
    #[cfg_attr(feature = "host", component(name = "directory"))]
    Directory(Option<crate::facts::DirectoryFact>),
    /// Installed version.
    #[cfg_attr(feature = "host", component(name = "package"))]
    Package(Option<String>),
    /// None: systemd knows no such unit.
    #[cfg_attr(feature = "host", component(name = "service"))]
    Service(Option<crate::facts::ServiceFact>),
    /// Loaded or built in.
    #[cfg_attr(feature = "host", component(name = "kernel-module"))]
    KernelModule(bool),
    /// Its value; none: the kernel has no such key.
    #[cfg_attr(feature = "host", component(name = "sysctl"))]
    Sysctl(Option<String>),
    /// MAC address.
    #[cfg_attr(feature = "host", component(name = "neighbour"))]
    Neighbour(Option<String>),
    /// Each router once.
    #[cfg_attr(feature = "host", component(name = "vrrp-heard"))]
    VrrpHeard(Vec<crate::facts::Vrrp>),
    /// What came of the attempt.
    #[cfg_attr(feature = "host", component(name = "reach"))]
    Reach(crate::facts::Reachability),
    /// None: it was never started there.
    #[cfg_attr(feature = "host", component(name = "job"))]
    Job(Option<crate::facts::JobFact>),
    /// Empty: nobody.
    #[cfg_attr(feature = "host", component(name = "holders"))]
    Holders(Vec<crate::facts::Holder>),
    /// What it printed and how it ended.
    #[cfg_attr(feature = "host", component(name = "query"))]
    Query(crate::facts::Output),
}

impl Fact {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Os(_) => "os",
            Self::Hardware(_) => "hardware",
            Self::Mounts(_) => "mounts",
            Self::BlockDevices(_) => "block-devices",
            Self::Interfaces(_) => "interfaces",
            Self::Routes(_) => "routes",
            Self::Sockets(_) => "sockets",
            Self::Clock(_) => "clock",
            Self::File(_) => "file",
            Self::FileIs(_) => "file-is",
            Self::Directory(_) => "directory",
            Self::Package(_) => "package",
            Self::Service(_) => "service",
            Self::KernelModule(_) => "kernel-module",
            Self::Sysctl(_) => "sysctl",
            Self::Neighbour(_) => "neighbour",
            Self::VrrpHeard(_) => "vrrp-heard",
            Self::Reach(_) => "reach",
            Self::Job(_) => "job",
            Self::Holders(_) => "holders",
            Self::Query(_) => "query",
        }
    }
}

/// Same order as the requests: answer i belongs to request i.
pub type Answer = Result<crate::facts::Fact, crate::types::Problem>;

