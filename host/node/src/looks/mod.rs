//! Looks as one script, with as few processes as the questions allow, and answers from what it printed.
//!
//! Questions of one kind are asked together: one `stat` for all paths, one `systemctl show` for all units. Each group prints parts with
//! ids; a parser per group turns its parts into answers. A part that is missing is *unknown*.
mod mounts;
mod network;
mod packages;
mod paths;
mod query;
mod services;
mod slow;
mod state;
mod system;
#[cfg(test)]
mod transcripts;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use arcus_contract::facts::{Fact, Probe};
use arcus_contract::types::Problem;

use crate::library::Piece;
use crate::{Answer, Layout, Look, Seen, quote};

/// A part of what the script printed.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Exit status of what printed it.
    pub status: i32,
    /// What it printed.
    pub bytes: Vec<u8>,
}

/// All parts, by id, and what a missing one means.
pub struct Parts {
    /// What came.
    pub parts: HashMap<u32, Part>,
    /// Why the others did not.
    pub missing: Problem,
    /// When we sent the byte the clock waited for, and when its answer came.
    pub clock: Option<(SystemTime, Duration)>,
}

impl Parts {
    /// A part, or why there is none.
    fn get(&self, id: u32) -> Result<&Part, Problem> {
        self.parts.get(&id).ok_or_else(|| self.missing.clone())
    }

    /// A part of text that must have ended with 0.
    fn text(&self, id: u32) -> Result<String, Problem> {
        let part = self.get(id)?;
        match part.status {
            0 => Ok(part.text()),
            127 => Err(missing_tool()),
            _ => Err(unreadable(&part.text())),
        }
    }
}

impl Part {
    /// As text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

type Parser = Box<dyn FnOnce(&Parts) -> Vec<(usize, Answer)> + Send>;

/// Looks on their way to a script.
pub struct Gathering {
    /// Calls of the shell library.
    pub script: String,
    /// Pieces of it.
    pub needs: BTreeSet<Piece>,
    /// Whether a private folder is needed.
    pub private: bool,
    /// Enough time for all of it.
    pub patience: Duration,
    /// Whether a path's content is read for nobody.
    private_paths: fn(&str) -> bool,
    parsers: Vec<Parser>,
    count: usize,
    next: u32,
}

impl Gathering {
    /// So many ids of parts in a row: the first.
    fn ids(&mut self, count: usize) -> u32 {
        let first = self.next;
        self.next += count as u32;
        first
    }

    fn line(&mut self, piece: Piece, line: &str) {
        self.needs.insert(piece);
        self.script.push_str(line);
        self.script.push('\n');
    }

    fn parser(&mut self, parser: impl FnOnce(&Parts) -> Vec<(usize, Answer)> + Send + 'static) {
        self.parsers.push(Box::new(parser));
    }

    /// Whether a part of this id was asked for.
    pub fn expects(&self, id: u32) -> bool {
        (1..self.next).contains(&id)
    }

