//! Which bricks the volume has, on which nodes, in which sets: from the cluster file alone, and the same however its nodes are
//! ordered.

use crate::config::{self, Config};
use arcus_sdk::prelude::*;
use std::collections::BTreeMap;

/// A directory of the volume's files on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brick {
    /// Name of the node.
    pub node: String,
    /// Its address.
    pub address: String,
    /// Absolute.
    pub path: String,
    /// It keeps names only.
    pub arbiter: bool,
}

impl Brick {
    /// As `gluster volume create` has it.
    pub fn word(&self) -> String {
        format!("{}:{}", self.address, self.path)
    }
}

/// The bricks in the order of `gluster volume create`, set after set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// All bricks.
    pub bricks: Vec<Brick>,
    /// Bricks of a set, an arbiter included.
    pub replica: usize,
    /// The last of every set is an arbiter.
    pub arbiter: bool,
}

/// Everything that the cluster file alone shows to be wrong, and the layout if it can be told.
pub fn read(cluster: &Cluster<Config>) -> Result<Layout, Vec<Problem>> {
    let mut problems = config::option_mistakes(&cluster.config);
    if cluster.config.brick.split('/').any(|part| part == "." || part == "..") {
        let message = format!("the brick {} is no plain path", cluster.config.brick);
        problems.push(problem("gluster.brick-path", message).at("/brick").help("write it without `.` and `..`"));
    }
    for node in cluster.role(Role::Storage) {
        if node.address.contains(':') {
            let message = format!("{} has the IPv6 address {}: bricks are reached by IPv4 here", node.name, node.address);
            problems.push(problem("gluster.ipv6", message).help("give the storage nodes IPv4 addresses"));
        }
    }
    match Layout::of(cluster) {
        Ok(layout) if problems.is_empty() => Ok(layout),
        Ok(_) => Err(problems),
        Err(problem) => {
            problems.push(problem);
            Err(problems)
        }
    }
}

impl Layout {
    /// Three copies; two and an arbiter; two, when the risk was accepted. More nodes make more sets.
    pub fn of(cluster: &Cluster<Config>) -> Result<Self, Problem> {
        let config = &cluster.config;
        let nodes = storage(cluster);
        let count = nodes.len();
        let split = match &config.arbiter {
            Some(name) => Some(nodes.iter().position(|node| node.name == *name).ok_or_else(|| no_arbiter(cluster, name))?),
            None => None,
        };
        let Some(arbiter) = split else {
            let replica = if count > 0 && count.is_multiple_of(3) {
                3
            } else if count > 0 && count.is_multiple_of(2) && config.accept_split_brain_risk {
                2
            } else {
                return Err(wrong_count(count));
            };
            let bricks = nodes.iter().map(|node| brick(node, &config.brick, false)).collect();
            return Ok(Layout { bricks, replica, arbiter: false });
        };
        let (arbiter, data): (&Node, Vec<&Node>) = {
            let mut data = nodes.clone();
            (data.remove(arbiter), data)
        };
        if data.is_empty() || !data.len().is_multiple_of(2) {
            let message = format!("with an arbiter, an even number of other storage nodes is needed; there are {}", data.len());
            return Err(problem("gluster.arbiter-count", message).at("/arbiter").help("two storage nodes beside the arbiter make one set, four make two"));
        }
        let mut bricks = Vec::new();
        for (set, pair) in data.chunks(2).enumerate() {
            bricks.extend(pair.iter().map(|node| brick(node, &config.brick, false)));
            // One arbiter serves all sets, from a directory for each.
            let path = if set == 0 { config.brick.clone() } else { format!("{}-{}", config.brick, set + 1) };
            bricks.push(brick(arbiter, &path, true));
        }
        Ok(Layout { bricks, replica: 3, arbiter: true })
    }

    /// Two of three decide; with two alone, nobody does.
    pub fn has_majority(&self) -> bool {
        self.replica > 2
    }

    /// All options that the volume should have, by name.
    pub fn options(&self, config: &Config) -> BTreeMap<String, String> {
        let usual = (config::HEAL_OPTION.to_owned(), config::HEAL_TIMEOUT.to_string());
        let given = config.options.iter().map(|(name, value)| (name.clone(), value.word()));
        // Two copies: a quorum of more than half would stop everything when either node is lost, which is what the operator
        // chose not to have by accepting the risk.
        let (clients, servers) = if self.has_majority() { ("auto", "server") } else { ("none", "none") };
        let own = [clients.to_owned(), servers.to_owned(), config.ping_timeout.to_string()];
        std::iter::once(usual).chain(given).chain(config::OWN.map(str::to_owned).into_iter().zip(own)).collect()
    }

