//! The manifest: what a plugin is and what it asks to be allowed, readable without running any of its code.
//!
//! Written as `manifest.toml` beside the crate, carried as JSON in the component's custom section [`SECTION`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::pattern;

/// Name of the component's custom section.
pub const SECTION: &str = "arcus:manifest";

/// The contract's version this build serves.
pub const CONTRACT: &str = "0.1";

/// What a plugin is and asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// `<concern>-<name>`, e.g. `storage-glusterfs`; `preflight` for the built-in inspection.
    pub name: String,
    /// Semantic version of the plugin.
    pub version: String,
    /// Which world it implements.
    pub concern: Concern,
    /// Version of the contract, e.g. `0.1`.
    pub contract: String,
    /// One sentence for `arcus plugin list`.
    pub summary: String,
    /// What it was tried on, e.g. `debian 12`; shown, never enforced.
    #[serde(default)]
    pub tested_on: Vec<String>,
    /// JSON Schema of its section of the cluster file.
    #[serde(default = "any_schema")]
    pub schema: serde_json::Value,
    /// What it asks to be allowed.
    #[serde(default)]
    pub grant: Grant,
}

fn any_schema() -> serde_json::Value {
    serde_json::json!({ "type": "object", "additionalProperties": false })
}

/// The worlds of `wit/worlds.wit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Concern {
    Preflight,
    Storage,
    Network,
    Gateway,
    Platform,
    Migration,
}

impl Concern {
    /// As written in the manifest and in the cluster file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Storage => "storage",
            Self::Network => "network",
            Self::Gateway => "gateway",
            Self::Platform => "platform",
            Self::Migration => "migration",
        }
    }
}

/// What a plugin may touch. Everything that is not named is denied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Grant {
    /// Roles of the nodes it may have steps on; words of the cluster file.
    pub roles: Vec<String>,
    /// Kinds of action: cases of the contract's `action`, without `wait` and `later`, which change nothing. `call` is the hatch: the plugin
    /// itself runs live on nodes of `roles` (which must be named then), and may run what is in `command`, read and write what is in `read` and
    /// `write`. What exports the hatch must ask for it, and what asks for it must export it.
    pub actions: Vec<String>,
    /// Paths it may read, each with all below it.
    pub read: Vec<String>,
    /// Paths it may write, create, mount on or remove, each with all below it.
    pub write: Vec<String>,
    /// Paths whose content no plugin, diff, journal or report ever shows.
    pub secret: Vec<String>,
    /// Packages, by plain name.
    pub packages: Vec<String>,
    /// systemd units, with suffix.
    pub services: Vec<String>,
    /// Files of the operator it may put on nodes, by name.
    pub artifacts: Vec<String>,
    /// Commands that change something.
    pub command: Vec<Command>,
    /// Commands that only read.
    pub query: Vec<Query>,
    /// Secrets, by name.
    pub secrets: BTreeMap<String, Secret>,
}

/// A command that steps may run, or the plugin itself while it runs live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Command {
    /// Program and arguments with typed holes; see [`crate::pattern`].
    pub argv: Vec<String>,
    /// Groups of words of which any may follow, each once.
    #[serde(default)]
    pub options: Vec<Vec<String>>,
    /// What it is fed: literal text with typed holes inside. None: nothing.
    #[serde(default)]
    pub stdin: Option<String>,
}

/// A command that only reads. That it does is the operator's trust in this line, not construction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Query {
    /// How requests name it.
    pub id: String,
    /// Program and arguments with typed holes, filled by the request's arguments in order.
    pub argv: Vec<String>,
    /// What it is fed; its holes are filled after those of `argv`.
    #[serde(default)]
    pub stdin: Option<String>,
    /// JSON pointers taken out of its output before anyone sees it, e.g. `/root_pass`. When it is not JSON, all of it is.
    #[serde(default)]
    pub redact: Vec<String>,
    /// Seconds it may take.
    #[serde(default = "ten")]
    pub timeout_s: u32,
}

impl Query {
    /// The command with a request's arguments in its holes, and what it is fed (nothing when empty).
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn filled(&self, args: &[String]) -> Result<(Vec<String>, String), String> {
        let repeats = self.argv.iter().any(|word| word.ends_with(">..."));
        let split = if repeats { args.len() } else { pattern::holes(&self.argv).min(args.len()) };
        let (head, tail) = args.split_at(split);
        let argv = pattern::fill(&self.argv, head)?;
        let stdin = match &self.stdin {
            Some(stdin) => pattern::fill_text(stdin, tail)?,
            None if tail.is_empty() => String::new(),
            None => return Err("it has more arguments than holes".into()),
        };
        Ok((argv, stdin))
    }
}

fn ten() -> u32 {
    10
}

/// Where a secret's value comes from. Its value is never in a plan, a file of the operator's, or a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "origin", deny_unknown_fields)]
pub enum Secret {
    /// The operator binds it: environment, file or prompt.
    Operator,
    /// Made once by the host, kept on the nodes that use it, read back from all of them.
    Generated {
        /// Characters.
        length: usize,
        /// Which characters; letters and digits when absent.
        #[serde(default)]
        alphabet: Option<String>,
    },
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON or TOML of this shape.
    #[error("the manifest does not parse: {0}")]
    Shape(String),
    /// A value that cannot be.
    #[error("the manifest's `{field}` is wrong: {reason}")]
    Value {
        /// Which field.
        field: String,
        /// What is wrong.
        reason: String,
    },
}

