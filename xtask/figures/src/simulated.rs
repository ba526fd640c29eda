//! Nodes that are not there: bare machines with Debian, of which everything is known and nothing is done yet.

use arcus_contract::facts::{Answer, Clock, Fact, Hardware, Likeness, Mounted, NetworkInterface, Os, Probe, Reachability, Request};
use arcus_contract::handoffs::{GatewayOffer, Handed, Input, NetworkOffer, PlatformDemand, SharedDirectory, StorageOffer};
use arcus_contract::types::{Node, Problem, Role};
use arcus_plugin::Asker;
use async_trait::async_trait;

/// Managers, storage nodes, and compute nodes for the rest.
pub fn nodes(count: usize) -> Vec<Node> {
    let node = |number: usize| {
        let (name, roles) = match number {
            0..3 => (format!("manage{number}"), vec![Role::Manage, Role::Gateway]),
            3..6 => (format!("storage{number}"), vec![Role::Storage]),
            _ => (format!("compute{number}"), vec![Role::Compute]),
        };
        Node { name, address: address(number), roles, labels: vec![] }
    };
    (0..count).map(node).collect()
}

/// Of the node of this number, within 10.99.0.0/16.
pub fn address(number: usize) -> String {
    let number = number + 11;
    format!("10.99.{}.{}", number / 250, number % 250 + 1)
}

/// What a plugin is given.
pub fn input(count: usize, config: &str) -> Input {
    let nodes = nodes(count);
    let sharing = nodes.iter().filter(|node| !node.roles.contains(&Role::Storage)).map(|node| node.name.clone()).collect();
    Input {
        cluster_id: "6b0d6a51-3a3f-4f0e-9a55-2f7d1c1e8a10".into(),
        cluster: "figures".into(),
        config: config.into(),
        handed: Handed {
            demands: PlatformDemand {
                shared: Some(SharedDirectory { path: "/grdata".into(), nodes: sharing, attach: true, users: vec![] }),
                ..PlatformDemand::default()
            },
            storage: vec![(
                "glusterfs".into(),
                StorageOffer { source: format!("{}:/data", address(3)), fstype: "glusterfs".into(), options: vec!["log-level=WARNING".into()], local: vec![] },
            )],
            network: Some(NetworkOffer { kind: "calico".into(), pods: "10.244.0.0/16".into(), by_platform: true }),
            gateway: Some(GatewayOffer { address: "10.99.200.200".into(), managers: None }),
            others: vec![],
        },
        nodes,
    }
}

/// What such a machine says.
pub fn answer(node: &str, probe: &Probe) -> Answer {
    let text = |text: &str| text.to_owned();
    Ok(match probe {
        Probe::Os => Fact::Os(Os {
            id: text("debian"),
            version: text("12"),
            like: vec![],
            kernel: text("6.1.0-28-amd64"),
            arch: text("x86_64"),
            hostname: node.to_owned(),
            machine_id: format!("{node:0>32}"),
            boot_id: format!("{node:0>36}"),
        }),
        Probe::Hardware => Fact::Hardware(Hardware { cpus: 8, memory_bytes: 32 << 30 }),
        Probe::Mounts => Fact::Mounts(vec![mounted("/dev/sda1", "/", "ext4"), mounted("/dev/sdb1", "/data", "xfs")]),
        Probe::BlockDevices => Fact::BlockDevices(vec![]),
        Probe::Interfaces => {
            let number = node.trim_start_matches(|c: char| c.is_ascii_lowercase()).parse().unwrap_or(0);
            let addresses = vec![format!("{}/16", address(number))];
            Fact::Interfaces(vec![NetworkInterface { name: text("eth0"), up: true, mtu: 1500, mac: text("02:00:00:00:00:01"), addresses }])
        }
        Probe::Routes => Fact::Routes(vec![]),
        Probe::Sockets => Fact::Sockets(vec![]),
        Probe::Clock => Fact::Clock(Clock { offset_ms: 1, error_ms: 1, synchronised: true }),
        Probe::File(_) => Fact::File(None),
        Probe::FileIs(_) => Fact::FileIs(Likeness::Absent),
        Probe::Directory(_) => Fact::Directory(None),
        Probe::Package(_) => Fact::Package(None),
        Probe::Service(_) => Fact::Service(None),
        Probe::KernelModule(_) => Fact::KernelModule(true),
        Probe::Sysctl(_) => Fact::Sysctl(Some(text("0"))),
        Probe::Neighbour(_) => Fact::Neighbour(None),
        Probe::VrrpHeard(_) => Fact::VrrpHeard(vec![]),
        Probe::Reach(_) => Fact::Reach(Reachability::Refused),
        Probe::Job(_) => Fact::Job(None),
        Probe::Holders(_) => Fact::Holders(vec![]),
        Probe::Query(query) => return Err(missing(node, &query.id)),
    })
}

fn mounted(source: &str, target: &str, fstype: &str) -> Mounted {
    let (size_bytes, free_bytes) = (100 << 30, 90 << 30);
    Mounted { source: source.into(), target: target.into(), fstype: fstype.into(), options: vec!["rw".into()], size_bytes, free_bytes, live: true, fstab: Some(vec!["defaults".into()]) }
}

/// The programs of nothing are installed.
pub fn missing(node: &str, what: &str) -> Problem {
    Problem { code: "query.missing".into(), message: format!("{what} is not there"), node: Some(node.into()), ..Problem::default() }
}

/// All of them, asked at once.
pub struct Everybody;

impl Everybody {
    pub fn answers(requests: &[Request]) -> Vec<Answer> {
        requests.iter().map(|request| answer(&request.node, &request.probe)).collect()
    }
}

#[async_trait]
impl Asker for Everybody {
    async fn ask(&self, _: &str, requests: Vec<Request>) -> Vec<Answer> {
        Self::answers(&requests)
    }
}
