//! Who has which part of the range: from the cluster file alone, the same whatever the order of the nodes in it, and the same for a node
//! whoever comes or goes.

use crate::Config;
use crate::range::{self, BLOCK};
use arcus_sdk::net::Ipv4Net;
use arcus_sdk::prelude::*;
use std::net::Ipv4Addr;

/// A node's place in the mesh.
#[derive(Debug, Clone)]
pub struct Seat<'a> {
    /// The node.
    pub node: &'a Node,
    /// Where its tunnel ends: its address in the cluster file.
    pub address: Ipv4Addr,
    /// Its pods.
    pub block: Ipv4Net,
}

impl Seat<'_> {
    /// Its own address in the mesh: the one of its block that no pod gets.
    pub fn own(&self) -> Ipv4Addr {
        self.block.network()
    }

    /// The address of its pods' bridge, which is their way out.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.block.network()) + 1)
    }

    /// The hardware address of its end of the tunnels: all others must know it beforehand, so it is made of the node's address.
    pub fn mac(&self) -> String {
        let [a, b, c, d] = self.address.octets();
        format!("02:76:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
    }
}

/// The mesh.
#[derive(Debug)]
pub struct Layout<'a> {
    /// All pods.
    pub range: Ipv4Net,
    /// In the order of the file.
    pub seats: Vec<Seat<'a>>,
}

impl<'a> Layout<'a> {
    /// Everybody but this one.
    pub fn others<'s>(&'s self, seat: &'s Seat<'a>) -> impl Iterator<Item = &'s Seat<'a>> {
        self.seats.iter().filter(move |other| other.node.name != seat.node.name)
    }
}

/// Reads it; all mistakes at once.
pub fn read(cluster: &Cluster<Config>) -> Result<Layout<'_>, Vec<Problem>> {
    let range = range::range(&cluster.config.pods).map_err(|problem| vec![problem])?;
    let members = cluster.any_role(&[Role::Manage, Role::Compute, Role::Gateway]);
    let count = 1_u32 << (BLOCK - range.prefix_len());
    let mut problems = range::mistakes(cluster, &range);
    for (name, number) in &cluster.config.blocks {
        let pointer = format!("/blocks/{}", name.replace('~', "~0").replace('/', "~1"));
        if !members.iter().any(|node| node.name == *name) {
            problems.push(problem("vxlan.block-of-nobody", format!("{name} is no node with pods")).at(pointer).help("pods are on manage, compute and gateway nodes"));
        } else if *number >= count {
            problems.push(problem("vxlan.block-outside", format!("{range} has {count} blocks of /{BLOCK}, from 0 to {}", count - 1)).at(pointer).help("choose a smaller number, or a larger range"));
        }
    }
    let mut seats: Vec<Seat<'_>> = Vec::new();
    for node in members {
        let Ok(address) = node.address.parse::<Ipv4Addr>() else {
            let message = format!("{} of {} is no IPv4 address", node.address, node.name);
            problems.push(problem("vxlan.address", message).on(node).help("tunnels go between IPv4 addresses: write the node's"));
            continue;
        };
        let number = cluster.config.blocks.get(&node.name).copied().unwrap_or(u32::from(address) & (count - 1));
        let Some(block) = block(&range, number.min(count - 1)) else { continue };
        if let Some(other) = seats.iter().find(|other| other.block == block) {
            let message = format!("{} and {} would both have {block}: their addresses end alike", other.node.name, node.name);
            let help = format!("give one of them another: `blocks: {{ {}: NUMBER }}`; the one that has pods already must keep its own", node.name);
            problems.push(problem("vxlan.same-block", message).on(node).at("/blocks").help(help));
        }
        seats.push(Seat { node, address, block });
    }
    if problems.is_empty() { Ok(Layout { range, seats }) } else { Err(problems) }
}

fn block(range: &Ipv4Net, number: u32) -> Option<Ipv4Net> {
    let first = u32::from(range.network()).checked_add(number << (32 - BLOCK))?;
    Ipv4Net::new(Ipv4Addr::from(first), BLOCK).ok()
}
