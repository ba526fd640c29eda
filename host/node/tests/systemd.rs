//! Packages, services, jobs, timers and drills on real nodes with systemd, over SSH.
mod common;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arcus_contract::facts::{Fact, JobFact, Probe, ServiceFact, ServiceProbe};
use arcus_lab::{Base, NodeSpec, Options, System, World};
use arcus_node::{Batch, Change, DrillNote, Endpoint, Event, Expect, Hidden, KnownHosts, Layout, Link, Login, Look, Outcome, Over, Quiet, Report, Seen, ServiceAction, Source, Ssh, Task, TimerFact, Transport, Watch, WatchBeat, Watched};
use common::{code, command, done, task};

struct Lab<'w> {
    world: &'w World,
    ssh: Ssh,
    link: Arc<dyn Link>,
}

/// Two worlds at a time: this is about what happens, not about how much, and most of it is waiting.
static TURNS: [std::sync::Mutex<()>; 2] = [std::sync::Mutex::new(()), std::sync::Mutex::new(())];
static TURN: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// A world of one node, and the test inside its network.
fn with_lab(test: impl AsyncFn(&mut Lab) + Send + Sync) {
    with_lab_like(System::Debian12, test);
}

/// The same with a node that is like another system.
fn with_lab_like(system: System, test: impl AsyncFn(&mut Lab) + Send + Sync) {
    let turn = TURN.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % TURNS.len();
    let _turn = TURNS[turn].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let say = &mut |line: &str| eprintln!("{line}");
    arcus_lab::ensure(say).expect("a machine that can run the lab");
    let base = Base::ensure(say).expect("the base").with(system, say).expect("what lies over it");
    let world = World::start(&base, &[NodeSpec::new("one", Ipv4Addr::new(10, 99, 0, 11)).role("manage").like(system)], &Options::default()).expect("a world");
    world.wait_ssh(&["one"], Duration::from_secs(30)).unwrap();
    world
        .in_network(|| {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let known = KnownHosts::load(&world.known_hosts()).unwrap();
                let ssh = Ssh::new(Layout::new("test"), Login::with_files([world.key()]), known);
                let link = ssh.connect(&Endpoint::new("one", "10.99.0.11")).await.unwrap();
                tokio::time::timeout(Duration::from_secs(300), test(&mut Lab { world: &world, ssh: ssh.clone(), link })).await.expect("in time");
            })
        })
        .unwrap();
    world.stop().unwrap();
}

