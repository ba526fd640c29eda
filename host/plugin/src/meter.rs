//! Processor time of one call, without the time it waits.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// Runs while the guest, or the host on its behalf, is on a processor.
///
/// A guest stays on one thread between two points where it waits, so the thread's own clock tells its share, however
/// busy the machine is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    used: Duration,
    /// Thread time at which the present stretch began; none while it waits.
    since: Option<Duration>,
}

impl Meter {
    /// On this thread, from now on.
    pub(crate) fn start(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).since = Some(now());
    }

    /// Waiting from now on. Gives all that was used.
    pub(crate) fn stop(&self) -> Duration {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = state.since.take() {
            state.used += now().saturating_sub(since);
        }
        state.used
    }
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}
