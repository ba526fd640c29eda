//! Who tries whom, and with what.

use crate::Config;
use crate::layout::{Layout, Seat};
use arcus_sdk::prelude::*;

/// Up to so many nodes every one is tried from every other; beyond, each tries this many.
const PEERS_TRIED: usize = 12;
/// Seconds for which a packet may get lost: nodes ask anew for the hardware address of one that came back with another card.
pub const SETTLE: u32 = 20;
/// Bytes of a ping that are not its payload: IPv4 and ICMP.
const HEADERS: u32 = 28;

/// Whom the seat at this place tries: all others, or the next few in the order of the file when there are many.
pub fn near<'s, 'a>(layout: &'s Layout<'a>, place: usize) -> Vec<&'s Seat<'a>> {
    let seats = &layout.seats;
    let count = seats.len().saturating_sub(1).min(PEERS_TRIED);
    (1..=count).map(|step| &seats[(place + step) % seats.len()]).collect()
}

/// A packet as large as a pod's may be, which nobody may cut, from one address to another.
pub fn full(config: &Config, from: &str, to: &str) -> Ask<Output> {
    probe::query("ping", [(config.mtu - HEADERS).to_string().as_str(), from, to])
}
