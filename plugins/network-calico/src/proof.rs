//! The proof: what was asked for is deployed, every node speaks BGP with the others and has a route to each of them.

use crate::prerequisites::{BGP, IPIP};
use crate::{Config, members, pods};
use arcus_network::module::Standing;
use arcus_network::{found, installer, not_so, peers, runs, settling};
use arcus_sdk::net::IpNet;
use arcus_sdk::prelude::*;

/// Seconds after calico's start until all its sessions stand.
const SETTLE: u64 = 90;

type Seen = (
    Look<Option<ServiceFact>>,
    Look<Vec<Route>>,
    Look<Vec<NetworkInterface>>,
    Look<Option<FileFact>>,
    (Look<bool>, Look<Output>),
    Look<Output>,
    Vec<Look<Reachability>>,
);

/// All checks.
pub fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
    let range = pods::SHARE.range(&cluster.config.pods)?;
    let members = members(cluster);
    let managers = cluster.role(Role::Manage);

    let mut batch = cluster.batch();
    let nodes = batch.each_of(members.iter().enumerate().map(|(place, node)| {
        let reach: Vec<_> = peers(&members, place).iter().map(|peer| probe::reach(&peer.address, BGP)).collect();
        let asked = (
            probe::service("calico.service"),
            probe::routes(),
            probe::interfaces(),
            installer::services(),
            IPIP.ask(),
            probe::query("bgp-peers", []),
            reach,
        );
        (*node, asked)
    }));
    let seats = batch.each(managers.iter().copied(), (installer::asks(), probe::query("pools", [])));
    let search = found::search(cluster, &members, &mut batch);
    let mut got = batch.send();
    let (nodes, seats) = (got.take(nodes), got.take(seats));

    let marks = managers.iter().map(|manager| (*manager, &seats.of(manager).0));
    let (first, deployed) = match installer::seat(marks, "calico") {
        Ok(seat) => seat,
        Err(why) => {
            checks.of_cluster("deployed", "the network that was asked for is the one deployed").unknown(&why);
            for node in &members {
                checks.on(node, "routes", "there is a route to the pods of every other node").unknown(&why);
            }
            return Ok(());
        }
    };
    checks
        .of_cluster("deployed", "the network that was asked for is the one deployed")
        .judge(deployed, |file| installer::is_deployed("calico", first, file.as_ref()));
    found::alone(checks, &found::others(cluster, &members, "calico", search, &mut got));
    let (_, pools) = seats.of(first);
    match pools {
        Unknown(problem) if problem.code == "query.missing" => {}
        pools => checks.of_cluster("pool", "pods get their addresses from the range that was asked for").judge(pools, |pools| in_pool(&range, pools)),
    }

    for (place, node) in members.iter().enumerate() {
        let seen = nodes.of(node);
        let others: Vec<&Node> = members.iter().copied().filter(|other| other.name != node.name).collect();
        of_node(checks, node, &others, &peers(&members, place), &range, seen);
    }
    Ok(())
}

fn of_node(checks: &mut Checks, node: &Node, others: &[&Node], peers: &[&Node], range: &IpNet, seen: &Seen) {
    let (service, routes, interfaces, services, tunnels, sessions, reach) = seen;
    checks.on(node, "running", "calico runs and starts at boot").judge(service, |service| runs("calico.service", service.as_ref()));
    checks.on(node, "service", "the node's network service is calico").judge(services, |file| installer::is_service("calico", file.as_ref()));

    let young = settling(service, SETTLE);
    checks.on(node, "routes", "there is a route to the pods of every other node").judge(routes, |routes| {
        let missing = without_route(others, range, routes);
        let total = others.len();
        match missing.is_empty() {
            true => passed(format!("{total} of {total}, learned by BGP")),
            false => not_so(young, format!("none learned by BGP to {}", missing.join(", "))),
        }
    });

    bgp(checks, node, peers, others.len(), reach, young);
    match sessions {
        // calicoctl is not everywhere; the routes prove the sessions as well.
        Unknown(problem) if problem.code == "query.missing" => {}
        sessions => checks
            .on(node, "sessions", "calico has a session with every other node")
            .judge(sessions, |said| established(&said.text(), others, young)),
    }

    tunnel(checks, node, interfaces, tunnels);
}

