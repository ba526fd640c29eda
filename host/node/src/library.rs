//! The shell library: what scripts are put together from, and what jobs and observers run.

use std::sync::LazyLock;

/// The environment every child has. `/usr/local` comes last: our own tools are the system's.
pub const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";

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
pub static PIECES: LazyLock<Vec<(Piece, String)>> = LazyLock::new(|| {
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
