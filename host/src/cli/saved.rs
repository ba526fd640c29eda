//! A plan in a file: written by `plan --out`, and compared, never executed, by `apply FILE`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use arcus_cluster::Cluster;
use arcus_engine::{Fault, Kind, Proposal};
use serde::{Deserialize, Serialize};

use crate::cli::foreign::{Foreign, PlainJson};
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::safe;

/// Number of the form.
const FORMAT: u32 = 1;
/// Largest file taken.
const LARGEST: u64 = 64 << 20;

/// What is compared.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    format: u32,
    /// The cluster's id.
    cluster_id: String,
    /// When it was made.
    saved_at: String,
    digest: String,
    plugins: BTreeMap<String, String>,
    steps: Vec<SavedStep>,
    later: Vec<SavedStep>,
    #[serde(default)]
    risks: Vec<String>,
}

/// What a step is told from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SavedStep {
    id: String,
    plugin: String,
    node: String,
    title: String,
    #[serde(default)]
    what: String,
    #[serde(default)]
    diff: Option<serde_json::Value>,
    #[serde(default)]
    disrupts: serde_json::Value,
    #[serde(default)]
    loses: Option<String>,
    #[serde(default)]
    once: bool,
    #[serde(default)]
    live: Option<Vec<String>>,
}

/// A plan as it is saved and as `-o json` prints it: everything that is shown.
pub fn as_json(proposal: &Proposal) -> serde_json::Value {
    let mut value = serde_json::to_value(proposal).expect("a plan is plain data");
    if let Some(keys) = value.as_object_mut() {
        // What is approved follows from the steps; it is never read from a file.
        keys.remove("envelope");
        keys.insert("risks".into(), serde_json::json!(proposal.risks()));
    }
    value
}

/// Writes it, 0600: differences show what is in files.
pub fn write(path: &Path, cluster: &Cluster, proposal: &Proposal) -> Result<(), Fault> {
    let mut value = as_json(proposal);
    if let Some(keys) = value.as_object_mut() {
        keys.insert("format".into(), FORMAT.into());
        keys.insert("cluster_id".into(), cluster.id.to_string().into());
        keys.insert("saved_at".into(), jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into());
        keys.insert("arcus".into(), env!("CARGO_PKG_VERSION").into());
    }
    let unwritable = |error: std::io::Error| Fault::new(Kind::Input, "saved.unwritable", format!("the plan cannot be saved as {}: {error}", path.display())).help("--out names a file in a folder that is there and that you may write to");
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let written = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(PlainJson::text(&value).as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    })();
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        unwritable(error)
    })
}

/// Reads one.
pub fn read(path: &Path, cluster: &Cluster) -> Result<Saved, Fault> {
    let wrong = |why: String| Fault::new(Kind::Input, "saved.unreadable", format!("{}: {why}", path.display())).help("`arcus plan --out FILE` writes one");
    let metadata = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(wrong("it is no saved plan".into()));
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let saved: Saved = serde_json::from_slice(&bytes).map_err(|error| wrong(format!("it is no saved plan: {error}")))?;
    if saved.format != FORMAT {
        return Err(wrong(format!("it has the form {}, and this Arcus knows {FORMAT}", saved.format)));
    }
    if saved.cluster_id != cluster.id.to_string() {
        return Err(Fault::new(Kind::Input, "saved.other-cluster", format!("{} is a plan for another cluster ({})", path.display(), saved.cluster_id)).help("`-f FILE` names the cluster file"));
    }
    Ok(saved)
}

impl Saved {
    /// Whether a plan made now is the one that was saved.
    pub fn is(&self, now: &Proposal) -> bool {
        // The digest alone covers plans; plugins are compared so that the same plan by another plugin is told as well. What the file
        // shows is compared, too: whoever reads it must have read what is done, and not what somebody left of it.
        self.digest == now.digest && self.plugins == now.plugins && self.steps == part(now, "steps") && part(now, "later").iter().all(|later| self.later.contains(later)) && self.risks == now.risks()
    }

    /// When it was saved.
    pub fn saved_at(&self) -> &str {
        &self.saved_at
    }

