//! The way to a node: not there, not who it was, not letting us in; and the ways that work.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::{OPSPW_PASSWORD, PLAIN_PASSWORD, World};
use arcus_tests::{Checkout, Picture, Running, Scenes};

use crate::files::STORAGE;
use crate::{LIMIT, checkout, errors, json, runs, told, unchanged, untouched, word};

/// Plays all of them.
pub fn play(world: &World, scenes: &mut Scenes) {
    scenes.play("a node that is cut off", || cut(world));
    scenes.play("a node whose sshd is stopped", || refused(world));
    scenes.play("nobody is pinned", || nobody_pinned(world));
    scenes.play("a host key that has changed, and is replaced by name", || changed_key(world));
    scenes.play("a key that no node accepts", || wrong_key(world));
    scenes.play("nothing to log in with", || no_key(world));
    scenes.play("a password that no node accepts", || wrong_password(world));
    scenes.play("a user who may not sudo", || plain(world));
    scenes.play("a sudo that wants a password", || no_sudo_password(world));
    scenes.play("a bastion that is down", || no_bastion(world));
    scenes.play("other ways that work: ops, opspw, a bastion", || ways_that_work(world));
}

/// Plan and apply both say of exactly these nodes that they were not reached, why, and what to do; neither changes anything. Where it is
/// the same for every node, apply says so of the manager, too: it is asked for the lock.
fn not_reached(world: &World, checkout: &Checkout<'_>, nodes: &[&str], code: &str, words: &[&str]) -> Result<()> {
    let before = Picture::of_files(world)?;
    let apply = json(&checkout.run(&["-o", "json", "apply", "--yes", "--no-verify"], LIMIT)?.code(4)?)?;
    let missing = apply["plan"]["missing"].as_object().context("the plan does not say who is missing")?;
    let mut asked = nodes.to_vec();
    asked.extend((nodes.len() > 1).then_some("one"));
    asked.sort_unstable();
    ensure!(missing.keys().map(String::as_str).eq(asked.iter().copied()), "missing are {:?}, expected {asked:?}", missing.keys());
    for node in &asked {
        let one = &missing[*node];
        ensure!(one["code"] == code, "{node}: {one}");
        let text = one["message"].as_str().unwrap_or_default();
        ensure!(text.contains(node) && words.iter().all(|word| text.contains(word)), "{node}: {words:?} is not in {text:?}");
        ensure!(one["help"].as_str().is_some_and(|help| !help.is_empty()), "{node}: what to do is not said: {one}");
        told(&apply, code, Some(node), words)?;
    }
    told(&apply, "apply.cut-off", Some(nodes[0]), &[])?;
    // Nobody answers a node that is cut off: once is enough to wait for.
    if code == "node.unreachable" {
        return untouched(world, checkout, &before, &[]);
    }
    // And for a person.
    let shown = checkout.run(&["plan"], LIMIT)?.code(4)?;
    for node in nodes {
        ensure!(shown.stdout.contains(&format!("not reached: {node}")), "{}", shown.stdout);
    }
    untouched(world, checkout, &before, &[])
}

fn cut(world: &World) -> Result<()> {
    let checkout = checkout(world, STORAGE)?;
    let four = world.node("four")?;
    four.cut()?;
    let result = not_reached(world, &checkout, &["four"], "node.unreachable", &["10.97.0.14:22"]);
    four.heal()?;
    world.wait_ssh(&["four"], LIMIT)?;
    result
}

fn refused(world: &World) -> Result<()> {
    let checkout = checkout(world, STORAGE)?;
    let four = world.node("four")?;
    four.sh("systemctl stop ssh")?;
    let result = not_reached(world, &checkout, &["four"], "node.refused", &["10.97.0.14:22", "refuses connections"]);
    four.sh("systemctl start ssh")?;
    result
}

fn nobody_pinned(world: &World) -> Result<()> {
    let checkout = checkout(world, STORAGE)?;
    let pins = checkout.folder().join("known_hosts");
    fs::write(&pins, "")?;
    not_reached(world, &checkout, &["four", "three"], "node.host-key-unknown", &["not pinned yet", "SHA256:"])?;
    ensure!(fs::read(&pins)?.is_empty(), "a key was pinned that nobody trusted");
    Ok(())
}

