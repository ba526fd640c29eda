//! `cargo xtask demo`: the main job on real nodes. Eight bare machines and one file become a highly available cluster that
//! was planned, applied, verified and drilled. Every step of it is what an operator would type.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use arcus_lab::{Base, Options, World, nodes_of, standin};

/// Runs it, and ends the nodes however it went.
pub fn demo(root: &Path) -> Result<()> {
    let say = &mut |line: &str| eprintln!("{line}");
    arcus_lab::ensure(say)?;
    let arcus = crate::build::build(root, false)?;
    let base = Base::ensure(say)?;

    let begun = Instant::now();
    let example = root.join("examples/ha/cluster.yaml");
    let nodes = nodes_of(&example)?;
    // A folder that others can find it by: the power hook is a program of its own.
    let dir = root.join("target/demo/lab");
    World::end(&dir)?;
    let options = Options { dir: Some(dir.clone()), keep: true, ..Options::default() };
    // What the stand-ins pretend to work is no part of what is shown here; what they really do takes its time.
    let options = options.knob("init-seconds", "1\n").knob("install-seconds", "0\n").knob("health-seconds", "1\n");
    let options = options.knob("version", "5.1\n");
    let world = World::start(&base, &nodes, &options)?;
    let result = play(root, &arcus, &world, nodes.len(), begun);
    drop(world);
    World::end(&dir)?;
    result
}

fn play(root: &Path, arcus: &Path, world: &World, nodes: usize, begun: Instant) -> Result<()> {
    title(&format!("{} bare nodes, booted in {:.1} s", nodes, begun.elapsed().as_secs_f32()));

    let demo = Demo::new(root, arcus, world, "demo")?;
    demo.arcus("validate", &["validate"], 0)?;
    demo.arcus("what these machines lack", &["preflight"], 0)?;
    demo.arcus("the plan: it changes nothing", &["plan"], 0)?;
    let apply = demo.arcus("apply", &["apply", "--yes", "--no-verify"], 0)?;
    demo.arcus("verify", &["verify"], 0)?;
    demo.nothing_left("plan again")?;
    fs::remove_dir_all(demo.folder.join(".arcus")).context("removing .arcus")?;
    demo.nothing_left("plan again, with all local state deleted")?;
    let other = Demo::new(root, arcus, world, "another-checkout")?;
    other.nothing_left("plan again, from another checkout")?;
    let hook = crate::lab::power_hook(world.dir())?;
    let hook = hook.to_string_lossy().into_owned();
    demo.arcus("drill the address: a clean stop, a power loss", &["drill", "vip", "--accept", "blackout", "--yes", "--power-hook", &hook], 0)?;
    demo.arcus("verify once more", &["verify"], 0)?;
    title(&format!(
        "planned, applied ({:.1} s), verified and drilled in {:.1} s after the build",
        apply.as_secs_f32(),
        begun.elapsed().as_secs_f32()
    ));
    Ok(())
}

/// An operator's checkout, and the binary they use.
struct Demo<'w> {
    arcus: PathBuf,
    folder: PathBuf,
    world: &'w World,
    grctl: PathBuf,
    /// Where Arcus keeps whom this operator has met: nobody, at first. The nodes of an earlier demo had other keys.
    state: PathBuf,
}

impl<'w> Demo<'w> {
    fn new(root: &Path, arcus: &Path, world: &'w World, name: &str) -> Result<Self> {
        let folder = root.join("target/demo").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        fs::copy(root.join("examples/ha/cluster.yaml"), folder.join("cluster.yaml")).context("copying the example")?;
        // The lab made the nodes' host keys, so it can vouch for them; an operator runs `arcus trust`.
        fs::copy(world.known_hosts(), folder.join("known_hosts")).context("copying the host keys")?;
        let state = root.join("target/demo").join(format!("{name}-state"));
        let _ = fs::remove_dir_all(&state);
        Ok(Self { arcus: arcus.to_owned(), folder, world, grctl: standin("grctl-5.1")?, state })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.world.operator(&self.arcus);
        command
            .arg("-f")
            .arg(self.folder.join("cluster.yaml"))
            .arg("--identity")
            .arg(self.world.key())
            .arg("--no-agent")
            .arg("--artifact")
            .arg(format!("grctl={}", self.grctl.display()))
            .args(words)
            .env("XDG_STATE_HOME", &self.state)
            .stdin(Stdio::null());
        command
    }

    fn arcus(&self, what: &str, words: &[&str], expected: i32) -> Result<Duration> {
        title(what);
        eprintln!("$ arcus {}", words.join(" "));
        let begun = Instant::now();
        let status = self.command(words).status().context("running arcus")?;
        if status.code() != Some(expected) {
            bail!("`arcus {}` ended with {status}, expected {expected}", words.join(" "));
        }
        eprintln!("  ({:.1} s)", begun.elapsed().as_secs_f32());
        Ok(begun.elapsed())
    }

    /// Plans, and fails unless nothing is left to do.
    fn nothing_left(&self, what: &str) -> Result<()> {
        title(what);
        let begun = Instant::now();
        let output = self.command(&["-o", "json", "plan"]).stderr(Stdio::inherit()).output().context("running arcus")?;
        if !output.status.success() {
            bail!("`arcus plan` ended with {}", output.status);
        }
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).context("the plan is no JSON")?;
        let count = |key: &str| plan[key].as_array().map_or(usize::MAX, Vec::len);
        if count("steps") != 0 || count("later") != 0 {
            bail!("something is left: {}", serde_json::to_string_pretty(&plan["steps"])?);
        }
        eprintln!("  0 steps ({:.1} s)", begun.elapsed().as_secs_f32());
        Ok(())
    }
}

fn title(text: &str) {
    eprintln!("\n== {text}");
}
