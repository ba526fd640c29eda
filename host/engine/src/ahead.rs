//! What the last plan asked, kept in `.arcus/` so that the next one can ask it all at once. Only a guess: what is missing
//! is asked as ever, what is too much costs an answer.

use arcus_contract::facts::{Probe, Request};
use arcus_plugin::Wanted;
use cap_std::fs::Dir;

use crate::journal::state_folder;

const NAME: &str = "asked.json";

/// Questions of the last plan; none when they were never kept, or cannot be read.
pub fn read(folder: &Dir) -> Vec<Wanted> {
    // Looking makes no folder.
    let known = || {
        folder.symlink_metadata(".arcus").ok()?;
        let bytes = state_folder(folder).ok()?.read(NAME).ok()?;
        serde_json::from_slice::<Vec<(Option<String>, Request)>>(&bytes).ok()
    };
    let wanted = |(plugin, request): (Option<String>, Request)| Wanted { plugin: plugin.map(Into::into), request };
    known().unwrap_or_default().into_iter().map(wanted).collect()
}

/// Keeps what was asked. Without a folder of ours nothing is kept: a plan leaves no trace.
pub fn write<'a>(folder: &Dir, asked: impl Iterator<Item = &'a Wanted>) {
    if folder.symlink_metadata(".arcus").is_err() {
        return;
    }
    let Ok(state) = state_folder(folder) else { return };
    // Listening takes seconds, and is only asked for before the first apply.
    let mut all: Vec<(Option<&str>, &Request)> = asked
        .filter(|wanted| !matches!(wanted.request.probe, Probe::VrrpHeard(_) | Probe::FileIs(_)))
        .map(|wanted| (wanted.plugin.as_deref(), &wanted.request))
        .collect();
    all.sort_by_cached_key(|(plugin, request)| (request.node.clone(), plugin.map(str::to_owned), format!("{:?}", request.probe)));
    if let Ok(bytes) = serde_json::to_vec(&all) {
        let temporary = format!("{NAME}.new");
        let _ = state.write(&temporary, bytes).and_then(|()| state.rename(&temporary, &state, NAME));
    }
}
