//! What flannel keeps in etcd, in the keys of its second version: what it was told, and who has which subnet.

use arcus_sdk::Finding;
use arcus_sdk::net::IpNet;
use arcus_sdk::prelude::*;

#[derive(serde::Deserialize)]
struct Answer {
    node: Option<Key>,
    message: Option<String>,
}

#[derive(serde::Deserialize)]
struct Key {
    #[serde(default)]
    key: String,
    value: Option<String>,
    #[serde(default)]
    nodes: Vec<Key>,
}

#[derive(serde::Deserialize)]
struct Told {
    #[serde(rename = "Network")]
    network: String,
    #[serde(rename = "Backend", default)]
    backend: Option<Backend>,
}

#[derive(serde::Deserialize)]
struct Backend {
    #[serde(rename = "Type")]
    kind: String,
}

#[derive(serde::Deserialize)]
struct Lease {
    #[serde(rename = "PublicIP")]
    address: String,
}

/// What etcd answered, or why not, in words.
fn key(said: &Output) -> Result<Key, String> {
    if !said.is_ok() {
        return Err(format!("etcd does not answer: {}", said.error_text().trim()));
    }
    let answer: Answer = said.json().ok_or_else(|| format!("etcd says {:?}", said.text().chars().take(80).collect::<String>()))?;
    answer.node.ok_or_else(|| format!("etcd says {}", answer.message.unwrap_or_default()))
}

/// Flannel was told the range of the file, and to make plain routes.
pub fn is_told(range: &IpNet, said: &Output) -> Finding {
    let key = match key(said) {
        Ok(key) => key,
        Err(why) => return failed(why),
    };
    let Some(told) = key.value.as_deref().and_then(|value| serde_json::from_str::<Told>(value).ok()) else {
        return failed("the key holds no words for flannel");
    };
    let backend = told.backend.map_or_else(|| "udp".to_owned(), |backend| backend.kind);
    match (told.network.parse::<IpNet>().ok().as_ref() == Some(range), backend.as_str()) {
        (true, "host-gw") => passed(format!("{range}, host-gw")),
        (true, other) => failed(format!("the backend is {other}, plain routes (host-gw) are what is proven here")),
        (false, _) => failed(format!("flannel was told {}, {range} was asked for", told.network)),
    }
}

/// Every node has one lease, and nobody else has any.
pub fn leases(members: &[&Node], said: &Output) -> Finding {
    let key = match key(said) {
        Ok(key) => key,
        Err(why) => return failed(why),
    };
    let mut strangers = Vec::new();
    let mut holders = Vec::new();
    for lease in &key.nodes {
        let subnet = lease.key.rsplit('/').next().unwrap_or_default().replace('-', "/");
        let Some(held) = lease.value.as_deref().and_then(|value| serde_json::from_str::<Lease>(value).ok()) else {
            return failed(format!("the lease of {subnet} says nothing"));
        };
        match members.iter().find(|node| node.address == held.address) {
            Some(node) => holders.push((node.name.as_str(), subnet)),
            None => strangers.push(format!("{subnet} is {}'s", held.address)),
        }
    }
    let count = |node: &&&Node| holders.iter().filter(|(name, _)| *name == node.name).count();
    let without: Vec<&str> = members.iter().filter(|node| count(node) == 0).map(|node| node.name.as_str()).collect();
    if !without.is_empty() {
        return failed(format!("{} {} none", without.join(", "), if without.len() == 1 { "has" } else { "have" }));
    }
    if let Some(twice) = members.iter().find(|node| count(node) > 1) {
        return failed(format!("{} has {}", twice.name, count(&twice)));
    }
    match strangers.is_empty() {
        true => passed(format!("{} subnets", holders.len())),
        false => warned(format!("{}, and no node of the file; a lease ends a day after its node", strangers.join(", "))),
    }
}
