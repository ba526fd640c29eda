//! `arcus apply`: shows what would be done, asks, does it, and verifies.

use arcus_engine::{Applied, ApplyOptions, Fault, Kind, NodeEnd, Proposal};

use crate::cli::args::Apply;
use crate::cli::foreign::Foreign;
use crate::cli::progress::{Witnessed, time};
use crate::cli::work::Work;
use crate::cli::{Context, consent, saved, show, verbs};
use crate::safe;

/// Performs what was approved.
pub async fn run(context: &Context, args: &Apply) -> Result<(), Fault> {
    consent::check_risks(&args.accept)?;
    let work = Work::open(context).await?;
    let result = perform(context, args, &work).await;
    end(context, &work).await;
    result
}

/// Ends the connections, and says what goes on without us.
pub async fn end(context: &Context, work: &Work) {
    let witnessed = work.end(context).await;
    if witnessed.failed > 0 {
        context.console.cause(Kind::Step);
    }
    if work.is_stopped() {
        context.console.cause(Kind::Interrupted);
    }
    goes_on(context, &witnessed);
}

async fn perform(context: &Context, args: &Apply, work: &Work) -> Result<(), Fault> {
    let console = &context.console;
    let before = args.saved.as_ref().map(|path| saved::read(path, &work.cluster)).transpose()?;
    let proposal = work.look(work.engine.plan_to_apply()).await?;
    work.pause();
    console.report("plan", &saved::as_json(&proposal));
    if let Some(before) = before.filter(|before| !before.is(&proposal)) {
        console.say(console.terminal().err.yellow(safe!("the plan is not the one that was saved at {}:", Foreign::word(before.saved_at()))));
        console.say(before.differences(&proposal, console.terminal().err));
        return Err(Fault::new(Kind::Pending, "apply.other-plan", "the saved plan is not the plan any more, so nothing was done").help("look at what has changed, then `arcus plan --out FILE` again"));
    }
    console.say(show::plan::plan(&proposal, console.terminal().err));
    // Nobody is asked about what will not be done.
    if let Some(fault) = proposal.refusal() {
        return Err(fault);
    }
    if proposal.is_empty() && proposal.blocked.is_empty() {
        work.resume();
        // A drill that somebody left open: an observer that goes on writing is in no plan.
        let taken_back = work.engine.finish_drills().await;
        work.pause();
        let taken_back = taken_back?;
        for drill in &taken_back {
            console.changed();
            console.data(safe!("taken back: the drill {}", Foreign::line(drill)));
        }
        if taken_back.is_empty() {
            console.data(safe!("nothing to do"));
        }
    } else {
        let approved = args.yes || args.saved.is_some();
        let accept = consent::to_plan(console, &proposal, approved, &args.accept)?;
        let options = ApplyOptions { accept, despite_unreachable: args.despite_unreachable };
        work.resume();
        let applied = work.engine.apply(&proposal, &options).await;
        work.pause();
        let applied = applied?;
        judge(context, &applied, &proposal);
        console.report("applied", &applied);
        console.data(show::applied::applied(&applied, console.terminal().out));
    }
    if args.no_verify || work.is_stopped() {
        return Ok(());
    }
    work.resume();
    let verified = work.engine.verify().await;
    work.pause();
    let verified = verified?;
    console.report("verify", &verified);
    verbs::verify::show(context, &verified);
    Ok(())
}

/// What the nodes ended with, as exit codes.
pub fn judge(context: &Context, applied: &Applied, proposal: &Proposal) {
    let console = &context.console;
    if applied.performed > 0 {
        console.changed();
    }
    for end in applied.nodes.values() {
        match end {
            NodeEnd::Done | NodeEnd::OutsideLimit => {}
            NodeEnd::Failed => console.cause(Kind::Step),
            NodeEnd::NotReached => console.cause(Kind::Unreachable),
            NodeEnd::Blocked(_) => console.cause(Kind::Pending),
        }
    }
    if !proposal.missing.is_empty() {
        console.cause(Kind::Unreachable);
    }
}

/// What still runs, and for how long already.
fn goes_on(context: &Context, witnessed: &Witnessed) {
    for (title, node, took) in &witnessed.detached {
        context.console.say(safe!("still running on {}, since {}: {}; `arcus apply` attaches to it again", Foreign::word(node), time(*took), Foreign::line(title)));
    }
}
