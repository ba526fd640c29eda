//! `arcus drill`: something is broken on purpose, measured, and taken back.

use arcus_engine::{DrillOptions, Fault, Kind, PowerHook};

use crate::cli::args::Drill;
use crate::cli::safe::Safe;
use crate::cli::work::Work;
use crate::cli::{Context, consent, show};
use crate::safe;

/// Only takes back what was left open.
const BACK: &str = "back";
/// Every drill there is.
const ALL: &str = "all";

/// Drills, or the taking back of one.
pub async fn run(context: &Context, args: &Drill) -> Result<(), Fault> {
    if let Some(word) = args.accept.iter().find(|word| *word != "blackout") {
        return Err(Fault::new(Kind::Input, "cli.unknown-risk", format!("--accept {word}: there is no such risk")).help("there is: blackout"));
    }
    if args.what.len() > 1 && args.what.iter().any(|word| word == BACK) {
        return Err(Fault::new(Kind::Input, "cli.drill", "`back` stands alone: it takes back, and breaks nothing").help("`arcus drill back`, then the drill"));
    }
    let power_hook = args.power_hook.as_deref().map(words).transpose()?;
    let power_hook = power_hook.map(|argv| PowerHook { argv, environment: context.environment.for_hooks() });
    let work = Work::open(context).await?;
    let result = match args.what.as_slice() {
        [word] if word == BACK => back(context, power_hook.as_ref(), &work).await,
        _ => perform(context, args, power_hook, &work).await,
    };
    work.end(context).await;
    if work.is_stopped() {
        context.console.cause(Kind::Interrupted);
    }
    result
}

async fn back(context: &Context, power_hook: Option<&PowerHook>, work: &Work) -> Result<(), Fault> {
    let console = &context.console;
    let done = work.engine.drill_back(power_hook).await;
    work.pause();
    let done = done?;
    console.report("taken_back", &done);
    if done.is_empty() {
        console.data(safe!("no drill was left open: nothing to take back"));
    } else {
        console.changed();
    }
    for done in &done {
        console.data(safe!("taken back: {}", crate::cli::foreign::Foreign::line(done)));
    }
    Ok(())
}

async fn perform(context: &Context, args: &Drill, power_hook: Option<PowerHook>, work: &Work) -> Result<(), Fault> {
    let console = &context.console;
    if args.accept.is_empty() {
        work.pause();
        consent::by_name(console, &work.cluster.name, warning(args, power_hook.is_some()), "--accept blackout --yes")?;
        work.resume();
    } else if !args.yes {
        work.pause();
        consent::yes(console, safe!("Begin? [y/N]"), "--yes")?;
        work.resume();
    }
    let only = if args.what.iter().any(|word| word == ALL) { vec![] } else { args.what.clone() };
    let options = DrillOptions { only, power_hook, accept: vec!["blackout".into()], vantage: args.vantage.clone() };
    let report = work.engine.drill(&options).await;
    work.pause();
    let report = report?;
    console.changed();
    console.report_all(&report);
    console.data(show::drill::drills(&report, console.terminal().out));
    if !report.passed() {
        console.cause(Kind::Verification);
    }
    Ok(())
}

/// What will happen to the cluster, before it does.
fn warning(args: &Drill, power: bool) -> Safe {
    let wanted = |name: &str| args.what.iter().any(|word| word == ALL || word.starts_with(name) || name.starts_with(word.as_str()));
    let and_power = if power { ", and loses its power" } else { "" };
    let mut text = Safe::new();
    if wanted("vip") {
        text.push(&safe!("The gateway that holds the virtual address has its keepalived stopped, is cut off{}. ", and_power));
    }
    if wanted("gateway") {
        text.push(&safe!("The gateway's own process is killed on it. "));
    }
    if wanted("storage") {
        text.push(&safe!("A storage node is cut off{}; writes hang meanwhile. ", and_power));
    }
    if wanted("manager") {
        text.push(&safe!("The first manager is cut off{}; until it is back, no other may fail. ", and_power));
    }
    text.push(&safe!("One after the other; each is taken back. Users are cut off for moments."));
    text
}

/// The operator's program, split into words. No shell is involved.
fn words(command: &str) -> Result<Vec<String>, Fault> {
    match shlex::split(command) {
        Some(argv) if !argv.is_empty() => Ok(argv),
        _ => Err(Fault::new(Kind::Input, "cli.power-hook", "--power-hook names no program, or a quote in it does not end").help("for example --power-hook '/usr/local/bin/ipmi --quiet': it is called with off or on, and the node's name")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_words_and_not_a_shell_line() {
        assert_eq!(words("/opt/pdu --host 'my pdu' ; rm -rf $HOME").unwrap(), ["/opt/pdu", "--host", "my pdu", ";", "rm", "-rf", "$HOME"]);
        assert!(words("").is_err() && words("'x").is_err());
    }
}
