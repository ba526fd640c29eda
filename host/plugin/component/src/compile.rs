//! Compiles crates of plugins to the core modules that [`crate::componentize`] takes. The same sources in the same places and the same
//! toolchain give the same bytes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use arcus_plan::manifest::Manifest;

use crate::Fault;

/// What plugins are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A plugin's crate.
#[derive(Debug, Clone)]
pub struct Source {
    /// Of the manifest.
    pub name: String,
    /// As cargo calls the crate.
    pub package: String,
    /// Where it is.
    pub folder: PathBuf,
    /// `manifest.toml`.
    pub manifest: Manifest,
}

/// How crates are compiled.
#[derive(Debug, Clone)]
pub struct Recipe<'a> {
    /// Of the workspace that they belong to.
    pub root: &'a Path,
    /// Where cargo puts what it builds; none: where it would by itself.
    pub target: Option<&'a Path>,
    /// Arguments of cargo's beyond the usual: a profile, `--offline`.
    pub arguments: &'a [&'a str],
    /// Folders whose paths would be in panic messages, and how they are called there.
    pub called: &'a [(PathBuf, String)],
}

/// Settings of a small guest with function names for readable traps, whatever the crate's own profiles say.
pub const PROFILE: [&str; 14] = [
    "--release",
    "--config",
    "profile.release.opt-level=\"z\"",
    "--config",
    "profile.release.lto=true",
    "--config",
    "profile.release.codegen-units=1",
    "--config",
    "profile.release.panic=\"abort\"",
    "--config",
    "profile.release.strip=\"debuginfo\"",
    "--config",
    "profile.release.debug=false",
    "--quiet",
];

/// Reads what a folder with a plugin's crate says of it.
///
/// # Errors
/// When it is no crate with a manifest.
pub fn source(folder: &Path) -> Result<Source, Fault> {
    let path = folder.join("Cargo.toml");
    let wrong = |path: &Path, message: String| Fault::new("plugin.no-crate", format!("{}: {message}", path.display()), "`arcus plugin new` makes a crate to begin with.");
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| wrong(path, format!("it cannot be read: {error}")));
    let cargo: toml::Table = read(&path)?.parse().map_err(|error: toml::de::Error| wrong(&path, error.message().to_owned()))?;
    let package = cargo.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str());
    let package = package.ok_or_else(|| wrong(&path, "it names no package".into()))?.to_owned();
    let manifest = manifest(folder)?;
    let folder = folder.canonicalize().map_err(|error| wrong(folder, error.to_string()))?;
    Ok(Source { name: manifest.name.clone(), package, folder, manifest })
}

/// What a folder says that its plugin is.
///
/// # Errors
/// When there is no manifest in it, or none that can be.
pub fn manifest(folder: &Path) -> Result<Manifest, Fault> {
    let path = folder.join("manifest.toml");
    let text = fs::read_to_string(&path)
        .map_err(|error| Fault::new("plugin.no-crate", format!("{}: it cannot be read: {error}", path.display()), "`arcus plugin new` makes a crate to begin with."))?;
    Manifest::from_toml(&text).map_err(|error| Fault::new("plugin.manifest-wrong", format!("{}: {error}", path.display()), "Mend it; docs/manifest.md says what each field means."))
}

/// Whether the toolchain can compile for a target.
///
/// # Errors
/// When there is no toolchain.
pub fn has_target(target: &str) -> Result<bool, Fault> {
    let libraries = output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]))?;
    Ok(Path::new(libraries.trim()).is_dir())
}

