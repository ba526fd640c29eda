//! There, back, and on; cut off at every step.

mod common;

use arcus_migrate_storage::Migrate;
use arcus_sdk::contract::actions::Disruption;
use arcus_sdk::contract::facts::{Holder, JobFact};
use arcus_sdk::fake::{Fixture, Lab, Trouble};
use common::*;

fn refused(lab: &Lab<Migrate>) -> Vec<String> {
    match lab.plan() {
        Err(Trouble::Refused(problems)) => problems.into_iter().map(|problem| problem.code).collect(),
        other => panic!("it was planned: {other:?}"),
    }
}

/// What `status` begins with.
fn told(lab: &Lab<Migrate>) -> String {
    lab.verify().unwrap().checks.into_iter().find(|check| check.id == "phase").unwrap().detail
}

/// A run that is cut after so many steps; `false` when it was through before.
fn cut(lab: &mut Lab<Migrate>, steps: usize) -> bool {
    lab.crash_after(Some(steps));
    let end = lab.converge();
    lab.crash_after(None);
    lab.world().pass(2);
    match end {
        Err(Trouble::Crashed) => true,
        Ok(report) => {
            assert!(report.is_done(), "{:#?}", report.left());
            false
        }
        Err(trouble) => panic!("after {steps} steps: {trouble}"),
    }
}

fn back(mut lab: Lab<Migrate>, when: &str) -> Lab<Migrate> {
    let mut tries = 0;
    lab = lab.rolling_back();
    loop {
        let report = lab.converge().unwrap_or_else(|trouble| panic!("{when}, back: {trouble}"));
        if report.is_done() {
            return lab;
        }
        tries += 1;
        assert!(tries < 3, "{when}, back: {:#?}", report.left());
    }
}

fn from_every_step(fixture: fn() -> Fixture) {
    for steps in 0.. {
        let when = format!("cut after {steps} steps");
        let mut lab = Lab::<Migrate>::new(fixture());
        let more = cut(&mut lab, steps);
        assert_safe(&lab, &when);
        // Back again, also when that is cut in the middle.
        let forward_end = lab.world().clone();
        let home = back(lab, &when);
        assert_home(&home, &when);
        for cut_again in [1, 4, 9, 17] {
            let mut lab = Lab::<Migrate>::new(fixture());
            *lab.world() = forward_end.clone();
            lab = lab.rolling_back();
            cut(&mut lab, cut_again);
            assert_safe(&lab, &format!("{when}, the way back after {cut_again}"));
            assert_home(&back(lab, &when), &format!("{when}, the way back cut after {cut_again}"));
        }
        if !more {
            assert!(steps > 30, "it has {steps} steps only");
            return;
        }
    }
}

#[test]
fn cut_anywhere_both_ways_are_open_with_a_server_among_the_nodes() {
    from_every_step(served);
}

#[test]
fn cut_anywhere_both_ways_are_open_with_a_nas() {
    from_every_step(nas);
}

#[test]
fn all_that_was_there_is_there_and_the_rest_of_the_exports_stays() {
    let lab = moved(served());
    assert_moved(&lab, "moved");
    let world = lab.world();
    assert_eq!(world.text("compute01", "/grdata/tenant/b").as_deref(), Some("two"));
    assert_eq!(world.text("manage01", "/grdata/services/storage/health.check").as_deref(), Some("token"));
    let exports = world.text("manage01", "/etc/exports").unwrap();
    assert!(exports.contains("/opt/rainbond/etc/tools *(rw,sync)") && exports.contains("/opt/rainbond/.init *(rw,sync)"), "{exports}");
    assert!(exports.contains("/grdata 127.0.0.1(ro)") && !exports.contains("/grdata *"), "{exports}");
}

#[test]
fn what_is_written_after_the_thaw_comes_back_and_a_new_start_copies_anew() {
    let lab = moved(served());
    lab.world().write("compute01", "/grdata/tenant/new", "since");
    lab.world().remove("compute01", "/grdata/tenant/a");
    let lab = back(lab, "after the thaw");
    assert_home(&lab, "after the thaw");
    assert_eq!(lab.world().text("manage01", "/grdata/tenant/new").as_deref(), Some("since"));
    assert_eq!(lab.world().text("manage01", "/grdata/tenant/a"), None);
    // There again: nothing of the first journey makes it skip anything.
    lab.world().write("manage01", "/grdata/tenant/later", "later");
    let mut again = Lab::<Migrate>::new(served());
    *again.world() = lab.world().clone();
    through(&mut again);
    assert_moved(&again, "again");
    assert_eq!(again.world().text("compute01", "/grdata/tenant/later").as_deref(), Some("later"));
}

