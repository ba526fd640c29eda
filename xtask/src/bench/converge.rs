//! `bench converge`: bare nodes for each contender in turn, then all of them in turn over nodes that are as they should be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use arcus_lab::{Base, Options, World};

use super::Converge;
use super::contender::{Contender, Deed, Tools};
use super::measure::{Cost, Meter, tail};
use super::report::{Machine, Report, Row};
use super::site::{Script, Site};
use super::{startup, venv};

/// All that `converge` does.
pub fn converge(root: &Path, options: &Converge) -> Result<()> {
    let say = &mut |line: &str| eprintln!("{line}");
    arcus_lab::ensure(say)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let bench = target.join("bench");
    fs::create_dir_all(&bench)?;
    let groups = groups(options)?;
    let tools = tools(root, &target, &bench, options, &groups)?;
    let component = bench.join("storage-bench.wasm");
    crate::plugins::component(root, &root.join("tests/bench-plugin"), &component)?;
    let base = Base::ensure(say)?;

    let begun = Instant::now();
    let mut report = Report::new(Machine::now(), !options.debug_build);
    for count in &options.nodes {
        let count = usize::from(*count);
        let site = Site::new(&bench.join(count.to_string()), count, &component)?;
        if groups.iter().flatten().any(|one| *one == Contender::Arcus) {
            startup::approve(&site, &tools)?;
        }
        if report.startup.is_empty() && groups.iter().flatten().any(|one| *one == Contender::Arcus) {
            report.startup = startup::measure(&site, &tools)?;
            report.print_startup();
        }
        let mut run = Run { base: &base, site: &site, tools: &tools, report: &mut report, count };
        run.all(&groups, options)?;
        report.print(count);
        report.write(&bench.join("converge.json"))?;
    }
    eprintln!("bench: {:.0} s after the build; figures in {}", begun.elapsed().as_secs_f32(), bench.join("converge.json").display());
    Ok(())
}

/// Who shares a world: the nodes are bare for the first of each group only. Arcus comes last, and leaves its world for the
/// looks of all.
fn groups(options: &Converge) -> Result<Vec<Vec<Contender>>> {
    let mut groups = vec![vec![Contender::Russh, Contender::OpenSsh], vec![Contender::Pyinfra]];
    if options.all {
        groups.extend([vec![Contender::Mitogen], vec![Contender::Ansible]]);
    }
    groups.push(vec![Contender::Arcus]);
    if !options.only.is_empty() {
        let known: Vec<&str> = groups.iter().flatten().map(|one| one.name()).collect();
        if let Some(other) = options.only.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("there is no contender {other}; there are: {}", known.join(", "));
        }
        groups.iter_mut().for_each(|group| group.retain(|one| options.only.iter().any(|name| name == one.name())));
        groups.retain(|group| !group.is_empty());
    }
    Ok(groups)
}

fn tools(root: &Path, target: &Path, bench: &Path, options: &Converge, groups: &[Vec<Contender>]) -> Result<Tools> {
    let profile = if options.debug_build { "debug" } else { "release" };
    let takes = |one: Contender| groups.iter().flatten().any(|other| *other == one);
    if !options.no_build {
        if takes(Contender::Arcus) {
            crate::build::build(root, !options.debug_build)?;
        }
        if takes(Contender::Russh) {
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.current_dir(root).args(["build", "--package", "arcus-floor"]);
            if !options.debug_build {
                cargo.arg("--release");
            }
            crate::build::run(&mut cargo)?;
        }
    }
    let ansible = takes(Contender::Ansible) || takes(Contender::Mitogen);
    Ok(Tools {
        arcus: target.join(profile).join("arcus"),
        floor: target.join(profile).join("arcus-floor"),
        pyinfra: if takes(Contender::Pyinfra) { venv::ensure(&bench.join("venv"), venv::PYINFRA)? } else { bench.join("venv") },
        ansible: ansible.then(|| venv::ensure(&bench.join("venv-ansible"), venv::ANSIBLE)).transpose()?,
        cache: bench.join("cache"),
        state: bench.join("state"),
    })
}

/// One number of nodes.
struct Run<'a> {
    base: &'a Base,
    site: &'a Site,
    tools: &'a Tools,
    report: &'a mut Report,
    count: usize,
}

