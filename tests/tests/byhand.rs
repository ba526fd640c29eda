//! A cluster that somebody built by hand with the guide's own commands, mistakes included: Arcus looks at it without any memory of it,
//! says what is otherwise than it should be and why, mends that and nothing else; and every check that the guide has done by hand is one
//! that `verify` makes, and that fails when what it is about is broken.

mod byhand {
    pub mod guide;
}

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::{World, nodes_of};
use arcus_tests::{Checkout, Scenes, bare, root};
use byhand::guide::{self, COMPUTE, MANAGERS};

/// Longest that an apply may take.
const LIMIT: Duration = Duration::from_secs(240);
/// Longest that a look may take.
const LOOK: Duration = Duration::from_secs(120);

#[test]
fn a_cluster_built_by_hand() -> Result<()> {
    let file = root().join("examples/guide/cluster.yaml");
    let world = bare(&nodes_of(&file)?, |options| options.knob("version", "5.0\n").knob("install-seconds", "0\n"))?;
    let operator = Checkout::new(&world, &file)?.with_grctl("grctl-5.0");
    let hand = Hand { world: &world, operator: &operator };
    let mut scenes = Scenes::default();
    scenes.play("it is built with the guide's commands", || guide::build(&world));
    scenes.play("the plan says what is otherwise, and why", || hand.explained());
    scenes.play("verify needs no journal, and fails what the plan would mend", || hand.verified());
    scenes.play("the plan is applied, and nothing is left; what was in use stays in use", || hand.taken_over());
    scenes.play("3.4: the storage, where `mount | grep` is content", || hand.storage());
    scenes.play("5.2, 6.2 and 8.2: the cluster, a manager, a compute node", || hand.nodes());
    scenes.play("7.2: the address", || hand.address());
    scenes.end();
    world.stop()
}

/// The cluster, and somebody who has a file and nothing else.
struct Hand<'w> {
    world: &'w World,
    operator: &'w Checkout<'w>,
}

/// All nodes that mount the shared directory.
const MEMBERS: [&str; 5] = ["manage01", "manage02", "manage03", "compute01", "compute02"];

/// What a plan does about the guide's cluster, on which nodes (or of what), and a word of why.
const DIFFERENCES: [(&str, &[&str], &str); 20] = [
    // `echo >>` without `_netdev`.
    ("mount", &MEMBERS, "fstab has other options"),
    ("options", &["data"], "network.ping-timeout is not set, wanted is 10"),
    ("keep-forward", &MEMBERS, "not there"),
    // Nobody looks whether the gateway is well; equal priorities; a password that everybody has.
    ("health", &MANAGERS, "not there"),
    ("configure", &MANAGERS, "differs"),
    ("run", &MANAGERS, CHANGES),
    // Whether the address is at home cannot be told without a program that tells who is well.
    ("answering", &["vip"], "there is no program /etc/keepalived/arcus-gateway-check on this node"),
    // Everything but TCP applications still leads to the first manager.
    ("region", &["rainbond"], "wsurl is ws://10.99.0.11:6060"),
    ("domain", &["manage01"], "it leads to 10.99.0.11"),
    ("names", &MEMBERS, "differs"),
    ("dns", &MEMBERS, "differs"),
    ("dns-update", &MEMBERS, "goodrain.me leads to 10.99.0.11"),
    // Who was a manager when the node was installed.
    ("pods-etcd", &MANAGERS, "differs"),
    ("agent-etcd", &MANAGERS, "differs"),
    ("agent-run", &MANAGERS, CHANGES),
    ("agent-well", &MANAGERS, CHANGES),
    // What the installer leaves for everybody to read.
    ("seal", &["manage01"], "has the mode 0644"),
    // The guide ends with `node install`.
    ("up", &COMPUTE, "offline"),
    ("joined", &COMPUTE, "offline"),
    ("proxy-run", &COMPUTE, "offline"),
];

/// Why something is done after something else.
const CHANGES: &str = "what it depends on changes before it";

/// What `verify` says of it: the same, and nothing else.
const FAILING: [(&str, &[&str]); 13] = [
    ("options", &[]),
    ("fstab", &MEMBERS),
    ("configuration", &MANAGERS),
    ("right-holder", &[]),
    ("member", &COMPUTE),
    ("cluster-status", &[]),
    ("services", &[]),
    ("region", &[]),
    ("domain", &[]),
    ("names", &MEMBERS),
    ("dns", &MEMBERS),
    ("etcd-endpoints", &MANAGERS),
    ("passwords", &["manage01"]),
];

