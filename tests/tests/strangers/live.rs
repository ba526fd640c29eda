//! A third party's plugin that runs live, on real nodes: what is said of it before, what it is not let, what a run leaves that dies in its
//! midst, and that all such plugins can be refused at once. Two sshds, each with folders of its own where the plugin may write.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcus_tests::{Ended, Scenes, Sshd, approved, component, page};
use serde_json::Value;

use super::desk::{Desk, SECRET, errors};

const FILE: &str = "\
cluster: { name: relay, id: 7c2d9e41-5b0f-4a86-b3d7-0e1f5a6c8d93 }
nodes:
  - { name: one, address: 10.96.0.11, roles: [manage, compute], ssh: { address: 127.0.0.1, port: PORT1 } }
  - { name: two, address: 10.96.0.12, roles: [compute], ssh: { address: 127.0.0.1, port: PORT2 } }
storage: { use: relay, relay: { mode: MODE } }
plugins: { storage-relay: ./relay.wasm }
";

/// What it tries, how it is called, what stops it, the code of the error, and words of it.
struct Attempt(&'static str, &'static str, &'static str, &'static str, &'static str);

/// So many of them are tried in one step.
const AT_ONCE: usize = 7;

const ATTEMPTS: [Attempt; 11] = [
    Attempt("other-node", "opens a node that its step does not name", "a step opens the nodes that were shown with it", "session.node", "two is not among the nodes of this step: one"),
    Attempt("shell", "runs a shell", "its grant: what it runs live must read as a command of its manifest", "session.denied", "may not run `sh -c reboot`"),
    Attempt("outside", "writes a file of cron's", "its grant, as for any file", "session.denied", "may not write /etc/cron.d/relay"),
    Attempt("climb", "climbs out of where it may write", "paths are taken as they are, and must be normal", "session.denied", "may not write /srv/relay/../../etc/cron.d/relay"),
    Attempt("private", "reads the passwords of the node", "what is private is read by no plugin, whatever is granted", "session.secret", "/etc/shadow"),
    Attempt("echo", "has a program print a secret, and tells what it read", "values of secrets are taken out before it reads them, and out of all that is told", "relay.echo", "it says relay-(secret)"),
    Attempt("flood", "has a program print without end", "1 MiB, which ends the program", "relay.flood", "bytes came, cut: true"),
    Attempt("endless", "goes on and on", "1,000 things for a step, and its time", "plugin.asks", "it did more than 1000 things live in one step"),
    Attempt("late", "has a program run for longer than its step may, and goes on after its time", "the node ends the program in time, and nothing more is sent", "relay.late", "Some(\"session.timeout\"), then Some(\"session.ended\")"),
    Attempt("panic", "panics half-way", "the step has failed; what it did is in the journal", "plugin.trap", "the relay fell on one"),
    Attempt("forged", "uses a session that nobody gave it, while it plans", "sessions are handles of the sandbox's, which gave none out", "", "`lifecycle.plan`"),
];

/// An operator with two nodes and the plugin, approved.
struct Ground {
    desk: Desk,
    nodes: [Sshd; 2],
    component: PathBuf,
}

impl Ground {
    fn new() -> Result<Self> {
        let start = || Sshd::start("", "for folder in /srv /var/lib /etc/cron.d; do mount -t tmpfs tmpfs $folder; done");
        let this = Self { desk: Desk::new()?, nodes: [start()?, start()?], component: component("tests/hatch-plugin")? };
        fs::copy(&this.component, this.desk.path("project/relay.wasm"))?;
        this.desk.write("known_hosts", &format!("{}\n{}\n", this.nodes[0].pin()?.trim(), this.nodes[1].pin()?.trim()))?;
        // Each lets its own key in; the operator has one.
        fs::copy(self::key(&this.nodes[0], ".pub"), self::key(&this.nodes[1], "").with_file_name("authorized_keys"))?;
        this.mode("good")?;
        Ok(this)
    }

    fn mode(&self, mode: &str) -> Result<()> {
        let [one, two] = &self.nodes;
        self.desk.write("cluster.yaml", &FILE.replace("PORT1", &one.port.to_string()).replace("PORT2", &two.port.to_string()).replace("MODE", mode))
    }

    fn words<'w>(&self, key: &'w str, words: &[&'w str]) -> Vec<&'w str> {
        [words, &["--identity", key, "--no-agent"]].concat()
    }

    fn shown(&self, words: &[&str]) -> Result<Ended> {
        let key = self.nodes[0].key();
        let ended = self.desk.shown(&self.words(&key, words))?;
        for text in [&ended.stdout, &ended.stderr] {
            ensure!(!text.contains(SECRET), "{words:?} tells a secret:\n{text}");
        }
        Ok(ended)
    }

    fn run(&self, words: &[&str]) -> Result<(Ended, Value)> {
        let key = self.nodes[0].key();
        let (ended, printed) = self.desk.run(&self.words(&key, words))?;
        ensure!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET), "{words:?} tells a secret:\n{}\n{}", ended.stdout, ended.stderr);
        Ok((ended, printed))
    }

    fn apply(&self, mode: &str, code: i32) -> Result<Value> {
        self.mode(mode)?;
        let (ended, printed) = self.run(&["apply", "--yes", "--accept", "live:storage-relay"])?;
        ended.code(code)?;
        Ok(printed)
    }

    fn tokens(&self) -> Result<[String; 2]> {
        let token = |node: &Sshd| node.within("cat /srv/relay/token 2>/dev/null");
        Ok([token(&self.nodes[0])?, token(&self.nodes[1])?])
    }

    /// As if nothing had ever been done.
    fn bare(&self) -> Result<()> {
        self.nodes.iter().try_for_each(|node| node.within("rm -rf /srv/relay").map(drop))
    }

    /// What the last run's journal says was done live.
    fn lived(&self) -> Result<Vec<String>> {
        let runs = self.desk.path("project/.arcus/runs");
        let mut names: Vec<PathBuf> = fs::read_dir(&runs)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        names.sort();
        let text = fs::read_to_string(names.last().context("no runs")?)?;
        ensure!(!text.contains(SECRET), "the journal tells a secret:\n{text}");
        let entries = text.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
        let live = entries.iter().filter(|entry| entry["event"] == "live");
        Ok(live.map(|entry| format!("{}: {} -> {}", entry["node"].as_str().unwrap_or_default(), entry["what"].as_str().unwrap_or_default(), entry["end"].as_str().unwrap_or_default())).collect())
    }
}

