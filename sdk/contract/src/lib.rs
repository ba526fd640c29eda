//! The types of the contract `arcus:plugin`, generated from `wit/` by `cargo xtask contract`: edit the WIT instead.
//!
//! Guests, the SDK and the host use the same ones. Feature `host` lets wasmtime lift and lower them.

pub mod types;
pub mod files;
pub mod facts;
pub mod actions;
pub mod checks;
pub mod handoffs;

/// Everything in one place.
pub mod prelude {
    pub use crate::types::*;
    pub use crate::files::*;
    pub use crate::facts::*;
    pub use crate::actions::*;
    pub use crate::checks::*;
    pub use crate::handoffs::*;
}
