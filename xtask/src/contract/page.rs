//! `docs/contract.md`: the contract for people, from the words of the WIT.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use wit_parser::{Docs, Function, FunctionKind, Handle, Interface, PackageId, Resolve, Type, TypeDef, TypeDefKind, TypeId, World, WorldItem, WorldKey};

/// In the order in which somebody reads who has not seen them; those not named here follow.
const ORDER: [&str; 16] = [
    "lifecycle", "observe", "log", "storage", "network", "gateway", "platform", "migration", "preflight", "handoffs", "actions", "files", "checks", "facts",
    "types", "session",
];

const HEAD: &str = "\
<!-- Written by `cargo xtask contract` from wit/: edit that. -->
# The contract

Everything that a plugin can be told, can ask and can return: the package `{package}`, as [WIT](https://component-model.bytecodealliance.org/design/wit.html)
in the folder `wit/`. [What may change in it, and how long it is served](versions-of-the-contract.md) is a page of its own; so is
[the manifest](manifest.md).

";

/// The whole page.
pub fn of(resolve: &Resolve, package: PackageId) -> Result<String> {
    let package = &resolve.packages[package];
    let mut out = HEAD.replace("{package}", &package.name.to_string());
    out.push_str("## Worlds\n\nA plugin is a component of one of these.\n\n| World | Imports functions of | Exports | |\n|---|---|---|---|\n");
    for (name, id) in &package.worlds {
        let world = &resolve.worlds[*id];
        let _ = writeln!(out, "| `{name}` | {} | {} | {} |", functional(resolve, world, true), functional(resolve, world, false), cell(&world.docs));
    }
    out.push_str("\n## Interfaces\n\n");
    let mut names: Vec<&str> = package.interfaces.keys().map(String::as_str).collect();
    names.sort_by_key(|name| ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()));
    for name in &names {
        let _ = writeln!(out, "- [`{name}`](#{name}): {}", first(&resolve.interfaces[package.interfaces[*name]].docs));
    }
    for name in names {
        interface(&mut out, resolve, name, &resolve.interfaces[package.interfaces[name]])?;
    }
    Ok(out)
}

/// Names of the interfaces with functions on one side of a world: those of types alone are there whenever their types are used.
fn functional(resolve: &Resolve, world: &World, imports: bool) -> String {
    let items = if imports { &world.imports } else { &world.exports };
    let names = items.iter().filter_map(|(key, item)| match (key, item) {
        (WorldKey::Interface(id), WorldItem::Interface { .. }) => {
            let interface = &resolve.interfaces[*id];
            let grants = !interface.functions.is_empty() || !imports;
            grants.then(|| format!("`{}`", interface.name.as_deref().unwrap_or_default()))
        }
        (WorldKey::Name(name), _) => Some(format!("`{name}`")),
        _ => None,
    });
    names.collect::<Vec<_>>().join(", ")
}

fn interface(out: &mut String, resolve: &Resolve, name: &str, interface: &Interface) -> Result<()> {
    let _ = writeln!(out, "\n## {name}\n");
    paragraph(out, &interface.docs);
    for function in interface.functions.values().filter(|function| matches!(function.kind, FunctionKind::Freestanding)) {
        let _ = writeln!(out, "\n### {name}.{}\n\n```wit\n{}\n```\n", function.name, signature(resolve, &function.name, function)?);
        paragraph(out, &function.docs);
    }
    for (type_name, id) in &interface.types {
        item(out, resolve, type_name, *id, interface)?;
    }
    Ok(())
}

