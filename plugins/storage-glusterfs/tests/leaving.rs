//! Nodes that leave, and one that must not.

mod common;

use arcus_sdk::contract::types::Problem;
use arcus_sdk::fake::{Lab, Trouble};
use arcus_storage_glusterfs::Gluster;
use common::converged;

fn refused(lab: &Lab<Gluster>) -> Problem {
    match lab.plan() {
        Err(Trouble::Refused(mut problems)) => problems.swap_remove(0),
        other => panic!("not refused: {:?}", other.map(|plan| plan.steps.len())),
    }
}

#[test]
fn a_node_without_bricks_unmounts_once_nobody_uses_it() {
    arcus_sdk::fake::properties::a_node_that_leaves_lets_go(converged(), "compute01", "/grdata");
}

#[test]
fn a_storage_node_is_taken_out_by_hand_with_its_own_brick_named() {
    let mut lab = converged();
    lab.removing("storage01");
    let problem = refused(&lab);
    assert_eq!(problem.code, "gluster.storage-stays");
    let help = problem.help.unwrap();
    assert!(help.contains("gluster volume replace-brick data 10.99.0.31:/data/brick NEW:PATH") && help.contains("gluster peer detach 10.99.0.31"), "{help}");
}

#[test]
fn a_storage_node_left_out_of_the_file_is_refused_with_the_way_to_do_it() {
    // The first is the one by which all have the volume mounted: that is no other storage, and nothing to be migrated.
    for (name, brick) in [("storage01", "10.99.0.31:/data/brick"), ("storage02", "10.99.0.32:/data/brick")] {
        let mut lab = converged();
        lab.world().nodes.retain(|node| node.name != name);
        lab.fixture().config = r#"{"volume": "data", "brick": "/data/brick", "accept-split-brain-risk": true}"#.into();
        let Err(Trouble::Refused(problems)) = lab.plan() else { panic!("{name}: it was planned") };
        let [problem] = problems.as_slice() else { panic!("{name}: {problems:?}") };
        let help = problem.help.clone().unwrap_or_default();
        assert!(problem.code == "gluster.volume-differs" && help.contains(brick) && help.contains("replace-brick") && !help.contains("migrate"), "{problem:?}");
    }
}
