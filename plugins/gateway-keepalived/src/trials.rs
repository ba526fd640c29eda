//! Drills: the present holder stops, is cut off, loses power, or its gateway process alone is killed; how long the address does not
//! serve is measured from the operator's machine, or from a node of their choice.

use crate::config::{Config, Health};
use crate::gates::Gates;
use crate::ring::Ring;
use crate::{conf, holder};
use arcus_sdk::prelude::*;

/// Milliseconds between two beats.
const EVERY: u32 = 20;
/// Seconds beyond the longest blackout for which a gateway stays cut off: what took over is seen to last.
const SETTLES: u32 = 8;
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
    let served = served(cluster, other, &address);
    let beat = served.beat(&cluster.config, &address);
    let (stop, loss) = limits(&cluster.config, ring.advert);

    let controller = Node { name: "controller".into(), address: String::new(), roles: vec![], labels: vec![] };
    let title = |what: &str| format!("{what} {}, which holds {address}", present.name);
    let drill = |trial: Trial, at_most: u32| {
        trial
            .watch("address", &controller, beat.clone(), EVERY, at_most)
            .recovers("holder", other, holder::asked(ring), format!("the best gateway, and no other, holds {address}"), holder::settles(&cluster.config))
            .drill()
    };
    let mut drills = vec![
        drill(Trial::stop("vip-stop", title("stop keepalived on"), present, conf::UNIT), stop),
        drill(Trial::isolate("vip-isolate", title("cut off"), present, loss.div_ceil(1000) + SETTLES), loss),
        drill(Trial::power("vip-power", title("take the power of"), present), loss),
    ];
    // The gateway's process alone: the machine and its keepalived live on, and only the health check can tell. Only what is asked at the
    // users' port shows it: ssh answers on.
    if let (Some(unit), Some(_), Served::Users) = (&cluster.handed.demands.gateway_unit, &ring.check, served) {
        let trial = Trial::kill("gateway-kill", title(&format!("kill {unit} on")), present, unit);
        drills.push(drill(trial, unwell(&cluster.config.health) + loss));
    }
    Ok(drills)
}

/// What answers at the address now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Served {
    Users,
    Ssh,
    Nothing,
}

impl Served {
    fn beat(self, config: &Config, address: &str) -> Beat {
        match self {
            Served::Users => connect(address, config.port),
            Served::Ssh => connect(address, SSH),
            Served::Nothing => ping(address),
        }
    }
}

/// The users' port, else ssh.
fn served(cluster: &Cluster<Config>, from: &Node, address: &str) -> Served {
    let (users, ssh) = (probe::reach(address, cluster.config.port), probe::reach(address, SSH));
    let mut batch = cluster.batch();
    let ticket = batch.one(from, (users, ssh));
    match batch.send().take(ticket) {
        (Known(Reachability::Open), _) => Served::Users,
        (_, Known(Reachability::Open)) => Served::Ssh,
        _ => Served::Nothing,
    }
}

/// Milliseconds until the health check has been bad often enough: it may have looked right before, and the last look may take its time.
fn unwell(health: &Health) -> u32 {
    1000 * health.interval * (health.fall + 1)
}

/// Milliseconds that the address may be gone, after a clean stop and after a loss: what VRRP takes by its own rules, and some for
/// neighbours to notice.
fn limits(config: &Config, advert: u32) -> (u32, u32) {
    if config.version == 2 { (advert + 500, 4 * advert) } else { (advert + 50, 4 * advert + 200) }
}
