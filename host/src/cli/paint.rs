//! Colours, on or off for each output.

use console::Style;

use crate::cli::safe::{Safe, Shown};

/// Paints, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// With colours or without.
    pub const fn new(on: bool) -> Self {
        Self { on }
    }

    /// Whether it paints.
    pub fn is_on(self) -> bool {
        self.on
    }

    fn with(self, style: Style, text: &impl Shown) -> Safe {
        if !self.on || text.shown().is_empty() {
            return Safe::of(text);
        }
        // Of safe text and a style of ours.
        Safe::vouched(style.force_styling(true).apply_to(text.shown()).to_string())
    }

    /// Titles.
    pub fn bold(self, text: impl Shown) -> Safe {
        self.with(Style::new().bold(), &text)
    }

    /// What matters less.
    pub fn dim(self, text: impl Shown) -> Safe {
        self.with(Style::new().dim(), &text)
    }

    /// Good, or added.
    pub fn green(self, text: impl Shown) -> Safe {
        self.with(Style::new().green(), &text)
    }

    /// Bad, or removed.
    pub fn red(self, text: impl Shown) -> Safe {
        self.with(Style::new().red(), &text)
    }

    /// To be heeded.
    pub fn yellow(self, text: impl Shown) -> Safe {
        self.with(Style::new().yellow(), &text)
    }

    /// Names and places.
    pub fn cyan(self, text: impl Shown) -> Safe {
        self.with(Style::new().cyan(), &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paints_only_when_on() {
        assert_eq!(Paint::new(false).red("x").as_str(), "x");
        assert_eq!(Paint::new(true).red("x").as_str(), "\u{1b}[31mx\u{1b}[0m");
    }
}
