//! A shell somewhere: where a script is sent, and what comes back.
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{collections::HashMap, io};

use arcus_contract::types::Problem;
use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use zeroize::Zeroizing;

use crate::frames::{Frame, Kind, Parser};
use crate::looks::{Part, Parts};
use crate::script::{self, Script};
use crate::{Answer, Batch, Event, Failure, Layout, Link, Lost, Outcome, Report, Sink, Source, tasks};

/// Opens shells on one node.
#[async_trait]
pub trait Shells: Send + Sync {
    /// A fresh `sh -s` (of root, through sudo where need be), ready for its script.
    async fn open(&self) -> Result<Shell, Broken>;
    /// Whether the way there is known to be gone.
    fn is_lost(&self) -> bool;
    /// Ends it in order.
    async fn close(&self);
}

/// A shell that waits for its script.
pub struct Shell {
    /// To its stdin.
    pub feed: Box<dyn Feed>,
    /// From its stdout and stderr.
    pub drain: Box<dyn Drain>,
    /// What it printed before it was handed over.
    pub early: Vec<u8>,
}

/// To a shell's stdin.
#[async_trait]
pub trait Feed: Send {
    /// All of it. May block for ever when the shell does not read: run it in a task of its own.
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// From a shell.
#[async_trait]
pub trait Drain: Send {
    /// The next piece; none: it is over.
    async fn next(&mut self) -> Option<Piece>;

    /// The script said its last word; what is dropped now ends by itself.
    fn through(&mut self) {}
}

/// What a shell prints.
#[derive(Debug)]
pub enum Piece {
    /// On stdout.
    Out(Vec<u8>),
    /// On stderr.
    Err(Vec<u8>),
}

/// Why there is no shell.
#[derive(Debug, Clone)]
pub struct Broken {
    /// As in [`Lost`].
    pub code: &'static str,
    /// One sentence.
    pub reason: String,
}

/// A node behind a shell: the real ones.
pub struct ShellLink {
    node: String,
    layout: Layout,
    shells: Box<dyn Shells>,
}

/// What a node may print beside its frames.
const MOST_BESIDE: usize = 16 << 20;

/// How long the first frame may take: a login shell with a slow `.bashrc`, on a busy machine.
const GREETING: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 45 });

impl ShellLink {
    /// A link to this node.
    pub fn new(node: &str, layout: &Layout, shells: Box<dyn Shells>) -> Arc<Self> {
        Arc::new(Self { node: node.into(), layout: layout.clone(), shells })
    }

    fn lost(&self, code: &'static str, reason: impl Into<String>, progress: &Progress) -> Lost {
        Lost {
            node: self.node.clone(),
            code,
            reason: reason.into(),
            outcomes: progress.outcomes.clone(),
            open: progress.open,
            untouched: !progress.greeted,
        }
    }

    fn problem(&self, code: &str, message: String, retryable: bool) -> Problem {
        Problem { code: code.into(), message, help: None, node: Some(self.node.clone()), pointer: None, retryable }
    }

    /// Answers that name the node.
    fn answers(&self, script: Script, parts: Parts) -> Vec<Answer> {
        let node = &self.node;
        script
            .gathering
            .answers(&parts)
            .into_iter()
            .map(|answer| answer.map_err(|problem| Problem { node: Some(node.clone()), ..problem }))
            .collect()
    }
}

#[derive(Default)]
struct Progress {
    greeted: bool,
    outcomes: Vec<Outcome>,
    open: Option<usize>,
}

enum Order {
    Bytes(Zeroizing<Vec<u8>>),
    Source(Source),
}

#[async_trait]
impl Link for ShellLink {
    fn node(&self) -> &str {
        &self.node
    }

