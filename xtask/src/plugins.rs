//! `cargo xtask plugins`: builds the crates in `plugins/` into components, `target/plugins/<name>.wasm`.
//!
//! The `arcus` binary embeds what lies there. The same sources and toolchain give the same bytes, wherever they lie.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use arcus_plan::manifest::Manifest;

const TARGET: &str = "wasm32-unknown-unknown";

/// A crate in `plugins/`.
struct Source {
    /// Of the manifest; in `plugins/` the folder's too.
    name: String,
    /// As cargo calls the crate.
    package: String,
    folder: PathBuf,
    manifest: Manifest,
}

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
    ensure_target()?;
    let modules = compile(root, &sources)?;
    for source in &sources {
        encode(source, &modules, &out.join(&source.name).with_extension("wasm"))?;
    }
    Ok(())
}

/// Builds the plugin in this folder, one that is never embedded, into this file.
pub fn component(root: &Path, folder: &Path, out: &Path) -> Result<()> {
    ensure_target()?;
    let source = source(folder)?;
    let modules = compile(root, std::slice::from_ref(&source))?;
    encode(&source, &modules, out)
}

fn encode(source: &Source, modules: &BTreeMap<PathBuf, PathBuf>, path: &Path) -> Result<()> {
    let module = modules.get(&source.folder).with_context(|| {
        format!("{} gave no WebAssembly: its Cargo.toml needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`", source.folder.display())
    })?;
    let module = fs::read(module).with_context(|| module.display().to_string())?;
    let (bytes, inspection) = arcus_component::componentize(&module, &source.manifest)
        .map_err(|fault| anyhow::anyhow!("{}: {fault} ({})\n{}", source.name, fault.code, fault.help))?;
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
        let source = source(&folder)?;
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

fn source(folder: &Path) -> Result<Source> {
    let path = folder.join("Cargo.toml");
    let cargo = cargo(folder)?;
    let package = cargo.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str());
    let package = package.with_context(|| format!("{} names no package", path.display()))?.to_owned();
    let path = folder.join("manifest.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let manifest = Manifest::from_toml(&text).with_context(|| path.display().to_string())?;
    Ok(Source { name: manifest.name.clone(), package, folder: folder.canonicalize()?, manifest })
}

/// Adds the target to the toolchain, and says so.
fn ensure_target() -> Result<()> {
    let libraries = output(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]))?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    println!("adding the target {TARGET} to the Rust toolchain (rustup target add {TARGET})");
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    if !added.is_ok_and(|status| status.success()) {
        bail!("the target {TARGET} is not installed and rustup could not add it: install it the way this Rust was installed");
    }
    Ok(())
}

/// One cargo for all; gives the module of each crate by its folder.
fn compile(root: &Path, sources: &[Source]) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(root)
        .args(["build", "--lib", "--profile", "guest", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(root.join("target/guest"))
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root)?)
        .stdout(Stdio::piped());
    for source in sources {
        cargo.args(["-p", &source.package]);
    }
    let mut child = cargo.spawn().context("cargo cannot be run")?;
    let reader = BufReader::new(child.stdout.take().context("cargo has no output")?);
    let mut modules = BTreeMap::new();
    for message in serde_json::Deserializer::from_reader(reader).into_iter::<serde_json::Value>() {
        let message = message.context("cargo said something that is not JSON")?;
        let (Some(manifest), Some(files)) = (message["manifest_path"].as_str(), message["filenames"].as_array()) else { continue };
        if let Some(module) = files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with(".wasm")) {
            let folder = Path::new(manifest).parent().unwrap_or(root).canonicalize()?;
            modules.insert(folder, PathBuf::from(module));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("the plugins do not build (`cargo build` above, {status})");
    }
    Ok(modules)
}

/// Panic messages hold paths of sources: without this, bytes and digests would differ from machine to machine.
fn flags(root: &Path) -> Result<OsString> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let registry = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .context("neither CARGO_HOME nor a home folder is known")?;
    let mut flags = OsString::new();
    for (from, to) in [
        (registry, "/cargo".to_owned()),
        (root.to_owned(), "/arcus".to_owned()),
        (Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), format!("/rustc/{commit}")),
    ] {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    Ok(flags)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("{} cannot be run", command.get_program().display()))?;
    if !output.status.success() {
        bail!("{} failed ({})", command.get_program().display(), output.status);
    }
    String::from_utf8(output.stdout).context("rustc said something that is not UTF-8")
}
