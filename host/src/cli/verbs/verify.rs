//! `arcus verify`: the proof that the cluster is as it should be.

use arcus_engine::{Fault, Kind, Verified};

use crate::cli::Context;
use crate::cli::args::Verify;
use crate::cli::show::checks;
use crate::cli::work::Work;

/// Checks everything; changes nothing but the witness files that it removes again.
pub async fn run(context: &Context, args: &Verify) -> Result<(), Fault> {
    let work = Work::open(context).await?;
    // Not ended at once by an interrupt: witness files are to be removed.
    let result = if args.no_wait { work.engine.verify_now().await } else { work.engine.verify().await };
    let stopped = work.is_stopped();
    work.end(context).await;
    let verified = result?;
    context.console.report_all(&verified);
    show(context, &verified);
    if stopped {
        context.console.cause(Kind::Interrupted);
    }
    Ok(())
}

/// Shows the checks, and counts what is not well.
pub fn show(context: &Context, verified: &Verified) {
    context.console.data(checks::checks(verified, context.console.terminal().out));
    // Nothing checked is nothing proven.
    if !verified.passed() || verified.checks.is_empty() {
        context.console.cause(Kind::Verification);
    }
}
