//! Ports that the platform needs, and who has them now.

use crate::seen::Seen;
use arcus_sdk::prelude::*;

/// The installer looks for these on the first node, which any manager may become; then those of etcd.
const MANAGE: [u16; 11] = [53, 80, 443, 3306, 6060, 7070, 8443, 8888, 9999, 2379, 2380];
const GATEWAY: [u16; 3] = [53, 80, 443];
const COMPUTE: [u16; 3] = [53, 2379, 10250];

/// The check `ports`.
pub fn check(seen: &Seen<'_>, checks: &mut Checks) {
    let lists: [(Role, &[u16]); 3] = [(Role::Manage, &MANAGE), (Role::Gateway, &GATEWAY), (Role::Compute, &COMPUTE)];
    let mut wanted: Vec<u16> = lists.iter().filter(|(role, _)| seen.has(*role)).flat_map(|(_, ports)| ports.iter().copied()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return;
    }
    let check = checks.on(seen.node, "ports", "the ports that the platform needs are free");
    if seen.is_installed() {
        return check.passed("the platform is installed here: they are its own");
    }
    check.judge(&seen.sockets, |sockets| {
        let taken: Vec<String> = wanted.iter().filter_map(|port| Some((*port, holder(sockets, *port)?))).map(|(port, socket)| by(port, socket)).collect();
        let all = wanted.iter().map(u16::to_string).collect::<Vec<_>>().join(" ");
        match taken.is_empty() {
            true => passed(format!("{all}: nobody listens")),
            false => failed(format!("{}: stop and disable what listens there", taken.join(", "))),
        }
    });
}

/// DNS is served over UDP too.
fn holder(sockets: &[Socket], port: u16) -> Option<&Socket> {
    sockets.iter().find(|socket| socket.port == port && (socket.tcp || port == 53))
}

fn by(port: u16, socket: &Socket) -> String {
    let process = if socket.process.is_empty() { "somebody" } else { &socket.process };
    format!("{port} is taken by {process} ({}:{port})", socket.address)
}
