//! The proof: what was asked for is deployed, every node has its own subnet and a route to each other's, and pods answer across nodes.

use crate::subnets::{self, Subnet, Subnets};
use crate::{Config, SHARE, members, store};
use arcus_network::{found, installer, not_so, peers, runs, settling};
use arcus_sdk::net::IpNet;
use arcus_sdk::prelude::*;

const UNIT: &str = "flannel.service";
/// What the pods' plugin reads, and the bridge it makes.
const CNI: &str = "/opt/rainbond/etc/cni/10-flannel.conflist";
const BRIDGE: &str = "cni0";
/// Seconds after flannel's start until all routes are there.
const SETTLE: u64 = 60;
/// So many of the youngest pods of a node are tried: older ones may be gone, and still be written down.
const TRIED: usize = 2;

type Seen = (
    Look<Option<ServiceFact>>,
    Look<Option<FileFact>>,
    Look<Option<FileFact>>,
    Look<Option<FileFact>>,
    Look<Vec<Route>>,
    Look<Vec<NetworkInterface>>,
    Look<Option<String>>,
    Look<Output>,
);

/// All checks.
pub fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
    let range = SHARE.range(&cluster.config.pods)?;
    let members = members(cluster);
    let managers = cluster.role(Role::Manage);

    let mut batch = cluster.batch();
    let nodes = batch.each(
        members.iter().copied(),
        (
            probe::service(UNIT),
            installer::services(),
            probe::content(subnets::FILE, 4096),
            probe::file(CNI),
            probe::routes(),
            probe::interfaces(),
            probe::sysctl("net.ipv4.ip_forward"),
            probe::query("pods", []),
        ),
    );
    let seats = batch.each(managers.iter().copied(), (installer::asks(), probe::query("config", []), probe::query("leases", [])));
    let search = found::search(cluster, &members, &mut batch);
    let mut got = batch.send();
    let (nodes, seats) = (got.take(nodes), got.take(seats));

    let marks = managers.iter().map(|manager| (*manager, &seats.of(manager).0));
    let (first, deployed) = match installer::seat(marks, "flannel") {
        Ok(seat) => seat,
        Err(why) => {
            checks.of_cluster("deployed", "the network that was asked for is the one deployed").unknown(&why);
            for node in &members {
                checks.on(node, "routes", "there is a route to the subnet of every other node").unknown(&why);
            }
            return Ok(());
        }
    };
    checks
        .of_cluster("deployed", "the network that was asked for is the one deployed")
        .judge(deployed, |file| installer::is_deployed("flannel", first, file.as_ref()));
    found::alone(checks, &found::others(cluster, &members, "flannel", search, &mut got));
    let (_, config, leases) = seats.of(first);
    checks.of_cluster("config", "flannel was told the range that was asked for").judge(config, |said| store::is_told(&range, said));
    checks.of_cluster("leases", "every node has a lease of one subnet, and nobody else has").judge(leases, |said| store::leases(&members, said));

    let all: Subnets<'_> = members
        .iter()
        .filter_map(|node| {
            let file = nodes.of(node).2.known()?;
            Some((*node, subnets::read(file.as_ref()).ok()?))
        })
        .collect();
    let check = checks.of_cluster("subnets", "no two nodes have the same subnet");
    match (subnets::clash(&all), all.len() == members.len()) {
        (Some(clash), _) => check.failed(clash),
        (None, true) => check.passed(format!("{} of {} told theirs", all.len(), members.len())),
        (None, false) => check.unknown(format!("{} of {} told theirs", all.len(), members.len())),
    }
    for node in &members {
        of_node(checks, node, &members, &all, &range, nodes.of(node));
    }
    let pods = members.iter().map(|node| (*node, &nodes.of(node).7)).collect::<Vec<_>>();
    across(cluster, checks, &members, &all, &pods);
    Ok(())
}

