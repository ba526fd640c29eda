//! A cluster that grows on real nodes: managers from one to three with real members of etcd, additions that fail half-way, nodes that come,
//! that leave, and that the file does not name.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::{NodeSpec, World, wait_until};
use arcus_tests::{Checkout, Picture, Scenes, bare, root};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Until an apply ends.
const LIMIT: Duration = Duration::from_secs(300);
/// Until a plan or a look ends.
const LOOK: Duration = Duration::from_secs(120);
const ETCD: &str = "etcdctl --endpoints=http://127.0.0.1:2379";
const MARK: &str = "/kept/through/all";

#[test]
fn a_cluster_grows_and_shrinks() -> Result<()> {
    let nodes = [
        ("manage01", 11, "manage"),
        ("manage02", 12, "manage"),
        ("manage03", 13, "manage"),
        ("compute01", 21, "compute"),
        ("compute02", 22, "compute"),
        ("compute03", 23, "compute"),
        ("edge01", 41, "gateway"),
        ("files", 31, "storage"),
    ];
    let nodes = nodes.map(|(name, last, role)| NodeSpec::new(name, Ipv4Addr::new(10, 99, 0, last)).role(role));
    let world = bare(&nodes, |options| options.knob("install-seconds", "0\n").knob("unknown-seconds", "8\n"))?;
    shared(&world)?;
    let life = Life { world: &world, operator: Checkout::new(&world, &file())? };
    // Without a cluster there is nothing to play with.
    life.apply(&[])?.code(0)?;
    let mut scenes = Scenes::default();
    scenes.play("a second manager that fails half-way is forgotten by the first, with all its keys", || life.one_to_two_fails());
    scenes.play("a third one that fails is taken out, while two go on; status says half-way", || life.two_to_three_fails());
    scenes.play("three managers, verified, and what was kept before", || life.three());
    scenes.play("members of etcd that are down are what status opens with", || life.down());
    scenes.play("a compute node and a gateway come at the same time, and touch nobody else", || life.two_more());
    scenes.play("what the file does not name is told in every plan, fails verify, and is left alone", || life.unlisted());
    scenes.play("a manager left out, an even number of them, another role: refused with what to do", || life.refused());
    scenes.play("a compute node and a gateway leave", || life.leave());
    scenes.end();
    world.stop()
}

/// Four are added by one apply, one at a time; then any two may be lost.
#[test]
#[ignore = "four minutes: cargo xtask test --long"]
fn from_one_manager_to_five() -> Result<()> {
    let last = [11, 12, 13, 14, 15];
    let managers = (1..).zip(last).map(|(number, last)| NodeSpec::new(&format!("manage0{number}"), Ipv4Addr::new(10, 99, 0, last)).role("manage"));
    let others = [("compute01", 21, "compute"), ("compute02", 22, "compute"), ("files", 31, "storage")].map(|(name, last, role)| NodeSpec::new(name, Ipv4Addr::new(10, 99, 0, last)).role(role));
    let nodes: Vec<NodeSpec> = managers.chain(others).collect();
    let world = bare(&nodes, |options| options.knob("install-seconds", "0\n"))?;
    shared(&world)?;
    let life = Life { world: &world, operator: Checkout::new(&world, &file())? };
    life.apply(&[])?.code(0)?;
    let mut scenes = Scenes::default();
    scenes.play("one, two, three, four, five: each takes part before the next is added", || life.five());
    scenes.play("two of the five are lost, and the others go on", || life.two_of_five_lost());
    scenes.end();
    world.stop()
}

fn file() -> PathBuf {
    root().join("tests/tests/scale/cluster.yaml")
}

