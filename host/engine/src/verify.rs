//! Proves that the cluster is as it should be: every plugin's checks, witness files across nodes, nothing unknown passed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arcus_contract::checks::{Check, Outcome as CheckOutcome, Witness};
use arcus_node::{Batch, Change, Expect, Fence, Hidden, Look, Quiet, Seen, Source, Task};
use futures::future::join_all;

use crate::cast::Role;
use crate::engine::Engine;
use crate::event::Event;
use crate::fault::{Fault, Kind, Trouble};
use crate::migrate;

/// How often pending checks are looked at again.
const SETTLE_EVERY: Duration = Duration::from_secs(2);

/// What was checked.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Verified {
    /// Every check, in the order of the plugins.
    pub checks: Vec<CheckReport>,
    /// Nodes that were not reached, and why.
    pub missing: BTreeMap<String, Trouble>,
}

/// One check and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CheckReport {
    /// Stable name.
    pub id: String,
    /// Name of the plugin.
    pub plugin: String,
    /// The node it is about.
    pub node: Option<String>,
    /// What was checked.
    pub title: String,
    /// `passed`, `warned`, `failed`, `pending`, `unknown`.
    pub result: String,
    /// What was seen.
    pub detail: String,
}

impl Verified {
    /// Whether every check passed, or only warned.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| matches!(check.result.as_str(), "passed" | "warned"))
    }

    /// Checks with this result.
    pub fn count(&self, result: &str) -> usize {
        self.checks.iter().filter(|check| check.result == result).count()
    }
}

impl Engine {
    /// Runs every check of every plugin, and waits for those that say how long they may take to settle.
    ///
    /// # Errors
    /// Only when checking itself is not possible; failed checks are results.
    pub async fn verify(&self) -> Result<Verified, Fault> {
        self.emit(Event::Phase { name: "verify" });
        let begun = Instant::now();
        loop {
            let (verified, settle) = self.verify_once().await?;
            let left = settle.map(|settle| settle.saturating_sub(begun.elapsed()));
            match left {
                Some(left) if !left.is_zero() && !self.stop.is_cancelled() => {
                    let pending: Vec<&CheckReport> = verified.checks.iter().filter(|check| check.result == "pending").collect();
                    if let Some(check) = pending.first() {
                        self.emit(Event::Note(format!("{} pending, up to {} s more: {}: {}", pending.len(), left.as_secs(), check.title, check.detail)));
                    }
                    tokio::time::sleep(SETTLE_EVERY.min(left)).await;
                }
                _ => return Ok(verified),
            }
        }
    }

    /// As [`Engine::verify`], with one look: what may still settle is pending, and so not passed.
    ///
    /// # Errors
    /// Only when checking itself is not possible; failed checks are results.
    pub async fn verify_now(&self) -> Result<Verified, Fault> {
        self.emit(Event::Phase { name: "verify" });
        Ok(self.verify_once().await?.0)
    }

    /// One look at everything; with it, the longest time a pending check asks for.
    async fn verify_once(&self) -> Result<(Verified, Option<Duration>), Fault> {
        let (observer, round) = self.round();
        migrate::look(self, &observer);
        let seats: Vec<_> = self.cast.roles.iter().map(|_| round.seat()).collect();
        let calls = self.cast.roles.iter().zip(seats).map(|(role, seat)| role.plugin.verify(seat, &role.input));
        let mut checks = Vec::new();
        let mut witnesses = Vec::new();
        let mut fault = Fault { kind: Kind::Verification, troubles: vec![], diagnostics: vec![] };
        let mut settle: Option<Duration> = None;
        for (role, result) in self.cast.roles.iter().zip(join_all(calls).await) {
            match result {
                Ok(found) => {
                    for check in found.checks {
                        if let CheckOutcome::Pending(seconds) = check.outcome {
                            settle = settle.max(Some(Duration::from_secs(u64::from(seconds))));
                        }
                        checks.push(report(role, check, &[]));
                    }
                    witnesses.extend(found.witnesses.into_iter().map(|witness| (role, witness)));
                }
                Err(failure) => self.blame(role, failure, &mut fault),
            }
        }
        // Nothing is written into a directory that is being moved.
        let _ = arcus_plugin::Fetch::fetch(&*observer, Vec::new()).await;
        migrate::refuse_unknown(self, &observer.node_files())?;
        if !fault.troubles.is_empty() || !fault.diagnostics.is_empty() {
            return Err(fault);
        }
        let witnessed = join_all(witnesses.into_iter().map(|(role, witness)| self.witness(role, witness))).await;
        checks.extend(witnessed.into_iter().flatten());
        Ok((Verified { checks, missing: self.missing().await }, settle))
    }

    /// Can these machines become this cluster?
    ///
    /// # Errors
    /// When the inspection itself cannot be made.
    pub async fn preflight(&self) -> Result<Verified, Fault> {
        self.emit(Event::Phase { name: "preflight" });
        let Some(role) = &self.cast.preflight else {
            return Err(Fault::new(Kind::Input, "plugin.unknown", "this build has no `preflight` plugin").help("build with `cargo xtask build`"));
        };
        let (_, round) = self.round();
        let relaxed: Vec<&str> = self.cluster.relax.iter().map(|relaxed| relaxed.name.as_str()).collect();
        match role.plugin.inspect(round.seat(), &role.input).await {
            Ok(checks) => {
                let checks = checks.into_iter().map(|check| report(role, check, &relaxed)).collect();
                Ok(Verified { checks, missing: self.missing().await })
            }
            Err(failure) => {
                let mut fault = Fault { kind: Kind::Input, troubles: vec![], diagnostics: vec![] };
                self.blame(role, failure, &mut fault);
                Err(fault)
            }
        }
    }

