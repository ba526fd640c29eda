//! Managers from one to three, additions that fail half-way, nodes that the file does not have, and nodes that leave.

mod common;

use arcus_platform_rainbond::Rainbond;
use arcus_sdk::contract::actions::{Action, Disruption};
use arcus_sdk::contract::checks::Outcome;
use arcus_sdk::contract::types::{Problem, Role};
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use common::*;

/// A manager and two compute nodes at work.
fn small() -> Lab<Rainbond> {
    let mut world = World::new();
    for name in ["manage01", "compute01", "compute02"] {
        put_node(&mut world, name);
    }
    world.memory.insert("version".into(), "5.1".into());
    simulate(&mut world);
    let all = ["manage01", "manage02", "manage03", "compute01", "compute02", "compute03", "edge01"];
    let mut given = Fixture::new(MANIFEST, r#"{"version": "5.1"}"#, world).provided("storage.mounted", &all);
    given.handed.storage = of_5_1().handed.storage;
    let mut lab = lab(given);
    done(&mut lab);
    lab
}

fn put_node(world: &mut World, name: &str) {
    let (_, address, roles) = NODES.into_iter().chain(MORE).find(|node| node.0 == name).unwrap();
    world.node(name, address, roles);
}

const MORE: [(&str, &str, &[Role]); 2] = [("compute03", "10.99.0.23", &[Role::Compute]), ("edge01", "10.99.0.41", &[Role::Gateway])];

fn place(performed: &[String], id: &str) -> usize {
    performed.iter().position(|step| step == id).unwrap_or_else(|| panic!("{id} was not performed: {performed:?}"))
}

fn refused(lab: &Lab<Rainbond>) -> Vec<Problem> {
    match lab.plan() {
        Err(Trouble::Refused(problems)) => problems,
        other => panic!("not refused: {:?}", other.map(|plan| plan.steps.len())),
    }
}

fn says(lab: &Lab<Rainbond>) -> Vec<String> {
    lab.unfinished().unwrap().into_iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect()
}

/// Lets the addition of this manager fail after it was registered.
fn fails(lab: &mut Lab<Rainbond>, name: &str) {
    lab.world().memory.insert("etcd-fails-on".into(), name.into());
    let Err(Trouble::Failed { step, why }) = lab.converge() else { panic!("it did not fail") };
    assert_eq!(step, format!("install:{name}"));
    assert!(why.contains("etcd failed"), "{why}");
    lab.world().memory.remove("etcd-fails-on");
}

#[test]
fn from_one_manager_to_three_one_at_a_time_each_after_checks_and_a_backup() {
    let mut lab = small();
    for name in ["manage02", "manage03"] {
        put_node(&mut lab.world(), name);
    }
    let plan = lab.plan().unwrap();
    let risky: Vec<&str> = plan.steps.iter().filter(|step| step.disrupts == [Disruption::Quorum]).map(|step| step.id.as_str()).collect();
    assert_eq!(risky, ["install:manage02"], "only from one to two is there no majority until it runs");
    assert_eq!(says(&lab), ["rainbond.managers-missing 1 of 3 managers take part in etcd, 0 failures tolerated"]);
    let performed = done(&mut lab);
    let order = [
        "trial:manage02", "snapshot:manage02", "keep-snapshot:manage02", "add:manage02", "install:manage02", "trial:manage03", "snapshot:manage03",
        "keep-snapshot:manage03", "add:manage03", "install:manage03",
    ];
    let places: Vec<usize> = order.iter().map(|id| place(&performed, id)).collect();
    assert!(places.is_sorted(), "{performed:?}");
    assert!(place(&performed, "keep-dump:manage03") < place(&performed, "add:manage03"));
    let kept = |name: &str| String::from_utf8(lab.world().kept[&("manage01".to_owned(), name.to_owned())].clone()).unwrap();
    assert_eq!(kept("etcd-before-manage02.db"), "snapshot of 10.99.0.11");
    assert_eq!(kept("etcd-before-manage03.db"), "snapshot of 10.99.0.11 10.99.0.12");
    assert!(kept("console-before-manage02.sql").contains("console"));
    assert!(says(&lab).is_empty());
    assert!(performed.iter().all(|id| !id.ends_with("compute02") || id.starts_with("proxy")), "what is there is left alone: {performed:?}");
    // What the trials wrote does not stay.
    for name in ["manage02", "manage03"] {
        assert!(lab.world().at(name).files.keys().all(|path| !path.ends_with(".arcus-trial")));
    }
}

#[test]
fn with_two_managers_status_says_that_it_is_half_way() {
    let mut lab = small();
    put_node(&mut lab.world(), "manage02");
    done(&mut lab);
    put_node(&mut lab.world(), "manage03");
    assert_eq!(says(&lab), ["rainbond.half-way half-way: 2 members of etcd, 0 failures tolerated; 3 managers are in the file"]);
    let plan = lab.plan().unwrap();
    assert!(plan.steps.iter().all(|step| step.disrupts.is_empty()), "from two to three there is a majority all the time");
}

#[test]
fn a_second_manager_that_fails_half_way_is_forgotten_by_the_first() {
    let mut lab = small();
    for name in ["manage02", "manage03"] {
        put_node(&mut lab.world(), name);
    }
    fails(&mut lab, "manage02");
    assert!(!ring::has_majority(&lab.world()));
    let told = says(&lab);
    assert!(told[0].contains("manage02 was registered as a member of etcd and does not run: etcd has no majority"), "{told:?}");

    lab.mending();
    let performed = done(&mut lab);
    assert_eq!(performed, ["halt:manage02", "alone:manage01", "restart-alone:manage01", "together:manage01", "restart-together:manage01", "aside:manage02"]);
    assert_eq!(ring::members(&lab.world()), ["10.99.0.11"]);
    assert_eq!(lab.world().memory["forced"], "1", "once, and started as ever after that");
    assert!(!lab.world().text("manage01", SCRIPT).unwrap().contains("force-new-cluster"));
    assert!(lab.world().text("manage02", "/opt/rainbond/data/etcd.failed/member").is_some() && lab.world().text("manage02", "/opt/rainbond/data/etcd/member").is_none());
    assert!(done(&mut lab).is_empty(), "nothing is broken any more");

    lab.planning();
    let performed = done(&mut lab);
    assert!(place(&performed, "install:manage02") < place(&performed, "install:manage03"));
    assert_eq!(ring::members(&lab.world()).len(), 3);
}

#[test]
fn a_third_manager_that_fails_half_way_is_taken_out_while_there_is_a_majority() {
    let mut lab = small();
    put_node(&mut lab.world(), "manage02");
    done(&mut lab);
    put_node(&mut lab.world(), "manage03");
    fails(&mut lab, "manage03");
    assert!(ring::has_majority(&lab.world()));
    lab.mending();
    assert_eq!(done(&mut lab), ["halt:manage03", "expel:manage03", "aside:manage03"]);
    assert_eq!(ring::members(&lab.world()), ["10.99.0.11", "10.99.0.12"]);
    assert!(!lab.world().memory.contains_key("forced"));
}

#[test]
fn nobody_is_forgotten_who_may_know_more_than_the_first() {
    let mut lab = small();
    put_node(&mut lab.world(), "manage02");
    done(&mut lab);
    put_node(&mut lab.world(), "manage03");
    fails(&mut lab, "manage03");
    lab.world().machine("manage02").unit("etcd.service").active = false;
    lab.mending();
    let problems = refused(&lab);
    assert_eq!(problems[0].code, "rainbond.no-majority");
    assert!(problems[0].message.contains("10.99.0.12"), "{}", problems[0].message);
    lab.world().machine("manage02").unit("etcd.service").active = true;
    assert_eq!(done(&mut lab), ["halt:manage03", "expel:manage03", "aside:manage03"]);
}

#[test]
fn mending_goes_on_from_wherever_it_was_cut() {
    for steps in 1..6 {
        let mut lab = small();
        put_node(&mut lab.world(), "manage02");
        fails(&mut lab, "manage02");
        lab.mending();
        lab.crash_after(Some(steps));
        assert_eq!(lab.converge().unwrap_err(), Trouble::Crashed);
        lab.crash_after(None);
        done(&mut lab);
        assert_eq!(ring::members(&lab.world()), ["10.99.0.11"], "cut after {steps}");
        assert!(!lab.world().text("manage01", SCRIPT).unwrap().contains("force-new-cluster"), "cut after {steps}");
        lab.planning();
        done(&mut lab);
        assert_eq!(ring::members(&lab.world()).len(), 2, "cut after {steps}");
    }
}

#[test]
fn an_apply_makes_good_first_what_an_earlier_one_left() {
    let mut lab = small();
    put_node(&mut lab.world(), "manage02");
    fails(&mut lab, "manage02");
    // Its program was killed before it could make it good.
    let performed = done(&mut lab);
    assert!(place(&performed, "restart-together:manage01") < place(&performed, "install:manage02"));
    assert_eq!(ring::members(&lab.world()).len(), 2);
}

#[test]
fn a_member_that_runs_or_is_installed_right_now_is_never_taken_out() {
    let mut lab = small();
    put_node(&mut lab.world(), "manage02");
    done(&mut lab);
    // An old member that is down is somebody's to start, not Arcus's to forget; also where its first installation had failed.
    lab.world().machine("manage01").jobs.get_mut("install:manage02").unwrap().tail = b" !!! it failed, and was then done by hand".to_vec();
    lab.world().machine("manage02").unit("etcd.service").active = false;
    lab.world().machine("manage02").sockets.retain(|socket| socket.port != 2379 && socket.port != 2380);
    lab.mending();
    assert!(lab.plan().unwrap().steps.is_empty());
}

#[test]
fn a_manager_joins_only_when_all_else_is_fit() {
    let fit = |change: &dyn Fn(&mut World), at: &str, words: &str| {
        let mut lab = small();
        put_node(&mut lab.world(), "manage02");
        change(&mut lab.world());
        let Err(Trouble::Failed { step, why }) = lab.converge() else { panic!("{words}: it did not fail") };
        assert_eq!(step, at);
        assert!(why.contains(words), "{why}");
        assert_eq!(ring::members(&lab.world()), ["10.99.0.11"], "nobody was registered");
    };
    fit(&|world| drop(world.machine("manage02").memory.insert("disk-s".into(), "24.0".into())), "trial:manage02", "120 ms");
    fit(&|world| world.machine("manage02").clock.offset_ms = 4_000, "ready:manage02", "4000 ms apart");
    fit(&|world| drop(world.machine("manage02").memory.insert("free-kib".into(), "900000".into())), "ready:manage02", "878 MiB left");
    fit(&|world| world.machine("manage01").sockets.retain(|socket| socket.port != 2380), "ready:manage02", "nobody listens at port 2380 of the first manager");
    fit(&|world| world.machine("manage01").sockets.retain(|socket| socket.port != 443), "ready:manage02", "port 443 of the first manager, from which manage02 gets its images");
}

#[test]
fn an_agent_that_knows_too_few_managers_is_started_again() {
    let mut lab = small();
    put_node(&mut lab.world(), "manage02");
    lab.world().machine("manage01").memory.insert("stale".into(), "yes".into());
    lab.world().machine("manage02").memory.insert("stale".into(), "yes".into());
    // The first is unhealthy already, and waited for as ever.
    let first = lab.converge();
    assert!(matches!(&first, Err(Trouble::Failed { step, .. }) if step == "joined:manage01"), "{first:?}");
    lab.world().machine("manage01").memory.remove("stale");
    let performed = done(&mut lab);
    assert!(performed.contains(&"refresh:manage02".into()), "{performed:?}");
}

#[test]
fn compute_nodes_and_gateways_are_added_without_touching_the_others() {
    let mut lab = small();
    put_node(&mut lab.world(), "compute03");
    put_node(&mut lab.world(), "edge01");
    let before = lab.world().clone();
    let performed = done(&mut lab);
    assert!(place(&performed, "install:compute03") < place(&performed, "up:compute03"));
    assert_eq!(argv(&step(&lab, "add:edge01"))[8], "gateway");
    for name in ["compute01", "compute02"] {
        assert_eq!(lab.world().at(name).files, before.at(name).files, "{name}");
        assert_eq!(lab.world().at(name).jobs, before.at(name).jobs, "{name}");
    }
    assert!(step(&lab, "install:compute03").needs.iter().any(|need| need.milestone == "storage.mounted" && need.nodes == ["compute03"]));
}

#[test]
fn what_the_file_does_not_have_is_told_in_every_plan_and_fails_verify() {
    let lab = small();
    lab.world().nodes.retain(|node| node.name != "compute02");
    let plan = lab.plan().unwrap();
    let warning = plan.warnings.iter().find(|warning| warning.code == "rainbond.unlisted-node").expect("no warning");
    assert!(warning.message.contains("10.99.0.22") && warning.message.contains("nothing is changed on it"), "{}", warning.message);
    assert!(plan.steps.iter().all(|step| step.node != "compute02"));
    let check = |id: &str| lab.verify().unwrap().checks.into_iter().find(|check| check.id == id).unwrap();
    assert_eq!(check("unlisted").outcome, Outcome::Failed);
    assert_eq!(check("unlisted-members").outcome, Outcome::Passed);
    lab.world().memory.insert("etcd/10.99.0.77".into(), "171".into());
    assert_eq!(check("unlisted-members").outcome, Outcome::Failed);
    let plan = lab.plan().unwrap();
    let warning = plan.warnings.iter().find(|warning| warning.code == "rainbond.unlisted-member").expect("no warning");
    assert!(warning.message.contains("ab at 10.99.0.77") && warning.help.as_deref().unwrap().contains("etcdctl member remove ab"), "{warning:?}");
}

#[test]
fn a_manager_left_out_of_the_file_is_refused_with_the_way_to_do_it() {
    let mut lab = small();
    for name in ["manage02", "manage03"] {
        put_node(&mut lab.world(), name);
    }
    done(&mut lab);
    lab.world().nodes.retain(|node| node.name != "manage03");
    let problems = refused(&lab);
    assert_eq!(problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["rainbond.manager-left-out"]);
    let help = problems[0].help.as_deref().unwrap();
    assert!(problems[0].message.contains("manage03 at 10.99.0.13") && help.contains("put it back"), "{problems:?}");
    assert!(help.contains("etcdctl member remove a2") && help.contains("of 2 members that are left 0 may fail"), "{help}");
}

fn with_three_managers() -> Lab<Rainbond> {
    let mut lab = small();
    for name in ["manage02", "manage03"] {
        put_node(&mut lab.world(), name);
    }
    done(&mut lab);
    lab
}

/// What nobody may be told to do while a cluster lives.
fn destroys(text: &str) -> bool {
    text.contains("rm -rf") || text.contains("remove /opt/rainbond")
}

#[test]
fn the_first_manager_left_out_is_told_as_that_and_never_as_half_an_init() {
    for demoted in [false, true] {
        let lab = with_three_managers();
        match demoted {
            false => lab.world().nodes.retain(|node| node.name != "manage01"),
            true => lab.world().nodes.iter_mut().find(|node| node.name == "manage01").unwrap().roles = vec![Role::Compute],
        }
        let problems = refused(&lab);
        assert_eq!(problems[0].code, "rainbond.first-left-out");
        let help = problems[0].help.as_deref().unwrap();
        assert!(problems[0].message.starts_with("manage02 and manage03 take part in a living etcd with "), "{}", problems[0].message);
        assert!(problems[0].message.contains(if demoted { "manage01 (10.99.0.11, no manager in the file)" } else { "with 10.99.0.11," }), "{}", problems[0].message);
        assert!(help.contains("put it back") && !destroys(help), "{help}");
    }
}

#[test]
fn a_living_cluster_that_lost_its_mark_is_no_half_an_init_either() {
    let lab = with_three_managers();
    lab.world().remove("manage01", MARK);
    let problems = refused(&lab);
    assert_eq!(problems[0].code, "rainbond.mark-lost");
    let help = problems[0].help.as_deref().unwrap();
    assert!(help.contains("`echo 5.1 > /opt/rainbond/.rainbond.success`") && !destroys(help), "{help}");
}

#[test]
fn members_that_are_down_are_not_taken_for_half_an_init() {
    let lab = with_three_managers();
    lab.world().nodes.retain(|node| node.name != "manage01");
    for name in ["manage02", "manage03"] {
        lab.world().machine(name).unit("etcd.service").active = false;
    }
    let problems = refused(&lab);
    assert_eq!(problems[0].code, "rainbond.remains");
    assert!(problems[0].help.as_deref().unwrap().starts_with("if a manager was taken out of the file, put it back"), "{problems:?}");
}

/// Its machine is there, its etcd is not.
fn stop_etcd(lab: &Lab<Rainbond>, name: &str) {
    let mut world = lab.world();
    let machine = world.machine(name);
    machine.unit("etcd.service").active = false;
    machine.sockets.retain(|socket| socket.port != 2379 && socket.port != 2380);
}

#[test]
fn a_member_that_is_down_is_told_by_status_and_every_plan_before_the_majority_is_lost_and_after() {
    let lab = with_three_managers();
    let warned = |code: &str| lab.plan().unwrap().warnings.into_iter().find(|warning| warning.code == code).unwrap_or_else(|| panic!("no {code}"));
    stop_etcd(&lab, "manage03");
    assert_eq!(says(&lab), ["rainbond.member-down etcd of manage03 does not answer: 2 of 3 members do, and 0 more may fail"]);
    assert!(warned("rainbond.member-down").help.unwrap().contains("`systemctl start etcd` on manage03"));

    stop_etcd(&lab, "manage02");
    let lost = "etcd has no majority of its 3 members: applications go on, and nothing can be changed; manage02 and manage03 cannot be reached by manage01";
    assert_eq!(says(&lab), [format!("rainbond.no-majority {lost}")]);
    assert_eq!(warned("rainbond.no-majority").message, lost);
    // Rainbond lists nobody now: those who have been members are not added anew, nor is anything tried or kept for it.
    let plan = lab.plan().unwrap();
    let begun: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).filter(|id| ["trial:", "clear:", "snapshot:", "ready:"].iter().any(|verb| id.starts_with(verb))).collect();
    assert!(begun.is_empty(), "{begun:?}");

    stop_etcd(&lab, "manage01");
    assert!(says(&lab)[0].starts_with("rainbond.etcd-silent etcd of manage01 does not answer"), "{:?}", says(&lab));
}

