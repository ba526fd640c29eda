//! What is planned, and what is refused.

mod common;

use arcus_sdk::contract::actions::{Action, Step};
use arcus_sdk::contract::checks::Outcome;
use arcus_sdk::contract::facts::Mounted;
use arcus_sdk::contract::handoffs::SharedDirectory;
use arcus_sdk::contract::types::{Problem, Role};
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use arcus_sdk::guest;
use arcus_storage_glusterfs::Gluster;
use common::{HA, Volume, converged, fixture, ha, install, peers_of, pool, put_volume, volume_of};

fn argv(step: &Step) -> Vec<String> {
    match &step.action {
        Action::Command(command) => command.argv.clone(),
        other => panic!("{} is no command: {other:?}", step.id),
    }
}

fn step(lab: &Lab<Gluster>, id: &str) -> Step {
    let steps = lab.plan().unwrap_or_else(|trouble| panic!("{trouble}")).steps;
    steps.into_iter().find(|step| step.id == id).unwrap_or_else(|| panic!("no step {id}"))
}

fn refused(fixture: Fixture) -> Vec<Problem> {
    match Lab::<Gluster>::new(fixture).plan() {
        Err(Trouble::Refused(problems)) => problems,
        Err(trouble) => panic!("{trouble}"),
        Ok(desired) => panic!("planned: {:#?}", desired.steps.iter().map(|step| &step.id).collect::<Vec<_>>()),
    }
}

fn codes(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.code.as_str()).collect()
}

/// The HA volume as gluster remembers it.
fn volume(status: &str) -> Volume {
    let bricks = ["10.99.0.31:/data/brick", "10.99.0.32:/data/brick", "10.99.0.33:/data/brick"];
    Volume { shape: "Replicate/1 x (2 + 1) = 3".into(), bricks: bricks.map(Into::into).to_vec(), status: status.into(), options: vec![] }
}

/// A cluster that somebody built by hand.
fn built(volume: &Volume) -> Fixture {
    let mut fixture = ha();
    let nodes = ["storage01", "storage02", "storage03"];
    install(&mut fixture.world, &nodes);
    pool(&mut fixture.world, &nodes);
    put_volume(&mut fixture.world, "storage01", "data", volume);
    fixture
}

