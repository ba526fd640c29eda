//! Drills are held against the manifest too: they break what a plugin may touch, and write only where it may write.

use std::collections::BTreeMap;

use arcus_contract::actions::Action;
use arcus_contract::checks::{Beat, Drill, Fault, Watch};
use arcus_contract::types::Node;

use super::{Denial, permit};
use crate::manifest::Manifest;
use crate::pattern;

/// The operator's machine as an observer.
const CONTROLLER: &str = "controller";

/// Checks a drill against the grant. `gateway_unit` is what the platform calls the unit that serves traffic: whoever is the gateway may
/// kill it.
///
/// # Errors
/// All denials at once.
pub fn drill(manifest: &Manifest, nodes: &[Node], gateway_unit: Option<&str>, drill: &Drill) -> Result<(), Vec<Denial>> {
    let mut denials = Vec::new();
    let mut deny = |permission: Option<String>, reason: String| {
        denials.push(Denial { plugin: manifest.name.clone(), step: drill.id.clone(), permission, reason });
    };
    let known: BTreeMap<&str, &Node> = nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let plain = |text: &str| !text.is_empty() && text.len() <= 100 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !plain(&drill.id) || drill.watches.iter().any(|watch| !plain(&watch.id)) {
        deny(None, "ids of drills and watches are 1 to 100 letters, digits, `-`, `_` and `.`".into());
    }
    let services = &manifest.grant.services;
    let (node, silenced) = match &drill.fault {
        Fault::Stop((node, unit)) => {
            if !services.contains(unit) {
                deny(Some(format!("grant.services = [{unit:?}]")), format!("it may not stop {unit}"));
            }
            (node, false)
        }
        Fault::Kill((node, unit)) => {
            if !services.contains(unit) && gateway_unit != Some(unit) {
                deny(Some(format!("grant.services = [{unit:?}]")), format!("it may not kill {unit}"));
            }
            (node, false)
        }
        Fault::Isolate((node, seconds)) => {
            if !(5..=120).contains(seconds) {
                deny(None, format!("an isolation of {seconds} s: it is 5 to 120"));
            }
            (node, true)
        }
        Fault::Power(node) => (node, true),
    };
    if !known.contains_key(node.as_str()) {
        deny(None, format!("the cluster has no node `{node}`"));
    }
    for watch in &drill.watches {
        self::watch(manifest, &known, watch, silenced.then_some(node.as_str()), &mut deny);
    }
    for step in drill.recovers.iter().chain(&drill.heals) {
        match (&step.action, &step.goal) {
            (Action::Wait, Some(goal)) => {
                for problem in goal.requests.iter().filter_map(|request| permit(manifest, request).err()) {
                    deny(None, format!("{}: {}", step.id, problem.message));
                }
            }
            _ => deny(None, format!("{}: what is waited for is a wait with a goal", step.id)),
        }
    }
    if denials.is_empty() { Ok(()) } else { Err(denials) }
}

