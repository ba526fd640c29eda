//! The proof: what was asked for is deployed, every node speaks BGP with the others and has a route to each of them.

use crate::prerequisites::{BGP, Tunnels, tunnels};
use crate::{Config, members, pods};
use arcus_sdk::net::IpNet;
use arcus_sdk::prelude::*;

/// Exists on the manager that installed the platform, once it stands.
const INITIALISED: &str = "/opt/rainbond/.rainbond.success";
/// The installer's choice of network, on the same manager.
const DEPLOYED: &str = "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults/main.yml";
/// The services of the network, on every node.
const SERVICES: &str = "/opt/rainbond/conf/network.yaml";
/// Seconds after calico's start until all its sessions stand.
const SETTLE: u64 = 90;
/// Up to so many nodes every one is tried from every other; beyond, each tries this many.
const PEERS: usize = 12;

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
    let range = pods::range(&cluster.config)?;
    let members = members(cluster);
    let managers = cluster.role(Role::Manage);

    let mut batch = cluster.batch();
    let nodes = batch.each_of(members.iter().enumerate().map(|(place, node)| {
        let reach: Vec<_> = peers(&members, place).iter().map(|peer| probe::reach(&peer.address, BGP)).collect();
        let asked = (
            probe::service("calico.service"),
            probe::routes(),
            probe::interfaces(),
            probe::content(SERVICES, 16_384),
            tunnels(),
            probe::query("bgp-peers", []),
            reach,
        );
        (*node, asked)
    }));
    let installer = batch.each(
        managers.iter().copied(),
        (probe::file(INITIALISED), probe::content(DEPLOYED, 65_536), probe::query("pools", [])),
    );
    let mut got = batch.send();
    let (nodes, installer) = (got.take(nodes), got.take(installer));

    let marks: Vec<_> = managers.iter().map(|manager| (*manager, &installer.of(manager).0)).collect();
    let Some((first, _)) = marks.iter().find(|(_, mark)| mark.is_known_and(Option::is_some)) else {
        // Nothing is deployed that could be compared, or nobody can tell.
        let why = match marks.iter().find_map(|(_, mark)| if let Unknown(problem) = mark { Some(problem) } else { None }) {
            Some(problem) => format!("it is not known whether the platform is initialised: {}", problem.message),
            None => "the platform is not initialised, and brings calico".to_owned(),
        };
        checks.of_cluster("deployed", "the network that was asked for is the one deployed").unknown(&why);
        for node in &members {
            checks.on(node, "routes", "there is a route to the pods of every other node").unknown(&why);
        }
        return Ok(());
    };

    let (_, deployed, pools) = installer.of(first);
    checks
        .of_cluster("deployed", "the network that was asked for is the one deployed")
        .judge(deployed, |file| is_deployed(first, file.as_ref()));
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

/// Whom a node tries: all others, or the next few in the order of the file when there are many.
fn peers<'a>(members: &[&'a Node], place: usize) -> Vec<&'a Node> {
    let others = members.len().saturating_sub(1);
    let count = if others <= PEERS { others } else { PEERS };
    (1..=count).map(|step| members[(place + step) % members.len()]).collect()
}

