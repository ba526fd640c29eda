//! Makes a plugin's file out of a core module and a manifest.

use arcus_plan::manifest::Manifest;
use wasm_encoder::{ComponentSection as _, CustomSection};
use wit_component::ComponentEncoder;

use crate::{Fault, Inspection, inspect};

/// Wraps `module` (a core module built for `wasm32-unknown-unknown` against the SDK) into a component that carries
/// `manifest`, and checks the result as loading would. A `module` that is a component already is only given its manifest.
///
/// The same module and manifest give the same bytes.
///
/// # Errors
/// When the module does not hold the contract's type section, or the result is not a plugin.
pub fn componentize(module: &[u8], manifest: &Manifest) -> Result<(Vec<u8>, Inspection), Fault> {
    let mut bytes = if module.get(4..8) == Some(&[0x0d, 0, 1, 0]) {
        module.to_vec()
    } else {
        encode(module).map_err(|error| {
            Fault::new(
                "plugin.encode",
                format!("the core module cannot be made a component: {error}"),
                "Build it for `wasm32-unknown-unknown` as a `cdylib` that exports a plugin with the SDK's macro.",
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
