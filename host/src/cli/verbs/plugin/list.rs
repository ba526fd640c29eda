//! `arcus plugin list`.

use arcus_engine::{Fault, Gate};
use arcus_plugin::{Inspection, Refusal, embedded};

use super::{EMBEDDED, json, read, unreadable};
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::cli::show::table::table;
use crate::cli::work::approvals;
use crate::cli::{Context, tell};
use crate::safe;

/// All of this Arcus, those that the cluster file names, and those that are pinned, if there is a cluster file.
pub fn run(context: &Context) -> Result<(), Fault> {
    let console = &context.console;
    let paint = console.terminal().out;
    let (mut rows, mut told) = (vec![], vec![]);
    for plugin in embedded() {
        match read(plugin.name, plugin.bytes) {
            Ok(inspection) => {
                rows.push(row(&inspection, EMBEDDED, "comes with it", paint));
                told.push(json(&inspection, EMBEDDED));
            }
            Err(fault) => tell(console, &fault),
        }
    }
    if embedded().is_empty() {
        console.say(console.terminal().err.yellow("this arcus was built without any plugins (`cargo xtask plugins`, then `cargo build`)"));
    }
    if let Ok(folder) = Folder::open(&context.global.file)
        && folder.dir.exists(&folder.name)
    {
        match folder.cluster() {
            Ok((_, cluster)) => {
                let gate = Gate::open(&folder.dir, approvals(context, &folder, &cluster)?)?;
                let mut names: Vec<&String> = cluster.plugins.keys().chain(gate.lock.pins.keys()).collect();
                names.sort();
                names.dedup();
                for name in names {
                    let Some(path) = gate.path(&cluster, name) else { continue };
                    let bytes = folder.dir.read(&path).map_err(|error| unreadable(name, &path, &error));
                    match bytes.and_then(|bytes| read(&path, &bytes)) {
                        Ok(inspection) => {
                            let admitted = gate.admit(&cluster, &inspection);
                            let signed = admitted.as_ref().ok().and_then(|approval| approval.signed_by.clone());
                            let state = if let Err(refusal) = &admitted { state(refusal) } else { "approved" };
                            let mut one = json(&inspection, &path);
                            one["state"] = state.into();
                            one["source"] = gate.lock.pins.get(name).map(|pin| pin.source.clone()).into();
                            one["approved_by"] = admitted.as_ref().ok().map(|approval| approval.by.clone()).into();
                            one["signed_by"] = signed.clone().into();
                            told.push(one);
                            let signed = if signed.is_some() { "signed" } else { "unsigned" };
                            let state = safe!("{}, {}", state, signed);
                            rows.push(shown(&inspection, &path, if admitted.is_ok() { paint.green(state) } else { paint.yellow(state) }, paint));
                        }
                        Err(fault) => tell(console, &fault),
                    }
                }
            }
            Err(_) => console.note("the cluster file has mistakes (`arcus validate`): plugins that it names are not listed"),
        }
    }
    console.report("plugins", &told);
    if !rows.is_empty() {
        console.data(table(&rows));
    }
    Ok(())
}

fn state(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotPinned => "not pinned",
        Refusal::OtherThanPinned(_) => "not as pinned",
        Refusal::LockEdited(_) => "arcus.lock was edited",
        Refusal::Hatch => "refused by your policy",
        Refusal::NotApproved(_) => "not approved",
        Refusal::Unknown(_) => "unknown",
    }
}

fn row(inspection: &Inspection, origin: &str, state: &'static str, paint: Paint) -> Vec<Safe> {
    shown(inspection, origin, safe!("{}", state), paint)
}

fn shown(inspection: &Inspection, origin: &str, state: Safe, paint: Paint) -> Vec<Safe> {
    let manifest = &inspection.manifest;
    vec![
        paint.bold(Foreign::word(&manifest.name)),
        Safe::of(&Foreign::word(&manifest.version)),
        Safe::of(&Foreign::capped(&inspection.digest, 12)),
        Safe::of(&Foreign::word(origin)),
        state,
        Safe::of(&Foreign::line(&manifest.summary)),
    ]
}
