//! A cluster file that somebody else wrote: whatever it names, it gets nothing of the operator's.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use arcus_tests::{Scenes, page};

use super::desk::{Desk, SECRET, errors, obeyed};

const FILE: &str = "\
cluster: { name: prod, id: 9b1f7a52-6c0e-4d8e-9f43-5d2b8c7a1e60 }
ssh: { user: root }
nodes:
  - { name: one, address: 10.96.0.11, roles: [manage], ssh: { address: 127.0.0.1, port: PORT } }
  - { name: two, address: 10.96.0.12, roles: [compute], ssh: { address: 127.0.0.2, port: PORT } }
  - { name: three, address: 10.96.0.13, roles: [compute], ssh: { address: 127.0.0.3, port: PORT } }
storage: { use: nfs, nfs: { server: 10.96.0.9, export: /srv/grdata } }
";

/// What it does, what stops it, what stands in place of what, and the code of the error.
struct Attack(&'static str, &'static str, &'static str, &'static str, &'static str);

const SCHEMA: &str = "there is no such key: that comes from the operator's own side";
const FOLDER: &str = "paths stay in the folder of the file, and links out of it are not followed";

const ATTACKS: [Attack; 19] = [
    Attack("names the operator's key as a plugin", FOLDER, "storage: { use: nfs, nfs: { server: 10.96.0.9, export: /srv/grdata } }", "storage: { use: x }\nplugins: { storage-x: ~/.ssh/id_rsa }", "cluster.path-outside"),
    Attack("names a file by its absolute path", FOLDER, "storage: { use: nfs, nfs: { server: 10.96.0.9, export: /srv/grdata } }", "storage: { use: x }\nplugins: { storage-x: HOME/.aws/credentials }", "cluster.path-outside"),
    Attack("climbs out of its folder", FOLDER, "storage: { use: nfs, nfs: { server: 10.96.0.9, export: /srv/grdata } }", "storage: { use: x }\nplugins: { storage-x: ../home/.aws/credentials }", "cluster.path-outside"),
    Attack("brings a link to a file of the operator's", FOLDER, "storage: { use: nfs, nfs: { server: 10.96.0.9, export: /srv/grdata } }", "storage: { use: x }\nplugins: { storage-x: ./x.wasm }", "cluster.path-outside"),
    Attack("takes a password from a file of the operator's", "the plugin's own schema: secrets are bound on the operator's side, by name", "export: /srv/grdata }", "export: /srv/grdata, password: { file: ~/.aws/credentials } }", "config.unknown-key"),
    Attack("names the key to log in with", SCHEMA, "ssh: { user: root }", "ssh: { user: root, identity: ~/.ssh/id_rsa }", "cluster.unknown-key"),
    Attack("sets options of ssh", SCHEMA, "ssh: { user: root }", "ssh: { options: { ProxyCommand: touch x } }", "cluster.unknown-key"),
    Attack("forwards the operator's agent", SCHEMA, "ssh: { user: root }", "ssh: { forward-agent: true }", "cluster.unknown-key"),
    Attack("turns the check of host keys off", SCHEMA, "ssh: { user: root }", "ssh: { strict-host-key-checking: false }", "cluster.unknown-key"),
    Attack("has a command run on the operator's machine", SCHEMA, "ssh: { user: root }", "hooks: { before: touch x }", "cluster.unknown-key"),
    Attack("hides an option of ssh in an address", "addresses are addresses, and no command line is made of them", "address: 127.0.0.1", "address: -oProxyCommand=touch x", "cluster.bad-address"),
    Attack("hides one in a user", "names of users are letters, digits, `_`, `.` and `-`", "ssh: { user: root }", "ssh: { user: root -oProxyCommand=x }", "cluster.wrong-form"),
    Attack("hides a command in an address", "addresses are addresses", "address: 127.0.0.1", "address: \"127.0.0.1;touch x\"", "cluster.bad-address"),
    Attack("includes another file by a tag", "YAML without tags, anchors and aliases", "export: /srv/grdata", "export: !include ~/.aws/credentials", "yaml.tag"),
    Attack("grows without end by aliases", "YAML without tags, anchors and aliases", "export: /srv/grdata", "export: &a [x, x], b: [*a, *a]", "yaml.anchor"),
    Attack("asks a template language for a secret", "there is none: the text is what it says", "export: /srv/grdata", "export: \"{{ lookup('file', '~/.aws/credentials') }}\"", "config.wrong-form"),
    Attack("asks the shell for one", "no shell ever sees it", "export: /srv/grdata", "export: \"$(cat ~/.aws/credentials)\"", "config.wrong-form"),
    Attack("speaks to the operator's terminal", "everything foreign is shown escaped", "name: one", "name: \"\\e[2J\\e]0;all is well\\a\\u202E\"", "yaml.hidden-character"),
    Attack("breaks a line in a name, to write one of its own", "names are plain", "name: one", "name: \"one\\nall is well\"", "cluster.bad-name"),
];

/// Plays all of them, and keeps a row of each.
pub fn play(scenes: &mut Scenes, rows: &mut Vec<String>) {
    scenes.play("the file without any of it is a good one", good);
    for attack in &ATTACKS {
        scenes.play(attack.0, || refused(attack, rows));
    }
    scenes.play("a file that lies elsewhere", || elsewhere(rows));
    scenes.play("a pin that comes along", || pinned(rows));
    scenes.play("what lies beside the file", || beside(rows));
}

/// Somebody who counts who comes.
struct Door {
    port: u16,
    came: Arc<AtomicUsize>,
}

impl Door {
    fn open() -> Result<Self> {
        Self::at("127.0.0.1")
    }

    fn at(host: &str) -> Result<Self> {
        let listener = TcpListener::bind((host, 0))?;
        let door = Self { port: listener.local_addr()?.port(), came: Arc::default() };
        let came = door.came.clone();
        std::thread::spawn(move || {
            while listener.accept().is_ok() {
                came.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(door)
    }

    fn file(&self) -> String {
        FILE.replace("PORT", &self.port.to_string())
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}

/// Whoever listens is asked who they are: so silence means something below.
fn good() -> Result<()> {
    let (desk, door) = (Desk::new()?, Door::open()?);
    desk.write("cluster.yaml", &door.file())?;
    let (_, plan) = desk.run(&["plan"])?;
    ensure!(door.came() > 0 && plan["error"].is_null() && plan["missing"]["one"].is_object(), "{plan:#}");
    Ok(())
}

fn row(desk: &Desk, what: &str, stopped: &str, error: &serde_json::Value) -> String {
    let said = page::cell(error["message"].as_str().unwrap_or_default(), &[(&desk.word("home"), "/home/eva"), (&desk.word(""), "/…/")]);
    format!("| {what} | {stopped} | `{}` {said} |", error["code"].as_str().unwrap_or_default())
}

fn refused(Attack(what, stopped, from, to, code): &Attack, rows: &mut Vec<String>) -> Result<()> {
    let (desk, door) = (Desk::new()?, Door::open()?);
    let file = door.file();
    ensure!(file.contains(from), "the file does not say {from:?}");
    let to = to.replace("HOME", &desk.word("home"));
    symlink(desk.path("home/.ssh/id_rsa"), desk.path("project/x.wasm"))?;
    desk.write("cluster.yaml", &file.replacen(from, &to, 1))?;
    let mut error = None;
    for verb in [&["validate"][..], &["plan"], &["apply", "--yes"], &["status"], &["trust", "--accept", "host-keys"]] {
        // It needs no plugin, and so does not look at what belongs to one.
        if verb[0] == "trust" && code.starts_with("config.") {
            continue;
        }
        let (ended, printed) = desk.run(verb)?;
        ended.code(3)?;
        let found = errors(&printed).into_iter().find(|error| error["code"] == *code);
        error.get_or_insert(found.with_context(|| format!("{verb:?}: no {code}: {printed:#}"))?);
        let shown = desk.shown(verb)?;
        for text in [&shown.stdout, &shown.stderr] {
            ensure!(!text.contains(SECRET), "{verb:?} shows it: {text}");
            ensure!(obeyed(text).is_none(), "{verb:?} speaks to the terminal: {text:?}");
        }
    }
    let error = error.context("nothing refused it")?;
    ensure!(error["help"].as_str().is_some_and(|help| !help.is_empty()), "what to do is not said: {error:#}");
    ensure!(door.came() == 0, "somebody was connected to");
    ensure!(!desk.path("project/x").exists() && !desk.path("project/.arcus").exists(), "something was run or made");
    rows.push(row(&desk, what, stopped, &error));
    Ok(())
}

/// The file itself is a link out, a device or a pipe, or lies where everybody can write.
fn elsewhere(rows: &mut Vec<String>) -> Result<()> {
    let (desk, door) = (Desk::new()?, Door::open()?);
    let file = desk.path("project/cluster.yaml");
    symlink(desk.path("home/.aws/credentials"), &file)?;
    let (ended, printed) = desk.run(&["plan"])?;
    let ended = ended.code(3)?;
    ensure!(printed["error"]["code"] == "file.outside" && !ended.stderr.contains(SECRET), "{printed:#}");
    rows.push(row(&desk, "is a link to a file of the operator's", FOLDER, &errors(&printed)[0]));
    fs::remove_file(&file)?;
    ensure!(Command::new("mkfifo").arg(&file).status()?.success(), "no pipe");
    let (ended, printed) = desk.run(&["plan"])?;
    ended.code(3)?;
    ensure!(printed["error"]["code"] == "file.no-file", "{printed:#}");
    rows.push(row(&desk, "is a pipe that never ends", "only regular files are opened", &errors(&printed)[0]));
    fs::remove_file(&file)?;
    desk.write("cluster.yaml", &door.file().repeat(3000))?;
    let (ended, printed) = desk.run(&["plan"])?;
    ended.code(3)?;
    ensure!(printed["error"]["code"] == "file.too-large", "{printed:#}");
    rows.push(row(&desk, "is larger than any cluster", "1 MiB is read, and no more", &errors(&printed)[0]));
    desk.write("cluster.yaml", &door.file())?;
    fs::set_permissions(desk.path("project"), fs::Permissions::from_mode(0o777))?;
    let (ended, printed) = desk.run(&["plan"])?;
    ended.code(3)?;
    ensure!(printed["error"]["code"] == "file.open-folder", "{printed:#}");
    rows.push(row(&desk, "lies where everybody can put host keys beside it", "such a folder is not worked in", &errors(&printed)[0]));
    ensure!(door.came() == 0, "somebody was connected to");
    Ok(())
}

/// A machine of its author's, with the pin that would let it in. The door's key never comes to be asked for.
fn pinned(rows: &mut Vec<String>) -> Result<()> {
    let (desk, ours, theirs) = (Desk::new()?, Door::open()?, Door::at("127.0.0.2")?);
    let key = |name: &str| -> Result<String> {
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(desk.path(name)).status()?;
        ensure!(made.success(), "this test needs ssh-keygen (apt-get install openssh-client)");
        Ok(fs::read_to_string(desk.path(&format!("{name}.pub")))?.trim().to_owned())
    };
    let mut pins = String::new();
    for host in 1..=3 {
        pins += &format!("[127.0.0.{host}]:{} {}\n", ours.port, key(&format!("host-{host}"))?);
    }
    desk.write("cluster.yaml", &ours.file())?;
    desk.write("known_hosts", &pins)?;
    let (_, first) = desk.run(&["plan"])?;
    ensure!(first["error"].is_null(), "{first:#}");
    let stranger = key("stranger")?;
    desk.write("known_hosts", &format!("{pins}[127.0.0.2]:{} {stranger} two\n", theirs.port))?;
    desk.write("cluster.yaml", &ours.file().replace(&format!("127.0.0.2, port: {}", ours.port), &format!("127.0.0.2, port: {}", theirs.port)))?;
    let came = ours.came();
    for verb in [&["plan"][..], &["apply", "--yes"], &["status"], &["verify"]] {
        let (ended, printed) = desk.run(verb)?;
        ended.code(3)?;
        let all = errors(&printed);
        ensure!(all.len() == 1 && all[0]["code"] == "trust.not-met" && all[0]["node"] == "two", "{verb:?}: {printed:#}");
        if verb[0] == "plan" {
            let mut error = all[0].clone();
            let text = error["message"].as_str().unwrap_or_default().replace(&theirs.port.to_string(), "22").replace("127.0.0.2", "203.0.113.9");
            let fingerprint = text.split("SHA256:").nth(1).and_then(|rest| rest.split(')').next()).unwrap_or_default().to_owned();
            error["message"] = text.replace(&fingerprint, "…").into();
            rows.push(row(&desk, "sends a node's traffic to its author's machine, with a pin beside it", "the operator's own side knows which keys were gone along with", &error));
        }
    }
    ensure!(theirs.came() == 0 && ours.came() == came, "somebody was connected to");
    // The address of a machine that is known already is no stranger's.
    desk.write("known_hosts", &pins)?;
    let (_, again) = desk.run(&["plan"])?;
    ensure!(again["missing"]["two"]["code"] == "node.host-key-unknown" || again["error"].is_null(), "{again:#}");
    Ok(())
}

/// The folder brings what Arcus itself keeps there, as links to where the operator keeps other things.
fn beside(rows: &mut Vec<String>) -> Result<()> {
    let (desk, door) = (Desk::new()?, Door::open()?);
    desk.write("cluster.yaml", &door.file())?;
    for name in ["known_hosts", "arcus.lock"] {
        symlink(desk.path("home/.aws/credentials"), desk.path("project").join(name))?;
        let (ended, printed) = desk.run(&["plan"])?;
        let ended = ended.code(3)?;
        ensure!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET), "{name}: {ended:?}");
        let all = errors(&printed);
        ensure!(!all.is_empty(), "{printed:#}");
        if name == "known_hosts" {
            rows.push(row(&desk, "comes with a link in the place of `known_hosts`", FOLDER, &all[0]));
        }
        fs::remove_file(desk.path("project").join(name))?;
    }
    symlink(desk.path("home"), desk.path("project/.arcus"))?;
    let (ended, printed) = desk.run(&["apply", "--yes"])?;
    ensure!(ended.status.code() != Some(0), "{printed:#}");
    let made: Vec<_> = fs::read_dir(desk.path("home"))?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>()?;
    ensure!(made.iter().all(|name| [".ssh", ".aws", ".local"].iter().any(|known| name == known)), "something was written through the link: {made:?}");
    Ok(())
}
