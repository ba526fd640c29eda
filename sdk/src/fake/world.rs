//! All machines of the fake cluster, what is simulated on them, and the clock.

use super::machine::{Document, Machine};
use arcus_contract::actions::Mount;
use arcus_contract::facts::{Fact, JobFact, Output, Probe};
use arcus_contract::types::{Node, Role};
use std::collections::BTreeMap;
use std::rc::Rc;

type Simulation = Rc<dyn Fn(&mut World, &Invocation) -> Option<Output>>;
type Started = Rc<dyn Fn(&mut World, &str, &str) -> Result<(), String>>;
type Mounting = Rc<dyn Fn(&mut World, &str, &Mount) -> Result<(), String>>;
type Ticking = Rc<dyn Fn(&mut World)>;
type Answering = Rc<dyn Fn(&World, &str, &Probe) -> Option<Fact>>;

/// The fake cluster. Cloning makes an independent copy: what simulations change must be state of the world or of a machine.
#[derive(Clone, Default)]
pub struct World {
    /// As in the cluster file, in its order.
    pub nodes: Vec<Node>,
    /// By name of node.
    pub machines: BTreeMap<String, Machine>,
    /// For simulations to remember what is true of the cluster as a whole.
    pub memory: BTreeMap<String, String>,
    /// Seconds. Every change is later than the one before; waiting lets it go on.
    pub now: u64,
    /// What was fetched to the operator's side, by node and name.
    pub kept: BTreeMap<(String, String), Vec<u8>>,
    /// Files of what is mounted, by source (and node, where it is a disk of one).
    pub(super) volumes: BTreeMap<String, BTreeMap<String, Document>>,
    pub(super) packages: BTreeMap<String, Package>,
    /// Jobs under way: id of the step, and what runs.
    jobs: Vec<(String, Invocation)>,
    simulations: Vec<Simulation>,
    started: Vec<Started>,
    mounting: Vec<Mounting>,
    ticking: Vec<Ticking>,
    answering: Vec<Answering>,
}

/// A package that machines can install.
#[derive(Clone)]
pub struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) units: Vec<(String, Vec<String>)>,
    pub(super) files: Vec<(String, String)>,
    pub(super) started: bool,
}

impl Package {
    /// Name and version.
    pub fn new(name: &str, version: &str) -> Self {
        Package { name: name.into(), version: version.into(), units: vec![], files: vec![], started: false }
    }
    /// It brings this unit.
    pub fn unit(mut self, unit: &str) -> Self {
        self.units.push((unit.into(), vec![]));
        self
    }
    /// The unit added last reads these files when it starts.
    pub fn reads(mut self, paths: &[&str]) -> Self {
        let (_, reads) = self.units.last_mut().expect("`reads` comes after `unit`");
        reads.extend(paths.iter().map(ToString::to_string));
        self
    }
    /// It brings this file.
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.into(), content.into()));
        self
    }
    /// Installing it starts and enables its units at once, as Debian does.
    pub fn started(mut self) -> Self {
        self.started = true;
        self
    }
}

/// A command or query that is run.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// On which node.
    pub node: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// What it is fed.
    pub stdin: Vec<u8>,
}

impl Invocation {
    /// The arguments after these words, when it begins with them.
    pub fn matches<'a, const N: usize>(&'a self, words: [&str; N]) -> Option<&'a [String]> {
        let (head, tail) = self.argv.split_at_checked(N)?;
        head.iter().zip(words).all(|(have, want)| have == want).then_some(tail)
    }
    /// It succeeds and prints this.
    pub fn prints(&self, text: impl Into<String>) -> Output {
        Output { status: 0, stdout: text.into().into_bytes(), stderr: vec![], truncated: false }
    }
    /// It fails with this status and words on standard error.
    pub fn fails(&self, status: i32, text: impl Into<String>) -> Output {
        Output { status, stdout: vec![], stderr: text.into().into_bytes(), truncated: false }
    }
}

impl World {
    /// Without any machine.
    pub fn new() -> Self {
        World { now: 1_000, ..World::default() }
    }

    /// Adds a bare machine: Debian 12, one interface `eth0` with this address (/24), sshd.
    pub fn node(&mut self, name: &str, address: &str, roles: &[Role]) -> &mut Machine {
        assert!(!self.machines.contains_key(name), "two nodes called {name}");
        self.nodes.push(Node { name: name.into(), address: address.into(), roles: roles.to_vec(), labels: vec![] });
        self.machines.entry(name.into()).or_insert_with(|| Machine::new(name, address, self.nodes.len()))
    }

