//! Compiled plugins, kept between runs in a folder of the operator alone.
//!
//! Whoever can write here can run code as the operator, so a folder or file that others can write is refused. The seal of
//! each entry is against damage (wasmtime accepts a flipped bit in machine code), not against an attacker, who would make his own: so it
//! need be no cryptographic one, which took more time than all else of a load.
//!
//! Beside the code is what reading the component found out, which takes longer than all else once it is compiled. Whether it may be used is
//! decided anew each time.
//!
//! Code is mapped from its file instead of being read: a plugin is there in half the time, and takes memory for what runs of it only.
//! So entries are never written to, only put in place whole and removed; and what belongs to it stands behind the code, which is to
//! begin on a page.

use std::{
    fmt,
    fs::File,
    io::{Read as _, Write as _},
    os::{fd::AsRawFd as _, unix::fs::{DirBuilderExt as _, FileExt as _}},
    path::{Path, PathBuf},
};

use arcus_component::Anatomy;
use cap_std::{
    ambient_authority,
    fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt as _},
};
use xxhash_rust::xxh3::Xxh3;

use crate::private::exposed;

/// Part of an entry's name as well: what another Arcus wrote is not taken for damaged.
pub(crate) const MAGIC: &[u8; 16] = b"arcus-compiled-6";
/// The end of an entry, after code and anatomy: how long the latter is, the magic word, and the seal of all before.
const TRAILER: usize = 8 + MAGIC.len() + SEAL;
const SEAL: usize = 16;
/// That of an 8 MiB plugin is less.
const MAX_ANATOMY: u64 = 16 << 20;
/// An 8 MiB plugin compiles to less.
const MAX_ENTRY: u64 = 128 << 20;
/// Entries kept; the least recently written go first.
const MAX_ENTRIES: usize = 64;

/// The folder, held open: what is checked is what is used.
pub struct Cache {
    dir: Dir,
    path: PathBuf,
    told: Box<dyn Fn(&Ignored) + Send + Sync>,
}

/// An entry that is there and is not used: the plugin is compiled anew, and the entry written over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, in words.
    pub reason: String,
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

/// Compiled code that was found in the cache whole, in a file that stays open.
pub(crate) struct Artefact(File);

impl Artefact {
    /// Leads to the file that was looked at, whatever becomes of its name, as long as this lives.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/dev/fd/{}", self.0.as_raw_fd()).into()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("path", &self.path).finish_non_exhaustive()
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
        Ok(Self { dir, path: path.to_owned(), told: Box::new(|_| {}) })
    }

    /// Who is told of entries that are not used: damage, or somebody who was here.
    #[must_use]
    pub fn telling(self, told: impl Fn(&Ignored) + Send + Sync + 'static) -> Self {
        Self { told: Box::new(told), ..self }
    }

    /// Tells of one.
    pub(crate) fn ignored(&self, key: &str, reason: String) {
        (self.told)(&Ignored { path: self.path.join(key), reason });
    }

    /// The entry, if it is there and whole, and what its component has on the outside. Anything else is as good as not there: it is compiled
    /// anew.
    pub(crate) fn get(&self, key: &str) -> Option<(Artefact, Anatomy)> {
        self.whole(key).unwrap_or_else(|reason| {
            self.ignored(key, reason);
            None
        })
    }

    /// Fails with what is wrong with one that is there.
    fn whole(&self, key: &str) -> Result<Option<(Artefact, Anatomy)>, String> {
        let told = |error: std::io::Error| error.to_string();
        let mut options = OpenOptions::new();
        // A pipe in its place must not hold us up.
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let file = match self.dir.open_with(key, &options) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(told)?,
        };
        let meta = file.metadata().map_err(told)?;
        if !meta.is_file() || meta.len() > MAX_ENTRY {
            return Err("no file, or too large for one".into());
        }
        if let Some(reason) = exposed(meta.uid(), meta.mode()) {
            return Err(format!("not private: {reason}"));
        }
        let file = file.into_std();
        let anatomy = anatomy(&file, meta.len(), key).map_err(told)?.ok_or("damaged")?;
        Ok(Some((Artefact(file), anatomy)))
    }

    /// Writes the entry beside and renames it, so nobody sees half of it.
    pub(crate) fn put(&self, key: &str, code: &[u8], anatomy: &Anatomy) -> std::io::Result<()> {
        self.prune();
        let anatomy = postcard::to_allocvec(anatomy).map_err(std::io::Error::other)?;
        let length = (anatomy.len() as u64).to_le_bytes();
        let name = format!("{key}.{}.new", std::process::id());
        let written = (|| {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let _ = self.dir.remove_file(&name);
            let mut file = self.dir.open_with(&name, &options)?;
            let mut seal = seal(key);
            for part in [code, &anatomy, &length, MAGIC] {
                seal.update(part);
                file.write_all(part)?;
            }
            file.write_all(&seal.digest128().to_le_bytes())?;
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

/// Over the name as well: one entry in another's place is as wrong as a flipped bit. What is in it is still to be added.
fn seal(key: &str) -> Xxh3 {
    let mut seal = Xxh3::new();
    seal.update(key.as_bytes());
    seal.update(&[0]);
    seal
}

/// What belongs to the code in a file, if all of it is as it was sealed. Read in pieces.
fn anatomy(file: &File, size: u64, key: &str) -> std::io::Result<Option<Anatomy>> {
    let Some(inside) = size.checked_sub(TRAILER as u64) else { return Ok(None) };
    let mut trailer = [0; TRAILER];
    file.read_exact_at(&mut trailer, inside)?;
    let (sealed, expected) = trailer.split_at(TRAILER - SEAL);
    let (length, magic) = sealed.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
    let Some(code) = inside.checked_sub(length).filter(|_| magic == MAGIC && length <= MAX_ANATOMY) else { return Ok(None) };
    let mut seal = seal(key);
    let mut left = file.take(code);
    let mut piece = vec![0; 64 << 10];
    loop {
        match left.read(&mut piece)? {
            0 => break,
            read => {
                seal.update(&piece[..read]);
            }
        }
    }
    let mut anatomy = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut anatomy, code)?;
    seal.update(&anatomy);
    seal.update(sealed);
    // Only what is whole is looked into.
    Ok((seal.digest128().to_le_bytes()[..] == *expected).then(|| postcard::from_bytes(&anatomy).ok()).flatten())
}
