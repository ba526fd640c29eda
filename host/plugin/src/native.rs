//! The one place where compiled code is taken as it is.
#![allow(unsafe_code)]

use wasmtime::{Engine, component::Component};

use crate::cache::Artefact;

/// Code that an earlier run compiled.
pub(crate) fn revive(engine: &Engine, artefact: &Artefact) -> wasmtime::Result<Component> {
    // SAFETY: an `Artefact` is made by `Cache::get` only: read from a folder that nobody but this user can write, from a
    // file of this user, and equal to the digest stored with it, so these are the bytes `Component::serialize` gave to an
    // earlier run. wasmtime itself checks its version and the engine's configuration.
    unsafe { Component::deserialize(engine, artefact.bytes()) }
}
