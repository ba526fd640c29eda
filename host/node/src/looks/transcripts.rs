//! What programs of CentOS 7 print, read by the same parsers as everything else. Where each transcript is from:
//! `tests/transcripts/README.md`.
use std::collections::HashMap;

use arcus_contract::facts::{Fact, Probe, ServiceProbe};

use super::{Part, Parts, problem, render};
use crate::{Answer, Layout, Look, Seen};

/// The answers to probes of one kind, when the node prints these parts.
fn answers(probes: &[Probe], parts: &[&str]) -> Vec<Answer> {
    let looks: Vec<Look> = probes.iter().cloned().map(Look::Probe).collect();
    let numbered = parts.iter().enumerate().map(|(index, text)| (index as u32 + 1, Part { status: 0, bytes: text.trim_end().into() }));
    let parts = Parts { parts: numbered.collect::<HashMap<_, _>>(), missing: problem("node.timeout", "", true), clock: None };
    render(&looks, &Layout::new("transcripts")).answers(&parts)
}

fn fact(probe: Probe, parts: &[&str]) -> Fact {
    match answers(&[probe], parts).remove(0) {
        Ok(Seen::Fact(fact)) => fact,
        other => panic!("{other:?}"),
    }
}

macro_rules! transcript {
    ($name:literal) => {
        include_str!(concat!("../../tests/transcripts/", $name))
    };
}

#[test]
fn the_system() {
    let Fact::Os(os) = fact(Probe::Os, &[transcript!("system")]) else { panic!() };
    assert_eq!((os.id.as_str(), os.version.as_str(), os.kernel.as_str(), os.arch.as_str()), ("centos", "7", "3.10.0-693.el7.x86_64", "x86_64"));
    assert_eq!(os.like, ["rhel", "fedora"]);
}

#[test]
fn interfaces_and_routes() {
    let Fact::Interfaces(all) = fact(Probe::Interfaces, &[transcript!("ip-addr")]) else { panic!() };
    let seen: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.up, one.mtu)).collect();
    assert_eq!(seen, [("lo", true, 65536), ("ens33", true, 1500), ("ens34", false, 1500)]);
    assert_eq!(all[1].addresses, ["10.10.10.13/24", "10.10.10.100/24", "fe80::20c:29ff:fe3e:7a1b/64"]);
    assert_eq!(all[1].mac, "00:0c:29:3e:7a:1b");
    let Fact::Routes(all) = fact(Probe::Routes, &[transcript!("ip-route"), ""]) else { panic!() };
    let seen: Vec<_> = all.iter().map(|one| (one.to.as_str(), one.via.as_deref(), one.dev.as_str(), one.proto.as_str())).collect();
    assert_eq!(seen, [("0.0.0.0/0", Some("10.10.10.1"), "ens33", "static"), ("10.10.10.0/24", None, "ens33", "kernel"), ("172.30.0.0/16", None, "docker0", "kernel")]);
}

#[test]
fn sockets() {
    let Fact::Sockets(all) = fact(Probe::Sockets, &[transcript!("ss")]) else { panic!() };
    let seen: Vec<_> = all.iter().map(|one| (one.tcp, one.address.as_str(), one.port, one.process.as_str())).collect();
    assert_eq!(
        seen,
        [
            (false, "127.0.0.1", 323, "chronyd"),
            (false, "::1", 323, "chronyd"),
            (true, "*", 22, "sshd"),
            (true, "127.0.0.1", 25, "master"),
            (true, "*", 24007, "glusterd"),
            (true, "::", 22, "sshd"),
            (true, "::1", 25, "master"),
        ]
    );
}

#[test]
fn disks() {
    let Fact::BlockDevices(all) = fact(Probe::BlockDevices, &[transcript!("lsblk"), "Filename\tType\tSize\tUsed\tPriority\n"]) else { panic!() };
    let free: Vec<&str> = all.iter().filter(|one| !one.in_use).map(|one| one.path.as_str()).collect();
    assert_eq!(free, ["/dev/sdb", "/dev/sdc1", "/dev/sr0"]);
}

#[test]
fn units() {
    let unit = |name: &str| Probe::Service(ServiceProbe { name: name.into(), newer_than: vec!["/etc/keepalived/keepalived.conf".into()] });
    // Asked in the order of their names.
    let probes = [unit("keepalived.service"), unit("firewalld.service"), unit("node.service")];
    let blocks: Vec<&str> = transcript!("systemctl-show").split("\n\n").collect();
    let shown = [blocks[1], blocks[0], blocks[2]].join("\n\n");
    let seen = |changed: &str| {
        // Now is 160 s after the boot, which was at 1000 s; the unit was started at 1100 s.
        let times = format!("1160000000000 160.00\n{changed} /etc/keepalived/keepalived.conf");
        let facts = answers(&probes, &[&shown, &times]).into_iter().map(|answer| match answer {
            Ok(Seen::Fact(Fact::Service(fact))) => fact,
            other => panic!("{other:?}"),
        });
        facts.collect::<Vec<_>>()
    };
    let facts = seen("1099.5");
    let keepalived = facts[0].as_ref().unwrap();
    assert!(keepalived.active && keepalived.enabled && !keepalived.masked && !keepalived.stale && keepalived.since_s == 59, "{keepalived:?}");
    let firewalld = facts[1].as_ref().unwrap();
    assert!(firewalld.masked && !firewalld.active && !firewalld.enabled, "{firewalld:?}");
    assert_eq!(facts[2], None);
    assert!(seen("1100.25")[0].as_ref().unwrap().stale, "its configuration was changed within the second in which it started, and after that");
}

#[test]
fn packages() {
    let names = ["keepalived", "glusterfs-fuse", "nfs-utils", "glusterfs-server", "json-query"];
    let probes: Vec<Probe> = names.iter().map(|name| Probe::Package((*name).into())).collect();
    let versions: Vec<Option<String>> = answers(&probes, &[transcript!("rpm-q")])
        .into_iter()
        .map(|answer| match answer {
            Ok(Seen::Fact(Fact::Package(version))) => version,
            other => panic!("{other:?}"),
        })
        .collect();
    let versions: Vec<Option<&str>> = versions.iter().map(Option::as_deref).collect();
    assert_eq!(versions, [Some("1.3.5-1.el7"), Some("3.12.15-1.el7"), Some("1:1.3.0-0.48.el7"), None, Some("1.5-1.el7")]);
}

#[test]
fn mounts() {
    let probe = |sizes: &str| fact(Probe::Mounts, &[transcript!("mounts"), sizes]);
    let Fact::Mounts(all) = probe("4096 100 50 /\n4096 10 5 /grdata") else { panic!() };
    let shared = all.iter().find(|one| one.target == "/grdata").unwrap();
    assert_eq!((shared.source.as_str(), shared.fstype.as_str(), shared.live, shared.size_bytes), ("gfs01:/data", "fuse.glusterfs", true, 40_960));
    assert_eq!(shared.fstab.as_ref().map(|options| options[0].as_str()), Some("backupvolfile-server=gfs02"));
    assert_eq!(all.iter().filter(|one| one.target == "/grdata").count(), 1);
    // The real root is the last of two.
    let root = all.iter().rfind(|one| one.target == "/" && one.live).unwrap();
    assert_eq!((root.fstype.as_str(), root.fstab.is_some()), ("xfs", true));
}
