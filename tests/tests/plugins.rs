//! Plugins of third parties that are broken or want too much, as an operator meets them; and what those that come with Arcus are made of.
//! No node is there: what a plugin may not do is refused before any node is asked.

mod plugins {
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
use arcus_tests::{Ended, Running, Scenes, approved, arcus, component, root, with_manifest};
use plugins::registry::{self, Market};
use plugins::{doors, living};
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
    scenes.play("what is not approved is not run", || unapproved(&hostile));
    scenes.play("what was swapped or edited is told", || swapped(&hostile));
    scenes.play("what was swapped between plan and apply is told", || swapped_after_the_plan(&hostile));
    scenes.play("an approval is for this cluster, this component and this operator", || elsewhere(&hostile));
    scenes.play("a version that wants more shows what", || wants_more(&hostile));
    scenes.play("add, update and remove", || comes_and_goes(&hostile));
    scenes.play("a manifest that is meant for the operator's terminal", || escapes(&hostile));
    scenes.end();
}

/// A component of another version, whose grant reads otherwise.
fn version(of: &Path, to: &Path, version: &str, edit: impl FnOnce(&mut Value)) -> Result<String> {
    let bytes = with_manifest(&fs::read(of)?, |manifest| {
        manifest["version"] = version.into();
        edit(&mut manifest["grant"]);
    })?;
    fs::write(to, bytes)?;
    approved(to)
}

fn unapproved(hostile: &Path) -> Result<()> {
    // It would never end if anything of it ran.
    let desk = Desk::in_mode(hostile, "hang")?;
    for verb in ["plan", "apply", "verify", "validate", "status", "preflight"] {
        let words: &[&str] = if verb == "apply" { &["apply", "--yes"] } else { &[verb] };
        let refused = desk.refused(words, 7, "plugin.not-pinned")?;
        ensure!(refused["error"]["troubles"][0]["help"].to_string().contains("arcus plugin approve storage-hostile"), "{refused:#}");
    }
    ensure!(!desk.path().join(".arcus").exists() && !desk.path().join("arcus.lock").exists(), "something was written");
    // Nobody to ask: everything is shown, nothing is approved or pinned.
    let shown = desk.shown(&["plugin", "approve", "storage-hostile"])?.code(7)?;
    for words in ["It asks to be allowed:", "amounts to root", "run true (as root)", "/srv/hostile", "plugin approve storage-hostile --digest"] {
        ensure!(shown.stderr.contains(words), "{words:?} is not shown:\n{}", shown.stderr);
    }
    desk.refused(&["plan"], 7, "plugin.not-pinned")?;
    desk.refused(&["plugin", "approve", "storage-hostile", "--digest", &"0".repeat(64)], 7, "plugin.other-digest")?;
    desk.refused(&["plugin", "approve", "storage-glusterfs"], 3, "plugin.embedded")?;
    desk.refused(&["plugin", "approve", "storage-nobody"], 3, "plugin.unknown")?;
    // A state folder that the project brings is no place for approvals.
    let digest = approved(hostile)?;
    let inside = Running::start("approve inside".into(), desk.command(&["plugin", "approve", "storage-hostile", "--digest", &digest])?.env("XDG_STATE_HOME", desk.path().join("state")))?.end(LIMIT)?;
    inside.code(3)?.says("approvals.not-private")?;
    desk.refused(&["plan"], 7, "plugin.not-pinned")?;
    Ok(())
}

fn swapped(hostile: &Path) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    desk.run(&["validate"])?.code(0)?;
    let lock = desk.read("arcus.lock")?;
    ensure!(lock.contains("[plugin.storage-hostile]") && lock.contains(&approved(hostile)?), "{lock}");
    // Other bytes in its place.
    let there = desk.path().join("hostile.wasm");
    version(hostile, &there, "0.1.0", |grant| grant["write"] = serde_json::json!(["/etc"]))?;
    let refused = desk.refused(&["plan"], 7, "plugin.not-as-pinned")?;
    ensure!(refused["error"]["troubles"][0]["plugin"] == "storage-hostile", "{refused:#}");
    // And a lock file that was made to fit, as with a pull request: still not approved here.
    let wide = approved(&there)?;
    desk.write("arcus.lock", &lock.replace(&approved(hostile)?, &wide))?;
    desk.refused(&["plan"], 7, "plugin.lock-edited")?;
    desk.write("arcus.lock", &lock.replace(&approved(hostile)?, &wide).replace("\"/srv/hostile\"", "\"/etc\""))?;
    let refused = desk.refused(&["plan"], 7, "plugin.not-approved")?;
    ensure!(refused["error"]["message"].to_string().contains("+ grant.write = "), "what is more is not said: {refused:#}");
    // Widened in the lock file alone.
    fs::copy(hostile, &there)?;
    desk.write("arcus.lock", &lock.replace("\"/srv/hostile\"", "\"/etc\""))?;
    desk.refused(&["plan"], 7, "plugin.lock-edited")?;
    desk.write("arcus.lock", "format = 1\n[plugin.\u{1b}[2J]")?;
    desk.refused(&["plan"], 3, "lock-file.damaged")?;
    desk.write("arcus.lock", &lock)?;
    desk.run(&["validate"])?.code(0)?;
    Ok(())
}

