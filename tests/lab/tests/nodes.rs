//! The lab itself: nodes boot, answer, lose power and links, install packages, and leave nothing behind.
//! On a machine that cannot run it these tests fail, naming what is missing.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use arcus_lab::{Base, NodeSpec, Options, World, wait_until};

const VIP: &str = "10.99.0.100";

fn base() -> Base {
    let say = &mut |line: &str| eprintln!("{line}");
    arcus_lab::ensure(say).expect("a machine that can run the lab");
    Base::ensure(say).expect("the base")
}

fn three() -> Vec<NodeSpec> {
    let node = |name: &str, last: u8| NodeSpec::new(name, Ipv4Addr::new(10, 99, 0, last));
    vec![node("one", 11).role("manage"), node("two", 12).role("compute"), node("three", 13).role("storage")]
}

fn world() -> World {
    World::start(&base(), &three(), &Options::default().knob("init-seconds", "1\n")).expect("a world of three nodes")
}

fn output(mut command: Command) -> (i32, String) {
    let output = command.stdin(Stdio::null()).output().expect("a program that starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

fn pings(world: &World, address: &str) -> bool {
    let mut command = world.operator("fping");
    command.args(["-q", "-r", "0", "-t", "300", address]);
    output(command).0 == 0
}

#[test]
fn nodes_are_real_and_their_own() {
    let world = world();
    let mut ids = std::collections::BTreeSet::new();
    for node in world.nodes() {
        let mut ssh = world.ssh(node.name()).unwrap();
        ssh.arg("hostname; cat /etc/machine-id; cat /etc/ssh/ssh_host_ed25519_key.pub");
        let (status, text) = output(ssh);
        assert_eq!(status, 0, "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], node.name());
        assert!(ids.insert(lines[1].to_owned()) && ids.insert(lines[2].to_owned()), "not its own: {text}");
        wait_until("a running system", Duration::from_secs(20), || {
            Ok(node.exec(["systemctl", "is-system-running"])?.stdout.trim() == "running")
        })
        .unwrap_or_else(|error| panic!("{error}: {}", node.sh("systemctl --failed --plain").unwrap_or_default()));
        // Bare: what Arcus is to install is not there, and nothing of the stand-ins runs.
        let bare = node.sh("command -v glusterd gluster keepalived docker grctl || true; ss -Hltn").unwrap();
        assert!(bare.lines().all(|line| line.contains(":22 ")), "{bare}");
        assert_eq!(node.sh("cat /etc/arcus-lab/init-seconds").unwrap(), "1\n");
        let data = node.exec(["findmnt", "-no", "FSTYPE", "/data"]).unwrap();
        assert_eq!(data.stdout.trim(), if node.spec().is("storage") { "tmpfs" } else { "" });
    }
    world.node("three").unwrap().sh("touch /data/x && setfattr -n trusted.glusterfs.test -v working /data/x && getfattr -n trusted.glusterfs.test /data/x").unwrap();
    // The people: one with sudo, one with sudo and a password, one without.
    let one = world.node("one").unwrap();
    assert_eq!(one.sh("su ops -c 'sudo -n id -u'").unwrap(), "0\n");
    assert_ne!(one.exec(["su", "opspw", "-c", "sudo -n id -u"]).unwrap().status, 0);
    assert_eq!(one.sh("su opspw -c 'echo labopspw | sudo -S -p \"\" id -u'").unwrap(), "0\n");
    assert_ne!(one.exec(["su", "plain", "-c", "echo labplain | sudo -S -p '' id -u"]).unwrap().status, 0);
    // From node to node nobody is let in before Arcus says so.
    let inner = one.exec(["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "root@10.99.0.12", "true"]).unwrap();
    assert!(inner.stderr.contains("Permission denied"), "{inner:?}");
    world.stop().unwrap();
}

#[test]
fn power_loss_is_silent_and_a_crash_is_not() {
    let world = world();
    let (one, two) = (world.node("one").unwrap(), world.node("two").unwrap());
    for node in [&one, &two] {
        node.sh(&format!("ip addr add {VIP}/32 dev eth0")).unwrap();
        node.sh("echo kept > /root/kept").unwrap();
    }
    assert!(pings(&world, VIP) && pings(&world, "10.99.0.11"));

    // A crash: processes are gone, addresses answer still.
    two.crash().unwrap();
    assert!(!two.is_on());
    assert!(pings(&world, "10.99.0.12"), "the kernel of a crashed node answers");
    two.power_on().unwrap();
    assert!(two.is_on());

    // Power loss: neither its own address nor the virtual one answers, from anywhere; peers see nothing, no reset.
    let silent = ["10.99.0.11", VIP];
    one.power_off().unwrap();
    world.operator("ip").args(["neigh", "flush", "all"]).status().unwrap();
    for address in silent {
        assert!(!pings(&world, address), "{address} answers after a power loss");
    }
    let three = world.node("three").unwrap();
    let arp = three.exec(["arping", "-c", "2", "-w", "2", "-I", "eth0", VIP]).unwrap();
    assert_ne!(arp.status, 0, "somebody still holds the virtual address: {arp:?}");
    assert!(one.exec(["true"]).is_err());

    // And back: same disk, same keys, without the virtual address of its old life.
    one.power_on().unwrap();
    assert_eq!(one.sh("cat /root/kept").unwrap(), "kept\n");
    let mut ssh = world.ssh("one").unwrap();
    ssh.arg("hostname");
    assert_eq!(output(ssh), (0, "one\n".to_owned()));
    assert!(!pings(&world, VIP));
    world.stop().unwrap();
}

#[test]
fn links_disks_and_reboots() {
    let world = world();
    let two = world.node("two").unwrap();
    two.cut().unwrap();
    assert!(!pings(&world, "10.99.0.12"));
    assert!(two.is_on() && two.sh("echo up").unwrap() == "up\n", "a cut link stops nothing on the node");
    two.heal().unwrap();
    wait_until("the healed link", Duration::from_secs(5), || Ok(pings(&world, "10.99.0.12"))).unwrap();

    two.slow(800).unwrap();
    let timed = || {
        let began = Instant::now();
        let mut ssh = world.ssh("two").unwrap();
        ssh.arg("head -c 200000 /dev/urandom");
        assert_eq!(ssh.output().unwrap().stdout.len(), 200_000);
        began.elapsed()
    };
    let slow = timed();
    two.unslow().unwrap();
    let quick = timed();
    assert!(slow > Duration::from_millis(1500) && quick < slow / 2, "{slow:?} {quick:?}");

    let three = world.node("three").unwrap();
    for (data, file) in [(false, "/root/big"), (true, "/data/big")] {
        let write = ["dd", "if=/dev/zero", &format!("of={file}"), "bs=64k", "count=16"];
        three.fill_disk(data).unwrap();
        let full = three.exec(write).unwrap();
        assert!(full.status != 0 && full.stderr.contains("No space left"), "{full:?}");
        three.free_disk(data).unwrap();
        three.exec(write).unwrap().ok().unwrap();
    }

    let boot_id = || three.sh("systemctl show -p UserspaceTimestampMonotonic").unwrap();
    let before = boot_id();
    three.exec(["systemctl", "reboot"]).unwrap();
    wait_until("the reboot", Duration::from_secs(30), || {
        Ok(three.exec(["systemctl", "show", "-p", "UserspaceTimestampMonotonic"]).is_ok_and(|now| now.status == 0 && now.stdout != before))
    })
    .unwrap();
    world.wait_ssh(&["three"], Duration::from_secs(30)).unwrap();
    world.stop().unwrap();
}

#[test]
fn packages_install_offline() {
    let world = world();
    let one = world.node("one").unwrap();
    let began = Instant::now();
    let update = one.exec(["apt-get", "update"]).unwrap();
    assert_eq!(update.status, 0, "{update:?}");
    assert!(!format!("{update:?}").contains("http"), "a source other than the node's own: {update:?}");
    one.exec(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "keepalived"]).unwrap().ok().unwrap();
    eprintln!("keepalived installed in {:.1} s", began.elapsed().as_secs_f32());
    assert!(one.sh("keepalived --version 2>&1; dpkg -s keepalived").unwrap().contains("Status: install ok installed"));
    let unknown = one.exec(["apt-get", "install", "-y", "no-such-package"]).unwrap();
    assert!(unknown.status != 0 && unknown.stderr.contains("Unable to locate"), "{unknown:?}");
    let simulated = one.sh("apt-get install -s -y glusterfs-server glusterfs-client").unwrap();
    assert!(simulated.contains("Inst glusterfs-server"), "{simulated}");
    world.stop().unwrap();
}

#[test]
fn nothing_is_left() {
    let links = || output(Command::new("ip").tap(|command| command.args(["-o", "link"]))).1;
    let before = links();
    let world = world();
    let dir = world.dir().to_owned();
    let group = world.node("one").unwrap().group_path();
    let operator = world.operator("sleep").arg("1000").spawn().unwrap();
    assert!(group.is_dir(), "{}", group.display());
    assert_eq!(links(), before, "the machine itself sees nothing of the lab");
    drop(world);
    assert!(!dir.exists() && !group.parent().unwrap().exists());
    assert_eq!(links(), before);
    assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains(&*dir.to_string_lossy()));
    assert_eq!(still_there(&dir.to_string_lossy()), Vec::<String>::new());
    wait_until("the end of the operator's program", Duration::from_secs(2), || {
        let state = fs::read_to_string(format!("/proc/{}/stat", operator.id())).unwrap_or_default();
        Ok(!Path::new(&format!("/proc/{}", operator.id())).exists() || state.contains(") Z "))
    })
    .unwrap();
}

/// Processes whose command line names the folder.
fn still_there(dir: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| Some(String::from_utf8_lossy(&fs::read(entry.path().join("cmdline")).ok()?).replace('\0', " ")));
    lines.filter(|line| line.contains(dir)).collect()
}

trait Tap: Sized {
    fn tap(self, f: impl FnOnce(&mut Self) -> &mut Self) -> Self;
}

impl Tap for Command {
    fn tap(mut self, f: impl FnOnce(&mut Self) -> &mut Self) -> Self {
        f(&mut self);
        self
    }
}
