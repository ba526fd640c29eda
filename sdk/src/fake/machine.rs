//! One machine of the fake cluster: its state, plain to read and to change in a test.

use arcus_contract::actions::Mount;
use arcus_contract::facts::{BlockDevice, Clock, Hardware, Holder, JobFact, Mounted, NetworkInterface, Os, Route, Socket, Vrrp};
use std::collections::{BTreeMap, BTreeSet};

/// A machine. All fields may be changed by tests and simulations; times are seconds of the world's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// Answers asks. False: every probe is `node.unreachable`.
    pub reachable: bool,
    /// The system; Debian 12 to begin with.
    pub os: Os,
    /// CPUs and memory.
    pub hardware: Hardware,
    /// Installed packages with their versions.
    pub packages: BTreeMap<String, String>,
    /// Files on its own disk, by absolute path. Through mounts: [`crate::fake::World::read`] and `write`.
    pub files: BTreeMap<String, Document>,
    /// Directories on its own disk with mode, owner and group.
    pub directories: BTreeMap<String, (u32, String, String)>,
    /// Units by full name.
    pub units: BTreeMap<String, Unit>,
    /// Live mounts and lines of fstab.
    pub mounts: Vec<Mounted>,
    /// Block devices.
    pub block_devices: Vec<BlockDevice>,
    /// Network interfaces.
    pub interfaces: Vec<NetworkInterface>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Listening sockets.
    pub sockets: Vec<Socket>,
    /// Its clock against the operator's.
    pub clock: Clock,
    /// Loaded kernel modules.
    pub modules: BTreeSet<String>,
    /// Kernel settings.
    pub sysctls: BTreeMap<String, String>,
    /// MAC addresses of strangers that answer on its segment, by address.
    pub neighbours: BTreeMap<String, String>,
    /// Routers of strangers heard on an interface.
    pub heard: BTreeMap<String, Vec<Vrrp>>,
    /// Jobs by id of their step.
    pub jobs: BTreeMap<String, JobFact>,
    /// Who has what open, by directory.
    pub holders: BTreeMap<String, Vec<Holder>>,
    /// For simulations to remember things by.
    pub memory: BTreeMap<String, String>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it holds.
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// User.
    pub owner: String,
    /// Group.
    pub group: String,
    /// When it last changed.
    pub changed: u64,
}

/// A systemd unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit {
    /// It runs.
    pub active: bool,
    /// It starts at boot.
    pub enabled: bool,
    /// The operator forbade its start.
    pub masked: bool,
    /// A service step forbade its start.
    pub held: bool,
    /// It tried to run and failed.
    pub failed: bool,
    /// When it was started or last reloaded.
    pub started: u64,
    /// How many times it was started.
    pub starts: u32,
    /// The files it reads when it starts, whatever the plugin says about `newer-than`.
    pub reads: Vec<String>,
    /// What they held when it did: what it runs with.
    pub loaded: BTreeMap<String, Vec<u8>>,
}

impl Machine {
    pub(super) fn new(name: &str, address: &str, place: usize) -> Self {
        let mac = format!("02:00:00:00:{:02x}:{:02x}", place / 256, place % 256);
        let length = if address.contains(':') { 64 } else { 24 };
        let interface = |name: &str, mac: &str, cidr: String| NetworkInterface {
            name: name.into(),
            up: true,
            mtu: 1500,
            mac: mac.into(),
            addresses: vec![cidr],
        };
        let directory = |path: &&str| ((*path).to_owned(), (0o755, "root".to_owned(), "root".to_owned()));
        Machine {
            reachable: true,
            os: Os {
                id: "debian".into(),
                version: "12".into(),
                like: vec![],
                kernel: "6.1.0-18-amd64".into(),
                arch: "x86_64".into(),
                hostname: name.into(),
                machine_id: format!("{place:032x}"),
                boot_id: format!("00000000-0000-4000-8000-{place:012x}"),
            },
            hardware: Hardware { cpus: 16, memory_bytes: 64 << 30 },
            packages: BTreeMap::new(),
            files: BTreeMap::new(),
            directories: DIRECTORIES.iter().map(directory).collect(),
            units: BTreeMap::new(),
            mounts: vec![Mounted {
                source: "/dev/vda1".into(),
                target: "/".into(),
                fstype: "ext4".into(),
                options: vec!["rw".into(), "relatime".into()],
                size_bytes: 500 << 30,
                free_bytes: 450 << 30,
                live: true,
                fstab: Some(vec!["defaults".into()]),
            }],
            block_devices: vec![BlockDevice { path: "/dev/vda".into(), size_bytes: 500 << 30, fstype: None, in_use: true }],
            interfaces: vec![
                interface("lo", "00:00:00:00:00:00", "127.0.0.1/8".into()),
                interface("eth0", &mac, format!("{address}/{length}")),
            ],
            routes: vec![],
            sockets: vec![Socket { tcp: true, address: "*".into(), port: 22, process: "sshd".into() }],
            clock: Clock { offset_ms: 0, error_ms: 1, synchronised: true },
            modules: BTreeSet::new(),
            sysctls: BTreeMap::from([("net.ipv4.ip_forward".into(), "0".into())]),
            neighbours: BTreeMap::new(),
            heard: BTreeMap::new(),
            jobs: BTreeMap::new(),
            holders: BTreeMap::new(),
            memory: BTreeMap::new(),
        }
    }

