//! Tables on pages of `docs/` that the tests write: what is said there is what the binary said.

use std::fs;
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};

use crate::root;

/// Tests of one program run side by side, and have tables on one page.
static ONE: Mutex<()> = Mutex::new(());

/// The table below this head is these rows. `ARCUS_BLESS=1` writes it anew.
///
/// # Errors
/// When the page says otherwise, or has no such table.
pub fn table(page: &str, head: &str, rows: &[String]) -> Result<()> {
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let path = root().join(page);
    let text = fs::read_to_string(&path).with_context(|| page.to_owned())?;
    let head = format!("{head}\n{}|\n", "|---".repeat(head.matches(" | ").count() + 1));
    let (before, rest) = text.split_once(&head).with_context(|| format!("{page} has no table {head}"))?;
    let after = &rest[rest.lines().take_while(|line| line.starts_with('|')).map(|line| line.len() + 1).sum()..];
    let whole = format!("{before}{head}{}\n{after}", rows.join("\n"));
    if std::env::var_os("ARCUS_BLESS").is_some() {
        return fs::write(&path, &whole).context(path.display().to_string());
    }
    ensure!(whole == text, "{page} says otherwise; `ARCUS_BLESS=1` writes it anew:\n{}", rows.join("\n"));
    Ok(())
}

/// Text for a cell: its first line, without what differs from run to run: these words, digests, and long numbers.
#[must_use]
pub fn cell(text: &str, names: &[(&str, &str)]) -> String {
    let mut text = text.lines().next().unwrap_or_default().to_owned();
    for (name, instead) in names {
        text = text.replace(name, instead);
    }
    let text = without_digests(&text);
    let (mut out, mut number) = (String::new(), String::new());
    for character in text.chars().chain([' ']) {
        if character.is_ascii_digit() {
            number.push(character);
            continue;
        }
        out.push_str(if number.len() > 4 { "…" } else { &number });
        number.clear();
        out.push(if character == '|' { '/' } else { character });
    }
    out.trim_end().to_owned()
}

/// Hexadecimal digits of a digest, whole and as the operator is shown it.
const DIGEST: [usize; 2] = [64, 12];

fn without_digests(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let taken = if word == 0 { first.len_utf8() } else { word };
        let is_digest = DIGEST.contains(&word) && rest[..word].bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        out.push_str(if is_digest { "…" } else { &rest[..taken] });
        rest = &rest[taken..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_left_out() {
        let digest = "0123456789abcdef".repeat(4);
        assert_eq!(cell(&format!("{digest} or {}; not x{digest}, 12345 of 6789 | feed in /tmp/x", &digest[..12]), &[("/tmp", "/…")]), format!("… or …; not {}, … of 6789 / feed in /…/x", cell(&format!("x{digest}"), &[])));
        assert!(cell(&format!("x{digest}"), &[]).contains("abcdef"));
        assert_eq!(cell("first\nsecond", &[]), "first");
    }
}