    async fn run(&self, batch: &Batch, sink: &mut dyn Sink) -> Result<Report, Lost> {
        let mut progress = Progress::default();
        let mut script = match script::render(batch, &self.layout, &script::nonce()) {
            Ok(script) => script,
            Err(problem) => return Ok(self.refused(batch, problem, sink)),
        };
        if batch.tasks.is_empty() && script.gathering.script.is_empty() {
            // Nothing that only the node could tell.
            let missing = self.problem("node.not-reached", "nothing was asked".into(), false);
            return Ok(Report { outcomes: vec![], answers: self.answers(script, Parts { parts: HashMap::new(), missing, clock: None }) });
        }
        let Shell { feed, mut drain, early } = self.shells.open().await.map_err(|broken| self.lost(broken.code, broken.reason, &progress))?;
        tracing::debug!(node = self.node, tasks = batch.tasks.len(), looks = batch.looks.len(), bytes = script.text.len(), "batch");
        let (orders, inbox) = mpsc::unbounded_channel();
        let _ = orders.send(Order::Bytes(std::mem::take(&mut script.text)));
        // A task of its own, ended with this call: a write can block for ever when the shell is gone.
        let mut writer = AbortOnDropHandle::new(tokio::spawn(write(feed, inbox)));
        let mut writing = true;

        let mut parser = Parser::new(&script.nonce);
        let mut parts: HashMap<u32, Part> = HashMap::new();
        let (mut clock_asked, mut clock) = (None, None);
        let mut fenced: Option<u64> = None;
        let (mut said, mut beside) = (Vec::new(), 0_usize);
        let mut sent = None;
        let mut ended = false;
        let mut late = false;
        let mut deadline = Instant::now() + GREETING;
        let mut pieces = vec![Piece::Out(early)];
        'reading: loop {
            for piece in pieces.drain(..) {
                let bytes = match piece {
                    Piece::Out(bytes) => bytes,
                    Piece::Err(bytes) => {
                        said.extend_from_slice(&bytes[..bytes.len().min(4096usize.saturating_sub(said.len()))]);
                        beside += bytes.len();
                        if beside > MOST_BESIDE {
                            return Err(self.lost("node.nonsense", format!("the node prints without end: {beside} bytes of messages so far"), &progress));
                        }
                        continue;
                    }
                };
                let frames = parser.push(&bytes).map_err(|nonsense| self.lost("node.nonsense", format!("what the node says makes no sense: {nonsense}"), &progress))?;
                for Frame { kind, index, status, bytes } in frames {
                    let task = index as usize;
                    let nonsense = |progress: &Progress| self.lost("node.nonsense", "what the node says makes no sense: a frame out of turn", progress);
                    match kind {
                        // A second one would win time again and again.
                        Kind::Hello if !progress.greeted => {
                            progress.greeted = true;
                            deadline = Instant::now() + if batch.tasks.is_empty() { script.look_within } else { Duration::from_secs(60) };
                        }
                        Kind::Begin if task == progress.outcomes.len() && task < batch.tasks.len() => {
                            progress.open = Some(task);
                            deadline = Instant::now() + script.patience[task];
                            sink.event(Event::Begin { task });
                        }
                        Kind::Line if progress.open == Some(task) => {
                            if !bytes.is_empty() {
                                sink.event(Event::Line { task, line: String::from_utf8_lossy(&bytes).into_owned() });
                            }
                        }
                        Kind::Result if progress.open == Some(task) => {
                            let outcome = tasks::outcome(status, &bytes).ok_or_else(|| nonsense(&progress))?;
                            progress.open = None;
                            progress.outcomes.push(outcome.clone());
                            deadline = Instant::now() + if progress.outcomes.len() == batch.tasks.len() { script.look_within } else { Duration::from_secs(60) };
                            sink.event(Event::End { task, outcome });
                        }
                        Kind::Answer if script.gathering.expects(index) => {
                            if clock.is_none() {
                                clock = clock_asked.map(|(at, from): (SystemTime, Instant)| (at, from.elapsed()));
                            }
                            parts.insert(index, Part { status, bytes });
                        }
                        Kind::Want if index == i32::MAX as u32 && clock_asked.is_none() => {
                            let _ = orders.send(Order::Bytes(b"\n".to_vec().into()));
                            clock_asked = Some((SystemTime::now(), Instant::now()));
                        }
                        Kind::Want => match script.streams.get(task) {
                            Some(Some(source)) if progress.open == Some(task) && sent != Some(task) => {
                                sent = Some(task);
                                let _ = orders.send(Order::Source(source.clone()));
                            }
                            _ => return Err(nonsense(&progress)),
                        },
                        Kind::Fenced if index == 0 => {
                            fenced = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
                            if fenced.is_none() {
                                return Err(nonsense(&progress));
                            }
                            ended = true;
                            break 'reading;
                        }
                        Kind::Fenced => {
                            let reason = format!("the node cannot keep its state: {}", String::from_utf8_lossy(&bytes).trim());
                            let mut lost = self.lost("node.no-state", reason, &progress);
                            lost.untouched = progress.outcomes.is_empty();
                            return Err(lost);
                        }
                        Kind::End => {
                            ended = true;
                            break 'reading;
                        }
                        Kind::Hello | Kind::Begin | Kind::Line | Kind::Result | Kind::Answer => return Err(nonsense(&progress)),
                    }
                }
            }
            // Whoever always has more to say is never waited for, so its time is looked at here.
            if Instant::now() >= deadline {
                late = true;
                break;
            }
            tokio::select! {
                piece = timeout_at(deadline, drain.next()) => match piece {
                    Ok(Some(piece)) => pieces.push(piece),
                    Ok(None) => break,
                    Err(_) => { late = true; break; }
                },
                result = &mut writer, if writing => {
                    writing = false;
                    if let Ok(Err(error)) = result
                        && let Some(task) = progress.open {
                            // The content could not be read on this side, or the node is gone: either way nothing more can come of it.
                            return Err(self.lost("node.lost", format!("task {task} could not be sent: {error}"), &progress));
                        }
                }
            }
        }
        if ended {
            drain.through();
        }
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        let all_done = progress.outcomes.len() == batch.tasks.len() && progress.outcomes.iter().all(Outcome::is_done);
        let looking = progress.greeted && all_done;
        if !(ended || late && looking) {
            let (code, reason) = match (late, progress.greeted) {
                (true, true) => ("node.timeout", "the node said nothing more, though its time was up".to_owned()),
                (true, false) => ("node.timeout", format!("no shell answered within {} s", GREETING.as_secs())),
                (false, true) => ("node.lost", "the connection was lost before the node was through".into()),
                (false, false) if !said.is_empty() => ("node.no-shell", format!("no shell answered; the node said: {said}")),
                (false, false) => ("node.lost", "the connection was lost before a shell answered".into()),
            };
            return Err(self.lost(code, reason, &progress));
        }
        if let Some(epoch) = fenced {
            let outcome = Outcome::Fenced { epoch };
            sink.event(Event::End { task: progress.outcomes.len(), outcome: outcome.clone() });
            progress.outcomes.push(outcome);
        }
        progress.outcomes.resize(batch.tasks.len(), Outcome::NotReached);
        let missing = if looking {
            self.problem("node.timeout", "the node did not answer this in time".into(), true)
        } else {
            self.problem("node.not-reached", "not looked at, since a task before was not done".into(), true)
        };
        Ok(Report { outcomes: progress.outcomes, answers: self.answers(script, Parts { parts, missing, clock }) })
    }

    fn is_lost(&self) -> bool {
        self.shells.is_lost()
    }

    async fn close(&self) {
        self.shells.close().await;
    }
}

