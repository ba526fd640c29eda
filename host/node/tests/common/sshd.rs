//! A private OpenSSH server on this machine, in a mount namespace with users of its own; it goes when the test does.
#![allow(dead_code)]
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arcus_node::{Endpoint, HostKey, KnownHosts, Layout, Login};
use base64::Engine as _;

pub struct Sshd {
    pub folder: tempfile::TempDir,
    pub port: u16,
    child: Child,
}

/// Password of `ops`, `asked` and `nobody2`.
pub const PASSWORD: &str = "corr'ect horse";

pub fn run(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

pub fn keygen(path: &Path, kind: &str, passphrase: &str) {
    let bits: &[&str] = if kind == "rsa" { &["-b", "2048"] } else { &[] };
    run("ssh-keygen", &[bits, &["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path.to_str().unwrap()]].concat());
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Sshd {
    /// With these host keys, and these lines of configuration before ours.
    pub fn start(kinds: &[&str], config: &str) -> Self {
        crate::common::need::need(&[("sshd", "openssh-server"), ("sudo", "sudo"), ("perl", "perl-base"), ("ssh-keygen", "openssh-client"), ("unshare", "util-linux")]);
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        let mut text = format!("{config}\nListenAddress 127.0.0.1\nPort {port}\nPidFile none\nUseDNS no\nStrictModes no\nPermitRootLogin yes\nMaxStartups 200\nLogLevel VERBOSE\nAuthorizedKeysFile {}\n", at("authorized_keys").display());
        for kind in kinds {
            keygen(&at(&format!("host_{kind}")), kind, "");
            text += &format!("HostKey {}\n", at(&format!("host_{kind}")).display());
        }
        for kind in ["ed25519", "rsa"] {
            keygen(&at(kind), kind, "");
        }
        keygen(&at("closed"), "ed25519", "pass phrase");
        keygen(&at("stranger"), "ed25519", "");
        let keys: String = ["ed25519.pub", "rsa.pub", "closed.pub"].map(|name| fs::read_to_string(at(name)).unwrap()).concat();
        fs::write(at("authorized_keys"), keys).unwrap();
        fs::set_permissions(at("authorized_keys"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(at("sshd_config"), text).unwrap();

        // Users: root with a home of its own, one with free sudo, one that is asked, one that may not.
        let home = at("home");
        fs::create_dir(&home).unwrap();
        fs::write(home.join(".bashrc"), "echo noise of a bashrc; printf '@0 h 0 0 0\\n'\n").unwrap();
        let hash = run("perl", &["-e", "print crypt($ARGV[0], '$6$salt$')", PASSWORD]);
        let mut passwd = fs::read_to_string("/etc/passwd").unwrap().lines().filter(|line| !line.starts_with("root:")).map(|line| format!("{line}\n")).collect::<String>();
        let mut shadow = fs::read_to_string("/etc/shadow").unwrap().lines().filter(|line| !line.starts_with("root:")).map(|line| format!("{line}\n")).collect::<String>();
        passwd += &format!("root:x:0:0:root:{}:/bin/bash\n", home.display());
        shadow += &format!("root:{hash}:19000:0:99999:7:::\n");
        for (index, user) in ["ops", "asked", "nosudo"].iter().enumerate() {
            passwd += &format!("{user}:x:{}:65534:{user}:/:/bin/sh\n", 7001 + index);
            shadow += &format!("{user}:{hash}:19000:0:99999:7:::\n");
        }
        fs::write(at("passwd"), passwd).unwrap();
        fs::write(at("shadow"), shadow).unwrap();
        fs::write(at("sudoers"), "Defaults !fqdn\nroot ALL=(ALL) ALL\nops ALL=(ALL) NOPASSWD: ALL\nasked ALL=(ALL) ALL\n").unwrap();
        fs::set_permissions(at("sudoers"), fs::Permissions::from_mode(0o440)).unwrap();
        let script = "set -e; cd \"$1\"; mount --make-rprivate /; mount -t tmpfs tmpfs /run; mkdir /run/sshd; for f in passwd shadow sudoers; do mount --bind $f /etc/$f; done; : >policy; mount --bind policy /etc/nologin 2>/dev/null || true; exec /usr/sbin/sshd -D -e -f sshd_config";
        let mut child = Command::new("unshare").args(["-m", "sh", "-c", script, "_", folder.path().to_str().unwrap()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = at("log");
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            use std::io::Write as _;
            let mut file = fs::File::create(log).unwrap();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = writeln!(file, "{line}");
            }
        });
        let sshd = Self { folder, port, child };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "sshd does not start: {}", sshd.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        sshd
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    pub fn endpoint(&self, user: &str) -> Endpoint {
        Endpoint { port: self.port, user: user.into(), ..Endpoint::new("n1", "127.0.0.1") }
    }

    pub fn layout(&self) -> Layout {
        Layout::below(self.folder.path().to_str().unwrap())
    }

    pub fn login(&self, key: &str) -> Login {
        Login::with_files([self.at(key)])
    }

    pub fn host_key(&self, kind: &str) -> HostKey {
        read_key(&self.at(&format!("host_{kind}.pub")))
    }

    /// Pins for a host, of these keys.
    pub fn known(&self, kinds: &[&str]) -> KnownHosts {
        let mut known = KnownHosts::default();
        for kind in kinds {
            known.add("127.0.0.1", self.port, &self.host_key(kind), "n1");
        }
        known
    }
}

pub fn read_key(path: &Path) -> HostKey {
    let text = fs::read_to_string(path).unwrap();
    let mut words = text.split(' ');
    let algorithm = words.next().unwrap().to_owned();
    HostKey { algorithm, blob: base64::engine::general_purpose::STANDARD.decode(words.next().unwrap()).unwrap() }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
