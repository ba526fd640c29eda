//! What nodes themselves show to be in the range of pods: networks that the cluster file does not know.

use crate::files::{BRIDGE, DEVICE};
use crate::layout::Seat;
use crate::range::wrong;
use arcus_sdk::net::{self, IpNet, Ipv4Net};
use arcus_sdk::prelude::*;

/// Interfaces whose addresses and routes are the network's own doing: the tunnel, the pods' bridge, the pods' ends.
const OWN: [&str; 3] = [DEVICE, BRIDGE, "veth"];

/// By a node's own interfaces and routes.
pub fn used_on(seat: &Seat<'_>, range: &Ipv4Net, interfaces: &[NetworkInterface], routes: &[Route]) -> Vec<Problem> {
    let (node, range) = (seat.node, IpNet::V4(*range));
    let own = |device: &str| OWN.iter().any(|prefix| device.starts_with(prefix));
    let clashes = |net: &str| net.parse::<IpNet>().is_ok_and(|net| net.prefix_len() > 0 && net::overlaps(&range, &net));
    let mut problems = Vec::new();
    for interface in interfaces.iter().filter(|interface| !own(&interface.name)) {
        for address in interface.addresses.iter().filter(|address| clashes(address)) {
            problems.push(wrong("pods-overlap", format!("{range} overlaps {address} on {} of {}", interface.name, node.name)).on(node));
        }
    }
    // What the kernel made of an address was told with the address.
    for route in routes.iter().filter(|route| !own(&route.dev) && route.proto != "kernel" && clashes(&route.to)) {
        problems.push(wrong("pods-overlap", format!("{} has a route to {} by {}, which overlaps the pods' {range}", node.name, route.to, route.dev)).on(node));
    }
    problems
}
