//! What nodes say, and files of pins, whoever wrote them.
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use arcus_contract::facts::{FileProbe, Probe, ServiceProbe};
use arcus_contract::types::Problem;

use crate::frames::Parser;
use crate::looks::{Part, Parts, render};
use crate::{HostKey, KnownHosts, Layout, Look, Verdict, tasks, watch};

const NONCE: &str = "00112233445566778899aabbccddeeff";

macro_rules! transcript {
    ($name:literal) => {
        include_str!(concat!("../../tests/transcripts/", $name))
    };
}

#[test]
fn frames() {
    let stream = format!("Welcome!\n@{NONCE} h 0 0 0\n\n@{NONCE} b 1 0 0\n\n@{NONCE} a 3 -1 5\nhello\n@{NONCE} r 1 0 6\ndone -\n@{NONCE} e 0 0 0\n\n");
    let words = [format!("@{NONCE} "), format!("@{NONCE} h 0 0 0\n\n"), format!("@{NONCE} a 0 0 4294967296\n"), format!("@{NONCE} e 0 0 0\n\n")];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    arcus_fuzz::bytes(&[stream.as_bytes()], &words, |bytes| {
        let whole = Parser::new(NONCE).push(bytes);
        for size in [1, 7, 64] {
            let mut parser = Parser::new(NONCE);
            let pieces: Result<Vec<_>, _> = bytes.chunks(size).map(|piece| parser.push(piece)).collect();
            match (&whole, pieces) {
                (Ok(frames), Ok(pieces)) => assert_eq!(*frames, pieces.concat(), "in pieces of {size}"),
                (Err(_), Err(_)) => {}
                (whole, pieces) => panic!("{whole:?} at once, and {pieces:?} in pieces of {size}"),
            }
        }
        for frame in whole.unwrap_or_default() {
            assert!(frame.bytes.len() < bytes.len(), "a frame holds what was never sent");
        }
    });
}

#[test]
fn outcomes() {
    let seeds = ["done -\n\ntail", "failed file.differs\nit is another\n", "failed package.not-found\nE: no such\nNo space left on device", "fenced 7\n\n"];
    arcus_fuzz::bytes(&seeds.map(str::as_bytes), &["done", "failed", "unmet", "No space left on device"], |bytes| {
        for status in [0, 1, -1, i32::MAX] {
            let _ = tasks::outcome(status, bytes);
        }
    });
}

/// A question of each kind, some of them twice.
fn questions() -> Vec<Look> {
    let path = |path: &str| path.to_owned();
    let mut all: Vec<Look> = [
        Probe::Os, Probe::Hardware, Probe::Mounts, Probe::BlockDevices, Probe::Interfaces, Probe::Routes, Probe::Sockets, Probe::Clock,
        Probe::File(FileProbe { path: path("/etc/a"), content: 100 }), Probe::File(FileProbe { path: path("/etc/b"), content: 0 }), Probe::Directory(path("/srv")),
        Probe::Package(path("nfs-common")), Probe::Package(path("glusterfs")), Probe::KernelModule(path("nfs")), Probe::Sysctl(path("vm.overcommit_memory")),
        Probe::Service(ServiceProbe { name: path("sshd.service"), newer_than: vec![path("/etc/a")] }), Probe::Neighbour(path("10.0.0.1")),
        Probe::VrrpHeard(path("eth0")), Probe::Reach((path("10.0.0.1"), 22)), Probe::Job(path("x.y")), Probe::Holders(path("/srv")),
    ]
    .map(Look::Probe)
    .to_vec();
    all.extend([
        Look::Command { argv: vec![path("true")], stdin: String::new(), timeout_s: 1, limit: 100 },
        Look::Content { path: path("/etc/c"), limit: 1000 },
        Look::Names { directory: path("/srv"), prefix: path(".arcus-") },
        Look::Lock,
        Look::Secret(path("x/y")),
        Look::Record(path("run")),
        Look::Watched(path("vip.address")),
        Look::Timers,
        Look::Drill,
    ]);
    all
}

