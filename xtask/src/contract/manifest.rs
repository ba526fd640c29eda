//! `docs/manifest.md`: what stands in a `manifest.toml`, from the words and types of the code that reads it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use syn::{Attribute, Expr, Fields, GenericArgument, Item, ItemConst, ItemEnum, ItemStruct, Lit, Meta, PathArguments, Type};

const MANIFEST: &str = "sdk/plan/src/manifest.rs";
const PATTERN: &str = "sdk/plan/src/pattern.rs";
const POWERS: &str = "host/src/cli/show/grant.rs";
const EXAMPLE: &str = "sdk/templates/storage/manifest.toml.in";

const HEAD: &str = "\
<!-- Written by `cargo xtask contract` from sdk/plan/src/manifest.rs, pattern.rs and host/src/cli/show/grant.rs: edit those. -->
# The manifest

`manifest.toml` lies beside a plugin's `Cargo.toml` and says what the plugin is and what it asks to be allowed. `arcus plugin build` puts it
into the component, so it can be read, shown and refused before any code of the plugin runs. What is not named is denied. A field that is
not known is an error.

";

/// The whole page.
pub fn page(root: &Path) -> Result<String> {
    let manifest = Source::read(root, MANIFEST)?;
    let pattern = Source::read(root, PATTERN)?;
    let powers = Source::read(root, POWERS)?;
    let mut out = HEAD.to_owned();
    for (heading, name) in [("What it is", "Manifest"), ("`[grant]`", "Grant"), ("`[[grant.command]]`", "Command"), ("`[[grant.query]]`", "Query")] {
        let item = manifest.structure(name)?;
        let _ = writeln!(out, "## {heading}\n\n{}\n", docs(&item.attrs));
        fields(&mut out, &item.fields)?;
        out.push('\n');
    }
    secrets(&mut out, manifest.choice("Secret")?)?;
    let _ = writeln!(out, "## Typed holes\n\n{}\n", without_title(&docs(&pattern.file.attrs)));
    let interpreters = words(manifest.constant("INTERPRETERS")?)?;
    let _ = writeln!(out, "These programs run what they are told, so all their words must be literal: {}.\n", code(&interpreters));
    let _ = writeln!(out, "## Actions\n\nThe words of `grant.actions`: {}. `wait` and `later` change nothing and need no grant.", code(&words(manifest.constant("ACTIONS")?)?));
    let concerns: Vec<String> = manifest.choice("Concern")?.variants.iter().map(|variant| kebab(&variant.ident.to_string())).collect();
    let _ = writeln!(out, "\n## Concerns\n\nThe words of `concern`: {}.\n", code(&concerns));
    out.push_str(
        "## What amounts to root\n\nShown to the operator by `inspect` and `approve`, whatever the manifest says of itself: packages, commands, mounts, and writing\nwhere a file makes root do something.\n\n| Below | Because |\n|---|---|\n",
    );
    for (folder, why) in pairs(powers.constant("RUN_BY_ROOT")?)? {
        let _ = writeln!(out, "| `{folder}` | {why} |");
    }
    let example = fs::read_to_string(root.join(EXAMPLE)).context(EXAMPLE)?.replace("@name@", "storage-shelf");
    let _ = writeln!(out, "\n## An example\n\nWhat `arcus plugin new --concern storage shelf` writes:\n\n```toml\n{}\n```", example.trim_end());
    Ok(out)
}

struct Source {
    name: &'static str,
    file: syn::File,
}

impl Source {
    fn read(root: &Path, name: &'static str) -> Result<Self> {
        let text = fs::read_to_string(root.join(name)).context(name)?;
        Ok(Self { name, file: syn::parse_file(&text).context(name)? })
    }

    fn structure(&self, name: &str) -> Result<&ItemStruct> {
        let found = self.file.items.iter().find_map(|item| if let Item::Struct(item) = item && item.ident == name { Some(item) } else { None });
        found.with_context(|| format!("{} has no struct {name}", self.name))
    }

