//! Copies a file of a node to the operator's side, in pieces: it may be larger than what fits into one answer.

use arcus_contract::actions::{Fetch, Step};
use arcus_contract::facts::{Fact, FileProbe, Probe};
use arcus_contract::types::Problem;
use arcus_node::{Look, Seen};
use sha2::{Digest as _, Sha256};

use crate::engine::Engine;
use crate::kept::Keeping;

/// Bytes of one piece.
const PIECE: u32 = 4 << 20;

/// Fetches, compares, and says where it is kept.
///
/// # Errors
/// What the node said, or why it cannot be kept here.
pub async fn fetch(engine: &Engine, run: &str, step: &Step, fetch: &Fetch) -> Result<String, Problem> {
    let here = |error: &std::io::Error| problem(step, "fetch.not-kept", format!("{} cannot be kept on this machine: {error}", fetch.name));
    let state = engine.state().map_err(|fault| problem(step, "fetch.not-kept", fault.to_string()))?;
    let before = fact(engine, step, fetch).await?;
    let mut keeping = Keeping::begin(&state, run, &step.node, &fetch.name).map_err(|error| here(&error))?;
    let mut digest = Sha256::new();
    let mut number = 0_u64;
    loop {
        let argv = ["dd".to_owned(), format!("if={}", fetch.path), format!("bs={PIECE}"), format!("skip={number}"), "count=1".into(), "iflag=nofollow".into(), "status=none".into()];
        let look = Look::Command { argv: argv.to_vec(), stdin: String::new(), timeout_s: 60, limit: PIECE };
        let piece = match engine.fleet.look(vec![(step.node.clone(), look)]).await.pop() {
            Some(Ok(Seen::Fact(Fact::Query(said)))) if said.status == 0 && !said.truncated => said.stdout,
            Some(Ok(Seen::Fact(Fact::Query(said)))) => {
                keeping.discard();
                return Err(problem(step, "fetch.unreadable", format!("{} cannot be read: {}", fetch.path, String::from_utf8_lossy(&said.stderr).trim())));
            }
            Some(Err(found)) => {
                keeping.discard();
                return Err(found);
            }
            _ => {
                keeping.discard();
                return Err(problem(step, "answer.shape", "the node answered something else than was asked".into()));
            }
        };
        digest.update(&piece);
        if let Err(error) = keeping.write(&piece) {
            keeping.discard();
            return Err(here(&error));
        }
        number += 1;
        if piece.len() < PIECE as usize {
            break;
        }
    }
    let sha256 = hex::encode(digest.finalize());
    // It must be the file as a whole, not the beginning of one and the end of another.
    let after = fact(engine, step, fetch).await?;
    if after != before || (!after.0.is_empty() && after.0 != sha256) {
        keeping.discard();
        return Err(problem(step, "fetch.changed", format!("{} was changed while it was fetched", fetch.path)));
    }
    let (kept, place) = keeping.end(sha256).map_err(|error| here(&error))?;
    engine.vault.keep(&step.node, &fetch.name, kept);
    Ok(place)
}

/// Digest and size, as the node has them.
async fn fact(engine: &Engine, step: &Step, fetch: &Fetch) -> Result<(String, u64), Problem> {
    // With a byte of content: whoever reads that is not led elsewhere by links of others.
    let look = Look::Probe(Probe::File(FileProbe { path: fetch.path.clone(), content: 1 }));
    match engine.fleet.look(vec![(step.node.clone(), look)]).await.pop() {
        Some(Ok(Seen::Fact(Fact::File(Some(fact))))) => Ok((fact.sha256, fact.size_bytes)),
        Some(Ok(Seen::Fact(Fact::File(None)))) => Err(problem(step, "fetch.nothing", format!("{} is not there", fetch.path))),
        Some(Err(found)) => Err(found),
        _ => Err(problem(step, "answer.shape", "the node answered something else than was asked".into())),
    }
}

fn problem(step: &Step, code: &str, message: String) -> Problem {
    Problem { code: code.into(), message, help: None, node: Some(step.node.clone()), pointer: None, retryable: true }
}
