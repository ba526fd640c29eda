//! `arcus plugin publish`: puts a component into a registry, under its version. What is there already is never replaced.

use std::path::Path;

use arcus_engine::Fault;
use arcus_registry::Place;

use super::pack::artefact;
use super::source;
use crate::cli::Context;
use crate::cli::foreign::Foreign;
use crate::cli::registries::{Registries, told};
use crate::safe;

/// Reads, and puts it there.
pub fn run(context: &Context, component: &Path, to: &str) -> Result<(), Fault> {
    let place = Place::parse(to).map_err(told)?;
    let offered = source::only(context, component)?;
    let console = &context.console;
    if offered.signature.is_none() {
        console.note(console.terminal().err.yellow(safe!("{} is not signed: sign it first, e.g. `minisign -Sm {}`", Foreign::line(&offered.shown), Foreign::line(&offered.shown))));
    }
    let (artefact, _) = artefact(offered)?;
    let registries = Registries::of(context, &place)?;
    let pushed = registries.open(&place)?.push(&artefact).map_err(told)?;
    console.report("place", &pushed.place.to_string());
    console.report("digest", &pushed.digest);
    console.report("known", &pushed.known);
    let word = if pushed.known { "is there already" } else { "is there now" };
    console.data(safe!("{} {}: {}", Foreign::line(&pushed.place.to_string()), word, Foreign::word(&pushed.digest)));
    console.data(safe!("whoever wants it: arcus plugin add {}", Foreign::line(&pushed.place.to_string())));
    Ok(())
}
