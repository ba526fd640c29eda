//! One watch of a drill while it runs: from this machine, or by an observer on a node.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use arcus_contract::checks::{Beat as Kind, Watch};
use arcus_node::{Change, Fence, Heartbeat, Look, RECORD, Seen, WatchBeat, Watched, record};

use crate::cast::Role;
use crate::engine::Engine;
use crate::watch::{Answered, Beat, Target, longest_gap};

/// The operator's machine as an observer.
pub const CONTROLLER: &str = "controller";
/// An observer on a node ends by itself after so long.
const LASTS: Duration = Duration::from_secs(900);
/// How much of what was written is read back.
const READ_BACK: u64 = 64 << 20;

/// What one watch measured.
#[derive(Debug, Clone, serde::Serialize)]
pub struct WatchResult {
    /// Id of the watch.
    pub id: String,
    /// Where it was measured from.
    pub vantage: String,
    /// How, in words.
    pub method: String,
    /// Longest time without an answer under the fault.
    pub blackout_ms: Option<u64>,
    /// What it may be at most.
    pub at_most_ms: u64,
    /// Longest time without an answer while the fault was taken back.
    pub fail_back_ms: Option<u64>,
    /// Of writes: how many were acknowledged.
    pub acknowledged: Option<u64>,
    /// Of these: how many were not there, or not as written, afterwards, on any node that looked.
    pub lost: Option<u64>,
}

/// A watch that runs.
pub struct Observation {
    /// What it comes to.
    pub result: WatchResult,
    source: Source,
}

enum Source {
    Here(Beat),
    There { node: String, id: String, written: Option<Written> },
}

/// What a write beat writes, and who reads it back.
struct Written {
    path: String,
    tag: String,
    readers: Vec<String>,
}

/// What was seen, by our own clock.
struct Sight {
    answered: Vec<Answered>,
    beats: Vec<Heartbeat>,
}

impl Observation {
    /// Node and id of the observer, where it is one on a node.
    pub fn place(&self) -> Option<(String, String)> {
        match &self.source {
            Source::Here(_) => None,
            Source::There { node, id, .. } => Some((node.clone(), id.clone())),
        }
    }

    /// Begins it from there.
    pub async fn begin(engine: &Engine, fence: &Fence, role: &Role, drill: &str, watch: &Watch, vantage: &str) -> Result<Self, String> {
        let every = Duration::from_millis(u64::from(watch.every_ms));
        let ip = |text: &str| text.parse::<IpAddr>().map_err(|_| format!("{text:?} is no address"));
        let mut written = None;
        let (beat, method) = match &watch.beat {
            Kind::Connect((address, port)) => (
                WatchBeat::Connect { address: ip(address)?.to_string(), port: *port },
                format!("TCP connect to {address} port {port} every {} ms, given up after 250 ms", watch.every_ms),
            ),
            Kind::Ping(address) => (WatchBeat::Ping { address: ip(address)?.to_string() }, format!("ICMP echo to {address} every {} ms", watch.every_ms)),
            Kind::Write(directory) => {
                let tag = uuid::Uuid::new_v4().simple().to_string();
                let path = format!("{}/.arcus-drill-{tag}", directory.trim_end_matches('/'));
                let readers = std::iter::once(&watch.observer).chain(&watch.others).filter(|node| *node != vantage).cloned().collect();
                written = Some(Written { path: path.clone(), tag: tag.clone(), readers });
                (WatchBeat::Write { path, tag }, format!("a synced write of {RECORD} bytes below {directory}, the next {} ms after it", watch.every_ms))
            }
            Kind::Query(query) => {
                let known = role.plugin.manifest().query(&query.id).ok_or_else(|| format!("no manifest has a query `{}`", query.id))?;
                let (argv, stdin) = known.filled(&query.args)?;
                if !stdin.is_empty() {
                    return Err(format!("the query `{}` is fed something, which no observer does", query.id));
                }
                let method = format!("`{}` ends with status 0, the next {} ms after it", argv.join(" "), watch.every_ms);
                (WatchBeat::Command { argv }, method)
            }
        };
        let source = match (&beat, vantage) {
            (WatchBeat::Connect { address, port }, CONTROLLER) => Source::Here(Beat::start(Target::Connect(SocketAddr::new(ip(address)?, *port)), every)),
            (WatchBeat::Ping { address }, CONTROLLER) => Source::Here(Beat::start(Target::Ping(ip(address)?), every)),
            (_, CONTROLLER) => return Err(format!("{method}: not from this machine")),
            (_, node) => {
                let id = format!("{drill}.{}", watch.id);
                let begin = Change::Watch(arcus_node::Watch { id: id.clone(), beat, every, lasts: LASTS });
                engine.fenced(node, "watch", begin, fence).await.map_err(|why| format!("nothing can be observed from {node}: {why}"))?;
                Source::There { node: node.to_owned(), id, written }
            }
        };
        let result = WatchResult {
            id: watch.id.clone(),
            vantage: vantage.to_owned(),
            method,
            blackout_ms: None,
            at_most_ms: u64::from(watch.at_most_ms),
            fail_back_ms: None,
            acknowledged: None,
            lost: None,
        };
        Ok(Self { result, source })
    }

