//! The fake cluster that a component is tried on: as its author describes it, or guessed from its manifest.

use std::collections::BTreeMap;

use arcus_contract::handoffs::SharedDirectory;
use arcus_contract::types::Role;
use arcus_plan::manifest::{Concern, Manifest};
use arcus_sdk::fake::{Fixture, Package, World};
use serde::Deserialize;

/// What an author says of machines that the plugin can be tried on; a TOML file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Description {
    /// The plugin's section of the cluster file.
    pub config: toml::Table,
    /// The machines; without any, two of each role.
    pub node: Vec<Machine>,
    /// What they can install; without any, what the manifest names.
    pub package: Vec<Installable>,
    /// Directories that every machine has, beyond those above what the plugin may write.
    pub directories: Vec<String>,
    /// What programs do, the first that fits.
    pub run: Vec<Program>,
    /// What happens when a unit starts.
    pub start: Vec<Start>,
    /// Milestones that other plugins have brought about, on every node.
    pub provided: Vec<String>,
}

/// A machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    name: String,
    address: String,
    roles: Vec<String>,
}

/// A package.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installable {
    name: String,
    #[serde(default = "one")]
    version: String,
    /// Units that it brings.
    #[serde(default)]
    units: Vec<String>,
    /// Files that those read when they start.
    #[serde(default)]
    reads: Vec<String>,
    /// They are started at once.
    #[serde(default)]
    started: bool,
}

fn one() -> String {
    "1".into()
}

/// A program with these words; `*` stands for any one word.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    argv: Vec<String>,
    /// Only on this machine: what differs between them.
    node: Option<String>,
    /// Only where the machine remembers this.
    #[serde(default)]
    when: BTreeMap<String, String>,
    #[serde(default)]
    status: i32,
    #[serde(default)]
    prints: String,
    #[serde(default)]
    then: Effect,
}

/// A unit that starts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    unit: String,
    #[serde(default)]
    then: Effect,
}

/// What changes on the machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Effect {
    /// For `when`.
    remember: BTreeMap<String, String>,
    /// Settings of the kernel.
    sysctl: BTreeMap<String, String>,
    /// Files.
    write: BTreeMap<String, String>,
    /// An address on the first interface, with its length.
    address: Option<String>,
}

/// Why a description cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// It does not read.
    #[error("the description of the world cannot be read: {0}")]
    Shape(String),
    /// A role that is none.
    #[error("{node} has the role `{role}`, and there are manage, compute, gateway, storage, network")]
    Role {
        /// Of this machine.
        node: String,
        /// This word.
        role: String,
    },
    /// Names or addresses twice.
    #[error("there are two machines called {0}")]
    Twice(String),
}

impl Description {
    /// From its text.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, DescriptionError> {
        let this: Self = toml::from_str(text).map_err(|error| DescriptionError::Shape(error.to_string()))?;
        for (place, machine) in this.node.iter().enumerate() {
            if let Some(role) = machine.roles.iter().find(|word| role(word).is_none()) {
                return Err(DescriptionError::Role { node: machine.name.clone(), role: role.clone() });
            }
            if this.node[..place].iter().any(|other| other.name == machine.name) {
                return Err(DescriptionError::Twice(machine.name.clone()));
            }
        }
        Ok(this)
    }

    /// Where every trial begins.
    pub fn fixture(&self, manifest: &Manifest) -> Fixture {
        let config = serde_json::to_string(&self.config).expect("a table is plain data");
        let world = self.world(manifest);
        let names: Vec<String> = world.nodes.iter().map(|node| node.name.clone()).collect();
        let shares = |roles: &[Role]| roles.contains(&Role::Manage) || roles.contains(&Role::Compute);
        let nodes: Vec<String> = world.nodes.iter().filter(|node| shares(&node.roles)).map(|node| node.name.clone()).collect();
        let mut fixture = Fixture::of(manifest.clone(), config, world);
        fixture = fixture.handing(|handed| {
            handed.demands.shared = Some(SharedDirectory { path: "/grdata".into(), nodes, attach: true, users: vec![] });
        });
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for milestone in self.provided.iter().map(String::as_str).chain(others(manifest.concern).iter().copied()) {
            fixture = fixture.provided(milestone, &names);
        }
        fixture
    }

    fn world(&self, manifest: &Manifest) -> World {
        let mut world = World::new();
        if self.node.is_empty() {
            for (place, role) in ROLES.iter().enumerate() {
                for number in 1..=2 {
                    world.node(&format!("{}0{number}", role.word()), &format!("10.99.0.{}", 10 * (place + 1) + number), &[*role]);
                }
            }
        }
        for machine in &self.node {
            let roles: Vec<Role> = machine.roles.iter().filter_map(|word| role(word)).collect();
            world.node(&machine.name, &machine.address, &roles);
        }
        let names: Vec<String> = world.machines.keys().cloned().collect();
        let above = manifest.grant.write.iter().filter_map(|path| path.rsplit_once('/')).map(|(parent, _)| parent).filter(|parent| !parent.is_empty());
        for directory in above.chain(self.directories.iter().map(String::as_str)) {
            for name in &names {
                world.directory(name, directory);
            }
        }
        for package in &self.package {
            let mut offered = Package::new(&package.name, &package.version);
            let reads: Vec<&str> = package.reads.iter().map(String::as_str).collect();
            for unit in &package.units {
                offered = offered.unit(unit).reads(&reads);
            }
            world.offers(if package.started { offered.started() } else { offered });
        }
        if self.package.is_empty() {
            guess_packages(&mut world, manifest);
        }
        let programs = self.run.clone();
        world.simulate(move |world, run| {
            let program = programs.iter().find(|program| program.fits(world, &run.node, &run.argv))?;
            program.then.apply(world, &run.node);
            Some(if program.status == 0 { run.prints(program.prints.clone()) } else { run.fails(program.status, program.prints.clone()) })
        });
        world.simulate(set_sysctl);
        let starts = self.start.clone();
        world.on_start(move |world, node, unit| {
            starts.iter().filter(|start| start.unit == unit).for_each(|start| start.then.apply(world, node));
            Ok(())
        });
        world
    }
}

