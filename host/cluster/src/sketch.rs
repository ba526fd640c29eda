//! What can be told of a cluster file although it may be full of mistakes: what the rules look at.

use std::net::IpAddr;

use serde_json::Value;

use crate::document::RoleName;
use crate::model::Concern;
use crate::placed::Placed;
use crate::pointer;

/// The parts of a file that are as they should be.
pub struct Sketch<'a> {
    pub text: &'a Placed,
    pub value: &'a Value,
    pub nodes: Vec<NodeSketch<'a>>,
    /// Could the roles of all nodes be read? If not, counting them says nothing.
    pub roles_known: bool,
}

/// A node, as far as it can be told.
pub struct NodeSketch<'a> {
    pub pointer: String,
    pub name: Option<&'a str>,
    pub address: Option<IpAddr>,
    /// Where SSH finds it: as written, or its own address; the port, if that can be told.
    pub ssh: Option<(String, u16)>,
    pub roles: Vec<RoleName>,
}

impl NodeSketch<'_> {
    /// `manage01`, or what else to call it.
    pub fn label(&self) -> String {
        self.name
            .map_or_else(|| pointer::short(&self.pointer), str::to_owned)
    }
}

impl<'a> Sketch<'a> {
    pub fn of(text: &'a Placed, value: &'a Value) -> Self {
        let mut sketch = Self {
            text,
            value,
            nodes: Vec::new(),
            roles_known: true,
        };
        let port = value
            .pointer("/ssh/port")
            .and_then(Value::as_u64)
            .unwrap_or(22);
        let Some(nodes) = value.get("nodes").and_then(Value::as_array) else {
            sketch.roles_known = false;
            return sketch;
        };
        sketch.roles_known = !nodes.is_empty();
        for (index, node) in nodes.iter().enumerate() {
            let written = node.get("roles").and_then(Value::as_array);
            let roles: Option<Vec<RoleName>> = written.and_then(|roles| {
                roles
                    .iter()
                    .map(|role| serde_json::from_value(role.clone()).ok())
                    .collect()
            });
            sketch.roles_known &= roles.is_some();
            let address = node.get("address").and_then(Value::as_str).and_then(ip);
            let ssh_address = match node.pointer("/ssh/address").and_then(Value::as_str) {
                Some(text) => Some(ip(text).map_or_else(
                    || text.trim_end_matches('.').to_lowercase(),
                    |ip| ip.to_string(),
                )),
                None => address.map(|ip| ip.to_string()),
            };
            let ssh_port = node
                .pointer("/ssh/port")
                .and_then(Value::as_u64)
                .unwrap_or(port);
            sketch.nodes.push(NodeSketch {
                pointer: pointer::join("/nodes", &index.to_string()),
                name: node.get("name").and_then(Value::as_str),
                address,
                ssh: ssh_address.zip(u16::try_from(ssh_port).ok()),
                roles: roles.unwrap_or_default(),
            });
        }
        sketch
    }

    /// The nodes with a role, as the file says.
    pub fn with(&self, role: RoleName) -> impl Iterator<Item = &NodeSketch<'a>> {
        self.nodes
            .iter()
            .filter(move |node| node.roles.contains(&role))
    }

    /// How many gateways there will be: all managers when none is named.
    pub fn gateways(&self) -> usize {
        match self.with(RoleName::Gateway).count() {
            0 => self.with(RoleName::Manage).count(),
            named => named,
        }
    }

    /// Name of the plugin chosen for a concern.
    pub fn uses(&self, concern: Concern) -> Option<&'a str> {
        self.value.get(concern.as_str())?.get("use")?.as_str()
    }

    /// A setting of the plugin chosen for a concern, whichever it is: its pointer and text.
    pub fn setting(&self, concern: Concern, key: &str) -> Option<(String, &'a str)> {
        let name = self.uses(concern)?;
        let text = self
            .value
            .get(concern.as_str())?
            .get(name)?
            .get(key)?
            .as_str()?;
        Some((pointer::join(&format!("/{concern}/{name}"), key), text))
    }
}

/// An address in the form that compares: `::ffff:10.0.0.1` is `10.0.0.1`.
pub fn ip(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}
