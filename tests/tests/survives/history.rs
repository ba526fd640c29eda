//! What an operator's journals tell: what each run meant to do, what became of it, and how the next decided what was left open.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use arcus_tests::Checkout;
use serde_json::Value;

/// A step as journals name it: plugin, step.
pub type Step = (String, String);

/// One run.
pub struct Run {
    /// Its id, which sorts by time.
    pub id: String,
    entries: Vec<Value>,
}

/// All runs from a checkout, oldest first.
pub fn runs(checkout: &Checkout<'_>) -> Result<Vec<Run>> {
    let folder = checkout.folder().join(".arcus/runs");
    let mut runs = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let id = path.file_stem().and_then(|stem| stem.to_str()).context("a run without a name")?.to_owned();
        let text = fs::read_to_string(&path)?;
        // The last line of a run that was killed may be torn.
        let entries = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        runs.push(Run { id, entries });
    }
    runs.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(runs)
}

/// The newest.
pub fn last(checkout: &Checkout<'_>) -> Result<Run> {
    runs(checkout)?.pop().context("there is no run")
}

impl Run {
    fn of<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a Value> {
        self.entries.iter().filter(move |entry| entry["event"] == event)
    }

    /// What it began, in order.
    pub fn begun(&self) -> Vec<Step> {
        self.of("intent").map(step).collect()
    }

    /// What it began and told no end of, or none that is known.
    pub fn open(&self) -> BTreeSet<Step> {
        let ended = |entry: &&Value| entry["end"] != "unknown" && entry["end"] != "detached";
        let ended: BTreeSet<Step> = self.of("outcome").filter(ended).map(step).collect();
        self.begun().into_iter().filter(|step| !ended.contains(step)).collect()
    }

    /// How it decided what `earlier` had left open: the step, and as what it was seen.
    pub fn decided(&self, earlier: &Run) -> Vec<(Step, String)> {
        let of_it = self.of("decided").filter(|entry| entry["run"] == earlier.id.as_str());
        of_it.map(|entry| (step(entry), text(&entry["as_seen"]))).collect()
    }

    /// How it ended; none when it was killed.
    pub fn end(&self) -> Option<String> {
        self.of("end").last().map(|entry| text(&entry["end"]))
    }

    /// Who began it.
    pub fn operator(&self) -> String {
        self.of("run").map(|entry| text(&entry["operator"])).collect()
    }
}

/// Every step that a run of this checkout left open was decided by the next that looked, and as one of the known words.
pub fn all_decided(checkout: &Checkout<'_>) -> Result<()> {
    let runs = runs(checkout)?;
    for (place, run) in runs.iter().enumerate() {
        for open in run.open() {
            let words: Vec<String> = runs[place + 1..].iter().flat_map(|later| later.decided(run)).filter(|(step, _)| *step == open).map(|(_, word)| word).collect();
            let known = ["done", "not-done", "running"];
            ensure!(words.iter().any(|word| known.contains(&word.as_str())), "nobody decided {open:?}, which run {} left open: {words:?}", run.id);
        }
    }
    Ok(())
}

fn step(entry: &Value) -> Step {
    (text(&entry["plugin"]), text(&entry["step"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
