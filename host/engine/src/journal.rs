//! What a run meant to do and what became of it: JSON lines, synced, under `.arcus/runs/`. History, never truth: a lost
//! journal costs nothing but the past, since every open step is decided by looking.

use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex};

use cap_std::fs::{Dir, File, OpenOptions};
use serde::{Deserialize, Serialize};

/// Number of the format; readers take at least two older ones.
pub const FORMAT: u32 = 1;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Entry {
    /// A run began.
    Run {
        /// Format of this journal.
        format: u32,
        /// Id of the run.
        run: String,
        /// `apply`, `drill`.
        verb: String,
        /// Who, and on which machine.
        operator: String,
        /// RFC 3339.
        at: String,
        /// Digests of the plugins, by name.
        plugins: std::collections::BTreeMap<String, String>,
    },
    /// A step is about to be performed.
    Intent {
        /// Name of the plugin.
        plugin: String,
        /// Id of the step.
        step: String,
        /// Where.
        node: String,
        /// Kind of action.
        action: String,
        /// Digest of what it makes so; what was wanted, not what was there.
        wanted: String,
        /// RFC 3339.
        at: String,
    },
    /// What became of it.
    Outcome {
        /// Name of the plugin.
        plugin: String,
        /// Id of the step.
        step: String,
        /// Where.
        node: String,
        /// `done`, `became-so`, `failed`, `unknown`, `stale`, `detached`, `held`.
        end: String,
        /// In words.
        detail: String,
        /// RFC 3339.
        at: String,
    },
    /// A step that runs live does something: told before it is sent, and when it has ended; or it was not let.
    Live {
        /// Name of the plugin.
        plugin: String,
        /// Id of the step.
        step: String,
        /// Where.
        node: String,
        /// What: `run mktemp`, `read /srv/x`, ...
        what: String,
        /// How it ended, in words; empty: it is about to be done.
        end: String,
        /// RFC 3339.
        at: String,
    },
    /// An open step of an earlier run was decided by looking.
    Decided {
        /// The earlier run.
        run: String,
        /// Name of the plugin.
        plugin: String,
        /// Id of the step.
        step: String,
        /// Where.
        node: String,
        /// `done`, `not-done`, `running`, `unknown`.
        as_seen: String,
        /// RFC 3339.
        at: String,
    },
    /// The run ended.
    End {
        /// `done`, `failed`, `interrupted`, `blocked`, `fenced`.
        end: String,
        /// RFC 3339.
        at: String,
    },
}

/// A journal being written. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    run: String,
    file: Arc<Mutex<File>>,
}

impl Journal {
    /// Begins a run's journal in `.arcus/runs/<run>.jsonl`.
    ///
    /// # Errors
    /// When the file cannot be made: without a journal nothing may be changed.
    pub fn begin(state: &Dir, run: &str, entry: &Entry) -> std::io::Result<Self> {
        state.create_dir_all("runs")?;
        let name = format!("runs/{run}.jsonl");
        let file = state.open_with(&name, OpenOptions::new().append(true).create_new(true))?;
        let journal = Self { run: run.to_owned(), file: Arc::new(Mutex::new(file)) };
        journal.write(entry)?;
        Ok(journal)
    }

    /// Id of the run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Appends, and returns once it is on disk.
    ///
    /// # Errors
    /// When it cannot be written: no new batch may be sent then.
    pub fn write(&self, entry: &Entry) -> std::io::Result<()> {
        self.write_all(std::slice::from_ref(entry))
    }

    /// Appends several with one sync.
    ///
    /// # Errors
    /// As [`Journal::write`].
    pub fn write_all(&self, entries: &[Entry]) -> std::io::Result<()> {
        let mut text = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut text, entry)?;
            text.push(b'\n');
        }
        let mut file = self.file.lock().expect("no panic while held");
        file.write_all(&text)?;
        file.sync_data()
    }

    /// Reads a run's journal. A torn last line (the machine died while writing) is left out.
    ///
    /// # Errors
    /// When the file cannot be read, or a line in the middle is no entry.
    pub fn read(state: &Dir, run: &str) -> std::io::Result<Vec<Entry>> {
        let file = state.open(format!("runs/{run}.jsonl"))?;
        let lines: Vec<String> = std::io::BufReader::new(file).lines().collect::<Result<_, _>>()?;
        let last = lines.len().saturating_sub(1);
        let mut entries = Vec::with_capacity(lines.len());
        for (place, line) in lines.iter().enumerate() {
            match serde_json::from_str(line) {
                Ok(entry) => entries.push(entry),
                Err(_) if place == last => break,
                Err(error) => return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, error)),
            }
        }
        Ok(entries)
    }

    /// Ids of all runs, oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn runs(state: &Dir) -> std::io::Result<Vec<String>> {
        let mut runs = Vec::new();
        let folder = match state.read_dir("runs") {
            Ok(folder) => folder,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(runs),
            Err(error) => return Err(error),
        };
        for entry in folder {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(run) = name.strip_suffix(".jsonl") {
                runs.push(run.to_owned());
            }
        }
        runs.sort();
        Ok(runs)
    }

    /// Steps of a journal that were begun and of which no end is told.
    pub fn open_steps(entries: &[Entry]) -> Vec<(String, String, String)> {
        let mut open = Vec::new();
        for entry in entries {
            match entry {
                Entry::Intent { plugin, step, node, .. } => open.push((plugin.clone(), step.clone(), node.clone())),
                Entry::Outcome { plugin, step, end, .. } if end != "unknown" && end != "detached" => {
                    open.retain(|(p, s, _)| (p, s) != (plugin, step));
                }
                _ => {}
            }
        }
        open.dedup();
        open
    }
}

/// The time, as journals and reports have it.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Opens `.arcus` in the folder of the cluster file, made 0700. Refused when it is a link, not ours, or open to others.
///
/// # Errors
/// What is wrong with it.
pub fn state_folder(folder: &Dir) -> std::io::Result<Dir> {
    use cap_std::fs::{DirBuilder, DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
    const NAME: &str = ".arcus";
    let wrong = |text: &str| Err(std::io::Error::other(text.to_owned()));
    let meta = match folder.symlink_metadata(NAME) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut builder = DirBuilder::new();
            builder.mode(0o700);
            folder.create_dir_with(NAME, &builder)?;
            folder.symlink_metadata(NAME)?
        }
        Err(error) => return Err(error),
    };
    if !meta.is_dir() {
        return wrong("it is a link or a file, not a folder");
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return wrong("it belongs to somebody else");
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return wrong("others can look into it");
    }
    folder.open_dir(NAME)
}
