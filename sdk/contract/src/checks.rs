//! How something is judged: goals, checks, drills. No functions.
//!
//! Generated from `wit/checks.wit` by `cargo xtask contract`.

/// A goal of a step, with what was seen for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Weighing {
    /// Its id.
    #[cfg_attr(feature = "host", component(name = "step"))]
    pub step: String,
    /// As its goal has it.
    #[cfg_attr(feature = "host", component(name = "expect"))]
    pub expect: String,
    /// Places in `judge`'s `seen`, one per request of the goal, in its order. (Many goals look at the same
    /// answer: a thousand of them at one table of a thousand rows.)
    #[cfg_attr(feature = "host", component(name = "seen"))]
    pub seen: Vec<u32>,
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Seen {
    /// `request`.
    #[cfg_attr(feature = "host", component(name = "request"))]
    pub request: crate::facts::Request,
    /// `answer`.
    #[cfg_attr(feature = "host", component(name = "answer"))]
    pub answer: crate::facts::Answer,
}

/// Of a goal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Verdict {
    /// It is so.
    #[cfg_attr(feature = "host", component(name = "met"))]
    Met,
    /// Not yet: what is missing, shown live while waiting.
    #[cfg_attr(feature = "host", component(name = "unmet"))]
    Unmet(String),
    /// Will not become met by waiting.
    #[cfg_attr(feature = "host", component(name = "failed"))]
    Failed(crate::types::Problem),
}

impl Verdict {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unmet(_) => "unmet",
            Self::Failed(_) => "failed",
        }
    }
}

/// `pending`: not yet, and no cause for alarm for so many seconds more (the host looks again).
/// `unknown` is never turned into passed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Outcome {
    /// `passed`.
    #[cfg_attr(feature = "host", component(name = "passed"))]
    Passed,
    /// `warned`.
    #[cfg_attr(feature = "host", component(name = "warned"))]
    Warned,
    /// `failed`.
    #[cfg_attr(feature = "host", component(name = "failed"))]
    Failed,
    /// `pending`.
    #[cfg_attr(feature = "host", component(name = "pending"))]
    Pending(u32),
    /// `unknown`.
    #[cfg_attr(feature = "host", component(name = "unknown"))]
    Unknown,
}

impl Outcome {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Pending(_) => "pending",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Check {
    /// Stable: `mounted`, `one-holder`.
    #[cfg_attr(feature = "host", component(name = "id"))]
    pub id: String,
    /// The node it is about; none: the cluster as a whole.
    #[cfg_attr(feature = "host", component(name = "node"))]
    pub node: Option<crate::types::NodeName>,
    /// What should be so, in plain words.
    #[cfg_attr(feature = "host", component(name = "title"))]
    pub title: String,
    /// Whether it is.
    #[cfg_attr(feature = "host", component(name = "outcome"))]
    pub outcome: crate::checks::Outcome,
    /// What was seen.
    #[cfg_attr(feature = "host", component(name = "detail"))]
    pub detail: String,
}

/// The host writes a file that is new in this run on one node, reads it on the others, removes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Witness {
    /// `id`.
    #[cfg_attr(feature = "host", component(name = "id"))]
    pub id: String,
    /// `title`.
    #[cfg_attr(feature = "host", component(name = "title"))]
    pub title: String,
    /// `writer`.
    #[cfg_attr(feature = "host", component(name = "writer"))]
    pub writer: crate::types::NodeName,
    /// `readers`.
    #[cfg_attr(feature = "host", component(name = "readers"))]
    pub readers: Vec<crate::types::NodeName>,
    /// `directory`.
    #[cfg_attr(feature = "host", component(name = "directory"))]
    pub directory: String,
}

/// What `verify` returns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Verified {
    /// `checks`.
    #[cfg_attr(feature = "host", component(name = "checks"))]
    pub checks: Vec<crate::checks::Check>,
    /// `witnesses`.
    #[cfg_attr(feature = "host", component(name = "witnesses"))]
    pub witnesses: Vec<crate::checks::Witness>,
}

