//! Pods: the youngest of every node, and whether those of other nodes answer with packets as large as they may send.

use crate::Config;
use crate::layout::{Layout, Seat};
use crate::reach::{SETTLE, full, near};
use arcus_sdk::prelude::*;
use arcus_sdk::{Batch, Ticket};

/// So many of the youngest pods of a node are tried: older ones may be gone, and still be written down.
const TRIED: usize = 2;

/// A pod that may be there.
pub struct Pod {
    /// The place of its node.
    place: usize,
    address: String,
}

/// Of every node, in the order of its seats; `said` is what each has written down.
pub fn youngest(layout: &Layout<'_>, said: &[&Look<Output>]) -> Vec<Pod> {
    let mut all = Vec::new();
    for (place, (seat, look)) in layout.seats.iter().zip(said).enumerate() {
        let Known(output) = look else { continue };
        let text = output.text();
        let inside = |word: &&str| word.parse::<std::net::Ipv4Addr>().is_ok_and(|address| seat.block.contains(&address));
        all.extend(text.lines().map(str::trim).filter(inside).take(TRIED).map(|address| Pod { place, address: address.to_owned() }));
    }
    all
}

/// Which pods a node tries: its own, and those of the nodes near it.
fn tried<'p>(layout: &Layout<'_>, pods: &'p [Pod], place: usize) -> Vec<&'p Pod> {
    let near: Vec<&str> = near(layout, place).iter().map(|seat| seat.node.name.as_str()).collect();
    pods.iter().filter(|pod| pod.place == place || near.contains(&layout.seats[pod.place].node.name.as_str())).collect()
}

/// With pods there is a bridge: from there packets go the whole way of a pod's.
fn source(seat: &Seat<'_>, place: usize, pods: &[Pod]) -> String {
    if pods.iter().any(|pod| pod.place == place) { seat.gateway().to_string() } else { seat.own().to_string() }
}

/// Questions that travel with others.
pub fn ask<C>(config: &Config, layout: &Layout<'_>, pods: &[Pod], batch: &mut Batch<'_, C>) -> Ticket<PerNode<Vec<Look<Output>>>> {
    batch.each_of(layout.seats.iter().enumerate().map(|(place, seat)| {
        let from = source(seat, place, pods);
        (seat.node, tried(layout, pods, place).iter().map(|pod| full(config, &from, &pod.address)).collect::<Vec<_>>())
    }))
}

/// The checks.
pub fn proof(config: &Config, layout: &Layout<'_>, pods: &[Pod], said: &[&Look<Output>], across: &PerNode<Vec<Look<Output>>>, checks: &mut Checks) {
    let title = "pods answer across nodes";
    if pods.is_empty() {
        let check = checks.of_cluster("pods", title);
        return match said.iter().find_map(|look| if let Unknown(problem) = look { Some(problem) } else { None }) {
            Some(problem) => check.unanswered(problem),
            None => check.warned("no node has a pod yet, so none was tried"),
        };
    }
    let heard = |place: usize, pod: &Pod| {
        let at = tried(layout, pods, place).iter().position(|tried| tried.address == pod.address)?;
        across.of(layout.seats[place].node).get(at)
    };
    // One that its own node does not reach is gone, or deaf.
    let lives = |pod: &&Pod| heard(pod.place, pod).is_some_and(|look| look.is_known_and(OutputText::is_ok));
    if !pods.iter().any(|pod| lives(&pod)) {
        return checks.of_cluster("pods", title).warned(format!("none of {} addresses that pods were given answers on its own node, so none was tried", pods.len()));
    }
    for (place, seat) in layout.seats.iter().enumerate() {
        let living: Vec<&Pod> = tried(layout, pods, place).into_iter().filter(|pod| pod.place != place).filter(lives).collect();
        if living.is_empty() {
            continue;
        }
        let check = checks.on(seat.node, "pods", format!("pods of other nodes answer {} with packets of {} bytes", source(seat, place, pods), config.mtu));
        if let Some(Unknown(problem)) = living.iter().filter_map(|pod| heard(place, pod)).find(|look| look.known().is_none()) {
            check.unanswered(problem);
            continue;
        }
        let deaf: Vec<String> = living
            .iter()
            .filter(|pod| !heard(place, pod).is_some_and(|look| look.is_known_and(OutputText::is_ok)))
            .map(|pod| format!("{} on {}", pod.address, layout.seats[pod.place].node.name))
            .collect();
        match deaf.is_empty() {
            true => check.passed(format!("{} of {}", living.len(), living.len())),
            false => check.pending(SETTLE, format!("{}: their own nodes reach them", deaf.join(", "))),
        }
    }
}
