//! Puts a batch into one script for `sh -s`.
//!
//! The script is one group, `{ ... }`: definitions, then a call with the batch's nonce. A shell runs nothing of a group before it has
//! read all of it, so a script that a lost connection cuts off runs nothing. (Definitions alone would not do: `watch() {` cut after its
//! first letter is the program `w`.)
use std::collections::BTreeSet;
use std::time::Duration;

use arcus_contract::types::Problem;
use zeroize::Zeroizing;

use crate::library::{PATH, PIECES, Piece};
use crate::looks::{self, Gathering};
use crate::{Batch, Layout, Source, quote, tasks};

/// A batch as a script, and what is needed to understand what it says.
pub struct Script {
    /// For `sh -s`. May hold secrets.
    pub text: Zeroizing<Vec<u8>>,
    /// Of its frames.
    pub nonce: String,
    /// What to send when a task wants its content.
    pub streams: Vec<Option<Source>>,
    /// How long each task may take before the node counts as lost, counted from its beginning.
    pub patience: Vec<Duration>,
    /// How long the looks may take.
    pub look_within: Duration,
    /// Turns parts into answers.
    pub gathering: Gathering,
}

/// Writes the script. What cannot be asked or done at all (a path with a newline) is answered without the node.
pub fn render(batch: &Batch, layout: &Layout, nonce: &str) -> Result<Script, Problem> {
    let mut needs = BTreeSet::from([Piece::Core]);
    let mut functions = Zeroizing::new(Vec::new());
    let mut body = Vec::new();
    let mut streams = Vec::new();
    let mut patience = Vec::new();
    let epoch = batch.fence.as_ref().map_or(0, |fence| fence.epoch);
    let run = batch.fence.as_ref().map_or_else(String::new, |fence| quote::file_name(&fence.run));
    let private = !batch.tasks.is_empty();
    if private {
        needs.insert(Piece::Task);
        body.extend_from_slice(b"private\no=$d/out; : >\"$o\"\n");
        if batch.fence.is_some() {
            body.extend_from_slice(b"fence\n");
        }
    }
    for (index, task) in batch.tasks.iter().enumerate() {
        let rendered = tasks::render(index, batch, layout)?;
        needs.extend(rendered.needs);
        functions.extend_from_slice(&rendered.functions);
        body.extend_from_slice(format!("begin {index}\n").as_bytes());
        body.extend_from_slice(&rendered.call);
        body.extend_from_slice(format!(" >>\"$o\" 2>&1 </dev/null\nend {} || finish\n", quote::word(&task.id.replace(['\n', '\0'], " "))).as_bytes());
        streams.push(rendered.stream);
        patience.push(rendered.patience);
    }
    let gathering = looks::render(&batch.looks, layout);
    needs.extend(gathering.needs.iter().copied());
    if gathering.private && !private {
        body.extend_from_slice(b"private\n");
    }
    body.extend_from_slice(gathering.script.as_bytes());

    let mut text = Zeroizing::new(Vec::with_capacity(functions.len() + body.len() + (32 << 10)));
    text.extend_from_slice(b"{\n");
    for (piece, source) in PIECES.iter() {
        if needs.contains(piece) {
            text.extend_from_slice(source.as_bytes());
        }
    }
    text.extend_from_slice(&functions);
    text.extend_from_slice(b"finish() { bye; d= Q=; printf '@%s e 0 0 0\\n\\n' \"$N\" >&3; exit 0; }\narcus() {\n");
    text.extend_from_slice(
        format!(
            "N={nonce} S={state} RUN={run_folder} F={fstab} E={epoch} RUNID={run} d= Q= ME= RUNNING= BESIDE= COUNT=0\n\
             [ \"${{1-}}\" = \"$N\" ] || exit 64\n\
             exec 3>&1 4<&0\n\
             set -u\numask 077\ncd / || exit 72\n\
             unset ENV BASH_ENV IFS CDPATH\n\
             PATH={PATH} LC_ALL=C LANGUAGE=C\nexport PATH LC_ALL LANGUAGE\n\
             trap bye 0\ntrap 'exit 70' HUP INT TERM PIPE\n\
             printf '\\n@%s h 0 0 0\\n\\n' \"$N\" >&3\n",
            state = quote::word(&layout.state),
            run_folder = quote::word(&layout.run),
            fstab = quote::word(&layout.fstab),
            run = if run.is_empty() { "-".into() } else { quote::word(&run) },
        )
        .as_bytes(),
    );
    text.extend_from_slice(&body);
    text.extend_from_slice(format!("finish\n}}\narcus '{nonce}'\n}}\n").as_bytes());

    let look_within = if batch.look_within.is_zero() { gathering.patience } else { batch.look_within };
    Ok(Script { text, nonce: nonce.into(), streams, patience, look_within, gathering })
}

/// A nonce nobody on the node can guess beforehand.
pub fn nonce() -> String {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    hex::encode(bytes)
}
