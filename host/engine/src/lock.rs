//! The lock lies on the managers, so that two checkouts, or a laptop that wakes up, cannot both change the cluster.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arcus_contract::types::Role;
use arcus_node::{Batch, Change, Fence, LockOwner, Look, Outcome, Quiet, Seen, Task};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::fault::{Fault, Kind, Trouble};
use crate::fleet::Fleet;

/// A lock without a heartbeat for so long counts as left behind.
const STALE_AFTER_S: u32 = 60;
const BEAT_EVERY: Duration = Duration::from_secs(10);

/// Who holds the lock, as the managers say.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Holder {
    /// The run.
    pub run: String,
    /// Login name of the operator.
    pub user: String,
    /// Their machine.
    pub host: String,
    /// Process there.
    pub pid: u32,
    /// Seconds since 1970, by their clock.
    pub since: u64,
    /// `apply`, `drill`.
    pub verb: String,
    /// Seconds since the last heartbeat.
    pub idle_s: u64,
    /// Its epoch.
    pub epoch: u64,
    /// Managers that say so.
    pub nodes: Vec<String>,
}

/// The lock, while we hold it. Dropping it stops the heartbeat; [`Held::release`] gives it back.
pub struct Held {
    fleet: Arc<Fleet>,
    managers: Vec<String>,
    run: String,
    epoch: u64,
    beat: tokio::task::JoinHandle<()>,
    fenced: CancellationToken,
}

impl Held {
    /// What every mutating batch carries.
    pub fn fence(&self) -> Fence {
        Fence { epoch: self.epoch, run: self.run.clone() }
    }

    /// Cancelled when another run took over.
    pub fn fenced(&self) -> &CancellationToken {
        &self.fenced
    }

    /// Gives the lock back on every manager that can be reached.
    pub async fn release(self) {
        self.beat.abort();
        all(&self.fleet, &self.managers, |_| Change::LockRelease { run: self.run.clone() }).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.beat.abort();
    }
}

async fn all(fleet: &Fleet, nodes: &[String], change: impl Fn(&str) -> Change) -> Vec<Option<Outcome>> {
    let runs = nodes.iter().map(|node| {
        let task = Task { id: "lock".into(), change: change(node), timeout: Duration::from_secs(20) };
        let batch = Batch { tasks: vec![task], ..Batch::default() };
        async move { fleet.run(node, &batch, &mut Quiet).await.ok().and_then(|report| report.outcomes.into_iter().next()) }
    });
    join_all(runs).await
}

impl Engine {
    fn managers(&self) -> Vec<String> {
        self.cluster.with(Role::Manage).map(|member| member.node.name.clone()).collect()
    }

    /// Who holds the lock; needs no lock.
    ///
    /// # Errors
    /// When no manager could be asked.
    pub async fn holder(&self) -> Result<Option<Holder>, Fault> {
        Ok(self.look_at_lock().await?.1)
    }

    /// The epoch of the lock where nobody holds it, and a majority of the managers said so.
    pub(crate) async fn free_epoch(&self) -> Option<u64> {
        let (epoch, holder, answered) = self.look_at_lock().await.ok()?;
        (holder.is_none() && answered > self.managers().len() / 2).then_some(epoch)
    }

    /// The highest epoch seen, who holds the lock, and how many managers answered.
    async fn look_at_lock(&self) -> Result<(u64, Option<Holder>, usize), Fault> {
        let managers = self.managers();
        let asks = managers.iter().map(|node| (node.clone(), Look::Lock)).collect();
        let (mut epoch, mut holder, mut answered): (u64, Option<Holder>, usize) = (0, None, 0);
        for (node, answer) in managers.iter().zip(self.fleet.look(asks).await) {
            let Ok(Seen::Lock(fact)) = answer else { continue };
            answered += 1;
            epoch = epoch.max(fact.epoch);
            let Some(owner) = fact.owner else { continue };
            match &mut holder {
                Some(known) if known.run == owner.run => {
                    known.nodes.push(node.clone());
                    known.idle_s = known.idle_s.min(fact.idle_s);
                }
                Some(known) if known.epoch > owner.epoch => {}
                _ => {
                    holder = Some(Holder {
                        run: owner.run,
                        user: owner.user,
                        host: owner.host,
                        pid: owner.pid,
                        since: owner.since,
                        verb: owner.verb,
                        idle_s: fact.idle_s,
                        epoch: owner.epoch,
                        nodes: vec![node.clone()],
                    });
                }
            }
        }
        if answered == 0 {
            return Err(Fault::new(Kind::Unreachable, "lock.no-manager", "no manager answered, so nobody can say who works on the cluster")
                .help("maybe it is this machine that is cut off: try to reach a manager by hand"));
        }
        Ok((epoch, holder, answered))
    }

