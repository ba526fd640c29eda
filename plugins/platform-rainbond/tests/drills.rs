//! Losing a manager: only one of three or more, and it is borne once etcd and grctl answer elsewhere.

mod common;

use arcus_sdk::contract::checks::{Beat, Fault};
use arcus_sdk::fake::World;
use common::{done, fixture, lab, of_5_1, world};

#[test]
fn the_first_manager_is_lost_and_the_others_are_asked() {
    let mut lab = lab(of_5_1());
    assert_eq!(lab.drills().unwrap(), [], "nothing is installed yet");
    done(&mut lab);
    let drills = lab.drills().unwrap();
    let faults: Vec<_> = drills.iter().map(|drill| (drill.id.as_str(), drill.fault.clone())).collect();
    assert_eq!(faults, [("manager-isolate", Fault::Isolate(("manage01".into(), 25))), ("manager-power", Fault::Power("manage01".into()))]);
    for drill in &drills {
        let seen: Vec<_> = drill.watches.iter().map(|watch| (watch.id.as_str(), watch.observer.as_str(), watch.others.as_slice())).collect();
        let others = ["manage03".to_owned()];
        assert_eq!(seen, [("grctl", "manage02", &others[..]), ("etcd", "manage02", &others[..])]);
        assert!(drill.watches.iter().all(|watch| matches!(watch.beat, Beat::Query(_))));
        assert!(lab.missing(&drill.recovers).is_empty(), "{:?}", lab.missing(&drill.recovers));
    }
    // Without it, the others are asked; and it is not over before it is well again.
    lab.world().machine("manage01").reachable = false;
    assert!(lab.missing(&drills[0].recovers).is_empty(), "{:?}", lab.missing(&drills[0].recovers));
}

#[test]
fn of_two_managers_none_may_be_lost() {
    let mut two: World = world("5.1");
    two.nodes.retain(|node| node.name != "manage03");
    two.machines.remove("manage03");
    let mut lab = lab(fixture(two, r#"{"version": "5.1"}"#));
    if lab.converge().is_ok() {
        assert_eq!(lab.drills().unwrap(), []);
    }
}
