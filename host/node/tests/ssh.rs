//! SSH against a real OpenSSH server: host keys, logins, sudo, the bastion, and what happens when the link is cut.
mod common;
#[path = "common/sshd.rs"]
mod sshd;

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arcus_contract::facts::{Fact, Probe};
use arcus_node::{Batch, Change, ConnectError, Endpoint, Event, HostKeyTrouble, Identity, KnownHosts, Layout, Link, Login, Look, Prompt, Quiet, Seen, Ssh, Transport, Verdict, Wanted};
use common::{command, done, task};
use secrecy::SecretString;
use sshd::{PASSWORD, Sshd, free_port, keygen, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Answers every question alike, and remembers them.
#[derive(Default)]
struct Teller {
    answer: Option<&'static str>,
    asked: Mutex<Vec<Wanted>>,
}

#[async_trait::async_trait]
impl Prompt for Teller {
    async fn secret(&self, wanted: &Wanted) -> Option<SecretString> {
        self.asked.lock().unwrap().push(wanted.clone());
        self.answer.map(SecretString::from)
    }
}

fn teller(answer: Option<&'static str>) -> Arc<Teller> {
    Arc::new(Teller { answer, ..Teller::default() })
}

async fn connect(ssh: &Ssh, endpoint: &Endpoint) -> Result<Arc<dyn Link>, ConnectError> {
    tokio::time::timeout(Duration::from_secs(40), ssh.connect(endpoint)).await.expect("in time")
}

async fn refused(ssh: &Ssh, endpoint: &Endpoint) -> ConnectError {
    match connect(ssh, endpoint).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

async fn whoami(link: &dyn Link) -> String {
    let report = link.run(&Batch { tasks: vec![task("t", command(&["id", "-un"]))], ..Batch::default() }, &mut Quiet).await.unwrap();
    String::from_utf8(done(&report.outcomes[0])).unwrap().trim().to_owned()
}

#[tokio::test]
async fn keys_of_all_kinds() {
    let sshd = Sshd::start(&["ed25519"], "PasswordAuthentication no\nKbdInteractiveAuthentication no");
    let known = sshd.known(&["ed25519"]);
    for key in ["ed25519", "rsa"] {
        let link = connect(&Ssh::new(sshd.layout(), sshd.login(key), known.clone()), &sshd.endpoint("root")).await.unwrap();
        assert_eq!(whoami(&*link).await, "root", "{key}");
        link.close().await;
    }
    // Encrypted: asked for once, for all nodes.
    let prompt = teller(Some("pass phrase"));
    let ssh = Ssh::new(sshd.layout(), Login { prompt: prompt.clone(), ..sshd.login("closed") }, known.clone());
    for _ in 0..3 {
        assert_eq!(whoami(&*connect(&ssh, &sshd.endpoint("root")).await.unwrap()).await, "root");
    }
    assert_eq!(*prompt.asked.lock().unwrap(), [Wanted::Passphrase { path: sshd.at("closed") }]);
    let error = refused(&Ssh::new(sshd.layout(), Login { prompt: teller(Some("wrong")), ..sshd.login("closed") }, known.clone()), &sshd.endpoint("root")).await;
    assert!(error.to_string().contains("wrong passphrase"), "{error}");

    // The text of a key, and an agent that holds two, the second of which is good.
    let pem = SecretString::from(fs::read_to_string(sshd.at("ed25519")).unwrap());
    let text = Login { identities: vec![Identity::Text { name: "CI".into(), pem }], ..sshd.login("ed25519") };
    assert_eq!(whoami(&*connect(&Ssh::new(sshd.layout(), text, known.clone()), &sshd.endpoint("root")).await.unwrap()).await, "root");
    let socket = sshd.at("agent.sock");
    let mut agent = Command::new("ssh-agent").args(["-D", "-a", socket.to_str().unwrap()]).stdout(std::process::Stdio::null()).spawn().unwrap();
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    for key in ["stranger", "rsa"] {
        let added = Command::new("ssh-add").arg("-q").arg(sshd.at(key)).env("SSH_AUTH_SOCK", &socket).status().unwrap();
        assert!(added.success());
    }
    let login = Login { identities: vec![], agent: Some(socket), ..sshd.login("ed25519") };
    let link = connect(&Ssh::new(sshd.layout(), login, known), &sshd.endpoint("root")).await;
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert_eq!(whoami(&*link.unwrap()).await, "root");
}

#[tokio::test]
async fn refusals_say_what_was_tried() {
    let sshd = Sshd::start(&["ed25519"], "PasswordAuthentication no\nKbdInteractiveAuthentication no");
    let known = sshd.known(&["ed25519"]);
    let login = Login { agent: Some("/nonexistent/agent".into()), password: true, prompt: teller(Some(PASSWORD)), ..sshd.login("stranger") };
    let error = refused(&Ssh::new(sshd.layout(), login, known.clone()), &sshd.endpoint("root")).await;
    let ConnectError::Auth { tried, accepted, .. } = &error else { panic!("{error:?}") };
    assert!(tried[0].starts_with("key ") && tried[0].contains("SHA256:") && tried[0].ends_with("refused"), "{tried:?}");
    assert!(tried[1].starts_with("agent /nonexistent/agent: "), "{tried:?}");
    assert_eq!((tried.len(), accepted.as_slice(), error.code()), (2, &["publickey".to_owned()][..], "node.auth-refused"));
    // Named by the operator, and not there: not silently passed over. Guessed: passed over.
    let error = refused(&Ssh::new(sshd.layout(), sshd.login("missing"), known.clone()), &sshd.endpoint("root")).await;
    assert!(matches!(&error, ConnectError::Setup { reason, .. } if reason.contains("missing")), "{error}");
    let guessed = Login { identities: vec![Identity::File { path: sshd.at("missing"), explicit: false }, Identity::File { path: sshd.at("rsa"), explicit: false }], ..sshd.login("rsa") };
    connect(&Ssh::new(sshd.layout(), guessed, known), &sshd.endpoint("root")).await.unwrap();
}

#[tokio::test]
async fn passwords_go_to_pinned_hosts_only() {
    for (kind, config) in [("password", "UsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no"), ("keyboard-interactive", "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes")] {
        let sshd = Sshd::start(&["ed25519"], config);
        let login = |answer| {
            let prompt = teller(answer);
            (Login { identities: vec![], agent: None, password: true, prompt: prompt.clone() }, prompt)
        };
        let (good, prompt) = login(Some(PASSWORD));
        let link = connect(&Ssh::new(sshd.layout(), good, sshd.known(&["ed25519"])), &sshd.endpoint("root")).await.unwrap_or_else(|error| panic!("{kind}: {error}\n{}", sshd.log()));
        assert_eq!(whoami(&*link).await, "root");
        assert_eq!(*prompt.asked.lock().unwrap(), [Wanted::Password { node: "n1".into(), user: "root".into() }]);
        let (wrong, _) = login(Some("wrong"));
        let error = refused(&Ssh::new(sshd.layout(), wrong, sshd.known(&["ed25519"])), &sshd.endpoint("root")).await;
        assert!(matches!(&error, ConnectError::Auth { tried, .. } if tried[0].starts_with("password")), "{kind}: {error}");
        let (none, prompt) = login(Some(PASSWORD));
        let error = refused(&Ssh::new(sshd.layout(), none, KnownHosts::default()), &sshd.endpoint("root")).await;
        assert_eq!(error.code(), "node.host-key-unknown");
        assert!(prompt.asked.lock().unwrap().is_empty(), "nobody was asked");
    }
}

#[tokio::test]
async fn host_keys_are_strict() {
    let sshd = Sshd::start(&["ed25519", "rsa"], "");
    let endpoint = sshd.endpoint("root");
    let connect_with = |known: KnownHosts| {
        let ssh = Ssh::new(sshd.layout(), sshd.login("ed25519"), known);
        let endpoint = endpoint.clone();
        async move { connect(&ssh, &endpoint).await.map(|_| ()) }
    };
    // Whichever is pinned is the one that is asked for.
    connect_with(sshd.known(&["rsa"])).await.unwrap();
    connect_with(sshd.known(&["ed25519", "rsa"])).await.unwrap();
    let error = connect_with(KnownHosts::default()).await.unwrap_err();
    assert_eq!(error.code(), "node.host-key-unknown");
    assert!(error.to_string().contains(&sshd.host_key("ed25519").fingerprint()), "{error}");

    let mut other = KnownHosts::parse("# first line\n").unwrap();
    other.add("127.0.0.1", sshd.port, &sshd::read_key(&sshd.at("stranger.pub")), "n1");
    let error = connect_with(other).await.unwrap_err();
    let ConnectError::HostKey { trouble: HostKeyTrouble::Changed { line, pinned, fingerprint, .. }, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*line, fingerprint), (2, &sshd.host_key("ed25519").fingerprint()));
    assert!(pinned[0].contains(&sshd::read_key(&sshd.at("stranger.pub")).fingerprint()));
    assert!(!error.retryable());

    // A pin of a kind it no longer has is a changed key as well.
    keygen(&sshd.at("ecdsa"), "ecdsa", "");
    let mut other = KnownHosts::default();
    other.add("127.0.0.1", sshd.port, &sshd::read_key(&sshd.at("ecdsa.pub")), "n1");
    let error = connect_with(other).await.unwrap_err();
    assert_eq!(error.code(), "node.host-key-changed", "{error}");
    assert!(error.to_string().contains(&sshd.host_key("ed25519").fingerprint()), "{error}");

    let key = sshd.host_key("ed25519");
    let text = sshd.known(&["ed25519"]).text();
    let error = connect_with(KnownHosts::parse(&format!("{text}@revoked {text}")).unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "node.host-key-revoked");

    let keys = Ssh::new(sshd.layout(), Login::with_files([]), KnownHosts::default()).host_keys(&endpoint).await.unwrap();
    assert_eq!(keys, [key.clone(), sshd.host_key("rsa")]);
    // As ssh-keygen says it.
    let said = run("ssh-keygen", &["-l", "-f", sshd.at("host_ed25519.pub").to_str().unwrap()]);
    assert!(said.contains(&key.fingerprint()));
    assert_eq!(sshd.known(&["ed25519"]).check("127.0.0.1", sshd.port, &key), Verdict::Pinned);
    // And a file that ssh-keygen hashed.
    fs::write(sshd.at("known"), &text).unwrap();
    run("ssh-keygen", &["-H", "-f", sshd.at("known").to_str().unwrap()]);
    let hashed = KnownHosts::load(&sshd.at("known")).unwrap();
    assert!(hashed.text().starts_with("|1|"));
    assert_eq!(hashed.check("127.0.0.1", sshd.port, &key), Verdict::Pinned);
}

#[tokio::test]
async fn sudo_in_all_its_moods() {
    let sshd = Sshd::start(&["ed25519"], "");
    let known = sshd.known(&["ed25519"]);
    let with = |answer: Option<&'static str>| {
        let prompt = teller(answer);
        (Ssh::new(sshd.layout(), Login { prompt: prompt.clone(), ..sshd.login("ed25519") }, known.clone()), prompt)
    };
    let (ssh, prompt) = with(Some(PASSWORD));
    let link = connect(&ssh, &sshd.endpoint("ops")).await.unwrap();
    for _ in 0..3 {
        assert_eq!(whoami(&*link).await, "root");
    }
    assert!(prompt.asked.lock().unwrap().is_empty(), "sudo did not ask, so nobody else is asked");

    let (ssh, prompt) = with(Some(PASSWORD));
    let link = connect(&ssh, &sshd.endpoint("asked")).await.unwrap();
    for _ in 0..3 {
        assert_eq!(whoami(&*link).await, "root");
    }
    assert!(prompt.asked.lock().unwrap().iter().all(|wanted| *wanted == Wanted::Sudo { node: "n1".into(), user: "asked".into() }));

    let (ssh, _) = with(Some("wrong"));
    assert_eq!(refused(&ssh, &sshd.endpoint("asked")).await.code(), "node.sudo-refused");
    let (ssh, _) = with(None);
    let error = refused(&ssh, &sshd.endpoint("asked")).await;
    assert_eq!(error.code(), "node.no-sudo", "{error}");
    let (ssh, _) = with(Some(PASSWORD));
    let error = refused(&ssh, &sshd.endpoint("nosudo")).await;
    assert_eq!(error.code(), "node.no-sudo", "{error}");
    assert!(error.to_string().contains("may not become root"), "{error}");
}

