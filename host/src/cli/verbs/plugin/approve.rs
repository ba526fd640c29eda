//! `arcus plugin approve`: the operator's yes to what a third party's plugin asks for, in this cluster and for this very component.

use arcus_cluster::Cluster;
use arcus_engine::{Fault, Gate, Kind, refused};
use arcus_plugin::{Approval, Inspection, Pin, Refusal, Signer, statement_place, statement_text};

use super::{add, comes_with_arcus, not_here, read, signed, unreadable};
use crate::cli::Context;
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::cli::show::grant;
use crate::cli::work::approvals;
use crate::safe;

/// Shows what one asks for, asks, and remembers the answer on this side.
pub fn run(context: &Context, name: &str, digest: Option<&str>, draft: bool) -> Result<(), Fault> {
    let folder = Folder::open(&context.global.file)?;
    let (_, cluster) = folder.cluster()?;
    let mut gate = Gate::open(&folder.dir, approvals(context, &folder, &cluster)?)?;
    let path = gate.path(&cluster, name).filter(|_| cluster.plugins.contains_key(name) || !comes_with_arcus(name)).ok_or_else(|| not_here(name))?;
    let inspection = component(&folder, name, &path)?;
    let console = &context.console;
    let refusal = match gate.admit(&cluster, &inspection) {
        Ok(_) if draft => None,
        // Signed since: plans say that it is not, until that is noted.
        Ok(approval) if approval.signed_by.is_none() && (digest.is_some() || console.terminal().person) && look(context, &folder, &gate, &inspection, &path)?.is_some() => Some(Refusal::NotApproved(None)),
        Ok(_) => {
            console.data(safe!("{} {} is approved already", Foreign::word(name), Foreign::word(&inspection.manifest.version)));
            return Ok(());
        }
        Err(Refusal::NotPinned) => {
            gate.lock.pins.insert(name.to_owned(), Pin::of(&inspection, &format!("./{}", path.trim_start_matches("./")), None));
            // Only in memory: what it says now is about the approval alone.
            match gate.admit(&cluster, &inspection) {
                Ok(_) => None,
                Err(refusal @ Refusal::NotApproved(_)) => Some(refusal),
                Err(other) => return Err(refused(&inspection, &other)),
            }
        }
        Err(refusal @ Refusal::NotApproved(_)) => Some(refusal),
        Err(other) => return Err(refused(&inspection, &other)),
    };
    if draft {
        return write_draft(context, &folder, &cluster, &gate, &inspection, &path);
    }
    if let Some(refusal) = refusal {
        decide(context, &folder, &cluster, &gate, &inspection, &path, &refusal, digest)?;
    }
    gate.lock.write(&folder.dir).map_err(|error| Fault::new(Kind::Input, error.code(), error.to_string()).help(error.help()))?;
    console.report("approved", &serde_json::json!({ "plugin": name, "version": inspection.manifest.version, "digest": inspection.digest }));
    console.data(safe!("{} {} is approved for the cluster {}", Foreign::word(name), Foreign::word(&inspection.manifest.version), Foreign::word(&cluster.name)));
    match add::in_file(&inspection.manifest).filter(|_| !cluster.uses().any(|used| used.plugin == name)) {
        Some(line) => console.data(safe!("to use it, in the cluster file: `{}`", Foreign::line(&line))),
        None => console.data(safe!("next: arcus validate, arcus plan")),
    }
    Ok(())
}

/// At a terminal, before anything else is done: asks for what is pinned and not approved yet. Off a terminal nothing is asked, and
/// whoever wants to use it is refused.
pub fn ask(context: &Context, folder: &Folder, cluster: &Cluster, gate: &Gate) -> Result<(), Fault> {
    if !context.console.terminal().person {
        return Ok(());
    }
    for used in cluster.uses() {
        let Some(path) = gate.path(cluster, &used.plugin).filter(|_| cluster.plugins.contains_key(&used.plugin) || !comes_with_arcus(&used.plugin)) else { continue };
        // What is wrong with it otherwise is told when it is loaded.
        let Ok(inspection) = component(folder, &used.plugin, &path) else { continue };
        if let Err(refusal @ Refusal::NotApproved(_)) = gate.admit(cluster, &inspection) {
            decide(context, folder, cluster, gate, &inspection, &path, &refusal, None)?;
        }
    }
    Ok(())
}

