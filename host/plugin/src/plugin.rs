//! A loaded plugin, and calling it.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use arcus_component::Inspection;
use arcus_contract::{
    actions::{Call, Desired},
    checks::{Check, Drill, Seen, Verdict, Verified, Weighing},
    handoffs::{GatewayOffer, Input, NetworkOffer, PlatformDemand, StorageOffer},
    types::Problem,
};
use arcus_plan::manifest::Manifest;
use wasmtime::{
    Store,
    component::{ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower, Resource},
};

use crate::{
    ask::Asker,
    export::Export,
    failure::{CallError, Failure, Kind, Stop},
    guest::{self, Guest},
    hatch::{Fleet, Hatch, Live},
    runtime::Runtime,
};

/// A plugin that was read, checked and compiled. Cheap to clone; calls may run at the same time.
#[derive(Clone)]
pub struct Plugin(Arc<Inner>);

struct Inner {
    runtime: Arc<Runtime>,
    origin: String,
    manifest: Arc<Manifest>,
    inspection: Inspection,
    cached: bool,
    pre: InstancePre<Guest>,
    exports: HashMap<Export, ComponentExportIndex>,
}

/// What loading made.
pub(crate) struct Loaded {
    pub pre: InstancePre<Guest>,
    pub exports: HashMap<Export, ComponentExportIndex>,
    pub inspection: Inspection,
    pub cached: bool,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name()).field("digest", &self.digest()).finish_non_exhaustive()
    }
}

/// After the time of a step that runs live is up, nothing more is done for it; so long it has to come to an end.
const LAST: Duration = Duration::from_secs(20);

/// What a function of the contract gives, as wasmtime sees it.
type Given<T> = (Result<T, Vec<Problem>>,);

impl Plugin {
    pub(crate) fn new(runtime: Arc<Runtime>, origin: String, loaded: Loaded) -> Self {
        let Loaded { pre, exports, inspection, cached } = loaded;
        let manifest = Arc::new(inspection.manifest.clone());
        Self(Arc::new(Inner { runtime, origin, manifest, inspection, cached, pre, exports }))
    }

    /// As in its manifest, e.g. `storage-glusterfs`.
    pub fn name(&self) -> &str {
        &self.0.manifest.name
    }

