//! A shared directory of a real NFS server on real clients: kernels of their own, as the machine's may have no NFS. The platform is one
//! that wants the directory and nothing else.

mod nas {
    pub mod examples;
}

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::NodeSpec;
use arcus_tests::uml::{INSTALL_NFS, Image, Machines};
use arcus_tests::{Checkout, Scenes, component};

const SERVER: &str = "10.95.0.9";
const MANAGER: &str = "10.95.0.11";
const COMPUTE: &str = "10.95.0.21";
/// Longest that anything here may take. Such nodes are slow: every system call of theirs is several of the machine's.
const LIMIT: Duration = Duration::from_secs(600);
/// What an operator types.
const APPLY: &[&str] = &["apply", "--yes", "--no-verify"];

const FILE: &str = "\
cluster: { name: nas, id: 5b1e7a90-2c4d-4f86-9a3b-6d0e8f1c2a75 }
ssh: { user: root }
nodes:
  - { name: manage01, address: 10.95.0.11, roles: [manage, gateway] }
  - { name: compute01, address: 10.95.0.21, roles: [compute] }
storage: { use: nfs, nfs: { server: 10.95.0.9, export: /srv/grdata } }
platform: { use: shelf }
plugins: { platform-shelf: ./shelf.wasm }
preflight: { relax: [manager-count, compute-count, cpu, memory, disk-root, disk-docker, disk-opt-rainbond, disk-cache, disk-grlocaldata, os, time-sync] }
";

#[test]
#[ignore = "six minutes, on kernels of their own: cargo xtask test --long"]
fn an_nfs_server_as_the_shared_directory() {
    let image = Image::ensure().expect("a disk");
    let shelf = component("tests/shelf-plugin").expect("the platform");
    // One container, for the network's sake.
    let world = arcus_tests::bare(&[NodeSpec::new("none", [10, 95, 0, 250].into())], |options| options).expect("a lab");
    let mut machines = Machines::new(&world, &image);
    for (name, address) in [("nas", SERVER), ("manage01", MANAGER), ("compute01", COMPUTE)] {
        machines.boot(name, address).expect("it boots");
    }
    machines.wait(&[SERVER, MANAGER, COMPUTE]).expect("they answer");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), FILE).expect("the cluster file");
    let checkout = Checkout::new(&world, file.path()).expect("a checkout");
    checkout.approve("platform-shelf", &shelf).expect("the platform");
    let share = Share { machines: &machines, checkout: &checkout };
    let mut scenes = Scenes::default();
    scenes.play("a server that does not serve is told before anything is done", || share.unreachable());
    scenes.play("what is not exported is told in its words", || share.not_exported());
    scenes.play("root that becomes nobody stops before the platform begins", || share.squashed());
    scenes.play("all is applied, and proven, and nothing is left", || share.applied());
    scenes.play("a line of fstab is mended, live mounts are left alone", || share.fstab());
    scenes.play("what is broken on a node is told by verify", || share.broken());
    scenes.play("a handle that is stale is told on every node, and is well again when the directory is back", || share.stale());
    scenes.play("the same directory, mounted by the operator", || share.existing());
    scenes.play("another storage in the file moves no data", || share.another_kind());
    scenes.play("with the options of a NAS", || share.as_a_nas());
    let children = machines.into_children();
    world.stop().expect("the lab ends");
    for mut child in children {
        child.wait().expect("it ended");
    }
    scenes.end();
}

#[test]
#[ignore = "six machines with kernels of their own: cargo xtask test --long"]
fn examples_nas() {
    nas::examples::nas();
}

#[test]
#[ignore = "five machines with kernels of their own, and three more: cargo xtask test --long"]
fn examples_nfs_then_glusterfs() {
    nas::examples::nfs_then_glusterfs();
}

/// Makes a machine serve a directory by NFS.
fn serving(path: &str, export: &str) -> String {
    format!("{INSTALL_NFS} && mkdir -p -m 0777 {path} && echo '{path} {export}' > /etc/exports && systemctl enable --now nfs-server && exportfs -ra")
}

