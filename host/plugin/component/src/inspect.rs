//! Reads a component without running or compiling it.

use std::collections::BTreeSet;

use arcus_plan::manifest::{Manifest, SECTION};
use sha2::{Digest as _, Sha256};

use crate::{
    Anatomy, Fault,
    anatomy::Item,
    contract::{CONCERNS, CONTRACT_VERSION, EXPECTED_IMPORTS, HATCH, InterfaceName, LIVE_IMPORTS, concern_functions, is_of_libraries},
};

/// The largest component that is read at all.
pub const MAX_SIZE: usize = 8 << 20;

/// The largest manifest.
const MAX_MANIFEST: usize = 256 << 10;

/// What can be told about a plugin from its file alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// What it is and asks for.
    pub manifest: Manifest,
    /// SHA-256 of the whole file, lower-case hex.
    pub digest: String,
    /// Bytes.
    pub size: usize,
    /// Functions it imports and gets, sorted, e.g. `arcus:plugin/observe@0.1.0#ask`.
    pub imports: Vec<String>,
    /// Interfaces of WASI that its language's library imports, and that it gets nothing of: a call of their functions ends the call.
    pub withheld: Vec<String>,
    /// Functions it exports, in the same form.
    pub exports: Vec<String>,
    /// Interfaces that it exports nothing of and names nevertheless: those of its imports, also where they hold types alone.
    pub interfaces: Vec<String>,
}

/// SHA-256 as lower-case hex: what pins, caches and reports call a plugin by.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Reads a component and checks that this Arcus can use it. Runs nothing of it; bodies of functions are not looked at
/// (the compiler does that).
///
/// # Errors
/// With the first thing that is wrong, in the order in which an author would mend it.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, Fault> {
    check_header(bytes)?;
    Anatomy::read(bytes)?.inspect(digest(bytes), bytes.len())
}

const REBUILD: &str = "Build it with `arcus plugin build`, and give the file that it writes.";

/// Tells apart what is not a component at all, in better words than a parser's.
///
/// # Errors
/// With what it is instead.
pub fn check_header(bytes: &[u8]) -> Result<(), Fault> {
    if bytes.len() > MAX_SIZE {
        let message = format!("it is {} bytes long, and a plugin may have {MAX_SIZE}", bytes.len());
        return Err(Fault::new("plugin.too-large", message, "Strip debug information (`strip = \"debuginfo\"`, `opt-level = \"z\"`)."));
    }
    if bytes.is_empty() {
        return Err(Fault::new("plugin.not-wasm", "it is empty", REBUILD));
    }
    if !bytes.starts_with(b"\0asm") {
        let what = if std::str::from_utf8(&bytes[..bytes.len().min(64)]).is_ok() { "text" } else { "something else" };
        return Err(Fault::new("plugin.not-wasm", format!("it is {what}, not WebAssembly"), REBUILD));
    }
    match bytes.get(4..8) {
        Some([1, 0, 0, 0]) => Err(Fault::new("plugin.core-module", "it is a core module, not a component", REBUILD)),
        Some([0x0d, 0, 1, 0]) => Ok(()),
        Some(other) => {
            Err(Fault::damaged(format!("its version field {} is that of no known component", hex::encode(other))))
        }
        None => Err(Fault::damaged("it ends inside its header")),
    }
}

impl Anatomy {
    /// Checks that this Arcus can use the component of this digest and size.
    ///
    /// # Errors
    /// As [`inspect`].
    pub fn inspect(&self, digest: String, size: usize) -> Result<Inspection, Fault> {
        self.check_versions()?;
        self.check_imports()?;
        let manifest = self.manifest()?;
        self.check_exports(&manifest)?;
        self.check_hatch(&manifest)?;
        Ok(Inspection {
            digest,
            size,
            imports: self.imports.iter().filter(|item| !is_of_libraries(&item.interface)).map(Item::to_string).collect(),
            withheld: self.interfaces.iter().filter(|name| is_of_libraries(name)).cloned().collect(),
            exports: self.exports.iter().map(Item::to_string).collect(),
            interfaces: self.interfaces.iter().filter(|name| !self.exports.iter().any(|item| item.interface == **name)).cloned().collect(),
            manifest,
        })
    }

    /// Everything of the contract must be of a version that is served, or nothing after this makes sense.
    fn check_versions(&self) -> Result<(), Fault> {
        for name in &self.interfaces {
            if let Some(name) = InterfaceName::parse(name)
                && !name.served()
            {
                let version = if name.version.is_empty() { "no version" } else { name.version };
                return Err(Fault::new(
                    "plugin.contract-version",
                    format!("it was built for {version} of the contract (interface `{}`), and this Arcus serves {CONTRACT_VERSION}", name.interface),
                    "Get a version of the plugin that was built for this contract, or an Arcus that serves the other one.",
                ));
            }
        }
        Ok(())
    }

