//! Makes a plugin's file out of a core module and a manifest.

use arcus_plan::manifest::Manifest;
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, SourceMap};

use crate::{Fault, Inspection, contract::WIT, inspect};

/// Wraps `module` (a core module built for `wasm32-unknown-unknown` against the SDK) into a component that carries
/// `manifest`, and checks the result as loading would. A `module` that is a component already is only given its manifest; one that says nothing of
/// its types, as what was built without the SDK, is taken for a plugin of the manifest's concern.
///
/// The same module and manifest give the same bytes.
///
/// # Errors
/// When the module does not hold the contract's type section, or the result is not a plugin.
pub fn componentize(module: &[u8], manifest: &Manifest) -> Result<(Vec<u8>, Inspection), Fault> {
    let mut bytes = if module.get(4..8) == Some(&[0x0d, 0, 1, 0]) {
        module.to_vec()
    } else {
        typed(module, manifest).and_then(|module| encode(&module)).map_err(|error| {
            Fault::new(
                "plugin.encode",
                format!("the core module cannot be made a component: {error}"),
                "In Rust: build it for `wasm32-unknown-unknown` as a `cdylib` that exports a plugin with the SDK's macro. In other languages: docs/other-languages.md.",
            )
        })?
    };
    let data = manifest.to_section();
    CustomSection { name: arcus_plan::manifest::SECTION.into(), data: data.as_slice().into() }.append_to_component(&mut bytes);
    let inspection = inspect(&bytes)?;
    Ok((bytes, inspection))
}

fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = ComponentEncoder::default();
    let encoder = encoder.validate(true).module(module).map_err(|error| format!("{error:#}"))?;
    encoder.encode().map_err(|error| format!("{error:#}"))
}

/// With the contract's types in it.
fn typed(module: &[u8], manifest: &Manifest) -> Result<Vec<u8>, String> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload.map_err(|error| error.to_string())?
            && section.name().starts_with("component-type")
        {
            return Ok(module.to_vec());
        }
    }
    let mut module = module.to_vec();
    let mut files = SourceMap::new();
    for (name, text) in WIT {
        files.push(std::path::Path::new(name), *text);
    }
    let mut resolve = Resolve::default();
    let group = files.parse().map_err(|(_, error)| error.to_string())?;
    let package = resolve.push_group(group).map_err(|error| error.to_string())?;
    let world = format!("{}-plugin{}", manifest.concern.as_str(), if manifest.has_hatch() { "-with-hatch" } else { "" });
    let world = resolve.select_world(&[package], Some(&world)).map_err(|error| error.to_string())?;
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).map_err(|error| format!("{error:#}"))?;
    Ok(module)
}
