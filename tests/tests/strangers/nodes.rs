//! A node that is somebody else's by now, or never was a node: a real sshd, with what they like in the place of a shell; and what is no sshd.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use arcus_tests::{Scenes, Sshd, page};
use serde_json::Value;

use super::desk::{Desk, obeyed};

/// What it does, what stops it, what it runs in the place of a shell, and the code of the error.
struct Harm(&'static str, &'static str, &'static str, &'static str);

/// Reads the script that it is sent up to the nonce, which it may know.
const NONCE: &str = "n=$(sed -n '/^N=/{s/^N=\\([0-9a-f]*\\) .*/\\1/p;q}')\n";

const HARMS: [Harm; 9] = [
    Harm("prints without end in the place of an answer", "1 MiB before the first frame", "exec cat /dev/zero", "node.nonsense"),
    Harm("prints messages without end", "16 MiB beside the frames", "exec cat /dev/zero >&2", "node.nonsense"),
    Harm("answers without end", "128 MiB of frames for a batch", "printf '@%s h 0 0 0\\n\\n' $n; f=$(printf '@%s a 1 0 9999\\n%09999d\\n' $n 0); exec yes \"$f\"", "node.nonsense"),
    Harm("answers what nobody asked", "an answer belongs to a question", "printf '@%s h 0 0 0\\n\\n@%s a 4000000000 0 2\\nhi\\n' $n $n; sleep 100", "node.nonsense"),
    Harm("forges frames with a nonce of its own", "frames carry a nonce that is new with each script", "printf '@%s h 0 0 0\\n\\n@00112233445566778899aabbccddeeff e 0 0 0\\n\\n' $n; sleep 100", "node.nonsense"),
    Harm("greets again and again, to be waited for longer", "a script is greeted once", "printf '@%s h 0 0 0\\n\\n@%s h 0 0 0\\n\\n' $n $n; sleep 100", "node.nonsense"),
    Harm("says nothing at all", "45 s for the first frame", "sleep 600", "node.timeout"),
    Harm("has no shell, and sends escapes for the terminal instead", "everything foreign is shown escaped", "printf 'sh: \\033]0;all is well\\007\\033[2J\\342\\200\\256not found\\n' >&2; exit 127", "node.no-shell"),
    Harm("closes the connection in the middle of an answer", "what was not said to its end is not known", "printf '@%s h 0 0 0\\n\\n@%s a 1 0 9999\\nhalf of it' $n $n; exit 0", "node.lost"),
];

/// Plays all of them, and keeps a row of each.
pub fn play(scenes: &mut Scenes, rows: &mut Vec<String>) {
    // Side by side: some of them are about waiting.
    let (played, strange): (Vec<_>, Vec<_>) = std::thread::scope(|scope| {
        let harms: Vec<_> = HARMS.iter().map(|harm| scope.spawn(|| harmed(harm))).collect();
        let strange: Vec<_> = NO_SSHD.iter().map(|none| scope.spawn(|| no_sshd(none))).collect();
        let ended = |one: std::thread::ScopedJoinHandle<'_, Result<String>>| one.join().unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked")));
        (harms.into_iter().map(ended).collect(), strange.into_iter().map(ended).collect())
    });
    for (harm, result) in HARMS.iter().map(|harm| harm.0).zip(played).chain(NO_SSHD.iter().map(|none| none.0).zip(strange)) {
        scenes.play(harm, || result.map(|row| rows.push(row)));
    }
    scenes.play("a good one that has escapes in what it says of itself", escapes);
}

/// An operator who trusts it.
fn trusting(sshd: &Sshd) -> Result<Desk> {
    let desk = desk(sshd.port)?;
    desk.write("known_hosts", &sshd.pin()?)?;
    Ok(desk)
}

/// One node at this port, and two where nobody listens.
fn desk(port: u16) -> Result<Desk> {
    let desk = Desk::new()?;
    desk.write(
        "cluster.yaml",
        &format!(
            "cluster: {{ name: prod, id: 9b1f7a52-6c0e-4d8e-9f43-5d2b8c7a1e60 }}\nnodes:\n  - {{ name: one, address: 10.96.0.11, roles: [manage], ssh: {{ address: 127.0.0.1, port: {port} }} }}\n  \
             - {{ name: two, address: 10.96.0.12, roles: [compute], ssh: {{ address: 127.0.0.2, port: 1 }} }}\n  - {{ name: three, address: 10.96.0.13, roles: [compute], ssh: {{ address: 127.0.0.3, port: 1 }} }}\n"
        ),
    )?;
    Ok(desk)
}

