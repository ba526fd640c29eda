//! What can be changed. The host vets, diffs, journals and performs it. No functions.
//! 
//! A plan states what should be, not what differs: **the host leaves out every step that is satisfied
//! already**. Each action says below when it is; a step with a goal is when its goal is met.
//! Looked at again when its turn comes instead: a step whose target (path, unit, mount point, a service's
//! `newer-than`) an earlier remaining step of the plan also touches, and a `wait` after a remaining step.
//! A step left out counts as done, also when what it comes after is not (a node lost after its work was done holds nobody up).
//! What must be so only for a while (units stopped for a copy) a plugin leaves out itself once it served.
//!
//! Generated from `wit/actions.wit` by `cargo xtask contract`.

/// Satisfied: installed, in this version where one is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Package {
    /// `name`.
    #[cfg_attr(feature = "host", component(name = "name"))]
    pub name: String,
    /// `version`.
    #[cfg_attr(feature = "host", component(name = "version"))]
    pub version: Option<String>,
}

/// Satisfied: exists with this mode and owner. Parents are not made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Directory {
    /// `path`.
    #[cfg_attr(feature = "host", component(name = "path"))]
    pub path: String,
    /// `mode`.
    #[cfg_attr(feature = "host", component(name = "mode"))]
    pub mode: u32,
    /// `owner`.
    #[cfg_attr(feature = "host", component(name = "owner"))]
    pub owner: String,
    /// `group`.
    #[cfg_attr(feature = "host", component(name = "group"))]
    pub group: String,
}

/// Satisfied: as `running`, `enabled` and `held` say, and started (or reloaded) since each path last changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Service {
    /// systemd unit with its suffix.
    #[cfg_attr(feature = "host", component(name = "name"))]
    pub name: String,
    /// Active now; false: stopped.
    #[cfg_attr(feature = "host", component(name = "running"))]
    pub running: bool,
    /// Started at every boot.
    #[cfg_attr(feature = "host", component(name = "enabled"))]
    pub enabled: bool,
    /// Nobody can start it, neither by hand nor by a reboot, until a service step says otherwise. Not with `running`.
    /// Unlike masking this works for units in /etc too, and leaves what the operator masked alone.
    #[cfg_attr(feature = "host", component(name = "held"))]
    pub held: bool,
    /// Files it reads at start. The host looks at times on the node, not at memory: a crash between
    /// writing the file and restarting is made good by the next run.
    #[cfg_attr(feature = "host", component(name = "newer-than"))]
    pub newer_than: Vec<String>,
    /// Reload instead of restart when only `newer-than` asks for it.
    #[cfg_attr(feature = "host", component(name = "reload"))]
    pub reload: bool,
}

/// What may be at the target now. Anything else is an error that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Over {
    /// Nothing, or an empty directory.
    #[cfg_attr(feature = "host", component(name = "nothing"))]
    Nothing,
    /// A mount of this source, which is unmounted first, live and in fstab.
    #[cfg_attr(feature = "host", component(name = "mount"))]
    Mount(String),
    /// A directory with files in it, which stay, hidden.
    #[cfg_attr(feature = "host", component(name = "files"))]
    Files,
}

impl Over {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Mount(_) => "mount",
            Self::Files => "files",
        }
    }
}

/// Satisfied: live (where `live`) and in fstab (where `persist`) with this source, type and options.
/// A bind mount has the option `bind`, a directory as its source and `none` as its type; it may be its own target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Mount {
    /// False: not mounted now, and unmounted if it is; with `persist` and the option `noauto` a reboot keeps it so.
    #[cfg_attr(feature = "host", component(name = "live"))]
    pub live: bool,
    /// In the words of fstab: device, `host:/path`, `host:/volume`.
    #[cfg_attr(feature = "host", component(name = "source"))]
    pub source: String,
    /// Mount point, made when missing; the key of the fstab line.
    #[cfg_attr(feature = "host", component(name = "target"))]
    pub target: String,
    /// In the words of fstab: `glusterfs`, `nfs`, `none`.
    #[cfg_attr(feature = "host", component(name = "fstype"))]
    pub fstype: String,
    /// In the words of fstab. Live options the kernel rewrites are not compared, source and type are.
    #[cfg_attr(feature = "host", component(name = "options"))]
    pub options: Vec<String>,
    /// It stands in fstab; false: it does not.
    #[cfg_attr(feature = "host", component(name = "persist"))]
    pub persist: bool,
    /// What may be in its place.
    #[cfg_attr(feature = "host", component(name = "over"))]
    pub over: crate::actions::Over,
}