/// What an operator has mounted everywhere: one brick on a machine that the cluster file does not name.
fn shared(world: &World) -> Result<()> {
    let install = |package: &str| format!("export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -q -y install {package}");
    let nodes = world.nodes();
    let each = |act: &(dyn Fn(&arcus_lab::Node<'_>) -> Result<()> + Sync)| -> Result<()> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = nodes.iter().map(|node| scope.spawn(move || act(node))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
        })
    };
    each(&|node| node.sh(&install(if node.name() == "files" { "glusterfs-server" } else { "glusterfs-client" })).map(drop))?;
    world.node("files")?.sh("systemctl enable --now glusterd && gluster --mode=script volume create data 10.99.0.31:/data/brick && gluster volume start data")?;
    each(&|node| match node.name() {
        "files" => Ok(()),
        _ => node.sh("mkdir -p /grdata && echo '10.99.0.31:/data /grdata glusterfs defaults,_netdev 0 0' >> /etc/fstab && mount /grdata").map(drop),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The cluster, and its operator.
struct Life<'w> {
    world: &'w World,
    operator: Checkout<'w>,
}

impl Life<'_> {
    fn sh(&self, node: &str, line: &str) -> Result<String> {
        self.world.node(node)?.sh(line)
    }

    fn apply(&self, more: &[&str]) -> Result<arcus_tests::Ended> {
        self.operator.run(&[&["apply", "--yes", "--no-verify"], more].concat(), LIMIT)
    }

    /// Adds a line to the nodes of the file.
    fn add(&self, name: &str, address: &str, roles: &str) -> Result<()> {
        self.operator.replace("\nstorage:\n", &format!("  - {{ name: {name}, address: {address}, roles: [{roles}] }}\n\nstorage:\n"))
    }

    /// Takes a node's line out of the file.
    fn strike(&self, name: &str) -> Result<()> {
        let text = self.operator.text()?;
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains(&format!("{{ name: {name},"))).collect();
        self.operator.write(&(lines.join("\n") + "\n"))
    }

    /// Names of the members of etcd that run, and of all that are registered, by their addresses.
    fn members(&self, from: &str) -> Result<BTreeSet<String>> {
        let list: Value = serde_json::from_str(&self.sh(from, &format!("{ETCD} member list -w json"))?)?;
        let urls = list["members"].as_array().context("no members")?.iter().filter_map(|member| member["peerURLs"][0].as_str());
        Ok(urls.filter_map(|url| url.strip_prefix("http://")?.strip_suffix(":2380").map(str::to_owned)).collect())
    }

    fn members_are(&self, from: &str, wanted: &[&str]) -> Result<()> {
        let members = self.members(from)?;
        ensure!(members == wanted.iter().map(|address| (*address).to_owned()).collect(), "etcd has {members:?}, wanted {wanted:?}");
        // By a majority, not from memory.
        self.sh(from, &format!("{ETCD} endpoint health")).map(drop)
    }

    /// All keys, and what was written once, with the revision it was written at.
    fn keys(&self, from: &str) -> Result<(BTreeSet<String>, Value)> {
        let keys = self.sh(from, &format!("{ETCD} get --prefix / --keys-only"))?;
        let mark: Value = serde_json::from_str(&self.sh(from, &format!("{ETCD} get {MARK} -w json"))?)?;
        let mark = mark["kvs"][0].clone();
        ensure!(mark["value"].is_string(), "the mark is gone");
        Ok((keys.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(), mark))
    }

    fn nothing_is_lost(&self, before: &(BTreeSet<String>, Value), from: &str) -> Result<()> {
        let now = self.keys(from)?;
        let lost: Vec<&String> = before.0.difference(&now.0).collect();
        ensure!(lost.is_empty(), "keys are gone: {lost:?}");
        ensure!(before.1 == now.1, "the mark is {} and was {}", now.1, before.1);
        Ok(())
    }

    /// Its etcd cannot be started: what goes wrong is real.
    fn break_etcd(&self, node: &str) -> Result<()> {
        self.sh(node, "chmod -x /usr/bin/etcd").map(drop)
    }

    fn heal_etcd(&self, node: &str) -> Result<()> {
        self.sh(node, "chmod +x /usr/bin/etcd").map(drop)
    }

    fn one_to_two_fails(&self) -> Result<()> {
        self.sh("manage01", &format!("{ETCD} put {MARK} once"))?;
        // More than what one answer of a node can hold.
        self.sh("manage01", &format!("for n in 1 2 3 4; do head -c 950000 /dev/urandom | base64 -w0 | {ETCD} put /kept/large/$n > /dev/null; done"))?;
        let before = self.keys("manage01")?;
        self.add("manage02", "10.99.0.12", "manage")?;
        self.add("manage03", "10.99.0.13", "manage")?;
        let plan = self.operator.run(&["plan"], LOOK)?.code(0)?;
        plan.says("majority")?.says("etcd-before-manage02.db")?;
        self.apply(&[])?.code(2)?.says("--accept quorum")?;
        self.members_are("manage01", &["10.99.0.11"])?;

        self.break_etcd("manage02")?;
        let ended = self.apply(&["--accept", "quorum"])?.code(1)?;
        ended.says("rainbond.install-failed")?.says("run.made-good")?.says("--force-new-cluster")?;
        self.members_are("manage01", &["10.99.0.11"])?;
        self.nothing_is_lost(&before, "manage01")?;
        let script = self.sh("manage01", "cat /opt/rainbond/scripts/start-etcd.sh; tr '\\0' ' ' < /proc/$(pidof etcd)/cmdline")?;
        ensure!(!script.contains("force-new-cluster"), "it would be alone again: {script}");
        ensure!(self.sh("manage02", "systemctl is-enabled etcd || true")?.trim() == "disabled", "the failed one would come up again");
        // The platform answers again, and nothing is left to be mended.
        wait_until("grctl", Duration::from_secs(30), || Ok(self.sh("manage01", "grctl node list")?.contains("10.99.0.22")))?;
        self.operator.run(&["mend", "--yes"], LOOK)?.code(0)?.says("nothing is broken")?;
        Ok(())
    }

    fn two_to_three_fails(&self) -> Result<()> {
        let before = self.keys("manage01")?;
        self.heal_etcd("manage02")?;
        self.break_etcd("manage03")?;
        let ended = self.apply(&["--accept", "quorum"])?.code(1)?;
        ended.says("rainbond.install-failed")?.says("run.made-good")?.says("take manage03 out of etcd again")?;
        for from in ["manage01", "manage02"] {
            self.members_are(from, &["10.99.0.11", "10.99.0.12"])?;
            self.nothing_is_lost(&before, from)?;
        }
        let status = self.operator.run(&["status"], LOOK)?.code(0)?;
        let first = status.stdout.lines().next().unwrap_or_default();
        ensure!(first.contains("half-way: 2 members of etcd, 0 failures tolerated"), "status opens with {first:?}");
        self.heal_etcd("manage03")
    }

    fn three(&self) -> Result<()> {
        let before = self.keys("manage01")?;
        self.apply(&[])?.code(0)?;
        for from in ["manage01", "manage02", "manage03"] {
            self.members_are(from, &["10.99.0.11", "10.99.0.12", "10.99.0.13"])?;
            self.nothing_is_lost(&before, from)?;
        }
        self.operator.run(&["verify"], LIMIT)?.code(0)?;
        self.operator.nothing_is_left("applied", LOOK)?;
        let status = self.operator.run(&["status"], LOOK)?.code(0)?.stdout;
        ensure!(!status.contains("half-way"), "{status}");

        // Snapshots that etcd itself takes for good, and dumps; for nobody else's eyes.
        let kept = self.operator.folder().join(".arcus/kept");
        let names: Vec<String> = std::fs::read_dir(&kept)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<std::io::Result<_>>()?;
        for what in ["etcd-before-manage02.db", "etcd-before-manage03.db", "console-before-manage02.sql", "console-before-manage03.sql"] {
            let name = names.iter().find(|name| name.ends_with(what)).with_context(|| format!("no {what} among {names:?}"))?;
            let mode = std::fs::metadata(kept.join(name))?.permissions().mode();
            ensure!(mode & 0o777 == 0o600, "{name} has mode {mode:o}");
            if what.ends_with(".sql") {
                ensure!(std::fs::read_to_string(kept.join(name))?.contains("region_info"), "{name} is no dump of the console");
            }
        }
        let newest = names.iter().filter(|name| name.ends_with("etcd-before-manage03.db")).max().context("no snapshot")?;
        let snapshot = std::fs::read(kept.join(newest))?;
        ensure!(snapshot.windows(MARK.len()).any(|bytes| bytes == MARK.as_bytes()), "the snapshot has not every key");
        // In pieces, and the same all the same.
        ensure!(snapshot.len() > 4 << 20, "the snapshot has {} bytes only", snapshot.len());
        let there = self.sh("manage01", "sha256sum < /opt/rainbond/backup/etcd.db")?;
        ensure!(there.starts_with(&hex(&Sha256::digest(&snapshot))), "what was fetched is not what is there");
        Ok(())
    }

    fn five(&self) -> Result<()> {
        self.sh("manage01", &format!("{ETCD} put {MARK} once"))?;
        let before = self.keys("manage01")?;
        let all = ["manage01", "manage02", "manage03", "manage04", "manage05"];
        for (name, last) in all.iter().zip(11..).skip(1) {
            self.add(name, &format!("10.99.0.{last}"), "manage")?;
        }
        let ended = self.apply(&["--accept", "quorum"])?.code(0)?;
        let when = |words: String| ended.stderr.find(&words).with_context(|| format!("nothing says {words:?}:\n{}", ended.stderr));
        for pair in all[1..].windows(2) {
            let through = when(format!("done    install Rainbond on {}", pair[0]))?;
            ensure!(through < when(format!("begin   install Rainbond on {}", pair[1]))?, "{} was begun before {} was through:\n{}", pair[1], pair[0], ended.stderr);
        }
        for from in all {
            self.members_are(from, &["10.99.0.11", "10.99.0.12", "10.99.0.13", "10.99.0.14", "10.99.0.15"])?;
            self.nothing_is_lost(&before, from)?;
        }
        self.operator.run(&["verify"], LIMIT)?.code(0)?;
        self.operator.nothing_is_left("five managers", LOOK)?;
        let status = self.operator.run(&["status"], LOOK)?.code(0)?.stdout;
        ensure!(!status.contains("half-way"), "{status}");
        Ok(())
    }

    fn two_of_five_lost(&self) -> Result<()> {
        let before = self.keys("manage03")?;
        for name in ["manage01", "manage02"] {
            self.world.node(name)?.power_off()?;
        }
        wait_until("a majority of three", Duration::from_secs(60), || Ok(self.sh("manage03", &format!("{ETCD} put /kept/without-two once")).is_ok()))?;
        self.nothing_is_lost(&before, "manage05")?;
        for name in ["manage01", "manage02"] {
            self.world.node(name)?.power_on()?;
        }
        self.operator.run(&["verify"], LIMIT)?.code(0)?;
        self.operator.nothing_is_left("all five are back", LOOK)
    }

    fn two_more(&self) -> Result<()> {
        self.add("compute03", "10.99.0.23", "compute")?;
        self.add("edge01", "10.99.0.41", "gateway")?;
        let plan = self.operator.json(&["plan"], 0, LOOK)?;
        let touched: BTreeSet<&str> = plan["steps"].as_array().into_iter().flatten().chain(plan["later"].as_array().into_iter().flatten()).filter_map(|step| step["node"].as_str()).collect();
        ensure!(touched == BTreeSet::from(["compute03", "edge01", "manage01"]), "the plan touches {touched:?}");
        let before = Picture::of_files(self.world)?;
        let ended = self.apply(&[])?.code(0)?;
        let when = |words: &str| ended.stderr.find(words).with_context(|| format!("nothing says {words:?}"));
        let begun = [when("begin   install Rainbond on compute03")?, when("begin   install Rainbond on edge01")?];
        ensure!(begun.iter().all(|begun| *begun < when("done    install Rainbond on").unwrap_or_default()), "they were installed one after the other:\n{}", ended.stderr);
        let own = ["file /etc/", "file /opt/rainbond/scripts", "file /opt/rainbond/conf", "file /usr/", "file /root/"];
        let mut changed = before.differences(&Picture::of_files(self.world)?);
        changed.retain(|one| !["compute03", "edge01", "manage01"].contains(&one.node.as_str()) && own.iter().any(|top| one.what.starts_with(top)));
        // The network's own daemon learns of new peers by itself.
        changed.retain(|one| !one.what.starts_with("file /etc/calico/bird.conf"));
        ensure!(changed.is_empty(), "others were changed: {}", changed.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        self.operator.nothing_is_left("applied", LOOK)?;
        let list = self.sh("manage01", "grctl node list")?;
        ensure!(list.lines().any(|line| line.contains("10.99.0.41") && line.contains("| gateway ")), "{list}");
        Ok(())
    }

    /// One of three members is down, and then two.
    fn down(&self) -> Result<()> {
        let opens = |words: &str| {
            let status = self.operator.run(&["status"], LOOK)?.code(0)?;
            let first = status.stdout.lines().next().unwrap_or_default().to_owned();
            ensure!(first.contains(words), "status opens with {first:?}");
            Ok(())
        };
        self.sh("manage03", "systemctl stop etcd")?;
        let one = opens("etcd of manage03 does not answer: 2 of 3 members do, and 0 more may fail: `systemctl start etcd` on manage03");
        self.sh("manage02", "systemctl stop etcd")?;
        let two = opens("etcd has no majority of its 3 members");
        let planned = self.operator.run(&["plan"], LOOK);
        for node in ["manage02", "manage03"] {
            self.sh(node, "systemctl start etcd")?;
        }
        one.and(two)?;
        planned?.says("rainbond.no-majority")?.never_says("try how fast its disk is")?;
        wait_until("a majority", Duration::from_secs(30), || Ok(self.sh("manage01", &format!("{ETCD} endpoint health")).is_ok()))?;
        self.operator.run(&["verify"], LIMIT)?.code(0).map(drop)
    }

    fn with_file(&self, change: impl FnOnce() -> Result<()>, act: impl FnOnce() -> Result<()>) -> Result<()> {
        let text = self.operator.text()?;
        let done = change().and_then(|()| act());
        self.operator.write(&text)?;
        done
    }

    fn unlisted(&self) -> Result<()> {
        self.with_file(
            || self.strike("compute03"),
            || {
                let before = self.sh("compute03", "systemctl show -p ActiveEnterTimestamp node calico; cat /etc/fstab")?;
                self.operator.run(&["plan"], LOOK)?.code(0)?.says("rainbond.unlisted-node")?.says("compute03 at 10.99.0.23")?;
                self.apply(&[])?.code(0)?;
                self.operator.run(&["verify"], LIMIT)?.code(6)?.says("unlisted")?;
                let after = self.sh("compute03", "systemctl show -p ActiveEnterTimestamp node calico; cat /etc/fstab")?;
                ensure!(before == after, "it was touched: {after}");
                Ok(())
            },
        )
    }

    fn refused(&self) -> Result<()> {
        let member = self.sh("manage01", &format!("{ETCD} member list | grep 10.99.0.13: | cut -d, -f1"))?;
        let leaves = || {
            let ended = self.operator.run(&["plan"], LOOK)?.code(3)?.says("rainbond.manager-left-out")?.says(&format!("etcdctl member remove {}", member.trim()))?;
            ended.says("put it back").map(drop)
        };
        self.with_file(|| self.strike("manage03"), leaves)?;
        // The first one is missed by what the others are members of, and the others are not half an init.
        self.with_file(|| self.strike("manage01"), || {
            let ended = self.operator.run(&["plan"], LOOK)?.code(3)?.says("rainbond.first-left-out")?.says("manage02 and manage03 take part in a living etcd with 10.99.0.11")?;
            ended.never_says("rm -rf")?;
            self.operator.run(&["status"], LOOK)?.says("the manager that Rainbond was installed from is missing in the file").map(drop)
        })?;
        self.with_file(
            || self.strike("manage03").and_then(|()| self.operator.replace(", time-sync, manager-count]", ", time-sync]")),
            || self.operator.run(&["validate"], LOOK)?.code(3)?.says("cluster.manager-count")?.says("make it 1 or 3").map(drop),
        )?;
        self.with_file(
            || self.operator.replace("address: 10.99.0.41, roles: [gateway]", "address: 10.99.0.41, roles: [compute]"),
            || self.operator.run(&["plan"], LOOK)?.code(3)?.says("rainbond.role-changed")?.says("arcus node remove edge01").map(drop),
        )?;
        self.operator.run(&["node", "remove", "manage02", "--yes"], LOOK)?.code(3)?.says("rainbond.manager-stays")?.says("etcdctl member remove").map(drop)
    }

    fn leave(&self) -> Result<()> {
        self.operator.run(&["node", "remove", "nobody", "--yes"], LOOK)?.code(3)?.says("node.unknown")?;
        for (name, address) in [("compute03", "10.99.0.23"), ("edge01", "10.99.0.41")] {
            self.operator.run(&["node", "remove", name, "--yes"], LIMIT)?.code(0)?.says(&format!("{name} is out"))?;
            let list = self.sh("manage01", "grctl node list")?;
            ensure!(!list.contains(address), "{list}");
            let runs = self.sh(name, "systemctl is-active node calico rbd-gateway etcd-proxy || true")?;
            ensure!(!runs.lines().any(|line| line == "active"), "{name}: {runs}");
            self.strike(name)?;
        }
        self.apply(&[])?.code(0)?;
        self.operator.run(&["verify"], LIMIT)?.code(0)?;
        self.operator.nothing_is_left("applied", LOOK)?;
        Ok(())
    }
}
