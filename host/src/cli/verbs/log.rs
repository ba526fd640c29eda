//! `arcus log`: what earlier runs from this folder did.

use arcus_engine::{Entry, Fault, Journal, Kind, state_folder};

use crate::cli::Context;
use crate::cli::args::Log;
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::cli::show::{runs, table::table};
use crate::safe;

/// All runs, or one.
pub fn run(context: &Context, args: &Log) -> Result<(), Fault> {
    let folder = Folder::open(&context.global.file)?;
    let console = &context.console;
    let unreadable = |what: &str, error: std::io::Error| Fault::new(Kind::Input, "log.unreadable", format!("{what} cannot be read: {error}")).help("it is made by apply, as whoever runs that: be that user, or give the folder back to yourself");
    // Looking makes no folder.
    let state = match folder.dir.symlink_metadata(".arcus") {
        Ok(_) => Some(state_folder(&folder.dir).map_err(|error| unreadable(".arcus", error))?),
        Err(_) => None,
    };
    let known = match &state {
        Some(state) => Journal::runs(state).map_err(|error| unreadable(".arcus/runs", error))?,
        None => vec![],
    };
    if let Some(run) = &args.run {
        let Some(state) = state.filter(|_| known.contains(run)) else {
            return Err(Fault::new(Kind::Input, "log.unknown-run", format!("there is no run `{run}` in this folder")).help("`arcus log` lists them"));
        };
        let entries = Journal::read(&state, run).map_err(|error| unreadable(run, error))?;
        console.report("run", run);
        console.report("entries", &entries);
        console.data(runs::run(&entries, console.terminal().out));
        return Ok(());
    }
    let (mut rows, mut told) = (vec![], vec![]);
    for run in &known {
        let Some(state) = &state else { break };
        match Journal::read(state, run) {
            Ok(entries) => {
                rows.push(runs::line(run, &entries, console.terminal().out));
                told.push(summary(run, &entries));
            }
            Err(error) => console.say(safe!("{}: {}", Foreign::word(run), Foreign::line(&error.to_string()))),
        }
    }
    console.report("runs", &told);
    if rows.is_empty() {
        console.note("no runs from this folder");
    } else {
        console.data(table(&rows));
    }
    Ok(())
}

fn summary(run: &str, entries: &[Entry]) -> serde_json::Value {
    let begun = entries.iter().find_map(|entry| match entry {
        Entry::Run { verb, operator, at, .. } => Some((verb, operator, at)),
        _ => None,
    });
    let end = entries.iter().rev().find_map(|entry| match entry {
        Entry::End { end, .. } => Some(end),
        _ => None,
    });
    let open: Vec<String> = Journal::open_steps(entries).into_iter().map(|(plugin, step, node)| format!("{plugin}/{step} on {node}")).collect();
    serde_json::json!({
        "run": run,
        "verb": begun.map(|(verb, _, _)| verb),
        "operator": begun.map(|(_, operator, _)| operator),
        "at": begun.map(|(_, _, at)| at),
        "end": end,
        "open": open,
    })
}
