//! The beat from this machine: how long an address was really gone, measured by TCP connects where there are any, not by ICMP (a
//! crashed node's kernel still answers pings).

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long one attempt may take. Longer ones say nothing: a lost SYN is sent again only after a second.
const ATTEMPT: Duration = Duration::from_millis(250);
/// The same of an echo, which a program sends.
const ECHO: Duration = Duration::from_secs(1);

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// TCP connect.
    Connect(SocketAddr),
    /// ICMP echo.
    Ping(IpAddr),
}

/// An attempt that got through: when it began, and when it was answered.
pub type Answered = (Instant, Instant);

/// A running measurement, from this machine.
pub struct Beat {
    task: JoinHandle<()>,
    stop: mpsc::Sender<()>,
    answered: Arc<Mutex<Vec<Answered>>>,
}

impl Beat {
    /// Tries every so often, until stopped.
    pub fn start(target: Target, every: Duration) -> Self {
        let (stop, stopped) = mpsc::channel(1);
        let answered = Arc::new(Mutex::new(Vec::new()));
        Self { task: tokio::spawn(run(target, every.max(Duration::from_millis(5)), stopped, answered.clone())), stop, answered }
    }

    /// Every attempt that got through so far.
    pub fn so_far(&self) -> Vec<Answered> {
        self.answered.lock().expect("no panic while held").clone()
    }

    /// Ends it. Every attempt that got through, by its beginning.
    pub async fn stop(self) -> Vec<Answered> {
        drop(self.stop);
        let _ = self.task.await;
        let mut answered = std::mem::take(&mut *self.answered.lock().expect("no panic while held"));
        answered.sort();
        answered
    }
}

async fn run(target: Target, every: Duration, mut stop: mpsc::Receiver<()>, answered: Arc<Mutex<Vec<Answered>>>) {
    let mut ticker = tokio::time::interval(every);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticker.tick() => {
                let answered = answered.clone();
                tokio::spawn(async move {
                    let begun = Instant::now();
                    if attempt(target).await {
                        answered.lock().expect("no panic while held").push((begun, Instant::now()));
                    }
                });
            }
            _ = stop.recv() => break,
        }
    }
    // Attempts still under way.
    tokio::time::sleep(ATTEMPT).await;
}

async fn attempt(target: Target) -> bool {
    match target {
        Target::Connect(address) => matches!(tokio::time::timeout(ATTEMPT, TcpStream::connect(address)).await, Ok(Ok(_))),
        Target::Ping(address) => {
            let mut ping = tokio::process::Command::new("ping");
            ping.args(["-n", "-c", "1", "-W", "1"]).arg(address.to_string()).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            ping.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).kill_on_drop(true);
            matches!(tokio::time::timeout(ECHO, ping.status()).await, Ok(Ok(status)) if status.success())
        }
    }
}

/// The longest time, within the span, in which no attempt got through: from the answer of one to the answer of the next.
/// None when nothing got through at all.
pub fn longest_gap(beats: &[Answered], from: Instant, to: Instant) -> Option<Duration> {
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
        let beat = Beat::start(Target::Connect(listener.local_addr().unwrap()), Duration::from_millis(10));
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!beat.so_far().is_empty());
        drop(listener);
        let gone = Instant::now();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let end = Instant::now();
        let beats = beat.stop().await;
        assert!(beats.len() > 3, "{} beats", beats.len());
        assert!(longest_gap(&beats, gone - Duration::from_millis(100), end).unwrap() >= Duration::from_millis(250));
    }
}