/// The nodes whose pods cannot be reached: no route inside the range that was learned by BGP and leads to them.
fn without_route<'a>(others: &[&'a Node], range: &IpNet, routes: &[Route]) -> Vec<&'a str> {
    let leads_to = |route: &Route, node: &Node| {
        route.proto == "bird"
            && route.via.as_deref() == Some(node.address.as_str())
            && route.to.parse::<IpNet>().is_ok_and(|to| range.contains(&to))
    };
    let missing = others.iter().filter(|node| !routes.iter().any(|route| leads_to(route, node)));
    missing.map(|node| node.name.as_str()).collect()
}

fn bgp(checks: &mut Checks, node: &Node, peers: &[&Node], others: usize, reach: &[Look<Reachability>], young: Option<u32>) {
    let check = checks.on(node, "bgp", format!("TCP {BGP} of the other nodes answers"));
    let mut shut = Vec::new();
    for (peer, look) in peers.iter().zip(reach) {
        match look {
            Known(Reachability::Open) => {}
            Known(Reachability::Refused) => shut.push(format!("{} refuses", peer.name)),
            Known(Reachability::Silent) => shut.push(format!("{} is silent (dropped on the way?)", peer.name)),
            Unknown(problem) => return check.unanswered(problem),
        }
    }
    check.is(match shut.is_empty() {
        true if peers.len() < others => passed(format!("{} of {others} tried, all open", peers.len())),
        true => passed(format!("{others} of {others} open")),
        false => not_so(young, shut.join(", ")),
    });
}

/// What `calicoctl node status` says.
fn established(said: &str, others: &[&Node], young: Option<u32>) -> arcus_sdk::Finding {
    let Some(table) = parse::table(said, "PEER ADDRESS") else {
        let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        return match others.is_empty() {
            true => passed("there is no other node"),
            false => not_so(young, format!("calicoctl names no peers: {first}")),
        };
    };
    let stands = |node: &&&Node| {
        let row = table.find("PEER ADDRESS", &node.address);
        row.is_some_and(|row| row.get("STATE") == Some("up") && row.get("INFO") == Some("Established"))
    };
    let down: Vec<&str> = others.iter().filter(|node| !stands(node)).map(|node| node.name.as_str()).collect();
    match down.is_empty() {
        true => passed(format!("{} of {} established", others.len(), others.len())),
        false => not_so(young, format!("none with {}", down.join(", "))),
    }
}

fn tunnel(checks: &mut Checks, node: &Node, interfaces: &Look<Vec<NetworkInterface>>, tunnels: &(Look<bool>, Look<Output>)) {
    let check = checks.on(node, "tunnel", "the tunnel between nodes is up");
    match (interfaces, Standing::of(tunnels)) {
        (Unknown(problem), _) => check.unanswered(problem),
        (Known(_), Standing::Unknown(problem)) => check.unanswered(&problem),
        (Known(interfaces), tunnels) => check.is(match (interfaces.named("tunl0"), tunnels) {
            (Some(tunl0), _) if tunl0.up => passed(format!("tunl0 is up, MTU {}", tunl0.mtu)),
            (Some(_), _) => failed("tunl0 is down"),
            (None, Standing::Missing) => warned("this kernel has no IPIP: pods are reached by plain routes, tunnels were not tested"),
            (None, _) => failed("the kernel has IPIP, and there is no tunl0"),
        }),
    }
}

fn in_pool(range: &IpNet, pools: &Output) -> arcus_sdk::Finding {
    let said = pools.text();
    let found: Vec<&str> = parse::assignments(&said, "cidr").collect();
    let other = found.iter().find(|cidr| cidr.parse::<IpNet>().ok().as_ref() != Some(range));
    match (pools.is_ok(), found.is_empty(), other) {
        (false, ..) => failed(format!("calicoctl ended with status {}: {}", pools.status, pools.error_text().trim())),
        (true, true, _) => failed("calico has no pool of addresses"),
        (true, false, None) => passed(range.to_string()),
        (true, false, Some(other)) => failed(format!("calico has the pool {other}, {range} was asked for")),
    }
}
