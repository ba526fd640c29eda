//! What a plugin tries that needs a node: a real sshd, with folders of its own in the places where the plugin may write.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use arcus_tests::{Ended, Running, Sshd};
use serde_json::Value;

use super::super::{Desk, LIMIT, json, row};

const FILE: &str = "\
cluster: { name: hostile, id: 9b1f7a52-6c0e-4d8e-9f43-5d2b8c7a1e60 }
nodes:
  - { name: one, address: 10.96.0.11, roles: [manage, compute], ssh: { address: 127.0.0.1, port: PORT } }
storage: { use: hostile, hostile: { mode: MODE } }
plugins: { storage-hostile: ./hostile.wasm }
preflight: { relax: [compute-count] }
";

/// What the operator bound to the one name of a secret that the plugin was granted.
const SECRET: &str = "Precious-8d1f-4471";

/// An operator with one node.
struct Ground {
    desk: Desk,
    sshd: Sshd,
}

impl Ground {
    fn in_mode(hostile: &Path, mode: &str) -> Result<Self> {
        let sshd = Sshd::start("", "for folder in /srv /var/lib; do mount -t tmpfs tmpfs $folder; done; mkdir /srv/hostile")?;
        let desk = Desk::approved(hostile, mode)?;
        desk.write("cluster.yaml", &FILE.replace("PORT", &sshd.port.to_string()).replace("MODE", mode))?;
        desk.write("known_hosts", &sshd.pin()?)?;
        Ok(Self { desk, sshd })
    }

    fn run(&self, words: &[&str]) -> Result<Ended> {
        let key = self.sshd.key();
        let mut command = self.desk.command(&[words, &["--identity", &key]].concat())?;
        Running::start(words.join(" "), command.env("ARCUS_SECRET_PASS", SECRET))?.end(LIMIT)
    }

    fn apply(&self, code: i32) -> Result<Value> {
        json(&self.run(&["apply", "--yes", "-o", "json"])?.code(code)?)
    }

    /// Nowhere of what is the operator's, or was shown to them, is the value.
    fn nothing_tells(&self, shown: &[&Ended]) -> Result<()> {
        for ended in shown {
            ensure!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET), "`{}` shows it:\n{}\n{}", ended.name, ended.stdout, ended.stderr);
        }
        let mut folders = vec![self.desk.path(), self.desk.state()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                files += 1;
                let held = fs::read(&path)?;
                ensure!(!held.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{} holds it", path.display());
            }
        }
        ensure!(files > 3, "nothing was written");
        Ok(())
    }
}

/// The error of this code.
fn error(printed: &Value, code: &str) -> Result<Value> {
    let troubles = printed["error"]["troubles"].as_array().context("no troubles")?;
    let found = troubles.iter().find(|trouble| trouble["code"] == code).with_context(|| format!("no {code}: {printed:#}"))?;
    ensure!(found["plugin"] == "storage-hostile" && found["help"].as_str().is_some_and(|help| !help.is_empty()), "{found:#}");
    Ok(found.clone())
}

/// It is fed a secret, prints it, and fails.
pub fn echoes(hostile: &Path) -> Result<String> {
    let ground = Ground::in_mode(hostile, "echo")?;
    let printed = ground.apply(1)?;
    let told = error(&printed, "command.failed")?;
    ensure!(told["message"].as_str().is_some_and(|message| message.contains("(secret)")), "what it printed is not told: {told:#}");
    // For people as well, the history included.
    let shown = [ground.run(&["apply", "--yes"])?, ground.run(&["plan"])?, ground.run(&["log"])?, ground.run(&["apply", "--yes", "-vv"])?];
    ensure!(shown[0].stderr.contains("(secret)"), "{}", shown[0].stderr);
    ground.nothing_tells(&shown.iter().collect::<Vec<_>>())?;
    let mut told = told;
    // The program's own words come after the first line.
    told["message"] = told["message"].as_str().unwrap_or_default().replace('\n', " … ").into();
    row("echo", &told)
}

/// It writes a secret to a file of its own, as it may, and reads that.
pub fn reads_back(hostile: &Path) -> Result<String> {
    let ground = Ground::in_mode(hostile, "read-back")?;
    let first = ground.run(&["apply", "--yes"])?;
    ensure!(ground.sshd.within("cat /srv/hostile/pass")? == SECRET, "it was not written: {}", first.stderr);
    let printed = json(&ground.run(&["plan", "-o", "json"])?)?;
    let told = error(&printed, "hostile.read")?;
    ensure!(told["message"] == "it reads (secret)", "{told:#}");
    ground.nothing_tells(&[&first, &ground.run(&["plan"])?])?;
    row("read-back", &told)
}

/// What it plans is another thing each time.
pub fn plans_otherwise(hostile: &Path) -> Result<Vec<String>> {
    let ground = Ground::in_mode(hostile, "otherwise")?;
    // What was shown and saved is not what would be done.
    ground.run(&["plan", "--out", "saved.json"])?.code(0)?;
    let saved = json(&ground.run(&["apply", "saved.json", "-o", "json"])?.code(2)?)?;
    ensure!(saved["error"]["code"] == "apply.other-plan", "{saved:#}");
    ensure!(ground.sshd.within("ls /srv/hostile")?.is_empty(), "something was done");
    let once = row("otherwise", &saved["error"]["troubles"][0])?;
    // What was approved a moment ago is done, and nothing of what comes after.
    let printed = ground.apply(2)?;
    let mut outside = error(&printed, "plan.outside")?;
    // The name of its file is another in each run.
    let reason = outside["message"].as_str().and_then(|message| message.split_once(": ")).context("no reason")?.1.to_owned();
    outside["message"] = format!("write /srv/hostile/…: {reason}").into();
    ensure!(ground.sshd.within("ls /srv/hostile | wc -l")?.trim() == "2", "more than was shown was done: {}", ground.sshd.within("ls /srv/hostile")?);
    Ok(vec![once, row("otherwise-later", &outside)?])
}

/// It adds a step once the others were approved and done.
pub fn adds_a_step(hostile: &Path) -> Result<String> {
    let ground = Ground::in_mode(hostile, "more")?;
    let printed = ground.apply(2)?;
    let told = error(&printed, "plan.outside")?;
    ensure!(told["step"] == "unannounced:one", "{told:#}");
    ensure!(ground.sshd.within("ls /srv/hostile")? == "file\n", "{}", ground.sshd.within("ls /srv/hostile")?);
    row("more", &told)
}
