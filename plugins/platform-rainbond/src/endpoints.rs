//! Where nodes find etcd. The installer writes down who was a manager on the day of a node's installation, or the first manager alone;
//! with several, every node must know all, or the loss of one is more than the loss of one.
//!
//! `start-etcd.sh` is left alone: its list of members is read by a member without data only.

use crate::config::Config;
use crate::grctl;
use crate::installed::{self, All, Installed, Text};
use crate::seat::Seat;
use crate::{member, paths};
use arcus_sdk::Finding;
use arcus_sdk::prelude::*;

/// A list in a file.
struct List {
    /// Of the step that writes it.
    verb: &'static str,
    what: &'static str,
    path: &'static str,
    /// What its line begins with, by which it is replaced.
    key: &'static str,
    /// What comes right before the list.
    before: &'static str,
    ends: &'static [char],
}

/// How the agent is run.
const AGENT: List = List {
    verb: "agent-etcd",
    what: "its agent",
    path: paths::START_NODE,
    key: "NODE_OPTS",
    before: "--etcd=",
    ends: &['"'],
};
/// How the way to etcd is run.
const PROXY: List = List { verb: "proxy-etcd", what: "its etcd-proxy", path: paths::START_PROXY, key: "--endpoints", before: "--endpoints=", ends: &[] };
/// Where pods' addresses are kept.
const CNI: List = List { verb: "pods-etcd", what: "calico", path: paths::CNI, key: "\"etcd_endpoints\"", before: "\"etcd_endpoints\": ", ends: &[','] };

/// The lists of a node. Compute nodes' agents and pods go by the proxy.
fn lists<'a>(node: &Node, installed: &'a Installed) -> Vec<(&'static List, &'a Text)> {
    match member::is_compute(node) && !member::is_manager(node) {
        true => vec![(&PROXY, &installed.proxy)],
        false => vec![(&AGENT, &installed.agent), (&CNI, &installed.cni)],
    }
}

/// All managers, as etcd's clients have them.
fn wanted(cluster: &Cluster<Config>) -> String {
    let urls: Vec<String> = member::managers(cluster).iter().map(|node| format!("http://{}:2379", node.address)).collect();
    urls.join(",")
}

/// Whether a list names whom it should, in whatever order.
fn names_all(found: &str, wanted: &str) -> bool {
    let set = |text: &str| text.split(',').map(|url| url.trim().trim_end_matches('/').to_owned()).collect::<std::collections::BTreeSet<_>>();
    set(found) == set(wanted)
}

impl List {
    fn found<'t>(&self, text: &'t str) -> Option<(&'t str, std::ops::Range<usize>, &'t str)> {
        let line = installed::line(text, self.key)?;
        let (place, value) = installed::value(line, self.before, self.ends)?;
        Some((line, place, value))
    }

    /// It names whom it should.
    fn is_right(&self, text: &str, wanted: &str) -> bool {
        self.found(text).is_some_and(|(_, _, found)| names_all(found, wanted))
    }

    /// Its line with this list. `None`: it has no such line.
    fn line(&self, text: &str, wanted: &str) -> Option<String> {
        let (line, place, found) = self.found(text)?;
        if names_all(found, wanted) {
            return Some(line.to_owned());
        }
        // In JSON the quotes belong to it; in a shell's string they would end it.
        let quotes = if self.path == CNI.path { "\"" } else { "" };
        Some(format!("{}{quotes}{wanted}{quotes}{}", &line[..place.start], &line[place.end..]))
    }
}

