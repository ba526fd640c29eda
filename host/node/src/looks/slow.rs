//! Probes that have to wait for others: neighbours, VRRP, reach, and who holds a folder. They run beside each other.
use std::time::Duration;

use arcus_contract::facts::{Fact, Holder, Reachability, Vrrp};
use arcus_contract::types::Problem;

use super::{Gathering, Sorted, fact, problem};
use crate::quote;
use crate::library::Piece;

pub fn render(all: &mut Gathering, sorted: &Sorted) {
    let before = all.script.len();
    for (at, address) in sorted.neighbours.clone() {
        let id = all.ids(1);
        all.line(Piece::Slow, &format!("beside {id} neighbour {}", quote::word(&address)));
        all.parser(move |parts| fact(vec![at], parts.text(id).and_then(|text| neighbour(&text)).map(Fact::Neighbour)));
    }
    for (at, interface) in sorted.vrrp.clone() {
        let id = all.ids(1);
        all.needs.insert(Piece::Vrrp);
        all.line(Piece::Slow, &format!("beside {id} vrrp {}", quote::word(&interface)));
        all.parser(move |parts| fact(vec![at], parts.text(id).and_then(|text| vrrp(&text)).map(Fact::VrrpHeard)));
    }
    if !sorted.reach.is_empty() {
        let id = all.ids(1);
        let mut targets: Vec<(String, u16)> = sorted.reach.iter().map(|(_, host, port)| (host.clone(), *port)).collect();
        targets.sort_unstable();
        targets.dedup();
        let pairs: Vec<String> = targets.iter().map(|(host, port)| format!("{host} {port}")).collect();
        all.patience += Duration::from_secs(4 * (pairs.len() as u64).div_ceil(128));
        all.line(Piece::Slow, &format!("beside {id} reach {}", quote::words(pairs.iter().map(String::as_str))));
        let wanted = sorted.reach.clone();
        all.parser(move |parts| {
            let text = parts.text(id);
            let lines: Result<Vec<&str>, Problem> = text.as_ref().map(|text| text.lines().collect()).map_err(Clone::clone);
            wanted
                .into_iter()
                .flat_map(|(at, host, port)| {
                    let place = targets.iter().position(|target| *target == (host.clone(), port));
                    let answer = lines.clone().and_then(|lines| reach(place.and_then(|place| lines.get(place)).copied()));
                    fact(vec![at], answer.map(Fact::Reach))
                })
                .collect()
        });
    }
    for (at, path) in sorted.holders.clone() {
        let id = all.ids(1);
        // `find` takes a pattern; the path must stand for itself.
        let pattern: String = path.chars().flat_map(|c| if "*?[]\\".contains(c) { vec!['\\', c] } else { vec![c] }).collect();
        all.line(Piece::Slow, &format!("beside {id} holders {} {}", quote::word(&path), quote::word(&pattern)));
        all.parser(move |parts| fact(vec![at], parts.text(id).map(|text| Fact::Holders(holders(&text)))));
    }
    if all.script.len() > before {
        all.private = true;
        all.patience += Duration::from_secs(15);
        all.line(Piece::Slow, "gather");
    }
}

fn neighbour(text: &str) -> Result<Option<String>, Problem> {
    let mac = |text: &str| {
        text.split(|c: char| !(c.is_ascii_hexdigit() || c == ':'))
            .find(|word| word.len() == 17 && word.split(':').count() == 6 && word.split(':').all(|part| part.len() == 2))
            .map(str::to_ascii_lowercase)
    };
    match text.lines().next().unwrap_or_default() {
        "own" | "none" => Ok(None),
        "arping" => Ok(mac(text)),
        "neigh" => mac(text).map(Some).ok_or_else(|| problem("node.unreadable", "the neighbour has no MAC address", true)),
        _ => Err(problem("node.unreadable", "the kernel is not sure who answers", true)),
    }
}

fn vrrp(text: &str) -> Result<Vec<Vrrp>, Problem> {
    text.lines()
        .map(|line| {
            let mut words = line.split(' ');
            let heard = (|| Some(Vrrp { source: words.next()?.into(), router_id: words.next()?.parse().ok()?, priority: words.next()?.parse().ok()? }))();
            heard.ok_or_else(|| super::unreadable(line))
        })
        .collect()
}

fn reach(line: Option<&str>) -> Result<Reachability, Problem> {
    match line {
        Some("open") => Ok(Reachability::Open),
        Some("refused") => Ok(Reachability::Refused),
        Some("silent") => Ok(Reachability::Silent),
        Some(said) => Err(super::unreadable(said)),
        None => Err(problem("node.timeout", "the connection was not tried in time", true)),
    }
}

fn holders(text: &str) -> Vec<Holder> {
    let mut all: Vec<Holder> = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        let (Some(pid), Some(writing), Some(unit), Some(command)) =
            (words.next().and_then(|pid| pid.parse().ok()), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let unit = (unit != "-" && unit.contains('.')).then(|| unit.to_owned());
        match all.iter_mut().find(|holder| holder.pid == pid) {
            Some(holder) => holder.writing |= writing == "1",
            None => all.push(Holder { pid, command: command.into(), unit, writing: writing == "1" }),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers() {
        assert_eq!(neighbour("own").unwrap(), None);
        assert_eq!(neighbour("neigh\n10.0.0.1 lladdr 02:AA:bb:00:00:01 REACHABLE").unwrap().as_deref(), Some("02:aa:bb:00:00:01"));
        assert_eq!(neighbour("arping\nUnicast reply from 10.0.0.1 [02:AA:BB:00:00:01]  0.6ms").unwrap().as_deref(), Some("02:aa:bb:00:00:01"));
        assert_eq!(neighbour("arping\nReceived 0 response(s)").unwrap(), None);
        assert!(neighbour("unsure: STALE").is_err());
    }

    #[test]
    fn advertisements() {
        assert_eq!(vrrp("10.0.0.2 51 100\n").unwrap(), [Vrrp { source: "10.0.0.2".into(), router_id: 51, priority: 100 }]);
        assert_eq!(vrrp("").unwrap(), []);
        assert_eq!(vrrp("socket: Operation not permitted").err().unwrap().code, "node.denied");
    }

    #[test]
    fn one_holder_of_many_files() {
        let all = holders("7 0 nginx.service nginx\n7 1 nginx.service nginx\n9 0 - my sh\n");
        assert_eq!(all.len(), 2);
        assert!(all[0].writing && all[0].unit.as_deref() == Some("nginx.service"));
        assert_eq!((all[1].command.as_str(), &all[1].unit), ("my sh", &None));
    }
}
