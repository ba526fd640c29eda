//! Names and ids that must differ between machines: cloned ones share them.

use crate::seen::Seen;
use arcus_sdk::prelude::*;

/// The checks `hostname-unique`, `machine-id-unique` and `hostname-resolves`.
pub fn check(all: &[Seen<'_>], checks: &mut Checks) {
    let twins = |seen: &Seen<'_>, of: fn(&Os) -> &str| -> Vec<&str> {
        let own = seen.os.known().map(of);
        let same = |other: &&Seen<'_>| other.node.name != seen.node.name && own.is_some() && other.os.known().map(of) == own;
        all.iter().filter(same).map(|other| other.node.name.as_str()).collect()
    };
    for seen in all {
        checks.on(seen.node, "hostname-unique", "no other node has its host name").judge(&seen.os, |os| {
            let twins = twins(seen, |os| &os.hostname);
            if os.hostname.is_empty() || os.hostname.starts_with("localhost") {
                failed(format!("it calls itself {:?}: give it a name of its own with hostnamectl", os.hostname))
            } else if twins.is_empty() {
                passed(os.hostname.clone())
            } else {
                failed(format!("{} is also the name of {}: rename with hostnamectl", os.hostname, twins.join(", ")))
            }
        });
        checks.on(seen.node, "machine-id-unique", "no other node has its machine id").judge(&seen.os, |os| {
            let twins = twins(seen, |os| &os.machine_id);
            if os.machine_id.is_empty() {
                failed("it has no machine id: run systemd-machine-id-setup")
            } else if twins.is_empty() {
                passed(os.machine_id.clone())
            } else {
                failed(format!("{} has the same: one was cloned; remove /etc/machine-id on it, run systemd-machine-id-setup and reboot", twins.join(", ")))
            }
        });
        if seen.is_member() {
            let name = seen.os.known().map(|os| os.hostname.as_str()).unwrap_or_default();
            let check = checks.on(seen.node, "hostname-resolves", "its host name leads to an address");
            match &seen.own_name {
                Unknown(problem) if problem.code == "query.missing" => check.unknown("the program hostname is not there"),
                look => check.judge(look, |said| match said.text().split_whitespace().next() {
                    Some(address) if said.status == 0 => passed(format!("{name} is {address}")),
                    _ => warned(format!("{name} leads nowhere, and Rainbond's package store needs it to: add it to /etc/hosts")),
                }),
            }
        }
    }
}
