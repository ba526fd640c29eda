//! Puts a batch into one script for `sh -s`.
//!
//! The script is one group, `{ ... }`: definitions, then a call with the batch's nonce. A shell runs nothing of a group before it has
//! read all of it, so a script that a lost connection cuts off runs nothing. (Definitions alone would not do: `watch() {` cut after its
//! first letter is the program `w`.)
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use arcus_contract::types::Problem;
use zeroize::Zeroizing;

use crate::looks::{self, Gathering};
use crate::{Batch, Layout, Source, quote, tasks};

/// A piece of the shell library, sent only where it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    Core,
    Paths,
    System,
    Clock,
    Packages,
    Services,
    Mounts,
    Network,
    Slow,
    Vrrp,
    Query,
    JobRuns,
    JobLook,
    StateLook,
    Task,
    Write,
    Service,
    Package,
    Mount,
    Job,
    State,
    Drill,
    Watch,
    DrillLook,
}

/// The pieces, without comments and indentation: they travel with every batch.
static PIECES: LazyLock<Vec<(Piece, String)>> = LazyLock::new(|| {
    [
        (Piece::Core, include_str!("sh/core.sh")),
        (Piece::Paths, include_str!("sh/paths.sh")),
        (Piece::System, include_str!("sh/system.sh")),
        (Piece::Clock, include_str!("sh/clock.sh")),
        (Piece::Packages, include_str!("sh/packages.sh")),
        (Piece::Services, include_str!("sh/services.sh")),
        (Piece::Mounts, include_str!("sh/mounts.sh")),
        (Piece::Network, include_str!("sh/network.sh")),
        (Piece::Slow, include_str!("sh/slow.sh")),
        (Piece::Vrrp, include_str!("sh/vrrp.sh")),
        (Piece::Query, include_str!("sh/query.sh")),
        (Piece::JobRuns, include_str!("sh/job-runs.sh")),
        (Piece::JobLook, include_str!("sh/job-look.sh")),
        (Piece::StateLook, include_str!("sh/state-look.sh")),
        (Piece::Task, include_str!("sh/task.sh")),
        (Piece::Write, include_str!("sh/write.sh")),
        (Piece::Service, include_str!("sh/service.sh")),
        (Piece::Package, include_str!("sh/package.sh")),
        (Piece::Mount, include_str!("sh/mount.sh")),
        (Piece::Job, include_str!("sh/job.sh")),
        (Piece::State, include_str!("sh/state.sh")),
        (Piece::Drill, include_str!("sh/drill.sh")),
        (Piece::Watch, include_str!("sh/watch.sh")),
        (Piece::DrillLook, include_str!("sh/drill-look.sh")),
    ]
    .into_iter()
    .map(|(piece, text)| (piece, without_comments(text)))
    .collect()
});

/// The wrapper of a job, up to its command.
pub static JOB_WRAPPER: LazyLock<String> = LazyLock::new(|| without_comments(include_str!("sh/job-wrapper.sh")));

/// An observer, below what it is told to observe.
pub static OBSERVER: LazyLock<String> = LazyLock::new(|| without_comments(include_str!("sh/observer.sh")));

/// What copies and compares trees; runs in a job.
pub static COPY_TREE: LazyLock<String> = LazyLock::new(|| without_comments(include_str!("sh/copy-tree.sh")));

/// Python in the library lives by its indentation, so that is kept; comment lines go.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("# ") && !line.is_empty()).fold(String::new(), |mut out, line| {
        out.push_str(line);
        out.push('\n');
        out
    })
}

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

/// The environment every child has. `/usr/local` comes last: our own tools are the system's.
pub const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Of two with one name, the shell would call whichever came last.
    #[test]
    fn no_function_of_a_piece_takes_the_place_of_another() {
        let mut known = BTreeMap::new();
        for (piece, text) in PIECES.iter() {
            let defined = text.lines().filter_map(|line| line.split_once("() {")).map(|(name, _)| name).filter(|name| !name.contains(' '));
            for name in defined {
                assert_eq!(known.insert(name, piece), None, "{name} of {piece:?} is somebody else's, too");
            }
        }
        assert!(known.len() > 50, "{known:?}");
    }
}
