//! Looks at this machine, and at two small networks made for it, through each shell.
mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arcus_contract::facts::{Fact, Probe, Reachability, ServiceProbe, Vrrp};
use arcus_contract::files::{Content, File, Part};
use arcus_node::{Answer, Batch, Change, Hidden, Look, Named, Quiet, Seen};
use common::{Node, SHELLS, fact, file, node, task};

fn code(answer: &Answer) -> &str {
    &answer.as_ref().expect_err("a problem").code
}

fn query(argv: &[&str]) -> Look {
    Look::Command { argv: argv.iter().map(|word| (*word).to_owned()).collect(), stdin: String::new(), timeout_s: 2, limit: 1000 }
}

async fn look(node: &Node, looks: Vec<Look>) -> Vec<Answer> {
    tokio::time::timeout(Duration::from_secs(60), node.link.look(looks)).await.expect("in time").unwrap()
}

#[tokio::test]
async fn the_system() {
    for shell in SHELLS {
        let node = node(shell).await;
        let answers = look(
            &node,
            vec![
                Look::Probe(Probe::Os),
                Look::Probe(Probe::Hardware),
                Look::Probe(Probe::Sysctl("vm.overcommit_memory".into())),
                Look::Probe(Probe::Sysctl("no.such.key".into())),
                Look::Probe(Probe::KernelModule("no-such-module".into())),
                Look::Probe(Probe::Package("dash".into())),
                Look::Probe(Probe::Package("no-such-package".into())),
                Look::Probe(Probe::Clock),
                Look::Probe(Probe::Mounts),
            ],
        )
        .await;
        let Fact::Os(os) = fact(&answers[0]) else { panic!() };
        assert_eq!((os.kernel, os.boot_id), (read("/proc/sys/kernel/osrelease"), read("/proc/sys/kernel/random/boot_id")), "{shell:?}");
        let Fact::Hardware(hardware) = fact(&answers[1]) else { panic!() };
        assert_eq!(hardware.cpus as usize, std::thread::available_parallelism().unwrap().get());
        assert!(hardware.memory_bytes > 256 << 20);
        assert_eq!(fact(&answers[2]), Fact::Sysctl(Some(read("/proc/sys/vm/overcommit_memory"))));
        assert_eq!(fact(&answers[3]), Fact::Sysctl(None));
        assert_eq!(fact(&answers[4]), Fact::KernelModule(false));
        assert!(matches!(fact(&answers[5]), Fact::Package(Some(version)) if version.starts_with("0.")));
        assert_eq!(fact(&answers[6]), Fact::Package(None));
        let Fact::Clock(clock) = fact(&answers[7]) else { panic!() };
        assert!(clock.offset_ms.unsigned_abs() <= u64::from(clock.error_ms) + 2, "{clock:?}");
        let Fact::Mounts(mounts) = fact(&answers[8]) else { panic!() };
        assert!(mounts.iter().any(|mount| mount.target == "/" && mount.live && mount.size_bytes > 1 << 20 && mount.free_bytes < mount.size_bytes));
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap().trim().to_owned()
}

#[tokio::test]
async fn files_and_folders() {
    for shell in SHELLS {
        let node = node(shell).await;
        let bytes: Vec<u8> = (0..=255u8).cycle().take(3000).collect();
        let (plain, odd, empty) = (node.path("plain"), node.path("odd na'me \\ $x"), node.path("empty"));
        fs::write(&plain, &bytes).unwrap();
        fs::set_permissions(&plain, fs::Permissions::from_mode(0o4750)).unwrap();
        fs::write(&odd, "x\n").unwrap();
        fs::write(&empty, "").unwrap();
        symlink(&plain, node.path("link")).unwrap();
        symlink("/nonexistent", node.path("dangling")).unwrap();
        fs::create_dir(node.path("folder")).unwrap();
        for name in ["a", ".b", "..c", "d e", "*"] {
            fs::write(node.path(&format!("folder/{name}")), "").unwrap();
        }
        fs::create_dir(node.path("hollow")).unwrap();
        symlink("loop", node.path("loop")).unwrap();
        let answers = look(
            &node,
            vec![
                file(&plain, 65536),
                file(&odd, 1),
                file(&empty, 10),
                file(&node.path("link"), 0),
                file(&node.path("dangling"), 10),
                file(&node.path("plain/below"), 10),
                file(&node.path("folder"), 10),
                file(&node.path("loop"), 10),
                Look::Probe(Probe::Directory(node.path("folder"))),
                Look::Probe(Probe::Directory(node.path("hollow"))),
                Look::Probe(Probe::Directory(node.path("none"))),
                Look::Probe(Probe::Directory(plain.clone())),
                Look::Content { path: odd.clone(), limit: 100 },
                Look::Content { path: plain.clone(), limit: 100 },
                Look::Content { path: node.path("none"), limit: 100 },
                file(&plain, 65536),
            ],
        )
        .await;
        let Fact::File(Some(found)) = fact(&answers[0]) else { panic!("{shell:?} {answers:?}") };
        assert_eq!((found.mode, found.owner.as_str(), found.size_bytes), (0o4750, "root", 3000));
        assert!(found.content == bytes && found.sha256 == Hidden::new(bytes.clone()).sha256(), "{shell:?}");
        let Fact::File(Some(found)) = fact(&answers[1]) else { panic!("{shell:?} {:?}", answers[1]) };
        assert_eq!((found.content.as_slice(), found.sha256), (&b"x"[..], Hidden::from("x\n").sha256()), "{shell:?}");
        assert!(matches!(fact(&answers[2]), Fact::File(Some(found)) if found.size_bytes == 0 && found.content.is_empty() && found.sha256 == Hidden::from("").sha256()));
        assert!(matches!(fact(&answers[3]), Fact::File(Some(found)) if found.size_bytes == 3000 && found.content.is_empty()));
        assert_eq!(fact(&answers[4]), Fact::File(None));
        assert_eq!(fact(&answers[5]), Fact::File(None));
        assert_eq!(code(&answers[6]), "node.not-a-file");
        assert_eq!(code(&answers[7]), "node.unreadable", "a loop is not absence");
        assert!(matches!(fact(&answers[8]), Fact::Directory(Some(found)) if found.entries == 5), "{shell:?} {:?}", answers[8]);
        assert!(matches!(fact(&answers[9]), Fact::Directory(Some(found)) if found.entries == 0));
        assert_eq!(fact(&answers[10]), Fact::Directory(None));
        assert_eq!(code(&answers[11]), "node.not-a-directory");
        assert!(matches!(&answers[12], Ok(Seen::Content(Some(content))) if content.bytes.reveal() == b"x\n" && content.mode & 0o600 == 0o600));
        assert_eq!(code(&answers[13]), "node.truncated");
        assert_eq!(answers[14], Ok(Seen::Content(None)));
        assert_eq!(answers[15], answers[0]);
    }
}

/// Who may not read something gets "denied", never "absent".
#[tokio::test]
async fn denied_is_not_absent() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(at("closed")).unwrap();
    fs::write(at("closed/file"), "x").unwrap();
    fs::set_permissions(at("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(at("secret"), "x").unwrap();
    fs::set_permissions(at("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let link = arcus_node::Transport::connect(
        &arcus_node::Local::new(arcus_node::Layout::below(&at("none"))).with_shell(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh"]),
        &arcus_node::Endpoint::new("n1", ""),
    )
    .await
    .unwrap();
    let answers = link
        .look(vec![file(&at("closed/file"), 0), file(&at("secret"), 0), file(&at("absent"), 0), Look::Probe(Probe::Directory(at("closed"))), Look::Content { path: at("secret"), limit: 10 }])
        .await
        .unwrap();
    assert_eq!(code(&answers[0]), "node.denied", "{:?}", answers[0]);
    assert_eq!(code(&answers[1]), "node.unreadable");
    assert_eq!(fact(&answers[2]), Fact::File(None));
    assert_eq!(code(&answers[3]), "node.denied");
    assert_eq!(code(&answers[4]), "node.denied");
    assert!(answers.iter().filter_map(|answer| answer.as_ref().err()).all(|problem| problem.node.as_deref() == Some("n1")));
}

#[tokio::test]
async fn queries() {
    for shell in SHELLS {
        let node = node(shell).await;
        let begun = Instant::now();
        let answers = look(
            &node,
            vec![
                query(&["sh", "-c", "printf 'out\\000\\377'; printf err >&2; exit 3"]),
                query(&["yes"]),
                query(&["sleep", "60"]),
                query(&["/no/such/program"]),
                query(&["cat"]),
                query(&["sh", "-c", "exit 124"]),
                query(&["sh", "-c", "head -c 1000 /dev/zero"]),
                query(&["sh", "-c", "head -c 1001 /dev/zero >&2"]),
            ],
        )
        .await;
        let Fact::Query(out) = fact(&answers[0]) else { panic!() };
        assert_eq!((out.status, out.stdout.as_slice(), out.stderr.as_slice(), out.truncated), (3, &b"out\0\xff"[..], &b"err"[..], false), "{shell:?}");
        let Fact::Query(out) = fact(&answers[1]) else { panic!("{shell:?} {:?}", answers[1]) };
        assert!(out.truncated && out.stdout.len() == 1000, "{shell:?}");
        assert_eq!(code(&answers[2]), "node.timeout");
        assert_eq!(code(&answers[3]), "query.missing");
        assert!(matches!(fact(&answers[4]), Fact::Query(out) if out.status == 0 && out.stdout.is_empty()));
        assert!(matches!(fact(&answers[5]), Fact::Query(out) if out.status == 124), "a status of 124 is not a timeout");
        assert!(matches!(fact(&answers[6]), Fact::Query(out) if !out.truncated && out.stdout.len() == 1000));
        assert!(matches!(fact(&answers[7]), Fact::Query(out) if out.truncated && out.stderr.len() == 1000));
        assert!(begun.elapsed() < Duration::from_secs(15), "{shell:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_command_is_fed_what_it_was_given() {
    for shell in SHELLS {
        let node = node(shell).await;
        let fed = |stdin: &str| Look::Command { argv: vec!["cat".into()], stdin: stdin.into(), timeout_s: 2, limit: 1000 };
        let text = "SELECT 'it''s $HOME' FROM t;\n\\\n";
        let answers = look(&node, vec![fed(text), fed(""), fed("no newline")]).await;
        for (answer, wanted) in answers.iter().zip([text, "", "no newline"]) {
            assert!(matches!(fact(answer), Fact::Query(out) if out.stdout == wanted.as_bytes()), "{shell:?}: {answer:?}");
        }
    }
}

/// What hangs costs only its own answer.
#[tokio::test]
async fn late_answers_are_problems_and_the_rest_stands() {
    let node = node(&["sh"]).await;
    let batch = Batch {
        looks: vec![Look::Probe(Probe::Hardware), Look::Command { argv: vec!["sleep".into(), "30".into()], stdin: String::new(), timeout_s: 60, limit: 10 }],
        look_within: Duration::from_secs(2),
        ..Batch::default()
    };
    let begun = Instant::now();
    let report = node.link.run(&batch, &mut Quiet).await.unwrap();
    assert!(report.answers[0].is_ok());
    assert_eq!(code(&report.answers[1]), "node.timeout");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn what_cannot_be_asked_is_answered_here() {
    let node = node(&["sh"]).await;
    let wanted = File { path: "/x".into(), part: Part::Whole, content: Content::Pieces(vec![]), mode: 0, owner: String::new(), group: String::new(), keep_original: false };
    let answers = look(
        &node,
        vec![
            file("relative", 0),
            file("/a\nb", 0),
            file("/a/../b", 0),
            Look::Probe(Probe::Package("$(reboot)".into())),
            Look::Probe(Probe::Service(ServiceProbe { name: "--all".into(), newer_than: vec![] })),
            Look::Probe(Probe::Neighbour("; reboot".into())),
            Look::Command { argv: vec![], stdin: String::new(), timeout_s: 1, limit: 1 },
        ],
    )
    .await;
    for answer in &answers {
        assert_eq!(code(answer), "look.bad");
    }
    let answers = look(&node, vec![Look::Probe(Probe::FileIs(wanted)), Look::Probe(Probe::Hardware)]).await;
    assert_eq!(code(&answers[0]), "look.unresolved");
    assert!(answers[1].is_ok());
}

#[tokio::test]
async fn names_left_behind() {
    for shell in SHELLS {
        let node = node(shell).await;
        fs::create_dir(node.path("d")).unwrap();
        for name in [".arcus-1", ".arcus-2", "other"] {
            fs::write(node.path(&format!("d/{name}")), "").unwrap();
        }
        let ask = |directory: String| Look::Names { directory, prefix: ".arcus-".into() };
        let answers = look(&node, vec![ask(node.path("d")), ask(node.path("none"))]).await;
        let Ok(Seen::Names(names)) = &answers[0] else { panic!("{answers:?}") };
        assert_eq!(names.iter().map(|Named { name, .. }| name.as_str()).collect::<Vec<_>>(), [".arcus-1", ".arcus-2"]);
        assert!(names.iter().all(|name| name.age_s < 60));
        assert_eq!(answers[1], Ok(Seen::Names(vec![])));
    }
}

#[tokio::test]
async fn holders_of_a_folder() {
    for shell in SHELLS {
        let node = node(shell).await;
        fs::create_dir(node.path("a [b]")).unwrap();
        fs::create_dir(node.path("a b")).unwrap();
        let mut reader = fs::File::open(node.folder.path().join("a [b]")).unwrap();
        let writer = fs::File::create(node.path("a [b]/x")).unwrap();
        let mut sleeper = Command::new("sleep").arg("60").current_dir(node.path("a [b]")).spawn().unwrap();
        let answers = look(&node, vec![Look::Probe(Probe::Holders(node.path("a [b]"))), Look::Probe(Probe::Holders(node.path("a b")))]).await;
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        let Fact::Holders(holders) = fact(&answers[0]) else { panic!() };
        let by = |pid: u32| holders.iter().find(|holder| holder.pid == pid).unwrap_or_else(|| panic!("{shell:?} {holders:?}"));
        assert!(by(std::process::id()).writing, "{holders:?}");
        assert!(!by(sleeper.id()).writing && by(sleeper.id()).command == "sleep");
        assert_eq!(holders.len(), 2, "{holders:?}");
        assert_eq!(fact(&answers[1]), Fact::Holders(vec![]));
        drop((&mut reader, writer));
    }
}

/// A machine of its own for the network: a namespace, as long as a process lives.
struct Net(Child);

impl Net {
    fn new() -> Self {
        let child = Command::new("unshare").args(["-n", "sleep", "300"]).stdin(Stdio::null()).spawn().unwrap();
        let net = Self(child);
        // The namespace is there when it is no longer ours.
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        let begun = Instant::now();
        while fs::read_link(format!("/proc/{}/ns/net", net.0.id())).unwrap() == own {
            assert!(begun.elapsed() < Duration::from_secs(5), "this test needs root, for a network namespace");
            std::thread::sleep(Duration::from_millis(5));
        }
        net
    }

    fn enter(&self) -> Vec<String> {
        ["nsenter", "-t", &self.0.id().to_string(), "-n"].map(str::to_owned).into()
    }

    fn run(&self, line: &str) {
        let enter = self.enter();
        let out = Command::new(&enter[0]).args(&enter[1..]).args(["sh", "-c", line]).output().unwrap();
        assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
    }

    fn spawn(&self, argv: &[&str]) -> Child {
        let enter = self.enter();
        Command::new(&enter[0]).args(&enter[1..]).args(argv).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_network() {
    let (here, there) = (Net::new(), Net::new());
    here.run(&format!("ip link set lo up; ip link add eth0 type veth peer name eth0 netns {}", there.0.id()));
    here.run("ip addr add 10.9.0.1/24 dev eth0; ip addr add fd00::1/64 dev eth0; ip link set eth0 mtu 1400 up; ip route add default via 10.9.0.2; ip route add blackhole 10.244.0.0/26 proto bird");
    there.run("ip link set lo up; ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up");
    let mac = String::from_utf8(Command::new("nsenter").args(["-t", &there.0.id().to_string(), "-n", "ip", "-o", "link", "show", "eth0"]).output().unwrap().stdout).unwrap();
    let mac = mac.split("link/ether ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let listen = "use IO::Socket::INET; my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => $ARGV[0], LocalPort => $ARGV[1]) or die; sleep 120";
    let mut servers = vec![here.spawn(&["perl", "-e", listen, "0.0.0.0", "8443"]), there.spawn(&["perl", "-e", listen, "10.9.0.2", "7000"])];
    // Advertisements of router 51, priority 150, each second; and one of another protocol on top.
    let advert = "socket(S, 2, 3, 112) or die; setsockopt(S, 0, 32, pack('a4a4l', pack('C4', 224,0,0,18), pack('C4', 10,9,0,2), 0)); for (1..100) { send(S, pack('C8', 0x31, 51, 150, 1, 0, 100, 0, 0) . pack('C4', 10,9,0,100), 0, pack('S n C4 x8', 2, 0, 224,0,0,18)); sleep 1 }";
    servers.push(there.spawn(&["perl", "-e", advert]));
    tokio::time::sleep(Duration::from_millis(500)).await;

    let mut shells: Vec<Vec<String>> = Vec::new();
    for shell in SHELLS {
        shells.push(here.enter().into_iter().chain(shell.iter().map(|word| (*word).to_owned())).collect());
    }
    let checks = shells.iter().map(|shell| {
        let mac = mac.trim().to_owned();
        async move {
            let shell: Vec<&str> = shell.iter().map(String::as_str).collect();
            let folder = tempfile::tempdir().unwrap();
            let link = arcus_node::Transport::connect(&arcus_node::Local::new(arcus_node::Layout::below(folder.path().to_str().unwrap())).with_shell(&shell), &arcus_node::Endpoint::new("n1", "")).await.unwrap();
            let reach = |host: &str, port| Look::Probe(Probe::Reach((host.into(), port)));
            let begun = Instant::now();
            let answers = link
                .look(vec![
                    Look::Probe(Probe::Interfaces),
                    Look::Probe(Probe::Routes),
                    Look::Probe(Probe::Sockets),
                    reach("10.9.0.2", 7000),
                    reach("10.9.0.2", 7001),
                    reach("10.9.0.77", 22),
                    reach("127.0.0.1", 8443),
                    reach("10.9.0.2", 7000),
                    Look::Probe(Probe::Neighbour("10.9.0.2".into())),
                    Look::Probe(Probe::Neighbour("10.9.0.1".into())),
                    Look::Probe(Probe::Neighbour("10.9.0.55".into())),
                    Look::Probe(Probe::VrrpHeard("eth0".into())),
                    Look::Probe(Probe::VrrpHeard("none0".into())),
                ])
                .await
                .unwrap();
            let Fact::Interfaces(interfaces) = fact(&answers[0]) else { panic!() };
            let eth0 = interfaces.iter().find(|interface| interface.name == "eth0").unwrap();
            assert!(eth0.up && eth0.mtu == 1400 && eth0.addresses.contains(&"10.9.0.1/24".into()) && eth0.addresses.contains(&"fd00::1/64".into()), "{eth0:?}");
            let Fact::Routes(routes) = fact(&answers[1]) else { panic!() };
            assert!(routes.iter().any(|route| route.to == "0.0.0.0/0" && route.via.as_deref() == Some("10.9.0.2") && route.dev == "eth0"), "{routes:?}");
            assert!(routes.iter().any(|route| route.to == "10.244.0.0/26" && route.proto == "bird" && route.dev.is_empty()), "{routes:?}");
            assert!(routes.iter().any(|route| route.to == "fd00::/64"), "{routes:?}");
            let Fact::Sockets(sockets) = fact(&answers[2]) else { panic!() };
            assert!(sockets.iter().any(|socket| socket.tcp && socket.port == 8443 && socket.address == "0.0.0.0" && socket.process == "perl"), "{sockets:?}");
            let reached: Vec<Fact> = answers[3..8].iter().map(fact).collect();
            use Reachability::{Open, Refused, Silent};
            assert_eq!(reached, [Open, Refused, Silent, Open, Open].map(Fact::Reach), "{shell:?}");
            assert_eq!(fact(&answers[8]), Fact::Neighbour(Some(mac)), "{shell:?}");
            assert_eq!(fact(&answers[9]), Fact::Neighbour(None), "its own address is nobody else's");
            assert_eq!(fact(&answers[10]), Fact::Neighbour(None), "{shell:?}");
            assert_eq!(fact(&answers[11]), Fact::VrrpHeard(vec![Vrrp { source: "10.9.0.2".into(), router_id: 51, priority: 150 }]), "{shell:?}");
            assert!(answers[12].is_err());
            assert!(begun.elapsed() < Duration::from_secs(25), "beside each other, not one after the other: {:?}", begun.elapsed());
        }
    });
    futures::future::join_all(checks).await;
    for mut server in servers {
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

/// A folder of its own as a mount point, in a namespace that lives as long as the batch.
#[tokio::test]
async fn mounts_live_and_noted() {
    for shell in SHELLS {
        let with: Vec<&str> = ["unshare", "-m", "--propagation", "private"].iter().chain(shell.iter()).copied().collect();
        let node = node(&with).await;
        let target = node.path("mnt point");
        let mount = |source: &str, over| Change::Mount {
            live: true,
            source: source.into(),
            target: target.clone(),
            fstype: "tmpfs".into(),
            options: vec!["size=4m".into(), "noexec".into()],
            persist: true,
            over,
        };
        use arcus_node::Over;
        let foreign = "# by hand\nUUID=1 / ext4 defaults 0 1\n\nother:/x /y nfs ro 0 0";
        fs::write(node.path("fstab"), foreign).unwrap();
        fs::set_permissions(node.path("fstab"), fs::Permissions::from_mode(0o640)).unwrap();
        let report = node
            .run(&Batch {
                tasks: vec![task("a", mount("one", Over::Nothing)), task("b", mount("one", Over::Nothing))],
                looks: vec![Look::Probe(Probe::Mounts)],
                ..Batch::default()
            })
            .await;
        assert!(report.outcomes.iter().all(arcus_node::Outcome::is_done), "{shell:?} {:?}", report.outcomes);
        let Fact::Mounts(mounts) = fact(&report.answers[0]) else { panic!() };
        let ours: Vec<_> = mounts.iter().filter(|mount| mount.target == target).collect();
        assert_eq!(ours.len(), 1, "{shell:?} {ours:?}");
        assert!(ours[0].live && ours[0].source == "one" && ours[0].size_bytes == 4 << 20 && ours[0].fstab.as_deref() == Some(&["size=4m".to_owned(), "noexec".into()]), "{ours:?}");
        let line = format!("one {} tmpfs size=4m,noexec 0 0", target.replace(' ', "\\040"));
        assert_eq!(fs::read_to_string(node.path("fstab")).unwrap(), format!("{foreign}\n{line}\n"), "{shell:?}");
        assert_eq!(fs::metadata(node.path("fstab")).unwrap().permissions().mode() & 0o777, 0o640);

        // Its namespace is gone, the line is there: mounted again, noted once; then replaced; then taken away.
        let report = node
            .run(&Batch {
                tasks: vec![
                    task("a", mount("one", Over::Nothing)),
                    task("b", mount("two", Over::Mount("one".into()))),
                    task("u", Change::Unmount { target: target.clone(), source: Some("two".into()) }),
                ],
                looks: vec![Look::Probe(Probe::Mounts)],
                ..Batch::default()
            })
            .await;
        assert!(report.outcomes.iter().all(arcus_node::Outcome::is_done), "{shell:?} {:?}", report.outcomes);
        assert_eq!(fs::read_to_string(node.path("fstab")).unwrap(), format!("{foreign}\n"), "{shell:?}");
        let Fact::Mounts(mounts) = fact(&report.answers[0]) else { panic!() };
        assert!(mounts.iter().all(|mount| mount.target != target));

        // Somebody else's: refused, with nothing changed.
        let refused = |tasks| {
            let node = &node;
            async move {
                let report = node.run(&Batch { tasks, ..Batch::default() }).await;
                assert_eq!(common::code(report.outcomes.last().unwrap()), "mount.foreign", "{:?}", report.outcomes);
            }
        };
        refused(vec![task("a", mount("one", Over::Nothing)), task("b", mount("two", Over::Nothing))]).await;
        refused(vec![task("b", mount("two", Over::Nothing))]).await;
        assert!(fs::read_to_string(node.path("fstab")).unwrap().contains("\none "), "{shell:?}");
        refused(vec![task("u", Change::Unmount { target: target.clone(), source: Some("three".into()) })]).await;
        node.change(Change::Unmount { target: target.clone(), source: None }).await;
        fs::write(node.path("mnt point/theirs"), "").unwrap();
        refused(vec![task("b", mount("two", Over::Nothing))]).await;
        assert!(node.change(mount("two", Over::Files)).await.is_done());
        assert!(fs::exists(node.path("mnt point/theirs")).unwrap());
    }
}
