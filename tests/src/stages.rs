//! Stages of one story on one lab: each begins where the one before ended, so the first that fails ends all.

use std::time::Instant;

use anyhow::{Context, Result};

/// Plays them in order, each told by name.
///
/// # Errors
/// When one fails, with its name.
pub fn staged<L>(life: &L, stages: &[(&str, fn(&L) -> Result<()>)]) -> Result<()> {
    for (what, stage) in stages {
        let began = Instant::now();
        eprintln!("== {what}");
        stage(life).with_context(|| format!("stage: {what}"))?;
        eprintln!("   ({:.1} s)", began.elapsed().as_secs_f32());
    }
    Ok(())
}
