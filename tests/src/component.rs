//! Components as strangers hand them over: the same code with another manifest.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

const SECTION: &[u8] = b"arcus:manifest";

/// A component whose manifest reads otherwise.
///
/// # Errors
/// When it is no component with a manifest.
pub fn with_manifest(component: &[u8], edit: impl FnOnce(&mut Value)) -> Result<Vec<u8>> {
    let mut bytes = component.get(..8).context("no component")?.to_vec();
    let mut at = 8;
    let mut manifest = None;
    while at < component.len() {
        let (size, body) = leb(component, at + 1)?;
        let end = body + size;
        let section = component.get(body..end).context("a section is cut")?;
        match section.strip_prefix(&[14]).and_then(|rest| rest.strip_prefix(SECTION)) {
            Some(text) if component[at] == 0 => manifest = Some(serde_json::from_slice(text)?),
            _ => bytes.extend_from_slice(&component[at..end]),
        }
        at = end;
    }
    let mut manifest: Value = manifest.context("it has no manifest")?;
    edit(&mut manifest);
    let text = serde_json::to_vec(&manifest)?;
    bytes.push(0);
    put(&mut bytes, 1 + SECTION.len() + text.len());
    bytes.push(u8::try_from(SECTION.len())?);
    bytes.extend_from_slice(SECTION);
    bytes.extend_from_slice(&text);
    Ok(bytes)
}

/// A number as WebAssembly writes it, and where it ends.
fn leb(bytes: &[u8], mut at: usize) -> Result<(usize, usize)> {
    let (mut value, mut shift) = (0_usize, 0);
    loop {
        let byte = *bytes.get(at).context("a number is cut")?;
        ensure!(shift < 35, "a number is too long");
        value |= usize::from(byte & 0x7f) << shift;
        (at, shift) = (at + 1, shift + 7);
        if byte & 0x80 == 0 {
            return Ok((value, at));
        }
    }
}

fn put(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return;
        }
    }
}
