//! The trusted pool: what a node says of its peers.

use crate::config::Config;
use crate::layout::storage;
use arcus_sdk::contract::facts::Fact;
use arcus_sdk::prelude::*;

/// A peer, as another node of the pool sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// All names it goes by, addresses among them.
    pub names: Vec<String>,
    /// `Peer in Cluster (Connected)` when all is well.
    pub state: String,
}

impl Peer {
    /// Is it this node?
    pub fn is(&self, node: &Node) -> bool {
        self.names.iter().any(|name| is_called(node, name))
    }

    /// A member that is reached now.
    pub fn is_connected(&self) -> bool {
        self.state == "Peer in Cluster (Connected)"
    }
}

/// Pools made by hand may know a node by its name.
pub fn is_called(node: &Node, name: &str) -> bool {
    name == node.address || name == node.name
}

/// What to ask a node.
pub fn ask() -> Ask<Output> {
    probe::query("peers", [])
}

/// What to ask the whole pool, the node that made it first.
pub fn ask_all(cluster: &Cluster<Config>, driver: &Node) -> Vec<Request> {
    let others = storage(cluster).into_iter().filter(|node| node.name != driver.name);
    ask().on_each(std::iter::once(driver).chain(others))
}

/// The peers that a node knows; none where its glusterd does not answer.
pub fn peers(output: &Output) -> Option<Vec<Peer>> {
    let text = output.text();
    if !output.is_ok() || !text.contains("Number of Peers:") {
        return None;
    }
    let mut peers: Vec<Peer> = Vec::new();
    let mut others = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("Hostname:") {
            peers.push(Peer { names: vec![name.trim().into()], state: String::new() });
            others = false;
        } else if let Some(peer) = peers.last_mut() {
            if let Some(state) = line.strip_prefix("State:") {
                peer.state = state.trim().into();
            } else if line == "Other names:" {
                others = true;
            } else if line.is_empty() {
                others = false;
            } else if others {
                peer.names.push(line.into());
            }
        }
    }
    Some(peers)
}

/// What a node whose glusterd does not answer says.
pub fn complaint(output: &Output) -> String {
    let words = format!("{} {}", output.text().trim(), output.error_text().trim());
    let first = words.trim().lines().next().unwrap_or_default().to_owned();
    if first.is_empty() { format!("gluster ended with status {}", output.status) } else { first }
}

/// What a restarted daemon is waited for, before the next is restarted.
pub const MAJORITY: &str = "glusterd answers and sees most of its pool";

/// Judges `glusterd`: it answers; after a restart, it sees more than half of its pool.
pub fn answers(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let output = case.get::<Output>(0)?;
    let Some(peers) = peers(output) else { return unmet(complaint(output)) };
    let (seen, all) = (1 + peers.iter().filter(|peer| peer.is_connected()).count(), 1 + peers.len());
    if case.expect != MAJORITY || seen * 2 > all { met() } else { unmet(format!("it sees {seen} of the {all} nodes of its pool")) }
}

/// Judges `peer`: the node that the step is about is a member, and all members are connected to it. One that the driver alone
/// sees is no use yet: gluster has every member look at all others before it makes a volume, and leaves half of one when they
/// are not there. Those that give no answer are passed over here; a volume is not made without them.
pub fn has_joined(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let node = case.node()?;
    let output = case.get::<Output>(0)?;
    let Some(own) = peers(output) else { return unmet(complaint(output)) };
    match own.iter().find(|peer| peer.is(node)) {
        None => return unmet(format!("{} is not in the pool", node.name)),
        Some(peer) if !peer.is_connected() => return unmet(format!("{}: {}", node.name, peer.state)),
        Some(_) => {}
    }
    let mut said = vec![];
    for (request, answer) in (0..case.len()).filter_map(|place| case.raw(place)) {
        if let (Ok(Fact::Query(output)), Some(of)) = (answer, cluster.node(&request.node)) {
            said.push((of, output));
        }
    }
    all_see(node, &said).map_or_else(unmet, |()| met())
}

