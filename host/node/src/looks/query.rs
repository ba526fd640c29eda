//! Read-only commands, one after the other: some of them (gluster's) exclude each other on a node.
use std::time::Duration;

use arcus_contract::facts::{Fact, Output};
use arcus_contract::types::Problem;

use super::{Gathering, Parts, fact, missing_tool, problem};
use crate::quote;
use crate::library::Piece;

/// A command among the looks.
pub struct Command<'a> {
    /// Its place among them.
    pub at: usize,
    pub argv: &'a [String],
    pub stdin: &'a str,
    pub timeout_s: u32,
    pub limit: u32,
}

pub fn render(all: &mut Gathering, commands: &[Command<'_>]) {
    for &Command { at, argv, stdin, timeout_s, limit } in commands {
        let id = all.ids(3);
        let limit = limit.min(8 << 20);
        let program = argv[0].clone();
        all.private = true;
        all.patience += Duration::from_secs(u64::from(timeout_s) + 3);
        all.line(Piece::Query, &format!("ask {id} {} {limit} {} {}", timeout_s.max(1), quote::words([stdin]), quote::words(argv.iter().map(String::as_str))));
        all.parser(move |parts| fact(vec![at], read(parts, id, limit, &program, timeout_s).map(Fact::Query)));
    }
}

fn read(parts: &Parts, id: u32, limit: u32, program: &str, timeout_s: u32) -> Result<Output, Problem> {
    let head = parts.get(id)?;
    let text = head.text();
    let mut words = text.split(' ');
    match words.next() {
        Some("ran") => {}
        Some("missing") => return Err(Problem { message: format!("there is no program {program} on this node"), ..missing_tool() }),
        Some("timeout") => return Err(problem("node.timeout", format!("{program} took longer than {timeout_s} s"), true)),
        _ => return Err(problem("node.nonsense", "what arrived is not what was asked for", true)),
    }
    let mut size = || words.next().and_then(|size| size.parse::<u64>().ok()).unwrap_or(u64::MAX);
    let truncated = size() > u64::from(limit) || size() > u64::from(limit);
    Ok(Output { status: head.status, stdout: parts.get(id + 1)?.bytes.clone(), stderr: parts.get(id + 2)?.bytes.clone(), truncated })
}
