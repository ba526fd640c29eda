//! `cargo xtask lab`: real nodes for a cluster file, left running to be tried by hand.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use arcus_lab::{Base, Node, Options, World, nodes_of, standin};
use clap::Subcommand;

/// What `lab` does.
#[derive(Subcommand)]
pub enum Lab {
    /// Make the nodes of a cluster file and leave them running.
    Up {
        /// The cluster file.
        file: PathBuf,
        /// Which Rainbond the stand-ins behave like.
        #[arg(long, default_value = "5.1", value_parser = ["5.0", "5.1"])]
        version: String,
        /// How long the stand-in's init takes, in seconds.
        #[arg(long, default_value_t = 5)]
        init_seconds: u32,
    },
    /// Run a command in the lab's network with this machine's files, or on a node.
    Exec {
        /// The node; absent: the operator's side.
        node: Option<String>,
        /// The command.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Open a shell on a node by ssh.
    Ssh {
        /// The node.
        node: String,
    },
    /// Take a node's power: its link first, then everything at once.
    PowerOff {
        /// The node.
        node: String,
    },
    /// Give a node its power back, and wait for its ssh.
    PowerOn {
        /// The node.
        node: String,
    },
    /// Cut a node's link.
    Cut {
        /// The node.
        node: String,
    },
    /// Mend a node's link.
    Heal {
        /// The node.
        node: String,
    },
    /// Limit a node's link in both directions.
    Slow {
        /// The node.
        node: String,
        /// Kilobits per second; 0 takes the limit away.
        kbit: u32,
    },
    /// Print the path of a power hook for `arcus drill vip --power-hook`; it is called as `HOOK off|on NODE`.
    PowerHook,
    /// Say what runs.
    Status,
    /// End the lab and remove all of it.
    Down,
    /// Move the shared directory on real nodes of its own, there and back, killed at every entry of the journal.
    Soak {
        /// How many files are moved.
        #[arg(long, default_value_t = 3000)]
        files: u32,
        /// After how many minutes no more runs are killed, once the way there and the way back were gone; a run that is under way is brought
        /// to its end.
        #[arg(long, default_value_t = 600)]
        minutes: u64,
    },
}

/// Does it.
pub fn run(root: &Path, lab: Lab) -> Result<()> {
    let dir = dir(root);
    match lab {
        Lab::Up { file, version, init_seconds } => up(&dir, &file, &version, init_seconds),
        Lab::Exec { node: None, command } => {
            let (program, args) = command.split_first().context("no command")?;
            let world = World::attach(&dir)?;
            // In place of this process, so that signals and exit status are the command's own.
            let error = world.operator(program).args(args).exec();
            bail!("running {program}: {error}")
        }
        Lab::Exec { node: Some(node), command } => {
            let (program, args) = command.split_first().context("no command")?;
            let world = World::attach(&dir)?;
            let error = world.node(&node)?.command(program)?.args(args).exec();
            bail!("running {program}: {error}")
        }
        Lab::Ssh { node } => bail!("running ssh: {}", World::attach(&dir)?.ssh(&node)?.exec()),
        Lab::PowerOff { node } => on(&dir, &node, |node| node.power_off()),
        Lab::PowerOn { node } => on(&dir, &node, |node| node.power_on().map(drop)),
        Lab::Cut { node } => on(&dir, &node, |node| node.cut()),
        Lab::Heal { node } => on(&dir, &node, |node| node.heal()),
        Lab::Slow { node, kbit: 0 } => on(&dir, &node, |node| node.unslow()),
        Lab::Slow { node, kbit } => on(&dir, &node, |node| node.slow(kbit)),
        Lab::PowerHook => {
            println!("{}", power_hook(&dir)?.display());
            Ok(())
        }
        Lab::Status => {
            let world = World::attach(&dir)?;
            for node in world.nodes() {
                let state = if node.is_on() { "on" } else { "off" };
                println!("{:<14} {:<15} {state:<4} {}", node.name(), node.address(), node.spec().roles.join(","));
            }
            Ok(())
        }
        Lab::Soak { files, minutes } => soak(root, files, minutes),
        Lab::Down => {
            let began = Instant::now();
            World::end(&dir)?;
            eprintln!("lab: down in {:.1} s", began.elapsed().as_secs_f32());
            Ok(())
        }
    }
}

/// The folder of the lab that `up` makes: one per work tree.
pub fn dir(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("lab")
}

fn on(dir: &Path, name: &str, act: impl FnOnce(&Node<'_>) -> Result<()>) -> Result<()> {
    let world = World::attach(dir)?;
    act(&world.node(name)?).with_context(|| name.to_owned())
}

fn up(dir: &Path, file: &Path, version: &str, init_seconds: u32) -> Result<()> {
    if World::attach(dir).is_ok() {
        bail!("a lab is up already; see `cargo xtask lab status`, or end it with `cargo xtask lab down`");
    }
    let nodes = nodes_of(file)?;
    World::end(dir)?;
    let say = &mut |line: &str| eprintln!("{line}");
    arcus_lab::ensure(say)?;
    let base = Base::ensure(say)?;
    let began = Instant::now();
    let options = Options { dir: Some(dir.to_owned()), keep: true, ..Options::default() };
    let options = options.knob("init-seconds", &format!("{init_seconds}\n")).knob("version", &format!("{version}\n"));
    let world = World::start(&base, &nodes, &options)?;
    eprintln!("lab: {} nodes answer by ssh after {:.1} s", nodes.len(), began.elapsed().as_secs_f32());
    let hook = power_hook(dir)?;
    for node in &nodes {
        println!("{:<14} {:<15} {}", node.name, node.address, node.roles.join(","));
    }
    println!();
    println!("key           {}", world.key().display());
    println!("known hosts   {}", world.known_hosts().display());
    println!("a node        cargo xtask lab ssh {}", nodes[0].name);
    println!("              cargo xtask lab exec -- ssh {} root@{}", world.ssh_args().join(" "), nodes[0].address);
    println!("arcus         cargo xtask lab exec -- target/debug/arcus -f {} --identity {} plan", file.display(), world.key().display());
    println!("grctl         {} (a stand-in)", standin(&format!("grctl-{version}"))?.display());
    println!("power hook    {}", hook.display());
    println!("end           cargo xtask lab down");
    world.leave();
    Ok(())
}

/// A test, which knows how such nodes are used; it is told how long it may take.
fn soak(root: &Path, files: u32, minutes: u64) -> Result<()> {
    let say = &mut |line: &str| eprintln!("{line}");
    arcus_lab::ensure(say)?;
    Base::ensure(say)?;
    crate::plugins::build(root, &[])?;
    // The binary is built with the tests of its own package.
    crate::build::run(crate::test::cargo(root).args(["--workspace", "--no-run", "--test", "usage", "--test", "migrate"]))?;
    let mut cargo = crate::test::cargo(root);
    cargo.args(["--workspace", "--test", "migrate", "--", "--ignored", "--exact", "killed_at_every_entry_of_the_journal", "--nocapture"]);
    crate::build::run(cargo.env("ARCUS_SOAK_FILES", files.to_string()).env("ARCUS_SOAK_MINUTES", minutes.to_string()))
}

/// A small program for `--power-hook`: this very binary, called with the lab it belongs to.
pub fn power_hook(dir: &Path) -> Result<PathBuf> {
    let hook = dir.join("power-hook");
    let own = std::env::current_exe().context("finding this program")?;
    let quote = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
    let text = format!(
        "#!/bin/sh\n# Power of the lab's nodes: power-hook off|on NODE\nset -eu\nexport CARGO_TARGET_DIR={}\nexec {} lab \"power-$1\" \"$2\"\n",
        quote(dir.parent().context("no parent")?),
        quote(&own)
    );
    std::fs::write(&hook, text).with_context(|| format!("writing {}", hook.display()))?;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755))?;
    Ok(hook)
}
