//! Every check fails when what it is about is broken; drills name who holds the address now.

mod common;

use arcus_gateway_keepalived::Keepalived;
use arcus_sdk::contract::checks::{Beat, Check, Fault, Outcome, Seen, Verdict, Weighing};
use arcus_sdk::contract::facts::{Fact, Output, Probe, Request, ServiceFact, Vrrp};
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use common::{CONF, UNIT, VIP, converged, elect, fixture, ha, holders};

fn checks(lab: &Lab<Keepalived>) -> Vec<(String, Check)> {
    let checks = lab.verify().unwrap_or_else(|trouble| panic!("{trouble}")).checks;
    let name = |check: &Check| check.node.as_ref().map_or(check.id.clone(), |node| format!("{}@{node}", check.id));
    checks.into_iter().map(|check| (name(&check), check)).collect()
}

fn bad(lab: &Lab<Keepalived>) -> Vec<(String, Check)> {
    checks(lab).into_iter().filter(|(_, check)| !matches!(check.outcome, Outcome::Passed)).collect()
}

fn breaks(change: impl FnOnce(&mut World)) -> Vec<String> {
    let lab = converged(ha());
    lab.world().pass(100);
    change(&mut lab.world());
    bad(&lab).into_iter().map(|(name, _)| name).collect()
}

/// Gives the address to a node and keeps the election from taking it away.
fn holds(world: &mut World, node: &str) {
    world.machine(node).interfaces[1].addresses.push("10.99.0.100/24".into());
}

#[test]
fn a_whole_cluster_passes() {
    let lab = converged(ha());
    assert!(bad(&lab).is_empty(), "{:#?}", bad(&lab));
    let answers = checks(&lab).into_iter().find(|(name, _)| name == "answers").unwrap().1;
    assert!(answers.detail.ends_with("seen from compute01"), "{}", answers.detail);
}

#[test]
fn files_and_services() {
    assert_eq!(breaks(|world| world.machine("manage02").unit(UNIT).enabled = false), ["keepalived@manage02"]);
    let edited = breaks(|world| world.write("manage02", CONF, "by hand"));
    assert!(edited.contains(&"configuration@manage02".into()) && edited.contains(&"keepalived@manage02".into()), "{edited:?}");
    let check = "/etc/keepalived/arcus-gateway-check";
    assert!(breaks(|world| world.remove("manage03", check)).contains(&"configuration@manage03".into()));
    // Not executable.
    let check = breaks(|world| {
        let text = world.text("manage03", check).unwrap();
        world.write("manage03", check, text);
    });
    assert_eq!(check, ["configuration@manage03", "keepalived@manage03"]);
}

#[test]
fn somebody_else_with_our_number() {
    let heard = |world: &mut World, node: &str| {
        let text = world.text(node, CONF).unwrap();
        let number = text.lines().find_map(|line| line.trim().strip_prefix("virtual_router_id ")).unwrap().parse().unwrap();
        world.machine(node).heard.insert("eth0".into(), vec![Vrrp { source: "10.99.0.14".into(), router_id: number, priority: 110 }]);
    };
    assert_eq!(breaks(|world| heard(world, "manage03")), ["unlisted"]);
    let lab = converged(ha());
    heard(&mut lab.world(), "manage02");
    let check = checks(&lab).into_iter().find(|(name, _)| name == "unlisted").unwrap().1;
    assert_eq!((check.outcome, check.detail.as_str()), (Outcome::Failed, "10.99.0.14 (priority 110), heard on manage02: `arcus plan` tells what to do"));
}

#[test]
fn the_password() {
    let lab = converged(fixture(2, r#"{"vip": "10.99.0.100/24", "version": 2}"#));
    assert!(bad(&lab).is_empty(), "{:#?}", bad(&lab));
    lab.world().pass(10);
    lab.world().write("manage02", "/etc/keepalived/arcus-auth.conf", "another");
    let names: Vec<String> = bad(&lab).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["configuration@manage02", "keepalived@manage02"]);
}

#[test]
fn nobody_holds_it() {
    let lab = converged(ha());
    for node in ["manage01", "manage02", "manage03"] {
        lab.world().machine(node).unit(UNIT).active = false;
    }
    lab.world().pass(1);
    let names: Vec<String> = bad(&lab).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["keepalived@manage01", "keepalived@manage02", "keepalived@manage03", "one-holder", "right-holder", "answers"]);
}

