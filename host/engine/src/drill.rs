//! Drills: a fault on purpose, the blackout measured, everything taken back whatever happens.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use arcus_contract::checks::{Beat as BeatKind, Drill, Fault as DrillFault, Verdict, Watch};
use arcus_contract::facts::{Answer, Fact, Probe, Request};
use arcus_contract::types::Role as NodeRole;
use arcus_node::{Change, Look, Seen, ServiceAction};
use arcus_plugin::Wanted;

use crate::apply::run_id;
use crate::cast::Role;
use crate::engine::Engine;
use crate::event::Event;
use crate::fault::{Fault, Kind, Trouble};
use crate::pass::judge;
use crate::watch::{Beat, longest_gap};

/// After so long the node takes the fault back by itself, should we be gone.
const REVERT_AFTER_S: u32 = 90;
/// How long a node may take to come back after its power did.
const REBOOT: Duration = Duration::from_secs(180);

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
}

/// What the drills came to.
#[derive(Debug, Clone, serde::Serialize)]
pub struct DrillReport {
    /// One per drill that was run.
    pub drills: Vec<DrillResult>,
    /// Drills that were left out, and why.
    pub left_out: Vec<String>,
}

/// One drill.
#[derive(Debug, Clone, serde::Serialize)]
pub struct DrillResult {
    /// Id of the drill.
    pub id: String,
    /// `stop`, `isolate`, `power`.
    pub fault: String,
    /// Where the fault was.
    pub node: String,
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
    /// Who held the address before.
    pub holder_before: Option<String>,
    /// Who held it under the fault.
    pub holder_during: Option<String>,
    /// Who holds it now.
    pub holder_after: Option<String>,
    /// Everything is as it was before.
    pub restored: bool,
    /// In words.
    pub detail: String,
}

impl Engine {
    /// Runs drills. Refused unless everything verifies.
    ///
    /// # Errors
    /// When the risk was not accepted, something does not verify, or another run holds the lock.
    pub async fn drill(&self, options: &DrillOptions) -> Result<DrillReport, Fault> {
        if !options.accept.iter().any(|risk| risk == "blackout") {
            return Err(Fault::new(Kind::Pending, "drill.unaccepted", "a drill cuts users off for a moment").help("to go on: --accept blackout"));
        }
        let verified = self.verify().await?;
        if !verified.passed() {
            let troubles = verified.checks.iter().filter(|check| !matches!(check.result.as_str(), "passed" | "warned")).map(|check| Trouble {
                code: "drill.not-verified".into(),
                message: format!("{}: {} ({})", check.title, check.detail, check.result),
                help: Some("a drill starts only from a cluster that verifies: `arcus verify`".into()),
                node: check.node.clone(),
                plugin: Some(check.plugin.clone()),
                ..Trouble::default()
            });
            return Err(Fault { kind: Kind::Verification, troubles: troubles.collect(), diagnostics: vec![] });
        }
        let held = self.take_lock(&run_id(), "drill").await?;
        let report = self.drills(options).await;
        held.release().await;
        report
    }

    async fn drills(&self, options: &DrillOptions) -> Result<DrillReport, Fault> {
        let mut report = DrillReport { drills: vec![], left_out: vec![] };
        let names: Vec<String> = self.list_drills().await?.into_iter().map(|(_, drill)| drill.id).collect();
        for name in names.into_iter().filter(|id| options.only.is_empty() || options.only.iter().any(|word| id.starts_with(word.as_str()))) {
            if self.stop.is_cancelled() {
                report.left_out.push(format!("{name}: interrupted"));
                continue;
            }
            // Asked right before, so that it names the present holder.
            let Some((role, drill)) = self.list_drills().await?.into_iter().find(|(_, drill)| drill.id == name) else {
                report.left_out.push(format!("{name}: its plugin does not offer it any more"));
                continue;
            };
            if matches!(drill.fault, DrillFault::Power(_)) && options.power_hook.is_none() {
                report.left_out.push(format!("{name}: needs --power-hook"));
                continue;
            }
            report.drills.push(self.one_drill(role, &drill, options).await?);
        }
        if report.drills.is_empty() {
            let message = format!("no drill was run{}", if report.left_out.is_empty() { String::new() } else { format!(" ({})", report.left_out.join("; ")) });
            return Err(Fault::new(Kind::Input, "drill.none", message));
        }
        Ok(report)
    }

