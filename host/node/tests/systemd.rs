//! Packages, services, jobs, timers and drills on real nodes with systemd, over SSH.
mod common;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arcus_contract::facts::{Fact, JobFact, Probe, ServiceFact, ServiceProbe};
use arcus_lab::{Base, NodeSpec, Options, World};
use arcus_node::{Batch, Change, Endpoint, Event, Expect, Hidden, KnownHosts, Layout, Link, Login, Look, Outcome, Over, Quiet, Report, Seen, ServiceAction, Source, Ssh, Task, Transport};
use common::{code, command, done, task};

struct Lab<'w> {
    world: &'w World,
    ssh: Ssh,
    link: Arc<dyn Link>,
}

/// One world at a time: this is about what happens, not about how much.
static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// A world of one node, and the test inside its network.
fn with_lab(test: impl AsyncFn(&mut Lab) + Send + Sync) {
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let say = &mut |line: &str| eprintln!("{line}");
    arcus_lab::ensure(say).expect("a machine that can run the lab");
    let base = Base::ensure(say).expect("the base");
    let world = World::start(&base, &[NodeSpec::new("one", Ipv4Addr::new(10, 99, 0, 11)).role("manage")], &Options::default()).expect("a world");
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
    with_lab(async |lab| {
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
    });
}

#[test]
fn systemd_is_told_of_the_lines_it_knew() {
    with_lab(async |lab| {
        let mount = |source: &str, over| Change::Mount {
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
    with_lab(async |lab| {
        let arm = |after_s| Change::Arm { id: "restore t".into(), after_s, argv: ["touch", "/root/restored it"].map(Into::into).into() };
        done(&lab.change(arm(1)).await);
        tokio::time::sleep(Duration::from_secs(3)).await;
        lab.sh("test -e '/root/restored it'");
        lab.sh("rm '/root/restored it'");
        done(&lab.change(arm(2)).await);
        done(&lab.change(arm(3)).await);
        done(&lab.change(Change::Disarm { id: "restore t".into() }).await);
        done(&lab.change(Change::Disarm { id: "restore t".into() }).await);
        tokio::time::sleep(Duration::from_secs(4)).await;
        lab.sh("test ! -e '/root/restored it'");

        // The interface that we are on ourselves: the link dies, and the node comes back by itself, routes and all.
        lab.sh("ip route add 192.0.2.0/24 via 10.99.0.1 dev eth0; ip addr add fd00::11/64 dev eth0");
        let routes = lab.sh("ip route; ip -6 addr show dev eth0 scope global | grep -o 'fd00::[0-9/]*'");
        let isolate = Batch { tasks: vec![task("i", Change::Isolate { interface: "eth0".into(), for_s: 3 })], ..Batch::default() };
        let link = lab.link.clone();
        let told = tokio::time::timeout(Duration::from_secs(2), link.run(&isolate, &mut Quiet)).await;
        assert!(told.is_ok(), "the answer is out before the link is cut");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(lab.sh("ip link show eth0").contains("state DOWN"));
        lab.reconnect().await;
        done(&lab.change(command(&["true"])).await);
        assert_eq!(lab.sh("ip route; ip -6 addr show dev eth0 scope global | grep -o 'fd00::[0-9/]*'"), routes);
        done(&lab.change(Change::Rejoin { interface: "eth0".into() }).await);
        assert_eq!(code(&lab.change(Change::Isolate { interface: "none0".into(), for_s: 3 }).await), "drill.failed");
        assert_eq!(lab.sh("systemctl list-timers --all --plain | grep -c arcus || true"), "0\n", "no timer is left");
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
