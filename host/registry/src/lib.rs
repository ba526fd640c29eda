//! Components in OCI registries, and in files for machines without network.
//!
//! ```text
//! Place ──> Registry ── pull ──> Pulled ◀── read ── bundle (an OCI layout in a tar file)
//!              │                    ▲
//!            Wire (limits)       Artefact ── push ──> Registry
//! ```
//!
//! The form is that of [wasm-pkg-tools]: a manifest with one layer, `application/wasm`, and a config,
//! `application/vnd.wasm.config.v0+json`. A signature is an annotation of the manifest, so that others' tools find what they expect.
//!
//! What a registry says is believed as far as it is checked: sizes, media types, digests, where it sends us, and whom a login is
//! given to. This crate prints nothing and reads no environment.
//!
//! [wasm-pkg-tools]: https://github.com/bytecodealliance/wasm-pkg-tools

mod artefact;
mod bundle;
mod fault;
#[cfg(test)]
mod fuzz;
mod login;
mod place;
mod registry;
mod wire;

pub use artefact::{Artefact, Described};
pub use bundle::{Bundled, is_bundle, read, write};
pub use fault::Fault;
pub use login::{Login, Logins};
pub use place::{Place, Version};
pub use registry::{Pulled, Pushed, Registry};
pub use wire::{Hop, Network, hop};

/// SHA-256 as registries write it.
fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    sha2::Sha256::digest(bytes).iter().fold(String::from("sha256:"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether this is a digest as registries write it.
fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}
