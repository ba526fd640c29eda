//! Who holds the address: judged by the interfaces of all gateways, never by what keepalived says of itself.

use crate::conf;
use crate::config::Config;
use crate::ring::Ring;
use arcus_sdk::contract::checks::Verdict;
use arcus_sdk::prelude::*;

/// Who of those that answered holds the address.
fn holders<'a>(case: &Case<'a>, address: &str) -> Result<Vec<&'a str>, Verdict> {
    let seen = case.all::<Vec<NetworkInterface>>()?;
    let holds = |interfaces: &Vec<NetworkInterface>| interfaces.with_address(address).is_some();
    Ok(seen.into_iter().filter(|(_, interfaces)| holds(interfaces)).map(|(node, _)| node).collect())
}

/// Judges `run`: somebody holds the address. More than one may for as long as members with old and new settings, which do not
/// understand each other, run side by side.
pub fn is_held(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let ring = ring(cluster, case)?;
    let address = ring.address();
    if holders(case, &address)?.is_empty() { unmet(format!("no {} holds {address}", ring.member())) } else { met() }
}

/// What is asked of a gateway for [`is_at_home`].
pub fn asked(ring: &Ring) -> Vec<Request> {
    let mut requests = probe::interfaces().on_each(ring.nodes());
    requests.extend(probe::service(conf::UNIT).on_each(ring.nodes()));
    if ring.check.is_some() {
        requests.extend(probe::query("healthy", []).on_each(ring.nodes()));
    }
    requests
}

/// Seconds after which the address is at home again, at the latest: the best gateway must look well to keepalived first.
pub fn settles(config: &Config) -> u32 {
    30 + config.health.interval * (config.health.rise + 1)
}

/// Judges `answering` and `holder`: of the gateways that were asked, one holds the address, and it is the best of those where keepalived
/// runs. So after a restart and after a drill the address is where it belongs, and not still on its way.
pub fn is_at_home(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let ring = ring(cluster, case)?;
    let address = ring.address();
    // A drill leaves out the node that it cut off.
    let (mut holders, mut running, mut unwell) = (Vec::new(), Vec::new(), Vec::new());
    for place in 0..case.len() {
        let Some((request, _)) = case.raw(place) else { continue };
        let node = request.node.as_str();
        match &request.probe {
            Probe::Interfaces if case.get::<Vec<NetworkInterface>>(place)?.with_address(&address).is_some() => holders.push(node),
            Probe::Service(_) if case.get::<Option<ServiceFact>>(place)?.as_ref().is_some_and(|service| service.active) => running.push(node),
            Probe::Query(_) if case.get::<Output>(place)?.status != 0 => unwell.push(node),
            _ => {}
        }
    }
    let members: Vec<&str> = ring.nodes().map(|node| node.name.as_str()).filter(|node| running.contains(node)).collect();
    let well = members.iter().find(|node| !unwell.contains(*node));
    let best = well.or(members.first());
    match (holders.as_slice(), best) {
        ([holder], Some(best)) if holder == best => met(),
        ([holder], Some(best)) => unmet(format!("{holder} holds {address}, {best} should")),
        ([_], None) => unmet("keepalived runs on no gateway"),
        ([], _) => unmet(format!("no {} holds {address}", ring.member())),
        (several, _) => unmet(format!("{} hold {address}: `journalctl -u keepalived` there tells why", several.join(" and "))),
    }
}

/// The group that the step is of: its subject is the group's own, or a member.
fn ring<'a>(cluster: &'a Cluster<Config>, case: &Case<'_>) -> Result<Ring<'a>, Verdict> {
    let first = |problems: Vec<Problem>| problems.into_iter().next().unwrap_or_else(|| problem("vrrp.config", "the config cannot be read"));
    let mut rings = Ring::all(cluster).map_err(|problems| Verdict::Failed(first(problems)))?;
    let own = |ring: &Ring<'_>| ring.id("vip") == case.subject() || ring.nodes().any(|node| node.name == case.subject());
    let place = rings.iter().position(own).unwrap_or_default();
    Ok(rings.swap_remove(place))
}
