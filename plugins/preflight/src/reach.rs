//! Ports between nodes. A refusal is an answer: it proves that packets get there and back.

use crate::Config;
use arcus_sdk::prelude::*;

/// A port of another node, and why it must be reached.
#[derive(Debug, Clone)]
pub struct View {
    to: String,
    address: String,
    port: u16,
    why: &'static str,
    /// Somebody must listen there already.
    open: bool,
}

impl View {
    /// As a question.
    pub fn ask(&self) -> Ask<Reachability> {
        probe::reach(self.address.as_str(), self.port)
    }
}

/// What each node must reach.
pub fn views(cluster: &Cluster<Config>) -> Vec<(&Node, Vec<View>)> {
    let managers = cluster.role(Role::Manage);
    let storage_port = cluster.handed.storage.first().and_then(|(_, offer)| match offer.fstype.trim_start_matches("fuse.") {
        "glusterfs" => Some((24007, "gluster")),
        "nfs" | "nfs4" => Some((2049, "NFS")),
        _ => None,
    });
    let members = cluster.any_role(&[Role::Manage, Role::Gateway, Role::Compute]);
    let mut all = Vec::new();
    for node in &cluster.nodes {
        let mut views: Vec<View> = Vec::new();
        let mut view = |other: &Node, port, why, open| {
            if other.name != node.name {
                views.push(View { to: other.name.clone(), address: other.address.clone(), port, why, open });
            }
        };
        let manages = node.roles.contains(&Role::Manage);
        // The installer logs in to every other member, at this port in any case.
        if managers.first().is_some_and(|first| first.name == node.name) {
            members.iter().for_each(|other| view(other, 22, "the installer logs in there", true));
        }
        let is_member = members.iter().any(|member| member.name == node.name);
        for manager in managers.iter().filter(|_| is_member) {
            view(manager, 2379, "etcd", false);
            match manages {
                true => view(manager, 2380, "etcd", false),
                false => view(manager, 6443, "Kubernetes", false),
            }
        }
        if let Some((port, why)) = storage_port
            && (is_member || node.roles.contains(&Role::Storage))
        {
            cluster.role(Role::Storage).into_iter().for_each(|other| view(other, port, why, false));
        }
        if !views.is_empty() {
            all.push((node, views));
        }
    }
    all
}

/// The check `reach`.
pub fn check(node: &Node, views: &[View], seen: &[Look<Reachability>], checks: &mut Checks) {
    let check = checks.on(node, "reach", "it reaches the ports of others that it needs");
    let (mut bad, mut silent) = (Vec::new(), None);
    for (view, look) in views.iter().zip(seen) {
        let at = format!("{} {}:{} ({})", view.to, view.address, view.port, view.why);
        match look {
            Unknown(problem) => silent = silent.or(Some(problem)),
            Known(Reachability::Open) => {}
            Known(Reachability::Refused) if !view.open => {}
            Known(Reachability::Refused) => bad.push(format!("{at}: nobody listens")),
            Known(Reachability::Silent) => bad.push(format!("{at}: no answer")),
        }
    }
    match (bad.is_empty(), silent) {
        (false, _) => check.failed(format!("{}: open these ports in whatever filters between the nodes, and have sshd listen on 22", bad.join("; "))),
        (true, Some(problem)) => check.unanswered(problem),
        (true, None) => check.passed(format!("{} ports of {} nodes", views.len(), count(views))),
    }
}

fn count(views: &[View]) -> usize {
    let mut names: Vec<&str> = views.iter().map(|view| view.to.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}