/// Never satisfied by itself: in a plan it needs a goal (the host refuses it otherwise), in a drill not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Command {
    /// Program and arguments, no shell. Matched against the manifest. Runs with LC_ALL=C.
    #[cfg_attr(feature = "host", component(name = "argv"))]
    pub argv: Vec<String>,
    /// What it reads; empty: nothing, at once at its end.
    #[cfg_attr(feature = "host", component(name = "stdin"))]
    pub stdin: Vec<crate::files::Piece>,
    /// The exit status proves nothing (`grctl`): only the goal decides. False: other than 0 fails.
    #[cfg_attr(feature = "host", component(name = "status-lies"))]
    pub status_lies: bool,
}

/// Satisfied: the receipt is there and names this source and target. Who goes back must remove it (`absent`)
/// before anything else, or the next attempt skips the copy and loses what was written in between.
/// Both trees are on the step's node, where rsync must be installed. Keeps mode, owner, times, links, xattrs, ACLs,
/// holes. Runs as a job: it outlives the run, and tells its progress. Refused where the target has not enough space.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct CopyTree {
    /// Absolute path of a directory that is there.
    #[cfg_attr(feature = "host", component(name = "source"))]
    pub source: String,
    /// Absolute path of a directory that is there; what is in the source comes to lie in it.
    #[cfg_attr(feature = "host", component(name = "target"))]
    pub target: String,
    /// Remove what the source does not have.
    #[cfg_attr(feature = "host", component(name = "mirror"))]
    pub mirror: bool,
    /// Compare everything afterwards; a difference fails the step. Content is read in full on both sides, now or by an
    /// earlier copy of these trees, if nothing of the file has changed since. False: the source may change meanwhile.
    #[cfg_attr(feature = "host", component(name = "compare"))]
    pub compare: bool,
    /// File on this node, outside both trees: written last, with counts and digests.
    #[cfg_attr(feature = "host", component(name = "receipt"))]
    pub receipt: String,
}

/// Copies a file of the step's node to the operator's side, below `.arcus/kept/`, with mode 0600: a snapshot before something that
/// puts at risk what it holds. Satisfied: what was kept last under this name is what the file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Fetch {
    /// Absolute; a regular file.
    #[cfg_attr(feature = "host", component(name = "path"))]
    pub path: String,
    /// Letters, digits, `.`, `_` and `-`. Earlier files of the name stay.
    #[cfg_attr(feature = "host", component(name = "name"))]
    pub name: String,
}

/// A step that cannot be told yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Later {
    /// Shown as "known after ...".
    #[cfg_attr(feature = "host", component(name = "why"))]
    pub why: String,
    /// Names of cases of `action`. With `call` among them, it is shown with all nodes of the roles that the manifest names, and may
    /// open these and no others.
    #[cfg_attr(feature = "host", component(name = "kinds"))]
    pub kinds: Vec<String>,
}