    /// Whether an attempt that began after this instant has got through.
    pub async fn got_through(&self, engine: &Engine, since: Instant) -> bool {
        let answered = match &self.source {
            Source::Here(beat) => beat.so_far(),
            Source::There { node, id, .. } => match look(engine, node, id).await {
                Ok(sight) => sight.answered,
                Err(_) => return false,
            },
        };
        answered.iter().any(|(begun, _)| *begun >= since)
    }

    /// No more attempts; what was written stays until the end.
    pub async fn halt(&self, engine: &Engine, fence: &Fence) {
        if let Source::There { node, id, .. } = &self.source {
            // Told at the end, where it is tried again.
            let _ = engine.fenced(node, "watch", Change::EndWatch { id: id.clone() }, fence).await;
        }
    }

    /// Ends it: how long it was dark between the fault and its taking back, and afterwards; what was written is read back. Gives back what
    /// is not as it should be.
    pub async fn end(self, engine: &Engine, fence: &Fence, fault: Instant, restoring: Instant, ended: Instant) -> (WatchResult, Vec<String>) {
        let Self { mut result, source } = self;
        let mut troubles = Vec::new();
        let seen = match source {
            Source::Here(beat) => Ok(beat.stop().await),
            Source::There { node, id, written } => {
                let stopped = engine.fenced(&node, "watch", Change::EndWatch { id: id.clone() }, fence).await;
                let sight = look(engine, &node, &id).await;
                if let Err(why) = stopped {
                    troubles.push(format!("the observer on {node} could not be ended: {why}"));
                }
                if let (Some(written), Ok(sight)) = (&written, &sight) {
                    let (lost, complaints) = read_back(engine, written, &sight.beats).await;
                    (result.acknowledged, result.lost) = (Some(sight.beats.len() as u64), Some(lost));
                    troubles.extend(complaints);
                }
                if let Err(why) = engine.fenced(&node, "watch", Change::ForgetWatch { id }, fence).await {
                    troubles.push(format!("what the observer left on {node} could not be taken away: {why}"));
                }
                sight.map(|sight| sight.answered)
            }
        };
        let answered = match seen {
            Ok(answered) => answered,
            Err(why) => {
                troubles.push(format!("nothing was measured: {why}"));
                return (result, troubles);
            }
        };
        let ms = |gap: Option<Duration>| gap.map(|gap| gap.as_millis() as u64);
        result.blackout_ms = ms(longest_gap(&answered, fault, restoring));
        result.fail_back_ms = ms(longest_gap(&answered, restoring, ended));
        match result.blackout_ms {
            _ if answered.is_empty() => troubles.push(format!("{}: not one attempt got through, so nothing was measured", result.id)),
            None => troubles.push(format!("{}: it was dark all the time under the fault", result.id)),
            Some(blackout) if blackout > result.at_most_ms => {
                troubles.push(format!("{}: dark for {blackout} ms, wanted are at most {} ms", result.id, result.at_most_ms));
            }
            Some(_) => {}
        }
        (result, troubles)
    }

    /// Ends it without a word: no fault was made.
    pub async fn drop_it(self, engine: &Engine, fence: &Fence) {
        match self.source {
            Source::Here(beat) => drop(beat.stop().await),
            Source::There { node, id, .. } => drop(engine.fenced(&node, "watch", Change::ForgetWatch { id }, fence).await),
        }
    }
}

