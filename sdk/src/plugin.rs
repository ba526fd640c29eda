//! The traits a plugin implements: [`Plugin`], and the one of its concern.

use crate::{Checks, Cluster, Goals, Live, Plan, problem};
use arcus_contract::checks::Drill;
use arcus_contract::handoffs::{GatewayOffer, NetworkOffer, PlatformDemand, StorageOffer};
use arcus_contract::types::{Node, Problem};
use serde::de::DeserializeOwned;

/// What every plugin but preflight does. Implemented by an empty type: nothing is remembered between calls.
pub trait Plugin: Sized + 'static {
    /// The plugin's section of the cluster file. Already checked against the manifest's schema; what serde still refuses
    /// becomes `plugin.config` with a pointer to the place.
    type Config: DeserializeOwned;

    /// What should be: everything, also what is so already and what can only be done after other steps.
    ///
    /// `Err`: no plan can be made. For more than one reason use [`Plan::problem`]; all are reported at once.
    fn plan(cluster: &Cluster<Self::Config>, plan: &mut Plan) -> Result<(), Problem>;

    /// Who judges which steps: one plain function for each verb used with `until`. Runs in a fresh instance, cannot ask.
    fn goals() -> Goals<Self::Config>;

    /// Looks, changes nothing, can fail. Must not claim what no node answered.
    fn verify(cluster: &Cluster<Self::Config>, checks: &mut Checks) -> Result<(), Problem>;

    /// What is half-done; `arcus status` opens with it. Must not claim what no node answered.
    fn unfinished(cluster: &Cluster<Self::Config>) -> Result<Vec<Problem>, Problem> {
        let _ = cluster;
        Ok(Vec::new())
    }

    /// What must be made good at once where a change of members stopped half-way; see `wit/lifecycle.wit`.
    fn mend(cluster: &Cluster<Self::Config>, plan: &mut Plan) -> Result<(), Problem> {
        let _ = (cluster, plan);
        Ok(())
    }

    /// What takes this node out of the cluster; see `wit/lifecycle.wit`.
    fn leave(cluster: &Cluster<Self::Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
        let _ = (cluster, node, plan);
        Ok(())
    }

    /// What a step of [`Plan::call`] does. It may have been cut in its midst before: look what is there, and go on from that; when it is
    /// done, the goal of the step says. It runs in a fresh instance, with nothing but what it is given, and cannot ask.
    fn live(step: &Live<'_>) -> Result<(), Problem> {
        Err(problem("plugin.no-live", format!("this plugin does nothing live, and a step of its plan calls `{}`", step.name())))
    }

    /// What `arcus drill` may try; see [`crate::Trial`]. Asked right before, so it may look who holds what.
    fn drills(cluster: &Cluster<Self::Config>) -> Result<Vec<Drill>, Problem> {
        let _ = cluster;
        Ok(Vec::new())
    }
}

/// Brings a shared directory to the nodes that `cluster.handed.demands.shared` names.
pub trait Storage: Plugin {
    /// How any node mounts it. From the cluster file alone (asks are refused); report every mistake in the config here.
    fn offer(cluster: &Cluster<Self::Config>) -> Result<StorageOffer, Vec<Problem>>;
}

/// Pods reach each other across nodes.
pub trait Network: Plugin {
    /// What the platform must be told. As [`Storage::offer`].
    fn offer(cluster: &Cluster<Self::Config>) -> Result<NetworkOffer, Vec<Problem>>;
}

/// One address that outlives a gateway node.
pub trait Gateway: Plugin {
    /// The address. As [`Storage::offer`].
    fn offer(cluster: &Cluster<Self::Config>) -> Result<GatewayOffer, Vec<Problem>>;
}

/// What all the rest is for.
pub trait Platform: Plugin {
    /// What it wants from the others. Called before everything else, with nothing handed; and once more with what the others offer in
    /// `cluster.handed`, to refuse what it cannot use. It must want the same both times. As [`Storage::offer`].
    fn demands(cluster: &Cluster<Self::Config>) -> Result<PlatformDemand, Vec<Problem>>;
}

/// From one storage to another; [`Plugin::plan`] leads forward. Both offers are in `cluster.handed.storage`.
pub trait Migration: Plugin {
    /// Back to the old storage, from wherever things stand.
    fn rollback(cluster: &Cluster<Self::Config>, plan: &mut Plan) -> Result<(), Problem>;
    /// The operator is content: lets go of the old storage.
    fn confirm(cluster: &Cluster<Self::Config>, plan: &mut Plan) -> Result<(), Problem>;
}

/// Can these machines become this cluster? Never plans.
pub trait Preflight: Sized + 'static {
    /// As [`Plugin::Config`].
    type Config: DeserializeOwned;
    /// The checks. One that the operator relaxed by its id is shown as warned where it failed: the host does that.
    fn inspect(cluster: &Cluster<Self::Config>, checks: &mut Checks) -> Result<(), Problem>;
}