/// Always taken back by the host, whatever happens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Fault {
    /// Stop this unit on this node; started again. One of the manifest's services.
    #[cfg_attr(feature = "host", component(name = "stop"))]
    Stop((crate::types::NodeName, String)),
    /// Kill all that runs in this unit on this node, and let nobody start it; started again. The machine lives on. One of the
    /// manifest's services, or the unit that the platform's demand calls the gateway's.
    #[cfg_attr(feature = "host", component(name = "kill"))]
    Kill((crate::types::NodeName, String)),
    /// Cut this node off from all others for so many seconds, 5 to 120: longer than the goals under it take. A timer on the node
    /// undoes it; nobody can reach it to do so earlier.
    #[cfg_attr(feature = "host", component(name = "isolate"))]
    Isolate((crate::types::NodeName, u32)),
    /// This node loses power: only by the operator's hook (BMC, hypervisor, lab).
    #[cfg_attr(feature = "host", component(name = "power"))]
    Power(crate::types::NodeName),
}

impl Fault {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Stop(_) => "stop",
            Self::Kill(_) => "kill",
            Self::Isolate(_) => "isolate",
            Self::Power(_) => "power",
        }
    }
}

/// What beats.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(variant))]
pub enum Beat {
    /// ICMP echo to this address. (A crashed machine's kernel may still answer: a connect says more.)
    #[cfg_attr(feature = "host", component(name = "ping"))]
    Ping(String),
    /// TCP connect to address and port.
    #[cfg_attr(feature = "host", component(name = "connect"))]
    Connect((String, u16)),
    /// Write a record to a new file in this directory, and sync it. Every record that was acknowledged must be there afterwards;
    /// then the file is removed. Below a path that the manifest may write.
    #[cfg_attr(feature = "host", component(name = "write"))]
    Write(String),
    /// This read-only command of the manifest ends with status 0, within five seconds.
    #[cfg_attr(feature = "host", component(name = "query"))]
    Query(crate::facts::Query),
}

impl Beat {
    /// Its name in the contract.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ping(_) => "ping",
            Self::Connect(_) => "connect",
            Self::Write(_) => "write",
            Self::Query(_) => "query",
        }
    }
}

/// A beat from an observer. The longest time between two beats that got through is the blackout.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Watch {
    /// Unique in the drill.
    #[cfg_attr(feature = "host", component(name = "id"))]
    pub id: String,
    /// A node, or `controller`: the operator's machine, which only `ping` and `connect` can be seen from. The operator may choose
    /// another observer: any node for those two, one of `others` for the rest.
    #[cfg_attr(feature = "host", component(name = "observer"))]
    pub observer: crate::types::NodeName,
    /// Nodes that can take the observer's place. What a `write` wrote must be read by each of them afterwards, so there it must
    /// not be empty.
    #[cfg_attr(feature = "host", component(name = "others"))]
    pub others: Vec<crate::types::NodeName>,
    /// What is tried.
    #[cfg_attr(feature = "host", component(name = "beat"))]
    pub beat: crate::checks::Beat,
    /// Milliseconds from the beginning of one beat to that of the next.
    #[cfg_attr(feature = "host", component(name = "every-ms"))]
    pub every_ms: u32,
    /// A longer blackout fails the drill.
    #[cfg_attr(feature = "host", component(name = "at-most-ms"))]
    pub at_most_ms: u32,
}

/// A trial by fault.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "host", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component(record))]
pub struct Drill {
    /// Stable, begins with what it is about: `vip-stop`.
    #[cfg_attr(feature = "host", component(name = "id"))]
    pub id: String,
    /// What is broken and what should be borne, in plain words.
    #[cfg_attr(feature = "host", component(name = "title"))]
    pub title: String,
    /// What is broken.
    #[cfg_attr(feature = "host", component(name = "fault"))]
    pub fault: crate::checks::Fault,
    /// Run from before the fault until after the goals of `recovers`. The first is the one that is reported.
    #[cfg_attr(feature = "host", component(name = "watches"))]
    pub watches: Vec<crate::checks::Watch>,
    /// Waits whose goals must be met under the fault, and again after it was taken back. Under the fault, requests to the node
    /// that was silenced are left out.
    #[cfg_attr(feature = "host", component(name = "recovers"))]
    pub recovers: Vec<crate::actions::Step>,
    /// Waits whose goals must be met after it was taken back only, and after the last beat: copies that were made whole again.
    #[cfg_attr(feature = "host", component(name = "heals"))]
    pub heals: Vec<crate::actions::Step>,
}

