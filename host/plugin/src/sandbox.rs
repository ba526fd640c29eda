//! The sandbox itself: one engine for all plugins of a process, and loading into it.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    hash::Hasher,
    io::Read as _,
    num::NonZero,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use arcus_component::{Anatomy, Fault, Inspection, MAX_SIZE, check_complexity, check_header, digest};
use arcus_contract::{
    actions::Desired,
    checks::{Check, Drill, Seen, Verdict, Verified, Weighing},
    handoffs::{GatewayOffer, Input, NetworkOffer, PlatformDemand, StorageOffer},
    types::Problem,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, oneshot};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Resource, types::ComponentItem};

use crate::{
    cache::{Artefact, MAGIC},
    embedded::Embedded,
    export::Export,
    guest::Guest,
    hatch::Fleet,
    native,
    plugin::{Loaded, Plugin},
    runtime::{Options, Runtime},
};

/// Where a plugin comes from.
#[derive(Debug, Clone)]
pub enum Source<'a> {
    /// A file of the operator.
    File(&'a Path),
    /// Bytes, and how to call them in errors.
    Bytes(&'a str, &'a [u8]),
    /// One that comes with Arcus.
    Embedded(Embedded),
}

/// Why a plugin cannot be used, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin {origin} cannot be used: {fault}")]
pub struct LoadError {
    /// Path, or name of an embedded plugin.
    pub origin: String,
    /// What is wrong, and what to do.
    pub fault: Fault,
}

impl LoadError {
    /// Stable dotted name.
    pub fn code(&self) -> &'static str {
        self.fault.code
    }

    /// What to do next.
    pub fn help(&self) -> &str {
        &self.fault.help
    }
}

/// One per process. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    runtime: Arc<Runtime>,
    /// Of wasmtime's version, this machine's processor, and the engine's settings.
    compatibility: [u8; 32],
    /// As many compile at once as there are processors.
    compilers: Semaphore,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.0.runtime.options.limits).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Makes the engine and starts its clock, which ends with it.
    ///
    /// # Errors
    /// When this machine cannot run WebAssembly, or has no thread left.
    pub fn new(options: Options) -> Result<Self, LoadError> {
        let runtime = Runtime::new(options).map_err(|error| LoadError {
            origin: "engine".into(),
            fault: Fault::new("plugin.engine", format!("this machine cannot run plugins: {error}"), "Report this with the kind of processor and system."),
        })?;
        let mut hash = Sha(Sha256::new());
        std::hash::Hash::hash(&runtime.engine.precompile_compatibility_hash(), &mut hash);
        let compilers = Semaphore::new(thread::available_parallelism().map_or(2, NonZero::get));
        Ok(Self(Arc::new(Inner { runtime: Arc::new(runtime), compatibility: hash.0.finalize().into(), compilers })))
    }

    /// Reads, checks and compiles a plugin (or takes its code from the cache). Runs nothing of it.
    ///
    /// # Errors
    /// With what is wrong with it. A cache that cannot be written to is only logged.
    pub async fn load(&self, source: Source<'_>) -> Result<Plugin, LoadError> {
        let (origin, content) = source.content();
        self.apart(origin, move |inner, origin| {
            let component = inner.read(content)?;
            inner.load(origin, component)
        })
        .await
    }

    /// Reads and checks a plugin, for [`Sandbox::load_read`]. Compiles nothing of it.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub async fn read(&self, source: Source<'_>) -> Result<Read, LoadError> {
        let (origin, content) = source.content();
        self.apart(origin, move |inner, origin| Ok(Read { origin, component: inner.read(content)? })).await
    }

    /// Compiles what was read (or takes its code from the cache).
    ///
    /// # Errors
    /// With what is wrong with it.
    pub async fn load_read(&self, read: Read) -> Result<Plugin, LoadError> {
        self.apart(read.origin, move |inner, origin| inner.load(origin, read.component)).await
    }

    /// On a thread that nobody has to wait for: a compiler cannot be told to stop.
    async fn apart<T: Send + 'static>(&self, origin: String, work: impl FnOnce(&Arc<Inner>, String) -> Result<T, Fault> + Send + 'static) -> Result<T, LoadError> {
        let (inner, limit) = (Arc::clone(&self.0), self.0.runtime.options.limits.compile);
        let fault = |message: String| Fault::new("plugin.compile", message, "Report this with the plugin's file.");
        let (sender, receiver) = oneshot::channel();
        let turn = self.0.compilers.acquire().await;
        let called = origin.clone();
        let begun = thread::Builder::new().name("plugin-compiler".into()).spawn(move || {
            let _ = sender.send(work(&inner, called));
        });
        let done = match begun {
            Err(error) => Err(fault(format!("there is no thread left to compile it: {error}"))),
            Ok(_) => match tokio::time::timeout(limit, receiver).await {
                Ok(Ok(done)) => done,
                Ok(Err(_)) => Err(fault("compiling it ended without a result".into())),
                Err(_) => Err(fault(format!("it was not compiled after {} s", limit.as_secs_f64()))),
            },
        };
        drop(turn);
        done.map_err(|fault| LoadError { origin, fault })
    }
}

