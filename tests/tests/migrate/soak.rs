//! Killed at every entry of the journal, there and back, while two write; then again what was not there the first time, and the way back
//! from entries in the middle, as long as it may take. What was reached is told.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{COMPUTE, LIMIT, Moving, ROLLBACK, SERVER, START};

/// How much is tried.
pub struct Bounds {
    /// Files that are moved.
    pub files: u32,
    /// After which time, once every entry of a way was had, no more runs are killed; those under way are brought to their end.
    pub minutes: u64,
}

impl Bounds {
    /// What `cargo xtask lab soak` was told; a quarter of an hour where nobody says anything.
    pub fn from_environment() -> Self {
        let told = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
        Self { files: told("ARCUS_SOAK_FILES").map_or(300, |files| u32::try_from(files).expect("a number of files")), minutes: told("ARCUS_SOAK_MINUTES").unwrap_or(15) }
    }
}

/// A direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Way {
    fn words(self) -> &'static [&'static str] {
        if self == Self::There { START } else { ROLLBACK }
    }

    fn name(self) -> &'static str {
        if self == Self::There { "there" } else { "back" }
    }
}

/// How a run ended.
enum End {
    /// Killed at an entry, or several that were written as one.
    Killed(Vec<String>),
    /// Through.
    Through,
}

struct Soak<'m> {
    moving: &'m Moving<'m>,
    began: Instant,
    until: Instant,
    /// Entries at which a run was killed, in the order of their first time.
    killed: Vec<String>,
    seen: BTreeSet<String>,
    runs: u32,
    digest: String,
}

/// All of it.
pub fn soak(moving: &Moving<'_>, bounds: &Bounds) -> Result<()> {
    moving.mounted(bounds.files)?;
    let digest = moving.digest()?;
    let began = Instant::now();
    let until = began + Duration::from_secs(60 * bounds.minutes);
    let mut soak = Soak { moving, began, until, killed: Vec::new(), seen: BTreeSet::new(), runs: 0, digest };
    soak.say(&format!("{} files; {} minutes", bounds.files, bounds.minutes));
    let mut whole = 0;
    // What is left out the first time because it is so already comes again in the second. That one leaves time for what comes after it.
    let second = began + (until - began) / 5 * 4;
    loop {
        let before = soak.killed.len();
        soak.whole(Way::There)?;
        soak.whole(Way::Back)?;
        whole += 1;
        if soak.killed.len() == before || Instant::now() >= second {
            break;
        }
    }
    let entries = (soak.count(Way::There), soak.count(Way::Back));
    let from_the_middle = soak.back_from_the_middle()?;
    let all = if soak.has_time() { "all there are" } else { "time was up" };
    let written = soak.lines()?;
    soak.say(&format!(
        "{} files, {} runs in {} minutes; killed at {} entries there and {} back ({whole} times the whole way), and {from_the_middle} times brought back from the middle: {all}. {written} lines were written meanwhile; nothing is lost",
        bounds.files,
        soak.runs,
        soak.began.elapsed().as_secs() / 60,
        entries.0,
        entries.1
    ));
    Ok(())
}

