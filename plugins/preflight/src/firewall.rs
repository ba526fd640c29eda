//! firewalld: the installer removes it where the platform runs. On storage nodes nobody does, so what GlusterFS needs must be open there.

use crate::seen::Seen;
use arcus_sdk::prelude::*;

/// The daemon, and where the first brick is served; further bricks have the ports after it.
const PORTS: [u16; 2] = [24007, 49152];

/// The check `firewalld`.
pub fn check(seen: &Seen<'_>, checks: &mut Checks) {
    checks.on(seen.node, "firewalld", "no firewall is in the way").judge(&seen.firewalld, |fact| match fact {
        Some(fact) if fact.active && seen.is_member() => warned("firewalld runs; the installer removes it"),
        Some(fact) if fact.active => match &seen.firewall {
            Known(said) if said.is_ok() => judge(&Zone::of(&said.text())),
            Known(said) => arcus_sdk::unknown(format!("firewalld runs, and does not say what it lets through: {}", said.error_text().trim())),
            Unknown(problem) => arcus_sdk::unknown(format!("firewalld runs, and does not say what it lets through: {}", problem.message)),
        },
        _ => passed("firewalld does not run"),
    });
}

fn judge(zone: &Zone) -> arcus_sdk::Finding {
    if zone.lets_glusterfs_through() {
        return passed(format!("firewalld runs, and its zone {} lets GlusterFS through", zone.name));
    }
    failed(format!(
        "firewalld runs, and its zone {} lets GlusterFS not through; nobody removes it here: `firewall-cmd --permanent --zone={} --add-service=glusterfs`, \
         with GlusterFS 10 and newer also `--add-port=49152-60999/tcp`, then `firewall-cmd --reload`; or stop and disable it",
        zone.name, zone.name
    ))
}

/// What `firewall-cmd --list-all` says of the default zone.
#[derive(Debug, Default, PartialEq, Eq)]
struct Zone {
    name: String,
    accepts_all: bool,
    services: Vec<String>,
    /// TCP, first and last.
    ports: Vec<(u16, u16)>,
}

impl Zone {
    fn of(text: &str) -> Self {
        let mut zone = Zone::default();
        for line in text.lines() {
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            match line.trim().split_once(':') {
                Some(("target", rest)) => zone.accepts_all = rest.trim() == "ACCEPT",
                Some(("services", rest)) => zone.services = words(rest),
                Some(("ports", rest)) => zone.ports = words(rest).iter().filter_map(|port| range(port.strip_suffix("/tcp")?)).collect(),
                // `public (active)`
                None if !line.starts_with(char::is_whitespace) && zone.name.is_empty() => {
                    zone.name = line.split_whitespace().next().unwrap_or_default().to_owned();
                }
                _ => {}
            }
        }
        zone
    }

    fn lets_glusterfs_through(&self) -> bool {
        let open = |port: &u16| self.ports.iter().any(|(first, last)| first <= port && port <= last);
        self.accepts_all || self.services.iter().any(|service| service == "glusterfs") || PORTS.iter().all(open)
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From documents: firewalld 0.4.4 of CentOS 7.4.
    const PUBLIC: &str = "public (active)\n  target: default\n  icmp-block-inversion: no\n  interfaces: ens33\n  sources: \n  services: dhcpv6-client ssh\n  ports: \n  protocols: \n  masquerade: no\n  forward-ports: \n  source-ports: \n  icmp-blocks: \n  rich rules: \n\t\n";

    #[test]
    fn what_a_zone_lets_through() {
        let zone = Zone::of(PUBLIC);
        assert_eq!((zone.name.as_str(), zone.services.len(), zone.ports.len(), zone.lets_glusterfs_through()), ("public", 2, 0, false));
        let with = |from: &str, to: &str| Zone::of(&PUBLIC.replace(from, to)).lets_glusterfs_through();
        assert!(with("dhcpv6-client ssh", "ssh glusterfs"));
        assert!(with("ports: \n  protocols", "ports: 24007-24008/tcp 49152-49251/tcp\n  protocols"));
        assert!(!with("ports: \n  protocols", "ports: 24007/tcp\n  protocols"), "bricks are not served at that port");
        assert!(!with("ports: \n  protocols", "ports: 24007/udp 49152/udp\n  protocols"));
        assert!(with("target: default", "target: ACCEPT"));
    }
}
