//! The six names of the cluster's own services, in every node's `/etc/hosts` and in what every node's name server answers. The installer
//! lets all of them lead to the first node, so that its loss would be everybody's.

use crate::addresses::Addresses;
use crate::config::Config;
use crate::installed::{self, All};
use crate::{member, paths};
use arcus_sdk::prelude::*;
use arcus_sdk::{FileSpec, Finding};

/// All that should be so, on each node once it and the gateways are there.
pub fn plan(cluster: &Cluster<Config>, all: &All, plan: &mut Plan) {
    let Some(addresses) = Addresses::of(cluster) else { return };
    for node in member::all(cluster) {
        let ready = |step: Planned| {
            let serving = member::gateways(cluster).into_iter().chain([node]);
            let step = step.needs(milestone::PLATFORM_JOINED, serving);
            step.needs_anywhere(milestone::VIP_ANSWERING).needs_anywhere(addresses.managers_answering())
        };
        let title = "let the cluster's own names lead to the virtual address";
        let dns = all.at(node).dns;
        // The installer writes there, too: what was looked at before would be stale.
        let names = match &dns {
            Known(None) => plan.later("names", node, "Rainbond is installed there", &["file"]),
            dns => plan.file("names", node, hosts(addresses)).known(dns),
        };
        ready(names.title(title));
        served(node, addresses, dns, ready, plan);
    }
}

fn hosts(addresses: Addresses<'_>) -> FileSpec {
    file(paths::HOSTS).hosts().content(addresses.entries())
}

/// The node's name server.
fn served(node: &Node, addresses: Addresses<'_>, dns: installed::Text, ready: impl Fn(Planned) -> Planned, plan: &mut Plan) {
    let title = "let its name server lead to the virtual address";
    let written = match dns {
        Known(None) => plan.later("dns", node, "Rainbond is installed there", &["file"]),
        Unknown(problem) => plan.line("dns", node, paths::DNS, RECORDS_KEY, "").known::<()>(&Unknown(problem)),
        Known(Some(text)) => match records_line(&text, addresses) {
            Some(line) => plan.line("dns", node, paths::DNS, RECORDS_KEY, line),
            None => {
                let message = format!("{} on {} has no line {RECORDS_KEY}=...", paths::DNS, node.name);
                plan.warn(problem("rainbond.dns-by-hand", message).on(node).help("set the addresses of goodrain.me there by hand, then `node service update`"));
                return;
            }
        },
    };
    let written = ready(written.title(title));
    let requests = [probe::content(paths::DNS_UNIT, 65_536).on(node), probe::service(UNIT).on(node)];
    let updated = plan
        .command("dns-update", node, [paths::NODE_TOOL, "service", "update"])
        .status_lies()
        .until(requests, "its name server runs with these addresses", 30)
        .title("let the node's agent take its services' settings anew (node service update)");
    ready(updated.after([&written]));
}

const RECORDS_KEY: &str = "--recoders";
const UNIT: &str = "rbd-dns.service";

/// The records of a name server's arguments: name and address.
fn records(text: &str) -> Vec<(&str, &str)> {
    let found = installed::value(text, "--recoders=", &['"']).map(|(_, value)| value).unwrap_or_default();
    found.split(',').filter_map(|record| record.split_once('=')).collect()
}

/// The line with every record set to where it must lead: an offline installation also has one for applications, which gateways serve.
fn records_line(text: &str, addresses: Addresses<'_>) -> Option<String> {
    let line = installed::line(text, "--recoders=")?;
    let (place, _) = installed::value(line, "--recoders=", &[])?;
    let set: Vec<String> = records(line).into_iter().map(|(name, _)| format!("{name}={}", addresses.gateways)).collect();
    Some(format!("{}{}{}", &line[..place.start], set.join(","), &line[place.end..]))
}

