//! The proof: the kernel has the mesh, the largest packets go through every tunnel uncut, and pods answer across nodes.

use crate::files::{self, BRIDGE, CNI_FOLDER, FORWARDING, PEERS, UNIT};
use crate::layout::{Layout, Seat};
use crate::plan::OVERHEAD;
use crate::reach::{SETTLE, full, near};
use crate::{Config, kernel, plan, pods};
use arcus_sdk::contract::facts::Likeness;
use arcus_sdk::prelude::*;

type Seen = (
    Look<Option<ServiceFact>>,
    Vec<Look<Output>>,
    Look<Option<String>>,
    Look<Likeness>,
    Look<Vec<NetworkInterface>>,
    Look<Output>,
    Look<Output>,
);

/// All checks.
pub fn verify(cluster: &Cluster<Config>, layout: &Layout<'_>, checks: &mut Checks) {
    let config = &cluster.config;
    let mut batch = cluster.batch();
    let ticket = batch.each_of(layout.seats.iter().map(|seat| {
        let asks = (
            probe::service_with(UNIT, [PEERS, FORWARDING]),
            kernel::asks(),
            probe::sysctl("net.ipv4.ip_forward"),
            probe::file_is(files::cni(config, seat)),
            probe::interfaces(),
            probe::query("pods", []),
            probe::query("cni", []),
        );
        (seat.node, asks)
    }));
    let seen = batch.send().take(ticket);

    // What goes through the tunnels is asked in a second round, since pods are known only now.
    let said: Vec<_> = layout.seats.iter().map(|seat| &seen.of(seat.node).5).collect();
    let pods = pods::youngest(layout, &said);
    let mut batch = cluster.batch();
    let tunnels = batch.each_of(layout.seats.iter().enumerate().map(|(place, seat)| {
        let own = seat.own().to_string();
        (seat.node, near(layout, place).iter().map(|other| full(config, &own, &other.own().to_string())).collect::<Vec<_>>())
    }));
    let across = pods::ask(config, layout, &pods, &mut batch);
    let mut got = batch.send();
    let (tunnels, across) = (got.take(tunnels), got.take(across));

    alone(layout, &seen, checks);
    for (place, seat) in layout.seats.iter().enumerate() {
        of_node(config, layout, seat, seen.of(seat.node), checks);
        let tried = near(layout, place);
        let answers: Vec<_> = tried.iter().copied().zip(tunnels.of(seat.node)).collect();
        through(config, seat, &answers, checks);
    }
    pods::proof(config, layout, &pods, &said, &across, checks);
}

fn alone(layout: &Layout<'_>, seen: &PerNode<Seen>, checks: &mut Checks) {
    let mut found = Vec::new();
    let mut silent = None;
    for seat in &layout.seats {
        match &seen.of(seat.node).6 {
            Known(output) => found.extend(plan::others(output).into_iter().map(|name| format!("{} has {CNI_FOLDER}/{name}", seat.node.name))),
            Unknown(problem) => silent = silent.or(Some(problem)),
        }
    }
    let check = checks.of_cluster("alone", "pods are given to no other network");
    match (found.is_empty(), silent) {
        (false, _) => check.failed(found.join("; ")),
        (true, Some(problem)) => check.unanswered(problem),
        (true, None) => check.passed(format!("{} nodes", layout.seats.len())),
    }
}

fn of_node(config: &Config, layout: &Layout<'_>, seat: &Seat<'_>, seen: &Seen, checks: &mut Checks) {
    let (service, kernel_says, forward, cni, interfaces, ..) = seen;
    let node = seat.node;
    checks.on(node, "service", "the tunnels are made at every boot").judge(service, |service| match service {
        None => failed(format!("there is no {UNIT}")),
        Some(service) if !service.active => failed(format!("{UNIT} {}", if service.failed { "failed" } else { "was not started" })),
        Some(service) if service.stale => failed("its files were changed since"),
        Some(service) if !service.enabled => failed(format!("{UNIT} is not started at boot")),
        Some(service) => passed(format!("{} s ago", service.since_s)),
    });
    let check = checks.on(node, "mesh", "the kernel has a tunnel and a route to every other node");
    match kernel_says.iter().map(Look::as_ref).collect::<Vec<_>>().into_iter().try_fold(Vec::new(), |mut all, look| match look {
        Known(output) => {
            all.push(output);
            Ok(all)
        }
        Unknown(problem) => Err(problem),
    }) {
        Err(problem) => check.unanswered(&problem),
        Ok(said) => match kernel::differences(config, layout, seat, &said).as_slice() {
            [] => check.passed(format!("{} of {}", layout.seats.len() - 1, layout.seats.len() - 1)),
            all => check.failed(all.join("; ")),
        },
    }
    checks.on(node, "forward", "packets are forwarded").judge(forward, |value| match value.as_deref().map(str::trim) {
        Some("1") => passed("net.ipv4.ip_forward is on"),
        _ => failed("net.ipv4.ip_forward is off"),
    });
    checks.on(node, "cni", format!("pods of the node are of {}", seat.block)).judge(cni, |likeness| match likeness {
        Likeness::Same => passed(files::CNI),
        Likeness::Differs => failed(format!("{} says something else", files::CNI)),
        Likeness::Absent => failed(format!("there is no {}", files::CNI)),
    });
    checks.on(node, "underlay", format!("packets of {} bytes fit with their tunnel", config.mtu)).judge(interfaces, |interfaces| {
        match interfaces.with_address(&node.address) {
            None => failed(format!("no interface has {}", node.address)),
            Some(interface) if interface.mtu < config.mtu + OVERHEAD => failed(format!("{} carries {} bytes, and {} are needed", interface.name, interface.mtu, config.mtu + OVERHEAD)),
            Some(interface) => passed(format!("{} carries {} bytes", interface.name, interface.mtu)),
        }
    });
    if let Known(interfaces) = interfaces
        && let Some(bridge) = interfaces.named(BRIDGE)
    {
        let wanted = seat.gateway().to_string();
        let has = bridge.addresses.iter().any(|address| address.split('/').next() == Some(wanted.as_str()));
        checks.on(node, "bridge", "the pods' bridge is of the node's block").is(match (has, bridge.mtu <= config.mtu) {
            (false, _) => failed(format!("{BRIDGE} has {}, not {wanted}: its pods keep addresses of another block", bridge.addresses.join(", "))),
            (true, false) => failed(format!("{BRIDGE} lets packets of {} bytes through, and tunnels carry {}", bridge.mtu, config.mtu)),
            (true, true) => passed(format!("{BRIDGE} has {wanted}")),
        });
    }
}

fn through(config: &Config, seat: &Seat<'_>, answers: &[(&Seat<'_>, &Look<Output>)], checks: &mut Checks) {
    if answers.is_empty() {
        return;
    }
    let check = checks.on(seat.node, "packets", format!("packets of {} bytes come back from the other nodes, uncut", config.mtu));
    if let Some(problem) = answers.iter().find_map(|(_, look)| if let Unknown(problem) = look { Some(problem) } else { None }) {
        return check.unanswered(problem);
    }
    let deaf: Vec<&str> = answers.iter().filter(|(_, look)| !look.is_known_and(OutputText::is_ok)).map(|(other, _)| other.node.name.as_str()).collect();
    match deaf.is_empty() {
        true => check.passed(format!("{} of {}", answers.len(), answers.len())),
        false => check.pending(SETTLE, format!("not from {}: does a firewall between them let UDP {} through, with {} bytes?", deaf.join(", "), config.port, config.mtu + OVERHEAD)),
    }
}
