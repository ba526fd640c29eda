//! What happens, while it happens: on a terminal a row per busy node, elsewhere a line per beginning and end. Always stderr.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arcus_engine::{Event, Events, StepEnd};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::console::Console;
use crate::cli::foreign::{Foreign, without_name};
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::safe;

/// How often rows are drawn anew.
const EVERY: Duration = Duration::from_millis(120);
/// Lines that wait for a terminal that does not take them; then the oldest are dropped and counted.
const BACKLOG: usize = 10_000;

/// What was seen of a run; what the end of it is told from.
#[derive(Debug, Clone, Default)]
pub struct Witnessed {
    /// Steps performed.
    pub performed: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Steps of which nobody knows.
    pub unknown: usize,
    /// Nodes that were not reached, up to now.
    pub missing: BTreeSet<String>,
    /// What goes on without us: what, where, for how long already.
    pub detached: Vec<(String, String, Duration)>,
}

/// Takes events, and shows them on its own thread: whoever tells them is never held up by a terminal.
pub struct Progress {
    shared: Arc<Shared>,
    painter: Option<JoinHandle<()>>,
}

struct Shared {
    board: Mutex<Board>,
    news: Condvar,
    stopped: Condvar,
    console: Console,
}

impl Progress {
    /// Begins to show.
    pub fn begin(console: &Console, quiet: bool) -> Self {
        let live = console.terminal().live && !quiet;
        let board = Board::new(console.terminal().err, live, quiet);
        let shared = Arc::new(Shared { board: Mutex::new(board), news: Condvar::new(), stopped: Condvar::new(), console: console.clone() });
        let painter = {
            let shared = shared.clone();
            std::thread::Builder::new().name("progress".into()).spawn(move || if live { shared.draw() } else { shared.print() }).ok()
        };
        Self { shared, painter }
    }

    /// Where events go.
    pub fn events(&self) -> Events {
        let shared = self.shared.clone();
        Arc::new(move |event| {
            let clock = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
            shared.board.lock().expect("no panic while held").take(event, Instant::now(), &clock);
            shared.news.notify_one();
        })
    }

    /// What was seen so far.
    pub fn witnessed(&self) -> Witnessed {
        self.shared.board.lock().expect("no panic while held").witnessed.clone()
    }

    /// Shows nothing for now; what happens meanwhile is shown afterwards. Returns once the screen is free.
    pub fn pause(&self) {
        let mut board = self.shared.board.lock().expect("no panic while held");
        board.paused = true;
        self.shared.news.notify_all();
        // The painter says that it has stopped; one that hangs in a stopped terminal is not waited for long.
        let stopped = self.shared.stopped.wait_timeout_while(board, Duration::from_secs(2), |board| !board.clear && !board.over && self.painter.is_some());
        drop(stopped);
    }

    /// Shows what happens again.
    pub fn resume(&self) {
        let mut board = self.shared.board.lock().expect("no panic while held");
        board.paused = false;
        board.clear = false;
        self.shared.news.notify_all();
    }

    /// Steps that are under way, as they are shown.
    pub fn under_way(&self) -> Vec<Safe> {
        let board = self.shared.board.lock().expect("no panic while held");
        board.nodes.iter().flat_map(|(node, active)| active.iter().map(move |one| safe!("{} on {}", Foreign::line(&one.title), Foreign::word(node)))).collect()
    }

    /// Shows what is left, and ends.
    pub fn end(mut self) -> Witnessed {
        self.stop();
        self.witnessed()
    }

