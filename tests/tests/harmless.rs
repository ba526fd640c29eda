//! What only looks changes nothing: neither files nor mounts, units, processes, sockets, routes, nor what GlusterFS, etcd and the
//! database hold. Compared with a control in which somebody logs in as often and does nothing.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arcus_lab::{World, wait_until};
use arcus_tests::{Allowed, Checkout, Difference, Picture, Scenes, component, example, unexplained};

/// Longest that a look may take here.
const LIMIT: Duration = Duration::from_secs(60);
/// Longest that the one apply may take.
const APPLY: Duration = Duration::from_secs(150);

/// What may differ though it did not in the control, and why that is no change. Ten at most, with those below.
const ALLOWED: [Allowed; 6] = [
    Allowed { what: "file /var/log/wtmp", why: "who logged in; written by sshd" },
    Allowed { what: "file /data/brick/.glusterfs/health_check", why: "GlusterFS writes the time into it, twice a minute" },
    Allowed { what: "file /etc/calico/bird.conf.new", why: "the stand-in of calico writes it every few seconds, and removes it when nothing is new" },
    Allowed { what: "file /var/log/glusterfs/*.log", why: "GlusterFS logs who asks it" },
    Allowed { what: "file /var/log/glusterfs/bricks/*.log", why: "as above" },
    Allowed { what: "file /var/log/gluster.log", why: "as above, where it is mounted" },
];

/// What looks, with the exit codes that are in order.
const LOOKS: [(&[&str], &[i32]); 3] = [(&["validate"], &[0]), (&["plan"], &[0]), (&["status"], &[0])];

/// `verify` looks too, but writes a file of its own to the shared volume, reads it elsewhere, and removes it.
const OF_VERIFY: [Allowed; 3] = [
    Allowed { what: "file /data/brick", why: "the time at which the witness was written is noted at its folder" },
    Allowed { what: "file /data/brick/.glusterfs/*", why: "GlusterFS keeps folders for the ids of files that are gone" },
    Allowed { what: "file /data/brick/.glusterfs/*/*", why: "as above" },
];

