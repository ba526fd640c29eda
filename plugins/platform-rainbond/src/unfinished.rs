//! What is half-done: between one manager and three, and what a failed addition left; and what comes before all of that, a majority.

use crate::config::Config;
use crate::ring;
use crate::seat::{self, Stage};
use crate::{majority, member};
use arcus_sdk::prelude::*;

/// Most urgent first.
pub fn find(cluster: &Cluster<Config>) -> Result<Vec<Problem>, Problem> {
    let seat = seat::find(cluster)?;
    let mut found = Vec::new();
    if seat.stage != Stage::Done {
        if seat.stage == Stage::Running {
            found.push(problem("rainbond.init-runs", format!("Rainbond is being installed on {}", seat.node.name)).help("`arcus apply` attaches to it"));
        }
        return Ok(found);
    }
    let ring = ring::look(cluster, &seat);
    found.extend(majority::ailing(&seat, &ring));
    if ring.starts_alone() {
        let message = format!("etcd of {} forgets all other members when it is started again", seat.node.name);
        found.push(problem("rainbond.starts-alone", message).on(seat.node).help("`arcus mend` ends that"));
    }
    for (other, _) in ring.half_joined() {
        let lost = if ring.healthy == Known(false) { ": etcd has no majority, and nothing can be changed" } else { "" };
        let message = format!("{} was registered as a member of etcd and does not run{lost}", other.node.name);
        found.push(problem("rainbond.half-joined", message).on(other.node).help("`arcus mend` takes it out again"));
    }
    let Known(members) = &ring.members else { return Ok(found) };
    let wanted = member::managers(cluster).len();
    let (have, tolerated) = (members.len(), members.len().saturating_sub(1) / 2);
    if have == 2 {
        let message = format!("half-way: 2 members of etcd, 0 failures tolerated; {wanted} managers are in the file");
        found.push(problem("rainbond.half-way", message).help("run `arcus apply` to go on to three"));
    } else if have < wanted {
        let message = format!("{have} of {wanted} managers take part in etcd, {tolerated} failures tolerated");
        found.push(problem("rainbond.managers-missing", message).help("run `arcus apply` to add the others"));
    }
    Ok(found)
}
