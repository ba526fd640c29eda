//! The text of a cluster file under its name, and places in it.

use std::ops::Range;
use std::sync::Arc;

/// A text and the name under which people know it. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

impl Source {
    /// `name` is what the operator called it, `text` what it holds.
    pub fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
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
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Span {
            offset: start,
            len: end - start,
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before[line_start..]
                .chars()
                .filter(|&c| c != '\u{feff}')
                .count()
                + 1,
        }
    }

    fn floor(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

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
}
