//! `arcus migrate`: moves the shared directory to the storage of the file, and back.

use arcus_engine::{Aim, Fault, Way};

use crate::cli::args::{Carry, Migrate};
use crate::cli::verbs::mend::carry_out;
use crate::cli::work::Work;
use crate::cli::{Context, consent, verbs};
use crate::safe;

/// One of its verbs. Where things stand is also what any `status` opens with.
pub async fn run(context: &Context, verb: &Migrate) -> Result<(), Fault> {
    match verb {
        Migrate::Status => verbs::status::run(context).await,
        Migrate::Start(args) => go(context, args, Way::Forward).await,
        Migrate::Rollback(args) => go(context, args, Way::Back).await,
        Migrate::Confirm(args) => go(context, args, Way::Confirm).await,
    }
}

async fn go(context: &Context, args: &Carry, way: Way) -> Result<(), Fault> {
    consent::check_risks(&args.accept)?;
    let work = Work::open(context).await?;
    let result = carry_out(context, args, &work, Aim::Migrate(way)).await;
    verbs::apply::end(context, &work).await;
    let through = result?;
    let console = &context.console;
    match (way, through) {
        (Way::Forward, true) => console.data(safe!("the new storage is in use; `arcus migrate confirm` lets go of the old one, `arcus migrate rollback` leads back")),
        (Way::Back, true) => console.data(safe!("the old storage is in use, as before")),
        (Way::Confirm, true) => console.data(safe!("confirmed; take `migrating-from` and the section of the old storage out of the file")),
        (_, false) => console.data(safe!("nothing to do")),
    }
    Ok(())
}