    fn check_imports(&self) -> Result<(), Fault> {
        let allowed = |item: &&Item| {
            is_of_libraries(&item.interface) || InterfaceName::parse(&item.interface).is_some_and(|name| {
                EXPECTED_IMPORTS.iter().chain(&LIVE_IMPORTS).any(|(interface, function)| name.interface == *interface && item.function.as_deref() == Some(function))
            })
        };
        let (wasi, others): (Vec<&Item>, Vec<&Item>) =
            self.imports.iter().filter(|item| !allowed(item)).partition(|item| item.interface.starts_with("wasi:"));
        if !wasi.is_empty() {
            let interfaces: BTreeSet<&str> = wasi.iter().map(|item| item.interface.as_str()).collect();
            return Err(Fault::new(
                "plugin.imports-wasi",
                format!("it wants {} from its system, and plugins get nothing: {}", plural(interfaces.len(), "interface"), list(interfaces)),
                "Leave out files, sockets, clocks and randomness; what was built for `wasm32-unknown-unknown` (`arcus plugin build` does) cannot even ask for them.",
            ));
        }
        if !others.is_empty() {
            return Err(Fault::new(
                "plugin.imports",
                format!("it wants functions that no plugin gets: {}", list(others)),
                "A plugin may import `log.emit` and `observe.ask`, and one that runs live what `session` has. Remove what needs more.",
            ));
        }
        Ok(())
    }

    fn manifest(&self) -> Result<Manifest, Fault> {
        let section = match self.sections.as_slice() {
            [] => return Err(Fault::new("plugin.manifest-missing", format!("it has no manifest (custom section `{SECTION}`)"), REBUILD)),
            [section] => section,
            more => return Err(Fault::new("plugin.manifest-wrong", format!("it has {} manifests", more.len()), REBUILD)),
        };
        let wrong = |message: String| Fault::new("plugin.manifest-wrong", message, "Mend `manifest.toml`, then build it again.");
        if section.len() > MAX_MANIFEST {
            return Err(wrong(format!("its manifest has {} bytes, of {MAX_MANIFEST} at most", section.len())));
        }
        Manifest::parse(section).map_err(|error| wrong(error.to_string()))
    }

    /// What it can do is what it asks for: neither is there without the other.
    fn check_hatch(&self, manifest: &Manifest) -> Result<(), Fault> {
        let of = |item: &Item, interface: &str| InterfaceName::parse(&item.interface).is_some_and(|name| name.interface == interface);
        let opens = self.imports.iter().any(|item| of(item, "session"));
        let runs = self.exports.iter().any(|item| of(item, HATCH.0) && item.function.as_deref() == Some(HATCH.1));
        match (manifest.has_hatch(), runs) {
            (false, false) if !opens => Ok(()),
            (true, true) => Ok(()),
            (true, false) => Err(Fault::new(
                "plugin.hatch-missing",
                "its manifest asks to run live on nodes (`call` in `grant.actions`), and it does not export `hatch.run`",
                "Export it: `arcus_sdk::export!(storage with hatch: …)`. Or leave `call` out of the manifest.",
            )),
            (false, _) => Err(Fault::new(
                "plugin.hatch-undeclared",
                "it can run live on nodes (`session`, `hatch.run`), and its manifest does not ask for that",
                "If it needs that, its `manifest.toml` says so: `call` in `grant.actions`, and the roles of the nodes. Otherwise do without.",
            )),
        }
    }

    fn check_exports(&self, manifest: &Manifest) -> Result<(), Fault> {
        let has = |(interface, function): &(&str, &str)| {
            self.exports.iter().any(|item| {
                item.function.as_deref() == Some(*function)
                    && InterfaceName::parse(&item.interface).is_some_and(|name| name.interface == *interface)
            })
        };
        let concerns: Vec<_> =
            CONCERNS.into_iter().filter(|c| self.exports.iter().any(|i| InterfaceName::parse(&i.interface).is_some_and(|n| n.interface == c.as_str()))).collect();
        let said = manifest.concern;
        if concerns.iter().any(|found| *found != said) {
            return Err(Fault::new(
                "plugin.concern",
                format!("its manifest says `{}`, but it exports the functions of {}", said.as_str(), list(concerns.iter().map(|c| c.as_str()))),
                "Let `concern` in `manifest.toml` be the concern that the code implements, and implement one only.",
            ));
        }
        let missing: Vec<String> = concern_functions(said).iter().filter(|f| !has(f)).map(|(i, f)| format!("{i}.{f}")).collect();
        if !missing.is_empty() {
            return Err(Fault::new(
                "plugin.export-missing",
                format!("a plugin of concern `{}` exports functions that it does not have: {}", said.as_str(), list(missing)),
                "Implement the concern's trait of the SDK and export it with its macro.",
            ));
        }
        Ok(())
    }
}

/// At most eight of them: a component may have thousands.
fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let mut names: Vec<String> = items.into_iter().map(|item| format!("`{}`", item.to_string())).collect();
    let more = names.len().saturating_sub(8);
    names.truncate(8);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
