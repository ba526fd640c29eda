//! `arcus plugin`: which there are, and everything one asks for. Runs no code of theirs.

use std::io::Read as _;
use std::path::Path;

use arcus_engine::{Fault, Kind, Trouble};
use arcus_plugin::{Inspection, MAX_SIZE, embedded};

use crate::cli::Context;
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::cli::show::{grant, table::table};
use crate::cli::work::not_embedded;

/// Where an embedded plugin comes from.
const EMBEDDED: &str = "this arcus";

/// All of this Arcus, and those that the cluster file names, if there is one.
pub fn list(context: &Context) -> Result<(), Fault> {
    let console = &context.console;
    let mut found: Vec<(String, Result<Inspection, Fault>)> = Vec::new();
    for plugin in embedded() {
        found.push((EMBEDDED.into(), read(plugin.name, plugin.bytes)));
    }
    if let Ok(folder) = Folder::open(&context.global.file)
        && folder.dir.exists(&folder.name)
    {
        match folder.cluster() {
            Ok((_, cluster)) => {
                for (name, outside) in &cluster.plugins {
                    let bytes = folder.dir.read(&outside.path).map_err(|error| unreadable(name, &outside.path, &error));
                    found.push((outside.path.clone(), bytes.and_then(|bytes| read(&outside.path, &bytes))));
                }
            }
            Err(_) => console.note("the cluster file has mistakes (`arcus validate`): plugins that it names are not listed"),
        }
    }
    if embedded().is_empty() {
        console.say(console.terminal().err.yellow("this arcus was built without any plugins (`cargo xtask plugins`, then `cargo build`)"));
    }
    let paint = console.terminal().out;
    let (mut rows, mut told) = (vec![], vec![]);
    for (origin, inspected) in &found {
        match inspected {
            Ok(inspection) => {
                rows.push(row(inspection, origin, paint));
                told.push(json(inspection, origin));
            }
            Err(fault) => crate::cli::tell(console, fault),
        }
    }
    console.report("plugins", &told);
    if !rows.is_empty() {
        console.data(table(&rows));
    }
    Ok(())
}

/// One, by its name or the path of its component.
pub fn inspect(context: &Context, wanted: &str) -> Result<(), Fault> {
    let console = &context.console;
    let (inspection, origin) = find(context, wanted)?;
    console.report_all(&json(&inspection, &origin));
    console.data(grant::plugin(&inspection, &origin, console.terminal().out));
    Ok(())
}

fn find(context: &Context, wanted: &str) -> Result<(Inspection, String), Fault> {
    if let Some(plugin) = embedded().iter().find(|plugin| plugin.name == wanted) {
        return Ok((read(plugin.name, plugin.bytes)?, EMBEDDED.into()));
    }
    if wanted.contains('/') || wanted.ends_with(".wasm") {
        return Ok((read(wanted, &component(Path::new(wanted))?)?, wanted.to_owned()));
    }
    if let Ok(folder) = Folder::open(&context.global.file)
        && let Ok((_, cluster)) = folder.cluster()
        && let Some(outside) = cluster.plugins.get(wanted)
    {
        let bytes = folder.dir.read(&outside.path).map_err(|error| unreadable(wanted, &outside.path, &error))?;
        return Ok((read(&outside.path, &bytes)?, outside.path.clone()));
    }
    if embedded().is_empty() {
        return Err(not_embedded().help("`cargo xtask plugins`, then `cargo build`; or name the path of a component"));
    }
    let names: Vec<&str> = embedded().iter().map(|plugin| plugin.name).collect();
    Err(Fault::new(Kind::Input, "plugin.unknown", format!("there is no plugin `{wanted}`")).help(format!("there are {}; or name the path of a component", names.join(", "))))
}

/// A file that may be anything.
fn component(path: &Path) -> Result<Vec<u8>, Fault> {
    let failed = |error: &std::io::Error| unreadable(&path.display().to_string(), &path.display().to_string(), error);
    if !std::fs::metadata(path).map_err(|error| failed(&error))?.is_file() {
        return Err(failed(&std::io::Error::other("it is not a regular file")));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes)).map_err(|error| failed(&error))?;
    Ok(bytes)
}

fn unreadable(name: &str, path: &str, error: &std::io::Error) -> Fault {
    Fault::one(Kind::Input, Trouble { code: "plugin.unreadable".into(), message: format!("{path} cannot be read: {error}"), plugin: Some(name.to_owned()), ..Trouble::default() })
}

fn read(origin: &str, bytes: &[u8]) -> Result<Inspection, Fault> {
    arcus_plugin::inspect(bytes).map_err(|fault| {
        Fault::one(
            Kind::Input,
            Trouble { code: fault.code.into(), message: format!("{origin} is no plugin that this arcus can use: {}", fault.message), help: Some(fault.help), plugin: Some(origin.to_owned()), ..Trouble::default() },
        )
    })
}

fn row(inspection: &Inspection, origin: &str, paint: Paint) -> Vec<Safe> {
    let manifest = &inspection.manifest;
    vec![
        paint.bold(Foreign::word(&manifest.name)),
        Safe::of(&Foreign::word(&manifest.version)),
        Safe::of(&Foreign::capped(&inspection.digest, 12)),
        Safe::of(&Foreign::word(origin)),
        Safe::of(&Foreign::line(&manifest.summary)),
    ]
}

fn json(inspection: &Inspection, origin: &str) -> serde_json::Value {
    let powers: Vec<String> = grant::powers(&inspection.manifest.grant).iter().map(|power| power.as_str().to_owned()).collect();
    serde_json::json!({
        "name": inspection.manifest.name,
        "origin": origin,
        "digest": inspection.digest,
        "size": inspection.size,
        "imports": inspection.imports,
        "exports": inspection.exports,
        "manifest": inspection.manifest,
        "amounts_to_root": powers,
    })
}