/// Nobody answers, so nothing is performed; what is told comes before.
fn swapped_after_the_plan(hostile: &Path) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    desk.run(&["plan", "--out", "saved.json"])?.code(4)?;
    let there = desk.path().join("hostile.wasm");
    let digest = version(hostile, &there, "0.1.0", |grant| grant["write"] = serde_json::json!(["/srv/hostile", "/srv/more"]))?;
    ensure!(digest != approved(hostile)?, "it is the same");
    for words in [&["apply", "saved.json"][..], &["apply", "--yes"]] {
        desk.refused(words, 7, "plugin.not-as-pinned")?;
    }
    // Even where the operator approves it: that is not what the plan was made with.
    desk.run(&["plugin", "update", "storage-hostile", "./hostile.wasm"])?.code(0)?;
    desk.run(&["plugin", "approve", "storage-hostile", "--digest", &digest])?.code(0)?;
    let told = desk.run(&["apply", "saved.json"])?;
    ensure!(json(&told)?["error"]["code"] == "apply.other-plan" && told.stderr.contains("plugin storage-hostile"), "{}{}", told.stdout, told.stderr);
    // The plan that was made with the approved one, edited by hand so that it fits: what it shows is not what would be done.
    fs::copy(hostile, &there)?;
    desk.run(&["plugin", "update", "storage-hostile", "./hostile.wasm"])?.code(0)?;
    desk.run(&["plugin", "approve", "storage-hostile", "--digest", &approved(hostile)?])?.code(0)?;
    let mut saved: Value = serde_json::from_str(&desk.read("saved.json")?)?;
    saved["plugins"]["storage-hostile"] = digest.into();
    desk.write("saved.json", &saved.to_string())?;
    let told = desk.run(&["apply", "saved.json"])?;
    ensure!(json(&told)?["error"]["code"] == "apply.other-plan", "{}{}", told.stdout, told.stderr);
    Ok(())
}

fn elsewhere(hostile: &Path) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    let (here, there) = ("9b1f7a52-6c0e-4d8e-9f43-5d2b8c7a1e60", "0c6f8f0a-9f0e-4b53-8a7c-2a4b8e1d3f52");
    desk.write("cluster.yaml", &desk.read("cluster.yaml")?.replace(here, there))?;
    desk.refused(&["validate"], 7, "plugin.not-approved")?;
    // The record, copied to where one of the other cluster would be.
    let approvals = desk.state().join("arcus/approvals");
    fs::create_dir_all(approvals.join(there).join("storage-hostile"))?;
    let record = PathBuf::from("storage-hostile").join(approved(hostile)?).with_extension("json");
    fs::copy(approvals.join(here).join(&record), approvals.join(there).join(&record))?;
    desk.refused(&["validate"], 7, "plugin.not-approved")?;
    // Another operator pulls all that is committed.
    desk.write("cluster.yaml", &desk.read("cluster.yaml")?.replace(there, here))?;
    desk.run(&["validate"])?.code(0)?;
    let colleague = Running::start("validate".into(), desk.command(&["validate", "-o", "json"])?.env("XDG_STATE_HOME", desk.0.path().join("colleague")))?.end(LIMIT)?;
    colleague.code(7)?.says("plugin.not-approved")?;
    // Others can write to what was approved.
    fs::set_permissions(&approvals, fs::Permissions::from_mode(0o777))?;
    desk.refused(&["validate"], 3, "approvals.not-private")?;
    Ok(())
}

