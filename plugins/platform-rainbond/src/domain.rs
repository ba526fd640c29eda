//! The wildcard domain that the installer asked its vendor for, when the file names none: it leads to the first node until `grctl domain`
//! tells the vendor otherwise. Only who resolves it sees where it leads.

use crate::addresses::Addresses;
use crate::config::{Config, Source};
use crate::paths;
use crate::region::{self, Held};
use crate::seat::{Seat, Stage};
use arcus_sdk::prelude::*;

/// What the vendor gives away.
const VENDORS: &str = ".grapps.cn";

/// Whether the domain is one of the vendor's, as far as the file says: offline it cannot be asked for.
fn is_vendors(config: &Config) -> bool {
    config.domain.is_none() && config.install == Source::Online
}

/// A name in the domain of this data centre. `None`: it is no domain of the vendor's, or not known.
fn name(cluster: &Cluster<Config>, seat: &Seat<'_>) -> Option<String> {
    match region::held(seat.regions.known()?, &cluster.config.region) {
        Held::Entry(entry) if entry.httpdomain.ends_with(VENDORS) => Some(format!("arcus.{}", entry.httpdomain)),
        _ => None,
    }
}

/// The vendor is told where the gateways are.
pub fn plan(cluster: &Cluster<Config>, seat: &Seat<'_>, after: &Planned, plan: &mut Plan) {
    let Some(addresses) = Addresses::of(cluster).filter(|_| is_vendors(&cluster.config)) else { return };
    let title = format!("let the applications' domain lead to {}", addresses.gateways);
    let step = match (&seat.stage, name(cluster, seat)) {
        (Stage::Done, Some(name)) => plan
            .command("domain", seat.node, [paths::GRCTL, "domain", "--ip", addresses.gateways])
            .status_lies()
            .until([probe::query("resolves", [name.as_str()]).on(seat.node)], format!("{name} is at {}", addresses.gateways), 60),
        (Stage::Done, None) if seat.regions.known().is_some() => return,
        _ => plan.later("domain", seat.node, "the first node is installed: it asks for the domain", &["command"]),
    };
    step.title(title).after([after]).needs_anywhere(milestone::VIP_ANSWERING);
}

/// `Err`: where it leads instead.
fn leads(said: &Output, wanted: &str) -> Result<(), String> {
    let text = said.text();
    let found: std::collections::BTreeSet<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    match found.len() {
        1 if found.contains(wanted) => Ok(()),
        0 => Err("nobody knows it".into()),
        _ => Err(format!("it leads to {}", found.into_iter().collect::<Vec<_>>().join(", "))),
    }
}

/// Judges `domain`.
pub fn judge(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let Some(addresses) = Addresses::of(cluster) else { return met() };
    leads(case.get::<Output>(0)?, addresses.gateways).or_else(unmet)
}

/// The check.
pub fn verify(cluster: &Cluster<Config>, seat: &Seat<'_>, checks: &mut Checks) {
    let Some(addresses) = Addresses::of(cluster).filter(|_| is_vendors(&cluster.config)) else { return };
    let Some(name) = name(cluster, seat) else { return };
    let said = cluster.ask_one(seat.node, probe::query("resolves", [name.as_str()]));
    checks.of_cluster("domain", format!("{name} is at {}", addresses.gateways)).judge(&said, |said| match leads(said, addresses.gateways) {
        Ok(()) => passed(addresses.gateways),
        Err(why) => failed(why),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_and_the_right_one() {
        let said = |text: &str| Output { status: 0, stdout: text.into(), stderr: vec![], truncated: false };
        assert_eq!(leads(&said("10.0.0.1  STREAM x\n10.0.0.1  DGRAM\n"), "10.0.0.1"), Ok(()));
        assert_eq!(leads(&said("10.0.0.2  STREAM x\n"), "10.0.0.1").unwrap_err(), "it leads to 10.0.0.2");
        assert!(leads(&said("10.0.0.1  STREAM x\n10.0.0.2  STREAM\n"), "10.0.0.1").is_err());
        assert_eq!(leads(&said(""), "10.0.0.1").unwrap_err(), "nobody knows it");
    }
}
