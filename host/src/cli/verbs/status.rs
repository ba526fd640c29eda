//! `arcus status`: what is open, who works on it, what can be reached.

use arcus_engine::{Fault, Kind};

use crate::cli::Context;
use crate::cli::show;
use crate::cli::work::Work;

/// Looks at every node once; changes nothing, needs no lock.
pub async fn run(context: &Context) -> Result<(), Fault> {
    let work = Work::open(context).await?;
    let result = work.look(work.engine.status()).await;
    work.end(context).await;
    let status = result?;
    context.console.report_all(&status);
    context.console.data(show::status::status(&status, context.console.terminal().out));
    if status.nodes.values().any(|node| !node.reached) {
        context.console.cause(Kind::Unreachable);
    }
    Ok(())
}