    fn choice(&self, name: &str) -> Result<&ItemEnum> {
        let found = self.file.items.iter().find_map(|item| if let Item::Enum(item) = item && item.ident == name { Some(item) } else { None });
        found.with_context(|| format!("{} has no enum {name}", self.name))
    }

    fn constant(&self, name: &str) -> Result<&ItemConst> {
        let found = self.file.items.iter().find_map(|item| if let Item::Const(item) = item && item.ident == name { Some(item) } else { None });
        found.with_context(|| format!("{} has no const {name}", self.name))
    }
}

fn fields(out: &mut String, fields: &Fields) -> Result<()> {
    out.push_str("| Field | Type | |\n|---|---|---|\n");
    for field in fields {
        let name = kebab(&field.ident.as_ref().context("a field without a name")?.to_string());
        let _ = writeln!(out, "| `{name}` | {} | {} |", plain(&field.ty)?, cell(&docs(&field.attrs)));
    }
    Ok(())
}

fn secrets(out: &mut String, secret: &ItemEnum) -> Result<()> {
    let _ = writeln!(out, "## `[grant.secrets.NAME]`\n\n{}\n", docs(&secret.attrs));
    for variant in &secret.variants {
        let _ = writeln!(out, "`origin = \"{}\"`: {}\n", kebab(&variant.ident.to_string()), docs(&variant.attrs).replace('\n', " "));
        if !variant.fields.is_empty() {
            fields(out, &variant.fields)?;
            out.push('\n');
        }
    }
    Ok(())
}

/// A type in the words of TOML.
fn plain(ty: &Type) -> Result<String> {
    let Type::Path(path) = ty else { bail!("a field of an odd type") };
    let last = path.path.segments.last().context("a type without a name")?;
    let inner = || -> Result<Vec<String>> {
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { bail!("{} holds nothing", last.ident) };
        arguments.args.iter().map(|argument| if let GenericArgument::Type(ty) = argument { plain(ty) } else { bail!("an odd type") }).collect()
    };
    Ok(match last.ident.to_string().as_str() {
        "String" => "text".into(),
        "u32" | "usize" => "number".into(),
        "Vec" => format!("list of {}", inner()?.concat()),
        "Option" => format!("{}, may be left out", inner()?.concat()),
        "BTreeMap" => "tables by name, below".into(),
        "Value" => "table".into(),
        "Concern" => "[one of these](#concerns)".into(),
        "Grant" => "table, below".into(),
        "Command" | "Query" => "tables, below".into(),
        other => bail!("{other} has no words here"),
    })
}

fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => text(&pair.value),
        _ => None,
    });
    let joined = lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n");
    // Links of Rust's documentation lead nowhere here.
    joined.replace("see [`crate::pattern`]", "see [typed holes](#typed-holes)").replace("[`SECTION`]", "`arcus:manifest`")
}

/// The first paragraph names a module; what follows explains.
fn without_title(text: &str) -> String {
    text.split_once("\n\n").map_or(text, |(_, rest)| rest).to_owned()
}

fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

fn elements(constant: &ItemConst) -> Result<Vec<&Expr>> {
    match &*constant.expr {
        Expr::Array(array) => Ok(array.elems.iter().collect()),
        _ => bail!("{} is no list", constant.ident),
    }
}

fn words(constant: &ItemConst) -> Result<Vec<String>> {
    elements(constant)?.into_iter().map(|one| text(one).with_context(|| format!("{} holds something that is no text", constant.ident))).collect()
}

fn pairs(constant: &ItemConst) -> Result<Vec<(String, String)>> {
    let pair = |one: &Expr| match one {
        Expr::Tuple(tuple) => Some((text(tuple.elems.first()?)?, text(tuple.elems.last()?)?)),
        _ => None,
    };
    elements(constant)?.into_iter().map(|one| pair(one).with_context(|| format!("{} holds something that is no pair of texts", constant.ident))).collect()
}

fn code(words: &[String]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for (place, letter) in name.trim_start_matches("r#").chars().enumerate() {
        if letter.is_uppercase() && place > 0 {
            out.push('-');
        }
        out.extend(letter.to_lowercase());
    }
    out.replace('_', "-")
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
