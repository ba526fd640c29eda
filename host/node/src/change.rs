//! What can be changed on a node, and how it ended.
use std::{fmt, io, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::watch::{DrillNote, Watch};
use crate::Hidden;

/// One change, complete: nothing in it is left to be rendered or decided on the node but "is it still as expected?".
#[derive(Debug, Clone)]
pub enum Change {
    /// Installs it with the system's package manager (apt, dnf, yum), from repositories that are configured already.
    /// Services it brings are not started by the installation.
    Package {
        /// Plain name.
        name: String,
        /// Exactly this version.
        version: Option<String>,
    },
    /// Makes it, or sets mode and owner of the one that is there. Its parent must exist.
    Directory {
        /// Absolute.
        path: String,
        /// Permission bits.
        mode: u32,
        /// Owner's name.
        owner: String,
        /// Group's name.
        group: String,
        /// The parent may be a folder that others than root can write to.
        shared_parent: bool,
    },
    /// Writes it whole: beside, then renamed. Never through a symbolic link, in the name or in the way to it.
    WriteFile {
        /// Absolute.
        path: String,
        /// What it shall hold.
        content: Source,
        /// Permission bits.
        mode: u32,
        /// Owner's name.
        owner: String,
        /// Group's name.
        group: String,
        /// Before the first change, copy what is there to `<path>.arcus-original`, once.
        keep_original: bool,
        /// What must be there right before.
        expect: Expect,
        /// The parent may be a folder that others than root can write to.
        shared_parent: bool,
    },
    /// Removes a file (or a symbolic link, not what it leads to), never a directory. Gone already: done.
    Remove {
        /// Absolute.
        path: String,
        /// What must be there right before. `Absent` makes no sense here and counts as `Any`.
        expect: Expect,
        /// The parent may be a folder that others than root can write to.
        shared_parent: bool,
    },
    /// In this order, after `systemctl daemon-reload` where systemd says that it is needed.
    Service {
        /// Unit with its suffix.
        name: String,
        /// What to do with it.
        actions: Vec<ServiceAction>,
    },
    /// Live, and in fstab where `persist`. Refused, with nothing changed, where something else is in the place.
    Mount {
        /// False: unmounted now; only its line in fstab is kept.
        live: bool,
        /// As fstab has it.
        source: String,
        /// Mount point, made when missing; the key of the fstab line.
        target: String,
        /// As fstab has it.
        fstype: String,
        /// In the words of fstab.
        options: Vec<String>,
        /// Also in fstab.
        persist: bool,
        /// What may be there now.
        over: Over,
    },
    /// Neither live nor in fstab.
    Unmount {
        /// Mount point.
        target: String,
        /// Refused where another source is mounted or noted there.
        source: Option<String>,
    },
    /// Ends, by SIGTERM and then SIGKILL, when its time is up or the link is lost.
    Command {
        /// Program and arguments, no shell.
        argv: Vec<String>,
        /// What it reads.
        stdin: Hidden,
        /// Any exit status is `Done`.
        status_lies: bool,
    },
    /// Starts it detached, as a transient unit, and does not wait for it: follow it with `Look::Probe(Probe::Job)`.
    /// Where one of this id is under way, this attaches to it, starting nothing.
    Job {
        /// Step id; the name of its folder.
        id: String,
        /// Program and arguments, no shell.
        argv: Vec<String>,
        /// What it reads.
        stdin: Hidden,
        /// Start another when an earlier one ended (or died with the machine). Otherwise that one stands.
        again: bool,
    },
    /// Copies a tree to another on the same node, detached like a job of this id, and leaves a receipt.
    CopyTree {
        /// Step id; the name of its folder among the jobs.
        id: String,
        /// Absolute; what is below it is copied.
        source: String,
        /// Absolute.
        target: String,
        /// Remove what the source does not have.
        mirror: bool,
        /// Compare everything afterwards.
        compare: bool,
        /// Written last. Its folder must be there.
        receipt: String,
    },
    /// Takes the cluster's lock on this node. Refused with code `lock.held` where another run holds it and is neither
    /// silent for `stale_after_s` nor `over`; and with `lock.epoch` where the epoch is not above the one stored.
    LockTake {
        /// The new owner.
        owner: LockOwner,
        /// Seconds without a heartbeat after which the other counts as gone.
        stale_after_s: u32,
        /// Run that may be displaced though it is not stale (its process is known to be dead, or the operator says so).
        over: Option<String>,
    },
    /// Shows that the owner lives. `Fenced` when the lock is no longer ours.
    LockBeat {
        /// Our run.
        run: String,
    },
    /// Gives it back. Not ours (any more): done, nothing changed.
    LockRelease {
        /// Our run.
        run: String,
    },
    /// Keeps a secret on the node. There already with this value: done; with another: stale.
    KeepSecret {
        /// Name in the manifest.
        name: String,
        /// Value.
        value: Hidden,
    },
    /// Sets a timer on the node that runs a command unless it is disarmed before: what always restores.
    Arm {
        /// Name of the timer; one of this name is replaced.
        id: String,
        /// Seconds from now.
        after_s: u32,
        /// Program and arguments, no shell.
        argv: Vec<String>,
    },
    /// Takes the timer away. None there: done.
    Disarm {
        /// Name of the timer.
        id: String,
    },
    /// Does now what the timer would do, and takes it away. None there: done.
    Fire {
        /// Name of the timer.
        id: String,
    },
    /// Takes an interface down, after a timer was armed on the node that brings it (addresses, routes) up again.
    Isolate {
        /// Name of the interface.
        interface: String,
        /// Seconds until it comes back by itself.
        for_s: u32,
        /// Addresses that move between nodes: not for the way back to bring.
        movable: Vec<String>,
    },
    /// Ends an isolation before its time.
    Rejoin {
        /// Name of the interface.
        interface: String,
    },
    /// Kills all that runs in a unit, and lets nobody start it, after a timer was armed on the node that allows it again and starts it.
    HoldDown {
        /// Unit with its suffix.
        unit: String,
        /// Name of the timer; [`Change::Fire`] ends it before its time.
        id: String,
        /// Seconds until it comes back by itself.
        for_s: u32,
    },
    /// Starts an observer; one of this id is replaced.
    Watch(Watch),
    /// Ends an observer; what it saw stays.
    EndWatch {
        /// Its id.
        id: String,
    },
    /// Ends an observer and takes away what it saw and wrote. None there: done.
    ForgetWatch {
        /// Its id.
        id: String,
    },
    /// Notes that a drill is under way.
    NoteDrill(DrillNote),
    /// Takes the note of this run away. None there, or of another run: done.
    ForgetDrill {
        /// The run.
        run: String,
    },
    /// Nothing: a step that only waits for its goal.
    Nothing,
}

/// What a file shall hold.
#[derive(Clone)]
pub enum Source {
    /// These bytes, secrets filled in.
    Bytes(Hidden),
    /// A larger thing (an artifact), read while it is sent and checked against its digest on the node.
    Stream {
        /// How many bytes.
        size: u64,
        /// Lower-case hex.
        sha256: String,
        /// Opens it at its beginning; called again when a batch is sent again.
        open: Arc<dyn Fn() -> io::Result<Box<dyn io::Read + Send>> + Send + Sync>,
    },
}

impl Source {
    /// Lower-case hex.
    pub fn sha256(&self) -> String {
        match self {
            Self::Bytes(bytes) => bytes.sha256(),
            Self::Stream { sha256, .. } => sha256.clone(),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => bytes.fmt(f),
            Self::Stream { size, sha256, .. } => write!(f, "<{size} bytes, sha256 {sha256}>"),
        }
    }
}

/// What must be at a path right before it is changed; what the diff was made against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Absent,
    /// A file with this SHA-256, lower-case hex.
    Digest(String),
    /// No matter what. For files nobody was shown a diff of.
    Any,
}

