//! Where `grctl` asks: the address that init was told. When the virtual address is another one later, it asks where nobody answers, and is
//! led to the API of its own node, which is where it asks without any settings.

use crate::addresses::Addresses;
use crate::config::Config;
use crate::seat::{Seat, Stage};
use crate::{grctl, member, paths};
use arcus_sdk::prelude::*;
use std::net::IpAddr;

/// The API as a manager has it for itself: without a certificate.
const OWN: &str = "http://127.0.0.1:8888";

/// The addresses that are asked.
fn asked(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.trim().strip_prefix("- ")).map(str::trim).filter(|word| word.starts_with("http://") || word.starts_with("https://"))
}

/// The address in a URL; a name leads wherever it is led.
fn address(url: &str) -> Option<IpAddr> {
    let place = url.split_once("://")?.1.split('/').next()?;
    let host = match place.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => place.split(':').next()?,
    };
    host.parse().ok()
}

/// What is asked and is no address of the cluster, in these settings.
fn astray<'t>(cluster: &Cluster<Config>, text: &'t str) -> Option<&'t str> {
    let virtual_ones = Addresses::of(cluster).into_iter().flat_map(|addresses| [addresses.gateways, addresses.managers]);
    let nodes = cluster.nodes.iter().map(|node| node.address.as_str());
    let known: Vec<IpAddr> = virtual_ones.chain(nodes).chain(cluster.config.eip.as_deref()).filter_map(|known| known.parse().ok()).collect();
    asked(text).find(|url| address(url).is_some_and(|address| !address.is_loopback() && !known.contains(&address)))
}

/// Only 5.1 asks at an address, and only where there is a virtual one it may be another.
fn may_differ(cluster: &Cluster<Config>, seat: &Seat<'_>) -> bool {
    seat.stage == Stage::Done && cluster.config.version.asks_at_virtual_address() && Addresses::of(cluster).is_some()
}

fn look<'a>(cluster: &'a Cluster<Config>, nodes: &[&'a Node]) -> PerNode<Look<Option<FileFact>>> {
    cluster.ask_many(nodes.iter().copied(), probe::content(paths::TOOL, 8192))
}

/// On each manager whose `grctl` asks where nobody is, and does not answer. Returns the step of the first node, on which all depends.
pub fn plan(cluster: &Cluster<Config>, seat: &Seat<'_>, plan: &mut Plan) -> Option<Planned> {
    if !may_differ(cluster, seat) {
        return None;
    }
    let managers = member::managers(cluster);
    let seen = look(cluster, &managers);
    let of_seat = seen.of(seat.node).known().and_then(Option::as_ref).map(FileText::text);
    // Who joins later is told the old address by the installer.
    let is_moved = of_seat.as_deref().is_some_and(|text| astray(cluster, text).is_some() || asked(text).any(|url| url == OWN));
    let mut first = None;
    for node in managers {
        match seen.of(node) {
            Known(Some(found)) if !found.is_cut() => {
                let text = found.text();
                let Some(old) = astray(cluster, &text) else { continue };
                let mended = file(paths::TOOL).content(text.replace(old, OWN)).mode(found.mode).owner(found.owner.as_str(), found.group.as_str()).keep_original();
                let step = plan
                    .file("tool", node, mended)
                    .until([probe::query("nodes", []).on(node)], "grctl answers", 60)
                    .title(format!("let grctl ask the API of its own node: it asks {old}, which is no address of the cluster any more"));
                if node.name == seat.node.name {
                    first = Some(step);
                }
            }
            Known(None) if is_moved && !is_installed(seat, node) => {
                plan.later("tool", node, "Rainbond is installed there", &["file"]);
            }
            _ => {}
        }
    }
    first
}

fn is_installed(seat: &Seat<'_>, node: &Node) -> bool {
    seat.nodes.is_known_and(|nodes| grctl::at(nodes, &node.address).is_some_and(|listed| listed.status.is_installed()))
}

/// Judges the step.
pub fn answers(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    grctl::nodes(case.get::<Output>(0)?).map(drop).or_else(unmet)
}

/// The check.
pub fn verify(cluster: &Cluster<Config>, seat: &Seat<'_>, checks: &mut Checks) {
    if !may_differ(cluster, seat) {
        return;
    }
    let seen = look(cluster, &[seat.node]);
    checks.on(seat.node, "tool", "grctl asks where the API is").judge(seen.of(seat.node), |file| {
        let text = file.as_ref().map(FileText::text).unwrap_or_default();
        match (astray(cluster, &text), &seat.nodes) {
            (Some(old), Unknown(_)) => failed(format!("it asks {old}, which is no address of the cluster, and gets no answer: `arcus apply`")),
            _ => passed(asked(&text).next().unwrap_or(OWN)),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_the_installer_writes_them() {
        let text = "region_api:\n  endpoints:\n    - https://10.0.0.100:8443\n  client-ca-file: /a/ca.pem\n";
        assert_eq!(asked(text).collect::<Vec<_>>(), ["https://10.0.0.100:8443"]);
        for (url, wanted) in [("https://10.0.0.100:8443", Some("10.0.0.100")), ("https://[fd00::1]:8443/x", Some("fd00::1")), ("https://region.goodrain.me:8443", None), ("x", None)] {
            assert_eq!(address(url), wanted.map(|wanted| wanted.parse().unwrap()), "{url}");
        }
    }
}