impl Lab<'_> {
    async fn run(&self, tasks: Vec<Task>, looks: Vec<Look>) -> Report {
        self.link.run(&Batch { tasks, looks, ..Batch::default() }, &mut Quiet).await.unwrap()
    }

    async fn change(&self, change: Change) -> Outcome {
        let mut task = task("t", change);
        task.timeout = Duration::from_secs(120);
        self.run(vec![task], vec![]).await.outcomes.remove(0)
    }

    async fn service(&self, newer_than: &[&str]) -> Option<ServiceFact> {
        let look = Look::Probe(Probe::Service(ServiceProbe { name: "t.service".into(), newer_than: newer_than.iter().map(|path| (*path).to_owned()).collect() }));
        match self.link.look(vec![look]).await.unwrap().remove(0) {
            Ok(Seen::Fact(Fact::Service(fact))) => fact,
            other => panic!("{other:?}"),
        }
    }

    async fn job(&self, id: &str) -> Option<JobFact> {
        match self.link.look(vec![Look::Probe(Probe::Job(id.into()))]).await.unwrap().remove(0) {
            Ok(Seen::Fact(Fact::Job(fact))) => fact,
            other => panic!("{other:?}"),
        }
    }

    async fn timers(&self) -> Vec<TimerFact> {
        match self.link.look(vec![Look::Timers]).await.unwrap().remove(0) {
            Ok(Seen::Timers(timers)) => timers,
            other => panic!("{other:?}"),
        }
    }

    async fn watched(&self, id: &str) -> Option<Watched> {
        match self.link.look(vec![Look::Watched(id.into())]).await.unwrap().remove(0) {
            Ok(Seen::Watched(seen)) => seen,
            other => panic!("{other:?}"),
        }
    }

    async fn noted(&self) -> Option<DrillNote> {
        match self.link.look(vec![Look::Drill]).await.unwrap().remove(0) {
            Ok(Seen::Drill(note)) => note,
            other => panic!("{other:?}"),
        }
    }

    fn sh(&self, line: &str) -> String {
        self.world.node("one").unwrap().sh(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    async fn reconnect(&mut self) {
        self.link = self.ssh.connect(&Endpoint::new("one", "10.99.0.11")).await.unwrap();
    }
}

fn file(path: &str, text: &str) -> Change {
    Change::WriteFile {
        path: path.into(),
        content: Source::Bytes(text.into()),
        mode: 0o644,
        owner: "root".into(),
        group: "root".into(),
        keep_original: false,
        expect: Expect::Any,
        shared_parent: false,
    }
}

fn service(actions: &[ServiceAction]) -> Change {
    Change::Service { name: "t.service".into(), actions: actions.to_vec() }
}

const UNIT: &str = "[Service]\nExecStartPre=/bin/sleep 0.2\nExecStart=/bin/sh -c 'cat /etc/t.conf; exec sleep 1000'\nExecReload=/bin/true\n[Install]\nWantedBy=multi-user.target\n";

#[test]
fn services_and_what_they_have_loaded() {
    with_lab(services);
}

async fn services(lab: &mut Lab<'_>) {
    use ServiceAction::{Disable, Enable, Reload, Restart, Start, Stop};
    assert_eq!(lab.service(&[]).await, None);
    assert_eq!(code(&lab.change(service(&[Start])).await), "service.not-found");
    // All in one batch, and what is true afterwards in the same round trip.
    let look = Look::Probe(Probe::Service(ServiceProbe { name: "t.service".into(), newer_than: vec!["/etc/t.conf".into()] }));
    let report = lab
        .run(vec![task("u", file("/etc/systemd/system/t.service", UNIT)), task("c", file("/etc/t.conf", "one\n")), task("s", service(&[Enable, Start]))], vec![look])
        .await;
    assert!(report.outcomes.iter().all(Outcome::is_done), "{report:?}");
    let Ok(Seen::Fact(Fact::Service(Some(fact)))) = &report.answers[0] else { panic!("{report:?}") };
    assert!(fact.active && fact.enabled && !fact.stale && !fact.failed && !fact.masked && fact.since_s < 5, "{fact:?}");

    // A file changed and the service not restarted: stale until it is.
    done(&lab.change(file("/etc/t.conf", "two\n")).await);
    assert!(lab.service(&["/etc/t.conf"]).await.unwrap().stale);
    assert!(!lab.service(&[]).await.unwrap().stale, "nobody said that it reads that file");
    done(&lab.change(service(&[Reload])).await);
    assert!(!lab.service(&["/etc/t.conf"]).await.unwrap().stale, "reloaded since");
    done(&lab.change(file("/etc/t.conf", "three\n")).await);
    assert!(lab.service(&["/etc/t.conf"]).await.unwrap().stale);
    // Write and restart back to back, many times: never stale afterwards.
    for n in 0..8 {
        let tasks = vec![task("c", file("/etc/t.conf", &format!("{n}\n"))), task("s", service(&[Restart]))];
        assert!(lab.run(tasks, vec![]).await.outcomes.iter().all(Outcome::is_done));
        assert!(!lab.service(&["/etc/t.conf"]).await.unwrap().stale, "round {n}");
    }
    // Its unit file counts as well, and systemd is told to read it.
    done(&lab.change(file("/etc/systemd/system/t.service", &UNIT.replace("1000", "1001"))).await);
    assert!(lab.service(&[]).await.unwrap().stale);
    done(&lab.change(service(&[Restart])).await);
    assert!(!lab.service(&[]).await.unwrap().stale);
    assert!(lab.sh("pgrep -af 'sleep 1001'").contains("1001"));

    done(&lab.change(service(&[Disable, Stop])).await);
    let fact = lab.service(&["/etc/t.conf"]).await.unwrap();
    assert!(!fact.active && !fact.enabled && !fact.stale);
    // One that fails says why.
    done(&lab.change(file("/etc/systemd/system/t.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo the reason; exit 3'\n")).await);
    let Outcome::Failed(failure) = lab.change(service(&[Start])).await else { panic!() };
    assert_eq!(failure.code, "service.failed");
    assert!(String::from_utf8_lossy(&failure.tail).contains("status=3"), "{}", String::from_utf8_lossy(&failure.tail));
    assert!(lab.service(&[]).await.unwrap().failed);
    lab.sh("rm /etc/systemd/system/t.service; systemctl mask t.service");
    assert!(lab.service(&[]).await.unwrap().masked);
    assert_eq!(code(&lab.change(service(&[Start])).await), "service.masked");
}

#[test]
fn systemd_is_told_of_the_lines_it_knew() {
    with_lab(async |lab| {
        let mount = |source: &str, over| Change::Mount {
            live: true,
            source: source.into(),
            target: "/srv/m".into(),
            fstype: "tmpfs".into(),
            options: vec!["size=1m".into()],
            persist: true,
            over,
        };
        // Of a new line it need not know: it has the unit from the kernel, and reads the line whenever anybody has it reload.
        done(&lab.change(mount("one", Over::Nothing)).await);
        lab.sh("timeout 20 sh -c 'until systemctl -q is-active srv-m.mount; do sleep 0.1; done'");
        lab.sh("systemctl daemon-reload");
        assert!(lab.sh("systemctl cat srv-m.mount").contains("What=one"));
        // Had it still the old line, it would mount the old source over the new one.
        done(&lab.change(mount("two", Over::Mount("one".into()))).await);
        assert!(lab.sh("systemctl cat srv-m.mount").contains("What=two"));
        assert!(lab.sh("findmnt -n -o SOURCE /srv/m").contains("two"));
        done(&lab.change(Change::Unmount { target: "/srv/m".into(), source: Some("two".into()) }).await);
        assert_eq!(lab.sh("systemctl show -p LoadState --value srv-m.mount").trim(), "not-found");
    });
}

#[test]
fn packages_are_installed_and_start_nothing() {
    with_lab(async |lab| {
        let package = |name: &str| Change::Package { name: name.into(), version: None };
        let version = async |name: &str| match lab.link.look(vec![Look::Probe(Probe::Package(name.into()))]).await.unwrap().remove(0) {
            Ok(Seen::Fact(Fact::Package(version))) => version,
            other => panic!("{other:?}"),
        };
        assert_eq!(version("keepalived").await, None);
        let Outcome::Refused(failure) = lab.change(package("no-such-package-anywhere")).await else { panic!() };
        assert_eq!(failure.code, "package.not-found", "{failure:?}");
        assert_eq!(code(&lab.change(Change::Package { name: "keepalived".into(), version: Some("0.0.1".into()) }).await), "package.not-found");
        assert_eq!(version("keepalived").await, None);

        let mut lines = 0;
        let tasks: Vec<Task> = ["keepalived", "glusterfs-server"].map(|name| Task { timeout: Duration::from_secs(120), ..task(name, package(name)) }).into();
        let begun = Instant::now();
        let report = lab.link.run(&Batch { tasks, ..Batch::default() }, &mut |event| lines += u32::from(matches!(event, Event::Line { .. }))).await.unwrap();
        println!("two packages in {:?}, {lines} lines of progress", begun.elapsed());
        assert!(report.outcomes.iter().all(Outcome::is_done), "{report:?}");
        assert!(version("keepalived").await.is_some() && version("glusterfs-server").await.is_some());
        assert_eq!(lab.sh("pgrep -x 'glusterd|keepalived' || true"), "");
        assert_eq!(lab.sh("ls /usr/sbin/policy-rc.d 2>/dev/null || true"), "", "nothing is left that would keep services from starting");
        let begun = Instant::now();
        done(&lab.change(package("keepalived")).await);
        println!("already there: {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(5));
    });
}

/// Systemd 219 knows fewer words than those of the programs that are really there: the node refuses the others.
#[test]
fn with_the_words_of_an_old_systemd() {
    with_lab_like(System::El7, async |lab| {
        assert!(lab.sh("systemctl show --timestamp=us t.service 2>&1 || true").contains("unrecognized option"));
        services(lab).await;
        restored(lab).await;
    });
}

#[test]
fn packages_of_the_red_hat_family() {
    with_lab_like(System::El7, async |lab| {
        let package = |name: &str, version: Option<&str>| Change::Package { name: name.into(), version: version.map(Into::into) };
        let version = async |name: &str| match lab.link.look(vec![Look::Probe(Probe::Package(name.into()))]).await.unwrap().remove(0) {
            Ok(Seen::Fact(Fact::Package(version))) => version,
            other => panic!("{other:?}"),
        };
        // No repository has it before the package that brings one.
        assert_eq!(code(&lab.change(package("glusterfs-server", None)).await), "package.not-found");
        let tasks = ["centos-release-gluster", "glusterfs-server", "keepalived"].map(|name| Task { timeout: Duration::from_secs(120), ..task(name, package(name, None)) });
        let begun = Instant::now();
        let report = lab.run(tasks.into(), vec![]).await;
        println!("three packages in {:?}", begun.elapsed());
        assert!(report.outcomes.iter().all(Outcome::is_done), "{report:?}");
        assert_eq!(version("keepalived").await.as_deref(), Some("2.2.7-1.el7"));
        assert_eq!(lab.sh("pgrep -x 'glusterd|keepalived' || true"), "");
        done(&lab.change(package("keepalived", Some("2.2.7-1.el7"))).await);
        assert_eq!(code(&lab.change(package("keepalived", Some("0.0.1"))).await), "package.not-found");
        // A name that no package has, and one provides.
        assert_eq!(version("json-query").await, None);
        done(&lab.change(package("json-query", None)).await);
        assert_eq!(version("json-query").await.as_deref(), Some("1.6-1.el7"));
        lab.sh("rpm -q jq && ! rpm -q json-query && rm /usr/bin/yum");
        let yum = |says: &str| lab.sh(&format!("printf '#!/bin/sh\\n{says}\\n' > /usr/bin/yum; chmod 755 /usr/bin/yum"));
        yum("exit 1");
        done(&lab.change(package("json-query", None)).await);
        // The words of yum 3, from documents.
        yum("echo Loaded plugins: fastestmirror; echo No package nonesuch available.; echo Error: Nothing to do; exit 1");
        assert_eq!(code(&lab.change(package("nonesuch", None)).await), "package.not-found");
        yum("echo Existing lock /var/run/yum.pid: another copy is running as pid 4711.; echo \"Another app is currently holding the yum lock; waiting for it to exit...\"; exec sleep 60");
        let mut waiting = task("t", package("nonesuch", None));
        waiting.timeout = Duration::from_secs(2);
        let Outcome::Failed(failure) = lab.run(vec![waiting], vec![]).await.outcomes.remove(0) else { panic!() };
        assert_eq!(failure.code, "package.locked");
        yum("echo Cannot retrieve metalink for repository: epel/x86_64.; exit 1");
        assert_eq!(code(&lab.change(package("nonesuch", None)).await), "package.failed");
    });
}

#[test]
fn jobs_outlive_the_link_and_run_once() {
    with_lab(async |lab| {
        let job = |again| Change::Job {
            id: "init:manage01".into(),
            argv: ["sh", "-c", "cat; echo run >>/root/runs; sleep 4; echo end; exit 3"].map(Into::into).into(),
            stdin: Hidden::from("from stdin\n"),
            again,
        };
        assert_eq!(lab.job("init:manage01").await, None);
        done(&lab.change(job(false)).await);
        // Eight more starts at once, while it runs: all attach.
        let more = futures::future::join_all((0..8).map(|_| lab.change(job(true)))).await;
        assert!(more.iter().all(|outcome| done(outcome) == b"attached\n"), "{more:?}");
        let fact = lab.job("init:manage01").await.unwrap();
        assert!(fact.running && fact.status.is_none() && fact.tail == b"from stdin\n" && fact.started_s > 1_700_000_000, "{fact:?}");
        // The link goes, the job does not.
        let one = lab.world.node("one").unwrap();
        one.cut().unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        one.heal().unwrap();
        lab.link.close().await;
        lab.reconnect().await;
        let begun = Instant::now();
        let fact = loop {
            let fact = lab.job("init:manage01").await.unwrap();
            if !fact.running {
                break fact;
            }
            assert!(begun.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert_eq!((fact.status, fact.tail.as_slice()), (Some(3), &b"from stdin\nend\n"[..]));
        assert_eq!(lab.sh("cat /root/runs"), "run\n");
        assert_eq!(done(&lab.change(job(false)).await), b"ended before\n");
        assert_eq!(lab.sh("cat /root/runs"), "run\n");
        done(&lab.change(job(true)).await);
        assert!(lab.job("init:manage01").await.unwrap().running);
        // The machine dies under it: neither running nor ended.
        lab.sh("sync");
        one.power_off().unwrap();
        one.power_on().unwrap();
        lab.reconnect().await;
        let fact = lab.job("init:manage01").await.unwrap();
        assert!(!fact.running && fact.status.is_none(), "{fact:?}");
        assert_eq!(lab.sh("cat /root/runs"), "run\nrun\n");
        let secret = Change::Job { id: "quiet".into(), argv: vec!["true".into()], stdin: "hush".into(), again: false };
        assert!(!format!("{secret:?}").contains("hush"));
        assert_eq!(code(&lab.change(Change::Job { id: "x".into(), argv: vec!["a\0".into()], stdin: "".into(), again: false }).await), "change.bad");
    });
}

#[test]
fn what_always_restores() {
    with_lab(restored);
}

async fn restored(lab: &mut Lab<'_>) {
    let arm = |after_s| Change::Arm { id: "restore t".into(), after_s, argv: ["touch", "/root/restored it"].map(Into::into).into() };
    done(&lab.change(arm(1)).await);
    tokio::time::sleep(Duration::from_secs(3)).await;
    lab.sh("test -e '/root/restored it'");
    lab.sh("rm '/root/restored it'");
    assert_eq!(lab.timers().await, [], "what has done its work is gone");
    done(&lab.change(arm(2)).await);
    done(&lab.change(arm(3)).await);
    let timers = lab.timers().await;
    assert!(timers.len() == 1 && timers[0].unit.ends_with("restore_t") && (1..=3).contains(&timers[0].left_s), "{timers:?}");
    done(&lab.change(Change::Disarm { id: "restore t".into() }).await);
    done(&lab.change(Change::Disarm { id: "restore t".into() }).await);
    tokio::time::sleep(Duration::from_secs(4)).await;
    lab.sh("test ! -e '/root/restored it'");
    done(&lab.change(arm(60)).await);
    done(&lab.change(Change::Fire { id: "restore t".into() }).await);
    lab.sh("rm '/root/restored it'");
    done(&lab.change(Change::Fire { id: "restore t".into() }).await);
    assert_eq!(lab.timers().await, []);

    // The interface that we are on ourselves: the link dies, and the node comes back by itself, routes and all.
    lab.sh("ip route add 192.0.2.0/24 via 10.99.0.1 dev eth0; ip addr add fd00::11/64 dev eth0");
    // A virtual address moves on while its holder is cut off. (IPv4: whoever manages it takes it away; here that is us.)
    lab.sh("ip addr add fd00::99/128 dev eth0 nodad; ip addr add 10.99.0.100/24 dev eth0");
    lab.sh("(sleep 2; ip addr del 10.99.0.100/24 dev eth0) >/dev/null 2>&1 &");
    let routes = lab.sh("ip route; ip -6 addr show dev eth0 scope global | grep -o 'fd00::11[0-9/]*'");
    let isolate = Batch { tasks: vec![task("i", Change::Isolate { interface: "eth0".into(), for_s: 3, movable: vec!["fd00::99".into()] })], ..Batch::default() };
    let link = lab.link.clone();
    let told = tokio::time::timeout(Duration::from_secs(2), link.run(&isolate, &mut Quiet)).await;
    assert!(told.is_ok(), "the answer is out before the link is cut");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(lab.sh("ip link show eth0").contains("state DOWN"));
    lab.reconnect().await;
    done(&lab.change(command(&["true"])).await);
    assert_eq!(lab.sh("ip route; ip -6 addr show dev eth0 scope global | grep -o 'fd00::[0-9/]*'"), routes, "all is back but the addresses that moved");
    assert_eq!(lab.sh("ip -4 addr show dev eth0 | grep -c 10.99.0.100 || true"), "0\n");
    assert_eq!(lab.timers().await, []);
    done(&lab.change(Change::Rejoin { interface: "eth0".into() }).await);
    assert_eq!(code(&lab.change(Change::Isolate { interface: "none0".into(), for_s: 3, movable: vec![] }).await), "drill.failed");
    assert_eq!(lab.sh("systemctl list-timers --all --plain | grep -c arcus || true"), "0\n", "no timer is left");
}

#[test]
fn a_killed_unit_stays_down_until_it_may_come_back() {
    with_lab(async |lab| {
        let hold = |for_s| Change::HoldDown { unit: "t.service".into(), id: "kill".into(), for_s };
        assert_eq!(code(&lab.change(hold(60)).await), "service.not-found");
        // As stubborn as they come: it comes back by itself, and somebody starts it again and again.
        let unit = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=100ms\n";
        done(&lab.change(file("/etc/systemd/system/t.service", unit)).await);
        done(&lab.change(service(&[ServiceAction::Start])).await);
        let active = "systemctl is-active t.service || true";
        done(&lab.change(hold(60)).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
        lab.sh("systemctl start t.service; pgrep -x sleep -a | grep -c 'sleep 1000' || true");
        assert_ne!(lab.sh(active), "active\n", "nobody can start it");
        assert_eq!(lab.timers().await.len(), 1);
        done(&lab.change(Change::Fire { id: "kill".into() }).await);
        assert_eq!(lab.sh(active), "active\n");
        assert_eq!(lab.sh("ls /run/systemd/system/t.service.d 2>/dev/null; systemctl show -p Restart t.service"), "Restart=always\n");
        // And by the timer, with nobody there.
        done(&lab.change(hold(2)).await);
        assert_ne!(lab.sh(active), "active\n");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(lab.sh(active), "active\n");
        assert_eq!(lab.timers().await, []);
        assert_eq!(code(&lab.change(Change::HoldDown { unit: "x;y.service".into(), id: "kill".into(), for_s: 1 }).await), "change.bad");
    });
}

#[test]
fn observers_tell_what_got_through_and_leave_nothing() {
    with_lab(async |lab| {
        let watch = |id: &str, beat, lasts| Change::Watch(Watch { id: id.into(), beat, every: Duration::from_millis(20), lasts: Duration::from_secs(lasts) });
        let connect = || WatchBeat::Connect { address: "127.0.0.1".into(), port: 22 };
        let tag = "0123456789abcdef0123456789abcdef";
        let write = || WatchBeat::Write { path: "/srv/beats/.beat".into(), tag: tag.into() };
        lab.sh("mkdir /srv/beats");
        assert_eq!(lab.watched("connect").await, None);
        done(&lab.change(watch("connect", connect(), 60)).await);
        done(&lab.change(watch("write", write(), 60)).await);
        done(&lab.change(watch("true", WatchBeat::Command { argv: vec!["true".into()] }, 60)).await);
        done(&lab.change(watch("false", WatchBeat::Command { argv: vec!["false".into()] }, 60)).await);
        tokio::time::sleep(Duration::from_secs(2)).await;
        lab.sh("systemctl stop ssh.socket ssh.service 2>/dev/null; sleep 1; systemctl start ssh.service");
        lab.reconnect().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        for id in ["connect", "write", "true", "false"] {
            done(&lab.change(Change::EndWatch { id: id.into() }).await);
        }
        let seen = lab.watched("connect").await.unwrap();
        let dark = seen.beats.windows(2).map(|pair| pair[1].ended_ms - pair[0].ended_ms).max().unwrap();
        assert!(seen.beats.len() > 40 && (900..5000).contains(&dark), "{} beats, dark for {dark} ms", seen.beats.len());
        assert!(seen.now_ms >= seen.beats.last().unwrap().ended_ms && seen.beats.iter().all(|beat| beat.ended_ms >= beat.begun_ms));
        assert!(lab.watched("true").await.unwrap().beats.len() > 10);
        assert_eq!(lab.watched("false").await.unwrap().beats, []);

        // Every record that was acknowledged is in its place.
        let seen = lab.watched("write").await.unwrap();
        let Ok(Seen::Content(Some(content))) = lab.link.look(vec![Look::Content { path: "/srv/beats/.beat".into(), limit: 1 << 20 }]).await.unwrap().remove(0) else { panic!() };
        assert!(seen.beats.len() > 20, "{seen:?}");
        for beat in &seen.beats {
            let at = beat.number as usize * arcus_node::RECORD;
            assert_eq!(content.bytes.reveal().get(at..at + arcus_node::RECORD), Some(arcus_node::record(tag, beat.number).as_slice()), "record {}", beat.number);
        }
        // A file that is there already is nobody's to write.
        let said = lab.change(watch("other", write(), 60)).await;
        assert!(matches!(&said, Outcome::Failed(failure) if failure.message.contains("/srv/beats/.beat cannot be made")), "{said:?}");
        lab.sh("test -s /srv/beats/.beat");
        for id in ["connect", "write", "true", "false", "other"] {
            done(&lab.change(Change::ForgetWatch { id: id.into() }).await);
        }
        // Nobody comes for it: it ends by itself, and takes with it what it wrote.
        done(&lab.change(watch("alone", write(), 2)).await);
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(lab.sh("ls -A /srv/beats /var/lib/arcus/test/watches; systemctl list-units --all --plain --no-legend 'arcus-watch*'"), "/srv/beats:\n\n/var/lib/arcus/test/watches:\n");

        // What is under way is noted, and taken away by whom it belongs to.
        let note = DrillNote {
            run: "r1".into(),
            plugin: "gateway-keepalived".into(),
            drill: "vip-stop".into(),
            fault: "stop".into(),
            node: "one".into(),
            what: Some("keepalived.service".into()),
            timer: Some("drill-vip-stop".into()),
            observers: vec![("one".into(), "address".into())],
            operator: "eva@desk".into(),
            since: 1,
        };
        done(&lab.change(Change::NoteDrill(note.clone())).await);
        done(&lab.change(Change::ForgetDrill { run: "r0".into() }).await);
        assert_eq!(lab.noted().await, Some(note));
        done(&lab.change(Change::ForgetDrill { run: "r1".into() }).await);
        assert_eq!(lab.noted().await, None);
    });
}

#[test]
fn a_full_disk_is_told() {
    with_lab(async |lab| {
        let one = lab.world.node("one").unwrap();
        one.fill_disk(false).unwrap();
        let outcome = lab.change(file("/etc/big", &"x".repeat(200_000))).await;
        one.free_disk(false).unwrap();
        assert_eq!(code(&outcome), "node.no-space", "{outcome:?}");
        assert_eq!(lab.sh("ls /etc/big /etc/.arcus-* 2>/dev/null || true"), "");
        done(&lab.change(file("/etc/big", "fits")).await);
    });
}

#[test]
fn a_held_unit_starts_neither_by_hand_nor_by_a_boot() {
    use ServiceAction::{Enable, Hold, Release, Start, Stop};
    with_lab(async |lab| {
        lab.sh("echo one >/etc/t.conf");
        done(&lab.change(file("/etc/systemd/system/t.service", UNIT)).await);
        done(&lab.change(service(&[Enable, Start])).await);
        done(&lab.change(service(&[Hold, Stop])).await);
        let fact = lab.service(&[]).await.unwrap();
        assert!(fact.held && !fact.active && fact.enabled && !fact.masked, "{fact:?}");
        assert_ne!(lab.sh("systemctl start t.service; echo $?").trim(), "0");
        // What a boot does.
        lab.sh("systemctl daemon-reload; systemctl start multi-user.target || true");
        assert!(!lab.service(&[]).await.unwrap().active);
        done(&lab.change(service(&[Release, Start])).await);
        let fact = lab.service(&[]).await.unwrap();
        assert!(!fact.held && fact.active && fact.enabled && !fact.stale, "{fact:?}");
        assert_eq!(lab.sh("ls -d /etc/systemd/system/t.service.d 2>/dev/null || true"), "");
    });
}

#[test]
fn a_folder_bound_over_itself_is_read_only_and_what_is_not_to_be_mounted_is_not() {
    with_lab(async |lab| {
        let mount = |live, source: &str, fstype: &str, options: &[&str], over| Change::Mount {
            live,
            source: source.into(),
            target: "/srv/shared".into(),
            fstype: fstype.into(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            persist: true,
            over,
        };
        let mounts = async || match lab.link.look(vec![Look::Probe(Probe::Mounts)]).await.unwrap().remove(0) {
            Ok(Seen::Fact(Fact::Mounts(mounts))) => mounts.into_iter().filter(|mount| mount.target == "/srv/shared").collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        lab.sh("mkdir /srv/shared && echo old >/srv/shared/a");
        let seal = || mount(true, "/srv/shared", "none", &["bind", "ro"], Over::Files);
        done(&lab.change(seal()).await);
        done(&lab.change(seal()).await);
        let seen = mounts().await;
        assert!(seen.len() == 1 && seen[0].live && seen[0].source == "/srv/shared" && seen[0].options.contains(&"ro".into()) && seen[0].fstab.is_some(), "{seen:?}");
        assert_ne!(lab.sh("echo new 2>/dev/null >/srv/shared/a; echo $?").trim(), "0");
        // The new one in its place; what it covers stays.
        let new = |live| mount(live, "new", "tmpfs", if live { &["size=1m"][..] } else { &["size=1m", "noauto"] }, Over::Mount("/srv/shared".into()));
        done(&lab.change(new(true)).await);
        assert_eq!(lab.sh("findmnt -n -o SOURCE /srv/shared").trim(), "new");
        assert_eq!(lab.sh("grep -c /srv/shared /etc/fstab").trim(), "1");
        // Unmounted, and a boot leaves it so.
        done(&lab.change(new(false)).await);
        let seen = mounts().await;
        assert!(seen.len() == 1 && !seen[0].live && seen[0].fstab.as_ref().is_some_and(|options| options.contains(&"noauto".into())), "{seen:?}");
        assert_eq!(lab.sh("mount -a; cat /srv/shared/a").trim(), "old");
        // Somebody else's is not unmounted for it.
        lab.sh("mount -t tmpfs other /srv/shared");
        assert_eq!(code(&lab.change(new(false)).await), "mount.foreign");
    });
}

#[test]
fn a_tree_is_copied_by_a_job_that_goes_on_without_us() {
    with_lab(async |lab| {
        lab.sh("mkdir -p /srv/from /srv/to /var/lib/memory; for n in 1 2 3; do echo $n >/srv/from/$n; done");
        let copy = |receipt: &str| Change::CopyTree {
            id: format!("copy-{receipt}:one"),
            source: "/srv/from".into(),
            target: "/srv/to".into(),
            mirror: true,
            compare: true,
            receipt: format!("/var/lib/memory/{receipt}"),
        };
        done(&lab.change(copy("a")).await);
        let ended = async |id: &str| loop {
            match lab.job(id).await {
                Some(job) if !job.running => break (job.status, String::from_utf8_lossy(&job.tail).into_owned()),
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        };
        let (status, said) = ended("copy-a:one").await;
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("through: 3 files"), "{said}");
        assert!(lab.sh("cat /var/lib/memory/a").contains("source: /srv/from\ntarget: /srv/to\nfiles: 3\n"));
        assert_eq!(lab.sh("cat /srv/to/3").trim(), "3");
        // The target has no room.
        lab.sh("mount -t tmpfs -o size=1m small /srv/to && head -c 4M /dev/urandom >/srv/from/big");
        done(&lab.change(copy("b")).await);
        let (status, said) = ended("copy-b:one").await;
        assert!(status == Some(1) && said.contains("/srv/to is too small"), "{status:?} {said}");
        assert_eq!(lab.sh("ls /var/lib/memory /srv/to").split_whitespace().collect::<Vec<_>>(), ["/srv/to:", "/var/lib/memory:", "a"]);
    });
}
