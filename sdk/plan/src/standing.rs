//! Is a step so already? What to look at to tell, and how to judge what was seen.

use arcus_contract::actions::{Action, Mount, Step};
use arcus_contract::checks::Verdict;
use arcus_contract::facts::{Answer, Fact, FileProbe, Likeness, Mounted, Probe, Request, ServiceProbe};
use arcus_contract::types::Problem;

use crate::likeness::{Contents, Missing, likeness};

/// How much of a file is read to compare it. Longer ones are compared by digest, and cannot be owned in part.
pub const CONTENT_LIMIT: u32 = 65_536;

/// Where a step stands, from what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is so: the step is left out.
    Satisfied,
    /// It is not so; in words, what differs.
    Open(String),
    /// It cannot be told yet (`later`): shown, never performed.
    Later(String),
    /// It could not be seen, so nothing is claimed.
    Unknown(Problem),
    /// It must not be done: what is there now is somebody else's.
    Refused(Problem),
}

/// What must be seen on the step's node to tell whether its action is satisfied. The goal's requests come on top.
pub fn looks(step: &Step) -> Vec<Request> {
    let probes = match &step.action {
        Action::Package(package) => vec![Probe::Package(package.name.clone())],
        Action::Directory(directory) => vec![Probe::Directory(directory.path.clone())],
        Action::File(file) => vec![Probe::File(FileProbe { path: file.path.clone(), content: CONTENT_LIMIT })],
        Action::Absent(path) => vec![Probe::File(FileProbe { path: path.clone(), content: 0 })],
        Action::Service(service) => {
            vec![Probe::Service(ServiceProbe { name: service.name.clone(), newer_than: service.newer_than.clone() })]
        }
        Action::Mount(mount) => vec![Probe::Mounts, Probe::Directory(mount.target.clone())],
        Action::Unmount(_) => vec![Probe::Mounts],
        Action::CopyTree(copy) => {
            vec![Probe::File(FileProbe { path: copy.receipt.clone(), content: CONTENT_LIMIT })]
        }
        Action::Fetch(fetch) => vec![Probe::File(FileProbe { path: fetch.path.clone(), content: 0 })],
        Action::Command(_) | Action::Job(_) | Action::Wait | Action::Later(_) | Action::Call(_) => Vec::new(),
    };
    probes.into_iter().map(|probe| Request { node: step.node.clone(), probe }).collect()
}

/// Judges one step. `seen` answers [`looks`] in its order; `verdict` is the plugin's word on the goal, if there is one.
pub fn standing(step: &Step, seen: &[Answer], verdict: Option<&Verdict>, contents: &dyn Contents) -> Standing {
    if let Action::Later(later) = &step.action {
        return Standing::Later(later.why.clone());
    }
    let action = match action_standing(step, seen, contents) {
        Ok(standing) => standing,
        Err(problem) => Standing::Unknown(problem),
    };
    match (action, verdict) {
        (Standing::Satisfied, Some(verdict)) => match verdict {
            Verdict::Met => Standing::Satisfied,
            Verdict::Unmet(what) => Standing::Open(what.clone()),
            // What is done once is never tried over a failure. Anything else may well be mended by performing it.
            Verdict::Failed(problem) if step.once => Standing::Refused(problem.clone()),
            Verdict::Failed(problem) => Standing::Open(problem.message.clone()),
        },
        (standing, _) => standing,
    }
}

