//! Plugins of third parties that are broken or want too much, as an operator meets them; and what those that come with Arcus are made of.
//! No node is there: what a plugin may not do is refused before any node is asked.

mod plugins {
    pub mod admission;
    pub mod doors;
    pub mod living;
    pub mod registry;
    pub mod shelves;
}

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_tests::{Ended, Running, Scenes, approved, arcus, component, page, root};
use plugins::registry::{self, Market};
use plugins::{admission, doors, living};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(240);

/// Nobody listens at these ports.
const FILE: &str = "\
cluster: { name: hostile, id: 9b1f7a52-6c0e-4d8e-9f43-5d2b8c7a1e60 }
nodes:
  - { name: one, address: 10.96.0.11, roles: [manage], ssh: { address: 127.0.0.1, port: 1 } }
  - { name: two, address: 10.96.0.12, roles: [compute], ssh: { address: 127.0.0.2, port: 1 } }
  - { name: three, address: 10.96.0.13, roles: [compute], ssh: { address: 127.0.0.3, port: 1 } }
  - { name: four, address: 10.96.0.14, roles: [storage], ssh: { address: 127.0.0.4, port: 1 } }
storage: { use: hostile, hostile: { mode: MODE } }
plugins: { storage-hostile: ./hostile.wasm }
";

/// An operator's folder of a cluster, and beside it what is the operator's own.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Result<Self> {
        let desk = Self(tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir()?);
        fs::create_dir(desk.path())?;
        Ok(desk)
    }

    /// With a cluster file in which the plugin has this mode, and the component beside it.
    fn in_mode(hostile: &Path, mode: &str) -> Result<Self> {
        let desk = Self::new()?;
        fs::copy(hostile, desk.path().join("hostile.wasm"))?;
        desk.write("cluster.yaml", &FILE.replace("MODE", mode))?;
        Ok(desk)
    }

    /// The same, approved.
    fn approved(hostile: &Path, mode: &str) -> Result<Self> {
        let desk = Self::in_mode(hostile, mode)?;
        desk.run(&["plugin", "approve", "storage-hostile", "--digest", &approved(hostile)?])?.code(0)?;
        Ok(desk)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("project")
    }

    fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.path().join(name), text).context(name.to_owned())
    }

    fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.path().join(name)).context(name.to_owned())
    }

    fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(arcus()?);
        self.dress(&mut command).args(words);
        Ok(command)
    }

    /// As the operator of this folder.
    fn dress<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.current_dir(self.path()).env("XDG_CACHE_HOME", root().join("target/tests/cache")).env("XDG_STATE_HOME", self.state()).env("XDG_CONFIG_HOME", self.state()).env("NO_COLOR", "1");
        command.arg("--no-agent").stdin(Stdio::null())
    }

    /// `arcus` in the folder, as an operator types it.
    fn run(&self, words: &[&str]) -> Result<Ended> {
        Running::start(words.join(" "), self.command(words)?.args(["-o", "json"]))?.end(LIMIT)
    }

    /// For people.
    fn shown(&self, words: &[&str]) -> Result<Ended> {
        Running::start(words.join(" "), &mut self.command(words)?)?.end(LIMIT)
    }

    /// It must end with this, for this reason.
    fn refused(&self, words: &[&str], code: i32, name: &str) -> Result<Value> {
        let printed = json(&self.run(words)?.code(code)?)?;
        ensure!(printed["error"]["code"] == name, "{words:?}: not {name}: {printed:#}");
        let trouble = &printed["error"]["troubles"][0];
        ensure!(trouble["help"].as_str().is_some_and(|help| !help.is_empty()), "{words:?}: what to do is not said: {printed:#}");
        Ok(printed)
    }
}

fn json(ended: &Ended) -> Result<Value> {
    serde_json::from_str(&ended.stdout).with_context(|| format!("`{}` printed no JSON:\n{}\n{}", ended.name, ended.stdout, ended.stderr))
}

