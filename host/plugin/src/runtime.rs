//! What all plugins of a process run in: one engine with its clock, the functions that they can reach, and what they may use.

use std::{sync::Arc, thread, time::Duration};

use wasmtime::{Config, Engine, component::Linker};

use crate::{ask::Permit, cache::Cache, guest::Guest, imports, limits::Limits, log::LogSink};

/// What a sandbox is made with.
#[derive(Clone)]
pub struct Options {
    /// Vets what plugins ask.
    pub permit: Permit,
    /// Takes their logs.
    pub log: LogSink,
    /// Where compiled code is kept; none: compiled each time.
    pub cache: Option<Arc<Cache>>,
    /// How much a plugin may use.
    pub limits: Limits,
}

impl Options {
    /// No cache, the usual limits, logs dropped.
    pub fn new(permit: Permit) -> Self {
        Self { permit, log: Arc::new(|_| ()), cache: None, limits: Limits::default() }
    }
}

/// One per sandbox.
pub(crate) struct Runtime {
    pub engine: Engine,
    pub linker: Linker<Guest>,
    pub options: Options,
}

/// How often a running guest lets others run and its time is looked at.
const TICK: Duration = Duration::from_millis(10);

impl Runtime {
    /// Starts the clock as well; it ends with the engine.
    pub fn new(options: Options) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config(&options.limits))?;
        let mut linker = Linker::new(&engine);
        imports::link(&mut linker)?;
        let ticks = engine.weak();
        thread::Builder::new().name("plugin-clock".into()).spawn(move || {
            while let Some(engine) = ticks.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })?;
        Ok(Self { engine, linker, options })
    }
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(512 << 10)
        .async_stack_size(1 << 20)
        // No async functions in the contract: calls are three times cheaper without the support for them.
        .concurrency_support(false)
        // Traps name functions, which is what is told of them; where in a function, and what other debuggers want, nobody reads.
        .generate_address_map(false)
        .native_unwind_info(false)
        // What two processors may answer differently, and what nobody needs.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false);
    // With 4 GiB of addresses for each guest the processor checks its bounds, and its code is a third shorter. Where addresses are
    // counted (`ulimit -v`), it gets what it may have, and checks itself.
    if rustix::process::getrlimit(rustix::process::Resource::As).current.is_some() {
        config.memory_reservation(limits.memory as u64).memory_reservation_for_growth(0);
    }
    config
}