/// Somebody logs in on every node, does nothing, and goes.
fn log_in(world: &World) -> Result<()> {
    let start = |name: &str| -> Result<Child> {
        let mut ssh = world.ssh(name)?;
        Ok(ssh.arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    };
    let logins: Vec<(String, Child)> = world.nodes().iter().map(|node| Ok((node.name().to_owned(), start(node.name())?))).collect::<Result<_>>()?;
    for (name, mut login) in logins {
        // `ConnectTimeout` limits it.
        ensure!(login.wait()?.success(), "nobody can log in on {name}");
    }
    Ok(())
}

/// A moment for what logged out to be gone.
fn settle() {
    std::thread::sleep(Duration::from_millis(1500));
}

/// What differs after something was done, and what differs when for the same time somebody logs in as often and does nothing.
struct Compared {
    found: Vec<Difference>,
    control: Vec<Difference>,
    /// How all was at the end.
    end: Picture,
}

fn compare(world: &World, before: &Picture, logins: usize, act: impl FnOnce() -> Result<()>) -> Result<Compared> {
    let began = Instant::now();
    act()?;
    let took = began.elapsed();
    settle();
    let after = Picture::take(world)?;
    let began = Instant::now();
    for _ in 0..logins {
        log_in(world)?;
    }
    std::thread::sleep(took.saturating_sub(began.elapsed()));
    settle();
    let end = Picture::take(world)?;
    Ok(Compared { found: before.differences(&after), control: after.differences(&end), end })
}

/// A picture with something of each of these kinds in it: one without would show nothing.
fn picture(world: &World, kinds: &[&str]) -> Result<Picture> {
    let picture = Picture::take(world)?;
    for kind in ["file", "mount", "unit", "process", "socket", "network", "kernel", "memory"].iter().chain(kinds) {
        ensure!(picture.count(kind) > 0, "a picture without any {kind}");
    }
    Ok(picture)
}

/// Waits until what was begun has come to rest: routes spread, and members find each other, for a while after the last step.
fn calm(world: &World) -> Result<()> {
    let mut last = Picture::default();
    wait_until("routes and processes stay as they are", APPLY, || {
        let now = Picture::take(world)?;
        let moving = last.differences(&now).iter().any(|one| ["network ", "process ", "socket ", "file /etc/"].iter().any(|kind| one.what.starts_with(kind)));
        last = now;
        Ok(!moving)
    })
    .map(drop)
}

/// Nothing may be left unexplained.
fn nothing(found: Vec<Difference>, control: &[Difference], allowed: &[Allowed]) -> Result<()> {
    assert!(allowed.len() <= 10 && allowed.iter().all(|allowed| !allowed.why.is_empty()));
    eprintln!("          {} differences, {} in the control", found.len(), control.len());
    let left: Vec<String> = unexplained(found, control, allowed).iter().map(ToString::to_string).collect();
    ensure!(left.is_empty(), "changed, and not by the login:\n{}", left.join("\n"));
    Ok(())
}

fn look(checkout: &Checkout<'_>) -> Result<()> {
    for (words, codes) in LOOKS {
        let ended = checkout.run(words, LIMIT)?;
        ensure!(ended.status.code().is_some_and(|code| codes.contains(&code)), "`{}` ended with {}:\n{}", ended.name, ended.status, ended.stderr);
    }
    Ok(())
}

#[test]
fn looking_changes_nothing() {
    let hostile = component("tests/hostile-plugin").expect("the hostile plugin");
    let world = arcus_tests::ha(|options| options).expect("a lab");
    let checkout = Checkout::new(&world, &example()).expect("a checkout");
    // The first login on a machine makes more than those after it.
    log_in(&world).expect("logins");
    // What began with the nodes counts as running once it is some seconds old.
    calm(&world).expect("nodes at rest");
    let mut scenes = Scenes::default();
    scenes.play("looking at bare nodes changes nothing", || {
        let compared = compare(&world, &picture(&world, &[])?, LOOKS.len(), || look(&checkout))?;
        nothing(compared.found, &compared.control, &ALLOWED)
    });
    scenes.play("what a query changes is seen", || mutation(&world, &hostile));
    scenes.play("all is applied", || {
        checkout.run(&["apply", "--yes", "--no-verify"], APPLY)?.code(0)?;
        calm(&world)
    });
    let mut later = None;
    scenes.play("looking at a cluster changes nothing", || {
        let compared = compare(&world, &picture(&world, &["gluster", "etcd", "sql"])?, LOOKS.len(), || look(&checkout))?;
        let result = nothing(compared.found, &compared.control, &ALLOWED);
        later = Some((compared.control, compared.end));
        result
    });
    let mut last = None;
    scenes.play("verify leaves nothing behind", || {
        let (control, before) = later.take().context("there was no cluster")?;
        checkout.run(&["verify"], LIMIT)?.code(0)?;
        settle();
        let after = Picture::take(&world)?;
        let result = nothing(before.differences(&after), &control, &[ALLOWED.as_slice(), &OF_VERIFY].concat());
        last = Some((control, after));
        result
    });
    scenes.play("preflight leaves nothing behind", || {
        let (control, before) = last.take().context("there was no cluster")?;
        // Ports of what was installed are taken now.
        let ended = checkout.run(&["preflight"], LIMIT)?;
        ensure!(matches!(ended.status.code(), Some(0 | 3)), "{}", ended.stderr);
        settle();
        nothing(before.differences(&Picture::take(&world)?), &control, &ALLOWED)
    });
    scenes.play("each kind of change is seen", || each_kind(&world));
    scenes.end();
}

/// A plugin whose query writes a file: nothing in the plan tells of it, and the pictures do.
fn mutation(world: &World, hostile: &Path) -> Result<()> {
    let checkout = Checkout::new(world, &example())?;
    let text = checkout.text()?;
    let (nodes, _) = text.split_once("\n# Every file").context("the example has changed")?;
    checkout.write(&format!("{nodes}\nstorage: {{ use: hostile, hostile: {{ mode: mutate }} }}\nplugins: {{ storage-hostile: ./hostile.wasm }}\n"))?;
    checkout.approve("storage-hostile", hostile)?;
    let compared = compare(world, &picture(world, &[])?, 1, || checkout.run(&["plan"], LIMIT)?.code(0).map(drop))?;
    let left = unexplained(compared.found, &compared.control, &ALLOWED);
    let seen: Vec<(&str, &str)> = left.iter().map(|one| (one.node.as_str(), one.what.as_str())).collect();
    for node in world.nodes() {
        node.sh("rm -f /etc/arcus-was-here")?;
    }
    ensure!(seen == [("manage01", "file /etc/arcus-was-here")], "{seen:?}");
    Ok(())
}

/// A process that outlives who started it.
const PROCESS: &str = "setsid sleep 987 </dev/null >/dev/null 2>&1 &";

/// Every kind of change, made by hand on a cluster, is a difference that nothing explains.
fn each_kind(world: &World) -> Result<()> {
    let changes: [(&str, &str, &str, &str); 9] = [
        ("compute01", "mount ", "mount -t tmpfs none /mnt", "umount /mnt"),
        ("manage01", "unit keepalived.service", "systemctl restart keepalived", "true"),
        ("compute02", "process ", PROCESS, "pkill -f 'sleep 987'"),
        ("compute01", "socket ", "busybox httpd -p 127.0.0.1:5999 -h /mnt; sleep 1", "pkill -f 127.0.0.1:5999"),
        ("compute02", "network ", "ip route add blackhole 203.0.113.0/24", "ip route del blackhole 203.0.113.0/24"),
        ("storage01", "gluster ", "gluster --mode=script volume set data performance.cache-size 48MB", "gluster --mode=script volume reset data performance.cache-size"),
        ("manage02", "etcd \"/test\"", "etcdctl --endpoints=http://127.0.0.1:2379 put /test x", "etcdctl --endpoints=http://127.0.0.1:2379 del /test"),
        ("manage01", "sql ", "mariadb -e 'create database noted; create table noted.a (b int)'", "mariadb -e 'drop database noted'"),
        ("compute01", "memory /run/noted", "touch /run/noted", "rm /run/noted"),
    ];
    let before = Picture::take(world)?;
    for (node, _, change, _) in changes {
        if change == PROCESS {
            // By ssh: what the lab runs in a node itself is not looked at.
            ensure!(world.ssh(node)?.arg(change).stdin(Stdio::null()).status()?.success(), "{change}");
        } else {
            world.node(node)?.sh(change)?;
        }
    }
    settle();
    settle();
    let found = before.differences(&Picture::take(world)?);
    let left = unexplained(found, &[], &ALLOWED);
    for (node, kind, change, undo) in changes {
        let seen = left.iter().any(|one| one.node == node && one.what.starts_with(kind));
        ensure!(seen, "`{change}` on {node} was not seen");
        // By another way than it was made, so it need not work.
        let _ = world.node(node)?.sh(undo);
    }
    Ok(())
}
