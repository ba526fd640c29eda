//! `arcus schema`: the JSON schema of the cluster file, for editors.

use std::io::Write as _;

use arcus_engine::Fault;

use crate::cli::Context;
use crate::cli::foreign::PlainJson;

/// Prints it, in either form of output.
pub fn run(_: &Context) -> Result<(), Fault> {
    // Who reads it may have left.
    let _ = writeln!(std::io::stdout(), "{}", PlainJson::text(&arcus_cluster::schema()));
    Ok(())
}
