//! What is found on nodes, and is in the way.

use std::fs;

use anyhow::{Context, Result, ensure};
use arcus_lab::World;
use arcus_tests::{Allowed, Checkout, Picture, Scenes};
use serde_json::Value;

use crate::files::{GATEWAY, STORAGE, shared};
use crate::{LIMIT, checkout, errors, json, runs, told, unchanged, untouched};

/// Plays all of them. The last ones install something.
pub fn play(world: &World, scenes: &mut Scenes) {
    scenes.play("an address outside the gateways' network", || outside(world));
    scenes.play("an address that a stranger answers for", || taken(world));
    scenes.play("a VRID that a stranger uses", || vrid(world));
    scenes.play("an fstab line that is somebody else's", || fstab(world));
    scenes.play("a file that has changed since it was shown", || changed_file(world));
    scenes.play("a cluster file that has changed since the plan", || changed_cluster(world));
    scenes.play("a node without room", || no_space(world, "four"));
    scenes.play("a manager without room", || no_space(world, "one"));
    scenes.play("a package that no repository has", || no_package(world));
    scenes.play("a volume of this name with other bricks", || other_volume(world));
}

/// What an apply prints that ends with this code.
fn apply(checkout: &Checkout<'_>, code: i32) -> Result<Value> {
    json(&checkout.run(&["-o", "json", "apply", "--yes", "--no-verify"], LIMIT)?.code(code)?)
}

/// Plan and apply say the same, and nothing is changed. What is about the cluster file is underlined in it for a person.
fn refused(world: &World, checkout: &Checkout<'_>, code: &str, node: &str, words: &[&str]) -> Result<()> {
    let before = Picture::of_files(world)?;
    told(&checkout.json(&["plan"], 3, LIMIT)?, code, Some(node), words)?;
    told(&apply(checkout, 3)?, code, Some(node), words)?;
    untouched(world, checkout, &before, &[])
}

fn outside(world: &World) -> Result<()> {
    let checkout = checkout(world, &GATEWAY.replace("10.97.0.100", "10.96.0.100"))?;
    refused(world, &checkout, "vip.outside-subnet", "one", &["10.96.0.100"])?;
    let plan = checkout.json(&["plan"], 3, LIMIT)?;
    told(&plan, "vip.outside-subnet", Some("two"), &["10.96.0.100"])?;
    for error in errors(&plan) {
        ensure!(error["pointer"] == "/gateway/keepalived/vip" && error["span"]["line"].is_u64(), "where in the file is not said: {error}");
    }
    checkout.run(&["plan"], LIMIT)?.code(3)?.says("─────").map(drop)
}

fn taken(world: &World) -> Result<()> {
    let checkout = checkout(world, GATEWAY)?;
    for stranger in ["five", "three"] {
        let node = world.node(stranger)?;
        let mac = node.sh("cat /sys/class/net/eth0/address")?;
        node.sh("ip addr add 10.97.0.100/24 dev eth0")?;
        let result = refused(world, &checkout, "vip.taken", "one", &["10.97.0.100", mac.trim()]);
        node.sh("ip addr del 10.97.0.100/24 dev eth0")?;
        result.with_context(|| format!("held by {stranger}"))?;
    }
    Ok(())
}

const OTHER: &str = "vrrp_instance other {\n  state MASTER\n  interface eth0\n  virtual_router_id 77\n  priority 200\n  advert_int 1\n  \
                     virtual_ipaddress {\n    10.97.0.200/24\n  }\n}\n";