    /// What it is and asks for.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.0.manifest
    }

    /// SHA-256 of its file, lower-case hex.
    pub fn digest(&self) -> &str {
        &self.0.inspection.digest
    }

    /// What its file says.
    pub fn inspection(&self) -> &Inspection {
        &self.0.inspection
    }

    /// Where it came from, for errors.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// Whether its code came from the cache.
    pub fn is_cached(&self) -> bool {
        self.0.cached
    }

    /// Platform: what it wants from the others.
    ///
    /// # Errors
    /// What the plugin reports, or that it is broken. The same for all functions below.
    pub async fn demands(&self, input: &Input) -> Result<PlatformDemand, Failure> {
        self.ask_nothing(Export::Demands, input).await
    }

    /// Storage: how a node mounts the shared directory.
    pub async fn offer_storage(&self, input: &Input) -> Result<StorageOffer, Failure> {
        self.ask_nothing(Export::OfferStorage, input).await
    }

    /// Network: what the platform must be told.
    pub async fn offer_network(&self, input: &Input) -> Result<NetworkOffer, Failure> {
        self.ask_nothing(Export::OfferNetwork, input).await
    }

    /// Gateway: the address that users and nodes can count on.
    pub async fn offer_gateway(&self, input: &Input) -> Result<GatewayOffer, Failure> {
        self.ask_nothing(Export::OfferGateway, input).await
    }

    /// What should be.
    pub async fn plan(&self, asker: impl Asker + 'static, input: &Input) -> Result<Desired, Failure> {
        self.desired(Export::Plan, asker, input).await
    }

    /// What is half-done.
    pub async fn unfinished(&self, asker: impl Asker + 'static, input: &Input) -> Result<Vec<Problem>, Failure> {
        self.ask_freely(Export::Unfinished, asker, input).await
    }

    /// What must be made good where a change of members stopped half-way.
    pub async fn mend(&self, asker: impl Asker + 'static, input: &Input) -> Result<Desired, Failure> {
        self.desired(Export::Mend, asker, input).await
    }

    /// What takes a node out of the cluster.
    pub async fn leave(&self, asker: impl Asker + 'static, input: &Input, node: &str) -> Result<Desired, Failure> {
        let (given,): Given<Desired> = self.call(Export::Leave, Some(Arc::new(asker)), (input, node)).await?;
        let desired = self.settle(Export::Leave, given)?;
        self.at_most(Export::Leave, desired)
    }

    /// Migration: back to the old storage.
    pub async fn rollback(&self, asker: impl Asker + 'static, input: &Input) -> Result<Desired, Failure> {
        self.desired(Export::Rollback, asker, input).await
    }

    /// Migration: lets go of the old storage.
    pub async fn confirm(&self, asker: impl Asker + 'static, input: &Input) -> Result<Desired, Failure> {
        self.desired(Export::Confirm, asker, input).await
    }

    /// Decides goals: one verdict per case.
    pub async fn judge(&self, input: &Input, cases: &[Weighing], seen: &[Seen]) -> Result<Vec<Verdict>, Box<CallError>> {
        let (verdicts,): (Vec<Verdict>,) = self.call(Export::Judge, None, (input, cases, seen)).await?;
        if verdicts.len() != cases.len() {
            let message = format!("it gave {} verdicts on {} goals", verdicts.len(), cases.len());
            return Err(Box::new(CallError::new(self.name(), Export::Judge, Kind::Output, message)));
        }
        Ok(verdicts)
    }

    /// Looks whether it is so.
    pub async fn verify(&self, asker: impl Asker + 'static, input: &Input) -> Result<Verified, Failure> {
        self.ask_freely(Export::Verify, asker, input).await
    }

    /// What `arcus drill` may try.
    pub async fn drills(&self, asker: impl Asker + 'static, input: &Input) -> Result<Vec<Drill>, Failure> {
        self.ask_freely(Export::Drills, asker, input).await
    }

    /// Preflight: can these machines become this cluster?
    pub async fn inspect(&self, asker: impl Asker + 'static, input: &Input) -> Result<Vec<Check>, Failure> {
        self.ask_freely(Export::Inspect, asker, input).await
    }

    /// Runs a step live, so long at most. What it opened is over with this call.
    pub async fn live(&self, live: Arc<dyn Live>, call: &Call, time: Duration) -> Result<(), Failure> {
        let hatch = Hatch::new(live, call.nodes.clone(), Instant::now() + time);
        let params = (call.name.as_str(), call.args.as_str(), Resource::<Fleet>::new_borrow(0));
        let (said,): (Result<(), Problem>,) = self.call_within(Export::Live, None, Some(hatch), time + LAST, params).await?;
        said.map_err(|problem| Failure::Problems(vec![problem]))
    }

    async fn desired(&self, export: Export, asker: impl Asker + 'static, input: &Input) -> Result<Desired, Failure> {
        let desired: Desired = self.ask_freely(export, asker, input).await?;
        self.at_most(export, desired)
    }

    fn at_most(&self, export: Export, desired: Desired) -> Result<Desired, Failure> {
        let limit = self.0.runtime.options.limits.steps;
        if desired.steps.len() > limit {
            let message = format!("its plan has {} steps, of {limit} at most", desired.steps.len());
            return Err(Box::new(CallError::new(self.name(), export, Kind::Output, message)).into());
        }
        Ok(desired)
    }

    async fn ask_nothing<T>(&self, export: Export, input: &Input) -> Result<T, Failure>
    where
        Given<T>: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let (given,): Given<T> = self.call(export, None, (input,)).await?;
        self.settle(export, given)
    }

    async fn ask_freely<T>(&self, export: Export, asker: impl Asker + 'static, input: &Input) -> Result<T, Failure>
    where
        Given<T>: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let (given,): Given<T> = self.call(export, Some(Arc::new(asker)), (input,)).await?;
        self.settle(export, given)
    }

    /// An empty list of problems would read like success.
    fn settle<T>(&self, export: Export, given: Result<T, Vec<Problem>>) -> Result<T, Failure> {
        match given {
            Ok(value) => Ok(value),
            Err(problems) if problems.is_empty() => {
                Err(Box::new(CallError::new(self.name(), export, Kind::Output, "it reports an error without saying which")).into())
            }
            Err(problems) => Err(Failure::Problems(problems)),
        }
    }

    async fn call<P, R>(&self, export: Export, asker: Option<Arc<dyn Asker>>, params: P) -> Result<R, Box<CallError>>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        self.call_within(export, asker, None, self.0.runtime.options.limits.wall, params).await
    }

    /// One call in a store of its own. Dropping the future ends the call.
    async fn call_within<P, R>(&self, export: Export, asker: Option<Arc<dyn Asker>>, hatch: Option<Hatch>, wall: Duration, params: P) -> Result<R, Box<CallError>>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let inner = &*self.0;
        let options = &inner.runtime.options;
        let Some(index) = inner.exports.get(&export) else {
            return Err(Box::new(CallError::new(self.name(), export, Kind::Missing, "it does not have this function")));
        };
        let limits = &options.limits;
        let mut guest = Guest::new(export, Arc::clone(&inner.manifest), asker, options.permit.clone(), options.log.clone(), limits.clone());
        guest.hatch = hatch;
        let meter = guest.meter.clone();
        let mut store = Store::new(&inner.runtime.engine, guest);
        store.limiter(|guest| guest);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(guest::tick);
        store.set_hostcall_fuel(limits.transfer);
        let run = async {
            meter.start();
            let instance = inner.pre.instantiate_async(&mut store).await?;
            let function = instance.get_typed_func::<P, R>(&mut store, index)?;
            function.call_async(&mut store, params).await
        };
        let ended = match tokio::time::timeout(wall, run).await {
            Ok(ended) => ended,
            Err(_) => Err(Stop::Wall(wall).into()),
        };
        let guest = store.data_mut();
        guest.finish();
        let panic = guest.panic.take();
        ended.map_err(|error| Box::new(CallError::from_wasmtime(self.name(), export, &error, panic)))
    }
}