fn wants_more(hostile: &Path) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    let newer = desk.0.path().join("newer.wasm");
    let digest = version(hostile, &newer, "0.2.0", |grant| {
        grant["write"] = serde_json::json!(["/srv/hostile", "/etc/cron.d"]);
        grant["roles"] = serde_json::json!([]);
    })?;
    let updated = json(&desk.run(&["plugin", "update", "storage-hostile", &newer.display().to_string(), "--accept", "other-source"])?.code(0)?)?;
    ensure!(updated["beyond"] == serde_json::json!(["grant.roles = every role", "grant.write = \"/etc/cron.d\""]), "{updated:#}");
    let refused = desk.refused(&["plan"], 7, "plugin.not-approved")?;
    ensure!(refused["error"]["message"].as_str().is_some_and(|message| message.contains("+ grant.write = \"/etc/cron.d\"")), "{refused:#}");
    let shown = desk.shown(&["plugin", "approve", "storage-hostile"])?.code(7)?.stderr;
    for words in ["Compared with 0.1.0:", "+ grant.roles = every role", "+ grant.write = \"/etc/cron.d\"", "write below /etc/cron.d (/etc/cron.d: its jobs are run as root)"] {
        ensure!(shown.contains(words), "{words:?} is not shown:\n{shown}");
    }
    desk.run(&["plugin", "approve", "storage-hostile", "--digest", &digest])?.code(0)?;
    desk.run(&["validate"])?.code(0)?;
    Ok(())
}

fn comes_and_goes(hostile: &Path) -> Result<()> {
    let desk = Desk::new()?;
    desk.write("cluster.yaml", &FILE.replace("MODE", "good").replace("plugins: { storage-hostile: ./hostile.wasm }\n", ""))?;
    desk.refused(&["plugin", "update", "storage-hostile"], 3, "plugin.unknown")?;
    let shelf = desk.0.path().join("shelf");
    fs::create_dir(&shelf)?;
    let from = shelf.display().to_string();
    desk.refused(&["plugin", "add", &from], 3, "plugin.none-there")?;
    let offered = shelf.join("hostile.wasm");
    fs::copy(hostile, &offered)?;
    // No line in the cluster file but the one that uses it.
    desk.run(&["plugin", "add", &from])?.code(0)?;
    ensure!(desk.path().join("plugins/storage-hostile.wasm").exists() && desk.read("arcus.lock")?.contains("version = \"0.1.0\""), "it is not there");
    desk.refused(&["plugin", "add", &from], 3, "plugin.added-already")?;
    let listed = |desk: &Desk| -> Result<Value> {
        let listed = json(&desk.run(&["plugin", "list"])?.code(0)?)?;
        let all = listed["plugins"].as_array().context("no plugins")?;
        all.iter().find(|one| one["name"] == "storage-hostile").cloned().context("it is not listed")
    };
    ensure!(listed(&desk)?["state"] == "not approved" && listed(&desk)?["signed_by"].is_null(), "{:#}", listed(&desk)?);
    desk.refused(&["validate"], 7, "plugin.not-approved")?;
    desk.run(&["plugin", "approve", "storage-hostile", "--digest", &approved(hostile)?])?.code(0)?;
    desk.run(&["validate"])?.code(0)?;
    ensure!(listed(&desk)?["state"] == "approved", "{:#}", listed(&desk)?);
    desk.shown(&["plugin", "list"])?.code(0)?.says("approved, unsigned")?;
    // Older ones and those from elsewhere only when that is said.
    version(hostile, &offered, "0.0.9", |_| ())?;
    desk.refused(&["plugin", "update", "storage-hostile"], 7, "plugin.lower-version")?;
    let other = desk.0.path().join("other.wasm");
    version(hostile, &other, "0.3.0", |_| ())?;
    desk.refused(&["plugin", "update", "storage-hostile", &other.display().to_string()], 7, "plugin.other-source")?;
    desk.run(&["validate"])?.code(0)?;
    desk.refused(&["plugin", "update", "storage-hostile", "--accept", "everything"], 3, "cli.unknown-risk")?;
    version(hostile, &offered, "one point two", |_| ())?;
    desk.refused(&["plugin", "update", "storage-hostile"], 3, "plugin.version")?;
    version(hostile, &offered, "0.2.0", |_| ())?;
    desk.run(&["plugin", "update", "storage-hostile"])?.code(0)?;
    desk.refused(&["validate"], 7, "plugin.not-approved")?;
    // One that comes with Arcus is not replaced by what somebody adds.
    fs::write(&offered, with_manifest(&fs::read(hostile)?, |manifest| manifest["name"] = "storage-glusterfs".into())?)?;
    desk.refused(&["plugin", "add", &from], 3, "plugin.embedded")?;
    desk.refused(&["plugin", "remove", "storage-hostile"], 3, "plugin.in-use")?;
    let text = desk.read("cluster.yaml")?;
    let (before, _) = text.split_once("storage:").context("no storage")?;
    desk.write("cluster.yaml", before)?;
    desk.run(&["plugin", "remove", "storage-hostile"])?.code(0)?;
    ensure!(!desk.path().join("plugins/storage-hostile.wasm").exists() && !desk.read("arcus.lock")?.contains("hostile"), "it is still there");
    ensure!(fs::read_dir(desk.state().join("arcus/approvals/9b1f7a52-6c0e-4d8e-9f43-5d2b8c7a1e60"))?.next().is_none(), "it is still approved");
    Ok(())
}

