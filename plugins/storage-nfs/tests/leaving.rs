//! A node that leaves.

mod common;

use common::{converged, nfs};

#[test]
fn the_share_is_unmounted_live_and_in_fstab() {
    arcus_sdk::fake::properties::a_node_that_leaves_lets_go(converged(nfs()), "compute01", "/grdata");
}
