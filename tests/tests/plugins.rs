//! Plugins of third parties that are broken or want too much, as an operator meets them; and what those that come with Arcus are made of.
//! No node is there: what a plugin may not do is refused before any node is asked.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_tests::{Ended, Running, Scenes, arcus, component, root};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// Nobody listens at these ports.
const FILE: &str = "\
cluster: { name: hostile, id: 9b1f7a52-6c0e-4d8e-9f43-5d2b8c7a1e60 }
nodes:
  - { name: one, address: 10.96.0.11, roles: [manage], ssh: { address: 127.0.0.1, port: 1 } }
  - { name: two, address: 10.96.0.12, roles: [compute], ssh: { address: 127.0.0.2, port: 1 } }
  - { name: three, address: 10.96.0.13, roles: [compute], ssh: { address: 127.0.0.3, port: 1 } }
storage: { use: hostile, hostile: { mode: MODE } }
plugins: { storage-hostile: ./hostile.wasm }
";

/// `arcus` in a folder, as an operator types it.
fn run(folder: &Path, words: &[&str]) -> Result<Ended> {
    let mut command = Command::new(arcus()?);
    command.current_dir(folder).env("XDG_CACHE_HOME", root().join("target/tests/cache")).env("NO_COLOR", "1");
    command.args(["--no-agent", "-o", "json"]).args(words).stdin(Stdio::null());
    Running::start(words.join(" "), &mut command)?.end(LIMIT)
}

fn json(ended: &Ended) -> Result<Value> {
    serde_json::from_str(&ended.stdout).with_context(|| format!("`{}` printed no JSON:\n{}\n{}", ended.name, ended.stdout, ended.stderr))
}

fn folder() -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir()?)
}

/// How the plugin breaks, and what is then said: verb, exit code, code of the error, words of its message.
struct Broken(&'static str, &'static str, i32, &'static str, &'static [&'static str]);

const BROKEN: [Broken; 11] = [
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
];

#[test]
fn what_a_broken_plugin_did_is_told_with_its_name() {
    let hostile = component("tests/hostile-plugin").expect("the hostile plugin");
    let mut scenes = Scenes::default();
    for broken in &BROKEN {
        scenes.play(broken.0, || told(&hostile, broken));
    }
    scenes.play("one that is good", || good(&hostile));
    scenes.play("one that is no plugin", || no_plugin(&hostile));
    scenes.end();
}

fn in_mode(hostile: &Path, mode: &str) -> Result<tempfile::TempDir> {
    let folder = folder()?;
    fs::copy(hostile, folder.path().join("hostile.wasm"))?;
    fs::write(folder.path().join("cluster.yaml"), FILE.replace("MODE", mode))?;
    Ok(folder)
}

fn told(hostile: &Path, Broken(mode, verb, code, name, words): &Broken) -> Result<()> {
    let folder = in_mode(hostile, mode)?;
    let ended = run(folder.path(), &[verb])?.code(*code)?;
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
    // A plugin that spins has ten seconds of its own; nobody waits longer for it.
    ensure!(ended.took < Duration::from_secs(40), "it took {:?}", ended.took);
    ensure!(!folder.path().join(".arcus/runs").exists(), "a run was begun");
    if *mode == "hang" {
        return Ok(());
    }
    // For a person: the same.
    let shown = Command::new(arcus()?).current_dir(folder.path()).args(["--no-agent", "--color", "never", verb]).env("XDG_CACHE_HOME", root().join("target/tests/cache")).stdin(Stdio::null()).output()?;
    let shown = String::from_utf8_lossy(&shown.stderr).into_owned();
    ensure!(shown.contains(name) && shown.contains("storage-hostile"), "{shown}");
    Ok(())
}

fn good(hostile: &Path) -> Result<()> {
    let folder = in_mode(hostile, "good")?;
    run(folder.path(), &["validate"])?.code(0)?;
    // The nodes are not there; the plugin is fine.
    let plan = json(&run(folder.path(), &["plan"])?.code(4)?)?;
    ensure!(plan["error"].is_null() && plan["blocked"][0]["plugin"] == "storage-hostile", "{plan:#}");
    // Its schema holds for its section, too.
    let other = in_mode(hostile, "no-such-mode")?;
    let refused = json(&run(other.path(), &["plan"])?.code(3)?)?;
    ensure!(refused["error"]["diagnostics"][0]["pointer"] == "/storage/hostile/mode", "{refused:#}");
    Ok(())
}

fn no_plugin(hostile: &Path) -> Result<()> {
    let folder = in_mode(hostile, "good")?;
    let path = folder.path().join("hostile.wasm");
    let whole = fs::read(&path)?;
    for (what, bytes) in [("cut", &whole[..whole.len() / 2]), ("empty", b""), ("text", b"not wasm")] {
        fs::write(&path, bytes)?;
        let printed = json(&run(folder.path(), &["plan"])?.code(3)?)?;
        let code = printed["error"]["code"].as_str().unwrap_or_default();
        ensure!(code.starts_with("plugin."), "{what}: {printed:#}");
        ensure!(printed["error"].to_string().contains("storage-hostile"), "{what}: {printed:#}");
    }
    Ok(())
}

/// The components that come with Arcus.
fn first_party() -> Vec<Value> {
    let folder = folder().expect("a folder");
    let listed = json(&run(folder.path(), &["plugin", "list"]).and_then(|ended| ended.code(0)).expect("a list")).expect("JSON");
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
    let folder = folder().unwrap();
    let built = names();
    assert!(built.len() >= 5, "{built:?}");
    for name in &built {
        let path = root().join("target/plugins").join(name).with_extension("wasm");
        let inspected = json(&run(folder.path(), &["plugin", "inspect", &path.display().to_string()]).unwrap().code(0).unwrap()).unwrap();
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
    let folder = folder().unwrap();
    run(folder.path(), &["init", "--name", "fresh"]).unwrap().code(0).unwrap();
    run(folder.path(), &["validate"]).unwrap().code(0).unwrap();
    let file = folder.path().join("cluster.yaml");
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
        let refused = json(&run(folder.path(), &["validate"]).unwrap().code(3).unwrap()).unwrap();
        let found = refused["error"]["diagnostics"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert!(found[0]["pointer"].as_str().unwrap().starts_with(&format!("/{concern}/{own}")), "{name}: {found:#?}");
        seen += 1;
    }
    let uses = text.lines().filter(|line| line.starts_with("  use: ")).count();
    assert!(seen == uses && seen >= 4, "{seen} of {uses} sections were looked at");
}