    /// The unit of this name, made when it is not there (not running, reading nothing).
    pub fn unit(&mut self, name: &str) -> &mut Unit {
        self.units.entry(name.to_owned()).or_default()
    }

    /// It runs.
    pub fn runs(&self, unit: &str) -> bool {
        self.units.get(unit).is_some_and(|unit| unit.active)
    }

    /// What a running unit read from this file when it started. `None`: it does not run, or there was no such file.
    pub fn runs_with(&self, unit: &str, path: &str) -> Option<String> {
        let unit = self.units.get(unit).filter(|unit| unit.active)?;
        unit.loaded.get(path).map(|content| String::from_utf8_lossy(content).into_owned())
    }

    /// An interface of this machine carries this address.
    pub fn has_address(&self, address: &str) -> bool {
        use crate::Interfaces;
        self.interfaces.with_address(address).is_some()
    }

    /// Listens on a TCP port, once.
    pub fn listen(&mut self, port: u16, process: &str) {
        let socket = Socket { tcp: true, address: "*".into(), port, process: process.into() };
        if !self.sockets.contains(&socket) {
            self.sockets.push(socket);
        }
    }

    /// The place on its own disk that is meant, where the longest mount above it is a directory bound there.
    pub(super) fn unbound(&self, path: &str) -> Option<String> {
        let mount = self.mounted_above(path).filter(|mount| mount.options.iter().any(|option| option == "bind"))?;
        Some(format!("{}{}", mount.source, &path[mount.target.len()..]))
    }

    /// What is mounted on the longest mount point above this path, if it is more than the machine's own disk.
    pub(super) fn mounted_above(&self, path: &str) -> Option<&Mounted> {
        let above = |target: &str| path == target || path.strip_prefix(target).is_some_and(|rest| rest.starts_with('/'));
        let live = self.mounts.iter().filter(|mount| mount.live && mount.target != "/" && above(&mount.target));
        live.max_by_key(|mount| mount.target.len())
    }

    pub(super) fn mount(&mut self, wanted: &Mount) {
        self.unmount(&wanted.target);
        if !wanted.live && !wanted.persist {
            return;
        }
        let has = |option: &str| wanted.options.iter().any(|have| have == option);
        let mut options = vec![if has("ro") { "ro".to_owned() } else { "rw".to_owned() }];
        options.extend(has("bind").then(|| "bind".to_owned()));
        self.mounts.push(Mounted {
            source: wanted.source.clone(),
            target: wanted.target.clone(),
            fstype: wanted.fstype.clone(),
            options,
            size_bytes: if wanted.live { 100 << 30 } else { 0 },
            free_bytes: if wanted.live { 90 << 30 } else { 0 },
            live: wanted.live,
            fstab: wanted.persist.then(|| wanted.options.clone()),
        });
    }

    pub(super) fn unmount(&mut self, target: &str) {
        self.mounts.retain(|mount| mount.target != target);
    }
}

/// What a bare Debian has, as far as plugins make files and directories in it.
const DIRECTORIES: [&str; 24] = [
    "/", "/etc", "/etc/systemd", "/etc/systemd/system", "/etc/sysctl.d", "/etc/modules-load.d", "/etc/default", "/etc/cron.d",
    "/etc/logrotate.d", "/var", "/var/lib", "/var/log", "/run", "/usr", "/usr/local", "/usr/local/bin", "/usr/local/sbin",
    "/usr/lib", "/opt", "/srv", "/mnt", "/root", "/tmp", "/home",
];
