//! What a plugin author uses: traits to implement, typed looks at nodes, a plan builder, checks, drills, parsers,
//! and (natively) a fake cluster to test against.
//!
//! A plugin is a type with no state and one `export!`:
//!
//! ```
//! use arcus_sdk::prelude::*;
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config { source: String }
//!
//! struct Shelf;
//!
//! impl Plugin for Shelf {
//!     type Config = Config;
//!
//!     // Says all that should be, also what is so already: the host leaves that out. No diffing here.
//!     fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
//!         let os = cluster.ask_each(&cluster.nodes, probe::os());            // one round trip for all nodes
//!         for node in &cluster.nodes {
//!             // By the name of its package on that system; OS unknown: "known after apply".
//!             let client = plan.software("install", node, Software::NfsClient, os.of(node));
//!             plan.mount("mount", node, mount(&cluster.config.source, "/shelf", "nfs4").options(["vers=4.2"]))
//!                 .after([&client])
//!                 .until([probe::mounts().on(node)], "the shelf is mounted", 20)   // judged by `goals`, entry `mount`
//!                 .provides(milestone::STORAGE_MOUNTED);
//!         }
//!         Ok(())
//!     }
//!
//!     fn goals() -> Goals<Config> {
//!         Goals::new().on("mount", |cluster, case| {
//!             let mounts: &Vec<Mounted> = case.get(0)?;                      // unanswered: unmet, says why
//!             match mounts.at("/shelf") {
//!                 Some(found) if found.live && found.source == cluster.config.source => met(),
//!                 Some(found) => unmet(format!("{} is mounted there", found.source)),
//!                 None => unmet("nothing is mounted there"),
//!             }
//!         })
//!     }
//!
//!     fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
//!         let mounts = cluster.ask_each(&cluster.nodes, probe::mounts());
//!         for node in &cluster.nodes {
//!             checks.on(node, "mounted", "the shelf is mounted").judge(mounts.of(node), |mounts| {
//!                 match mounts.at("/shelf") {
//!                     Some(found) => passed(format!("from {}", found.source)),
//!                     None => failed("nothing is mounted there"),
//!                 }
//!             });                                                            // unanswered: `unknown`, never passed
//!         }
//!         checks.witness("shared", "what one writes the others read", &cluster.nodes, "/shelf");
//!         Ok(())
//!     }
//! }
//!
//! impl Storage for Shelf {
//!     fn offer(cluster: &Cluster<Config>) -> Result<StorageOffer, Vec<Problem>> {
//!         if !cluster.config.source.contains(':') {
//!             return Err(vec![problem("shelf.source", "the source must be host:path").at("/source")]);
//!         }
//!         Ok(StorageOffer { source: cluster.config.source.clone(), fstype: "nfs4".into(), options: vec![], local: vec![] })
//!     }
//! }
//!
//! arcus_sdk::export!(storage: Shelf);
//! # fn main() {}
//! ```
//!
//! **Crate.** `crate-type = ["cdylib", "rlib"]`; beside `Cargo.toml` a `manifest.toml` with everything the plugin may read and do.
//! **Ids** are `verb:subject`. The subject is the step's node; [`Planned::about`] makes it another node, [`Planned::of`] any
//! other word. The verb selects the entry of [`Plugin::goals`] that judges the step's `until`.
//! **Order** is [`Planned::after`] between steps, [`Planned::needs`] / [`Planned::provides`] between plugins
//! (see [`milestone`]). Steps of one node run one at a time, the first that is ready; only `after` makes a file come before its service.
//! **Silence.** [`Look::Unknown`] (no answer) is another type than `None` (not there). Steps on a node that did not answer turn into
//! `later` by themselves; a step that needs a fact of *another* silent node, or one refused fact, says so with [`Planned::known`].
//! **Secrets** never pass a plugin: [`text!`] puts them in by name.
//! **Procedures** that are no list of steps run live, as one step: [`Plan::call`] and [`Plugin::live`], with
//! `export!(storage with hatch: Shelf)` and `call` among the manifest's actions. The operator sees that it is so, accepts it apart, and may
//! refuse all of it: do without where steps will do.
//! **Mistakes of the author** (a command without `until`, a verb without a goal, an id used twice) are refused as
//! problems `plugin.*` when the plan is finished, so any test against [`fake`] finds them.
//! **Determinism.** Same input and answers, same result, byte for byte: no clock, no randomness
//! ([`Cluster::stable_uuid`]), no hash maps where order shows.

mod ask;
mod checks;
mod cluster;
mod content;
mod drill;
mod export;
mod fact;
mod goal;
#[cfg(not(target_family = "wasm"))]
pub mod fake;
#[doc(hidden)]
pub mod guest;
mod hatch;
mod host;
pub mod milestone;
pub mod net;
pub mod parse;
mod plan;
mod plugin;
pub mod probe;
mod problem;
pub mod shared;
mod system;
pub mod worlds;

pub use arcus_contract as contract;
pub use ask::{Ask, Batch, Got, Look, PerNode, Probes, Ticket};
pub use checks::{Checking, Checks, Finding, failed, passed, pending, unknown, warned};
pub use cluster::Cluster;
pub use content::{FileSpec, IntoPiece, MountSpec, bind, file, mount, secret};
pub use drill::{Trial, connect, ping, responds, write};
pub use fact::{FactType, FileText, Interfaces, Mounts, OsKind, OutputText, Sockets};
pub use goal::{Case, Goals, Judged, met, unmet, will_fail};
pub use hatch::{Live, Session};
#[cfg(not(target_family = "wasm"))]
pub use hatch::Nodes;
pub use plan::{Plan, Planned, Unguarded, Unproven};
pub use plugin::{Gateway, Migration, Network, Platform, Plugin, Preflight, Storage};
pub use problem::{Explain, problem};
pub use system::{Family, Software};

pub use host::{debug, info, warn};
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
pub use host::native;

/// Everything a plugin usually needs: `use arcus_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::ask::Look::{Known, Unknown};
    pub use crate::{
        Ask, Case, Checks, Cluster, Explain, Family, FileText, Gateway, Goals, Interfaces, Judged, Live, Look, Migration, Mounts, Network,
        OsKind, OutputText, PerNode, Plan, Planned, Platform, Plugin, Preflight, Session, Sockets, Software, Storage, Trial, connect, debug, failed, file, info, met,
        milestone, mount, net, parse, passed, pending, ping, probe, problem, responds, secret, shared, text, unknown, unmet, warn, warned, will_fail, write,
    };
    pub use arcus_contract::actions::{Action, Command, Disruption, Over};
    pub use arcus_contract::checks::{Beat, Drill, Fault};
    pub use arcus_contract::facts::{
        BlockDevice, Clock, DirectoryFact, FileFact, Hardware, Holder, JobFact, Likeness, Mounted, NetworkInterface, Os, Output,
        Probe, Reachability, Request, Route, ServiceFact, Socket, Vrrp,
    };
    pub use arcus_contract::files::{Content, File, Part, Piece};
    pub use arcus_contract::handoffs::{GatewayOffer, NetworkOffer, PlatformDemand, SharedDirectory, StorageOffer};
    pub use arcus_contract::types::{Node, Problem, Role};
}