    /// As `gluster volume info` says it.
    pub fn kind(&self) -> &'static str {
        if self.bricks.len() > self.replica { "Distributed-Replicate" } else { "Replicate" }
    }

    /// As `gluster volume info` says it, e.g. `1 x (2 + 1) = 3`.
    pub fn number(&self) -> String {
        let (sets, all) = (self.bricks.len() / self.replica, self.bricks.len());
        if self.arbiter { format!("{sets} x (2 + 1) = {all}") } else { format!("{sets} x {} = {all}", self.replica) }
    }

    /// The bricks of this node.
    pub fn on<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Brick> {
        self.bricks.iter().filter(|brick| brick.node == node.name)
    }

    /// The program and arguments that make the volume. Forced, gluster asks neither whether a brick is on the system's own disk nor
    /// whether one bears the mark of an earlier attempt: both have been looked at by then.
    pub fn create(&self, config: &Config, force: bool) -> Vec<String> {
        let mut argv: Vec<String> = ["gluster", "--mode=script", "volume", "create"].map(str::to_owned).to_vec();
        argv.extend([config.volume.clone(), "replica".into(), self.replica.to_string()]);
        if self.arbiter {
            argv.extend(["arbiter".to_owned(), "1".into()]);
        }
        argv.extend(self.bricks.iter().map(Brick::word));
        if force {
            argv.push("force".into());
        }
        argv
    }

    /// The nodes that tell clients of the volume, the first to be asked first. An arbiter last: it is the weakest machine.
    pub fn servers(&self) -> Vec<&str> {
        let mut servers: Vec<&Brick> = self.bricks.iter().collect();
        servers.sort_by_key(|brick| (brick.arbiter, brick.node.as_str()));
        let mut addresses: Vec<&str> = Vec::new();
        for brick in servers {
            if !addresses.contains(&brick.address.as_str()) {
                addresses.push(&brick.address);
            }
        }
        addresses
    }

    /// How a node mounts the volume: fstab's source and options.
    pub fn mounted(&self, volume: &str) -> (String, Vec<String>) {
        let servers = self.servers();
        let (first, others) = servers.split_first().expect("a layout has bricks");
        // `backupvolfile-server` takes one address (several are taken for one long name); the guide has this spelling. While a
        // set of three serves, one of any two of its nodes does.
        let backup = match others {
            [] => None,
            [second] | [second, _] => Some(format!("backupvolfile-server={second}")),
            more => Some(format!("backup-volfile-servers={}", more.join(":"))),
        };
        let rest = ["use-readdirp=no", "log-level=WARNING", "log-file=/var/log/gluster.log", "_netdev"];
        (format!("{first}:/{volume}"), backup.into_iter().chain(rest.map(str::to_owned)).collect())
    }
}

/// The storage nodes by name: the order of the file must not decide where files are.
pub fn storage(cluster: &Cluster<Config>) -> Vec<&Node> {
    let mut nodes = cluster.role(Role::Storage);
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    nodes
}

fn brick(node: &Node, path: &str, arbiter: bool) -> Brick {
    Brick { node: node.name.clone(), address: node.address.clone(), path: path.into(), arbiter }
}

fn no_arbiter(cluster: &Cluster<Config>, name: &str) -> Problem {
    let message = match cluster.node(name) {
        Some(_) => format!("the arbiter {name} has not the role `storage`"),
        None => format!("the arbiter {name} is no node of this cluster"),
    };
    let names: Vec<&str> = storage(cluster).into_iter().map(|node| node.name.as_str()).collect();
    problem("gluster.arbiter-unknown", message).at("/arbiter").help(format!("storage nodes are {}", names.join(", ")))
}

fn wrong_count(count: usize) -> Problem {
    match count {
        0 | 1 => problem("gluster.too-few-nodes", format!("there are {count} storage nodes; GlusterFS needs at least 2"))
            .help("give three nodes the role `storage`, of which one may be an `arbiter`"),
        _ if count.is_multiple_of(2) => problem(
            "gluster.split-brain-risk",
            format!("{count} storage nodes and no arbiter: when two of a pair lose sight of each other, both go on writing and files are lost"),
        )
        .help("add a storage node and name it as `arbiter` (a small one will do), or set `accept-split-brain-risk: true`"),
        _ => problem("gluster.node-count", format!("{count} storage nodes make no whole sets of 3"))
            .help("use 3, 6, 9 ... storage nodes, or an even number and one more as `arbiter`"),
    }
}
