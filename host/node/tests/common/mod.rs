//! A node that is this machine, with its things in a folder of its own.
#![allow(dead_code)]
pub mod need;

use std::sync::Arc;
use std::time::Duration;

use arcus_contract::facts::{Fact, FileProbe, Probe};
use arcus_node::{Answer, Batch, Change, Endpoint, Expect, Hidden, Layout, Link, Local, Look, Outcome, Quiet, Report, Seen, Source, Task, Transport};

/// The shells every promise must hold in.
pub const SHELLS: &[&[&str]] = &[&["dash"], &["bash", "--posix"], &["busybox", "sh"]];

pub struct Node {
    pub folder: tempfile::TempDir,
    pub link: Arc<dyn Link>,
}

/// A node through this shell.
pub async fn node(shell: &[&str]) -> Node {
    need::shells();
    let folder = tempfile::tempdir().unwrap();
    let link = Local::new(Layout::below(folder.path().to_str().unwrap())).with_shell(shell).connect(&Endpoint::new("n1", "127.0.0.1")).await.unwrap();
    Node { folder, link }
}

impl Node {
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub async fn run(&self, batch: &Batch) -> Report {
        tokio::time::timeout(Duration::from_secs(60), self.link.run(batch, &mut Quiet)).await.expect("in time").unwrap()
    }

    pub async fn change(&self, change: Change) -> Outcome {
        let report = self.run(&Batch { tasks: vec![task("t", change)], ..Batch::default() }).await;
        report.outcomes.into_iter().next().unwrap()
    }

    pub async fn look(&self, look: Look) -> Answer {
        tokio::time::timeout(Duration::from_secs(60), self.link.look(vec![look])).await.expect("in time").unwrap().remove(0)
    }
}

pub fn task(id: &str, change: Change) -> Task {
    Task { id: id.into(), change, timeout: Duration::from_secs(20) }
}

pub fn command(argv: &[&str]) -> Change {
    Change::Command { argv: argv.iter().map(|word| (*word).to_owned()).collect(), stdin: Hidden::new(vec![]), status_lies: false }
}

pub fn write(path: &str, content: impl Into<Vec<u8>>, expect: Expect) -> Change {
    Change::WriteFile {
        path: path.into(),
        content: Source::Bytes(Hidden::new(content)),
        mode: 0o640,
        owner: "root".into(),
        group: "daemon".into(),
        keep_original: false,
        expect,
        shared_parent: false,
    }
}

pub fn done(outcome: &Outcome) -> Vec<u8> {
    match outcome {
        Outcome::Done(ended) => ended.tail.clone(),
        other => panic!("{other:?}"),
    }
}

pub fn code(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(failure) | Outcome::Refused(failure) => failure.code.clone(),
        other => format!("{other:?}"),
    }
}

pub fn fact(answer: &Answer) -> Fact {
    match answer {
        Ok(Seen::Fact(fact)) => fact.clone(),
        other => panic!("{other:?}"),
    }
}

pub fn file(path: &str, content: u32) -> Look {
    Look::Probe(Probe::File(FileProbe { path: path.into(), content }))
}
