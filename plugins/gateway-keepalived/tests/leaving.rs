//! A gateway that leaves.

mod common;

use arcus_gateway_keepalived::Keepalived;
use arcus_sdk::fake::Trouble;
use common::{HA, UNIT, VIP, converged, fixture, ha};

#[test]
fn the_holder_that_leaves_hands_the_address_over_and_takes_it_no_more() {
    let mut lab = converged(ha());
    let holds = |lab: &arcus_sdk::fake::Lab<Keepalived>, node: &str| lab.world().at(node).interfaces.iter().any(|interface| interface.addresses.iter().any(|cidr| cidr.starts_with(VIP)));
    let holder = ["manage01", "manage02", "manage03"].into_iter().find(|node| holds(&lab, node)).unwrap();
    lab.removing(holder);
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(report.performed(), [format!("leave:{holder}")]);
    assert!(!lab.world().at(holder).runs(UNIT) && !lab.world().at(holder).units[UNIT].enabled);
    assert!(["manage01", "manage02", "manage03"].into_iter().any(|node| node != holder && holds(&lab, node)));
    lab.removing("compute01");
    assert!(lab.plan().unwrap().steps.is_empty(), "it holds nothing");
}

#[test]
fn the_only_gateway_stays() {
    let mut lab = converged(fixture(1, HA));
    lab.removing("manage01");
    let Err(Trouble::Refused(problems)) = lab.plan() else { panic!("planned") };
    assert_eq!(problems[0].code, "vrrp.last-one");
}