/// All that should be so once every manager is there.
pub fn plan(cluster: &Cluster<Config>, seat: &Seat<'_>, all: &All, plan: &mut Plan) {
    let managers = member::managers(cluster);
    if managers.len() < 2 {
        return;
    }
    let wanted = wanted(cluster);
    let mut agents: Option<Planned> = None;
    for node in member::all(cluster) {
        let ready = |step: Planned| step.needs(milestone::PLATFORM_JOINED, managers.iter().copied().chain([node]));
        let installed = all.at(node);
        for (list, text) in lists(node, &installed) {
            let step = match text {
                // Other networks have no such file.
                _ if list.path == CNI.path && !calico(cluster) => continue,
                Known(None) => plan.later(list.verb, node, "Rainbond is installed there", &["file"]),
                Unknown(_) => plan.line(list.verb, node, list.path, list.key, "").known(text),
                Known(Some(text)) => match list.line(text, &wanted) {
                    Some(line) => plan.line(list.verb, node, list.path, list.key, line),
                    None => {
                        let message = format!("{} on {} has no list of etcd's members after {}", list.path, node.name, list.before);
                        plan.warn(problem("rainbond.etcd-by-hand", message).on(node).help(format!("write {wanted} there by hand")));
                        continue;
                    }
                },
            };
            let title = format!("let {} find etcd on all managers", list.what);
            let written = ready(step.title(title));
            let Some(unit) = list.unit() else { continue };
            let asked = [probe::service_with(unit, [list.path]).on(node), probe::query("nodes", []).on(seat.node)];
            let expect = format!("{} is running", node.name);
            let run = plan
                .service(list.restart(), node, unit)
                .newer_than([list.path])
                .until(asked, expect, cluster.config.timeouts.healthy)
                .after([&written])
                .known(text);
            let run = ready(run);
            if list.path != AGENT.path {
                continue;
            }
            // The agents tell of their nodes' health: one after the other, each well again before the next. That the nodes are well at
            // other times is not what this is about.
            let run = run.group("agents").after(&agents);
            let is_so = installed.agent_is_current && text.is_known_and(|text| text.as_deref().is_some_and(|text| list.is_right(text, &wanted)));
            if !is_so {
                let expect = format!("{} is running", node.name);
                let asked = [probe::query("nodes", []).on(seat.node)];
                let well = plan.wait("agent-well", node, asked, &expect, cluster.config.timeouts.healthy).after([&run]).group("agents");
                agents = Some(ready(well));
            } else {
                agents = Some(run);
            }
        }
    }
}

fn calico(cluster: &Cluster<Config>) -> bool {
    cluster.handed.network.as_ref().is_some_and(|network| network.kind == "calico")
}

impl List {
    /// What reads it when it starts; calico's is read for each pod.
    fn unit(&self) -> Option<&'static str> {
        match self.path {
            paths::START_NODE => Some("node.service"),
            paths::START_PROXY => Some("etcd-proxy.service"),
            _ => None,
        }
    }

    fn restart(&self) -> &'static str {
        if self.path == paths::START_NODE { "agent-run" } else { "proxy-run" }
    }
}

/// Judges `agent-run` and `proxy-run`: it was started with its list, and Rainbond hears of the node.
pub fn restarted(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<ServiceFact>>(0)? {
        Some(service) if service.active && !service.stale => {}
        Some(service) if service.active => return unmet("it runs with what its file said before"),
        _ => return unmet("it does not run"),
    }
    let node = case.node()?;
    let nodes = grctl::nodes(case.get::<Output>(1)?).map_err(arcus_sdk::contract::checks::Verdict::Unmet)?;
    match grctl::at(&nodes, &node.address) {
        // Its health may lag, and where it takes no applications that has other reasons.
        Some(listed) if listed.status.word == "running" => met(),
        Some(listed) => unmet(format!("{} is {}", node.name, listed.status)),
        None => unmet(format!("{} is not in the list of nodes", node.name)),
    }
}

/// Judges `agent-well`: as it was before. A compute node may be closed to applications for reasons of its own.
pub fn is_well(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let node = case.node()?;
    let nodes = grctl::nodes(case.get::<Output>(0)?).map_err(arcus_sdk::contract::checks::Verdict::Unmet)?;
    match grctl::at(&nodes, &node.address) {
        Some(listed) if listed.status.word == "running" && !listed.status.has("unhealth") => met(),
        Some(listed) => unmet(format!("{} is {}", node.name, listed.status)),
        None => unmet(format!("{} is not in the list of nodes", node.name)),
    }
}

