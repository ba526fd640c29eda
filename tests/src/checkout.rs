//! An operator's folder: a cluster file, the nodes' host keys, and the binary used in it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::{World, standin};

use crate::program::{Ended, Running};

/// A folder of its own with `cluster.yaml` and `known_hosts`, removed when dropped.
pub struct Checkout<'w> {
    world: &'w World,
    arcus: PathBuf,
    folder: tempfile::TempDir,
    /// What the operator keeps outside of the folder: approvals.
    side: tempfile::TempDir,
    login: Vec<OsString>,
    grctl: &'static str,
}

impl<'w> Checkout<'w> {
    /// Copies the file; host keys are the lab's, which made them (an operator runs `arcus trust`).
    ///
    /// # Errors
    /// When the folder cannot be made or the binary is not there.
    pub fn new(world: &'w World, file: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("arcus-checkout-").permissions(fs::Permissions::from_mode(0o700)).tempdir()?;
        fs::copy(file, folder.path().join("cluster.yaml")).with_context(|| format!("copying {}", file.display()))?;
        fs::copy(world.known_hosts(), folder.path().join("known_hosts")).context("copying the host keys")?;
        let side = tempfile::Builder::new().prefix("arcus-operator-").permissions(fs::Permissions::from_mode(0o700)).tempdir()?;
        let login = ["--identity".into(), world.key().into_os_string(), "--no-agent".into()].to_vec();
        Ok(Self { world, arcus: crate::arcus()?, folder, side, login, grctl: "grctl-5.1" })
    }

    /// With another binary, e.g. one as it is shipped.
    #[must_use]
    pub fn with_binary(mut self, arcus: PathBuf) -> Self {
        self.arcus = arcus;
        self
    }

    /// Logs in another way: these arguments instead of `--identity KEY --no-agent`.
    #[must_use]
    pub fn with_login<S: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.login = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// With another version's installer, by its stand-in's name.
    #[must_use]
    pub fn with_grctl(mut self, standin: &'static str) -> Self {
        self.grctl = standin;
        self
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The cluster file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("cluster.yaml")
    }

