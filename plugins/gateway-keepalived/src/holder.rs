//! Who holds the address: judged by the interfaces of all gateways.

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
    let address = address(cluster)?;
    if holders(case, &address)?.is_empty() { unmet(format!("no gateway holds {address}")) } else { met() }
}

/// Judges `answering` and `holder`: every gateway that was asked answered, and one of them holds the address.
pub fn is_held_once(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let address = address(cluster)?;
    match holders(case, &address)?.as_slice() {
        [_] => met(),
        [] => unmet(format!("no gateway holds {address}")),
        several => unmet(format!("{} hold {address}", several.join(" and "))),
    }
}

fn address(cluster: &Cluster<Config>) -> Result<String, Verdict> {
    let first = |problems: Vec<Problem>| problems.into_iter().next().unwrap_or_else(|| problem("vrrp.config", "the config cannot be read"));
    let ring = Ring::of(cluster).map_err(|problems| Verdict::Failed(first(problems)))?;
    Ok(ring.address())
}