    async fn missing(&self) -> BTreeMap<String, Trouble> {
        self.fleet.missing().await.into_iter().map(|(node, problem)| (node, Trouble::of(None, problem))).collect()
    }

    /// Writes a file that is new in this run on one node, reads it on the others, removes it.
    async fn witness(&self, role: &Role, witness: Witness) -> Vec<CheckReport> {
        let said = |node: &str, result: &str, detail: String| CheckReport {
            id: witness.id.clone(),
            plugin: role.plugin.name().to_owned(),
            node: Some(node.to_owned()),
            title: witness.title.clone(),
            result: result.into(),
            detail,
        };
        let allowed = role.plugin.manifest().grant.write.iter().any(|prefix| arcus_plan::pattern::is_under(&witness.directory, prefix));
        if !allowed {
            let trouble = Trouble { code: "plugin.denied".into(), ..Trouble::default() };
            return vec![said(&witness.writer, "failed", format!("{}: {} may not write below {}", trouble.code, role.plugin.name(), witness.directory))];
        }
        let token = uuid::Uuid::new_v4().simple().to_string();
        let path = format!("{}/.arcus-{token}", witness.directory.trim_end_matches('/'));
        let write = Change::WriteFile {
            path: path.clone(),
            content: Source::Bytes(Hidden::from(token.clone())),
            mode: 0o600,
            owner: "root".into(),
            group: "root".into(),
            keep_original: false,
            expect: Expect::Absent,
            shared_parent: true,
        };
        if let Err(why) = self.one(&witness.writer, "witness", write).await {
            return vec![said(&witness.writer, "failed", format!("could not write {path}: {why}"))];
        }
        let mut reports = vec![said(&witness.writer, "passed", format!("wrote {path}"))];
        let asks = witness.readers.iter().map(|node| (node.clone(), Look::Content { path: path.clone(), limit: 4096 })).collect();
        for (node, answer) in witness.readers.iter().zip(self.fleet.look(asks).await) {
            reports.push(match answer {
                Ok(Seen::Content(Some(content))) if content.bytes.reveal() == token.as_bytes() => said(node, "passed", format!("reads what {} wrote", witness.writer)),
                Ok(Seen::Content(Some(_))) => said(node, "failed", format!("{path} holds something else than {} wrote", witness.writer)),
                Ok(_) => said(node, "failed", format!("{path}, written on {}, is not there", witness.writer)),
                // Root may read every file but one of a server that takes it for somebody else: an answer, and a bad one.
                Err(problem) if problem.code == "node.denied" => said(node, "failed", format!("root may not read what {} wrote as root: {}", witness.writer, problem.message)),
                Err(problem) => said(node, "unknown", problem.message),
            });
        }
        let remove = Change::Remove { path: path.clone(), expect: Expect::Any, shared_parent: true };
        if let Err(why) = self.one(&witness.writer, "witness", remove).await {
            reports.push(said(&witness.writer, "warned", format!("could not remove {path}: {why}")));
        }
        reports
    }

    /// One change on one node, outside of any plan.
    pub(crate) async fn one(&self, node: &str, id: &str, change: Change) -> Result<(), String> {
        self.change(node, id, change, None).await
    }

    /// The same under the lock: refused where another run has taken over.
    pub(crate) async fn fenced(&self, node: &str, id: &str, change: Change, fence: &Fence) -> Result<(), String> {
        self.change(node, id, change, Some(fence.clone())).await
    }

    async fn change(&self, node: &str, id: &str, change: Change, fence: Option<Fence>) -> Result<(), String> {
        let batch = Batch { fence, tasks: vec![Task { id: id.into(), change, timeout: Duration::from_secs(30) }], ..Batch::default() };
        match self.fleet.run(node, &batch, &mut Quiet).await {
            Ok(report) => match report.outcomes.into_iter().next() {
                Some(arcus_node::Outcome::Done(_)) => Ok(()),
                Some(arcus_node::Outcome::Failed(failure) | arcus_node::Outcome::Refused(failure)) => Err(failure.message),
                Some(arcus_node::Outcome::Fenced { .. }) => Err("another run has taken over".into()),
                other => Err(format!("{other:?}")),
            },
            Err(lost) => Err(lost.to_string()),
        }
    }
}

/// A check as reported; one that the operator relaxed by its id warns where it would fail.
fn report(role: &Role, check: Check, relaxed: &[&str]) -> CheckReport {
    let is_relaxed = relaxed.contains(&check.id.as_str());
    let result = match check.outcome {
        CheckOutcome::Passed => "passed",
        CheckOutcome::Warned => "warned",
        CheckOutcome::Failed if is_relaxed => "warned",
        CheckOutcome::Failed => "failed",
        CheckOutcome::Pending(_) => "pending",
        CheckOutcome::Unknown => "unknown",
    };
    let detail = if is_relaxed && result == "warned" { format!("{} (relaxed in the file)", check.detail) } else { check.detail };
    CheckReport { id: check.id, plugin: role.plugin.name().to_owned(), node: check.node, title: check.title, result: result.into(), detail }
}
