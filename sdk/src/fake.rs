//! A fake cluster for testing plugins natively: machines whose state answers asks and is changed by steps, through the same code for
//! "left out", order and envelope as the host (`arcus-plan`).
//!
//! ```
//! # use arcus_sdk::prelude::*;
//! use arcus_sdk::fake::{Fixture, Package, World};
//!
//! fn bare() -> Fixture {
//!     let mut world = World::new();
//!     world.node("storage01", "10.99.0.31", &[Role::Storage]);
//!     // Installing it brings a unit, and starts it with the configuration of the package, as Debian does.
//!     world.offers(Package::new("glusterfs-server", "10.3").unit("glusterd.service").started());
//!     // Commands and queries are simulated by their argv. What they change is state of the world.
//!     world.simulate(|world, run| {
//!         let volume = run.matches(["gluster", "--mode=script", "volume", "start"])?.first()?;
//!         world.memory.insert(format!("volume {volume}"), "started".into());
//!         Some(run.prints("volume start: success\n"))
//!     });
//!     # let manifest = "name = \"storage-x\"\nversion = \"0.1.0\"\nconcern = \"storage\"\ncontract = \"0.1\"\nsummary = \"x\"";
//!     Fixture::new(manifest /* include_str!("../manifest.toml") */, r#"{"volume": "data"}"#, world)
//! }
//! # let _ = bare();
//! ```
//!
//! With a fixture, one line tests what every plugin must keep: `arcus_sdk::properties!(Gluster, bare);`. For tests of its own a
//! plugin uses [`Lab`]: `converge`, `round`, `verify`, and the world in between.
//!
//! What it models because it bites: services read their files when they *start*; a package may start its unit before it is configured;
//! a run can crash after any step; a node may not answer; jobs go on without us; files below a mount are those of what is mounted;
//! time passes only while somebody waits.

mod answer;
mod lab;
mod live;
mod machine;
mod perform;
#[doc(hidden)]
pub mod properties;
mod secrets;
#[doc(hidden)]
pub mod subject;
mod world;

pub use lab::{Fixture, Lab, Report, Round, Trouble, inspect};
pub use machine::{Document, Machine, Unit};
pub use world::{Invocation, Package, World};

/// Generates tests of what every plugin must keep, on a fixture (a function that returns [`Fixture`]):
/// `arcus_sdk::properties!(Gluster, bare);` inside a test module.
///
/// - apply, then plan is empty, whichever node is the fastest, and no service runs with what its files said before;
/// - a run stopped after any step is completed by the next, and comes to the same;
/// - what later rounds do was announced by the first plan, also when a node did not answer at first;
/// - the same input gives the same plan, checks and drills, and looking changes nothing;
/// - everything verified passes after apply; a service that runs with older files does not.
#[macro_export]
macro_rules! properties {
    ($plugin:ty, $fixture:path) => {
        mod properties {
            use super::*;
            #[test]
            fn apply_then_plan_is_empty() {
                $crate::fake::properties::apply_then_plan_is_empty::<$plugin>($fixture);
            }
            #[test]
            fn every_prefix_of_a_run_can_be_resumed() {
                $crate::fake::properties::every_prefix_can_be_resumed::<$plugin>($fixture);
            }
            #[test]
            fn later_rounds_were_announced() {
                $crate::fake::properties::later_rounds_were_announced::<$plugin>($fixture);
            }
            #[test]
            fn the_same_input_gives_the_same_result() {
                $crate::fake::properties::deterministic::<$plugin>($fixture);
            }
            #[test]
            fn verify_passes_after_apply_and_not_with_stale_services() {
                $crate::fake::properties::verify_is_honest::<$plugin>($fixture);
            }
        }
    };
}
