//! Making a fault and taking it back. What takes it back on the node is armed there first, so it comes back though nobody is left to
//! bring it.

use std::time::{Duration, Instant};

use arcus_contract::checks::{Drill, Fault};
use arcus_contract::facts::{Fact, Probe};
use arcus_contract::handoffs::GatewayOffer;
use arcus_node::{Change, DrillNote, Fence, Look, Seen, ServiceAction, TimerFact};

use super::PowerHook;
use crate::engine::Engine;

/// How long a node may take to come back after its power did.
const REBOOT: Duration = Duration::from_secs(180);
/// Beyond the time of an isolation, how long a node may take to be there again.
const REJOIN: Duration = Duration::from_secs(60);
/// The longest that an isolation may last.
pub const LONGEST_ISOLATION: Duration = Duration::from_secs(120);
/// A timer's work may still be under way when its node answers again.
const TIMERS: Duration = Duration::from_secs(10);
/// A machine without power accepts nothing; how long until it is clear that it still does.
const DARK: Duration = Duration::from_secs(10);

/// Its word in reports, where it is, and what it is about there.
pub fn parts(fault: &Fault) -> (&'static str, &String, Option<&String>) {
    match fault {
        Fault::Stop((node, unit)) => ("stop", node, Some(unit)),
        Fault::Kill((node, unit)) => ("kill", node, Some(unit)),
        Fault::Isolate((node, _)) => ("isolate", node, None),
        Fault::Power(node) => ("power", node, None),
    }
}

/// The node that cannot be asked while the fault lasts.
pub fn silenced(fault: &Fault) -> Option<&String> {
    match fault {
        Fault::Stop(_) | Fault::Kill(_) => None,
        Fault::Isolate((node, _)) | Fault::Power(node) => Some(node),
    }
}

/// Seconds after which the node takes the fault back by itself: longer than a drill that goes well, which takes it back before.
pub fn restores_after(drill: &Drill) -> Option<u32> {
    match drill.fault {
        Fault::Stop(_) | Fault::Kill(_) => {
            let waits: u32 = drill.recovers.iter().filter_map(|step| Some(step.goal.as_ref()?.within_s)).sum();
            let dark = drill.watches.iter().map(|watch| watch.at_most_ms).max().unwrap_or(0);
            Some((waits + dark / 500 + 30).min(900))
        }
        Fault::Isolate((_, seconds)) => Some(seconds),
        Fault::Power(_) => None,
    }
}

/// The timer's name on the node.
pub fn timer(drill: &str) -> String {
    format!("drill-{drill}")
}

impl Engine {
    /// What whoever comes next must know to take it back.
    pub(super) async fn note_of(&self, run: &str, plugin: &str, drill: &Drill) -> Result<DrillNote, String> {
        let (word, node, unit) = parts(&drill.fault);
        let what = match &drill.fault {
            Fault::Isolate(_) => Some(self.interface_of(node).await.ok_or_else(|| format!("the interface of {node} was not found"))?),
            _ => unit.cloned(),
        };
        Ok(DrillNote {
            run: run.to_owned(),
            plugin: plugin.to_owned(),
            drill: drill.id.clone(),
            fault: word.to_owned(),
            node: node.clone(),
            what,
            timer: unit.map(|_| timer(&drill.id)),
            observers: vec![],
            operator: format!("{}@{}", self.operator.user, self.operator.host),
            since: jiff::Timestamp::now().as_second().max(0) as u64,
        })
    }

    /// Makes the fault.
    pub(super) async fn strike(&self, drill: &Drill, note: &DrillNote, hook: Option<&PowerHook>, fence: &Fence) -> Result<(), String> {
        let node = note.node.as_str();
        let for_s = restores_after(drill).unwrap_or_default();
        match (&drill.fault, &note.what) {
            (Fault::Stop(_), Some(unit)) => {
                let argv = ["systemctl", "start", unit.as_str()].map(str::to_owned).to_vec();
                self.fenced(node, "drill", Change::Arm { id: timer(&drill.id), after_s: for_s, argv }, fence).await?;
                self.fenced(node, "drill", Change::Service { name: unit.clone(), actions: vec![ServiceAction::Stop] }, fence).await
            }
            (Fault::Kill(_), Some(unit)) => self.fenced(node, "drill", Change::HoldDown { unit: unit.clone(), id: timer(&drill.id), for_s }, fence).await,
            (Fault::Isolate(_), Some(interface)) => {
                let movable = self.gateway().into_iter().flat_map(|offer| std::iter::once(&offer.address).chain(&offer.managers)).cloned().collect();
                self.fenced(node, "drill", Change::Isolate { interface: interface.clone(), for_s, movable }, fence).await?;
                self.fleet.forget(node).await;
                // It is cut a moment after it has answered.
                tokio::time::sleep(Duration::from_millis(500)).await;
                Ok(())
            }
            (Fault::Power(_), _) => {
                switch(hook, "off", node).await?;
                self.fleet.forget(node).await;
                self.is_dark(node).await
            }
            _ => Err("what the fault is about is not known".into()),
        }
    }

