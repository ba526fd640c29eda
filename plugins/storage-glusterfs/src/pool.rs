//! The trusted pool: what a node says of its peers.

use crate::config::Config;
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

/// Judges `glusterd`: it answers, and sees more than half of its pool. While it does not, a restart of the next one would stop
/// bricks for want of a quorum.
pub fn answers(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let output = case.get::<Output>(0)?;
    let Some(peers) = peers(output) else { return unmet(complaint(output)) };
    let seen = 1 + peers.iter().filter(|peer| peer.is_connected()).count();
    if seen * 2 > peers.len() + 1 { met() } else { unmet(format!("it sees {seen} of the {} nodes of its pool", peers.len() + 1)) }
}

/// Judges `peer`: the node that the step is about is a member, and connected.
pub fn has_joined(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let node = case.node()?;
    let output = case.get::<Output>(0)?;
    let Some(peers) = peers(output) else { return unmet(complaint(output)) };
    match peers.iter().find(|peer| peer.is(node)) {
        None => unmet(format!("{} is not in the pool", node.name)),
        Some(peer) if peer.is_connected() => met(),
        Some(peer) => unmet(format!("{}: {}", node.name, peer.state)),
    }
}
