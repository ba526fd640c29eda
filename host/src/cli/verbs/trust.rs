//! `arcus trust`.
use arcus_engine::{Fault, Kind};
use crate::cli::Context;
use crate::cli::args::Trust;
pub async fn run(_: &Context, _: &Trust) -> Result<(), Fault> {
    Err(Fault::new(Kind::Input, "ssh.missing", "SSH is not built yet"))
}