#[tokio::test]
async fn many_at_once_and_large() {
    // Fewer sessions than most servers allow.
    let sshd = Sshd::start(&["ed25519"], "MaxSessions 5");
    let ssh = Ssh::new(sshd.layout(), sshd.login("ed25519"), sshd.known(&["ed25519"]));
    let link = connect(&ssh, &sshd.endpoint("root")).await.unwrap();
    // More than a connection has sessions: the rest waits.
    let all = (0..30).map(|n| {
        let link = link.clone();
        tokio::spawn(async move {
            let report = link.run(&Batch { tasks: vec![task("t", command(&["sh", "-c", &format!("sleep 0.1; echo {n}")]))], ..Batch::default() }, &mut Quiet).await.unwrap();
            assert_eq!(done(&report.outcomes[0]), format!("{n}\n").into_bytes());
        })
    });
    for one in futures::future::join_all(all).await {
        one.unwrap();
    }
    let bytes: Vec<u8> = (0..2_500_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let path = sshd.at("big").to_str().unwrap().to_owned();
    let batch = Batch {
        tasks: vec![task("w", common::write(&path, bytes.clone(), arcus_node::Expect::Absent))],
        looks: vec![Look::Content { path: path.clone(), limit: 1 << 30 }, Look::Content { path: path.clone(), limit: 1 << 20 }, Look::Probe(Probe::Clock)],
        ..Batch::default()
    };
    let report = link.run(&batch, &mut Quiet).await.unwrap();
    done(&report.outcomes[0]);
    let Ok(Seen::Content(Some(content))) = &report.answers[0] else { panic!() };
    assert!(content.bytes.reveal() == bytes, "10 MB there and back");
    assert_eq!(report.answers[1].as_ref().unwrap_err().code, "node.truncated");
    let Ok(Seen::Fact(Fact::Clock(clock))) = &report.answers[2] else { panic!("{:?}", report.answers[2]) };
    assert!(clock.offset_ms.unsigned_abs() <= u64::from(clock.error_ms) + 2, "{clock:?}");
    // A child that does not read what it is given ends nothing but itself.
    let report = link
        .run(
            &Batch {
                tasks: vec![task("t", Change::Command { argv: vec!["true".into()], stdin: bytes[..1_000_000].to_vec().into(), status_lies: false }), task("u", command(&["echo", "on"]))],
                ..Batch::default()
            },
            &mut Quiet,
        )
        .await
        .unwrap();
    assert_eq!(done(&report.outcomes[1]), b"on\n");
}

#[tokio::test]
async fn through_a_bastion() {
    let (bastion, target) = (Sshd::start(&["ed25519"], ""), Sshd::start(&["ed25519"], ""));
    let mut known = target.known(&["ed25519"]);
    let hop = Arc::new(Endpoint { name: "jump".into(), ..bastion.endpoint("ops") });
    let endpoint = Endpoint { bastion: Some(hop.clone()), ..target.endpoint("root") };
    let login = Login { identities: [&bastion, &target].map(|sshd| Identity::File { path: sshd.at("ed25519"), explicit: true }).into(), ..bastion.login("ed25519") };
    // Its own key is checked too.
    let error = refused(&Ssh::new(target.layout(), login.clone(), known.clone()), &endpoint).await;
    assert_eq!(error.code(), "node.bastion");
    assert!(error.to_string().contains("jump") && error.help().contains("arcus trust jump"), "{error}: {}", error.help());

    known.add("127.0.0.1", bastion.port, &bastion.host_key("ed25519"), "jump");
    let ssh = Ssh::new(target.layout(), login.clone(), known.clone());
    let links = futures::future::join_all((0..12).map(|_| connect(&ssh, &endpoint))).await;
    for link in links {
        assert_eq!(whoami(&*link.unwrap()).await, "root");
    }
    assert_eq!(bastion.log().matches("Accepted publickey").count(), 1, "one connection to the bastion for all");
    assert_eq!(ssh.host_keys(&endpoint).await.unwrap(), [target.host_key("ed25519")]);
    let nobody = Endpoint { port: free_port(), ..endpoint.clone() };
    assert_eq!(refused(&ssh, &nobody).await.code(), "node.unreachable");
    let twice = Endpoint { bastion: Some(Arc::new(Endpoint { bastion: Some(hop), ..target.endpoint("root") })), ..endpoint };
    assert_eq!(refused(&ssh, &twice).await.code(), "node.setup");
}

/// A wire between us and the server that can be cut.
struct Wire {
    port: u16,
    cut: Arc<tokio::sync::Notify>,
    passed: Arc<AtomicUsize>,
}

impl Wire {
    async fn to(port: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), cut: Arc::default(), passed: Arc::default() };
        let (cut, passed) = (wire.cut.clone(), wire.passed.clone());
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                passed.fetch_add(1, Ordering::Relaxed);
                let cut = cut.clone();
                tokio::spawn(async move {
                    let mut far = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.notified() => {}
                    }
                });
            }
        });
        wire
    }
}

