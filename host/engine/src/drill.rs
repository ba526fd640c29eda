//! Drills: a fault on purpose, the blackout measured, everything taken back whatever happens.

mod left;
mod observation;
#[cfg(test)]
mod simulated;
mod strike;

use std::time::{Duration, Instant};

use arcus_contract::actions::Step;
use arcus_contract::checks::{Beat, Drill, Verdict, Watch};
use arcus_contract::facts::{Answer, Fact, Probe, Request};
use arcus_contract::types::Role as NodeRole;
use arcus_node::{Fence, Look, Seen};
use arcus_plan::vet;
use arcus_plugin::Wanted;

pub use left::OpenDrill;
pub use observation::WatchResult;

use crate::apply::run_id;
use crate::cast::Role;
use crate::engine::Engine;
use crate::event::Event;
use crate::fault::{Fault, Kind, Trouble};
use crate::journal::{Entry, FORMAT, Journal, now};
use crate::lock::Held;
use crate::pass::judge;
use crate::run::journal_fault;
use crate::verify::Verified;
use observation::{CONTROLLER, Observation};
use strike::{parts, restores_after, silenced};

/// How long the first beat may take before the fault: without one there is nothing to compare with.
const FIRST_BEAT: Duration = Duration::from_secs(15);
/// What is looked at before a fault and after it was taken back.
const CALM: Duration = Duration::from_millis(500);
/// What a fault has touched comes back in its own time, also elsewhere: sessions between nodes, reports of health. So long what does not
/// verify afterwards is looked at again.
const RECOVERY: Duration = Duration::from_secs(60);
const RECOVERY_EVERY: Duration = Duration::from_secs(2);

/// Switches a node's power: the operator's own program, called with `off NODE` or `on NODE`.
#[derive(Debug, Clone)]
pub struct PowerHook {
    /// Program and leading arguments.
    pub argv: Vec<String>,
    /// All of its environment: what Arcus itself was told there (passwords, tokens) is not for it.
    pub environment: Vec<(String, std::ffi::OsString)>,
}

/// What to drill.
#[derive(Debug, Clone, Default)]
pub struct DrillOptions {
    /// Beginnings of drill ids, e.g. `vip`; all when empty.
    pub only: Vec<String>,
    /// For faults of power; those drills are left out without it.
    pub power_hook: Option<PowerHook>,
    /// Must hold `blackout`.
    pub accept: Vec<String>,
    /// Where to measure from: `controller`, or a node. Without it, where each plugin says.
    pub vantage: Option<String>,
}

/// What the drills came to.
#[derive(Debug, Clone, serde::Serialize)]
pub struct DrillReport {
    /// One per drill that was run.
    pub drills: Vec<DrillResult>,
    /// Drills that were left out, and why.
    pub left_out: Vec<String>,
    /// Drills of earlier runs that were taken back first.
    pub taken_back: Vec<String>,
    /// What does not verify after all of it; empty when everything does.
    pub not_verified: Vec<String>,
}

/// One drill.
#[derive(Debug, Clone, serde::Serialize)]
pub struct DrillResult {
    /// Id of the drill.
    pub id: String,
    /// `stop`, `kill`, `isolate`, `power`.
    pub fault: String,
    /// Where the fault was.
    pub node: String,
    /// The unit, where it was about one.
    pub unit: Option<String>,
    /// All expectations were met, and everything was taken back.
    pub passed: bool,
    /// Longest time without service under the fault.
    pub blackout_ms: Option<u64>,
    /// What it may be at most.
    pub at_most_ms: Option<u64>,
    /// Longest time without service while the fault was taken back.
    pub fail_back_ms: Option<u64>,
    /// Where it was measured from.
    pub vantage: String,
    /// Each measurement; the first is the one above.
    pub watches: Vec<WatchResult>,
    /// Who held the address before.
    pub holder_before: Option<String>,
    /// Who held it under the fault.
    pub holder_during: Option<String>,
    /// Who holds it now.
    pub holder_after: Option<String>,
    /// Everything is as it was before.
    pub restored: bool,
    /// Seconds for which whoever comes after a crash would have waited for the node's own timer; none: it had none.
    pub timer_s: Option<u32>,
    /// Timers that are still on the node, which there should be none of.
    pub timers_left: Vec<String>,
    /// In words.
    pub detail: String,
}

/// What every part of a run of drills needs.
struct Ground<'a> {
    held: &'a Held,
    fence: Fence,
    journal: &'a Journal,
    options: &'a DrillOptions,
}

