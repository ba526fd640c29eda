//! One node: what a test does to it from outside, without asking its ssh.

use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::clusterfile::NodeSpec;
use crate::world::World;

/// How long a node may take from power-on until it answers by ssh.
const ON_LIMIT: Duration = Duration::from_secs(180);
/// How often what runs in a node is told to go on, should it have been stopped.
const STOPPED: Duration = Duration::from_millis(500);

/// A node of a running world.
#[derive(Clone, Copy)]
pub struct Node<'w> {
    world: &'w World,
    spec: &'w NodeSpec,
}

/// What a command on a node gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its exit status; 128 + the signal's number when a signal ended it.
    pub status: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Answer {
    /// The output of a command that must have succeeded.
    pub fn ok(self) -> Result<String> {
        if self.status != 0 {
            bail!("status {}: {}{}", self.status, self.stdout, self.stderr);
        }
        Ok(self.stdout)
    }
}

impl World {
    /// All nodes, in the order of the file.
    pub fn nodes(&self) -> Vec<Node<'_>> {
        self.specs().iter().map(|spec| Node { world: self, spec }).collect()
    }

    /// A node by name.
    pub fn node(&self, name: &str) -> Result<Node<'_>> {
        Ok(Node { world: self, spec: self.spec(name)? })
    }
}

