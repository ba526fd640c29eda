//! One step that runs live: what its plugin does on its nodes is journalled before it is sent, shown while it happens, fenced like any change,
//! and over with the step.

#[cfg(test)]
mod simulated;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arcus_contract::actions::Step;
use arcus_contract::facts::{Fact, Output};
use arcus_contract::types::Problem;
use arcus_node::{Batch, Change, Expect, Failure, Fence, Hidden, Look, Lost, Outcome, Quiet, Report, Seen, Source, Task};
use arcus_plan::vet::hatch::CONTENT;
use arcus_plugin::Live;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::event::{Event, Events};
use crate::fleet::Fleet;
use crate::journal::{Entry, Journal, now};
use crate::lock::Held;
use crate::observer::job_id;
use crate::vault::Vault;

/// What a file takes, and what stands before a command.
const QUICK: Duration = Duration::from_secs(60);

/// The nodes of one step, while it runs live.
pub struct Hatch {
    plugin: String,
    step: String,
    /// The step's own node: where it is shown.
    node: String,
    fleet: Arc<Fleet>,
    vault: Arc<Vault>,
    events: Events,
    journal: Journal,
    fence: Fence,
    fenced: CancellationToken,
    stop: CancellationToken,
    over: CancellationToken,
    times: AtomicUsize,
    broken: Mutex<Broken>,
}

/// What ended it early.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Broken {
    /// Another run took over.
    pub fenced: bool,
    /// The operator interrupted.
    pub interrupted: bool,
    /// The link to a node broke in its midst.
    pub lost: Option<String>,
}

impl Hatch {
    /// For one step of one run.
    pub fn new(engine: &Engine, held: &Held, journal: &Journal, plugin: &str, step: &Step) -> Self {
        Self {
            plugin: plugin.to_owned(),
            step: step.id.clone(),
            node: step.node.clone(),
            fleet: engine.fleet.clone(),
            vault: engine.vault.clone(),
            events: engine.events.clone(),
            journal: journal.clone(),
            fence: held.fence(),
            fenced: held.fenced().clone(),
            stop: engine.stop.clone(),
            over: CancellationToken::new(),
            times: AtomicUsize::new(0),
            broken: Mutex::default(),
        }
    }

    /// The step has ended: whoever still holds this can do nothing with it.
    pub fn end(&self) -> Broken {
        self.over.cancel();
        self.broken.lock().expect("no panic while held").clone()
    }

    fn break_off(&self, note: impl FnOnce(&mut Broken)) {
        note(&mut self.broken.lock().expect("no panic while held"));
    }

    /// Whether more may be done; says what is to be done, before it is.
    fn begin(&self, node: &str, what: &str) -> Result<(), Problem> {
        if self.over.is_cancelled() {
            return Err(problem(node, "session.ended", "the step is over, and so is what it opened".into()));
        }
        if self.fenced.is_cancelled() {
            self.break_off(|broken| broken.fenced = true);
            return Err(taken_over(node));
        }
        if self.stop.is_cancelled() {
            self.break_off(|broken| broken.interrupted = true);
            return Err(problem(node, "session.ended", "the operator interrupted: nothing more is done live".into()));
        }
        self.note(node, what, "")
            .map_err(|error| problem(node, "journal.unwritable", format!("the journal cannot be written, so nothing was sent: {error}")))?;
        let line = format!("{node}: {}", self.shown(what));
        (self.events)(Event::StepLine { plugin: self.plugin.clone(), step: self.step.clone(), node: self.node.clone(), line });
        Ok(())
    }

    fn note(&self, node: &str, what: &str, end: &str) -> std::io::Result<()> {
        let entry = Entry::Live {
            plugin: self.plugin.clone(),
            step: self.step.clone(),
            node: node.to_owned(),
            what: self.shown(what),
            end: self.shown(end),
            at: now(),
        };
        self.journal.write(&entry)
    }

