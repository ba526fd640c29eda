//! Files of nodes on the operator's side: `.arcus/kept/`, read by nobody else. Each fetch makes a file of its own; the index says which
//! node and name it is of.

use std::io::{BufRead as _, BufReader, Write as _};

use arcus_plan::likeness::Kept;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use serde::{Deserialize, Serialize};

use crate::journal::{now, state_folder};
use crate::vault::Vault;

const FOLDER: &str = "kept";
const INDEX: &str = "kept/index.jsonl";

/// One line of the index.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    node: String,
    name: String,
    file: String,
    sha256: String,
    size: u64,
    at: String,
}

/// Tells what was fetched so far. Without the folder, nothing was.
pub fn note(folder: &Dir, vault: &Vault) {
    if folder.symlink_metadata(".arcus").is_err() {
        return;
    }
    let Ok(state) = state_folder(folder) else { return };
    let Ok(index) = state.open(INDEX) else { return };
    for line in BufReader::new(index).lines().map_while(Result::ok) {
        // One that somebody removed is not there any more; a torn line was never finished.
        let Ok(line) = serde_json::from_str::<Line>(&line) else { continue };
        if state.metadata(format!("{FOLDER}/{}", line.file)).is_ok_and(|meta| meta.len() == line.size) {
            vault.keep(&line.node, &line.name, Kept { sha256: line.sha256, size: line.size });
        }
    }
}

/// A file that is being fetched.
pub struct Keeping {
    state: Dir,
    file: cap_std::fs::File,
    line: Line,
}

impl Keeping {
    /// Begins a file: of this run, node and name, 0600.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(state: &Dir, run: &str, node: &str, name: &str) -> std::io::Result<Self> {
        use cap_std::fs::{DirBuilder, DirBuilderExt as _};
        if state.symlink_metadata(FOLDER).is_err() {
            let mut builder = DirBuilder::new();
            builder.mode(0o700);
            state.create_dir_with(FOLDER, &builder)?;
        }
        // A second attempt of one run begins anew.
        let mut number = 0;
        loop {
            let again = if number == 0 { String::new() } else { format!(".{number}") };
            let file = format!("{run}{again}-{node}-{name}");
            match state.open_with(format!("{FOLDER}/{file}"), OpenOptions::new().write(true).create_new(true).mode(0o600)) {
                Ok(opened) => {
                    let line = Line { node: node.into(), name: name.into(), file, sha256: String::new(), size: 0, at: String::new() };
                    return Ok(Self { state: state.try_clone()?, file: opened, line });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 100 => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Appends.
    ///
    /// # Errors
    /// When the disk is full, or worse.
    pub fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.line.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// All of it is there: it counts from now on, and this is where it is.
    ///
    /// # Errors
    /// When it cannot be brought to disk.
    pub fn end(mut self, sha256: String) -> std::io::Result<(Kept, String)> {
        self.file.sync_all()?;
        (self.line.sha256, self.line.at) = (sha256, now());
        let mut text = serde_json::to_vec(&self.line)?;
        text.push(b'\n');
        let mut index = self.state.open_with(INDEX, OpenOptions::new().append(true).create(true).mode(0o600))?;
        index.write_all(&text)?;
        index.sync_data()?;
        Ok((Kept { sha256: self.line.sha256, size: self.line.size }, format!(".arcus/{FOLDER}/{}", self.line.file)))
    }

    /// It is not what it should be.
    pub fn discard(self) {
        let _ = self.state.remove_file(format!("{FOLDER}/{}", self.line.file));
    }
}
