//! `arcus unlock`: takes the lock away from a run that is gone.

use arcus_engine::{Fault, Holder, Kind};

use crate::cli::args::Unlock;
use crate::cli::foreign::Foreign;
use crate::cli::progress::time;
use crate::cli::safe::Safe;
use crate::cli::work::Work;
use crate::cli::{Context, consent};
use crate::safe;

/// Shows who holds it, asks, and takes it.
pub async fn run(context: &Context, args: &Unlock) -> Result<(), Fault> {
    let work = Work::open(context).await?;
    let result = perform(context, args, &work).await;
    work.end(context).await;
    result
}

async fn perform(context: &Context, args: &Unlock, work: &Work) -> Result<(), Fault> {
    let console = &context.console;
    let holder = work.look(work.engine.holder()).await?;
    work.pause();
    console.report("holder", &holder);
    let Some(holder) = holder else {
        console.report("unlocked", &false);
        console.data("nobody holds the lock");
        return Ok(());
    };
    console.say(described(&holder));
    match &args.run {
        Some(run) if *run == holder.run => {}
        Some(run) => {
            return Err(Fault::new(Kind::Locked, "unlock.other-run", format!("the lock is held by run {}, not by {run}", holder.run)).help(format!("when that run is known to be gone: arcus unlock --run {}", holder.run)));
        }
        None => {
            let what = safe!("Should that run live after all, it is fenced: it changes nothing more. Jobs it has begun on nodes go on.");
            consent::by_name(console, &work.cluster.name, what, "--run RUN, with the id of that run")?;
        }
    }
    work.engine.unlock(&holder).await?;
    console.report("unlocked", &true);
    console.data("unlocked");
    Ok(())
}

fn described(holder: &Holder) -> Safe {
    let since = i64::try_from(holder.since).ok().and_then(|since| jiff::Timestamp::from_second(since).ok());
    let since = since.map(|since| since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
    let nodes: Vec<Safe> = holder.nodes.iter().map(|node| Safe::of(&Foreign::word(node))).collect();
    let mut text = Safe::new();
    text.line(&safe!("{}@{} (process {}) is at `{}` since {}", Foreign::word(&holder.user), Foreign::word(&holder.host), holder.pid, Foreign::word(&holder.verb), Foreign::word(&since)));
    text.line(&safe!("  run {}, epoch {}, last sign of life {} ago", Foreign::word(&holder.run), holder.epoch, time(std::time::Duration::from_secs(holder.idle_s))));
    text.line(&safe!("  so say {}", Safe::join(&nodes, ", ")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_told_in_full() {
        let holder = Holder { run: "r7".into(), user: "eva".into(), host: "desk".into(), pid: 7, since: 1_777_000_000, verb: "apply".into(), idle_s: 75, epoch: 3, nodes: vec!["manage01".into(), "manage02".into()] };
        insta::assert_snapshot!(described(&holder).as_str());
    }
}
