//! The text of a cluster file under its name, and places in it.

use std::ops::Range;
use std::sync::Arc;

/// A text and the name under which people know it. Cheap to clone.
#[derive(Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    index: Arc<Index>,
}

/// What makes places cheap to find, also in a file of one very long line.
struct Index {
    /// Where each line starts.
    lines: Vec<usize>,
    /// Characters before every `STRIDE`th byte.
    characters: Vec<usize>,
}

const STRIDE: usize = 1024;

impl Source {
    /// `name` is what the operator called it, `text` what it holds.
    pub fn new(name: &str, text: &str) -> Self {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let mut before = 0;
        let characters = text
            .as_bytes()
            .chunks(STRIDE)
            .map(|chunk| {
                let after = before + count(chunk);
                std::mem::replace(&mut before, after)
            })
            .collect();
        Self {
            name: name.into(),
            text: text.into(),
            index: Arc::new(Index { lines, characters }),
        }
    }

    /// What the operator called it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// All of it.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The place of these bytes. What lies outside the text, or inside a character, is moved to the nearest place that does not.
    pub fn span(&self, bytes: Range<usize>) -> Span {
        let start = self.floor(bytes.start);
        let end = self.floor(bytes.end.max(start));
        let line = self.index.lines.partition_point(|line| *line <= start);
        let line_start = self.index.lines[line - 1];
        // A byte order mark takes no room on the first line.
        let mark = usize::from(line == 1 && start > 0 && self.text.starts_with('\u{feff}'));
        Span {
            offset: start,
            len: end - start,
            line,
            column: self.characters(start) - self.characters(line_start) - mark + 1,
        }
    }

    /// How many characters start before this byte.
    fn characters(&self, at: usize) -> usize {
        let Some(before) = self.index.characters.get(at / STRIDE) else {
            // The end of a text whose length is a multiple of the stride, or of no text.
            return self.index.characters.last().map_or(0, |last| {
                last + count(&self.text.as_bytes()[at - STRIDE..at])
            });
        };
        before + count(&self.text.as_bytes()[at / STRIDE * STRIDE..at])
    }

    fn floor(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// Characters that start in these bytes of UTF-8.
fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl Eq for Source {}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({:?}, {} bytes)", self.name, self.text.len())
    }
}

/// A place in a [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Span {
    /// Bytes before it.
    pub offset: usize,
    /// Bytes in it; may be 0.
    pub len: usize,
    /// Line it starts on, from 1.
    pub line: usize,
    /// Character of that line it starts at, from 1.
    pub column: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters() {
        let source = Source::new("f", "ä: 1\nbö: x\n");
        let at = source.text().find('x').unwrap();
        assert_eq!(
            source.span(at..at + 1),
            Span {
                offset: at,
                len: 1,
                line: 2,
                column: 5
            }
        );
        // Inside the two bytes of `ä`, and beyond the end.
        assert_eq!(
            source.span(1..99),
            Span {
                offset: 0,
                len: 13,
                line: 1,
                column: 1
            }
        );
        assert_eq!(
            source.span(50..99),
            Span {
                offset: 13,
                len: 0,
                line: 3,
                column: 1
            }
        );
    }

    #[test]
    fn counts_across_strides() {
        for text in [
            "",
            &"ä".repeat(1024),
            &"xä\n".repeat(1000),
            &format!("\u{feff}{}", "é".repeat(3000)),
            &"x".repeat(1024),
        ] {
            let source = Source::new("f", text);
            for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
                let span = source.span(at..at);
                let line_start = text[..at].rfind('\n').map_or(0, |at| at + 1);
                let column = text[line_start..at]
                    .chars()
                    .filter(|c| *c != '\u{feff}')
                    .count()
                    + 1;
                assert_eq!(
                    (span.line, span.column),
                    (text[..at].matches('\n').count() + 1, column)
                );
            }
        }
    }
}
