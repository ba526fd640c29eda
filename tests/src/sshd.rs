//! A real sshd of a test, on this machine, with keys of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// It ends with the test.
pub struct Sshd {
    folder: tempfile::TempDir,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    child: Child,
}

impl Sshd {
    /// Runs this for whatever is asked (a shell, when it is empty), after `prepare` in its own view of the file systems.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(shell: &str, prepare: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        for name in ["host", "key"] {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(at(name)).status()?;
            ensure!(made.success(), "this test needs ssh-keygen (apt-get install openssh-client)");
        }
        fs::copy(at("key.pub"), at("authorized_keys"))?;
        let mut config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nPidFile none\nUseDNS no\nStrictModes no\nPermitRootLogin yes\nHostKey {}\nAuthorizedKeysFile {}\n",
            at("host").display(),
            at("authorized_keys").display()
        );
        if !shell.is_empty() {
            fs::write(at("shell"), format!("#!/bin/sh\n{shell}\n"))?;
            fs::set_permissions(at("shell"), fs::Permissions::from_mode(0o755))?;
            config += &format!("ForceCommand {}\n", at("shell").display());
        }
        fs::write(at("config"), config)?;
        let script = format!("set -e; cd \"$1\"; mount --make-rprivate /; mount -t tmpfs tmpfs /run; mkdir /run/sshd; {prepare}\nexec /usr/sbin/sshd -D -E log -f config");
        let child = Command::new("unshare").args(["-m", "sh", "-c", &script, "_"]).arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("this test needs unshare of util-linux")?;
        let sshd = Self { folder, port, child };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(begun.elapsed() < Duration::from_secs(30), "sshd does not start: this test needs root and /usr/sbin/sshd (apt-get install openssh-server)");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(sshd)
    }

    /// The line of `known_hosts` with which it is trusted.
    ///
    /// # Errors
    /// When its key is gone.
    pub fn pin(&self) -> Result<String> {
        let key = fs::read_to_string(self.folder.path().join("host.pub"))?;
        Ok(format!("[127.0.0.1]:{} {key}", self.port))
    }

    /// The key that it lets in.
    #[must_use]
    pub fn key(&self) -> String {
        self.folder.path().join("key").display().to_string()
    }

    /// Runs a line in its view of the file systems.
    ///
    /// # Errors
    /// When that cannot be entered.
    pub fn within(&self, line: &str) -> Result<String> {
        let entered = Command::new("nsenter").args(["-m", "-t", &self.child.id().to_string(), "sh", "-c", line]).output().context("this test needs nsenter of util-linux")?;
        Ok(String::from_utf8_lossy(&entered.stdout).into_owned())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
