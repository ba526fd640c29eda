//! Plugins out of registries and bundles, signed and approved by the real minisign: what an operator does, and what a registry or a bundle
//! that means harm comes up against. Everything is in one network of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use arcus_tests::{Apart, Ended, Running, approved, arcus, with_manifest};
use serde_json::Value;

use super::admission::row;
use super::shelves::{Elsewhere, HERE, PASSWORD, SHELF, Shelf, Trap, USER};
use crate::{Desk, FILE, LIMIT, json};

/// Keys, components, registries, and the network that all are in.
pub struct Market {
    apart: Apart,
    side: tempfile::TempDir,
}

/// An attack, what stops it, and the name under which the trap does it.
type Attack = (&'static str, &'static str, &'static str, i32, &'static str);

/// What a registry can try with who gets a plugin from it. The code is what is said.
const ATTACKS: [Attack; 11] = [
    ("away--OTHER", "it sends us to another host, without TLS", "it is not followed; by TLS it is, without a login, three times at most", 7, "registry.redirect"),
    ("loop", "it sends us on and on", "three times at most", 7, "registry.redirect"),
    ("realm--OTHER", "it wants the login to be shown to another host", "a login goes to its own host alone", 7, "registry.redirect"),
    ("large", "a component of a terabyte", "its size is looked at before it is got", 7, "registry.too-large"),
    ("endless", "a component that never ends", "no more is read than its manifest says", 7, "registry.too-large"),
    ("claims", "an answer that says it is a terabyte", "nothing of it is read", 7, "registry.too-large"),
    ("list", "a manifest that never ends", "no more than 256 KiB are read", 7, "registry.too-large"),
    ("headers", "headers that never end", "no more than 16 KiB are read", 7, "registry.too-large"),
    ("swapped", "another component than its manifest says", "its digest", 7, "registry.wrong-digest"),
    ("forged", "another manifest than it says itself", "its digest", 7, "registry.wrong-digest"),
    ("image", "an image for containers in a component's place", "the form is checked before anything is got", 3, "registry.no-component"),
];

