//! The engine: from a cluster file and its plugins to a planned, applied, verified and drilled cluster.
//!
//! It never prints, prompts, exits or reads the environment: what happens is told as [`Event`]s, what went wrong as a
//! [`Fault`], and what the operator has bound (login, artifacts, secrets) is handed in with [`Setup`].
//!
//! ```text
//! Setup ── Engine::open ──▶ Engine ── plan ──▶ Proposal ── apply ──▶ Applied ── verify ──▶ Verified
//!            cluster file,     │       asks in one round trip per node, vets, leaves out what is so already
//!            plugins, hand-offs└ status, preflight, drill, unlock
//! ```

mod ahead;
mod aim;
mod apply;
mod cast;
mod change;
mod drill;
mod engine;
mod event;
mod fault;
mod fetch;
mod fleet;
mod gate;
mod hatch;
mod fresh;
mod heard;
mod journal;
mod kept;
mod lock;
mod migrate;
mod observer;
mod outlook;
mod pass;
mod proposal;
mod run;
#[cfg(test)]
mod simulated;
mod status;
mod vault;
mod veil;
mod verify;
mod watch;

pub use aim::{Aim, Way};
pub use apply::{Applied, ApplyOptions, NodeEnd};
pub use arcus_contract as contract;
pub use drill::{DrillOptions, DrillReport, DrillResult, OpenDrill, PowerHook, WatchResult};
pub use engine::{Engine, Operator, Setup, endpoint};
pub use event::{Event, Events, StepEnd};
pub use fault::{Fault, Kind, Trouble};
pub use gate::{Gate, refused};
pub use journal::{Entry, Journal, state_folder};
pub use lock::Holder;
pub use proposal::{Diff, PlannedLater, PlannedStep, Proposal};
pub use status::{LastRun, NodeStatus, Status};
pub use vault::Bindings;
pub use verify::{CheckReport, Verified};
