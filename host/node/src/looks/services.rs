//! Units of systemd: one `systemctl show` for all, and whether each runs what its files say now.
use std::collections::HashMap;

use arcus_contract::facts::{Fact, ServiceFact, ServiceProbe};
use arcus_contract::types::Problem;

use super::{Gathering, Parts, fact, missing_tool, problem, unreadable};
use crate::library::Piece;
use crate::{Layout, quote};

pub fn render(all: &mut Gathering, services: &[(usize, ServiceProbe)], layout: &Layout) {
    if services.is_empty() {
        return;
    }
    let id = all.ids(2);
    let mut units: Vec<String> = services.iter().map(|(_, service)| service.name.clone()).collect();
    units.sort_unstable();
    units.dedup();
    let mut paths: Vec<String> = services.iter().flat_map(|(_, service)| service.newer_than.clone()).collect();
    paths.extend(units.iter().map(|unit| stamp(layout, unit)));
    paths.sort_unstable();
    paths.dedup();
    all.line(Piece::Services, &format!("services {id} {} {}", quote::word(&paths.join("\n")), quote::words(units.iter().map(String::as_str))));
    let (services, layout) = (services.to_vec(), layout.clone());
    all.parser(move |parts| {
        let shown = Shown::read(parts, id, &units);
        services
            .into_iter()
            .flat_map(|(at, probe)| {
                let answer = shown.as_ref().map_err(Clone::clone).and_then(|shown| shown.of(&probe, &stamp(&layout, &probe.name)));
                fact(vec![at], answer.map(Fact::Service))
            })
            .collect()
    });
}

/// Touched when Arcus reloaded the unit: files older than it are loaded.
fn stamp(layout: &Layout, unit: &str) -> String {
    format!("{}/reloaded/{unit}", layout.state)
}

/// What systemd and `stat` said. Times are nanoseconds since 1970, by the node's clock.
struct Shown {
    units: HashMap<String, HashMap<String, String>>,
    changed: HashMap<String, i128>,
    /// Since the machine booted; from a clock of 10 ms.
    uptime: i128,
    /// When it booted, where that was asked.
    boot: Option<i128>,
}

impl Shown {
    fn read(parts: &Parts, id: u32, units: &[String]) -> Result<Self, Problem> {
        let part = parts.get(id)?;
        let text = part.text();
        if part.status == 127 {
            return Err(missing_tool());
        }
        let blocks: Vec<&str> = text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()).collect();
        if part.status != 0 || blocks.len() != units.len() {
            return Err(unreadable(&text));
        }
        let units = units
            .iter()
            .zip(blocks)
            .map(|(unit, block)| {
                let fields = block.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect();
                (unit.clone(), fields)
            })
            .collect();
        let times = parts.get(id + 1)?.text();
        let mut lines = times.lines();
        let unclear = || problem("node.unreadable", "the clock of the node could not be read", true);
        let (now, uptime) = lines.next().and_then(|line| line.split_once(' ')).ok_or_else(unclear)?;
        let now: i128 = now.parse().map_err(|_| unclear())?;
        let uptime = nanoseconds(uptime).ok_or_else(unclear)?;
        let boot = (now > 0).then(|| now - uptime);
        let changed = lines.filter_map(|line| line.split_once(' ')).filter_map(|(time, path)| Some((path.into(), nanoseconds(time)?))).collect();
        Ok(Self { units, changed, uptime, boot })
    }

    fn of(&self, probe: &ServiceProbe, stamp: &str) -> Result<Option<ServiceFact>, Problem> {
        let fields = &self.units[&probe.name];
        let field = |key: &str| fields.get(key).map_or("", String::as_str);
        match field("LoadState") {
            "not-found" => return Ok(None),
            "" => return Err(problem("node.unreadable", format!("systemd says nothing of {}", probe.name), true)),
            _ => {}
        }
        let masked = field("LoadState") == "masked" || field("UnitFileState").starts_with("masked");
        let active = field("ActiveState") == "active";
        let mut fact = ServiceFact {
            active,
            enabled: field("UnitFileState") == "enabled",
            masked,
            held: field("DropInPaths").split(' ').any(|path| path.ends_with("/arcus-held.conf")),
            failed: field("ActiveState") == "failed",
            since_s: 0,
            stale: false,
        };
        if active {
            let monotonic = |key: &str| field(key).parse::<u64>().ok().filter(|us| *us > 0).map(|us| i128::from(us) * 1000);
            if let Some(active) = monotonic("ActiveEnterTimestampMonotonic") {
                fact.since_s = u64::try_from((self.uptime - active) / 1_000_000_000).unwrap_or(0);
            }
            // A service reads its files between leaving "inactive" and reaching "active": the earlier is the safe one.
            let started = moment(field("InactiveExitTimestamp")).or_else(|| {
                let start = monotonic("InactiveExitTimestampMonotonic").or_else(|| monotonic("ActiveEnterTimestampMonotonic"))?;
                // /proc/uptime is cut to 10 ms, so the boot seems that much later.
                Some(self.boot? + start - 10_000_000)
            });
            // A unit that systemd itself made active (it found it running) has no such time: nothing is known to be newer.
            if let Some(started) = started {
                let loaded = self.changed.get(stamp).copied().map_or(started, |reloaded| reloaded.max(started));
                let own = ["FragmentPath", "SourcePath"].map(field).into_iter().chain(field("DropInPaths").split(' ')).filter(|path| !path.is_empty());
                // Reloading does not read the unit file again.
                let own_newer = own.into_iter().any(|path| self.changed.get(path).is_some_and(|changed| *changed > started));
                let newer = probe.newer_than.iter().any(|path| self.changed.get(path).is_some_and(|changed| *changed > loaded));
                fact.stale = own_newer || newer;
            }
        }
        Ok(Some(fact))
    }
}

