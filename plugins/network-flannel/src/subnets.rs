//! A node's subnet, as flannel left it in `/run/flannel/subnet.env`, where the pods' plugin reads it.

use arcus_sdk::net::IpNet;
use arcus_sdk::prelude::*;

/// Written by flannel once it has a subnet and its routes are watched.
pub const FILE: &str = "/run/flannel/subnet.env";

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// The range of all pods.
    pub range: IpNet,
    /// This node's part of it.
    pub net: IpNet,
    /// The node's own address in it, which its bridge has once there is a pod.
    pub gateway: std::net::IpAddr,
}

/// Reads it. `Err`: what is wrong with it, in words.
pub fn read(file: Option<&FileFact>) -> Result<Subnet, String> {
    let file = file.ok_or_else(|| format!("there is no {FILE}"))?;
    let text = file.text();
    let net = |key: &str| -> Result<IpNet, String> {
        let value = parse::assignments(&text, key).last().ok_or_else(|| format!("{FILE} has no {key}"))?;
        value.parse().map_err(|_| format!("{FILE} says {key}={value}"))
    };
    let (range, own) = (net("FLANNEL_NETWORK")?, net("FLANNEL_SUBNET")?);
    if !range.contains(&own.trunc()) {
        return Err(format!("{FILE}: the subnet {own} is not within {range}"));
    }
    Ok(Subnet { range, net: own.trunc(), gateway: own.addr() })
}

/// By node, of those that told theirs.
pub type Subnets<'a> = Vec<(&'a Node, Subnet)>;

/// Nodes that have the same subnet as another, or part of it.
pub fn clash(subnets: &Subnets<'_>) -> Option<String> {
    subnets.iter().enumerate().find_map(|(place, (node, subnet))| {
        let (other, theirs) = subnets[place + 1..].iter().find(|(_, theirs)| arcus_sdk::net::overlaps(&subnet.net, &theirs.net))?;
        Some(format!("{} has {} and {} has {}", node.name, subnet.net, other.name, theirs.net))
    })
}
