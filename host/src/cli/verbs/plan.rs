//! `arcus plan`: what would be done.

use arcus_engine::{Fault, Kind};

use crate::cli::args::Plan;
use crate::cli::foreign::Foreign;
use crate::cli::work::Work;
use crate::cli::{Context, saved, show};
use crate::safe;

/// Looks, and shows; changes nothing.
pub async fn run(context: &Context, args: &Plan) -> Result<(), Fault> {
    let work = Work::open(context).await?;
    let result = work.look(work.engine.plan()).await;
    work.end(context).await;
    let proposal = result?;
    let console = &context.console;
    console.report_all(&saved::as_json(&proposal));
    console.data(show::plan::plan(&proposal, console.terminal().out));
    if !proposal.missing.is_empty() {
        console.cause(Kind::Unreachable);
    }
    if args.detailed_exitcode && !proposal.is_empty() {
        console.cause(Kind::Pending);
    }
    if let Some(path) = &args.out {
        saved::write(path, &work.cluster, &proposal)?;
        console.note(safe!("saved as {}", Foreign::line(&path.display().to_string())));
    }
    proposal.refusal().map_or(Ok(()), Err)
}