    /// What the cluster file says.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&self) -> Result<String> {
        fs::read_to_string(self.file()).context("reading the cluster file")
    }

    /// Writes the cluster file anew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, text: &str) -> Result<()> {
        fs::write(self.file(), text).context("writing the cluster file")
    }

    /// Replaces words in the cluster file that must be there.
    ///
    /// # Errors
    /// When they are not.
    pub fn replace(&self, from: &str, to: &str) -> Result<()> {
        let text = self.text()?;
        ensure!(text.contains(from), "the cluster file does not say {from:?}");
        self.write(&text.replacen(from, to, 1))
    }

    /// Takes a third party's component into the folder, as `NAME.wasm`, and lets the operator approve it. The cluster file must name it.
    ///
    /// # Errors
    /// When it is not approved then.
    pub fn approve(&self, name: &str, component: &Path) -> Result<()> {
        fs::copy(component, self.folder.path().join(name.split_once('-').map_or(name, |(_, own)| own)).with_extension("wasm")).with_context(|| component.display().to_string())?;
        let digest = approved(component)?;
        self.run(&["plugin", "approve", name, "--digest", &digest], Duration::from_secs(60))?.code(0).map(drop)
    }

    /// Deletes `.arcus/`, all that the tool keeps on the operator's side.
    ///
    /// # Errors
    /// When it is not there or cannot be removed.
    pub fn forget(&self) -> Result<()> {
        fs::remove_dir_all(self.folder.path().join(".arcus")).context("removing .arcus")
    }

    /// The command, as an operator in this folder would type it, from the lab's network.
    ///
    /// # Errors
    /// When the stand-in for grctl is not there.
    pub fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = self.world.operator(&self.arcus);
        let grctl = standin(self.grctl)?;
        command.current_dir(self.folder.path()).env_remove("SSH_AUTH_SOCK").env("XDG_CACHE_HOME", cache()).env("XDG_STATE_HOME", self.side.path()).env("NO_COLOR", "1");
        command.arg("-f").arg(self.file()).args(&self.login);
        command.arg("--artifact").arg(format!("grctl={}", grctl.display())).args(words).stdin(Stdio::null());
        Ok(command)
    }

    /// Runs it to its end, which must come within `limit`.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time.
    pub fn run(&self, words: &[&str], limit: Duration) -> Result<Ended> {
        self.start(words)?.end(limit)
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, words: &[&str]) -> Result<Running> {
        Running::start(words.join(" "), &mut self.command(words)?)
    }

    /// Runs it and gives what it printed as JSON; it must end with `code`.
    ///
    /// # Errors
    /// When it ends otherwise, or prints something else.
    pub fn json(&self, words: &[&str], code: i32, limit: Duration) -> Result<serde_json::Value> {
        let ended = self.run(&[&["-o", "json"], words].concat(), limit)?.code(code)?;
        serde_json::from_str(&ended.stdout).with_context(|| format!("no JSON:\n{}", ended.stdout))
    }

    /// What a plan has to do, and what is for later: a line for each, with its reason.
    ///
    /// # Errors
    /// When there is no plan.
    pub fn planned(&self, limit: Duration) -> Result<(Vec<String>, Vec<String>)> {
        self.planned_with(&[], limit)
    }

    fn planned_with(&self, words: &[&str], limit: Duration) -> Result<(Vec<String>, Vec<String>)> {
        let plan = self.json(&[words, &["plan"]].concat(), 0, limit)?;
        let line = |step: &serde_json::Value| {
            let of = |key: &str| step[key].as_str().unwrap_or_default();
            format!("{}  {}, of {}: {}", of("node"), of("title"), of("plugin"), of("why"))
        };
        let lines = |key: &str| plan[key].as_array().map(|steps| steps.iter().map(line).collect()).with_context(|| format!("the plan has no {key}"));
        Ok((lines("steps")?, lines("later")?))
    }

    /// A plan is empty. Where it is not, the error tells what is left; `when` says what was before.
    ///
    /// # Errors
    /// When something is left, or there is no plan.
    pub fn nothing_is_left(&self, when: &str, limit: Duration) -> Result<()> {
        self.nothing_is_left_with(&[], when, limit)
    }

    /// The same, with these words before the verb.
    ///
    /// # Errors
    /// When something is left, or there is no plan.
    pub fn nothing_is_left_with(&self, words: &[&str], when: &str, limit: Duration) -> Result<()> {
        let (steps, later) = self.planned_with(words, limit)?;
        ensure!(steps.is_empty() && later.is_empty(), "{when}, this is left:\n  {}", [steps, later].concat().join("\n  "));
        Ok(())
    }

    /// Checks that did not pass, as `id@node` or, of the whole cluster, `id`: as they are now.
    ///
    /// # Errors
    /// When nothing could be checked.
    pub fn failing(&self, limit: Duration) -> Result<Vec<String>> {
        let ended = self.run(&["-o", "json", "verify", "--no-wait"], limit)?;
        let printed: serde_json::Value = serde_json::from_str(&ended.stdout).with_context(|| format!("no JSON:\n{}{}", ended.stdout, ended.stderr))?;
        let checks = printed["checks"].as_array().filter(|checks| !checks.is_empty()).with_context(|| format!("nothing was checked: {printed:#}"))?;
        let bad = checks.iter().filter(|check| !matches!(check["result"].as_str(), Some("passed" | "warned")));
        let names: Vec<String> = bad.map(name).collect();
        ensure!(ended.status.success() == names.is_empty(), "it ended with {}, and {names:?} did not pass", ended.status);
        Ok(names)
    }

    /// Applies (with these words, too), verifies, and plans again: nothing is left.
    ///
    /// # Errors
    /// When one of these goes wrong, or something is left.
    pub fn converged(&self, words: &[&str], limit: Duration) -> Result<()> {
        self.run(&[&["apply", "--yes", "--no-verify"], words].concat(), limit)?.code(0)?;
        self.run(&["verify"], limit)?.code(0)?;
        self.nothing_is_left("applied and verified", limit)
    }
}

/// What `plugin approve --digest` takes for a component.
///
/// # Errors
/// When it cannot be read.
pub fn approved(component: &Path) -> Result<String> {
    use sha2::Digest as _;
    let bytes = fs::read(component).with_context(|| component.display().to_string())?;
    Ok(sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A check, for people.
fn name(check: &serde_json::Value) -> String {
    let id = check["id"].as_str().unwrap_or_default();
    match check["node"].as_str() {
        Some(node) => format!("{id}@{node}"),
        None => id.to_owned(),
    }
}

/// Compiled plugins are kept here for all tests, as an operator's are.
fn cache() -> PathBuf {
    crate::root().join("target/tests/cache")
}