    async fn list_drills(&self) -> Result<Vec<(&Role, Drill)>, Fault> {
        let (_, round) = self.round();
        let mut all = Vec::new();
        let mut fault = Fault { kind: Kind::Verification, troubles: vec![], diagnostics: vec![] };
        for role in &self.cast.roles {
            match role.plugin.drills(round.seat(), &role.input).await {
                Ok(drills) => all.extend(drills.into_iter().map(|drill| (role, drill))),
                Err(failure) => self.blame(role, failure, &mut fault),
            }
        }
        if fault.troubles.is_empty() && fault.diagnostics.is_empty() { Ok(all) } else { Err(fault) }
    }

    async fn one_drill(&self, role: &Role, drill: &Drill, options: &DrillOptions) -> Result<DrillResult, Fault> {
        let (word, node) = match &drill.fault {
            DrillFault::Stop((node, _)) => ("stop", node),
            DrillFault::Isolate(node) => ("isolate", node),
            DrillFault::Power(node) => ("power", node),
        };
        let say = |what: String| self.emit(Event::Drill { drill: drill.id.clone(), what });
        let watch = drill.watches.iter().find_map(|watch| Some((watch, target(watch)?)));
        let mut result = DrillResult {
            id: drill.id.clone(),
            fault: word.into(),
            node: node.clone(),
            passed: false,
            blackout_ms: None,
            at_most_ms: watch.map(|(watch, _)| u64::from(watch.at_most_ms)),
            fail_back_ms: None,
            vantage: "controller".into(),
            holder_before: self.address_holder(None).await,
            holder_during: None,
            holder_after: None,
            restored: false,
            detail: String::new(),
        };
        let beat = watch.map(|(watch, target)| Beat::start(target, Duration::from_millis(u64::from(watch.every_ms))));
        tokio::time::sleep(Duration::from_millis(500)).await;
        say(format!("{word} on {node}"));
        let begun = Instant::now();
        let mut troubles = Vec::new();
        if let Err(why) = self.inflict(drill, options).await {
            troubles.push(format!("the fault could not be made: {why}"));
        } else {
            if let Err(why) = self.recovered(role, drill, silenced(drill)).await {
                troubles.push(why);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            result.holder_during = self.address_holder(silenced(drill)).await;
        }
        let restoring = Instant::now();
        say(format!("taking it back on {node}"));
        let restored = self.take_back(drill, options).await;
        match &restored {
            Ok(()) => match self.recovered(role, drill, None).await {
                Ok(()) => result.restored = true,
                Err(why) => troubles.push(format!("after it was taken back: {why}")),
            },
            Err(why) => troubles.push(format!("it could not be taken back: {why}; the node does it by itself after {REVERT_AFTER_S} s")),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let ended = Instant::now();
        if let Some(beat) = beat {
            let beats = beat.stop().await;
            let ms = |gap: Option<Duration>| gap.map(|gap| gap.as_millis() as u64);
            if beats.is_empty() {
                troubles.push("not one attempt to connect got through, so nothing was measured".into());
            }
            result.blackout_ms = ms(longest_gap(&beats, begun, restoring));
            result.fail_back_ms = ms(longest_gap(&beats, restoring, ended));
            match (result.blackout_ms, result.at_most_ms) {
                (Some(blackout), Some(most)) if blackout > most => troubles.push(format!("dark for {blackout} ms, wanted are at most {most} ms")),
                (None, Some(_)) => troubles.push("it was dark all the time under the fault".into()),
                _ => {}
            }
        }
        result.holder_after = self.address_holder(None).await;
        result.passed = troubles.is_empty();
        result.detail = troubles.join("; ");
        say(if result.passed { "passed".into() } else { result.detail.clone() });
        Ok(result)
    }

    /// Makes the fault; what takes it back on the node is armed first.
    async fn inflict(&self, drill: &Drill, options: &DrillOptions) -> Result<(), String> {
        match &drill.fault {
            DrillFault::Stop((node, unit)) => {
                let argv = ["systemctl", "start", unit.as_str()].map(str::to_owned).to_vec();
                self.one(node, "drill", Change::Arm { id: timer(drill), after_s: REVERT_AFTER_S, argv }).await?;
                self.one(node, "drill", Change::Service { name: unit.clone(), actions: vec![ServiceAction::Stop] }).await
            }
            DrillFault::Isolate(node) => {
                let interface = self.interface_of(node).await.ok_or("its interface was not found")?;
                self.one(node, "drill", Change::Isolate { interface, for_s: 30 }).await
            }
            DrillFault::Power(node) => hook(options, "off", node).await,
        }
    }

    async fn take_back(&self, drill: &Drill, options: &DrillOptions) -> Result<(), String> {
        match &drill.fault {
            DrillFault::Stop((node, unit)) => {
                self.one(node, "drill", Change::Service { name: unit.clone(), actions: vec![ServiceAction::Start] }).await?;
                self.one(node, "drill", Change::Disarm { id: timer(drill) }).await
            }
            // Nobody can reach it; its own timer brings it back.
            DrillFault::Isolate(node) => self.back(node, Duration::from_secs(60)).await,
            DrillFault::Power(node) => {
                hook(options, "on", node).await?;
                self.back(node, REBOOT).await
            }
        }
    }

    /// Waits until a node answers again.
    async fn back(&self, node: &str, within: Duration) -> Result<(), String> {
        let until = Instant::now() + within;
        self.fleet.forget(node).await;
        loop {
            self.fleet.retry().await;
            let answer = self.fleet.look(vec![(node.to_owned(), Look::Probe(Probe::Os))]).await.pop();
            match answer {
                Some(Ok(_)) => return Ok(()),
                _ if Instant::now() > until => return Err(format!("{node} did not come back within {} s", within.as_secs())),
                _ => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }

    /// Waits until every goal of the drill is met. `silent` is the node that cannot be asked now.
    async fn recovered(&self, role: &Role, drill: &Drill, silent: Option<&String>) -> Result<(), String> {
        for step in &drill.recovers {
            let Some(goal) = &step.goal else { continue };
            let until = Instant::now() + Duration::from_secs(u64::from(goal.within_s.max(1)));
            loop {
                let requests: Vec<Request> = goal.requests.iter().filter(|request| Some(&request.node) != silent).cloned().collect();
                let (_, round) = self.round();
                let wanted = requests.iter().map(|request| Wanted::new(role.plugin.name(), request.clone())).collect();
                let seen: Vec<(Request, Answer)> = requests.into_iter().zip(round.look(wanted).await).collect();
                let verdicts = judge(role, std::slice::from_ref(step), &[(0, seen)]).await.map_err(|fault| fault.to_string())?;
                let what = match verdicts.get(&0).map(|(verdict, _)| verdict) {
                    Some(Verdict::Met) => break,
                    Some(Verdict::Unmet(what)) => what.clone(),
                    Some(Verdict::Failed(problem)) => problem.message.clone(),
                    None => String::new(),
                };
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
        let address = self.cast.roles.first()?.input.handed.gateway.as_ref()?.address.clone();
        let gateways = self.cluster.with(NodeRole::Gateway).map(|member| member.node.name.clone());
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

    async fn interface_of(&self, node: &str) -> Option<String> {
        let address = self.cluster.node(node)?.node.address.clone();
        let answer = self.fleet.look(vec![(node.to_owned(), Look::Probe(Probe::Interfaces))]).await.pop()?;
        let Ok(Seen::Fact(Fact::Interfaces(interfaces))) = answer else { return None };
        let has = |cidr: &String| cidr.split('/').next() == Some(address.as_str());
        interfaces.into_iter().find(|interface| interface.addresses.iter().any(has)).map(|interface| interface.name)
    }
}

/// The node that cannot be asked while the fault lasts.
fn silenced(drill: &Drill) -> Option<&String> {
    match &drill.fault {
        DrillFault::Stop(_) => None,
        DrillFault::Isolate(node) | DrillFault::Power(node) => Some(node),
    }
}

fn timer(drill: &Drill) -> String {
    format!("drill-{}", drill.id)
}

fn target(watch: &Watch) -> Option<SocketAddr> {
    match &watch.beat {
        BeatKind::Connect((address, port)) => Some(SocketAddr::new(address.parse::<IpAddr>().ok()?, *port)),
        BeatKind::Ping(_) | BeatKind::Write(_) => None,
    }
}

async fn hook(options: &DrillOptions, word: &str, node: &str) -> Result<(), String> {
    let hook = options.power_hook.as_ref().ok_or("there is no power hook")?;
    let (program, arguments) = hook.argv.split_first().ok_or("the power hook is empty")?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).arg(word).arg(node).stdin(std::process::Stdio::null()).kill_on_drop(true);
    command.env_clear().envs(hook.environment.iter().map(|(name, value)| (name, value)));
    let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
    match output {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(format!("the power hook ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())),
        Ok(Err(error)) => Err(format!("the power hook could not be run: {error}")),
        Err(_) => Err("the power hook took more than a minute".into()),
    }
}