/// Arguments for `hatch.run` (64 KiB at most), and the nodes it may open: no other step runs on them meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Call {
    /// `name`.
    #[cfg_attr(feature = "host", component(name = "name"))]
    pub name: String,
    /// `args`.
    #[cfg_attr(feature = "host", component(name = "args"))]
    pub args: crate::types::Json,
    /// `nodes`.
    #[cfg_attr(feature = "host", component(name = "nodes"))]
    pub nodes: Vec<crate::types::NodeName>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Action {
    /// Satisfied: installed.
    #[cfg_attr(feature = "host", component(name = "package"))]
    Package(crate::actions::Package),
    /// Satisfied: exists with this mode and owner.
    #[cfg_attr(feature = "host", component(name = "directory"))]
    Directory(crate::actions::Directory),
    /// Satisfied: this part of it is so. Written whole, beside and renamed.
    #[cfg_attr(feature = "host", component(name = "file"))]
    File(crate::files::File),
    /// No file at this path. Removes a file, never a directory.
    #[cfg_attr(feature = "host", component(name = "absent"))]
    Absent(String),
    /// Satisfied: runs, starts at boot and can be started as it says, with what its files hold now.
    #[cfg_attr(feature = "host", component(name = "service"))]
    Service(crate::actions::Service),
    /// Satisfied: mounted and in fstab as it says.
    #[cfg_attr(feature = "host", component(name = "mount"))]
    Mount(crate::actions::Mount),
    /// Not mounted on this target, live nor in fstab.
    #[cfg_attr(feature = "host", component(name = "unmount"))]
    Unmount(String),
    /// Dies with the run.
    #[cfg_attr(feature = "host", component(name = "command"))]
    Command(crate::actions::Command),
    /// The same, but long: started once as a transient unit on the node, goes on without us; a later run
    /// attaches to it instead of starting a second.
    #[cfg_attr(feature = "host", component(name = "job"))]
    Job(crate::actions::Command),
    /// Copies a directory with all that is in it. Satisfied: its receipt is there.
    #[cfg_attr(feature = "host", component(name = "copy-tree"))]
    CopyTree(crate::actions::CopyTree),
    /// Copies a file to the operator's side. Satisfied: what was kept last is what it holds.
    #[cfg_attr(feature = "host", component(name = "fetch"))]
    Fetch(crate::actions::Fetch),
    /// Does nothing: holds back what comes after it until its goal is met. Without a goal: a mere join.
    #[cfg_attr(feature = "host", component(name = "wait"))]
    Wait,
    /// Cannot be told yet. Shown, never performed; what comes after it waits too. Once the rest is performed,
    /// a new plan must carry an action of one of these kinds under the same id, node and disruption.
    #[cfg_attr(feature = "host", component(name = "later"))]
    Later(crate::actions::Later),
    /// Opens the hatch: the host calls `hatch.run`. Refused from worlds without it, and without a goal. The operator accepts it apart.
    #[cfg_attr(feature = "host", component(name = "call"))]
    Call(crate::actions::Call),
}

impl Action {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Package(_) => "package",
            Self::Directory(_) => "directory",
            Self::File(_) => "file",
            Self::Absent(_) => "absent",
            Self::Service(_) => "service",
            Self::Mount(_) => "mount",
            Self::Unmount(_) => "unmount",
            Self::Command(_) => "command",
            Self::Job(_) => "job",
            Self::CopyTree(_) => "copy-tree",
            Self::Fetch(_) => "fetch",
            Self::Wait => "wait",
            Self::Later(_) => "later",
            Self::Call(_) => "call",
        }
    }
}

/// When a step is done although its action cannot tell. Looked at while planning (met: left out), and after
/// performing, again and again, until met, failed, or out of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Goal {
    /// What to look at, on any nodes.
    #[cfg_attr(feature = "host", component(name = "requests"))]
    pub requests: Vec<crate::facts::Request>,
    /// Handed back to `judge` with the answers. Plain words: the operator sees it, as "until ...".
    #[cfg_attr(feature = "host", component(name = "expect"))]
    pub expect: String,
    /// Seconds to wait after the action ended.
    #[cfg_attr(feature = "host", component(name = "within-s"))]
    pub within_s: u32,
}

/// What a step can put at risk while it runs. The operator says yes to each apart (`--accept`).
#[derive(Debug, Clone, Copy, PartialOrd, Ord, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(enum))]
#[repr(u8)]
pub enum Disruption {
    /// What is stored may be lost. The operator accepts it by a name: what the step's id names where that is not its node (`wipe:data`
    /// and `wipe:data@web1` lose `data`, a volume), else the place that the action is about (`web1:/srv/data`), else the node.
    #[cfg_attr(feature = "host", component(name = "data"))]
    Data,
    /// A group may be left without a majority.
    #[cfg_attr(feature = "host", component(name = "quorum"))]
    Quorum,
    /// Users may be cut off for a while.
    #[cfg_attr(feature = "host", component(name = "blackout"))]
    Blackout,
}

