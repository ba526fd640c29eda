//! Nodes that mean harm: whatever comes in the place of a shell's answer ends the batch with its own error, soon, and in little memory.
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::shell::{Broken, Drain, Feed, Piece, Shell, ShellLink, Shells};
use crate::{Batch, Change, Event, Hidden, Layout, Link, Look, Lost, Outcome, Report, Source, Task};

/// What a node says next, given the nonce of the script that it was sent. None: nothing, for ever.
type Says = dyn FnMut(&str) -> Option<Piece> + Send;

/// A node that says what it likes.
struct Liar(Arc<Mutex<Box<Says>>>);

struct Ear(watch::Sender<Option<String>>);
struct Mouth(watch::Receiver<Option<String>>, Arc<Mutex<Box<Says>>>);

#[async_trait]
impl Shells for Liar {
    async fn open(&self) -> Result<Shell, Broken> {
        let (tell, told) = watch::channel(None);
        Ok(Shell { feed: Box::new(Ear(tell)), drain: Box::new(Mouth(told, self.0.clone())), early: vec![] })
    }
    fn is_lost(&self) -> bool {
        false
    }
    async fn close(&self) {}
}

#[async_trait]
impl Feed for Ear {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        // It may read all that it is sent, the nonce as well.
        let text = String::from_utf8_lossy(bytes);
        if let Some((_, rest)) = text.split_once("\nN=") {
            let nonce = rest.split(' ').next().unwrap_or_default().to_owned();
            let _ = self.0.send(Some(nonce));
        }
        Ok(())
    }
}

#[async_trait]
impl Drain for Mouth {
    async fn next(&mut self) -> Option<Piece> {
        let nonce = self.0.wait_for(Option::is_some).await.ok()?.clone().unwrap_or_default();
        let piece = self.1.lock().unwrap()(&nonce);
        match piece {
            Some(piece) => Some(piece),
            None => std::future::pending().await,
        }
    }
}

/// The first of these, then the others over and over.
fn after(first: &'static str, then: &'static str) -> Box<Says> {
    let mut begun = false;
    Box::new(move |nonce| {
        let text = if std::mem::replace(&mut begun, true) { then } else { first };
        (!text.is_empty()).then(|| Piece::Out(text.replace('N', nonce).into_bytes()))
    })
}

async fn told(says: Box<Says>, batch: &Batch) -> (Result<Report, Lost>, Vec<Event>) {
    let link = ShellLink::new("n1", &Layout::new("test"), Box::new(Liar(Arc::new(Mutex::new(says)))));
    let mut events = Vec::new();
    let report = tokio::time::timeout(Duration::from_secs(120), link.run(batch, &mut |event| events.push(event))).await.expect("it ends");
    (report, events)
}

async fn lost(says: Box<Says>, batch: &Batch) -> Lost {
    match told(says, batch).await.0 {
        Err(lost) => lost,
        Ok(report) => panic!("it was believed: {report:?}"),
    }
}

fn looking() -> Batch {
    Batch { looks: vec![Look::Content { path: "/etc/hosts".into(), limit: 100 }], ..Batch::default() }
}

fn doing() -> Batch {
    let change = Change::Command { argv: vec!["true".into()], stdin: Hidden::new(vec![]), status_lies: false };
    Batch { tasks: vec![Task { id: "t".into(), change, timeout: Duration::from_secs(60) }], ..looking() }
}

const HELLO: &str = "@N h 0 0 0\n\n";

#[tokio::test]
async fn output_without_end_is_not_taken() {
    let noise = || Box::new(|_: &str| Some(Piece::Out(vec![b'x'; 1 << 16]))) as Box<Says>;
    let error = lost(noise(), &looking()).await;
    assert_eq!((error.code, error.untouched), ("node.nonsense", true));
    assert!(error.reason.contains("before the first frame"), "{error}");
    let messages = Box::new(|_: &str| Some(Piece::Err(vec![b'x'; 1 << 16]))) as Box<Says>;
    let error = lost(messages, &looking()).await;
    assert!(error.code == "node.nonsense" && error.reason.contains("prints without end"), "{error}");
    // In frames that are right, each of them.
    for (batch, first, then) in [
        (looking(), HELLO, "@N a 1 0 3\nabc\n"),
        (looking(), HELLO, "@N a 1 0 0\n\n"),
        (doing(), "@N h 0 0 0\n\n@N b 0 0 0\n\n", "@N p 0 0 2\nha\n"),
    ] {
        let mut more = after(first, then);
        let many = Box::new(move |nonce: &str| match more(nonce) {
            Some(Piece::Out(bytes)) if bytes.len() < 100 => Some(Piece::Out(bytes.repeat(2000))),
            other => other,
        }) as Box<Says>;
        let mut greeted = false;
        let mut many = many;
        let says = Box::new(move |nonce: &str| if std::mem::replace(&mut greeted, true) { many(nonce) } else { Some(Piece::Out(first.replace('N', nonce).into_bytes())) });
        let error = lost(says, &batch).await;
        assert!(error.code == "node.nonsense", "{then:?}: {error}");
    }
}

