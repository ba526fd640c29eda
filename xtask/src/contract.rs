//! `cargo xtask contract`: writes `sdk/contract/src/*.rs` from `wit/`, so that the WIT is the only source of the types; and the pages that
//! tell of the contract and of the manifest. Refuses a contract that plugins of a published version could not be used with.

mod manifest;
mod page;
mod published;

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result, bail};
use wit_parser::{Docs, Interface, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

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
        let source = module(&resolve, &resolve.interfaces[id])?;
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

fn module(resolve: &Resolve, interface: &Interface) -> Result<String> {
    let name = interface.name.as_deref().unwrap_or_default();
    let mut out = String::new();
    docs(&mut out, "//!", &interface.docs);
    let _ = writeln!(out, "//!\n//! Generated from `wit/{name}.wit` by `cargo xtask contract`.\n");
    // Long generated lists of derives are not worth wrapping by hand.
    for (type_name, id) in &interface.types {
        item(&mut out, resolve, type_name, *id)?;
    }
    Ok(out)
}

fn item(out: &mut String, resolve: &Resolve, name: &str, id: TypeId) -> Result<()> {
    let ty = &resolve.types[id];
    if let TypeDefKind::Type(Type::Id(other)) = ty.kind
        && resolve.types[other].owner != ty.owner
    {
        return Ok(()); // `use other.{name}`: the type lives in its own module.
    }
    let rust = pascal(name);
    match &ty.kind {
        TypeDefKind::Record(record) => {
            docs(out, "///", &ty.docs);
            let default = record.fields.iter().all(|field| has_default(resolve, &field.ty));
            derives(out, "record", if default { "Default, " } else { "" });
            let _ = writeln!(out, "pub struct {rust} {{");
            for field in &record.fields {
                docs_or(out, "    ///", &field.docs, &field.name);
                component_name(out, &field.name);
                let _ = writeln!(out, "    pub {}: {},", ident(&field.name), rust_type(resolve, &field.ty)?);
            }
            out.push_str("}\n\n");
        }
        TypeDefKind::Variant(variant) => {
            docs(out, "///", &ty.docs);
            derives(out, "variant", "");
            let _ = writeln!(out, "pub enum {rust} {{");
            for case in &variant.cases {
                docs_or(out, "    ///", &case.docs, &case.name);
                component_name(out, &case.name);
                match &case.ty {
                    Some(ty) => writeln!(out, "    {}({}),", pascal(&case.name), rust_type(resolve, ty)?)?,
                    None => writeln!(out, "    {},", pascal(&case.name))?,
                }
            }
            out.push_str("}\n\n");
        }
        TypeDefKind::Enum(cases) => {
            docs(out, "///", &ty.docs);
            derives(out, "enum", "Copy, PartialOrd, Ord, ");
            out.push_str("#[repr(u8)]\n");
            let _ = writeln!(out, "pub enum {rust} {{");
            for case in &cases.cases {
                docs_or(out, "    ///", &case.docs, &case.name);
                component_name(out, &case.name);
                let _ = writeln!(out, "    {},", pascal(&case.name));
            }
            out.push_str("}\n\n");
            let _ = writeln!(
                out,
                "impl {rust} {{\n    /// For bindings that lift a guest's value; the canonical ABI has checked the range.\n    \
                 #[doc(hidden)]\n    #[allow(clippy::missing_safety_doc, unsafe_code)]\n    \
                 pub unsafe fn _lift(value: u8) -> Self {{\n        match value {{"
            );
            for (place, case) in cases.cases.iter().enumerate() {
                let _ = writeln!(out, "            {place} => Self::{},", pascal(&case.name));
            }
            out.push_str("            _ => panic!(\"invalid enum discriminant\"),\n        }\n    }\n}\n\n");
        }
        TypeDefKind::Type(target) => {
            docs(out, "///", &ty.docs);
            let _ = writeln!(out, "pub type {rust} = {};\n", rust_type(resolve, target)?);
        }
        TypeDefKind::Result(_) | TypeDefKind::List(_) | TypeDefKind::Option(_) | TypeDefKind::Tuple(_) => {
            docs(out, "///", &ty.docs);
            let _ = writeln!(out, "pub type {rust} = {};\n", structural(resolve, &ty.kind)?);
        }
        other => bail!("{name}: {} has no Rust shape here", other.as_str()),
    }
    Ok(())
}

/// Whether nothing of it has to be chosen: plain data, and lists and options of anything. A record of such has a default, which is empty.
fn has_default(resolve: &Resolve, ty: &Type) -> bool {
    let Type::Id(id) = ty else { return true };
    match &resolve.types[*id].kind {
        TypeDefKind::Record(record) => record.fields.iter().all(|field| has_default(resolve, &field.ty)),
        TypeDefKind::Tuple(tuple) => tuple.types.iter().all(|ty| has_default(resolve, ty)),
        TypeDefKind::Type(ty) => has_default(resolve, ty),
        TypeDefKind::List(_) | TypeDefKind::Option(_) => true,
        _ => false,
    }
}

fn derives(out: &mut String, kind: &str, more: &str) {
    let _ = writeln!(
        out,
        "#[derive(Debug, Clone, {more}PartialEq, Eq, Hash)]\n\
         #[cfg_attr(feature = \"serde\", derive(serde::Serialize, serde::Deserialize), serde(rename_all = \"kebab-case\"))]\n\
         #[cfg_attr(feature = \"host\", derive(wasmtime::component::ComponentType, wasmtime::component::Lift, wasmtime::component::Lower), component({kind}))]"
    );
}

fn component_name(out: &mut String, name: &str) {
    let _ = writeln!(out, "    #[cfg_attr(feature = \"host\", component(name = \"{name}\"))]");
}

fn rust_type(resolve: &Resolve, ty: &Type) -> Result<String> {
    Ok(match ty {
        Type::Bool => "bool".into(),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::S32 => "i32".into(),
        Type::S64 => "i64".into(),
        Type::String => "String".into(),
        Type::Id(id) => {
            let def = &resolve.types[*id];
            match (&def.name, def.owner) {
                (Some(name), TypeOwner::Interface(_)) => {
                    // Follow `use` to the module that owns the type.
                    let mut real = *id;
                    while let TypeDefKind::Type(Type::Id(next)) = resolve.types[real].kind {
                        real = next;
                    }
                    let TypeOwner::Interface(home) = resolve.types[real].owner else { bail!("{name} has no interface") };
                    let (home, name) = match &resolve.types[real].name {
                        Some(real_name) => (resolve.interfaces[home].name.as_deref().unwrap_or_default(), real_name),
                        None => bail!("{name} has no name"),
                    };
                    format!("crate::{home}::{}", pascal(name))
                }
                _ => structural(resolve, &def.kind)?,
            }
        }
        other => bail!("{other:?} is not used in the contract"),
    })
}

fn structural(resolve: &Resolve, kind: &TypeDefKind) -> Result<String> {
    Ok(match kind {
        TypeDefKind::List(ty) => format!("Vec<{}>", rust_type(resolve, ty)?),
        TypeDefKind::Option(ty) => format!("Option<{}>", rust_type(resolve, ty)?),
        TypeDefKind::Result(r) => {
            let side = |ty: &Option<Type>| ty.as_ref().map_or(Ok("()".to_owned()), |ty| rust_type(resolve, ty));
            format!("Result<{}, {}>", side(&r.ok)?, side(&r.err)?)
        }
        TypeDefKind::Tuple(tuple) => {
            let parts = tuple.types.iter().map(|ty| rust_type(resolve, ty)).collect::<Result<Vec<_>>>()?;
            format!("({})", parts.join(", "))
        }
        TypeDefKind::Type(ty) => rust_type(resolve, ty)?,
        other => bail!("{} has no Rust shape here", other.as_str()),
    })
}

fn docs(out: &mut String, mark: &str, docs: &Docs) {
    for line in docs.contents.as_deref().unwrap_or_default().lines() {
        let _ = writeln!(out, "{mark} {}", line.trim_end());
    }
}

/// What has no words of its own in the WIT is told by its name.
fn docs_or(out: &mut String, mark: &str, own: &Docs, name: &str) {
    if own.contents.is_some() {
        docs(out, mark, own);
    } else {
        let _ = writeln!(out, "{mark} `{name}`.");
    }
}

fn pascal(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>()
        })
        .collect()
}

fn ident(name: &str) -> String {
    match name.replace('-', "_") {
        word if matches!(word.as_str(), "type" | "use" | "mod" | "match" | "move" | "ref" | "self") => format!("r#{word}"),
        word => word,
    }
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
