//! `arcus.lock`: what the plugins of third parties are, pinned, beside the cluster file and committed with it. It tells a change;
//! it approves nothing, since whoever can change the folder can change it too.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use arcus_component::Inspection;
use arcus_plan::manifest::Grant;
use cap_std::fs::{Dir, OpenOptions};
use serde::{Deserialize, Serialize};

use crate::asked::bare;

/// Its name in the folder of the cluster file.
pub const LOCK: &str = "arcus.lock";

/// Number of the format.
const FORMAT: u32 = 1;

/// The largest that is read.
const MAX_SIZE: u64 = 4 << 20;

const HEAD: &str = "\
# What the third parties' plugins of this cluster are. Written by `arcus plugin`; commit it.
# It approves nothing: each operator does that, with `arcus plugin approve NAME`.
";

/// All pins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lock {
    /// By the plugin's name.
    pub pins: BTreeMap<String, Pin>,
}

/// One plugin, as it was when it was added or updated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pin {
    /// Its version.
    pub version: String,
    /// Where it came from: a path as it was given.
    pub source: String,
    /// SHA-256 of its file, lower-case hex.
    pub digest: String,
    /// The key that signed it; none: it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it asks for.
    #[serde(default)]
    pub grant: Grant,
}

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read or written.
    #[error("arcus.lock cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// It was edited by hand, or is of another version of Arcus.
    #[error("arcus.lock cannot be read: {0}")]
    Shape(String),
}

impl LockError {
    /// Stable dotted name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "lock-file.unusable",
            Self::Shape(_) => "lock-file.damaged",
        }
    }

    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Io(_) => "check who may read and write it; it lies beside the cluster file",
            Self::Shape(_) => "get it back from version control; without it, `arcus plugin approve NAME` pins what is there now",
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    #[serde(default)]
    plugin: BTreeMap<String, Pin>,
}

impl Pin {
    /// Of a component.
    pub fn of(inspection: &Inspection, source: &str, key: Option<String>) -> Self {
        Self {
            version: inspection.manifest.version.clone(),
            source: source.to_owned(),
            digest: inspection.digest.clone(),
            key,
            grant: inspection.manifest.grant.clone(),
        }
    }
}

impl Lock {
    /// That of a folder; an empty one where there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(folder: &Dir) -> Result<Self, LockError> {
        let file = match folder.open(LOCK) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("it is not a regular file").into());
        }
        let mut text = String::new();
        file.take(MAX_SIZE).read_to_string(&mut text)?;
        Self::parse(&text)
    }

    /// From its text.
    ///
    /// # Errors
    /// When it is no lock file of this format.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        let document: Document = toml::from_str(text).map_err(|error| LockError::Shape(error.message().to_owned()))?;
        if document.format != FORMAT {
            return Err(LockError::Shape(format!("its format is {}, and this Arcus knows {FORMAT}", document.format)));
        }
        Ok(Self { pins: document.plugin })
    }

    /// Its text: sorted, and without what a grant leaves empty, so that a change reads well.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\nformat = {FORMAT}\n");
        for (name, pin) in &self.pins {
            let mut table = toml::Table::new();
            let mut put = |key: &str, value: &str| table.insert(key.to_owned(), value.into());
            put("version", &pin.version);
            put("source", &pin.source);
            put("digest", &pin.digest);
            if let Some(key) = &pin.key {
                put("key", key);
            }
            if let Ok(grant) = toml::Value::try_from(bare(&pin.grant)) {
                table.insert("grant".to_owned(), grant);
            }
            let document = toml::Table::from_iter([("plugin".to_owned(), toml::Value::Table(toml::Table::from_iter([(name.clone(), table.into())])))]);
            text.push('\n');
            text += &document.to_string();
        }
        text
    }

    /// Writes it beside and renames it, so nobody reads half of it.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn write(&self, folder: &Dir) -> Result<(), LockError> {
        let name = format!(".{LOCK}.{}", std::process::id());
        let _ = folder.remove_file(&name);
        let written = (|| {
            let mut file = folder.open_with(&name, OpenOptions::new().write(true).create_new(true))?;
            file.write_all(self.to_text().as_bytes())?;
            file.sync_all()?;
            folder.rename(&name, folder, LOCK)
        })();
        if written.is_err() {
            let _ = folder.remove_file(&name);
        }
        Ok(written?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let manifest = arcus_plan::manifest::Manifest::from_toml(
            "name = \"storage-x\"\nversion = \"1.2.0\"\nconcern = \"storage\"\ncontract = \"0.1\"\nsummary = \"x\"\n[grant]\nactions = [\"command\"]\n[[grant.command]]\nargv = [\"x\", \"<uint>\"]\n[grant.secrets.s]\norigin = \"operator\"\n",
        )
        .unwrap();
        let pin = Pin { version: "1.2.0".into(), source: "./x.wasm".into(), digest: "ab".repeat(32), key: None, grant: manifest.grant };
        Lock { pins: BTreeMap::from([("storage-x".to_owned(), pin.clone()), ("network-y".to_owned(), Pin { key: Some("k".into()), ..pin })]) }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let text = lock().to_text();
        assert_eq!(Lock::parse(&text).unwrap(), lock(), "{text}");
        assert!(text.contains("\n[plugin.storage-x]\n") && !text.contains("packages"), "{text}");
        assert_eq!(Lock::parse(&Lock::default().to_text()).unwrap(), Lock::default());
    }

    #[test]
    fn what_is_no_lock_file_is_said() {
        for bad in ["", "format = 2", "format = 1\nother = 1", "format = 1\n[plugin.x]\nversion = \"1\"", "\u{0}"] {
            assert!(matches!(Lock::parse(bad), Err(LockError::Shape(_))), "{bad:?}");
        }
    }

    #[test]
    fn it_lies_in_its_folder_and_follows_no_link_out_of_it() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = Dir::open_ambient_dir(inside.path(), cap_std::ambient_authority()).unwrap();
        assert_eq!(Lock::read(&folder).unwrap(), Lock::default());
        lock().write(&folder).unwrap();
        assert_eq!(Lock::read(&folder).unwrap(), lock());
        std::fs::rename(inside.path().join(LOCK), outside.path().join("x")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("x"), inside.path().join(LOCK)).unwrap();
        assert!(matches!(Lock::read(&folder), Err(LockError::Io(_))));
    }
}
