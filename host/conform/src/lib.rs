//! The conformance kit: a component, in the sandbox that the host uses, on the fake cluster that authors test against.
//!
//! ```text
//! component ── Sandbox ──▶ Sandboxed ── Foreign ──▶ Lab (plan, leave out, perform, judge) ──▶ Trials
//!                             ▲  asks                │
//!                             └──── World ◀──────────┘
//! ```
//!
//! Prints nothing and reads no environment.

mod component;
mod nonsense;
mod trials;
mod world;

pub use trials::{Outcome, Trial, Trials};
pub use world::{Description, DescriptionError};
