//! Drills: one manager is lost, the one that everything was installed from. Meanwhile etcd keeps its quorum, and `grctl` answers from
//! another manager.

use crate::config::Config;
use crate::{grctl, member, seat};
use arcus_sdk::prelude::*;

/// Milliseconds from one `grctl node list` to the next, and for how long it may not answer: its address may move meanwhile.
const GRCTL: (u32, u32) = (500, 15_000);
/// The same for etcd, which elects another leader.
const ETCD: (u32, u32) = (200, 5_000);
/// Seconds for which the manager is cut off.
const ISOLATION: u32 = 25;
/// Seconds in which the others are well without it, and it is well again.
const SETTLES: u32 = 120;

/// What may be tried now.
pub fn trials(cluster: &Cluster<Config>) -> Result<Vec<Drill>, Problem> {
    let managers = member::managers(cluster);
    if managers.len() < 3 {
        // Of two, none may be lost.
        return Ok(Vec::new());
    }
    let seat = seat::find(cluster)?;
    if seat.stage != seat::Stage::Done {
        return Ok(Vec::new());
    }
    let lost = seat.node;
    let others: Vec<&Node> = managers.iter().copied().filter(|node| node.name != lost.name).collect();
    let Some((asks, rest)) = others.split_first() else { return Ok(Vec::new()) };
    let title = |what: &str| format!("{what} {}, the manager that all was installed from", lost.name);
    let drill = |trial: Trial| {
        trial
            .watch_from("grctl", asks, rest.iter().copied(), responds("nodes", []), GRCTL.0, GRCTL.1)
            .watch_from("etcd", asks, rest.iter().copied(), responds("etcd-health", []), ETCD.0, ETCD.1)
            .recovers("quorum", asks, probe::query("etcd-health", []).on_each(managers.iter().copied()), "etcd is healthy on every manager that is there", SETTLES)
            .recovers("answers", asks, probe::query("nodes", []).on_each([*asks]), format!("grctl answers on {}", asks.name), SETTLES)
            .drill()
    };
    Ok(vec![
        drill(Trial::isolate("manager-isolate", title("cut off"), lost, ISOLATION)),
        drill(Trial::power("manager-power", title("take the power of"), lost)),
    ])
}

/// Judges `quorum`: each etcd that was asked says that it is healthy, which it can only with a majority.
pub fn has_quorum(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    for (node, said) in case.all::<Output>()? {
        let text: String = said.text().split_whitespace().collect();
        let healthy = ["\"health\":\"true\"", "\"health\":true"].iter().any(|word| text.contains(word));
        if said.status != 0 || !healthy {
            return unmet(format!("etcd on {node} is not healthy"));
        }
    }
    met()
}

/// Judges `answers`: it lists nodes.
pub fn lists_nodes(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match grctl::nodes(case.get::<Output>(0)?) {
        Ok(nodes) if !nodes.is_empty() => met(),
        Ok(_) => unmet("it lists no node"),
        Err(why) => unmet(why),
    }
}
