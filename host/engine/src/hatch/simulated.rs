//! What a step does live, on nodes that are not there.

use std::sync::atomic::AtomicU64;

use arcus_contract::actions::Action;
use arcus_node::{Content, Ended, LockFact, Simulated};

use super::*;
use crate::simulated::{Opened, not_simulated};

const SECRET: &str = "hush-hush-4711";

/// The epoch that the nodes know, and what was sent to them.
#[derive(Default)]
struct Nodes {
    epoch: AtomicU64,
    done: Mutex<Vec<String>>,
}

impl Nodes {
    fn done(&self) -> Vec<String> {
        std::mem::take(&mut self.done.lock().unwrap())
    }

    fn answer(&self, node: &str, batch: &Batch) -> Result<Report, Lost> {
        let mut report = Report::default();
        let note = |text: String| self.done.lock().unwrap().push(format!("{node}: {text}"));
        for task in &batch.tasks {
            let known = self.epoch.load(Ordering::SeqCst);
            if batch.fence.as_ref().is_some_and(|fence| known > fence.epoch) {
                report.outcomes.push(Outcome::Fenced { epoch: known });
                return Ok(report);
            }
            let failure = |code: &str| Failure { code: code.into(), message: "it is a link".into(), status: None, tail: SECRET.into() };
            report.outcomes.push(match &task.change {
                Change::WriteFile { path, .. } if path.ends_with("link") => Outcome::Refused(failure("file.symlink")),
                Change::WriteFile { path, mode, .. } => {
                    note(format!("{path} {mode:o} behind the fence: {}", batch.fence.is_some()));
                    Outcome::Done(Ended::default())
                }
                _ => Outcome::Done(Ended::default()),
            });
        }
        for look in &batch.looks {
            report.answers.push(match look {
                Look::Lock => Ok(Seen::Lock(LockFact::default())),
                Look::Command { argv, .. } if argv[0] == "cut" => {
                    return Err(Lost { node: node.into(), code: "node.lost", reason: "no answer".into(), outcomes: vec![], open: Some(0), untouched: false });
                }
                Look::Command { argv, .. } if argv[0] == "sleep" => Err(problem(node, "node.timeout", "sleep took longer".into())),
                Look::Command { argv, stdin, timeout_s, limit } => {
                    note(format!("{} <{stdin} {timeout_s} s {limit} behind the fence: {}", argv.join(" "), batch.fence.is_some()));
                    Ok(Seen::Fact(Fact::Query(Output { status: 3, stdout: format!("it is {SECRET}\n").into(), stderr: vec![], truncated: true })))
                }
                Look::Content { path, .. } => match path.as_str() {
                    "/srv/none" => Ok(Seen::Content(None)),
                    "/srv/long" => Err(problem(node, "node.truncated", "it is longer".into())),
                    path => {
                        let text = if path == "/srv/key" { format!("key = {SECRET}\n") } else { "plain\n".into() };
                        Ok(Seen::Content(Some(Content { bytes: Hidden::from(text), sha256: String::new(), mode: 0o644, owner: "root".into(), group: "root".into() })))
                    }
                },
                _ => Err(not_simulated()),
            });
        }
        Ok(report)
    }
}

struct Scene {
    nodes: Arc<Nodes>,
    engine: Opened,
    held: Held,
    journal: Journal,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    async fn new() -> Self {
        let nodes = Arc::<Nodes>::default();
        let answering = nodes.clone();
        let engine = Opened::new(Simulated::new(move |node, batch| answering.answer(node, batch))).await;
        engine.vault.meet(&Hidden::from(SECRET));
        let held = engine.take_lock("r1", "apply").await.unwrap();
        let begun = Entry::End { end: "none".into(), at: now() };
        let journal = Journal::begin(&engine.state().unwrap(), "r1", &begun).unwrap();
        nodes.done();
        Self { nodes, engine, held, journal, lines: Arc::default() }
    }

    fn hatch(&self) -> Hatch {
        let mut hatch = Hatch::new(&self.engine, &self.held, &self.journal, "storage-x", &step());
        let lines = self.lines.clone();
        hatch.events = Arc::new(move |event| {
            if let Event::StepLine { line, node, .. } = event {
                lines.lock().unwrap().push(format!("{node}| {line}"));
            }
        });
        hatch
    }

    /// What the journal says of it, `begun` where it is about to be done.
    fn journalled(&self) -> Vec<String> {
        let entries = Journal::read(&self.engine.state().unwrap(), "r1").unwrap();
        let live = entries.into_iter().filter_map(|entry| match entry {
            Entry::Live { node, what, end, .. } => Some(format!("{node}: {what} -> {}", if end.is_empty() { "begun" } else { &end })),
            _ => None,
        });
        live.collect()
    }
}