fn key(node: &Sshd, more: &str) -> PathBuf {
    Path::new(&format!("{}{more}", node.key())).to_owned()
}

/// Plays all of them, and keeps a row of each attempt.
pub fn play(scenes: &mut Scenes, rows: &mut Vec<String>) {
    let ground = match Ground::new() {
        Ok(ground) => ground,
        Err(error) => return scenes.play("two nodes and a plugin", || Err(error)),
    };
    scenes.play("it is said what it is, and approved as that", || said_and_approved(&ground));
    scenes.play("a plan says that it cannot say more, and a plain yes is not enough", || shown_before(&ground));
    scenes.play("its nodes agree, nothing is left, and a session that it kept is gone with its step", || agreed(&ground));
    scenes.play("what it may not do live, it is not let, one thing after the other", || tried(&ground, rows));
    for attempt in &ATTEMPTS[AT_ONCE..] {
        scenes.play(attempt.1, || attempted(&ground, attempt, rows));
    }
    scenes.play("what may come to run live is shown with its nodes", || comes_later(&ground));
    scenes.play("a run that dies in the midst of it is completed by the next", || killed(&ground));
    scenes.play("without one of its nodes it is not begun, nor with --limit", || limited(&ground));
    scenes.play("the conformance kit runs it live, and cuts it", || conforms(&ground));
    scenes.play("a policy refuses all that run live", || refused(&ground));
}

fn said_and_approved(ground: &Ground) -> Result<()> {
    let shown = ground.desk.shown(&["plugin", "inspect", "./relay.wasm"])?.code(0)?;
    for words in ["It runs live on nodes with the roles manage, compute", "cannot be shown beforehand", "run yes (as root)", "arcus:plugin/session@0.1.0#[method]session.exec"] {
        ensure!(shown.stdout.contains(words), "{words:?} is not in\n{}", shown.stdout);
    }
    ground.run(&["plan"])?.0.code(7)?;
    ground.desk.shown(&["plugin", "approve", "storage-relay", "--digest", &approved(&ground.component)?])?.code(0).map(drop)
}

fn shown_before(ground: &Ground) -> Result<()> {
    let shown = ground.shown(&["plan", "--out", "saved.json"])?.code(0)?;
    for words in ["the plugin itself runs live on one, two; what it does there cannot be shown beforehand", "until: all nodes have the same token", "--accept live:storage-relay"] {
        ensure!(shown.stdout.contains(words), "{words:?} is not in\n{}", shown.stdout);
    }
    let (ended, printed) = ground.run(&["apply", "--yes"])?;
    ended.code(2)?;
    ensure!(printed["error"]["code"] == "apply.unaccepted" && printed["error"]["troubles"][0]["help"].to_string().contains("--accept live:storage-relay"), "{printed:#}");
    // What was saved is approved as a whole, and not that.
    ground.run(&["apply", "saved.json"])?.0.code(2)?;
    ensure!(ground.tokens()? == ["", ""], "something was done");
    Ok(())
}

