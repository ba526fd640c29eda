//! One mistake, warning or note about a cluster file, as plain data: the words, and the places they are about.

use std::collections::HashSet;
use std::fmt;

use crate::pointer;
use crate::source::{Source, Span};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is done until it is mended.
    Error,
    /// Allowed, and probably not what was meant.
    Warning,
    /// What was filled in for the operator.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// Another place that belongs to the same matter.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Related {
    /// Where.
    pub span: Span,
    /// What is there, in a few words.
    pub label: String,
}

/// One finding. Its text quotes the file, so it is foreign text: whoever shows it, escapes it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    /// Stable dotted name, e.g. `cluster.duplicate-name`.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// JSON Pointer from the root of the file to what it is about; of the nearest thing there is, when that is missing.
    pub pointer: String,
    /// The place to underline; `None` when it is about the file as a whole.
    pub span: Option<Span>,
    /// Other places that belong to it.
    pub related: Vec<Related>,
    /// The name that lets it pass when it is listed under `preflight.relax`; `None`: it cannot be relaxed.
    pub relax: Option<&'static str>,
    /// The text the spans are in.
    #[serde(skip)]
    pub source: Source,
}

impl Diagnostic {
    /// An error about the file as a whole.
    pub fn about(source: &Source, code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            severity: Severity::Error,
            message: message.into(),
            help: None,
            pointer: String::new(),
            span: None,
            related: Vec::new(),
            relax: None,
            source: source.clone(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// As a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// As a note.
    #[must_use]
    pub fn note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }

    /// It passes when `name` is listed under `preflight.relax`.
    #[must_use]
    pub fn relaxed_by(mut self, name: &'static str) -> Self {
        self.relax = Some(name);
        self
    }

    /// Also show this place.
    #[must_use]
    pub fn related(mut self, span: Option<Span>, label: impl Into<String>) -> Self {
        if let Some(span) = span {
            self.related.push(Related {
                span,
                label: label.into(),
            });
        }
        self
    }

    /// At these bytes of the source.
    #[must_use]
    pub(crate) fn at(mut self, bytes: std::ops::Range<usize>) -> Self {
        self.span = Some(self.source.span(bytes));
        self
    }
}

/// `code line:col message / help`: for logs and tests. The command line draws the place instead.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.severity != Severity::Error {
            write!(f, " ({})", self.severity)?;
        }
        if let Some(span) = self.span {
            write!(f, " {}:{}", span.line, span.column)?;
        }
        write!(f, " {}", self.message)?;
        if let Some(help) = &self.help {
            write!(f, " / {help}")?;
        }
        for Related { span, label } in &self.related {
            write!(f, " [{}:{} {label}]", span.line, span.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// At most this many are reported of one file: nobody reads more, and a hostile file could have hundreds of thousands.
const MOST: usize = 100;

/// Drops what is said about the value of a key that is unknown: the key is the mistake.
fn without_echoes(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let unknown: HashSet<String> = found
        .iter()
        .filter(|one| one.code.ends_with(".unknown-key"))
        .map(|one| one.pointer.clone())
        .collect();
    let echo = |one: &Diagnostic| {
        !one.code.ends_with(".unknown-key")
            && std::iter::successors(Some(one.pointer.as_str()), |at| pointer::parent(at))
                .any(|at| unknown.contains(at))
    };
    found.into_iter().filter(|one| !echo(one)).collect()
}

/// In the order of the file, errors and warnings of one place together, no more than people read.
pub(crate) fn in_order(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut found = without_echoes(found);
    found.sort_by(|a, b| (a.span, a.severity, &a.code).cmp(&(b.span, b.severity, &b.code)));
    found.dedup();
    if found.len() > MOST {
        // An error must not be cut off by a hundred warnings before it.
        found.sort_by_key(|one| one.severity != Severity::Error);
        found.truncate(MOST);
        let message = format!("only the first {MOST} findings are shown, errors before others");
        let more = Diagnostic::about(&found[0].source, "file.more", message);
        found.push(more.help("mend these and check again").note());
    }
    found
}
