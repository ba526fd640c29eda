//! Where a component is got from: a file, or a folder with one in it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use arcus_engine::{Fault, Kind};
use arcus_plugin::MAX_SIZE;

use super::unreadable;
use crate::cli::folder::Folder;

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

/// The file that the lock file names so.
pub fn of_name(folder: &Folder, name: &str) -> PathBuf {
    folder.path.join(name)
}
