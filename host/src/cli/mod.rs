//! The command line: the only code of the product that prints, prompts, exits, or reads the environment.
//!
//! ```text
//! args, environment ─▶ verbs ─▶ work (engine, login, progress) ─▶ show (reports to safe text) ─▶ console
//! ```
//!
//! Text of others reaches the console as [`foreign::Foreign`] only; the type [`safe::Safe`] sees to it.

mod args;
mod bindings;
mod consent;
mod console;
mod environment;
mod exit;
mod folder;
mod foreign;
mod interrupt;
mod login;
mod met;
mod paint;
mod policy;
mod progress;
mod registries;
mod safe;
mod saved;
mod show;
mod ssh;
mod trust;
mod verbs;
mod work;

use std::process::ExitCode;

use arcus_engine::{Fault, Kind};
use clap::Parser as _;
use clap::error::ErrorKind;

use args::{Cli, Format, Global};
use console::{Console, LogWriter, Terminal};
use environment::Environment;
use foreign::Foreign;
use safe::Safe;
use show::fault::Told;

/// What every verb gets.
#[derive(Clone)]
pub struct Context {
    /// Where words go.
    pub console: Console,
    /// The environment.
    pub environment: Environment,
    /// Options of every command.
    pub global: Global,
}

/// Does what the arguments say.
pub fn main() -> ExitCode {
    let environment = Environment::read();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misuse(&error, &environment),
    };
    let console = Console::new(cli.global.output, cli.global.quiet, Terminal::of(cli.global.color, &environment));
    on_panic(&console);
    trace(&cli.global, &environment, &console);
    let context = Context { console: console.clone(), environment, global: cli.global };
    if let Err(fault) = verbs::run(&context, cli.verb) {
        tell(&context.console, &fault);
    }
    console.finish();
    ExitCode::from(console.causes().code())
}

/// Shows a fault, and counts it.
pub fn tell(console: &Console, fault: &Fault) {
    console.cause(fault.kind);
    console.report("error", &Told::of(fault));
    console.say(show::fault::fault(fault, console.terminal().err, console.terminal()));
}

/// Arguments that make no sense, `--help` and `--version`.
fn misuse(error: &clap::Error, environment: &Environment) -> ExitCode {
    let wanted = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let console = Console::new(Format::guessed(std::env::args_os()), false, Terminal::of(args::Colour::Auto, environment));
    let paint = if wanted { console.terminal().out } else { console.terminal().err };
    if wanted || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let help = error.render();
        // Nothing but our own words.
        let help = Safe::vouched(if paint.is_on() { help.ansi().to_string() } else { help.to_string() });
        if wanted {
            Console::new(Format::Text, false, console.terminal()).data(help);
            return ExitCode::SUCCESS;
        }
        console.say(help);
    } else {
        // It repeats arguments.
        for line in Foreign::lines(error.render().to_string().trim_end(), 40) {
            console.say(line);
        }
    }
    let message = error.render().to_string();
    let fault = Fault::new(Kind::Input, "cli.usage", message.lines().next().unwrap_or_default().trim_start_matches("error: ")).help("arcus --help");
    console.cause(Kind::Input);
    console.report("error", &Told::of(&fault));
    console.finish();
    ExitCode::from(console.causes().code())
}

/// Logs of ours and of libraries, to stderr, when they are wanted.
fn trace(global: &Global, environment: &Environment, console: &Console) {
    let asked = match global.verbose {
        0 => None,
        1 => Some("arcus=debug,arcus_engine=debug,arcus_node=debug,arcus_plugin=debug,arcus_cluster=debug,warn"),
        _ => Some("arcus=trace,arcus_engine=trace,arcus_node=trace,arcus_plugin=trace,russh=debug,info"),
    };
    let Some(filter) = environment.text("ARCUS_LOG").or(asked) else { return };
    let Ok(filter) = tracing_subscriber::EnvFilter::try_new(filter) else {
        console.say(crate::safe!("ARCUS_LOG is not a filter, e.g. `arcus_node=debug`: no logs are shown"));
        return;
    };
    let console = console.clone();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(move || LogWriter::new(console.clone())).try_init();
}

/// A bug: its words may be foreign as well.
fn on_panic(console: &Console) {
    let console = console.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let words = panic.payload_as_str().unwrap_or("no words");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        console.say(crate::safe!("arcus has a bug ({}): {}", Foreign::word(&place), Foreign::line(words)));
    }));
}