impl Market {
    pub fn new(hostile: &Path) -> Result<Self> {
        let this = Self { apart: Apart::new(&["10.99.0.5"])?, side: tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir()? };
        for key in ["acme", "other", "security"] {
            let made = Command::new("minisign").args(["-G", "-W", "-p", &format!("{key}.pub"), "-s", &format!("{key}.key")]).current_dir(this.side.path()).stdin(Stdio::null()).output().context("running minisign: `cargo xtask test` installs it")?;
            ensure!(made.status.success(), "{}{}", String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
        }
        fs::copy(hostile, this.path("0.1.0.wasm"))?;
        for version in ["0.2.0", "0.3.0-rc.1", "0.4.0", "0.5.0"] {
            let bytes = with_manifest(&fs::read(hostile)?, |manifest| manifest["version"] = version.into())?;
            fs::write(this.path(&format!("{version}.wasm")), bytes)?;
        }
        for (key, version) in [("acme", "0.1.0"), ("acme", "0.2.0"), ("acme", "0.3.0-rc.1"), ("other", "0.4.0")] {
            this.sign(key, &this.path(&format!("{version}.wasm")))?;
        }
        Ok(this)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.side.path().join(name)
    }

    fn sign(&self, key: &str, file: &Path) -> Result<()> {
        let signed = Command::new("minisign").args(["-S", "-W", "-s"]).arg(self.path(&format!("{key}.key"))).arg("-m").arg(file).stdin(Stdio::null()).output()?;
        ensure!(signed.status.success(), "{}{}", String::from_utf8_lossy(&signed.stdout), String::from_utf8_lossy(&signed.stderr));
        Ok(())
    }

    /// The second line of a public key.
    fn key(&self, name: &str) -> Result<String> {
        let text = fs::read_to_string(self.path(&format!("{name}.pub")))?;
        text.lines().nth(1).map(str::to_owned).context("no key")
    }

    /// A folder of a cluster that uses the plugin, with what its operator decided.
    fn desk(&self, policy: &str) -> Result<Desk> {
        let desk = Desk::new()?;
        desk.write("cluster.yaml", &FILE.replace("MODE", "good").replace("plugins: { storage-hostile: ./hostile.wasm }\n", ""))?;
        fs::create_dir_all(desk.state().join("arcus"))?;
        fs::write(desk.state().join("arcus/policy.toml"), policy)?;
        Ok(desk)
    }

    fn command(&self, desk: &Desk, words: &[&str]) -> Result<Command> {
        let mut command = self.apart.command(arcus()?);
        desk.dress(&mut command).args(words);
        for name in ["HTTPS_PROXY", "https_proxy", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"] {
            command.env_remove(name);
        }
        command.env("HOME", desk.state()).env("SSL_CERT_FILE", self.path("cert.pem")).env("DOCKER_AUTH_CONFIG", auth(SHELF, PASSWORD));
        Ok(command)
    }

    /// In this network, with the login and the authority of the guarded one.
    fn run(&self, desk: &Desk, words: &[&str]) -> Result<Ended> {
        self.run_with(desk, words, |_| ())
    }

    fn run_with(&self, desk: &Desk, words: &[&str], otherwise: impl FnOnce(&mut Command)) -> Result<Ended> {
        let mut command = self.command(desk, &[words, &["-o", "json"]].concat())?;
        otherwise(&mut command);
        Running::start(words.join(" "), &mut command)?.end(LIMIT)?.never_says(PASSWORD)
    }

    fn refused(&self, desk: &Desk, words: &[&str], code: i32, name: &str) -> Result<Value> {
        said(&self.run(desk, words)?, code, name)
    }
}

fn said(ended: &Ended, code: i32, name: &str) -> Result<Value> {
    let printed = json(ended)?;
    ensure!(ended.status.code() == Some(code) && printed["error"]["code"] == name, "`{}`: not {code} and {name}: {printed:#}", ended.name);
    ensure!(printed["error"]["troubles"][0]["help"].as_str().is_some_and(|help| !help.is_empty()), "what to do is not said: {printed:#}");
    Ok(printed)
}

fn auth(host: &str, password: &str) -> String {
    serde_json::json!({ "auths": { host: { "username": USER, "password": password } } }).to_string()
}

/// Every file below a folder, as text.
fn texts(folder: &Path, into: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            texts(&path, into)?;
        } else {
            into.push(String::from_utf8_lossy(&fs::read(&path)?).into_owned());
        }
    }
    Ok(())
}