impl Engine {
    /// Runs drills. What an earlier run left open is taken back first. Refused unless everything verifies.
    ///
    /// # Errors
    /// When the risk was not accepted, something does not verify, or another run holds the lock.
    pub async fn drill(&self, options: &DrillOptions) -> Result<DrillReport, Fault> {
        if !options.accept.iter().any(|risk| risk == "blackout") {
            return Err(Fault::new(Kind::Pending, "drill.unaccepted", "a drill cuts users off for a moment").help("to go on: --accept blackout"));
        }
        if let Some(vantage) = &options.vantage
            && vantage != CONTROLLER
            && self.cluster.node(vantage).is_none()
        {
            let message = format!("--vantage names `{vantage}`, which the cluster file does not");
            return Err(Fault::new(Kind::Input, "drill.unknown-vantage", message).help("name a node, or `controller`: this machine"));
        }
        let state = self.state()?;
        let run = run_id();
        let held = self.take_lock(&run, "drill").await?;
        let begun = Entry::Run {
            format: FORMAT,
            run: run.clone(),
            verb: "drill".into(),
            operator: format!("{}@{}", self.operator.user, self.operator.host),
            at: now(),
            plugins: self.digests(),
        };
        let result = match Journal::begin(&state, &run, &begun) {
            Ok(journal) => {
                let result = self.drills(&Ground { held: &held, fence: held.fence(), journal: &journal, options }).await;
                let end = match &result {
                    _ if held.fenced().is_cancelled() => "fenced",
                    _ if self.stop.is_cancelled() => "interrupted",
                    Ok(report) if report.passed() => "done",
                    _ => "failed",
                };
                let _ = journal.write(&Entry::End { end: end.into(), at: now() });
                result
            }
            Err(error) => Err(journal_fault(&error)),
        };
        held.release().await;
        result
    }

    async fn drills(&self, ground: &Ground<'_>) -> Result<DrillReport, Fault> {
        let options = ground.options;
        let taken_back = self.finish_left(ground.held, options.power_hook.as_ref(), Some(ground.journal)).await?;
        let verified = self.verify().await?;
        if !verified.passed() {
            return Err(not_verified(&verified));
        }
        let mut report = DrillReport { drills: vec![], left_out: vec![], taken_back, not_verified: vec![] };
        let all: Vec<String> = self.list_drills().await?.into_iter().map(|(_, drill)| drill.id).collect();
        let mut names: Vec<&String> = all.iter().filter(|id| options.only.is_empty() || options.only.iter().any(|word| id.starts_with(word.as_str()))).collect();
        for word in options.only.iter().filter(|word| !all.iter().any(|id| id.starts_with(word.as_str()))) {
            report.left_out.push(format!("{word}: there is no such drill of this cluster now; there are {}", all.join(", ")));
        }
        names.reverse();
        while let Some(name) = names.pop() {
            if self.stop.is_cancelled() {
                report.left_out.push(format!("{name}: interrupted"));
                continue;
            }
            if !report.drills.is_empty() {
                let verified = self.verify_recovered().await?;
                if !verified.passed() {
                    report.left_out.extend(std::iter::once(name).chain(names.drain(..).rev()).map(|name| format!("{name}: not everything verifies")));
                    report.not_verified = unwell(&verified);
                    return Ok(report);
                }
            }
            // Asked right before, so that it names the present holder.
            let Some((role, drill)) = self.list_drills().await?.into_iter().find(|(_, drill)| drill.id == *name) else {
                report.left_out.push(format!("{name}: its plugin does not offer it any more"));
                continue;
            };
            match self.vantages(&drill, options) {
                Err(why) => report.left_out.push(format!("{name}: {why}")),
                Ok(_) if parts(&drill.fault).0 == "power" && options.power_hook.is_none() => report.left_out.push(format!("{name}: needs --power-hook")),
                Ok(vantages) => report.drills.push(self.one_drill(ground, role, &drill, &vantages).await?),
            }
            if ground.held.fenced().is_cancelled() {
                return Err(Fault::new(Kind::Locked, "run.fenced", "another run has taken over: nothing more was changed by this one").help("`arcus status` says who it is"));
            }
        }
        if report.drills.is_empty() {
            let message = format!("no drill was run{}", if report.left_out.is_empty() { String::new() } else { format!(" ({})", report.left_out.join("; ")) });
            return Err(Fault::new(Kind::Input, "drill.none", message).help("`arcus drill --help` tells what each needs"));
        }
        report.not_verified = unwell(&self.verify_recovered().await?);
        Ok(report)
    }