fn step() -> Step {
    Step {
        id: "agree:m1".into(),
        node: "m1".into(),
        about: None,
        title: String::new(),
        action: Action::Wait,
        after: vec![],
        needs: vec![],
        provides: vec![],
        group: None,
        once: false,
        goal: None,
        undo: None,
        disrupts: vec![],
        timeout_s: 60,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn code<T>(done: Result<T, Problem>) -> String {
    done.err().map(|problem| problem.code).unwrap_or_default()
}

#[tokio::test]
async fn what_is_done_live_is_journalled_before_it_is_sent_and_no_secret_is_told() {
    let scene = Scene::new().await;
    let hatch = scene.hatch();
    let said = hatch.exec("c1", words(&format!("x --told {SECRET}")), "y".into(), 7).await.unwrap();
    assert_eq!((said.status, said.stdout.as_slice(), said.truncated), (3, &b"it is (secret)\n"[..], true));
    hatch.write("m1", "/srv/x".into(), b"z".to_vec(), 0o640).await.unwrap();
    assert_eq!(hatch.read("m1", "/srv/plain".into()).await.unwrap(), b"plain\n");
    let sent = scene.nodes.done();
    assert_eq!(sent, [format!("c1: x --told {SECRET} <y 7 s 1048576 behind the fence: true"), "m1: /srv/x 640 behind the fence: true".into()]);
    let digest = Hidden::from("z").sha256();
    assert_eq!(
        scene.journalled(),
        [
            "c1: run x --told (secret), fed 1 bytes -> begun".to_owned(),
            "c1: run x --told (secret), fed 1 bytes -> status 3, 15 bytes, more was cut".to_owned(),
            format!("m1: write /srv/x, 1 bytes, 0640, sha256 {digest} -> begun"),
            format!("m1: write /srv/x, 1 bytes, 0640, sha256 {digest} -> done"),
            "m1: read /srv/plain -> begun".into(),
            "m1: read /srv/plain -> 6 bytes".into(),
        ]
    );
    let lines = scene.lines.lock().unwrap().clone();
    assert_eq!(lines[0], "m1| c1: run x --told (secret), fed 1 bytes");
    assert_eq!(lines.len(), 3);
}

#[tokio::test]
async fn what_cannot_be_done_has_its_own_word() {
    let scene = Scene::new().await;
    let hatch = scene.hatch();
    for (path, wanted) in [("/srv/key", "session.secret"), ("/srv/none", "session.absent"), ("/srv/long", "session.too-large")] {
        assert_eq!(code(hatch.read("m1", path.into()).await), wanted, "{path}");
    }
    assert_eq!(code(hatch.exec("m1", words("sleep 600"), String::new(), 9).await), "session.timeout");
    let refused = hatch.write("m1", "/srv/link".into(), vec![], 0o644).await.unwrap_err();
    assert!(refused.code == "file.symlink" && refused.message.contains("(secret)") && !refused.message.contains(SECRET), "{refused:?}");
    hatch.refused("m1", "run sh", &problem("m1", "session.denied", format!("not {SECRET}")));
    assert_eq!(scene.journalled().last().unwrap(), "m1: run sh -> session.denied: not (secret)");
    assert_eq!(hatch.end(), Broken::default());
}

#[tokio::test]
async fn after_its_step_or_another_run_or_an_interrupt_nothing_is_sent() {
    let scene = Scene::new().await;
    let hatch = scene.hatch();
    hatch.end();
    assert_eq!(code(hatch.exec("m1", words("x"), String::new(), 9).await), "session.ended");
    assert_eq!(code(hatch.write("m1", "/srv/x".into(), vec![], 0o644).await), "session.ended");
    assert_eq!(scene.nodes.done(), [""; 0]);
    assert_eq!(scene.journalled(), [""; 0]);
    // A node that knows of a later run does nothing, whoever asks.
    let hatch = scene.hatch();
    scene.nodes.epoch.store(99, Ordering::SeqCst);
    assert_eq!(code(hatch.write("m1", "/srv/x".into(), vec![], 0o644).await), "run.fenced");
    assert_eq!(code(hatch.exec("m1", words("x"), String::new(), 9).await), "run.fenced");
    assert_eq!(scene.nodes.done(), [""; 0]);
    assert!(hatch.end().fenced);
    scene.nodes.epoch.store(0, Ordering::SeqCst);
    let hatch = scene.hatch();
    assert_eq!(code(hatch.exec("m2", words("cut"), String::new(), 9).await), "node.lost");
    assert!(hatch.end().lost.is_some_and(|why| why.contains("m2 broke while it ran live")));
    let hatch = scene.hatch();
    scene.engine.stop.cancel();
    assert_eq!(code(hatch.exec("m1", words("x"), String::new(), 9).await), "session.ended");
    assert!(hatch.end().interrupted && scene.nodes.done().is_empty());
}
