//! The first node: told rightly, installed once, whatever the file says and whoever is silent.

mod common;

use arcus_sdk::contract::actions::Action;
use arcus_sdk::contract::facts::JobFact;
use arcus_sdk::contract::types::Problem;
use arcus_sdk::fake::{Lab, Trouble};
use common::*;

fn refusal(lab: &Lab<arcus_platform_rainbond::Rainbond>) -> Problem {
    match lab.plan() {
        Err(Trouble::Refused(problems)) => problems.into_iter().next().unwrap(),
        other => panic!("not refused: {other:?}"),
    }
}

fn failure(lab: &mut Lab<arcus_platform_rainbond::Rainbond>) -> (String, String) {
    match lab.converge() {
        Err(Trouble::Failed { step, why }) => (step, why),
        other => panic!("it did not fail: {other:?}"),
    }
}

#[test]
fn init_of_5_1_is_told_everything_once() {
    let config = r#"{"version": "5.1", "eip": "192.0.2.1", "domain": "apps.example.org", "installer-checks": false}"#;
    let lab = lab(fixture(world("5.1"), config));
    assert_eq!(
        argv(&step(&lab, "init:manage01")),
        [
            "/opt/arcus/grctl", "init", "--role", "manage,gateway", "--rainbond-version", "5.1", "--install-type", "online", "--iip", "10.99.0.11",
            "--eip", "192.0.2.1", "--vip", VIP, "--domain", "apps.example.org", "--network", "calico", "--pod-cidr", "10.244.0.0/16",
            "--enable-check", "disable", "--storage", "gfs", "--storage-args",
            "10.99.0.31:/data /grdata glusterfs backupvolfile-server=10.99.0.32,log-level=WARNING 0 0",
        ]
    );
    let init = step(&lab, "init:manage01");
    assert!(init.once && matches!(&init.action, Action::Job(job) if job.status_lies));
    let needs: Vec<&str> = init.needs.iter().map(|need| need.milestone.as_str()).collect();
    assert_eq!(needs, ["storage.mounted", "network.ready", "vip.answering"]);
}

#[test]
fn a_node_that_serves_the_directory_is_not_told_to_mount_it() {
    let mut fixture = of_5_1();
    fixture.handed.storage[0].1.local = vec!["manage01".into()];
    let mut lab = lab(fixture);
    assert!(!argv(&step(&lab, "init:manage01")).iter().any(|word| word.starts_with("--storage")));
    let warned = |lab: &Lab<arcus_platform_rainbond::Rainbond>| lab.plan().unwrap().warnings.iter().any(|problem| problem.code == "rainbond.exports");
    assert!(warned(&lab), "its exports are written over");
    done(&mut lab);
    assert!(!warned(&lab), "that was once");
}

#[test]
fn init_of_5_0_uses_its_own_words() {
    let lab = lab(of_5_0());
    let init = step(&lab, "init:manage01");
    assert_eq!(
        argv(&init),
        [
            "/opt/arcus/grctl", "init", "--role", "master", "--rainbond-version", "5.0", "--install-type", "online", "--iip", "10.99.0.11", "--vip", VIP,
            "--network", "calico", "--pod-cidr", "10.244.0.0/16",
        ]
    );
    assert!(init.needs.iter().all(|need| need.milestone != "vip.answering"), "its API is not asked at the virtual address");
}

#[test]
fn no_command_carries_a_password() {
    for fixture in [of_5_0(), of_5_1()] {
        for step in lab(fixture).plan().unwrap().steps {
            if let Action::Command(command) | Action::Job(command) = &step.action {
                let bad = |word: &String| word == "-p" || word.contains("pass") || word.contains(".pub");
                assert!(!command.argv.iter().any(bad), "{:?}", command.argv);
            }
        }
    }
}

#[test]
fn reordering_the_file_changes_nothing() {
    let mut lab = lab(of_5_1());
    done(&mut lab);
    lab.world().nodes.reverse();
    assert!(lab.converge().unwrap().performed().is_empty());
    assert_eq!(inits(&lab), 1);
    lab.fixture().config = r#"{"version": "5.1", "init-node": "manage02"}"#.into();
    let problem = refusal(&lab);
    assert_eq!((problem.code.as_str(), problem.pointer.as_deref()), ("rainbond.init-node-moved", Some("/init-node")));
    assert!(problem.message.contains("manage01"), "{}", problem.message);
}

