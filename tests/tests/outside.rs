//! Plugins that are no part of Arcus, on real nodes: built by their author's commands, added and approved by an operator, applied, proven,
//! planned again with nothing left, and drilled.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcus_lab::{NodeSpec, World, nodes_of, wait_until};
use arcus_tests::{Checkout, approved, bare, component, outside};
use serde_json::Value;

/// Until an apply or a drill ends.
const LIMIT: Duration = Duration::from_secs(300);
/// Until a look ends, or a node is back.
const SOON: Duration = Duration::from_secs(120);

/// A cluster file in a folder of its own, and its nodes.
struct Desk {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

impl Desk {
    fn new(text: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("cluster.yaml");
        std::fs::write(&file, text)?;
        Ok(Self { _folder: folder, file })
    }

    fn nodes(&self) -> Result<Vec<NodeSpec>> {
        nodes_of(&self.file)
    }
}

/// One stage after the other: each stands on those before it.
fn stage(what: &str, play: impl FnOnce() -> Result<()>) -> Result<()> {
    let began = Instant::now();
    eprintln!("== {what}");
    play().with_context(|| format!("stage: {what}"))?;
    eprintln!("   ({:.1} s)", began.elapsed().as_secs_f32());
    Ok(())
}

/// Takes a component into the cluster as an operator does: nothing of it is planned before it was approved.
fn admit(operator: &Checkout<'_>, name: &str, component: &Path) -> Result<()> {
    operator.run(&["plugin", "add", &component.display().to_string()], SOON)?.code(0)?;
    operator.run(&["plan"], SOON)?.code(7)?.says("plugin.not-approved")?.says(&format!("arcus plugin approve {name}"))?;
    operator.run(&["plugin", "approve", name, "--digest", &approved(component)?], SOON)?.code(0)?;
    operator.run(&["plugin", "list"], SOON)?.code(0)?.says(name)?.says("approved, unsigned").map(drop)
}

/// Checks that did not pass, of one plugin: `id@node`. They are looked at until they are these, since what was broken is seen when it
/// is looked for.
fn failing(operator: &Checkout<'_>, wanted: &[&str]) -> Result<()> {
    let mut found = Vec::new();
    let waited = wait_until(&format!("these to fail and nothing else: {wanted:?}"), SOON, || {
        found = operator.failing(SOON)?;
        found.sort();
        Ok(found == wanted)
    });
    waited.map(drop).with_context(|| format!("{found:?} fail"))
}

/// One drill, which must be sound: the fault was there, it was borne, and all is as before.
fn drilled(operator: &Checkout<'_>, id: &str) -> Result<Value> {
    let ended = operator.run(&["-o", "json", "drill", id, "--accept", "blackout", "--yes"], LIMIT)?;
    let report: Value = serde_json::from_str(&ended.stdout).with_context(|| format!("no JSON:\n{}\n{}", ended.stdout, ended.stderr))?;
    let drill = report["drills"].as_array().and_then(|drills| drills.first()).with_context(|| format!("no drill: {report:#}\n{}", ended.stderr))?;
    ensure!(drill["id"] == id && drill["recovered"] != false && drill["restored"] != false, "{report:#}");
    ensure!(report["not_verified"] == serde_json::json!([]), "it does not verify afterwards: {report:#}");
    for watch in drill["watches"].as_array().into_iter().flatten() {
        eprintln!("           {} {}: {} ms of at most {}, {} on the way back, from {}", drill["id"], watch["id"], watch["blackout_ms"], watch["at_most_ms"], watch["fail_back_ms"], watch["vantage"]);
    }
    Ok(drill.clone())
}

const VXLAN: &str = "\
cluster: { name: tunnels, id: 5e0c1d64-8b7e-4d52-9a1b-6f0b9a3c2e71 }
ssh: { user: root, port: 22 }
nodes:
  - { name: manage01, address: 10.99.0.11, roles: [manage] }
  - { name: compute01, address: 10.99.0.21, roles: [compute] }
  - { name: compute02, address: 10.99.0.22, roles: [compute] }
network: { use: flannel }
";

#[test]
fn pods_reach_each_other_through_tunnels_of_the_kernel() -> Result<()> {
    let component = outside("network-vxlan")?;
    let desk = Desk::new(VXLAN)?;
    let world = bare(&desk.nodes()?, |options| options)?;
    let operator = Checkout::new(&world, &desk.file)?;
    let mesh = Mesh { world: &world, operator: &operator };
    stage("one line and one command: another network", || mesh.swapped_in(&component))?;
    stage("with a platform that always brings a network of its own it is refused", || mesh.refused_by_the_platform())?;
    stage("apply, verify, and nothing is left to do", || mesh.applied())?;
    stage("pods of different nodes answer each other with the largest packets, and not with larger ones", || mesh.pods())?;
    stage("what somebody takes from the kernel is seen, and made again", || mesh.mended())?;
    stage("a node is lost, and the others do not notice", || mesh.drilled())?;
    stage("a node that lost its power has its tunnels again, and its new pod is reached", || mesh.power_loss())?;
    world.stop()
}

struct Mesh<'w> {
    world: &'w World,
    operator: &'w Checkout<'w>,
}