    /// As [`Engine::verify`], with patience.
    async fn verify_recovered(&self) -> Result<Verified, Fault> {
        let begun = Instant::now();
        loop {
            let verified = self.verify().await?;
            let left = RECOVERY.saturating_sub(begun.elapsed());
            if verified.passed() || left.is_zero() || self.stop.is_cancelled() {
                return Ok(verified);
            }
            if let Some(first) = unwell(&verified).first() {
                self.emit(Event::Note(format!("not yet as it was, up to {} s more: {first}", left.as_secs())));
            }
            tokio::time::sleep(RECOVERY_EVERY.min(left)).await;
        }
    }

    /// What can be drilled now, held against the manifests.
    async fn list_drills(&self) -> Result<Vec<(&Role, Drill)>, Fault> {
        let (_, round) = self.round();
        let nodes = self.nodes();
        let mut all = Vec::new();
        let mut fault = Fault { kind: Kind::Verification, troubles: vec![], diagnostics: vec![] };
        for role in &self.cast.roles {
            match role.plugin.drills(round.seat(), &role.input).await {
                Ok(drills) => {
                    for drill in drills {
                        let unit = role.input.handed.demands.gateway_unit.as_deref();
                        match vet::drill(role.plugin.manifest(), &nodes, unit, &drill) {
                            Ok(()) => all.push((role, drill)),
                            Err(denials) => {
                                fault.kind = Kind::Denied;
                                fault.troubles.extend(denials.into_iter().map(Trouble::from));
                            }
                        }
                    }
                }
                Err(failure) => self.blame(role, failure, &mut fault),
            }
        }
        if fault.troubles.is_empty() && fault.diagnostics.is_empty() { Ok(all) } else { Err(fault) }
    }

    /// Where each watch of a drill is measured from.
    fn vantages(&self, drill: &Drill, options: &DrillOptions) -> Result<Vec<String>, String> {
        let (_, node, _) = parts(&drill.fault);
        let from = |watch: &Watch| match (&options.vantage, &watch.beat) {
            (Some(vantage), _) if vantage == node => Err(format!("the fault is on {node}, which cannot be its own observer: choose another --vantage")),
            (Some(vantage), Beat::Connect(_) | Beat::Ping(_)) => Ok(vantage.clone()),
            (Some(vantage), _) if watch.others.contains(vantage) => Ok(vantage.clone()),
            // What can be seen from few places only is seen from one of them; the report says which.
            _ => Ok(watch.observer.clone()),
        };
        drill.watches.iter().map(from).collect()
    }

    async fn one_drill(&self, ground: &Ground<'_>, role: &Role, drill: &Drill, vantages: &[String]) -> Result<DrillResult, Fault> {
        let (word, node, unit) = parts(&drill.fault);
        let plugin = role.plugin.name();
        let say = |what: String| self.emit(Event::Drill { drill: drill.id.clone(), what });
        let mut result = DrillResult {
            id: drill.id.clone(),
            fault: word.into(),
            node: node.clone(),
            unit: unit.cloned(),
            passed: false,
            blackout_ms: None,
            at_most_ms: drill.watches.first().map(|watch| u64::from(watch.at_most_ms)),
            fail_back_ms: None,
            vantage: vantages.first().cloned().unwrap_or_else(|| CONTROLLER.into()),
            watches: vec![],
            holder_before: self.address_holder(None).await,
            holder_during: None,
            holder_after: None,
            restored: false,
            timer_s: restores_after(drill),
            timers_left: vec![],
            detail: String::new(),
        };
        let intent = Entry::Intent { plugin: plugin.to_owned(), step: drill.id.clone(), node: node.clone(), action: word.into(), wanted: drill.title.clone(), at: now() };
        ground.journal.write(&intent).map_err(|error| journal_fault(&error))?;
        let troubles = self.struck(ground, role, drill, vantages, &mut result, &say).await;
        result.holder_after = self.address_holder(None).await;
        result.passed = troubles.is_empty() && result.restored;
        result.detail = troubles.join("; ");
        say(if result.passed { "passed".into() } else { result.detail.clone() });
        let end = if result.restored { if result.passed { "done" } else { "failed" } } else { "unknown" };
        let outcome = Entry::Outcome { plugin: plugin.to_owned(), step: drill.id.clone(), node: node.clone(), end: end.into(), detail: result.detail.clone(), at: now() };
        ground.journal.write(&outcome).map_err(|error| journal_fault(&error))?;
        Ok(result)
    }

