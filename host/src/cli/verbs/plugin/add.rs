//! `arcus plugin add`: puts a third party's component beside the cluster file and pins it. Approves nothing.

use std::path::Path;

use arcus_cluster::Cluster;
use arcus_engine::{Fault, Gate, Kind};
use arcus_plan::manifest::{Concern, Manifest};
use arcus_plugin::{Inspection, Pin};

use super::source::Offered;
use super::{comes_with_arcus, read, signed, source};
use crate::cli::Context;
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::cli::show::grant;
use crate::safe;

/// Reads, checks, copies, pins.
pub fn run(context: &Context, given: &Path) -> Result<(), Fault> {
    let folder = Folder::open(&context.global.file)?;
    let (_, cluster) = folder.cluster()?;
    let mut gate = Gate::open(&folder.dir, None)?;
    let all = source::offered(context, Some(&folder), given)?;
    let alone = all.len() == 1;
    let mut told = Vec::new();
    for offered in all {
        told.extend(one(context, &folder, &cluster, &mut gate, offered, alone)?);
    }
    match told.as_slice() {
        [one] => context.console.report_all(one),
        many => context.console.report("added", &many),
    }
    Ok(())
}

/// One of them; `alone`: nothing else is added.
fn one(context: &Context, folder: &Folder, cluster: &Cluster, gate: &mut Gate, offered: Offered, alone: bool) -> Result<Option<serde_json::Value>, Fault> {
    let Offered { bytes, signature, source, shown } = offered;
    let inspection = read(&shown, &bytes)?;
    let console = &context.console;
    let name = inspection.manifest.name.clone();
    version(&inspection)?;
    if comes_with_arcus(&name) && !cluster.plugins.contains_key(&name) {
        return Err(Fault::new(Kind::Input, "plugin.embedded", format!("a plugin `{name}` comes with this arcus"))
            .help(format!("to use this one in its place, copy it to {0} beside the cluster file, and name it there: `plugins: {{ {name}: ./{0} }}`", Gate::usual(&name))));
    }
    if let Some(pin) = gate.lock.pins.get(&name) {
        // A bundle may bring more than what is new.
        if !alone && pin.digest == inspection.digest {
            console.data(safe!("{} {} is what is pinned", Foreign::word(&name), Foreign::word(&pin.version)));
            return Ok(None);
        }
        return Err(Fault::new(Kind::Input, "plugin.added-already", format!("{name} is pinned already: {} from {}", pin.version, pin.source)).help(format!("`arcus plugin update {name}`")));
    }
    let path = cluster.plugins.get(&name).map_or_else(|| Gate::usual(&name), |outside| outside.path.clone());
    if folder.dir.read(&path).is_ok_and(|there| there != bytes) {
        return Err(Fault::new(Kind::Input, "plugin.in-the-way", format!("another file is at {path} already")).help("remove it, if nobody needs it"));
    }
    let signer = signed::signer(context, &name, &bytes, signature.as_deref())?;
    put(folder, &path, &bytes)?;
    put_signature(folder, &path, signature.as_deref())?;
    gate.lock.pins.insert(name.clone(), Pin::of(&inspection, &source, signer.map(|signer| signer.key)));
    write(gate, folder)?;
    console.data(grant::plugin(&inspection, &path, console.terminal().out));
    console.data(safe!("{} {} is pinned in arcus.lock, and not approved yet: `arcus plugin approve {}`", Foreign::word(&name), Foreign::word(&inspection.manifest.version), Foreign::word(&name)));
    if let Some(line) = in_file(&inspection.manifest) {
        console.data(safe!("to use it, in the cluster file: `{}`", Foreign::line(&line)));
    }
    Ok(Some(super::json(&inspection, &path)))
}

/// The line of the cluster file that uses it, with the settings that it cannot do without.
pub(super) fn in_file(manifest: &Manifest) -> Option<String> {
    let (section, short) = section(manifest)?;
    let required: Vec<&str> = manifest.schema["required"].as_array().into_iter().flatten().filter_map(|key| key.as_str()).collect();
    if required.is_empty() {
        return Some(format!("{section}: {{ use: {short} }}"));
    }
    let settings: Vec<String> = required.iter().map(|key| format!("{key}: …")).collect();
    Some(format!("{section}: {{ use: {short}, {short}: {{ {} }} }}", settings.join(", ")))
}

/// Where the cluster file names it, and how; a plugin for preflight runs without being named.
fn section(manifest: &Manifest) -> Option<(&'static str, &str)> {
    let section = manifest.concern.as_str();
    let short = manifest.name.strip_prefix(section)?.strip_prefix('-')?;
    matches!(manifest.concern, Concern::Storage | Concern::Network | Concern::Gateway | Concern::Platform).then_some((section, short))
}

/// What later versions are compared with.
pub(super) fn version(inspection: &Inspection) -> Result<semver::Version, Fault> {
    let manifest = &inspection.manifest;
    semver::Version::parse(&manifest.version).map_err(|error| {
        Fault::new(Kind::Input, "plugin.version", format!("the version of {}, `{}`, is no semantic version: {error}", manifest.name, manifest.version)).help("tell its author: `version` in manifest.toml has the form 1.2.3")
    })
}

/// Puts the component to its place, unless it is there.
pub(super) fn put(folder: &Folder, path: &str, bytes: &[u8]) -> Result<(), Fault> {
    if folder.dir.read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let failed = |error: std::io::Error| Fault::new(Kind::Input, "plugin.not-put", format!("{path} cannot be written: {error}")).help("check who may write to the folder of the cluster file");
    let beside = format!("{path}.new");
    if let Some(parent) = Path::new(path).parent().filter(|parent| *parent != Path::new("")) {
        folder.dir.create_dir_all(parent).map_err(failed)?;
    }
    folder.dir.write(&beside, bytes).map_err(failed)?;
    folder.dir.rename(&beside, &folder.dir, path).map_err(failed)
}

/// Keeps the signature beside the component, for colleagues, or takes away what was there.
pub(super) fn put_signature(folder: &Folder, path: &str, signature: Option<&str>) -> Result<(), Fault> {
    let beside = signed::beside(path);
    match signature {
        Some(signature) => put(folder, &beside, signature.as_bytes()),
        None => match folder.dir.remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Fault::new(Kind::Input, "plugin.not-put", format!("{beside} cannot be removed: {error}")).help("check who may write to the folder of the cluster file"))
            }
            _ => Ok(()),
        },
    }
}

/// Writes the pins.
pub(super) fn write(gate: &Gate, folder: &Folder) -> Result<(), Fault> {
    gate.lock.write(&folder.dir).map_err(|error| Fault::new(Kind::Input, error.code(), error.to_string()).help(error.help()))
}
