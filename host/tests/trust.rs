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
        let config = format!("ListenAddress 127.0.0.1\nPort {}\nPidFile none\nUseDNS no\nHostKey {}\n", self.port, self.key().display());
        std::fs::write(self.folder.path().join("config"), config).unwrap();
        // Its own /run, since it wants a folder there.
        let script = "mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -f \"$1\"";
        let child = Command::new("unshare").args(["-m", "sh", "-c", script, "_"]).arg(self.folder.path().join("config")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
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
