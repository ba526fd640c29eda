//! Flannel on five real nodes on one segment: from bare machines to packets that pods of different nodes exchange; what else is there
//! or is asked for is refused before anything is changed; every piece that breaks is seen, also where the platform's own check is content.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::{World, nodes_of, wait_until};
use arcus_tests::{Allowed, Checkout, Picture, bare, root, staged, unexplained};
use serde_json::Value;

const PLUGIN: &str = "network-flannel";
/// Until an apply ends.
const LIMIT: Duration = Duration::from_secs(150);
/// Until a plan or a look ends.
const LOOK: Duration = Duration::from_secs(120);

#[test]
fn flannel_from_bare_nodes_to_packets_between_pods() -> Result<()> {
    let file = root().join("examples/flannel/cluster.yaml");
    let world = bare(&nodes_of(&file)?, |options| options)?;
    let life = Life { world: &world, operator: Checkout::new(&world, &file)? };
    staged(&life, STAGES)?;
    world.stop()
}

type Stage = fn(&Life<'_>) -> Result<()>;

const STAGES: &[(&str, Stage)] = &[
    ("midonet is refused on bare nodes, with all that is missing, and nothing is changed", |life| life.midonet_is_refused()),
    ("a node behind a gateway is refused, and nothing is changed", |life| life.a_gateway_between_is_refused()),
    ("apply, verify, and nothing is left to do", |life| life.applied_and_verified()),
    ("a pod of one node and a pod of another answer each other", |life| life.pods_answer_each_other()),
    ("calico asked for where flannel is: refused, and nothing is changed", |life| life.calico_is_refused()),
    ("every piece that breaks is seen", |life| life.every_broken_piece_is_seen()),
    ("mended, all is well again", |life| life.mended()),
    ("a compute node that lost its power has its subnet again, and its new pod is reached", |life| life.power_loss()),
];

/// Where a change of Arcus's would be. (Logs go on whatever anybody does.)
const LOOKED_AT: [&str; 5] = ["file /etc/", "file /opt/", "file /usr/", "file /var/lib/arcus", "file /data"];

/// What goes on by itself there.
const ALLOWED: [Allowed; 3] = [
    Allowed { what: "file /opt/rainbond/data/etcd/member/snap/*", why: "every node's agent reports to etcd each few seconds" },
    Allowed { what: "file /opt/rainbond/data/etcd/member/wal/*", why: "the same" },
    Allowed { what: "file /data/brick/.glusterfs/health_check", why: "GlusterFS writes there each half minute, to see whether the disk is well" },
];

/// The cluster, and its operator.
struct Life<'w> {
    world: &'w World,
    operator: Checkout<'w>,
}