/// How the plugin breaks, and what is then said: verb, exit code, code of the error, words of its message.
struct Broken(&'static str, &'static str, i32, &'static str, &'static [&'static str]);

/// The same for the page on attacks: what it tries, and what stops it.
const ATTACKS: [(&str, &str, &str); 30] = [
    ("trap", "it panics", "the sandbox: a call ends, and nothing else"),
    ("hang", "it never ends", "10 s of processor time for a call"),
    ("memory", "it takes all memory", "64 MiB for a call"),
    ("stack", "it calls itself without end", "a stack of 512 KiB"),
    ("judge-trap", "it panics when it is to judge", "the sandbox"),
    ("verify-trap", "it panics when it is to prove something", "the sandbox"),
    ("nobody", "a step on a node that the cluster does not have", "each plan is checked as a whole"),
    ("outside", "a file of cron's, outside of what it may write", "its grant, before the plan is shown"),
    ("command", "a command that its manifest does not have", "its grant, before the plan is shown"),
    ("query", "a question that its manifest does not have", "its grant, before any node is asked"),
    ("shadow", "it wants to read the passwords of a node", "its grant; the content is private whatever is granted"),
    ("asks", "it asks without end", "64 asks for a call"),
    ("steps", "a plan without end", "50,000 steps, and 64 MiB, for a plan"),
    ("role", "a step on a node of a role that it may not touch", "its grant, before the plan is shown"),
    ("climb", "a path that climbs out of where it may write", "paths are taken as they are, and must be normal"),
    ("option", "an option where its command has a hole for a path", "what fills a hole never begins with `-`"),
    ("shell", "a piece of shell in the hole", "what fills a hole is a plain word; no shell sees it"),
    ("secret", "a secret that it was not granted", "secrets by name, each granted"),
    ("milestone", "it says for another plugin that the address answers", "milestones of the contract belong to their concern"),
    ("call", "live access to a node", "its grant, before the plan is shown; what it may do where that is granted: below"),
    ("key", "it wants to read root's private key", "the content is private whatever is granted"),
    ("global", "it wants to read the passwords in the installer's `global.sh`", "the content is private whatever is granted"),
    ("carry", "it has a private key carried to where it may read", "what is private goes nowhere that is not; the same for a folder that is copied"),
    ("bind", "it has the whole node shown below where it may write", "what a mount shows of the node itself must be its to write"),
    ("forged", "it tells the others to mount a folder of root's, as the shared one", "what is handed over is held against its own grant: others act by it"),
    ("echo", "a program that it feeds a secret prints it", "what nodes say is shown, and kept in the journal, without the values of secrets"),
    ("read-back", "it reads a secret from where it put it", "plugins are answered without the values of secrets"),
    ("otherwise", "it plans something else each time: a saved plan", "a saved plan is compared, and what is not the same is not done"),
    ("otherwise-later", "it plans something else each time: in the middle of an apply", "what was approved is done, and nothing else"),
    ("more", "it adds a step when the others are done", "what was approved is done, and nothing else"),
];

const PAGE: &str = "docs/attacks.md";

const BROKEN: [Broken; 25] = [
    Broken("trap", "plan", 1, "plugin.trap", &["`lifecycle.plan`", "the shelf fell on one"]),
    Broken("hang", "plan", 1, "plugin.hang", &["`lifecycle.plan`", "time"]),
    Broken("memory", "plan", 1, "plugin.memory", &["`lifecycle.plan`", "memory"]),
    Broken("stack", "plan", 1, "plugin.stack", &["`lifecycle.plan`", "too deep"]),
    Broken("judge-trap", "plan", 1, "plugin.trap", &["`lifecycle.judge`", "no verdict on one"]),
    Broken("verify-trap", "verify", 1, "plugin.trap", &["`lifecycle.verify`", "nothing can be proven of one"]),
    // Steps that name what is not there, or what the manifest does not grant.
    Broken("nobody", "plan", 1, "plugin.contract-broken", &["nobody"]),
    Broken("outside", "plan", 7, "plugin.denied", &["/etc/cron.d/hostile", "one"]),
    Broken("command", "plan", 7, "plugin.denied", &["rm -rf /srv", "one"]),
    // Questions that it may not ask are told to itself, and it passes them on.
    Broken("query", "plan", 7, "node.denied", &["rm"]),
    Broken("shadow", "plan", 7, "node.denied", &["/etc/shadow"]),
    Broken("asks", "plan", 1, "plugin.asks", &["`lifecycle.plan`", "more than 64 times"]),
    Broken("steps", "plan", 1, "plugin.output", &["`lifecycle.plan`", "50000 at most"]),
    Broken("role", "plan", 7, "plugin.denied", &["four", "roles"]),
    Broken("climb", "plan", 7, "plugin.denied", &["/srv/hostile/../../etc/passwd"]),
    Broken("option", "plan", 7, "plugin.denied", &["mkdir --mode=0777"]),
    Broken("shell", "plan", 7, "plugin.denied", &["$(reboot)"]),
    Broken("secret", "plan", 7, "plugin.denied", &["exdb"]),
    Broken("milestone", "plan", 1, "plugin.contract-broken", &["vip.answering"]),
    Broken("call", "plan", 7, "plugin.denied", &["it may not do a call"]),
    Broken("key", "plan", 7, "node.denied", &["/root/.ssh/id_rsa"]),
    Broken("global", "plan", 7, "node.denied", &["global.sh"]),
    // What would reach further by way of others.
    Broken("carry", "plan", 1, "plugin.contract-broken", &["/root/.ssh/id_rsa", "one"]),
    Broken("bind", "plan", 7, "plugin.denied", &["it may not write /"]),
    Broken("forged", "validate", 7, "plugin.denied", &["/root", "storage.offer"]),
];

#[test]
fn what_a_third_partys_plugin_may_do_is_the_operators_to_say() {
    let hostile = component("tests/hostile-plugin").expect("the hostile plugin");
    let mut scenes = Scenes::default();
    let mut rows = Vec::new();
    scenes.play("what is not approved is not run", || admission::unapproved(&hostile, &mut rows));
    scenes.play("an approval is for this cluster, this component and this operator", || admission::elsewhere(&hostile, &mut rows));
    scenes.play("what was swapped or edited is told", || admission::swapped(&hostile, &mut rows));
    scenes.play("what was swapped between plan and apply is told", || admission::swapped_after_the_plan(&hostile, &mut rows));
    scenes.play("what was compiled before is looked at", || admission::poisons(&hostile, &mut rows));
    scenes.play("whoever only looks starts nothing", || admission::starts(&mut rows));
    scenes.play("a version that wants more shows what", || admission::wants_more(&hostile, &mut rows));
    scenes.play("add, update and remove", || admission::comes_and_goes(&hostile, &mut rows));
    scenes.play("a manifest that is meant for the operator's terminal", || admission::escapes(&hostile, &mut rows));
    scenes.play("the page on attacks says so", || page::table(PAGE, "| To be let in | What stops it | What is said |", &rows));
    scenes.end();
}

/// What `arcus plugin test` says of one that breaks so.
const NOT_CONFORMING: [(&str, &str); 7] = [
    ("trap", "plugin.trap"),
    ("memory", "plugin.memory"),
    ("stack", "plugin.stack"),
    ("outside", "it may not write /etc/cron.d/hostile"),
    ("command", "no command of its manifest reads `rm -rf /srv`"),
    ("nobody", "the cluster has no node `nobody`"),
    ("verify-trap", "nothing can be proven of"),
];

#[test]
fn the_conformance_kit_finds_what_is_broken() {
    let hostile = component("tests/hostile-plugin").expect("the hostile plugin");
    let desk = Desk::new().expect("a desk");
    let path = hostile.display().to_string();
    let tried = |mode: &str| {
        let world = "directories = [\"/srv/hostile\"]\n[config]\nmode = \"MODE\"\n[[node]]\nname = \"one\"\naddress = \"10.99.0.11\"\nroles = [\"manage\"]\n[[run]]\nargv = [\"*\"]\n";
        desk.write("world.toml", &world.replace("MODE", mode)).expect("a world");
        desk.run(&["plugin", "test", &path, "--world", "world.toml", "--seeds", "2"])
    };
    let mut scenes = Scenes::default();
    for (mode, words) in NOT_CONFORMING {
        scenes.play(mode, || {
            let printed = json(&tried(mode)?.code(6)?)?;
            ensure!(printed["error"]["code"] == "plugin.not-conforming", "{printed:#}");
            let failed: Vec<&Value> = printed["trials"].as_array().context("no trials")?.iter().filter(|trial| trial["outcome"]["result"] == "failed").collect();
            ensure!(failed.iter().any(|trial| trial["outcome"]["detail"].as_str().is_some_and(|detail| detail.contains(words))), "{words:?} is not said: {failed:#?}");
            Ok(())
        });
    }
    scenes.play("good", || {
        let printed = json(&tried("good")?.code(0)?)?;
        let trials = printed["trials"].as_array().context("no trials")?;
        ensure!(trials.len() >= 13 && trials.iter().all(|trial| trial["outcome"]["result"] == "passed"), "{printed:#}");
        Ok(())
    });
    scenes.play("no description", || {
        desk.write("world.toml", "[[node]]\nname = \"one\"\naddress = \"x\"\nroles = [\"boss\"]\n")?;
        desk.refused(&["plugin", "test", &path, "--world", "world.toml"], 3, "plugin.world").map(drop)
    });
    scenes.end();
}

#[test]
fn plugins_come_out_of_registries_and_bundles_and_are_approved_by_signature() {
    let hostile = component("tests/hostile-plugin").expect("the hostile plugin");
    let market = Market::new(&hostile).expect("a market");
    let mut scenes = Scenes::default();
    let mut rows = Vec::new();
    scenes.play("published, added, updated", || registry::published_and_added(&market, &mut rows));
    scenes.play("carried in a bundle", || registry::carried_in_a_bundle(&market, &mut rows));
    scenes.play("without TLS, and elsewhere", || registry::without_tls_and_elsewhere(&market));
    scenes.play("approved by signature", || registry::approved_by_signature(&market, &hostile, &mut rows));
    scenes.play("the page on attacks says so", || page::table(PAGE, "| To be let in, signed or carried | What stops it | What is said |", &rows));
    scenes.play("registries that mean harm, as the page on attacks says", || page::table(PAGE, "| Attack | What stops it | What is said of it |", &registry::registries_that_mean_harm(&market, &hostile)?));
    scenes.end();
}

#[test]
fn what_a_broken_plugin_did_is_told_with_its_name() {
    let hostile = component("tests/hostile-plugin").expect("the hostile plugin");
    let mut scenes = Scenes::default();
    let mut rows = Vec::new();
    for broken in &BROKEN {
        scenes.play(broken.0, || {
            rows.push(row(broken.0, &told(&hostile, broken)?)?);
            Ok(())
        });
    }
    scenes.play("flood", || {
        rows.push(flood(&hostile)?);
        Ok(())
    });
    scenes.play("the page on attacks says so", || page::table(PAGE, "| Attack | What stops it | What is said |", &rows));
    scenes.play("one that is good", || good(&hostile));
    scenes.play("one that is no plugin", || no_plugin(&hostile));
    scenes.end();
}

#[test]
fn what_is_no_plugin_or_hands_over_no_values_is_told_as_that() {
    let hostile = component("tests/hostile-plugin").expect("the hostile plugin");
    let mut scenes = Scenes::default();
    let (mut files, mut values) = (Vec::new(), Vec::new());
    scenes.play("files", || doors::refused(&hostile, &mut files));
    scenes.play("the page on attacks says so of files", || page::table(PAGE, "| A file that … | What stops it | What is said |", &files));
    scenes.play("values", || doors::returned(&mut values));
    scenes.play("the page on attacks says so of values", || page::table(PAGE, "| It returns … | What stops it | What is said |", &values));
    scenes.end();
}

#[test]
fn what_a_plugin_tries_by_way_of_a_node_comes_to_nothing() {
    let hostile = component("tests/hostile-plugin").expect("the hostile plugin");
    let mut scenes = Scenes::default();
    let mut rows = Vec::new();
    let mut keep = |row: Result<String>| row.map(|row| rows.push(row));
    scenes.play("echo", || keep(living::echoes(&hostile)));
    scenes.play("read-back", || keep(living::reads_back(&hostile)));
    scenes.play("otherwise", || living::plans_otherwise(&hostile)?.into_iter().try_for_each(|row| keep(Ok(row))));
    scenes.play("more", || keep(living::adds_a_step(&hostile)));
    scenes.play("the page on attacks says so", || page::table(PAGE, "| Attack, with a node | What stops it | What is said |", &rows));
    scenes.end();
}

/// It logs without end, for the operator to see nothing else. It is not refused, as it does no more than that.
fn flood(hostile: &Path) -> Result<String> {
    let desk = Desk::approved(hostile, "flood")?;
    let shown = desk.shown(&["plan"])?.code(4)?;
    let said: Vec<&str> = shown.stderr.lines().filter(|line| line.contains("storage-hostile: ")).collect();
    ensure!(said.len() == 21 && said.iter().all(|line| line.len() < 1000), "{} lines:\n{}", said.len(), shown.stderr);
    let last = said.last().context("nothing was said")?;
    let words = last.split_once("storage-hostile: ").context("no words")?.1;
    // Who wants all of them has them, up to a limit.
    let all = desk.shown(&["plan", "-v"])?.code(4)?;
    let lines = all.stderr.lines().filter(|line| line.contains("all is well")).count();
    ensure!((990..=1010).contains(&lines) && all.stderr.contains("2000 more lines were dropped"), "{lines} lines");
    Ok(format!("| it logs without end, so that nothing else is seen | 1,000 lines of 4 KiB for a call; 20 of them are shown | {words} |"))
}

/// A line of the page. Long numbers depend on the build.
fn row(mode: &str, error: &Value) -> Result<String> {
    let (_, attack, stopped) = ATTACKS.iter().find(|(name, ..)| *name == mode).with_context(|| format!("{mode} is not on the page"))?;
    let message = error["message"].as_str().context("no message")?;
    // Where in its source a plugin panics is no matter of this page.
    let message = match (message.split_once("panicked at "), message.lines().last()) {
        (Some((before, _)), Some(said)) => format!("{before}{said}"),
        _ => message.lines().next().unwrap_or_default().to_owned(),
    };
    let text = page::cell(&message, &[]);
    Ok(format!("| {attack} | {stopped} | `{}` {text} |", error["code"].as_str().unwrap_or_default()))
}

fn told(hostile: &Path, Broken(mode, verb, code, name, words): &Broken) -> Result<Value> {
    let desk = Desk::approved(hostile, mode)?;
    let ended = desk.run(&[verb])?.code(*code)?;
    let printed = json(&ended)?;
    let of = |key: &str| printed["error"][key].as_array().cloned().unwrap_or_default();
    let all = [of("troubles"), of("diagnostics")].concat();
    let error = all.iter().find(|error| error["code"] == *name).with_context(|| format!("no error {name}: {printed:#}"))?;
    let text = format!("{} {} {}", error["message"].as_str().unwrap_or_default(), error["step"].as_str().unwrap_or_default(), error["node"].as_str().unwrap_or_default());
    for word in *words {
        ensure!(text.contains(word), "{word:?} is not in {error:#}");
    }
    ensure!(error["plugin"] == "storage-hostile", "its name is missing: {error:#}");
    ensure!(error["help"].as_str().is_some_and(|help| !help.is_empty()), "what to do is not said: {error:#}");
    ensure!(printed["exit"]["code"] == *code, "{:#}", printed["exit"]);
    // A plugin that spins has ten seconds of its own; nobody waits longer for it, but for who else uses this machine.
    ensure!(ended.took < Duration::from_secs(200), "it took {:?}", ended.took);
    ensure!(!desk.path().join(".arcus/runs").exists(), "a run was begun");
    // For a person: the same. One of each kind, since each waits for nodes that are not there.
    if !["trap", "nobody", "outside", "query"].contains(mode) {
        return Ok(error.clone());
    }
    let shown = desk.shown(&["--color", "never", verb])?.stderr;
    ensure!(shown.contains(name) && shown.contains("storage-hostile"), "{shown}");
    Ok(error.clone())
}

fn good(hostile: &Path) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    desk.run(&["validate"])?.code(0)?;
    // The nodes are not there; the plugin is fine.
    let plan = json(&desk.run(&["plan"])?.code(4)?)?;
    ensure!(plan["error"].is_null() && plan["blocked"][0]["plugin"] == "storage-hostile", "{plan:#}");
    let warnings = plan["warnings"].as_array().context("no warnings")?;
    ensure!(warnings.iter().any(|one| one["code"] == "plugin.unsigned" && one["plugin"] == "storage-hostile"), "that nobody signed it is not said: {plan:#}");
    // Its schema holds for its section, too.
    let other = Desk::approved(hostile, "no-such-mode")?;
    let refused = json(&other.run(&["plan"])?.code(3)?)?;
    ensure!(refused["error"]["diagnostics"][0]["pointer"] == "/storage/hostile/mode", "{refused:#}");
    Ok(())
}

fn no_plugin(hostile: &Path) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    let path = desk.path().join("hostile.wasm");
    let whole = fs::read(&path)?;
    for (what, bytes) in [("cut", &whole[..whole.len() / 2]), ("empty", b""), ("text", b"not wasm")] {
        fs::write(&path, bytes)?;
        let printed = json(&desk.run(&["plan"])?.code(3)?)?;
        let code = printed["error"]["code"].as_str().unwrap_or_default();
        ensure!(code.starts_with("plugin."), "{what}: {printed:#}");
        ensure!(printed["error"].to_string().contains("storage-hostile"), "{what}: {printed:#}");
    }
    Ok(())
}

