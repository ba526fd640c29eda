//! From one storage to another, with somebody writing all the time, and Arcus killed in every phase; and back again. From the kernel's
//! NFS server on nodes with kernels of their own; and from a volume that somebody has mounted, on the lab's usual nodes.

mod migrate {
    pub mod guide;
    pub mod soak;
}

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::{NodeSpec, Options, World};
use arcus_tests::uml::{INSTALL_NFS, Image, Machines};
use arcus_tests::{Checkout, Running, Scenes, component};
use migrate::{guide, soak};

/// How a line of shell is run on a node, as root.
type On<'a> = Box<dyn Fn(&str, &str) -> Result<String> + 'a>;

/// Serves the directory from its own disk, as the first manager of a Rainbond does.
const SERVER_ADDRESS: &str = "10.95.0.11";
const COMPUTE_ADDRESS: &str = "10.95.0.21";
const SERVER: &str = "manage01";
const COMPUTE: &str = "compute01";
/// What a platform would have put there.
const FILES: u32 = 300;
/// How it is begun and gone on with.
const START: &[&str] = &["migrate", "start", "--yes", "--accept", "blackout"];
/// The way back.
const ROLLBACK: &[&str] = &["migrate", "rollback", "--yes", "--accept", "blackout"];
/// Such nodes are slow: every system call of theirs is several of the machine's.
const LIMIT: Duration = Duration::from_secs(600);

const FILE: &str = "\
cluster: { name: moving, id: 7c2e9a14-51d3-4b0e-8f6a-0e3b7d9c4a28 }
ssh: { user: root }
nodes:
  - { name: manage01, address: 10.95.0.11, roles: [manage, gateway] }
  - { name: compute01, address: 10.95.0.21, roles: [compute] }
  - { name: storage01, address: 10.95.0.31, roles: [storage] }
  - { name: storage02, address: 10.95.0.32, roles: [storage] }
storage:
  use: glusterfs
  migrating-from: nfs
  glusterfs: { volume: data, brick: /data/brick, accept-split-brain-risk: true }
  nfs: { server: 10.95.0.11, export: /grdata }
platform: { use: shelf, shelf: { users: [node.service, rbd-api.service] } }
plugins: { platform-shelf: ./shelf.wasm }
preflight: { relax: [manager-count, compute-count, storage-count, cpu, memory, disk-root, disk-docker, disk-opt-rainbond, disk-cache, disk-grlocaldata, disk-data, os, time-sync] }
";

/// What Rainbond's first manager serves.
const EXPORTS: &str = "mkdir -p /grdata /opt/rainbond/etc/tools; printf '/opt/rainbond/etc/tools *(rw,sync,no_subtree_check)\\n/grdata *(rw,sync,no_root_squash,no_subtree_check)\\n' > /etc/exports";
/// Writes a number a line, each on the disk before the next, as long as it runs; what a number's line is missing was lost.
const WRITER: &str = r#"cat > /usr/local/bin/writer <<'Y'
#!/bin/sh
n=$(tail -n 1 "/grdata/log-$1" 2>/dev/null); n=${n:-0}
while n=$((n + 1)); do echo "$n" >> "/grdata/log-$1" && sync "/grdata/log-$1" && echo "$n" > "/run/written-$1" || exit 1; sleep 0.3; done
Y
chmod 755 /usr/local/bin/writer
printf '[Service]\nExecStart=/usr/local/bin/writer %s\nRestart=always\nRestartSec=1\n[Install]\nWantedBy=multi-user.target\n' "$NAME" > "/etc/systemd/system/$UNIT"
systemctl daemon-reload && systemctl enable -q --now "$UNIT""#;

