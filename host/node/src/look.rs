//! What can be asked of a node, and what comes back.
use arcus_contract::facts::{Fact, Probe};
use arcus_contract::types::Problem;

use crate::watch::{DrillNote, TimerFact, Watched};
use crate::{Hidden, LockFact};

/// One question. Reads only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A probe of the contract. `Query` and `FileIs` are the engine's to resolve (into `Command`, and `Probe(File)` or
    /// `Content`): here they are answered with the problem `look.unresolved`.
    Probe(Probe),
    /// A read-only command of a manifest: [`Seen::Fact`]`(Fact::Query)`. Killed after its time.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
        /// What it is fed, without NULs; nothing when empty.
        stdin: String,
        /// Seconds it may take.
        timeout_s: u32,
        /// Bytes of each stream that are kept.
        limit: u32,
    },
    /// All of a file, for merging and carrying over: [`Seen::Content`].
    Content {
        /// Absolute; symlinks are followed.
        path: String,
        /// Larger ones are the problem `node.truncated`.
        limit: u64,
    },
    /// Names in a folder that begin with `prefix`: [`Seen::Names`]. For witness files that a crash left behind.
    Names {
        /// Absolute path of the folder.
        directory: String,
        /// Beginning of the names.
        prefix: String,
    },
    /// Epoch and owner of the cluster's lock as this node knows them: [`Seen::Lock`].
    Lock,
    /// A secret kept on this node: [`Seen::Secret`].
    Secret(String),
    /// Ids of the steps of this run that this node completed, oldest first: [`Seen::Record`].
    Record(String),
    /// What an observer of this id saw so far: [`Seen::Watched`].
    Watched(String),
    /// Timers that restore, and have not done so yet: [`Seen::Timers`].
    Timers,
    /// The drill that is under way, as this node was told: [`Seen::Drill`].
    Drill,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Answer to `Probe` and `Command`.
    Fact(Fact),
    /// Answer to `Content`. None: there is no such file.
    Content(Option<Content>),
    /// Answer to `Names`. An empty list also where the folder does not exist.
    Names(Vec<Named>),
    /// Answer to `Lock`.
    Lock(LockFact),
    /// Answer to `Secret`. None: this node keeps none of this name.
    Secret(Option<Hidden>),
    /// Answer to `Record`.
    Record(Vec<String>),
    /// Answer to `Watched`. None: there is no such observer.
    Watched(Option<Watched>),
    /// Answer to `Timers`.
    Timers(Vec<TimerFact>),
    /// Answer to `Drill`. None: it knows of none.
    Drill(Option<DrillNote>),
}

/// All of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What it holds.
    pub bytes: Hidden,
    /// Lower-case hex, of what was read.
    pub sha256: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner's name.
    pub owner: String,
    /// Group's name.
    pub group: String,
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Without the folder.
    pub name: String,
    /// Seconds since it was last written, by the node's clock.
    pub age_s: u64,
}

/// Answer to one look. A problem means *unknown*, never *absent*. Codes: `node.denied`, `node.timeout`, `node.truncated`,
/// `node.unreadable`, `query.missing`, `node.not-reached` (a task of the batch was not done), `look.unresolved`, `look.bad`.
pub type Answer = Result<Seen, Problem>;

impl Seen {
    /// The fact, where it is one.
    pub fn fact(self) -> Option<Fact> {
        match self {
            Self::Fact(fact) => Some(fact),
            _ => None,
        }
    }
}