/// `123.45` as nanoseconds.
fn nanoseconds(text: &str) -> Option<i128> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if part.len() > 9 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let part: i64 = format!("{part:0<9}").parse().ok()?;
    Some(i128::from(whole) * 1_000_000_000 + i128::from(part))
}

/// `Mon 2026-11-23 23:06:01.123456 UTC`, only with its fraction: whole seconds are too coarse.
fn moment(text: &str) -> Option<i128> {
    let mut words = text.split(' ');
    let (_day, date, time, zone) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (clock, fraction) = time.split_once('.')?;
    if zone != "UTC" {
        return None;
    }
    let mut date = date.split('-').map(|part| part.parse::<i64>());
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut clock = clock.split(':').map(|part| part.parse::<i64>());
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    // What is no time of ours is not reckoned with.
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) || [hour, minute, second].iter().any(|part| !(0..=60).contains(part)) {
        return None;
    }
    let days = days_since_1970(year, month, day);
    Some(i128::from(((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000 + nanoseconds(&format!("0.{fraction}"))?)
}

/// Of the Gregorian calendar; the year is taken to begin in March, so that the leap day is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 306 + 5) / 10 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::looks::Part;

    #[test]
    fn moments() {
        assert_eq!(moment("Thu 1970-01-01 00:00:01.500000 UTC"), Some(1_500_000_000));
        assert_eq!(moment("Mon 2026-11-23 23:06:01.123456 UTC"), Some(1_795_475_161_123_456_000));
        assert_eq!(moment("Tue 2000-02-29 12:00:00.000000 UTC"), Some(951_825_600_000_000_000));
        assert_eq!(moment("Mon 2026-11-23 23:06:01 UTC"), None, "too coarse");
        assert_eq!(moment("n/a"), None);
        assert_eq!(moment(""), None);
    }

    fn shown(show: &str, times: &str) -> Shown {
        let parts = Parts {
            parts: HashMap::from([(1, Part { status: 0, bytes: show.into() }), (2, Part { status: 0, bytes: times.into() })]),
            missing: problem("node.timeout", "", true),
            clock: None,
        };
        Shown::read(&parts, 1, &["k.service".into()]).unwrap()
    }

    fn probe() -> ServiceProbe {
        ServiceProbe { name: "k.service".into(), newer_than: vec!["/etc/k.conf".into()] }
    }

    const SHOW: &str = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nFragmentPath=/lib/k.service\nDropInPaths=/etc/k.d/a.conf /etc/k.d/b.conf\n";

    #[test]
    fn started_before_or_after_its_files() {
        let show = format!("{SHOW}InactiveExitTimestamp=Thu 1970-01-01 00:01:40.000000 UTC\nActiveEnterTimestampMonotonic=60000000\n");
        let fact = |files: &str| shown(&show, &format!("0 160.00\n{files}")).of(&probe(), "/s/reloaded/k.service").unwrap().unwrap();
        let older = fact("99.999999999 /etc/k.conf\n50.0 /lib/k.service\n");
        assert!(older.active && older.enabled && !older.stale);
        assert_eq!(older.since_s, 100);
        assert!(fact("100.000000001 /etc/k.conf\n").stale);
        assert!(fact("150.0 /etc/k.d/b.conf\n").stale, "a drop-in counts");
        assert!(!fact("150.0 /etc/k.conf\n150.1 /s/reloaded/k.service\n").stale, "reloaded since");
        assert!(fact("150.0 /etc/k.conf\n149.9 /s/reloaded/k.service\n").stale, "reloaded before");
        assert!(fact("150.0 /lib/k.service\n150.1 /s/reloaded/k.service\n").stale, "a reload does not read the unit file");
    }

    #[test]
    fn old_systemd_without_microseconds() {
        // Booted at 40 s; left inactive 60 s later.
        let show = format!("{SHOW}InactiveExitTimestamp=Thu 1970-01-01 00:01:40 UTC\nInactiveExitTimestampMonotonic=60000000\nActiveEnterTimestampMonotonic=61000000\n");
        let fact = |changed: &str| shown(&show, &format!("200000000000 160.00\n{changed} /etc/k.conf\n")).of(&probe(), "/none").unwrap().unwrap();
        assert!(!fact("99.980000000").stale);
        assert!(fact("100.000000001").stale);
    }

    #[test]
    fn not_there_is_not_an_error_and_an_error_is_not_absence() {
        assert_eq!(shown("LoadState=not-found\nActiveState=inactive\n", "1 1.0\n").of(&probe(), "/none").unwrap(), None);
        let masked = shown("LoadState=masked\nActiveState=inactive\nUnitFileState=masked\n", "1 1.0\n").of(&probe(), "/none").unwrap().unwrap();
        assert!(masked.masked && !masked.active);
        let parts = Parts {
            parts: HashMap::from([(1, Part { status: 1, bytes: b"Failed to connect to bus: No such file or directory".to_vec() })]),
            missing: problem("node.timeout", "", true),
            clock: None,
        };
        assert_eq!(Shown::read(&parts, 1, &["k.service".into()]).err().unwrap().code, "node.unreadable");
    }
}
