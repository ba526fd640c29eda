//! Ranges of addresses: those of containers, of the platform and of the machines must not meet.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::diagnostic::Diagnostic;
use crate::model::Concern;
use crate::pointer;
use crate::rules::addresses::virtual_address;
use crate::sketch::Sketch;

/// A range somebody takes.
struct Range {
    net: IpNet,
    what: &'static str,
    /// In the file, when it is set there.
    pointer: Option<String>,
}

impl Range {
    fn holds(&self, ip: IpAddr) -> bool {
        self.net.contains(&ip)
    }
}

fn net(a: u8, b: u8, len: u8) -> IpNet {
    IpNet::new_assert(IpAddr::from([a, b, 0, 0]), len)
}

fn ranges(sketch: &Sketch<'_>) -> Vec<Range> {
    let mut ranges = Vec::new();
    if let Some((at, text)) = sketch.setting(Concern::Network, "pods")
        && let Ok(net) = text.parse::<IpNet>()
    {
        ranges.push(Range {
            net: net.trunc(),
            what: "the containers",
            pointer: Some(at),
        });
    }
    if sketch.uses(Concern::Platform) == Some("rainbond") {
        // Fixed by Rainbond's installer, which writes the first as 11.1.0.0/12.
        ranges.push(Range {
            net: net(11, 0, 12),
            what: "Rainbond's services",
            pointer: None,
        });
        ranges.push(Range {
            net: net(172, 30, 16),
            what: "docker on every node",
            pointer: None,
        });
    }
    ranges
}

/// Two ranges share addresses.
pub fn overlap(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let ranges = ranges(sketch);
    let mut found = Vec::new();
    for (index, one) in ranges.iter().enumerate() {
        let Some(at) = &one.pointer else { continue };
        for other in &ranges[index + 1..] {
            if one.net.contains(&other.net) || other.net.contains(&one.net) {
                found.push(
                    sketch
                        .text
                        .diagnose(
                            "cluster.cidr-overlap",
                            at,
                            format!(
                                "the range {} of {} overlaps {}, which is that of {}",
                                one.net, one.what, other.net, other.what
                            ),
                        )
                        .help("choose a range that nothing else has, such as 10.244.0.0/16"),
                );
            }
        }
    }
    found
}

/// A node, or the virtual address, lies in a range that is somebody else's.
pub fn addresses_inside(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let ranges = ranges(sketch);
    let nodes = sketch.nodes.iter().filter_map(|node| {
        Some((
            node.address?,
            pointer::join(&node.pointer, "address"),
            format!("the address of `{}`", node.label()),
        ))
    });
    let vip = virtual_address(sketch).map(|(at, ip)| (ip, at, "the virtual address".to_owned()));
    let mut found = Vec::new();
    for (ip, at, whose) in nodes.chain(vip) {
        for range in ranges.iter().filter(|range| range.holds(ip)) {
            let help = match range.pointer {
                Some(_) => "choose another range for them, one that no machine's address lies in",
                None => {
                    "the installer takes that range on every node and it cannot be moved: use another address"
                }
            };
            let error = sketch
                .text
                .diagnose(
                    "cluster.address-in-range",
                    &at,
                    format!(
                        "{whose}, {ip}, lies in {}, the range of {}",
                        range.net, range.what
                    ),
                )
                .help(help);
            found.push(error.related(
                range.pointer.as_deref().map(|at| sketch.text.span(at)),
                format!("the range of {}", range.what),
            ));
        }
    }
    found
}