fn changed_key(world: &World) -> Result<()> {
    let checkout = checkout(world, STORAGE)?;
    let four = world.node("four")?;
    let before = four.sh("cat /etc/ssh/ssh_host_ed25519_key.pub")?;
    let old = four.sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2")?;
    four.sh("cp -p /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub /root/ && rm /etc/ssh/ssh_host_ed25519_key && \
             ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key && systemctl restart ssh")?;
    let new = four.sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2")?;
    world.wait_ssh(&["four"], LIMIT)?;
    let result = not_reached(world, &checkout, &["four"], "node.host-key-changed", &["has changed", old.trim(), new.trim()]).and_then(|()| {
        // What the error tells to do. The key is given, so nobody is asked.
        let known = format!("four={}", new.trim());
        checkout.run(&["trust", "--replace", "four", "--fingerprint", &known], LIMIT)?.code(0)?;
        checkout.run(&["plan"], LIMIT)?.code(0).map(drop)
    });
    four.sh("mv /root/ssh_host_ed25519_key /root/ssh_host_ed25519_key.pub /etc/ssh/ && systemctl restart ssh")?;
    ensure!(four.sh("cat /etc/ssh/ssh_host_ed25519_key.pub")? == before, "the old key is not back");
    world.wait_ssh(&["four"], LIMIT)?;
    result
}

fn wrong_key(world: &World) -> Result<()> {
    let checkout = checkout(world, STORAGE)?;
    let key = checkout.folder().join("other");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status()?;
    ensure!(made.success(), "ssh-keygen: {made}");
    let path = word(&key);
    let checkout = checkout.with_login(["--identity", &path, "--no-agent"]);
    not_reached(world, &checkout, &["four", "three"], "node.auth-refused", &["what was tried", &path, "SHA256:", "refused"])
}

fn no_key(world: &World) -> Result<()> {
    let checkout = checkout(world, STORAGE)?.with_login(["--no-agent"]);
    // Nobody's home holds a key.
    let run = |words: &[&str]| -> Result<_> {
        let mut command = checkout.command(words)?;
        command.env("HOME", checkout.folder());
        Running::start(words.join(" "), &mut command)?.end(LIMIT)?.code(4)
    };
    let before = Picture::of_files(world)?;
    let apply = json(&run(&["-o", "json", "apply", "--yes", "--no-verify"])?)?;
    for node in ["three", "four"] {
        told(&apply, "node.auth-refused", Some(node), &["nothing", "no identity"])?;
    }
    untouched(world, &checkout, &before, &[])
}

/// A file for `--password-file`.
fn password(checkout: &Checkout<'_>, text: &str) -> Result<PathBuf> {
    let path = checkout.folder().join("password");
    fs::write(&path, format!("{text}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(path)
}

/// Logs in as `user`, by key too where `key` is set, with this password in a file.
fn user<'w>(world: &'w World, user: &str, key: bool, secret: Option<&str>) -> Result<Checkout<'w>> {
    let checkout = checkout(world, &STORAGE.replace("user: root", &format!("user: {user}")))?;
    let mut login = vec!["--no-agent".to_owned()];
    if key {
        login.extend(["--identity".into(), word(&world.key())]);
    } else {
        // A file that holds none of ours, so that the keys of whoever runs this are not tried.
        let other = checkout.folder().join("other");
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&other).status()?;
        ensure!(made.success(), "ssh-keygen: {made}");
        login.extend(["--identity".into(), word(&other)]);
    }
    if let Some(secret) = secret {
        login.extend(["--password-file".into(), word(&password(&checkout, secret)?)]);
    }
    Ok(checkout.with_login(login))
}

/// The password is nowhere in what was printed or kept.
fn kept_secret(checkout: &Checkout<'_>, secret: &str) -> Result<()> {
    let plan = checkout.run(&["-vv", "plan"], LIMIT)?;
    ensure!(!plan.stdout.contains(secret) && !plan.stderr.contains(secret), "the password was printed:\n{}", plan.stderr);
    for entry in fs::read_dir(checkout.folder().join(".arcus"))? {
        let path = entry?.path();
        let text = if path.is_file() { fs::read(&path)? } else { Vec::new() };
        ensure!(!text.windows(secret.len()).any(|part| part == secret.as_bytes()), "the password is in {}", path.display());
    }
    Ok(())
}