fn agreed(ground: &Ground) -> Result<()> {
    // Its goal is met only where nothing was kept.
    let printed = ground.apply("kept", 0)?;
    let [one, two] = ground.tokens()?;
    ensure!(one.starts_with("relay.") && one == two, "{one:?}, {two:?}");
    let lived = ground.lived()?;
    for words in ["one: run mktemp --dry-run relay.XXXXXXXXXX -> status 0, 17 bytes", "one: write /srv/relay/token, 17 bytes, 0640, sha256 ", "two: read /srv/relay/token -> session.absent"] {
        ensure!(lived.iter().any(|line| line.starts_with(words)), "{words:?} is not in {lived:#?}");
    }
    // Each is told before and after.
    ensure!(lived.len() == 10, "{lived:#?}");
    let run = printed["applied"]["run"].as_str().context("no run")?.to_owned();
    ground.desk.shown(&["log", &run])?.code(0)?.says("run mktemp --dry-run relay.XXXXXXXXXX: status 0")?;
    let (ended, plan) = ground.run(&["plan"])?;
    ended.code(0)?;
    ensure!(plan["steps"] == serde_json::json!([]), "{plan:#}");
    Ok(())
}

/// Each is refused by itself, and the step goes on to the next.
fn tried(ground: &Ground, rows: &mut Vec<String>) -> Result<()> {
    ground.bare()?;
    let printed = ground.apply("tries", 1)?;
    let found = errors(&printed).into_iter().find(|error| error["code"] == "relay.tries").with_context(|| format!("it did not tell: {printed:#}"))?;
    let said = found["message"].as_str().unwrap_or_default();
    ensure!(found["help"].to_string().contains("arcus log"), "{found:#}");
    let lived = ground.lived()?;
    for Attempt(mode, what, stopped, code, words) in &ATTEMPTS[..AT_ONCE] {
        let line = said.lines().find_map(|line| line.strip_prefix(&format!("{mode}: "))).with_context(|| format!("{mode} is not in {said}"))?;
        ensure!(line.starts_with(&format!("`{code}`")) && line.contains(words), "{code} {words:?} is not what is said: {line}");
        ensure!(!code.starts_with("session.") || lived.iter().any(|told| told.contains(code) && told.contains(words)), "that it was refused is not in the journal: {lived:#?}");
        rows.push(format!("| {what} | {stopped} | {} |", page::cell(line, &[])));
    }
    untouched(ground)
}

/// Which nodes it opens is not known when the operator says yes: all that it may are shown, and they are the plugin's.
fn comes_later(ground: &Ground) -> Result<()> {
    ground.bare()?;
    ground.mode("later")?;
    let shown = ground.shown(&["plan", "--out", "later.json"])?.code(0)?;
    for words in ["agree (call)", "may run live on one, two, and on no other node", "--accept live:storage-relay"] {
        ensure!(shown.stdout.contains(words), "{words:?} is not in\n{}", shown.stdout);
    }
    // A saved plan that shows fewer is not the plan.
    let saved = fs::read_to_string(ground.desk.path("project/later.json"))?;
    let mut edited: Value = serde_json::from_str(&saved)?;
    ensure!(edited["later"][0]["live"] == serde_json::json!(["one", "two"]), "{edited:#}");
    edited["later"][0]["live"] = serde_json::json!(["one"]);
    ground.desk.write("later.json", &edited.to_string())?;
    let (ended, printed) = ground.run(&["apply", "later.json", "--accept", "live:storage-relay"])?;
    ended.code(2)?;
    ensure!(printed["error"]["code"] == "apply.other-plan" && ground.tokens()? == ["", ""], "{printed:#}");
    ground.desk.write("later.json", &saved)?;
    ground.run(&["apply", "later.json"])?.0.code(2)?;
    ground.run(&["apply", "later.json", "--accept", "live:storage-relay"])?.0.code(0)?;
    let [one, two] = ground.tokens()?;
    ensure!(one.starts_with("relay.") && one == two, "{one:?}, {two:?}");
    ground.bare()
}

fn untouched(ground: &Ground) -> Result<()> {
    for node in &ground.nodes {
        ensure!(node.within("ls /etc/cron.d")?.is_empty(), "something was written");
    }
    Ok(())
}

