//! `arcus plugin pack` and `bundle`: components in one file, which registries' tools know, and which `add` takes where there is no network.

use std::path::{Path, PathBuf};

use arcus_engine::{Fault, Gate, Kind};
use arcus_plugin::Inspection;
use arcus_registry::{Artefact, Described, Place};

use super::add::version;
use super::source::{self, Offered};
use super::{not_here, read, signed, unreadable};
use crate::cli::Context;
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::safe;

/// One component, for its author.
pub fn pack(context: &Context, component: &Path, out: Option<&Path>) -> Result<(), Fault> {
    let (artefact, _) = artefact(source::only(context, component)?)?;
    let out = out.map_or_else(|| PathBuf::from(format!("{}-{}.tar", artefact.name, artefact.version)), Path::to_owned);
    context.console.report("digest", &artefact.digest());
    write(context, &out, &[(artefact, None)])
}

/// Those that are named, or all that this cluster's lock file pins, as they lie beside it.
pub fn bundle(context: &Context, sources: &[PathBuf], out: &Path) -> Result<(), Fault> {
    let mut all = Vec::new();
    for given in sources {
        for offered in source::offered(context, None, given)? {
            all.push(artefact(offered)?);
        }
    }
    if sources.is_empty() {
        all = pinned(context)?;
    }
    write(context, out, &all)
}

fn pinned(context: &Context) -> Result<Vec<(Artefact, Option<String>)>, Fault> {
    let folder = Folder::open(&context.global.file)?;
    let (_, cluster) = folder.cluster()?;
    let gate = Gate::open(&folder.dir, None)?;
    let mut all = Vec::new();
    for (name, pin) in &gate.lock.pins {
        let path = gate.path(&cluster, name).ok_or_else(|| not_here(name))?;
        let bytes = folder.dir.read(&path).map_err(|error| unreadable(name, &path, &error))?;
        if arcus_plugin::digest(&bytes) != pin.digest {
            return Err(Fault::new(Kind::Denied, "plugin.not-as-pinned", format!("{path} is not the component that arcus.lock pins")).help(format!("get it back from version control; or `arcus plugin update {name}`")));
        }
        let signature = signed::read(folder.dir.open(signed::beside(&path)))?;
        all.push(artefact(Offered { bytes, signature, source: pin.source.clone(), shown: path })?);
    }
    if all.is_empty() {
        return Err(Fault::new(Kind::Input, "plugin.none-there", "arcus.lock pins no plugin of a third party").help("name what is to be in the bundle: files, or oci://HOST/REPOSITORY:VERSION"));
    }
    Ok(all)
}

/// What registries keep of one, and where it came from, if that means the same to others.
pub(super) fn artefact(offered: Offered) -> Result<(Artefact, Option<String>), Fault> {
    let inspection = read(&offered.shown, &offered.bytes)?;
    version(&inspection)?;
    let source = Some(source::origin(&offered.source)).filter(|source| Place::is_meant(source)).map(str::to_owned);
    Ok((Artefact::of(&described(&inspection), offered.bytes, offered.signature.as_deref()), source))
}

fn described(inspection: &Inspection) -> Described {
    let manifest = &inspection.manifest;
    Described { name: manifest.name.clone(), version: manifest.version.clone(), summary: manifest.summary.clone(), imports: inspection.interfaces.clone(), exports: inspection.exports.clone() }
}

fn write(context: &Context, out: &Path, all: &[(Artefact, Option<String>)]) -> Result<(), Fault> {
    let shown = out.display().to_string();
    let failed = |error: std::io::Error| Fault::new(Kind::Input, "plugin.not-written", format!("{shown} cannot be written: {error}")).help("check who may write to that folder");
    let bytes = arcus_registry::write(all).map_err(failed)?;
    std::fs::write(out, &bytes).map_err(failed)?;
    let console = &context.console;
    let names: Vec<String> = all.iter().map(|(one, _)| format!("{} {}", one.name, one.version)).collect();
    console.report("file", &shown);
    console.report("plugins", &names);
    console.data(safe!("{}: {}", Foreign::line(&shown), Foreign::line(&names.join(", "))));
    console.data(safe!("where there is no network: `arcus plugin add {}`", Foreign::line(&shown)));
    Ok(())
}