/// The components that come with Arcus.
fn first_party() -> Vec<Value> {
    let desk = Desk::new().expect("a folder");
    let listed = json(&desk.run(&["plugin", "list"]).and_then(|ended| ended.code(0)).expect("a list")).expect("JSON");
    let plugins = listed["plugins"].as_array().cloned().expect("plugins");
    assert_eq!(plugins.len(), names().len(), "what is embedded is not what was built");
    plugins
}

/// Those that were built.
fn names() -> BTreeSet<String> {
    let built = fs::read_dir(root().join("target/plugins")).expect("`cargo xtask plugins` builds them");
    let paths = built.map(|entry| entry.expect("an entry").path()).filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    paths.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn those_that_come_with_arcus_import_log_and_observe_only() {
    let desk = Desk::new().unwrap();
    let built = names();
    assert!(built.len() >= 5, "{built:?}");
    for name in &built {
        let path = root().join("target/plugins").join(name).with_extension("wasm");
        let inspected = json(&desk.run(&["plugin", "inspect", &path.display().to_string()]).unwrap().code(0).unwrap()).unwrap();
        let imports: Vec<&str> = inspected["imports"].as_array().unwrap().iter().map(|import| import.as_str().unwrap()).collect();
        assert!(imports.iter().all(|import| ["arcus:plugin/log@0.1.0#emit", "arcus:plugin/observe@0.1.0#ask"].contains(import)), "{name}: {imports:?}");
        assert!(imports.iter().any(|import| import.starts_with("arcus:plugin/observe@")), "{name} asks nobody: {imports:?}");
        assert_eq!(inspected["manifest"]["name"], **name);
    }
    let embedded: BTreeSet<String> = first_party().iter().map(|plugin| plugin["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(embedded, built);
}

#[test]
fn their_schemas_accept_what_init_writes() {
    let desk = Desk::new().unwrap();
    desk.run(&["init", "--name", "fresh"]).unwrap().code(0).unwrap();
    desk.run(&["validate"]).unwrap().code(0).unwrap();
    let file = desk.path().join("cluster.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let mut seen = 0;
    for plugin in first_party() {
        let name = plugin["manifest"]["name"].as_str().unwrap();
        let Some((concern, own)) = name.split_once('-') else { continue };
        // In the section as it was written, one key more: it is the schema that refuses it.
        let section = format!("  {own}:\n");
        // Of several plugins for a concern, init writes one.
        let Some(at) = text.find(&section).map(|at| at + section.len()) else { continue };
        fs::write(&file, format!("{}    no-such-key: 1\n{}", &text[..at], &text[at..])).unwrap();
        let refused = json(&desk.run(&["validate"]).unwrap().code(3).unwrap()).unwrap();
        let found = refused["error"]["diagnostics"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert!(found[0]["pointer"].as_str().unwrap().starts_with(&format!("/{concern}/{own}")), "{name}: {found:#?}");
        seen += 1;
    }
    let uses = text.lines().filter(|line| line.starts_with("  use: ")).count();
    assert!(seen == uses && seen >= 4, "{seen} of {uses} sections were looked at");
}