#[test]
fn two_hold_it() {
    // A password that differs: both are masters, for good.
    let lab = converged(fixture(2, r#"{"vip": "10.99.0.100/24", "version": 2}"#));
    lab.world().machine("manage02").unit(UNIT).loaded.insert("/etc/keepalived/arcus-auth.conf".into(), b"another".to_vec());
    lab.world().pass(1);
    assert_eq!(holders(&lab.world()), ["manage01", "manage02"]);
    let (_, check) = bad(&lab).into_iter().find(|(name, _)| name == "one-holder").unwrap();
    assert_eq!(check.detail, "manage01 and manage02 hold it: `journalctl -u keepalived` there tells why");
    // That somebody is silent does not make two holders unknown.
    let lab = converged(ha());
    holds(&mut lab.world(), "manage02");
    lab.world().machine("manage03").reachable = false;
    let found = bad(&lab);
    assert!(found.iter().any(|(name, check)| name == "configuration@manage03" && check.outcome == Outcome::Unknown));
}

#[test]
fn the_wrong_one_holds_it() {
    let lab = converged(ha());
    // The first is well again, and the address stays where it was: keepalived there does not take it back.
    lab.world().machine("manage01").unit(UNIT).loaded.insert(CONF.into(), b"vrrp_version 3\nvirtual_router_id 1\npriority 1\nweight 0\nvirtual_ipaddress\n".to_vec());
    lab.world().pass(1);
    assert_eq!(holders(&lab.world()).len(), 2);
    lab.world().machine("manage01").unit(UNIT).active = false;
    lab.world().pass(1);
    let (_, check) = bad(&lab).into_iter().find(|(name, _)| name == "right-holder").unwrap();
    assert_eq!(check.detail, "manage02 holds it, manage01 should");
}

#[test]
fn the_best_healthy_one_is_the_right_one() {
    let lab = converged(ha());
    lab.world().machine("manage01").memory.insert("unwell".into(), String::new());
    lab.world().pass(1);
    assert_eq!(holders(&lab.world()), ["manage02"]);
    assert!(bad(&lab).is_empty(), "{:#?}", bad(&lab));
    for node in ["manage02", "manage03"] {
        lab.world().machine(node).memory.insert("unwell".into(), String::new());
    }
    lab.world().pass(1);
    assert_eq!(holders(&lab.world()), ["manage01"]);
    assert!(bad(&lab).is_empty(), "{:#?}", bad(&lab));
}

#[test]
fn somebody_else_answers_for_it() {
    let lab = converged(ha());
    lab.world().on_probe(|_, _, probe| match probe {
        Probe::Neighbour(_) => Some(Fact::Neighbour(Some("02:aa:00:00:00:01".into()))),
        _ => None,
    });
    let names: Vec<String> = bad(&lab).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["answers"]);
}

#[test]
fn silence_is_unknown() {
    let lab = converged(ha());
    lab.world().machine("manage03").reachable = false;
    let found: Vec<(String, Outcome)> = bad(&lab).into_iter().map(|(name, check)| (name, check.outcome)).collect();
    let unknown = |name: &str| (name.to_owned(), Outcome::Unknown);
    assert_eq!(found, [unknown("configuration@manage03"), unknown("keepalived@manage03"), unknown("one-holder"), unknown("right-holder")]);
    // Nobody outside answers: a gateway that does not hold it is asked.
    let lab = converged(ha());
    for node in ["compute01", "storage01"] {
        lab.world().machine(node).reachable = false;
    }
    assert!(bad(&lab).is_empty(), "{:#?}", bad(&lab));
}

#[test]
fn drills_are_about_the_present_holder() {
    let lab = converged(ha());
    let faults = |lab: &Lab<Keepalived>| lab.drills().unwrap().into_iter().map(|drill| (drill.id.clone(), drill.fault.clone(), drill.watches[0].at_most_ms)).collect::<Vec<_>>();
    let wanted = |node: &str| {
        vec![
            ("vip-stop".to_owned(), Fault::Stop((node.to_owned(), UNIT.to_owned())), 300),
            ("vip-isolate".to_owned(), Fault::Isolate((node.to_owned(), 10)), 1200),
            ("vip-power".to_owned(), Fault::Power(node.to_owned()), 1200),
        ]
    };
    assert_eq!(faults(&lab), wanted("manage01"));
    lab.world().machine("manage01").unit(UNIT).active = false;
    lab.world().pass(1);
    assert_eq!(faults(&lab), wanted("manage02"));
    // Measured by what answers: users' port, else ssh.
    let beat = |lab: &Lab<Keepalived>| lab.drills().unwrap()[0].watches[0].beat.clone();
    assert_eq!(beat(&lab), Beat::Connect((VIP.into(), 22)));
    lab.world().machine("manage02").listen(80, "rbd-gateway");
    assert_eq!(beat(&lab), Beat::Connect((VIP.into(), 80)));
    let watch = &lab.drills().unwrap()[0].watches[0];
    assert_eq!((watch.observer.as_str(), watch.every_ms), ("controller", 20));
    // The gateway's process alone: only where it is what answers, for ssh answers on without it.
    let kill = lab.drills().unwrap().into_iter().find(|drill| drill.id == "gateway-kill").expect("the gateway's process serves users");
    assert_eq!(kill.fault, Fault::Kill(("manage02".into(), "rbd-gateway.service".into())));
    assert_eq!((&kill.watches[0].beat, kill.watches[0].at_most_ms), (&Beat::Connect((VIP.into(), 80)), 7200));

    let slow = converged(fixture(2, r#"{"vip": "10.99.0.100/24", "version": 2}"#));
    assert_eq!(slow.drills().unwrap().iter().map(|drill| drill.watches[0].at_most_ms).collect::<Vec<_>>(), [1500, 4000, 4000]);
}

#[test]
fn drills_need_somebody_to_take_over_and_everybodys_answer() {
    assert!(converged(Fixture::new(common::MANIFEST, common::HA, common::world(1))).drills().unwrap().is_empty());
    let lab = converged(ha());
    lab.world().machine("manage03").reachable = false;
    assert!(matches!(lab.drills(), Err(Trouble::Refused(problems)) if problems[0].code == "node.unreachable"));
    let lab = Lab::<Keepalived>::new(ha());
    assert!(matches!(lab.drills(), Err(Trouble::Refused(problems)) if problems[0].code == "vip.holders"));
    elect(&mut lab.world());
}

/// What the plugin says of a drill's goal, asked of these nodes only.
fn recovered(lab: &Lab<Keepalived>, without: &str) -> Verdict {
    let world = lab.world().clone();
    let drill = converged(ha()).drills().unwrap().remove(0);
    let step = &drill.recovers[0];
    let requests: Vec<Request> = step.goal.as_ref().unwrap().requests.iter().filter(|request| request.node != without).cloned().collect();
    let seen: Vec<Seen> = requests
        .into_iter()
        .map(|request| {
            let machine = world.at(&request.node);
            let fact = match &request.probe {
                Probe::Interfaces => Fact::Interfaces(machine.interfaces.clone()),
                Probe::Service(_) => {
                    let active = machine.runs(UNIT);
                    Fact::Service(Some(ServiceFact { active, enabled: true, masked: false, held: false, failed: false, since_s: 9, stale: false }))
                }
                Probe::Query(_) => {
                    let status = i32::from(machine.memory.contains_key("unwell"));
                    Fact::Query(Output { status, stdout: vec![], stderr: vec![], truncated: false })
                }
                other => panic!("{other:?}"),
            };
            Seen { request, answer: Ok(fact) }
        })
        .collect();
    let weighing = Weighing { step: step.id.clone(), expect: String::new(), seen: (0..seen.len() as u32).collect() };
    arcus_sdk::guest::judge::<Keepalived>(lab.input(), vec![weighing], seen).remove(0)
}

#[test]
fn a_drill_is_over_when_the_address_is_at_home() {
    let lab = converged(ha());
    let unmet = |verdict: Verdict| match verdict {
        Verdict::Unmet(what) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(recovered(&lab, ""), Verdict::Met);
    // Stopped: the next one is the best that runs, once it has it.
    lab.world().machine("manage01").unit(UNIT).active = false;
    assert_eq!(unmet(recovered(&lab, "")), "manage01 holds 10.99.0.100, manage02 should");
    lab.world().pass(1);
    assert_eq!(recovered(&lab, ""), Verdict::Met);
    // Started again: the address is not back at once.
    lab.world().machine("manage01").unit(UNIT).active = true;
    assert_eq!(unmet(recovered(&lab, "")), "manage02 holds 10.99.0.100, manage01 should");
    lab.world().pass(1);
    assert_eq!(recovered(&lab, ""), Verdict::Met);
    // Cut off: only the others are asked.
    assert_eq!(unmet(recovered(&lab, "manage01")), "no gateway holds 10.99.0.100");
    holds(&mut lab.world(), "manage02");
    assert_eq!(recovered(&lab, "manage01"), Verdict::Met);
    assert_eq!(unmet(recovered(&lab, "")), "manage01 and manage02 hold 10.99.0.100: `journalctl -u keepalived` there tells why");
    lab.world().pass(1);
    // The unwell are not the best.
    lab.world().machine("manage01").memory.insert("unwell".into(), String::new());
    assert_eq!(unmet(recovered(&lab, "")), "manage01 holds 10.99.0.100, manage02 should");
}

#[test]
fn a_killed_gateway_has_borne_it_once_the_address_is_with_a_healthy_one() {
    let lab = converged(ha());
    lab.world().machine("manage01").listen(80, "rbd-gateway");
    let kill = lab.drills().unwrap().into_iter().find(|drill| drill.id == "gateway-kill").unwrap();
    assert!(lab.missing(&kill.recovers).is_empty());
    lab.world().machine("manage01").memory.insert("unwell".into(), String::new());
    assert_eq!(lab.missing(&kill.recovers), ["manage01 holds 10.99.0.100, manage02 should"]);
    lab.world().pass(1);
    assert!(lab.missing(&kill.recovers).is_empty(), "the address is with the best of the healthy");
    lab.world().machine("manage01").memory.remove("unwell");
    assert_eq!(lab.missing(&kill.recovers), ["manage02 holds 10.99.0.100, manage01 should"], "it has yet to come back");
}