/// The driver, which is the first, its connected peers, and this one of them see each other.
fn all_see(node: &Node, said: &[(&Node, &Output)]) -> Result<(), String> {
    let mut views: Vec<(&Node, Vec<Peer>)> = said.iter().filter_map(|(of, output)| Some((*of, peers(output)?))).collect();
    let Some((driver, own)) = views.first().cloned() else { return Ok(()) };
    views.retain(|(of, _)| of.name == driver.name || own.iter().any(|peer| peer.is(of) && peer.is_connected()));
    for (one, seen) in &views {
        for (other, _) in views.iter().filter(|(other, _)| other.name != one.name && [&one.name, &other.name].contains(&&node.name)) {
            if !seen.iter().any(|peer| peer.is(other) && peer.is_connected()) {
                return Err(format!("{} and {} are not connected yet", one.name, other.name));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(status: i32, stdout: &str, stderr: &str) -> Output {
        Output { status, stdout: stdout.into(), stderr: stderr.into(), truncated: false }
    }

    #[test]
    fn a_pool_as_gluster_10_prints_it() {
        let text = "Number of Peers: 2\n\nHostname: 10.99.0.32\nUuid: 8fcf4ee1-85f0-4bd8-a616-fe10ad08791f\nState: Peer in Cluster (Disconnected)\n\
                    Other names:\nstorage02\nstorage02.lan\n\nHostname: 10.99.0.33\nUuid: cfd68eef-8c8f-4c57-b6ac-55d10481f0ec\nState: Peer in Cluster (Connected)\n";
        let peers = peers(&output(0, text, "")).unwrap();
        assert_eq!(peers[0].names, ["10.99.0.32", "storage02", "storage02.lan"]);
        assert_eq!(peers.iter().map(Peer::is_connected).collect::<Vec<_>>(), [false, true]);
        assert_eq!(super::peers(&output(0, "Number of Peers: 0\n", "")), Some(vec![]));
        let rejected = text.replace("Peer in Cluster (Connected)", "Peer Rejected (Connected)");
        assert!(super::peers(&output(0, &rejected, "")).unwrap().iter().all(|peer| !peer.is_connected()));
    }

    #[test]
    fn a_daemon_that_does_not_run_has_no_pool() {
        let down = output(1, "", "Connection failed. Please check if gluster daemon is operational.\n");
        assert_eq!(peers(&down), None);
        assert_eq!(complaint(&down), "Connection failed. Please check if gluster daemon is operational.");
        assert_eq!(complaint(&output(7, "", "")), "gluster ended with status 7");
    }

    #[test]
    fn a_node_that_only_the_driver_sees_has_not_joined() {
        let node = |number: usize| Node { name: format!("storage0{number}"), address: format!("10.99.0.3{number}"), roles: vec![Role::Storage], labels: vec![] };
        let nodes: Vec<Node> = (1..=3).map(node).collect();
        let peer = |number: usize, word: &str| format!("\nHostname: 10.99.0.3{number}\nUuid: x\nState: Peer in Cluster ({word})\n");
        let view = |peers: [String; 2]| output(0, &format!("Number of Peers: 2\n{}", peers.concat()), "");
        let (up, down) = ("Connected", "Disconnected");
        let own = view([peer(2, up), peer(3, up)]);
        let two = view([peer(1, up), peer(3, up)]);
        let pairs = |three: Output| all_see(&nodes[1], &[(&nodes[0], &own), (&nodes[1], &two), (&nodes[2], &three)]);
        assert_eq!(pairs(view([peer(1, up), peer(2, up)])), Ok(()));
        assert_eq!(pairs(view([peer(1, up), peer(2, down)])), Err("storage03 and storage02 are not connected yet".into()));
        let late = view([peer(1, down), peer(3, up)]);
        let found = all_see(&nodes[1], &[(&nodes[0], &own), (&nodes[1], &late)]);
        assert_eq!(found, Err("storage02 and storage01 are not connected yet".into()));
        // Not in the pool yet, or without an answer: it is waited for by its own step.
        assert_eq!(pairs(output(1, "", "Connection failed.")), Ok(()));
    }
}
