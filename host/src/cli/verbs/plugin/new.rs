//! `arcus plugin new`: a crate of its own to begin with, that builds, passes its tests and plans something.

use std::path::{Path, PathBuf};

use arcus_engine::{Fault, Kind};
use arcus_plan::manifest::{Concern, Manifest};

use super::add;
use crate::cli::Context;
use crate::cli::args::{NewConcern, PluginNew};
use crate::cli::foreign::Foreign;
use crate::safe;

/// What all crates have.
const COMMON: [(&str, &str); 3] = [
    ("Cargo.toml", include_str!("../../../../../sdk/templates/crate/Cargo.toml.in")),
    ("README.md", include_str!("../../../../../sdk/templates/crate/README.md.in")),
    (".gitignore", include_str!("../../../../../sdk/templates/crate/gitignore.in")),
];

macro_rules! template {
    ($concern:literal) => {
        [
            ("manifest.toml", include_str!(concat!("../../../../../sdk/templates/", $concern, "/manifest.toml.in"))),
            ("src/lib.rs", include_str!(concat!("../../../../../sdk/templates/", $concern, "/lib.rs.in"))),
            ("tests/properties.rs", include_str!(concat!("../../../../../sdk/templates/", $concern, "/properties.rs.in"))),
            ("world.toml", include_str!(concat!("../../../../../sdk/templates/", $concern, "/world.toml.in"))),
        ]
    };
}

/// The name that a plugin that inspects has: there is one in a cluster.
const PREFLIGHT: &str = "preflight";

/// Writes the files.
pub fn run(context: &Context, args: &PluginNew) -> Result<(), Fault> {
    let (concern, files) = match args.concern {
        NewConcern::Storage => (Concern::Storage, template!("storage")),
        NewConcern::Network => (Concern::Network, template!("network")),
        NewConcern::Gateway => (Concern::Gateway, template!("gateway")),
        NewConcern::Platform => (Concern::Platform, template!("platform")),
        NewConcern::Preflight => (Concern::Preflight, template!("preflight")),
    };
    let names = Names::of(concern, &args.name);
    let sdk = sdk(&args.sdk)?;
    let manifest = files.iter().find(|(path, _)| *path == "manifest.toml").map(|(_, text)| *text).unwrap_or_default();
    let manifest = Manifest::from_toml(&names.fill(manifest, &sdk, "")).map_err(|error| {
        Fault::new(Kind::Input, "plugin.name", format!("`{}` cannot be the name of a plugin: {error}", args.name)).help("lower-case letters, digits and dashes, e.g. `moosefs`")
    })?;
    let used = names.used(&manifest);
    let filled: Vec<(&str, String)> = COMMON.iter().chain(&files).map(|(path, text)| (*path, names.fill(text, &sdk, &used))).collect();
    let folder = PathBuf::from(&names.krate);
    let failed = |path: &Path, error: &std::io::Error| {
        Fault::new(Kind::Input, "plugin.not-written", format!("{} cannot be written: {error}", path.display())).help("give it another name, or go to another folder")
    };
    // Nothing of anybody's is written over.
    std::fs::create_dir(&folder).map_err(|error| failed(&folder, &error))?;
    for (path, text) in &filled {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
        }
        std::fs::write(&path, text).map_err(|error| failed(&path, &error))?;
    }
    // The versions that the SDK was tested with; cargo drops what this crate does not need.
    if let Sdk::Path(sdk) = &sdk
        && let Some(lock) = sdk.parent().map(|root| root.join("Cargo.lock")).filter(|lock| lock.is_file())
    {
        let to = folder.join("Cargo.lock");
        std::fs::copy(&lock, &to).map_err(|error| failed(&to, &error))?;
    }
    let console = &context.console;
    console.report("written", &folder.display().to_string());
    console.report("plugin", &names.name);
    console.data(safe!("{}: a plugin for {}, in {}", Foreign::word(&names.name), concern.as_str(), Foreign::word(&folder.display().to_string())));
    console.data(safe!("next: cd {}, cargo test, arcus plugin build", Foreign::word(&folder.display().to_string())));
    Ok(())
}

