//! The arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

/// From bare machines to a highly available Rainbond cluster, and the proof of it.
#[derive(Debug, Parser)]
#[command(name = "arcus", version, propagate_version = false, disable_help_subcommand = true, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 a step failed, 2 changes pending or outside what was approved, 3 bad input or preflight, \
4 a node was not reached, 5 locked, 6 verification or drill failed, 7 denied, 130 interrupted.";

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The cluster file
    #[arg(short, long, global = true, value_name = "FILE", default_value = "cluster.yaml", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// What stdout gets
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// Colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Colour,
    /// Tell more on stderr; twice: even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// No progress and no notes on stderr
    #[arg(short, long, global = true)]
    pub quiet: bool,
    #[command(flatten)]
    pub pace: Pace,
    #[command(flatten)]
    pub reach: Reach,
    #[command(flatten)]
    pub bind: Bind,
}

impl Format {
    /// As far as it can be told when the arguments as a whole make no sense.
    pub fn guessed(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Self {
        let words: Vec<String> = arguments.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let json = |at: usize, word: &String| match word.as_str() {
            "-o" | "--output" => words.get(at + 1).is_some_and(|next| next == "json"),
            _ => matches!(word.as_str(), "-ojson" | "-o=json" | "--output=json"),
        };
        if words.iter().enumerate().any(|(at, word)| json(at, word)) { Self::Json } else { Self::Text }
    }
}

/// How nodes are reached.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reaching nodes")]
pub struct Reach {
    /// A private key; may be given more than once. Without it: those in ~/.ssh [env: ARCUS_IDENTITY, separated by colons]
    #[arg(short, long = "identity", global = true, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub identities: Vec<PathBuf>,
    /// Do not use an ssh-agent
    #[arg(long, global = true, hide_short_help = true)]
    pub no_agent: bool,
    /// Ask for the password to log in with, where no key is accepted [env: ARCUS_PASSWORD]
    #[arg(long, global = true, hide_short_help = true, conflicts_with = "password_file")]
    pub ask_pass: bool,
    /// Read that password from the first line of a file
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// Ask for the password for sudo; without it, the one to log in with [env: ARCUS_SUDO_PASSWORD]
    #[arg(long, global = true, hide_short_help = true)]
    pub ask_sudo_pass: bool,
}

/// What the operator binds to the names in plugins.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Artifacts and secrets")]
pub struct Bind {
    /// The file a plugin calls NAME, to be put on nodes [env: ARCUS_ARTIFACT_NAME]
    #[arg(long = "artifact", global = true, hide_short_help = true, value_name = "NAME=PATH", value_hint = ValueHint::FilePath)]
    pub artifacts: Vec<String>,
    /// The secret a plugin calls NAME: env:VARIABLE, file:PATH or prompt [env: ARCUS_SECRET_NAME]
    #[arg(long = "secret", global = true, hide_short_help = true, value_name = "NAME=SOURCE")]
    pub secrets: Vec<String>,
}

/// How work is done.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Work")]
pub struct Pace {
    /// At most so many steps at the same time
    #[arg(short, long, global = true, hide_short_help = true, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: u16,
    /// Change something on these nodes only; all are looked at
    #[arg(long, global = true, hide_short_help = true, value_name = "NODE", value_delimiter = ',')]
    pub limit: Vec<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write a commented cluster.yaml to begin with
    Init(Init),
    /// Check the cluster file; connect to nobody
    Validate,
    /// Show the nodes' host keys, all at once, and pin them
    Trust(Trust),
    /// Can these machines become this cluster?
    Preflight,
    /// Show what would be done; change nothing
    Plan(Plan),
    /// Show what would be done, ask, do it, and verify
    Apply(Apply),
    /// Prove that the cluster is as it should be
    Verify(Verify),
    /// What is open, who works on it, what can be reached
    Status,
    /// Break something on purpose, see the cluster bear it, and take it back
    Drill(Drill),
    /// Make good a change of members that stopped half-way, so that those who were there before go on
    Mend(Carry),
    /// Move the shared directory to another storage, as `storage` in the cluster file says
    #[command(subcommand)]
    Migrate(Migrate),
    /// Nodes of the cluster
    #[command(subcommand)]
    Node(Node),
    /// Take the lock away from a run that is gone
    Unlock(Unlock),
    /// What earlier runs did
    Log(Log),
    /// Plugins: what there is, and what one asks for
    #[command(subcommand)]
    Plugin(Plugin),
    /// Print the JSON schema of the cluster file, for editors
    Schema,
    /// Print completions for a shell
    Completion {
        /// Which
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub struct Init {
    /// How the cluster is called; without it, as the folder
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct Trust {
    /// Only these nodes; without any, all
    #[arg(value_name = "NODE")]
    pub nodes: Vec<String>,
    /// Pin the new key of a node whose key has changed
    #[arg(long, value_name = "NODE")]
    pub replace: Vec<String>,
    /// Take pins from this file (in the form of known_hosts), as far as the nodes present those keys
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub from: Option<PathBuf>,
    /// Pin this key of a node without asking, e.g. manage01=SHA256:...
    #[arg(long = "fingerprint", value_name = "NODE=FINGERPRINT")]
    pub fingerprints: Vec<String>,
    /// `host-keys`: pin whatever the nodes present, without asking
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub accept: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Plan {
    /// Also save the plan, for `arcus apply FILE`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// End with 2 when there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub struct Apply {
    /// A saved plan: done without asking, if it still is the plan
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub saved: Option<PathBuf>,
    /// Do not ask. Approves neither what is destroyed nor a host key
    #[arg(short, long)]
    pub yes: bool,
    /// Accept a risk that the plan names: data-loss:VOLUME, quorum, blackout, live:PLUGIN
    #[arg(long, value_name = "RISK", value_delimiter = ',')]
    pub accept: Vec<String>,
    /// Do not verify afterwards
    #[arg(long)]
    pub no_verify: bool,
    /// Change things although many nodes cannot be reached
    #[arg(long)]
    pub despite_unreachable: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Look once: do not wait for what may settle by itself, which does not pass then
    #[arg(long)]
    pub no_wait: bool,
}

/// How a plan that is not the file's is carried out.
#[derive(Debug, Args)]
pub struct Carry {
    /// Do not ask. Approves nothing that is destroyed
    #[arg(short, long)]
    pub yes: bool,
    /// Accept a risk that the plan names: data-loss:VOLUME, quorum, blackout, live:PLUGIN
    #[arg(long, value_name = "RISK", value_delimiter = ',')]
    pub accept: Vec<String>,
    /// Change things although many nodes cannot be reached
    #[arg(long)]
    pub despite_unreachable: bool,
}

#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Copy, freeze, compare, switch, thaw; or go on with it
    Start(Carry),
    /// Where it stands: phase, who may write, how far, the way back
    Status,
    /// Back to the old storage: at once before the switch is through, by a migration in the other direction after it
    Rollback(Carry),
    /// Let go of the old storage: no way back
    Confirm(Carry),
}

#[derive(Debug, Subcommand)]
pub enum Node {
    /// Take a compute node or a gateway out: its work moved away, the others without it, then the machine. Of managers and
    /// storage nodes: how it is done by hand, with the real values
    Remove {
        /// The node, as in the cluster file
        #[arg(value_name = "NODE")]
        node: String,
        #[command(flatten)]
        carry: Carry,
    },
}

#[derive(Debug, Args)]
pub struct Drill {
    /// What: vip, gateway, storage, manager, all, or the beginning of a drill's name, e.g. vip-stop. `back` takes back what an earlier
    /// run left open, and does nothing else
    #[arg(value_name = "WHAT", required = true)]
    pub what: Vec<String>,
    /// Measure from there: a node of the cluster, or `controller`, this machine. What few can see is seen from one of them
    #[arg(long, value_name = "NODE")]
    pub vantage: Option<String>,
    /// Also cut the power: the program that does it, called as `COMMAND off|on NODE`. Split into words; no shell is involved
    #[arg(long, value_name = "COMMAND")]
    pub power_hook: Option<String>,
    /// Accept that users are cut off for a moment: blackout
    #[arg(long, value_name = "RISK", value_delimiter = ',')]
    pub accept: Vec<String>,
    /// Do not ask. Does not accept a blackout
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Unlock {
    /// The run that is known to be gone, by its id: without asking
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
}

#[derive(Debug, Args)]
pub struct Log {
    /// One run, step by step; without it, all runs
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// The plugins that come with this Arcus, and those of third parties in this cluster
    List,
    /// What a plugin is, and everything it asks to be allowed; runs no code of it
    Inspect {
        /// Name of a plugin, path of a component, or a place in a registry
        #[arg(value_name = "NAME|PATH|oci://…", value_hint = ValueHint::FilePath)]
        plugin: String,
    },
    /// Put a third party's plugin beside the cluster file, and pin it in arcus.lock
    Add {
        /// A component, a folder with one in it, a bundle, or a place in a registry: oci://HOST/REPOSITORY, with :VERSION or the highest
        #[arg(value_name = "FILE|FOLDER|oci://…", value_hint = ValueHint::AnyPath)]
        source: PathBuf,
    },
    /// Show what a third party's plugin asks to be allowed in this cluster, and allow it
    Approve {
        /// Its name
        #[arg(value_name = "NAME")]
        plugin: String,
        /// Allow the component with this sha256 without asking
        #[arg(long, value_name = "SHA256")]
        digest: Option<String>,
        /// Allow nothing; write what somebody may sign whom colleagues let approve: approvals/NAME.json
        #[arg(long, conflicts_with = "digest")]
        draft: bool,
    },
    /// Put another version of a plugin in its place; it must be approved again
    Update(PluginUpdate),
    /// Remove a plugin's pin and approvals
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        plugin: String,
    },
    /// For authors: a crate to begin with
    New(PluginNew),
    /// For authors: compile a plugin's crate to a component, with its manifest in it
    Build {
        /// The crate
        #[arg(value_name = "FOLDER", default_value = ".", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// Without network
        #[arg(long)]
        offline: bool,
        /// What another toolchain made, a core module or a component: compiles nothing, and puts manifest.toml of FOLDER into it
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "offline")]
        module: Option<PathBuf>,
    },
    /// Put components into one file, for a machine without network; `arcus plugin add FILE` takes it there
    Bundle {
        /// What `add` takes; without any, all that arcus.lock pins
        #[arg(value_name = "FILE|FOLDER|oci://…", value_hint = ValueHint::AnyPath)]
        sources: Vec<PathBuf>,
        /// The file to write
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: PathBuf,
    },
    /// For authors: a component as registries keep it, in a file for their tools (an OCI archive)
    Pack {
        /// The component, or a folder with one in it
        #[arg(value_name = "FILE|FOLDER", default_value = ".", value_hint = ValueHint::AnyPath)]
        component: PathBuf,
        /// The file to write; without it, NAME-VERSION.tar
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: Option<PathBuf>,
    },
    /// For authors: put a component, and the signature beside it, into a registry
    Publish {
        /// The component, or a folder with one in it
        #[arg(value_name = "FILE|FOLDER", value_hint = ValueHint::AnyPath)]
        component: PathBuf,
        /// Where: without a tag, its version is that
        #[arg(value_name = "oci://HOST/REPOSITORY[:TAG]")]
        to: String,
    },
    /// For authors: try a component on a fake cluster, in the sandbox that apply uses
    Test(PluginTest),
}

#[derive(Debug, Args)]
pub struct PluginTest {
    /// The component, or a folder with one in it
    #[arg(value_name = "FILE|FOLDER", value_hint = ValueHint::AnyPath)]
    pub component: PathBuf,
    /// What machines and programs there are; without it, that is guessed from the manifest
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub world: Option<PathBuf>,
    /// So many orders in which nodes fall silent
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub seeds: u64,
}

#[derive(Debug, Args)]
pub struct PluginNew {
    /// What it is for
    #[arg(long, value_enum)]
    pub concern: NewConcern,
    /// How it is called
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Folder of the SDK in Arcus' sources, or URL of their git repository
    #[arg(long, value_name = "PATH|URL", value_hint = ValueHint::DirPath)]
    pub sdk: String,
}

/// What a plugin can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NewConcern {
    /// A directory that nodes share
    Storage,
    /// A network between containers
    Network,
    /// An address that users come in by
    Gateway,
    /// What all the rest is for
    Platform,
    /// Whether machines can become a cluster
    Preflight,
}

#[derive(Debug, Args)]
pub struct PluginUpdate {
    /// Its name
    #[arg(value_name = "NAME")]
    pub plugin: String,
    /// What `add` takes; without it, where it came from: of a registry, the highest version there
    #[arg(value_name = "FILE|FOLDER|oci://…", value_hint = ValueHint::AnyPath)]
    pub source: Option<PathBuf>,
    /// Accept a risk: lower-version, other-source, other-key
    #[arg(long, value_name = "RISK", value_delimiter = ',')]
    pub accept: Vec<String>,
}

/// Forms of output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_output_is_known_even_when_nothing_else_makes_sense() {
        let guessed = |words: &[&str]| Format::guessed(words.iter().map(std::ffi::OsString::from));
        for words in [&["nonsense", "-o", "json"][..], &["-ojson", "x"], &["--output=json"], &["x", "--output", "json", "--y"]] {
            assert_eq!(guessed(words), Format::Json, "{words:?}");
        }
        for words in [&["nonsense"][..], &["-o"], &["-o", "text", "json"], &["json"]] {
            assert_eq!(guessed(words), Format::Text, "{words:?}");
        }
    }
}
