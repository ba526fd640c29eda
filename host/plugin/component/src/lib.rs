//! What a plugin's file is: reading it without running any of its code, and making it out of a core module.
//!
//! Apart from the sandbox, so that building plugins needs no compiler of WebAssembly.

mod anatomy;
pub mod compile;
mod complexity;
mod contract;
mod encode;
mod fault;
mod inspect;

pub use anatomy::Anatomy;
pub use complexity::check_complexity;
pub use contract::{CONTRACT_VERSION, EXPECTED_IMPORTS, concern_functions};
pub use encode::componentize;
pub use fault::Fault;
pub use inspect::{Inspection, MAX_SIZE, check_header, digest, inspect};
