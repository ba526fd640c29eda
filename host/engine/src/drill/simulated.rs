//! Drills that were left open, on nodes that are not there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arcus_contract::checks::{Drill, Fault as DrillFault};
use arcus_contract::facts::{Fact, Os, Probe};
use arcus_node::{Batch, Change, ConnectError, DrillNote, Ended, LockFact, LockOwner, Look, Outcome, Report, Seen, Simulated, TimerFact};

use super::PowerHook;
use crate::fault::Kind;
use crate::simulated::{Opened, not_simulated};

/// A node that is not there.
#[derive(Default)]
struct Machine {
    silent: bool,
    epoch: u64,
    owner: Option<LockOwner>,
    note: Option<DrillNote>,
    timers: Vec<TimerFact>,
    /// What was done on it, in order.
    done: Vec<String>,
}

type Machines = Arc<Mutex<BTreeMap<String, Machine>>>;

fn perform(machine: &mut Machine, batch: &Batch) -> Report {
    let mut report = Report::default();
    for task in &batch.tasks {
        if let Some(fence) = &batch.fence {
            if machine.epoch > fence.epoch {
                report.outcomes.push(Outcome::Fenced { epoch: machine.epoch });
                return report;
            }
            machine.epoch = fence.epoch;
        }
        match &task.change {
            Change::LockTake { owner, .. } => (machine.epoch, machine.owner) = (owner.epoch, Some(owner.clone())),
            Change::LockRelease { .. } => machine.owner = None,
            Change::ForgetDrill { run } if machine.note.as_ref().is_some_and(|note| note.run == *run) => machine.note = None,
            Change::Service { name, actions } => machine.done.push(format!("{actions:?} {name}")),
            Change::Arm { id, after_s, argv } => machine.done.push(format!("in {after_s} s by {id}: {}", argv.join(" "))),
            // Each is one script on the node, which sets its timer first.
            Change::HoldDown { unit, id, for_s } => machine.done.push(format!("hold {unit} for {for_s} s by {id}")),
            Change::Isolate { interface, for_s, .. } => machine.done.push(format!("cut {interface} for {for_s} s")),
            Change::Disarm { id } => {
                machine.timers.clear();
                machine.done.push(format!("disarm {id}"));
            }
            Change::Fire { id } => machine.done.push(format!("fire {id}")),
            Change::ForgetWatch { id } => machine.done.push(format!("forget {id}")),
            _ => {}
        }
        report.outcomes.push(Outcome::Done(Ended::default()));
    }
    report.answers = batch
        .looks
        .iter()
        .map(|look| match look {
            Look::Lock => Ok(Seen::Lock(LockFact { epoch: machine.epoch, owner: machine.owner.clone(), idle_s: 0 })),
            Look::Drill => Ok(Seen::Drill(machine.note.clone())),
            Look::Timers => Ok(Seen::Timers(machine.timers.clone())),
            Look::Probe(Probe::Os) => Ok(Seen::Fact(Fact::Os(a_system()))),
            Look::Probe(Probe::Interfaces) => Ok(Seen::Fact(Fact::Interfaces(vec![]))),
            _ => Err(not_simulated()),
        })
        .collect();
    report
}

fn a_system() -> Os {
    let text = |text: &str| text.to_owned();
    Os { id: text("debian"), version: text("12"), like: vec![], kernel: text("6.1"), arch: text("x86_64"), hostname: text("m"), machine_id: text("1"), boot_id: text("1") }
}

struct Ground {
    machines: Machines,
    engine: Opened,
}

impl Ground {
    async fn new(prepare: impl FnOnce(&mut BTreeMap<String, Machine>)) -> Self {
        let mut all: BTreeMap<String, Machine> = ["m1", "m2", "m3", "c1", "c2"].map(|name| (name.to_owned(), Machine::default())).into();
        prepare(&mut all);
        let machines: Machines = Arc::new(Mutex::new(all));
        let (inside, door) = (machines.clone(), machines.clone());
        let transport = Simulated::new(move |node, batch| Ok(perform(inside.lock().unwrap().get_mut(node).unwrap(), batch))).with_door(move |endpoint| {
            match door.lock().unwrap()[&endpoint.name].silent {
                true => Err(ConnectError::Unreachable { node: endpoint.name.clone(), target: endpoint.address.clone(), reason: "nobody answers".into() }),
                false => Ok(()),
            }
        });
        Self { machines, engine: Opened::new(transport).await }
    }

    fn done(&self, node: &str) -> Vec<String> {
        self.machines.lock().unwrap()[node].done.clone()
    }

    fn is_noted(&self) -> bool {
        self.machines.lock().unwrap().values().any(|machine| machine.note.is_some())
    }
}

/// A drill that somebody began on m1, and was not there to end.
fn note(fault: &str) -> DrillNote {
    DrillNote {
        run: "r1".into(),
        plugin: "gateway-x".into(),
        drill: format!("vip-{fault}"),
        fault: fault.into(),
        node: "m1".into(),
        what: Some("x.service".into()),
        timer: Some("drill-vip".into()),
        observers: vec![("c1".into(), "vip.address".into())],
        operator: "tom@laptop".into(),
        since: 0,
    }
}

