//! Whether etcd has its majority, and how many more of its members may fail. What is down is somebody's to start: told in every plan and by
//! `status`, with the nodes it is about, and never taken out.

use crate::ring::{Other, Ring};
use crate::seat::Seat;
use arcus_sdk::prelude::*;

/// What ails it; nothing, where every member answers. One that never came to be is another matter: [`Ring::half_joined`].
pub fn ailing(seat: &Seat<'_>, ring: &Ring<'_>) -> Option<Problem> {
    if !ring.half_joined().is_empty() {
        return None;
    }
    let lost = ring.healthy == Known(false);
    let Known(members) = &ring.members else {
        let silent = format!("etcd of {} does not answer: nothing can be changed, and who its members are cannot be told", seat.node.name);
        return lost.then(|| problem("rainbond.etcd-silent", silent).on(seat.node).help(start(&[&seat.node.name])));
    };
    let is_down = |other: &&Other<'_>| ring.has_run(&other.node.address) && matches!(other.reached, Known(_)) && !other.runs();
    let down: Vec<&str> = ring.others.iter().filter(is_down).map(|other| other.node.name.as_str()).collect();
    let (all, left) = (members.len(), members.len() - down.len());
    let of = down.join(" and ");
    if lost {
        let which = if down.is_empty() { String::new() } else { format!("; {of} cannot be reached by {}", seat.node.name) };
        let message = format!("etcd has no majority of its {all} members: applications go on, and nothing can be changed{which}");
        return Some(problem("rainbond.no-majority", message).help(if down.is_empty() { start(&["the other managers"]) } else { start(&down) }));
    }
    if down.is_empty() {
        return None;
    }
    let message = format!("etcd of {of} does not answer: {left} of {all} members do, and {} more may fail", left.saturating_sub(all / 2 + 1));
    Some(problem("rainbond.member-down", message).help(start(&down)))
}

fn start(nodes: &[&str]) -> String {
    format!("`systemctl start etcd` on {}; why it stopped: `journalctl -u etcd`; where the machine is off, switch it on", nodes.join(" and "))
}