#[tokio::test]
async fn frames_that_nobody_asked_for_are_not_believed() {
    let stream = |sha256: &str| {
        let open = Arc::new(|| Ok(Box::new(io::Cursor::new(vec![0_u8; 8])) as Box<dyn io::Read + Send>));
        let change = Change::WriteFile {
            path: "/x".into(),
            content: Source::Stream { size: 8, sha256: sha256.into(), open },
            mode: 0o600,
            owner: "root".into(),
            group: "root".into(),
            keep_original: false,
            expect: crate::Expect::Any,
            shared_parent: false,
        };
        Batch { tasks: vec![Task { id: "t".into(), change, timeout: Duration::from_secs(60) }], ..Batch::default() }
    };
    for (batch, says) in [
        // Of another script, or made up.
        (looking(), "@N h 0 0 0\n\n@00112233445566778899aabbccddeeff a 1 0 0\n\n"),
        (looking(), "@N h 0 0 0\n\n@N z 1 0 0\n\n"),
        (looking(), "@N h 0 0 0\n\nall is well\n"),
        (looking(), "@N h 0 0 0\n\n@N a 1 0 99999999999\n"),
        (looking(), "@N h 0 0 0\n\n@N a 1 0 -1\n"),
        // An answer to no question, greetings that would win time, and what belongs to a task where there is none.
        (looking(), "@N h 0 0 0\n\n@N a 4000000000 0 2\nhi\n"),
        (looking(), "@N h 0 0 0\n\n@N h 0 0 0\n\n"),
        (looking(), "@N h 0 0 0\n\n@N b 0 0 0\n\n"),
        (looking(), "@N h 0 0 0\n\n@N w 0 0 0\n\n"),
        (looking(), "@N h 0 0 0\n\n@N w 2147483647 0 0\n\n@N w 2147483647 0 0\n\n"),
        (doing(), "@N h 0 0 0\n\n@N r 0 0 7\ndone -\n\n"),
        (doing(), "@N h 0 0 0\n\n@N b 1 0 0\n\n"),
        (doing(), "@N h 0 0 0\n\n@N b 0 0 0\n\n@N r 0 0 8\ngreat -\n\n"),
        (doing(), "@N h 0 0 0\n\n@N b 0 0 0\n\n@N w 0 0 0\n\n"),
        (doing(), "@N h 0 0 0\n\n@N f 0 0 4\nsoon\n"),
        // What it is sent once it is not sent again.
        (stream(&"0".repeat(64)), "@N h 0 0 0\n\n@N b 0 0 0\n\n@N w 0 0 0\n\n@N w 0 0 0\n\n"),
    ] {
        let error = lost(after(says, ""), &batch).await;
        assert_eq!(error.code, "node.nonsense", "{says:?}: {error}");
        assert!(error.reason.contains("makes no sense") && !error.help().is_empty(), "{error}");
    }
}

#[tokio::test]
async fn what_was_not_said_is_not_known() {
    // Its last word, before anything.
    let (report, _) = told(after("@N h 0 0 0\n\n@N e 0 0 0\n\n", ""), &doing()).await;
    let report = report.unwrap();
    assert_eq!(report.outcomes, [Outcome::NotReached]);
    assert_eq!(report.answers[0].as_ref().unwrap_err().code, "node.not-reached");
    let (report, _) = told(after("@N h 0 0 0\n\n@N e 0 0 0\n\n", ""), &looking()).await;
    assert_eq!(report.unwrap().answers[0].as_ref().unwrap_err().code, "node.timeout", "never that the file is not there");
}

#[tokio::test]
async fn answers_that_never_end_have_their_time() {
    let begun = Instant::now();
    assert_eq!(lost(after("x", ""), &looking()).await.code, "node.timeout");
    // It greets, and says no more: what was looked at is unknown.
    let (report, _) = told(after(HELLO, ""), &Batch { look_within: Duration::from_secs(1), ..looking() }).await;
    assert_eq!(report.unwrap().answers[0].as_ref().unwrap_err().code, "node.timeout");
    // A task that is always about to be done.
    let mut batch = doing();
    batch.tasks[0].timeout = Duration::from_secs(2);
    let words = after("@N h 0 0 0\n\n@N b 0 0 0\n\n", "@N p 0 0 5\nsoon!\n");
    let link = ShellLink::new("n1", &Layout::new("test"), Box::new(Slowly(Liar(Arc::new(Mutex::new(words))))));
    let mut lines = 0;
    let error = link.run(&batch, &mut |event| lines += usize::from(matches!(event, Event::Line { .. }))).await.unwrap_err();
    assert_eq!((error.code, error.open), ("node.timeout", Some(0)), "{error}");
    assert!(lines > 5 && begun.elapsed() < Duration::from_secs(60), "{lines} lines in {:?}", begun.elapsed());
}

/// Says something ten times a second.
struct Slowly(Liar);
struct SlowMouth(Box<dyn Drain>);

#[async_trait]
impl Shells for Slowly {
    async fn open(&self) -> Result<Shell, Broken> {
        let shell = self.0.open().await?;
        Ok(Shell { drain: Box::new(SlowMouth(shell.drain)), ..shell })
    }
    fn is_lost(&self) -> bool {
        false
    }
    async fn close(&self) {}
}

#[async_trait]
impl Drain for SlowMouth {
    async fn next(&mut self) -> Option<Piece> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.0.next().await
    }
}
