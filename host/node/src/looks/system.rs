//! The system itself: os, hardware, kernel modules, sysctls, clock.
use std::time::UNIX_EPOCH;

use arcus_contract::facts::{Clock, Fact, Hardware, Os};

use super::{Gathering, Parts, Sorted, fact, problem, unreadable};
use crate::quote;
use crate::library::Piece;

pub fn render(all: &mut Gathering, sorted: &Sorted) {
    if !sorted.os.is_empty() {
        let (id, places) = (all.ids(1), sorted.os.clone());
        all.line(Piece::System, &format!("system {id}"));
        all.parser(move |parts| fact(places, parts.text(id).and_then(|text| os(&text)).map(Fact::Os)));
    }
    if !sorted.hardware.is_empty() {
        let (id, places) = (all.ids(1), sorted.hardware.clone());
        all.line(Piece::System, &format!("hardware {id}"));
        all.parser(move |parts| fact(places, parts.text(id).and_then(|text| hardware(&text)).map(Fact::Hardware)));
    }
    for (at, name) in sorted.modules.clone() {
        let id = all.ids(1);
        all.line(Piece::System, &format!("module {id} {}", quote::word(&name.replace('-', "_"))));
        all.parser(move |parts| fact(vec![at], parts.text(id).map(|text| Fact::KernelModule(text == "yes"))));
    }
    for (at, key) in sorted.sysctls.clone() {
        let id = all.ids(1);
        // As sysctl(8) reads keys: the first separator tells which of the two separates.
        let slashes = key.find('/').is_some_and(|slash| key.find('.').is_none_or(|dot| slash < dot));
        let path = if slashes { key } else { key.chars().map(|c| if c == '.' { '/' } else if c == '/' { '.' } else { c }).collect() };
        all.line(Piece::System, &format!("sysctl_value {id} {}", quote::word(&format!("/proc/sys/{path}"))));
        all.parser(move |parts| {
            let value = parts.get(id).and_then(|part| match part.status {
                0 => Ok(Some(part.text().trim().to_owned())),
                20 => Ok(None),
                _ => Err(unreadable(&part.text())),
            });
            fact(vec![at], value.map(Fact::Sysctl))
        });
    }
}

pub fn clock(all: &mut Gathering, places: &[usize]) {
    if places.is_empty() {
        return;
    }
    let (id, places) = (all.ids(2), places.to_vec());
    all.line(Piece::Clock, &format!("clock {id}"));
    all.parser(move |parts| fact(places, read_clock(id, parts).map(Fact::Clock)));
}

fn read_clock(id: u32, parts: &Parts) -> Result<Clock, arcus_contract::types::Problem> {
    let unclear = || problem("node.unreadable", "the clock of the node could not be read", true);
    let nanos: i64 = parts.text(id)?.trim().parse().map_err(|_| unclear())?;
    let (sent, trip) = parts.clock.ok_or_else(unclear)?;
    let sent = i128::try_from(sent.duration_since(UNIX_EPOCH).map_err(|_| unclear())?.as_nanos()).map_err(|_| unclear())?;
    let half = i128::try_from(trip.as_nanos() / 2).map_err(|_| unclear())?;
    let synchronised = match parts.text(id + 1)?.trim() {
        "yes" => true,
        "no" => false,
        _ => return Err(problem("query.missing", "nothing on this node can tell whether its clock is synchronised", false)),
    };
    Ok(Clock {
        offset_ms: i64::try_from((i128::from(nanos) - sent - half) / 1_000_000).map_err(|_| unclear())?,
        error_ms: u32::try_from(half.div_euclid(1_000_000) + 1).unwrap_or(u32::MAX),
        synchronised,
    })
}

fn os(text: &str) -> Result<Os, arcus_contract::types::Problem> {
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default().trim().to_owned();
    let (arch, kernel, hostname, machine_id, boot_id) = (next(), next(), next(), next(), next());
    let mut os = Os { id: String::new(), version: String::new(), like: vec![], kernel, arch, hostname, machine_id, boot_id };
    for line in lines {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim().trim_matches(['"', '\'']);
        match key.trim() {
            "ID" => os.id = value.into(),
            "VERSION_ID" => os.version = value.into(),
            "ID_LIKE" => os.like = value.split_whitespace().map(Into::into).collect(),
            _ => {}
        }
    }
    if os.kernel.is_empty() || os.boot_id.is_empty() || os.id.is_empty() {
        return Err(problem("node.unreadable", "what kind of system this is could not be read", false));
    }
    Ok(os)
}

fn hardware(text: &str) -> Result<Hardware, arcus_contract::types::Problem> {
    let unclear = || problem("node.unreadable", "processors and memory could not be read", false);
    let mut lines = text.lines();
    let mut cpus = 0u32;
    for range in lines.next().ok_or_else(unclear)?.split(',') {
        let (from, to) = range.trim().split_once('-').unwrap_or((range.trim(), range.trim()));
        let (from, to): (u32, u32) = (from.parse().map_err(|_| unclear())?, to.parse().map_err(|_| unclear())?);
        cpus = to.checked_sub(from).and_then(|more| more.checked_add(1)?.checked_add(cpus)).ok_or_else(unclear)?;
    }
    let kib: u64 = lines.next().and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse().ok()).ok_or_else(unclear)?;
    Ok(Hardware { cpus, memory_bytes: kib.saturating_mul(1024) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_files() {
        let os = os("x86_64\n3.10.0-693.el7\nnode1\nabc\nb00t\nNAME=\"CentOS Linux\"\nVERSION_ID=\"7\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\n").unwrap();
        assert_eq!((os.id.as_str(), os.version.as_str(), os.like.len(), os.kernel.as_str()), ("centos", "7", 2, "3.10.0-693.el7"));
        assert!(super::os("x86_64\n\n\n\n\n").is_err());
    }

    #[test]
    fn processors() {
        assert_eq!(hardware("0-3,8,10-11\nMemTotal:       1024 kB").unwrap(), Hardware { cpus: 7, memory_bytes: 1 << 20 });
        assert!(hardware("\n").is_err());
    }
}
