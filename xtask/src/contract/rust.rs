//! `sdk/contract/src/*.rs`: the contract for Rust.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use wit_parser::{Docs, Interface, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

/// The types of an interface.
pub fn module(resolve: &Resolve, interface: &Interface) -> Result<String> {
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
            let _ = write!(out, "impl {rust} {{\n{}}}\n\n", word(variant.cases.iter().map(|case| (case.name.as_str(), case.ty.is_some()))));
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
                "impl {rust} {{\n{}\n    /// For bindings that lift a guest's value; the canonical ABI has checked the range.\n    \
                 #[doc(hidden)]\n    #[allow(clippy::missing_safety_doc, unsafe_code)]\n    \
                 pub unsafe fn _lift(value: u8) -> Self {{\n        match value {{",
                word(cases.cases.iter().map(|case| (case.name.as_str(), false)))
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

/// The function that tells a case by its name in the WIT.
fn word<'a>(cases: impl Iterator<Item = (&'a str, bool)>) -> String {
    let mut out = String::from("    /// Its name in the contract.\n    pub fn word(&self) -> &'static str {\n        match self {\n");
    for (name, holds) in cases {
        let _ = writeln!(out, "            Self::{}{} => \"{name}\",", pascal(name), if holds { "(_)" } else { "" });
    }
    out.push_str("        }\n    }\n");
    out
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
