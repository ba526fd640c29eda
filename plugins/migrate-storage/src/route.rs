//! From where to where: what the hand-offs and the cluster file alone say, and everything they show to be wrong.

use arcus_sdk::prelude::*;

/// The plugin's section of the cluster file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Nodes that are down and shall not hold up the migration.
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// Where the plugin keeps what it must remember on the nodes.
pub const MEMORY: &str = "/var/lib/arcus-migration";
/// The new storage beside the old one, on the node that copies.
pub const NEW: &str = "/mnt/arcus-migration/new";
/// Gluster has a folder of its own at the root of each volume.
pub const NEW_OWN: &str = "/mnt/arcus-migration/new/.trashcan";
/// The old storage, read-only, where it is not a folder of the copying node.
pub const OLD: &str = "/mnt/arcus-migration/old";
/// The old storage, to be written to on the way back.
pub const BACK: &str = "/mnt/arcus-migration/back";

/// What moves, and who takes part.
pub struct Route<'a> {
    /// The shared directory.
    pub shared: &'a SharedDirectory,
    /// Name and offer.
    pub old: &'a (String, StorageOffer),
    /// Likewise.
    pub new: &'a (String, StorageOffer),
    /// All nodes that use the directory, but those excluded.
    pub members: Vec<&'a Node>,
    /// Managers among them: these remember the phase.
    pub keepers: Vec<&'a Node>,
    /// Who copies: the server of the old storage where a node is it, else the first manager.
    pub copier: &'a Node,
    /// The copying node serves the old storage from the very directory.
    pub serves: bool,
}

impl<'a> Route<'a> {
    /// All mistakes at once.
    pub fn read(cluster: &'a Cluster<Config>) -> Result<Self, Vec<Problem>> {
        let Some(shared) = cluster.handed.demands.shared.as_ref() else {
            return Err(vec![problem("migrate.nothing-shared", "the platform wants no shared directory, so there is nothing to move")]);
        };
        let [new, old] = cluster.handed.storage.as_slice() else {
            let help = "write `migrating-from: NAME` under `storage`, and keep the section of the old one";
            return Err(vec![problem("migrate.one-storage", "a migration needs two storages in the file, the old one and the new one").help(help)]);
        };
        let mut problems = Vec::new();
        for (place, name) in cluster.config.exclude.iter().enumerate() {
            let pointer = format!("/exclude/{place}");
            if !shared.nodes.contains(name) {
                problems.push(problem("migrate.exclude", format!("{name} is no node that uses {}", shared.path)).at(&pointer));
            } else if old.1.local.is_empty() {
                let message = format!("{name} cannot be excluded: the server of {} is none of the cluster's nodes, so nobody can have it refuse {name}", old.1.source);
                problems.push(problem("migrate.cannot-fence", message).at(&pointer).help("bring the node back, or take it out of the cluster"));
            } else if old.1.local.contains(name) {
                problems.push(problem("migrate.exclude", format!("{name} serves the old storage, and cannot be left out")).at(&pointer));
            }
        }
        if old.1.local.len() > 1 || !new.1.local.is_empty() {
            let message = format!("{} cannot be moved to {}: a folder of a node's own can be what is left, and only one", old.0, new.0);
            problems.push(problem("migrate.unsupported", message));
        }
        let members: Vec<&Node> = cluster.named(&shared.nodes).into_iter().filter(|node| !cluster.config.exclude.contains(&node.name)).collect();
        let keepers: Vec<&Node> = members.iter().copied().filter(|node| node.roles.contains(&Role::Manage)).collect();
        let serving = old.1.local.first().and_then(|name| cluster.node(name));
        let Some(copier) = serving.or(keepers.first().copied()) else {
            problems.push(problem("migrate.no-manager", format!("no manager uses {}: nobody could remember where things stand", shared.path)));
            return Err(problems);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Route { shared, old, new, members, keepers, copier, serves: serving.is_some() })
    }

    /// What the operator calls the new storage: a volume by its name.
    pub fn target(&self) -> &str {
        let (name, offer) = self.new;
        let volume = offer.source.split_once(":/").map_or("", |(_, volume)| volume);
        if offer.fstype == "glusterfs" && !volume.is_empty() { volume } else { name }
    }

    /// Where the old storage is read from, on the node that copies.
    pub fn source(&self) -> &str {
        if self.serves { &self.shared.path } else { OLD }
    }

    /// Where what comes back is written to.
    pub fn back(&self) -> &str {
        if self.serves { &self.shared.path } else { BACK }
    }

    /// It is the copying node, and the old storage is its own folder.
    pub fn is_server(&self, node: &Node) -> bool {
        self.serves && node.name == self.copier.name
    }
}
