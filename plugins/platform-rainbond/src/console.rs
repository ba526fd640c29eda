//! The database of console and regions: which one it is, and how it is asked.

use crate::config::{Config, Outside};
use arcus_sdk::Ask;
use arcus_sdk::prelude::*;

/// Which one, and how it is asked.
#[derive(Debug, Clone, Copy)]
pub enum Database<'a> {
    /// In a container on the first node.
    Own,
    /// The operator's.
    Outside(&'a Outside),
}

/// The client in the own one's container. Not `din`, which wants a terminal.
const OWN_CLIENT: [&str; 5] = ["docker", "exec", "-i", "rbd-db", "mysql"];
/// The client beside the operator's one.
const OUTSIDE_CLIENT: [&str; 2] = ["mysql", "--defaults-file=/opt/arcus/database.cnf"];

impl<'a> Database<'a> {
    /// As the file says.
    pub fn of(cluster: &'a Cluster<Config>) -> Self {
        cluster.config.database.as_ref().map_or(Database::Own, Database::Outside)
    }

    /// Reads statements from its input.
    pub fn client(self) -> Vec<&'static str> {
        match self {
            Database::Own => OWN_CLIENT.to_vec(),
            Database::Outside(_) => OUTSIDE_CLIENT.to_vec(),
        }
    }

    /// Asks for the data centres.
    pub fn regions(self) -> Ask<Output> {
        match self {
            Database::Own => probe::query("regions", []),
            Database::Outside(_) => probe::query("regions-outside", []),
        }
    }
}

/// Arguments of init, without the password.
pub fn arguments(outside: &Outside) -> Vec<String> {
    let words = ["--enable-exdb", "true", "--exdb-type", "mysql", "--exdb-host", &outside.host, "--exdb-port", &outside.port.to_string(), "--exdb-user", &outside.user];
    words.map(str::to_owned).to_vec()
}
