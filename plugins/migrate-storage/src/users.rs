//! Units that use the directory: how they were before the freeze is written down on their node before any is stopped.

use crate::route::{MEMORY, Route};
use arcus_sdk::prelude::*;

/// How a unit was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// With its suffix.
    pub unit: String,
    /// It ran.
    pub running: bool,
    /// It starts with the machine.
    pub enabled: bool,
}

/// Where it is written down.
pub fn path() -> String {
    format!("{MEMORY}/units")
}

/// Units that the platform names for this node's roles, in its order.
pub fn named(route: &Route, node: &Node) -> Vec<String> {
    let mut units: Vec<String> = Vec::new();
    for (role, unit) in &route.shared.users {
        if node.roles.contains(role) && !units.contains(unit) {
            units.push(unit.clone());
        }
    }
    units
}

/// Of a node that does not answer, what the platform names: so that all that may come is announced.
pub fn or_named(route: &Route, node: &Node, users: &Look<Vec<User>>) -> Vec<User> {
    match users {
        Known(users) => users.clone(),
        Unknown(_) => named(route, node).into_iter().map(|unit| User { unit, running: true, enabled: true }).collect(),
    }
}

/// What was written down.
pub fn parse(text: &str) -> Vec<User> {
    let user = |line: &str| {
        let mut words = line.split_whitespace();
        Some(User { unit: words.next()?.to_owned(), running: words.next()? == "running", enabled: words.next()? == "enabled" })
    };
    text.lines().filter_map(user).collect()
}

/// What is seen now, of units that are there.
pub fn of(seen: &[(String, Option<ServiceFact>)]) -> Vec<User> {
    let user = |(unit, fact): &(String, Option<ServiceFact>)| {
        let fact = fact.as_ref()?;
        // One that is held runs again if it is meant to.
        Some(User { unit: unit.clone(), running: fact.active || (fact.held && fact.enabled), enabled: fact.enabled })
    };
    seen.iter().filter_map(user).collect()
}

/// As it is written down.
pub fn text(users: &[User]) -> String {
    let line = |user: &User| {
        format!("{} {} {}\n", user.unit, if user.running { "running" } else { "stopped" }, if user.enabled { "enabled" } else { "disabled" })
    };
    users.iter().map(line).collect()
}