fn attempted(ground: &Ground, Attempt(mode, what, stopped, code, words): &Attempt, rows: &mut Vec<String>) -> Result<()> {
    ground.bare()?;
    let began = Instant::now();
    let printed = ground.apply(mode, 1)?;
    let found = errors(&printed).into_iter().find(|error| if code.is_empty() { true } else { error["code"] == *code }).with_context(|| format!("no {code}: {printed:#}"))?;
    let message = found["message"].as_str().unwrap_or_default();
    ensure!(message.contains(words), "{words:?} is not in {found:#}");
    ensure!(found["plugin"] == "storage-relay" && found["help"].as_str().is_some_and(|help| !help.is_empty()), "{found:#}");
    ensure!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
    untouched(ground)?;
    // What it panicked about comes after where.
    let told = message.lines().last().filter(|_| *mode == "panic").unwrap_or(message);
    rows.push(format!("| {what} | {stopped} | `{}` {} |", found["code"].as_str().unwrap_or_default(), page::cell(told, &[])));
    Ok(())
}

fn killed(ground: &Ground) -> Result<()> {
    ground.bare()?;
    ground.mode("slow")?;
    let key = ground.nodes[0].key();
    let mut child = ground.desk.command(&ground.words(&key, &["apply", "--yes", "--accept", "live:storage-relay"]))?.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?;
    let began = Instant::now();
    while ground.tokens()?[0].is_empty() {
        ensure!(began.elapsed() < Duration::from_secs(60) && child.try_wait()?.is_none(), "it never began");
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    let [made, none] = ground.tokens()?;
    ensure!(none.is_empty(), "it was through already");
    ensure!(ground.lived()?.last().is_some_and(|line| line.ends_with("-> ")), "that it was in the midst of something is not in the journal");
    ground.apply("good", 0)?;
    ensure!(ground.tokens()? == [made.clone(), made], "they agree on something else: {:?}", ground.tokens()?);
    Ok(())
}

fn limited(ground: &Ground) -> Result<()> {
    ground.bare()?;
    ground.mode("good")?;
    let apply = ["apply", "--yes", "--accept", "live:storage-relay", "--no-verify"];
    ground.run(&[&apply[..], &["--limit", "one"]].concat())?;
    ensure!(ground.tokens()? == ["", ""] && ground.nodes[0].within("ls -d /srv/relay")?.trim() == "/srv/relay", "it ran, or nothing did");
    Ok(())
}

fn conforms(ground: &Ground) -> Result<()> {
    let world = "[config]\nmode = \"MODE\"\n[[node]]\nname = \"one\"\naddress = \"10.99.0.11\"\nroles = [\"manage\"]\n[[node]]\nname = \"two\"\naddress = \"10.99.0.12\"\nroles = [\"compute\"]\n[[run]]\nargv = [\"mktemp\", \"--dry-run\", \"*\"]\nprints = \"relay.0123456789\\n\"\n";
    let tried = |mode: &str| {
        ground.desk.write("world.toml", &world.replace("MODE", mode))?;
        ground.desk.shown(&["plugin", "test", "./relay.wasm", "--world", "world.toml", "--seeds", "3"])
    };
    tried("good")?.code(0)?.says(" 0 failed, 0 not tried")?;
    let broken = tried("outside")?.code(6)?;
    ensure!(broken.stdout.contains("may not write /etc/cron.d/relay"), "{}", broken.stdout);
    Ok(())
}

fn refused(ground: &Ground) -> Result<()> {
    ground.mode("good")?;
    let folder = ground.desk.path("home/.config/arcus");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("policy.toml"), "hatch = \"refuse\"\n")?;
    let words = ["`grant.actions = \"call\"`", "steps of the kind `call`", "your policy refuses every plugin that does"];
    for verb in [&["plan"][..], &["apply", "--yes", "--accept", "live:storage-relay"], &["validate"]] {
        let (ended, printed) = ground.run(verb)?;
        ended.code(7)?;
        let found = &errors(&printed)[0];
        ensure!(found["code"] == "plugin.hatch-refused" && words.iter().all(|words| found["message"].to_string().replace("\\\"", "\"").contains(words)), "{printed:#}");
        ensure!(found["help"].to_string().contains("a plugin that states steps"), "{found:#}");
    }
    ground.desk.shown(&["plugin", "approve", "storage-relay", "--digest", &approved(&ground.component)?])?.code(7)?;
    ground.desk.shown(&["plugin", "list"])?.code(0)?.says("refused by your policy")?;
    Ok(())
}
