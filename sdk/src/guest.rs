//! From the contract's functions to the traits: config read, panics logged, goals looked up in the table. The same code
//! serves the guest's exports and the native harness.

use crate::goal::Case;
use crate::{Checks, Cluster, Gateway, Migration, Network, Plan, Platform, Plugin, Preflight, Storage, problem};
use arcus_contract::actions::Desired;
use arcus_contract::checks::{Check, Drill, Seen, Verdict, Verified, Weighing};
use arcus_contract::handoffs::{GatewayOffer, Handed, Input, NetworkOffer, PlatformDemand, StorageOffer};
use arcus_contract::types::Problem;
use std::marker::PhantomData;

/// A plugin's type as the component's exports; made by `export!`.
pub struct Exports<P>(PhantomData<P>);

type Problems = Vec<Problem>;

/// `lifecycle.plan`.
pub fn plan<P: Plugin>(input: Input) -> Result<Desired, Problems> {
    planned(input, P::plan, P::goals)
}

/// A plan by any of a plugin's planning functions.
pub fn planned<C: serde::de::DeserializeOwned>(
    input: Input,
    make: impl FnOnce(&Cluster<C>, &mut Plan) -> Result<(), Problem>,
    goals: fn() -> crate::Goals<C>,
) -> Result<Desired, Problems> {
    let cluster = open(input)?;
    let mut plan = Plan::default();
    if let Err(problem) = make(&cluster, &mut plan) {
        plan.problem(problem);
    }
    plan.finish(&goals(), &cluster.silence())
}

/// `lifecycle.unfinished`.
pub fn unfinished<P: Plugin>(input: Input) -> Result<Vec<Problem>, Problems> {
    P::unfinished(&open(input)?).map_err(|problem| vec![problem])
}

/// `lifecycle.mend`.
pub fn mend<P: Plugin>(input: Input) -> Result<Desired, Problems> {
    planned(input, P::mend, P::goals)
}

/// `lifecycle.leave`.
pub fn leave<P: Plugin>(input: Input, node: &str) -> Result<Desired, Problems> {
    let find = |cluster: &Cluster<P::Config>, plan: &mut Plan| match cluster.node(node) {
        Some(node) => P::leave(cluster, node, plan),
        None => Err(problem("node.unknown", format!("the cluster has no node {node}"))),
    };
    planned(input, find, P::goals)
}

/// `lifecycle.judge`.
pub fn judge<P: Plugin>(input: Input, cases: Vec<Weighing>, seen: Vec<Seen>) -> Vec<Verdict> {
    let cluster = match open::<P::Config>(input) {
        Ok(cluster) => cluster,
        Err(problems) => {
            let first = problems.into_iter().next().unwrap_or_else(|| problem("plugin.config", "the config cannot be read"));
            return cases.iter().map(|_| Verdict::Failed(first.clone())).collect();
        }
    };
    let goals = P::goals();
    let verdict = |weighing: &Weighing| {
        let bug = |message: String| Verdict::Failed(problem("plugin.no-judge", message));
        let Some(case) = Case::new(weighing, &seen, &cluster.nodes) else {
            return bug(format!("the goal of step {} names answers that were not given", weighing.step));
        };
        match goals.get(case.verb()) {
            Some(judge) => judge(&cluster, &case).map_or_else(|verdict| verdict, |()| Verdict::Met),
            None => bug(format!("step {} has a goal, and `goals()` has no entry for `{}`", weighing.step, case.verb())),
        }
    };
    cases.iter().map(verdict).collect()
}

/// `lifecycle.verify`.
pub fn verify<P: Plugin>(input: Input) -> Result<Verified, Problems> {
    let cluster = open(input)?;
    let mut checks = Checks::default();
    if let Err(problem) = P::verify(&cluster, &mut checks) {
        checks.problem(problem);
    }
    checks.finish()
}

/// `hatch.run`, natively.
#[cfg(not(target_family = "wasm"))]
pub fn live<P: Plugin>(name: &str, args: &str, nodes: std::rc::Rc<dyn crate::Nodes>) -> Result<(), Problem> {
    P::live(&crate::Live::new(name, args, nodes))
}

/// `lifecycle.drills`. A drill whose goal nobody judges is refused.
pub fn drills<P: Plugin>(input: Input) -> Result<Vec<Drill>, Problems> {
    let drills = P::drills(&open(input)?).map_err(|problem| vec![problem])?;
    let goals = P::goals();
    let steps = drills.iter().flat_map(|drill| drill.recovers.iter().chain(&drill.heals));
    let missing: Problems = steps
        .filter_map(|step| {
            let verb = step.id.split_once(':').map_or(step.id.as_str(), |(verb, _)| verb);
            let message = || format!("drill step {} has a goal, and `goals()` has no entry for `{verb}`", step.id);
            (step.goal.is_some() && !goals.has(verb)).then(|| problem("plugin.no-judge", message()))
        })
        .collect();
    if missing.is_empty() { Ok(drills) } else { Err(missing) }
}

