//! Proof that Rainbond stands: by its own word, by ports that others reach, by what its database holds.

use crate::addresses::Addresses;
use crate::config::Config;
use crate::grctl::{self, Health, Listed};
use crate::seat::{self, Stage};
use crate::{apiserver, bundle, certificate, database, domain, endpoints, installed, member, names, paths, region, ring, role, tool, unlisted};
use arcus_sdk::prelude::*;

/// Rainbond's own checks run each 5 to 20 s and tolerate three errors, so its word is that much late.
const SETTLES_S: u32 = 90;

/// All checks.
pub fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
    let seat = seat::find(cluster)?;
    let managers = member::managers(cluster);
    let gateways = member::gateways(cluster);

    let mut batch = cluster.batch();
    let health = batch.one(seat.node, probe::query("cluster", []));
    let api = batch.each(managers.iter().copied(), (probe::query("api-health", []), probe::query("etcd-health", [])));
    let traffic = batch.each(gateways.iter().copied(), probe::query("gateway-health", []));
    // From outside of the machine: a port that only the machine itself reaches serves nobody.
    let views = views(cluster, seat.node);
    let seen: Vec<_> = views.iter().map(|view| batch.one(view.from, probe::reach(view.address.as_str(), view.port))).collect();
    let agents = batch.each(member::all(cluster), probe::service("node.service"));
    let mut got = batch.send();
    let agents = got.take(agents);
    let health = got.take(health);
    let api = got.take(api);
    let traffic = got.take(traffic);

    let mark = checks.on(seat.node, "initialised", "the installation of the first node finished");
    match &seat.stage {
        Stage::Done => mark.passed(format!("{} is there", paths::MARK)),
        Stage::Unknown(problem) => mark.unanswered(problem),
        Stage::Running => mark.pending(cluster.config.timeouts.init, "it is under way"),
        Stage::Bare => mark.failed(format!("{} is not there", paths::MARK)),
    }
    for node in member::all(cluster) {
        let expected = member::roles(cluster, node);
        let may_be_gateway = cluster.config.version.gateway_on_every_manager() || node.name == seat.node.name;
        let check = checks.on(node, "member", "Rainbond has it, with its roles, running");
        // The list is what the first node was told, up to a minute ago; the agent on the node itself must run now.
        match (agents.of(node), &seat.nodes) {
            (Known(Some(agent)), Known(nodes)) if agent.active => check.is(membership(node, &expected, nodes, may_be_gateway)),
            (Known(Some(agent)), Unknown(problem)) if agent.active => check.unanswered(problem),
            (Known(_), _) => check.failed("its agent, node.service, does not run"),
            (Unknown(problem), _) => check.unanswered(problem),
        }
    }
    checks.of_cluster("unlisted", "Rainbond has no node that the file does not have").judge(&seat.nodes, |nodes| strangers(cluster, nodes));
    if seat.stage == Stage::Done {
        let ring = ring::look(cluster, &seat);
        checks.of_cluster("unlisted-members", "etcd has the managers of the file as its members, and no other").judge(&ring.members, |members| {
            let strangers = unlisted::members(cluster, &ring);
            let missing: Vec<&str> = managers.iter().filter(|node| !ring.has(&node.address)).map(|node| node.name.as_str()).collect();
            match (strangers.is_empty(), missing.is_empty()) {
                (true, true) => passed(format!("{} members", members.len())),
                (false, _) => failed(format!("it has {}: `arcus plan` tells what to do", strangers.join(", "))),
                (true, false) => failed(format!("it has no {}: `arcus apply`", missing.join(", "))),
            }
        });
    }
    let health = match &health {
        Known(said) => match grctl::health(said) {
            Ok(health) => Known(health),
            Err(why) => Unknown(problem("rainbond.api-silent", why).on(seat.node)),
        },
        Unknown(problem) => Unknown(problem.clone()),
    };
    checks.of_cluster("cluster-status", "Rainbond calls itself healthy").judge(&health, |health| status(cluster, &seat.nodes, health));
    checks.of_cluster("services", "all its services are healthy on all nodes").judge(&health, services);

    for node in &managers {
        let (api, etcd) = api.of(node);
        checks.on(node, "api", "its API answers on the node").judge(api, |said| answers(said, &[]));
        // etcd answers 200 or 503, and says which in words that differ by version.
        checks.on(node, "etcd", "its etcd is healthy").judge(etcd, |said| answers(said, &["\"health\":\"true\"", "\"health\":true"]));
    }
    for node in &gateways {
        checks.on(node, "gateway", "its gateway is healthy").judge(traffic.of(node), |said| answers(said, &[]));
    }
    for (view, seen) in views.iter().zip(seen) {
        let title = format!("{} {}:{} from {}", view.what, view.address, view.port, view.from.name);
        let check = match view.node {
            Some(node) => checks.on(node, view.id, title),
            None => checks.of_cluster(view.id, title),
        };
        check.judge(&got.take(seen), |reach| match reach {
            Reachability::Open => passed("somebody accepts"),
            Reachability::Refused => failed("nobody listens there"),
            Reachability::Silent => failed("no answer: it is down, or something in between drops packets"),
        });
    }
    tool::verify(cluster, &seat, checks);
    certificate::verify(cluster, &seat, checks);
    region::verify(cluster, &seat, checks);
    domain::verify(cluster, &seat, checks);
    database::verify(cluster, &seat, checks);
    bundle::verify(cluster, &seat, checks);
    let installed = installed::All::look(cluster);
    names::verify(cluster, &installed, checks);
    endpoints::verify(cluster, &installed, checks);
    apiserver::verify(cluster, checks);
    Ok(())
}