fn vrid(world: &World) -> Result<()> {
    let five = world.node("five")?;
    five.sh("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install keepalived >/dev/null 2>&1")?;
    five.sh(&format!("printf '{}' >/etc/keepalived/keepalived.conf && systemctl restart keepalived", OTHER.replace('\n', "\\n")))?;
    arcus_lab::wait_until("the stranger is a router", LIMIT, || Ok(five.sh("ip -4 addr show eth0")?.contains("10.97.0.200")))?;
    let result = (|| {
        let with = checkout(world, &GATEWAY.replace("vip: ", "vrid: 77, vip: "))?;
        refused(world, &with, "vrid.in-use", "one", &["10.97.0.15", "77", "priority 200"])?;
        // Without one in the file a free one is found.
        let without = checkout(world, GATEWAY)?;
        let plan = without.json(&["plan"], 0, LIMIT)?;
        let shown = plan.to_string();
        ensure!(shown.contains("virtual_router_id") && !shown.contains("virtual_router_id 77"), "{plan:#}");
        Ok(())
    })();
    five.sh("systemctl stop keepalived")?;
    result
}

fn fstab(world: &World) -> Result<()> {
    let checkout = checkout(world, &shared())?;
    let two = world.node("two")?;
    two.sh("printf '10.97.0.9:/old /grdata nfs defaults,noauto 0 0\\n' >>/etc/fstab")?;
    let result = refused(world, &checkout, "gluster.other-in-fstab", "two", &["/grdata", "fstab", "10.97.0.9:/old", "nfs"]);
    two.sh("sed -i '\\,/grdata,d' /etc/fstab")?;
    result?;
    // Files that a mount would hide are in the way as well.
    two.sh("mkdir /grdata && echo precious >/grdata/file")?;
    let result = refused(world, &checkout, "mount.foreign", "two", &["/grdata", "holds files"]);
    two.sh("rm -r /grdata")?;
    result
}

/// A saved plan is refused with 2 where it is not the plan any more.
fn other_plan(world: &World, checkout: &Checkout<'_>, words: &str) -> Result<()> {
    let before = Picture::of_files(world)?;
    let ended = checkout.run(&["-o", "json", "apply", "saved.json", "--no-verify"], LIMIT)?.code(2)?;
    told(&json(&ended)?, "apply.other-plan", None, &["nothing was done"])?;
    ensure!(ended.stderr.contains(words), "what is different is not said ({words:?}):\n{}", ended.stderr);
    untouched(world, checkout, &before, &[])
}

fn changed_file(world: &World) -> Result<()> {
    let checkout = checkout(world, GATEWAY)?;
    let two = world.node("two")?;
    two.sh("mkdir /etc/keepalived && echo '# first' >/etc/keepalived/keepalived.conf")?;
    checkout.run(&["plan", "--out", "saved.json"], LIMIT)?.code(0)?;
    two.sh("echo '# mine' >/etc/keepalived/keepalived.conf")?;
    let result = other_plan(world, &checkout, "configure:two on two");
    two.sh("echo '# first' >/etc/keepalived/keepalived.conf")?;
    result?;
    // Once it is as it was shown, the plan is the one that was saved again.
    let saved: Value = serde_json::from_slice(&fs::read(checkout.folder().join("saved.json"))?)?;
    let now = checkout.json(&["plan"], 0, LIMIT)?;
    ensure!(saved["digest"] == now["digest"], "the same plan has another digest");
    two.sh("rm -r /etc/keepalived").map(drop)
}

fn changed_cluster(world: &World) -> Result<()> {
    let checkout = checkout(world, GATEWAY)?;
    checkout.run(&["plan", "--out", "saved.json"], LIMIT)?.code(0)?;
    checkout.replace("10.97.0.100", "10.97.0.101")?;
    other_plan(world, &checkout, "configure:one on one")?;
    // Another cluster's plan is no plan of this one.
    checkout.replace("2a7c9d0e-51c4", "2a7c9d0e-51c5")?;
    let before = Picture::of_files(world)?;
    let other = json(&checkout.run(&["-o", "json", "apply", "saved.json", "--no-verify"], LIMIT)?.code(3)?)?;
    told(&other, "saved.other-cluster", None, &["another cluster"])?;
    untouched(world, &checkout, &before, &[])
}