    /// A machine by the name of its node.
    ///
    /// # Panics
    /// When there is none.
    pub fn machine(&mut self, node: &str) -> &mut Machine {
        self.machines.get_mut(node).unwrap_or_else(|| panic!("there is no node {node}"))
    }

    /// A machine to look at.
    ///
    /// # Panics
    /// When there is none.
    pub fn at(&self, node: &str) -> &Machine {
        self.machines.get(node).unwrap_or_else(|| panic!("there is no node {node}"))
    }

    /// The name of the node with this address on one of its interfaces.
    pub fn by_address(&self, address: &str) -> Option<&str> {
        self.machines.iter().find(|(_, machine)| machine.has_address(address)).map(|(name, _)| name.as_str())
    }

    /// Machines can install this package.
    pub fn offers(&mut self, package: Package) {
        self.packages.insert(package.name.clone(), package);
    }

    /// Simulates programs: the first simulation that returns `Some` has run it. A query that nobody simulates answers
    /// `query.missing`; a command fails. Queries must change nothing.
    pub fn simulate(&mut self, simulation: impl Fn(&mut World, &Invocation) -> Option<Output> + 'static) {
        self.simulations.push(Rc::new(simulation));
    }

    /// Called with node and unit when a unit starts (or is reloaded), after it read its files; `Err` lets the start fail.
    pub fn on_start(&mut self, hook: impl Fn(&mut World, &str, &str) -> Result<(), String> + 'static) {
        self.started.push(Rc::new(hook));
    }

    /// Called before something is mounted on a node; `Err` lets it fail (the server is not there).
    pub fn on_mount(&mut self, hook: impl Fn(&mut World, &str, &Mount) -> Result<(), String> + 'static) {
        self.mounting.push(Rc::new(hook));
    }

    /// Called for every second that passes: for what takes its time.
    pub fn on_tick(&mut self, hook: impl Fn(&mut World) + 'static) {
        self.ticking.push(Rc::new(hook));
    }

    /// Answers probes instead of the machine's state, where it returns `Some`: for what follows from other state.
    pub fn on_probe(&mut self, hook: impl Fn(&World, &str, &Probe) -> Option<Fact> + 'static) {
        self.answering.push(Rc::new(hook));
    }

    /// A file as a program on that node sees it, through its mounts.
    pub fn read(&self, node: &str, path: &str) -> Option<&Document> {
        let machine = self.at(node);
        match machine.mounted_above(path) {
            None => machine.files.get(path),
            Some(_) if machine.unbound(path).is_some() => machine.files.get(&machine.unbound(path)?),
            Some(mount) => self.volumes.get(&volume(node, &mount.source))?.get(path.strip_prefix(&mount.target)?),
        }
    }

    /// A file's content as text.
    pub fn text(&self, node: &str, path: &str) -> Option<String> {
        self.read(node, path).map(|file| String::from_utf8_lossy(&file.content).into_owned())
    }

    /// Writes a file of root, mode 0644, as a program on that node would, through its mounts.
    pub fn write(&mut self, node: &str, path: &str, content: impl Into<Vec<u8>>) {
        let changed = self.later();
        let document = Document { content: content.into(), mode: 0o644, owner: "root".into(), group: "root".into(), changed };
        self.put(node, path, document);
    }

    /// Removes a file, if it is there.
    pub fn remove(&mut self, node: &str, path: &str) {
        self.later();
        let (files, path) = self.files_at(node, path);
        files.remove(&path);
    }

    /// Makes a directory of root, mode 0755, with its parents.
    pub fn directory(&mut self, node: &str, path: &str) {
        let machine = self.machine(node);
        let ends = path.match_indices('/').map(|(end, _)| end).skip(1).chain([path.len()]);
        for end in ends {
            machine.directories.entry(path[..end].to_owned()).or_insert((0o755, "root".into(), "root".into()));
        }
    }

