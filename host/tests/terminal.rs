//! On a terminal: interrupts, and what is typed without being shown.

mod common;

use std::io::Read as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use common::{Folder, GOOD};

/// Takes connections, and says nothing.
fn silent() -> (TcpListener, Folder) {
    let listener = TcpListener::bind("127.99.0.11:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = Folder::with(&GOOD.replace("127.99.0.11, port: 9", &format!("127.99.0.11, port: {port}")));
    (listener, folder)
}

#[test]
fn ctrl_c_ends_a_look_at_once_with_130() {
    let (listener, folder) = silent();
    let mut terminal = folder.on_terminal(&["status"], &[]);
    let (mut asked, _) = listener.accept().unwrap();
    // It has begun to speak: it is in the middle of connecting.
    asked.read_exact(&mut [0; 4]).unwrap();
    let begun = Instant::now();
    terminal.types("\u{3}");
    assert_eq!(terminal.ends(), 130, "{}", terminal.seen());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(terminal.seen().contains("interrupted"), "{}", terminal.seen());
}

#[test]
fn a_secret_is_not_shown_while_it_is_typed_and_the_terminal_is_left_as_it_was() {
    let (_listener, folder) = silent();
    let mut terminal = folder.on_terminal(&["plan", "--secret", "auth-pass=prompt"], &[]);
    terminal.until("Secret auth-pass:");
    assert!(!terminal.echoes());
    terminal.types("hunter");
    terminal.types("\u{3}");
    assert_eq!(terminal.ends(), 130, "{}", terminal.seen());
    assert!(terminal.echoes(), "the echo is back");
    assert!(!terminal.seen().contains("hunter"), "{}", terminal.seen());
}

#[test]
fn colours_and_progress_are_for_terminals() {
    let (listener, folder) = silent();
    let mut terminal = folder.on_terminal(&["status"], &[]);
    terminal.until("look ");
    terminal.types("\u{3}");
    assert_eq!(terminal.ends(), 130, "{}", terminal.seen());
    drop(listener);
    let mut terminal = folder.on_terminal(&["status"], &[("NO_COLOR", "1")]);
    assert_eq!(terminal.ends(), 4);
    assert!(!terminal.seen().contains("\u{1b}[3"), "{:?}", terminal.seen());
    let mut terminal = folder.on_terminal(&["status"], &[]);
    assert_eq!(terminal.ends(), 4);
    assert!(terminal.seen().contains("\u{1b}[31m"), "{:?}", terminal.seen());
}