/// A port, and who looks at it.
struct View<'a> {
    id: &'static str,
    what: &'static str,
    node: Option<&'a Node>,
    from: &'a Node,
    address: String,
    port: u16,
}

fn views<'a>(cluster: &'a Cluster<Config>, seat: &'a Node) -> Vec<View<'a>> {
    let all = member::all(cluster);
    // Compute nodes use all of these. Another node, in any case.
    let from = |node: &Node| {
        let others = || all.iter().copied().filter(|other| other.name != node.name);
        others().find(|other| !member::is_manager(other)).or_else(|| others().next())
    };
    let mut views = Vec::new();
    let mut view = |id, what, node: &'a Node, port| {
        if let Some(from) = from(node) {
            views.push(View { id, what, node: Some(node), from, address: node.address.clone(), port });
        }
    };
    for node in member::managers(cluster) {
        view("api-reached", "its API is reached at", node, 8443);
        view("etcd-reached", "its etcd is reached at", node, 2379);
    }
    for node in member::gateways(cluster) {
        view("gateway-reached", "its gateway is reached at", node, 80);
    }
    view("console-reached", "the console is reached at", seat, 7070);
    let gateways = member::gateways(cluster);
    let outsider = all.iter().copied().find(|node| !gateways.iter().any(|gateway| gateway.name == node.name) && !member::is_manager(node));
    let outsider = outsider.or_else(|| all.iter().copied().find(|node| !gateways.iter().any(|gateway| gateway.name == node.name)));
    if let Some(addresses) = Addresses::of(cluster)
        && let Some(from) = outsider
    {
        let mut view = |id, what, address: &str, port| views.push(View { id, what, node: None, from, address: address.to_owned(), port });
        view("traffic-by-vip", "traffic is taken at the virtual address", addresses.gateways, 80);
        view("images-by-vip", "images are had at the virtual address", addresses.gateways, 443);
        view("kubernetes-by-vip", "Kubernetes' API is reached at the virtual address", addresses.gateways, 6443);
        view("api-by-vip", "Rainbond's API is reached at the virtual address", addresses.managers, 8443);
    }
    views
}

fn membership(node: &Node, expected: &role::Roles, nodes: &[Listed], may_be_gateway: bool) -> arcus_sdk::Finding {
    let Some(listed) = grctl::at(nodes, &node.address) else {
        return failed(format!("{} is not in the list of nodes", node.address));
    };
    // 5.0 may list the gateway that every manager is, and 5.1 has one on the first.
    let mut roles = listed.roles.clone();
    if !expected.contains(&role::Role::Gateway) && expected.contains(&role::Role::Manage) && may_be_gateway {
        roles.remove(&role::Role::Gateway);
    }
    if roles != *expected {
        return failed(format!("it is there as {}", listed.roles_text));
    }
    match listed.status.word.as_str() {
        _ if listed.status.is_good() => passed(format!("running as {}", listed.roles_text)),
        "running" if listed.status.has("unschedulable") => failed(format!("{}: nothing is placed there", listed.status)),
        "running" | "unknown" | "offline" | "install_success" => pending(SETTLES_S, listed.status.to_string()),
        _ => failed(listed.status.to_string()),
    }
}

fn strangers(cluster: &Cluster<Config>, nodes: &[Listed]) -> arcus_sdk::Finding {
    let strangers: Vec<String> = unlisted::nodes(cluster, nodes).into_iter().map(unlisted::named).collect();
    match strangers.is_empty() {
        true => passed(format!("it has {}, all of the file", nodes.len())),
        false => failed(format!("it has {}: `arcus plan` tells what to do", strangers.join("; "))),
    }
}

fn status(cluster: &Cluster<Config>, nodes: &Look<Vec<Listed>>, health: &Health) -> arcus_sdk::Finding {
    let says = match health.message.is_empty() {
        true => health.status.clone(),
        false => format!("{}: {}", health.status, health.message),
    };
    match health.status.as_str() {
        "healthy" => passed(says),
        "unavailable" if member::all(cluster).iter().all(|node| !member::is_compute(node)) => {
            warned(format!("{says}; the file has no compute node, so it cannot be otherwise"))
        }
        "unavailable" if cluster.config.version.miscounts_roles() && nodes.is_known_and(|nodes| nodes.iter().all(|node| node.status.is_good())) => {
            warned(format!("{says}; yet all nodes are running: this version counts no node that has two roles"))
        }
        "unhealthy" | "unavailable" => pending(SETTLES_S, says),
        _ => failed(format!("{says}: that is no word Arcus knows")),
    }
}

fn services(health: &Health) -> arcus_sdk::Finding {
    if health.services == 0 {
        return failed("it counts no service at all");
    }
    let ailing: Vec<String> = health.ailing.iter().map(|(name, count, why)| format!("{name} {count} {why}").trim_end().to_owned()).collect();
    match ailing.is_empty() {
        true => passed(format!("{} services", health.services)),
        false => pending(SETTLES_S, ailing.join("; ")),
    }
}

fn answers(said: &Output, words: &[&str]) -> arcus_sdk::Finding {
    let text: String = said.text().split_whitespace().collect();
    if said.status != 0 {
        let why = said.error_text();
        return failed(why.lines().map(str::trim).find(|line| !line.is_empty()).map_or_else(|| format!("curl ends with {}", said.status), str::to_owned));
    }
    match words.is_empty() || words.iter().any(|word| text.contains(word)) {
        true => passed("it answers"),
        false => failed(format!("it says {}", text.chars().take(200).collect::<String>())),
    }
}
