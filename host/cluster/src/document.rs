//! The shape of the cluster file, as types: what serde reads and what the JSON schema is derived from.
//!
//! `x-expected` in the schema is how a pattern is said to people; `x-code` is the code of what breaks it. Plugins may use
//! `x-expected` in theirs.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

/// The name under `storage` that a migration comes from.
pub const MIGRATING_FROM: &str = "migrating-from";
/// The settings of the migration itself, under `storage`.
pub const MIGRATION: &str = "migration";

/// A cluster of Rainbond, from bare machines on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "cluster.yaml of Arcus")]
pub struct Document {
    /// Which cluster this is.
    pub cluster: Identity,
    /// How nodes are reached over SSH unless a node says otherwise.
    #[serde(default)]
    pub ssh: SshDefaults,
    /// The machines.
    #[schemars(length(min = 1))]
    pub nodes: Vec<NodeEntry>,
    /// What the shared storage is made with.
    pub storage: Option<Section>,
    /// What the network between containers is made with.
    pub network: Option<Section>,
    /// What carries the virtual address.
    pub gateway: Option<Section>,
    /// The platform itself.
    pub platform: Option<Section>,
    /// What is asked of the machines.
    #[serde(default)]
    pub preflight: Preflight,
    /// Where the components of plugins are that do not come with Arcus: name of the plugin, and path below this file's folder.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"pattern": PLUGIN_NAME, "x-expected": "the name of a plugin (such as `storage-moosefs`)", "x-code": "bad-name"}))]
    pub plugins: BTreeMap<String, String>,
}

const LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
const PLUGIN_NAME: &str =
    "^(storage|network|gateway|platform|preflight|migrate)-[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
const HOST: &str = r"^([0-9A-Za-z]([0-9A-Za-z_-]*[0-9A-Za-z])?(\.[0-9A-Za-z]([0-9A-Za-z_-]*[0-9A-Za-z])?)*\.?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$";
const USER: &str = r"^[a-zA-Z_][a-zA-Z0-9_.-]{0,31}$";
const UUID: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
const SAY_LABEL: &str =
    "a name of 1 to 63 lower-case letters, digits and `-`, with a letter or digit at both ends";
const SAY_HOST: &str = "an IP address or a host name";
const SAY_USER: &str = "the name of a user, such as `root`";
const SAY_UUID: &str = "a UUID, such as `4f1c2f0e-7d3a-4c56-9b1e-2a8f0c6d5e41`";

/// Which cluster this is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// How people call it.
    #[schemars(extend("pattern" = LABEL, "x-expected" = SAY_LABEL, "x-code" = "bad-name"))]
    pub name: String,
    /// What makes it this cluster and no other. Written once by `arcus init`, never changed: state on the nodes is kept under it.
    #[schemars(extend("pattern" = UUID, "x-expected" = SAY_UUID, "x-code" = "bad-id"))]
    pub id: String,
}

/// How nodes are reached over SSH unless a node says otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SshDefaults {
    /// User to log in as; `root` when absent. Another one needs sudo.
    #[schemars(extend("pattern" = USER, "x-expected" = SAY_USER))]
    pub user: Option<String>,
    /// Port of the SSH server; 22 when absent.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Name of the machine all others are reached through, when they are not reached directly: one of `nodes` or of `ssh.hosts`.
    pub bastion: Option<String>,
    /// Machines that are no nodes, for `bastion`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"pattern": LABEL, "x-expected": SAY_LABEL, "x-code": "bad-name"}))]
    pub hosts: BTreeMap<String, HostEntry>,
}

/// A machine that is no node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostEntry {
    /// IP address or host name.
    #[schemars(extend("pattern" = HOST, "x-expected" = SAY_HOST, "x-code" = "bad-address"))]
    pub address: String,
    /// Port of the SSH server; that of `ssh` when absent.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// User to log in as; that of `ssh` when absent.
    #[schemars(extend("pattern" = USER, "x-expected" = SAY_USER))]
    pub user: Option<String>,
}

/// A machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeEntry {
    /// Its name in this file and in all output.
    #[schemars(extend("pattern" = LABEL, "x-expected" = SAY_LABEL, "x-code" = "bad-name"))]
    pub name: String,
    /// IP address by which the other nodes reach it.
    // Its form is checked by a rule, which can say more than a pattern.
    pub address: String,
    /// What it is for.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub roles: Vec<RoleName>,
    /// How it is reached over SSH, where that is not as usual.
    #[serde(default)]
    pub ssh: NodeSsh,
    /// Your own pairs, for you and for plugins that take them into account.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// How one node is reached over SSH.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSsh {
    /// IP address or host name; the node's own address when absent.
    #[schemars(extend("pattern" = HOST, "x-expected" = SAY_HOST, "x-code" = "bad-address"))]
    pub address: Option<String>,
    /// Port of the SSH server.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// User to log in as.
    #[schemars(extend("pattern" = USER, "x-expected" = SAY_USER))]
    pub user: Option<String>,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(extend("x-code" = "unknown-role"))]
pub enum RoleName {
    Manage,
    Compute,
    Gateway,
    Storage,
    Network,
}

/// What is asked of the machines.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preflight {
    /// Names of requirements that may be missed. Every plan says so.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    pub relax: Vec<String>,
}

/// `{ use: NAME, NAME: { … } }`. Which keys may stand there depends on `use`, so the rules check that.
#[derive(Debug, Deserialize)]
pub struct Section {
    #[serde(rename = "use")]
    pub name: String,
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

impl JsonSchema for Section {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Section".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Which plugin is used, and that plugin's own settings under its name.",
            "type": "object",
            "required": ["use"],
            "properties": {
                "use": {
                    "description": "Name of the plugin without its concern: `glusterfs` under `storage` is the plugin `storage-glusterfs`.",
                    "type": "string",
                    "pattern": LABEL,
                    "x-expected": "the name of a plugin, such as `glusterfs`",
                    "x-code": "bad-name",
                },
                "migrating-from": {
                    "description": "Under `storage` alone: the storage the data are on now. `arcus migrate start` moves them; nothing else does.",
                    "type": "string",
                    "pattern": LABEL,
                    "x-expected": "the name of a plugin, such as `nfs`",
                    "x-code": "bad-name",
                },
            },
            "additionalProperties": { "type": ["object", "null"], "description": "Settings of the plugin of this name." },
        })
    }
}
