//! A sound file for the tests to spoil.
#![allow(dead_code, reason = "no test uses all of it")]

use arcus_cluster::{Cluster, Diagnostic, File};

/// Three managers, two compute nodes, three storage nodes, all four concerns.
pub const SOUND: &str = "\
cluster:
  name: demo
  id: 4f1c2f0e-7d3a-4c56-9b1e-2a8f0c6d5e41
nodes:
  - { name: manage01, address: 10.99.0.11, roles: [manage, gateway] }
  - { name: manage02, address: 10.99.0.12, roles: [manage, gateway] }
  - { name: manage03, address: 10.99.0.13, roles: [manage, gateway] }
  - { name: compute01, address: 10.99.0.21, roles: [compute] }
  - { name: compute02, address: 10.99.0.22, roles: [compute] }
  - { name: storage01, address: 10.99.0.31, roles: [storage] }
  - { name: storage02, address: 10.99.0.32, roles: [storage] }
  - { name: storage03, address: 10.99.0.33, roles: [storage] }
storage: { use: glusterfs, glusterfs: { volume: data, brick: /data/brick, arbiter: storage03 } }
network: { use: calico, calico: { pods: 10.244.0.0/16 } }
gateway: { use: keepalived, keepalived: { vip: 10.99.0.100/24 } }
platform: { use: rainbond, rainbond: { version: 5.10 } }
";

/// The sound file with replacements; each must hit.
pub fn spoiled(edits: &[(&str, &str)]) -> String {
    let mut text = SOUND.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from:?} is not in the sound file");
        text = text.replace(from, to);
    }
    text
}

/// All that is said about a text.
pub fn findings(text: &str) -> Vec<Diagnostic> {
    match File::parse("cluster.yaml", text).and_then(|file| file.cluster()) {
        Ok(cluster) => cluster.notes,
        Err(found) => found,
    }
}

/// The model of a text that must be sound.
pub fn cluster(text: &str) -> Cluster {
    File::parse("cluster.yaml", text)
        .and_then(|file| file.cluster())
        .unwrap_or_else(|found| {
            panic!(
                "{}",
                found
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n")
            )
        })
}
