//! Addresses: real ones, each of one machine.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::model::Concern;
use crate::sketch::{Sketch, ip};
use crate::{pointer, wording};

/// Addresses are ones a machine can have: IP addresses for nodes, and for SSH these or host names.
pub fn usable(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let nodes = sketch.value.get("nodes").and_then(Value::as_array);
    for (node, at) in nodes.into_iter().flatten().zip(&sketch.nodes) {
        if let Some(text) = node.get("address").and_then(Value::as_str) {
            let at = pointer::join(&at.pointer, "address");
            match ip(text) {
                None => found.push(no_address(sketch, &at, text)),
                Some(ip) => found.extend(why_not(ip).map(|why| {
                    sketch
                        .text
                        .diagnose(
                            "cluster.bad-address",
                            &at,
                            format!(
                                "{} {why}, and the other nodes have to reach this one by it",
                                wording::quoted(text)
                            ),
                        )
                        .help("write the address of the node's interface towards the other nodes")
                })),
            }
        }
        if let Some(text) = node.pointer("/ssh/address").and_then(Value::as_str) {
            found.extend(ssh_address(
                sketch,
                &format!("{}/ssh/address", at.pointer),
                text,
            ));
        }
    }
    for (name, host) in sketch
        .value
        .pointer("/ssh/hosts")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if let Some(text) = host.get("address").and_then(Value::as_str) {
            found.extend(ssh_address(
                sketch,
                &pointer::join(&pointer::join("/ssh/hosts", name), "address"),
                text,
            ));
        }
    }
    found
}

/// Says what it is instead, as far as that can be told.
fn no_address(sketch: &Sketch<'_>, at: &str, text: &str) -> Diagnostic {
    let help = match text.parse::<IpNet>() {
        Ok(_) => "write it without the `/` and what follows",
        Err(_) if text.parse::<std::net::SocketAddr>().is_ok() => {
            "write it without the port; that goes into `ssh: { port: … }`"
        }
        Err(_) if text.contains(|c: char| c.is_alphabetic()) && !text.contains(':') => {
            "write the address itself: a name may lead elsewhere on another node, or nowhere"
        }
        Err(_) => {
            "an IPv4 address is four numbers from 0 to 255 without leading zeros, `10.0.0.11`; an IPv6 address is like `fd00::11`"
        }
    };
    sketch
        .text
        .diagnose(
            "cluster.bad-address",
            at,
            format!("{} is no IP address", wording::quoted(text)),
        )
        .help(help)
}

/// A name that looks like an address but is none would be asked of the DNS.
fn ssh_address(sketch: &Sketch<'_>, at: &str, text: &str) -> Option<Diagnostic> {
    let like_v4 = text
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .is_some_and(|last| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()));
    if ip(text).is_none()
        && (like_v4 || text.contains(':'))
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".:-_".contains(c))
    {
        return Some(no_address(sketch, at, text));
    }
    ip(text)
        .filter(|ip| ip.is_unspecified() || ip.is_multicast())
        .map(|_| {
            sketch
                .text
                .diagnose(
                    "cluster.bad-address",
                    at,
                    format!("{} is the address of no machine", wording::quoted(text)),
                )
                .help("write the address SSH reaches it by")
        })
}

fn why_not(ip: IpAddr) -> Option<&'static str> {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    match ip {
        _ if ip.is_unspecified() => Some("is the address of no machine"),
        _ if ip.is_loopback() => Some("is every machine's own address for itself"),
        _ if ip.is_multicast() => Some("is the address of many machines"),
        IpAddr::V4(Ipv4Addr::BROADCAST) => Some("is the address of all machines"),
        _ if link_local => Some("holds on one link only and may change"),
        _ => None,
    }
}

/// No two nodes have one address.
pub fn unique(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let all = sketch.nodes.iter().filter_map(|node| {
        Some((
            node.address?,
            pointer::join(&node.pointer, "address"),
            node.label(),
        ))
    });
    twice(
        sketch,
        all,
        "cluster.duplicate-address",
        |ip, label| format!("`{ip}` is the address of `{label}` already"),
        "each node has an address of its own",
    )
}