#[test]
fn what_was_written_since_goes_back_while_it_is_in_use() {
    let lab = moved(nas());
    lab.world().write("compute01", "/grdata/tenant/new", "since");
    let there = lab.world().clone();
    let cut_at = |steps: usize| {
        let mut lab = Lab::<Migrate>::new(nas());
        *lab.world() = there.clone();
        lab = lab.rolling_back();
        assert!(cut(&mut lab, steps), "it was through with {steps} steps, and did not copy anything while it was in use");
        lab
    };
    let copied = |lab: &Lab<Migrate>| lab.world().text("manage01", "/var/lib/arcus-migration/back-live").is_some();
    let lab = (0..).map(cut_at).find(copied).unwrap();
    assert_moved(&lab, "copied back so far");
    assert_eq!(lab.world().text("manage01", "/mnt/arcus-migration/back/tenant/new").as_deref(), Some("since"));
    assert!(told(&lab).contains("glusterfs is written to"), "{}", told(&lab));
    // Written after that, it comes with the rest.
    lab.world().write("compute01", "/grdata/tenant/newer", "later");
    let stopped = lab.world().clone();
    let home = back(lab, "copied back so far");
    assert_home(&home, "copied back so far");
    assert_eq!(home.world().text("compute01", "/grdata/tenant/newer").as_deref(), Some("later"));
    // Or the operator is content after all.
    let lab = Lab::<Migrate>::new(nas());
    *lab.world() = stopped;
    let mut lab = lab.confirming();
    through(&mut lab);
    assert_moved(&lab, "confirmed after all");
    let world = lab.world();
    assert!(!world.at("manage01").files.keys().any(|path| path.starts_with("/var/lib/arcus-migration/")), "{:?}", world.at("manage01").files.keys());
    assert!(!world.at("manage01").mounts.iter().any(|mounted| mounted.target.starts_with("/mnt/")));
}

/// The step after which the new storage is the migration's, and what it puts at risk.
fn claim(lab: &Lab<Migrate>) -> Vec<Disruption> {
    let steps = lab.plan().unwrap_or_else(|trouble| panic!("{trouble}")).steps;
    steps.into_iter().find(|step| step.id == "claim:data").expect("it is claimed").disrupts
}

