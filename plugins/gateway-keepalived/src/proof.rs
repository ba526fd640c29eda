//! Proof: what keepalived runs with, who holds the address, and who answers for it to others.

use crate::conf;
use crate::config::Config;
use crate::gates::Gates;
use crate::ring::{Ring, interface};
use crate::unlisted;
use crate::vrid;
use arcus_sdk::{Finding, prelude::*};

/// Nodes that are no gateways and may be asked who answers for the address.
const OBSERVERS: usize = 3;
/// Seconds after which the address has settled, at the latest.
const SETTLE: u32 = 20;

/// All checks.
pub fn verify(cluster: &Cluster<Config>, ring: &Ring, checks: &mut Checks) {
    let config = &cluster.config;
    let address = ring.address();
    let outsiders: Vec<&Node> =
        cluster.nodes.iter().filter(|node| ring.nodes().all(|gateway| gateway.name != node.name)).take(OBSERVERS).collect();
    let mut batch = cluster.batch();
    let gates = Gates::ask(&mut batch, config, ring);
    let outside = batch.each(outsiders.iter().copied(), probe::interfaces());
    let healthy = ring.check.as_ref().map(|_| batch.each(ring.nodes(), probe::query("healthy", [])));
    let mut got = batch.send();
    let (gates, outside) = (Gates::of(&got.take(gates)), got.take(outside));
    let healthy = healthy.map(|ticket| got.take(ticket));

    let holders = gates.holders(ring);
    let silent: Vec<&str> = ring.nodes().filter(|node| gates.interfaces(node).is_none()).map(|node| node.name.as_str()).collect();

    // Second round: files against what they should be, and the view from outside.
    let vrid = vrid::choose(cluster, ring, gates.vrid(ring), None, &[]);
    let mut batch = cluster.batch();
    let named = |node: &Node| gates.interfaces(node).and_then(|interfaces| interface(config, ring, node, interfaces).ok());
    let listened = batch.each_of(ring.nodes().filter_map(|node| Some((node, probe::vrrp_heard(named(node)?)))));
    let files: Vec<_> = ring
        .members
        .iter()
        .map(|member| {
            let name = named(member.node).unwrap_or_else(|| "unknown".into());
            let text = conf::text(cluster, ring, member, &name, vrid.as_ref().copied().unwrap_or_default());
            let mut wanted = vec![(conf::PATH, probe::file_is(conf::file(text)))];
            if let Some(check) = &ring.check {
                wanted.push((crate::health::PATH, probe::file_is(conf::program(check))));
            }
            if config.version == 2 {
                wanted.push((conf::AUTH, probe::file_is(conf::auth())));
            }
            let (paths, asks): (Vec<_>, Vec<_>) = wanted.into_iter().unzip();
            (member.node, paths, batch.one(member.node, asks))
        })
        .collect();
    let observer = observer(ring, &holders, &outsiders, &outside);
    let answered = observer.map(|node| (node, batch.one(node, probe::neighbour(&address))));
    let mut got = batch.send();

    let listened = got.take(listened);
    for (node, paths, ticket) in files {
        let likenesses = got.take(ticket);
        checks.on(node, "configuration", "keepalived's files are as wanted").judge(&together(likenesses), |found| {
            let wrong: Vec<String> = paths
                .iter()
                .zip(found)
                .filter(|(_, likeness)| **likeness != Likeness::Same)
                .map(|(path, likeness)| if *likeness == Likeness::Absent { format!("{path} is not there") } else { format!("{path} differs") })
                .collect();
            if wrong.is_empty() { passed(paths.join(", ")) } else { failed(wrong.join("; ")) }
        });
        checks.on(node, "keepalived", "keepalived runs with these files, also after a boot").judge(&gates.at(node).service, |service| match service {
            None => failed("keepalived is not installed"),
            Some(service) if !service.active => failed("it does not run"),
            Some(service) if !service.enabled => failed("it runs, but is not enabled"),
            Some(service) if service.stale => failed("it runs with what its files said before"),
            Some(_) => passed("active, enabled, started after its files last changed"),
        });
    }
    checks.of_cluster(ring.id("one-holder"), format!("exactly one {} holds {address}", ring.member())).is(one_holder(&holders, &silent));
    checks.of_cluster(ring.id("right-holder"), format!("the best healthy {} holds {address}", ring.member())).is(right_holder(ring, &holders, &silent, healthy.as_ref()));
    if let Ok(vrid) = vrid {
        let check = checks.of_cluster(ring.id("unlisted"), format!("no other than a {} of the file speaks VRRP with the group's number", ring.member()));
        check.is(unlisted::finding(cluster, ring, &gates, vrid, &listened));
    }
    let check = checks.of_cluster(ring.id("answers"), format!("{address} is answered by its holder"));
    match answered {
        None => check.warned("there is no other node in its network that could tell"),
        Some((node, ticket)) => {
            let mac = holders.first().and_then(|holder| Some(gates.interfaces(holder)?.with_address(&address)?.mac.to_lowercase()));
            check.judge(&got.take(ticket), |answer| match (answer, mac) {
                (None, _) => pending(SETTLE, format!("nobody answers for it, asked from {}", node.name)),
                (Some(answer), Some(mac)) if answer.to_lowercase() == mac => passed(format!("{mac}, seen from {}", node.name)),
                (Some(answer), Some(mac)) => failed(format!("{answer} answers on the network of {}, the holder has {mac}", node.name)),
                (Some(answer), None) => failed(format!("{answer} answers on the network of {}, and no gateway holds it", node.name)),
            });
        }
    }
}

