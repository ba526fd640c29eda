//! Everything that is shown to people: pure functions from reports to safe text.

pub mod applied;
pub mod checks;
pub mod drill;
pub mod fault;
pub mod grant;
pub mod keys;
pub mod plan;
pub mod runs;
#[cfg(test)]
pub mod samples;
pub mod snippet;
pub mod status;
pub mod table;
