//! What every plugin must keep; see [`crate::properties`].

use super::lab::{Fixture, Lab, Report, Trouble};
use super::subject::Subject;
use crate::Plugin;
use arcus_contract::actions::{Action, Step};
use arcus_contract::checks::{Check, Outcome, Verified};
use arcus_contract::facts::Holder;
use std::collections::BTreeSet;

/// A run that must get to the end.
fn done<P: Subject>(lab: &mut Lab<P>, when: &str) -> Report {
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{} {when}: {trouble}", lab.name()));
    assert_done(lab, &report, when);
    report
}

fn assert_done<P: Subject>(lab: &Lab<P>, report: &Report, when: &str) {
    assert!(report.is_done(), "{} {when}: stops before it is done; left: {:#?}", lab.name(), report.left());
}

/// Apply, then plan is empty, whichever node is the fastest.
pub fn apply_then_plan_is_empty<P: Subject>(fixture: impl Fn() -> Fixture) {
    let nodes = fixture().world.nodes;
    for fastest in nodes.iter().rev().map(Some).chain([None]) {
        let mut lab = Lab::<P>::new(fixture());
        let mut when = "from the start".to_owned();
        if let Some(node) = fastest {
            lab.hurry(&node.name);
            when = format!("with {} ahead of the others", node.name);
        }
        let report = done(&mut lab, &when);
        let steps = &report.rounds.last().expect("a report has rounds").steps;
        assert!(!steps.is_empty(), "{}: its plan has no steps at all, which proves nothing", lab.name());
        assert_current(&lab, steps, &when);
    }
}

/// No unit of the plan runs with something else than what the files say that the plan wrote.
fn assert_current<P: Subject>(lab: &Lab<P>, steps: &[Step], when: &str) {
    let world = lab.world();
    let written: BTreeSet<(&str, &str)> = steps
        .iter()
        .filter_map(|step| if let Action::File(file) = &step.action { Some((step.node.as_str(), file.path.as_str())) } else { None })
        .collect();
    for (node, machine) in &world.machines {
        for (name, unit) in machine.units.iter().filter(|(_, unit)| unit.active) {
            for path in unit.reads.iter().filter(|path| written.contains(&(node.as_str(), path.as_str()))) {
                let now = world.read(node, path).map(|file| &file.content);
                assert!(
                    unit.loaded.get(path) == now,
                    "{} {when}: {name} on {node} still runs with what {path} said before: name it in `newer_than`",
                    lab.name()
                );
            }
        }
    }
}

/// A run cut after any number of steps is completed by the next, and comes to the same.
pub fn every_prefix_can_be_resumed<P: Subject>(fixture: impl Fn() -> Fixture) {
    let mut whole = Lab::<P>::new(fixture());
    let report = done(&mut whole, "from the start");
    let steps = report.performed().len();
    let wanted = whole.world().essence();
    if report.rounds.iter().flat_map(|round| &round.steps).any(|step| matches!(step.action, Action::Call(_))) {
        every_cut_of_what_runs_live_can_be_resumed::<P>(&fixture);
    }
    for prefix in 0..=steps {
        let when = format!("resumed after a crash behind {prefix} steps");
        let mut lab = Lab::<P>::new(fixture());
        // What the operator approved before the crash must do for all of it.
        let announced = lab.announce().unwrap_or_else(|trouble| panic!("{}: {trouble}", lab.name()));
        lab.crash_after(Some(prefix));
        match lab.converge_within(&announced) {
            Err(Trouble::Crashed) | Ok(_) => {}
            Err(trouble) => panic!("{} on the way to a crash behind {prefix} steps: {trouble}", lab.name()),
        }
        lab.crash_after(None);
        // A laptop that wakes up: what runs by itself went on meanwhile.
        lab.world().pass(2);
        let report = lab.converge_within(&announced).unwrap_or_else(|trouble| panic!("{} {when}: {trouble}", lab.name()));
        assert_done(&lab, &report, &when);
        assert_current(&lab, &report.rounds.last().expect("a report has rounds").steps, &when);
        let essence = lab.world().essence();
        assert!(essence == wanted, "{} {when}: it comes to something else:\n{}", lab.name(), difference(&wanted, &essence));
    }
}

