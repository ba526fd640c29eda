//! Two files of `examples/`, as they are, whose shared directory is on an NFS server: from bare machines to a verified whole of which
//! nothing is left to do. Whoever mounts or serves it has a kernel of its own; what keeps GlusterFS is one of the lab's usual nodes.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::{NodeSpec, nodes_of};
use arcus_tests::uml::{INSTALL_NFS, Image, Machines};
use arcus_tests::{Checkout, Scenes, root};

/// A whole cluster on such nodes, on a busy machine.
const LIMIT: Duration = Duration::from_secs(2400);
/// One command on a node.
const LINE: Duration = Duration::from_secs(180);
/// No node of the example's cluster.
const NAS: &str = "10.99.0.9";
const FIRST: &str = "10.99.0.11";
/// All that mount the shared directory.
const USERS: [&str; 5] = [FIRST, "10.99.0.12", "10.99.0.13", "10.99.0.21", "10.99.0.22"];

/// What the stand-in for the installer, and what it began, said at last.
const INSTALLER: &str = "tail -n 20 /opt/rainbond/rainbond-ansible/log/fail.log /tmp/install/* 2>/dev/null; systemctl --no-pager -n 15 status etcd rbd-db; true";

fn example(name: &str) -> PathBuf {
    root().join("examples").join(name).join("cluster.yaml")
}

/// The machines of a file, bare, and one more for the NFS server where it is no node; their operator's folder.
fn on_machines(name: &str, act: impl FnOnce(&Machines<'_>, &Checkout<'_>)) -> Result<()> {
    let image = Image::ensure()?;
    let file = example(name);
    let (usual, own): (Vec<NodeSpec>, Vec<NodeSpec>) = nodes_of(&file)?.into_iter().partition(|node| node.is("storage"));
    // There is no lab without a usual node.
    let usual = if usual.is_empty() { vec![NodeSpec::new("none", Ipv4Addr::new(10, 99, 0, 250))] } else { usual };
    let world = arcus_tests::bare(&usual, |options| options)?;
    let mut machines = Machines::new(&world, &image);
    let mut addresses: Vec<String> = Vec::new();
    for node in &own {
        addresses.push(node.address.to_string());
        machines.boot(&node.name, &node.address.to_string())?;
    }
    if usual[0].name == "none" {
        addresses.push(NAS.into());
        machines.boot("nas", NAS)?;
    }
    machines.wait(&addresses.iter().map(String::as_str).collect::<Vec<_>>())?;
    let checkout = Checkout::new(&world, &file)?;
    act(&machines, &checkout);
    drop(checkout);
    let children = machines.into_children();
    world.stop()?;
    for mut child in children {
        child.wait().context("it does not end")?;
    }
    Ok(())
}

/// Applied and, as the end of an apply is, verified; nothing is left to do. Such nodes are slow: what a step waits for may come after its
/// time, and an agent may call its node unwell for a moment. An operator applies again then, and it goes on.
fn whole(machines: &Machines<'_>, checkout: &Checkout<'_>) -> Result<()> {
    let mut again = 2;
    loop {
        let ended = checkout.run(&["apply", "--yes"], LIMIT)?;
        let why = if ended.status.success() {
            match checkout.nothing_is_left("applied and verified", LIMIT) {
                Err(left) if again > 0 => format!("{left:#}"),
                end => return end,
            }
        } else {
            // A step, or a check with what was found.
            let told = |line: &&str| line.contains("  FAILED  ") || line.starts_with("  failed ");
            ended.stderr.lines().chain(ended.stdout.lines()).filter(told).collect::<Vec<_>>().join("\n      ")
        };
        eprintln!("    applied again after:\n      {why}");
        if why.contains("grctl init") {
            eprintln!("{}", machines.sh(FIRST, INSTALLER, LINE)?);
        }
        if again == 0 {
            return ended.code(0).map(drop);
        }
        again -= 1;
    }
}