impl Life<'_> {
    fn sh(&self, node: &str, line: &str) -> Result<String> {
        self.world.node(node)?.sh(line)
    }

    /// An apply that is refused, saying all of this, and leaves every node's configuration and programs as they were.
    fn refused(&self, says: &[&str]) -> Result<()> {
        let before = Picture::of_files(self.world)?;
        let mut ended = self.operator.run(&["apply", "--yes"], LIMIT)?.code(3)?;
        for words in says {
            ended = ended.says(words)?;
        }
        let mut changed = unexplained(before.differences(&Picture::of_files(self.world)?), &[], &ALLOWED);
        changed.retain(|one| LOOKED_AT.iter().any(|top| one.what.starts_with(top)));
        ensure!(changed.is_empty(), "it changed {}", changed.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        Ok(())
    }

    /// With other words in the cluster file for as long as this takes.
    fn with_file(&self, change: impl FnOnce(&Checkout<'_>) -> Result<()>, act: impl FnOnce() -> Result<()>) -> Result<()> {
        let text = self.operator.text()?;
        change(&self.operator)?;
        let done = act();
        self.operator.write(&text)?;
        done
    }

    fn midonet_is_refused(&self) -> Result<()> {
        let words = "  use: midonet\n  midonet:\n    zookeeper: [10.99.0.11, 10.99.0.12, 10.99.0.13]\n    api: http://10.99.0.11:8080/midonet-api\n";
        let ask = |operator: &Checkout<'_>| operator.replace("  use: flannel\n  flannel:\n    pods: 10.244.0.0/16\n", words);
        self.with_file(ask, || {
            self.operator.run(&["validate"], LOOK)?.code(3)?.says("cluster.network-nodes")?.says("give two nodes the role `network`")?;
            for node in ["{ name: compute01, address: 10.99.0.21", "{ name: compute02, address: 10.99.0.22"] {
                self.operator.replace(&format!("{node}, roles: [compute] }}"), &format!("{node}, roles: [compute, network] }}"))?;
            }
            self.operator.run(&["validate"], LOOK)?.code(3)?.says("beside which midonet cannot run")?;
            self.refused(&[
                "rainbond.network",
                "beside which midonet cannot run",
                "manage01, manage02, manage03, compute01, compute02: there is no midolman.service",
                "there is no /opt/rainbond/etc/cni/10-midonet.conf",
                "nobody listens on 10.99.0.11:2181",
                "nobody listens on 10.99.0.11:8080",
            ])
        })
    }

    /// The same subnet, and yet not the same segment: a route of the node's own leads over another machine.
    fn a_gateway_between_is_refused(&self) -> Result<()> {
        self.sh("compute02", "ip route add 10.99.0.21/32 via 10.99.0.11")?;
        let refused = self.refused(&["flannel.not-one-segment", "compute02 reaches compute01 by 10.99.0.11 and not directly"]);
        self.sh("compute02", "ip route del 10.99.0.21/32")?;
        refused
    }

    fn applied_and_verified(&self) -> Result<()> {
        let apply = || self.operator.run(&["apply", "--yes", "--no-verify"], LIMIT);
        // On a busy machine it may need longer than anything may here: it is killed then, and the next goes on.
        apply().or_else(|late| {
            eprintln!("   {late}: once more");
            apply()
        })?
        .code(0)?;
        let verified = self.operator.json(&["verify"], 0, LIMIT)?;
        for (id, node) in [("deployed", None), ("config", None), ("leases", None), ("routes", Some("manage03")), ("pods", Some("compute01"))] {
            ensure!(result(&verified, PLUGIN, id, node)?.0 == "passed", "{id} on {node:?}: {verified:#}");
        }
        self.operator.nothing_is_left("applied and verified", LOOK)?;
        self.operator.forget()?;
        self.operator.nothing_is_left("without any memory", LOOK)
    }

    /// The address of the youngest pod of a compute node.
    fn pod(&self, node: &str) -> Result<String> {
        Ok(self.sh(node, "cat /var/lib/cni/networks/cbr0/last_reserved_ip.0")?.trim().to_owned())
    }

    fn pods_answer_each_other(&self) -> Result<()> {
        for (from, to) in [("compute01", "compute02"), ("compute02", "compute01")] {
            let address = self.pod(to)?;
            self.sh(from, &format!("ip netns exec standin-pod ping -n -c 1 -W 3 {address}"))?;
            // By the other node itself, and by nothing that wraps them.
            let way = self.sh(from, &format!("ip route get {address}"))?;
            let hop = self.world.node(to)?.address();
            ensure!(way.contains(&format!("via {hop} dev eth0")), "{from} reaches {address} so: {way}");
        }
        Ok(())
    }

    fn calico_is_refused(&self) -> Result<()> {
        let ask = |operator: &Checkout<'_>| operator.replace("  use: flannel\n  flannel:\n", "  use: calico\n  calico:\n");
        self.with_file(ask, || self.refused(&["calico.other-network", "manage01 has flannel, and the file asks for calico", "flannel.service runs"]))
    }

    fn every_broken_piece_is_seen(&self) -> Result<()> {
        // Before, what is not so may be on its way.
        let age = "test $(($(cut -d. -f1 /proc/uptime) - $(systemctl show -p ActiveEnterTimestampMonotonic --value flannel) / 1000000)) -gt 60";
        for node in ["manage02", "manage03"] {
            wait_until("a flannel that has had its time", Duration::from_secs(90), || Ok(self.sh(node, age).is_ok()))?;
        }
        // Stopped in its tracks, it is a process still: the platform's own check passes, and nobody mends the route.
        self.sh("manage03", "systemctl kill -s STOP flannel && ip route del $(ip route | sed -n 's/^\\(10.244[^ ]*\\) via 10.99.0.21 .*/\\1/p')")?;
        self.sh("manage02", "rm /run/flannel/subnet.env")?;
        self.sh("compute01", "mv /opt/rainbond/etc/cni/10-flannel.conflist /root/ && ip addr del $(ip -o -4 addr show cni0 | awk '{ print $4 }') dev cni0")?;
        self.sh("compute02", "sysctl -qw net.ipv4.ip_forward=0")?;
        self.config("vxlan")?;
        let verified = self.operator.json(&["verify"], 6, LIMIT)?;
        for (id, node, wanted, says) in [
            ("config", None, "failed", "the backend is vxlan"),
            ("routes", Some("manage03"), "failed", "none to compute01"),
            ("subnet", Some("manage02"), "failed", "there is no /run/flannel/subnet.env"),
            ("subnets", None, "unknown", "4 of 5"),
            ("routes", Some("manage01"), "unknown", "which subnet manage02 has"),
            ("cni", Some("compute01"), "failed", "10-flannel.conflist"),
            ("bridge", Some("compute01"), "failed", "cni0 has"),
            ("forward", Some("compute02"), "failed", "is off"),
            ("pods", Some("manage01"), "failed", "on compute02: their own nodes reach them"),
            ("pods", Some("manage03"), "failed", "on compute02: their own nodes reach them"),
            ("running", Some("manage03"), "passed", ""),
        ] {
            let (found, detail) = result(&verified, PLUGIN, id, node)?;
            ensure!(found == wanted && detail.contains(says), "{id} on {node:?} is {found}: {detail}");
        }
        let (status, detail) = result(&verified, "platform-rainbond", "cluster-status", None)?;
        ensure!(status == "passed", "the platform itself should have noticed nothing of it: {detail}");
        Ok(())
    }

    fn config(&self, backend: &str) -> Result<()> {
        let value = format!(r#"{{"Network":"10.244.0.0/16", "SubnetLen": 24, "Backend": {{"Type": "{backend}"}}}}"#);
        let put = format!("curl -fsS -X PUT --data-urlencode 'value={value}' http://127.0.0.1:2379/v2/keys/kubernetes/network/config");
        self.sh("manage01", &put).map(drop)
    }

    fn mended(&self) -> Result<()> {
        self.config("host-gw")?;
        self.sh("manage03", "systemctl kill -s CONT flannel")?;
        self.sh("manage02", "systemctl restart flannel")?;
        self.sh("compute01", "mv /root/10-flannel.conflist /opt/rainbond/etc/cni/ && systemctl restart standin-pod")?;
        // What is the plugin's own is drift, and mended by it.
        let left = self.operator.planned(LOOK)?;
        ensure!(left.0.len() == 1 && left.1.is_empty(), "this is to do, and should be one step: {left:#?}");
        self.operator.run(&["apply", "--yes", "--no-verify"], LIMIT)?.code(0)?;
        ensure!(self.sh("compute02", "sysctl -n net.ipv4.ip_forward")?.trim() == "1");
        self.well()
    }

    /// Until the network is proven, whole.
    fn well(&self) -> Result<()> {
        let mut last = String::new();
        let waited = wait_until("a network that is proven", Duration::from_secs(120), || {
            let ended = self.operator.run(&["-o", "json", "verify"], LIMIT)?;
            let verified: Value = serde_json::from_str(&ended.stdout).with_context(|| ended.stderr.clone())?;
            let not: Vec<String> = of_plugin(&verified, PLUGIN).filter(|check| check["result"] != "passed").map(ToString::to_string).collect();
            last = not.join("\n");
            Ok(not.is_empty())
        });
        waited.map(drop).with_context(|| last.clone())
    }

    fn power_loss(&self) -> Result<()> {
        let subnet = |life: &Self| life.sh("compute01", "cat /run/flannel/subnet.env");
        let (before, pod) = (subnet(self)?, self.pod("compute01")?);
        let node = self.world.node("compute01")?;
        node.power_off()?;
        node.power_on()?;
        wait_until("its pod", Duration::from_secs(40), || Ok(self.sh("compute01", "ip netns exec standin-pod ip -br addr show eth0").is_ok()))?;
        ensure!(subnet(self)? == before, "it has another subnet now");
        // The address of the pod that is gone stays written down, as in real life, and deceives nobody.
        ensure!(self.pod("compute01")? != pod && self.sh("compute01", "ls /var/lib/cni/networks/cbr0")?.contains(&pod));
        self.well()?;
        self.pods_answer_each_other()
    }
}

fn of_plugin<'v>(verified: &'v Value, plugin: &str) -> impl Iterator<Item = &'v Value> {
    let all = verified["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(move |check| check["plugin"] == plugin)
}

/// What came of a check, and the words to it.
fn result<'v>(verified: &'v Value, plugin: &str, id: &str, node: Option<&str>) -> Result<(&'v str, &'v str)> {
    let check = of_plugin(verified, plugin).find(|check| check["id"] == id && check["node"].as_str() == node);
    let check = check.with_context(|| format!("{plugin} has no check {id} on {node:?}"))?;
    Ok((check["result"].as_str().unwrap_or_default(), check["detail"].as_str().unwrap_or_default()))
}
