//! The one place where compiled code is taken as it is.
#![allow(unsafe_code)]

use wasmtime::{Engine, component::Component};

use crate::cache::Artefact;

/// Code that an earlier run compiled.
pub(crate) fn revive(engine: &Engine, artefact: &Artefact) -> wasmtime::Result<Component> {
    // SAFETY: an `Artefact` is made by `Cache::get` only: a file of this user in a folder that nobody but this user can write,
    // equal to the digest that follows in it, so this is what `Component::serialize` gave to an earlier run. It is mapped, and
    // nobody changes it meanwhile: entries are put in place by renaming and never written to. wasmtime itself checks its version and the
    // engine's configuration.
    unsafe { Component::deserialize_file(engine, artefact.path()) }
}