#[test]
fn a_silent_first_manager_never_leads_to_a_second_init() {
    let mut lab = lab(of_5_1());
    done(&mut lab);
    lab.world().nodes.reverse();
    lab.world().machine("manage01").reachable = false;
    let report = lab.converge().unwrap();
    assert!(report.performed().is_empty(), "{:?}", report.performed());
    assert!(!report.is_done());
    let plan = lab.plan().unwrap();
    let init = plan.steps.iter().find(|step| step.id.starts_with("init:")).unwrap();
    assert_eq!(init.id, "init:manage01", "the others have members of etcd, so the seat is the silent one");
    assert!(matches!(init.action, Action::Later(_)));
    assert_eq!(plan.warnings[0].code, "rainbond.seat-unknown");
    assert_eq!(inits(&lab), 1);
}

#[test]
fn bare_machines_wait_for_every_manager() {
    for silent in ["manage01", "manage02", "manage03"] {
        let mut lab = lab(of_5_1());
        lab.world().machine(silent).reachable = false;
        let report = lab.converge().unwrap();
        assert!(report.performed().iter().all(|id| !id.starts_with("init:")), "{silent}: {:?}", report.performed());
        assert_eq!(inits(&lab), 0);
        lab.world().machine(silent).reachable = true;
        done(&mut lab);
        assert_eq!(inits(&lab), 1);
    }
}

#[test]
fn an_init_under_way_is_attached_to_from_any_order_of_the_file() {
    let lab = lab(of_5_1());
    lab.world().nodes.swap(0, 1);
    lab.world().write("manage01", "/opt/rainbond/.init/uuid", "x");
    let job = JobFact { running: true, status: None, started_s: 1, tail: b" --- Installing etcd... --- \n".to_vec() };
    lab.world().machine("manage01").jobs.insert("init:manage01".into(), job);
    let plan = lab.plan().unwrap();
    assert!(plan.steps.iter().any(|step| step.id == "init:manage01" && matches!(step.action, Action::Job(_))));
    assert!(plan.steps.iter().all(|step| !["init:manage02", "upload:manage01"].contains(&step.id.as_str())));
}

#[test]
fn two_marks_are_two_clusters() {
    let lab = lab(of_5_1());
    for node in ["manage01", "manage03"] {
        lab.world().write(node, MARK, "5.1\n");
    }
    let problem = refusal(&lab);
    assert_eq!(problem.code, "rainbond.two-clusters");
    assert!(problem.message.contains("manage01 and manage03"), "{}", problem.message);
}

#[test]
fn half_an_init_is_told_and_never_repeated() {
    let mut lab = lab(of_5_1());
    lab.world().memory.insert("init-breaks".into(), "yes".into());
    let (step, why) = failure(&mut lab);
    assert_eq!(step, "init:manage01");
    assert!(why.contains("FAILED! => {\"msg\": \"no space\"}"), "{why}");
    lab.world().memory.remove("init-breaks");
    for _ in 0..2 {
        let problem = refusal(&lab);
        assert_eq!(problem.code, "rainbond.half-init");
        assert!(problem.message.contains("no space"), "{}", problem.message);
        let help = problem.help.unwrap();
        assert!(help.contains("/opt/arcus/grctl init --role manage,gateway") && help.contains("rm -rf /opt/rainbond/.init"), "{help}");
    }
    assert_eq!(inits(&lab), 1);
    // Begun anew, as the text says.
    let world = &mut *lab.world();
    world.remove("manage01", "/opt/rainbond/.init/uuid");
}

#[test]
fn after_half_an_init_was_cleared_the_next_apply_begins_anew() {
    let mut lab = lab(of_5_1());
    lab.world().memory.insert("init-breaks".into(), "yes".into());
    failure(&mut lab);
    lab.world().memory.remove("init-breaks");
    lab.world().remove("manage01", "/opt/rainbond/.init/uuid");
    done(&mut lab);
    assert_eq!(inits(&lab), 2);
}

#[test]
fn remains_on_another_manager_stop_everything() {
    let lab = lab(of_5_1());
    lab.world().write("manage02", "/opt/rainbond/data/etcd/member/snap", "x");
    let problem = refusal(&lab);
    assert_eq!((problem.code.as_str(), problem.node.as_deref()), ("rainbond.remains", Some("manage02")));
}

#[test]
fn an_init_that_returns_zero_and_did_nothing_fails_and_may_be_tried_again() {
    let mut lab = lab(of_5_1());
    lab.world().memory.insert("init-lies".into(), "yes".into());
    let (step, why) = failure(&mut lab);
    assert_eq!(step, "init:manage01");
    assert!(why.contains("without the mark"), "{why}");
    lab.world().memory.remove("init-lies");
    done(&mut lab);
}

