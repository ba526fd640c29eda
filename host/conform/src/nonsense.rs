//! Answers that no well-behaved node gives: a plugin may refuse to plan with them, and must not break.

use arcus_contract::facts::{Answer, Fact, FileFact, Output, Probe, Request, ServiceFact};
use arcus_contract::types::Problem;
use arcus_plugin::Asker;
use async_trait::async_trait;

/// In which way the answers are odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Every node is silent.
    Silent,
    /// Every node says that this may not be seen.
    Denied,
    /// A fact of another kind than was asked for.
    OtherKind,
    /// What is asked for is nowhere.
    Absent,
    /// Text with control characters, of great length, and bytes that are no text.
    Garbage,
    /// Fewer answers than questions.
    Short,
}

impl Oddity {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Silent, Self::Denied, Self::OtherKind, Self::Absent, Self::Garbage, Self::Short];

    fn answer(self, request: &Request) -> Answer {
        match self {
            Self::Silent => Err(problem("node.unreachable", request, true)),
            Self::Denied => Err(problem("node.denied", request, false)),
            Self::OtherKind => match request.probe {
                Probe::Sysctl(_) => Ok(Fact::Mounts(vec![])),
                _ => Ok(Fact::Sysctl(Some("1".into()))),
            },
            Self::Absent => absent(&request.probe).ok_or_else(|| problem("query.missing", request, false)),
            Self::Garbage => garbage(&request.probe).ok_or_else(|| problem("node.\u{1b}[2Jgarbage", request, true)),
            Self::Short => Err(problem("ask.lost", request, true)),
        }
    }
}

#[async_trait]
impl Asker for Oddity {
    async fn ask(&self, _: &str, requests: Vec<Request>) -> Vec<Answer> {
        // The host makes good what is missing; a plugin sees `ask.lost`.
        let given = if *self == Self::Short { requests.len() / 2 } else { requests.len() };
        requests.iter().take(given).map(|request| self.answer(request)).collect()
    }
}

fn problem(code: &str, request: &Request, retryable: bool) -> Problem {
    Problem { code: code.into(), message: format!("{} does not say", request.node), help: None, node: Some(request.node.clone()), pointer: None, retryable }
}

fn absent(probe: &Probe) -> Option<Fact> {
    Some(match probe {
        Probe::Mounts => Fact::Mounts(vec![]),
        Probe::BlockDevices => Fact::BlockDevices(vec![]),
        Probe::Interfaces => Fact::Interfaces(vec![]),
        Probe::Routes => Fact::Routes(vec![]),
        Probe::File(_) => Fact::File(None),
        Probe::Directory(_) => Fact::Directory(None),
        Probe::Package(_) => Fact::Package(None),
        Probe::Service(_) => Fact::Service(None),
        Probe::Sysctl(_) => Fact::Sysctl(None),
        _ => return None,
    })
}

fn garbage(probe: &Probe) -> Option<Fact> {
    let text = "\u{1b}]0;x\u{7}\u{202e}\r\n\t\u{0}".repeat(10_000);
    let bytes = [text.as_bytes(), &[0xff, 0xfe, 0x00]].concat();
    Some(match probe {
        Probe::File(_) => Fact::File(Some(FileFact { mode: u32::MAX, owner: text.clone(), sha256: text.clone(), group: text, size_bytes: u64::MAX, content: bytes })),
        Probe::Package(_) => Fact::Package(Some(text)),
        Probe::Sysctl(_) => Fact::Sysctl(Some(text)),
        Probe::Query(_) => Fact::Query(Output { status: i32::MIN, stdout: bytes.clone(), stderr: bytes, truncated: true }),
        Probe::Service(_) => Fact::Service(Some(ServiceFact { active: true, enabled: false, masked: true, held: true, failed: true, since_s: u64::MAX, stale: true })),
        _ => return None,
    })
}
