//! From the kernel's NFS server to GlusterFS, with somebody writing all the time, and Arcus killed in every phase; and back again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::NodeSpec;
use arcus_tests::uml::{Image, Machines};
use arcus_tests::{Checkout, Scenes, component};

/// Serves the directory from its own disk, as the first manager of a Rainbond does.
const SERVER: &str = "10.95.0.11";
const COMPUTE: &str = "10.95.0.21";
/// Such nodes are slow: every system call of theirs is several of the machine's.
const LIMIT: Duration = Duration::from_secs(400);

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
fn from_nfs_to_glusterfs_and_back() {
    let image = Image::ensure().expect("a disk");
    let shelf = component("tests/shelf-plugin").expect("the platform");
    let storage = |name, last| NodeSpec::new(name, [10, 95, 0, last].into()).role("storage");
    let world = arcus_tests::bare(&[storage("storage01", 31), storage("storage02", 32)], |options| options).expect("a lab");
    let mut machines = Machines::new(&world, &image);
    machines.boot("manage01", SERVER).expect("it boots");
    machines.boot("compute01", COMPUTE).expect("it boots");
    machines.wait(&[SERVER, COMPUTE]).expect("they answer");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), FILE).expect("the cluster file");
    let checkout = Checkout::new(&world, file.path()).expect("a checkout");
    checkout.approve("platform-shelf", &shelf).expect("the platform");
    let moving = Moving { machines: &machines, checkout: &checkout };
    let mut scenes = Scenes::default();
    scenes.play("a cluster whose first manager serves the directory", || moving.built_by_hand());
    scenes.play("apply and plan do not move it, and name what does", || moving.not_by_apply());
    scenes.play("killed in every phase, it comes through, and nothing is lost", || moving.there());
    scenes.play("back again, with what was written since", || moving.back());
    let children = machines.into_children();
    world.stop().expect("the lab ends");
    for mut child in children {
        child.wait().expect("it ended");
    }
    scenes.end();
}

struct Moving<'a> {
    machines: &'a Machines<'a>,
    checkout: &'a Checkout<'a>,
}