#[tokio::test]
async fn a_cut_link_is_told_and_ends_the_command() {
    let sshd = Sshd::start(&["ed25519"], "");
    let wire = Wire::to(sshd.port).await;
    let mut known = KnownHosts::default();
    known.add("127.0.0.1", wire.port, &sshd.host_key("ed25519"), "n1");
    let ssh = Ssh::new(sshd.layout(), sshd.login("ed25519"), known);
    let endpoint = Endpoint { port: wire.port, ..sshd.endpoint("root") };
    let link = connect(&ssh, &endpoint).await.unwrap();
    let (alive, after) = (sshd.at("alive"), sshd.at("after"));
    let beat = format!("while sleep 0.2; do date +%s%N >{}; done", alive.display());
    let mut long = task("long", command(&["sh", "-c", &beat]));
    long.timeout = Duration::from_secs(60);
    let batch = Batch { tasks: vec![task("first", command(&["true"])), long, task("after", command(&["touch", after.to_str().unwrap()]))], ..Batch::default() };
    let cut = wire.cut.clone();
    let lost = link
        .run(&batch, &mut |event| {
            if event == (Event::Begin { task: 1 }) {
                let cut = cut.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    cut.notify_waiters();
                });
            }
        })
        .await
        .unwrap_err();
    assert_eq!((lost.code, lost.open, lost.untouched, lost.outcomes.len()), ("node.lost", Some(1), false, 1), "{lost:?}");
    assert!(lost.outcomes[0].is_done() && link.is_lost());
    // Within seconds the command is gone, and nothing after it was begun.
    let begun = Instant::now();
    loop {
        let seen = fs::read(&alive).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        if fs::read(&alive).unwrap() == seen {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the command lives on");
    }
    assert!(!after.exists());
    let lost = link.look(vec![Look::Lock]).await.unwrap_err();
    assert!(lost.untouched && lost.code == "node.lost", "{lost:?}");
    assert_eq!(whoami(&*connect(&ssh, &endpoint).await.unwrap()).await, "root", "a new link goes on");
    assert_eq!(wire.passed.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn who_does_not_answer_is_told_apart() {
    let ssh = Ssh::new(Layout::new("x"), Login::with_files([]), KnownHosts::default());
    let at = |port| Endpoint { port, ..Endpoint::new("n1", "127.0.0.1") };
    let web = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (web_port, mute_port) = (web.local_addr().unwrap().port(), mute.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = web.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _ = stream.read(&mut [0; 100]).await;
        }
    });
    let begun = Instant::now();
    let (nobody, web, mute, nowhere) = (at(free_port()), at(web_port), at(mute_port), Endpoint::new("n1", "no-such-host.invalid"));
    let errors = futures::future::join4(refused(&ssh, &nobody), refused(&ssh, &web), refused(&ssh, &mute), refused(&ssh, &nowhere)).await;
    assert_eq!((errors.0.code(), errors.1.code(), errors.2.code(), errors.3.code()), ("node.refused", "node.handshake", "node.handshake", "node.unreachable"), "{errors:?}");
    assert!(begun.elapsed() < Duration::from_secs(17), "three tries end within 15 s: {:?}", begun.elapsed());
}
