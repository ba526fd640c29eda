//! What should be: keepalived on every gateway, each with its own priority, restarted one at a time and the holder last.

use crate::conf;
use crate::config::Config;
use crate::gates::Gates;
use crate::holder;
use crate::ring::{Ring, interface};
use crate::unlisted;
use crate::vrid::{self, Heard};
use arcus_sdk::prelude::*;

/// All that should be so; problems where something is in the way.
pub fn plan(cluster: &Cluster<Config>, rings: &[Ring], plan: &mut Plan) {
    let mut taken = None;
    for ring in rings {
        taken = group(cluster, ring, taken, plan).or(taken);
    }
}

/// One group, which may not have the number of another. Returns its own.
fn group(cluster: &Cluster<Config>, ring: &Ring, taken: Option<u8>, plan: &mut Plan) -> Option<u8> {
    let config = &cluster.config;
    let gates = Gates::look(cluster, ring);
    let named: Vec<Look<String>> = ring.nodes().map(|node| name_interface(config, ring, node, &gates.at(node).interfaces, plan)).collect();
    let own = gates.vrid(ring);
    // Strangers hinder before our own number is first used: afterwards its signs of life are everywhere.
    let is_new = own.is_none() || vrid::asked_for(config, ring).is_some_and(|wanted| Some(wanted) != own);
    let (before, after) = match is_new {
        true => (strangers(cluster, ring, &gates, &named, plan), Vec::new()),
        false => (Vec::new(), listen(cluster, ring, &named)),
    };
    let vrid = match vrid::choose(cluster, ring, own, taken, &before) {
        Ok(vrid) => {
            unlisted::plan(cluster, ring, &gates, vrid, &after, plan);
            vrid
        }
        Err(problem) => {
            plan.problem(problem);
            return None;
        }
    };

    let program = ring.check.as_ref().map(|check| check.program());
    let files = conf::read_at_start(config, ring);
    let serves = |node: &Node| gates.at(node).serves(&ring.address());
    let mut prepared = Vec::new();
    for (member, interface) in ring.members.iter().zip(&named) {
        let node = member.node;
        let installed = plan.package("install", node, "keepalived");
        let mut before = vec![installed.clone()];
        if let Some(check) = &ring.check {
            before.push(plan.file("health", node, conf::program(check)).after([&installed]));
        }
        before.push(if config.version == 2 {
            plan.file("password", node, conf::auth()).after([&installed])
        } else {
            // What only version 2 reads.
            plan.absent("no-password", node, conf::AUTH)
        });
        let text = interface.known().map(|interface| conf::text(cluster, ring, member, interface, vrid)).unwrap_or_default();
        let configured = plan.file("configure", node, conf::file(text.clone())).after(&before).known(interface);
        before.push(configured);
        let blackout = serves(node) && gates.at(node).restarts(&text, program.clone());
        prepared.push((member, before, blackout));
    }
    // Whoever holds the address comes last.
    prepared.sort_by_key(|(member, ..)| serves(member.node));
    let interfaces = probe::interfaces().on_each(ring.nodes());
    let mut running: Vec<Planned> = Vec::new();
    for (member, before, blackout) in prepared {
        let mut step = plan
            .service("run", member.node, conf::UNIT)
            .newer_than(files.iter().copied())
            .after(&before)
            .group(ring.id("keepalived"))
            .until(interfaces.clone(), format!("a {} holds {}", ring.member(), ring.address()), 20);
        if serves(member.node) {
            // The order in a group is that of the plan among those that are ready; this makes it wait for the others to be.
            step = step.after(&running);
        }
        if blackout {
            step = step.disrupts(Disruption::Blackout);
        }
        running.push(step);
    }
    if let Some(first) = ring.nodes().next() {
        // At home, not only somewhere: until it is, it is on its way from one to the other, and whoever asks for it may find nobody.
        plan.wait("answering", first, holder::asked(ring), &format!("the best {}, and no other, holds {}", ring.member(), ring.address()), holder::settles(config))
            .of(ring.id("vip"))
            .after(&running)
            .provides(ring.milestone());
    }
    Some(vrid)
}

fn name_interface(config: &Config, ring: &Ring, node: &Node, seen: &Look<Vec<NetworkInterface>>, plan: &mut Plan) -> Look<String> {
    match seen {
        Unknown(problem) => Unknown(problem.clone()),
        Known(interfaces) => match interface(config, ring, node, interfaces) {
            Ok(name) => Known(name),
            Err(problem) => {
                plan.problem(problem.clone());
                Unknown(problem)
            }
        },
    }
}

/// Looks for others that have the address or speak VRRP, before the first sign of life of our own: two seconds of listening.
fn strangers<'a>(cluster: &Cluster<Config>, ring: &Ring<'a>, gates: &Gates, named: &[Look<String>], plan: &mut Plan) -> Vec<Heard<'a>> {
    let address = ring.address();
    let asked: Vec<(&'a Node, _)> = ring
        .nodes()
        .zip(named)
        .filter_map(|(node, interface)| Some((node, (probe::neighbour(&address), probe::vrrp_heard(interface.known()?)))))
        .collect();
    let nodes: Vec<&'a Node> = asked.iter().map(|(node, _)| *node).collect();
    let mut batch = cluster.batch();
    let ticket = batch.each_of(asked);
    let seen = batch.send().take(ticket);

    let own = gates.macs();
    let mut heard = Vec::new();
    let mut taken = None;
    for node in nodes {
        let (answered, routers) = seen.of(node);
        match answered {
            Known(Some(mac)) if !own.contains(&mac.to_lowercase()) => {
                let message = format!("{address} is answered by {mac} already, which is none of the gateways (seen from {})", node.name);
                // Once is enough: all gateways see the same machine.
                taken.get_or_insert_with(|| problem("vip.taken", message).on(node).at(ring.whose.pointer()).help("choose an address that no machine has"));
            }
            Known(_) => {}
            Unknown(why) => plan.warn(unheard("vip.unchecked", format!("whether {address} is free could not be told"), node, why)),
        }
        match routers {
            Known(routers) => heard.push(Heard { node, routers: routers.clone() }),
            Unknown(why) => plan.warn(unheard("vrid.unchecked", "whether the VRID is free could not be told".into(), node, why)),
        }
    }
    if let Some(problem) = taken {
        plan.problem(problem);
    }
    heard
}

/// Listens where the group is at work. Nodes without the means to are passed over: that was told before the first sign of life.
fn listen<'a>(cluster: &Cluster<Config>, ring: &Ring<'a>, named: &[Look<String>]) -> Vec<Heard<'a>> {
    let asked: Vec<(&'a Node, _)> = ring.nodes().zip(named).filter_map(|(node, interface)| Some((node, probe::vrrp_heard(interface.known()?)))).collect();
    let nodes: Vec<&'a Node> = asked.iter().map(|(node, _)| *node).collect();
    let mut batch = cluster.batch();
    let ticket = batch.each_of(asked);
    let heard = batch.send().take(ticket);
    nodes.into_iter().filter_map(|node| Some(Heard { node, routers: heard.of(node).known()?.clone() })).collect()
}

fn unheard(code: &str, message: String, node: &Node, why: &Problem) -> Problem {
    problem(code, format!("{message} on {}: {}", node.name, why.message)).on(node)
}