pub fn published_and_added(market: &Market, rows: &mut Vec<String>) -> Result<()> {
    let shelf = Shelf::guarded(&market.apart, market.side.path())?;
    let acme = market.key("acme")?;
    let desk = market.desk(&format!("[keys]\nacme = \"{acme}\"\nother = \"{}\"\n", market.key("other")?))?;
    let place = format!("oci://{SHELF}/plugins/storage-hostile");
    let file = |version: &str| market.path(&format!("{version}.wasm")).display().to_string();
    let publish = |version: &str| -> Result<Value> { json(&market.run(&desk, &["plugin", "publish", &file(version), &place])?.code(0)?) };
    // Whoever may not is told so, and what they may not is not done.
    for (login, code, name) in [("{}".to_owned(), 3, "registry.unauthorized"), (auth(SHELF, "wrong"), 3, "registry.unauthorized"), (auth("10.99.0.5", PASSWORD), 3, "registry.unauthorized"), ("nonsense".into(), 3, "registry.logins")] {
        let ended = market.run_with(&desk, &["plugin", "publish", &file("0.1.0"), &place], |command| {
            command.env("DOCKER_AUTH_CONFIG", login);
        })?;
        said(&ended, code, name)?;
    }
    said(&market.run_with(&desk, &["plugin", "add", &place], |command| {
        command.env_remove("SSL_CERT_FILE");
    })?, 7, "registry.tls")?;
    market.refused(&desk, &["plugin", "add", &place], 3, "registry.not-there")?;
    let first = publish("0.1.0")?;
    ensure!(first["place"] == format!("{place}:0.1.0") && first["known"] == false, "{first:#}");
    let again = publish("0.1.0")?;
    ensure!(again["known"] == true && again["digest"] == first["digest"], "the same is another: {again:#}");
    market.refused(&desk, &["plugin", "publish", &file("0.2.0"), &format!("{place}:0.1.0")], 3, "registry.version-taken")?;
    market.refused(&desk, &["plugin", "publish", &file("0.2.0"), "https://elsewhere/x"], 3, "registry.place")?;
    // Looked at without being added; then the highest version that there is.
    let inspected = json(&market.run(&desk, &["plugin", "inspect", &format!("{place}:0.1.0")])?.code(0)?)?;
    ensure!(inspected["name"] == "storage-hostile" && inspected["digest"] == approved(&market.path("0.1.0.wasm"))?, "{inspected:#}");
    ensure!(!desk.path().join("arcus.lock").exists(), "it was added");
    market.run(&desk, &["plugin", "add", &place])?.code(0)?;
    let lock = desk.read("arcus.lock")?;
    ensure!(lock.contains(&format!("source = \"{place}\"")) && lock.contains("version = \"0.1.0\"") && lock.contains(&acme), "{lock}");
    ensure!(fs::read(desk.path().join("plugins/storage-hostile.wasm"))? == fs::read(market.path("0.1.0.wasm"))?, "another component was put there");
    market.refused(&desk, &["validate"], 7, "plugin.not-approved")?;
    market.run(&desk, &["plugin", "approve", "storage-hostile", "--digest", &approved(&market.path("0.1.0.wasm"))?])?.code(0)?;
    market.run(&desk, &["validate"])?.code(0)?;
    // By its digest, too, and from nowhere else.
    let digest = first["digest"].as_str().context("no digest")?;
    market.run(&desk, &["plugin", "update", "storage-hostile", &format!("{place}@{digest}")])?.code(0)?;
    ensure!(desk.read("arcus.lock")? == lock, "the lock file is another: {}", desk.read("arcus.lock")?);
    market.refused(&desk, &["plugin", "update", "storage-hostile", &format!("{place}@sha256:{}", "0".repeat(64))], 3, "registry.not-there")?;
    let second = format!("oci://{SHELF}/others/storage-hostile");
    market.run(&desk, &["plugin", "publish", &file("0.2.0"), &second])?.code(0)?;
    market.refused(&desk, &["plugin", "update", "storage-hostile", &second], 7, "plugin.other-source")?;
    market.refused(&desk, &["plugin", "update", "storage-hostile", &file("0.2.0")], 7, "plugin.other-source")?;
    // The highest that is released.
    for version in ["0.2.0", "0.3.0-rc.1"] {
        publish(version)?;
    }
    market.run(&desk, &["plugin", "update", "storage-hostile"])?.code(0)?;
    ensure!(desk.read("arcus.lock")?.contains("version = \"0.2.0\""), "{}", desk.read("arcus.lock")?);
    market.refused(&desk, &["validate"], 7, "plugin.not-approved")?;
    market.refused(&desk, &["plugin", "update", "storage-hostile", &format!("{place}:0.1.0")], 7, "plugin.lower-version")?;
    // Signed by another key of the policy, then by nobody.
    publish("0.4.0")?;
    let other = market.refused(&desk, &["plugin", "update", "storage-hostile"], 7, "plugin.other-key")?;
    rows.push(row(&desk, "a component that another key signed, be it one of the policy", "`update` refuses", &[&other])?);
    publish("0.5.0")?;
    let nobody = market.refused(&desk, &["plugin", "update", "storage-hostile"], 7, "plugin.other-key")?;
    rows.push(row(&desk, "one that nobody signed, where the one before was", "`update` refuses", &[&nobody])?);
    // The component that was pinned, without its signature.
    let (beside, aside) = (desk.path().join("plugins/storage-hostile.wasm.minisig"), desk.path().join("aside"));
    fs::rename(&beside, &aside)?;
    let missing = market.refused(&desk, &["plugin", "approve", "storage-hostile", "--digest", &approved(&market.path("0.2.0.wasm"))?], 7, "plugin.signature-missing")?;
    rows.push(row(&desk, "the signature is taken away before it is approved", "the lock file pins the key", &[&missing])?);
    fs::rename(&aside, &beside)?;
    market.run(&desk, &["plugin", "approve", "storage-hostile", "--digest", &approved(&market.path("0.2.0.wasm"))?])?.code(0)?;
    // Nothing is fetched for a plan: nobody is there any more.
    drop(shelf);
    market.run(&desk, &["validate"])?.code(0)?;
    let plan = json(&market.run(&desk, &["plan"])?.code(4)?)?;
    ensure!(plan["error"].is_null() && plan["blocked"][0]["plugin"] == "storage-hostile", "{plan:#}");
    market.refused(&desk, &["plugin", "update", "storage-hostile"], 3, "registry.not-reached")?;
    let mut kept = Vec::new();
    texts(desk.0.path(), &mut kept)?;
    ensure!(!kept.iter().any(|text| text.contains(PASSWORD)), "the password was written down");
    Ok(())
}

