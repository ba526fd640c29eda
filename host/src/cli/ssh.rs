//! The way to the nodes. (Until `arcus_node::Ssh` is there: nowhere.)

use std::sync::Arc;

use arcus_cluster::Cluster;
use arcus_engine::{Fault, Kind};
use arcus_node::Transport;

use crate::cli::Context;
use crate::cli::folder::Folder;
use crate::cli::login;

pub fn transport(context: &Context, _: &Folder, _: &Cluster) -> Result<Arc<dyn Transport>, Fault> {
    login::login(&context.global.reach, &context.environment, &context.console)?;
    Err(Fault::new(Kind::Input, "ssh.missing", "SSH is not built yet"))
}
