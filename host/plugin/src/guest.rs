//! What lives beside a guest during one call, and holds it within its limits.

use std::sync::Arc;

use arcus_plan::manifest::Manifest;
use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};

use crate::{
    ask::{Asker, Permit},
    export::Export,
    failure::Stop,
    hatch::Hatch,
    limits::Limits,
    log::{Level, LogLine, LogSink},
    meter::Meter,
};

/// Host's side of one call.
pub(crate) struct Guest {
    pub export: Export,
    pub manifest: Arc<Manifest>,
    /// None: nothing can be asked in this call.
    pub asker: Option<Arc<dyn Asker>>,
    /// The step that runs live in this call.
    pub hatch: Option<Hatch>,
    pub permit: Permit,
    pub log: LogSink,
    pub limits: Limits,
    pub meter: Meter,
    /// What the panic hook said.
    pub panic: Option<String>,
    memory: usize,
    table_elements: usize,
    asks: usize,
    requests: usize,
    lines: usize,
    dropped: usize,
}

impl Guest {
    pub(crate) fn new(export: Export, manifest: Arc<Manifest>, asker: Option<Arc<dyn Asker>>, permit: Permit, log: LogSink, limits: Limits) -> Self {
        Self {
            export,
            manifest,
            asker,
            hatch: None,
            permit,
            log,
            limits,
            meter: Meter::default(),
            panic: None,
            memory: 0,
            table_elements: 0,
            asks: 0,
            requests: 0,
            lines: 0,
            dropped: 0,
        }
    }

    fn say(&self, level: Level, message: String) {
        (self.log)(LogLine { plugin: self.manifest.name.clone(), export: self.export, level, message });
    }

    /// Takes a line of the guest's log, cut to what is kept of one.
    pub(crate) fn note(&mut self, level: Level, text: String) {
        // The SDK's panic hook speaks last and this way, as a trap itself carries no words. Never dropped.
        if level == Level::Warn && text.starts_with("panic:") {
            self.panic = Some(text.clone());
        }
        if self.lines == self.limits.log_lines {
            self.dropped += 1;
            return;
        }
        self.lines += 1;
        self.say(level, text);
    }

    /// Says how much of the log was dropped.
    pub(crate) fn finish(&self) {
        if self.dropped > 0 {
            self.say(Level::Warn, format!("{} more lines were dropped", self.dropped));
        }
    }

    pub(crate) fn count(&mut self, requests: usize) -> Result<(), Stop> {
        self.asks += 1;
        self.requests += requests;
        if self.asks > self.limits.asks {
            return Err(Stop::Asks(self.limits.asks));
        }
        if self.requests > self.limits.requests {
            return Err(Stop::Requests(self.limits.requests));
        }
        Ok(())
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let (wanted, limit) = (self.memory.saturating_sub(current).saturating_add(desired), self.limits.memory);
        if wanted > limit {
            // An error, not `false`: a guest told of a failed growth aborts without a word of why.
            return Err(Stop::Memory { wanted, limit }.into());
        }
        self.memory = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let (wanted, limit) = (self.table_elements.saturating_sub(current).saturating_add(desired), self.limits.table_elements);
        if wanted > limit {
            return Err(Stop::Tables { wanted, limit }.into());
        }
        self.table_elements = wanted;
        Ok(true)
    }

    // A component of the SDK is three instances, one memory and two tables.
    fn instances(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        8
    }

    fn tables(&self) -> usize {
        32
    }
}

/// At each tick of the epoch: lets others run, and ends what has run for too long.
pub(crate) fn tick(mut store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let guest = store.data_mut();
    if guest.meter.stop() > guest.limits.cpu {
        return Err(Stop::Cpu(guest.limits.cpu).into());
    }
    let meter = guest.meter.clone();
    Ok(UpdateDeadline::YieldCustom(
        1,
        Box::pin(async move {
            tokio::task::yield_now().await;
            meter.start();
        }),
    ))
}