    fn stop(&mut self) {
        self.shared.board.lock().expect("no panic while held").over = true;
        self.shared.news.notify_one();
        if let Some(painter) = self.painter.take() {
            let _ = painter.join();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Waits for news; gives the lines, and whether it is over.
    fn wait(&self, at_most: Duration) -> (Vec<Safe>, bool) {
        let board = self.board.lock().expect("no panic while held");
        // In a pause, once the screen is free, nothing is news; before that, that it is to be freed is.
        let idle = |board: &mut Board| !board.over && (board.clear || (board.lines.is_empty() && !board.paused));
        let (mut board, _) = self.news.wait_timeout_while(board, at_most, idle).expect("no panic while held");
        // What came before a pause is shown before it; what comes in it, after.
        let lines = if board.clear && !board.over { vec![] } else { board.drain() };
        (lines, board.over)
    }

    /// Tells who waits for it that nothing is on the screen, when that is wanted.
    fn rest(&self) -> bool {
        let mut board = self.board.lock().expect("no panic while held");
        if board.paused {
            board.clear = true;
            self.stopped.notify_all();
        }
        board.paused
    }

    fn print(&self) {
        loop {
            let (lines, over) = self.wait(Duration::from_secs(3600));
            for line in lines {
                self.console.say(line);
            }
            if over {
                return;
            }
            self.rest();
        }
    }

    fn draw(&self) {
        let rows = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20));
        self.console.set_live(Some(rows.clone()));
        let style = ProgressStyle::with_template("{msg}").expect("a template of ours");
        let mut bars: Vec<ProgressBar> = Vec::new();
        loop {
            let (lines, over) = self.wait(EVERY);
            for line in lines {
                self.console.say(line);
            }
            let (height, width) = console::Term::stderr().size();
            let room = usize::from(height).saturating_sub(2).max(1);
            let mut wanted = self.board.lock().expect("no panic while held").rows(Instant::now(), usize::from(width).max(20), room);
            let pausing = self.board.lock().expect("no panic while held").paused;
            if pausing {
                wanted.clear();
            }
            while bars.len() < wanted.len() {
                bars.push(rows.add(ProgressBar::new_spinner().with_style(style.clone())));
            }
            while bars.len() > wanted.len() || (over && !bars.is_empty()) {
                if let Some(bar) = bars.pop() {
                    bar.finish_and_clear();
                    rows.remove(&bar);
                }
            }
            for (bar, row) in bars.iter().zip(&wanted) {
                bar.set_message(row.as_str().to_owned());
            }
            if over {
                let _ = rows.clear();
                self.console.set_live(None);
                return;
            }
            if pausing {
                self.rest();
            }
            // Lines wake this loop as they come; rows need not be drawn more often than they can be read.
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

/// A step that is under way.
struct Active {
    key: (String, String),
    title: String,
    since: Instant,
    line: String,
    /// When it was last told, where there are no rows.
    told: Instant,
}

/// Where there are no rows, a long step is told of this often.
const TELL_EVERY: Duration = Duration::from_secs(15);

/// A plugin warns this often; what it has to say beyond that is not for people.
const WARNINGS: usize = 20;

/// What is going on.
struct Board {
    paint: Paint,
    live: bool,
    quiet: bool,
    nodes: BTreeMap<String, Vec<Active>>,
    lines: VecDeque<Safe>,
    dropped: usize,
    /// How often each plugin warned.
    warned: BTreeMap<String, usize>,
    phase: &'static str,
    since: Instant,
    round: Option<(usize, usize)>,
    ended: usize,
    witnessed: Witnessed,
    over: bool,
    /// Nothing is to be shown.
    paused: bool,
    /// Nothing is shown.
    clear: bool,
}

impl Board {
    fn new(paint: Paint, live: bool, quiet: bool) -> Self {
        Self {
            paint,
            live,
            quiet,
            nodes: BTreeMap::new(),
            lines: VecDeque::new(),
            dropped: 0,
            warned: BTreeMap::new(),
            phase: "look",
            since: Instant::now(),
            round: None,
            ended: 0,
            witnessed: Witnessed::default(),
            over: false,
            paused: false,
            clear: false,
        }
    }

    fn say(&mut self, clock: &str, text: Safe) {
        if self.quiet {
            return;
        }
        if self.lines.len() == BACKLOG {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(safe!("{} {}", self.paint.dim(Foreign::word(clock)), text));
    }

    fn drain(&mut self) -> Vec<Safe> {
        let mut lines: Vec<Safe> = Vec::with_capacity(self.lines.len());
        if std::mem::take(&mut self.dropped) > 0 {
            lines.push(safe!("(some lines were left out: the terminal was too slow)"));
        }
        lines.extend(self.lines.drain(..));
        lines
    }

    fn active(&mut self, plugin: &str, step: &str, node: &str) -> Option<&mut Active> {
        self.nodes.get_mut(node)?.iter_mut().find(|active| active.key.0 == plugin && active.key.1 == step)
    }

    fn take(&mut self, event: Event, now: Instant, clock: &str) {
        let paint = self.paint;
        match event {
            Event::Phase { name } => {
                self.phase = name;
                self.since = now;
            }
            Event::Reached { node, .. } => {
                self.witnessed.missing.remove(&node);
            }
            Event::NotReached { node, problem } => {
                if self.witnessed.missing.insert(node.clone()) {
                    self.say(clock, safe!("{}  {} {}", paint.cyan(Foreign::word(&node)), paint.red("not reached:"), Foreign::line(without_name(&problem.message, &node))));
                }
            }
            Event::Log { plugin, level, message } => {
                let line = safe!("{}: {}", Foreign::word(&plugin), Foreign::line(&message));
                match level {
                    arcus_plugin::Level::Warn => {
                        let times = self.warned.entry(plugin.clone()).or_default();
                        *times += 1;
                        match *times {
                            ..=WARNINGS => self.say(clock, paint.yellow(line)),
                            times => {
                                tracing::warn!(target: "arcus::plugin", "{}", line.as_str());
                                if times == WARNINGS + 1 {
                                    self.say(clock, paint.yellow(safe!("{}: more than {} warnings; with `-v` all of them", Foreign::word(&plugin), WARNINGS)));
                                }
                            }
                        }
                    }
                    _ => tracing::debug!(target: "arcus::plugin", "{}", line.as_str()),
                }
            }
            Event::Round { number, steps } => {
                self.round = Some((number, steps));
                self.ended = 0;
                self.phase = "apply";
                if steps > 0 {
                    self.say(clock, paint.bold(safe!("round {}: {}", number, crate::cli::console::count(steps, "step", "steps"))));
                }
            }
            Event::StepBegan { plugin, step, node, title } => {
                if !self.live {
                    self.say(clock, safe!("{}  begin   {}", paint.cyan(Foreign::word(&node)), Foreign::line(&title)));
                }
                let active = self.nodes.entry(node).or_default();
                active.retain(|one| one.key != (plugin.clone(), step.clone()));
                active.push(Active { key: (plugin, step), title, since: now, line: String::new(), told: now });
            }
            Event::StepLine { plugin, step, node, line } => {
                self.goes_on(&plugin, &step, &node, line, now, clock);
            }
            Event::StepWaits { plugin, step, node, what } => {
                self.goes_on(&plugin, &step, &node, format!("waiting: {what}"), now, clock);
            }
            Event::StepEnded { plugin, step, node, title, end, took_ms } => self.ended(&plugin, &step, &node, &title, end, Duration::from_millis(took_ms), clock),
            Event::Note(text) => self.say(clock, safe!("{}", Foreign::line(&text))),
            Event::Drill { drill, what } => self.say(clock, safe!("{}  {}", paint.bold(Foreign::word(&drill)), Foreign::line(&what))),
        }
    }

    /// The last a step said; a line of its own, now and then, where there are no rows.
    fn goes_on(&mut self, plugin: &str, step: &str, node: &str, line: String, now: Instant, clock: &str) {
        let live = self.live;
        let Some(active) = self.active(plugin, step, node) else { return };
        active.line = line;
        if live || now.duration_since(active.told) < TELL_EVERY {
            return;
        }
        active.told = now;
        let told = safe!("{} {}: {}", Foreign::line(&active.title), safe!("({})", time(now - active.since)), Foreign::line(&active.line));
        let line = safe!("{}  goes on {}", self.paint.cyan(Foreign::word(node)), told);
        self.say(clock, line);
    }

    #[allow(clippy::too_many_arguments)]
    fn ended(&mut self, plugin: &str, step: &str, node: &str, title: &str, end: StepEnd, took: Duration, clock: &str) {
        if let Some(active) = self.nodes.get_mut(node) {
            active.retain(|one| one.key.0 != plugin || one.key.1 != step);
        }
        self.nodes.retain(|_, active| !active.is_empty());
        self.ended += 1;
        let paint = self.paint;
        let (mark, detail) = match end {
            StepEnd::Done => {
                self.witnessed.performed += 1;
                (paint.green("done    "), Safe::new())
            }
            StepEnd::BecameSo => (paint.green("so now  "), Safe::new()),
            StepEnd::Stale => (paint.yellow("stale   "), safe!("it was changed by somebody since it was looked at; it is planned again")),
            StepEnd::Detached => {
                self.witnessed.performed += 1;
                self.witnessed.detached.push((title.to_owned(), node.to_owned(), took));
                (paint.yellow("detached"), safe!("it goes on without us; `arcus apply` attaches to it again"))
            }
            StepEnd::Held(why) => (paint.yellow("held    "), Safe::of(&Foreign::line(&why))),
            StepEnd::Failed(problem) => {
                self.witnessed.failed += 1;
                (paint.red("FAILED  "), safe!("{} ({})", Foreign::line(problem.message.lines().next().unwrap_or_default()), Foreign::word(&problem.code)))
            }
            StepEnd::Unknown(why) => {
                self.witnessed.unknown += 1;
                (paint.red("unknown "), Safe::of(&Foreign::line(&why)))
            }
        };
        let mut line = safe!("{}  {}{} {}", paint.cyan(Foreign::word(node)), mark, Foreign::line(title), paint.dim(safe!("({})", time(took))));
        if !detail.is_empty() {
            line.push(&safe!(": {}", detail));
        }
        self.say(clock, line);
    }

    /// What is under way, a row per node, longest first when there is no room for all; and the whole in a last row.
    fn rows(&self, now: Instant, width: usize, room: usize) -> Vec<Safe> {
        if self.quiet {
            return vec![];
        }
        let paint = self.paint;
        let names = self.nodes.keys().map(|node| node.chars().count()).max().unwrap_or(0).min(20);
        let mut nodes: Vec<(&String, &Vec<Active>)> = self.nodes.iter().collect();
        let shown = nodes.len().min(room.saturating_sub(1));
        let hidden = nodes.len() - shown;
        if hidden > 0 {
            nodes.sort_by_key(|(_, active)| active.iter().map(|one| one.since).min());
            nodes.truncate(shown);
            nodes.sort_by_key(|(node, _)| node.as_str());
        }
        let mut rows = Vec::new();
        for (node, active) in nodes {
            let Some(last) = active.last() else { continue };
            let mut row = safe!("{} {} {}", paint.cyan(Foreign::capped(node, 20)).pad(names + 1), Safe::of(&time(now - last.since)).pad(6), Foreign::line(&last.title));
            if active.len() > 1 {
                row.push(&paint.dim(safe!(" and {} more", active.len() - 1)));
            }
            if !last.line.is_empty() {
                row.push(&paint.dim(safe!("  {}", Foreign::line(&last.line))));
            }
            rows.push(row.fit(width - 1));
        }
        let mut whole = match self.round {
            Some((number, steps)) if self.phase == "apply" => safe!("round {}: {} of {}", number, self.ended.min(steps), crate::cli::console::count(steps, "step", "steps")),
            _ => safe!("{} {}", self.phase, time(now - self.since)),
        };
        if hidden > 0 {
            whole.push(&safe!(", {} busy", crate::cli::console::count(hidden, "more node", "more nodes")));
        }
        if !self.witnessed.missing.is_empty() {
            whole.push(&safe!(", {} not reached", self.witnessed.missing.len()));
        }
        rows.push(paint.dim(whole).fit(width - 1));
        rows
    }
}

/// A time, in as much detail as matters.
pub fn time(time: Duration) -> Safe {
    let seconds = time.as_secs();
    match seconds {
        0 => safe!("{} ms", time.as_millis() as u64),
        1..=9 => safe!("{}.{} s", seconds, u64::from(time.subsec_millis() / 100)),
        10..=59 => safe!("{} s", seconds),
        60..=3599 => safe!("{}:{:0>2} min", seconds / 60, seconds % 60),
        _ => safe!("{}:{:0>2} h", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use arcus_contract::types::Problem;

    use super::*;

    fn problem(code: &str, message: &str) -> Problem {
        Problem { code: code.into(), message: message.into(), help: None, node: None, pointer: None, retryable: false }
    }

    fn began(node: &str, step: &str) -> Event {
        Event::StepBegan { plugin: "p".into(), step: step.into(), node: node.into(), title: format!("Do {step}") }
    }

    fn ended(node: &str, step: &str, end: StepEnd) -> Event {
        Event::StepEnded { plugin: "p".into(), step: step.into(), node: node.into(), title: format!("Do {step}"), end, took_ms: 61_000 }
    }

    fn told(live: bool, events: Vec<Event>) -> (Board, Instant) {
        let mut board = Board::new(Paint::new(false), live, false);
        let now = Instant::now();
        for event in events {
            board.take(event, now, "12:00:00");
        }
        (board, now)
    }

    fn text(lines: &[Safe]) -> String {
        lines.iter().map(|line| format!("{}\n", line.as_str())).collect()
    }

    #[test]
    fn elsewhere_a_line_per_beginning_and_end() {
        let (mut board, _) = told(
            false,
            vec![
                Event::NotReached { node: "c".into(), problem: problem("node.unreachable", "c: timed out") },
                Event::NotReached { node: "c".into(), problem: problem("node.unreachable", "c: timed out") },
                Event::Round { number: 1, steps: 6 },
                began("a", "x"),
                Event::StepLine { plugin: "p".into(), step: "x".into(), node: "a".into(), line: "10 %".into() },
                ended("a", "x", StepEnd::Done),
                began("b", "y"),
                ended("b", "y", StepEnd::Failed(problem("job.failed", "status 1\nlast\u{1b}[2J words"))),
                ended("b", "z", StepEnd::Held("a step before it failed".into())),
                ended("b", "s", StepEnd::Stale),
                ended("a", "init", StepEnd::Detached),
                ended("a", "u", StepEnd::Unknown("the link broke".into())),
                Event::Note("\u{202e}careful".into()),
            ],
        );
        insta::assert_snapshot!(text(&board.drain()));
        let seen = &board.witnessed;
        assert_eq!((seen.performed, seen.failed, seen.unknown, seen.missing.len(), seen.detached.len()), (2, 1, 1, 1, 1));
    }

    #[test]
    fn a_plugin_that_warns_without_end_does_not_fill_the_terminal() {
        let warning = |plugin: &str| Event::Log { plugin: plugin.into(), level: arcus_plugin::Level::Warn, message: "all is well".into() };
        let (mut board, _) = told(false, (0..1000).map(|_| warning("one")).chain([warning("other")]).collect());
        let lines = board.drain();
        assert_eq!(lines.len(), WARNINGS + 2, "{}", text(&lines));
        let shown = text(&lines);
        assert!(shown.contains("one: more than 20 warnings") && shown.contains("other: all is well"), "{shown}");
    }

    #[test]
    fn elsewhere_a_long_step_is_told_of_now_and_then() {
        let mut board = Board::new(Paint::new(false), false, false);
        let start = Instant::now();
        board.take(began("a", "x"), start, "12:00:00");
        for second in 0..40 {
            let waits = Event::StepWaits { plugin: "p".into(), step: "x".into(), node: "a".into(), what: format!("{second} of 40") };
            board.take(waits, start + Duration::from_secs(second), "12:00:01");
        }
        assert_eq!(
            text(&board.drain()),
            "12:00:00 a  begin   Do x\n12:00:01 a  goes on Do x (15 s): waiting: 15 of 40\n12:00:01 a  goes on Do x (30 s): waiting: 30 of 40\n"
        );
    }

    #[test]
    fn on_a_terminal_a_row_per_busy_node() {
        let (mut board, now) = told(
            true,
            vec![
                Event::Round { number: 2, steps: 9 },
                began("manage01", "x"),
                began("manage01", "y"),
                began("storage01", "volume"),
                Event::StepLine { plugin: "p".into(), step: "volume".into(), node: "storage01".into(), line: "\u{1b}[1A10 %".into() },
                began("compute01", "done"),
                ended("compute01", "done", StepEnd::Done),
            ],
        );
        insta::assert_snapshot!(text(&board.rows(now + Duration::from_secs(75), 60, 20)));
        assert_eq!(board.drain().len(), 2, "begins are rows, not lines");
        let narrow = board.rows(now + Duration::from_secs(75), 20, 20);
        assert!(narrow.iter().all(|row| row.width() < 20));
    }

    #[test]
    fn a_hundred_nodes_fit_on_any_terminal() {
        let (board, now) = told(true, (0..100).map(|number| began(&format!("n{number:03}"), "x")).chain([Event::Phase { name: "verify" }]).collect());
        let rows = board.rows(now, 80, 10);
        assert_eq!(rows.len(), 10);
        assert!(rows[9].as_str().contains("91 more nodes busy"), "{}", rows[9].as_str());
    }

    #[test]
    fn a_node_that_comes_back_is_not_missing() {
        let (board, _) = told(false, vec![Event::NotReached { node: "c".into(), problem: problem("x", "x") }, Event::Reached { node: "c".into(), took_ms: 1 }]);
        assert!(board.witnessed.missing.is_empty());
    }

    #[test]
    fn a_terminal_that_takes_nothing_holds_nobody_up() {
        let (mut board, _) = told(false, (0..BACKLOG + 5).map(|_| Event::Note("x".into())).collect());
        assert_eq!(board.drain().len(), BACKLOG + 1);
    }
}
