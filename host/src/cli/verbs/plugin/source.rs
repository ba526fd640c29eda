//! Where a component is got from: a file, a folder with one in it, a bundle, or a registry.

use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use arcus_engine::{Fault, Kind};
use arcus_plugin::MAX_SIZE;
use arcus_registry::Place;

use super::{signed, unreadable};
use crate::cli::Context;
use crate::cli::folder::Folder;
use crate::cli::registries::{Registries, told};

/// Before the source of what came in a bundle: whoever made that says where it was from.
const IN_BUNDLE: &str = "bundle:";

/// A component that somebody offers.
pub struct Offered {
    /// Anything: it was not looked at.
    pub bytes: Vec<u8>,
    /// The text of its signature.
    pub signature: Option<String>,
    /// As the lock file names where it is from.
    pub source: String,
    /// As the operator is told.
    pub shown: String,
}

/// What there is at a place that the operator names. `folder`: that of the cluster file, for paths in it.
pub fn offered(context: &Context, folder: Option<&Folder>, given: &Path) -> Result<Vec<Offered>, Fault> {
    if let Some(place) = given.to_str().filter(|text| Place::is_meant(text)) {
        return registry(context, place).map(|one| vec![one]);
    }
    let path = file(given)?;
    let shown = path.display().to_string();
    let failed = |error: std::io::Error| unreadable(&shown, &shown, &error);
    let named = || folder.map_or_else(|| shown.clone(), |folder| name(folder, &path));
    if !std::fs::metadata(&path).map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("it is not a regular file")));
    }
    let mut opened = std::fs::File::open(&path).map_err(failed)?;
    let mut head = Vec::new();
    (&mut opened).take(512).read_to_end(&mut head).map_err(failed)?;
    if arcus_registry::is_bundle(&head) {
        opened.rewind().map_err(failed)?;
        let all = arcus_registry::read(std::io::BufReader::new(opened), &shown, MAX_SIZE as u64).map_err(told)?;
        let one = |one: arcus_registry::Bundled| {
            // Nothing else that it claims gets into the lock file.
            let claimed = one.source.as_deref().and_then(|text| Place::parse(text).ok());
            let source = claimed.map_or_else(named, |place| format!("{IN_BUNDLE}{}", place.source()));
            Offered { bytes: one.component, signature: one.signature, source, shown: shown.clone() }
        };
        return Ok(all.into_iter().map(one).collect());
    }
    let bytes = component(&path)?;
    let signature = signed::read(std::fs::File::open(signed::beside(&shown)))?;
    Ok(vec![Offered { bytes, signature, source: named(), shown }])
}

/// The only one there is.
pub fn only(context: &Context, given: &Path) -> Result<Offered, Fault> {
    let [one] = <[Offered; 1]>::try_from(offered(context, None, given)?).map_err(|all| Fault::new(Kind::Input, "plugin.several", format!("there are {} components in {}", all.len(), given.display())).help("name a file with one in it"))?;
    Ok(one)
}

fn registry(context: &Context, text: &str) -> Result<Offered, Fault> {
    let place = Place::parse(text).map_err(told)?;
    let registries = Registries::of(context, &place)?;
    let registry = registries.open(&place)?;
    let version = match &place.version {
        Some(version) => version.clone(),
        None => registry.newest().map_err(told)?,
    };
    let pulled = registry.pull(&version, MAX_SIZE as u64).map_err(told)?;
    Ok(Offered { bytes: pulled.component, signature: pulled.signature, source: place.source(), shown: place.at(version).to_string() })
}

/// Where something that was got, maybe in a bundle, is from.
pub fn origin(source: &str) -> &str {
    source.strip_prefix(IN_BUNDLE).unwrap_or(source)
}

/// What the lock file names, to be got again.
pub fn again(folder: &Folder, name: &str, source: &str) -> Result<PathBuf, Fault> {
    if source.starts_with(IN_BUNDLE) {
        return Err(Fault::new(Kind::Input, "plugin.no-source", format!("{name} came in a bundle, and there is no other to look into")).help(format!("name the file of the next one: `arcus plugin update {name} FILE`")));
    }
    Ok(if Place::is_meant(source) { PathBuf::from(source) } else { folder.path.join(source) })
}

/// The file that an operator means by a path: itself, or the only component in it.
pub fn file(given: &Path) -> Result<PathBuf, Fault> {
    let shown = given.display().to_string();
    let failed = |error: std::io::Error| unreadable(&shown, &shown, &error);
    if !std::fs::metadata(given).map_err(failed)?.is_dir() {
        return Ok(given.to_owned());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(given).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Fault::new(Kind::Input, "plugin.none-there", format!("there is no component in {shown}")).help("if it is a plugin's crate, build it first: `arcus plugin build`")),
        many => {
            let names: Vec<String> = many.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
            Err(Fault::new(Kind::Input, "plugin.several", format!("there are several components in {shown}: {}", names.join(", "))).help("name the one that is meant"))
        }
    }
}

/// A file that may be anything.
pub fn component(path: &Path) -> Result<Vec<u8>, Fault> {
    let failed = |error: &std::io::Error| unreadable(&path.display().to_string(), &path.display().to_string(), error);
    if !std::fs::metadata(path).map_err(|error| failed(&error))?.is_file() {
        return Err(failed(&std::io::Error::other("it is not a regular file")));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes)).map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// As the lock file names it: from the folder of the cluster file, where it lies in there, so that it means the same to everybody.
pub fn name(folder: &Folder, path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let inside = folder.path.canonicalize().ok().and_then(|folder| whole.strip_prefix(folder).ok().map(|rest| format!("./{}", rest.display())));
    inside.unwrap_or_else(|| whole.display().to_string())
}
