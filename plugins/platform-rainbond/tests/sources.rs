//! Where an installation takes things from: an offline bundle, a database of the operator's.

mod common;

use arcus_platform_rainbond::Rainbond;
use arcus_sdk::contract::actions::Action;
use arcus_sdk::contract::checks::Outcome;
use arcus_sdk::contract::files::{Content, Piece};
use arcus_sdk::contract::types::Problem;
use arcus_sdk::fake::{Fixture, Lab, Package, Trouble, World};
use common::*;

fn failure(lab: &mut Lab<Rainbond>) -> (String, String) {
    match lab.converge() {
        Err(Trouble::Failed { step, why }) => (step, why),
        other => panic!("it did not fail: {other:?}"),
    }
}

fn refusals(lab: &Lab<Rainbond>) -> Vec<Problem> {
    match lab.plan() {
        Err(Trouble::Refused(problems)) => problems,
        other => panic!("not refused: {other:?}"),
    }
}

fn outcome(lab: &Lab<Rainbond>, id: &str, node: &str) -> Outcome {
    let checks = lab.verify().unwrap().checks;
    checks.into_iter().find(|check| check.id == id && check.node.as_deref() == Some(node)).unwrap_or_else(|| panic!("no check {id}")).outcome
}

#[test]
fn a_bundle_that_was_unpacked_by_hand_must_be_there_and_is_not_vouched_for() {
    for version in ["5.0", "5.1"] {
        let mut lab = lab(fixture(world(version), format!(r#"{{"version": "{version}", "install": "offline"}}"#)));
        assert!(lab.plan().unwrap().warnings.iter().any(|warning| warning.code == "rainbond.bundle-unchecked"));
        let (step, why) = failure(&mut lab);
        assert_eq!(step, "bundle:manage01");
        assert!(why.contains("/offline/base.images.tgz is not there"), "{why}");
        unpacked(&mut lab.world(), "manage01");
        done(&mut lab);
        let path = if version == "5.0" { "/grdata/services/offline/rainbond.images.tgz" } else { "/opt/rainbond/offline/rainbond.images.tgz" };
        assert_eq!(outcome(&lab, "bundle", "manage01"), Outcome::Passed);
        lab.world().remove("manage01", path);
        assert_eq!(outcome(&lab, "bundle", "manage01"), Outcome::Failed);
    }
}

fn bundled(version: &str, digest: &str) -> Fixture {
    let mut world = world(version);
    world.write("manage01", "/root/offline.tgz", "the bundle");
    fixture(world, format!(r#"{{"version": "{version}", "install": "offline", "bundle": {{"path": "/root/offline.tgz", "sha256": "{digest}"}}}}"#))
}

#[test]
fn a_bundle_is_unpacked_and_set_up_after_the_shared_directory_is_mounted() {
    let digest = arcus_plan::likeness::digest(b"the bundle");
    for version in ["5.0", "5.1"] {
        let mut lab = lab(bundled(version, &digest));
        let run = step(&lab, "offline:manage01");
        assert!(run.needs.iter().any(|need| need.milestone == "storage.mounted" && need.nodes == ["manage01"]), "mounted later, it would hide the files");
        assert!(step(&lab, "init:manage01").after.contains(&"bundle:manage01".into()));
        let performed = done(&mut lab);
        let place = |id: &str| performed.iter().position(|step| step == id).unwrap_or_else(|| panic!("no {id}"));
        assert!(place("unpack:manage01") < place("offline:manage01") && place("offline:manage01") < place("init:manage01"), "{performed:?}");
    }
}

#[test]
fn another_bundle_or_none_is_refused_before_anything_is_unpacked() {
    let mut lab = lab(bundled("5.1", &"0".repeat(64)));
    let (step, why) = failure(&mut lab);
    assert_eq!(step, "bundle-digest:manage01");
    assert!(why.contains(&arcus_plan::likeness::digest(b"the bundle")), "{why}");
    assert!(lab.world().read("manage01", "/opt/arcus/offline/offline.sh").is_none());
    lab.world().remove("manage01", "/root/offline.tgz");
    assert!(failure(&mut lab).1.contains("/root/offline.tgz is not there"));
    assert_eq!(inits(&lab), 0);
}

const DATABASE: &str = r#"{"version": "5.1", "database": {"host": "10.99.0.9", "user": "rainbond"}, "accept-argv-secret": "exdb"}"#;

fn with_database(config: &str) -> Fixture {
    let mut world = world("5.1");
    world.offers(Package::new("mariadb-client", "10.11"));
    world.node("database", "10.99.0.9", &[]).listen(3306, "mysqld");
    // A machine that is no node of the cluster.
    world.nodes.retain(|node| node.name != "database");
    fixture(world, config)
}

#[test]
fn a_password_on_a_command_line_is_refused_unless_it_is_accepted() {
    let given = with_database(r#"{"version": "5.1", "database": {"host": "10.99.0.9", "user": "rainbond"}}"#);
    let problems = refusals(&lab(given));
    assert_eq!((problems[0].code.as_str(), problems[0].pointer.as_deref()), ("rainbond.argv-secret", Some("/database")));
    assert!(problems[0].help.as_deref().unwrap().contains("accept-argv-secret: exdb"));
    let problems = refusals(&lab(with_database(&DATABASE.replace("5.1", "5.0"))));
    assert_eq!(problems[0].code, "rainbond.database-version");
    let problems = refusals(&lab(with_database(r#"{"version": "5.1", "accept-argv-secret": "exdb"}"#)));
    assert_eq!(problems[0].pointer.as_deref(), Some("/accept-argv-secret"));
}

#[test]
fn the_password_is_in_no_command_and_every_plan_says_where_it_will_be() {
    let mut lab = lab(with_database(DATABASE));
    for round in 0..2 {
        let plan = lab.plan().unwrap();
        assert!(plan.warnings.iter().any(|warning| warning.code == "rainbond.argv-secret"), "in round {round}");
        for step in &plan.steps {
            if let Action::Command(command) | Action::Job(command) = &step.action {
                assert!(command.argv.iter().all(|word| !word.contains("passwd")), "{:?}", command.argv);
                assert!(command.stdin.iter().all(|piece| matches!(piece, Piece::Text(_))));
            }
        }
        if round == 0 {
            let init = step(&lab, "init:manage01");
            assert_eq!(argv(&init)[0], "/opt/arcus/grctl-with-database");
            assert!(argv(&init).ends_with(&["--exdb-host", "10.99.0.9", "--exdb-port", "3306", "--exdb-user", "rainbond"].map(str::to_owned)));
            let Action::File(file) = step(&lab, "database-settings:manage01").action else { panic!("no file") };
            assert_eq!(file.mode, 0o600);
            assert!(matches!(&file.content, Content::Pieces(pieces) if pieces.contains(&Piece::Secret("exdb".into()))));
            let performed = done(&mut lab);
            assert!(performed.contains(&"seal:manage01".into()), "{performed:?}");
        }
    }
    assert!(lab.world().memory["region/rainbond"].starts_with("https://10.99.0.100:8443\t"), "by the client of the operator's database");
    assert_eq!(lab.world().at("manage01").files["/opt/rainbond/rainbond-ansible/scripts/installer/global.sh"].mode, 0o600);
    assert_eq!(outcome(&lab, "database", "manage01"), Outcome::Passed);
    lab.world().machine("database").sockets.clear();
    assert_eq!(outcome(&lab, "database-reached", "manage02"), Outcome::Failed);
    lab.world().memory.insert("login-fails".into(), "yes".into());
    assert_eq!(outcome(&lab, "database", "manage01"), Outcome::Failed);
}

#[test]
fn a_database_that_does_not_let_us_in_stops_it_before_init() {
    let before = |change: &dyn Fn(&mut World)| {
        let mut lab = lab(with_database(DATABASE));
        change(&mut lab.world());
        let (step, why) = failure(&mut lab);
        assert_eq!((step.as_str(), inits(&lab)), ("database:manage01", 0));
        why
    };
    assert!(before(&|world| drop(world.memory.insert("login-fails".into(), "yes".into()))).contains("Access denied"));
    assert!(before(&|world| drop(world.memory.insert("mysql".into(), "8.0.36".into()))).contains("MySQL 8.0.36"));
    assert!(before(&|world| world.machine("database").sockets.clear()).contains("nobody listens"));
}

#[test]
fn an_offline_bundle_for_an_online_installation_is_a_mistake() {
    let config = r#"{"version": "5.1", "bundle": {"path": "/root/x.tgz", "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}}"#;
    assert_eq!(refusals(&lab(fixture(world("5.1"), config)))[0].code, "rainbond.bundle-online");
}
