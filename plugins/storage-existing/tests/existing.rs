//! The operator's mounts: nothing is planned where they are so, and what is missing is told.

use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::contract::facts::Mounted;
use arcus_sdk::contract::handoffs::SharedDirectory;
use arcus_sdk::contract::types::Role;
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use arcus_sdk::guest;
use arcus_storage_existing::Existing;

const NODES: [&str; 3] = ["manage01", "manage02", "compute01"];
const CONFIG: &str = r#"{"source": "10.99.0.9:/grdata", "type": "nfs", "options": ["vers=4.1", "_netdev"]}"#;

fn mounted() -> Mounted {
    Mounted {
        source: "10.99.0.9:/grdata".into(),
        target: "/grdata".into(),
        fstype: "nfs4".into(),
        options: vec!["rw".into(), "vers=4.1".into()],
        size_bytes: 100 << 30,
        free_bytes: 90 << 30,
        live: true,
        fstab: Some(vec!["vers=4.1".into(), "_netdev".into()]),
    }
}

fn with(config: &str) -> Fixture {
    let mut world = World::new();
    world.node("manage01", "10.99.0.11", &[Role::Manage, Role::Gateway]);
    world.node("manage02", "10.99.0.12", &[Role::Manage, Role::Gateway]);
    world.node("compute01", "10.99.0.21", &[Role::Compute]);
    for node in NODES {
        world.machine(node).mounts.push(mounted());
    }
    Fixture::new(include_str!("../manifest.toml"), config, world).handing(|handed| {
        let nodes = NODES.map(str::to_owned).to_vec();
        handed.demands.shared = Some(SharedDirectory { path: "/grdata".into(), nodes, attach: true, users: vec![] });
    })
}

fn whole() -> Fixture {
    with(CONFIG)
}

fn shared<'w>(world: &'w mut World, node: &str) -> &'w mut Mounted {
    world.machine(node).mounts.iter_mut().find(|mounted| mounted.target == "/grdata").expect("it is mounted")
}

arcus_sdk::properties!(Existing, whole);

#[test]
fn nothing_is_done_and_the_platform_may_begin() {
    let mut lab = Lab::<Existing>::new(whole());
    let steps = lab.plan().unwrap_or_else(|trouble| panic!("{trouble}")).steps;
    let giving = steps.iter().filter(|step| step.provides.contains(&"storage.mounted".to_owned())).count();
    assert_eq!(giving, NODES.len());
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(report.is_done() && report.performed().is_empty(), "{:?}", report.performed());
    assert!(report.rounds[0].is_empty(), "{:?}", report.rounds[0].remaining);
    let offer = guest::storage_offer::<Existing>(lab.input()).unwrap();
    assert_eq!((offer.source.as_str(), offer.fstype.as_str(), offer.options.join(",").as_str()), ("10.99.0.9:/grdata", "nfs", "vers=4.1,_netdev"));
}

#[test]
fn what_is_missing_is_told_for_every_node() {
    type Change = fn(&mut Mounted);
    let cases: [(&str, &str, Change); 5] = [
        ("10.99.0.8:/grdata (nfs4) is mounted there", "existing.other-mounted", |mounted| mounted.source = "10.99.0.8:/grdata".into()),
        ("(fuse.glusterfs) is mounted there", "existing.other-mounted", |mounted| mounted.fstype = "fuse.glusterfs".into()),
        ("stands in fstab, and is not mounted", "existing.not-mounted", |mounted| mounted.live = false),
        ("nothing is mounted there", "existing.not-mounted", |mounted| mounted.target = "/elsewhere".into()),
        ("read-only", "existing.not-mounted", |mounted| mounted.options = vec!["ro".into()]),
    ];
    for (words, code, change) in cases {
        let lab = Lab::<Existing>::new(whole());
        for node in ["manage02", "compute01"] {
            change(shared(&mut lab.world(), node));
        }
        let Err(Trouble::Refused(problems)) = lab.plan() else { panic!("{words}: it was planned") };
        let told: Vec<&str> = problems.iter().filter_map(|problem| problem.node.as_deref()).collect();
        assert_eq!(told, ["manage02", "compute01"], "{words}");
        assert!(problems.iter().all(|problem| problem.code == code && problem.message.contains(words)), "{words}: {}", problems[0].message);
        let names_migrate = problems[0].help.as_ref().is_some_and(|help| help.contains("`arcus migrate`"));
        assert_eq!(names_migrate, code == "existing.other-mounted", "{words}: {:?}", problems[0].help);
        let failed: Vec<String> = bad(&lab).into_iter().filter(|(name, _)| name.starts_with("mounted@")).map(|(name, _)| name).collect();
        assert_eq!(failed, ["mounted@manage02", "mounted@compute01"], "{words}");
    }
}

fn bad(lab: &Lab<Existing>) -> Vec<(String, Check)> {
    let checks = lab.verify().unwrap_or_else(|trouble| panic!("{trouble}")).checks;
    let name = |check: &Check| check.node.as_ref().map_or(check.id.clone(), |node| format!("{}@{node}", check.id));
    checks.into_iter().filter(|check| check.outcome != Outcome::Passed).map(|check| (name(&check), check)).collect()
}

#[test]
fn every_node_writes_and_reads() {
    let lab = Lab::<Existing>::new(whole());
    assert!(bad(&lab).is_empty(), "{:#?}", bad(&lab));
    let witnesses = lab.verify().unwrap().witnesses;
    let mut writers: Vec<&str> = witnesses.iter().map(|witness| witness.writer.as_str()).collect();
    writers.sort_unstable();
    assert_eq!(writers, ["compute01", "manage01", "manage02"]);
}

#[test]
fn a_boot_mounts_it_again() {
    let outcome = |config: &str, fstab: Option<&[&str]>| {
        let lab = Lab::<Existing>::new(with(config));
        shared(&mut lab.world(), "compute01").fstab = fstab.map(|options| options.iter().map(ToString::to_string).collect());
        bad(&lab).into_iter().find(|(name, _)| name == "fstab@compute01").map(|(_, check)| check.outcome)
    };
    let silent = r#"{"source": "10.99.0.9:/grdata", "type": "nfs"}"#;
    assert_eq!(outcome(CONFIG, Some(&["vers=4.1", "_netdev"])), None);
    assert_eq!(outcome(CONFIG, None), Some(Outcome::Warned));
    assert_eq!(outcome(CONFIG, Some(&["defaults"])), Some(Outcome::Failed));
    assert_eq!(outcome(silent, Some(&["defaults"])), None);
    assert_eq!(outcome(silent, Some(&["vers=3"])), Some(Outcome::Warned));
}

#[test]
fn every_mistake_of_the_file_is_told_at_once() {
    let told = |config: &str| {
        let problems = guest::storage_offer::<Existing>(Lab::<Existing>::new(with(config)).input()).err().unwrap_or_default();
        problems.iter().map(|problem| format!("{} {}", problem.code, problem.pointer.clone().unwrap_or_default())).collect::<Vec<_>>()
    };
    assert!(told(r#"{"source": "10.99.0.31:/data", "type": "glusterfs"}"#).is_empty());
    assert!(told(r#"{"source": "10.0.0.1,10.0.0.2:/", "type": "ceph", "options": ["name=admin", "_netdev"]}"#).is_empty());
    assert_eq!(
        told(r#"{"source": "a b", "type": "xfs", "options": ["_netdev", "a,b"]}"#),
        ["existing.source /source", "existing.not-shared /type", "existing.option /options/1"]
    );
    assert_eq!(told(r#"{"type": "nfs"}"#), ["plugin.config "]);
}