fn action_standing(step: &Step, seen: &[Answer], contents: &dyn Contents) -> Result<Standing, Problem> {
    let mut facts = Vec::with_capacity(seen.len());
    for answer in seen {
        facts.push(answer.as_ref().map_err(Clone::clone)?);
    }
    let open = |text: &str| Ok(Standing::Open(text.to_owned()));
    let done = Ok(Standing::Satisfied);
    match (&step.action, facts.as_slice()) {
        (Action::Package(wanted), [Fact::Package(installed)]) => match (installed, &wanted.version) {
            (None, _) => open("not installed"),
            (Some(have), Some(want)) if have != want => Ok(Standing::Open(format!("version {have} is installed"))),
            _ => done,
        },
        (Action::Directory(wanted), [Fact::Directory(fact)]) => match fact {
            None => open("not there"),
            Some(fact) if fact.mode != wanted.mode => Ok(Standing::Open(format!("mode is {:04o}", fact.mode))),
            Some(fact) if fact.owner != wanted.owner || fact.group != wanted.group => {
                Ok(Standing::Open(format!("owned by {}:{}", fact.owner, fact.group)))
            }
            Some(_) => done,
        },
        (Action::File(file), [Fact::File(fact)]) => {
            if let Some(fact) = fact
                && file.part != arcus_contract::files::Part::Whole
                && fact.size_bytes > u64::from(CONTENT_LIMIT)
            {
                return Ok(refused(
                    step,
                    "file.too-long",
                    format!("{} is longer than {CONTENT_LIMIT} bytes, so no part of it can be kept", file.path),
                    "shorten it, or move away what is there",
                ));
            }
            match likeness(file, fact.as_ref(), contents) {
                Ok(Likeness::Same) => done,
                Ok(Likeness::Absent) => open("not there"),
                Ok(Likeness::Differs) => open("differs"),
                Err(missing @ Missing::Secret(_)) => Ok(Standing::Open(missing.to_string())),
                Err(Missing::Artifact(name)) => {
                    let help = format!("say which file on your machine it is: `--artifact {name}=PATH`");
                    Ok(refused(step, "artifact.missing", Missing::Artifact(name).to_string(), &help))
                }
                Err(missing @ Missing::NodeFile(..)) => Ok(Standing::Later(missing.to_string())),
            }
        }
        (Action::Absent(_), [Fact::File(fact)]) => {
            if fact.is_none() {
                done
            } else {
                open("is there")
            }
        }
        (Action::Service(wanted), [Fact::Service(fact)]) => {
            let Some(fact) = fact else {
                return if wanted.running || wanted.enabled { open("no such unit yet") } else { done };
            };
            if wanted.running && wanted.held {
                let message = format!("{} cannot run and be held at once", wanted.name);
                return Ok(refused(step, "service.held-running", message, "this is a mistake in the plugin: tell its author"));
            }
            if fact.masked && wanted.running {
                return Ok(refused(
                    step,
                    "service.masked",
                    format!("{} is masked on {}: somebody forbade its start", wanted.name, step.node),
                    &format!("find out why; if it may run: `systemctl unmask {}` there", wanted.name),
                ));
            }
            if fact.active != wanted.running {
                return open(if wanted.running { "not running" } else { "running" });
            }
            if fact.held != wanted.held {
                return open(if wanted.held { "anybody can start it" } else { "it is held" });
            }
            if fact.enabled != wanted.enabled {
                return open(if wanted.enabled { "not enabled" } else { "enabled" });
            }
            if wanted.running && fact.stale {
                return open("runs with what its files said before");
            }
            done
        }
        (Action::Mount(wanted), [Fact::Mounts(mounts), Fact::Directory(directory)]) => {
            Ok(mount_standing(step, wanted, mounts, directory.as_ref().map(|fact| fact.entries)))
        }
        (Action::Unmount(target), [Fact::Mounts(mounts)]) => {
            if mounts.iter().any(|mount| mount.target == *target) {
                open("mounted, or in fstab")
            } else {
                done
            }
        }
        (Action::CopyTree(copy), [Fact::File(receipt)]) => match receipt {
            Some(fact) if names(&fact.content, &copy.source) && names(&fact.content, &copy.target) => done,
            _ => open("no receipt"),
        },
        // Only their goals tell.
        (Action::Fetch(fetch), [Fact::File(fact)]) => match (fact, contents.kept(&step.node, &fetch.name)) {
            (None, _) => open("there is nothing to fetch yet"),
            (Some(_), None) => open("not fetched yet"),
            // Of very large files the node gives no digest.
            (Some(fact), Some(kept)) if fact.sha256 == kept.sha256 || (fact.sha256.is_empty() && fact.size_bytes == kept.size) => done,
            (Some(_), Some(_)) => open("what was fetched is older"),
        },
        (Action::Command(_) | Action::Job(_) | Action::Wait | Action::Call(_), []) => done,
        _ => Err(problem(step, "answer.shape", "an answer of another kind than was asked for".into())),
    }
}

fn names(receipt: &[u8], path: &str) -> bool {
    let receipt = String::from_utf8_lossy(receipt);
    receipt.lines().any(|line| line.split_once(": ").is_some_and(|(_, value)| value == path))
}

