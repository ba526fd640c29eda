//! `arcus drill`: something is broken on purpose, measured, and taken back.

use arcus_engine::{DrillOptions, Fault, Kind, PowerHook};

use crate::cli::args::DrillVip;
use crate::cli::work::Work;
use crate::cli::{Context, consent, show};
use crate::safe;

/// Drills of the virtual address.
pub async fn run(context: &Context, args: &DrillVip) -> Result<(), Fault> {
    if let Some(word) = args.accept.iter().find(|word| *word != "blackout") {
        return Err(Fault::new(Kind::Input, "cli.unknown-risk", format!("--accept {word}: there is no such risk")).help("there is: blackout"));
    }
    let power_hook = args.power_hook.as_deref().map(words).transpose()?;
    let power_hook = power_hook.map(|argv| PowerHook { argv, environment: context.environment.for_hooks() });
    let work = Work::open(context).await?;
    let result = perform(context, args, power_hook, &work).await;
    work.end(context).await;
    if work.is_stopped() {
        context.console.cause(Kind::Interrupted);
    }
    result
}

async fn perform(context: &Context, args: &DrillVip, power_hook: Option<PowerHook>, work: &Work) -> Result<(), Fault> {
    let console = &context.console;
    if args.accept.is_empty() {
        work.pause();
        let what = if power_hook.is_some() {
            safe!("The gateway that holds the virtual address is stopped, cut off, and loses its power, one after the other. Each time users are cut off for a moment.")
        } else {
            safe!("The gateway that holds the virtual address is stopped and cut off, one after the other. Each time users are cut off for a moment.")
        };
        consent::by_name(console, &work.cluster.name, what, "--accept blackout --yes")?;
        work.resume();
    } else if !args.yes {
        work.pause();
        consent::yes(console, safe!("Begin? [y/N]"), "--yes")?;
        work.resume();
    }
    let options = DrillOptions { only: vec!["vip".into()], power_hook, accept: vec!["blackout".into()] };
    let report = work.engine.drill(&options).await;
    work.pause();
    let report = report?;
    console.changed();
    console.report_all(&report);
    console.data(show::drill::drills(&report, console.terminal().out));
    if report.drills.is_empty() || report.drills.iter().any(|drill| !drill.passed) {
        console.cause(Kind::Verification);
    }
    Ok(())
}

/// The operator's program, split into words. No shell is involved.
fn words(command: &str) -> Result<Vec<String>, Fault> {
    match shlex::split(command) {
        Some(argv) if !argv.is_empty() => Ok(argv),
        _ => Err(Fault::new(Kind::Input, "cli.power-hook", "--power-hook names no program, or a quote in it does not end")),
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
