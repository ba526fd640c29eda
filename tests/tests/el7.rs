//! A cluster whose nodes are like CentOS 7.4: packages by a real yum from repositories of RPMs, of which one is not known before its
//! package is installed; systemd's programs with the words of 219; sshd with the algorithms of 7.4; no python3, no perl, `sh` is bash.
//! It is none: `docs/systems.md` tells what this shows.

use std::time::Duration;

use anyhow::{Result, ensure};
use arcus_lab::{NodeSpec, System, World};
use arcus_tests::{Checkout, Scenes, relaxed};

/// Longest that anything here may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(400);

const FILE: &str = "\
cluster: { name: el7, id: 0f6d2b8c-7e41-4a95-8d3c-5b9a1e7f2c60 }
ssh: { user: root }
nodes:
  - { name: manage01, address: 10.99.0.11, roles: [manage, gateway] }
  - { name: compute01, address: 10.99.0.21, roles: [compute] }
  - { name: storage01, address: 10.99.0.31, roles: [storage] }
  - { name: storage02, address: 10.99.0.32, roles: [storage] }
  - { name: storage03, address: 10.99.0.33, roles: [storage] }
storage: { use: glusterfs, glusterfs: { brick: /data/brick, arbiter: storage03 } }
network: { use: calico, calico: { pods: 10.244.0.0/16 } }
gateway: { use: keepalived, keepalived: { vip: 10.99.0.100/24 } }
platform: { use: rainbond, rainbond: { version: \"5.1\" } }
";

#[test]
fn a_cluster_of_nodes_like_centos_7() {
    let nodes = [("manage01", 11, &["manage", "gateway"][..]), ("compute01", 21, &["compute"]), ("storage01", 31, &["storage"]), ("storage02", 32, &["storage"]), ("storage03", 33, &["storage"])];
    let nodes = nodes.map(|(name, last, roles)| NodeSpec { roles: roles.iter().map(|role| (*role).to_owned()).collect(), ..NodeSpec::new(name, [10, 99, 0, last].into()) }.like(System::El7));
    let world = arcus_tests::bare(&nodes, |options| options).expect("a lab");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{FILE}{}", relaxed(&["manager-count", "compute-count"]))).expect("the cluster file");
    let cluster = Cluster { checkout: Checkout::new(&world, file.path()).expect("a checkout"), world: &world };
    let mut scenes = Scenes::default();
    scenes.play("the nodes are what they are to be", || cluster.is_old());
    scenes.play("preflight knows the system", || cluster.preflight());
    scenes.play("the plan names packages as CentOS has them, and the repository first", || cluster.plan());
    scenes.play("all is installed by yum, applied, and verified; nothing is left", || cluster.apply());
    scenes.end();
    world.stop().expect("the lab ends");
}

struct Cluster<'w> {
    world: &'w World,
    checkout: Checkout<'w>,
}

impl Cluster<'_> {
    fn on(&self, node: &str, line: &str) -> Result<String> {
        self.world.node(node)?.sh(line)
    }

    fn is_old(&self) -> Result<()> {
        for (line, wanted) in [
            (". /etc/os-release; echo $ID $VERSION_ID", "centos 7"),
            ("readlink /bin/sh", "bash"),
            ("command -v yum; command -v dnf apt-get dpkg python3 perl", "/usr/bin/yum"),
            ("systemd-run --collect true 2>&1", "systemd-run: unrecognized option '--collect'"),
            ("yum -q list available glusterfs-server 2>&1 | tail -1", "Error: No matching Packages to list"),
        ] {
            let said = self.on("storage01", &format!("{line} || true"))?;
            ensure!(said.trim() == wanted, "{line}: {said}");
        }
        Ok(())
    }

    fn preflight(&self) -> Result<()> {
        let printed = self.checkout.json(&["preflight"], 0, LIMIT)?;
        let text = printed.to_string();
        ensure!(text.contains("the guide's is CentOS 7.4; this one was not tried"), "{printed:#}");
        Ok(())
    }

    fn plan(&self) -> Result<()> {
        let plan = self.checkout.json(&["plan"], 0, LIMIT)?;
        let text = plan.to_string();
        for name in ["centos-release-gluster", "glusterfs-server", "glusterfs-fuse", "keepalived"] {
            ensure!(text.contains(name), "no {name}: {plan:#}");
        }
        ensure!(!text.contains("glusterfs-client"), "Debian's name: {plan:#}");
        Ok(())
    }

    fn apply(&self) -> Result<()> {
        self.checkout.run(&["apply", "--yes", "--no-verify"], LIMIT)?.code(0)?;
        self.checkout.run(&["verify"], LIMIT)?.code(0)?;
        self.checkout.nothing_is_left("applied", LIMIT)?;
        self.checkout.forget()?;
        self.checkout.nothing_is_left("without memory", LIMIT)?;
        for (node, names) in [("storage01", "centos-release-gluster glusterfs-server"), ("compute01", "centos-release-gluster glusterfs-fuse"), ("manage01", "keepalived")] {
            self.on(node, &format!("rpm -q {names}"))?;
        }
        // As a reboot would need it.
        self.on("storage01", "systemctl is-enabled glusterd")?;
        self.on("compute01", "grep -q '^10.99.0.31:/data /grdata glusterfs ' /etc/fstab && grep -q ' /grdata fuse.glusterfs ' /proc/mounts")?;
        Ok(())
    }
}
