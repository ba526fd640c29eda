//! The terminal: data to stdout, everything else to stderr, questions to a person if there is one.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arcus_engine::Kind;
use serde_json::{Map, Value};

use crate::cli::args::{Colour, Format};
use crate::cli::environment::Environment;
use crate::cli::exit::{self, Causes};
use crate::cli::foreign::PlainJson;
use crate::cli::paint::Paint;
use crate::cli::safe::{Safe, Shown};

/// Where words go.
#[derive(Clone)]
pub struct Console(Arc<Inner>);

struct Inner {
    format: Format,
    quiet: bool,
    terminal: Terminal,
    /// What `-o json` prints at the end: one object.
    report: Mutex<Map<String, Value>>,
    causes: Mutex<Causes>,
    /// Rows of progress that must be out of the way when something else is written.
    live: Mutex<Option<indicatif::MultiProgress>>,
    /// A question is open: nothing is under way that would have to end in order.
    asking: AtomicBool,
}

/// What the outputs are.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Somebody can be asked.
    pub person: bool,
    /// stderr is drawn on.
    pub live: bool,
    /// Colours of stdout.
    pub out: Paint,
    /// Colours of stderr.
    pub err: Paint,
    /// Columns of stderr.
    pub width: usize,
    /// The terminal shows more than ASCII.
    pub unicode: bool,
}

impl Terminal {
    /// As it is here.
    pub fn of(colour: Colour, environment: &Environment) -> Self {
        let (stdin, stdout, stderr) = (std::io::stdin().is_terminal(), std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let dumb = environment.is_dumb();
        let paint = |terminal: bool| {
            Paint::new(match colour {
                Colour::Always => true,
                Colour::Never => false,
                Colour::Auto => terminal && !dumb && !environment.no_color(),
            })
        };
        let size = console::Term::stderr().size_checked();
        Self {
            person: stdin && stderr,
            live: stderr && !dumb,
            out: paint(stdout),
            err: paint(stderr),
            width: size.map_or(100, |(_, columns)| usize::from(columns)).clamp(40, 160),
            unicode: environment.is_unicode(),
        }
    }
}

impl Console {
    /// Made once, by `main`.
    pub fn new(format: Format, quiet: bool, terminal: Terminal) -> Self {
        Self(Arc::new(Inner { format, quiet, terminal, report: Mutex::default(), causes: Mutex::default(), live: Mutex::default(), asking: AtomicBool::new(false) }))
    }

    /// What the outputs are.
    pub fn terminal(&self) -> Terminal {
        self.0.terminal
    }

    /// Whether stdout gets JSON.
    pub fn is_json(&self) -> bool {
        self.0.format == Format::Json
    }

    /// Data for people, to stdout. Nothing with `-o json`.
    pub fn data(&self, text: impl Shown) {
        if !self.is_json() {
            self.out(&text.shown());
        }
    }

    /// Data for programs: a key of the object that `-o json` prints.
    pub fn report(&self, key: &str, value: &impl serde::Serialize) {
        let value = serde_json::to_value(value).expect("reports are plain data with text as keys");
        self.0.report.lock().expect("no panic while held").insert(key.to_owned(), value);
    }

    /// Data for programs: all keys of an object.
    pub fn report_all(&self, value: &impl serde::Serialize) {
        if let Ok(Value::Object(keys)) = serde_json::to_value(value) {
            self.0.report.lock().expect("no panic while held").extend(keys);
        }
    }

    /// Something to know, to stderr; not with `--quiet`.
    pub fn note(&self, text: impl Shown) {
        if !self.0.quiet {
            self.err(&text.shown());
        }
    }

    /// Something that must be known, to stderr.
    pub fn say(&self, text: impl Shown) {
        self.err(&text.shown());
    }

    /// A reason not to end with 0.
    pub fn cause(&self, cause: Kind) {
        self.0.causes.lock().expect("no panic while held").add(cause);
    }