#[test]
fn versions_that_differ_are_an_error_before_and_after() {
    // The installer is of another version.
    let mut other = lab(fixture(world("5.0"), r#"{"version": "5.1"}"#));
    let (step, why) = failure(&mut other);
    assert_eq!(step, "version:manage01");
    assert!(why.contains("of Rainbond 5.0"), "{why}");
    assert_eq!(inits(&other), 0);
    // The cluster is.
    let mut lab = lab(of_5_1());
    done(&mut lab);
    lab.fixture().config = r#"{"version": "5.0"}"#.into();
    let problem = refusal(&lab);
    assert_eq!((problem.code.as_str(), problem.pointer.as_deref()), ("rainbond.version-differs", Some("/version")));
}

#[test]
fn a_self_built_installer_is_known_by_its_help() {
    let mut lab = lab(of_5_1());
    lab.world().memory.insert("self-built".into(), "yes".into());
    done(&mut lab);
}

#[test]
fn a_fetched_installer_must_have_its_digest() {
    let right = arcus_plan::likeness::digest(b"fetched");
    let config = |digest: &str| format!(r#"{{"version": "5.1", "grctl": {{"url": "https://example.org/grctl-5.1", "sha256": "{digest}"}}}}"#);
    let mut good = lab(fixture(world("5.1"), config(&right)));
    let performed = done(&mut good);
    assert!(performed.iter().any(|id| id == "place:manage01") && performed.iter().all(|id| id != "upload:manage01"));
    let mut bad = lab(fixture(world("5.1"), config(&"0".repeat(64))));
    let (step, why) = failure(&mut bad);
    assert_eq!(step, "fetch:manage01");
    assert!(why.contains(&right), "{why}");
    assert!(bad.world().read("manage01", "/opt/arcus/grctl").is_none());
    let without = lab(fixture(world("5.1"), r#"{"version": "5.1", "grctl": {"url": "https://example.org/grctl"}}"#));
    assert_eq!(refusal(&without).pointer.as_deref(), Some("/grctl/url"));
}

#[test]
fn an_uploaded_installer_is_held_against_the_digest_of_the_file() {
    let right = arcus_plan::likeness::digest(b"artifact grctl");
    let config = |digest: &str| format!(r#"{{"version": "5.1", "grctl": {{"sha256": "{digest}"}}}}"#);
    done(&mut lab(fixture(world("5.1"), config(&right))));
    let (step, _) = failure(&mut lab(fixture(world("5.1"), config(&"0".repeat(64)))));
    assert_eq!(step, "upload:manage01");
}

#[test]
fn the_virtual_address_must_be_on_the_first_node_before_it_is_the_only_one() {
    let mut lab = lab(of_5_1());
    let address = lab.world().machine("manage01").interfaces[1].addresses.pop().unwrap();
    lab.world().machine("manage02").interfaces[1].addresses.push(address);
    let (step, why) = failure(&mut lab);
    assert_eq!(step, "address:manage01");
    assert!(why.contains("on another node"), "{why}");
    // Later it may move as it likes.
    let address = lab.world().machine("manage02").interfaces[1].addresses.pop().unwrap();
    lab.world().machine("manage01").interfaces[1].addresses.push(address.clone());
    done(&mut lab);
    lab.world().machine("manage01").interfaces[1].addresses.pop();
    lab.world().machine("manage02").interfaces[1].addresses.push(address);
    assert!(lab.converge().unwrap().performed().is_empty());
}

#[test]
fn mistakes_in_the_file_are_told_all_at_once() {
    let config = r#"{"version": "5.0", "init-node": "compute01", "eip": "10.0.0.1/24"}"#;
    let mut given = fixture(world("5.0"), config);
    given.world.node("edge01", "10.99.0.41", &[arcus_sdk::contract::types::Role::Gateway]);
    let Err(Trouble::Refused(problems)) = lab(given).demands() else { panic!("taken") };
    let codes: Vec<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["rainbond.eip", "rainbond.init-node", "rainbond.roles"]);
}

#[test]
fn a_network_that_would_become_calico_silently_is_refused() {
    for (kind, by_platform) in [("midonet", true), ("calico", false), ("cilium", false)] {
        let given = of_5_1().handing(|handed| {
            let network = handed.network.as_mut().unwrap();
            (network.kind, network.by_platform) = (kind.into(), by_platform);
        });
        // Before any node is asked, and again when it plans.
        let Err(Trouble::Refused(problems)) = lab(given.clone()).demands() else { panic!("{kind} is taken") };
        assert!(problems.len() == 1 && problems[0].code == "rainbond.network", "{kind}: {problems:?}");
        assert_eq!(refusal(&lab(given)).code, "rainbond.network", "{kind}");
    }
}