/// Where the SDK is.
enum Sdk {
    /// In a folder.
    Path(PathBuf),
    /// In a git repository.
    Git(String),
}

fn sdk(given: &str) -> Result<Sdk, Fault> {
    if given.contains("://") {
        return Ok(Sdk::Git(given.to_owned()));
    }
    let none = |message: String| Fault::new(Kind::Input, "plugin.no-sdk", message).help("--sdk names the folder `sdk` of Arcus' sources, or the URL of their git repository");
    let path = Path::new(given).canonicalize().map_err(|error| none(format!("{given}: {error}")))?;
    let cargo = std::fs::read_to_string(path.join("Cargo.toml")).map_err(|error| none(format!("{given} is not the SDK: Cargo.toml: {error}")))?;
    if cargo.contains("name = \"arcus-sdk\"") { Ok(Sdk::Path(path)) } else { Err(none(format!("{given} is not the SDK: its Cargo.toml is of another crate"))) }
}

struct Names {
    concern: &'static str,
    /// Of the plugin: `storage-shelf`.
    name: String,
    /// Of its crate and folder.
    krate: String,
    /// Without the concern: `shelf`.
    own: String,
}

impl Names {
    fn of(concern: Concern, given: &str) -> Self {
        let prefix = format!("{}-", concern.as_str());
        let own = given.strip_prefix(&prefix).unwrap_or(given).to_owned();
        let krate = format!("{prefix}{own}");
        let name = if concern == Concern::Preflight { PREFLIGHT.to_owned() } else { krate.clone() };
        Self { concern: concern.as_str(), name, krate, own }
    }

    /// How a cluster file uses it.
    fn used(&self, manifest: &Manifest) -> String {
        let line = add::in_file(manifest).unwrap_or_else(|| format!("plugins: {{ {PREFLIGHT}: ./plugins/{PREFLIGHT}.wasm }}"));
        format!("`{line}` in the cluster file")
    }

    fn fill(&self, text: &str, sdk: &Sdk, used: &str) -> String {
        let source = match sdk {
            Sdk::Path(path) => format!("path = {:?}", path.display().to_string()),
            Sdk::Git(url) => format!("git = {url:?}"),
        };
        let lib = self.krate.replace('-', "_");
        let words: [(&str, &str); 7] =
            [("@name@", &self.name), ("@crate@", &self.krate), ("@lib@", &lib), ("@own@", &self.own), ("@concern@", self.concern), ("@sdk@", &source), ("@use@", used)];
        words
            .iter()
            .fold(text.to_owned(), |text, (mark, word)| text.replace(mark, word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_filled_and_its_manifest_reads() {
        let templates = [
            (Concern::Storage, template!("storage")),
            (Concern::Network, template!("network")),
            (Concern::Gateway, template!("gateway")),
            (Concern::Platform, template!("platform")),
            (Concern::Preflight, template!("preflight")),
        ];
        for (concern, files) in templates {
            let names = Names::of(concern, "shelf");
            for (path, text) in COMMON.iter().chain(&files) {
                let filled = names.fill(text, &Sdk::Git("https://example.org/arcus".into()), "so");
                assert!(!filled.contains('@'), "{concern:?} {path}: {filled}");
                if *path == "manifest.toml" {
                    let manifest = Manifest::from_toml(&filled).unwrap();
                    assert_eq!(manifest.concern, concern);
                    // Whoever follows the README has named all that there must be.
                    let used = names.used(&manifest);
                    let required = manifest.schema["required"].as_array().cloned().unwrap_or_default();
                    assert!(required.iter().all(|key| used.contains(&format!("{}: …", key.as_str().unwrap()))), "{used}");
                }
            }
        }
    }

    #[test]
    fn a_name_may_be_given_with_or_without_its_concern() {
        for given in ["shelf", "storage-shelf"] {
            let names = Names::of(Concern::Storage, given);
            assert_eq!((names.name.as_str(), names.krate.as_str(), names.own.as_str()), ("storage-shelf", "storage-shelf", "shelf"));
        }
        assert_eq!(Names::of(Concern::Preflight, "site").name, "preflight");
    }
}
