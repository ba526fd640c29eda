//! Whose network a node has: another than the one in the file is an error before anything is changed.
//!
//! The platform's installer, told a network that it does not know, brings calico and says nothing; and one that stands is not changed
//! by writing another name into a file. So every network plugin looks for the others before it plans.

use crate::installer::{self, SERVICES};
use arcus_sdk::prelude::*;
use arcus_sdk::{Batch, Got, Ticket};

/// A network, and what shows that it is there.
struct Trace {
    network: &'static str,
    /// Running, it moves packets.
    unit: &'static str,
    /// Pods are given to whoever has the first file there.
    cni: &'static str,
}

const TRACES: [Trace; 3] = [
    Trace { network: "calico", unit: "calico.service", cni: "/opt/rainbond/etc/cni/10-calico.conf" },
    Trace { network: "flannel", unit: "flannel.service", cni: "/opt/rainbond/etc/cni/10-flannel.conflist" },
    Trace { network: "midonet", unit: "midolman.service", cni: "/opt/rainbond/etc/cni/10-midonet.conf" },
];

/// Questions that travel with a plugin's own.
pub struct Search {
    nodes: Ticket<PerNode<Traces>>,
    managers: Ticket<PerNode<installer::Seen>>,
}

/// Of a node: its agent's file, then units and CNI files of all networks.
type Traces = (Look<Option<FileFact>>, Vec<Look<Option<ServiceFact>>>, Vec<Look<Option<FileFact>>>);

/// Asks for what shows which networks are on these nodes.
pub fn search<C>(cluster: &Cluster<C>, members: &[&Node], batch: &mut Batch<'_, C>) -> Search {
    let units = TRACES.iter().map(|trace| probe::service(trace.unit)).collect::<Vec<_>>();
    let cni = TRACES.iter().map(|trace| probe::file(trace.cni)).collect::<Vec<_>>();
    Search {
        nodes: batch.each(members.iter().copied(), (installer::services(), units, cni)),
        managers: batch.each(cluster.role(Role::Manage), installer::asks()),
    }
}

/// Every network but this one that is there, one problem for each. What did not answer is no evidence.
pub fn others<C>(cluster: &Cluster<C>, members: &[&Node], network: &str, search: Search, got: &mut Got) -> Vec<Problem> {
    let (nodes, marks) = (got.take(search.nodes), got.take(search.managers));
    let managers = cluster.role(Role::Manage);
    let mut evidence: Vec<(String, &Node, Vec<String>)> = Vec::new();
    let mut add = |other: &str, node, how: String| {
        if other == network {
            return;
        }
        match evidence.iter_mut().find(|(known, ..)| known == other) {
            None => evidence.push((other.to_owned(), node, vec![how])),
            Some((_, first, hows)) if first.name == node.name => hows.push(how),
            Some((_, _, hows)) => {
                let more = format!("also on {}", node.name);
                if !hows.contains(&more) {
                    hows.push(more);
                }
            }
        }
    };
    let stands = installer::seat(managers.iter().map(|manager| (*manager, marks.of(manager))), network);
    if let Ok((manager, Known(Some(file)))) = &stands
        && let Some(other) = installer::chosen(file)
    {
        add(&other, manager, format!("the installer's {} names it", installer::DEPLOYED));
    }
    for node in members {
        let (services, units, cni) = nodes.of(node);
        if let Known(Some(file)) = services {
            for name in installer::service_names(&file.text()) {
                add(&name, node, format!("{SERVICES} names it"));
            }
        }
        for ((trace, unit), cni) in TRACES.iter().zip(units).zip(cni) {
            if unit.is_known_and(|unit| unit.as_ref().is_some_and(|unit| unit.active)) {
                add(trace.network, node, format!("{} runs", trace.unit));
            }
            if cni.is_known_and(Option::is_some) {
                add(trace.network, node, format!("{} is there", trace.cni));
            }
        }
    }
    evidence.into_iter().map(|(other, node, hows)| differs(network, &other, node, &hows)).collect()
}

/// The check `alone`, from what [`others`] found: a CNI file of another network takes the pods, whatever else is well.
pub fn alone(checks: &mut Checks, others: &[Problem]) {
    let found: Vec<&str> = others.iter().map(|other| other.message.as_str()).collect();
    checks.of_cluster("alone", "no other network is on the nodes").is(match found.is_empty() {
        true => passed("none that answered has another"),
        false => failed(found.join("; ")),
    });
}

fn differs(network: &str, other: &str, node: &Node, hows: &[String]) -> Problem {
    let message = format!("{} has {other}, and the file asks for {network}: {}", node.name, hows.join(", "));
    let help = match (network, other) {
        ("calico" | "flannel", "calico" | "flannel") => format!(
            "write `network: {{ use: {other} }}`; or change what stands by the platform's own scripts/op/network.sh (5.1.4 and later), which \
             cuts off all pods, and plan again"
        ),
        _ => format!("write `network: {{ use: {other} }}`, or take {other} off the nodes first"),
    };
    problem(format!("{network}.other-network"), message).on(node).help(help)
}
