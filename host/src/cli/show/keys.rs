//! Host keys, shown: every node's fingerprints at once, and what is odd about them.

use crate::cli::foreign::{Foreign, without_name};
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::cli::show::table::table;
use crate::cli::trust::{Host, State};
use crate::safe;

/// A row per key.
pub fn hosts(hosts: &[Host], paint: Paint) -> Safe {
    let mut rows = Vec::new();
    for host in hosts {
        let name = paint.cyan(Foreign::word(&host.name));
        let target = safe!("{}", Foreign::word(&host.target()));
        match &host.state {
            State::NotReached(error) => rows.push(vec![name, target, paint.red("not reached"), Safe::of(&Foreign::line(without_name(&error.to_string(), &host.name)))]),
            state => {
                let mark = match state {
                    State::Pinned => paint.green("pinned"),
                    State::New => paint.yellow("new"),
                    State::Changed { .. } => paint.red("CHANGED"),
                    State::Revoked { .. } => paint.red("REVOKED"),
                    State::NotReached(_) => Safe::new(),
                };
                for key in &host.keys {
                    rows.push(vec![name.clone(), target.clone(), mark.clone(), Safe::of(&Foreign::word(&key.fingerprint())), Safe::of(&Foreign::word(&key.algorithm))]);
                }
                if let State::Changed { line, pinned, pinned_by } = state {
                    for before in pinned {
                        rows.push(vec![name.clone(), target.clone(), paint.dim("was"), safe!("{}, line {}: {}", Foreign::word(before), *line, Foreign::word(pinned_by))]);
                    }
                }
            }
        }
    }
    table(&rows)
}

/// What the operator must not overlook.
pub fn oddities(hosts: &[Host], paint: Paint) -> Safe {
    let mut text = Safe::new();
    for (place, host) in hosts.iter().enumerate() {
        for other in &hosts[place + 1..] {
            let same_machine = host.address == other.address && host.port == other.port;
            if !same_machine && host.keys.iter().any(|key| other.keys.contains(key)) {
                let line = safe!(
                    "{} and {} present the same key: either they were cloned from one image (give each its own: `ssh-keygen -A`), or one machine answers for both",
                    Foreign::word(&host.name),
                    Foreign::word(&other.name)
                );
                text.line(&safe!("{} {}", paint.red("same key:"), line));
            }
        }
    }
    let changed = hosts.iter().filter(|host| matches!(host.state, State::Changed { .. })).count();
    let pinned = hosts.iter().filter(|host| matches!(host.state, State::Pinned)).count();
    if changed > 1 && pinned == 0 {
        text.line(&safe!("{} all {} nodes that were pinned present other keys now: maybe somebody stands between them and this machine", paint.red("all changed:"), changed));
    }
    text
}