impl Soak<'_> {
    fn has_time(&self) -> bool {
        Instant::now() < self.until
    }

    fn say(&self, words: &str) {
        eprintln!("{:>5} s  {words}", self.began.elapsed().as_secs());
    }

    fn count(&self, way: Way) -> usize {
        self.killed.iter().filter(|entry| entry.starts_with(way.name())).count()
    }

    /// All the way, killed at whatever no run was killed at before.
    fn whole(&mut self, way: Way) -> Result<()> {
        loop {
            match self.run(way, |soak, entry| !soak.seen.contains(entry))? {
                End::Killed(entries) => self.told(way, &entries)?,
                End::Through => break,
            }
        }
        self.whole_and_well(way).with_context(|| format!("after the way {}", way.name()))?;
        self.say(&format!("{}: {} entries so far, {} runs, all is there", way.name(), self.count(way), self.runs));
        Ok(())
    }

    /// From where a run was killed on the way there (or what follows, where that is so already), back at once: entries far from each other
    /// first.
    fn back_from_the_middle(&mut self) -> Result<usize> {
        const APART: usize = 7;
        let mut met = BTreeSet::new();
        let of_the_way = self.killed.iter().filter(|entry| entry.starts_with(Way::There.name()));
        let there: Vec<String> = of_the_way.map(|entry| place(entry).to_owned()).filter(|place| met.insert(place.clone())).collect();
        let mut times = 0;
        for at in (0..APART).flat_map(|first| (first..there.len()).step_by(APART)) {
            if !self.has_time() {
                break;
            }
            let reached = |found: &String| there[at..].iter().any(|one| one == place(found));
            if let End::Killed(entries) = self.run(Way::There, |_, found| reached(found))? {
                self.told(Way::There, &entries)?;
            }
            let End::Through = self.run(Way::Back, |_, _| false)? else { unreachable!("nobody kills it") };
            self.whole_and_well(Way::Back).with_context(|| format!("back from `{}`", there[at]))?;
            times += 1;
            self.say(&format!("back from `{}`, all is there", there[at]));
        }
        Ok(times)
    }

    /// One run, killed as soon as its journal has an entry of which `at` says so.
    fn run(&mut self, way: Way, at: impl Fn(&Self, &String) -> bool) -> Result<End> {
        let before = self.journals()?;
        let mut running = self.moving.checkout.start(way.words())?;
        self.runs += 1;
        let until = Instant::now() + 6 * LIMIT;
        loop {
            let over = running.is_over()?;
            let entries = self.entries(way, &before)?;
            let fresh: Vec<String> = entries.into_iter().filter(|entry| at(self, entry)).collect();
            if over {
                running.end(LIMIT)?.code(0)?;
                return Ok(End::Through);
            }
            if !fresh.is_empty() {
                // It may have come to its end a moment ago.
                return Ok(match running.kill() {
                    Ok(_) => End::Killed(fresh),
                    Err(error) => {
                        self.say(&format!("not killed in time: {error:#}"));
                        self.seen.extend(fresh);
                        End::Through
                    }
                });
            }
            ensure!(Instant::now() < until, "a run does not end:\n{}", running.lines().join("\n"));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// After a run was killed, anybody is told where things stand, and what goes on with it.
    fn told(&mut self, way: Way, entries: &[String]) -> Result<()> {
        for entry in entries {
            if self.seen.insert(entry.clone()) {
                self.killed.push(entry.clone());
            }
        }
        let phase = self.moving.phase().with_context(|| format!("killed {}", entries.join(", ")))?;
        ensure!(!phase.contains("migration from") || phase.contains("next: `arcus migrate "), "killed {}, it says: {phase}", entries.join(", "));
        self.say(&format!("killed {} ({})", entries.join(", "), if phase.is_empty() { way.name() } else { phase.split(';').next().unwrap_or_default() }));
        Ok(())
    }

    /// Nothing is lost, everybody works, and on the storage that it should be.
    fn whole_and_well(&self, way: Way) -> Result<()> {
        let moving = self.moving;
        let volume = if way == Way::There { "data" } else { "old" };
        for (node, unit) in [(SERVER, "rbd-api.service"), (COMPUTE, "node.service")] {
            let line = format!("findmnt -n -o SOURCE /grdata | grep -q ':/*{volume}$' && ! grep -q noauto /etc/fstab && systemctl is-active -q {unit} && systemctl is-enabled -q {unit}");
            moving.on(node, &line).with_context(|| format!("{node} is not as it was"))?;
        }
        moving.nothing_lost()?;
        let now = moving.digest()?;
        ensure!(now == self.digest, "the data are others:\n{}{now}", self.digest);
        let phase = moving.phase()?;
        ensure!(phase.contains("phase 6 of 7") == (way == Way::There), "{phase}");
        Ok(())
    }

    fn lines(&self) -> Result<u64> {
        let mut all = 0;
        for node in [SERVER, COMPUTE] {
            all += self.moving.on(node, &format!("wc -l < /grdata/log-{node}"))?.trim().parse::<u64>()?;
        }
        Ok(all)
    }

    fn journals(&self) -> Result<BTreeSet<PathBuf>> {
        match fs::read_dir(self.moving.checkout.folder().join(".arcus/runs")) {
            Ok(files) => files.map(|file| Ok(file?.path())).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// What the journal of the run that was begun last says so far.
    fn entries(&self, way: Way, before: &BTreeSet<PathBuf>) -> Result<Vec<String>> {
        let mut entries = Vec::new();
        for journal in self.journals()?.difference(before) {
            // A line that is being written is read the next time.
            let text = fs::read_to_string(journal)?;
            entries.extend(text.lines().filter_map(|line| named(way, &serde_json::from_str(line).ok()?)));
        }
        Ok(entries)
    }
}

/// Where an entry is in a run, whatever became of the step: the second time much is so already.
fn place(entry: &str) -> &str {
    entry.split(" (").next().unwrap_or_default()
}

/// An entry, apart from times: `there: before switch:compute01`. What is only said of earlier runs is none, nor is a run's end.
fn named(way: Way, entry: &Value) -> Option<String> {
    let way = way.name();
    let word = |key: &str| entry[key].as_str();
    match word("event")? {
        "run" => Some(format!("{way}: begun")),
        "intent" => Some(format!("{way}: before {}", word("step")?)),
        "outcome" => Some(format!("{way}: after {} ({})", word("step")?, word("end")?)),
        _ => None,
    }
}
