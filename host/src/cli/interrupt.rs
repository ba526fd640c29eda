//! Ctrl-C, SIGTERM, and a terminal that goes away: once, the run comes to its end in order; twice, it is over at once.

use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::console::Console;
use crate::cli::safe::Safe;
use crate::safe;

/// Signals so soon after the first are the first.
const SAME: Duration = Duration::from_millis(300);

/// What is said of the work under way when the operator interrupts.
pub type UnderWay = Arc<Mutex<Option<Box<dyn Fn() -> Vec<Safe> + Send>>>>;

/// Listens until the process ends.
pub fn listen(console: &Console, stop: &CancellationToken, under_way: &UnderWay) {
    let (console, stop, under_way) = (console.clone(), stop.clone(), under_way.clone());
    // A password prompt turns the echo off; leaving in the middle of one must not leave it off.
    let terminal = tcgetattr(std::io::stdin().as_fd()).ok();
    tokio::spawn(async move {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (signal(kinds[0]), signal(kinds[1]), signal(kinds[2])) else { return };
        let mut first = None;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            // A terminal and whatever started us may both pass the same one on.
            if first.is_some_and(|first: Instant| first.elapsed() < SAME) {
                continue;
            }
            if first.is_some() || console.is_asking() {
                leave(terminal.as_ref());
            }
            first = Some(Instant::now());
            stop.cancel();
            // Whoever writes to a terminal that is gone or stopped may wait for ever; the next signal must still be heard.
            let (console, under_way) = (console.clone(), under_way.clone());
            std::thread::spawn(move || {
                let busy = under_way.lock().expect("no panic while held").as_ref().map(|told| told()).unwrap_or_default();
                if busy.is_empty() {
                    console.say(safe!("interrupted: coming to an end (again: stop at once)"));
                } else {
                    console.say(safe!("interrupted: nothing new is begun; what is under way ends or goes on by itself (again: stop at once)"));
                    for one in busy {
                        console.say(safe!("  under way: {}", one));
                    }
                }
            });
        }
    });
}

/// Ends the process, the terminal as it was.
fn leave(terminal: Option<&Termios>) -> ! {
    if let Some(terminal) = terminal {
        let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, terminal);
    }
    std::process::exit(130)
}