impl Run<'_> {
    fn all(&mut self, groups: &[Vec<Contender>], options: &Converge) -> Result<()> {
        for (place, group) in groups.iter().enumerate() {
            let world = self.world()?;
            let meter = Meter::new(&world)?;
            for (number, contender) in group.iter().enumerate() {
                if number == 0 {
                    self.apply(*contender, "bare", &world, &meter)?;
                }
                self.script(&world, Script::Reset)?;
                self.site.forget()?;
                self.apply(*contender, "configure", &world, &meter)?;
            }
            if place + 1 == groups.len() {
                let all: Vec<Contender> = groups.iter().flatten().copied().collect();
                self.again(&all, usize::from(options.repeat), &world, &meter)?;
            }
            world.stop()?;
        }
        Ok(())
    }

    /// Nodes as they come.
    fn world(&self) -> Result<World> {
        let begun = Instant::now();
        let world = World::start(self.base, self.site.nodes(), &Options::default())?;
        self.site.enter(&world)?;
        // Every world has keys of its own, which nobody has met yet.
        match std::fs::remove_dir_all(self.tools.state.join("arcus/met")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).context("forgetting the keys of earlier nodes"),
            _ => {}
        }
        eprintln!("bench: {} bare nodes after {:.1} s", self.count, begun.elapsed().as_secs_f32());
        settle();
        Ok(world)
    }

    fn apply(&mut self, contender: Contender, phase: &'static str, world: &World, meter: &Meter) -> Result<()> {
        let log = self.log(contender, phase);
        let mut command = contender.command(Deed::Apply, self.site, world, self.tools)?;
        let cost = meter.run(&mut command, &log).with_context(|| format!("{}, {phase}, {} nodes", contender.title(), self.count))?;
        meter.clear()?;
        self.tell(contender, phase, cost);
        // Never taken on trust, neither from others nor from us.
        self.script(world, Script::Check).with_context(|| format!("after {}, {phase}, not all nodes are as they should be", contender.title()))?;
        self.report.rows.push(Row { nodes: self.count, phase, contender: contender.name(), title: contender.title(), costs: vec![cost], memory_bytes: None });
        settle();
        Ok(())
    }

    /// All in turn, so that whatever else the machine does is spread over them; the first round only warms up.
    fn again(&mut self, contenders: &[Contender], rounds: usize, world: &World, meter: &Meter) -> Result<()> {
        self.script(world, Script::Stamp)?;
        let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); contenders.len()];
        for round in 0..=rounds {
            for turn in 0..contenders.len() {
                let place = (turn + round) % contenders.len();
                let contender = contenders[place];
                let log = self.log(contender, "again");
                let mut command = contender.command(Deed::Again, self.site, world, self.tools)?;
                let cost = meter.run(&mut command, &log).with_context(|| format!("{}, again, {} nodes", contender.title(), self.count))?;
                meter.clear()?;
                if !contender.is_quiet(&fs::read_to_string(&log)?) {
                    bail!("{} found something to do where nothing is:\n{}", contender.title(), tail(&log));
                }
                if round > 0 {
                    self.tell(contender, "again", cost);
                    costs[place].push(cost);
                }
            }
        }
        for (contender, costs) in contenders.iter().zip(costs) {
            let log = self.log(*contender, "memory");
            let mut command = contender.command(Deed::Again, self.site, world, self.tools)?;
            let memory = meter.memory(&mut command, &log)?;
            meter.clear()?;
            self.report.rows.push(Row {
                nodes: self.count,
                phase: "again",
                contender: contender.name(),
                title: contender.title(),
                costs,
                memory_bytes: Some(memory),
            });
        }
        Ok(())
    }

    /// On all nodes with OpenSSH, unmeasured.
    fn script(&self, world: &World, script: Script) -> Result<()> {
        let output = Contender::openssh(self.site, world, script).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            bail!("a script failed ({}):\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn log(&self, contender: Contender, phase: &str) -> PathBuf {
        self.site.folder().join(format!("{}-{phase}.log", contender.name()))
    }

    fn tell(&self, contender: Contender, phase: &str, cost: Cost) {
        eprintln!(
            "bench: {} nodes, {phase}, {}: {:.2} s, {:.2} CPU-s, nodes {:.2} CPU-s (others {:.1})",
            self.count,
            contender.title(),
            cost.wall_s,
            cost.cpu_s,
            cost.nodes_cpu_s,
            cost.others_cpu_s
        );
    }
}

/// Nodes that were just made or changed go on working for a moment.
fn settle() {
    std::thread::sleep(Duration::from_secs(3));
}
