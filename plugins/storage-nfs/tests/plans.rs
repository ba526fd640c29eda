//! What is planned, and what is refused.

mod common;

use arcus_sdk::contract::actions::{Action, Mount, Step};
use arcus_sdk::contract::facts::{DirectoryFact, Fact, Mounted, Request};
use arcus_sdk::contract::checks::{Seen, Verdict, Weighing};
use arcus_sdk::contract::types::Problem;
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use arcus_sdk::guest;
use arcus_storage_nfs::Nfs;
use common::{NFS, converged, fixture, nas, nfs, served_by_a_node, shared};

fn steps(lab: &Lab<Nfs>) -> Vec<Step> {
    lab.plan().unwrap_or_else(|trouble| panic!("{trouble}")).steps
}

fn mount_on(lab: &Lab<Nfs>, node: &str) -> Mount {
    let step = steps(lab).into_iter().find(|step| step.id == format!("mount:{node}")).expect("it is mounted");
    let Action::Mount(mount) = step.action else { panic!("{:?}", step.action) };
    mount
}

fn refused(fixture: Fixture) -> Vec<Problem> {
    refusals(&Lab::<Nfs>::new(fixture))
}

fn refusals(lab: &Lab<Nfs>) -> Vec<Problem> {
    match lab.plan() {
        Err(Trouble::Refused(problems)) => problems,
        Err(trouble) => panic!("{trouble}"),
        Ok(desired) => panic!("planned: {:#?}", desired.steps.iter().map(|step| &step.id).collect::<Vec<_>>()),
    }
}

fn codes(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{} {}", problem.code, problem.node.clone().unwrap_or_default())).collect()
}

fn of_another_kind(source: &str, fstype: &str, live: bool, fstab: Option<&str>) -> Mounted {
    Mounted {
        source: source.into(),
        target: "/grdata".into(),
        fstype: fstype.into(),
        options: vec!["rw".into()],
        size_bytes: 1 << 30,
        free_bytes: 1 << 30,
        live,
        fstab: fstab.map(|options| options.split(',').map(str::to_owned).collect()),
    }
}

fn having(mounted: Mounted) -> Fixture {
    let mut fixture = nfs();
    fixture.world.machine("compute01").mounts.push(mounted);
    fixture
}

#[test]
fn a_nas_is_mounted_as_its_vendor_says() {
    let lab = Lab::<Nfs>::new(nas());
    let mount = mount_on(&lab, "compute01");
    assert_eq!((mount.source.as_str(), mount.target.as_str(), mount.fstype.as_str()), ("10.99.0.9:/", "/grdata", "nfs"));
    assert_eq!(
        mount.options.join(","),
        "vers=3,nolock,proto=tcp,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport,noatime,_netdev"
    );
    let offer = guest::storage_offer::<Nfs>(lab.input()).unwrap();
    assert_eq!((offer.source, offer.fstype, offer.options, offer.local), (mount.source, mount.fstype, mount.options, vec![]));
}

