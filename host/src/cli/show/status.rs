//! Status, shown: what is open first, then who was reached, then the last run.

use arcus_engine::{NodeStatus, Status};

use crate::cli::foreign::{Foreign, without_name};
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::cli::show::table::table;
use crate::safe;

/// The whole screen.
pub fn status(status: &Status, paint: Paint) -> Safe {
    let mut text = Safe::new();
    if status.open.is_empty() {
        text.line(&safe!("{}: {}", paint.bold(Foreign::word(&status.cluster)), paint.green("nothing is open")));
    } else {
        for open in &status.open {
            text.line(&safe!("{} {}", paint.red("open:"), Foreign::line(open)));
        }
        text.line(&safe!("{}:", paint.bold(Foreign::word(&status.cluster))));
    }
    let reached = status.nodes.values().filter(|node| node.reached).count();
    let (managers, all) = status.managers;
    text.line(&safe!("{} of {} nodes reached, {} of {} managers", reached, status.nodes.len(), managers, all));
    let holders: Vec<Safe> = status.address_holders.iter().map(|node| Safe::of(&Foreign::word(node))).collect();
    if !holders.is_empty() {
        text.line(&safe!("virtual address on {}", Safe::join(&holders, ", ")));
    }
    text.line(&"");
    let rows: Vec<Vec<Safe>> = status.nodes.iter().map(|(name, node)| row(name, node, paint)).collect();
    text.push(&table(&rows));
    let mut helps: Vec<&str> = status.nodes.values().filter_map(|node| node.trouble.as_ref()?.help.as_deref()).collect();
    helps.dedup();
    for help in helps.into_iter().take(3) {
        text.line(&safe!("{} {}", paint.cyan("help:"), Foreign::line(help)));
    }
    text.line(&"");
    match &status.last_run {
        None => text.line(&"no run from this folder"),
        Some(run) => {
            let end = run.end.as_deref().unwrap_or("it did not say how it ended");
            text.line(&safe!("last run from this folder: {} at {}, {} ({})", Foreign::word(&run.verb), Foreign::word(&run.at), Foreign::word(end), Foreign::word(&run.run)));
        }
    }
    text
}

fn row(name: &str, node: &NodeStatus, paint: Paint) -> Vec<Safe> {
    let roles: Vec<Safe> = node.roles.iter().map(|role| Safe::of(&Foreign::word(role))).collect();
    let state = match (&node.trouble, node.reached) {
        (Some(trouble), _) => paint.red(Foreign::line(without_name(&trouble.message, name))),
        (None, true) => Safe::of(&Foreign::word(node.system.as_deref().unwrap_or("it did not say what it is"))),
        (None, false) => paint.red("not reached"),
    };
    let mark = if node.reached { paint.green("reached") } else { paint.red("unknown") };
    vec![paint.cyan(Foreign::word(name)), mark, Safe::join(&roles, ","), state]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arcus_engine::{LastRun, Trouble};

    use super::*;

    fn sample() -> Status {
        let trouble = Trouble { code: "node.unreachable".into(), message: "storage03: cannot reach root@10.0.0.33:22: timed out".into(), help: Some("Is the machine up?".into()), ..Trouble::default() };
        Status {
            cluster: "demo".into(),
            open: vec!["eva@desk is at `apply`, run r7, last sign of life 4 s ago".into()],
            drills: vec![],
            holder: None,
            nodes: BTreeMap::from([
                ("manage01".into(), NodeStatus { reached: true, roles: vec!["manage".into(), "gateway".into()], system: Some("debian 12, Linux 6.1".into()), trouble: None }),
                ("storage03".into(), NodeStatus { reached: false, roles: vec!["storage".into()], system: None, trouble: Some(trouble) }),
            ]),
            managers: (1, 1),
            address_holders: vec!["manage01".into()],
            last_run: Some(LastRun { run: "r6".into(), verb: "apply".into(), at: "2026-05-01T10:00:00.000Z".into(), end: Some("done".into()), open_steps: vec![] }),
        }
    }

    #[test]
    fn opens_with_what_is_open() {
        insta::assert_snapshot!(status(&sample(), Paint::new(false)).as_str());
    }

    #[test]
    fn says_when_nothing_is_open() {
        let quiet = Status { open: vec![], last_run: None, ..sample() };
        assert!(status(&quiet, Paint::new(false)).as_str().starts_with("demo: nothing is open\n"));
    }
}