impl Mesh<'_> {
    fn sh(&self, node: &str, line: &str) -> Result<String> {
        self.world.node(node)?.sh(line)
    }

    fn swapped_in(&self, component: &Path) -> Result<()> {
        self.operator.run(&["validate"], SOON)?.code(0)?;
        self.operator.replace("network: { use: flannel }", "network: { use: vxlan }")?;
        admit(self.operator, "network-vxlan", component)
    }

    fn refused_by_the_platform(&self) -> Result<()> {
        let text = self.operator.text()?;
        self.operator.write(&format!("{text}platform: {{ use: rainbond, rainbond: {{ version: \"5.1\" }} }}\n"))?;
        let refused = self.operator.run(&["validate"], SOON).and_then(|ended| ended.code(3)?.says("rainbond.network")?.says("beside which vxlan cannot run"));
        self.operator.write(&text)?;
        refused.map(drop)
    }

    fn applied(&self) -> Result<()> {
        self.operator.converged(&[], LIMIT)?;
        let made = self.sh("compute01", "ip -d -o link show arcus-vxlan; bridge fdb show dev arcus-vxlan; ip route show dev arcus-vxlan")?;
        for words in ["vxlan id 76 local 10.99.0.21", "mtu 1450", "02:76:0a:63:00:16 dst 10.99.0.22 self permanent", "10.244.22.0/24 via 10.244.22.0 onlink"] {
            ensure!(made.contains(words), "{words:?} is not in\n{made}");
        }
        // Nobody listens for what is not for him: nothing is flooded, and nothing learned.
        ensure!(!made.contains("00:00:00:00:00:00") && made.contains("nolearning"), "{made}");
        Ok(())
    }

    /// A pod as a container runtime makes it: by the programs that the plugin's file names, from Debian's package of them. Its address.
    fn pod(&self, node: &str, number: u32) -> Result<String> {
        let line = format!(
            "set -e
             [ -x /usr/lib/cni/bridge ] || dpkg-deb --fsys-tarfile /srv/repo/containernetworking-plugins_*.deb | tar -x -C / ./usr/lib/cni/bridge ./usr/lib/cni/host-local
             ip netns add pod{number}
             python3 -c 'import json; list = json.load(open(\"/etc/cni/net.d/10-arcus-vxlan.conflist\")); print(json.dumps(dict(list[\"plugins\"][0], name=list[\"name\"], cniVersion=list[\"cniVersion\"])))' |
               CNI_COMMAND=ADD CNI_CONTAINERID={node}-{number} CNI_NETNS=/run/netns/pod{number} CNI_IFNAME=eth0 CNI_PATH=/usr/lib/cni /usr/lib/cni/bridge"
        );
        let said: Value = serde_json::from_str(&self.sh(node, &line)?)?;
        let address = said["ips"][0]["address"].as_str().and_then(|address| address.split('/').next()).with_context(|| format!("no address: {said:#}"))?;
        Ok(address.to_owned())
    }

    fn pods(&self) -> Result<()> {
        let (one, other) = (self.pod("compute01", 1)?, self.pod("compute02", 1)?);
        ensure!(one.starts_with("10.244.21.") && other.starts_with("10.244.22."), "{one}, {other}");
        for (from, to) in [("compute01", &other), ("compute02", &one)] {
            // 1422 bytes are 1450 with their headers.
            self.sh(from, &format!("ip netns exec pod1 ping -n -c 2 -W 3 -M do -s 1422 {to}"))?;
            let refused = self.sh(from, &format!("ip netns exec pod1 ping -n -c 1 -W 3 -M do -s 1423 {to} 2>&1 || true"))?;
            ensure!(refused.to_lowercase().contains("message too long") && refused.contains("1450"), "{refused}");
        }
        // It goes through the tunnel and nowhere else, with the pod's own address.
        let wrapped = self.sh(
            "compute02",
            &format!("timeout 20 python3 -c 'import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)); s.bind((\"eth0\", 0)); s.settimeout(15)
while True:
    p = s.recv(2000)
    if p[23] == 17 and p[36:38] == (4789).to_bytes(2, \"big\") and p[62:64] == b\"\\x08\\x00\":
        print(int.from_bytes(p[46:49], \"big\"), socket.inet_ntoa(p[76:80]), socket.inet_ntoa(p[80:84])); break' & sleep 1; ip netns exec pod1 ping -n -c 3 -W 3 {one} > /dev/null; wait $!"),
        )?;
        ensure!(wrapped.trim() == format!("76 {one} {other}") || wrapped.trim() == format!("76 {other} {one}"), "what is wrapped: {wrapped}");
        let verified = self.operator.json(&["verify"], 0, LIMIT)?;
        let proven = verified["checks"].as_array().into_iter().flatten().filter(|check| check["id"] == "pods" && check["result"] == "passed").count();
        ensure!(proven == 3, "pods are proven from {proven} nodes: {verified:#}");
        Ok(())
    }

    fn mended(&self) -> Result<()> {
        self.sh("compute01", "ip route del 10.244.22.0/24 && bridge fdb del 02:76:0a:63:00:0b dev arcus-vxlan dst 10.99.0.11")?;
        self.sh("manage01", "ip link del arcus-vxlan")?;
        failing(self.operator, &["mesh@compute01", "mesh@manage01", "packets@compute01", "packets@compute02", "packets@manage01", "pods@compute01", "pods@compute02", "pods@manage01"])?;
        self.operator.converged(&[], LIMIT)
    }

    fn drilled(&self) -> Result<()> {
        let isolated = drilled(self.operator, "network-isolate")?;
        ensure!(isolated["fault"] == "isolate", "{isolated:#}");
        drilled(self.operator, "network-stop").map(drop)
    }

    fn power_loss(&self) -> Result<()> {
        let node = self.world.node("compute01")?;
        node.power_off()?;
        node.power_on()?;
        let mine = || Ok(self.sh("compute01", "ip -o link show arcus-vxlan && systemctl is-active arcus-vxlan").is_ok());
        wait_until("the tunnels after a boot", SOON, mine)?;
        let pod = self.pod("compute01", 2)?;
        // The lab gives it another network card, whose address the others learn when they ask anew.
        let answers = || Ok(self.sh("compute02", &format!("ip netns exec pod1 ping -n -c 2 -W 3 -M do -s 1422 {pod}")).is_ok());
        wait_until("its new pod", SOON, answers)?;
        self.operator.converged(&[], LIMIT)
    }
}

const STORAGE: &str = "\
cluster: { name: moose, id: 8c1f3b7e-2d64-4a0b-9e58-7a3c5d9b1f42 }
ssh: { user: root, port: 22 }
nodes:
  - { name: manage01, address: 10.99.0.11, roles: [manage] }
  - { name: compute01, address: 10.99.0.21, roles: [compute] }
  - { name: storage01, address: 10.99.0.31, roles: [storage] }
  - { name: storage02, address: 10.99.0.32, roles: [storage] }
  - { name: storage03, address: 10.99.0.33, roles: [storage] }
platform: { use: shelf, shelf: { users: [node.service] } }
plugins: { platform-shelf: ./shelf.wasm }
preflight: { relax: [manager-count, compute-count] }
";
const GLUSTER: &str = "glusterfs: { volume: data, brick: /data/brick, arbiter: storage03 }";

/// The cluster file with this storage.
fn with_storage(storage: &str) -> String {
    format!("{STORAGE}storage: {{ {storage} }}\n")
}

#[test]
fn moosefs_is_the_shared_directory_from_bare_nodes() -> Result<()> {
    let (moosefs, shelf) = (outside("storage-moosefs")?, component("tests/shelf-plugin")?);
    let desk = Desk::new(&with_storage(&format!("use: glusterfs, {GLUSTER}")))?;
    let world = bare(&desk.nodes()?, |options| options)?;
    let operator = Checkout::new(&world, &desk.file)?;
    operator.approve("platform-shelf", &shelf)?;
    let herd = Herd { world: &world, operator: &operator };
    stage("one line and one command: another storage", || {
        operator.run(&["validate"], SOON)?.code(0)?;
        operator.replace(&format!("use: glusterfs, {GLUSTER}"), "use: moosefs")?;
        admit(&operator, "storage-moosefs", &moosefs)
    })?;
    stage("apply, verify, and nothing is left to do", || herd.applied())?;
    stage("every file is kept twice, on two nodes", || herd.copies())?;
    stage("a storage node is lost while a compute node writes", || herd.drilled())?;
    stage("without its master it waits, and goes on by itself when he is back from a power loss", || herd.without_master())?;
    stage("another storage is not mounted over it", || herd.not_covered())?;
    world.stop()
}

#[test]
#[ignore = "minutes: cargo xtask test --long"]
fn from_glusterfs_to_moosefs() -> Result<()> {
    let (moosefs, shelf) = (outside("storage-moosefs")?, component("tests/shelf-plugin")?);
    let desk = Desk::new(&with_storage(&format!("use: glusterfs, {GLUSTER}")))?;
    let world = bare(&desk.nodes()?, |options| options)?;
    let operator = Checkout::new(&world, &desk.file)?;
    operator.approve("platform-shelf", &shelf)?;
    let herd = Herd { world: &world, operator: &operator };
    stage("a cluster on GlusterFS, with files of every kind and somebody who writes", || herd.on_glusterfs())?;
    stage("the wish is in the file, and the plugin is approved", || {
        operator.write(&with_storage(&format!("use: moosefs, migrating-from: glusterfs, {GLUSTER}")))?;
        operator.run(&["plugin", "add", &moosefs.display().to_string()], SOON)?.code(0)?;
        operator.run(&["plugin", "approve", "storage-moosefs", "--digest", &approved(&moosefs)?], SOON)?.code(0)?;
        let ended = operator.run(&["apply", "--yes"], LIMIT)?.says("migrate.pending")?.says("arcus migrate start")?;
        ensure!(!ended.status.success(), "an apply moved it");
        Ok(())
    })?;
    stage("it moves, and nothing is lost", || herd.moved())?;
    stage("without the old storage in the file: apply, verify, and nothing is left", || {
        operator.write(&with_storage("use: moosefs"))?;
        operator.converged(&[], LIMIT)
    })?;
    world.stop()
}

struct Herd<'w> {
    world: &'w World,
    operator: &'w Checkout<'w>,
}

impl Herd<'_> {
    fn sh(&self, node: &str, line: &str) -> Result<String> {
        self.world.node(node)?.sh(line)
    }

    fn applied(&self) -> Result<()> {
        self.operator.converged(&[], LIMIT)?;
        let mounted = self.sh("compute01", "grep ' /grdata ' /proc/mounts")?;
        ensure!(mounted.starts_with("10.99.0.31:9421:/ /grdata fuse.moosefs "), "{mounted}");
        Ok(())
    }

    fn copies(&self) -> Result<()> {
        self.sh("manage01", "dd if=/dev/urandom of=/grdata/one bs=1M count=8 conv=fsync 2> /dev/null")?;
        let told = self.sh("compute01", "mfsfileinfo /grdata/one")?;
        let places = told.lines().filter(|line| line.contains("status:VALID")).count();
        ensure!(places == 2, "{told}");
        // Neither is a machine that the platform did not name let in, nor a chunk server of somebody else's.
        let stranger = self.sh("storage02", "apt-get -qq -y --no-install-recommends install moosefs-client > /dev/null 2>&1; mkdir -p /mnt/x; mount -t moosefs 10.99.0.31:9421:/ /mnt/x 2>&1 || echo refused")?;
        ensure!(stranger.contains("refused"), "a stranger mounted it: {stranger}");
        Ok(())
    }

    fn drilled(&self) -> Result<()> {
        let drill = drilled(self.operator, "storage-isolate")?;
        ensure!(drill["fault"] == "isolate", "{drill:#}");
        self.operator.converged(&[], LIMIT)
    }

    /// Whoever writes waits for him, and goes on: nothing is lost, and nothing is written below the mount.
    fn without_master(&self) -> Result<()> {
        let before = self.sh("compute01", "sha256sum /grdata/one")?;
        let master = self.world.node("storage01")?;
        master.power_off()?;
        self.sh("compute01", "systemd-run -q --unit=late sh -c 'echo late > /grdata/late && sync /grdata/late'; sleep 3; systemctl is-active late")?;
        master.power_on()?;
        let mut last = String::new();
        let waited = wait_until("the directory", SOON, || {
            last = self.sh("compute01", "timeout -s KILL 10 sh -c 'sha256sum /grdata/one; cat /grdata/late' 2>&1 || true")?;
            Ok(last == format!("{before}late\n"))
        });
        waited.with_context(|| {
            let state = self.sh("storage01", "systemctl --no-pager -n 15 status moosefs-master moosefs-chunkserver 2>&1; ls -l /var/lib/mfs; true");
            format!("{last}\n{}", state.unwrap_or_else(|error| error.to_string()))
        })?;
        self.operator.converged(&[], LIMIT)
    }

    fn not_covered(&self) -> Result<()> {
        let text = self.operator.text()?;
        self.operator.write(&with_storage(&format!("use: glusterfs, {GLUSTER}")))?;
        let refused = self.operator.run(&["plan"], SOON).and_then(|ended| ended.code(3)?.says("gluster.other-mounted")?.says("arcus migrate"));
        self.operator.write(&text)?;
        refused.map(drop)
    }

    fn on_glusterfs(&self) -> Result<()> {
        self.operator.run(&["apply", "--yes", "--no-verify"], LIMIT)?.code(0)?;
        let odd = "import os, random
os.chdir('/grdata')
for n in range(200):
    d, f = divmod(n, 50)
    if f == 0: os.makedirs(f'tenant/{d}')
    open(f'tenant/{d}/{f}', 'wb').write(os.urandom(f * 300))
open(b'new\\nline', 'w').write('x'); open(b'\\377\\376', 'w').write('x')
os.link('tenant/1/1', 'hard'); os.symlink('hard', 'soft'); open('sparse', 'w').truncate(8 << 20)
os.utime('tenant/1/4', ns=(10**18 + 123456789, 10**18 + 123456789))
os.setxattr('tenant/1/2', 'user.a', b'b'); os.chown('tenant/1/3', 1234, 4321)";
        self.sh("manage01", &format!("cat > /root/odd.py <<'Y'\n{odd}\nY\npython3 /root/odd.py"))?;
        let writer = r#"cat > /usr/local/bin/writer <<'Y'
#!/bin/sh
n=$(tail -n 1 /grdata/log 2>/dev/null); n=${n:-0}
while n=$((n + 1)); do echo "$n" >> /grdata/log && sync /grdata/log && echo "$n" > /run/written || exit 1; sleep 0.3; done
Y
chmod 755 /usr/local/bin/writer
printf '[Service]\nExecStart=/usr/local/bin/writer\nRestart=always\nRestartSec=1\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/node.service
systemctl daemon-reload && systemctl enable -q --now node.service"#;
        self.sh("compute01", writer).map(drop)
    }

    /// All files that nobody writes to, with what is to be kept of them.
    fn digest(&self) -> Result<String> {
        let line = "cd /grdata && { find . -path ./.trashcan -prune -o ! -name log ! -path . -printf '%y %m %U %G %p %l\\n' | sort; find . -path ./.trashcan -prune -o -type f ! -name log -print0 | sort -z | xargs -0 sha256sum; getfattr -n user.a --only-values tenant/1/2; stat -c %Y tenant/1/4; stat -c %h hard; } | sha256sum";
        self.sh("manage01", line)
    }

    fn moved(&self) -> Result<()> {
        let before = self.digest()?;
        self.operator.run(&["migrate", "start", "--yes", "--accept", "blackout"], LIMIT)?.code(0)?;
        ensure!(self.digest()? == before, "what was copied differs");
        self.operator.run(&["migrate", "confirm", "--yes"], LIMIT)?.code(0)?;
        let whole = "sleep 2; awk '$1 != NR { print \"line \" NR \" is \" $1; exit 1 }' /grdata/log && [ \"$(wc -l < /grdata/log)\" -ge \"$(cat /run/written)\" ] && systemctl is-active node.service";
        self.sh("compute01", whole).context("lines were lost")?;
        let mounted = self.sh("compute01", "grep ' /grdata ' /proc/mounts")?;
        ensure!(mounted.starts_with("10.99.0.31:9421:/ /grdata fuse.moosefs "), "{mounted}");
        Ok(())
    }
}