#[test]
#[ignore = "ten minutes, on kernels of their own: cargo xtask test --long"]
fn from_nfs_to_glusterfs_and_back() {
    let image = Image::ensure().expect("a disk");
    let shelf = component("tests/shelf-plugin").expect("the platform");
    let storage = |name, last| NodeSpec::new(name, [10, 95, 0, last].into()).role("storage");
    let world = arcus_tests::bare(&[storage("storage01", 31), storage("storage02", 32)], |options| options).expect("a lab");
    let mut machines = Machines::new(&world, &image);
    machines.boot("manage01", SERVER_ADDRESS).expect("it boots");
    machines.boot("compute01", COMPUTE_ADDRESS).expect("it boots");
    machines.wait(&[SERVER_ADDRESS, COMPUTE_ADDRESS]).expect("they answer");
    let checkout = operator(&world, &shelf);
    let address = |node: &str| if node == SERVER { SERVER_ADDRESS } else { COMPUTE_ADDRESS };
    let moving = Moving { on: Box::new(|node, line| machines.sh(address(node), line, LIMIT)), checkout: &checkout, old: "nfs" };
    let mut scenes = Scenes::default();
    scenes.play("a cluster whose first manager serves the directory", || moving.served());
    scenes.play("apply and plan do not move it, and name what does", || moving.not_by_apply());
    scenes.play("killed in every phase, it comes through, and nothing is lost", || moving.there());
    scenes.play("back again, with what was written since", || moving.back());
    drop(moving);
    let children = machines.into_children();
    world.stop().expect("the lab ends");
    for mut child in children {
        child.wait().expect("it ended");
    }
    scenes.end();
}

#[test]
fn from_what_is_mounted_to_glusterfs_and_back() {
    let mut scenes = Scenes::default();
    on_usual_nodes(|options| options, |moving| {
        scenes.play("a cluster with a volume", || moving.mounted(FILES));
        scenes.play("apply and plan do not move it, and name what does", || moving.not_by_apply());
        scenes.play("killed in every phase, it comes through, and nothing is lost", || moving.there());
        scenes.play("back again, with what was written since", || moving.back());
        scenes.play("there again, and confirmed", || moving.confirmed());
    });
    scenes.end();
}

/// 200 MB in 3,000 files, 1 % of them changed meanwhile: by the guide's `cp -arp`, during all of which users are cut off, and by Arcus.
#[test]
#[ignore = "figures, and minutes: cargo xtask test --long"]
fn side_by_side_with_the_guide() {
    let mut scenes = Scenes::default();
    on_usual_nodes(|options| options, |moving| {
        scenes.play("a cluster with a volume, and one for the guide", || guide::prepared(moving));
        scenes.play("from a server's own folder", || guide::from_a_folder(moving));
        scenes.play("all of a migration, from a volume", || guide::from_a_volume(moving));
    });
    scenes.end();
}

/// As long as `cargo xtask lab soak` says.
#[test]
#[ignore = "a quarter of an hour: cargo xtask test --long, or cargo xtask lab soak"]
fn killed_at_every_entry_of_the_journal() {
    let bounds = soak::Bounds::from_environment();
    // A small file takes a page of memory on each of two disks, in each of two volumes.
    let room = if bounds.files > 10_000 { "6g" } else { "2g" };
    on_usual_nodes(
        |options| Options { data_disk: room.into(), ..options },
        |moving| soak::soak(moving, &bounds).unwrap_or_else(|error| panic!("{error:#}")),
    );
}

/// A manager and a compute node that use what two storage nodes keep, and their operator's folder.
fn on_usual_nodes(tell: impl FnOnce(Options) -> Options, act: impl FnOnce(&Moving<'_>)) {
    let shelf = component("tests/shelf-plugin").expect("the platform");
    let node = |name, last, role| NodeSpec::new(name, [10, 95, 0, last].into()).role(role);
    let nodes = [node(SERVER, 11, "manage"), node(COMPUTE, 21, "compute"), node("storage01", 31, "storage"), node("storage02", 32, "storage")];
    let world = arcus_tests::bare(&nodes, tell).expect("a lab");
    let names = nodes.each_ref().map(|node| node.name.as_str());
    world.wait_ssh(&names, LIMIT).expect("they answer");
    let checkout = operator(&world, &shelf);
    act(&Moving { on: Box::new(|node, line| patiently(&world, node, line)), checkout: &checkout, old: "existing" });
    drop(checkout);
    world.stop().expect("the lab ends");
}

/// A folder with the cluster file, and the platform approved.
fn operator<'w>(world: &'w World, shelf: &Path) -> Checkout<'w> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), FILE).expect("the cluster file");
    let checkout = Checkout::new(world, file.path()).expect("a checkout");
    checkout.approve("platform-shelf", shelf).expect("the platform");
    checkout
}

