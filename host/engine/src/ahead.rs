//! What the last plan asked, kept in `.arcus/` and for the rest of this process, so that the next one can ask it all at once.
//! Only a guess: what is missing is asked as ever, what is too much costs an answer.

use std::sync::Mutex;

use arcus_contract::facts::{Probe, Request};
use arcus_plugin::Wanted;
use cap_std::fs::Dir;

use crate::journal::state_folder;

const NAME: &str = "asked.json";

/// What the last plan of this process asked.
#[derive(Default)]
pub struct Asked(Mutex<Vec<Wanted>>);

impl Asked {
    /// Questions of the last plan: of this process, else of one before.
    pub fn known(&self, folder: &Dir) -> Vec<Wanted> {
        let own = self.0.lock().expect("no panic while held").clone();
        if own.is_empty() { read(folder) } else { own }
    }

    /// Keeps what was asked.
    pub fn keep(&self, folder: &Dir, asked: impl Iterator<Item = Wanted>) {
        // Listening takes seconds, and is only asked for before the first apply.
        let asked: Vec<Wanted> = asked.filter(|wanted| !matches!(wanted.request.probe, Probe::VrrpHeard(_) | Probe::FileIs(_))).collect();
        write(folder, &asked);
        *self.0.lock().expect("no panic while held") = asked;
    }
}

/// Of the last plan; none when they were never kept, or cannot be read.
fn read(folder: &Dir) -> Vec<Wanted> {
    // Looking makes no folder.
    let known = || {
        folder.symlink_metadata(".arcus").ok()?;
        let bytes = state_folder(folder).ok()?.read(NAME).ok()?;
        serde_json::from_slice::<Vec<(Option<String>, Request)>>(&bytes).ok()
    };
    let wanted = |(plugin, request): (Option<String>, Request)| Wanted { plugin: plugin.map(Into::into), request };
    known().unwrap_or_default().into_iter().map(wanted).collect()
}

/// Without a folder of ours nothing is kept: a plan leaves no trace.
fn write(folder: &Dir, asked: &[Wanted]) {
    if folder.symlink_metadata(".arcus").is_err() {
        return;
    }
    let Ok(state) = state_folder(folder) else { return };
    let mut all: Vec<(Option<&str>, &Request)> = asked.iter().map(|wanted| (wanted.plugin.as_deref(), &wanted.request)).collect();
    all.sort_by_cached_key(|(plugin, request)| (request.node.clone(), plugin.map(str::to_owned), format!("{:?}", request.probe)));
    if let Ok(bytes) = serde_json::to_vec(&all) {
        let temporary = format!("{NAME}.new");
        let _ = state.write(&temporary, bytes).and_then(|()| state.rename(&temporary, &state, NAME));
    }
}
