//! The built binary, run in a folder of its own with an environment of its own.

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

#[allow(dead_code)]
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
