//! Published versions of the contract, `wit/v*/`: never changed, and plugins that were built for them are still served.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use wit_parser::{PackageId, Resolve, SourceMap};

/// Whether each published version of today's line (the same 0.x) can still be used.
pub fn check(wit: &Path) -> Result<()> {
    for folder in versions(wit)? {
        serves(wit, &folder).with_context(|| {
            format!(
                "a plugin that was built for {} could not be used any more: what was published stays as it is, and what is new comes beside it (docs/versions-of-the-contract.md)",
                folder.display()
            )
        })?;
    }
    Ok(())
}

/// The folders of published versions, in order.
pub fn versions(wit: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(wit).with_context(|| wit.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name().to_string_lossy().starts_with('v') {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

/// The text of a package, file by file.
fn read(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            files.push((path, text));
        }
    }
    files.sort();
    Ok(files)
}

fn parse(resolve: &mut Resolve, files: Vec<(PathBuf, String)>) -> Result<PackageId> {
    let mut map = SourceMap::default();
    for (path, text) in files {
        map.push(&path, text);
    }
    let group = map.parse().map_err(|(_, error)| anyhow!("{error}"))?;
    resolve.push_group(group).map_err(|error| anyhow!("{error}"))
}

/// Every world of the old contract is still there, and a component of it fits what the new one's is.
fn serves(new: &Path, old: &Path) -> Result<()> {
    fit(read(new)?, read(old)?)
}

fn fit(new: Vec<(PathBuf, String)>, old: Vec<(PathBuf, String)>) -> Result<()> {
    // Two packages of one version cannot be looked at together; the check goes by names alone.
    let old: Vec<_> = old.into_iter().map(|(path, text)| (path, as_published(&text))).collect();
    let mut both = Resolve::default();
    let before = parse(&mut both, old)?;
    let now = parse(&mut both, new)?;
    for (name, world) in both.packages[before].worlds.clone() {
        let Some(today) = both.packages[now].worlds.get(&name) else { bail!("the world `{name}` is gone") };
        wit_component::semver_check(both.clone(), world, *today).map_err(|error| anyhow!("the world `{name}`: {error:#}"))?;
    }
    Ok(())
}

/// Under a version of its own. Interfaces name each other without one.
fn as_published(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(at) = text.find("package arcus:plugin@")
        && let Some(end) = text[at..].find(';')
    {
        text.insert_str(at + end, "-published");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use sha2::{Digest as _, Sha256};

    use super::*;

    /// What was published, by the SHA-256 of its files.
    const PUBLISHED: [(&str, &str); 1] = [("v0.1", "61ead8f6686b7ffaac1132f9f9144cad3e232da55712725c94cf2e1825eb1213")];

    #[test]
    fn what_was_published_never_changes() {
        let wit = crate::root().join("wit");
        let found: Vec<(String, String)> = versions(&wit)
            .unwrap()
            .into_iter()
            .map(|folder| {
                let mut hash = Sha256::new();
                for (path, text) in read(&folder).unwrap() {
                    hash.update(path.file_name().unwrap().as_encoded_bytes());
                    hash.update([0]);
                    hash.update(text);
                    hash.update([0]);
                }
                let mut hex = String::new();
                hash.finalize().iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
                (folder.file_name().unwrap().to_string_lossy().into_owned(), hex)
            })
            .collect();
        let expected: Vec<(String, String)> = PUBLISHED.iter().map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned())).collect();
        assert_eq!(found, expected, "a published version is never edited; a new one is added here");
    }

    #[test]
    fn what_plugins_rely_on_cannot_be_changed() {
        let today = read(&crate::root().join("wit")).unwrap();
        fit(today.clone(), today.clone()).unwrap();
        let spoiled = |file: &str, from: &str, to: &str| {
            let mut files = today.clone();
            let (_, text) = files.iter_mut().find(|(path, _)| path.ends_with(file)).unwrap();
            assert!(text.contains(from), "{file} no longer has {from:?}");
            *text = text.replacen(from, to, 1);
            files
        };
        for (what, file, from, to) in [
            ("a field more", "actions.wit", "record %package { name: string,", "record %package { name: string, arch: string,"),
            ("a field of another type", "types.wit", "retryable: bool", "retryable: u8"),
            ("an action more", "actions.wit", "        call(call),\n", "        call(call),\n        reboot,\n"),
            ("a question more", "facts.wit", "        holders(string),\n        /// A read-only", "        holders(string),\n        uptime,\n        /// A read-only"),
            ("a role more", "types.wit", "storage, network }", "storage, network, database }"),
            ("a function more that plugins must have", "lifecycle.wit", "    drills: func", "    explain: func(input: input) -> string;\n    drills: func"),
            ("a function less that plugins call", "log.wit", "    emit: func", "    say: func"),
            ("another result", "storage.wit", "-> result<storage-offer,", "-> result<option<storage-offer>,"),
            ("a world less", "worlds.wit", "world gateway-plugin", "world gate-plugin"),
        ] {
            let error = fit(spoiled(file, from, to), today.clone());
            assert!(error.is_err(), "{what}: not found out");
        }
        for (what, file, from, to) in [
            ("a world more", "worlds.wit", "world gateway-plugin", "world bare-plugin { import log; }\nworld gateway-plugin"),
            ("a function more that plugins may call", "log.wit", "    emit: func", "    flush: func();\n    emit: func"),
            ("an interface more that plugins may import", "worlds.wit", "    import observe;\n    export", "    import observe;\n    import clock;\n    export"),
            ("other words", "log.wit", "Words for the run's log", "Words for the log"),
        ] {
            let mut files = spoiled(file, from, to);
            files.push(("clock.wit".into(), "package arcus:plugin@0.1.0;\ninterface clock { now: func() -> u64; }\n".into()));
            fit(files, today.clone()).unwrap_or_else(|error| panic!("{what}: {error:#}"));
        }
    }
}