impl Node<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.spec.address
    }

    /// Its description.
    pub fn spec(&self) -> &NodeSpec {
        self.spec
    }

    /// The folder with all that differs from the base (an overlay's upper tree), for [`World::command`].
    pub fn upper(&self) -> PathBuf {
        self.world.disks_of(self.name()).join("up")
    }

    /// The folder that is mounted at `/data` on storage nodes, for [`World::command`].
    pub fn data(&self) -> PathBuf {
        self.world.disks_of(self.name()).join("data")
    }

    /// Its control group on this machine.
    pub fn group_path(&self) -> PathBuf {
        self.world.group_of(self.name()).path().to_owned()
    }

    /// Whether its system runs (which does not say that it answers).
    pub fn is_on(&self) -> bool {
        self.init().is_ok()
    }

    /// Power loss: its link goes first, then everything at once; no kernel answers for its addresses afterwards. Disks
    /// stay as they were.
    pub fn power_off(&self) -> Result<()> {
        let name = self.name();
        if self.has_link() {
            self.ip(&["link", "set", &self.link(), "down"])?;
        }
        self.crash()?;
        self.world.inside("unplug", [name, &self.world.number(name).to_string()], "")
    }

    /// Power comes back: it boots with the disks it had; waits until it answers by ssh. Says how long that took.
    pub fn power_on(&self) -> Result<Duration> {
        if self.is_on() {
            bail!("{} is on", self.name());
        }
        if self.has_link() {
            // Crashed, not powered off: addresses of its old life would answer still.
            self.world.inside("unplug", [self.name(), &self.world.number(self.name()).to_string()], "")?;
        }
        self.world.group_of(self.name()).remove()?;
        self.world.plug(&[self.name()])?;
        self.world.boot(self.name())?;
        self.world.wait_ssh(&[self.name()], ON_LIMIT)
    }

    /// All of its processes die at once while its kernel goes on: it still answers ping on all addresses it holds, a
    /// virtual one too. That is no power loss.
    pub fn crash(&self) -> Result<()> {
        self.world.group_of(self.name()).kill()?;
        self.world.reap(self.name());
        Ok(())
    }

    /// Cuts its link to all others.
    pub fn cut(&self) -> Result<()> {
        self.ip(&["link", "set", &self.link(), "down"])
    }

    /// Mends a cut link.
    pub fn heal(&self) -> Result<()> {
        self.ip(&["link", "set", &self.link(), "up"])
    }

    /// Limits its link in both directions, to at least 8 kbit/s.
    pub fn slow(&self, kbit: u32) -> Result<()> {
        let rate = format!("{}kbit", kbit.max(8));
        let limit = ["root", "tbf", "rate", &rate, "burst", "16kb", "latency", "400ms"];
        self.tc(&["qdisc", "replace", "dev", &self.link()], &limit)?;
        let netns = ["-n", self.name(), "qdisc", "replace", "dev", "eth0"];
        self.tc(&netns, &limit)
    }

    /// Takes the limit away.
    pub fn unslow(&self) -> Result<()> {
        self.tc(&["qdisc", "del", "dev", &self.link(), "root"], &[])?;
        self.tc(&["-n", self.name(), "qdisc", "del", "dev", "eth0", "root"], &[])
    }

    /// Takes all free room from its root disk (or, with `data`, from `/data`): writes fail for lack of space.
    pub fn fill_disk(&self, data: bool) -> Result<()> {
        self.world.inside("shrink", [self.disk(data)], "")
    }

    /// Gives the room back.
    pub fn free_disk(&self, data: bool) -> Result<()> {
        let options = self.world.options();
        let size = if data { &options.data_disk } else { &options.root_disk };
        let mut command = self.world.command("/bin/mount");
        crate::world::run(command.arg("-o").arg(format!("remount,size={size}")).arg(self.disk(data)), None)
    }

    fn disk(&self, data: bool) -> PathBuf {
        if data { self.data() } else { self.world.disks_of(self.name()) }
    }

    /// A program inside the node, as its root, without ssh. The process started is not the program.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let init = self.init()?;
        let group = self.world.group_of(self.name());
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $$ > \"$1\" && shift && exec \"$@\"", "sh"])
            .arg(group.path().join("machine/payload/init.scope/cgroup.procs"))
            .args(["nsenter", "-t", &init.to_string(), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--", "/usr/bin/env", "-i"])
            .args(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"])
            .arg(program);
        Ok(command)
    }

    /// Runs a command inside the node, as its root, without ssh; its time is limited to three minutes.
    pub fn exec<S: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = S>) -> Result<Answer> {
        let mut command = self.command("timeout")?;
        command.args(["--kill-after=5", "180"]).args(argv).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = output(&mut command).with_context(|| format!("running a command on {}", self.name()))?;
        Ok(Answer {
            status: output.status.code().unwrap_or(128),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a line of shell inside the node; its output when it succeeded.
    pub fn sh(&self, line: &str) -> Result<String> {
        self.exec(["sh", "-c", line])?.ok().with_context(|| format!("on {}: {line}", self.name()))
    }

    /// The number, outside, of the node's first process: inside it is 1. (Not the lowest of its group: numbers begin anew, and what enters
    /// the node is in the group, too.)
    fn init(&self) -> Result<u32> {
        let file = self.world.group_of(self.name()).path().join("machine/payload/init.scope/cgroup.procs");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let first = text.lines().filter_map(|line| line.parse().ok()).find(|pid| is_first_inside(*pid));
        first.with_context(|| format!("{} is off", self.name()))
    }

    fn link(&self) -> String {
        format!("v{}", self.world.number(self.name()))
    }

    fn has_link(&self) -> bool {
        self.ip(&["link", "show", &self.link()]).is_ok()
    }

    fn ip(&self, args: &[&str]) -> Result<()> {
        crate::world::run(self.world.command("/sbin/ip").args(args), None)
    }

    fn tc(&self, before: &[&str], after: &[&str]) -> Result<()> {
        crate::world::run(self.world.command("/sbin/tc").args(before).args(after), None)
    }
}

/// Whether a process is the first of its process namespace, see proc_pid_status(5).
fn is_first_inside(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("NSpid:")).is_some_and(|numbers| numbers.split_whitespace().last() == Some("1"))
}

/// Waits for a command inside a node. A node that goes down stops whatever runs in it before killing it, and then nsenter stops, too
/// (nsenter(1) does as its child does): the node would wait for it, and we for both.
fn output(command: &mut Command) -> std::io::Result<std::process::Output> {
    let child = command.spawn()?;
    let entered = Pid::from_child(&child);
    let (done, ended) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while ended.recv_timeout(STOPPED) == Err(RecvTimeoutError::Timeout) {
                // Nobody else would: to one that runs this means nothing.
                let _ = kill_process(entered, Signal::CONT);
            }
        });
        let output = child.wait_with_output();
        drop(done);
        output
    })
}