/// All answers, or the first that is missing.
fn together(looks: Vec<Look<Likeness>>) -> Look<Vec<Likeness>> {
    let mut all = Vec::new();
    for look in looks {
        match look {
            Known(likeness) => all.push(likeness),
            Unknown(problem) => return Unknown(problem),
        }
    }
    Known(all)
}

fn names(nodes: &[&Node]) -> String {
    nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(" and ")
}

fn one_holder(holders: &[&Node], silent: &[&str]) -> Finding {
    match holders {
        // Two are too many, whatever the silent ones do.
        [_, _, ..] => pending(SETTLE, format!("{} hold it: `journalctl -u keepalived` there tells why", names(holders))),
        _ if !silent.is_empty() => unknown(format!("{} did not answer", silent.join(" and "))),
        [] => pending(SETTLE, "none does"),
        [holder] => passed(holder.name.as_str()),
    }
}

fn right_holder(ring: &Ring, holders: &[&Node], silent: &[&str], healthy: Option<&PerNode<Look<Output>>>) -> Finding {
    if !silent.is_empty() {
        return unknown(format!("{} did not answer", silent.join(" and ")));
    }
    let mut well = Vec::new();
    for node in ring.nodes() {
        match healthy.map(|healthy| healthy.of(node)) {
            None => well.push(node),
            Some(Known(output)) if output.status == 0 => well.push(node),
            Some(Known(_)) => {}
            Some(Unknown(problem)) => return unknown(format!("the health of {} is not known: {}", node.name, problem.message)),
        }
    }
    // When all are unwell, the order is as if all were well.
    let best = well.first().copied().or_else(|| ring.nodes().next());
    match (best, holders) {
        (Some(best), [holder]) if best.name == holder.name => passed(format!("{} of {} are healthy", well.len(), ring.members.len())),
        (Some(best), [holder]) => pending(SETTLE, format!("{} holds it, {} should", holder.name, best.name)),
        (Some(best), _) => pending(SETTLE, format!("{} should hold it", best.name)),
        (None, _) => unknown("there is no gateway"),
    }
}

/// A node that does not hold the address and is in its network: rather no gateway.
fn observer<'a>(ring: &Ring<'a>, holders: &[&Node], outsiders: &[&'a Node], seen: &PerNode<Look<Vec<NetworkInterface>>>) -> Option<&'a Node> {
    let vip = ring.vip.addr();
    let near = |interfaces: &Vec<NetworkInterface>| {
        let nets = interfaces.iter().flat_map(|interface| &interface.addresses);
        nets.filter_map(|cidr| cidr.parse::<arcus_sdk::net::Ipv4Net>().ok()).any(|net| net.contains(&vip))
    };
    let outsider = outsiders.iter().copied().find(|node| seen.of(node).is_known_and(near));
    outsider.or_else(|| ring.nodes().find(|node| holders.iter().all(|holder| holder.name != node.name)))
}
