//! Tables on pages of `docs/` that the tests write: what is said there is what the binary said.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::root;

/// The table below this head is these rows. `ARCUS_BLESS=1` writes it anew.
///
/// # Errors
/// When the page says otherwise, or has no such table.
pub fn table(page: &str, head: &str, rows: &[String]) -> Result<()> {
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

/// Text for a cell: its first line, without what differs from run to run: these words, and long numbers.
#[must_use]
pub fn cell(text: &str, names: &[(&str, &str)]) -> String {
    let mut text = text.lines().next().unwrap_or_default().to_owned();
    for (name, instead) in names {
        text = text.replace(name, instead);
    }
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
