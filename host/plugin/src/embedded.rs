//! The first-party plugins, carried in the binary as WebAssembly.

/// A plugin in the binary.
#[derive(Debug, Clone, Copy)]
pub struct Embedded {
    /// Name of its crate and manifest, e.g. `storage-glusterfs`.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
    /// Its SHA-256, lower-case hex.
    pub digest: &'static str,
}

/// Once in the binary: as a constant they would be there once for each crate that looks.
static EMBEDDED: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// All that were built when the binary was (`cargo xtask plugins`), by name; none when they were not.
pub fn embedded() -> &'static [Embedded] {
    EMBEDDED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_components() {
        for plugin in embedded() {
            assert_eq!(plugin.digest, crate::digest(plugin.bytes), "{}", plugin.name);
        }
    }
}