/// `preflight.inspect`.
pub fn inspect<P: Preflight>(input: Input) -> Result<Vec<Check>, Problems> {
    let cluster = open(input)?;
    let mut checks = Checks::default();
    if let Err(problem) = P::inspect(&cluster, &mut checks) {
        checks.problem(problem);
    }
    Ok(checks.finish()?.checks)
}

/// `storage.offer`.
pub fn storage_offer<P: Storage>(input: Input) -> Result<StorageOffer, Problems> {
    P::offer(&open(input)?)
}
/// `network.offer`.
pub fn network_offer<P: Network>(input: Input) -> Result<NetworkOffer, Problems> {
    P::offer(&open(input)?)
}
/// `gateway.offer`.
pub fn gateway_offer<P: Gateway>(input: Input) -> Result<GatewayOffer, Problems> {
    P::offer(&open(input)?)
}
/// `platform.demands`.
pub fn demands<P: Platform>(input: Input) -> Result<PlatformDemand, Problems> {
    P::demands(&open(input)?)
}
/// `migration.rollback`.
pub fn rollback<P: Migration>(input: Input) -> Result<Desired, Problems> {
    planned(input, P::rollback, P::goals)
}
/// `migration.confirm`.
pub fn confirm<P: Migration>(input: Input) -> Result<Desired, Problems> {
    planned(input, P::confirm, P::goals)
}

/// What a plugin is handed when there is nothing.
pub fn nothing_handed() -> Handed {
    Handed {
        demands: PlatformDemand { shared: None, gateway_health: None, gateway_unit: None, manage_health: None, manage_unit: None },
        storage: Vec::new(),
        network: None,
        gateway: None,
        others: Vec::new(),
    }
}

fn open<C: serde::de::DeserializeOwned>(input: Input) -> Result<Cluster<C>, Problems> {
    log_panics();
    Cluster::new(input).map_err(|problem| vec![problem])
}

/// A guest's panic is a trap without words; this gives the host the words. Natively the test's own hook is better.
fn log_panics() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|info| crate::warn(format!("panic: {info}"))));
}

impl<P: Plugin> crate::worlds::plugin::exports::arcus::plugin::lifecycle::Guest for Exports<P> {
    fn plan(input: Input) -> Result<Desired, Problems> {
        plan::<P>(input)
    }
    fn unfinished(input: Input) -> Result<Vec<Problem>, Problems> {
        unfinished::<P>(input)
    }
    fn mend(input: Input) -> Result<Desired, Problems> {
        mend::<P>(input)
    }
    fn leave(input: Input, node: String) -> Result<Desired, Problems> {
        leave::<P>(input, &node)
    }
    fn judge(input: Input, cases: Vec<Weighing>, seen: Vec<Seen>) -> Vec<Verdict> {
        judge::<P>(input, cases, seen)
    }
    fn verify(input: Input) -> Result<Verified, Problems> {
        verify::<P>(input)
    }
    fn drills(input: Input) -> Result<Vec<Drill>, Problems> {
        drills::<P>(input)
    }
}
impl<P: Plugin> crate::worlds::hatch::exports::arcus::plugin::hatch::Guest for Exports<P> {
    #[cfg(target_family = "wasm")]
    fn run(name: String, args: String, fleet: &crate::worlds::hatch::arcus::plugin::session::Fleet) -> Result<(), Problem> {
        log_panics();
        P::live(&crate::Live::new(&name, &args, fleet))
    }
    /// Natively nobody has such a fleet: see [`live`].
    #[cfg(not(target_family = "wasm"))]
    fn run(name: String, _: String, _: &crate::worlds::hatch::arcus::plugin::session::Fleet) -> Result<(), Problem> {
        Err(problem("plugin.no-live", format!("`{name}` was called natively")))
    }
}
impl<P: Storage> crate::worlds::storage::exports::arcus::plugin::storage::Guest for Exports<P> {
    fn offer(input: Input) -> Result<StorageOffer, Problems> {
        storage_offer::<P>(input)
    }
}
impl<P: Network> crate::worlds::network::exports::arcus::plugin::network::Guest for Exports<P> {
    fn offer(input: Input) -> Result<NetworkOffer, Problems> {
        network_offer::<P>(input)
    }
}
impl<P: Gateway> crate::worlds::gateway::exports::arcus::plugin::gateway::Guest for Exports<P> {
    fn offer(input: Input) -> Result<GatewayOffer, Problems> {
        gateway_offer::<P>(input)
    }
}
impl<P: Platform> crate::worlds::platform::exports::arcus::plugin::platform::Guest for Exports<P> {
    fn demands(input: Input) -> Result<PlatformDemand, Problems> {
        demands::<P>(input)
    }
}
impl<P: Migration> crate::worlds::migration::exports::arcus::plugin::migration::Guest for Exports<P> {
    fn rollback(input: Input) -> Result<Desired, Problems> {
        rollback::<P>(input)
    }
    fn confirm(input: Input) -> Result<Desired, Problems> {
        confirm::<P>(input)
    }
}
impl<P: Preflight> crate::worlds::preflight::exports::arcus::plugin::preflight::Guest for Exports<P> {
    fn inspect(input: Input) -> Result<Vec<Check>, Problems> {
        inspect::<P>(input)
    }
}
