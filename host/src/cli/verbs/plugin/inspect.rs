//! `arcus plugin inspect`.

use std::path::Path;

use arcus_engine::{Fault, Gate, Kind};
use arcus_plugin::{Inspection, embedded};

use super::{EMBEDDED, json, read, source, unreadable};
use crate::cli::Context;
use crate::cli::folder::Folder;
use crate::cli::show::grant;
use crate::cli::work::not_embedded;

/// One, by its name or the path of its component.
pub fn run(context: &Context, wanted: &str) -> Result<(), Fault> {
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
    if wanted.contains('/') || wanted.ends_with(".wasm") || wanted.ends_with(".tar") {
        let offered = source::only(context, Path::new(wanted))?;
        return Ok((read(&offered.shown, &offered.bytes)?, offered.shown));
    }
    if let Ok(folder) = Folder::open(&context.global.file)
        && let Ok((_, cluster)) = folder.cluster()
        && let Some(path) = Gate::open(&folder.dir, None)?.path(&cluster, wanted)
    {
        let bytes = folder.dir.read(&path).map_err(|error| unreadable(wanted, &path, &error))?;
        return Ok((read(&path, &bytes)?, path));
    }
    if embedded().is_empty() {
        return Err(not_embedded().help("`cargo xtask plugins`, then `cargo build`; or name the path of a component"));
    }
    let names: Vec<&str> = embedded().iter().map(|plugin| plugin.name).collect();
    Err(Fault::new(Kind::Input, "plugin.unknown", format!("there is no plugin `{wanted}`")).help(format!("there are {}; or name the path of a component", names.join(", "))))
}