    /// Takes the lock on a majority of the managers.
    pub(crate) async fn take_lock(&self, run: &str, verb: &str) -> Result<Held, Fault> {
        let managers = self.managers();
        let (epoch, holder, answered) = self.look_at_lock().await?;
        let majority = managers.len() / 2 + 1;
        if answered < majority {
            let message = format!("{answered} of {} managers answered; the lock needs {majority}", managers.len());
            return Err(Fault::new(Kind::Unreachable, "lock.no-majority", message).help("maybe it is this machine that is cut off"));
        }
        let mut over = None;
        if let Some(holder) = holder {
            let here = holder.host == self.operator.host;
            let dead = here && !process_lives(holder.pid);
            if !dead && holder.idle_s < u64::from(STALE_AFTER_S) {
                return Err(held_by(&holder));
            }
            over = Some(holder.run);
        }
        let epoch = epoch + 1;
        let since = jiff::Timestamp::now().as_second().max(0) as u64;
        let owner = LockOwner {
            run: run.to_owned(),
            epoch,
            user: self.operator.user.clone(),
            host: self.operator.host.clone(),
            pid: self.operator.pid,
            since,
            verb: verb.to_owned(),
        };
        let take = |_: &str| Change::LockTake { owner: owner.clone(), stale_after_s: STALE_AFTER_S, over: over.clone() };
        let outcomes = all(&self.fleet, &managers, take).await;
        let taken = outcomes.iter().flatten().filter(|outcome| outcome.is_done()).count();
        if taken < majority {
            all(&self.fleet, &managers, |_| Change::LockRelease { run: run.to_owned() }).await;
            return Err(match self.holder().await? {
                Some(holder) => held_by(&holder),
                None => {
                    let message = format!("the lock was taken on {taken} of {} managers, {majority} are needed", managers.len());
                    let mut fault = Fault::new(Kind::Locked, "lock.not-taken", message).help("`arcus status` says who has it and which managers answer; then again");
                    for (node, outcome) in managers.iter().zip(outcomes) {
                        let Some(Outcome::Failed(failure) | Outcome::Refused(failure)) = outcome else { continue };
                        // Its own disk, not another run.
                        if matches!(failure.code.as_str(), "state.failed" | "node.no-space") {
                            fault.kind = Kind::Input;
                        }
                        let tail = (!failure.tail.is_empty()).then(|| String::from_utf8_lossy(&failure.tail).into_owned());
                        let help = Some("the lock lies on the managers: make room on the disk of this one, or have it mounted writable again".into());
                        fault.troubles.push(Trouble { code: failure.code, message: failure.message, help, node: Some(node.clone()), tail, ..Trouble::default() });
                    }
                    fault
                }
            });
        }
        let fenced = CancellationToken::new();
        let beat = tokio::spawn(beat(self.fleet.clone(), managers.clone(), run.to_owned(), fenced.clone()));
        Ok(Held { fleet: self.fleet.clone(), managers, run: run.to_owned(), epoch, beat, fenced })
    }

    /// Raises the fence on these nodes, all at once: what cannot keep even that (a full disk, one that went read-only) is told before
    /// anything was changed anywhere. Who lost the link meanwhile is told by its steps.
    pub(crate) async fn raise_fence(&self, held: &Held, nodes: &BTreeSet<&str>) -> Result<(), Fault> {
        let task = || Task { id: "fence".into(), change: Change::Nothing, timeout: Duration::from_secs(20) };
        let batch = || Batch { fence: Some(held.fence()), tasks: vec![task()], ..Batch::default() };
        let ends = join_all(nodes.iter().map(|node| async move { self.fleet.run(node, &batch(), &mut Quiet).await })).await;
        let told = ends.into_iter().filter_map(Result::err).filter(|lost| lost.code == "node.no-state");
        let troubles: Vec<Trouble> = told
            .map(|lost| Trouble {
                code: if lost.reason.contains("No space left on device") { "node.no-space".into() } else { lost.code.into() },
                message: lost.reason,
                help: Some("make room on its disk, or have it mounted writable again; nothing was changed".into()),
                node: Some(lost.node),
                ..Trouble::default()
            })
            .collect();
        if troubles.is_empty() { Ok(()) } else { Err(Fault { kind: Kind::Input, troubles, diagnostics: vec![] }) }
    }

    /// Takes a lock away from a run that is known to be gone. The epoch stays: should that run live after all, it is fenced.
    ///
    /// # Errors
    /// When it is not held by that run any more, or no majority of the managers could be told.
    pub async fn unlock(&self, holder: &Holder) -> Result<(), Fault> {
        let (_, now, _) = self.look_at_lock().await?;
        match now {
            Some(now) if now.run == holder.run => {}
            Some(now) => return Err(held_by(&now)),
            None => return Ok(()),
        }
        let managers = self.managers();
        let outcomes = all(&self.fleet, &managers, |_| Change::LockRelease { run: holder.run.clone() }).await;
        let done = outcomes.iter().flatten().filter(|outcome| outcome.is_done()).count();
        if done < managers.len() / 2 + 1 {
            return Err(Fault::new(Kind::Unreachable, "lock.not-released", format!("{done} of {} managers gave the lock back", managers.len()))
                .help("mend the way to the others, then `arcus unlock` again"));
        }
        Ok(())
    }
}

/// Shows others that we live. A refusal means that another run took over. Each manager hears of us on its own: one that is silent
/// would be waited for, and meanwhile the lock would grow old on the others.
async fn beat(fleet: Arc<Fleet>, managers: Vec<String>, run: String, fenced: CancellationToken) {
    let beats = managers.iter().map(async |node| {
        while !fenced.is_cancelled() {
            tokio::time::sleep(BEAT_EVERY).await;
            let outcomes = all(&fleet, std::slice::from_ref(node), |_| Change::LockBeat { run: run.clone() }).await;
            if outcomes.iter().flatten().any(|outcome| matches!(outcome, Outcome::Fenced { .. })) {
                fenced.cancel();
            }
        }
    });
    join_all(beats).await;
}

fn held_by(holder: &Holder) -> Fault {
    let since = jiff::Timestamp::from_second(holder.since as i64).map(|at| at.to_string()).unwrap_or_default();
    let message = format!(
        "{}@{} (process {}) has been at `{}` since {since}, run {}; last sign of life {} s ago",
        holder.user, holder.host, holder.pid, holder.verb, holder.run, holder.idle_s
    );
    Fault::new(Kind::Locked, "lock.held", message).help("wait for it, or when it is known to be gone, `arcus unlock`")
}

fn process_lives(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return true };
    // Not permitted to signal it means that it lives.
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}
