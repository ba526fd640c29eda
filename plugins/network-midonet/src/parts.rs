//! The parts of MidoNet: each is looked for where it must be, for the plan and for the proof alike.

use crate::{Config, Page, cni, hosts, members};
use arcus_sdk::Finding;
use arcus_sdk::prelude::*;
use arcus_sdk::{Batch, Got, Ticket};

/// MidoNet's agent, on every host.
pub const AGENT: &str = "midolman.service";
const ZOOKEEPER: u16 = 2181;
const CASSANDRA: u16 = 9042;

/// What was found of one part, on one node or in the cluster.
pub struct Part {
    /// Of the check, and with `midonet.` before it of the problem.
    pub id: &'static str,
    /// What should be.
    pub title: String,
    /// The node it is about.
    pub node: Option<Node>,
    /// Of the cluster file.
    pub pointer: Option<&'static str>,
    /// What was seen. `Err`: nobody answered.
    pub found: Result<Finding, Problem>,
    /// Why it is missing; none: it is not.
    why: Option<String>,
    help: &'static str,
}

/// What is missing, as reasons why no plan can be made: the same on many nodes is told once. Where nobody answered nothing is missing yet.
pub fn missing(parts: &[Part]) -> Vec<Problem> {
    let mut told: Vec<(&Part, &str, Vec<&Node>)> = Vec::new();
    for part in parts {
        let Some(why) = part.why.as_deref() else { continue };
        match told.iter_mut().find(|(known, known_why, _)| known.id == part.id && *known_why == why) {
            Some((.., nodes)) => nodes.extend(&part.node),
            None => told.push((part, why, part.node.iter().collect())),
        }
    }
    let problem_of = |(part, why, nodes): (&Part, &str, Vec<&Node>)| {
        let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        let message = if names.is_empty() { why.to_owned() } else { format!("{}: {why}", names.join(", ")) };
        let mut found = problem(format!("midonet.{}", part.id), message).help(part.help);
        found.node = if let [node] = nodes.as_slice() { Some(node.name.clone()) } else { None };
        found.pointer = part.pointer.map(str::to_owned);
        found
    };
    told.into_iter().map(problem_of).collect()
}

/// For the goal of a plan.
pub fn agent() -> [Ask<Option<ServiceFact>>; 1] {
    [probe::service(AGENT)]
}

type OfHost = (Look<Option<ServiceFact>>, Look<bool>, Look<Output>, Vec<Look<Reachability>>, Vec<Look<Reachability>>, Look<Reachability>);
type OfMember = (Look<Option<FileFact>>, Vec<Look<Option<FileFact>>>);

/// Questions that travel with others.
pub struct Asked {
    hosts: Ticket<PerNode<OfHost>>,
    members: Ticket<PerNode<OfMember>>,
    outside: Option<Ticket<(Vec<Look<Output>>, Vec<Look<Output>>)>>,
}

/// Who asks what lies outside of the nodes: a network node, or any host.
fn asker(cluster: &Cluster<Config>) -> Option<&Node> {
    cluster.role(Role::Network).into_iter().next().or_else(|| hosts(cluster).into_iter().next())
}

fn pages(config: &Config) -> Vec<(&'static str, &'static str, &str)> {
    let mut pages = vec![("api", "/api", config.api.as_str())];
    pages.extend(config.keystone.as_deref().map(|url| ("keystone", "/keystone", url)));
    pages.retain(|(.., url)| Page::of(url).is_some());
    pages
}

/// Asks for all parts.
pub fn ask(cluster: &Cluster<Config>, batch: &mut Batch<'_, Config>) -> Asked {
    let config = &cluster.config;
    let reach = |addresses: &[String], port| addresses.iter().map(|address| probe::reach(address.as_str(), port)).collect::<Vec<_>>();
    let api = Page::of(&config.api).unwrap_or(Page { host: "127.0.0.1", port: 8080 });
    let of_host = (
        probe::service(AGENT),
        probe::kernel_module("openvswitch"),
        probe::query("switch-module", []),
        reach(&config.zookeeper, ZOOKEEPER),
        reach(&config.cassandra, CASSANDRA),
        probe::reach(api.host, api.port),
    );
    let of_member = (probe::content(cni::FILE, 16_384), cni::PROGRAMS.map(probe::file).to_vec());
    let pages = pages(config).into_iter().map(|(.., url)| probe::query("page", [url])).collect::<Vec<_>>();
    let words = config.zookeeper.iter().map(|address| probe::query("zookeeper-ok", [address.as_str()])).collect::<Vec<_>>();
    Asked {
        hosts: batch.each(hosts(cluster), of_host),
        members: batch.each(members(cluster), of_member),
        outside: asker(cluster).map(|node| batch.one(node, (pages, words))),
    }
}