/// What to do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceAction {
    /// Starts with the machine.
    Enable,
    /// Does not.
    Disable,
    /// Start.
    Start,
    /// Stop.
    Stop,
    /// Restart; starts one that does not run.
    Restart,
    /// Reload, and note that files changed before now are loaded.
    Reload,
    /// Nothing and nobody can start it from now on.
    Hold,
    /// Ends a hold.
    Release,
}

/// What may be at a mount point now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// Nothing, or an empty directory.
    Nothing,
    /// A mount of this source, which is unmounted first.
    Mount(String),
    /// A directory with files in it, which stay, hidden.
    Files,
}

/// Who holds the cluster's lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockOwner {
    /// The run.
    pub run: String,
    /// Above every epoch seen before.
    pub epoch: u64,
    /// The operator.
    pub user: String,
    /// Their machine.
    pub host: String,
    /// Process there.
    pub pid: u32,
    /// Since when, seconds since 1970 by the owner's clock.
    pub since: u64,
    /// What it is doing: `apply`, `drill`.
    pub verb: String,
}

/// The lock as one node knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockFact {
    /// The highest epoch this node has seen; 0: none.
    pub epoch: u64,
    /// None: not taken.
    pub owner: Option<LockOwner>,
    /// Seconds since the owner's last heartbeat, by the node's clock.
    pub idle_s: u64,
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Performed.
    Done(Ended),
    /// Tried, and it failed: something may have changed.
    Failed(Failure),
    /// What is there is not what was expected. Nothing was written.
    Stale {
        /// SHA-256 of what is there; none: nothing is.
        found: Option<String>,
    },
    /// A precondition does not hold. Nothing was changed.
    Refused(Failure),
    /// Another run has taken over. Nothing was changed.
    Fenced {
        /// Its epoch.
        epoch: u64,
    },
    /// Its time was up; it was killed.
    Timeout(Ended),
    /// Something before it in the batch was not done.
    NotReached,
}

impl Outcome {
    /// Whether it was performed.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// What something that ran to its end left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ended {
    /// Exit status; 0 where no command of the plan ran.
    pub status: i32,
    /// The last of what it printed, both streams, at most 8 KiB. Foreign text: show it escaped.
    pub tail: Vec<u8>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Stable: `command.failed`, `package.not-found`, `package.failed`, `package.locked`, `service.failed`, `service.masked`, `mount.foreign`,
    /// `mount.busy`, `mount.failed`, `file.symlink`, `file.shared-parent`, `file.not-a-file`, `file.no-parent`, `file.failed`, `node.no-space`,
    /// `job.failed`, `lock.held`, `lock.epoch`, `state.failed`, `drill.failed`, `tool.missing`.
    pub code: String,
    /// One sentence by the host.
    pub message: String,
    /// Exit status of what failed, where something did.
    pub status: Option<i32>,
    /// The last of what it printed, both streams, at most 8 KiB. Foreign text: show it escaped.
    pub tail: Vec<u8>,
}