/// One cargo for all; gives the module of each crate by its folder. Cargo's own words go to standard error.
///
/// # Errors
/// When cargo cannot be run, or a crate does not build.
pub fn compile(recipe: &Recipe<'_>, sources: &[Source]) -> Result<BTreeMap<PathBuf, PathBuf>, Fault> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(recipe.root)
        .args(["build", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .args(recipe.arguments)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(recipe.called)?)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if let Some(target) = recipe.target {
        cargo.arg("--target-dir").arg(target);
    }
    for source in sources {
        cargo.args(["-p", &source.package]);
    }
    let output = cargo.output().map_err(|error| no_toolchain("cargo", &error))?;
    if !output.status.success() {
        return Err(Fault::new("plugin.build", format!("it does not build (cargo ended with {})", output.status), "Read what the compiler says above."));
    }
    let mut modules = BTreeMap::new();
    for message in serde_json::Deserializer::from_slice(&output.stdout).into_iter::<serde_json::Value>() {
        let message = message.map_err(|error| Fault::new("plugin.build", format!("cargo said something that is not JSON: {error}"), "Run `cargo build` by hand, and see what it prints."))?;
        let (Some(manifest), Some(files)) = (message["manifest_path"].as_str(), message["filenames"].as_array()) else { continue };
        if let Some(module) = files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with(".wasm"))
            && let Some(Ok(folder)) = Path::new(manifest).parent().map(Path::canonicalize)
        {
            modules.insert(folder, PathBuf::from(module));
        }
    }
    Ok(modules)
}

/// The module of a crate that was compiled.
///
/// # Errors
/// When it gave none.
pub fn module(modules: &BTreeMap<PathBuf, PathBuf>, source: &Source) -> Result<Vec<u8>, Fault> {
    let path = modules.get(&source.folder).ok_or_else(|| {
        Fault::new(
            "plugin.no-module",
            format!("{} gave no WebAssembly", source.folder.display()),
            "Its Cargo.toml needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`.",
        )
    })?;
    fs::read(path).map_err(|error| Fault::new("plugin.no-module", format!("{}: {error}", path.display()), "Build it again."))
}

/// The folders of all crates that a crate is built from and that come from no registry, with the names of the crates.
///
/// # Errors
/// When cargo cannot tell.
pub fn local_crates(folder: &Path, offline: bool) -> Result<Vec<(PathBuf, String)>, Fault> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(folder).args(["metadata", "--format-version", "1", "--filter-platform", TARGET]).args(offline.then_some("--offline"));
    let told = output(&mut cargo)?;
    let told: serde_json::Value = serde_json::from_str(&told).map_err(|error| Fault::new("plugin.build", format!("cargo metadata is no JSON: {error}"), "Run it by hand, and see what it prints."))?;
    let mut found = Vec::new();
    for package in told["packages"].as_array().into_iter().flatten().filter(|package| package["source"].is_null()) {
        if let (Some(name), Some(parent)) = (package["name"].as_str(), package["manifest_path"].as_str().and_then(|path| Path::new(path).parent())) {
            found.push((parent.to_owned(), format!("/{name}")));
        }
    }
    // Of two prefixes that fit, the last one counts: the folder within a folder.
    found.sort();
    Ok(found)
}

/// Panic messages hold paths of sources: without this, bytes and digests would differ from machine to machine.
fn flags(called: &[(PathBuf, String)]) -> Result<OsString, Fault> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let library = (Path::new(sysroot.trim()).join("lib/rustlib/src/rust"), format!("/rustc/{commit}"));
    let mut flags = OsString::new();
    for (from, to) in called.iter().chain([&library]) {
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

fn output(command: &mut Command) -> Result<String, Fault> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|error| no_toolchain(&program, &error))?;
    if !output.status.success() {
        return Err(Fault::new("plugin.toolchain", format!("{program} ended with {}", output.status), "Read what it says above."));
    }
    String::from_utf8(output.stdout).map_err(|_| Fault::new("plugin.toolchain", format!("{program} said something that is not UTF-8"), "Run it by hand, and see what it prints."))
}

fn no_toolchain(program: &str, error: &std::io::Error) -> Fault {
    Fault::new("plugin.toolchain", format!("{program} cannot be run: {error}"), "Install Rust (https://rustup.rs): plugins are compiled with it.")
}
