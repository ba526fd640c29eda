//! The root that all nodes share: a Debian 12 made by `mmdebstrap`, kept as an archive and unpacked once per machine.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::system::System;

const OLD: Duration = Duration::from_secs(3 * 24 * 3600);
const SUITE: &str = "bookworm";

/// Installed in the base. No program that Arcus is to install is among them.
const INSTALLED: &[&str] = &[
    "systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "procps", "kmod", "ca-certificates", "iputils-ping",
    "iputils-arping", "rsync", "netbase", "attr", "e2fsprogs", "curl", "perl", "python3",
    // What packages of the repository depend on and a usual server has: eight nodes on two cores share the time of a run.
    "python3-prettytable", "python3-requests", "python3-jwt", "libicu72", "libxml2", "libglib2.0-0", "shared-mime-info", "xdg-user-dirs",
    "libsnmp40", "libnl-genl-3-200", "libnftnl11", "xfsprogs", "liburcu8", "libpci3", "libsensors5",
    // For the stand-ins: database, BGP, etcd, and busybox's small http server.
    "mariadb-server", "bird2", "etcd-server", "etcd-client", "busybox",
];

/// What nodes can install: the whole of the package repository they have, with dependencies.
const REPOSITORY: &[&str] = &[
    "glusterfs-server", "glusterfs-client", "keepalived", "jq", "chrony",
    // For plugins from outside: another storage, and the programs that make pods.
    "moosefs-master", "moosefs-metalogger", "moosefs-chunkserver", "moosefs-client", "moosefs-cli", "containernetworking-plugins",
];

/// What makes RPM packages of those, and installs them: fetched with the base, put into the layer of the Red Hat family only.
const RPM_TOOLS: &[&str] = &["dnf", "rpm", "createrepo-c"];

const PREPARE: &str = include_str!("../base/prepare.sh");
const EL7: &str = include_str!("../base/el7.sh");

/// A base that is ready to be mounted under nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Base {
    root: PathBuf,
    /// What lies over it on nodes that are like CentOS 7.
    #[serde(default)]
    el7: Option<PathBuf>,
}

impl Base {
    /// The folder of the base; never written to.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folders below a node of this system, in the words of an overlay: the topmost first.
    pub(crate) fn below(&self, system: System) -> Result<OsString> {
        let mut folders = OsString::new();
        if system == System::El7 {
            folders.push(self.el7.as_ref().context("a node is to be like CentOS 7, and the base was not made for that: call `Base::with`")?);
            folders.push(":");
        }
        folders.push(&self.root);
        Ok(folders)
    }

    /// `$ARCUS_LAB_CACHE`, `$XDG_CACHE_HOME/arcus-lab` or `~/.cache/arcus-lab`.
    pub fn cache_dir() -> PathBuf {
        let dir = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        dir("ARCUS_LAB_CACHE")
            .or_else(|| dir("XDG_CACHE_HOME").map(|cache| cache.join("arcus-lab")))
            .or_else(|| dir("HOME").map(|home| home.join(".cache/arcus-lab")))
            .unwrap_or_else(|| PathBuf::from("/var/cache/arcus-lab"))
    }

    /// The digest of the recipe, which names the archive in the cache.
    pub fn digest() -> String {
        digest_of(&[SUITE, &INSTALLED.join(" "), &REPOSITORY.join(" "), &RPM_TOOLS.join(" "), PREPARE])
    }

    /// Takes the base from the cache, or builds it there: minutes at most, seconds later.
    pub fn ensure(say: &mut dyn FnMut(&str)) -> Result<Self> {
        let root = cached("base", &Self::digest(), "the nodes' base with mmdebstrap", Self::build, say)?;
        Ok(Self { root, el7: None })
    }

    /// The same for nodes of another system too: a layer over the base, made of what the base carries, without a network.
    pub fn with(mut self, system: System, say: &mut dyn FnMut(&str)) -> Result<Self> {
        if system == System::El7 && self.el7.is_none() {
            let digest = digest_of(&[&Self::digest(), EL7]);
            self.el7 = Some(cached("el7", &digest, "the layer of nodes that are like CentOS 7", |archive| self.build_el7(archive), say)?);
        }
        Ok(self)
    }