#[test]
fn the_volume_is_made_with_the_arbiter_last_whatever_the_order_of_the_file() {
    let lab = Lab::<Gluster>::new(ha());
    let wanted = "gluster --mode=script volume create data replica 3 arbiter 1 10.99.0.31:/data/brick 10.99.0.32:/data/brick 10.99.0.33:/data/brick";
    assert_eq!(argv(&step(&lab, "create:data")).join(" "), wanted);
    lab.world().nodes.reverse();
    assert_eq!(argv(&step(&lab, "create:data")).join(" "), wanted);

    let three = Lab::<Gluster>::new(fixture(3, "{}"));
    assert!(argv(&step(&three, "create:data")).join(" ").starts_with("gluster --mode=script volume create data replica 3 10.99.0.31:/data/glusterfs"));
    let options = argv(&step(&three, "options:data")).join(" ");
    assert_eq!(options, "gluster --mode=script volume set data cluster.heal-timeout 60 cluster.quorum-type auto cluster.server-quorum-type server network.ping-timeout 10");
    // The operator's word counts.
    let patient = Lab::<Gluster>::new(fixture(3, r#"{"options": {"cluster.heal-timeout": 600}}"#));
    assert!(argv(&step(&patient, "options:data")).join(" ").contains(" cluster.heal-timeout 600 "));
}

#[test]
fn one_arbiter_serves_several_sets() {
    let lab = Lab::<Gluster>::new(fixture(5, r#"{"arbiter": "storage05", "brick": "/data/b"}"#));
    let argv = argv(&step(&lab, "create:data"));
    assert_eq!(
        argv[8..].join(" "),
        "1 10.99.0.31:/data/b 10.99.0.32:/data/b 10.99.0.35:/data/b 10.99.0.33:/data/b 10.99.0.34:/data/b 10.99.0.35:/data/b-2"
    );
}

#[test]
fn clients_mount_as_the_guide_does() {
    let lab = Lab::<Gluster>::new(ha());
    let Action::Mount(mount) = step(&lab, "mount:compute01").action else { panic!() };
    assert_eq!((mount.source.as_str(), mount.target.as_str(), mount.fstype.as_str()), ("10.99.0.31:/data", "/grdata", "glusterfs"));
    assert_eq!(
        mount.options.join(","),
        "backupvolfile-server=10.99.0.32,use-readdirp=no,log-level=WARNING,log-file=/var/log/gluster.log,_netdev"
    );
    let offer = guest::storage_offer::<Gluster>(lab.input()).unwrap();
    assert_eq!((offer.source, offer.options), (mount.source, mount.options));

    let many = Lab::<Gluster>::new(fixture(6, "{}"));
    let Action::Mount(mount) = step(&many, "mount:compute01").action else { panic!() };
    assert_eq!(mount.options[0], "backup-volfile-servers=10.99.0.32:10.99.0.33:10.99.0.34:10.99.0.35:10.99.0.36");
}

#[test]
fn the_red_hat_family_has_other_packages() {
    let fixture = ha();
    let lab = Lab::<Gluster>::new(fixture);
    lab.world().machine("compute01").os.id = "centos".into();
    lab.world().machine("compute01").os.like = vec!["rhel".into(), "fedora".into()];
    let package = |id: &str| match step(&lab, id).action {
        Action::Package(package) => package.name,
        other => panic!("{other:?}"),
    };
    assert_eq!(package("client:compute01"), "glusterfs-fuse");
    assert_eq!(package("client:manage01"), "glusterfs-client");
}

#[test]
fn centos_7_gets_its_repository_first_unless_the_nodes_have_their_own() {
    let lab = |config: &str| {
        let lab = Lab::<Gluster>::new(fixture(3, config));
        for node in ["storage01", "compute01"] {
            let mut world = lab.world();
            let os = &mut world.machine(node).os;
            (os.id, os.version, os.like) = ("centos".into(), "7".into(), vec!["rhel".into(), "fedora".into()]);
        }
        lab
    };
    let steps = |lab: &Lab<Gluster>| lab.plan().unwrap_or_else(|trouble| panic!("{trouble}")).steps;
    let mut centos = lab("{}");
    for (repository, software) in [("repository:storage01", "install:storage01"), ("repository:compute01", "client:compute01")] {
        assert!(matches!(step(&centos, repository).action, Action::Package(package) if package.name == "centos-release-gluster"));
        assert!(step(&centos, software).after.contains(&repository.to_owned()), "{software}");
    }
    assert!(steps(&centos).iter().all(|step| step.id != "repository:storage02"), "Debian has it");
    assert!(centos.converge().unwrap().is_done());
    assert!(steps(&lab(r#"{"own-repository": true}"#)).iter().all(|step| !step.id.starts_with("repository:")));
}

#[test]
fn a_system_of_no_known_family_is_told_by_name() {
    let mut fixture = ha();
    let os = &mut fixture.world.machine("compute01").os;
    (os.id, os.version) = ("alpine".into(), "3.19.0".into());
    let problems = refused(fixture);
    assert_eq!(codes(&problems), ["system.unknown"]);
    assert_eq!((problems[0].node.as_deref(), problems[0].message.as_str()), (Some("compute01"), "compute01 runs alpine 3.19.0, which is of no family whose packages are known"));
}

#[test]
fn while_a_migration_runs_nothing_is_mounted() {
    let fixture = ha().handing(|handed| handed.demands.shared.as_mut().unwrap().attach = false);
    let mut lab = Lab::<Gluster>::new(fixture);
    assert!(lab.converge().unwrap().is_done());
    assert!(lab.world().at("compute01").packages.contains_key("glusterfs-client"));
    assert!(lab.world().at("compute01").mounts.iter().all(|mounted| mounted.target != "/grdata"));
    assert!(lab.verify().unwrap().witnesses.is_empty());
}

fn at_grdata(world: &mut World, node: &str, change: impl Fn(&mut Mounted)) {
    world.machine(node).mounts.iter_mut().filter(|mounted| mounted.target == "/grdata").for_each(change);
}

#[test]
fn another_kind_of_storage_is_moved_by_migrate_and_not_mounted_over() {
    type Change = fn(&mut Mounted);
    let cases: [(&str, &str, Change); 4] = [
        ("gluster.other-mounted", "10.99.0.11:/grdata (nfs4)", |mounted| (mounted.source, mounted.fstype) = ("10.99.0.11:/grdata".into(), "nfs4".into())),
        ("gluster.other-mounted", "10.99.0.31:/other (fuse.glusterfs)", |mounted| mounted.source = "10.99.0.31:/other".into()),
        ("gluster.other-mounted", "10.99.0.77:/data (fuse.glusterfs)", |mounted| mounted.source = "10.99.0.77:/data".into()),
        ("gluster.other-in-fstab", "fstab of compute01 has 10.99.0.11:/grdata (nfs)", |mounted| {
            (mounted.source, mounted.fstype, mounted.live) = ("10.99.0.11:/grdata".into(), "nfs".into(), false);
        }),
    ];
    for (code, words, change) in cases {
        let lab = converged();
        at_grdata(&mut lab.world(), "compute01", change);
        let Err(Trouble::Refused(problems)) = lab.plan() else { panic!("{words}: it was planned") };
        assert_eq!(codes(&problems), [code], "{words}");
        assert!(problems[0].message.contains(words) && problems[0].node.as_deref() == Some("compute01"), "{words}: {}", problems[0].message);
        assert!(problems[0].help.as_ref().is_some_and(|help| help.contains("`arcus migrate`")), "{words}");
    }
}

#[test]
fn a_volume_that_is_mounted_by_its_servers_name_is_the_same_volume() {
    let mut lab = converged();
    at_grdata(&mut lab.world(), "compute01", |mounted| {
        mounted.source = "storage02:/data".into();
        mounted.fstab = Some(vec!["backupvolfile-server=storage01".into()]);
    });
    // Its line of fstab is mended; what is in use stays as it is.
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(report.performed(), ["mount:compute01"]);
    let mounts = lab.world().at("compute01").mounts.clone();
    let found = mounts.iter().find(|mounted| mounted.target == "/grdata").unwrap();
    assert_eq!(found.source, "storage02:/data");
    assert!(found.fstab.as_ref().unwrap().contains(&"_netdev".into()), "{:?}", found.fstab);
    let checks = lab.verify().unwrap().checks;
    assert!(checks.iter().all(|check| check.outcome == Outcome::Passed), "{checks:#?}");
}

#[test]
fn a_volume_that_is_another_is_left_alone() {
    type Change = fn(&mut Volume);
    let cases: [(&str, Change); 4] = [
        ("it is Replicate 1 x 3 = 3", |volume| volume.shape = "Replicate/1 x 3 = 3".into()),
        ("a brick 10.99.0.33:/data/other", |volume| volume.bricks[2] = "10.99.0.33:/data/other".into()),
        ("it is Distribute 3", |volume| volume.shape = "Distribute/3".into()),
        ("its brick on storage01 is an arbiter", |volume| volume.bricks.rotate_left(1)),
    ];
    for (words, change) in cases {
        let mut other = volume("Started");
        change(&mut other);
        let problems = refused(built(&other));
        assert_eq!(codes(&problems), ["gluster.volume-differs"], "{words}");
        let found = &problems[0];
        assert!(found.message.contains(words), "{words}: {}", found.message);
    }
}

#[test]
fn a_volume_that_somebody_built_by_hand_is_taken_over() {
    let mut lab = Lab::<Gluster>::new(built(&volume("Started")));
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(report.is_done());
    // Only what the hand left out: options, and the mounts.
    let wanted = ["client:compute01", "client:manage01", "mount:compute01", "mount:manage01", "options:data"];
    let mut performed = report.performed();
    performed.sort_unstable();
    assert_eq!(performed, wanted);
}

#[test]
fn bricks_by_name_are_the_same_bricks() {
    let mut other = volume("Started");
    for (place, brick) in other.bricks.iter_mut().enumerate() {
        *brick = format!("storage0{}:/data/brick", place + 1);
    }
    let lab = Lab::<Gluster>::new(built(&other));
    lab.plan().unwrap_or_else(|trouble| panic!("{trouble}"));
}

#[test]
fn without_all_storage_nodes_no_pool_is_made() {
    for silent in ["storage01", "storage02", "storage03"] {
        let mut lab = Lab::<Gluster>::new(ha());
        lab.world().machine(silent).reachable = false;
        let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
        assert!(!report.is_done());
        let made: Vec<&str> = report.performed().into_iter().filter(|id| !id.starts_with("install") && !id.starts_with("client") && !id.starts_with("glusterd")).collect();
        assert!(made.is_empty(), "{silent} is silent, and {made:?} were done");
        for node in ["storage01", "storage02", "storage03"] {
            assert!(peers_of(&lab.world(), node).is_empty());
        }
    }
}

#[test]
fn a_node_that_was_made_anew_joins_the_living_pool() {
    let mut fixture = built(&volume("Started"));
    // The first by name lost its disk: it must not become the head of a second pool.
    let bare = ha().world.machines["storage01"].clone();
    *fixture.world.machine("storage01") = bare;
    pool(&mut fixture.world, &["storage02", "storage03"]);
    let mut lab = Lab::<Gluster>::new(fixture);
    let peer = step(&lab, "peer:storage01");
    assert_eq!(peer.node, "storage02");
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(!report.performed().iter().any(|id| id.starts_with("create")), "{:?}", report.performed());
    assert_eq!(peers_of(&lab.world(), "storage01").len(), 2);
}

#[test]
fn a_stopped_daemon_is_started_and_its_volume_not_made_again() {
    let mut lab = converged();
    for node in ["storage01", "storage02", "storage03"] {
        lab.world().machine(node).unit("glusterd.service").active = false;
    }
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(report.is_done(), "{:#?}", report.left());
    let mut performed = report.performed();
    performed.retain(|id| !id.starts_with("peer:"));
    assert_eq!(performed, ["glusterd:storage01", "glusterd:storage02", "glusterd:storage03"]);
}

#[test]
fn a_stopped_volume_is_started() {
    let mut lab = converged();
    let mut stopped = volume_of(&lab.world(), "storage01", "data").unwrap();
    stopped.status = "Stopped".into();
    put_volume(&mut lab.world(), "storage01", "data", &stopped);
    assert_eq!(lab.converge().unwrap().performed(), ["start:data"]);
}

#[test]
fn a_lost_storage_node_holds_up_nobody_else() {
    let mut lab = converged();
    lab.world().machine("storage02").reachable = false;
    lab.world().node("compute02", "10.99.0.22", &[arcus_sdk::contract::types::Role::Compute]);
    lab.fixture().handed.demands.shared.as_mut().unwrap().nodes.push("compute02".into());
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(report.performed(), ["client:compute02", "mount:compute02"]);
    assert!(!report.is_done(), "a node that did not answer is no node that is done");
}

#[test]
fn two_pools_are_never_joined() {
    let mut fixture = built(&volume("Started"));
    let alone = fixture.world.machine("storage03");
    alone.memory.clear();
    alone.memory.insert("peers".into(), "stranger".into());
    pool(&mut fixture.world, &["storage01", "storage02"]);
    let problems = refused(fixture);
    assert!(codes(&problems).contains(&"gluster.two-pools"), "{:?}", codes(&problems));
}

#[test]
fn a_brick_has_a_disk_of_its_own() {
    let without = |config: &str| {
        let mut fixture = fixture(3, config);
        fixture.world.machine("storage02").mounts.retain(|mounted| mounted.target != "/data");
        fixture
    };
    let problems = refused(without(HA));
    assert_eq!(codes(&problems), ["gluster.brick-on-root"]);
    assert_eq!(problems[0].node.as_deref(), Some("storage02"));
    Lab::<Gluster>::new(without(&HA.replace('}', r#", "accept-brick-on-root": true}"#))).plan().unwrap();

    let mut at_mount = ha();
    at_mount.world.machine("storage01").mounts.iter_mut().filter(|mounted| mounted.target == "/data").for_each(|mounted| mounted.target = "/data/brick".into());
    assert_eq!(codes(&refused(at_mount)), ["gluster.brick-is-mount"]);

    // In fstab alone it is no mount.
    let mut off = ha();
    off.world.machine("storage01").mounts.iter_mut().filter(|mounted| mounted.target == "/data").for_each(|mounted| mounted.live = false);
    assert_eq!(codes(&refused(off)), ["gluster.brick-on-root"]);
}

#[test]
fn old_files_are_not_built_upon() {
    let mut fixture = ha();
    fixture.world.write("storage02", "/data/brick/old", "of something else");
    let problems = refused(fixture);
    assert_eq!(codes(&problems), ["gluster.brick-not-empty"]);
    // Once the volume is there, its bricks are full of files, and that is no problem.
    let lab = converged();
    lab.world().write("storage01", "/data/brick/file", "of the volume");
    lab.plan().unwrap();
}

#[test]
fn what_an_attempt_left_in_bricks_is_built_upon() {
    let mut fixture = ha();
    for node in ["storage01", "storage02"] {
        fixture.world.directory(node, "/data/brick");
        fixture.world.directory(node, "/data/brick/.glusterfs");
    }
    let mut lab = Lab::<Gluster>::new(fixture);
    assert_eq!(argv(&step(&lab, "create:data")).last().map(String::as_str), Some("force"));
    assert!(lab.converge().unwrap_or_else(|trouble| panic!("{trouble}")).is_done());

    // With a file in it, it is no attempt.
    let mut fixture = ha();
    fixture.world.directory("storage01", "/data/brick");
    fixture.world.directory("storage01", "/data/brick/.glusterfs");
    fixture.world.write("storage01", "/data/brick/.glusterfs/health_check", "");
    assert_eq!(codes(&refused(fixture)), ["gluster.brick-not-empty"]);
}

#[test]
fn every_mistake_of_the_file_is_told_at_once() {
    let offer = |storage: usize, config: &str| guest::storage_offer::<Gluster>(Lab::<Gluster>::new(fixture(storage, config)).input());
    let told = |storage: usize, config: &str| {
        let problems = offer(storage, config).unwrap_err();
        problems.iter().map(|problem| format!("{} {}", problem.code, problem.pointer.clone().unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(told(0, "{}"), ["gluster.too-few-nodes "]);
    assert_eq!(told(1, "{}"), ["gluster.too-few-nodes "]);
    assert_eq!(told(2, "{}"), ["gluster.split-brain-risk "]);
    assert_eq!(told(5, "{}"), ["gluster.node-count "]);
    assert_eq!(told(5, r#"{"accept-split-brain-risk": true}"#), ["gluster.node-count "]);
    assert_eq!(told(3, r#"{"arbiter": "compute01"}"#), ["gluster.arbiter-unknown /arbiter"]);
    assert_eq!(told(2, r#"{"arbiter": "storage01"}"#), ["gluster.arbiter-count /arbiter"]);
    assert_eq!(
        told(2, r#"{"options": {"network.ping-timeout": 5, "auth.allow": "10.*"}}"#),
        ["gluster.option-value /options/auth.allow", "gluster.option-own /options/network.ping-timeout", "gluster.split-brain-risk "]
    );
    assert_eq!(told(3, r#"{"brik": 1}"#), ["plugin.config /brik"]);
    assert_eq!(told(3, r#"{"brick": "/data/../etc"}"#), ["gluster.brick-path /brick"]);
    assert!(offer(2, r#"{"accept-split-brain-risk": true}"#).is_ok());
    assert!(offer(6, "{}").is_ok());
}

#[test]
fn risks_are_said_in_every_plan() {
    let mut lab = Lab::<Gluster>::new(fixture(2, r#"{"accept-split-brain-risk": true}"#));
    for _ in 0..2 {
        let warnings = lab.plan().unwrap().warnings;
        assert_eq!(warnings.iter().map(|warning| warning.code.as_str()).collect::<Vec<_>>(), ["gluster.split-brain-risk"]);
        lab.converge().unwrap();
    }
    assert_eq!(volume_of(&lab.world(), "storage01", "data").unwrap().options[1], ("cluster.quorum-type".into(), "none".into()));
}

#[test]
fn daemons_of_a_living_volume_are_restarted_one_at_a_time() {
    let mut lab = converged();
    let nodes = ["storage01", "storage02", "storage03"];
    lab.world().pass(10);
    for node in nodes {
        lab.world().write(node, "/etc/systemd/system/glusterd.service", "of an upgrade");
        assert_eq!(step(&lab, &format!("glusterd:{node}")).group.as_deref(), Some("glusterd"));
    }
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(report.performed(), nodes.map(|node| format!("glusterd:{node}")));
    assert!(report.is_done());
}

/// The HA cluster, whose first storage node is to be a compute node as well from now on.
fn turned(units: &[&str], roles: &[Role]) -> Lab<Gluster> {
    let mut fixture = ha();
    fixture.world = converged().world().clone();
    fixture.world.nodes.iter_mut().find(|node| node.name == "storage01").unwrap().roles = roles.to_vec();
    for unit in units {
        fixture.world.machine("storage01").unit(unit);
    }
    Lab::new(fixture.handing(|handed| {
        let nodes = ["manage01", "compute01", "storage01"].map(str::to_owned).to_vec();
        let users = vec![(Role::Compute, "node.service".to_owned())];
        handed.demands.shared = Some(SharedDirectory { path: "/grdata".into(), nodes, attach: true, users });
    }))
}

#[test]
fn a_storage_node_in_use_becomes_nothing_else() {
    let both = [Role::Storage, Role::Compute];
    let write = |lab: &Lab<Gluster>| {
        lab.world().write("manage01", "/grdata/.trashcan/internal_op/x", "its own");
        lab.world().write("manage01", "/grdata/tenant/a", "one");
    };
    let lab = turned(&[], &both);
    // A first build that was cut off before it was mounted everywhere: nobody has written anything.
    assert!(lab.plan().unwrap().steps.iter().any(|step| step.id == "mount:storage01"));
    write(&lab);
    let Err(Trouble::Refused(problems)) = lab.plan() else { panic!("it was planned") };
    assert_eq!(codes(&problems), ["gluster.role-changed"]);
    assert!(problems[0].message.starts_with("storage01 keeps the volume data, which is in use"), "{}", problems[0].message);
    assert!(problems[0].help.as_ref().unwrap().contains("`mount -t glusterfs 10.99.0.31:/data /grdata`"), "{problems:?}");
    // So does a gateway, of which nobody says what runs there.
    let gateway = turned(&[], &[Role::Storage, Role::Gateway]);
    write(&gateway);
    assert!(matches!(gateway.plan(), Err(Trouble::Refused(_))));
    // The platform is there already: only the mount was lost.
    let lost = turned(&["node.service"], &both);
    write(&lost);
    assert!(lost.plan().unwrap().steps.iter().any(|step| step.id == "mount:storage01"));
    // Whether it is cannot be told: it is neither refused nor done.
    let silent = turned(&[], &both);
    write(&silent);
    silent.world().machine("storage01").reachable = false;
    assert!(!matches!(silent.plan(), Err(Trouble::Refused(problems)) if codes(&problems).contains(&"gluster.role-changed")));
}