    /// Takes a fault back. Safe to repeat, and where it was never made.
    pub(super) async fn take_back(&self, note: &DrillNote, hook: Option<&PowerHook>, fence: &Fence) -> Result<(), String> {
        let node = note.node.as_str();
        match (note.fault.as_str(), &note.what, &note.timer) {
            ("stop", Some(unit), Some(timer)) => {
                self.fenced(node, "drill", Change::Service { name: unit.clone(), actions: vec![ServiceAction::Start] }, fence).await?;
                self.fenced(node, "drill", Change::Disarm { id: timer.clone() }, fence).await
            }
            ("kill", _, Some(timer)) => self.fenced(node, "drill", Change::Fire { id: timer.clone() }, fence).await,
            // Nobody can reach it; its own timer brings it back.
            ("isolate", ..) => self.back(node, LONGEST_ISOLATION + REJOIN).await,
            ("power", ..) => {
                if hook.is_some() {
                    switch(hook, "on", node).await?;
                }
                self.back(node, if hook.is_some() { REBOOT } else { Duration::from_secs(1) }).await
            }
            (other, ..) => Err(format!("how a fault `{other}` is taken back is not known to this version")),
        }
    }

    /// Timers that are left on a node, once those that are at work have had their time.
    pub(super) async fn timers_left(&self, node: &str) -> Result<Vec<TimerFact>, String> {
        let until = Instant::now() + TIMERS;
        loop {
            let left = match self.fleet.look(vec![(node.to_owned(), Look::Timers)]).await.pop() {
                Some(Ok(Seen::Timers(timers))) => timers,
                Some(Err(problem)) => return Err(problem.message),
                _ => return Err("it said nothing".into()),
            };
            if left.is_empty() || Instant::now() > until {
                return Ok(left);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits until a node answers again.
    pub(super) async fn back(&self, node: &str, within: Duration) -> Result<(), String> {
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

    /// A hook that says it has done it has proven nothing: a machine without power accepts no connection.
    async fn is_dark(&self, node: &str) -> Result<(), String> {
        let Some(member) = self.cluster.node(node).filter(|member| member.ssh.bastion.is_none()) else { return Ok(()) };
        let place = (member.ssh.address.clone(), member.ssh.port);
        let until = Instant::now() + DARK;
        loop {
            let accepts = matches!(tokio::time::timeout(Duration::from_secs(1), tokio::net::TcpStream::connect(place.clone())).await, Ok(Ok(_)));
            if !accepts {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("the power hook says that {node} is off, and yet it accepts connections"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// New with every start of the machine.
    pub(super) async fn boot_id(&self, node: &str) -> Option<String> {
        match self.fleet.look(vec![(node.to_owned(), Look::Probe(Probe::Os))]).await.pop()? {
            Ok(Seen::Fact(Fact::Os(os))) => Some(os.boot_id),
            _ => None,
        }
    }

    pub(super) fn gateway(&self) -> Option<&GatewayOffer> {
        self.cast.roles.first()?.input.handed.gateway.as_ref()
    }

    async fn interface_of(&self, node: &str) -> Option<String> {
        let address = self.cluster.node(node)?.node.address.clone();
        let answer = self.fleet.look(vec![(node.to_owned(), Look::Probe(Probe::Interfaces))]).await.pop()?;
        let Ok(Seen::Fact(Fact::Interfaces(interfaces))) = answer else { return None };
        let has = |cidr: &String| cidr.split('/').next() == Some(address.as_str());
        interfaces.into_iter().find(|interface| interface.addresses.iter().any(has)).map(|interface| interface.name)
    }
}

async fn switch(hook: Option<&PowerHook>, word: &str, node: &str) -> Result<(), String> {
    let hook = hook.ok_or("there is no power hook")?;
    let (program, arguments) = hook.argv.split_first().ok_or("the power hook is empty")?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).arg(word).arg(node).stdin(std::process::Stdio::null()).kill_on_drop(true);
    command.env_clear().envs(hook.environment.iter().map(|(name, value)| (name, value)));
    let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
    match output {
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(format!("the power hook `{program} … {word} {node}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())),
        Ok(Err(error)) => Err(format!("the power hook {program} could not be run: {error}")),
        Err(_) => Err(format!("the power hook took more than a minute to switch {node} {word}")),
    }
}
