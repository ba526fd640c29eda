//! An observer on a node: what beats there, and what got through.
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bytes of each record that a write beat makes, at a place of its own.
pub const RECORD: usize = 64;

/// An observer: a unit of its own on the node, which goes on whatever becomes of us, and ends by itself.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Name of the observer.
    pub id: String,
    /// What it tries.
    pub beat: WatchBeat,
    /// Time between two attempts.
    pub every: Duration,
    /// It ends after so long, and takes away what it wrote, when nobody has come for it.
    pub lasts: Duration,
}

/// What an observer tries again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchBeat {
    /// TCP connect, given up after 250 ms.
    Connect {
        /// IP address.
        address: String,
        /// Port.
        port: u16,
    },
    /// ICMP echo, given up after a second.
    Ping {
        /// IP address.
        address: String,
    },
    /// Writes the next [`record`] to this file, which must not be there, and syncs it.
    Write {
        /// Absolute.
        path: String,
        /// 32 letters and digits, in every record.
        tag: String,
    },
    /// Runs this, five seconds at most; what counts is its status.
    Command {
        /// Program and arguments, no shell.
        argv: Vec<String>,
    },
}

/// What an observer saw, by the node's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watched {
    /// Milliseconds since the machine started, when this was read.
    pub now_ms: u64,
    /// What got through, by its end.
    pub beats: Vec<Heartbeat>,
}

/// An attempt that got through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// From 0; those that are missing did not get through.
    pub number: u64,
    /// When it began, as [`Watched::now_ms`].
    pub begun_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
}

/// A timer that restores, and has not done so yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerFact {
    /// Its unit, without suffix.
    pub unit: String,
    /// Seconds until it does; 0 where it should have by now.
    pub left_s: u64,
}

/// A drill that is under way, kept on the nodes so that whoever comes next knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillNote {
    /// The run.
    pub run: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Id of the drill.
    pub drill: String,
    /// `stop`, `kill`, `isolate`, `power`.
    pub fault: String,
    /// Where.
    pub node: String,
    /// The unit, or the interface, where it is about one.
    pub what: Option<String>,
    /// Id of the timer on that node, where there is one.
    pub timer: Option<String>,
    /// Observers on nodes: node and id.
    pub observers: Vec<(String, String)>,
    /// Who, and on which machine.
    pub operator: String,
    /// Since when, seconds since 1970 by the operator's clock.
    pub since: u64,
}

/// What a write beat of this tag and number writes.
pub fn record(tag: &str, number: u64) -> Vec<u8> {
    format!("{tag} {number:010} ...................\n").into_bytes()
}

/// From what `watched` printed.
pub fn parse(now: &str, log: &str) -> Option<Watched> {
    let beat = |line: &str| {
        let mut words = line.split(' ');
        Some(Heartbeat { number: words.next()?.parse().ok()?, begun_ms: milliseconds(words.next()?)?, ended_ms: milliseconds(words.next()?)? })
    };
    // The last line may be under way.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    let mut beats = whole.lines().map(beat).collect::<Option<Vec<_>>>()?;
    beats.sort_by_key(|beat| beat.ended_ms);
    Some(Watched { now_ms: milliseconds(now.trim())?, beats })
}

/// As `/proc/uptime` has it: seconds and hundredths.
fn milliseconds(text: &str) -> Option<u64> {
    let (seconds, hundredths) = text.split_once('.').unwrap_or((text, "00"));
    seconds.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(format!("{hundredths:0<3}").get(..3)?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_read_by_the_machines_clock() {
        let seen = parse("12.5", "1 10.02 10.34\n0 10.00 10.01\n2 10.04 10").unwrap();
        assert_eq!(seen.now_ms, 12_500);
        assert_eq!(seen.beats.iter().map(|beat| (beat.number, beat.begun_ms, beat.ended_ms)).collect::<Vec<_>>(), [(0, 10_000, 10_010), (1, 10_020, 10_340)]);
        assert_eq!(parse("1.00", ""), Some(Watched { now_ms: 1000, beats: vec![] }));
        assert_eq!(parse("1.00", "nonsense\n"), None);
    }

    #[test]
    fn every_record_is_as_long_as_its_place() {
        for number in [0, 7, 123_456] {
            assert_eq!(record("0123456789abcdef0123456789abcdef", number).len(), RECORD);
        }
    }
}
