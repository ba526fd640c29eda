//! What the network plugins have in common: the range of pods, the installer's choice of network, whose network a node has, and what they need
//! of its kernel.
//!
//! A library and no plugin; it uses what any plugin can.

#[cfg(not(target_family = "wasm"))]
pub mod fake;
pub mod forwarding;
pub mod found;
pub mod installer;
pub mod module;
pub mod range;

use arcus_sdk::prelude::*;

/// Up to so many nodes every one is tried from every other; beyond, each tries this many.
const PEERS: usize = 12;

/// Whom the node at this place tries: all others, or the next few in the order of the file when there are many.
pub fn peers<'a>(members: &[&'a Node], place: usize) -> Vec<&'a Node> {
    let count = members.len().saturating_sub(1).min(PEERS);
    (1..=count).map(|step| members[(place + step) % members.len()]).collect()
}

/// Seconds that a service still has to come up, of so many, when it was started just now.
pub fn settling(service: &Look<Option<ServiceFact>>, within_s: u64) -> Option<u32> {
    let unit = service.known()?.as_ref()?;
    let left = within_s.checked_sub(unit.since_s).filter(|left| unit.active && *left > 0)?;
    u32::try_from(left).ok()
}

/// What cannot be so yet is pending, what has had its time failed.
pub fn not_so(young: Option<u32>, why: impl Into<String>) -> arcus_sdk::Finding {
    match young {
        Some(left) => pending(left, why),
        None => failed(why),
    }
}

/// Whether the unit of a network runs, and will after a boot.
pub fn runs(unit: &str, service: Option<&ServiceFact>) -> arcus_sdk::Finding {
    match service {
        None => failed(format!("there is no {unit}")),
        Some(service) if !service.active => failed(format!("{unit} {}", if service.failed { "failed" } else { "does not run" })),
        Some(service) if service.stale => failed(format!("{unit} runs with what its unit file said before")),
        Some(service) if !service.enabled => warned(format!("{unit} runs, but is not started at boot")),
        Some(service) => passed(format!("for {} s", service.since_s)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_tried_by_somebody() {
        let nodes: Vec<Node> =
            (0..20).map(|n| Node { name: format!("n{n}"), address: format!("10.0.0.{n}"), roles: vec![], labels: vec![] }).collect();
        let some: Vec<&Node> = nodes.iter().collect();
        for place in 0..20 {
            let tried = peers(&some, place);
            assert_eq!(tried.len(), PEERS);
            assert!(tried.iter().all(|peer| peer.name != nodes[place].name));
        }
        assert_eq!(peers(&some[..3], 1).iter().map(|peer| peer.name.as_str()).collect::<Vec<_>>(), ["n2", "n0"]);
        assert!(peers(&some[..1], 0).is_empty() && peers(&[], 0).is_empty());
    }
}