/// No two nodes are found at one address and port by SSH: they would be one machine.
pub fn unique_over_ssh(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    // Nodes of one address are told above.
    let mut addresses: HashMap<IpAddr, usize> = HashMap::new();
    for node in &sketch.nodes {
        *addresses
            .entry(node.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
            .or_default() += 1;
    }
    let all = sketch
        .nodes
        .iter()
        .filter(|node| node.address.is_none_or(|address| addresses[&address] == 1))
        .filter_map(|node| {
            let own = format!("{}/ssh/address", node.pointer);
            let at = if sketch.value.pointer(&own).is_some() {
                own
            } else {
                pointer::join(&node.pointer, "address")
            };
            Some((node.ssh.clone()?, at, node.label()))
        });
    twice(
        sketch,
        all,
        "cluster.duplicate-ssh-address",
        |(address, port), label| format!("SSH would find `{label}` at `{address}` port {port} too"),
        "each node is reached at an address or a port of its own",
    )
}

fn twice<K: Hash + Eq>(
    sketch: &Sketch<'_>,
    all: impl Iterator<Item = (K, String, String)>,
    code: &str,
    message: impl Fn(&K, &str) -> String,
    help: &str,
) -> Vec<Diagnostic> {
    let mut first: HashMap<K, (String, String)> = HashMap::new();
    let mut found = Vec::new();
    for (key, at, label) in all {
        match first.get(&key) {
            None => {
                first.insert(key, (at, label));
            }
            Some((other, other_label)) => {
                found.push(
                    sketch
                        .text
                        .diagnose(code, &at, message(&key, other_label))
                        .help(help)
                        .related(Some(sketch.text.span(other)), "the first"),
                );
            }
        }
    }
    found
}

/// Addresses of the example (RFC 5737) were not filled in: one finding, however many.
pub fn example(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let mut found = sketch
        .nodes
        .iter()
        .filter(|node| matches!(node.address, Some(IpAddr::V4(ip)) if ip.octets()[..3] == [192, 0, 2]))
        .map(|node| pointer::join(&node.pointer, "address"));
    let Some(first) = found.next() else {
        return Vec::new();
    };
    let finding = sketch
        .text
        .diagnose(
            "cluster.example-address",
            &first,
            "this address is for examples only, no machine has it",
        )
        .help("write the addresses of your machines")
        .warning();
    vec![found.fold(finding, |finding, at| {
        finding.related(Some(sketch.text.span(&at)), "nor this")
    })]
}

/// The virtual address is not that of a node.
pub fn virtual_is_free(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let Some((at, vip)) = virtual_address(sketch) else {
        return Vec::new();
    };
    let nodes = sketch.nodes.iter().filter(|node| {
        node.address == Some(vip)
            || node
                .ssh
                .as_ref()
                .is_some_and(|(address, _)| ip(address) == Some(vip))
    });
    nodes
        .take(1)
        .map(|node| {
            let whose = if node.address == Some(vip) {
                "address"
            } else {
                "ssh/address"
            };
            sketch
                .text
                .diagnose(
                    "cluster.vip-is-node",
                    &at,
                    format!("the virtual address {vip} is that of `{}`", node.label()),
                )
                .help("choose an address of the nodes' network that no machine has")
                .related(
                    Some(sketch.text.span(&format!("{}/{whose}", node.pointer))),
                    "this node's own",
                )
        })
        .collect()
}

/// The virtual address, with or without the length of its prefix, and its pointer.
pub fn virtual_address(sketch: &Sketch<'_>) -> Option<(String, IpAddr)> {
    let (at, text) = sketch.setting(Concern::Gateway, "vip")?;
    let address = match text.parse::<IpNet>() {
        Ok(net) => net.addr().to_canonical(),
        Err(_) => ip(text)?,
    };
    Some((at, address))
}