/// What is modelled without being told.
fn set_sysctl(world: &mut World, run: &arcus_sdk::fake::Invocation) -> Option<arcus_contract::facts::Output> {
    let (program, words) = run.argv.split_first()?;
    let setting = words.iter().find_map(|word| word.split_once('='))?;
    if program.rsplit('/').next() != Some("sysctl") {
        return None;
    }
    world.machine(&run.node).sysctls.insert(setting.0.into(), setting.1.into());
    Some(run.prints(""))
}

/// All packages of the manifest; the first brings the units that the plugin does not write itself.
fn guess_packages(world: &mut World, manifest: &Manifest) {
    let grant = &manifest.grant;
    let written = |unit: &&String| grant.write.iter().any(|prefix| arcus_plan::pattern::is_under(&format!("/etc/systemd/system/{unit}"), prefix));
    for (place, name) in grant.packages.iter().enumerate() {
        let mut package = Package::new(name, "1");
        if place == 0 {
            for unit in grant.services.iter().filter(|unit| !written(unit)) {
                package = package.unit(unit);
            }
        }
        world.offers(package);
    }
}

impl Program {
    fn fits(&self, world: &World, node: &str, argv: &[String]) -> bool {
        let words = self.argv.len() == argv.len() && self.argv.iter().zip(argv).all(|(pattern, word)| pattern == "*" || pattern == word);
        let memory = &world.at(node).memory;
        let here = self.node.as_ref().is_none_or(|name| name == node);
        words && here && self.when.iter().all(|(key, value)| memory.get(key) == Some(value))
    }
}

impl Effect {
    fn apply(&self, world: &mut World, node: &str) {
        for (path, content) in &self.write {
            world.write(node, path, content.as_str());
        }
        let machine = world.machine(node);
        machine.memory.extend(self.remember.clone());
        machine.sysctls.extend(self.sysctl.clone());
        if let (Some(address), Some(interface)) = (&self.address, machine.interfaces.first_mut())
            && !interface.addresses.contains(address)
        {
            interface.addresses.push(address.clone());
        }
    }
}

const ROLES: [Role; 5] = [Role::Manage, Role::Compute, Role::Gateway, Role::Storage, Role::Network];

fn role(word: &str) -> Option<Role> {
    ROLES.into_iter().find(|role| role.word() == word)
}

/// What plugins of other concerns bring about.
fn others(concern: Concern) -> &'static [&'static str] {
    use arcus_sdk::milestone::{NETWORK_READY, STORAGE_CLIENT, STORAGE_MOUNTED, STORAGE_READY, VIP_ANSWERING};
    match concern {
        Concern::Platform | Concern::Migration => &[STORAGE_READY, STORAGE_CLIENT, STORAGE_MOUNTED, NETWORK_READY, VIP_ANSWERING],
        _ => &[],
    }
}
