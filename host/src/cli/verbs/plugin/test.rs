//! `arcus plugin test`: a component on a fake cluster, in the sandbox that `apply` uses.

use std::path::Path;

use arcus_conform::{Description, Outcome, Trial, Trials};
use arcus_engine::{Fault, Kind, Trouble};

use super::source;
use crate::cli::Context;
use crate::cli::args::PluginTest;
use crate::cli::console::count;
use crate::cli::foreign::Foreign;
use crate::safe;

/// Lines of why a trial failed.
const LINES: usize = 30;

/// Tries everything, and shows each trial as it ends.
pub fn run(context: &Context, args: &PluginTest) -> Result<(), Fault> {
    let file = source::file(&args.component)?;
    let bytes = source::component(&file)?;
    let description = args.world.as_deref().map(describe).transpose()?;
    let origin = file.display().to_string();
    let trials = Trials::new(&origin, &bytes, description, args.seeds).map_err(|error| {
        Fault::one(Kind::Input, Trouble { code: error.code().into(), message: error.to_string(), help: Some(error.help().into()), ..Trouble::default() })
    })?;
    // Properties speak by panicking, which is no bug of ours.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let all = trials.run(|trial| show(context, trial));
    std::panic::set_hook(hook);
    let console = &context.console;
    console.report("trials", &all);
    let failed = all.iter().filter(|trial| matches!(trial.outcome, Outcome::Failed(_))).count();
    let skipped = all.iter().filter(|trial| matches!(trial.outcome, Outcome::Skipped(_))).count();
    console.data(safe!("{}, {} failed, {} not tried", count(all.len(), "trial", "trials"), failed, skipped));
    if failed == 0 {
        return Ok(());
    }
    Err(Fault::new(Kind::Verification, "plugin.not-conforming", format!("{failed} of {} trials failed", all.len())).help("each says how that was seen; natively, the same is tested by `arcus_sdk::properties!`"))
}

fn describe(path: &Path) -> Result<Description, Fault> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Fault::new(Kind::Input, "plugin.world", format!("{shown} cannot be read: {error}")).help("--world names a TOML file; docs/plugin-test.md says what it holds"))?;
    Description::parse(&text).map_err(|error| Fault::new(Kind::Input, "plugin.world", format!("{shown}: {error}")).help("docs/plugin-test.md says what such a file holds"))
}

fn show(context: &Context, trial: &Trial) {
    let console = &context.console;
    let paint = console.terminal().out;
    match &trial.outcome {
        Outcome::Passed => console.data(safe!("{}      {}", paint.green("ok"), trial.name)),
        Outcome::Skipped(why) => console.data(safe!("{}  {}: {}", paint.yellow("not tried"), trial.name, Foreign::line(why))),
        Outcome::Failed(why) => {
            console.data(safe!("{}  {}", paint.red("FAILED"), trial.name));
            for line in Foreign::lines(why, LINES) {
                console.data(safe!("        {}", line));
            }
        }
    }
}
