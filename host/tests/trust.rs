//! `arcus trust` against a real sshd: what is shown, what is pinned, and what never is.

mod common;

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::Folder;

/// An OpenSSH server that knows nobody; it goes with the test.
struct Sshd {
    folder: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Sshd {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut sshd = Self { folder, port, child: None };
        sshd.new_key();
        sshd.restart();
        sshd
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    /// As after a reinstallation.
    fn new_key(&self) {
        let _ = std::fs::remove_file(self.key());
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(self.key()).stdin(Stdio::null()).status();
        assert!(made.is_ok_and(|status| status.success()), "this test needs ssh-keygen (apt-get install openssh-client)");
    }

    fn restart(&mut self) {
        self.stop();
        let config = format!("ListenAddress 127.0.0.1\nPort {}\nPidFile none\nUseDNS no\nLogLevel VERBOSE\nHostKey {}\n", self.port, self.key().display());
        std::fs::write(self.folder.path().join("config"), config).unwrap();
        // Its own /run, since it wants a folder there.
        let script = "mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -E \"$2\" -f \"$1\"";
        let child = Command::new("unshare").args(["-m", "sh", "-c", script, "_"]).arg(self.folder.path().join("config")).arg(self.folder.path().join("log")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(child.expect("this test needs unshare of util-linux"));
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "sshd does not start: this test needs root and /usr/sbin/sshd (apt-get install openssh-server)");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// How many have connected so far.
    fn connections(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap().matches("Connection from").count()
    }

    fn fingerprint(&self) -> String {
        let out = Command::new("ssh-keygen").arg("-lf").arg(self.key()).output().unwrap();
        String::from_utf8(out.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    fn cluster(&self) -> Folder {
        Folder::with(&format!(
            "\
cluster:
  name: demo
  id: 4f1c2f0e-7d57-4c9e-9c5e-3b1d6c1e9a01
nodes:
  - {{ name: manage01, address: 10.99.0.11, ssh: {{ address: 127.0.0.1, port: {} }}, roles: [manage, gateway] }}
  - {{ name: compute01, address: 10.99.0.21, ssh: {{ address: 127.0.0.9, port: 9 }}, roles: [compute] }}
  - {{ name: compute02, address: 10.99.0.22, ssh: {{ address: 127.0.0.8, port: 9 }}, roles: [compute] }}
",
            self.port
        ))
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn state(folder: &Folder) -> String {
    let said = folder.run(&["trust", "manage01", "-o", "json"]).json();
    said["hosts"][0]["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn off_a_terminal_a_key_is_pinned_only_when_it_was_given() {
    let sshd = Sshd::start();
    let folder = sshd.cluster();
    let unconfirmed = folder.run(&["trust", "manage01", "-o", "json"]);
    let json = unconfirmed.json();
    assert_eq!((unconfirmed.code, &json["error"]["code"]), (3, &"trust.unconfirmed".into()), "{unconfirmed:?}");
    assert_eq!((&json["hosts"][0]["state"], &json["hosts"][0]["keys"][0]["fingerprint"]), (&"new".into(), &sshd.fingerprint().as_str().into()));
    assert!(!folder.path().join("known_hosts").exists());

    let wrong = folder.run(&["trust", "manage01", "--fingerprint", "manage01=SHA256:0000", "--accept", "host-keys", "-o", "json"]);
    assert_eq!((wrong.code, &wrong.json()["error"]["code"]), (4, &"trust.other-key".into()), "{wrong:?}");
    assert!(!folder.path().join("known_hosts").exists());

    let right = folder.run(&["trust", "manage01", "--fingerprint", &format!("manage01={}", sshd.fingerprint())]);
    assert_eq!(right.code, 0, "{right:?}");
    assert!(right.out.contains(&sshd.fingerprint()), "{right:?}");
    let pins = folder.read("known_hosts");
    assert!(pins.starts_with(&format!("[127.0.0.1]:{} ssh-ed25519 ", sshd.port)) && pins.contains("manage01 pinned by"), "{pins}");
    assert_eq!(state(&folder), "pinned");
    assert_eq!(folder.read("known_hosts"), pins);

    // A colleague's file proves it as well.
    let other = sshd.cluster();
    let from = folder.path().join("known_hosts");
    assert_eq!(other.run(&["trust", "manage01", "--from", from.to_str().unwrap()]).code, 0);
    assert_eq!(state(&other), "pinned");
}

#[test]
fn a_changed_key_stays_out_until_it_is_replaced_by_name() {
    let mut sshd = Sshd::start();
    let folder = sshd.cluster();
    assert_eq!(folder.run(&["trust", "manage01", "--accept", "host-keys"]).code, 0);
    let before = folder.read("known_hosts");
    let old = sshd.fingerprint();
    sshd.new_key();
    sshd.restart();
    let ran = folder.run(&["trust", "manage01", "--accept", "host-keys"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    for shown in ["CHANGED", old.as_str(), sshd.fingerprint().as_str(), "pinned by", "line 1"] {
        assert!(ran.out.contains(shown), "{shown}: {ran:?}");
    }
    assert!(ran.err.contains("arcus trust --replace manage01"), "{ran:?}");
    assert_eq!(folder.read("known_hosts"), before);
    // And nothing logs in there meanwhile.
    let status = folder.run(&["status", "-o", "json"]);
    assert_eq!((status.code, &status.json()["nodes"]["manage01"]["trouble"]["code"]), (4, &"node.host-key-changed".into()), "{status:?}");

    assert_eq!(folder.run(&["trust", "--replace", "manage01"]).code, 3, "nobody to confirm it");
    let replaced = folder.run(&["trust", "--replace", "manage01", "--fingerprint", &format!("manage01={}", sshd.fingerprint())]);
    assert_eq!(replaced.code, 0, "{replaced:?}");
    let after = folder.read("known_hosts");
    assert!(after.starts_with("# replaced by") && after.contains(before.trim()), "the old line stays as a comment: {after}");
    assert_eq!(state(&folder), "pinned");
}

#[test]
fn on_a_terminal_the_name_of_the_cluster_is_typed() {
    let sshd = Sshd::start();
    let folder = sshd.cluster();
    for (typed, code, pinned) in [("y\n", 2, false), ("\n", 2, false), ("demo\n", 0, true)] {
        let mut terminal = folder.on_terminal(&["trust", "manage01"], &[]);
        terminal.until("type the name of the cluster (demo):");
        assert!(terminal.seen().contains(&sshd.fingerprint()), "{}", terminal.seen());
        terminal.types(typed);
        assert_eq!(terminal.ends(), code, "{typed:?}: {}", terminal.seen());
        assert_eq!(folder.path().join("known_hosts").exists(), pinned);
    }
}

/// A pull request that brings a machine of its author's, with the pin that lets it in.
#[test]
fn a_pin_that_comes_with_the_folder_lets_nobody_in_whom_the_operator_has_not_met() {
    let (ours, theirs) = (Sshd::start(), Sshd::start());
    let folder = ours.cluster();
    let side = tempfile::tempdir().unwrap();
    let state = side.path().join("state");
    let run = |arguments: &[&str]| folder.run_with(&[arguments, &["-o", "json"]].concat(), &[("XDG_STATE_HOME", state.to_str().unwrap()), ("ARCUS_PASSWORD", "hunter2")], "");
    assert_eq!(run(&["trust", "manage01", "--fingerprint", &format!("manage01={}", ours.fingerprint())]).code, 0);
    assert_eq!(run(&["status"]).json()["nodes"]["manage01"]["trouble"]["code"], "node.auth-refused");

    // Nothing is said of a pin that was there from the beginning, whoever made it: the folder was taken as it is.
    let (file, pins) = (folder.read("cluster.yaml"), folder.read("known_hosts"));
    let theirs_pinned = {
        let other = theirs.cluster();
        assert_eq!(other.run(&["trust", "manage01", "--accept", "host-keys"]).code, 0);
        other.read("known_hosts")
    };
    let connections = theirs.connections();
    // An address of theirs for a machine of ours; a machine of theirs beside ours; their key for every address.
    let moved = file.replace(&format!("port: {}", ours.port), &format!("port: {}", theirs.port));
    let beside = format!("{file}  - {{ name: compute03, address: 10.99.0.23, ssh: {{ address: 127.0.0.1, port: {} }}, roles: [compute] }}\n", theirs.port);
    let jump = file.replace("nodes:", &format!("ssh: {{ bastion: jump, hosts: {{ jump: {{ address: 127.0.0.1, port: {} }} }} }}\nnodes:", theirs.port));
    let everywhere = theirs_pinned.split_once(' ').map(|(_, key)| format!("{pins}* {key}[127.0.0.1]:{} {key}", ours.port)).unwrap();
    for (name, file, pins) in [
        ("manage01", &moved, format!("{pins}{theirs_pinned}")),
        ("compute03", &beside, format!("{pins}{theirs_pinned}")),
        ("jump", &jump, format!("{pins}{theirs_pinned}")),
        ("manage01", &file, everywhere),
    ] {
        folder.write("cluster.yaml", file);
        folder.write("known_hosts", &pins);
        for verb in [&["plan"][..], &["status"], &["verify"], &["apply", "--yes"]] {
            let ran = run(verb);
            let error = &ran.json()["error"]["troubles"][0];
            assert_eq!((ran.code, &error["code"], &error["node"]), (3, &"trust.not-met".into(), &name.into()), "{verb:?} {ran:?}");
            assert!(error["message"].as_str().unwrap().contains(&theirs.fingerprint()) && error["help"].as_str().unwrap().contains(&format!("arcus trust {name}")), "{error}");
        }
    }
    assert_eq!(theirs.connections(), connections, "somebody was connected to");

    // It was right: the operator goes along with it, by its fingerprint.
    folder.write("cluster.yaml", &beside);
    folder.write("known_hosts", &format!("{pins}{theirs_pinned}"));
    let asked = run(&["trust", "compute03"]);
    assert_eq!((asked.code, &asked.json()["error"]["code"], &asked.json()["hosts"][0]["state"]), (3, &"trust.unconfirmed".into(), &"new".into()), "{asked:?}");
    assert_eq!(run(&["status"]).code, 3);
    assert_eq!(run(&["trust", "compute03", "--fingerprint", &format!("compute03={}", theirs.fingerprint())]).code, 0);
    assert_eq!(run(&["status"]).json()["nodes"]["compute03"]["trouble"]["code"], "node.auth-refused");
    // A colleague's own place knows nothing yet, and takes the folder as it is; one that others can write to is not believed.
    std::fs::set_permissions(state.join("arcus/met"), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let open = run(&["status"]);
    assert_eq!((open.code, &open.json()["error"]["code"]), (3, &"trust.met-unusable".into()), "{open:?}");
}
