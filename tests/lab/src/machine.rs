//! What the machine that runs the lab must have: packages, limits, and what a kernel or container host may refuse.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cgroup;

/// Debian packages the lab itself needs.
pub const PACKAGES: &[&str] = &[
    "systemd-container", // systemd-nspawn: the nodes
    "mmdebstrap",        // the base
    "zstd",              // its cache
    "fping",             // blackouts, measured every 10 ms
    "user-mode-linux",   // nodes with a kernel of their own, which has NFS
    "e2fsprogs",         // their disk
    "iproute2",
    "openssh-client",
    "openssh-server",    // tests of logins talk to a real sshd, on this machine and in namespaces of their own
    "docker-registry",   // tests of plugins in registries talk to a real one, in a namespace of their own
    "minisign",          // and sign with the real program
    "util-linux",
    "procps",
    "ca-certificates",
];

/// What would be started at the next boot, of those that this machine did not have.
const SERVICES: &[(&str, &str)] = &[("openssh-server", "ssh.service"), ("docker-registry", "docker-registry.service")];

/// Packages of the lab that are not installed here.
pub fn packages() -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for package in PACKAGES {
        let output = Command::new("dpkg-query")
            .args(["-W", "-f", "${db:Status-Status}", package])
            .stderr(Stdio::null())
            .output()
            .context("running dpkg-query: the lab needs a Debian (or Ubuntu) machine")?;
        if output.stdout != b"installed" {
            missing.push(*package);
        }
    }
    Ok(missing)
}

/// Installs what is missing, saying so first.
pub fn ensure_packages(say: &mut dyn FnMut(&str)) -> Result<()> {
    let missing = packages()?;
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("lab: installing with apt-get: {}", missing.join(" ")));
    let apt = |args: &[&str]| -> Result<()> {
        let output = Command::new("apt-get")
            .args(["-q", "-y", "-o", "DPkg::Lock::Timeout=120"])
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .output()
            .context("running apt-get")?;
        if !output.status.success() {
            bail!("apt-get {} failed:\n{}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    };
    apt(&["update"])?;
    let mut install = vec!["install", "--no-install-recommends"];
    install.extend(&missing);
    let _quiet = NoServices::begin()?;
    apt(&install)?;
    for (package, service) in SERVICES {
        if missing.contains(package) {
            // Nobody asked for a way into this machine. (Without systemd there is nothing to disable.)
            let _ = Command::new("systemctl").args(["--root=/", "disable", service]).stdin(Stdio::null()).output();
        }
    }
    Ok(())
}

/// While this lives, packages that are installed start no services: `policy-rc.d`, see invoke-rc.d(8).
struct NoServices(Option<&'static Path>);

impl NoServices {
    fn begin() -> Result<Self> {
        let policy = Path::new("/usr/sbin/policy-rc.d");
        if policy.exists() {
            return Ok(Self(None));
        }
        fs::write(policy, "#!/bin/sh\nexit 101\n").and_then(|()| fs::set_permissions(policy, fs::Permissions::from_mode(0o755))).context("writing policy-rc.d")?;
        Ok(Self(Some(policy)))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = self.0 {
            let _ = fs::remove_file(policy);
        }
    }
}

/// Kernel limits that stop nodes from booting (silently) past about twenty of them, and what they are raised to.
const LIMITS: &[(&str, u64)] = &[
    ("fs/inotify/max_user_instances", 8192),
    ("fs/inotify/max_user_watches", 1_048_576),
    ("kernel/keys/maxkeys", 20_000),
    ("kernel/keys/maxbytes", 2_000_000),
];

/// Raises (never lowers) the kernel's limits.
pub fn ensure_limits(say: &mut dyn FnMut(&str)) -> Result<()> {
    for (name, wanted) in LIMITS {
        let path = Path::new("/proc/sys").join(name);
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let now: u64 = text.trim().parse().unwrap_or(0);
        if now < *wanted {
            say(&format!("lab: raising {} from {now} to {wanted}", name.replace('/', ".")));
            fs::write(&path, wanted.to_string()).with_context(|| format!("raising {}", path.display()))?;
        }
    }
    Ok(())
}

/// What this machine lacks for the lab, each with the reason; empty means that the lab can run.
pub fn requirements() -> Vec<String> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("root: nodes need real mounts, a bridge and trusted.* attributes".to_owned());
        return missing;
    }
    let kernel = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let has = |name: &str| kernel.lines().any(|line| line.split_whitespace().last() == Some(name));
    if !has("overlay") && !Command::new("modprobe").arg("overlay").status().is_ok_and(|status| status.success()) {
        missing.push("overlay: the kernel has no overlay file system (modprobe overlay)".to_owned());
    }
    if !Path::new("/dev/fuse").exists() {
        missing.push("/dev/fuse: GlusterFS mounts need it (modprobe fuse; in a container, hand the device in)".to_owned());
    }
    if !Path::new("/dev/net/tun").exists() {
        missing.push("/dev/net/tun: nodes with a kernel of their own join the bridge by it (modprobe tun; in a container, hand the device in)".to_owned());
    }
    match cgroup::Root::find() {
        Ok(_) => {}
        Err(error) => missing.push(format!("cgroup2: {error:#}")),
    }
    // The namespaces themselves, tried for real: containers and hardened kernels refuse in many ways.
    match Command::new("unshare")
        .args(["-m", "-n", "-p", "-f", "--mount-proc", "--propagation", "private"])
        .args(["sh", "-c", "ip link add br0 type bridge && ip link add v0 type veth peer name v1"])
        .stdin(Stdio::null())
        .output()
    {
        Ok(output) if output.status.success() => {}
        Ok(output) => missing.push(format!("namespaces, bridge, veth: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) if error.kind() == ErrorKind::NotFound => missing.push("unshare: install util-linux".to_owned()),
        Err(error) => missing.push(format!("unshare: {error}")),
    }
    missing
}

/// All of the above: installs, raises, and errs naming everything that this machine lacks.
pub fn ensure(say: &mut dyn FnMut(&str)) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("the lab needs root: nodes need real mounts, a bridge and trusted.* attributes");
    }
    ensure_packages(say)?;
    ensure_limits(say)?;
    let missing = requirements();
    if !missing.is_empty() {
        bail!("this machine cannot run the lab; it lacks:\n  {}", missing.join("\n  "));
    }
    Ok(())
}