/// For as long as it takes: what goes through all files of a large tree takes minutes.
fn patiently(world: &World, node: &str, line: &str) -> Result<String> {
    let mut shell = world.node(node)?.command("sh")?;
    shell.args(["-c", line]).stdin(Stdio::null());
    Ok(Running::start(format!("{node}: {line}"), &mut shell)?.end(3 * LIMIT)?.code(0)?.stdout)
}

struct Moving<'a> {
    on: On<'a>,
    checkout: &'a Checkout<'a>,
    /// The old storage, as the file names it.
    old: &'a str,
}

impl Moving<'_> {
    fn on(&self, node: &str, line: &str) -> Result<String> {
        (self.on)(node, line)
    }

    /// It is a server's own folder, not something that is mounted.
    fn is_served(&self) -> bool {
        self.old == "nfs"
    }

    /// With what a platform would have put there, and somebody who writes.
    fn filled(&self, files: u32) -> Result<()> {
        // Each program costs a slow node a tenth of a second: one makes all the files, a few thousand in one go. Several at a time, because
        // a small file is several answers of both storage nodes, one after the other.
        let size = if files > 10_000 { 20 } else { 200 };
        for first in (0..files).step_by(5000) {
            let last = files.min(first + 5000);
            let make = format!(
                "import os
from concurrent.futures import ThreadPoolExecutor
def folder(d):
    os.makedirs(f'/grdata/tenant/{{d}}')
    for f in range(min(50, {last} - 50 * d)):
        open(f'/grdata/tenant/{{d}}/{{f}}', 'wb').write(os.urandom(f * {size}))
with ThreadPoolExecutor(8) as some: list(some.map(folder, range({first} // 50, -(-{last} // 50))))"
            );
            self.on(SERVER, &format!("python3 -c \"{make}\""))?;
        }
        let odd = "import os
os.chdir('/grdata')
open(b'new\\nline', 'w').write('x'); open(b'\\377\\376', 'w').write('x')
os.link('tenant/1/1', 'hard'); os.symlink('hard', 'soft'); open('sparse', 'w').truncate(8 << 20)
os.setxattr('tenant/1/2', 'user.a', b'b'); os.chown('tenant/1/3', 1234, 4321)";
        self.on(SERVER, &format!("python3 -c \"{odd}\""))?;
        self.writers()
    }

    /// Somebody who writes on each node.
    fn writers(&self) -> Result<()> {
        self.on(SERVER, &format!("NAME=manage01 UNIT=rbd-api.service; {WRITER}"))?;
        self.on(COMPUTE, &format!("NAME=compute01 UNIT=node.service; {WRITER}")).map(drop)
    }

    /// A volume, by Arcus, to begin with; then the file says that it moves.
    fn volume(&self) -> Result<()> {
        let moving = self.checkout.text()?;
        let (before, rest) = moving.split_once("storage:\n").context("no storage")?;
        let (_, after) = rest.split_once("platform:").context("no platform")?;
        let first = "storage: { use: glusterfs, glusterfs: { volume: old, brick: /data/old, accept-split-brain-risk: true } }";
        self.checkout.write(&format!("{before}{first}\nplatform:{after}"))?;
        self.checkout.run(&["apply", "--yes", "--no-verify"], LIMIT)?.code(0)?;
        self.checkout.write(&moving)?;
        let source = self.on(SERVER, "awk '$2 == \"/grdata\" { print $1 }' /etc/fstab")?;
        self.checkout.replace("migrating-from: nfs", "migrating-from: existing")?;
        self.checkout.replace("nfs: { server: 10.95.0.11, export: /grdata }", &format!("existing: {{ source: \"{}\", type: glusterfs }}", source.trim()))
    }

    /// A volume with these files, and two who write.
    fn mounted(&self, files: u32) -> Result<()> {
        self.volume()?;
        self.filled(files)
    }

    /// All files that nobody writes to.
    fn digest(&self) -> Result<String> {
        self.on(SERVER, "cd /grdata && find . -path ./.trashcan -prune -o -type f ! -name 'log-*' -print0 | sort -z | xargs -0 -n 200 sha256sum | sha256sum")
    }

    fn served(&self) -> Result<()> {
        self.on(SERVER, &format!("{INSTALL_NFS} && {EXPORTS} && systemctl enable -q --now nfs-server && exportfs -ra"))?;
        self.on(COMPUTE, &format!("{INSTALL_NFS} && mkdir -p /grdata && echo '10.95.0.11:/grdata /grdata nfs rw 0 0' >> /etc/fstab && mount /grdata"))?;
        self.filled(FILES)
    }

    fn not_by_apply(&self) -> Result<()> {
        for verb in [&["plan"][..], &["apply", "--yes"]] {
            let ended = self.checkout.run(verb, LIMIT)?.says("migrate.pending")?.says("arcus migrate start")?;
            ensure!(!ended.status.success(), "{verb:?} ended well");
        }
        let ended = self.checkout.run(&["migrate", "start", "--yes"], LIMIT)?.says("--accept blackout")?;
        ensure!(!ended.status.success(), "users are cut off without a word");
        self.on(SERVER, "[ ! -e /var/lib/arcus-migration ]").map(drop)
    }

    /// The numbers of a writer's log follow each other, and none is missing that was on the disk.
    fn nothing_lost(&self) -> Result<()> {
        for name in [SERVER, COMPUTE] {
            let line = format!(
                "[ -s /grdata/log-{name} ] && awk '$1 != NR {{ print \"line \" NR \" is \" $1; exit 1 }}' /grdata/log-{name} && \
                 w=$(cat /run/written-{name}) && [ \"$(wc -l < /grdata/log-{name})\" -ge \"$w\" ]"
            );
            self.on(name, &line).with_context(|| format!("lines of {name} were lost"))?;
        }
        Ok(())
    }

    fn phase(&self) -> Result<String> {
        let status = self.checkout.json(&["status"], 0, LIMIT)?;
        Ok(status["open"][0].as_str().unwrap_or_default().to_owned())
    }

    /// Kills it when it says so; the plan that it shows first says no `begin`.
    fn killed_at(&self, words: &str) -> Result<()> {
        let mut running = self.checkout.start(START)?;
        running.says(words, LIMIT)?;
        running.kill().map(drop)
    }

    fn there(&self) -> Result<()> {
        let before = self.digest()?;
        self.killed_at("begin   copy /")?;
        let phase = self.phase()?;
        ensure!(phase.contains("phase 2 of 7, live copy") && phase.contains(&format!("{} is written to", self.old)), "{phase}");
        self.killed_at("begin   stop and hold")?;
        let phase = self.phase()?;
        ensure!(phase.contains("phase 3 of 7, freeze") && phase.contains("nobody may write"), "{phase}");
        self.killed_at("begin   copy what has changed")?;
        // Whoever reboots now, or tries by hand, starts nothing and writes nothing.
        self.on(COMPUTE, "! systemctl start node.service 2>/dev/null; mount -a; ! mountpoint -q /grdata")?;
        self.on(SERVER, "! systemctl start rbd-api.service 2>/dev/null")?;
        if self.is_served() {
            self.on(SERVER, "! touch /grdata/x 2>/dev/null")?;
            let exported = self.on(SERVER, "exportfs -s")?;
            let open: Vec<&str> = exported.lines().filter(|line| !line.contains("127.0.0.1(")).collect();
            ensure!(open.len() == 1 && open[0].starts_with("/opt/rainbond/etc/tools ") && open[0].contains(",rw,"), "exported is:\n{exported}");
            self.on(COMPUTE, "! timeout 20 mount -t nfs -o soft,timeo=20,retrans=1 10.95.0.11:/grdata /mnt 2>/dev/null")?;
        }
        self.killed_at("begin   mount 10.95.0.31:/data on /grdata")?;
        self.checkout.run(START, LIMIT)?.code(0)?;
        for address in [SERVER, COMPUTE] {
            self.on(address, "findmnt -n -o FSTYPE,SOURCE /grdata | grep -q 'fuse.glusterfs *.*:/*data$' && grep -q ':/data /grdata glusterfs' /etc/fstab && [ \"$(grep -c grdata /etc/fstab)\" = 1 ]")?;
        }
        self.on(SERVER, "systemctl is-active -q rbd-api.service")?;
        self.on(COMPUTE, "systemctl is-active -q node.service")?;
        self.nothing_lost()?;
        let after = self.digest()?;
        ensure!(before == after, "the data are others:\n{before}{after}");
        self.on(SERVER, "[ \"$(stat -c %i /grdata/hard)\" = \"$(stat -c %i /grdata/tenant/1/1)\" ] && [ \"$(stat -c %u:%g /grdata/tenant/1/3)\" = 1234:4321 ] && [ \"$(getfattr --only-values -n user.a /grdata/tenant/1/2)\" = b ]")?;
        let phase = self.phase()?;
        ensure!(phase.contains("phase 6 of 7") && phase.contains("migrate confirm"), "{phase}");
        Ok(())
    }

    fn back(&self) -> Result<()> {
        self.on(COMPUTE, "echo since > /grdata/tenant/since && rm /grdata/tenant/1/5")?;
        self.checkout.run(ROLLBACK, LIMIT)?.code(0)?;
        for (node, unit) in [(SERVER, "rbd-api.service"), (COMPUTE, "node.service")] {
            self.on(node, &format!("[ \"$(cat /grdata/tenant/since)\" = since ] && [ ! -e /grdata/tenant/1/5 ] && systemctl is-active -q {unit}"))?;
        }
        if self.is_served() {
            self.on(SERVER, "! mountpoint -q /grdata && [ \"$(cat /etc/exports)\" = \"$(printf '/opt/rainbond/etc/tools *(rw,sync,no_subtree_check)\\n/grdata *(rw,sync,no_root_squash,no_subtree_check)')\" ]")?;
            // In the words of the cluster file: what fstab said before the switch nobody knows any more.
            self.on(COMPUTE, "findmnt -n -o FSTYPE,SOURCE /grdata | grep -q '^nfs4 *10.95.0.11:/grdata' && grep -q '^10.95.0.11:/grdata /grdata nfs vers=4.1,.*,_netdev 0 0$' /etc/fstab && ! grep -q noauto /etc/fstab && [ \"$(grep -c grdata /etc/fstab)\" = 1 ]")?;
        } else {
            self.on(COMPUTE, "findmnt -n -o SOURCE /grdata | grep -q ':/*old$' && grep -q ':/old /grdata glusterfs.*_netdev 0 0' /etc/fstab && ! grep -q noauto /etc/fstab || { findmnt /grdata; cat /etc/fstab; exit 1; }")?;
        }
        self.nothing_lost()?;
        let phase = self.phase()?;
        ensure!(!phase.contains("migration"), "{phase}");
        Ok(())
    }

    fn confirmed(&self) -> Result<()> {
        self.checkout.run(START, LIMIT)?.code(0)?;
        self.on(COMPUTE, "[ \"$(cat /grdata/tenant/since)\" = since ]")?;
        self.nothing_lost()?;
        self.checkout.run(&["migrate", "confirm", "--yes"], LIMIT)?.code(0)?;
        for node in [SERVER, COMPUTE] {
            self.on(node, "[ -z \"$(ls /var/lib/arcus-migration)\" ] && ! grep -q arcus-migration /proc/mounts")?;
        }
        let ended = self.checkout.run(ROLLBACK, LIMIT)?.says("migrate.confirmed")?;
        ensure!(!ended.status.success(), "there is a way back from what is gone");
        // From now on the file says no more than where they are.
        let moving = self.checkout.text()?;
        let existing = moving.lines().find(|line| line.trim_start().starts_with("existing:")).context("no old section")?;
        self.checkout.write(&moving.replace(existing, "").replace("  migrating-from: existing\n", ""))?;
        self.checkout.nothing_is_left("the storage moved", LIMIT)?;
        Ok(())
    }
}