/// The same, cut in the midst of what a step does live: after each thing that it does.
fn every_cut_of_what_runs_live_can_be_resumed<P: Subject>(fixture: &impl Fn() -> Fixture) {
    for things in 0.. {
        let when = format!("resumed after a crash behind {things} things done live");
        let mut lab = Lab::<P>::new(fixture());
        let announced = lab.announce().unwrap_or_else(|trouble| panic!("{}: {trouble}", lab.name()));
        lab.cut_live_after(Some(things));
        match lab.converge_within(&announced) {
            Err(Trouble::Crashed) => {}
            // It does no more than that.
            Ok(_) => return,
            Err(trouble) => panic!("{} on the way to a crash behind {things} things done live: {trouble}", lab.name()),
        }
        lab.cut_live_after(None);
        lab.world().pass(2);
        let report = lab.converge_within(&announced).unwrap_or_else(|trouble| panic!("{} {when}: {trouble}", lab.name()));
        assert_done(&lab, &report, &when);
    }
}

/// The first lines in which two states differ.
fn difference(wanted: &impl std::fmt::Debug, found: &impl std::fmt::Debug) -> String {
    let (wanted, found) = (format!("{wanted:#?}"), format!("{found:#?}"));
    let lines = wanted.lines().zip(found.lines()).filter(|(wanted, found)| wanted != found);
    lines.take(6).map(|(wanted, found)| format!("  wanted {}\n  found  {}\n", wanted.trim(), found.trim())).collect()
}

/// What later rounds do was announced by the first plan, also when any one node did not answer at first.
pub fn later_rounds_were_announced<P: Subject>(fixture: impl Fn() -> Fixture) {
    // `converge` itself holds every round against the first.
    done(&mut Lab::<P>::new(fixture()), "from the start");
    let names: Vec<String> = fixture().world.nodes.iter().map(|node| node.name.clone()).collect();
    for silent in names {
        let when = format!("with {silent} silent at first");
        let mut lab = Lab::<P>::new(fixture());
        lab.world().machine(&silent).reachable = false;
        let announced = match lab.announce() {
            Ok(announced) => announced,
            // Refusing to plan at all without a node is allowed, when it is said that waiting may help.
            Err(Trouble::Refused(problems)) if problems.iter().all(|problem| problem.retryable) => continue,
            Err(trouble) => panic!("{} {when}: {trouble}", lab.name()),
        };
        let before = lab.world().machines[&silent].clone();
        lab.converge_within(&announced).unwrap_or_else(|trouble| panic!("{} {when}: {trouble}", lab.name()));
        assert!(before == lab.world().machines[&silent], "{} {when}: it was changed nevertheless", lab.name());
        lab.world().machine(&silent).reachable = true;
        let report = lab.converge_within(&announced).unwrap_or_else(|trouble| panic!("{} {when}, then back: {trouble}", lab.name()));
        assert_done(&lab, &report, &format!("{when}, then back"));
    }
}

/// The same input and answers give the same result, and looking changes nothing.
pub fn deterministic<P: Subject>(fixture: impl Fn() -> Fixture) {
    let mut lab = Lab::<P>::new(fixture());
    for when in ["before apply", "after apply"] {
        let untouched = lab.world().essence();
        let began = lab.world().now;
        let twice = || (lab.plan(), lab.plan());
        let (one, other) = twice();
        let (one, other) = (one.unwrap_or_else(|trouble| panic!("{trouble}")), other.unwrap_or_else(|trouble| panic!("{trouble}")));
        assert!(one == other, "{} {when}: two plans of the same differ:\n{}", lab.name(), difference(&one, &other));
        let goals = lab.standings(&one.steps) == lab.standings(&one.steps);
        assert!(goals, "{} {when}: two verdicts on the same goals differ", lab.name());
        assert!(lab.drills() == lab.drills(), "{} {when}: drills of the same differ", lab.name());
        let before = lab.world().now;
        let (one, other) = (lab.verify(), lab.verify());
        if lab.world().now == before {
            assert!(one == other, "{} {when}: checks of the same differ:\n{}", lab.name(), difference(&one, &other));
        }
        // Where time passed, things may have happened by themselves.
        if lab.world().now == began {
            let now = lab.world().essence();
            assert!(now == untouched, "{} {when}: a query of it changed something:\n{}", lab.name(), difference(&untouched, &now));
        }
        if when == "before apply" {
            done(&mut lab, "from the start");
        }
    }
}