    /// Something was changed on a node.
    pub fn changed(&self) {
        self.0.causes.lock().expect("no panic while held").changed();
    }

    /// All reasons so far.
    pub fn causes(&self) -> Causes {
        self.0.causes.lock().expect("no panic while held").clone()
    }

    /// Rows of progress are drawn from now on; None: no more.
    pub fn set_live(&self, live: Option<indicatif::MultiProgress>) {
        *self.0.live.lock().expect("no panic while held") = live;
    }

    /// Prints the object of `-o json`, if it was wanted and there is something in it.
    pub fn finish(&self) {
        let report = std::mem::take(&mut *self.0.report.lock().expect("no panic while held"));
        if !self.is_json() || report.is_empty() {
            return;
        }
        let causes = self.causes();
        let mut object = report;
        let all: Vec<&str> = causes.all().map(exit::word).collect();
        object.insert("exit".into(), serde_json::json!({ "code": causes.code(), "causes": all }));
        self.out(&PlainJson::text(&object));
    }

    /// A line to stdout as it is; who reads our output may have left, which is no fault.
    fn out(&self, text: &str) {
        self.apart(|| {
            let mut stdout = std::io::stdout().lock();
            let _ = stdout.write_all(text.as_bytes());
            if !text.ends_with('\n') {
                let _ = stdout.write_all(b"\n");
            }
            let _ = stdout.flush();
        });
    }

    fn err(&self, text: &str) {
        self.apart(|| {
            let mut stderr = std::io::stderr().lock();
            let _ = stderr.write_all(text.as_bytes());
            if !text.ends_with('\n') {
                let _ = stderr.write_all(b"\n");
            }
        });
    }

    fn apart<T>(&self, write: impl FnOnce() -> T) -> T {
        let live = self.0.live.lock().expect("no panic while held").clone();
        match live {
            Some(live) => live.suspend(write),
            None => write(),
        }
    }

    /// Whether a person is being asked right now.
    pub fn is_asking(&self) -> bool {
        self.0.asking.load(Ordering::SeqCst)
    }

    fn asking<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.apart(|| {
            self.0.asking.store(true, Ordering::SeqCst);
            let answer = ask();
            self.0.asking.store(false, Ordering::SeqCst);
            answer
        })
    }

    /// Asks for a line. None: nobody to ask, or they closed their side.
    pub fn ask(&self, question: impl Shown) -> Option<String> {
        if !self.0.terminal.person {
            return None;
        }
        self.asking(|| {
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "{} ", question.shown());
            let _ = stderr.flush();
            let mut answer = String::new();
            match std::io::stdin().read_line(&mut answer) {
                Ok(0) | Err(_) => None,
                Ok(_) => Some(answer.trim().to_owned()),
            }
        })
    }

    /// Asks for a line that is not shown while it is typed.
    pub fn ask_hidden(&self, question: impl Shown) -> Option<secrecy::SecretString> {
        if !self.0.terminal.person {
            return None;
        }
        let question = format!("{}: ", question.shown());
        self.asking(|| match rpassword::prompt_password(question) {
            Ok(secret) => Some(secret.into()),
            // Ctrl-C at a question; the terminal is as it was again, and nothing is under way.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => std::process::exit(130),
            Err(_) => None,
        })
    }

    /// Asks to type a word, as for something that a plain yes does not cover.
    pub fn ask_word(&self, question: impl Shown, word: &str) -> bool {
        self.ask(question).is_some_and(|answer| answer == word)
    }
}

/// A second handle for logs of libraries, whose text is foreign.
#[derive(Clone)]
pub struct LogWriter(Console);

impl LogWriter {
    /// To this console.
    pub fn new(console: Console) -> Self {
        Self(console)
    }
}

impl std::io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        for line in crate::cli::foreign::Foreign::lines(text.trim_end(), 50) {
            self.0.say(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `1 step`, `2 steps`.
pub fn count(number: usize, one: &'static str, many: &'static str) -> Safe {
    crate::safe!("{} {}", number, if number == 1 { one } else { many })
}