#[test]
fn answers() {
    let seeds = [
        transcript!("ip-addr"), transcript!("ip-route"), transcript!("lsblk"), transcript!("mounts"), transcript!("rpm-q"), transcript!("ss"),
        transcript!("system"), transcript!("systemctl-show"), "1 1700000000 0 running\n", "644 root root 12 1700000000 f\n", "7\n{\"user\":\"eva\",\"host\":\"desk\"}\n",
        "00000000 00000000\n{\"run\":\"r\"}\n", "1700000000123456789\n", "00000000  ff 00 12 41\n", "0-3,8\nMemTotal: 8000000 kB\n",
        "Id=sshd.service\nLoadState=loaded\nActiveState=active\nInactiveExitTimestamp=Mon 2026-11-23 23:06:01.123456 UTC\nInactiveExitTimestampMonotonic=1\nActiveEnterTimestampMonotonic=12345678\n",
        "/etc/a 1700000000.123456789\n/etc/b -1.5\n", "yes\n",
    ];
    let words = ["\\040", "\\x2d", "ActiveState=active\n", "Id=", "0x", "4294967295", "0-4294967295", "9999999999999999999999999999999999999999", "Mon 99999-99-99 99:99:99.9 UTC", "18446744073709551616", "255.255.255.255/99", "fe80::/129", "users:((\"", "\t\t", "none", " / / ", "1e309"];
    let looks = questions();
    let layout = Layout::new("fuzz");
    let clock = Some((SystemTime::now(), Duration::from_millis(3)));
    let missing = Problem { code: "node.timeout".into(), message: "it took too long".into(), retryable: true, ..Problem::default() };
    arcus_fuzz::bytes(&seeds.map(str::as_bytes), &words, |bytes| {
        for status in [0, 1] {
            let gathering = render(&looks, &layout);
            let ids = (1..200).filter(|id| gathering.expects(*id));
            let parts: HashMap<u32, Part> = ids.map(|id| (id, Part { status, bytes: bytes.to_vec() })).collect();
            let answers = gathering.answers(&Parts { parts, missing: missing.clone(), clock });
            assert_eq!(answers.len(), looks.len());
            for problem in answers.into_iter().filter_map(Result::err) {
                assert!(!problem.code.is_empty() && !problem.message.chars().any(char::is_control), "{problem:?}");
            }
        }
    });
}

#[test]
fn what_observers_saw() {
    arcus_fuzz::text(&["1700000000.123\n0 1700000000.100 1700000000.110\n1 1700000001.100 1700000001.110\n"], &["18446744073709551615", ".", " "], |text| {
        let (now, log) = text.split_once('\n').unwrap_or((text, ""));
        let _ = watch::parse(now, log);
    });
}

#[test]
fn known_hosts() {
    let key = "AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
    let seeds = [
        format!("# ours\n10.0.0.1,node1 ssh-ed25519 {key} node1\n[10.0.0.2]:2222 ssh-ed25519 {key}\n"),
        format!("@revoked * ssh-ed25519 {key}\n*.example.org,!bad.example.org ssh-ed25519 {key}\n"),
        format!("|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA= ssh-ed25519 {key}\n@cert-authority *.x ssh-ed25519 {key}\n"),
    ];
    let seeds: Vec<&str> = seeds.iter().map(String::as_str).collect();
    let mut blob = 11_u32.to_be_bytes().to_vec();
    blob.extend_from_slice(b"ssh-ed25519");
    blob.extend_from_slice(&32_u32.to_be_bytes());
    blob.extend_from_slice(&[9; 32]);
    let new = HostKey { algorithm: "ssh-ed25519".into(), blob };
    arcus_fuzz::text(&seeds, &["@revoked ", "@cert-authority ", "|1|", "*", "?", "!", "[", "]:22", "ssh-rsa ", "10.0.0.1", "==", key], |text| {
        let Ok(mut hosts) = KnownHosts::parse(text) else { return };
        let again = KnownHosts::parse(&hosts.text()).unwrap_or_else(|error| panic!("what it writes does not read: {error}"));
        for (host, port) in [("10.0.0.1", 22), ("10.0.0.2", 2222), ("bad.example.org", 22), ("", 0)] {
            assert_eq!(hosts.check(host, port, &new), again.check(host, port, &new), "{host}");
        }
        // This key is new: nothing but a line for it makes it pinned.
        assert_ne!(hosts.check("10.0.0.1", 22, &new), Verdict::Pinned);
        hosts.add("10.0.0.1", 22, &new, "node\n1");
        assert_eq!(hosts.check("10.0.0.1", 22, &new), Verdict::Pinned);
        if hosts.replace("10.0.0.1", 22, std::slice::from_ref(&new), "node1", "by me\nhere").is_ok() {
            let again = KnownHosts::parse(&hosts.text()).unwrap_or_else(|error| panic!("what it writes does not read: {error}"));
            assert_eq!(again.check("10.0.0.1", 22, &new), Verdict::Pinned);
        }
    });
}
