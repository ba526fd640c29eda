//! The beat from an observer: how long an address was really gone, measured by TCP connects, not by ICMP (a crashed node's
//! kernel still answers pings).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long one attempt may take. Longer ones say nothing: a lost SYN is sent again only after a second.
const ATTEMPT: Duration = Duration::from_millis(250);

/// A running measurement, from this machine.
pub struct Beat {
    task: JoinHandle<Vec<(Instant, Instant)>>,
    stop: mpsc::Sender<()>,
}

impl Beat {
    /// Connects to the address every so often, until stopped.
    pub fn start(target: SocketAddr, every: Duration) -> Self {
        let (stop, stopped) = mpsc::channel(1);
        Self { task: tokio::spawn(run(target, every.max(Duration::from_millis(5)), stopped)), stop }
    }

    /// Ends it. Every attempt that got through: when it began, and when it was answered.
    pub async fn stop(self) -> Vec<(Instant, Instant)> {
        drop(self.stop);
        self.task.await.unwrap_or_default()
    }
}

async fn run(target: SocketAddr, every: Duration, mut stop: mpsc::Receiver<()>) -> Vec<(Instant, Instant)> {
    let (told, mut heard) = mpsc::unbounded_channel();
    let mut ticker = tokio::time::interval(every);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beats = Vec::new();
    loop {
        tokio::select! {
            _ = ticker.tick() => {
                let told = told.clone();
                tokio::spawn(async move {
                    let begun = Instant::now();
                    if let Ok(Ok(_stream)) = tokio::time::timeout(ATTEMPT, TcpStream::connect(target)).await {
                        let _ = told.send((begun, Instant::now()));
                    }
                });
            }
            Some(beat) = heard.recv() => beats.push(beat),
            _ = stop.recv() => break,
        }
    }
    // Attempts still under way.
    tokio::time::sleep(ATTEMPT).await;
    while let Ok(beat) = heard.try_recv() {
        beats.push(beat);
    }
    beats.sort();
    beats
}

/// The longest time, within the span, in which no attempt got through: from the answer of one to the answer of the next.
/// None when nothing got through at all.
pub fn longest_gap(beats: &[(Instant, Instant)], from: Instant, to: Instant) -> Option<Duration> {
    let mut answers: Vec<Instant> = beats.iter().map(|(_, answered)| *answered).collect();
    answers.sort();
    let before = answers.iter().rev().find(|answer| **answer <= from).copied();
    let within: Vec<Instant> = answers.iter().filter(|answer| **answer > from && **answer <= to).copied().collect();
    if within.is_empty() {
        return None;
    }
    let mut longest = Duration::ZERO;
    let mut last = before.unwrap_or(from);
    for answer in within {
        longest = longest.max(answer.saturating_duration_since(last));
        last = answer;
    }
    // What was still dark at the end counts.
    Some(longest.max(to.saturating_duration_since(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_counts_what_is_dark_at_either_end() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let beats: Vec<_> = [0, 20, 40, 340, 360].iter().map(|ms| (at(*ms), at(*ms))).collect();
        assert_eq!(longest_gap(&beats, at(30), at(370)), Some(Duration::from_millis(300)));
        assert_eq!(longest_gap(&beats, at(350), at(900)), Some(Duration::from_millis(540)));
        assert_eq!(longest_gap(&beats, at(370), at(900)), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_listener_that_goes_away_leaves_a_gap() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let beat = Beat::start(target, Duration::from_millis(10));
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(listener);
        let gone = Instant::now();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let end = Instant::now();
        let beats = beat.stop().await;
        assert!(beats.len() > 3, "{} beats", beats.len());
        assert!(longest_gap(&beats, gone - Duration::from_millis(100), end).unwrap() >= Duration::from_millis(250));
    }
}