fn serve(machines: &Machines<'_>, address: &str, options: &str) -> Result<()> {
    let export = format!("{INSTALL_NFS} && mkdir -p /grdata && echo '/grdata 10.99.0.0/24({options},sync,no_subtree_check)' > /etc/exports && systemctl enable -q --now nfs-server && exportfs -ra");
    machines.sh(address, &export, LINE).map(drop)
}

/// What one wrote, everybody reads.
fn shared(machines: &Machines<'_>, fstype: &str) -> Result<()> {
    machines.sh(USERS[4], "echo from-compute02 > /grdata/who", LINE)?;
    for address in USERS {
        let found = machines.sh(address, "cat /grdata/who; findmnt -n -o FSTYPE /grdata || echo its own", LINE)?;
        let wanted = if fstype == "nfs4" && address == FIRST { "its own" } else { fstype };
        ensure!(found == format!("from-compute02\n{wanted}\n"), "{address} has {found}");
    }
    Ok(())
}

/// `examples/nas`.
pub fn nas() {
    let mut scenes = Scenes::default();
    let made = on_machines("nas", |machines, checkout| {
        // A NAS takes any port; a Linux server wants to be told.
        scenes.play("a NAS", || serve(machines, NAS, "rw,no_root_squash,insecure"));
        scenes.play("applied and verified, and nothing is left", || whole(machines, checkout));
        scenes.play("everybody has the NAS, by NFS 3", || {
            machines.sh(USERS[4], "echo from-compute02 > /grdata/who", LINE)?;
            for address in USERS {
                let found = machines.sh(address, "cat /grdata/who; findmnt -n -o FSTYPE,SOURCE,OPTIONS /grdata", LINE)?;
                ensure!(found.starts_with("from-compute02\nnfs") && found.contains(&format!("{NAS}:/grdata")) && found.contains("vers=3"), "{address} has {found}");
            }
            Ok(())
        });
    });
    made.expect("a lab");
    scenes.end();
}

/// `examples/nfs-then-glusterfs`.
pub fn nfs_then_glusterfs() {
    let mut scenes = Scenes::default();
    let made = on_machines("nfs-then-glusterfs", |machines, checkout| {
        let moves = checkout.text().expect("the file");
        scenes.play("the first manager serves the directory, as the installer leaves it", || {
            serve(machines, FIRST, "rw,no_root_squash")?;
            checkout.replace("  use: glusterfs\n  migrating-from: nfs\n", "  use: nfs\n")?;
            without(checkout, "  glusterfs:\n    volume: data\n    brick: /data/brick\n    arbiter: storage03\n")
        });
        scenes.play("with NFS: applied and verified, and nothing is left", || whole(machines, checkout));
        scenes.play("everybody has the first manager's folder", || shared(machines, "nfs4"));
        scenes.play("the file as it is: no apply moves it", || {
            checkout.write(&moves)?;
            checkout.run(&["plan"], LIMIT)?.code(3)?.says("arcus migrate start").map(drop)
        });
        scenes.play("moved", || checkout.run(&["migrate", "start", "--yes", "--accept", "blackout"], LIMIT)?.code(0).map(drop));
        scenes.play("everybody has the volume, with what was there", || {
            machines.sh(FIRST, "[ \"$(cat /grdata/who)\" = from-compute02 ]", LINE)?;
            shared(machines, "fuse.glusterfs")
        });
        scenes.play("confirmed, and the lines about nfs taken out: verified, and nothing is left", || {
            checkout.run(&["migrate", "confirm", "--yes"], LIMIT)?.code(0)?;
            without(checkout, "  migrating-from: nfs\n")?;
            without(checkout, "  nfs:\n    server: 10.99.0.11\n    export: /grdata\n")?;
            whole(machines, checkout)
        });
    });
    made.expect("a lab");
    scenes.end();
}

fn without(checkout: &Checkout<'_>, words: &str) -> Result<()> {
    checkout.replace(words, "")
}