#[test]
fn a_role_changed_on_a_live_node_is_refused() {
    let lab = small();
    lab.world().nodes.iter_mut().find(|node| node.name == "compute02").unwrap().roles = vec![Role::Gateway];
    let problems = refused(&lab);
    assert_eq!(problems[0].code, "rainbond.role-changed");
    assert!(problems[0].message.contains("as compute, and the file has it as gateway"), "{}", problems[0].message);
    // A role that is none of Rainbond's.
    lab.world().nodes.iter_mut().find(|node| node.name == "compute02").unwrap().roles = vec![Role::Storage];
    let problems = refused(&lab);
    assert_eq!(problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["rainbond.role-changed"]);
    assert!(problems[0].message.contains("as compute, and the file has it in none of its roles"), "{}", problems[0].message);
}

#[test]
fn a_compute_node_leaves_in_order() {
    let mut lab = small();
    lab.removing("compute02");
    let performed = done(&mut lab);
    let order = ["cordon:compute02", "down:compute02", "silence:node.service", "delete:compute02"];
    let places: Vec<usize> = order.iter().map(|id| place(&performed, id)).collect();
    assert!(places.is_sorted(), "{performed:?}");
    assert!(!lab.world().at("compute02").runs("node.service") && !lab.world().at("compute02").units["node.service"].enabled);
    assert!(rows(&lab.world()).iter().all(|row| row.ip != "10.99.0.22"));
    lab.planning();
    lab.world().nodes.retain(|node| node.name != "compute02");
    assert!(done(&mut lab).is_empty());

    lab.removing("compute01");
    assert_eq!(refused(&lab)[0].code, "rainbond.last-one");
    lab.removing("manage01");
    let problems = refused(&lab);
    assert_eq!(problems[0].code, "rainbond.manager-stays");
    assert!(problems[0].help.as_deref().unwrap().contains("the only manager"), "{problems:?}");
}

