//! Drills: the present holder stops, is cut off, or loses power; how long the address is gone is measured from the operator's machine.

use crate::config::Config;
use crate::plan::Gates;
use crate::ring::Ring;
use crate::{conf, holder};
use arcus_sdk::prelude::*;

/// Milliseconds between two beats.
const EVERY: u32 = 20;
/// sshd listens on every address of a node, the virtual one too.
const SSH: u16 = 22;

/// What may be tried now.
pub fn trials(cluster: &Cluster<Config>, ring: &Ring) -> Result<Vec<Drill>, Problem> {
    if ring.members.len() < 2 {
        // Nobody could take over.
        return Ok(Vec::new());
    }
    let gates = Gates::look(cluster, ring);
    if let Some(problem) = ring.nodes().find_map(|node| match &gates.at(node).interfaces {
        Unknown(problem) => Some(problem.clone()),
        Known(_) => None,
    }) {
        return Err(problem);
    }
    let holders = gates.holders(ring);
    let address = ring.address();
    let [present] = holders.as_slice() else {
        let message = format!("{} gateways hold {address}; a drill starts from exactly one", holders.len());
        return Err(problem("vip.holders", message).help("see `arcus verify`"));
    };
    let other = ring.nodes().find(|node| node.name != present.name).expect("a ring of two has another");
    let beat = beat(cluster, other, &address);
    let (stop, loss) = limits(&cluster.config, ring.advert);

    let controller = Node { name: "controller".into(), address: String::new(), roles: vec![], labels: vec![] };
    let title = |what: &str| format!("{what} {}, which holds {address}", present.name);
    let drill = |trial: Trial, at_most: u32| {
        trial
            .watch("address", &controller, beat.clone(), EVERY, at_most)
            .recovers("holder", other, holder::asked(ring), format!("the best gateway, and no other, holds {address}"), 30)
            .drill()
    };
    Ok(vec![
        drill(Trial::stop("vip-stop", title("stop keepalived on"), present, conf::UNIT), stop),
        drill(Trial::isolate("vip-isolate", title("cut off"), present), loss),
        drill(Trial::power("vip-power", title("take the power of"), present), loss),
    ])
}

/// What answers at the address now: the users' port, else ssh.
fn beat(cluster: &Cluster<Config>, from: &Node, address: &str) -> Beat {
    let port = cluster.config.port;
    let (users, ssh) = (probe::reach(address, port), probe::reach(address, SSH));
    let mut batch = cluster.batch();
    let ticket = batch.one(from, (users, ssh));
    match batch.send().take(ticket) {
        (Known(Reachability::Open), _) => connect(address, port),
        (_, Known(Reachability::Open)) => connect(address, SSH),
        _ => ping(address),
    }
}

/// Milliseconds that the address may be gone, after a clean stop and after a loss: what VRRP takes by its own rules, and some for
/// neighbours to notice.
fn limits(config: &Config, advert: u32) -> (u32, u32) {
    if config.version == 2 { (advert + 500, 4 * advert) } else { (advert + 50, 4 * advert + 200) }
}
