//! Which host keys the operator has gone along with in a folder, kept on the operator's own side: the pins lie in the folder, where a pull
//! request can bring one together with the address of somebody else's machine.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;

use arcus_engine::{Fault, Kind, Trouble};
use arcus_node::{Endpoint, KnownHosts};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::cli::environment::Environment;
use crate::cli::folder::{Folder, KNOWN_HOSTS};

/// The largest that is read.
const LARGEST: u64 = 4 << 20;

/// Whom the operator has met in one folder.
pub struct Met {
    dir: Dir,
    name: String,
    path: String,
    record: Option<Record>,
}

/// What is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    /// For whoever looks.
    folder: String,
    /// Fingerprints.
    keys: BTreeSet<String>,
}

/// A machine that is pinned, and not by the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// Its name in the file.
    pub name: String,
    /// `user@address:port`.
    pub target: String,
    /// Line of its pin, from 1.
    pub line: usize,
    /// What is pinned there.
    pub fingerprint: String,
}

impl Met {
    /// Whom the operator has met in this folder. None: this machine has no place for it that is not part of the folder.
    pub fn open(environment: &Environment, folder: &Folder) -> Result<Option<Self>, Fault> {
        let (Some(place), Ok(project)) = (environment.met(), folder.path.canonicalize()) else { return Ok(None) };
        let unusable = |error: std::io::Error| unusable(&place.display().to_string(), &error.to_string());
        // What lies in the folder is whoever's who can change the folder.
        if place.starts_with(&project) {
            return Ok(None);
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&place).map_err(unusable)?;
        if place.canonicalize().map_err(unusable)?.starts_with(&project) {
            return Ok(None);
        }
        let dir = Dir::open_ambient_dir(&place, ambient_authority()).map_err(unusable)?;
        private(&dir.dir_metadata().map_err(unusable)?).map_err(unusable)?;
        let shown = project.display().to_string();
        let name = format!("{}.json", hex::encode(Sha256::digest(&shown)));
        let record = read(&dir, &name).map_err(unusable)?;
        Ok(Some(Self { dir, name, path: shown, record }))
    }

    /// Machines with a pin that the operator has not gone along with. Nobody is a stranger where there was nobody before.
    pub fn strangers(&self, pins: &KnownHosts, endpoints: &[Arc<Endpoint>]) -> Vec<Stranger> {
        let Some(record) = &self.record else { return Vec::new() };
        let mut all = Vec::new();
        for endpoint in endpoints {
            // Every key of a host lets its owner in, so every one counts.
            let new = pins.pinned(&endpoint.address, endpoint.port).into_iter().find(|(_, fingerprint)| !record.keys.contains(fingerprint));
            let Some((line, fingerprint)) = new else { continue };
            all.push(Stranger { name: endpoint.name.clone(), target: endpoint.to_string(), line, fingerprint });
        }
        all
    }

    /// The first time here: the pins are taken as they are.
    pub fn begin(&mut self, pins: &KnownHosts) -> Result<(), Fault> {
        if self.record.is_some() || pins.fingerprints().next().is_none() {
            return Ok(());
        }
        self.add(pins.fingerprints())
    }

    /// The operator has gone along with these.
    pub fn add(&mut self, keys: impl Iterator<Item = String>) -> Result<(), Fault> {
        let mut record = self.record.take().unwrap_or_else(|| Record { format: 1, folder: self.path.clone(), keys: BTreeSet::new() });
        record.keys.extend(keys);
        let kept = write(&self.dir, &self.name, &record);
        self.record = Some(record);
        kept.map_err(|error| unusable(&self.name, &error.to_string()))
    }
}

/// What is said of strangers.
pub fn refused(strangers: &[Stranger]) -> Fault {
    let trouble = |stranger: &Stranger| Trouble {
        code: "trust.not-met".into(),
        message: format!(
            "{} at {} is pinned by line {} of {KNOWN_HOSTS} ({}), which was not there when you last worked in this folder: nobody was connected to",
            stranger.name, stranger.target, stranger.line, stranger.fingerprint
        ),
        help: Some(format!("who put it there, and is the machine yours? `arcus trust {}` shows what it presents, and asks you; if it is not, take the line away", stranger.name)),
        node: Some(stranger.name.clone()),
        ..Trouble::default()
    };
    Fault { kind: Kind::Input, troubles: strangers.iter().map(trouble).collect(), diagnostics: vec![] }
}

fn unusable(what: &str, why: &str) -> Fault {
    Fault::new(Kind::Input, "trust.met-unusable", format!("whom you have met is not to be told from {what}: {why}"))
        .help("make it yours alone (chmod 700, your own user), or set XDG_STATE_HOME to a folder of your own; without the file, the pins of the folder are taken as they are")
}

fn private(meta: &cap_std::fs::Metadata) -> std::io::Result<()> {
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me {
        return Err(std::io::Error::other(format!("it belongs to user {}", meta.uid())));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(std::io::Error::other(format!("others can write to it (mode {:04o})", meta.mode() & 0o7777)));
    }
    Ok(())
}

fn read(dir: &Dir, name: &str) -> std::io::Result<Option<Record>> {
    let mut options = OpenOptions::new();
    // A pipe in its place must not hold us up.
    options.read(true).custom_flags((rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits().cast_signed());
    let file = match dir.open_with(name, &options) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    private(&file.metadata()?)?;
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text)?;
    let record: Record = serde_json::from_slice(&text)?;
    if record.format == 1 { Ok(Some(record)) } else { Err(std::io::Error::other(format!("it has the format {}", record.format))) }
}

fn write(dir: &Dir, name: &str, record: &Record) -> std::io::Result<()> {
    let beside = format!("{name}.new.{}", std::process::id());
    let _ = dir.remove_file(&beside);
    let mut file = dir.open_with(&beside, OpenOptions::new().write(true).create_new(true).mode(0o600))?;
    file.write_all(&serde_json::to_vec_pretty(record)?)?;
    file.sync_all()?;
    dir.rename(&beside, dir, name)
}