fn of_node(checks: &mut Checks, node: &Node, members: &[&Node], all: &Subnets<'_>, range: &IpNet, seen: &Seen) {
    let (service, services, file, cni, routes, interfaces, forward, _) = seen;
    let young = settling(service, SETTLE);
    checks.on(node, "running", "flannel runs and starts at boot").judge(service, |service| runs(UNIT, service.as_ref()));
    checks.on(node, "service", "the node's network service is flannel").judge(services, |file| installer::is_service("flannel", file.as_ref()));
    checks.on(node, "subnet", "the node has a subnet of the range that was asked for").judge(file, |file| match subnets::read(file.as_ref()) {
        Err(why) => not_so(young, why),
        Ok(subnet) if subnet.range != *range => failed(format!("it is of {}, {range} was asked for", subnet.range)),
        Ok(subnet) => passed(subnet.net.to_string()),
    });
    checks.on(node, "cni", "pods are given to flannel").judge(cni, |file| match file {
        Some(_) => passed(CNI),
        None => failed(format!("there is no {CNI}")),
    });
    checks.on(node, "forward", "packets are forwarded").judge(forward, |value| match value.as_deref().map(str::trim) {
        Some("1") => passed("net.ipv4.ip_forward is on"),
        _ => failed("net.ipv4.ip_forward is off"),
    });

    let others: Vec<&Node> = members.iter().copied().filter(|other| other.name != node.name).collect();
    checks.on(node, "routes", "there is a route to the subnet of every other node").judge(routes, |routes| {
        let untold: Vec<&str> = others.iter().filter(|other| subnet_of(all, other).is_none()).map(|other| other.name.as_str()).collect();
        let missing: Vec<String> = others
            .iter()
            .filter_map(|other| subnet_of(all, other).map(|subnet| (other, subnet)))
            .filter(|(other, subnet)| !leads_to(routes, &subnet.net, other))
            .map(|(other, subnet)| format!("{} ({})", other.name, subnet.net))
            .collect();
        match (missing.is_empty(), untold.is_empty()) {
            (false, _) => not_so(young, format!("none to {}", missing.join(", "))),
            (true, false) => unknown(format!("it is not known which subnet {} has", untold.join(", "))),
            (true, true) => passed(format!("{} of {}, through the nodes themselves", others.len(), others.len())),
        }
    });

    // The bridge is made for the first pod, and managers have none.
    let bridge = interfaces.known().and_then(|interfaces| interfaces.named(BRIDGE));
    if let (Some(bridge), Some(subnet)) = (bridge, subnet_of(all, node)) {
        let wanted = subnet.gateway.to_string();
        let has = bridge.addresses.iter().any(|address| address.split('/').next() == Some(&wanted));
        checks.on(node, "bridge", "the pods' bridge is of the node's subnet").is(match (bridge.up, has) {
            (true, true) => passed(format!("{BRIDGE} has {wanted}")),
            (false, _) => failed(format!("{BRIDGE} is down")),
            (true, false) => failed(format!("{BRIDGE} has {}, not {wanted}: its pods keep the addresses of an older lease", bridge.addresses.join(", "))),
        });
    }
}

fn subnet_of<'s>(all: &'s Subnets<'_>, node: &Node) -> Option<&'s Subnet> {
    all.iter().find(|(known, _)| known.name == node.name).map(|(_, subnet)| subnet)
}

/// The node's own hop, and no tunnel.
fn leads_to(routes: &[Route], net: &IpNet, node: &Node) -> bool {
    let mut hops = routes.iter().filter(|route| route.via.as_deref() == Some(node.address.as_str()) && !route.dev.starts_with("flannel"));
    hops.any(|route| route.to.parse::<IpNet>().ok().as_ref() == Some(net))
}

/// A pod that may be there, and on which node.
struct Pod<'a> {
    node: &'a Node,
    address: String,
}

