//! The sandbox: loads plugins, holds them within limits, calls them.
//!
//! ```text
//! Sandbox ── load(Source) ──> Plugin ── plan(asker, input) ──> Desired | problems | CallError
//!    │                                       │ observe.ask
//!  Cache, Limits, permit, log          Round ── Seat per call ──> Fetch, once per round of all plugins
//! ```
//!
//! A plugin is a component without WASI. Each call gets a fresh store, so nothing is remembered and nothing that goes
//! wrong in one call reaches the next. This crate prints nothing and reads no environment.

mod admission;
mod approval;
mod approvals;
mod ask;
mod asked;
mod cache;
mod embedded;
mod export;
mod failure;
#[cfg(test)]
mod fuzz;
mod guest;
mod hatch;
mod imports;
mod limits;
mod lock;
mod log;
mod meter;
mod native;
mod plugin;
mod private;
mod round;
mod runtime;
mod sandbox;
mod session;
mod signature;
mod statement;

pub use arcus_component::{CONTRACT_VERSION, Fault, Inspection, MAX_SIZE, componentize, digest, inspect};

pub use admission::{Refusal, admit};
pub use approval::{Approval, ApprovalError};
pub use approvals::Approvals;
pub use ask::{Asker, Permit};
pub use asked::{beyond, grant_digest, permissions};
pub use cache::{Cache, CacheError, Ignored};
pub use embedded::{Embedded, embedded};
pub use export::Export;
pub use failure::{CallError, Failure, Kind};
pub use hatch::Live;
pub use limits::Limits;
pub use lock::{LOCK, Lock, LockError, Pin};
pub use log::{Level, LogLine, LogSink};
pub use plugin::Plugin;
pub use private::exposed;
pub use round::{Fetch, Round, Seat, Wanted};
pub use runtime::Options;
pub use signature::{Policy, SignatureError, Signer};
pub use statement::{place as statement_place, text as statement_text};
pub use sandbox::{LoadError, Read, Sandbox, Source};
