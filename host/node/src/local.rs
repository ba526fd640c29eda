//! This machine, as a node: `sh` as a child process.
use std::io;
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::shell::{Broken, Drain, Feed, Piece, Shell, ShellLink, Shells};
use crate::{ConnectError, Endpoint, Layout, Link, Transport};

/// This machine, as whoever runs Arcus: no sudo.
#[derive(Debug, Clone)]
pub struct Local {
    layout: Layout,
    shell: Vec<String>,
}

impl Local {
    /// Through `sh`.
    pub fn new(layout: Layout) -> Self {
        Self { layout, shell: vec!["sh".into()] }
    }

    /// Through another shell (its command line up to `-s`), for tests of what the scripts rely on.
    pub fn with_shell(mut self, shell: &[&str]) -> Self {
        self.shell = shell.iter().map(|word| (*word).to_owned()).collect();
        self
    }
}

#[async_trait]
impl Transport for Local {
    async fn connect(&self, endpoint: &Endpoint) -> Result<Arc<dyn Link>, ConnectError> {
        Ok(ShellLink::new(&endpoint.name, &self.layout, Box::new(self.clone())))
    }
}

#[async_trait]
impl Shells for Local {
    async fn open(&self) -> Result<Shell, Broken> {
        let mut command = Command::new(&self.shell[0]);
        command.args(&self.shell[1..]).arg("-s");
        command.env_clear().env("PATH", crate::library::PATH).env("LC_ALL", "C");
        // What some tools want to know, and nothing else of ours.
        let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if root {
            command.env("HOME", "/root").env("USER", "root").env("LOGNAME", "root");
        } else {
            command.env("HOME", "/");
        }
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Broken { code: "node.no-shell", reason: format!("{} cannot be started: {error}", self.shell[0]) })?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
            return Err(Broken { code: "node.no-shell", reason: "a shell without pipes".into() });
        };
        Ok(Shell {
            feed: Box::new(LocalFeed(stdin)),
            drain: Box::new(LocalDrain { child, stdout: Some(stdout), stderr: Some(stderr) }),
            early: vec![],
        })
    }

    fn is_lost(&self) -> bool {
        false
    }

    async fn close(&self) {}
}

struct LocalFeed(ChildStdin);

#[async_trait]
impl Feed for LocalFeed {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }
}

struct LocalDrain {
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

#[async_trait]
impl Drain for LocalDrain {
    async fn next(&mut self) -> Option<Piece> {
        let (mut out, mut err) = ([0; 16 << 10], [0; 4 << 10]);
        loop {
            let read = match (&mut self.stdout, &mut self.stderr) {
                (Some(stdout), Some(stderr)) => tokio::select! {
                    read = stdout.read(&mut out) => (true, read),
                    read = stderr.read(&mut err) => (false, read),
                },
                (Some(stdout), None) => (true, stdout.read(&mut out).await),
                (None, Some(stderr)) => (false, stderr.read(&mut err).await),
                                (None, None) => {
                    let _ = self.child.wait().await;
                    return None;
                }
            };
            match read {
                (true, Ok(n)) if n > 0 => return Some(Piece::Out(out[..n].to_vec())),
                (false, Ok(n)) if n > 0 => return Some(Piece::Err(err[..n].to_vec())),
                (true, _) => self.stdout = None,
                (false, _) => self.stderr = None,
            }
        }
    }
}
