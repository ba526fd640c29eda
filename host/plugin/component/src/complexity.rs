//! Refuses code that is small and takes for ever to compile.
//!
//! The compiler's time grows with loops within loops and the variables that live through them, far beyond the size of the
//! code: a function of 24 KB, 300 loops deep with 300 variables, took two minutes. The rest of what it does grows with
//! size, which is limited by itself.

use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

use crate::Fault;

/// Variables times loops times their depth, over all functions. Components of the SDK were measured to have under 100,000.
const BUDGET: u64 = 5_000_000;

/// Reads all functions. Only worth it before compiling.
///
/// # Errors
/// When compiling would take too long, or a function cannot be read.
pub fn check_complexity(bytes: &[u8]) -> Result<(), Fault> {
    let mut total = 0_u64;
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload.map_err(damaged)? {
            total = total.saturating_add(weight(&body).map_err(damaged)?);
        }
    }
    if total > BUDGET {
        return Err(Fault::new(
            "plugin.too-complex",
            format!("its loops are nested so deep, with so many variables, that compiling would take too long (weight {total}, of {BUDGET} at most)"),
            "Split the deepest functions. Code that a compiler made of written source is far from this.",
        ));
    }
    Ok(())
}

fn damaged(error: BinaryReaderError) -> Fault {
    let message = format!("a function of it is damaged: {} (at byte {:#x})", error.message(), error.offset());
    Fault::new("plugin.damaged", message, "Get the file again and compare its SHA-256 with what the author published.")
}

fn weight(body: &FunctionBody<'_>) -> Result<u64, BinaryReaderError> {
    let mut variables = 1_u64;
    for locals in body.get_locals_reader()? {
        variables += u64::from(locals?.0);
    }
    // Which of the open blocks are loops.
    let (mut open, mut depth, mut deepest, mut loops) = (Vec::new(), 0_u64, 0_u64, 0_u64);
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::Loop { .. } => {
                open.push(true);
                depth += 1;
                loops += 1;
                deepest = deepest.max(depth);
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => open.push(false),
            // The last one closes the function.
            Operator::End => depth -= u64::from(open.pop().unwrap_or(false)),
            _ => {}
        }
    }
    Ok(variables.saturating_mul(loops).saturating_mul(deepest))
}