fn noted(all: &mut BTreeMap<String, Machine>, fault: &str) {
    for name in ["m1", "m2", "m3"] {
        all.get_mut(name).unwrap().note = Some(note(fault));
    }
    all.get_mut("m1").unwrap().timers = vec![TimerFact { unit: "arcus-timer".into(), left_s: 41 }];
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_drill_is_told_first_and_taken_back_from_anywhere() {
    let ground = Ground::new(|all| noted(all, "stop")).await;
    let status = ground.engine.status().await.unwrap();
    assert!(status.open[0].contains("the drill vip-stop of run r1 by tom@laptop") && status.open[0].contains("in 41 s"), "{:?}", status.open);
    assert_eq!(status.drills.len(), 1, "three managers tell of one drill");

    let done = ground.engine.drill_back(None).await.unwrap();
    assert_eq!(done, ["vip-stop on m1, left open by run r1 of tom@laptop"]);
    assert_eq!(ground.done("m1"), ["[Start] x.service", "disarm drill-vip"]);
    assert_eq!(ground.done("c1"), ["forget vip.address"]);
    assert!(!ground.is_noted());
    assert_eq!(ground.engine.status().await.unwrap().drills, []);
    assert!(ground.engine.holder().await.unwrap().is_none(), "the lock is given back");
    assert_eq!(ground.engine.drill_back(None).await.unwrap(), Vec::<String>::new(), "there is nothing more to take back");
    let epoch = ground.machines.lock().unwrap()["m1"].epoch;
    assert_eq!(ground.engine.finish_drills().await.unwrap(), Vec::<String>::new());
    assert_eq!(ground.machines.lock().unwrap()["m1"].epoch, epoch, "where nothing is open, no lock is taken");
    assert_eq!(ground.done("m1").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_killed_is_let_go_by_what_the_timer_would_do() {
    let ground = Ground::new(|all| noted(all, "kill")).await;
    ground.engine.drill_back(None).await.unwrap();
    assert_eq!(ground.done("m1"), ["fire drill-vip"]);
    assert!(!ground.is_noted());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_power_needs_the_hook_or_a_hand() {
    let ground = Ground::new(|all| {
        noted(all, "power");
        all.get_mut("m1").unwrap().silent = true;
    })
    .await;
    let status = ground.engine.status().await.unwrap();
    assert!(status.open.iter().any(|open| open.contains("m1 has no power; switch it on by hand")), "{:?}", status.open);
    let fault = ground.engine.drill_back(None).await.unwrap_err();
    assert_eq!((fault.kind, fault.troubles[0].code.as_str()), (Kind::Unreachable, "drill.left-open"));
    assert!(fault.troubles[0].help.as_ref().unwrap().contains("--power-hook") && ground.is_noted());
    assert!(ground.engine.holder().await.unwrap().is_none(), "the lock is given back");

    // A hook that does nothing but fail, and then one hand that switches it on.
    let hook = PowerHook { argv: vec!["false".into()], environment: vec![("PATH".into(), "/usr/bin:/bin".into())] };
    let fault = ground.engine.drill_back(Some(&hook)).await.unwrap_err();
    assert!(fault.troubles[0].message.contains("the power hook `false … on m1` ended with"), "{fault:?}");
    ground.machines.lock().unwrap().get_mut("m1").unwrap().silent = false;
    ground.engine.drill_back(None).await.unwrap();
    assert!(!ground.is_noted());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_overtaken_takes_nothing_back() {
    let ground = Ground::new(|all| noted(all, "stop")).await;
    let held = ground.engine.take_lock("old", "drill").await.unwrap();
    // Another run takes over while this one sleeps.
    ground.machines.lock().unwrap().values_mut().for_each(|machine| machine.epoch += 1);
    let fault = ground.engine.finish_left(&held, None, None).await.unwrap_err();
    assert!(fault.troubles[0].message.contains("another run has taken over"), "{fault:?}");
    assert!(ground.done("m1").is_empty() && ground.is_noted());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_is_refused_before_anything_is_touched() {
    let ground = Ground::new(|_| {}).await;
    let options = |vantage: Option<&str>, accept: &[&str]| super::DrillOptions {
        vantage: vantage.map(Into::into),
        accept: accept.iter().map(|word| (*word).to_owned()).collect(),
        ..super::DrillOptions::default()
    };
    let code = async |options| ground.engine.drill(&options).await.unwrap_err().troubles[0].code.clone();
    assert_eq!(code(options(None, &[])).await, "drill.unaccepted");
    assert_eq!(code(options(Some("nobody"), &["blackout"])).await, "drill.unknown-vantage");
    assert_eq!(code(options(Some("c1"), &["blackout"])).await, "drill.none", "no plugin offers any");
    assert!(ground.engine.holder().await.unwrap().is_none());
}

/// Stops, holds down or cuts off something on m1, seen by nobody.
fn a_drill(fault: DrillFault) -> Drill {
    let text = |text: &str| text.to_owned();
    Drill { id: text("vip-x"), title: text("x"), fault, watches: vec![], recovers: vec![], heals: vec![] }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_fault_back_is_on_the_node_before_the_fault() {
    let (node, unit) = ("m1".to_owned(), "x.service".to_owned());
    let faults = [
        (DrillFault::Stop((node.clone(), unit.clone())), vec!["in 30 s by drill-vip-x: systemctl start x.service", "[Stop] x.service"]),
        (DrillFault::Kill((node.clone(), unit.clone())), vec!["hold x.service for 30 s by drill-vip-x"]),
        (DrillFault::Isolate((node.clone(), 9)), vec!["cut eth0 for 9 s"]),
    ];
    for (fault, wanted) in faults {
        let ground = Ground::new(|_| {}).await;
        let drill = a_drill(fault);
        let held = ground.engine.take_lock("r1", "drill").await.unwrap();
        let (word, ..) = super::strike::parts(&drill.fault);
        let what = if word == "isolate" { "eth0" } else { unit.as_str() };
        let note = DrillNote { what: Some(what.into()), ..note(word) };
        ground.engine.strike(&drill, &note, None, &held.fence()).await.unwrap();
        assert_eq!(ground.done("m1"), wanted, "{word}");
        assert!(super::strike::restores_after(&drill).is_some_and(|seconds| seconds > 0), "{word}");
        held.release().await;
    }
}