/// What Arcus keeps on nodes itself, once it has begun to work there.
const OWN: [Allowed; 5] = [
    Allowed { what: "file /var/lib/arcus", why: "the lock and the fence" },
    Allowed { what: "file /var/lib/arcus/*", why: "of this cluster" },
    Allowed { what: "file /var/lib/arcus/*/*", why: "epoch, guard" },
    Allowed { what: "file /var/lib/arcus/*/*/*", why: "records of runs" },
    Allowed { what: "file /var/lib", why: "holds the folder" },
];

fn no_space(world: &World, full: &str) -> Result<()> {
    let checkout = checkout(world, STORAGE)?;
    let node = world.node(full)?;
    let before = Picture::of_files(world)?;
    node.fill_disk(false)?;
    let result = (|| {
        told(&apply(&checkout, 3)?, "node.no-space", Some(full), &["no space left on"])?;
        unchanged(world, &before, &OWN)?;
        // Looking needs no room, and says that there is none.
        let preflight = checkout.json(&["preflight"], 3, LIMIT)?;
        let checks = preflight["checks"].as_array().context("no checks")?;
        let failed: Vec<_> = checks.iter().filter(|check| check["result"] == "failed").map(|check| (&check["node"], &check["id"])).collect();
        ensure!(failed.iter().any(|(node, id)| *node == full && *id == "disk-room"), "{failed:?}");
        Ok(())
    })();
    node.free_disk(false)?;
    result?;
    checkout.run(&["preflight"], LIMIT)?.code(0).map(drop)
}

fn no_package(world: &World) -> Result<()> {
    let checkout = checkout(world, STORAGE)?;
    let four = world.node("four")?;
    four.sh("mv /etc/apt/sources.list /root/ && apt-get -qq update")?;
    let before = Picture::of_files(world)?;
    let result = apply(&checkout, 1);
    four.sh("mv /root/sources.list /etc/apt/ && apt-get -qq update")?;
    let error = errors(&result?).first().copied().cloned().context("no error")?;
    ensure!(error["code"] == "package.not-found" && error["node"] == "four" && error["step"] == "install:four", "{error:#}");
    ensure!(error["message"].as_str().is_some_and(|text| text.contains("glusterfs-server")), "{error:#}");
    ensure!(error["message"].as_str().is_some_and(|text| text.contains("\nReading package lists")), "what the node said is missing: {error:#}");
    ensure!(error["help"].as_str().is_some_and(|help| !help.is_empty()), "what to do is not said: {error:#}");
    // On this node nothing came of it; others went on.
    let found: Vec<String> = before.differences(&Picture::of_files(world)?).iter().filter(|one| one.node == "four").map(ToString::to_string).collect();
    ensure!(!found.iter().any(|one| one.contains("gluster")), "{}", found.join("\n"));
    ensure!(runs(&checkout) == 1, "the run is not in the journal");
    Ok(())
}

fn other_volume(world: &World) -> Result<()> {
    let checkout = checkout(world, STORAGE)?;
    let (three, four) = (world.node("three")?, world.node("four")?);
    for node in [&three, &four] {
        node.sh("DEBIAN_FRONTEND=noninteractive apt-get -qq -y install glusterfs-server >/dev/null 2>&1; systemctl start glusterd")?;
    }
    four.sh("gluster --mode=script peer probe 10.97.0.13")?;
    arcus_lab::wait_until("a pool of two", LIMIT, || Ok(four.sh("gluster peer status")?.contains("Peer in Cluster (Connected)")))?;
    four.sh("gluster --mode=script volume create data replica 2 10.97.0.13:/data/old 10.97.0.14:/data/old")?;
    let words = ["there is a volume data already", "/data/brick", "/data/old"];
    let before = four.sh("gluster volume info")?;
    told(&checkout.json(&["plan"], 3, LIMIT)?, "gluster.volume-differs", None, &words)?;
    told(&apply(&checkout, 3)?, "gluster.volume-differs", None, &words)?;
    ensure!(four.sh("gluster volume info")? == before, "the volume was changed");
    ensure!(runs(&checkout) == 0, "a run was begun");
    Ok(())
}
