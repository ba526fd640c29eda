//! A node that leaves.

mod common;

use common::{converged, nfs};

#[test]
fn the_share_is_unmounted_live_and_in_fstab() {
    let mut lab = converged(nfs());
    let node = lab.world().nodes.iter().find(|node| node.name.starts_with("compute")).unwrap().name.clone();
    assert!(lab.world().at(&node).mounts.iter().any(|mount| mount.target == "/grdata"));
    lab.removing(&node);
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert_eq!(report.performed(), [format!("unmount:{node}")]);
    assert!(!lab.world().at(&node).mounts.iter().any(|mount| mount.target == "/grdata"));
}