#[test]
fn what_applications_keep_on_a_node_that_leaves_is_accepted_to_be_lost() {
    let mut lab = small();
    lab.removing("compute02");
    let risks = |lab: &Lab<Rainbond>| step(lab, "down:compute02").disrupts;
    lab.world().directory("compute02", "/grlocaldata");
    assert_eq!(risks(&lab), []);
    lab.world().write("compute02", "/grlocaldata/tenant/db/ibdata1", "rows");
    assert_eq!(risks(&lab), [Disruption::Data]);
    assert!(step(&lab, "down:compute02").title.ends_with("without what it keeps in /grlocaldata"));
    // A machine that is gone can still be taken out, with whatever was on it.
    lab.world().remove("compute02", "/grlocaldata/tenant/db/ibdata1");
    lab.world().machine("compute02").reachable = false;
    assert!(matches!(step(&lab, "down:compute02").action, Action::Command(_)));
    assert_eq!(risks(&lab), [Disruption::Data]);
}

#[test]
fn a_snapshot_is_never_an_old_one() {
    let mut lab = small();
    put_node(&mut lab.world(), "manage02");
    lab.world().machine("manage02").memory.insert("disk-s".into(), "24.0".into());
    lab.converge().unwrap_err();
    lab.world().machine("manage02").memory.remove("disk-s");
    lab.world().write("manage01", "/opt/rainbond/backup/etcd.db", "of last week");
    lab.world().kept.insert(("manage01".into(), "etcd-before-manage02.db".into()), b"of last week".to_vec());
    lab.world().pass(4000);
    done(&mut lab);
    assert_eq!(lab.world().kept[&("manage01".to_owned(), "etcd-before-manage02.db".to_owned())], b"snapshot of 10.99.0.11");
    let is_fetch = |action: &Action| matches!(action, Action::Fetch(_));
    assert!(!lab.plan().unwrap().steps.iter().any(|step| is_fetch(&step.action)), "not once it has joined");
}

#[test]
fn a_gateway_on_its_own_needs_a_tool_that_can_add_one() {
    let lab = small();
    put_node(&mut lab.world(), "edge01");
    lab.world().memory.insert("patch".into(), "3".into());
    let problems = refused(&lab);
    assert_eq!(problems[0].code, "rainbond.gateway-alone");
    assert!(problems[0].message.contains("edge01") && problems[0].message.contains("5.1.4"), "{}", problems[0].message);
    lab.world().memory.insert("patch".into(), "4".into());
    assert!(lab.plan().is_ok());
}

#[test]
fn managers_that_are_there_are_not_added_again_where_etcd_shows_no_list() {
    let mut lab = small();
    for name in ["manage02", "manage03"] {
        put_node(&mut lab.world(), name);
    }
    done(&mut lab);
    lab.world().memory.insert("no-list".into(), "yes".into());
    let plan = lab.plan().unwrap();
    assert!(plan.steps.iter().all(|step| !step.id.starts_with("trial:") && !step.id.starts_with("snapshot:")));
    assert!(done(&mut lab).is_empty());
    let check = lab.verify().unwrap().checks.into_iter().find(|check| check.id == "unlisted-members").unwrap();
    assert_eq!(check.outcome, Outcome::Unknown);
}