    /// The answers, one per look, in order.
    pub fn answers(self, parts: &Parts) -> Vec<Answer> {
        let mut answers: Vec<Option<Answer>> = vec![None; self.count];
        for parser in self.parsers {
            for (index, answer) in parser(parts) {
                answers[index] = Some(answer);
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(parts.missing.clone()))).collect()
    }
}

/// Puts looks into a script.
pub fn render(looks: &[Look], layout: &Layout) -> Gathering {
    let mut all = Gathering {
        script: String::new(),
        needs: BTreeSet::new(),
        private: false,
        patience: Duration::from_secs(30),
        private_paths: layout.private,
        parsers: Vec::new(),
        count: looks.len(),
        next: 1,
    };
    let mut sorted = Sorted::default();
    for (index, look) in looks.iter().enumerate() {
        match check(look) {
            Err(problem) => all.parser(move |_| vec![(index, Err(problem))]),
            Ok(()) => sorted.add(index, look),
        }
    }
    // The clock first, while nothing else runs; what may hang or wait last.
    system::clock(&mut all, &sorted.clock);
    system::render(&mut all, &sorted);
    packages::render(&mut all, &sorted.packages);
    state::render(&mut all, &sorted, layout);
    network::render(&mut all, &sorted);
    services::render(&mut all, &sorted.services, layout);
    paths::render(&mut all, &sorted);
    mounts::render(&mut all, &sorted.mounts, layout);
    slow::render(&mut all, &sorted);
    query::render(&mut all, &sorted.commands);
    all
}

/// Looks by kind, with their places.
#[derive(Default)]
struct Sorted<'a> {
    clock: Vec<usize>,
    os: Vec<usize>,
    hardware: Vec<usize>,
    modules: Vec<(usize, String)>,
    sysctls: Vec<(usize, String)>,
    packages: Vec<(usize, String)>,
    services: Vec<(usize, arcus_contract::facts::ServiceProbe)>,
    files: Vec<(usize, arcus_contract::facts::FileProbe)>,
    directories: Vec<(usize, String)>,
    contents: Vec<(usize, String, u64)>,
    names: Vec<(usize, String, String)>,
    mounts: Vec<usize>,
    devices: Vec<usize>,
    interfaces: Vec<usize>,
    routes: Vec<usize>,
    sockets: Vec<usize>,
    neighbours: Vec<(usize, String)>,
    vrrp: Vec<(usize, String)>,
    reach: Vec<(usize, String, u16)>,
    holders: Vec<(usize, String)>,
    jobs: Vec<(usize, String)>,
    locks: Vec<usize>,
    secrets: Vec<(usize, String)>,
    records: Vec<(usize, String)>,
    watches: Vec<(usize, String)>,
    timers: Vec<usize>,
    drills: Vec<usize>,
    commands: Vec<query::Command<'a>>,
}

impl<'a> Sorted<'a> {
    fn add(&mut self, at: usize, look: &'a Look) {
        match look {
            Look::Probe(probe) => match probe {
                Probe::Os => self.os.push(at),
                Probe::Hardware => self.hardware.push(at),
                Probe::Mounts => self.mounts.push(at),
                Probe::BlockDevices => self.devices.push(at),
                Probe::Interfaces => self.interfaces.push(at),
                Probe::Routes => self.routes.push(at),
                Probe::Sockets => self.sockets.push(at),
                Probe::Clock => self.clock.push(at),
                Probe::File(file) => self.files.push((at, file.clone())),
                Probe::Directory(path) => self.directories.push((at, path.clone())),
                Probe::Package(name) => self.packages.push((at, name.clone())),
                Probe::Service(service) => self.services.push((at, service.clone())),
                Probe::KernelModule(name) => self.modules.push((at, name.clone())),
                Probe::Sysctl(key) => self.sysctls.push((at, key.clone())),
                Probe::Neighbour(address) => self.neighbours.push((at, address.clone())),
                Probe::VrrpHeard(interface) => self.vrrp.push((at, interface.clone())),
                Probe::Reach((address, port)) => self.reach.push((at, address.clone(), *port)),
                Probe::Job(id) => self.jobs.push((at, id.clone())),
                Probe::Holders(path) => self.holders.push((at, path.clone())),
                Probe::FileIs(_) | Probe::Query(_) => {}
            },
            Look::Command { argv, stdin, timeout_s, limit } => self.commands.push(query::Command { at, argv, stdin, timeout_s: *timeout_s, limit: *limit }),
            Look::Content { path, limit } => self.contents.push((at, path.clone(), *limit)),
            Look::Names { directory, prefix } => self.names.push((at, directory.clone(), prefix.clone())),
            Look::Lock => self.locks.push(at),
            Look::Secret(name) => self.secrets.push((at, name.clone())),
            Look::Record(run) => self.records.push((at, run.clone())),
            Look::Watched(id) => self.watches.push((at, id.clone())),
            Look::Timers => self.timers.push(at),
            Look::Drill => self.drills.push(at),
        }
    }
}