/// A plugin that was read and checked, and is not compiled yet.
pub struct Read {
    origin: String,
    component: Unloaded,
}

impl Read {
    /// What it says of itself.
    pub fn inspection(&self) -> &Inspection {
        &self.component.inspection
    }
}

impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("origin", &self.origin).finish_non_exhaustive()
    }
}

struct Unloaded {
    bytes: Cow<'static, [u8]>,
    /// In the cache.
    key: String,
    anatomy: Anatomy,
    inspection: Inspection,
    /// Of an earlier run.
    code: Option<Artefact>,
}

enum Content {
    File(PathBuf),
    Here(Vec<u8>),
    Embedded(Embedded),
}

impl Source<'_> {
    /// How to call it, and what can be taken to another thread.
    fn content(self) -> (String, Content) {
        match self {
            Self::File(path) => (path.display().to_string(), Content::File(path.to_owned())),
            Self::Bytes(name, bytes) => (name.to_owned(), Content::Here(bytes.to_vec())),
            Self::Embedded(plugin) => (plugin.name.to_owned(), Content::Embedded(plugin)),
        }
    }
}

impl Content {
    /// The bytes, and their digest.
    fn read(self) -> Result<(Cow<'static, [u8]>, String), Fault> {
        let bytes = match self {
            Self::Embedded(plugin) => return Ok((plugin.bytes.into(), plugin.digest.to_owned())),
            Self::Here(bytes) => bytes,
            Self::File(path) => read(&path)?,
        };
        // What is too large is not even hashed.
        check_header(&bytes)?;
        let digest = digest(&bytes);
        Ok((bytes.into(), digest))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let fault = |error: std::io::Error| {
        Fault::new("plugin.unreadable", format!("it cannot be read: {error}"), "Check the path given in the cluster file under `plugins:`.")
    };
    let file = std::fs::File::open(path).map_err(fault)?;
    if !file.metadata().map_err(fault)?.is_file() {
        return Err(fault(std::io::Error::other("it is no regular file")));
    }
    let mut bytes = Vec::new();
    // One more than allowed, so that the check of the size sees it.
    file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}

impl Inner {
    /// From the cache as far as it is there.
    fn read(&self, content: Content) -> Result<Unloaded, Fault> {
        let (bytes, digest) = content.read()?;
        let key = hex::encode(Sha256::new().chain_update(&digest).chain_update(self.compatibility).chain_update(MAGIC).finalize());
        let (code, anatomy) = match self.runtime.options.cache.as_ref().and_then(|cache| cache.get(&key)) {
            Some((code, anatomy)) => (Some(code), anatomy),
            None => (None, Anatomy::read(&bytes)?),
        };
        let inspection = anatomy.inspect(digest, bytes.len())?;
        Ok(Unloaded { bytes, key, anatomy, inspection, code })
    }

    fn load(self: &Arc<Self>, origin: String, read: Unloaded) -> Result<Plugin, Fault> {
        let (component, cached) = self.compile(&read)?;
        let inspection = read.inspection;
        let mut linker = self.runtime.linker.clone();
        if !inspection.withheld.is_empty() {
            // `inspect` lets nothing else through that is unknown here. Whatever is called of it, ends the call.
            linker.define_unknown_imports_as_traps(&component).map_err(|error| {
                let message = format!("what its language's library imports cannot be withheld: {}", chain(&error));
                Fault::new("plugin.imports-wasi", message, "Build it for `wasm32-unknown-unknown`, as `arcus plugin build` does.")
            })?;
        }
        let pre = linker.instantiate_pre(&component).map_err(|error| {
            Fault::new(
                "plugin.import-type",
                format!("it imports a function of the contract with another type: {}", chain(&error)),
                "Build it against the contract's own `wit/`, with the version of the SDK that belongs to this Arcus.",
            )
        })?;
        let exports = exports(&component, &pre)?;
        Ok(Plugin::new(Arc::clone(&self.runtime), origin, Loaded { pre, exports, inspection, cached }))
    }

