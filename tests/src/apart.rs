//! A network of its own, with this machine in it and nobody else.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Ends when it is dropped, or when this process ends, however it does.
pub struct Apart(Child);

impl Apart {
    /// Makes one in which this machine has these addresses, and those that begin with 127.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn new(addresses: &[&str]) -> Result<Self> {
        let mut script = String::from("ip link set lo up");
        for address in addresses {
            script += &format!(" && ip addr add {address}/32 dev lo");
        }
        // While its input is open, it lives.
        script += " && echo ready && exec cat";
        let child = Command::new("unshare").args(["--net", "sh", "-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("running unshare")?;
        let mut this = Self(child);
        let mut line = String::new();
        BufReader::new(this.0.stdout.take().context("no output")?).read_line(&mut line)?;
        ensure!(line.trim() == "ready", "the network was not made");
        Ok(this)
    }

    fn network(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// A program in it; the process started *is* the program.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.network())).arg("--").arg(program);
        command
    }

    /// Runs `f` in a thread of its own that is in it: sockets that it makes stay there.
    ///
    /// # Errors
    /// When it cannot be entered.
    pub fn inside<T: Send>(&self, f: impl FnOnce() -> T + Send) -> Result<T> {
        let network = File::open(self.network()).context("opening the network")?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || -> Result<T> {
                use std::os::fd::AsFd as _;
                move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).context("entering the network")?;
                Ok(f())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
