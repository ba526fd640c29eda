//! What a call can end with instead of a result.

use std::time::Duration;

use arcus_contract::types::Problem;
use wasmtime::{Trap, WasmBacktrace};

use crate::export::Export;

/// The plugin said no, or the plugin is broken: never the same thing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What the plugin itself reports, e.g. mistakes in its config. At least one.
    #[error("{}", problems(.0))]
    Problems(Vec<Problem>),
    /// The call did not end as the contract demands.
    #[error(transparent)]
    Call(#[from] Box<CallError>),
}

fn problems(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{}: {}", problem.code, problem.message)).collect::<Vec<_>>().join("; ")
}

/// A call that was ended by the sandbox. The plugin is at fault; the cluster was not touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin `{plugin}` failed in `{export}`: {message}")]
pub struct CallError {
    /// Name of the plugin.
    pub plugin: String,
    /// What was called.
    pub export: Export,
    /// In what way it failed.
    pub kind: Kind,
    /// One sentence. May hold text of the plugin: foreign.
    pub message: String,
    /// What its panic hook said, if it panicked. Foreign.
    pub panic: Option<String>,
    /// Innermost functions first; names are the guest's: foreign.
    pub backtrace: Vec<String>,
}

/// In what way a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It panicked, or did what WebAssembly forbids.
    Trap,
    /// It recursed too deep.
    Stack,
    /// It used up its processor time or its time by the clock.
    Hang,
    /// It wanted more memory (or tables) than it may have.
    Memory,
    /// It asked too often or too much.
    Asks,
    /// What it handed over is too large, or breaks the contract.
    Output,
    /// It does not have this function.
    Missing,
    /// The host could not run it.
    Host,
}

/// Why the sandbox ended a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("it used up its {} of processor time", seconds(.0))]
    Cpu(Duration),
    #[error("it was not done after {}", seconds(.0))]
    Wall(Duration),
    #[error("it wanted {wanted} bytes of memory, and a plugin may have {limit}")]
    Memory { wanted: usize, limit: usize },
    #[error("it wanted tables of {wanted} elements, and a plugin may have {limit}")]
    Tables { wanted: usize, limit: usize },
    #[error("it asked more than {0} times in one call")]
    Asks(usize),
    #[error("it asked for more than {0} answers in one call")]
    Requests(usize),
    #[error("it did more than {0} things live in one step")]
    Live(usize),
}

fn seconds(time: &Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

impl Stop {
    fn kind(&self) -> Kind {
        match self {
            Self::Cpu(_) | Self::Wall(_) => Kind::Hang,
            Self::Memory { .. } | Self::Tables { .. } => Kind::Memory,
            Self::Asks(_) | Self::Requests(_) | Self::Live(_) => Kind::Asks,
        }
    }
}

impl CallError {
    /// Stable dotted name.
    pub fn code(&self) -> &'static str {
        match self.kind {
            Kind::Trap => "plugin.trap",
            Kind::Stack => "plugin.stack",
            Kind::Hang => "plugin.hang",
            Kind::Memory => "plugin.memory",
            Kind::Asks => "plugin.asks",
            Kind::Output => "plugin.output",
            Kind::Missing => "plugin.missing",
            Kind::Host => "plugin.host",
        }
    }

    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self.kind {
            Kind::Missing => "Use a plugin of the concern that this was asked of.",
            Kind::Host => "Free memory or address space on this machine, then run the same command again.",
            _ if self.export == Export::Live => "This is a fault of the plugin: report it to its author with this text. What it did before is in the journal: `arcus log`.",
            _ => "This is a fault of the plugin: report it to its author with this text. Nothing was changed by this call.",
        }
    }

    pub(crate) fn new(plugin: &str, export: Export, kind: Kind, message: impl Into<String>) -> Self {
        Self { plugin: plugin.to_owned(), export, kind, message: message.into(), panic: None, backtrace: Vec::new() }
    }

    /// Tells from what wasmtime reports what happened.
    pub(crate) fn from_wasmtime(plugin: &str, export: Export, error: &wasmtime::Error, panic: Option<String>) -> Self {
        let (kind, message) = if let Some(stop) = error.downcast_ref::<Stop>() {
            (stop.kind(), stop.to_string())
        } else if let Some(trap) = error.downcast_ref::<Trap>() {
            match trap {
                Trap::StackOverflow => (Kind::Stack, "it recursed too deep (stack overflow)".to_owned()),
                // A Rust guest's own stack lies at the bottom of its memory: it runs out of that first.
                Trap::MemoryOutOfBounds => (Kind::Stack, "it left its memory: it recursed too deep, or used a bad address".to_owned()),
                _ => match &panic {
                    Some(text) => (Kind::Trap, text.clone()),
                    None => (Kind::Trap, format!("it trapped: {trap}")),
                },
            }
        } else if let Some(function) = withheld(error) {
            (Kind::Trap, panic.clone().unwrap_or_else(|| format!("it called `{function}`, and plugins get nothing of their system")))
        } else if error.root_cause().to_string().contains(TOO_MUCH) {
            (Kind::Output, "it handed over too much at once".to_owned())
        } else {
            (Kind::Output, format!("what it handed over breaks the contract: {}", error.root_cause()))
        };
        let backtrace = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
        Self { plugin: plugin.to_owned(), export, kind, message, panic, backtrace }
    }
}

/// Of the error of wasmtime (pinned) when a transfer exceeds its limit, whose type is private. A test holds on to it.
const TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";

/// The function of WASI that was called, in the error of wasmtime (pinned) for what is not there. A test holds on to it.
fn withheld(error: &wasmtime::Error) -> Option<String> {
    let cause = error.root_cause().to_string();
    let name = cause.strip_prefix("unknown import: `")?.split('`').next()?;
    name.starts_with("wasi:").then(|| name.to_owned())
}

/// The innermost dozen, as their author would write them.
fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => {
            let mut name = format!("{:#}", rustc_demangle::demangle(name));
            if let Some((end, _)) = name.char_indices().nth(200) {
                name.truncate(end);
            }
            name
        }
        None => format!("function {}", frame.func_index()),
    };
    backtrace.frames().iter().take(12).map(name).collect()
}