/// Which records lead elsewhere. `None`: there are none at all.
fn astray(text: &str, addresses: Addresses<'_>) -> Option<Vec<String>> {
    let records = records(text);
    let wrong = records.iter().filter(|(_, address)| *address != addresses.gateways);
    (!records.is_empty()).then(|| wrong.map(|(name, address)| format!("{name} leads to {address}")).collect())
}

/// Judges `dns-update`: the unit's text, and that it runs.
pub fn updated(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let Some(addresses) = Addresses::of(cluster) else { return met() };
    let Some(unit) = case.get::<Option<FileFact>>(0)? else { return unmet(format!("there is no {UNIT}")) };
    match astray(&unit.text(), addresses) {
        None => return unmet(format!("{UNIT} has no records")),
        Some(wrong) if !wrong.is_empty() => return unmet(format!("{UNIT} says: {}", wrong.join(", "))),
        Some(_) => {}
    }
    match case.get::<Option<ServiceFact>>(1)? {
        Some(service) if service.active => met(),
        _ => unmet(format!("{UNIT} does not run")),
    }
}

/// The checks.
pub fn verify(cluster: &Cluster<Config>, all: &All, checks: &mut Checks) {
    let Some(addresses) = Addresses::of(cluster) else { return };
    let nodes = member::all(cluster);
    let mut batch = cluster.batch();
    let hosts = batch.each(nodes.iter().copied(), probe::file_is(self::hosts(addresses)));
    let running = batch.each(nodes.iter().copied(), probe::service(UNIT));
    let mut got = batch.send();
    let (hosts, running) = (got.take(hosts), got.take(running));
    for node in nodes {
        let check = checks.on(node, "names", format!("the names of the cluster's own services lead to {}", addresses.gateways));
        check.judge(hosts.of(node), |likeness| match likeness {
            Likeness::Same => passed(paths::HOSTS),
            Likeness::Differs => failed(format!("{} has other addresses for them, or none", paths::HOSTS)),
            Likeness::Absent => failed(format!("there is no {}", paths::HOSTS)),
        });
        let installed = all.at(node);
        let check = checks.on(node, "dns", format!("its name server leads to {}", addresses.gateways));
        match (&installed.dns, &installed.dns_unit, running.of(node)) {
            (Known(file), Known(unit), Known(service)) => check.is(proof(addresses, file.as_deref(), unit.as_deref(), service.as_ref())),
            (Unknown(problem), ..) | (_, Unknown(problem), _) | (.., Unknown(problem)) => check.unanswered(problem),
        }
    }
}

fn proof(addresses: Addresses<'_>, file: Option<&str>, unit: Option<&str>, service: Option<&ServiceFact>) -> Finding {
    for (what, text) in [(paths::DNS, file), (UNIT, unit)] {
        match text.map(|text| astray(text, addresses)) {
            Some(Some(wrong)) if wrong.is_empty() => {}
            Some(Some(wrong)) => return failed(format!("{what}: {}", wrong.join(", "))),
            Some(None) => return failed(format!("{what} has no records")),
            None => return failed(format!("there is no {what}")),
        }
    }
    match service {
        Some(service) if service.active => passed("so it is set, and so it runs"),
        _ => failed(format!("{UNIT} does not run")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_set_and_the_line_kept() {
        let addresses = Addresses { gateways: "10.0.0.100", managers: "10.0.0.101" };
        let text = "  start: >-\n    docker run\n    --v=2\n    --recoders=goodrain.me=10.0.0.11,*.goodrain.me=10.0.0.11,*.apps.example.org=10.0.0.11\n\n  stop: x\n";
        let line = records_line(text, addresses).unwrap();
        assert_eq!(line, "    --recoders=goodrain.me=10.0.0.100,*.goodrain.me=10.0.0.100,*.apps.example.org=10.0.0.100");
        assert_eq!(records_line(&line, addresses).unwrap(), line);
        assert_eq!(astray(text, addresses).unwrap().len(), 3);
        assert_eq!(astray(&line, addresses), Some(vec![]));
        assert_eq!(records_line("--nothing", addresses), None);
        assert_eq!(astray("ExecStart=x", addresses), None);
    }
}