    /// Lets time pass; hooks of [`World::on_tick`] run for every second.
    pub fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1;
            for (step, invocation) in std::mem::take(&mut self.jobs) {
                self.end_job(&step, &invocation);
            }
            for hook in self.ticking.clone() {
                hook(self);
            }
        }
    }

    pub(super) fn start_job(&mut self, step: &str, invocation: Invocation) {
        let job = JobFact { running: true, status: None, started_s: self.now, tail: vec![] };
        self.machine(&invocation.node).jobs.insert(step.to_owned(), job);
        self.jobs.push((step.to_owned(), invocation));
    }

    fn end_job(&mut self, step: &str, invocation: &Invocation) {
        let output = self.run(invocation).unwrap_or_else(|| invocation.fails(127, "nothing simulates this job\n"));
        if let Some(job) = self.machine(&invocation.node).jobs.get_mut(step) {
            (job.running, job.status) = (false, Some(output.status));
            job.tail = [output.stdout, output.stderr].concat();
        }
    }

    /// A moment later than all before.
    pub(super) fn later(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    pub(super) fn put(&mut self, node: &str, path: &str, document: Document) {
        let (files, path) = self.files_at(node, path);
        files.insert(path, document);
    }

    fn files_at(&mut self, node: &str, path: &str) -> (&mut BTreeMap<String, Document>, String) {
        if let Some(path) = self.at(node).unbound(path) {
            return (&mut self.machine(node).files, path);
        }
        let mounted = self.at(node).mounted_above(path);
        match mounted.map(|mount| (volume(node, &mount.source), path[mount.target.len()..].to_owned())) {
            None => (&mut self.machine(node).files, path.to_owned()),
            Some((volume, rest)) => (self.volumes.entry(volume).or_default(), rest),
        }
    }

    /// Paths of all files below a directory, as seen on that node, relative to it (beginning with `/`).
    pub fn below(&self, node: &str, directory: &str) -> BTreeMap<String, Document> {
        let machine = self.at(node);
        let relative = |files: &BTreeMap<String, Document>, root: &str| {
            let below = files.iter().filter_map(|(path, file)| Some((path.strip_prefix(root)?.to_owned(), file.clone())));
            below.filter(|(rest, _)| rest.starts_with('/')).collect()
        };
        if let Some(directory) = machine.unbound(directory) {
            return relative(&machine.files, directory.trim_end_matches('/'));
        }
        match machine.mounted_above(directory) {
            None => relative(&machine.files, directory.trim_end_matches('/')),
            Some(mount) => {
                let files = self.volumes.get(&volume(node, &mount.source));
                files.map(|files| relative(files, &directory[mount.target.len()..])).unwrap_or_default()
            }
        }
    }

    pub(super) fn run(&mut self, invocation: &Invocation) -> Option<Output> {
        self.simulations.clone().iter().find_map(|simulation| simulation(self, invocation))
    }

    pub(super) fn starting(&mut self, node: &str, unit: &str) -> Result<(), String> {
        self.started.clone().iter().try_for_each(|hook| hook(self, node, unit))
    }

    pub(super) fn mounts(&mut self, node: &str, mount: &Mount) -> Result<(), String> {
        self.mounting.clone().iter().try_for_each(|hook| hook(self, node, mount))
    }

    pub(super) fn answers(&self, node: &str, probe: &Probe) -> Option<Fact> {
        self.answering.iter().find_map(|hook| hook(self, node, probe))
    }

    /// What there is, without what only says when: for comparing two worlds that took different ways.
    pub(super) fn essence(&self) -> Essence {
        let mut machines = self.machines.clone();
        let mut volumes = self.volumes.clone();
        for machine in machines.values_mut() {
            for unit in machine.units.values_mut() {
                (unit.started, unit.starts) = (0, 0);
            }
            machine.jobs.values_mut().for_each(|job| job.started_s = 0);
            machine.files.values_mut().for_each(|file| file.changed = 0);
            machine.mounts.sort_by(|one, other| one.target.cmp(&other.target));
            machine.sockets.sort_by_key(|socket| (socket.port, socket.address.clone()));
        }
        volumes.values_mut().flat_map(BTreeMap::values_mut).for_each(|file| file.changed = 0);
        Essence { machines, volumes, memory: self.memory.clone() }
    }
}

/// See [`World::essence`].
#[derive(Debug, PartialEq)]
pub(super) struct Essence {
    machines: BTreeMap<String, Machine>,
    volumes: BTreeMap<String, BTreeMap<String, Document>>,
    memory: BTreeMap<String, String>,
}

/// A source with a colon is served over the network and the same for all; anything else is a disk of this node.
fn volume(node: &str, source: &str) -> String {
    if source.contains(':') { source.to_owned() } else { format!("{node} {source}") }
}
