//! `arcus mend`: makes good a change of members that stopped half-way.

use arcus_engine::{Aim, ApplyOptions, Fault};

use crate::cli::args::Carry;
use crate::cli::work::Work;
use crate::cli::{Context, consent, saved, show, verbs};
use crate::safe;

/// Shows what is needed, asks, and does it.
pub async fn run(context: &Context, args: &Carry) -> Result<(), Fault> {
    consent::check_risks(&args.accept)?;
    let work = Work::open(context).await?;
    let result = carry_out(context, args, &work, Aim::Mend).await;
    verbs::apply::end(context, &work).await;
    match result? {
        true => {}
        false => context.console.data(safe!("nothing is broken: nothing to do")),
    }
    Ok(())
}

/// Shows one of the plugins' plans, asks, and performs it; whether there was anything to do.
pub async fn carry_out(context: &Context, args: &Carry, work: &Work, aim: Aim) -> Result<bool, Fault> {
    let console = &context.console;
    let proposal = work.look(work.engine.plan_for(aim)).await?;
    work.pause();
    console.report("plan", &saved::as_json(&proposal));
    if proposal.is_empty() && proposal.blocked.is_empty() {
        return Ok(false);
    }
    console.say(show::plan::plan(&proposal, console.terminal().err));
    if let Some(fault) = proposal.refusal() {
        return Err(fault);
    }
    let accept = consent::to_plan(console, &proposal, args.yes, &args.accept)?;
    let options = ApplyOptions { accept, despite_unreachable: args.despite_unreachable };
    work.resume();
    let applied = work.engine.apply(&proposal, &options).await;
    work.pause();
    let applied = applied?;
    verbs::apply::judge(context, &applied, &proposal);
    console.report("applied", &applied);
    console.data(show::applied::applied(&applied, console.terminal().out));
    Ok(true)
}
