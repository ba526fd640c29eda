//! Drills: a node is lost, or its tunnels are. The others' packets must not notice, and it must be back afterwards by itself.

use crate::Config;
use crate::files::UNIT;
use crate::layout::{Layout, Seat};
use crate::reach::full;
use arcus_sdk::contract::facts::Request;
use arcus_sdk::prelude::*;

/// Milliseconds from one packet to the next.
const EVERY: u32 = 200;
/// Others may miss no more than a packet or two.
const AT_MOST: u32 = 1500;
/// Seconds of an isolation.
const ISOLATION: u32 = 12;
/// Seconds until a node that comes back is reached: a boot, and the unit.
const BACK: u32 = 180;

/// What may be tried: with three nodes or more, so that two are left that can tell.
pub fn trials(cluster: &Cluster<Config>, layout: &Layout<'_>) -> Vec<Drill> {
    let config = &cluster.config;
    // Where pods are that matter, and where nothing else is lost with it.
    let mut seats: Vec<&Seat<'_>> = layout.seats.iter().collect();
    seats.sort_by_key(|seat| seat.node.roles.contains(&Role::Manage));
    let [lost, rest @ ..] = seats.as_slice() else { return Vec::new() };
    let [observer, other, ..] = rest else { return Vec::new() };
    let payload = (config.mtu - 28).to_string();
    let (from, to) = (observer.own().to_string(), other.own().to_string());
    let drill = |trial: Trial| {
        trial
            .watch("mesh", observer.node, responds("ping", [payload.as_str(), from.as_str(), to.as_str()]), EVERY, AT_MOST)
            .recovers("apart", observer.node, [full(config, &from, &to).on(observer.node)], format!("{} and {} reach each other without {}", observer.node.name, other.node.name, lost.node.name), 20)
            .heals("whole", observer.node, everybody(config, lost, rest), format!("every node reaches {} again", lost.node.name), BACK)
            .drill()
    };
    let title = |what: &str| format!("{what} {}, while {} sends to {}", lost.node.name, observer.node.name, other.node.name);
    vec![
        drill(Trial::isolate("network-isolate", title("cut off"), lost.node, ISOLATION)),
        drill(Trial::stop("network-stop", title("take away the tunnels of"), lost.node, UNIT)),
        drill(Trial::power("network-power", title("take the power of"), lost.node)),
    ]
}

fn everybody(config: &Config, lost: &Seat<'_>, rest: &[&Seat<'_>]) -> Vec<Request> {
    rest.iter().map(|seat| full(config, &seat.own().to_string(), &lost.own().to_string()).on(seat.node)).collect()
}

/// Judges `apart` and `whole`: every one of these packets came back.
pub fn reached(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let silent: Vec<&str> = case.all::<Output>()?.into_iter().filter(|(_, output)| !output.is_ok()).map(|(node, _)| node).collect();
    if silent.is_empty() { met() } else { unmet(format!("no answer to {}", silent.join(", "))) }
}
