//! The cluster file that `arcus init` writes: complete, explained, and valid once the addresses are filled in.

use uuid::Uuid;

/// A cluster file for the cluster `name`. The addresses in it are for examples; everything else is a sound start.
pub fn template(name: &str, id: Uuid) -> String {
    include_str!("template.yaml")
        .replace("{name}", name)
        .replace("{id}", &id.to_string())
}