impl ShellLink {
    /// A batch with something in it that cannot be: nothing is sent.
    fn refused(&self, batch: &Batch, problem: Problem, sink: &mut dyn Sink) -> Report {
        let mut outcomes = vec![Outcome::NotReached; batch.tasks.len()];
        let index = (0..batch.tasks.len()).find(|index| tasks::render(*index, batch, &self.layout).is_err()).unwrap_or_default();
        if let Some(outcome) = outcomes.get_mut(index) {
            *outcome = Outcome::Refused(Failure { code: problem.code, message: problem.message, status: None, tail: vec![] });
            sink.event(Event::Begin { task: index });
            sink.event(Event::End { task: index, outcome: outcome.clone() });
        }
        let missing = self.problem("node.not-reached", "not looked at, since a task before was not done".into(), false);
        Report { outcomes, answers: vec![Err(missing); batch.looks.len()] }
    }
}

/// Sends what it is told, in order.
async fn write(mut feed: Box<dyn Feed>, mut inbox: mpsc::UnboundedReceiver<Order>) -> io::Result<()> {
    while let Some(order) = inbox.recv().await {
        match order {
            Order::Bytes(bytes) => feed.send(&bytes).await?,
            Order::Source(Source::Bytes(bytes)) => feed.send(bytes.reveal()).await?,
            Order::Source(Source::Stream { size, open, .. }) => {
                let (pieces, mut incoming) = mpsc::channel::<io::Result<Vec<u8>>>(4);
                // Reading files blocks, so it happens elsewhere.
                tokio::task::spawn_blocking(move || {
                    let mut left = size;
                    let mut read = || -> io::Result<()> {
                        let mut reader = open()?;
                        while left > 0 {
                            let mut piece = vec![0; left.min(64 << 10) as usize];
                            io::Read::read_exact(&mut reader, &mut piece)?;
                            left -= piece.len() as u64;
                            if pieces.blocking_send(Ok(piece)).is_err() {
                                return Ok(());
                            }
                        }
                        Ok(())
                    };
                    if let Err(error) = read() {
                        let _ = pieces.blocking_send(Err(error));
                    }
                });
                while let Some(piece) = incoming.recv().await {
                    feed.send(&piece?).await?;
                }
            }
        }
    }
    Ok(())
}