fn mount_standing(step: &Step, wanted: &Mount, mounts: &[Mounted], entries: Option<u64>) -> Standing {
    use arcus_contract::actions::Over;
    let refused = |message: String, help: &str| refused(step, "mount.foreign", message, help);
    // What is bound has the type of what it lies on.
    let bound = wanted.options.iter().any(|option| option == "bind");
    let same = |mount: &&Mounted| mount.source == wanted.source && (bound || same_type(&mount.fstype, &wanted.fstype));
    let replaced = |mount: &&Mounted| matches!(&wanted.over, Over::Mount(source) if *source == mount.source);
    let here = |mount: &&Mounted| mount.target == wanted.target;

    let live = mounts.iter().filter(here).filter(|mount| mount.live).last();
    let persistent = mounts.iter().filter(here).find(|mount| mount.fstab.is_some());
    for mount in [live, persistent].into_iter().flatten() {
        if !same(&mount) && !replaced(&mount) {
            let is = if mount.live { "is" } else { "is in fstab as" };
            let message = format!(
                "{} on {} {is} {} ({}), not {} ({}): Arcus does not cover or replace it",
                wanted.target, step.node, mount.source, mount.fstype, wanted.source, wanted.fstype
            );
            let help = "if nobody needs it any more, unmount it and take its line out of /etc/fstab; a shared directory is moved to another storage with `arcus migrate`";
            return refused(message, help);
        }
    }
    match live {
        None if !wanted.live => {}
        Some(_) if !wanted.live => return Standing::Open("mounted".into()),
        None if entries.is_some_and(|entries| entries > 0) && wanted.over == Over::Nothing => {
            let message = format!("{} on {} holds files and nothing is mounted there: mounting would hide them", wanted.target, step.node);
            return refused(message, "move them to another place; a shared directory is moved to another storage with `arcus migrate`");
        }
        None => return Standing::Open("not mounted".into()),
        Some(mount) if !same(&mount) => return Standing::Open(format!("{} is mounted", mount.source)),
        Some(_) => {}
    }
    if wanted.persist {
        match persistent {
            None => return Standing::Open("not in fstab".into()),
            Some(mount) if !same(&mount) => return Standing::Open(format!("fstab says {}", mount.source)),
            Some(mount) if mount.fstab.as_ref() != Some(&wanted.options) => {
                return Standing::Open("fstab has other options".into());
            }
            Some(_) => {}
        }
    }
    Standing::Satisfied
}

/// fstab says `glusterfs` where the kernel says `fuse.glusterfs`, and `nfs` where it says `nfs4`.
pub fn same_type(left: &str, right: &str) -> bool {
    let plain = |name: &str| match name.strip_prefix("fuse.").unwrap_or(name) {
        "nfs4" => "nfs".to_owned(),
        other => other.to_owned(),
    };
    plain(left) == plain(right)
}

/// Not to be performed, and what to do about that.
fn refused(step: &Step, code: &str, message: String, help: &str) -> Standing {
    Standing::Refused(Problem { help: Some(help.into()), ..problem(step, code, message) })
}

fn problem(step: &Step, code: &str, message: String) -> Problem {
    Problem { code: code.into(), message, help: None, node: Some(step.node.clone()), pointer: None, retryable: false }
}

#[cfg(test)]
mod tests {
    use arcus_contract::actions::Service;
    use arcus_contract::facts::{FileFact, ServiceFact};
    use arcus_contract::files::{Content, File, Part};

    use super::*;
    use crate::likeness::Plain;
    use crate::samples;

    fn refused(action: Action, seen: Fact) -> Problem {
        let step = Step { title: "Do it".into(), ..samples::step("x", "one", action) };
        match standing(&step, &[Ok(seen)], None, &Plain) {
            Standing::Refused(problem) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_refused_names_its_node_and_says_what_next() {
        let file = |part, content| Action::File(File { path: "/etc/x".into(), part, content, mode: 0o644, owner: "root".into(), group: "root".into(), keep_original: false });
        let unit = |running, held| Action::Service(Service { name: "x.service".into(), running, enabled: true, held, newer_than: vec![], reload: false });
        let stopped = |masked| ServiceFact { active: false, enabled: false, masked, held: false, failed: false, since_s: 0, stale: false };
        let long = FileFact { size_bytes: u64::from(CONTENT_LIMIT) + 1, ..FileFact::default() };
        let all = [
            ("artifact.missing", "--artifact grctl=PATH", refused(file(Part::Whole, Content::Artifact("grctl".into())), Fact::File(None))),
            ("file.too-long", "shorten", refused(file(Part::Block("x".into()), Content::Pieces(vec![])), Fact::File(Some(long)))),
            ("service.masked", "systemctl unmask x.service", refused(unit(true, false), Fact::Service(Some(stopped(true))))),
            ("service.held-running", "author", refused(unit(true, true), Fact::Service(Some(stopped(false))))),
        ];
        for (code, words, problem) in all {
            assert_eq!((problem.code.as_str(), problem.node.as_deref()), (code, Some("one")));
            assert!(problem.help.as_deref().is_some_and(|help| help.contains(words)), "{problem:?}");
        }
    }
}