pub fn carried_in_a_bundle(market: &Market, rows: &mut Vec<String>) -> Result<()> {
    let _shelf = Shelf::open(&market.apart, market.side.path())?;
    let policy = format!("[keys]\nacme = \"{}\"\n", market.key("acme")?);
    let (here, there) = (market.desk(&policy)?, market.desk(&policy)?);
    let place = format!("oci://{HERE}/storage-hostile");
    let file = |version: &str| market.path(&format!("{version}.wasm")).display().to_string();
    for version in ["0.1.0", "0.2.0"] {
        market.run(&here, &["plugin", "publish", &file(version), &place])?.code(0)?;
    }
    market.refused(&here, &["plugin", "bundle", "--out", "nothing.tar"], 3, "plugin.none-there")?;
    market.run(&here, &["plugin", "add", &format!("{place}:0.1.0")])?.code(0)?;
    // All that is pinned, as it lies there; the network is asked for nothing.
    let (one, two) = (market.path("one.tar").display().to_string(), market.path("two.tar").display().to_string());
    market.run(&here, &["plugin", "bundle", "--out", &one])?.code(0)?;
    market.run(&here, &["plugin", "bundle", "--out", &two, &format!("{place}:0.2.0")])?.code(0)?;
    // A machine without any network.
    there.run(&["plugin", "add", &one])?.code(0)?;
    let lock = there.read("arcus.lock")?;
    ensure!(lock.contains(&format!("source = \"bundle:{place}\"")) && lock.contains("version = \"0.1.0\"") && lock.contains(&market.key("acme")?), "{lock}");
    there.run(&["plugin", "approve", "storage-hostile", "--digest", &approved(&market.path("0.1.0.wasm"))?])?.code(0)?;
    there.run(&["validate"])?.code(0)?;
    there.refused(&["plugin", "update", "storage-hostile"], 3, "plugin.no-source")?;
    there.run(&["plugin", "update", "storage-hostile", &two])?.code(0)?;
    ensure!(there.read("arcus.lock")?.contains("version = \"0.2.0\""), "{}", there.read("arcus.lock")?);
    there.refused(&["plugin", "update", "storage-hostile", &one], 7, "plugin.lower-version")?;
    // What somebody else's tools make of one: the same, always.
    let packed = |out: &str| here.run(&["plugin", "pack", &file("0.2.0"), "--out", out]).and_then(|ended| ended.code(0)).and_then(|ended| json(&ended));
    let published = json(&market.run(&here, &["plugin", "publish", &file("0.2.0"), &place])?.code(0)?)?;
    ensure!(packed("a.tar")?["digest"] == published["digest"], "what is packed is not what is published");
    packed("b.tar")?;
    ensure!(fs::read(here.path().join("a.tar"))? == fs::read(here.path().join("b.tar"))?, "packed twice it is not the same");
    let listed = Command::new("tar").arg("-tf").arg(here.path().join("a.tar")).output()?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    ensure!(listed.starts_with("oci-layout\nindex.json\nblobs/sha256/") && listed.lines().count() == 5, "{listed}");
    // Changed, cut, or of something else.
    let whole = fs::read(&two)?;
    let fresh = market.desk(&policy)?;
    let broken = fresh.path().join("broken.tar");
    let at = whole.windows(4).position(|part| part == b"\0asm").context("there is no component in it")? + 100;
    let mut changed = whole.clone();
    changed[at] ^= 1;
    for (what, stopped, bytes, code, name) in [
        ("a bundle is changed on the way", "the digests in it", changed, 7, "registry.wrong-digest"),
        ("a bundle is cut on the way", "what it says it holds must be there", whole[..at].to_vec(), 3, "bundle.damaged"),
        ("a bundle that holds nothing", "what it says it holds must be there", [&whole[..512], &[0; 2048]].concat(), 3, "bundle.damaged"),
    ] {
        fs::write(&broken, bytes)?;
        rows.push(row(&fresh, what, stopped, &[&fresh.refused(&["plugin", "add", "broken.tar"], code, name)?])?);
    }
    ensure!(!fresh.path().join("arcus.lock").exists() && !fresh.path().join("plugins").exists(), "something of it was taken");
    Ok(())
}