fn of_node(checks: &mut Checks, node: &Node, others: &[&Node], peers: &[&Node], range: &IpNet, seen: &Seen) {
    let (service, routes, interfaces, services, tunnels, sessions, reach) = seen;
    checks.on(node, "running", "calico runs and starts at boot").judge(service, |service| match service {
        None => failed("there is no calico.service"),
        Some(unit) if !unit.active => failed(if unit.failed { "calico.service failed" } else { "calico.service does not run" }),
        Some(unit) if unit.stale => failed("calico.service runs with what its unit file said before"),
        Some(unit) if !unit.enabled => warned("calico.service runs, but is not started at boot"),
        Some(unit) => passed(format!("for {} s", unit.since_s)),
    });

    checks.on(node, "service", "the node's network service is calico").judge(services, |file| match file {
        None => failed(format!("there is no {SERVICES}")),
        Some(file) => match service_names(&file.text()).as_slice() {
            [] => failed(format!("{SERVICES} names no service")),
            names if names.iter().any(|name| name == "calico") => passed("calico"),
            names => failed(format!("{SERVICES} has {}, not calico", names.join(", "))),
        },
    });

    let young = settling(service);
    checks.on(node, "routes", "there is a route to the pods of every other node").judge(routes, |routes| {
        let missing = without_route(others, range, routes);
        let total = others.len();
        match (missing.is_empty(), young) {
            (true, _) => passed(format!("{total} of {total}, learned by BGP")),
            (false, Some(left)) => pending(left, format!("not yet to {}", missing.join(", "))),
            (false, None) => failed(format!("none learned by BGP to {}", missing.join(", "))),
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

/// Seconds that calico still has to come up, when it was started just now.
fn settling(service: &Look<Option<ServiceFact>>) -> Option<u32> {
    let unit = service.known()?.as_ref()?;
    let left = SETTLE.checked_sub(unit.since_s).filter(|left| unit.active && *left > 0)?;
    u32::try_from(left).ok()
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
    match (shut.is_empty(), young) {
        (true, _) if peers.len() < others => check.passed(format!("{} of {others} tried, all open", peers.len())),
        (true, _) => check.passed(format!("{others} of {others} open")),
        (false, Some(left)) => check.pending(left, shut.join(", ")),
        (false, None) => check.failed(shut.join(", ")),
    }
}

/// What `calicoctl node status` says.
fn established(said: &str, others: &[&Node], young: Option<u32>) -> arcus_sdk::Finding {
    let Some(table) = parse::table(said, "PEER ADDRESS") else {
        let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        return match (others.is_empty(), young) {
            (true, _) => passed("there is no other node"),
            (false, Some(left)) => pending(left, first),
            (false, None) => failed(format!("calicoctl names no peers: {first}")),
        };
    };
    let stands = |node: &&&Node| {
        let row = table.find("PEER ADDRESS", &node.address);
        row.is_some_and(|row| row.get("STATE") == Some("up") && row.get("INFO") == Some("Established"))
    };
    let down: Vec<&str> = others.iter().filter(|node| !stands(node)).map(|node| node.name.as_str()).collect();
    match (down.is_empty(), young) {
        (true, _) => passed(format!("{} of {} established", others.len(), others.len())),
        (false, Some(left)) => pending(left, format!("not yet with {}", down.join(", "))),
        (false, None) => failed(format!("none with {}", down.join(", "))),
    }
}

fn tunnel(checks: &mut Checks, node: &Node, interfaces: &Look<Vec<NetworkInterface>>, tunnels: &(Look<bool>, Look<Output>)) {
    let check = checks.on(node, "tunnel", "the tunnel between nodes is up");
    match (interfaces, Tunnels::of(tunnels)) {
        (Unknown(problem), _) => check.unanswered(problem),
        (Known(_), Tunnels::Unknown(problem)) => check.unanswered(&problem),
        (Known(interfaces), tunnels) => check.is(match (interfaces.named("tunl0"), tunnels) {
            (Some(tunl0), _) if tunl0.up => passed(format!("tunl0 is up, MTU {}", tunl0.mtu)),
            (Some(_), _) => failed("tunl0 is down"),
            (None, Tunnels::Missing) => warned("this kernel has no IPIP: pods are reached by plain routes, tunnels were not tested"),
            (None, _) => failed("the kernel has IPIP, and there is no tunl0"),
        }),
    }
}

/// The installer takes anything it does not know for calico, so its own word counts, not ours.
fn is_deployed(manager: &Node, file: Option<&FileFact>) -> arcus_sdk::Finding {
    let Some(file) = file else {
        return unknown(format!("{} has the platform, but no {DEPLOYED}", manager.name));
    };
    match parse::assignments(&file.text(), "CLUSTER_NETWORK").last() {
        Some("calico") => passed("calico"),
        Some(other) => failed(format!("{other} is deployed, calico was asked for")),
        None if file.is_cut() => unknown(format!("{DEPLOYED} is too long to be read")),
        None => failed(format!("{DEPLOYED} names no network")),
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

fn service_names(yaml: &str) -> Vec<String> {
    let name = |line: &str| line.strip_prefix("- name:").map(|name| name.trim().trim_matches(['"', '\'']).to_owned());
    // Services are items of the top-level list; deeper names belong to their health checks.
    yaml.lines().filter_map(|line| name(line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')).unwrap_or(line))).collect()
}
