//! What the installer will change on the nodes without asking. Not a fault: something to know before.

use crate::seen::Seen;
use arcus_sdk::prelude::*;

/// The check `installer-changes`.
pub fn check(all: &[Seen<'_>], checks: &mut Checks) {
    let bare: Vec<&Seen<'_>> = all.iter().filter(|seen| seen.is_member() && !seen.is_installed()).collect();
    let check = checks.of_cluster("installer-changes", "what Rainbond's installer will change without asking");
    if bare.is_empty() {
        return check.passed("it is on every node that answered");
    }
    let with = |has: fn(&Seen<'_>) -> bool| bare.iter().filter(|seen| has(seen)).map(|seen| seen.node.name.as_str()).collect::<Vec<_>>().join(", ");
    let mut said = vec![
        "SELinux off; swap off and every line of /etc/fstab with `swap` in it deleted".to_owned(),
        "/etc/resolv.conf written anew, also later; blocks in /etc/hosts, and its line of localhost".to_owned(),
        "kernel settings, limits, kernel modules (br_netfilter, ip_vs, nf_conntrack); requiretty in /etc/sudoers".to_owned(),
        "one key for root of all nodes: /root/.ssh/id_rsa is replaced by the first node's".to_owned(),
    ];
    let removed = [
        ("firewalld", with(|seen| there_is(&seen.firewalld))),
        ("dnsmasq", with(|seen| there_is(&seen.dnsmasq))),
        ("nscd", with(|seen| there_is(&seen.nscd))),
        ("ufw", with(|seen| there_is(&seen.ufw))),
    ];
    for (what, nodes) in removed.iter().filter(|(_, nodes)| !nodes.is_empty()) {
        said.push(format!("{what} removed from {nodes}"));
    }
    let keys = with(|seen| seen.key.is_known_and(Option::is_some));
    if !keys.is_empty() {
        said.push(format!("{keys} have a key of root now: what logs in with it elsewhere will not be able to any more"));
    }
    // Offline only, which is not known here.
    said.push("for an offline installation, all package sources moved away".to_owned());
    check.warned(said.join("; "));
}

fn there_is(look: &Look<Option<ServiceFact>>) -> bool {
    look.is_known_and(Option::is_some)
}