/// A registry without TLS, and one that keeps its contents elsewhere.
pub fn without_tls_and_elsewhere(market: &Market) -> Result<()> {
    let component = fs::read(market.path("0.1.0.wasm"))?;
    let trap = Trap::set(&market.apart, "10.99.0.5", component.clone())?;
    let place = |mode: &str| format!("oci://{}/{mode}/x:1", trap.address);
    let login = auth(&trap.address, PASSWORD);
    let add = |desk: &Desk, mode: &str| {
        market.run_with(desk, &["plugin", "add", &place(mode)], |command| {
            command.env("DOCKER_AUTH_CONFIG", &login);
        })
    };
    said(&add(&market.desk("")?, "whole")?, 3, "registry.not-reached")?;
    let desk = market.desk(&format!("plain-http = [\"{}\"]\n", trap.address))?;
    said(&add(&desk, "token")?, 7, "registry.login-in-the-clear")?;
    ensure!(!trap.asked().iter().any(|asked| asked.contains("Basic")), "the login went readable over the network: {:?}", trap.asked());
    add(&desk, "whole")?.code(0)?;
    // Contents at another host, by TLS: got without anything of ours.
    let elsewhere = Elsewhere::serve(&market.apart, market.side.path(), &component)?;
    let here = Trap::set(&market.apart, "127.0.0.1", component.clone())?;
    let fresh = market.desk("")?;
    let sent = format!("oci://{}/cdn--{}/x:1", here.address, elsewhere.port());
    let login = auth(&here.address, PASSWORD);
    let added = market.run_with(&fresh, &["plugin", "add", &sent], |command| {
        command.env("DOCKER_AUTH_CONFIG", &login);
    })?;
    added.code(0)?;
    let heard = elsewhere.heard();
    ensure!(heard.contains("GET /shelf?signed=yes HTTP/1.1") && !heard.to_lowercase().contains("authorization"), "{heard}");
    ensure!(here.asked().iter().any(|asked| asked.contains("/blobs/") && asked.ends_with("Bearer for-this-registry-alone")), "{:?}", here.asked());
    ensure!(fs::read(fresh.path().join("plugins/storage-hostile.wasm"))? == component, "another component was put there");
    // That host's certificate is looked at as any other.
    let untrusted = market.run_with(&market.desk("")?, &["plugin", "add", &sent], |command| {
        command.env("DOCKER_AUTH_CONFIG", &login).env_remove("SSL_CERT_FILE");
    })?;
    said(&untrusted, 7, "registry.tls").map(drop)
}