struct Share<'a> {
    machines: &'a Machines<'a>,
    checkout: &'a Checkout<'a>,
}

impl Share<'_> {
    fn on(&self, address: &str, line: &str) -> Result<String> {
        self.machines.sh(address, line, LIMIT)
    }

    fn on_clients(&self, line: &str) -> Result<()> {
        self.on(MANAGER, line)?;
        self.on(COMPUTE, line).map(drop)
    }

    /// The directory, and beside it another one.
    fn export(&self, options: &str) -> Result<()> {
        let client = format!("10.95.0.0/24({options},sync,no_subtree_check)");
        self.on(SERVER, &format!("printf '%s {client}\\n' /srv/grdata /srv/other > /etc/exports && exportfs -ra")).map(drop)
    }

    /// Codes of what a plan is refused for.
    fn refused(&self) -> Result<Vec<String>> {
        let ended = self.checkout.run(&["-o", "json", "plan"], LIMIT)?;
        let printed: serde_json::Value = serde_json::from_str(&ended.stdout).with_context(|| format!("{}\n{}", ended.stdout, ended.stderr))?;
        let of = |key: &str| printed["error"][key].as_array().cloned().unwrap_or_default();
        let mut codes: Vec<String> = [of("troubles"), of("diagnostics")].concat().iter().map(|error| error["code"].as_str().unwrap_or_default().to_owned()).collect();
        codes.dedup();
        ensure!(!ended.status.success() && !codes.is_empty(), "it was planned: {printed:#}");
        Ok(codes)
    }

    fn failing(&self) -> Result<Vec<String>> {
        self.checkout.failing(LIMIT)
    }

    fn not_begun(&self) -> Result<()> {
        self.on_clients("[ ! -e /etc/shelf ]").context("the platform began")
    }

    fn unreachable(&self) -> Result<()> {
        ensure!(self.refused()? == ["nfs.unreachable"], "{:?}", self.refused()?);
        self.on_clients("! command -v mount.nfs && [ ! -e /grdata ]").context("something was done")
    }

    fn not_exported(&self) -> Result<()> {
        self.on(SERVER, "mkdir -m 0777 /srv/grdata")?;
        self.machines.sh(SERVER, &serving("/srv/other", "10.95.0.0/24(rw,sync,no_subtree_check)"), 2 * LIMIT)?;
        let ended = self.checkout.run(APPLY, LIMIT)?.says("mount.nfs: ")?;
        ensure!(!ended.status.success(), "it ended well:\n{}", ended.stderr);
        self.not_begun()
    }

    fn squashed(&self) -> Result<()> {
        self.export("rw,root_squash")?;
        let ended = self.checkout.run(APPLY, LIMIT)?.says("takes root for somebody else")?;
        ensure!(!ended.status.success(), "it ended well:\n{}", ended.stderr);
        self.not_begun()?;
        // From then on before anything is done.
        ensure!(self.refused()? == ["nfs.root-squash"], "{:?}", self.refused()?);
        ensure!(self.on(SERVER, "stat -c %U /srv/grdata/.arcus")?.trim() == "nobody", "it is not nobody's");
        // A folder of root's that squashed root may not read.
        self.on(SERVER, "chown root:root /srv/grdata/.arcus")?;
        ensure!(self.refused()? == ["nfs.root-squash"], "{:?}", self.refused()?);
        self.on(SERVER, "rmdir /srv/grdata/.arcus")?;
        self.export("rw,no_root_squash")
    }

    fn applied(&self) -> Result<()> {
        self.checkout.converged(&[], LIMIT)?;
        self.on_clients("[ -e /etc/shelf ] && findmnt -n -t nfs4 /grdata | grep -q '10.95.0.9:/srv/grdata.*vers=4.1'")?;
        // What the witnesses wrote is gone; what proves root and locks stays.
        let left = self.on(SERVER, "ls -A /srv/grdata /srv/grdata/.arcus")?;
        ensure!(left.split_whitespace().collect::<Vec<_>>() == ["/srv/grdata:", ".arcus", "/srv/grdata/.arcus:", "lock"], "{left}");
        Ok(())
    }

    fn fstab(&self) -> Result<()> {
        self.on(COMPUTE, "sed -i 's/,noatime//' /etc/fstab && ! grep -q 'grdata.*noatime' /etc/fstab && echo > /grdata/in-use && (exec 9< /grdata/in-use; setsid sleep 600 <&9 > /dev/null 2>&1 &)")?;
        ensure!(self.failing()? == ["fstab@compute01"], "{:?}", self.failing()?);
        let planned = self.checkout.planned(LIMIT)?;
        // What depends on it is looked at again, which changes nothing.
        let changes: Vec<&String> = planned.0.iter().filter(|step| !step.contains("  wait until ")).collect();
        ensure!(changes.len() == 1 && changes[0].contains("fstab has other options") && planned.1.is_empty(), "not one step: {planned:#?}");
        self.checkout.run(APPLY, LIMIT)?.code(0)?;
        self.on(COMPUTE, "grep -q 'grdata.*noatime' /etc/fstab && [ \"$(grep -c grdata /etc/fstab)\" = 1 ]")?;
        self.on(COMPUTE, "pkill -x sleep; rm /grdata/in-use")?;
        ensure!(self.failing()?.is_empty(), "{:?}", self.failing()?);
        Ok(())
    }

    fn broken(&self) -> Result<()> {
        // Gone, and what is written to the empty place looks like it.
        self.on(COMPUTE, "umount /grdata && echo local > /grdata/here")?;
        let failing = self.failing()?;
        ensure!(failing.contains(&"mounted@compute01".into()) && failing.contains(&"shared@compute01".into()), "{failing:?}");
        self.on(COMPUTE, "rm /grdata/here && mount -t nfs -o vers=3,nolock 10.95.0.9:/srv/grdata /grdata")?;
        ensure!(self.refused()? == ["nfs.mounted-otherwise"], "{:?}", self.refused()?);
        self.on(COMPUTE, "umount /grdata && mount -t nfs -o vers=4.1 10.95.0.9:/srv/other /grdata")?;
        ensure!(self.refused()? == ["nfs.other-mounted"], "{:?}", self.refused()?);
        ensure!(self.failing()?.contains(&"mounted@compute01".into()), "another export passes");
        self.on(COMPUTE, "umount /grdata && mount /grdata")?;
        // Read-only for one node.
        self.on(SERVER, "echo '/srv/grdata 10.95.0.11(rw,no_root_squash,sync,no_subtree_check) 10.95.0.21(ro,no_root_squash,sync,no_subtree_check)' > /etc/exports && exportfs -ra")?;
        let failing = self.failing()?;
        ensure!(failing.contains(&"written-by-compute01@compute01".into()) && !failing.iter().any(|name| name.ends_with("manage01")), "{failing:?}");
        // Squashed for one node. What a client may read it remembers until that changes; what it may write is asked each time.
        self.on(SERVER, "echo '/srv/grdata 10.95.0.11(rw,no_root_squash,sync,no_subtree_check) 10.95.0.21(rw,sync,no_subtree_check)' > /etc/exports && exportfs -ra")?;
        let failing = self.failing()?;
        ensure!(failing.contains(&"written-by-compute01@compute01".into()), "squashed for one node: {failing:?}");
        self.on(SERVER, "touch /srv/grdata/.arcus")?;
        let failing = self.failing()?;
        ensure!(failing.contains(&"root@compute01".into()), "squashed for one node, and root passes: {failing:?}");
        self.export("rw,no_root_squash")?;
        self.on(SERVER, "touch /srv/grdata/.arcus")?;
        ensure!(self.failing()?.is_empty(), "{:?}", self.failing()?);
        Ok(())
    }

    /// Somebody put another directory in its place on the server: what clients hold is the old one.
    fn stale(&self) -> Result<()> {
        self.on(SERVER, "mv /srv/grdata /srv/aside && mkdir /srv/grdata && exportfs -ra && exportfs -f")?;
        self.on(COMPUTE, "! ls /grdata 2> /tmp/said; grep -q 'Stale file handle' /tmp/said").context("it is not stale")?;
        let verified = self.checkout.run(&["verify", "--no-wait"], LIMIT)?;
        let failing = self.failing();
        let planned = self.checkout.run(&["plan"], LIMIT);
        self.on(SERVER, "rmdir /srv/grdata && mv /srv/aside /srv/grdata && exportfs -ra && exportfs -f")?;
        verified.says("it is mounted, but cannot be read")?.says("Put back what the server exported, then `arcus verify`")?;
        let failing = failing?;
        ensure!(["mounted@manage01", "mounted@compute01"].iter().all(|check| failing.iter().any(|name| name == check)), "{failing:?}");
        // What is in use is not mounted anew because of it.
        planned?.never_says("umount")?;
        ensure!(self.failing()?.is_empty(), "{:?}", self.failing()?);
        Ok(())
    }

    fn existing(&self) -> Result<()> {
        let before = self.checkout.text()?;
        self.checkout.replace(
            "{ use: nfs, nfs: { server: 10.95.0.9, export: /srv/grdata } }",
            "{ use: existing, existing: { source: \"10.95.0.9:/srv/grdata\", type: nfs, options: [vers=4.1, proto=tcp, hard, timeo=600, retrans=2, noatime, _netdev] } }",
        )?;
        self.checkout.nothing_is_left("mounted by the operator", LIMIT)?;
        ensure!(self.failing()?.is_empty(), "{:?}", self.failing()?);
        self.on(COMPUTE, "umount /grdata")?;
        let refused = self.refused();
        self.on(COMPUTE, "mount -t nfs -o vers=4.1 10.95.0.9:/srv/other /grdata")?;
        let other = self.refused();
        self.on(COMPUTE, "umount /grdata && mount /grdata")?;
        ensure!(refused? == ["existing.not-mounted"] && other? == ["existing.other-mounted"], "it is refused otherwise");
        self.checkout.write(&before)
    }

    /// What is mounted stays, and who asks for something else is sent to the verb that moves data.
    fn another_kind(&self) -> Result<()> {
        let before = self.checkout.text()?;
        self.checkout.replace("{ use: nfs, nfs: { server: 10.95.0.9, export: /srv/grdata } }", "{ use: glusterfs, glusterfs: { accept-split-brain-risk: true, accept-brick-on-root: true } }")?;
        self.checkout.replace("roles: [manage, gateway]", "roles: [manage, gateway, storage]")?;
        self.checkout.replace("roles: [compute]", "roles: [compute, storage]")?;
        let ended = self.checkout.run(APPLY, LIMIT)?.says("gluster.other-mounted")?.says("10.95.0.9:/srv/grdata (nfs4)")?.says("arcus migrate")?;
        ensure!(ended.status.code() == Some(3), "it ended with {}", ended.status);
        self.on_clients("findmnt -n -t nfs4 /grdata | grep -q 10.95.0.9:/srv/grdata && ! command -v gluster")?;
        self.checkout.write(&before)
    }

    fn as_a_nas(&self) -> Result<()> {
        self.on_clients("umount /grdata && sed -i /grdata/d /etc/fstab")?;
        // A NAS takes any port; a Linux server wants to be told.
        self.export("rw,no_root_squash,insecure")?;
        self.checkout.replace("export: /srv/grdata", "export: /srv/grdata, preset: nas")?;
        self.checkout.converged(&[], LIMIT)?;
        self.on_clients("findmnt -n -t nfs /grdata | grep '10.95.0.9:/srv/grdata.*vers=3' | grep -q local_lock=all")
    }
}