#[test]
fn what_others_have_on_the_new_storage_is_removed_only_where_the_operator_gives_it_up() {
    let mut lab = Lab::<Migrate>::new(served());
    // Before it is mounted beside nobody knows; then it is looked at, and nothing is copied.
    let mut elsewhere = client(VOLUME);
    elsewhere.target = "/mnt/theirs".into();
    lab.world().machine("compute01").mounts.push(elsewhere);
    lab.world().write("compute01", "/mnt/theirs/photos/one", "theirs");
    assert_eq!(claim(&lab), []);
    match lab.converge() {
        Err(Trouble::Failed { step, why }) => assert!(step == "empty:manage01" && why.contains("data (storage01:/data) holds one entry already, which the copy would remove"), "{step}: {why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(lab.world().text("compute01", "/mnt/theirs/photos/one").as_deref(), Some("theirs"));
    assert!(told(&lab).starts_with("not begun"), "{}", told(&lab));
    // Looked at, the plan says what would be lost, by its name: `--accept data-loss:data`.
    assert_eq!(claim(&lab), [Disruption::Data]);
    // Moved away, nothing is.
    let theirs = lab.world().clone();
    lab.world().remove("compute01", "/mnt/theirs/photos/one");
    assert_eq!(claim(&lab), []);
    through(&mut lab);
    assert_moved(&lab, "once it was empty");
    let mut lab = Lab::<Migrate>::new(served());
    *lab.world() = theirs;
    through(&mut lab);
    assert_moved(&lab, "given up");
    assert_eq!(lab.world().text("compute01", "/mnt/theirs/photos/one"), None);
}

#[test]
fn what_a_volume_has_of_its_own_and_what_was_copied_before_is_nobodys() {
    let lab = Lab::<Migrate>::new(served());
    let mut elsewhere = client(VOLUME);
    elsewhere.target = "/mnt/theirs".into();
    lab.world().machine("compute01").mounts.push(elsewhere);
    lab.world().write("compute01", "/mnt/theirs/.trashcan/internal_op/x", "its own");
    let mut lab = lab;
    through(&mut lab);
    assert_moved(&lab, "with a folder of its own");
    let lab = back(lab, "back");
    let mut again = Lab::<Migrate>::new(served());
    *again.world() = lab.world().clone();
    assert_eq!(claim(&again), []);
    through(&mut again);
    assert_moved(&again, "again");
    // Another volume of that name is another.
    let mut lab = Lab::<Migrate>::new(served());
    *lab.world() = again.world().clone();
    lab = back(lab, "back again");
    lab.world().write("manage01", "/var/lib/arcus-migration/target", "storage02:/data holds what a migration copies there\n");
    let mut again = Lab::<Migrate>::new(served());
    *again.world() = lab.world().clone();
    assert!(matches!(again.converge(), Err(Trouble::Failed { step, .. }) if step == "empty:manage01"));
}

#[test]
fn a_note_that_another_came_before_is_looked_at_when_its_turn_comes_not_planned_anew() {
    let group = |lab: &Lab<Migrate>, id: &str| lab.plan().unwrap().steps.into_iter().find(|step| step.id == id).expect("it is planned").group;
    let lab = Lab::<Migrate>::new(served());
    assert!(group(&lab, "thawed:manage01").is_some());
    // Between the live copy and the freeze, and before the switch, everybody is looked at once more.
    assert!(group(&lab, "freezing:manage01").is_none() && group(&lab, "switching:manage01").is_none());
    let lab = moved(served()).rolling_back();
    assert!(group(&lab, "reversing:manage01").is_none() && group(&lab, "returning:manage01").is_some());
}

#[test]
fn a_writer_that_will_not_stop_is_named_and_nothing_is_switched() {
    let mut lab = Lab::<Migrate>::new(served());
    let holder = Holder { pid: 77, command: "backup".into(), unit: Some("cron.service".into()), writing: true };
    lab.world().machine("compute01").holders.insert("/grdata".into(), vec![holder]);
    match lab.converge() {
        Err(Trouble::Failed { step, why }) => assert!(step == "quiet:compute01" && why.contains("backup of cron.service (pid 77, writing)"), "{step}: {why}"),
        other => panic!("{other:?}"),
    }
    let verified = lab.verify().unwrap();
    let phase = verified.checks.iter().find(|check| check.id == "phase").unwrap();
    assert!(phase.detail.contains("phase 3 of 7, freeze") && phase.detail.contains("compute01: still in use by backup"), "{}", phase.detail);
    assert!(phase.detail.contains("0 of 3 nodes on glusterfs") && phase.detail.contains("rollback"), "{}", phase.detail);
    assert_home(&back(lab, "a writer"), "a writer");
}

#[test]
fn whoever_is_turned_away_by_the_server_does_not_hold_up_the_switch() {
    let mut lab = Lab::<Migrate>::new(served());
    let frozen = (0..60).find(|_| {
        cut(&mut lab, 1);
        lab.world().at("manage01").mounts.iter().any(|mounted| mounted.live && mounted.target == "/grdata")
    });
    assert!(frozen.is_some(), "it is never sealed");
    asked_for(&mut lab.world(), "manage01");
    let report = lab.converge().unwrap();
    let at = |id: &str| report.performed().iter().position(|step| *step == id).unwrap_or_else(|| panic!("{id} was not performed: {:?}", report.performed()));
    assert!(at("let-go:manage01") < at("switch:manage01"));
    assert_moved(&lab, "with somebody at the door");
    // Nobody asks: nothing is to be forgotten.
    let mut quiet = Lab::<Migrate>::new(served());
    assert!(!quiet.converge().unwrap().performed().iter().any(|step| step.starts_with("let-go")));
    // The way back frees the new one likewise.
    asked_for(&mut lab.world(), "manage01");
    let mut lab = lab.rolling_back();
    let report = lab.converge().unwrap();
    assert!(report.is_done() && report.performed().iter().any(|step| *step == "let-go:manage01"), "{:?}", report.performed());
    assert_home(&lab, "with somebody at the door");
    // Once the directory is the server's own again, what it holds are clients: nobody is waited for.
    let mut lab = moved(served()).rolling_back();
    let uncovered = (0..60).find(|_| {
        cut(&mut lab, 1);
        lab.world().at("manage01").memory["exported"].contains("/grdata *")
    });
    assert!(uncovered.is_some(), "it is never exported again");
    asked_for(&mut lab.world(), "manage01");
    let report = lab.converge().unwrap();
    assert!(report.is_done() && !report.performed().iter().any(|step| step.starts_with("let-go")), "{:?}", report.performed());
    assert_home(&lab, "exported again");
}

#[test]
fn a_new_storage_that_is_too_small_is_told_and_nobody_is_stopped() {
    let mut lab = Lab::<Migrate>::new(served());
    // Beside it, and not copied to yet.
    let staged = (0..20).find(|_| {
        cut(&mut lab, 1);
        lab.world().at("manage01").mounts.iter().any(|mounted| mounted.live && mounted.target == "/mnt/arcus-migration/new")
    });
    assert!(staged.is_some(), "it is never mounted beside");
    let room = |lab: &Lab<Migrate>, bytes| lab.world().machine("manage01").mounts.iter_mut().filter(|mounted| mounted.target.ends_with("/new")).for_each(|mounted| mounted.free_bytes = bytes);
    room(&lab, 3);
    match lab.converge() {
        Err(Trouble::Failed { step, why }) => assert!(step == "copy-live:manage01" && why.contains("too small"), "{step}: {why}"),
        other => panic!("{other:?}"),
    }
    let words = told(&lab);
    assert!(words.contains("phase 2 of 7, live copy; nfs is written to; the last try ended: /mnt/arcus-migration/new is too small"), "{words}");
    assert!(words.contains("`arcus migrate start` goes on") && words.contains("`arcus migrate rollback`"), "{words}");
    assert!(lab.world().at("compute01").units["node.service"].active, "somebody was stopped for nothing");
    // With more room it goes on, and what went wrong is forgotten.
    room(&lab, 90 << 30);
    through(&mut lab);
    assert_moved(&lab, "with more room");
    assert!(!told(&lab).contains("last try"), "{}", told(&lab));
}

/// What `status` says of it: the last words of a job that ended badly stay on the node.
#[test]
fn a_source_that_is_written_to_during_the_comparison_is_told_and_both_ways_stay_open() {
    let mut lab = Lab::<Migrate>::new(served());
    let frozen = (0..60).find(|_| {
        cut(&mut lab, 1);
        lab.world().text("manage01", "/var/lib/arcus-migration/phase").is_some_and(|line| line.starts_with("phase 3 of 7"))
    });
    assert!(frozen.is_some(), "it never freezes");
    let said = "copying\n/grdata was written to while it was compared: somebody still uses it who was not stopped";
    let job = JobFact { running: false, status: Some(1), started_s: 100, tail: said.as_bytes().to_vec() };
    lab.world().machine("manage01").jobs.insert("copy-final:manage01".into(), job);
    let words = told(&lab);
    assert!(words.contains("phase 3 of 7, freeze; nobody may write; the last try ended: /grdata was written to while it was compared"), "{words}");
    assert!(words.contains("`arcus migrate start` goes on; `arcus migrate rollback` goes back at once"), "{words}");
    let before = lab.world().clone();
    through(&mut lab);
    assert_moved(&lab, "once nobody writes any more");
    let again = Lab::<Migrate>::new(served());
    *again.world() = before;
    assert_home(&back(again, "somebody writes"), "somebody writes");
}

#[test]
fn a_node_that_is_down_stops_it_before_the_switch_unless_it_is_excluded() {
    let mut lab = Lab::<Migrate>::new(served());
    lab.world().machine("compute01").reachable = false;
    let report = lab.converge().unwrap();
    assert!(!report.is_done() && !report.performed().iter().any(|step| step.starts_with("hold")), "{:?}", report.performed());
    assert_eq!(source(&lab.world(), "manage02").as_deref(), Some(NFS), "nobody is stopped for nothing");
    // It goes down in the freeze.
    lab.world().machine("compute01").reachable = true;
    let frozen = (0..60).find(|_| {
        cut(&mut lab, 1);
        lab.world().at("manage02").units["node.service"].held
    });
    assert!(frozen.is_some(), "it never freezes");
    lab.world().machine("compute01").reachable = false;
    let report = lab.converge().unwrap();
    assert!(!report.is_done());
    assert_eq!(source(&lab.world(), "manage02").as_deref(), None, "frozen, not switched");
    assert!(!report.performed().iter().any(|step| step.starts_with("copy-final") || step.starts_with("switch")), "{:?}", report.performed());
    let words = told(&lab);
    assert!(words.contains("phase 3 of 7, freeze; nobody may write") && words.contains("compute01 does not answer"), "{words}");
    assert!(words.contains("`arcus migrate start` goes on") && words.contains("`exclude`") && words.contains("`arcus migrate rollback`"), "{words}");
    // Left out by name: the server lets nobody in, so it cannot write when it comes back.
    lab.fixture().config = r#"{"exclude": ["compute01"]}"#.into();
    through(&mut lab);
    assert_eq!(source(&lab.world(), "manage02").as_deref(), Some(VOLUME));
    assert!(lab.world().at("manage01").memory["exported"].contains("/grdata 127.0.0.1(ro)"));
    // It is back, and in the file's eyes a member again.
    lab.world().machine("compute01").reachable = true;
    lab.fixture().config = "{}".into();
    through(&mut lab);
    assert_moved(&lab, "with the late one");

    let mut from_nas = nas();
    from_nas.config = r#"{"exclude": ["compute01"]}"#.into();
    assert_eq!(refused(&Lab::new(from_nas)), ["migrate.cannot-fence"]);
}

#[test]
fn a_silent_manager_is_waited_for() {
    let lab = Lab::<Migrate>::new(served());
    lab.world().machine("manage02").reachable = false;
    assert_eq!(refused(&lab), ["migrate.phase-unknown"]);
}

#[test]
fn confirmed_leaves_no_trace_and_no_way_back() {
    let lab = moved(served());
    let mut lab = lab.confirming();
    through(&mut lab);
    assert_moved(&lab, "confirmed");
    for node in MEMBERS {
        let world = lab.world();
        let left: Vec<&String> = world.at(node).files.keys().filter(|path| path.starts_with("/var/lib/arcus-migration/")).collect();
        assert!(left.is_empty(), "{node}: {left:?}");
        assert!(!world.at(node).mounts.iter().any(|mounted| mounted.target.starts_with("/mnt/")), "{node}");
    }
    assert_eq!(lab.world().at("manage01").files.get("/grdata/tenant/a").map(|file| file.content.clone()), Some(b"one".to_vec()), "the old data are kept");
    let lab = lab.rolling_back();
    assert_eq!(refused(&lab), ["migrate.confirmed"]);
    let mut forward = Lab::<Migrate>::new(served());
    *forward.world() = lab.world().clone();
    let report = forward.converge().unwrap();
    assert!(report.is_done() && report.performed().is_empty(), "it is over: {:?}", report.performed());
}

#[test]
fn confirming_too_early_is_refused_also_in_the_middle() {
    let mut lab = Lab::<Migrate>::new(served());
    cut(&mut lab, 12);
    assert_eq!(refused(&lab.confirming())[0], "migrate.not-there");
    assert_eq!(refused(&Lab::<Migrate>::new(served()).confirming())[0], "migrate.not-there");
}

#[test]
fn a_second_migration_while_one_is_under_way() {
    let mut lab = Lab::<Migrate>::new(served());
    cut(&mut lab, 12);
    lab.fixture().handed.storage[0].0 = "moosefs".into();
    assert!(refused(&lab).iter().all(|code| code == "migrate.another"));
    // And while the way back is under way.
    lab.fixture().handed.storage[0].0 = "glusterfs".into();
    let mut lab = lab.rolling_back();
    cut(&mut lab, 3);
    let forward = Lab::<Migrate>::new(served());
    *forward.world() = lab.world().clone();
    assert_eq!(refused(&forward), ["migrate.returning"]);
}

#[test]
fn what_cannot_be_moved_is_said_before_anything_begins() {
    for (exports, code) in [("", "migrate.exports"), ("/grdata a(rw)\n/grdata b(rw)\n", "migrate.exports"), ("/grdata a(rw) \\\n b(rw)\n", "migrate.exports")] {
        let lab = Lab::<Migrate>::new(served());
        lab.world().write("manage01", "/etc/exports", exports);
        assert_eq!(refused(&lab), [code], "{exports:?}");
    }
    let lab = Lab::<Migrate>::new(served());
    let below = arcus_sdk::contract::facts::Mounted { target: "/grdata/services".into(), source: "/dev/vdb1".into(), fstype: "xfs".into(), ..client("") };
    lab.world().machine("manage01").mounts.push(below);
    assert_eq!(refused(&lab), ["migrate.nested-mount"]);
    let lab = Lab::<Migrate>::new(served());
    lab.world().machine("compute01").mounts.pop();
    lab.world().machine("compute01").mounts.push(client("10.99.0.77:/other"));
    assert_eq!(refused(&lab), ["migrate.foreign-mount"]);
}