/// Rows for the page on attacks.
pub fn registries_that_mean_harm(market: &Market, hostile: &Path) -> Result<Vec<String>> {
    let component = fs::read(hostile)?;
    let size = component.len().to_string();
    let trap = Trap::set(&market.apart, "127.0.0.1", component.clone())?;
    let other = Trap::set(&market.apart, "127.0.0.2", component)?;
    let port = other.address.rsplit(':').next().context("no port")?;
    let desk = market.desk("")?;
    let login = auth(&trap.address, PASSWORD);
    let run = |words: &[&str]| {
        market.run_with(&desk, words, |command| {
            command.env("DOCKER_AUTH_CONFIG", &login);
        })
    };
    let mut rows = Vec::new();
    for (mode, attack, stopped, code, name) in ATTACKS {
        let ended = run(&["plugin", "add", &format!("oci://{}/{}/x:1", trap.address, mode.replace("OTHER", port))])?;
        let printed = said(&ended, code, name).with_context(|| mode.to_owned())?;
        // Addresses are others each time, and digests and the size depend on the build.
        let message = printed["error"]["message"].as_str().context("no message")?.replace(&trap.address, "REGISTRY").replace(&other.address, "OTHER").replace(&format!("--{port}"), "").replace(&size, "…");
        let digests = |text: &str| text.split("sha256:").enumerate().map(|(at, part)| if at == 0 { part.to_owned() } else { format!("sha256:…{}", part.trim_start_matches(|c: char| c.is_ascii_hexdigit())) }).collect::<String>();
        rows.push(format!("| {attack} | {stopped} | `{name}` {} |", digests(&message)));
    }
    said(&run(&["plugin", "publish", &hostile.display().to_string(), &format!("oci://{}/upload--{port}/x:1", trap.address)])?, 7, "registry.redirect")?;
    rows.push("| it sends what is published to another host | that is never followed | `registry.redirect` the same |".into());
    // What it says is shown, and does nothing to the terminal.
    let words = ["plugin", "add", &format!("oci://{}/escape/x:1", trap.address)];
    let shown = Running::start("escape".into(), market.command(&desk, &words)?.env("DOCKER_AUTH_CONFIG", &login))?.end(LIMIT)?.code(3)?.stderr;
    ensure!(!shown.contains(['\u{1b}', '\u{202e}']) && shown.contains("\\u{1b}[2J"), "{shown:?}");
    ensure!(other.asked().is_empty(), "the other host was asked: {:?}", other.asked());
    ensure!(!desk.path().join("arcus.lock").exists() && !desk.path().join("plugins").exists(), "something of it was taken");
    // A token of its own is what a login is for: nobody else could be given either.
    let added = run(&["plugin", "add", &format!("oci://{}/token/x:1", trap.address)])?.code(0)?;
    let asked: Vec<String> = trap.asked().into_iter().filter(|one| one.contains("token")).collect();
    let basic = asked.iter().filter(|one| one.contains(" Basic ")).count();
    ensure!(basic == 1 && asked.iter().filter(|one| one.ends_with("Bearer for-this-registry-alone")).count() == 2, "{asked:#?}\n{}", added.stderr);
    Ok(rows)
}

