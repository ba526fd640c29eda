//! `cargo xtask plugins`: builds the crates in `plugins/` into components, `target/plugins/<name>.wasm`.
//!
//! The `arcus` binary embeds what lies there. The same sources and toolchain give the same bytes, wherever they lie.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use arcus_component::Fault;
use arcus_component::compile::{self, Recipe, Source, TARGET, source};

/// Builds all plugins, or those named, and removes components whose crate is gone.
pub fn build(root: &Path, only: &[String]) -> Result<()> {
    let mut sources = sources(root)?;
    let known: BTreeSet<String> = sources.iter().map(|source| source.name.clone()).collect();
    if let Some(name) = only.iter().find(|name| !known.contains(*name)) {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        bail!("there is no plugin `{name}`; there are: {known}");
    }
    let out = root.join("target/plugins");
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    for path in files(&out)? {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "wasm") && !known.contains(&stem) {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
            println!("{stem}: removed, as its crate is gone");
        }
    }
    if !only.is_empty() {
        sources.retain(|source| only.contains(&source.name));
    }
    if sources.is_empty() {
        println!("there are no plugins in {}", root.join("plugins").display());
        return Ok(());
    }
    ensure_target(TARGET)?;
    let modules = compile(root, &sources)?;
    for source in &sources {
        encode(source, &modules, &out.join(&source.name).with_extension("wasm"))?;
    }
    Ok(())
}

/// Builds the plugin in this folder, one that is never embedded, into this file.
pub fn component(root: &Path, folder: &Path, out: &Path) -> Result<()> {
    ensure_target(TARGET)?;
    let source = source(folder).map_err(told)?;
    let modules = compile(root, std::slice::from_ref(&source))?;
    encode(&source, &modules, out)
}

fn encode(source: &Source, modules: &BTreeMap<PathBuf, PathBuf>, path: &Path) -> Result<()> {
    let module = compile::module(modules, source).map_err(told)?;
    let (bytes, inspection) = arcus_component::componentize(&module, &source.manifest).map_err(|fault| told(fault).context(source.name.clone()))?;
    // An unchanged file keeps its time, so that nothing that embeds it is built again.
    let same = fs::read(path).is_ok_and(|old| old == bytes);
    if !same {
        fs::write(path, &bytes).with_context(|| path.display().to_string())?;
    }
    println!(
        "{}: {} KB, sha256 {}{}",
        source.name,
        bytes.len().div_ceil(1000),
        &inspection.digest[..12],
        if same { ", as before" } else { "" }
    );
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in files(&root.join("plugins"))? {
        if !folder.join("Cargo.toml").is_file() || is_library(&folder)? {
            continue;
        }
        let source = source(&folder).map_err(told)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if source.name != name {
            bail!("{}: its name is `{}`, but the folder's is `{name}`", folder.join("manifest.toml").display(), source.name);
        }
        sources.push(source);
    }
    Ok(sources)
}

fn cargo(folder: &Path) -> Result<toml::Table> {
    let path = folder.join("Cargo.toml");
    fs::read_to_string(&path)?.parse().with_context(|| path.display().to_string())
}

/// A crate without a manifest that gives no module: what plugins share.
fn is_library(folder: &Path) -> Result<bool> {
    let types = cargo(folder)?.get("lib").and_then(|lib| lib.get("crate-type")).cloned();
    Ok(types.is_none() && !folder.join("manifest.toml").exists())
}

/// What a test builds a stranger's plugin for, besides.
pub const WITH_WASI: &str = "wasm32-wasip2";

/// Adds the target to the toolchain, and says so.
pub fn ensure_target(target: &str) -> Result<()> {
    if compile::has_target(target).map_err(told)? {
        return Ok(());
    }
    println!("adding the target {target} to the Rust toolchain (rustup target add {target})");
    let added = Command::new("rustup").args(["target", "add", target]).status();
    if !added.is_ok_and(|status| status.success()) {
        bail!("the target {target} is not installed and rustup could not add it: install it the way this Rust was installed");
    }
    Ok(())
}

/// One cargo for all; gives the module of each crate by its folder.
fn compile(root: &Path, sources: &[Source]) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let registry = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .context("neither CARGO_HOME nor a home folder is known")?;
    let called = [(registry, "/cargo".to_owned()), (root.to_owned(), "/arcus".to_owned())];
    let target = root.join("target/guest");
    let recipe = Recipe { root, target: Some(&target), arguments: &["--profile", "guest"], called: &called };
    compile::compile(&recipe, sources).map_err(told)
}

fn told(fault: Fault) -> anyhow::Error {
    anyhow::anyhow!("{fault} ({})\n{}", fault.code, fault.help)
}
