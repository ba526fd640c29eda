//! A world: one private mount, network and process namespace with a bridge, and the nodes on it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::Pid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::base::Base;
use crate::cgroup::{Group, Root};
use crate::clusterfile::NodeSpec;
use crate::options::Options;
use crate::saved::{Saved, network_of};
use crate::standins::standins_dir;
use crate::wait::wait_until;

/// Password of `root` on every node.
pub const ROOT_PASSWORD: &str = "labroot";
/// Password of `ops`, who may `sudo` without one.
pub const OPS_PASSWORD: &str = "labops";
/// Password of `opspw`, who may `sudo` with it only.
pub const OPSPW_PASSWORD: &str = "labopspw";
/// Password of `plain`, who may not `sudo` and has no key.
pub const PLAIN_PASSWORD: &str = "labplain";

const IN_WORLD: &str = include_str!("world.sh");
const RUN_NODE: &str = include_str!("node.sh");
/// How long nodes may take until all answer by ssh: a hundred take 20 s on two idle cores.
const BOOT_LIMIT: Duration = Duration::from_secs(180);

/// Nodes that run. Dropping it ends them and all that was made for them, unless it is kept.
pub struct World {
    saved: Saved,
    group: Group,
    children: Mutex<HashMap<String, Child>>,
    // While this pipe is open the world lives; it closes when this process ends, however it ends.
    hold: Option<Child>,
    scratch: Option<tempfile::TempDir>,
    over: bool,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl World {
    /// Makes a world with these nodes and waits until all answer by ssh.
    pub fn start(base: &Base, nodes: &[NodeSpec], options: &Options) -> Result<Self> {
        let world = Self::empty(base, nodes, options)?;
        world.populate()?;
        if world.saved.options.keep {
            world.saved.write()?;
        }
        Ok(world)
    }

    fn empty(base: &Base, nodes: &[NodeSpec], options: &Options) -> Result<Self> {
        let operator = operator_address(nodes)?;
        let id = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        sweep();
        let (scratch, dir) = match &options.dir {
            Some(dir) => {
                fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
                (None, dir.canonicalize()?)
            }
            None => {
                let scratch = tempfile::Builder::new().prefix(&format!("arcus-lab-{id}-")).tempdir()?;
                let dir = scratch.path().to_owned();
                (Some(scratch), dir)
            }
        };
        fs::create_dir_all(dir.join("ns"))?;
        // What the world mounts over; both are made by any machine that runs such programs anyway.
        fs::create_dir_all("/run/netns").and_then(|()| fs::create_dir_all("/run/systemd/nspawn")).context("creating folders below /run")?;
        if !options.knobs.is_empty() {
            fs::create_dir_all(dir.join("knobs"))?;
            for (name, content) in &options.knobs {
                fs::write(dir.join("knobs").join(name), content)?;
            }
        }
        let _ = fs::remove_file(dir.join("known_hosts"));
        let _ = fs::remove_file(dir.join("key"));
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "arcus-lab", "-f"]).arg(dir.join("key")), None)?;

        let group = Root::find()?.group(&format!("arcus-lab-{id}"));
        for part in ["init", "operator"] {
            fs::create_dir_all(group.path().join(part)).with_context(|| format!("creating {}", group.path().display()))?;
        }
        let log = File::create(dir.join("world.log"))?;
        let mut child = Command::new("setsid")
            .args(["sh", "-c", "echo $$ > \"$1\" && shift && exec \"$@\"", "sh"])
            .arg(group.path().join("init/cgroup.procs"))
            .args(["unshare", "-m", "-n", "-p", "-f", "--kill-child", "--mount-proc", "--propagation", "private"])
            .args(["bash", "-c", IN_WORLD, "lab", "init"])
            .arg(&dir)
            .arg(format!("{operator}/24"))
            .arg(if options.keep { "self" } else { "pipe" })
            .stdin(if options.keep { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("running unshare")?;
        // From here on, dropping the world cleans up.
        let stdout = child.stdout.take();
        let saved = Saved {
            id,
            dir: dir.clone(),
            base: base.clone(),
            nodes: nodes.to_vec(),
            options: options.clone(),
            init: 0,
            network: PathBuf::new(),
        };
        let pid = child.id();
        let mut world = Self { saved, group, children: Mutex::default(), hold: Some(child), scratch, over: false };
        let mut line = String::new();
        BufReader::new(stdout.context("no output")?).read_line(&mut line)?;
        if line.trim() != "ready" {
            bail!("the world did not start: {}", fs::read_to_string(dir.join("world.log")).unwrap_or_default().trim());
        }
        world.saved.init = only_child(pid)?;
        world.saved.network = network_of(world.saved.init)?;
        Ok(world)
    }

    fn populate(&self) -> Result<()> {
        let options = &self.saved.options;
        let mut disks = String::new();
        for node in &self.saved.nodes {
            let data = if node.is("storage") { options.data_disk.as_str() } else { "0" };
            let below = self.saved.base.below(node.system)?;
            disks += &format!("{} {} {data} {}\n", node.name, node.address, below.to_string_lossy());
        }
        self.inside("make", [self.saved.base.root().as_os_str(), options.root_disk.as_ref()], &disks)?;
        let names: Vec<&str> = self.saved.nodes.iter().map(|node| node.name.as_str()).collect();
        self.plug(&names)?;
        for name in &names {
            self.boot(name)?;
        }
        self.wait_ssh(&names, BOOT_LIMIT).map(drop)
    }

    /// Takes up a kept world from its folder.
    pub fn attach(dir: &Path) -> Result<Self> {
        let saved = Saved::read(&dir.canonicalize().unwrap_or_else(|_| dir.to_owned()))?;
        let group = Root::find()?.group(&format!("arcus-lab-{}", saved.id));
        Ok(Self { saved, group, children: Mutex::default(), hold: None, scratch: None, over: false })
    }

    /// Ends the kept world in this folder, running or dead, and removes what is left of it.
    pub fn end(dir: &Path) -> Result<()> {
        if let Some(id) = Saved::id_in(dir) {
            end_group(&Root::find()?.group(&format!("arcus-lab-{id}")))?;
        }
        if dir.exists() {
            fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
        }
        Ok(())
    }

    /// Lets nodes run on after this value is gone.
    pub fn leave(mut self) {
        self.over = true;
        // Never waited for: it ends with the world, after us.
        drop(self.hold.take());
    }

    /// Ends the world now, and says if anything was left.
    pub fn stop(mut self) -> Result<()> {
        self.finish()
    }

    fn finish(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.over, true) {
            return Ok(());
        }
        let ended = end_group(&self.group);
        for mut child in self.hold.take().into_iter().chain(self.children().drain().map(|(_, child)| child)) {
            let _ = child.wait();
        }
        match self.scratch.take() {
            Some(scratch) => scratch.close().context("removing the world's folder")?,
            None => fs::remove_dir_all(&self.saved.dir).with_context(|| format!("removing {}", self.saved.dir.display()))?,
        }
        ended
    }

    /// The world's folder: `key`, `key.pub`, `known_hosts`, a console log per node.
    pub fn dir(&self) -> &Path {
        &self.saved.dir
    }

    /// The private key that logs in as `root`, `ops` and `opspw` on every node.
    pub fn key(&self) -> PathBuf {
        self.saved.dir.join("key")
    }

    /// The nodes' host keys in OpenSSH's format, by address.
    pub fn known_hosts(&self) -> PathBuf {
        self.saved.dir.join("known_hosts")
    }

    /// The address of the operator on the nodes' network.
    pub fn operator_address(&self) -> Result<Ipv4Addr> {
        operator_address(&self.saved.nodes)
    }

    /// What stand-ins are told, by the file's name: for nodes that the lab does not make itself.
    pub fn knobs(&self) -> &BTreeMap<String, String> {
        &self.saved.options.knobs
    }

    pub(crate) fn specs(&self) -> &[NodeSpec] {
        &self.saved.nodes
    }

    pub(crate) fn spec(&self, name: &str) -> Result<&NodeSpec> {
        self.specs().iter().find(|spec| spec.name == name).ok_or_else(|| anyhow!("the lab has no node {name:?}"))
    }

    /// A program on the operator's side: this machine's files and processes, the lab's network. The process started *is*
    /// the program (it can be killed, stopped, continued by its id), and it ends with the world.
    pub fn operator(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $$ > \"$1\" && shift && exec \"$@\"", "sh"])
            .arg(self.group.path().join("operator/cgroup.procs"))
            .arg("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", self.saved.init))
            .arg("--")
            .arg(program);
        command
    }

    /// A program inside all of the world's namespaces, where it sees the nodes' mounts and processes. Killing the process
    /// started does not kill the program. Paths must be absolute.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.saved.init.to_string(), "-m", "-n", "-p", "--"]).arg(program);
        command
    }

    /// Where this process finds a path of the world's mounts, such as [`crate::Node::upper`], to read what is there.
    pub fn outside(&self, path: &Path) -> PathBuf {
        Path::new("/proc").join(self.saved.init.to_string()).join("root").join(path.strip_prefix("/").unwrap_or(path))
    }

    /// `ssh` to a node as root, with its key pinned; the command's words go through the node's shell, as ssh does it.
    pub fn ssh(&self, node: &str) -> Result<Command> {
        let address = self.spec(node)?.address;
        let mut command = self.operator("ssh");
        command.args(self.ssh_args()).arg(format!("root@{address}"));
        Ok(command)
    }

    /// What `ssh` must be told to reach the nodes.
    pub fn ssh_args(&self) -> Vec<String> {
        let mut args = vec!["-i".to_owned(), self.key().display().to_string()];
        for option in [
            format!("UserKnownHostsFile={}", self.known_hosts().display()),
            "GlobalKnownHostsFile=/dev/null".into(),
            "StrictHostKeyChecking=yes".into(),
            "IdentitiesOnly=yes".into(),
            "BatchMode=yes".into(),
            "ConnectTimeout=5".into(),
        ] {
            args.extend(["-o".to_owned(), option]);
        }
        args
    }

    /// Runs `f` in a thread of its own that is in the lab's network: sockets it makes reach the nodes. Threads it starts
    /// itself are there too.
    pub fn in_network<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T> {
        let network = File::open(format!("/proc/{}/ns/net", self.saved.init)).context("opening the lab's network")?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || -> Result<T> {
                use std::os::fd::AsFd;
                move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).context("entering the lab's network")?;
                Ok(f())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Waits until these nodes answer by ssh (their banner is read); says how long it took.
    pub fn wait_ssh(&self, names: &[&str], limit: Duration) -> Result<Duration> {
        let addresses: Vec<(String, Ipv4Addr)> =
            names.iter().map(|name| Ok(((*name).to_owned(), self.spec(name)?.address))).collect::<Result<_>>()?;
        let began = Instant::now();
        self.in_network(|| -> Result<()> {
            for (name, address) in addresses {
                let left = limit.saturating_sub(began.elapsed());
                wait_until(&format!("ssh of {name}"), left, || Ok(has_banner(address)))
                    .with_context(|| format!("the console of {name} says:\n{}", self.console_tail(&name)))?;
            }
            Ok(())
        })??;
        Ok(began.elapsed())
    }

    fn console_tail(&self, name: &str) -> String {
        let text = fs::read(self.console(name)).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).into_owned()
    }

    fn console(&self, name: &str) -> PathBuf {
        self.saved.dir.join(format!("{name}.console"))
    }

    pub(crate) fn number(&self, name: &str) -> usize {
        self.saved.nodes.iter().position(|node| node.name == name).unwrap_or(usize::MAX)
    }

    pub(crate) fn group_of(&self, name: &str) -> Group {
        self.group.below(name)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.saved.options
    }

    /// Where a node's disks are, inside the world's mounts.
    pub(crate) fn disks_of(&self, name: &str) -> PathBuf {
        self.saved.dir.join("ns").join(name)
    }

    /// Gives nodes their networks.
    pub(crate) fn plug(&self, names: &[&str]) -> Result<()> {
        let gateway = self.operator_address()?;
        let mut lines = String::new();
        for name in names {
            lines += &format!("{name} {} {}/24 {gateway}\n", self.number(name), self.spec(name)?.address);
        }
        self.inside::<&str>("plug", [], &lines)
    }

    /// Starts a node that has disks and a network.
    pub(crate) fn boot(&self, name: &str) -> Result<()> {
        let group = self.group_of(name);
        for part in ["keeper", "machine"] {
            fs::create_dir_all(group.path().join(part)).with_context(|| format!("creating {}", group.path().display()))?;
        }
        let disks = self.disks_of(name);
        let log = File::options().create(true).append(true).open(self.console(name))?;
        let mut command = Command::new("setsid");
        command
            .args(["nsenter", "-t", &self.saved.init.to_string(), "-m", "-n", "-p", "--"])
            .args(["/bin/bash", "-c", RUN_NODE, "lab"])
            .arg(format!("arcus-lab-{}/{name}", self.saved.id))
            .args(["--quiet", "--boot", "--keep-unit", "--register=no", "--private-users=no", "--resolv-conf=off", "--timezone=off"])
            .args(["--link-journal=no", "--console=pipe", "--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_ADMIN", "--bind=/dev/fuse"])
            .arg(format!("--machine={name}"))
            .arg(format!("--directory={}", disks.join("root").display()))
            .arg(format!("--network-namespace-path=/run/netns/{name}"))
            .arg(format!("--bind-ro={}:/srv/standins", standins_dir().display()));
        if self.spec(name)?.is("storage") {
            command.arg(format!("--bind={}:/data", disks.join("data").display()));
        }
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn().context("running nsenter")?;
        self.children().insert(name.to_owned(), child);
        Ok(())
    }

    pub(crate) fn reap(&self, name: &str) {
        if let Some(mut child) = self.children().remove(name) {
            let _ = child.wait();
        }
    }

    fn children(&self) -> std::sync::MutexGuard<'_, HashMap<String, Child>> {
        self.children.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// One of the verbs of `world.sh`.
    pub(crate) fn inside<A: AsRef<OsStr>>(&self, verb: &str, args: impl IntoIterator<Item = A>, input: &str) -> Result<()> {
        let mut command = self.command("/bin/bash");
        command.args(["-c", IN_WORLD, "lab", verb]).arg(&self.saved.dir).args(args);
        run(&mut command, Some(input)).with_context(|| format!("the lab's {verb}"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.hold.is_none() && self.scratch.is_none() {
            return; // Attached to, not owned.
        }
        if let Err(error) = self.finish() {
            eprintln!("lab: {error:#}");
        }
    }
}

fn end_group(group: &Group) -> Result<()> {
    group.kill()?;
    group.remove()
}

/// The first address of the nodes' /24 network.
fn operator_address(nodes: &[NodeSpec]) -> Result<Ipv4Addr> {
    let first = nodes.first().context("a lab without nodes")?.address.octets();
    let own = Ipv4Addr::new(first[0], first[1], first[2], 1);
    for node in nodes {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if node.name.is_empty() || node.name.len() > 48 || node.name.starts_with('-') || !node.name.chars().all(plain) {
            bail!("{:?} is no host name that the lab can make", node.name);
        }
        if node.address.octets()[..3] != first[..3] {
            bail!("{} ({}) is outside {own}/24: the lab has one network", node.name, node.address);
        }
        if node.address == own {
            bail!("{} has the operator's address, {own}", node.name);
        }
    }
    Ok(own)
}

fn has_banner(address: Ipv4Addr) -> bool {
    let peer = SocketAddr::V4(SocketAddrV4::new(address, 22));
    let Ok(mut stream) = TcpStream::connect_timeout(&peer, Duration::from_millis(300)) else { return false };
    let mut banner = [0; 4];
    stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok() && stream.read_exact(&mut banner).is_ok() && banner == *b"SSH-"
}

/// The one child of `unshare --fork`: the first process of the new process namespace.
fn only_child(pid: u32) -> Result<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).context("reading a process's children")?;
    text.split_whitespace().next().and_then(|child| child.parse().ok()).context("the world's first process is gone")
}

pub(crate) fn run(command: &mut Command, input: Option<&str>) -> Result<()> {
    let mut child = command
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("running {}", command.get_program().to_string_lossy()))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // A program that ends early says why in its own words.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{} ({})", String::from_utf8_lossy(&output.stderr).trim(), output.status);
    }
    Ok(())
}

/// Removes what killed test programs left: empty control groups and folders named after processes that are gone.
fn sweep() {
    let dead = |name: &str| {
        let pid = name.strip_prefix("arcus-lab-").and_then(|rest| rest.split('-').next()?.parse::<i32>().ok());
        pid.and_then(Pid::from_raw).is_some_and(|pid| rustix::process::test_kill_process(pid).is_err())
    };
    let names = |dir: &Path| -> Vec<String> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| dead(name)).collect()
    };
    let Ok(root) = Root::find() else { return };
    for name in names(root.path()) {
        let group = root.group(&name);
        if group.is_empty() {
            let _ = group.remove();
        }
    }
    for name in names(&std::env::temp_dir()) {
        let id: Vec<&str> = name.splitn(5, '-').take(4).collect();
        if !root.group(&id.join("-")).path().exists() {
            let _ = fs::remove_dir_all(std::env::temp_dir().join(name));
        }
    }
}