pub fn approved_by_signature(market: &Market, hostile: &Path, rows: &mut Vec<String>) -> Result<()> {
    let security = market.key("security")?;
    let policy = format!("[approvers]\nsecurity = \"{security}\"\n");
    let desk = market.desk(&policy)?;
    desk.run(&["plugin", "add", &market.path("0.1.0.wasm").display().to_string()])?.code(0)?;
    // What is to be signed allows nothing.
    let drafted = desk.shown(&["plugin", "approve", "storage-hostile", "--draft"])?.code(0)?;
    ensure!(drafted.stderr.contains("It asks to be allowed:") && drafted.stdout.contains("minisign -Sm approvals/storage-hostile.json"), "{}{}", drafted.stdout, drafted.stderr);
    desk.refused(&["validate"], 7, "plugin.not-approved")?;
    // Whoever makes plugins may not approve by that.
    let statement = desk.path().join("approvals/storage-hostile.json");
    let signature = desk.path().join("approvals/storage-hostile.json.minisig");
    market.sign("acme", &statement)?;
    let own = desk.refused(&["validate"], 7, "plugin.not-approved")?;
    // Whoever wonders why is told.
    desk.shown(&["plugin", "approve", "storage-hostile"])?.code(7)?.says("is signed, and counts for nothing here")?;
    rows.push(row(&desk, "an author approves their own plugin by their signature", "keys of authors and of those who may approve are apart in the policy", &[&own])?);
    fs::remove_file(&signature)?;
    market.sign("security", &statement)?;
    desk.run(&["validate"])?.code(0)?;
    let listed = json(&desk.run(&["plugin", "list"])?.code(0)?)?;
    ensure!(listed["plugins"].to_string().contains("\"approved_by\":\"security, by signature\""), "who approved it is not said: {listed:#}");
    ensure!(fs::read_dir(desk.state().join("arcus/approvals"))?.next().is_none(), "it was approved on this side");
    // Whoever does not have that key in their policy is not bound by it; without the policy nobody is.
    fs::write(desk.state().join("arcus/policy.toml"), format!("[keys]\nsecurity = \"{security}\"\n"))?;
    desk.refused(&["validate"], 7, "plugin.not-approved")?;
    fs::write(desk.state().join("arcus/policy.toml"), &policy)?;
    desk.run(&["validate"])?.code(0)?;
    // Edited by hand: it is not what was signed.
    let whole = fs::read_to_string(&statement)?;
    fs::write(&statement, whole.replace("/srv/hostile", "/etc"))?;
    let edited = desk.refused(&["validate"], 7, "approvals.statement-wrong")?;
    rows.push(row(&desk, "an approval that somebody signed is edited", "its signature", &[&edited])?);
    fs::write(&statement, &whole)?;
    desk.run(&["validate"])?.code(0)?;
    // Copied to another cluster, signature and all.
    let text = desk.read("cluster.yaml")?;
    desk.write("cluster.yaml", &text.replace("9b1f7a52", "0c6f8f0a"))?;
    let copied = desk.refused(&["validate"], 7, "plugin.not-approved")?;
    rows.push(row(&desk, "it is copied to another cluster, signature and all", "it says which cluster, component and grant it is for", &[&copied])?);
    desk.write("cluster.yaml", &text)?;
    // For this component, and no later one.
    desk.run(&["plugin", "update", "storage-hostile", &market.path("0.2.0.wasm").display().to_string(), "--accept", "other-source"])?.code(0)?;
    let later = desk.refused(&["validate"], 7, "plugin.not-approved")?;
    rows.push(row(&desk, "it is left there for a later component", "it says which cluster, component and grant it is for", &[&later])?);
    // A policy that others can write, or that the project brings, is none.
    let digest = approved(hostile)?;
    fs::set_permissions(desk.state().join("arcus/policy.toml"), fs::Permissions::from_mode(0o666))?;
    let open = desk.refused(&["validate"], 3, "policy.not-private")?;
    rows.push(row(&desk, "somebody else can write to your policy", "it is not read", &[&open])?);
    fs::set_permissions(desk.state().join("arcus/policy.toml"), fs::Permissions::from_mode(0o600))?;
    fs::create_dir_all(desk.path().join("config/arcus"))?;
    fs::write(desk.path().join("config/arcus/policy.toml"), &policy)?;
    let inside = Running::start("approve".into(), desk.command(&["plugin", "approve", "storage-hostile", "--digest", &digest, "-o", "json"])?.env("XDG_CONFIG_HOME", desk.path().join("config")))?.end(LIMIT)?;
    let brought = said(&inside, 3, "policy.not-private")?;
    rows.push(row(&desk, "the project's folder brings a policy", "it is not read", &[&brought])?);
    Ok(())
}
