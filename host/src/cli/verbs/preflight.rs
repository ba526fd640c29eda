//! `arcus preflight`: can these machines become this cluster?

use arcus_engine::{Fault, Kind};

use crate::cli::Context;
use crate::cli::show::checks;
use crate::cli::work::Work;

/// Inspects the machines; changes nothing.
pub async fn run(context: &Context) -> Result<(), Fault> {
    let work = Work::open(context).await?;
    let result = work.look(work.engine.preflight()).await;
    work.end(context).await;
    let verified = result?;
    context.console.report_all(&verified);
    context.console.data(checks::checks(&verified, context.console.terminal().out));
    if !verified.passed() || verified.checks.is_empty() {
        context.console.cause(Kind::Input);
    }
    Ok(())
}
