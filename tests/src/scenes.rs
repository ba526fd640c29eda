//! Many short scenes on one lab, which takes longer to make than they do: each is told by name, and one that fails stops no other.

use std::time::Instant;

use anyhow::Result;

/// Scenes that were played.
#[derive(Debug, Default)]
pub struct Scenes {
    played: usize,
    failed: Vec<String>,
}

impl Scenes {
    /// Plays one.
    pub fn play(&mut self, name: &str, scene: impl FnOnce() -> Result<()>) {
        let began = Instant::now();
        let result = scene();
        self.played += 1;
        let word = if result.is_ok() { "ok" } else { "FAILED" };
        eprintln!("{word:>8}  {name} ({:.1} s)", began.elapsed().as_secs_f32());
        if let Err(error) = result {
            self.failed.push(format!("{name}: {error:#}"));
        }
    }

    /// Fails when one of them did, with all that each said.
    ///
    /// # Panics
    /// When a scene failed, or none was played.
    pub fn end(self) {
        assert!(self.played > 0, "no scene was played");
        assert!(self.failed.is_empty(), "{} of {} scenes failed:\n\n{}", self.failed.len(), self.played, self.failed.join("\n\n"));
    }
}
