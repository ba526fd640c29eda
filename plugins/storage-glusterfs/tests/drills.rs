//! What drills break, who sees it, and when the copies are whole again.

mod common;

use arcus_sdk::contract::checks::{Beat, Fault};
use arcus_sdk::fake::Lab;
use arcus_storage_glusterfs::Gluster;
use common::{HA, converged, fixture};

#[test]
fn a_node_with_copies_is_lost_while_a_compute_node_writes() {
    let drills = converged().drills().unwrap();
    let faults: Vec<_> = drills.iter().map(|drill| (drill.id.as_str(), drill.fault.clone())).collect();
    assert_eq!(faults, [("storage-isolate", Fault::Isolate(("storage01".into(), 20))), ("storage-power", Fault::Power("storage01".into()))]);
    for drill in &drills {
        let [watch] = drill.watches.as_slice() else { panic!("{:?}", drill.watches) };
        assert_eq!((watch.observer.as_str(), watch.others.as_slice()), ("compute01", &["manage01".to_owned()][..]));
        // Clients go on without it after the ping timeout, and a little.
        assert_eq!((&watch.beat, watch.at_most_ms), (&Beat::Write("/grdata".into()), 15_000));
    }
    // Longer than any isolation may last.
    let slow = Lab::<Gluster>::new(fixture(3, &HA.replace('}', r#", "ping-timeout": 120}"#)));
    assert_eq!(slow.drills().unwrap().into_iter().map(|drill| drill.id).collect::<Vec<_>>(), ["storage-power"]);
}

#[test]
fn nobody_to_read_back_is_no_drill() {
    let mut fixture = fixture(3, HA);
    fixture.handed.demands.shared.as_mut().unwrap().nodes.truncate(1);
    assert_eq!(Lab::<Gluster>::new(fixture.clone()).drills().unwrap(), []);
    fixture.handed.demands.shared = None;
    assert_eq!(Lab::<Gluster>::new(fixture).drills().unwrap(), []);
}

#[test]
fn it_is_over_when_every_brick_is_online_and_every_copy_whole() {
    let lab = converged();
    let drill = lab.drills().unwrap().remove(0);
    assert!(lab.missing(&drill.recovers).is_empty() && lab.missing(&drill.heals).is_empty());
    // Lost: what is written goes on, and the copies are not whole.
    lab.world().machine("storage01").reachable = false;
    assert!(lab.missing(&drill.recovers).is_empty());
    assert_eq!(lab.missing(&drill.heals), ["2 of 3 bricks are online"]);
    // Back, and not yet healed.
    lab.world().machine("storage01").reachable = true;
    lab.world().memory.insert("heal".into(), "2".into());
    assert_eq!(lab.missing(&drill.heals), ["2 entries to heal"]);
    lab.world().pass(2);
    assert!(lab.missing(&drill.heals).is_empty());
}