/// The checks.
pub fn verify(cluster: &Cluster<Config>, all: &All, checks: &mut Checks) {
    if member::managers(cluster).len() < 2 {
        return;
    }
    let wanted = wanted(cluster);
    let nodes = member::all(cluster);
    let mut batch = cluster.batch();
    let asks = |node: &Node| lists(node, &all.at(node)).into_iter().filter_map(|(list, _)| Some(probe::service_with(list.unit()?, [list.path]))).collect::<Vec<_>>();
    let started = batch.each_of(nodes.iter().map(|node| (*node, asks(node))));
    let started = batch.send().take(started);
    for node in nodes {
        let installed = all.at(node);
        let check = checks.on(node, "etcd-endpoints", "it finds etcd on all managers");
        let lists = lists(node, &installed);
        let unanswered = lists.iter().find_map(|(_, text)| if let Unknown(problem) = text { Some(problem) } else { None });
        let unanswered = unanswered.or_else(|| started.of(node).iter().find_map(|look| if let Unknown(problem) = look { Some(problem) } else { None }));
        match unanswered {
            Some(problem) => check.unanswered(problem),
            None => check.is(found(&lists, started.of(node), calico(cluster), &wanted)),
        }
    }
}

fn found(lists: &[(&List, &Text)], started: &[Look<Option<ServiceFact>>], calico: bool, wanted: &str) -> Finding {
    for (list, text) in lists {
        match text.known().and_then(Option::as_deref) {
            None if list.path == CNI.path && !calico => {}
            None => return failed(format!("there is no {}", list.path)),
            Some(text) => match list.found(text) {
                Some((_, _, found)) if names_all(found, wanted) => {}
                Some((_, _, found)) => return failed(format!("{} says {found}", list.path)),
                None => return failed(format!("{} has no list of etcd's members", list.path)),
            },
        }
    }
    let stale = started.iter().any(|look| look.is_known_and(|service| service.as_ref().is_none_or(|service| !service.active || service.stale)));
    if stale { failed("what reads the list does not run, or runs with what it said before") } else { passed(wanted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_set_in_the_lines_that_the_installer_writes() {
        let all = "http://a:2379,http://b:2379";
        let agent = "#!/bin/bash\n\nNODE_OPTS=\"--log-level=info --etcd=http://127.0.0.1:2379   --hostIP=a --noderule manage\"\n\nexec node $NODE_OPTS\n";
        let line = AGENT.line(agent, all).unwrap();
        assert_eq!(line, "NODE_OPTS=\"--log-level=info --etcd=http://a:2379,http://b:2379   --hostIP=a --noderule manage\"");
        assert_eq!(AGENT.line(&line, all).unwrap(), line);
        let proxy = "exec docker \\\n  run \\\n  --endpoints=http://a:2379 \\\n  --listen-addr=127.0.0.1:2379\n";
        assert_eq!(PROXY.line(proxy, all).unwrap(), "  --endpoints=http://a:2379,http://b:2379 \\");
        let cni = "{\n    \"name\": \"x\",\n    \"etcd_endpoints\": \"http://a:2379\",\n    \"ipam\": {}\n}";
        assert_eq!(CNI.line(cni, all).unwrap(), "    \"etcd_endpoints\": \"http://a:2379,http://b:2379\",");
        // Somebody's own order is as good.
        let other = "  --endpoints=http://b:2379,http://a:2379 \\";
        assert_eq!(PROXY.line(other, all).unwrap(), other);
        assert_eq!(AGENT.line("NODE_OPTS=\"--x\"", all), None);
        // As the documents write it, its quotes go with it.
        let quoted = "NODE_OPTS=\"--etcd=\"http://c:2379\" --x\"";
        assert_eq!(AGENT.line(quoted, all).unwrap(), "NODE_OPTS=\"--etcd=http://a:2379,http://b:2379 --x\"");
    }
}