/// Shows, asks, and keeps the yes.
#[allow(clippy::too_many_arguments)]
fn decide(context: &Context, folder: &Folder, cluster: &Cluster, gate: &Gate, inspection: &Inspection, origin: &str, refusal: &Refusal, digest: Option<&str>) -> Result<(), Fault> {
    let console = &context.console;
    let paint = console.terminal().err;
    let name = &inspection.manifest.name;
    if let Some(given) = digest
        && given != inspection.digest
    {
        return Err(Fault::new(Kind::Denied, "plugin.other-digest", format!("the sha256 of {name} is {}, not what was given", inspection.digest))
            .help("the component is not the one that you have looked at"));
    }
    let signer = look(context, folder, gate, inspection, origin)?;
    console.say(grant::plugin(inspection, origin, paint));
    if let Some(signer) = &signer {
        console.say(safe!("It is signed by {}, a key of your policy.", Foreign::word(&signer.name)));
    }
    if let Refusal::NotApproved(Some(before)) = refusal {
        console.say(grant::difference(before, inspection, paint));
    }
    let statement = statement_place(name);
    if matches!(refusal, Refusal::NotApproved(_)) && folder.dir.exists(signed::beside(&statement)) {
        console.say(safe!("{} is signed, and counts for nothing here: by a key that is not among the approvers of your policy, or about another component or cluster.", Foreign::line(&statement)));
    }
    if digest.is_none() {
        if !console.terminal().person {
            return Err(refused(inspection, refusal).help(format!(
                "nobody can be asked here: approve it at a terminal (`arcus plugin approve {name}`), or, having looked at it, name its digest: `arcus plugin approve {name} --digest {}`",
                inspection.digest
            )));
        }
        let question = safe!("To allow all this on the nodes of {}, type the name of the plugin ({}):", Foreign::word(&cluster.name), Foreign::word(name));
        if !console.ask_word(question, name) {
            return Err(refused(inspection, refusal));
        }
    }
    let Some(approvals) = &gate.approvals else {
        return Err(Fault::new(Kind::Input, "approvals.nowhere", "there is no place on your side to keep approvals: neither XDG_STATE_HOME nor HOME is set").help("set XDG_STATE_HOME to a folder of your own"));
    };
    approvals
        .keep(&Approval { signed_by: signer.map(|signer| signer.name), ..Approval::of(inspection, &cluster.id.to_string(), &by(context), &now()) })
        .map_err(|error| Fault::new(Kind::Input, error.code(), error.to_string()).help(error.help()))
}

/// That the component is the one that was looked at, and signed as the lock file says.
fn look(context: &Context, folder: &Folder, gate: &Gate, inspection: &Inspection, origin: &str) -> Result<Option<Signer>, Fault> {
    let name = &inspection.manifest.name;
    let bytes = folder.dir.read(origin).map_err(|error| unreadable(name, origin, &error))?;
    if arcus_plugin::digest(&bytes) != inspection.digest {
        return Err(Fault::new(Kind::Denied, "plugin.changed-meanwhile", format!("{origin} was changed while it was looked at")).help("look again who writes there"));
    }
    let signature = signed::read(folder.dir.open(signed::beside(origin)))?;
    let signer = signed::signer(context, name, &bytes, signature.as_deref())?;
    // What the lock file says of it must be so: the signature may be gone.
    if let Some(key) = gate.lock.pins.get(name).and_then(|pin| pin.key.as_deref())
        && signer.as_ref().is_none_or(|signer| signer.key != key)
    {
        return Err(Fault::new(Kind::Denied, "plugin.signature-missing", format!("arcus.lock pins {name} as signed, and no key of yours signed what is there"))
            .help(format!("put the author's key into your policy and the signature to {}; or `arcus plugin update {name} --accept other-key`", signed::beside(origin))));
    }
    Ok(signer)
}

/// Writes what somebody may sign.
fn write_draft(context: &Context, folder: &Folder, cluster: &Cluster, gate: &Gate, inspection: &Inspection, origin: &str) -> Result<(), Fault> {
    let name = &inspection.manifest.name;
    let signer = look(context, folder, gate, inspection, origin)?;
    let console = &context.console;
    console.say(grant::plugin(inspection, origin, console.terminal().err));
    let approval = Approval { signed_by: signer.map(|signer| signer.name), ..Approval::of(inspection, &cluster.id.to_string(), &by(context), &now()) };
    let place = statement_place(name);
    add::put(folder, &place, statement_text(&approval).as_bytes())?;
    gate.lock.write(&folder.dir).map_err(|error| Fault::new(Kind::Input, error.code(), error.to_string()).help(error.help()))?;
    console.report("statement", &place);
    console.data(safe!("{} says what was shown, and allows nothing by itself. Whoever may approve signs it:\n  minisign -Sm {}", Foreign::line(&place), Foreign::line(&place)));
    console.data(safe!("It counts for those who have that key in their policy, below [approvers]."));
    Ok(())
}

fn by(context: &Context) -> String {
    format!("{}@{}", context.environment.user(), crate::cli::environment::host())
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The component of that name in the cluster's folder.
fn component(folder: &Folder, name: &str, path: &str) -> Result<Inspection, Fault> {
    let bytes = folder.dir.read(path).map_err(|error| unreadable(name, path, &error))?;
    let inspection = read(path, &bytes)?;
    if inspection.manifest.name == name {
        return Ok(inspection);
    }
    Err(Fault::new(Kind::Input, "plugin.other-name", format!("{path} calls itself `{}`, not `{name}`", inspection.manifest.name)).help("name it in the cluster file as it calls itself"))
}
