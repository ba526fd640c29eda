//! The author's road: the guide's commands as they stand on its page, and a crate of every concern.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::nodes_of;
use arcus_tests::{Ended, Running, approved, arcus, bare, root};

/// Most of it is compiling the SDK, which takes a minute where nothing else is done.
const LIMIT: Duration = Duration::from_secs(1200);

/// An author's folder, with `arcus` on the way to programs. What cargo builds is shared by all: most of it is the SDK.
struct Author {
    home: tempfile::TempDir,
}

impl Author {
    fn new() -> Result<Self> {
        let home = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir()?;
        for folder in ["bin", "work", "state"] {
            fs::create_dir(home.path().join(folder))?;
        }
        std::os::unix::fs::symlink(arcus()?, home.path().join("bin/arcus"))?;
        fs::create_dir(home.path().join(".cargo"))?;
        let target = root().join("target/tests/author");
        fs::write(home.path().join(".cargo/config.toml"), format!("[build]\ntarget-dir = {:?}\n", target.display().to_string()))?;
        Ok(Self { home })
    }

    fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// A program as the author runs it.
    fn command(&self, program: &str, folder: &Path) -> Result<Command> {
        let mut command = Command::new(program);
        self.dress(&mut command)?.current_dir(folder);
        Ok(command)
    }

    /// With what the author has.
    fn dress<'c>(&self, command: &'c mut Command) -> Result<&'c mut Command> {
        let path = std::env::var_os("PATH").context("no PATH")?;
        let path = std::env::join_paths(std::iter::once(self.home.path().join("bin")).chain(std::env::split_paths(&path)))?;
        command.env("PATH", path).env("SDK", root().join("sdk")).stdin(Stdio::null()).env("NO_COLOR", "1");
        command.env("XDG_STATE_HOME", self.home.path().join("state")).env("XDG_CACHE_HOME", root().join("target/tests/cache"));
        Ok(command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS"))
    }

    fn arcus(&self, folder: &Path, words: &[&str]) -> Result<Ended> {
        Running::start(words.join(" "), self.command("arcus", folder)?.args(words))?.end(LIMIT)
    }
}

