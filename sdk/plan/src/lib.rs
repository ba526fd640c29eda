//! What the host and the SDK's fake cluster both know about plans: what a plugin may do, what is so already, what comes next.
//!
//! Nothing here looks at a node or changes one. Because both sides use this one implementation, a property proven on the
//! fake cluster (apply, then the plan is empty) says something about the real host.

pub mod envelope;
#[cfg(test)]
mod fuzz;
pub mod likeness;
pub mod loss;
pub mod manifest;
pub mod pattern;
#[cfg(test)]
mod samples;
pub mod sequence;
pub mod standing;
pub mod vet;