impl Hand<'_> {
    fn sh(&self, node: &str, line: &str) -> Result<String> {
        self.world.node(node)?.sh(line)
    }

    /// What is not well now.
    fn failing(&self) -> Result<BTreeSet<String>> {
        Ok(self.operator.failing(LOOK)?.into_iter().collect())
    }

    /// Breaks things, each on its node; sees that these checks fail, among others that follow; and mends them.
    fn fail(&self, broken: &[(&str, &str)], wanted: &[&str], mended: &[(&str, &str)]) -> Result<()> {
        let do_all = |lines: &[(&str, &str)]| lines.iter().try_for_each(|(node, line)| self.sh(node, line).map(drop).with_context(|| format!("{node}: {line}")));
        let seen = do_all(broken).and_then(|()| self.failing());
        do_all(mended)?;
        let seen = seen?;
        let missing: Vec<&&str> = wanted.iter().filter(|name| !seen.contains(**name)).collect();
        ensure!(missing.is_empty(), "{missing:?} pass; what fails is {seen:?}");
        Ok(())
    }

    fn well_again(&self) -> Result<()> {
        self.operator.run(&["verify"], LIMIT)?.code(0).map(drop)
    }

    fn explained(&self) -> Result<()> {
        let plan = self.operator.json(&["plan"], 0, LOOK)?;
        let steps = plan["steps"].as_array().context("no steps")?;
        let wanted: BTreeSet<String> = DIFFERENCES.iter().flat_map(|(verb, on, _)| on.iter().map(move |on| format!("{verb}:{on}"))).collect();
        let reasons: BTreeMap<String, String> =
            steps.iter().map(|step| (step["id"].as_str().unwrap_or_default().to_owned(), step["why"].as_str().unwrap_or_default().to_owned())).collect();
        let planned: BTreeSet<String> = reasons.keys().cloned().collect();
        ensure!(planned == wanted, "not planned: {:?}; planned, and nobody needs it: {:#?}", &wanted - &planned, reasons.iter().filter(|(id, _)| !wanted.contains(*id)).collect::<Vec<_>>());
        for (id, why) in &reasons {
            let word = DIFFERENCES.iter().find(|(verb, ..)| id.split(':').next() == Some(verb)).map_or("", |(.., word)| word);
            ensure!(why.starts_with("first time: ") && why.contains(word), "{id} is to be done because {why:?}, not {word:?}");
        }
        ensure!(plan["later"].as_array().is_some_and(Vec::is_empty), "for later: {}", plan["later"]);
        // For people: the file's old lines and its new ones.
        self.operator.run(&["plan"], LOOK)?.code(0)?.says("auth_pass 1111")?.says("fstab has other options").map(drop)
    }

    fn verified(&self) -> Result<()> {
        let seen = self.failing()?;
        let of = |(check, on): &(&str, &[&str])| match on.is_empty() {
            true => vec![(*check).to_owned()],
            false => on.iter().map(|node| format!("{check}@{node}")).collect(),
        };
        let wanted: BTreeSet<String> = FAILING.iter().flat_map(of).collect();
        ensure!(seen == wanted, "too many: {:?}; missing: {:?}", &seen - &wanted, &wanted - &seen);
        ensure!(!self.operator.folder().join(".arcus/runs").exists(), "there is a journal");
        Ok(())
    }

    /// The number of the mount: another one was mounted anew.
    fn mounts(&self) -> Result<Vec<String>> {
        MEMBERS.iter().map(|node| self.sh(node, "awk '$5 == \"/grdata\" { print $1, $3 }' /proc/self/mountinfo")).collect()
    }

    fn taken_over(&self) -> Result<()> {
        let before = self.mounts()?;
        self.operator.converged(&["--accept", "blackout"], LIMIT)?;
        ensure!(self.mounts()? == before, "what was in use was mounted anew");
        for node in MEMBERS {
            self.sh(node, "[ \"$(grep -c /grdata /etc/fstab)\" = 1 ] && grep -q '^server1:/data /grdata glusterfs .*_netdev' /etc/fstab").with_context(|| format!("fstab of {node}"))?;
        }
        for node in MANAGERS {
            self.sh(node, "grep -q 'auth_pass 1111' /etc/keepalived/keepalived.conf.arcus-original && grep -q 'virtual_router_id 51' /etc/keepalived/keepalived.conf && ! grep -q 1111 /etc/keepalived/keepalived.conf")
                .with_context(|| format!("keepalived on {node}"))?;
        }
        ensure!(self.sh("manage01", "cat /var/log/standin-grctl-init.log")?.lines().count() == 1, "there was another init");
        Ok(())
    }

    fn storage(&self) -> Result<()> {
        // Lazily: the platform's own check looks into it now and then.
        let gone = ("compute01", "umount -l /grdata");
        let back = ("compute01", "umount -l /grdata; mount /grdata");
        self.fail(&[gone], &["mounted@compute01", "shared@compute01"], &[back])?;
        let content = "mkdir -p /srv/old && mount --bind /srv/old /grdata && mount | grep /grdata && ! findmnt -t fuse.glusterfs /grdata";
        self.fail(&[gone, ("compute01", content)], &["mounted@compute01", "shared@compute01"], &[back])?;
        self.fail(
            &[("compute02", "sed -i.was /grdata/d /etc/fstab && mount | grep /grdata"), ("server2", "pkill -x glusterfsd")],
            &["fstab@compute02", "bricks"],
            &[("compute02", "mv /etc/fstab.was /etc/fstab"), ("server2", "gluster volume start data force")],
        )?;
        self.well_again()
    }

    fn nodes(&self) -> Result<()> {
        let first = "manage01";
        let uid = self.sh(first, "grctl node list | awk '$4 == \"10.99.0.21\" { print $2 }'")?;
        let (cordon, uncordon) = (format!("grctl node cordon {}", uid.trim()), format!("grctl node uncordon {}", uid.trim()));
        self.fail(
            &[
                ("manage02", "systemctl stop node rbd-gateway"),
                ("manage03", "systemctl stop etcd"),
                (first, &cordon),
                ("compute02", "systemctl stop node"),
                // What the guide looks at says for a while that all is well there.
                (first, "grctl node list | grep -q '10.99.0.12 .* running ' && grctl node list | grep -q '10.99.0.22 .* running '"),
            ],
            &[
                "member@manage02", "gateway@manage02", "gateway-reached@manage02", "etcd@manage03", "etcd-reached@manage03", "member@compute01",
                "member@compute02",
            ],
            &[("manage02", "systemctl start rbd-gateway node"), ("manage03", "systemctl start etcd"), (first, &uncordon), ("compute02", "systemctl start node")],
        )?;
        self.fail(&[(first, "systemctl stop rbd-api")], &["api@manage01", "api-reached@manage01", "cluster-status", "services"], &[(first, "systemctl start rbd-api")])?;
        self.well_again()
    }

    fn address(&self) -> Result<()> {
        // Of two backups one is deaf; the guide sees the address come up on the other.
        self.fail(&[("manage02", "systemctl stop keepalived")], &["keepalived@manage02"], &[("manage02", "systemctl start keepalived")])?;
        // A mistyped number, and two hold the address.
        let mistyped = "cp /etc/keepalived/keepalived.conf /root/right && sed -i 's/virtual_router_id 51/virtual_router_id 52/' /etc/keepalived/keepalived.conf && systemctl restart keepalived && \
                        for i in $(seq 100); do ip -4 addr show eth0 | grep -q 10.99.0.100 && exit 0; sleep 0.1; done; exit 1";
        self.fail(
            &[("manage02", mistyped)],
            &["one-holder", "configuration@manage02"],
            &[("manage02", "cp /root/right /etc/keepalived/keepalived.conf && systemctl restart keepalived")],
        )?;
        // A machine that the file does not make a gateway speaks with the group's number.
        let speaks = format!("systemd-run -q --unit=stranger /usr/bin/perl -e '{STRANGER}'");
        self.fail(&[("compute01", &speaks)], &["unlisted"], &[])?;
        let told = self.operator.run(&["plan"], LOOK)?.code(0);
        self.sh("compute01", "systemctl stop stranger")?;
        told?.says("vrrp.unlisted")?.says("compute01 at 10.99.0.21 (priority 90)")?;
        self.well_again()
    }
}

/// Signs of life of VRRP's version 2, to everybody: number 51, priority 90.
const STRANGER: &str = r#"socket(S, 2, 3, 112) or die; setsockopt(S, 0, 33, pack("C", 255));
while (1) {
  send(S, pack("C8", 0x21, 51, 90, 1, 0, 1, 0, 0) . pack("C4", 10, 99, 0, 100), 0, pack("Sna4x8", 2, 0, pack("C4", 224, 0, 0, 18)));
  select(undef, undef, undef, 0.3);
}"#;