    /// What is different now, in lines.
    pub fn differences(&self, now: &Proposal, paint: Paint) -> Safe {
        let mut text = Safe::new();
        for (name, digest) in &now.plugins {
            match self.plugins.get(name) {
                Some(before) if before == digest => {}
                Some(before) => text.line(&safe!("~ plugin {}: {} became {}", Foreign::word(name), Foreign::capped(before, 12), Foreign::capped(digest, 12))),
                None => text.line(&safe!("+ plugin {}", Foreign::word(name))),
            }
        }
        for (what, before, after) in [("step", &self.steps, part(now, "steps")), ("later", &self.later, part(now, "later"))] {
            let find = |all: &[SavedStep], one: &SavedStep| all.iter().find(|step| (&step.plugin, &step.id) == (&one.plugin, &one.id)).cloned();
            for step in before.iter().filter(|step| find(&after, step).is_none()) {
                text.line(&paint.red(safe!("- {} {}", what, line(step))));
            }
            for step in &after {
                match find(before, step) {
                    None => text.line(&paint.green(safe!("+ {} {}", what, line(step)))),
                    Some(was) if was != *step => text.line(&paint.yellow(safe!("~ {} {}", what, line(step)))),
                    Some(_) => {}
                }
            }
        }
        if self.risks != now.risks() {
            text.line(&safe!("~ at risk: {} became {}", Foreign::line(&self.risks.join(", ")), Foreign::line(&now.risks().join(", "))));
        }
        if text.is_empty() {
            text.line(&"the same steps are shown, but what a plugin states has changed in a part that is so already");
        }
        text
    }
}

/// Steps as they would be saved now.
fn part(now: &Proposal, key: &str) -> Vec<SavedStep> {
    as_json(now).get(key).cloned().and_then(|steps| serde_json::from_value(steps).ok()).unwrap_or_default()
}

fn line(step: &SavedStep) -> Safe {
    safe!("{}/{} on {}: {}", Foreign::word(&step.plugin), Foreign::word(&step.id), Foreign::word(&step.node), Foreign::line(&step.title))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::cli::show::samples;

    fn cluster() -> Cluster {
        let text = arcus_cluster::template("demo", "4f1c2f0e-7d57-4c9e-9c5e-3b1d6c1e9a01".parse().unwrap());
        arcus_cluster::File::parse("cluster.yaml", &text).unwrap().cluster().unwrap()
    }

    #[test]
    fn what_was_saved_is_what_is_compared() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("plan.json");
        let proposal = samples::proposal();
        write(&path, &cluster(), &proposal).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let saved = read(&path, &cluster()).unwrap();
        assert!(saved.is(&proposal));

        let mut now = samples::proposal();
        now.digest = "other".into();
        let mut added = now.steps[0].clone();
        added.id = "added".into();
        now.steps.remove(0);
        now.steps[0].what = "run something else".into();
        now.steps.push(added);
        now.later.clear();
        now.plugins.insert("storage-glusterfs".into(), "ff".into());
        assert!(!saved.is(&now));
        insta::assert_snapshot!(saved.differences(&now, Paint::new(false)).as_str());
    }

    #[test]
    fn what_somebody_edited_is_no_plan_that_was_read() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("plan.json");
        let proposal = samples::proposal();
        write(&path, &cluster(), &proposal).unwrap();
        let whole: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let edited = |edit: &dyn Fn(&mut serde_json::Value)| {
            let mut value = whole.clone();
            edit(&mut value);
            std::fs::write(&path, value.to_string()).unwrap();
            let saved = read(&path, &cluster()).unwrap();
            (saved.is(&proposal), saved.differences(&proposal, Paint::new(false)).as_str().to_owned())
        };
        assert!(edited(&|_| ()).0);
        for (edit, words) in [
            (&(|it: &mut serde_json::Value| drop(it["steps"].as_array_mut().unwrap().remove(1))) as &dyn Fn(&mut serde_json::Value), "+ step storage-glusterfs/volume on storage01"),
            (&|it| it["steps"][1]["what"] = "run true".into(), "~ step storage-glusterfs/volume on storage01"),
            (&|it| it["steps"][2]["diff"]["text"] = "nothing".into(), "~ step gateway-keepalived/conf-manage01 on manage01"),
            (&|it| it["steps"][1]["disrupts"] = serde_json::json!([]), "~ step storage-glusterfs/volume on storage01"),
            (&|it| it["steps"][1]["loses"] = "nothing".into(), "~ step storage-glusterfs/volume on storage01"),
            (&|it| it["later"] = serde_json::json!([]), "+ later platform-rainbond/up-compute01 on manage01"),
            (&|it| it["risks"] = serde_json::json!([]), "~ at risk:"),
        ] {
            let (same, told) = edited(edit);
            assert!(!same && told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn another_clusters_plan_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("plan.json");
        write(&path, &cluster(), &samples::proposal()).unwrap();
        let mut other = cluster();
        other.id = "4f1c2f0e-7d57-4c9e-9c5e-3b1d6c1e9a02".parse().unwrap();
        assert_eq!(read(&path, &other).unwrap_err().troubles[0].code, "saved.other-cluster");
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(read(&path, &cluster()).unwrap_err().troubles[0].code, "saved.unreadable");
    }
}
