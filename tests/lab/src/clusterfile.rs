//! The nodes of a cluster file: the only part of it that the lab needs.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use arcus_cluster::File;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::system::System;

/// A node to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Its host name.
    pub name: String,
    /// Its address on the lab's bridge.
    pub address: Ipv4Addr,
    /// Its roles; `storage` brings a data disk at `/data`.
    pub roles: Vec<String>,
    /// Which system it is like.
    #[serde(default)]
    pub system: System,
}

impl NodeSpec {
    /// A node without roles.
    pub fn new(name: &str, address: Ipv4Addr) -> Self {
        Self { name: name.to_owned(), address, roles: Vec::new(), system: System::default() }
    }

    /// With a role.
    pub fn role(mut self, role: &str) -> Self {
        self.roles.push(role.to_owned());
        self
    }

    /// Like another system.
    pub fn like(mut self, system: System) -> Self {
        self.system = system;
        self
    }

    /// Whether it has the role.
    pub fn is(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}

/// Reads the nodes of a cluster file as they are written. The planning rules are not asked: a lab of two nodes is a lab.
pub fn nodes_of(file: &Path) -> Result<Vec<NodeSpec>> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    parse(&file.to_string_lossy(), &text).with_context(|| format!("the nodes of {}", file.display()))
}

fn parse(name: &str, text: &str) -> Result<Vec<NodeSpec>> {
    let file = File::parse(name, text).map_err(|mistakes| {
        let texts: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        anyhow!("{}", texts.join("\n"))
    })?;
    let nodes = file.value().get("nodes").and_then(Value::as_array).context("no list `nodes`")?;
    let mut found = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let text = |key: &str| node.get(key).and_then(Value::as_str);
        let name = text("name").with_context(|| format!("node {index} has no name"))?;
        let address = text("address").with_context(|| format!("{name} has no address"))?;
        let roles = node.get("roles").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        found.push(NodeSpec {
            name: name.to_owned(),
            address: address.parse().with_context(|| format!("{name}: the lab makes IPv4 addresses only, not {address:?}"))?,
            roles: roles.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            system: System::default(),
        });
    }
    if found.is_empty() {
        bail!("`nodes` is empty");
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_addresses_and_roles() {
        let nodes = parse("x", "cluster: {name: x}\nnodes:\n  - {name: a, address: 10.0.0.1, roles: [manage, gateway]}\n  - name: b\n    address: 10.0.0.2\n").unwrap();
        assert_eq!(nodes[0], NodeSpec::new("a", Ipv4Addr::new(10, 0, 0, 1)).role("manage").role("gateway"));
        assert!(nodes[0].is("gateway") && !nodes[1].is("gateway"));
        assert!(parse("x", "nodes: [{name: a}]").unwrap_err().to_string().contains("no address"));
        assert!(parse("x", "nodes: []").is_err() && parse("x", "x: 1").is_err());
    }

    #[test]
    fn the_example_is_a_cluster_file_without_mistakes() {
        let text = include_str!("../../../examples/ha/cluster.yaml");
        let file = File::parse("cluster.yaml", text).map_err(|mistakes| format!("{mistakes:?}")).unwrap();
        let cluster = file.cluster().map_err(|mistakes| format!("{mistakes:?}")).unwrap();
        assert_eq!(cluster.nodes.len(), parse("cluster.yaml", text).unwrap().len());
    }
}