    /// The drill itself, from the first beat to the last; what is not as it should be.
    async fn struck(&self, ground: &Ground<'_>, role: &Role, drill: &Drill, vantages: &[String], result: &mut DrillResult, say: &(dyn Fn(String) + Sync)) -> Vec<String> {
        let Ground { fence, options, .. } = ground;
        let (word, node, unit) = parts(&drill.fault);
        let hook = options.power_hook.as_ref();
        let mut troubles = Vec::new();
        let mut note = match self.note_of(&fence.run, role.plugin.name(), drill).await {
            Ok(note) => note,
            Err(why) => return self.nothing_done(result, vec![format!("the fault was not made: {why}")]),
        };
        let mut observations = Vec::new();
        for (watch, vantage) in drill.watches.iter().zip(vantages) {
            match Observation::begin(self, fence, role, &drill.id, watch, vantage).await {
                Ok(observation) => observations.push(observation),
                Err(why) => troubles.push(format!("{}: {why}", watch.id)),
            }
        }
        note.observers = observations.iter().filter_map(Observation::place).collect();
        if troubles.is_empty()
            && let Err(why) = self.beaten(&observations, Instant::now(), FIRST_BEAT).await
        {
            troubles.push(format!("before the fault: {why}"));
        }
        if troubles.is_empty()
            && let Err(why) = self.note(&note, fence).await
        {
            troubles.push(why);
        }
        if !troubles.is_empty() {
            for observation in observations {
                observation.drop_it(self, fence).await;
            }
            return self.nothing_done(result, std::iter::once("the fault was not made".to_owned()).chain(troubles).collect());
        }
        tokio::time::sleep(CALM).await;
        let boot = self.boot_id(node).await;

        let about = unit.map(|unit| format!("{unit} on ")).unwrap_or_default();
        let timer = result.timer_s.map(|seconds| format!("; {node} takes it back by itself after {seconds} s")).unwrap_or_default();
        say(format!("{word}: {about}{node}{timer}"));
        let begun = Instant::now();
        match self.strike(drill, &note, hook, fence).await {
            Err(why) => troubles.push(format!("the fault could not be made: {why}")),
            Ok(()) => {
                let made = Instant::now();
                if let Err(why) = self.recovered(role, &drill.recovers, silenced(&drill.fault), true).await {
                    troubles.push(why);
                }
                let most = drill.watches.iter().map(|watch| watch.at_most_ms).max().unwrap_or(0);
                // What was dark for longer than it may be has failed; somewhat more tells by how much.
                if let Err(why) = self.beaten(&observations, made, Duration::from_millis(2 * u64::from(most)) + Duration::from_secs(5)).await {
                    troubles.push(format!("under the fault: {why}"));
                }
                tokio::time::sleep(CALM).await;
                result.holder_during = self.address_holder(silenced(&drill.fault)).await;
            }
        }

        say(format!("taking it back on {node}"));
        let restoring = Instant::now();
        let taken_back = self.take_back(&note, hook, fence).await;
        let recovered = match &taken_back {
            Ok(()) => self.recovered(role, &drill.recovers, None, false).await,
            Err(_) => Ok(()),
        };
        tokio::time::sleep(CALM).await;
        let ended = Instant::now();
        for observation in &observations {
            observation.halt(self, fence).await;
        }
        match taken_back {
            Ok(()) => {
                // What is written on and on is never whole.
                let healed = match recovered {
                    Ok(()) => self.recovered(role, &drill.heals, None, false).await,
                    Err(why) => Err(why),
                };
                match healed {
                    Ok(()) => result.restored = true,
                    Err(why) => troubles.push(format!("after it was taken back: {why}")),
                }
                if word == "power" && boot.is_some() && self.boot_id(node).await == boot {
                    troubles.push(format!("{node} was not started anew: it never lost its power"));
                }
                match self.timers_left(node).await {
                    Ok(left) if left.is_empty() => {}
                    Ok(left) => {
                        result.timers_left = left.iter().map(|timer| format!("{} in {} s", timer.unit, timer.left_s)).collect();
                        troubles.push(format!("timers are left on {node}: {}", result.timers_left.join(", ")));
                    }
                    Err(why) => troubles.push(format!("whether {node} has a timer left could not be told: {why}")),
                }
                self.forget_note(&note, fence).await;
            }
            Err(why) => {
                let itself = result.timer_s.map(|seconds| format!("; the node does it by itself after {seconds} s")).unwrap_or_default();
                troubles.push(format!("it could not be taken back: {why}{itself}; `arcus drill back` tries again"));
            }
        }
        for observation in observations {
            let (watched, complaints) = observation.end(self, fence, begun, restoring, ended).await;
            result.watches.push(watched);
            troubles.extend(complaints);
        }
        if let Some(first) = result.watches.first() {
            (result.blackout_ms, result.fail_back_ms) = (first.blackout_ms, first.fail_back_ms);
        }
        troubles
    }