impl Asked {
    /// What was found, part by part.
    pub fn take(self, cluster: &Cluster<Config>, got: &mut Got) -> Vec<Part> {
        let config = &cluster.config;
        let mut parts = Vec::new();
        let of_hosts = got.take(self.hosts);
        for node in hosts(cluster) {
            host(config, node, of_hosts.of(node), &mut parts);
        }
        let of_members = got.take(self.members);
        for node in members(cluster) {
            let (conf, programs) = of_members.of(node);
            parts.push(part("cni", "pods are given to MidoNet", Some(node), conf, |file| cni::read(file.as_ref(), &config.api)).help(
                "put MidoNet's CNI file and program there before the platform is installed; its published example has a quote too many",
            ));
            parts.push(
                part("cni-program", "the program that pods are given to is there", Some(node), &all_of(programs), |files| {
                    let runs = |file: &Option<FileFact>| file.as_ref().is_some_and(|file| file.mode & 0o111 != 0);
                    match files.iter().position(runs) {
                        Some(place) => Ok(cni::PROGRAMS[place].into()),
                        None => Err(format!("there is no {} that can be run", cni::PROGRAMS[0])),
                    }
                })
                .help("build it from goodrain/midonet-cni, and put it there"),
            );
        }
        if let Some((pages_seen, words)) = self.outside.map(|ticket| got.take(ticket)) {
            for ((id, pointer, url), look) in pages(config).into_iter().zip(&pages_seen) {
                let title = format!("{url} answers");
                parts.push(part(id, &title, None, look, |said| page(url, said)).at(pointer).help("start it, or correct its address"));
            }
            for (address, look) in config.zookeeper.iter().zip(&words) {
                // Not every machine has nc; that its port answers is looked at from each node.
                if matches!(look, Unknown(problem) if problem.code == "query.missing") {
                    continue;
                }
                let title = format!("ZooKeeper at {address} is well");
                parts.push(
                    part("zookeeper", &title, None, look, |said| match said.text().trim() {
                        "imok" => Ok("imok".into()),
                        "" => Err(format!("ZooKeeper at {address} does not say imok: {}", said.error_text().trim())),
                        other => Err(format!("ZooKeeper at {address} says {:?}", other.chars().take(60).collect::<String>())),
                    })
                    .at("/zookeeper")
                    .help("look at its log; it answers when it is part of a majority"),
                );
            }
        }
        parts
    }
}

fn host(config: &Config, node: &Node, seen: &OfHost, parts: &mut Vec<Part>) {
    let (agent, module, file, zookeeper, cassandra, api) = seen;
    parts.push(
        part("agent", "MidoNet's agent runs and starts at boot", Some(node), agent, |unit| match unit {
            None => Err(format!("there is no {AGENT}")),
            Some(unit) if !unit.active => Err(format!("{AGENT} does not run")),
            Some(unit) if !unit.enabled => Err(format!("{AGENT} runs, but is not started at boot")),
            Some(unit) => Ok(format!("for {} s", unit.since_s)),
        })
        .help("install MidoNet's agent (midolman) there, tell it where ZooKeeper is, enable and start it"),
    );
    let switch = match (module, file) {
        (Known(true), _) => Known(true),
        (Known(false), Known(file)) => Known(file.is_ok()),
        (Known(false), Unknown(problem)) if problem.code == "query.missing" => Known(false),
        (Unknown(problem), _) | (_, Unknown(problem)) => Unknown(problem.clone()),
    };
    parts.push(
        part("switch", "the kernel can switch packets for MidoNet", Some(node), &switch, |there| match there {
            true => Ok("openvswitch".into()),
            false => Err("the kernel has no module openvswitch".into()),
        })
        .help("install a kernel with it"),
    );
    for (id, what, addresses, port, looks, pointer) in [
        ("zookeeper-reached", "ZooKeeper", &config.zookeeper, ZOOKEEPER, zookeeper, "/zookeeper"),
        ("cassandra-reached", "Cassandra", &config.cassandra, CASSANDRA, cassandra, "/cassandra"),
    ] {
        if addresses.is_empty() {
            continue;
        }
        let title = format!("{what} is reached at {}", addresses.join(", "));
        let all = all_of(looks);
        parts.push(
            part(id, &title, Some(node), &all, |seen| {
                let shut: Vec<String> = addresses.iter().zip(seen).filter_map(|(address, seen)| shut(address, port, *seen)).collect();
                if shut.is_empty() { Ok(format!("{} of {}", addresses.len(), addresses.len())) } else { Err(shut.join(", ")) }
            })
            .at(pointer)
            .help("start it, or let the port through"),
        );
    }
    if let Some(page) = Page::of(&config.api) {
        parts.push(
            part("api-reached", "MidoNet's API is reached", Some(node), api, |seen| match shut(page.host, page.port, *seen) {
                None => Ok(config.api.clone()),
                Some(why) => Err(why),
            })
            .at("/api")
            .help("start it, or let the port through"),
        );
    }
}

fn shut(address: &str, port: u16, seen: Reachability) -> Option<String> {
    match seen {
        Reachability::Open => None,
        Reachability::Refused => Some(format!("nobody listens on {address}:{port}")),
        Reachability::Silent => Some(format!("{address}:{port} is silent")),
    }
}

fn all_of<T: Clone>(looks: &[Look<T>]) -> Look<Vec<T>> {
    let mut all = Vec::new();
    for look in looks {
        match look {
            Known(value) => all.push(value.clone()),
            Unknown(problem) => return Unknown(problem.clone()),
        }
    }
    Known(all)
}

/// A page that wants a login is there, too.
fn page(url: &str, said: &Output) -> Result<String, String> {
    match said.text().trim() {
        "401" | "403" => Ok("it answers, and wants a login".into()),
        code if code.starts_with('2') || code.starts_with('3') => Ok(format!("it answers {code}")),
        "" | "000" => Err(format!("{url} does not answer: {}", said.error_text().trim())),
        code => Err(format!("{url} answers {code}")),
    }
}

fn part<T>(id: &'static str, title: &str, node: Option<&Node>, look: &Look<T>, judge: impl FnOnce(&T) -> Result<String, String>) -> Part {
    let (found, why) = match look {
        Unknown(problem) => (Err(problem.clone()), None),
        Known(seen) => match judge(seen) {
            Ok(seen) => (Ok(passed(seen)), None),
            Err(why) => (Ok(failed(&why)), Some(why)),
        },
    };
    Part { id, title: title.to_owned(), node: node.cloned(), pointer: None, found, why, help: "" }
}

impl Part {
    fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }
    fn at(mut self, pointer: &'static str) -> Self {
        self.pointer = Some(pointer);
        self
    }
}