fn watch(manifest: &Manifest, known: &BTreeMap<&str, &Node>, watch: &Watch, silenced: Option<&str>, deny: &mut impl FnMut(Option<String>, String)) {
    let anywhere = matches!(watch.beat, Beat::Connect(_) | Beat::Ping(_));
    for node in std::iter::once(&watch.observer).chain(&watch.others) {
        if node == CONTROLLER && anywhere {
            continue;
        }
        if !known.contains_key(node.as_str()) {
            deny(None, format!("{}: the observer `{node}` is no node of the cluster, or cannot see this", watch.id));
        } else if silenced == Some(node) {
            deny(None, format!("{}: {node} is silenced by the fault, and cannot observe it", watch.id));
        }
    }
    match &watch.beat {
        Beat::Write(directory) => {
            let clean = directory.starts_with('/') && directory.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
            if !clean || !manifest.grant.write.iter().any(|prefix| pattern::is_under(directory, prefix)) {
                deny(Some(format!("grant.write = {directory:?}")), format!("{}: it may not write below {directory}", watch.id));
            }
            if watch.others.is_empty() {
                deny(None, format!("{}: nobody reads back what is written", watch.id));
            }
        }
        Beat::Query(query) => match manifest.query(&query.id).map(|known| known.filled(&query.args)) {
            None => deny(Some(format!("grant.query with id = {:?}", query.id)), format!("{}: there is no such query", watch.id)),
            Some(Err(reason)) => deny(None, format!("{}: the query {:?}: {reason}", watch.id, query.id)),
            Some(Ok(_)) => {}
        },
        Beat::Connect((address, _)) | Beat::Ping(address) => {
            if address.parse::<std::net::IpAddr>().is_err() {
                deny(None, format!("{}: {address:?} is no address", watch.id));
            }
        }
    }
    if !(10..=60_000).contains(&watch.every_ms) {
        deny(None, format!("{}: a beat every {} ms: it is 10 to 60000", watch.id, watch.every_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arcus_contract::types::Role;

    const MANIFEST: &str = "name = \"storage-x\"\nversion = \"0.1.0\"\nconcern = \"storage\"\ncontract = \"0.1\"\nsummary = \"x\"\n\
        [grant]\nwrite = [\"/shared\"]\nservices = [\"x.service\"]\n[[grant.query]]\nid = \"heal\"\nargv = [\"x\", \"heal\"]\n";

    fn node(name: &str) -> Node {
        Node { name: name.into(), address: "10.0.0.1".into(), roles: vec![Role::Storage], labels: vec![] }
    }

    fn a_drill(fault: Fault, beat: Beat, observer: &str, others: &[&str]) -> Drill {
        let watch = Watch { id: "beat".into(), observer: observer.into(), others: others.iter().map(|name| (*name).into()).collect(), beat, every_ms: 100, at_most_ms: 1 };
        Drill { id: "x-stop".into(), title: String::new(), fault, watches: vec![watch], recovers: vec![], heals: vec![] }
    }

    fn denied(drill: &Drill) -> Vec<String> {
        let manifest = Manifest::from_toml(MANIFEST).unwrap();
        match super::drill(&manifest, &[node("a"), node("b")], Some("gate.service"), drill) {
            Ok(()) => vec![],
            Err(denials) => denials.into_iter().map(|denial| denial.reason).collect(),
        }
    }

    #[test]
    fn a_drill_breaks_and_writes_only_what_its_plugin_may() {
        let write = |path: &str| Beat::Write(path.into());
        let stop = |unit: &str| Fault::Stop(("a".into(), unit.into()));
        assert_eq!(denied(&a_drill(stop("x.service"), write("/shared"), "a", &["b"])), Vec::<String>::new());
        assert_eq!(denied(&a_drill(Fault::Kill(("a".into(), "gate.service".into())), Beat::Ping("10.0.0.9".into()), "controller", &[])), Vec::<String>::new());
        let bad = [
            (a_drill(stop("ssh.service"), write("/shared"), "a", &["b"]), "may not stop ssh.service"),
            (a_drill(stop("gate.service"), write("/shared"), "a", &["b"]), "may not stop gate.service"),
            (a_drill(Fault::Kill(("a".into(), "ssh.service".into())), write("/shared"), "a", &["b"]), "may not kill ssh.service"),
            (a_drill(stop("x.service"), write("/etc"), "a", &["b"]), "may not write below /etc"),
            (a_drill(stop("x.service"), write("/shared/../etc"), "a", &["b"]), "may not write below"),
            (a_drill(stop("x.service"), write("/shared"), "a", &[]), "nobody reads back"),
            (a_drill(stop("x.service"), write("/shared"), "controller", &["b"]), "is no node"),
            (a_drill(Fault::Power("a".into()), write("/shared"), "a", &["b"]), "silenced by the fault"),
            (a_drill(Fault::Power("a".into()), write("/shared"), "b", &["a"]), "silenced by the fault"),
            (a_drill(Fault::Isolate(("a".into(), 600)), Beat::Connect(("10.0.0.9".into(), 80)), "controller", &[]), "it is 5 to 120"),
            (a_drill(Fault::Power("nobody".into()), Beat::Connect(("10.0.0.9".into(), 80)), "controller", &[]), "no node `nobody`"),
            (a_drill(stop("x.service"), Beat::Query(arcus_contract::facts::Query { id: "rm".into(), args: vec![] }), "b", &[]), "no such query"),
            (a_drill(stop("x.service"), Beat::Connect(("$(x)".into(), 80)), "b", &[]), "is no address"),
        ];
        for (drill, says) in bad {
            let reasons = denied(&drill);
            assert!(reasons.iter().any(|reason| reason.contains(says)), "{says}: {reasons:?}");
        }
        let mut waits = a_drill(stop("x.service"), write("/shared"), "a", &["b"]);
        waits.id = "../x".into();
        assert!(denied(&waits).iter().any(|reason| reason.contains("ids of drills")));
    }
}
