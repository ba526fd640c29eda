//! The built binary, run in a folder of its own with an environment of its own.
// Each test binary uses a part of it.
#![allow(dead_code)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing that is tested here takes longer, except compiling plugins for the first time.
const DEADLINE: Duration = Duration::from_secs(120);

/// A folder for one test.
pub struct Folder(tempfile::TempDir);

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a cluster file.
    pub fn with(text: &str) -> Self {
        let folder = Self::new();
        folder.write("cluster.yaml", text);
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[], "")
    }

    /// Runs it without a terminal.
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_arcus"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("LANG", "C.UTF-8")
            .env("XDG_CACHE_HOME", cache())
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let id = rustix::process::Pid::from_child(&child);
        let (tell, told) = std::sync::mpsc::channel::<()>();
        let watchdog = std::thread::spawn(move || {
            if told.recv_timeout(DEADLINE).is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout) {
                let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
            }
        });
        let begun = Instant::now();
        let output = child.wait_with_output().unwrap();
        drop(tell);
        watchdog.join().unwrap();
        assert!(begun.elapsed() < DEADLINE, "arcus {arguments:?} hung");
        Ran { code: output.status.code().unwrap_or(-1), out: String::from_utf8(output.stdout).unwrap(), err: String::from_utf8(output.stderr).unwrap() }
    }
}

/// A terminal with a person at it.
pub struct Terminal {
    person: std::fs::File,
    child: std::process::Child,
    seen: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Folder {
    /// Runs it on a terminal of its own, stdout as well.
    pub fn on_terminal(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Terminal {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
        rustix::termios::tcsetwinsize(&person, rustix::termios::Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let open = || std::fs::OpenOptions::new().read(true).write(true).open(&name).unwrap();
        // With the terminal as its own, so that Ctrl-C reaches it and passwords can be asked for.
        let child = Command::new("setsid")
            .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_arcus")])
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.0.path())
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .env("XDG_CACHE_HOME", cache())
            .envs(environment.iter().copied())
            .stdin(open())
            .stdout(open())
            .stderr(open())
            .spawn()
            .expect("setsid of util-linux is needed");
        let person = std::fs::File::from(person);
        let seen = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let (mut reader, sink) = (person.try_clone().unwrap(), seen.clone());
        std::thread::spawn(move || {
            use std::io::Read as _;
            let mut buffer = [0_u8; 4096];
            // Ends with an error once nobody is on the other side.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                sink.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Terminal { person, child, seen }
    }
}

impl Terminal {
    /// What is on it so far.
    pub fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it shows this.
    pub fn until(&self, text: &str) {
        let begun = Instant::now();
        while !self.seen().contains(text) {
            assert!(begun.elapsed() < Duration::from_secs(60), "`{text}` is not shown: {}", self.seen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Types.
    pub fn types(&mut self, text: &str) {
        self.person.write_all(text.as_bytes()).unwrap();
    }

    /// Whether what is typed is shown.
    pub fn echoes(&self) -> bool {
        rustix::termios::tcgetattr(&self.person).unwrap().local_modes.contains(rustix::termios::LocalModes::ECHO)
    }

    /// Waits for the end, and gives the exit code.
    pub fn ends(&mut self) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            if begun.elapsed() > Duration::from_secs(60) {
                self.child.kill().unwrap();
                panic!("it does not end: {}", self.seen());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Compiled plugins are shared by all tests, so that they are compiled once. Not the operator's own cache.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// A file without mistakes. Nobody answers there.
pub const GOOD: &str = "\
cluster:
  name: demo
  id: 4f1c2f0e-7d57-4c9e-9c5e-3b1d6c1e9a01
nodes:
  - { name: manage01, address: 10.99.0.11, ssh: { address: 127.99.0.11, port: 9 }, roles: [manage, gateway] }
  - { name: compute01, address: 10.99.0.21, ssh: { address: 127.99.0.21, port: 9 }, roles: [compute] }
  - { name: compute02, address: 10.99.0.22, ssh: { address: 127.99.0.22, port: 9 }, roles: [compute] }
";