/// What is between fences of a kind, one after the other.
fn fenced(text: &str, kind: &str) -> Vec<String> {
    let (mut found, mut within) = (Vec::new(), None::<String>);
    for line in text.lines() {
        match (&mut within, line.strip_prefix("```")) {
            (None, Some(opened)) => within = Some(if opened == kind { String::new() } else { "\0".into() }),
            (Some(block), Some("")) => {
                if !block.starts_with('\0') {
                    found.push(std::mem::take(block));
                }
                within = None;
            }
            (Some(block), _) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// Replaces a section of a cluster file by a line.
fn choose(file: &Path, section: &str, line: &str) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let begin = text.find(&format!("\n{section}:\n")).with_context(|| format!("{section} is not in\n{text}"))? + 1;
    let rest = &text[begin..];
    let end = rest.match_indices('\n').map(|(at, _)| at + 1).find(|at| !rest[*at..].starts_with([' ', '\n'])).unwrap_or(rest.len());
    fs::write(file, format!("{}{line}\n{}", &text[..begin], &rest[end..])).context("writing it")
}

#[test]
fn the_guide_runs_as_it_is_written() {
    let page = fs::read_to_string(root().join("docs/first-plugin.md")).expect("the guide");
    let (commands, yaml) = (fenced(&page, "sh"), fenced(&page, "yaml"));
    assert!(commands.len() >= 6 && yaml.len() == 1, "the guide has changed: {commands:?}");
    let author = Author::new().expect("an author");
    // One shell for all of it, as somebody who follows the page has; the file is edited where the page says so. What needs nodes is run below.
    let (_, commands) = commands.split_last().expect("commands");
    let (last, first) = commands.split_last().expect("commands");
    for (script, folder) in [(first.concat(), author.work()), (last.clone(), author.work())] {
        if script == *last {
            choose(&author.work().join("cluster.yaml"), "storage", yaml[0].trim_end()).expect("the line of the page");
        }
        let mut shell = author.command("bash", &folder).expect("a shell");
        let ended = Running::start("the guide".into(), shell.args(["-euxc", &script])).and_then(|running| running.end(LIMIT)).expect("it ends");
        let ended = ended.code(0).expect("all commands succeed");
        let all = format!("{}{}", ended.stdout, ended.stderr);
        let expected: &[&str] = if script == *last { &["storage-shelf 0.1.0 is approved", "approved, unsigned"] } else { &["It asks to be allowed:", "test result: ok", " 0 failed, 0 not tried", "not approved yet"] };
        for words in expected {
            assert!(all.contains(words), "{words:?} is not said:\n{all}");
        }
    }
}

/// Bare machines. A share would need a server of NFS, so it is a network that goes down the road of the page.
const LAB: &str = "\
cluster: { name: trial, id: 3c7e9b15-4d02-4f6a-8a51-6e0d2b9c7f38 }
nodes:
  - { name: manage01, address: 10.99.0.11, roles: [manage] }
  - { name: compute01, address: 10.99.0.21, roles: [compute] }
network: { use: site }
preflight: { relax: [compute-count] }
";

#[test]
fn an_edited_template_is_applied_to_nodes_by_the_commands_of_the_guide() {
    on_nodes().expect("from a template to an apply");
}

fn on_nodes() -> Result<()> {
    let page = fs::read_to_string(root().join("docs/first-plugin.md"))?;
    let as_network = |block: &String| block.replace("--concern storage shelf", "--concern network site").replace("storage-shelf", "network-site");
    let blocks: Vec<String> = fenced(&page, "sh").iter().map(as_network).collect();
    let [create, rest @ .., take, approve, nodes] = blocks.as_slice() else { anyhow::bail!("the guide has changed: {blocks:?}") };
    ensure!(create.contains("network site") && take.contains("plugin add network-site") && nodes.contains("arcus apply"), "the guide has changed: {blocks:?}");
    let author = Author::new()?;
    let (work, folder) = (author.work(), author.work().join("network-site"));
    let run = |mut shell: Command, script: &str| Running::start("the guide".into(), shell.args(["-euxc", script]))?.end(LIMIT)?.code(0);
    run(author.command("bash", &work)?, create)?;
    // What this author wants otherwise than the template has it.
    let source = folder.join("src/lib.rs");
    let text = fs::read_to_string(&source)?;
    let edited = text.replace(".content(\"net.ipv4.ip_forward = 1\\n\")", ".content(\"# as this site has it\\nnet.ipv4.ip_forward = 1\\n\")");
    ensure!(edited != text, "the template is another one:\n{text}");
    fs::write(&source, edited)?;
    run(author.command("bash", &folder)?, &rest.concat())?.says(" 0 failed, 0 not tried")?;
    run(author.command("bash", &folder)?, take)?.says("network-site 0.1.0 is pinned")?;
    // The addresses of real machines, whose keys are known.
    let file = work.join("cluster.yaml");
    fs::write(&file, LAB)?;
    let world = bare(&nodes_of(&file)?, |options| options)?;
    fs::copy(world.known_hosts(), work.join("known_hosts"))?;
    run(author.command("bash", &work)?, approve)?.says("approved, unsigned")?;
    let mut operator = world.operator("bash");
    author.dress(&mut operator)?.current_dir(&work).env("ARCUS_IDENTITY", world.key()).env_remove("SSH_AUTH_SOCK");
    run(operator, nodes)?.says("sysctl.d/60-network-site.conf")?;
    for node in ["manage01", "compute01"] {
        let kept = world.node(node)?.sh("cat /etc/sysctl.d/60-network-site.conf; sysctl -n net.ipv4.ip_forward")?;
        ensure!(kept == "# as this site has it\nnet.ipv4.ip_forward = 1\n1\n", "{node}: {kept}");
    }
    let mut again = world.operator("bash");
    author.dress(&mut again)?.current_dir(&work).env("ARCUS_IDENTITY", world.key()).env_remove("SSH_AUTH_SOCK");
    run(again, "arcus plan")?.says("0 steps, 0 later")?;
    world.stop()
}

#[test]
fn a_crate_of_every_concern_builds_and_comes_out_the_same_each_time() {
    let author = Author::new().expect("an author");
    let work = author.work();
    let sdk = root().join("sdk").display().to_string();
    for (concern, name, plugin) in [
        ("storage", "first", "storage-first"),
        ("network", "network-first", "network-first"),
        ("gateway", "first", "gateway-first"),
        ("platform", "first", "platform-first"),
        ("preflight", "site", "preflight"),
    ] {
        let written = author.arcus(&work, &["plugin", "new", "--concern", concern, name, "--sdk", &sdk, "-o", "json"]).and_then(|ended| ended.code(0)).expect("it is written");
        let written: serde_json::Value = serde_json::from_str(&written.stdout).expect("JSON");
        assert_eq!(written["plugin"], plugin);
        let folder = work.join(written["written"].as_str().expect("a folder"));
        author.arcus(&folder, &["plugin", "build", "--offline"]).and_then(|ended| ended.code(0)).expect("it builds");
        let component = folder.join(plugin).with_extension("wasm");
        author.arcus(&folder, &["plugin", "inspect", &component.display().to_string()]).and_then(|ended| ended.code(0)?.says(plugin)).expect("it is a plugin");
        let world = folder.join("world.toml").display().to_string();
        author
            .arcus(&folder, &["plugin", "test", &component.display().to_string(), "--world", &world])
            .and_then(|ended| ended.code(0)?.says(" 0 failed, 0 not tried"))
            .expect("it conforms");
        if concern == "storage" {
            again(&author, &folder, &component).expect("the same bytes");
            for_wasi(&author, &folder).expect("what cargo makes for WASI");
        }
    }
    // What is there is not written over, and what is no name is none.
    author.arcus(&work, &["plugin", "new", "--concern", "storage", "first", "--sdk", &sdk]).and_then(|ended| ended.code(3)?.says("plugin.not-written")).expect("refused");
    author.arcus(&work, &["plugin", "new", "--concern", "storage", "../x", "--sdk", &sdk]).and_then(|ended| ended.code(3)?.says("plugin.name")).expect("refused");
    author.arcus(&work, &["plugin", "new", "--concern", "storage", "x", "--sdk", "/nowhere"]).and_then(|ended| ended.code(3)?.says("plugin.no-sdk")).expect("refused");
    author.arcus(&work, &["plugin", "build"]).and_then(|ended| ended.code(3)?.says("plugin.no-crate")).expect("refused");
}

/// The same crate in another folder gives the same component.
fn again(author: &Author, folder: &Path, component: &Path) -> Result<()> {
    let elsewhere = author.home.path().join("elsewhere/deeper");
    fs::create_dir_all(elsewhere.join("src"))?;
    for file in ["Cargo.toml", "Cargo.lock", "manifest.toml", "src/lib.rs"] {
        fs::copy(folder.join(file), elsewhere.join(file))?;
    }
    author.arcus(&elsewhere, &["plugin", "build", "--offline"])?.code(0)?;
    let (one, other) = (approved(component)?, approved(&elsewhere.join(component.file_name().context("no name")?))?);
    ensure!(one == other, "{one} here, and {other} there");
    Ok(())
}

/// Cargo alone, for a target with WASI: what its library imports is withheld, and what it calls of that ends the call.
fn for_wasi(author: &Author, folder: &Path) -> Result<()> {
    const TARGET: &str = "wasm32-wasip2";
    let built = || -> Result<()> {
        let mut cargo = author.command("cargo", folder)?;
        // As `plugin build` sets them: so what the compiler itself runs of the SDK is not built once more.
        for (setting, value) in [("OPT_LEVEL", "z"), ("LTO", "true"), ("CODEGEN_UNITS", "1"), ("PANIC", "abort"), ("STRIP", "debuginfo"), ("DEBUG", "false")] {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
        }
        Running::start(TARGET.into(), cargo.args(["build", "--release", "--offline", "--target", TARGET]))?.end(LIMIT)?.code(0)?;
        let module = root().join("target/tests/author").join(TARGET).join("release/storage_first.wasm").display().to_string();
        author.arcus(folder, &["plugin", "build", "--module", &module])?.code(0).map(drop)
    };
    let tried = || author.arcus(folder, &["plugin", "test", "storage-first.wasm", "--world", "world.toml"]);
    built()?;
    author.arcus(folder, &["plugin", "inspect", "./storage-first.wasm"])?.code(0)?.says("withheld   wasi:cli/environment@0.2.")?;
    tried()?.code(0)?.says(" 0 failed, 0 not tried")?;
    let code = folder.join("src/lib.rs");
    let text = fs::read_to_string(&code)?;
    let begin = "plan: &mut Plan) -> Result<(), Problem> {\n";
    ensure!(text.contains(begin), "the template has changed");
    fs::write(&code, text.replace(begin, &format!("{begin}        let _ = std::env::var(\"HOME\");\n")))?;
    built()?;
    tried()?.code(6)?.says("it called `wasi:cli/environment@0.2.")?.says("plugins get nothing of their system")?;
    Ok(())
}
