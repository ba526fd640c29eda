//! What Arcus itself keeps on the node: lock, secrets, records, jobs.
use arcus_contract::facts::{Fact, JobFact};
use arcus_contract::types::Problem;

use super::{Gathering, Parts, Sorted, base64, denied, fact, problem, same, says_absent, unreadable};
use crate::library::Piece;
use crate::tasks::{job_folder, secret_file, watch_folder};
use crate::watch::{DrillNote, TimerFact, Watched};
use crate::{Hidden, Layout, LockFact, Seen, quote};

pub fn render(all: &mut Gathering, sorted: &Sorted, layout: &Layout) {
    if !sorted.locks.is_empty() {
        let (id, places) = (all.ids(1), sorted.locks.clone());
        all.line(Piece::StateLook, &format!("lock_fact {id}"));
        all.parser(move |parts| same(places, lock(parts, id).map(Seen::Lock)));
    }
    for (at, name) in sorted.secrets.clone() {
        let id = all.ids(1);
        all.line(Piece::Paths, &format!("kept {id} {}", quote::word(&secret_file(layout, &name))));
        all.parser(move |parts| same(vec![at], kept(parts, id).map(|bytes| Seen::Secret(bytes.map(Hidden::new)))));
    }
    for (at, run) in sorted.records.clone() {
        let id = all.ids(1);
        all.line(Piece::Paths, &format!("kept {id} {}", quote::word(&format!("{}/steps/{}", layout.state, quote::file_name(&run)))));
        all.parser(move |parts| {
            let steps = kept(parts, id).map(|bytes| String::from_utf8_lossy(&bytes.unwrap_or_default()).lines().map(Into::into).collect());
            same(vec![at], steps.map(Seen::Record))
        });
    }
    if !sorted.drills.is_empty() {
        let (id, places) = (all.ids(1), sorted.drills.clone());
        all.line(Piece::Paths, &format!("kept {id} {}", quote::word(&format!("{}/drill", layout.state))));
        all.parser(move |parts| same(places, drill(parts, id).map(Seen::Drill)));
    }
    if !sorted.timers.is_empty() {
        let (id, places) = (all.ids(1), sorted.timers.clone());
        all.line(Piece::DrillLook, &format!("timers {id}"));
        all.parser(move |parts| same(places, parts.text(id).and_then(|text| timers(&text)).map(Seen::Timers)));
    }
    for (at, name) in sorted.watches.clone() {
        let id = all.ids(2);
        all.line(Piece::DrillLook, &format!("watched {id} {}", quote::word(&watch_folder(layout, &name))));
        all.parser(move |parts| same(vec![at], watched(parts, id).map(Seen::Watched)));
    }
    for (at, id_of_step) in sorted.jobs.clone() {
        let id = all.ids(1);
        all.needs.insert(Piece::JobRuns);
        all.line(Piece::JobLook, &format!("job_fact {id} {}", quote::word(&job_folder(layout, &id_of_step))));
        all.parser(move |parts| fact(vec![at], job(parts, id).map(Fact::Job)));
    }
}

/// A file in our folder; none when it is not there.
fn kept(parts: &Parts, id: u32) -> Result<Option<Vec<u8>>, Problem> {
    let part = parts.get(id)?;
    if part.status == 0 {
        return base64(&part.bytes).map(Some);
    }
    let said = part.text();
    if says_absent(&said) { Ok(None) } else { Err(unreadable(&said)) }
}

fn lock(parts: &Parts, id: u32) -> Result<LockFact, Problem> {
    let part = parts.get(id)?;
    if part.status != 0 {
        return Err(denied("the folder of Arcus"));
    }
    let nonsense = || problem("node.nonsense", "the lock on this node cannot be read", false);
    let text = part.text();
    let mut lines = text.lines();
    let epoch = lines.next().and_then(|line| line.trim().parse().ok()).ok_or_else(nonsense)?;
    let Some(times) = lines.next() else { return Ok(LockFact { epoch, owner: None, idle_s: 0 }) };
    let (now, beat) = times.split_once(' ').ok_or_else(nonsense)?;
    // The lock may have been given back between two lines.
    let Ok(beat) = beat.trim().parse::<u64>() else { return Ok(LockFact { epoch, owner: None, idle_s: 0 }) };
    let idle_s = now.parse::<u64>().map_err(|_| nonsense())?.saturating_sub(beat);
    let Some(_run) = lines.next() else { return Ok(LockFact { epoch, owner: None, idle_s: 0 }) };
    let owner = serde_json::from_str(lines.next().unwrap_or_default()).map_err(|_| nonsense())?;
    Ok(LockFact { epoch, owner: Some(owner), idle_s })
}

fn drill(parts: &Parts, id: u32) -> Result<Option<DrillNote>, Problem> {
    let Some(bytes) = kept(parts, id)? else { return Ok(None) };
    let nonsense = || problem("node.nonsense", "the note of a drill on this node cannot be read", false);
    let text = String::from_utf8(bytes).map_err(|_| nonsense())?;
    serde_json::from_str(text.lines().nth(1).unwrap_or_default()).map(Some).map_err(|_| nonsense())
}

fn timers(text: &str) -> Result<Vec<TimerFact>, Problem> {
    let mut lines = text.lines();
    let now: u64 = lines.next().and_then(|line| line.split('.').next()?.trim().parse().ok()).ok_or_else(|| unreadable(text))?;
    lines
        .map(|line| {
            let (due, unit) = line.split_once(' ').ok_or_else(|| unreadable(line))?;
            // One that was left behind by a version that noted no hour is overdue in any case.
            Ok(TimerFact { unit: unit.to_owned(), left_s: due.parse::<u64>().unwrap_or(0).saturating_sub(now) })
        })
        .collect()
}

fn watched(parts: &Parts, id: u32) -> Result<Option<Watched>, Problem> {
    let head = parts.get(id)?;
    if head.status == 20 {
        return Ok(None);
    }
    let log = parts.text(id + 1)?;
    crate::watch::parse(&head.text(), &log).map(Some).ok_or_else(|| problem("node.nonsense", "what the observer saw cannot be read", false))
}

fn job(parts: &Parts, id: u32) -> Result<Option<JobFact>, Problem> {
    let part = parts.get(id)?;
    match part.status {
        0 => {}
        20 => return Ok(None),
        13 => return Err(denied("the folder of Arcus")),
        _ => return Err(unreadable(&part.text())),
    }
    let text = part.text();
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default().trim().to_owned();
    let (began, status, _boot_then, _boot_now, state) = (next(), next(), next(), next(), next());
    let rest: Vec<&str> = lines.collect();
    let running = state == "running";
    if began.is_empty() && !running {
        // Put down, but never begun: as if it were not there. Starting it again is right.
        return Ok(None);
    }
    let status: Option<i32> = status.parse().ok();
    Ok(Some(JobFact {
        running: running && status.is_none(),
        status,
        started_s: began.parse().unwrap_or(0),
        tail: base64(rest.join("").as_bytes())?,
    }))
}