impl Moving<'_> {
    fn on(&self, address: &str, line: &str) -> Result<String> {
        self.machines.sh(address, line, LIMIT)
    }

    fn built_by_hand(&self) -> Result<()> {
        let install = "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install";
        self.on(
            SERVER,
            &format!(
                "{install} nfs-kernel-server > /dev/null 2>&1; mkdir -p /grdata/tenant /opt/rainbond/etc/tools; \
                 for d in 1 2 3 4 5 6; do mkdir /grdata/tenant/$d; for f in $(seq 50); do head -c $((f * 200)) /dev/urandom > /grdata/tenant/$d/$f; done; done; \
                 cd /grdata; printf x > \"$(printf 'new\\nline')\"; printf x > \"$(printf '\\377\\376')\"; ln tenant/1/1 hard; ln -s hard soft; truncate -s 8M sparse; \
                 setfattr -n user.a -v b tenant/1/2; chown 1234:4321 tenant/1/3; \
                 printf '/opt/rainbond/etc/tools *(rw,sync,no_subtree_check)\\n/grdata *(rw,sync,no_root_squash,no_subtree_check)\\n' > /etc/exports; \
                 systemctl enable -q --now nfs-server && exportfs -ra"
            ),
        )?;
        self.on(COMPUTE, &format!("{install} nfs-common > /dev/null 2>&1; mkdir -p /grdata; echo '10.95.0.11:/grdata /grdata nfs rw 0 0' >> /etc/fstab; mount /grdata"))?;
        self.on(SERVER, &format!("NAME=manage01 UNIT=rbd-api.service; {WRITER}"))?;
        self.on(COMPUTE, &format!("NAME=compute01 UNIT=node.service; {WRITER}"))?;
        Ok(())
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
        for (address, name) in [(SERVER, "manage01"), (COMPUTE, "compute01")] {
            let line = format!(
                "[ -s /grdata/log-{name} ] && awk '$1 != NR {{ print \"line \" NR \" is \" $1; exit 1 }}' /grdata/log-{name} && \
                 w=$(cat /run/written-{name}) && [ \"$(wc -l < /grdata/log-{name})\" -ge \"$w\" ]"
            );
            self.on(address, &line).with_context(|| format!("lines of {name} were lost"))?;
        }
        Ok(())
    }

    fn phase(&self) -> Result<String> {
        let status = self.checkout.json(&["-o", "json", "status"], 0, LIMIT)?;
        Ok(status["open"][0].as_str().unwrap_or_default().to_owned())
    }

    /// Kills it when it says so.
    fn killed_at(&self, words: &str) -> Result<()> {
        let mut running = self.checkout.start(&["migrate", "start", "--yes", "--accept", "blackout"])?;
        running.says(words, LIMIT)?;
        running.kill().map(drop)
    }

    fn there(&self) -> Result<()> {
        let before = self.on(SERVER, "cd /grdata && find . -type f ! -name 'log-*' -print0 | sort -z | xargs -0 sha256sum | sha256sum")?;
        self.killed_at("copy /grdata to")?;
        let phase = self.phase()?;
        ensure!(phase.contains("phase 2 of 7, live copy") && phase.contains("nfs is written to"), "{phase}");
        self.killed_at("stop and hold")?;
        let phase = self.phase()?;
        ensure!(phase.contains("phase 3 of 7, freeze") && phase.contains("nobody may write"), "{phase}");
        self.killed_at("copy what has changed")?;
        // Whoever reboots now, or tries by hand, starts nothing and writes nothing.
        self.on(COMPUTE, "! systemctl start node.service 2>/dev/null; mount -a; ! mountpoint -q /grdata")?;
        self.on(SERVER, "! systemctl start rbd-api.service 2>/dev/null; ! touch /grdata/x 2>/dev/null; exportfs -s | grep -q '^/opt/rainbond/etc/tools.*\\*(rw'")?;
        self.on(COMPUTE, "! timeout 20 mount -t nfs -o soft,timeo=20,retrans=1 10.95.0.11:/grdata /mnt 2>/dev/null")?;
        self.killed_at("mount storage01:/data on /grdata")?;
        self.checkout.run(&["migrate", "start", "--yes", "--accept", "blackout"], LIMIT)?.code(0)?;
        for address in [SERVER, COMPUTE] {
            self.on(address, "findmnt -n -o FSTYPE,SOURCE /grdata | grep -q 'fuse.glusterfs *storage01:/*data' && grep -q '^storage01:/data /grdata glusterfs' /etc/fstab && ! grep -q nfs /etc/fstab")?;
        }
        self.on(SERVER, "systemctl is-active -q rbd-api.service")?;
        self.on(COMPUTE, "systemctl is-active -q node.service")?;
        self.nothing_lost()?;
        let after = self.on(SERVER, "cd /grdata && find . -path ./.trashcan -prune -o -type f ! -name 'log-*' -print0 | sort -z | xargs -0 sha256sum | sha256sum")?;
        ensure!(before == after, "the data are others:\n{before}{after}");
        self.on(SERVER, "[ \"$(stat -c %i /grdata/hard)\" = \"$(stat -c %i /grdata/tenant/1/1)\" ] && [ \"$(stat -c %u:%g /grdata/tenant/1/3)\" = 1234:4321 ] && [ \"$(getfattr --only-values -n user.a /grdata/tenant/1/2)\" = b ]")?;
        let phase = self.phase()?;
        ensure!(phase.contains("phase 6 of 7") && phase.contains("migrate confirm"), "{phase}");
        Ok(())
    }

    fn back(&self) -> Result<()> {
        self.on(COMPUTE, "echo since > /grdata/tenant/since && rm /grdata/tenant/1/5")?;
        self.checkout.run(&["migrate", "rollback", "--yes", "--accept", "blackout"], LIMIT)?.code(0)?;
        self.on(SERVER, "! mountpoint -q /grdata && [ \"$(cat /grdata/tenant/since)\" = since ] && [ ! -e /grdata/tenant/1/5 ] && systemctl is-active -q rbd-api.service")?;
        self.on(COMPUTE, "findmnt -n -o FSTYPE,SOURCE /grdata | grep -q '^nfs4 *10.95.0.11:/grdata' && systemctl is-active -q node.service && grep -q '^10.95.0.11:/grdata /grdata nfs rw 0 0' /etc/fstab")?;
        self.on(SERVER, "[ \"$(cat /etc/exports)\" = \"$(printf '/opt/rainbond/etc/tools *(rw,sync,no_subtree_check)\\n/grdata *(rw,sync,no_root_squash,no_subtree_check)')\" ]")?;
        self.nothing_lost()?;
        let phase = self.phase()?;
        ensure!(!phase.contains("migration"), "{phase}");
        Ok(())
    }
}
