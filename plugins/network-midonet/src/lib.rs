//! Network midonet: the operator's, all of it. The platform's installer, told this word, brings calico and says nothing; so this plugin
//! offers a network that the installer does not bring, looks for each part of it, and says what is missing before anything is changed.
//! It changes nothing itself.

mod cni;
mod parts;
mod proof;

use arcus_network::found;
use arcus_network::range::Share;
use arcus_sdk::prelude::*;

/// The plugin's section of the cluster file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// IPv4 range of all pods, CIDR.
    #[serde(default = "default_pods")]
    pub pods: String,
    /// Where MidoNet keeps what it knows.
    pub zookeeper: Vec<String>,
    /// Where some versions of it keep flows.
    #[serde(default)]
    pub cassandra: Vec<String>,
    /// Its API.
    pub api: String,
    /// Who says who may do what there.
    pub keystone: Option<String>,
}

fn default_pods() -> String {
    "172.16.0.0/16".into()
}

/// Addresses come from one list for all nodes.
const SHARE: Share = Share { network: "midonet", what: "pod", length: 30, longest: 24, lost: 0 };

/// The plugin.
pub struct Midonet;

/// The nodes whose pods it carries.
fn members(cluster: &Cluster<Config>) -> Vec<&Node> {
    cluster.any_role(&[Role::Manage, Role::Compute, Role::Gateway])
}

/// The nodes that run its agent: those, and the network nodes, through which traffic leaves.
fn hosts(cluster: &Cluster<Config>) -> Vec<&Node> {
    cluster.any_role(&[Role::Manage, Role::Compute, Role::Gateway, Role::Network])
}

impl Plugin for Midonet {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        let hosts = hosts(cluster);
        let mut batch = cluster.batch();
        let asked = parts::ask(cluster, &mut batch);
        let ways = batch.each(hosts.iter().copied(), (probe::interfaces(), probe::routes()));
        let search = found::search(cluster, &hosts, &mut batch);
        let mut got = batch.send();
        let parts = asked.take(cluster, &mut got);
        let ways = got.take(ways);

        let others = found::others(cluster, &hosts, "midonet", search, &mut got);
        for problem in mistakes(cluster).into_iter().chain(others) {
            plan.problem(problem);
        }
        if let Ok(range) = SHARE.range(&cluster.config.pods) {
            for node in &hosts {
                let (Known(interfaces), Known(routes)) = ways.of(node) else { continue };
                SHARE.used_on(cluster, node, &range, interfaces, routes).into_iter().for_each(|problem| plan.problem(problem));
            }
        }
        for problem in parts::missing(&parts) {
            plan.problem(problem);
        }
        if let Some(few) = few_network_nodes(cluster) {
            plan.warn(problem("midonet.network-nodes", few).help("give two nodes the role `network`"));
        }
        // What the platform waits for. Nothing is done: all is there, or this plan was refused.
        for node in members(cluster) {
            plan.wait("ready", node, parts::agent().map(|ask| ask.on(node)), "MidoNet's agent runs", 5)
                .title("MidoNet is there")
                .provides(milestone::NETWORK_READY);
        }
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("ready", |_, case| match case.get::<Option<ServiceFact>>(0)? {
            Some(agent) if agent.active => met(),
            _ => unmet(format!("{} does not run", parts::AGENT)),
        })
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        proof::verify(cluster, checks)
    }
}

impl Network for Midonet {
    fn offer(cluster: &Cluster<Config>) -> Result<NetworkOffer, Vec<Problem>> {
        let problems = mistakes(cluster);
        if problems.is_empty() {
            // Never the installer's: it would bring calico.
            Ok(NetworkOffer { kind: "midonet".into(), pods: cluster.config.pods.clone(), by_platform: false })
        } else {
            Err(problems)
        }
    }
}

/// Everything that the cluster file alone shows to be wrong.
fn mistakes(cluster: &Cluster<Config>) -> Vec<Problem> {
    let config = &cluster.config;
    let mut problems = SHARE.mistakes(cluster, &config.pods, members(cluster).len());
    let count = config.zookeeper.len();
    if count < 3 || count % 2 == 0 {
        problems.push(
            problem("midonet.zookeeper-count", format!("there are {count} ZooKeeper servers, MidoNet wants three or more, and an odd number"))
                .at("/zookeeper")
                .help("an even number bears no more losses than one less; one bears none"),
        );
    }
    for (key, url) in [("api", Some(&config.api)), ("keystone", config.keystone.as_ref())] {
        let Some(url) = url else { continue };
        match Page::of(url) {
            None => problems.push(
                problem("midonet.url", format!("{url} is no address of a page")).at(format!("/{key}")).help("write it like http://10.0.0.41:8080/midonet-api"),
            ),
            // The platform's apiserver takes this port on every manager.
            Some(page) if page.port == 8181 => {
                if let Some(manager) = cluster.role(Role::Manage).into_iter().find(|manager| manager.address == page.host) {
                    let message = format!("{url} is on {}, a manager, where the platform's kube-apiserver takes port 8181", manager.name);
                    problems.push(problem("midonet.port-taken", message).at(format!("/{key}")).help("run MidoNet's API elsewhere, or on another port"));
                }
            }
            Some(_) => {}
        }
    }
    problems
}

fn few_network_nodes(cluster: &Cluster<Config>) -> Option<String> {
    match cluster.role(Role::Network).len() {
        0 => Some("there is no network node: nothing leaves MidoNet, and nothing comes in".into()),
        1 => Some("there is one network node: losing it cuts all applications off, and going over to another is done by hand".into()),
        _ => None,
    }
}

/// Host and port of a URL.
struct Page<'a> {
    host: &'a str,
    port: u16,
}

impl<'a> Page<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let standard = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let (authority, _) = rest.split_once('/')?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, standard),
        };
        (!host.is_empty()).then_some(Page { host, port })
    }
}

arcus_sdk::export!(network: Midonet);