/// What an observer saw, by our clock: its own is compared with ours in the middle of the question's way.
async fn look(engine: &Engine, node: &str, id: &str) -> Result<Sight, String> {
    let asked = Instant::now();
    let answer = engine.fleet.look(vec![(node.to_owned(), Look::Watched(id.to_owned()))]).await.pop();
    let middle = asked + asked.elapsed() / 2;
    match answer {
        Some(Ok(Seen::Watched(Some(seen)))) => Ok(Sight { answered: by_our_clock(&seen, middle), beats: seen.beats }),
        Some(Ok(_)) => Err(format!("the observer on {node} is gone")),
        Some(Err(problem)) => Err(problem.message),
        None => Err(format!("{node} said nothing")),
    }
}

fn by_our_clock(seen: &Watched, now: Instant) -> Vec<Answered> {
    let at = |ms: u64| now.checked_sub(Duration::from_millis(seen.now_ms.saturating_sub(ms))).unwrap_or(now);
    seen.beats.iter().map(|beat| (at(beat.begun_ms), at(beat.ended_ms))).collect()
}

/// How many of the acknowledged records are not there as written, and from where that was seen.
async fn read_back(engine: &Engine, written: &Written, beats: &[Heartbeat]) -> (u64, Vec<String>) {
    let asks = written.readers.iter().map(|node| (node.clone(), Look::Content { path: written.path.clone(), limit: READ_BACK })).collect();
    let (mut most, mut complaints, mut read) = (0, Vec::new(), 0);
    for (node, answer) in written.readers.iter().zip(engine.fleet.look(asks).await) {
        let lost = match answer {
            Ok(Seen::Content(Some(content))) => missing(content.bytes.reveal(), &written.tag, beats),
            Ok(_) => beats.iter().map(|beat| beat.number).collect(),
            Err(problem) => {
                complaints.push(format!("{node} could not read back what was written: {}", problem.message));
                continue;
            }
        };
        read += 1;
        if let Some(first) = lost.first() {
            complaints.push(format!("{} of {} acknowledged writes are not on {node} as they were written, the first is number {first}", lost.len(), beats.len()));
        }
        most = most.max(lost.len() as u64);
    }
    if read == 0 && complaints.is_empty() {
        complaints.push("nobody read back what was written".into());
    }
    (most, complaints)
}

/// Numbers of the acknowledged records that these bytes do not have in their places.
fn missing(bytes: &[u8], tag: &str, beats: &[Heartbeat]) -> Vec<u64> {
    let is_there = |number: u64| {
        let at = number as usize * RECORD;
        bytes.get(at..at + RECORD) == Some(record(tag, number).as_slice())
    };
    beats.iter().map(|beat| beat.number).filter(|number| !is_there(*number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "0123456789abcdef0123456789abcdef";

    fn beat(number: u64) -> Heartbeat {
        Heartbeat { number, begun_ms: 1000 * number, ended_ms: 1000 * number + 10 }
    }

    #[test]
    fn an_acknowledged_write_that_is_torn_or_gone_is_lost_and_no_other() {
        let mut bytes: Vec<u8> = (0..4).flat_map(|number| record(TAG, number)).collect();
        // The second was never acknowledged, so that it is torn is nobody's loss.
        bytes[RECORD + 40] = b'x';
        assert_eq!(missing(&bytes, TAG, &[beat(0), beat(2), beat(3)]), Vec::<u64>::new());
        assert_eq!(missing(&bytes, TAG, &[beat(0), beat(1), beat(3), beat(4)]), [1, 4]);
        assert_eq!(missing(&bytes[..3 * RECORD + 10], TAG, &[beat(2), beat(3)]), [3]);
        assert_eq!(missing(&bytes, "another", &[beat(0)]), [0]);
    }

    #[test]
    fn a_nodes_clock_is_put_onto_ours() {
        let now = Instant::now();
        let seen = Watched { now_ms: 10_000, beats: vec![beat(9)] };
        let answered = by_our_clock(&seen, now);
        assert_eq!(now - answered[0].0, Duration::from_millis(1000));
        assert_eq!(now - answered[0].1, Duration::from_millis(990));
    }
}
