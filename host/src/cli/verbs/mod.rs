//! What the commands do, one file each.

mod apply;
mod completion;
mod drill;
mod init;
mod log;
mod mend;
mod migrate;
mod node;
mod plan;
pub mod plugin;
mod preflight;
mod schema;
mod status;
mod trust;
mod unlock;
mod validate;
pub mod verify;

use arcus_engine::Fault;

use crate::cli::Context;
use crate::cli::args::{Node, Verb};
use crate::cli::work::block_on;

/// Does it. Commands that wait for nobody need no runtime, and start in no time.
pub fn run(context: &Context, verb: Verb) -> Result<(), Fault> {
    match verb {
        Verb::Init(args) => init::run(context, &args),
        Verb::Validate => validate::run(context),
        Verb::Trust(args) => block_on(trust::run(context, &args)),
        Verb::Preflight => block_on(preflight::run(context)),
        Verb::Plan(args) => block_on(plan::run(context, &args)),
        Verb::Apply(args) => block_on(apply::run(context, &args)),
        Verb::Verify(args) => block_on(verify::run(context, &args)),
        Verb::Status => block_on(status::run(context)),
        Verb::Drill(args) => block_on(drill::run(context, &args)),
        Verb::Mend(args) => block_on(mend::run(context, &args)),
        Verb::Migrate(verb) => block_on(migrate::run(context, &verb)),
        Verb::Node(Node::Remove { node, carry }) => block_on(node::remove(context, &node, &carry)),
        Verb::Unlock(args) => block_on(unlock::run(context, &args)),
        Verb::Log(args) => log::run(context, &args),
        Verb::Plugin(verb) => plugin::run(context, verb),
        Verb::Schema => schema::run(context),
        Verb::Completion { shell } => completion::run(context, shell),
    }
}
