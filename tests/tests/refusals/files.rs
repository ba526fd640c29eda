//! Cluster files for the lab's nodes.

/// Two storage nodes; the gateways and the fifth node have no part in it.
pub const STORAGE: &str = "\
cluster: { name: small, id: 2a7c9d0e-51c4-4f5b-8f67-0d4f7a3b6c11 }
ssh: { user: root }
nodes:
  - { name: one, address: 10.97.0.11, roles: [manage, gateway] }
  - { name: two, address: 10.97.0.12, roles: [compute] }
  - { name: three, address: 10.97.0.13, roles: [compute, storage] }
  - { name: four, address: 10.97.0.14, roles: [storage] }
storage: { use: glusterfs, glusterfs: { volume: data, brick: /data/brick, accept-split-brain-risk: true } }
preflight: { relax: [cpu, memory, disk-root, disk-docker, disk-opt-rainbond, disk-cache, disk-grlocaldata, disk-data, os, time-sync] }
";

/// Two gateways with an address.
pub const GATEWAY: &str = "\
cluster: { name: small, id: 2a7c9d0e-51c4-4f5b-8f67-0d4f7a3b6c11 }
ssh: { user: root }
nodes:
  - { name: one, address: 10.97.0.11, roles: [manage, gateway] }
  - { name: two, address: 10.97.0.12, roles: [compute, gateway] }
  - { name: three, address: 10.97.0.13, roles: [compute] }
gateway: { use: keepalived, keepalived: { vip: 10.97.0.100/24 } }
preflight: { relax: [cpu, memory, disk-root, disk-docker, disk-opt-rainbond, disk-cache, disk-grlocaldata, os, time-sync] }
";

/// Storage, and a platform that wants it mounted.
pub fn shared() -> String {
    format!("{STORAGE}platform: {{ use: rainbond, rainbond: {{ version: \"5.1\" }} }}\n")
}