    fn build_el7(&self, archive: &Path) -> Result<()> {
        let part = archive.with_file_name("part.tar.zst");
        let mut command = Command::new("unshare");
        command.args(["-m", "--propagation", "private", "bash", "-c", EL7, "el7"]).arg(&self.root).arg(&part).stdin(Stdio::null());
        let output = command.output().context("running unshare")?;
        if !output.status.success() {
            let _ = fs::remove_file(&part);
            bail!("making the layer failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        fs::rename(&part, archive)?;
        Ok(())
    }

    fn build(archive: &Path) -> Result<()> {
        let hook = tempfile::Builder::new().prefix("arcus-lab-prepare").tempdir()?;
        let script = hook.path().join("prepare");
        fs::write(&script, PREPARE)?;
        Command::new("chmod").arg("755").arg(&script).status()?;
        let part = archive.with_file_name("part.tar.zst");
        let mut command = Command::new("mmdebstrap");
        command
            .args(["--quiet", "--mode=root", "--variant=apt"])
            .arg(format!("--include={}", INSTALLED.join(",")))
            .args(["--aptopt=Acquire::Languages \"none\"", "--dpkgopt=force-unsafe-io"])
            .args(["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*"])
            .arg(format!("--customize-hook={}", script.display()))
            .arg(SUITE)
            .arg(&part)
            .env("LAB_REPO_PACKAGES", REPOSITORY.join(" "))
            .env("LAB_RPM_TOOLS", RPM_TOOLS.join(" "))
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null());
        if let Some(mirror) = mirror() {
            command.arg(mirror);
        }
        if memory_available() > 4 << 30 && Path::new("/dev/shm").is_dir() {
            // The packages' many syncs make a disk three times as slow as memory.
            command.env("TMPDIR", "/dev/shm");
        }
        let output = command.output().context("running mmdebstrap")?;
        if !output.status.success() {
            let _ = fs::remove_file(&part);
            bail!("mmdebstrap failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        fs::rename(&part, archive)?;
        Ok(())
    }
}

fn digest_of(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    hex::encode(&digest.finalize()[..8])
}

/// A folder of the cache, unpacked from its archive, which `build` makes where there is none.
fn cached(kind: &str, digest: &str, what: &str, build: impl FnOnce(&Path) -> Result<()>, say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let cache = Base::cache_dir();
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    // Several test programs may want it at once: the first builds, the others wait.
    let lock = File::create(cache.join("lock")).context("creating the cache's lock")?;
    lock.lock().context("locking the cache")?;
    let root = cache.join(format!("{kind}-{digest}"));
    if !root.is_dir() {
        let archive = cache.join(format!("{kind}-{digest}.tar.zst"));
        if !archive.is_file() {
            let began = Instant::now();
            say(&format!("lab: building {what} in {} (once)", cache.display()));
            build(&archive)?;
            say(&format!("lab: {kind} built in {:.1} s", began.elapsed().as_secs_f32()));
        }
        let began = Instant::now();
        unpack(&archive, &root)?;
        say(&format!("lab: {kind} unpacked in {:.1} s", began.elapsed().as_secs_f32()));
        drop_others(&cache, kind, digest);
    }
    Ok(root)
}

fn unpack(archive: &Path, root: &Path) -> Result<()> {
    let part = root.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    fs::create_dir(&part)?;
    let output = Command::new("tar")
        .args(["--extract", "--zstd", "--numeric-owner", "--preserve-permissions", "--xattrs", "--xattrs-include=*", "--exclude=./dev/*"])
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(&part)
        .output()
        .context("running tar")?;
    if !output.status.success() {
        bail!("unpacking {}: {}", archive.display(), String::from_utf8_lossy(&output.stderr));
    }
    fs::rename(&part, root)?;
    Ok(())
}

/// Those of older recipes take half a gigabyte each; those of the last days may be in use by another checkout.
fn drop_others(cache: &Path, kind: &str, digest: &str) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let old = entry.metadata().and_then(|meta| meta.modified()).is_ok_and(|time| time.elapsed().is_ok_and(|age| age > OLD));
        if name.starts_with(&format!("{kind}-")) && !name.contains(digest) && old {
            let _ = if entry.path().is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        }
    }
}

/// `$ARCUS_LAB_MIRROR`, else the mirror this machine itself uses for the suite, else mmdebstrap's default.
fn mirror() -> Option<String> {
    if let Ok(mirror) = std::env::var("ARCUS_LAB_MIRROR") {
        return Some(mirror);
    }
    let output = Command::new("apt-get").args(["indextargets", "--format", "$(CODENAME) $(COMPONENT) $(SITE)"]).output().ok()?;
    let wanted = format!("{SUITE} main ");
    String::from_utf8_lossy(&output.stdout).lines().find_map(|line| line.strip_prefix(&wanted).map(str::to_owned))
}

pub(crate) fn memory_available() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}
