//! What a component's bytes say of its outside. Finding it out is what reading a component takes its time for.

use std::collections::BTreeSet;

use arcus_plan::manifest::SECTION;
use serde::{Deserialize, Serialize};
use wasmparser::{
    Encoding, Parser, Payload, ValidPayload, Validator, WasmFeatures,
    component_types::{ComponentEntityType, ComponentItem},
    types::Types,
};

use crate::Fault;

/// A function (or what is as good as one) on the outside of a component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Item {
    /// `arcus:plugin/log@0.1.0`; for what stands outside any interface, its own name.
    pub interface: String,
    /// `emit`; none for what stands outside any interface.
    pub function: Option<String>,
}

impl std::fmt::Display for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.function {
            Some(function) => write!(f, "{}#{function}", self.interface),
            None => f.write_str(&self.interface),
        }
    }
}

/// The outside of a component, as its bytes have it: nothing is decided here. So it can be kept, and what is allowed can change meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anatomy {
    /// Names of all imported and exported interfaces, also of those without functions.
    pub(crate) interfaces: BTreeSet<String>,
    pub(crate) imports: Vec<Item>,
    pub(crate) exports: Vec<Item>,
    /// The content of all sections for a manifest.
    pub(crate) sections: Vec<Vec<u8>>,
}

impl Anatomy {
    /// Validates a component, without bodies of functions (the compiler does those). Runs nothing of it.
    ///
    /// # Errors
    /// When it is no valid component.
    pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let damaged = |error: wasmparser::BinaryReaderError| {
            Fault::damaged(format!("it is no valid component: {} (at byte {:#x})", error.message(), error.offset()))
        };
        let mut validator = Validator::new_with_features(WasmFeatures::default());
        let (mut depth, mut types, mut sections) = (0_usize, None, Vec::new());
        let (mut imported, mut exported) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(damaged)?;
            match &payload {
                Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::CustomSection(section) if depth == 1 && section.name() == SECTION => sections.push(section.data().to_vec()),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section.clone() {
                        imported.push(import.map_err(damaged)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section.clone() {
                        exported.push(export.map_err(damaged)?.name.name.to_owned());
                    }
                }
                _ => {}
            }
            if let ValidPayload::End(found) = validator.payload(&payload).map_err(damaged)? {
                types = Some(found);
            }
        }
        let Some(types) = types.filter(|_| depth == 0) else {
            return Err(Fault::damaged("it ends too early"));
        };
        let items = |names: &[String], find: &dyn Fn(&str) -> Option<ComponentItem>| {
            let mut items = Vec::new();
            for name in names {
                if let Some(item) = find(name) {
                    functions(&types, name, &item.ty, &mut items);
                }
            }
            items.sort();
            items
        };
        let imports = items(&imported, &|name| types.as_ref().component_item_for_import(name).cloned());
        let exports = items(&exported, &|name| types.as_ref().component_item_for_export(name).cloned());
        let interfaces = imported.into_iter().chain(exported).collect();
        Ok(Self { interfaces, imports, exports, sections })
    }
}

/// Adds what of `ty` can be called, or gives access to something: types alone grant nothing.
fn functions(types: &Types, name: &str, ty: &ComponentEntityType, items: &mut Vec<Item>) {
    let ComponentEntityType::Instance(id) = ty else {
        if !matches!(ty, ComponentEntityType::Type { .. }) {
            items.push(Item { interface: name.to_owned(), function: None });
        }
        return;
    };
    for (export, item) in &types[*id].exports {
        // Names of resources' functions (`[method]session.exec`) tell more than the resource itself.
        if !matches!(item.ty, ComponentEntityType::Type { .. }) {
            items.push(Item { interface: name.to_owned(), function: Some(export.clone()) });
        }
    }
}