/// Everything verified passes after apply. A service that runs with older files than there are does not, nor one that is gone, nor a
/// node that does not answer.
pub fn verify_is_honest<P: Subject>(fixture: impl Fn() -> Fixture) {
    let mut lab = Lab::<P>::new(fixture());
    let report = done(&mut lab, "from the start");
    let verified = lab.verify().unwrap_or_else(|trouble| panic!("{} verify: {trouble}", lab.name()));
    assert!(!verified.checks.is_empty(), "{}: it verifies nothing", lab.name());
    // What a drill waits for is so while nothing is broken: otherwise no drill could ever pass.
    for drill in lab.drills().unwrap_or_else(|trouble| panic!("{} drills: {trouble}", lab.name())) {
        let missing = lab.missing(&[drill.recovers.as_slice(), &drill.heals].concat());
        assert!(missing.is_empty(), "{}: before the drill {} it misses already: {}", lab.name(), drill.id, missing.join("; "));
    }
    let bad: Vec<&Check> = verified.checks.iter().filter(|check| !is_good(check)).collect();
    assert!(bad.is_empty(), "{}: after apply these checks do not pass: {bad:#?}", lab.name());

    let converged = lab.world().clone();
    for step in &report.rounds.last().expect("a report has rounds").steps {
        let Action::Service(service) = &step.action else { continue };
        if !service.running {
            continue;
        }
        let unit = &service.name;
        if let Some(path) = service.newer_than.first() {
            let mut world = converged.clone();
            world.pass(1_000);
            let changed = world.later();
            if let Some(mut document) = world.read(&step.node, path).cloned() {
                document.changed = changed;
                world.put(&step.node, path, document);
                world.machine(&step.node).unit(unit).loaded.insert(path.clone(), b"what it said before\n".to_vec());
                *lab.world() = world;
                assert_noticed(&lab, &format!("{unit} on {} runs with what {path} said before", step.node));
            }
        }
        let mut world = converged.clone();
        world.pass(1_000);
        world.machine(&step.node).unit(unit).active = false;
        *lab.world() = world;
        assert_noticed(&lab, &format!("{unit} on {} does not run", step.node));
    }

    for node in converged.nodes.iter().filter(|node| verified.checks.iter().any(|check| check.node.as_ref() == Some(&node.name))) {
        *lab.world() = converged.clone();
        lab.world().machine(&node.name).reachable = false;
        let Ok(verified) = lab.verify() else { continue };
        let passed = verified.checks.iter().find(|check| check.node.as_ref() == Some(&node.name) && matches!(check.outcome, Outcome::Passed));
        if let Some(check) = passed {
            panic!("{}: {} does not answer, and its check `{}` passes: {}", lab.name(), node.name, check.id, check.detail);
        }
    }
}

/// `warned` is fine after apply: what the machines cannot do, the plugin cannot bring about.
fn is_good(check: &Check) -> bool {
    matches!(check.outcome, Outcome::Passed | Outcome::Warned)
}

fn assert_noticed<P: Subject>(lab: &Lab<P>, what: &str) {
    let verified = lab.verify();
    let Ok(Verified { checks, .. }) = verified else { return };
    assert!(!checks.iter().all(is_good), "{}: {what}, and every check passes", lab.name());
}

/// A node that leaves unmounts the shared directory, live and in fstab, once nobody there uses it any more; until then it says who does.
pub fn a_node_that_leaves_lets_go<P: Plugin>(mut lab: Lab<P>, node: &str, path: &str) {
    let is_mounted = |lab: &Lab<P>| lab.world().at(node).mounts.iter().any(|mount| mount.target == path);
    assert!(is_mounted(&lab), "it is not mounted to begin with");
    lab.removing(node);
    let holder = Holder { pid: 77, command: "backup".into(), unit: Some("cron.service".into()), writing: true };
    lab.world().machine(node).holders.insert(path.into(), vec![holder]);
    match lab.converge() {
        Err(Trouble::Failed { step, why }) => {
            assert!(step == format!("released:{node}") && why.contains("backup of cron.service (pid 77, writing)"), "{step}: {why}");
        }
        other => panic!("it is taken from whoever uses it: {other:?}"),
    }
    assert!(is_mounted(&lab), "it is gone while it is in use");
    lab.world().machine(node).holders.clear();
    let report = done(&mut lab, "leaving");
    assert_eq!(report.performed(), [format!("unmount:{node}")]);
    assert!(!is_mounted(&lab), "it is still there");
}