    fn compile(&self, read: &Unloaded) -> Result<(Component, bool), Fault> {
        let key = &read.key;
        if let Some(code) = &read.code {
            match native::revive(&self.runtime.engine, code) {
                Ok(component) => return Ok((component, true)),
                Err(error) => {
                    if let Some(cache) = &self.runtime.options.cache {
                        cache.ignored(key, chain(&error));
                    }
                }
            }
        }
        check_complexity(&read.bytes)?;
        let component = Component::from_binary(&self.runtime.engine, &read.bytes).map_err(|error| {
            Fault::new(
                "plugin.compile",
                format!("it does not compile: {}", chain(&error)),
                "The file is damaged, or uses a proposal of WebAssembly that plugins may not use. Get or build it again.",
            )
        })?;
        if let Some(cache) = &self.runtime.options.cache
            && let Err(error) = component.serialize().map_err(std::io::Error::other).and_then(|code| cache.put(key, &code, &read.anatomy))
        {
            tracing::warn!(key, %error, "compiled plugin not kept");
        }
        Ok((component, false))
    }
}

/// Finds the functions that the host calls, and checks their types against this build's contract.
fn exports(component: &Component, pre: &InstancePre<Guest>) -> Result<HashMap<Export, ComponentExportIndex>, Fault> {
    type Problems = Vec<Problem>;
    let mut found = HashMap::new();
    let types = pre.instance_type();
    for export in Export::ALL {
        let (interface, function) = export.names();
        let name = format!("arcus:plugin/{interface}@{}", crate::CONTRACT_VERSION);
        let Some((_, instance)) = component.get_export(None, name.as_str()) else { continue };
        let Some((ComponentItem::ComponentFunc(ty), index)) = component.get_export(Some(&instance), function) else { continue };
        let checked = match export {
            Export::Plan | Export::Mend | Export::Rollback | Export::Confirm => ty.typecheck::<(&Input,), (Result<Desired, Problems>,)>(&types),
            Export::Leave => ty.typecheck::<(&Input, &str), (Result<Desired, Problems>,)>(&types),
            Export::Unfinished => ty.typecheck::<(&Input,), (Result<Vec<Problem>, Problems>,)>(&types),
            Export::Judge => ty.typecheck::<(&Input, &[Weighing], &[Seen]), (Vec<Verdict>,)>(&types),
            Export::Verify => ty.typecheck::<(&Input,), (Result<Verified, Problems>,)>(&types),
            Export::Drills => ty.typecheck::<(&Input,), (Result<Vec<Drill>, Problems>,)>(&types),
            Export::Demands => ty.typecheck::<(&Input,), (Result<PlatformDemand, Problems>,)>(&types),
            Export::OfferStorage => ty.typecheck::<(&Input,), (Result<StorageOffer, Problems>,)>(&types),
            Export::OfferNetwork => ty.typecheck::<(&Input,), (Result<NetworkOffer, Problems>,)>(&types),
            Export::OfferGateway => ty.typecheck::<(&Input,), (Result<GatewayOffer, Problems>,)>(&types),
            Export::Live => ty.typecheck::<(&str, &str, Resource<Fleet>), (Result<(), Problem>,)>(&types),
            Export::Inspect => ty.typecheck::<(&Input,), (Result<Vec<Check>, Problems>,)>(&types),
        };
        if let Err(error) = checked {
            return Err(Fault::new(
                "plugin.export-type",
                format!("its `{export}` has another type than the contract's: {}", chain(&error)),
                "Build it against the contract's own `wit/`, with the version of the SDK that belongs to this Arcus.",
            ));
        }
        found.insert(export, index);
    }
    Ok(found)
}

/// All causes in one line.
fn chain(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(500) {
        line.truncate(end);
    }
    line
}

/// Feeds a hash of Rust into one that is the same in every run.
struct Sha(Sha256);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
