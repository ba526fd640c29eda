//! `cargo xtask contract`: writes `sdk/contract/src/*.rs` from `wit/`, so that the WIT is the only source of the types; and the pages that
//! tell of the contract and of the manifest. Refuses a contract that plugins of a published version could not be used with.

mod manifest;
mod page;
mod published;
mod rust;

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result, bail};
use wit_parser::{Docs, Resolve, TypeDefKind};

/// Types-only interfaces, in the order their modules are listed.
const INTERFACES: [&str; 6] = ["types", "files", "facts", "actions", "checks", "handoffs"];

/// Generates the crate's modules and the pages; with `check`, only compares and fails when they are out of date.
pub fn generate(root: &Path, check: bool) -> Result<()> {
    published::check(&root.join("wit"))?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(root.join("wit")).context("wit/ does not parse")?;
    documented(&resolve)?;
    put(&root.join("docs/contract.md"), &page::of(&resolve, package)?, check)?;
    put(&root.join("docs/manifest.md"), &manifest::page(root)?, check)?;
    let mut lib = String::from(
        "//! The types of the contract `arcus:plugin`, generated from `wit/` by `cargo xtask contract`: edit the WIT instead.\n\
         //!\n\
         //! Guests, the SDK and the host use the same ones. Feature `host` lets wasmtime lift and lower them.\n\n",
    );
    for name in INTERFACES {
        let id = *resolve.packages[package].interfaces.get(name).with_context(|| format!("no interface {name}"))?;
        let source = rust::module(&resolve, &resolve.interfaces[id])?;
        put(&root.join(format!("sdk/contract/src/{name}.rs")), &source, check)?;
        let _ = writeln!(lib, "pub mod {name};");
    }
    lib.push_str("\n/// Everything in one place.\npub mod prelude {\n");
    for name in INTERFACES {
        let _ = writeln!(lib, "    pub use crate::{name}::*;");
    }
    lib.push_str("}\n");
    put(&root.join("sdk/contract/src/lib.rs"), &lib, check)
}

/// Every type has words of its own; and every field and case, but of types that are told in one sentence.
fn documented(resolve: &Resolve) -> Result<()> {
    for (_, ty) in &resolve.types {
        let Some(name) = &ty.name else { continue };
        let parts: Vec<(&str, &Docs)> = match &ty.kind {
            TypeDefKind::Record(record) => record.fields.iter().map(|field| (field.name.as_str(), &field.docs)).collect(),
            TypeDefKind::Variant(variant) => variant.cases.iter().map(|case| (case.name.as_str(), &case.docs)).collect(),
            TypeDefKind::Enum(cases) => cases.cases.iter().map(|case| (case.name.as_str(), &case.docs)).collect(),
            // Borrowed words of another interface.
            TypeDefKind::Type(_) => continue,
            _ => vec![],
        };
        if ty.docs.contents.is_none() {
            bail!("wit/: {name} is not documented");
        }
        let silent: Vec<&str> = parts.iter().filter(|(_, docs)| docs.contents.is_none()).map(|(part, _)| *part).collect();
        if !silent.is_empty() && silent.len() < parts.len() {
            bail!("wit/: of {name} these are not documented: {}", silent.join(", "));
        }
    }
    Ok(())
}

fn put(path: &Path, text: &str, check: bool) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if check {
        bail!("{} is out of date: run `cargo xtask contract`", path.display());
    }
    fs::write(path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_without_words_is_refused() {
        let told = |fields: &str| {
            let mut resolve = Resolve::default();
            resolve.push_str("x.wit", &format!("package a:b; interface i {{ /// One.\n record r {{ {fields} }} }}")).unwrap();
            documented(&resolve).map_err(|error| error.to_string())
        };
        assert_eq!(told("a: u8, b: u8"), Ok(()));
        assert_eq!(told("/// Bytes.\n a: u8, /// Seconds.\n b: u8"), Ok(()));
        assert_eq!(told("/// Bytes.\n a: u8, b: u8"), Err("wit/: of r these are not documented: b".into()));
    }

    #[test]
    fn what_is_generated_is_up_to_date() {
        generate(&crate::root(), true).unwrap();
    }
}
