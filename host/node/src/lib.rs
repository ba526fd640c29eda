//! Everything between "the engine wants to know or change this on a node" and the node.
//!
//! ```text
//! engine ── Batch { changes, looks } ──▶ Link ──▶ one script for `sh -s` ──▶ node
//!        ◀── Report { outcomes, answers } ──     ◀── frames with lengths ──
//! ```
//!
//! * A [`Transport`] connects to an [`Endpoint`] and hands out a [`Link`]: one per node and run. Back-ends: [`Ssh`]
//!   (russh), [`Local`] (this machine), [`Simulated`] (no machine at all: a closure answers every batch).
//! * A [`Link`] performs a [`Batch`]: [`Task`]s in order, then [`Look`]s, in **one** round trip. It stops at the first
//!   task that is not done; what was not reached says so. Everything a script was asked comes back in a [`Report`], in
//!   the order of the batch. A link that broke is [`Lost`], which tells how far the batch is known to have come.
//! * A [`Look`] reads, a [`Change`] changes. Both are complete: content is merged, secrets are filled in, paths are
//!   absolute. This crate knows nothing of plans, manifests or plugins.
//!
//! ```text
//! trait Transport { async fn connect(&self, &Endpoint) -> Result<Arc<dyn Link>, ConnectError>; }
//! trait Link      { fn node(&self) -> &str;
//!                   async fn run(&self, &Batch, &mut dyn Sink) -> Result<Report, Lost>;
//!                   async fn look(&self, Vec<Look>) -> Result<Vec<Answer>, Lost>;
//!                   fn is_lost(&self) -> bool;
//!                   async fn close(&self); }
//! trait Sink      { fn event(&mut self, Event); }          // closures are sinks; Quiet drops events
//!
//! Ssh::new(Layout, Login, KnownHosts) -> Ssh               Ssh::host_keys(&Endpoint) -> Vec<HostKey>  (`arcus trust`)
//! Local::new(Layout) -> Local                              Simulated::new(|node, &Batch| -> Result<Report, Lost>)
//! KnownHosts::{load, parse, check, add, replace, save}
//! ```
//!
//! Nothing here prints, prompts or reads the environment: secrets are asked for through [`Login`]'s [`Prompt`].

mod change;
mod endpoint;
mod frames;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod hostile;
mod known_hosts;
mod layout;
mod library;
mod link;
mod local;
mod login;
mod look;
mod looks;
mod quote;
mod script;
mod secret;
mod shell;
mod simulated;
mod ssh;
mod tasks;
mod watch;

pub use change::{Change, Ended, Expect, Failure, LockFact, LockOwner, Outcome, Over, ServiceAction, Source};
pub use endpoint::Endpoint;
pub use known_hosts::{HostKey, KnownHosts, KnownHostsError, Verdict};
pub use layout::Layout;
pub use link::{Batch, ConnectError, Event, Fence, HostKeyTrouble, Link, Lost, Quiet, Report, Sink, Task, Transport};
pub use local::Local;
pub use login::{Identity, Login, NoPrompt, Prompt, Wanted};
pub use look::{Answer, Content, Look, Named, Seen};
pub use secret::Hidden;
pub use simulated::Simulated;
pub use ssh::Ssh;
pub use watch::{DrillNote, Heartbeat, RECORD, TimerFact, Watch, WatchBeat, Watched, record};
