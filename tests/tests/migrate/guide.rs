//! What the guide's own commands cost on the same data: it stops everybody and copies with `cp -arp`, so all of its copy is freeze.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{COMPUTE, LIMIT, Moving, SERVER, START};

/// What `arcus migrate` runs on the node that copies.
const LIBRARY: &str = include_str!("../../../host/node/src/sh/copy-tree.sh");
/// 200 MB in 3,000 files: `FOLDER` in python's words.
const MAKE: &str = "import os
for d in range(30):
    os.makedirs(f'FOLDER/{d}')
    for f in range(100): open(f'FOLDER/{d}/{f}', 'wb').write(os.urandom(69906))";
/// One file in a hundred is changed.
const CHANGE: &str = "for d in $(seq 0 29); do echo changed >> FOLDER/$d/7; done";

fn timed(moving: &Moving<'_>, line: &str) -> Result<f64> {
    let begun = Instant::now();
    moving.on(SERVER, line)?;
    Ok(begun.elapsed().as_secs_f64())
}

/// The volume that is moved from, with the data, and one more, beside it, for the guide.
pub fn prepared(moving: &Moving<'_>) -> Result<()> {
    moving.volume()?;
    let bricks = "10.95.0.31:/data/guide 10.95.0.32:/data/guide";
    moving.on("storage01", &format!("gluster --mode=script volume create guide replica 2 {bricks} force && gluster --mode=script volume start guide"))?;
    let make = |folder: &str| MAKE.replace("FOLDER", folder);
    moving.on(SERVER, &format!("mkdir -p /mnt/guide /srv/memory && mount -t glusterfs 10.95.0.31:/guide /mnt/guide && python3 -c \"{}\" && python3 -c \"{}\"", make("/srv/src"), make("/grdata/tenant")))?;
    moving.writers()
}

/// As where the first manager serves its own folder by NFS: only what copies, on both sides.
pub fn from_a_folder(moving: &Moving<'_>) -> Result<()> {
    moving.on(SERVER, &format!("cat > /srv/library <<'Y'\n{LIBRARY}\nY\nmkdir /mnt/guide/theirs /mnt/guide/ours"))?;
    let copy = |compare: u8| {
        let line = format!(
            "cd / && {{ sh -c '. /srv/library; copy_tree /srv/src /mnt/guide/ours 1 {compare} /srv/memory/receipt /srv/kept' 2>&1; echo \"ended $?\"; }} | \
             while IFS= read -r said; do echo \"$(date +%s.%N) $said\"; done > /srv/said; grep -q ' ended 0$' /srv/said || {{ cat /srv/said; exit 1; }}"
        );
        let took = timed(moving, &line)?;
        sections(&moving.on(SERVER, "cat /srv/said")?);
        Ok::<f64, anyhow::Error>(took)
    };
    let guide = timed(moving, "cp -arp /srv/src/. /mnt/guide/theirs")?;
    std::thread::sleep(Duration::from_secs(3));
    let live = copy(0)?;
    moving.on(SERVER, &CHANGE.replace("FOLDER", "/srv/src"))?;
    let frozen = copy(1)?;
    told("a server's own folder", guide, frozen, live + frozen);
    // Room for what comes.
    moving.on(SERVER, "rm -rf /mnt/guide/theirs /mnt/guide/ours /srv/src").map(drop)
}

/// All of it: from the first unit that is stopped to the last that runs again, by the journal.
pub fn from_a_volume(moving: &Moving<'_>) -> Result<()> {
    const USERS: [(&str, &str); 2] = [(SERVER, "rbd-api.service"), (COMPUTE, "node.service")];
    for (node, unit) in USERS {
        moving.on(node, &format!("systemctl stop {unit}"))?;
    }
    let guide = timed(moving, "mkdir /mnt/guide/all && cp -arp /grdata/. /mnt/guide/all")?;
    moving.on(SERVER, "rm -rf /mnt/guide/all")?;
    for (node, unit) in USERS {
        moving.on(node, &format!("systemctl start {unit}"))?;
    }
    let mut running = moving.checkout.start(START)?;
    running.says("begin   copy /", LIMIT)?;
    moving.on(SERVER, &CHANGE.replace("FOLDER", "/grdata/tenant"))?;
    running.end(LIMIT)?.code(0)?;
    let journal = newest(moving)?;
    let at = |event: &str, verb: &str, last: bool| {
        let mut times = journal.iter().filter(|entry| entry["event"] == event && entry["step"].as_str().is_some_and(|step| step.starts_with(verb))).filter_map(|entry| seconds(entry["at"].as_str()?));
        if last { times.next_back() } else { times.next() }.with_context(|| format!("no {event} of {verb}"))
    };
    let thawed = at("outcome", "release:", true)?;
    told("a volume, all of `arcus migrate start`", guide, thawed - at("intent", "hold:", false)?, thawed - at("intent", "copy-live:", false)?);
    let (final_begun, final_done) = (at("intent", "copy-final:", false)?, at("outcome", "copy-final:", true)?);
    eprintln!("    of the freeze, {:.1} s are the rest of the copy and the comparison", final_done - final_begun);
    Ok(())
}

fn told(what: &str, guide: f64, frozen: f64, whole: f64) {
    eprintln!("    from {what}: guide {guide:.1} s, all of it frozen; arcus {whole:.1} s ({:.2} times), frozen {frozen:.1} s ({:.0} %)", whole / guide, frozen / guide * 100.0);
}

/// Where the time went: each thing that it says it does, until it says the next.
fn sections(said: &str) {
    let lines: Vec<(f64, &str)> = said.lines().filter_map(|line| line.split_once(' ')).filter_map(|(at, words)| Some((at.parse().ok()?, words))).filter(|(_, words)| !words.starts_with("copying: ")).collect();
    let took: Vec<String> = lines.windows(2).map(|pair| format!("{} {:.1} s", pair[0].1, pair[1].0 - pair[0].0)).collect();
    eprintln!("    {}", took.join("; "));
}

fn newest(moving: &Moving<'_>) -> Result<Vec<Value>> {
    let mut journals: Vec<_> = std::fs::read_dir(moving.checkout.folder().join(".arcus/runs"))?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    journals.sort();
    let text = std::fs::read_to_string(journals.last().context("no journal")?)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Of the day: `2026-11-26T01:02:03.456Z`.
fn seconds(at: &str) -> Option<f64> {
    let mut parts = at.split_once('T')?.1.strip_suffix('Z')?.split(':').map(|part| part.parse::<f64>().ok());
    Some(parts.next()?? * 3600.0 + parts.next()?? * 60.0 + parts.next()??)
}