#[test]
fn any_other_server_is_mounted_with_version_4_1() {
    let mount = mount_on(&Lab::<Nfs>::new(nfs()), "manage02");
    assert_eq!((mount.source.as_str(), mount.options.join(",").as_str()), ("10.99.0.9:/grdata", "vers=4.1,proto=tcp,hard,timeo=600,retrans=2,noatime,_netdev"));
    let older = fixture(r#"{"server": "10.99.0.9", "export": "/a/b", "version": 3, "options": ["nconnect=4", "timeo=150"]}"#);
    let mount = mount_on(&Lab::<Nfs>::new(older), "manage02");
    assert_eq!(mount.options.join(","), "vers=3,proto=tcp,hard,timeo=150,retrans=2,noatime,nconnect=4,_netdev");
    let six = guest::storage_offer::<Nfs>(Lab::<Nfs>::new(fixture(r#"{"server": "fd00::9", "export": "/x", "version": "4.2"}"#)).input()).unwrap();
    assert_eq!((six.source.as_str(), &six.options[..2]), ("[fd00::9]:/x", &["vers=4.2".to_owned(), "proto=tcp6".into()][..]));
}

#[test]
fn settings_of_the_module_are_there_before_it_is_loaded() {
    let mut lab = Lab::<Nfs>::new(nas());
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    let place = |id: &str| report.performed().iter().position(|done| *done == id).unwrap_or_else(|| panic!("{id} was not done"));
    assert!(place("slots:compute01") < place("client:compute01") && place("client:compute01") < place("mount:compute01"));
    assert_eq!(lab.world().at("compute01").memory["slots"], "128");
    assert!(!report.performed().iter().any(|id| id.starts_with("lock")), "a NAS is asked for no locks");
}

#[test]
fn the_red_hat_family_has_another_package() {
    let lab = Lab::<Nfs>::new(nfs());
    lab.world().machine("compute01").os.id = "centos".into();
    lab.world().machine("compute01").os.like = vec!["rhel".into(), "fedora".into()];
    let package = |id: &str| match steps(&lab).into_iter().find(|step| step.id == id).map(|step| step.action) {
        Some(Action::Package(package)) => package.name,
        other => panic!("{other:?}"),
    };
    assert_eq!(package("client:compute01"), "nfs-utils");
    assert_eq!(package("client:manage01"), "nfs-common");
}

#[test]
fn the_platform_comes_after_the_proof() {
    for (fixture, last) in [(nfs(), "lock"), (nas(), "root")] {
        let steps = steps(&Lab::<Nfs>::new(fixture));
        let giving: Vec<&str> = steps.iter().filter(|step| step.provides.iter().any(|name| name == "storage.mounted")).map(|step| step.id.as_str()).collect();
        let mut wanted = ["compute01", "manage01", "manage02"].map(|node| format!("{last}:{node}"));
        wanted.sort();
        let mut giving: Vec<String> = giving.into_iter().map(str::to_owned).collect();
        giving.sort();
        assert_eq!(giving, wanted);
    }
}

#[test]
fn root_that_becomes_nobody_is_told_by_its_name() {
    let mut lab = Lab::<Nfs>::new(nfs());
    lab.world().memory.insert("squashes".into(), String::new());
    let told = match lab.converge() {
        Err(trouble) => trouble.to_string(),
        Ok(report) => format!("{:#?}", report.left()),
    };
    assert!(told.contains("takes root for somebody else"), "{told}");
    // And before anything is done, from then on.
    let problems = refusals(&lab);
    assert_eq!(codes(&problems), ["nfs.root-squash compute01", "nfs.root-squash manage01", "nfs.root-squash manage02"]);
    assert!(problems[0].help.as_ref().is_some_and(|help| help.contains("no_root_squash")));
}

#[test]
fn root_that_may_not_write_stops_before_the_platform() {
    let mut lab = Lab::<Nfs>::new(nfs());
    lab.world().memory.insert("root may not write".into(), String::new());
    let told = match lab.converge() {
        Err(trouble) => trouble.to_string(),
        Ok(report) => format!("{:#?}", report.left()),
    };
    assert!(told.contains("Permission denied"), "{told}");
    assert!(!lab.world().memory.contains_key("lock"));
}

#[test]
fn root_that_may_not_read_is_nobody_too() {
    let lab = Lab::<Nfs>::new(nfs());
    let judge = |answer| {
        let request: Request = steps(&lab).into_iter().find(|step| step.id == "root:compute01").unwrap().goal.unwrap().requests.remove(0);
        let weighing = Weighing { step: "root:compute01".into(), expect: String::new(), seen: vec![0] };
        guest::judge::<Nfs>(lab.input(), vec![weighing], vec![Seen { request, answer }]).remove(0)
    };
    let denied = Problem { code: "node.denied".into(), message: "no right to read /grdata/.arcus".into(), help: None, node: None, pointer: None, retryable: false };
    assert!(matches!(judge(Err(denied)), Verdict::Failed(problem) if problem.code == "nfs.root-squash"));
    let folder = |owner: &str| Ok(Fact::Directory(Some(DirectoryFact { mode: 0o700, owner: owner.into(), group: owner.into(), entries: 0 })));
    assert!(matches!(judge(folder("4294967294")), Verdict::Failed(problem) if problem.code == "nfs.root-squash"));
    assert!(matches!(judge(folder("root")), Verdict::Met));
    assert!(matches!(judge(Ok(Fact::Directory(None))), Verdict::Unmet(_)));
    let silent = Problem { code: "node.timeout".into(), message: "no answer in time".into(), help: None, node: None, pointer: None, retryable: true };
    assert!(matches!(judge(Err(silent)), Verdict::Unmet(_)));
}

#[test]
fn locks_that_do_not_work_stop_before_the_platform() {
    let mut lab = Lab::<Nfs>::new(nfs());
    lab.world().memory.insert("no locks".into(), String::new());
    let told = match lab.converge() {
        Err(trouble) => trouble.to_string(),
        Ok(report) => format!("{:#?}", report.left()),
    };
    assert!(told.contains("No locks available"), "{told}");
}

#[test]
fn a_server_that_is_not_reached_is_told_before_anything_is_done() {
    type Change = fn(&mut World);
    let cases: [(&str, Change, &str); 3] = [
        (NFS, |world| world.machine("nas").reachable = false, "there is no answer"),
        (NFS, |world| world.machine("nas").sockets.clear(), "nobody listens"),
        (common::NAS, |world| world.machine("nas").sockets.retain(|socket| socket.port != 111), "port 111"),
    ];
    for (config, change, words) in cases {
        let mut fixture = fixture(config);
        change(&mut fixture.world);
        let problems = refused(fixture);
        assert_eq!(codes(&problems), ["nfs.unreachable compute01", "nfs.unreachable manage01", "nfs.unreachable manage02"], "{words}");
        assert!(problems.iter().all(|problem| problem.message.contains(words) && problem.retryable), "{words}: {:?}", problems[0]);
    }
    // Version 4 needs no other port.
    let mut four = nfs();
    four.world.machine("nas").sockets.retain(|socket| socket.port != 111);
    converged(four);
    // Once mounted, it holds up no plan.
    let lab = converged(nfs());
    lab.world().machine("nas").reachable = false;
    lab.plan().unwrap_or_else(|trouble| panic!("{trouble}"));
}

#[test]
fn what_is_not_exported_is_told_in_the_words_of_the_server() {
    let mut fixture = nfs();
    fixture.world.memory.insert("not exported".into(), String::new());
    let mut lab = Lab::<Nfs>::new(fixture);
    let told = match lab.converge() {
        Err(trouble) => trouble.to_string(),
        Ok(report) => format!("{:#?}", report.left()),
    };
    assert!(told.contains("access denied by server while mounting 10.99.0.9:/grdata"), "{told}");
}

#[test]
fn another_file_system_is_left_alone() {
    for (source, fstype) in [("10.99.0.31:/data", "fuse.glusterfs"), ("10.99.0.8:/grdata", "nfs4"), ("10.99.0.9:/other", "nfs"), ("/dev/vdb1", "xfs")] {
        let problems = refused(having(of_another_kind(source, fstype, true, Some("defaults"))));
        assert_eq!(codes(&problems), ["nfs.other-mounted compute01"], "{source}");
        assert!(problems[0].message.contains(source) && problems[0].help.as_ref().is_some_and(|help| help.contains("arcus migrate")));
    }
    let problems = refused(having(of_another_kind("10.99.0.31:/data", "glusterfs", false, Some("defaults"))));
    assert_eq!(codes(&problems), ["nfs.other-in-fstab compute01"]);
}

#[test]
fn a_mount_in_another_way_is_not_touched_and_a_line_of_fstab_is_mended() {
    for (options, words) in [
        ("rw,vers=4.2,hard,local_lock=none", "version 4.2 and not 4.1"),
        ("rw,vers=4,minorversion=0,hard", "version 4.0 and not 4.1"),
        ("rw,vers=4.1,soft,local_lock=none", "gives up writes"),
        ("ro,vers=4.1,hard,local_lock=none", "read-only"),
        ("rw,vers=4.1,hard,local_lock=flock", "locks hold on one node only"),
    ] {
        let lab = converged(nfs());
        shared(&mut lab.world(), "compute01").options = options.split(',').map(str::to_owned).collect();
        let problems = refusals(&lab);
        assert_eq!(codes(&problems), ["nfs.mounted-otherwise compute01"], "{options}");
        assert!(problems[0].message.contains(words), "{options}: {}", problems[0].message);
    }
    let locking = converged(nas());
    shared(&mut locking.world(), "compute01").options = ["rw", "vers=3", "hard", "local_lock=none"].map(str::to_owned).to_vec();
    assert_eq!(codes(&refusals(&locking)), ["nfs.mounted-otherwise compute01"]);

    let mut lab = converged(nfs());
    shared(&mut lab.world(), "compute01").fstab = Some(vec!["defaults".into()]);
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(report.performed(), ["mount:compute01"]);
}

#[test]
fn files_at_the_mount_point_are_not_hidden() {
    let mut fixture = nfs();
    fixture.world.directory("compute01", "/grdata");
    fixture.world.write("compute01", "/grdata/old", "of somebody");
    let told = match Lab::<Nfs>::new(fixture).converge() {
        Err(trouble) => trouble.to_string(),
        Ok(report) => format!("{:#?}", report.left()),
    };
    assert!(told.contains("would hide them"), "{told}");
}

#[test]
fn a_node_may_be_the_server_and_mounts_nothing() {
    let lab = converged(served_by_a_node());
    assert!(lab.world().at("manage01").mounts.iter().all(|mounted| mounted.target != "/grdata"));
    let offer = guest::storage_offer::<Nfs>(lab.input()).unwrap();
    assert_eq!(offer.local, ["manage01"]);
    let warnings = lab.plan().unwrap().warnings;
    assert_eq!(warnings.iter().map(|warning| warning.code.as_str()).collect::<Vec<_>>(), ["nfs.server-is-node"]);
    // Elsewhere than where it needs the directory itself, it is no use to it.
    let mut elsewhere = served_by_a_node();
    elsewhere.config = r#"{"server": "manage01", "export": "/srv/grdata"}"#.into();
    assert_eq!(codes(&refused(elsewhere)), ["nfs.served-elsewhere "]);
    // A server that stopped provides nothing.
    let mut stopped = served_by_a_node();
    stopped.world.machine("manage01").sockets.clear();
    assert!(codes(&refused(stopped)).iter().all(|code| code.starts_with("nfs.unreachable")));
}

#[test]
fn while_a_migration_runs_nothing_is_mounted() {
    let fixture = nfs().handing(|handed| handed.demands.shared.as_mut().unwrap().attach = false);
    let mut lab = Lab::<Nfs>::new(fixture);
    assert!(lab.converge().unwrap().is_done());
    assert!(lab.world().at("compute01").packages.contains_key("nfs-common"));
    assert!(lab.world().at("compute01").mounts.iter().all(|mounted| mounted.target != "/grdata"));
    assert!(lab.verify().unwrap().witnesses.is_empty());
}

#[test]
fn every_mistake_of_the_file_is_told_at_once() {
    let told = |config: &str| {
        let problems = guest::storage_offer::<Nfs>(Lab::<Nfs>::new(fixture(config)).input()).err().unwrap_or_default();
        problems.iter().map(|problem| format!("{} {}", problem.code, problem.pointer.clone().unwrap_or_default())).collect::<Vec<_>>()
    };
    for good in ["10.0.0.9", "fd00::9", "nas-1.example.com", "3c5f-abc.cn-hangzhou.nas.example.com"] {
        assert!(told(&format!(r#"{{"server": "{good}", "export": "/"}}"#)).is_empty(), "{good}");
    }
    for bad in ["", "10.0.0.9:/x", "[fd00::9]", "10.0.0.999", "127.0.0.1", "::1", "0.0.0.0", "localhost", "-o", "a b", "a;b"] {
        assert_eq!(told(&format!(r#"{{"server": "{bad}", "export": "/x"}}"#)), ["nfs.server /server"], "{bad}");
    }
    for bad in ["", "grdata", "/grdata/", "/a//b", "/a/../b", "/.", "/a b", "/a,b", "//"] {
        assert_eq!(told(&format!(r#"{{"server": "10.0.0.9", "export": "{bad}"}}"#)), ["nfs.export-path /export"], "{bad}");
    }
    for bad in ["soft", "ro", "vers=3", "nolock", "rsize=0", "rsize", "timeo=06", "nconnect=99", "lookupcache=some", "noresvport=1", "exec", "port=1"] {
        assert_eq!(told(&format!(r#"{{"server": "10.0.0.9", "export": "/x", "options": ["actimeo=1", "{bad}"]}}"#)), ["nfs.option /options/1"], "{bad}");
    }
    assert_eq!(told(r#"{"server": "10.0.0.9", "export": "/x", "version": 5}"#), ["nfs.version /version"]);
    assert_eq!(
        told(r#"{"server": "localhost", "export": "x", "preset": "nas", "version": 4.1, "options": ["soft"]}"#),
        ["nfs.server /server", "nfs.export-path /export", "nfs.nas-version /version", "nfs.option /options/0"]
    );
    assert_eq!(told(r#"{"server": "10.0.0.9", "export": "/x", "mode": 1}"#), ["plugin.config /mode"]);
}
