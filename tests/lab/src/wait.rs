//! Waiting with a deadline: nothing in the lab waits without one.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Calls `check` until it says yes; an error after `limit` names what was waited for.
pub fn wait_until(what: &str, limit: Duration, mut check: impl FnMut() -> Result<bool>) -> Result<Duration> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if check()? {
            return Ok(began.elapsed());
        }
        if began.elapsed() >= limit {
            bail!("waited {} s for {what}, in vain", limit.as_secs());
        }
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(100));
    }
}
