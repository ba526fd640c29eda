//! Compiled plugins, kept between runs in a folder of the operator alone.
//!
//! Whoever can write here can run code as the operator, so a folder or file that others can write is refused. The digest
//! in each entry is against damage (wasmtime accepts a flipped bit in machine code), not against an attacker.

use std::{
    io::{Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt as _},
};
use sha2::{Digest as _, Sha256};

const MAGIC: &[u8; 16] = b"arcus-compiled-1";
const HEADER: usize = MAGIC.len() + 32;
/// An 8 MiB plugin compiles to less.
const MAX_ENTRY: u64 = 128 << 20;
/// Entries kept; the least recently written go first.
const MAX_ENTRIES: usize = 64;

/// The folder, held open: what is checked is what is used.
#[derive(Debug)]
pub struct Cache {
    dir: Dir,
    path: PathBuf,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be made, opened or read.
    #[error("the folder for compiled plugins, {path}, cannot be used: {source}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Somebody else could put code there.
    #[error("the folder for compiled plugins, {path}, is not private: {reason}")]
    NotPrivate {
        /// The folder.
        path: PathBuf,
        /// Who else has access.
        reason: String,
    },
}

impl CacheError {
    /// Stable dotted name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "cache.unusable",
            Self::NotPrivate { .. } => "cache.not-private",
        }
    }

    /// What to do next.
    pub fn help(&self) -> String {
        match self {
            Self::Io { .. } => "Give it another place, or mend the folder's permissions.".into(),
            Self::NotPrivate { path, .. } => {
                format!("If nobody else should have been there, remove it: it is made anew, with mode 0700. ({})", path.display())
            }
        }
    }
}

/// Compiled code that was found in the cache whole.
pub(crate) struct Artefact(Vec<u8>);

impl Artefact {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0[HEADER..]
    }
}

impl Cache {
    /// Opens the folder, and makes it (mode 0700, with its parents) when it is not there.
    ///
    /// # Errors
    /// When it cannot be used, belongs to somebody else, or others can write to it.
    pub fn open(path: &Path) -> Result<Self, CacheError> {
        let io = |source| CacheError::Io { path: path.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(io)?;
        let meta = dir.dir_metadata().map_err(io)?;
        if let Some(reason) = exposed(meta.uid(), meta.mode()) {
            return Err(CacheError::NotPrivate { path: path.to_owned(), reason });
        }
        Ok(Self { dir, path: path.to_owned() })
    }

    /// The entry, if it is there and whole. Anything else is as good as not there: it is compiled anew.
    pub(crate) fn get(&self, key: &str) -> Option<Artefact> {
        let mut options = OpenOptions::new();
        // A pipe in its place must not hold us up.
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let mut file = self.dir.open_with(key, &options).ok()?;
        let meta = file.metadata().ok()?;
        if !meta.is_file() || meta.len() > MAX_ENTRY {
            return None;
        }
        if let Some(reason) = exposed(meta.uid(), meta.mode()) {
            tracing::warn!(folder = %self.path.display(), key, reason, "compiled plugin ignored: not private");
            return None;
        }
        let mut bytes = Vec::with_capacity(meta.len().try_into().ok()?);
        file.read_to_end(&mut bytes).ok()?;
        let (header, body) = bytes.split_at_checked(HEADER)?;
        if header[..MAGIC.len()] != MAGIC[..] || header[MAGIC.len()..] != seal(key, body)[..] {
            tracing::warn!(folder = %self.path.display(), key, "compiled plugin ignored: damaged");
            return None;
        }
        Some(Artefact(bytes))
    }

    /// Writes the entry beside and renames it, so nobody sees half of it.
    pub(crate) fn put(&self, key: &str, code: &[u8]) -> std::io::Result<()> {
        self.prune();
        let name = format!("{key}.{}.new", std::process::id());
        let written = (|| {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let _ = self.dir.remove_file(&name);
            let mut file = self.dir.open_with(&name, &options)?;
            file.write_all(MAGIC)?;
            file.write_all(&seal(key, code))?;
            file.write_all(code)?;
            self.dir.rename(&name, &self.dir, key)
        })();
        if written.is_err() {
            let _ = self.dir.remove_file(&name);
        }
        written
    }

    /// Every new version of a plugin or of Arcus leaves its predecessor's entry behind.
    fn prune(&self) {
        let Ok(entries) = self.dir.entries() else { return };
        let mut found: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.metadata().ok()?.modified().ok()?.into_std(), entry.file_name()))
            })
            .collect();
        found.sort();
        for (_, name) in found.iter().take(found.len().saturating_sub(MAX_ENTRIES - 1)) {
            let _ = self.dir.remove_file(name);
        }
    }
}

/// Over the name as well: one entry in another's place is as wrong as a flipped bit.
fn seal(key: &str, code: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(key).chain_update([0]).chain_update(code).finalize().into()
}

/// Why something of this owner and mode cannot be trusted.
fn exposed(owner: u32, mode: u32) -> Option<String> {
    let me = rustix::process::geteuid().as_raw();
    if owner != me {
        return Some(format!("it belongs to user {owner}, and this is user {me}"));
    }
    (mode & 0o022 != 0).then(|| format!("others can write to it (mode {:04o})", mode & 0o7777))
}