fn escapes(hostile: &Path) -> Result<()> {
    let desk = Desk::in_mode(hostile, "good")?;
    let bytes = with_manifest(&fs::read(hostile)?, |manifest| {
        manifest["tested-on"] = serde_json::json!(["\u{1b}[2J\u{1b}]0;x\u{7}", "\u{202e}nothing at all\u{2066}", "line\nIt asks for nothing."]);
        manifest["version"] = "0.1.0-\u{1b}[8m".into();
    })?;
    fs::write(desk.path().join("hostile.wasm"), bytes)?;
    for (words, code) in [(&["plugin", "inspect", "./hostile.wasm"][..], 0), (&["plugin", "approve", "storage-hostile"], 7), (&["plugin", "list"], 0), (&["plan"], 7)] {
        let ended = desk.shown(words)?.code(code)?;
        let all = format!("{}{}", ended.stdout, ended.stderr);
        ensure!(!all.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{2066}']) && !all.contains("\nIt asks for nothing."), "{words:?}: {all:?}");
        ensure!(all.contains("\\u{1b}"), "{words:?} does not show it: {all}");
    }
    Ok(())
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
    scenes.play("published, added, updated", || registry::published_and_added(&market));
    scenes.play("carried in a bundle", || registry::carried_in_a_bundle(&market));
    scenes.play("without TLS, and elsewhere", || registry::without_tls_and_elsewhere(&market));
    scenes.play("approved by signature", || registry::approved_by_signature(&market, &hostile));
    scenes.play("registries that mean harm, as the page on attacks says", || page("| Attack | What stops it | What is said of it |\n|---|---|---|\n", &registry::registries_that_mean_harm(&market, &hostile)?));
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
    scenes.play("the page on attacks says so", || page("| Attack | What stops it | What is said |\n|---|---|---|\n", &rows));
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
    scenes.play("the page on attacks says so of files", || page("| A file that … | What stops it | What is said |\n|---|---|---|\n", &files));
    scenes.play("values", || doors::returned(&mut values));
    scenes.play("the page on attacks says so of values", || page("| It returns … | What stops it | What is said |\n|---|---|---|\n", &values));
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
    scenes.play("the page on attacks says so", || page("| Attack, with a node | What stops it | What is said |\n|---|---|---|\n", &rows));
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
    let (mut text, mut number) = (String::new(), String::new());
    for character in message.chars().chain([' ']) {
        if character.is_ascii_digit() {
            number.push(character);
            continue;
        }
        text.push_str(if number.len() > 4 { "…" } else { &number });
        number.clear();
        text.push(if character == '|' { '/' } else { character });
    }
    let text = text.trim_end();
    Ok(format!("| {attack} | {stopped} | `{}` {text} |", error["code"].as_str().unwrap_or_default()))
}

/// The table of the page is what was said. `ARCUS_BLESS=1` writes it anew.
fn page(head: &str, rows: &[String]) -> Result<()> {
    let path = root().join(PAGE);
    let text = fs::read_to_string(&path).with_context(|| PAGE.to_owned())?;
    let (before, rest) = text.split_once(head).with_context(|| format!("{PAGE} has no table"))?;
    let after = &rest[rest.lines().take_while(|line| line.starts_with('|')).map(|line| line.len() + 1).sum()..];
    let whole = format!("{before}{head}{}\n{after}", rows.join("\n"));
    if std::env::var_os("ARCUS_BLESS").is_some() {
        fs::write(&path, &whole)?;
    }
    ensure!(whole == text || std::env::var_os("ARCUS_BLESS").is_some(), "{PAGE} says otherwise; `ARCUS_BLESS=1` writes it anew:\n{}", rows.join("\n"));
    Ok(())
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