    /// No fault was made, so everything is as it was.
    fn nothing_done(&self, result: &mut DrillResult, troubles: Vec<String>) -> Vec<String> {
        result.restored = true;
        troubles
    }

    /// Waits until each observer has had an answer to something it tried after this instant.
    async fn beaten(&self, observations: &[Observation], since: Instant, within: Duration) -> Result<(), String> {
        let until = Instant::now() + within;
        for observation in observations {
            while !observation.got_through(self, since).await {
                if self.stop.is_cancelled() {
                    return Err("interrupted".into());
                }
                if Instant::now() > until {
                    let result = &observation.result;
                    return Err(format!("{}: nothing got through from {} within {} s ({})", result.id, result.vantage, within.as_secs(), result.method));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Waits until every goal is met. `silent` is the node that cannot be asked now. Under the fault, an interrupt ends the waiting: what
    /// matters then is to take it back.
    async fn recovered(&self, role: &Role, steps: &[Step], silent: Option<&String>, under_fault: bool) -> Result<(), String> {
        for step in steps {
            let Some(goal) = &step.goal else { continue };
            let until = Instant::now() + Duration::from_secs(u64::from(goal.within_s.max(1)));
            loop {
                let requests: Vec<Request> = goal.requests.iter().filter(|request| Some(&request.node) != silent).cloned().collect();
                let (_, round) = self.round();
                let wanted = requests.iter().map(|request| Wanted::new(role.plugin.name(), request.clone())).collect();
                let seen: Vec<(Request, Answer)> = requests.into_iter().zip(round.look(wanted).await).collect();
                let verdicts = judge(&self.vault.veil(), role, std::slice::from_ref(step), &[(0, seen)]).await.map_err(|fault| fault.to_string())?;
                let what = match verdicts.get(&0).map(|(verdict, _)| verdict) {
                    Some(Verdict::Met) => break,
                    Some(Verdict::Unmet(what)) => what.clone(),
                    Some(Verdict::Failed(problem)) => problem.message.clone(),
                    None => String::new(),
                };
                if under_fault && self.stop.is_cancelled() {
                    return Err(format!("interrupted before {}", goal.expect));
                }
                if Instant::now() > until {
                    return Err(format!("{} was not reached within {} s: {what}", goal.expect, goal.within_s));
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Ok(())
    }

    /// The gateways that have the virtual address right now, joined; none when there is no such address or nobody has it.
    /// `silent` is not asked: waiting for it would prolong the fault.
    async fn address_holder(&self, silent: Option<&String>) -> Option<String> {
        let address = self.gateway()?.address.clone();
        let named = self.cluster.with(NodeRole::Gateway).next().is_some();
        let role = if named { NodeRole::Gateway } else { NodeRole::Manage };
        let gateways = self.cluster.with(role).map(|member| member.node.name.clone());
        let gateways: Vec<String> = gateways.filter(|name| Some(name) != silent).collect();
        let asks = gateways.iter().map(|node| (node.clone(), Look::Probe(Probe::Interfaces))).collect();
        let mut holders = Vec::new();
        for (node, answer) in gateways.iter().zip(self.fleet.look(asks).await) {
            if let Ok(Seen::Fact(Fact::Interfaces(interfaces))) = answer {
                let has = |cidr: &String| cidr.split('/').next() == Some(address.as_str());
                if interfaces.iter().any(|interface| interface.addresses.iter().any(has)) {
                    holders.push(node.clone());
                }
            }
        }
        (!holders.is_empty()).then(|| holders.join(", "))
    }
}

impl DrillReport {
    /// Every drill that was run passed, and everything verifies.
    pub fn passed(&self) -> bool {
        !self.drills.is_empty() && self.drills.iter().all(|drill| drill.passed) && self.not_verified.is_empty()
    }
}

fn not_verified(verified: &Verified) -> Fault {
    let troubles = verified.checks.iter().filter(|check| !matches!(check.result.as_str(), "passed" | "warned")).map(|check| Trouble {
        code: "drill.not-verified".into(),
        message: format!("{}: {} ({})", check.title, check.detail, check.result),
        help: Some("a drill starts only from a cluster that verifies: `arcus verify`".into()),
        node: check.node.clone(),
        plugin: Some(check.plugin.clone()),
        ..Trouble::default()
    });
    Fault { kind: Kind::Verification, troubles: troubles.collect(), diagnostics: vec![] }
}

fn unwell(verified: &Verified) -> Vec<String> {
    let bad = verified.checks.iter().filter(|check| !matches!(check.result.as_str(), "passed" | "warned"));
    bad.map(|check| format!("{}{}: {} ({})", check.node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default(), check.title, check.detail, check.result)).collect()
}