/// Whether it can be asked at all.
fn check(look: &Look) -> Result<(), Problem> {
    let path = |path: &str| if quote::is_clean_path(path) { Ok(()) } else { Err(bad(&format!("{path:?} is not a clean absolute path"))) };
    let plain = |text: &str, more: &[u8]| {
        let good = !text.is_empty() && !text.starts_with('-') && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
        if good { Ok(()) } else { Err(bad(&format!("{text:?} has characters that such a name cannot have"))) }
    };
    let address = |text: &str| text.parse::<std::net::IpAddr>().map(|_| ()).map_err(|_| bad(&format!("{text:?} is not an IP address")));
    match look {
        Look::Probe(probe) => match probe {
            Probe::File(file) => path(&file.path),
            Probe::Directory(text) | Probe::Holders(text) => path(text),
            Probe::Package(name) => plain(name, b"+.-_:"),
            Probe::Service(service) => {
                plain(&service.name, b":_.\\@-")?;
                service.newer_than.iter().try_for_each(|text| path(text))
            }
            Probe::KernelModule(name) => plain(name, b"_-"),
            Probe::Sysctl(key) => {
                plain(key, b"_-./@:")?;
                if key.split(['.', '/']).any(str::is_empty) { Err(bad(&format!("{key:?} is not a sysctl key"))) } else { Ok(()) }
            }
            Probe::Neighbour(text) => address(text),
            Probe::VrrpHeard(name) => plain(name, b"_-.@:"),
            Probe::Reach((host, _)) => plain(host, b".-:_"),
            Probe::FileIs(_) | Probe::Query(_) => Err(Problem {
                code: "look.unresolved".into(),
                message: "this probe must be resolved before it is sent to a node".into(),
                help: None,
                node: None,
                pointer: None,
                retryable: false,
            }),
            _ => Ok(()),
        },
        Look::Content { path: text, .. } => path(text),
        Look::Names { directory, prefix } => {
            path(directory)?;
            if prefix.contains(['/', '\0', '\n']) { Err(bad("a prefix of a name has a slash")) } else { Ok(()) }
        }
        Look::Command { argv, stdin, .. } => {
            if argv.first().is_none_or(|program| program.is_empty() || program.starts_with('-')) || !argv.iter().chain([stdin]).all(|word| quote::is_argument(word)) {
                return Err(bad("a command has no program, or a NUL in an argument or in what it is fed"));
            }
            Ok(())
        }
        Look::Lock | Look::Secret(_) | Look::Record(_) | Look::Watched(_) | Look::Timers | Look::Drill => Ok(()),
    }
}

/// The same answer for several looks.
fn same(places: Vec<usize>, answer: Answer) -> Vec<(usize, Answer)> {
    places.into_iter().map(|at| (at, answer.clone())).collect()
}

/// A fact for several looks.
fn fact(places: Vec<usize>, fact: Result<Fact, Problem>) -> Vec<(usize, Answer)> {
    same(places, fact.map(Seen::Fact))
}

fn problem(code: &str, message: impl Into<String>, retryable: bool) -> Problem {
    let message: String = message.into().chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
    Problem { code: code.into(), message: message.trim().to_owned(), help: None, node: None, pointer: None, retryable }
}

fn bad(message: &str) -> Problem {
    problem("look.bad", message, false)
}

fn denied(what: &str) -> Problem {
    problem("node.denied", format!("no right to read {what}"), false)
}

fn missing_tool() -> Problem {
    problem("query.missing", "the program that could tell is not on this node", false)
}

/// From the words of a tool that could not read something.
fn unreadable(said: &str) -> Problem {
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    if last.contains("Permission denied") || last.contains("Operation not permitted") {
        problem("node.denied", last, false)
    } else {
        problem("node.unreadable", last, true)
    }
}

/// Whether a tool's words mean that the path is not there.
fn says_absent(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    said.contains("no such file") || said.contains("not a directory")
}

fn base64(text: &[u8]) -> Result<Vec<u8>, Problem> {
    use base64::Engine as _;
    let packed: Vec<u8> = text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(packed).map_err(|_| problem("node.nonsense", "what arrived is not what was asked for", true))
}
