//! What lives beside a guest during one call, and the functions it can reach.

use std::{sync::Arc, time::Duration};

use arcus_contract::facts::{Answer, Request};
use arcus_plan::manifest::Manifest;
use tokio::task::JoinSet;
use wasmtime::{
    ResourceLimiter, StoreContextMut, UpdateDeadline,
    component::{ComponentType, Lift, Linker, Lower, WasmStr},
};

use crate::{
    Asker, Export, Kind, LogSink, Permit, ask,
    hatch::{self, Hatch},
    limits::Limits,
    meter::Meter,
};

/// How much a line of a plugin's log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    /// For the author.
    #[component(name = "debug")]
    Debug,
    /// For the curious.
    #[component(name = "info")]
    Info,
    /// Something is odd.
    #[component(name = "warn")]
    Warn,
}

/// A line of a plugin's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Who.
    pub plugin: String,
    /// During which call.
    pub export: Export,
    /// How much it matters.
    pub level: Level,
    /// Foreign text, cut to 4 KiB.
    pub message: String,
}

/// Why the sandbox ended a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("it used up its {} of processor time", seconds(.0))]
    Cpu(Duration),
    #[error("it was not done after {}", seconds(.0))]
    Wall(Duration),
    #[error("it wanted {wanted} bytes of memory, and a plugin may have {limit}")]
    Memory { wanted: usize, limit: usize },
    #[error("it wanted tables of {wanted} elements, and a plugin may have {limit}")]
    Tables { wanted: usize, limit: usize },
    #[error("it asked more than {0} times in one call")]
    Asks(usize),
    #[error("it asked for more than {0} answers in one call")]
    Requests(usize),
    #[error("it did more than {0} things live in one step")]
    Live(usize),
}

fn seconds(time: &Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

impl Stop {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Cpu(_) | Self::Wall(_) => Kind::Hang,
            Self::Memory { .. } | Self::Tables { .. } => Kind::Memory,
            Self::Asks(_) | Self::Requests(_) | Self::Live(_) => Kind::Asks,
        }
    }
}

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

    /// Takes a line of the guest's log.
    fn note(&mut self, level: Level, text: &str) {
        let mut end = text.len().min(self.limits.log_bytes);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = &text[..end];
        // The SDK's panic hook speaks last and this way, as a trap itself carries no words. Never dropped.
        if level == Level::Warn && text.starts_with("panic:") {
            self.panic = Some(text.to_owned());
        }
        if self.lines == self.limits.log_lines {
            self.dropped += 1;
            return;
        }
        self.lines += 1;
        self.say(level, text.to_owned());
    }

    /// Says how much of the log was dropped.
    pub(crate) fn finish(&self) {
        if self.dropped > 0 {
            self.say(Level::Warn, format!("{} more lines were dropped", self.dropped));
        }
    }

    fn count(&mut self, requests: usize) -> Result<(), Stop> {
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

/// Gives guests the functions of the contract, and nothing else.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.instance("arcus:plugin/log@0.1.0")?.func_wrap("emit", |mut store: StoreContextMut<'_, Guest>, (level, message): (Level, WasmStr)| {
        // Copied out only as far as it is kept. The store is borrowed by the text, so the short copy comes first.
        let keep = store.data().limits.log_bytes;
        let text = {
            let text = message.to_str(&store)?;
            let mut end = text.len().min(keep);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text[..end].to_owned()
        };
        store.data_mut().note(level, &text);
        Ok(())
    })?;
    linker.instance("arcus:plugin/observe@0.1.0")?.func_wrap_async("ask", |store, (requests,): (Vec<Request>,)| {
        Box::new(async move { Ok((answer(store, requests).await?,)) })
    })?;
    hatch::link(linker)
}

async fn answer(mut store: StoreContextMut<'_, Guest>, requests: Vec<Request>) -> wasmtime::Result<Vec<Answer>> {
    let guest = store.data_mut();
    guest.count(requests.len())?;
    let Some(asker) = guest.asker.clone() else {
        return Ok(requests.iter().map(ask::not_now).collect());
    };
    // What is denied is answered here and never reaches anyone.
    let mut answers: Vec<Option<Answer>> =
        requests.iter().map(|request| (guest.permit)(&guest.manifest, request).err().map(Err)).collect();
    let permitted: Vec<Request> =
        requests.iter().zip(&answers).filter(|(_, denied)| denied.is_none()).map(|(request, _)| request.clone()).collect();
    if !permitted.is_empty() {
        if guest.meter.stop() > guest.limits.cpu {
            return Err(Stop::Cpu(guest.limits.cpu).into());
        }
        let plugin = guest.manifest.name.clone();
        // On a task of its own, as this runs on the small stack of a fiber; ended with this call.
        let mut task = JoinSet::new();
        task.spawn(async move { asker.ask(&plugin, permitted).await });
        let given = task.join_next().await.and_then(Result::ok).unwrap_or_default();
        guest.meter.start();
        let mut given = given.into_iter();
        for answer in answers.iter_mut().filter(|answer| answer.is_none()) {
            *answer = given.next();
        }
    }
    store.set_epoch_deadline(1);
    Ok(answers.into_iter().zip(&requests).map(|(answer, request)| answer.unwrap_or_else(|| ask::lost(request))).collect())
}
