//! Nodes with a kernel of their own, where the machine's has no NFS: user-mode-linux on the lab's bridge.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use arcus_lab::{Base, World, standins_dir, wait_until};
use sha2::{Digest, Sha256};

use crate::program::Running;

const RECIPE: &str = include_str!("uml/image.sh");
/// A line of shell that gives a node all that an installed NFS server, and a client, have.
pub const INSTALL_NFS: &str = "tar -C / -xf /srv/nfs-server.tar && systemctl daemon-reload";
/// Until all answer by ssh: two take 16 s on two idle cores.
const BOOT: Duration = Duration::from_secs(240);

/// A disk for such nodes, made once per recipe, base and stand-ins.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    host_key: String,
}

impl Image {
    /// Takes it from the cache, or makes it there.
    ///
    /// # Errors
    /// When it cannot be made, or this machine has no user-mode-linux: what is not tried must not look as if it were well.
    pub fn ensure() -> Result<Self> {
        let say = &mut |line: &str| eprintln!("{line}");
        arcus_lab::ensure_packages(say)?;
        let base = Base::ensure(say)?;
        let mut digest = Sha256::new();
        digest.update(RECIPE);
        digest.update(Base::digest());
        contents(&standins_dir(), &mut digest)?;
        let name: String = digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let cache = Base::cache_dir();
        // Several test programs may want it at once: the first makes it, the others wait.
        let lock = File::create(cache.join("uml-lock")).context("creating the cache's lock")?;
        lock.lock().context("locking the cache")?;
        let path = cache.join(format!("uml-{name}.img"));
        if !path.is_file() {
            let mut command = Command::new("unshare");
            command.args(["-m", "--propagation", "private", "bash", "-c", RECIPE, "image"]).arg(base.root()).arg(&path).arg(standins_dir());
            Running::start("making the disk".into(), &mut command)?.end(Duration::from_secs(300))?.code(0)?;
            let _ = fs::remove_dir(path.with_extension("img.work"));
            drop_others(&cache, &name);
        }
        let host_key = fs::read_to_string(format!("{}.pub", path.display())).context("the disk's host key")?;
        Ok(Self { path, host_key: host_key.trim().to_owned() })
    }
}

/// Disks of older recipes take a gigabyte each; one that is in use is kept by those who use it.
fn drop_others(cache: &Path, name: &str) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let file = file.to_string_lossy();
        if file.starts_with("uml-") && file.contains(".img") && !file.contains(name) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Names and contents of all files below, in a fixed order.
fn contents(folder: &Path, digest: &mut Sha256) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        digest.update(entry.file_name().as_encoded_bytes());
        if entry.file_type()?.is_dir() {
            contents(&entry.path(), digest)?;
        } else {
            digest.update(fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// Such nodes in a world, by address; they end with it.
pub struct Machines<'w> {
    world: &'w World,
    image: &'w Image,
    children: Vec<Child>,
}

impl<'w> Machines<'w> {
    /// None yet.
    #[must_use]
    pub fn new(world: &'w World, image: &'w Image) -> Self {
        Self { world, image, children: Vec::new() }
    }

    /// Begins to boot one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn boot(&mut self, name: &str, address: &str) -> Result<()> {
        let key = fs::read_to_string(self.world.dir().join("key.pub"))?;
        let key = base64(key.trim().as_bytes());
        writeln!(File::options().append(true).open(self.world.known_hosts())?, "{address} {}", self.image.host_key)?;
        let dir = self.world.dir().display();
        let id: String = Sha256::digest(format!("{dir} {name}"))[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        // Every system call inside is a few switches between processes outside, which wait their turn on a machine that is busy:
        // it is not much that they take, but they must not wait for it.
        let line = format!(
            "/sbin/ip tuntap add uml-{name} mode tap && /sbin/ip link set uml-{name} master br0 up && exec nice -n -10 /usr/bin/linux.uml mem=512M umid={name} \
             uml_dir={dir}/uml root=/dev/ubda ubd0={dir}/{name}.cow,{image} rw vec0:transport=tap,ifname=uml-{name},depth=64,gro=1 \
             lab.address={address} lab.name={name} lab.key={key} systemd.machine_id={id} con=null con0=null,fd:1 ssl=null",
            image = self.image.path.display()
        );
        let log = File::create(self.world.dir().join(format!("{name}.console")))?;
        let mut command = self.world.command("/bin/bash");
        command.args(["-c", &line]).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        self.children.push(command.spawn().context("starting user-mode-linux")?);
        Ok(())
    }

    /// Runs a line of shell on one, as root.
    ///
    /// # Errors
    /// When it fails, or does not end within `limit`.
    pub fn sh(&self, address: &str, line: &str, limit: Duration) -> Result<String> {
        let once = || {
            let mut ssh = self.world.operator("ssh");
            ssh.args(self.world.ssh_args()).args(["-o", "ConnectTimeout=60"]).arg(format!("root@{address}")).arg(line).stdin(Stdio::null());
            Running::start(format!("{address}: {line}"), &mut ssh)?.end(limit)
        };
        let mut ended = once()?;
        // Nothing was run yet: on a machine that is busy a greeting may take long.
        for _ in 0..3 {
            if ended.status.code() == Some(255) && ended.stderr.contains("timed out during banner exchange") {
                ended = once()?;
            }
        }
        if !ended.status.success() {
            bail!("on {address}: {line}: {}\n{}{}", ended.status, ended.stdout, ended.stderr);
        }
        Ok(ended.stdout)
    }

    /// Waits until all of these answer by ssh. What the world's stand-ins are told is told to theirs.
    ///
    /// # Errors
    /// When one does not.
    pub fn wait(&self, addresses: &[&str]) -> Result<()> {
        for address in addresses {
            let up = wait_until(&format!("ssh of {address}"), BOOT, || Ok(self.sh(address, "systemctl is-system-running --wait || true", Duration::from_secs(60)).is_ok()));
            up.with_context(|| format!("it did not boot; consoles are in {}", self.world.dir().display()))?;
            for (name, content) in self.world.knobs() {
                self.sh(address, &format!("printf %s '{content}' > /etc/arcus-lab/{name}"), Duration::from_secs(60))?;
            }
        }
        ensure!(!addresses.is_empty(), "nobody to wait for");
        Ok(())
    }

    /// To be waited for after the world was stopped.
    #[must_use]
    pub fn into_children(self) -> Vec<Child> {
        self.children
    }
}

/// The kernel's command line takes no blanks.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