fn item(out: &mut String, resolve: &Resolve, name: &str, id: TypeId, interface: &Interface) -> Result<()> {
    let ty = &resolve.types[id];
    if is_used_from_elsewhere(resolve, ty) {
        return Ok(());
    }
    let _ = writeln!(out, "\n### {} {name}\n", kind(ty));
    paragraph(out, &ty.docs);
    match &ty.kind {
        TypeDefKind::Record(record) => {
            out.push_str("\n| Field | Type | |\n|---|---|---|\n");
            for field in &record.fields {
                let _ = writeln!(out, "| `{}` | `{}` | {} |", field.name, wit(resolve, &field.ty)?, cell(&field.docs));
            }
        }
        TypeDefKind::Variant(variant) => {
            out.push_str("\n| Case | Holds | |\n|---|---|---|\n");
            for case in &variant.cases {
                let holds = case.ty.as_ref().map(|ty| wit(resolve, ty)).transpose()?.map_or_else(String::new, |ty| format!("`{ty}`"));
                let _ = writeln!(out, "| `{}` | {holds} | {} |", case.name, cell(&case.docs));
            }
        }
        TypeDefKind::Enum(cases) => {
            out.push_str("\n| Case | |\n|---|---|\n");
            for case in &cases.cases {
                let _ = writeln!(out, "| `{}` | {} |", case.name, cell(&case.docs));
            }
        }
        TypeDefKind::Resource => {
            for function in interface.functions.values() {
                if let FunctionKind::Method(of) = function.kind
                    && of == id
                {
                    let method = function.name.rsplit('.').next().unwrap_or(&function.name);
                    let _ = writeln!(out, "\n```wit\n{}\n```\n", signature(resolve, method, function)?);
                    paragraph(out, &function.docs);
                }
            }
        }
        other => {
            let _ = writeln!(out, "\n```wit\ntype {name} = {};\n```", structure(resolve, other)?);
        }
    }
    Ok(())
}

/// `use other.{name}`: told where it is defined.
fn is_used_from_elsewhere(resolve: &Resolve, ty: &TypeDef) -> bool {
    matches!(ty.kind, TypeDefKind::Type(Type::Id(other)) if resolve.types[other].owner != ty.owner)
}

fn kind(ty: &TypeDef) -> &'static str {
    match &ty.kind {
        TypeDefKind::Record(_) | TypeDefKind::Variant(_) | TypeDefKind::Enum(_) | TypeDefKind::Resource => ty.kind.as_str(),
        _ => "type",
    }
}

fn signature(resolve: &Resolve, name: &str, function: &Function) -> Result<String> {
    let own = |param: &&wit_parser::Param| !(matches!(function.kind, FunctionKind::Method(_)) && param.name == "self");
    let params: Vec<String> = function.params.iter().filter(own).map(|param| Ok(format!("{}: {}", param.name, wit(resolve, &param.ty)?))).collect::<Result<_>>()?;
    let result = function.result.as_ref().map(|ty| wit(resolve, ty)).transpose()?.map_or_else(String::new, |ty| format!(" -> {ty}"));
    Ok(format!("{name}: func({}){result};", params.join(", ")))
}

fn wit(resolve: &Resolve, ty: &Type) -> Result<String> {
    Ok(match ty {
        Type::Bool => "bool".into(),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::S32 => "s32".into(),
        Type::S64 => "s64".into(),
        Type::String => "string".into(),
        Type::Id(id) => match &resolve.types[*id].name {
            Some(name) => name.clone(),
            None => structure(resolve, &resolve.types[*id].kind)?,
        },
        other => bail!("{other:?} is not used in the contract"),
    })
}

fn structure(resolve: &Resolve, kind: &TypeDefKind) -> Result<String> {
    Ok(match kind {
        TypeDefKind::List(ty) => format!("list<{}>", wit(resolve, ty)?),
        TypeDefKind::Option(ty) => format!("option<{}>", wit(resolve, ty)?),
        TypeDefKind::Type(ty) => wit(resolve, ty)?,
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<String> = tuple.types.iter().map(|ty| wit(resolve, ty)).collect::<Result<_>>()?;
            format!("tuple<{}>", parts.join(", "))
        }
        TypeDefKind::Result(result) => {
            let side = |ty: &Option<Type>| ty.as_ref().map_or(Ok("_".to_owned()), |ty| wit(resolve, ty));
            format!("result<{}, {}>", side(&result.ok)?, side(&result.err)?)
        }
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", resolve.types[*id].name.as_deref().context("a resource without a name")?),
        TypeDefKind::Handle(Handle::Own(id)) => resolve.types[*id].name.clone().context("a resource without a name")?,
        other => bail!("{} has no words here", other.as_str()),
    })
}

fn paragraph(out: &mut String, docs: &Docs) {
    for line in docs.contents.as_deref().unwrap_or_default().lines() {
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

/// Docs in one cell of a table.
fn cell(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn first(docs: &Docs) -> String {
    let text = cell(docs);
    text.split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned()
}