    /// As people are shown it: without secrets, and not longer than somebody reads.
    fn shown(&self, text: &str) -> String {
        let text = self.vault.veil().text(text.to_owned());
        match text.char_indices().nth(500) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    /// Notes how it ended. It has happened, whether that can be written or not.
    fn ended<T>(&self, node: &str, what: &str, done: Result<T, Problem>, said: impl FnOnce(&T) -> String) -> Result<T, Problem> {
        let end = match &done {
            Ok(done) => said(done),
            Err(problem) => format!("{}: {}", problem.code, problem.message.lines().next().unwrap_or_default()),
        };
        if let Err(error) = self.note(node, what, &end) {
            tracing::warn!(node, %error, "the end of what was done live is not in the journal");
        }
        done
    }

    /// One round trip, behind the fence.
    async fn send(&self, node: &str, change: Change, looks: Vec<Look>) -> Result<Report, Problem> {
        let number = self.times.fetch_add(1, Ordering::Relaxed) + 1;
        let task = Task { id: format!("{}#{number}", job_id(&self.plugin, &self.step)), change, timeout: QUICK };
        let batch = Batch { fence: Some(self.fence.clone()), tasks: vec![task], looks, ..Batch::default() };
        let report = match self.fleet.run(node, &batch, &mut Quiet).await {
            Ok(report) => report,
            Err(lost) => return Err(self.lost(&lost)),
        };
        match report.outcomes.first() {
            Some(Outcome::Done(_)) => Ok(report),
            Some(Outcome::Fenced { .. }) => {
                self.break_off(|broken| broken.fenced = true);
                Err(taken_over(node))
            }
            Some(Outcome::Failed(failure) | Outcome::Refused(failure)) => Err(self.failed(node, failure)),
            Some(Outcome::Timeout(_)) => Err(problem(node, "session.timeout", format!("it was not through after {} s and was stopped", QUICK.as_secs()))),
            _ => Err(problem(node, "answer.shape", "the node answered something else than was asked".into())),
        }
    }

    fn lost(&self, lost: &Lost) -> Problem {
        self.break_off(|broken| broken.lost = Some(format!("the link to {} broke while it ran live: {}", lost.node, lost.reason)));
        lost.to_problem()
    }

    fn failed(&self, node: &str, failure: &Failure) -> Problem {
        let said = self.vault.veil().bytes(&failure.tail).into_owned();
        let said = String::from_utf8_lossy(&said).trim_end().to_owned();
        let message = if said.is_empty() { failure.message.clone() } else { format!("{}\n{said}", failure.message) };
        problem(node, &failure.code, message)
    }

    /// Output as the plugin is given it: nothing in it is a secret.
    fn veiled(&self, output: Output) -> Output {
        match self.vault.veil().answer(Ok(Fact::Query(output))) {
            Ok(Fact::Query(output)) => output,
            _ => Output::default(),
        }
    }
}

#[async_trait]
impl Live for Hatch {
    async fn exec(&self, node: &str, argv: Vec<String>, stdin: String, timeout_s: u32) -> Result<Output, Problem> {
        let fed = if stdin.is_empty() { String::new() } else { format!(", fed {} bytes", stdin.len()) };
        let what = format!("run {}{fed}", argv.join(" "));
        self.begin(node, &what)?;
        let program = argv.first().cloned().unwrap_or_default();
        let look = Look::Command { argv, stdin, timeout_s, limit: CONTENT as u32 };
        let done = match self.send(node, Change::Nothing, vec![look]).await {
            Ok(report) => match report.answers.into_iter().next() {
                Some(Ok(Seen::Fact(Fact::Query(output)))) => Ok(self.veiled(output)),
                Some(Err(found)) if found.code == "node.timeout" => {
                    Err(problem(node, "session.timeout", format!("{program} was not through after {timeout_s} s and was killed")))
                }
                Some(Err(found)) => Err(Problem { node: Some(node.to_owned()), ..found }),
                _ => Err(problem(node, "answer.shape", "the node answered something else than was asked".into())),
            },
            Err(found) => Err(found),
        };
        self.ended(node, &what, done, |output| {
            let cut = if output.truncated { ", more was cut" } else { "" };
            format!("status {}, {} bytes{cut}", output.status, output.stdout.len() + output.stderr.len())
        })
    }

    async fn read(&self, node: &str, path: String) -> Result<Vec<u8>, Problem> {
        let what = format!("read {path}");
        self.begin(node, &what)?;
        let look = Look::Content { path: path.clone(), limit: CONTENT as u64 };
        let done = match self.send(node, Change::Nothing, vec![look]).await {
            Ok(report) => match report.answers.into_iter().next() {
                Some(Ok(Seen::Content(Some(content)))) => {
                    let bytes = content.bytes.reveal().to_vec();
                    let shown = self.veiled(Output { status: 0, stdout: bytes.clone(), stderr: vec![], truncated: false });
                    // Without it the file would be another one, and might be written back.
                    let secret = || problem(node, "session.secret", format!("{path} holds the value of a secret"));
                    if shown.stdout == bytes { Ok(bytes) } else { Err(secret()) }
                }
                Some(Ok(Seen::Content(None))) => Err(problem(node, "session.absent", format!("there is no file {path}"))),
                Some(Err(found)) if found.code == "node.truncated" => Err(problem(node, "session.too-large", found.message)),
                Some(Err(found)) => Err(Problem { node: Some(node.to_owned()), ..found }),
                _ => Err(problem(node, "answer.shape", "the node answered something else than was asked".into())),
            },
            Err(found) => Err(found),
        };
        self.ended(node, &what, done, |content| format!("{} bytes", content.len()))
    }

    async fn write(&self, node: &str, path: String, content: Vec<u8>, mode: u32) -> Result<(), Problem> {
        let content = Hidden::new(content);
        let what = format!("write {path}, {} bytes, {mode:04o}, sha256 {}", content.len(), content.sha256());
        self.begin(node, &what)?;
        let change = Change::WriteFile {
            path,
            content: Source::Bytes(content),
            mode,
            owner: "root".into(),
            group: "root".into(),
            keep_original: false,
            expect: Expect::Any,
            shared_parent: false,
        };
        let done = self.send(node, change, vec![]).await.map(drop);
        self.ended(node, &what, done, |()| "done".into())
    }

    fn refused(&self, node: &str, what: &str, problem: &Problem) {
        if let Err(error) = self.note(node, what, &format!("{}: {}", problem.code, problem.message)) {
            tracing::warn!(node, %error, "what was not allowed live is not in the journal");
        }
    }
}

fn taken_over(node: &str) -> Problem {
    problem(node, "run.fenced", "another run has taken over: nothing was changed".into())
}

fn problem(node: &str, code: &str, message: String) -> Problem {
    Problem { code: code.into(), message, help: None, node: Some(node.to_owned()), pointer: None, retryable: false }
}