impl Disruption {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Quorum => "quorum",
            Self::Blackout => "blackout",
        }
    }

    /// For bindings that lift a guest's value; the canonical ABI has checked the range.
    #[doc(hidden)]
    #[allow(clippy::missing_safety_doc, unsafe_code)]
    pub unsafe fn _lift(value: u8) -> Self {
        match value {
            0 => Self::Data,
            1 => Self::Quorum,
            2 => Self::Blackout,
            _ => panic!("invalid enum discriminant"),
        }
    }
}

/// A milestone, on each of these nodes; anywhere, when empty. It holds where at least one step provides it and
/// all that do are done or left out. So it never holds on a node that nobody could plan for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Need {
    /// `milestone`.
    #[cfg_attr(feature = "host", component(name = "milestone"))]
    pub milestone: String,
    /// `nodes`.
    #[cfg_attr(feature = "host", component(name = "nodes"))]
    pub nodes: Vec<crate::types::NodeName>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Step {
    /// Unique in the plugin, and the same in every plan for the same thing: `mount:web1`.
    #[cfg_attr(feature = "host", component(name = "id"))]
    pub id: String,
    /// Where it runs. Steps of one node run one at a time, the first ready one in the order of the plan; but jobs of no group about
    /// different nodes run side by side. What must not run before something else says so in `after` or `needs`.
    #[cfg_attr(feature = "host", component(name = "node"))]
    pub node: crate::types::NodeName,
    /// The node it is about, where that is another: a manager that adds a compute node. `--limit` and reports go by it.
    #[cfg_attr(feature = "host", component(name = "about"))]
    pub about: Option<crate::types::NodeName>,
    /// What it does, in a few plain words: `mount the shared directory`.
    #[cfg_attr(feature = "host", component(name = "title"))]
    pub title: String,
    /// What is to be so.
    #[cfg_attr(feature = "host", component(name = "action"))]
    pub action: crate::actions::Action,
    /// Ids of this plan that must be done first, on any node. An id that is not in the plan is an error.
    #[cfg_attr(feature = "host", component(name = "after"))]
    pub after: Vec<String>,
    /// Milestones that must hold first; see `handoffs`.
    #[cfg_attr(feature = "host", component(name = "needs"))]
    pub needs: Vec<crate::actions::Need>,
    /// Milestones that hold on this node once this is done.
    #[cfg_attr(feature = "host", component(name = "provides"))]
    pub provides: Vec<String>,
    /// At most one step of a group is under way in the cluster, until its goal is met; a failure stops the group. Of those that may
    /// start, the first in the plan does: put the holder of an address, or a leader, last. That is one step at a time, not one node
    /// at a time: after one of several steps of a node, a step of another node may come next. Where a node has to be well again before
    /// the next is touched, let the first step of each be `after` the last of the one before.
    #[cfg_attr(feature = "host", component(name = "group"))]
    pub group: Option<String>,
    /// Once per cluster: performed only when every request of its goal was answered in this run.
    #[cfg_attr(feature = "host", component(name = "once"))]
    pub once: bool,
    /// When it is done, where its action cannot tell. None: once the action is.
    #[cfg_attr(feature = "host", component(name = "goal"))]
    pub goal: Option<crate::actions::Goal>,
    /// How to take it back. None: the host restores what was there (package, directory, file, absent, service,
    /// mount), or cannot (command, job, copy-tree, call), which is shown.
    #[cfg_attr(feature = "host", component(name = "undo"))]
    pub undo: Option<crate::actions::Action>,
    /// Empty: nothing is put at risk.
    #[cfg_attr(feature = "host", component(name = "disrupts"))]
    pub disrupts: Vec<crate::actions::Disruption>,
    /// Seconds the action may take.
    #[cfg_attr(feature = "host", component(name = "timeout-s"))]
    pub timeout_s: u32,
}

/// What `plan` returns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Desired {
    /// All that should be so, in the order of choice where nothing else orders them.
    #[cfg_attr(feature = "host", component(name = "steps"))]
    pub steps: Vec<crate::actions::Step>,
    /// Shown with every plan: accepted risks, what was not tested.
    #[cfg_attr(feature = "host", component(name = "warnings"))]
    pub warnings: Vec<crate::types::Problem>,
}

