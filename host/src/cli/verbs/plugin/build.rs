//! `arcus plugin build`: compiles a plugin's crate, encodes it, and puts its manifest in.

use std::path::Path;

use arcus_component::compile::{self, PROFILE, Recipe, TARGET};
use arcus_engine::{Fault, Kind, Trouble};
use arcus_plan::manifest::Manifest;

use crate::cli::Context;
use crate::cli::foreign::Foreign;
use crate::safe;

/// Builds the plugin in this folder, as `NAME.wasm` in it: its crate, or what another toolchain made of it.
pub fn run(context: &Context, folder: &Path, offline: bool, module: Option<&Path>) -> Result<(), Fault> {
    let (module, manifest) = match module {
        Some(made) => {
            let read = |path: &Path| {
                std::fs::read(path).map_err(|error| {
                    Fault::new(Kind::Input, "plugin.no-module", format!("{} cannot be read: {error}", path.display())).help("--module names a core module or a component; manifest.toml lies in the folder")
                })
            };
            (read(made)?, compile::manifest(folder).map_err(told)?)
        }
        None => compiled(context, folder, offline)?,
    };
    let (bytes, inspection) = arcus_plugin::componentize(&module, &manifest).map_err(told)?;
    let path = folder.join(&manifest.name).with_extension("wasm");
    std::fs::write(&path, &bytes).map_err(|error| {
        Fault::new(Kind::Input, "plugin.not-written", format!("{} cannot be written: {error}", path.display())).help("check who may write to that folder")
    })?;
    let shown = path.display().to_string();
    let console = &context.console;
    console.report("component", &shown);
    console.report("digest", &inspection.digest);
    console.report("size", &inspection.size);
    console.data(safe!("{}: {} bytes, sha256 {}", Foreign::line(&shown), inspection.size, Foreign::word(&inspection.digest)));
    Ok(())
}

/// The crate in this folder as a core module, and its manifest.
fn compiled(context: &Context, folder: &Path, offline: bool) -> Result<(Vec<u8>, Manifest), Fault> {
    let source = compile::source(folder).map_err(told)?;
    if !compile::has_target(TARGET).map_err(told)? {
        return Err(Fault::new(Kind::Input, "plugin.no-target", format!("the Rust toolchain cannot compile for {TARGET}")).help(format!("rustup target add {TARGET}")));
    }
    let mut called = compile::local_crates(&source.folder, offline).map_err(told)?;
    // Its own sources have no path to begin with; and so what it is built from is not built again for each plugin.
    called.retain(|(path, _)| *path != source.folder);
    if let Some(home) = context.environment.cargo_home() {
        called.insert(0, (home, "/cargo".to_owned()));
    }
    let mut arguments = PROFILE.to_vec();
    if offline {
        arguments.push("--offline");
    }
    let recipe = Recipe { root: &source.folder, target: None, arguments: &arguments, called: &called };
    let modules = compile::compile(&recipe, std::slice::from_ref(&source)).map_err(told)?;
    let module = compile::module(&modules, &source).map_err(told)?;
    Ok((module, source.manifest))
}

fn told(fault: arcus_component::Fault) -> Fault {
    Fault::one(Kind::Input, Trouble { code: fault.code.into(), message: fault.message, help: Some(fault.help), ..Trouble::default() })
}