impl Manifest {
    /// Reads the custom section.
    ///
    /// # Errors
    /// When it is no JSON of this shape, or a value cannot be.
    pub fn parse(section: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(section).map_err(|error| ManifestError::Shape(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads `manifest.toml`.
    ///
    /// # Errors
    /// As [`Manifest::parse`].
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|error| ManifestError::Shape(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// What goes into the custom section.
    pub fn to_section(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest is plain data")
    }

    /// The query of this id.
    pub fn query(&self, id: &str) -> Option<&Query> {
        self.grant.query.iter().find(|query| query.id == id)
    }

    /// Whether it asks to run live on nodes.
    pub fn has_hatch(&self) -> bool {
        self.grant.actions.iter().any(|kind| kind == "call")
    }

    fn check(&self) -> Result<(), ManifestError> {
        let wrong = |field: &str, reason: String| Err(ManifestError::Value { field: field.to_owned(), reason });
        let plain = |text: &str| {
            !text.is_empty()
                && text.len() <= 64
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && text.starts_with(|c: char| c.is_ascii_lowercase())
        };
        if !plain(&self.name) {
            return wrong("name", format!("{:?} is not lower-case letters, digits and dashes", self.name));
        }
        let expected = format!("{}-", self.concern.as_str());
        let built_in = matches!(self.concern, Concern::Preflight | Concern::Migration);
        if !built_in && !self.name.starts_with(&expected) {
            return wrong("name", format!("{:?} does not begin with `{expected}`", self.name));
        }
        if self.contract != CONTRACT {
            return wrong("contract", format!("{:?} is not served; this Arcus serves {CONTRACT}", self.contract));
        }
        if self.summary.chars().any(char::is_control) || self.summary.len() > 200 {
            return wrong("summary", "it is longer than 200 characters or has control characters".into());
        }
        for kind in &self.grant.actions {
            if !ACTIONS.contains(&kind.as_str()) {
                return wrong("grant.actions", format!("{kind:?} is no action; known are {}", ACTIONS.join(", ")));
            }
        }
        if self.has_hatch() && (self.grant.roles.is_empty() || self.concern == Concern::Preflight) {
            return wrong("grant.actions", "what runs live (`call`) names the roles of its nodes in `roles`, and is no preflight".into());
        }
        for (field, paths) in [("read", &self.grant.read), ("write", &self.grant.write), ("secret", &self.grant.secret)] {
            if let Some(path) = paths.iter().find(|path| !pattern::is_under(path, "/")) {
                return wrong(&format!("grant.{field}"), format!("{path:?} is not an absolute, normal path"));
            }
        }
        for name in &self.grant.packages {
            let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b);
            if name.is_empty() || !name.bytes().all(ok) || !name.as_bytes()[0].is_ascii_alphanumeric() {
                return wrong("grant.packages", format!("{name:?} is not a plain package name"));
            }
        }
        for command in &self.grant.command {
            self.check_argv("grant.command", &command.argv, &command.options)?;
        }
        for query in &self.grant.query {
            self.check_argv("grant.query", &query.argv, &[])?;
        }
        Ok(())
    }

    fn check_argv(&self, field: &str, argv: &[String], options: &[Vec<String>]) -> Result<(), ManifestError> {
        let wrong = |reason: String| Err(ManifestError::Value { field: field.to_owned(), reason });
        let Some(program) = argv.first() else { return wrong("an argv is empty".into()) };
        if program.starts_with('<') {
            return wrong(format!("the program {program:?} must be literal"));
        }
        for words in std::iter::once(argv).chain(options.iter().map(Vec::as_slice)) {
            pattern::check(words).or_else(|error| wrong(error.to_string()))?;
        }
        let name = program.rsplit('/').next().unwrap_or(program);
        let holes = pattern::holes(argv) + options.iter().map(|words| pattern::holes(words)).sum::<usize>();
        if INTERPRETERS.contains(&name) && holes > 0 {
            return wrong(format!("{name} runs what it is told, so its words must all be literal"));
        }
        Ok(())
    }
}

/// Cases of `action` that a grant can name.
pub const ACTIONS: [&str; 12] = [
    "package", "directory", "file", "absent", "service", "mount", "unmount", "command", "job", "copy-tree", "fetch", "call",
];

/// Programs that run other programs: allowed only with every word literal.
const INTERPRETERS: [&str; 22] = [
    "sh", "bash", "dash", "ash", "busybox", "env", "sudo", "su", "xargs", "find", "awk", "perl", "python", "python3", "ssh",
    "nsenter", "chroot", "systemd-run", "eval", "timeout", "nohup", "setsid",
];

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "storage-x"
        version = "0.1.0"
        concern = "storage"
        contract = "0.1"
        summary = "A storage."
        [grant]
        roles = ["storage"]
        actions = ["package", "command"]
        packages = ["x-server"]
        [[grant.command]]
        argv = ["x", "probe", "<address>"]
        [grant.secrets.token]
        origin = "generated"
        length = 8
    "#;

    #[test]
    fn toml_and_section_say_the_same() {
        let manifest = Manifest::from_toml(GOOD).unwrap();
        assert_eq!(Manifest::parse(&manifest.to_section()).unwrap(), manifest);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (from, to, want) in [
            ("storage-x", "Storage X", "name"),
            ("contract = \"0.1\"", "contract = \"9.9\"", "contract"),
            ("\"package\", ", "\"reboot\", ", "grant.actions"),
            ("x-server", "http://x/y.deb", "grant.packages"),
            ("\"<address>\"", "\"<regex:.*>\"", "grant.command"),
            ("[\"x\", \"probe\"", "[\"sh\", \"-c\"", "grant.command"),
            ("roles = [\"storage\"]\n        actions = [\"package\", ", "actions = [\"call\", ", "grant.actions"),
        ] {
            let error = Manifest::from_toml(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(want), "{to}: {error}");
        }
        assert!(Manifest::from_toml(&format!("{GOOD}\nunknown = 1")).is_err());
    }
}