fn row(what: &str, stopped: &str, error: &Value, port: u16) -> String {
    let said = page::cell(error["message"].as_str().unwrap_or_default(), &[(&format!("127.0.0.1:{port}"), "10.0.0.11:22")]);
    format!("| {what} | {stopped} | `{}` {} |", error["code"].as_str().unwrap_or_default(), said.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\""))
}

/// What `status` says of the node.
fn told(desk: &Desk, key: &str, code: &str) -> Result<Value> {
    let login = ["--identity", key, "--no-agent"];
    let began = Instant::now();
    let (ended, printed) = desk.run(&[&login[..], &["status"]].concat())?;
    let trouble = printed["nodes"]["one"]["trouble"].clone();
    ensure!(trouble["code"] == code, "not {code}: {printed:#}\n{}", ended.stderr);
    ensure!(trouble["help"].as_str().is_some_and(|help| !help.is_empty()), "what to do is not said: {trouble:#}");
    ensure!(trouble["node"] == "one" || trouble["message"].as_str().is_some_and(|message| message.contains("one")), "{trouble:#}");
    ensure!(ended.status.code() == Some(4) && began.elapsed() < Duration::from_secs(150), "{:?} after {:?}", ended.status, began.elapsed());
    ensure!(!desk.path("project/.arcus/runs").exists(), "a run was begun");
    if code == "node.timeout" {
        return Ok(trouble);
    }
    // For a person as well, and nothing that a terminal would obey.
    let shown = desk.shown(&[&login[..], &["status"]].concat())?;
    let text = format!("{}{}", shown.stdout, shown.stderr);
    ensure!(obeyed(&text).is_none(), "it speaks to the terminal: {text:?}");
    Ok(trouble)
}

fn harmed(Harm(what, stopped, shell, code): &Harm) -> Result<String> {
    let shell = if shell.contains("$n") { format!("{NONCE}{shell}") } else { (*shell).to_owned() };
    let sshd = Sshd::start(&shell, "")?;
    let trouble = told(&trusting(&sshd)?, &sshd.key(), code)?;
    Ok(row(what, stopped, &trouble, sshd.port))
}

/// Whoever listens is none: what it does, and whether it talks.
const NO_SSHD: [(&str, bool); 2] = [("talks without end before it says who it is", true), ("takes a connection and says nothing", false)];

fn no_sshd(&(what, endless): &(&str, bool)) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            std::thread::spawn(move || {
                let noise = "all is well\r\n".repeat(1000);
                let mut hole = [0; 256];
                while if endless { stream.write_all(noise.as_bytes()).is_ok() } else { stream.read(&mut hole).is_ok_and(|read| read > 0) } {}
            });
        }
    });
    let desk = desk(port)?;
    let key = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(desk.path("key")).status()?;
    ensure!(key.success(), "no key");
    Ok(row(what, "10 s for the handshake", &told(&desk, &desk.word("key"), "node.handshake")?, port))
}

/// It answers as it should; what it says of itself is meant for the operator's terminal.
fn escapes() -> Result<()> {
    let release = "printf 'ID=\"debian\\033[2J\\033]0;all is well\\007\"\\nVERSION_ID=\"12\\342\\200\\256\"\\nPRETTY_NAME=x\\n' >release; mount --bind release \"$(readlink -f /etc/os-release)\"";
    let sshd = Sshd::start("", release)?;
    let desk = trusting(&sshd)?;
    let key = sshd.key();
    let shown = desk.shown(&["--identity", &key, "--no-agent", "preflight"])?;
    let text = format!("{}{}", shown.stdout, shown.stderr);
    ensure!(obeyed(&text).is_none(), "it speaks to the terminal: {text:?}");
    ensure!(text.contains("\\u{1b}[2J") || text.contains("\\u{1b}"), "what the node said is not shown: {text}");
    Ok(())
}