/// Packets to pods of other nodes and back. From the pods' bridge where there is one: then they go the whole way of a pod's packets.
fn across(cluster: &Cluster<Config>, checks: &mut Checks, members: &[&Node], all: &Subnets<'_>, said: &[(&Node, &Look<Output>)]) {
    let youngest = |node: &Node| -> Vec<String> {
        let (Some(subnet), Some((_, Known(said)))) = (subnet_of(all, node), said.iter().find(|(known, _)| known.name == node.name)) else {
            return Vec::new();
        };
        let text = said.text();
        let inside = |word: &&str| word.parse::<std::net::IpAddr>().is_ok_and(|address| subnet.net.contains(&address));
        text.lines().map(str::trim).filter(inside).take(TRIED).map(str::to_owned).collect()
    };
    let pods: Vec<Pod<'_>> = members
        .iter()
        .flat_map(|node| youngest(node).into_iter().map(|address| Pod { node, address }))
        .collect();
    if pods.is_empty() {
        let check = checks.of_cluster("pods", "pods answer across nodes");
        return match said.iter().find_map(|(_, look)| if let Unknown(problem) = look { Some(problem) } else { None }) {
            Some(problem) => check.unanswered(problem),
            None => check.warned("no node has a pod yet, so none was tried"),
        };
    }
    // With a bridge, there is a pod to have made it.
    let source = |node: &Node| match subnet_of(all, node) {
        Some(subnet) if pods.iter().any(|pod| pod.node.name == node.name) => subnet.gateway.to_string(),
        _ => node.address.clone(),
    };
    let plan: Vec<(&Node, Vec<&Pod<'_>>)> = members
        .iter()
        .enumerate()
        .map(|(place, node)| {
            let near = peers(members, place);
            let tried = pods.iter().filter(|pod| pod.node.name == node.name || near.iter().any(|peer| peer.name == pod.node.name));
            (*node, tried.collect())
        })
        .collect();
    let asked = plan.iter().map(|(node, tried)| {
        let from = source(node);
        (*node, tried.iter().map(|pod| probe::query("ping", [from.as_str(), pod.address.as_str()])).collect::<Vec<_>>())
    });
    let mut batch = cluster.batch();
    let ticket = batch.each_of(asked);
    let answers = batch.send().take(ticket);
    let heard = |node: &Node, pod: &Pod<'_>| {
        let (_, tried) = plan.iter().find(|(known, _)| known.name == node.name)?;
        let place = tried.iter().position(|tried| tried.address == pod.address)?;
        Some(&answers.of(node)[place])
    };
    // One that its own node does not reach is gone, or deaf.
    let lives = |pod: &&&Pod<'_>| heard(pod.node, pod).is_some_and(|look| look.is_known_and(OutputText::is_ok));
    if !pods.iter().any(|pod| lives(&&pod)) {
        let check = checks.of_cluster("pods", "pods answer across nodes");
        return check.warned(format!("none of {} addresses that pods were given answers on its own node, so none was tried", pods.len()));
    }
    for (node, tried) in &plan {
        let living: Vec<&&Pod<'_>> = tried.iter().filter(|pod| pod.node.name != node.name).filter(lives).collect();
        let title = format!("pods of other nodes answer to {}", source(node));
        if living.is_empty() {
            continue;
        }
        let check = checks.on(node, "pods", title);
        if let Some(Unknown(problem)) = living.iter().filter_map(|pod| heard(node, pod)).find(|look| look.known().is_none()) {
            check.unanswered(problem);
            continue;
        }
        let deaf = |pod: &&&&Pod<'_>| !heard(node, pod).is_some_and(|look| look.is_known_and(OutputText::is_ok));
        let deaf: Vec<String> = living.iter().filter(deaf).map(|pod| format!("{} on {}", pod.address, pod.node.name)).collect();
        match deaf.is_empty() {
            true => check.passed(format!("{} of {}", living.len(), living.len())),
            false => check.failed(format!("{}: their own nodes reach them", deaf.join(", "))),
        }
    }
}