fn wrong_password(world: &World) -> Result<()> {
    let checkout = user(world, "plain", false, Some("no-such-word"))?;
    not_reached(world, &checkout, &["four", "three"], "node.auth-refused", &["plain@10.97.0.1", "what was tried", "password"])?;
    kept_secret(&checkout, "no-such-word")
}

fn plain(world: &World) -> Result<()> {
    let checkout = user(world, "plain", false, Some(PLAIN_PASSWORD))?;
    not_reached(world, &checkout, &["four", "three"], "node.no-sudo", &["plain may not become root"])?;
    kept_secret(&checkout, PLAIN_PASSWORD)
}

fn no_sudo_password(world: &World) -> Result<()> {
    let checkout = user(world, "opspw", true, None)?;
    not_reached(world, &checkout, &["four", "three"], "node.no-sudo", &["password of opspw", "none was given"])?;
    let checkout = user(world, "opspw", true, Some("no-such-word"))?;
    not_reached(world, &checkout, &["four", "three"], "node.sudo-refused", &["refused the password of opspw"])
}

const BASTION: &str = "ssh: { user: root, bastion: jump, hosts: { jump: { address: 10.97.0.15, user: ops } } }";

fn no_bastion(world: &World) -> Result<()> {
    let checkout = checkout(world, &STORAGE.replace("ssh: { user: root }", BASTION))?;
    let five = world.node("five")?;
    five.sh("systemctl stop ssh")?;
    let result = not_reached(world, &checkout, &["four", "three"], "node.bastion", &["not tried", "bastion", "10.97.0.15:22"]);
    five.sh("systemctl start ssh")?;
    result
}

/// Plans alike, and changes no node.
fn ways_that_work(world: &World) -> Result<()> {
    let root = checkout(world, STORAGE)?;
    let wanted = root.planned(LIMIT)?;
    ensure!(!wanted.0.is_empty(), "root's plan is empty");
    let before = Picture::of_files(world)?;
    let same = |who: &str, checkout: &Checkout<'_>| -> Result<()> {
        let planned = checkout.planned(LIMIT).with_context(|| who.to_owned())?;
        ensure!(planned == wanted, "{who} plans {planned:#?}, root {wanted:#?}");
        unchanged(world, &before, &[])
    };
    same("ops", &user(world, "ops", true, None)?)?;

    let opspw = user(world, "opspw", true, Some(OPSPW_PASSWORD))?;
    same("opspw, its password in a file", &opspw)?;
    kept_secret(&opspw, OPSPW_PASSWORD)?;

    // By password alone, in the environment; sudo takes the same.
    for variables in [["ARCUS_PASSWORD"].as_slice(), &["ARCUS_PASSWORD", "ARCUS_SUDO_PASSWORD"]] {
        let checkout = user(world, "opspw", false, None)?;
        let mut command = checkout.command(&["-o", "json", "plan"])?;
        command.envs(variables.iter().map(|name| (*name, OPSPW_PASSWORD)));
        let plan = json(&Running::start("plan".into(), &mut command)?.end(LIMIT)?.code(0)?)?;
        ensure!(plan["steps"].as_array().map(Vec::len) == Some(wanted.0.len()) && errors(&plan).is_empty(), "by {variables:?}: {plan:#}");
    }
    // Read by others, a password is not taken.
    let open = user(world, "opspw", true, Some(OPSPW_PASSWORD))?;
    fs::set_permissions(open.folder().join("password"), fs::Permissions::from_mode(0o644))?;
    open.run(&["plan"], LIMIT)?.code(3)?.says("cli.secret-file-open")?;

    // The journal is asked by the second, and who came before is not meant.
    std::thread::sleep(Duration::from_millis(1100));
    let since = world.node("four")?.sh("date +%s")?;
    let bastion = checkout(world, &STORAGE.replace("ssh: { user: root }", BASTION))?;
    same("by a bastion", &bastion)?;
    ensure!(runs(&bastion) == 0, "a plan is no run");
    for node in ["three", "four"] {
        let log = world.node(node)?.sh(&format!("journalctl -q -u ssh --since=@{} | grep Accepted", since.trim()))?;
        ensure!(log.lines().all(|line| line.contains("from 10.97.0.15")), "{node} was not reached by the bastion:\n{log}");
    }
    Ok(())
}
