//! An operator's place: a folder with a cluster file as it was pulled, a home with what is nobody else's, and the binary run there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use arcus_tests::{Ended, Running, arcus, root};
use serde_json::Value;

/// What lies in the home and is never to be seen.
pub const SECRET: &str = "precious-8d1f";

/// The place.
pub struct Desk(tempfile::TempDir);

impl Desk {
    /// Home and folder, both of nobody else.
    pub fn new() -> Result<Self> {
        let desk = Self(tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir()?);
        for folder in ["project", "home", "home/.ssh", "home/.aws"] {
            fs::create_dir(desk.path(folder))?;
        }
        for file in ["home/.ssh/id_rsa", "home/.aws/credentials"] {
            fs::write(desk.path(file), format!("{SECRET}\n"))?;
        }
        Ok(desk)
    }

    /// Something in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// As text.
    pub fn word(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file of the folder.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.path("project").join(name), text).context(name.to_owned())
    }

    /// The binary in the folder.
    pub fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(arcus()?);
        let tools = std::env::var_os("PATH").unwrap_or_default();
        command.current_dir(self.path("project")).env_clear().env("PATH", tools).env("HOME", self.path("home")).env("LANG", "C.UTF-8");
        command.env("XDG_CACHE_HOME", root().join("target/tests/cache")).env("ARCUS_SECRET_EXDB", SECRET);
        command.args(words).stdin(Stdio::null());
        Ok(command)
    }

    /// The same, for people.
    pub fn shown(&self, words: &[&str]) -> Result<Ended> {
        Running::start(words.join(" "), &mut self.command(words)?)?.end(Duration::from_secs(200))
    }

    /// The same, and what it printed as JSON.
    pub fn run(&self, words: &[&str]) -> Result<(Ended, Value)> {
        let ended = self.shown(&[words, &["-o", "json"]].concat())?;
        let printed = serde_json::from_str(&ended.stdout).with_context(|| format!("{words:?} printed no JSON:\n{}\n{}", ended.stdout, ended.stderr))?;
        Ok((ended, printed))
    }
}

/// All errors, whatever they are about.
pub fn errors(printed: &Value) -> Vec<Value> {
    ["troubles", "diagnostics"].iter().flat_map(|key| printed["error"][*key].as_array().cloned().unwrap_or_default()).collect()
}

/// Characters that a terminal obeys, or that turn a line around.
pub fn obeyed(text: &str) -> Option<char> {
    text.chars().find(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}'))
}
