//! Text that may be shown: all sinks of the command line take [`Safe`] and nothing else, and it can be made only of our
//! own words, numbers, and [`Foreign`](super::foreign::Foreign) text. So the compiler sees to it that nothing slips by.

use std::borrow::Cow;

/// Text that may be shown as it is, styling included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Safe(String);

/// What may be part of safe text.
pub trait Shown {
    /// As it is shown.
    fn shown(&self) -> Cow<'_, str>;
}

impl Safe {
    /// Nothing.
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// Of one thing.
    pub fn of(shown: &impl Shown) -> Self {
        Self(shown.shown().into_owned())
    }

    /// Vouches for text that was made elsewhere (a renderer that was fed safe text only). The caller says why that is so.
    pub fn vouched(text: String) -> Self {
        Self(text)
    }

    /// As plain text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends.
    pub fn push(&mut self, more: &impl Shown) {
        self.0.push_str(&more.shown());
    }

    /// Appends a line.
    pub fn line(&mut self, more: &impl Shown) {
        self.push(more);
        self.0.push('\n');
    }

    /// All of them, with something in between.
    pub fn join(parts: &[Safe], between: &'static str) -> Self {
        Self(parts.iter().map(Safe::as_str).collect::<Vec<_>>().join(between))
    }

    /// Columns it takes, styling not counted.
    pub fn width(&self) -> usize {
        console::measure_text_width(&self.0)
    }

    /// Cut to so many columns.
    pub fn fit(&self, columns: usize) -> Self {
        Self(console::truncate_str(&self.0, columns, "…").into_owned())
    }

    /// Filled up to so many columns.
    pub fn pad(&self, columns: usize) -> Self {
        let room = columns.saturating_sub(self.width());
        Self(format!("{}{}", self.0, " ".repeat(room)))
    }
}

impl Shown for Safe {
    fn shown(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

impl Shown for &Safe {
    fn shown(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

/// Our own words: only what is written in the source is `'static` here.
impl Shown for &'static str {
    fn shown(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Shown for $number {
            fn shown(&self) -> Cow<'_, str> {
                self.to_string().into()
            }
        })*
    };
}
numbers!(u8, u16, u32, u64, usize, i32, i64);

/// `format!` for safe text: every argument is [`Shown`]. Names in braces are not taken, since they would go past that.
#[macro_export]
macro_rules! safe {
    ($words:literal $(, $shown:expr)* $(,)?) => {
        $crate::cli::safe::Safe::vouched(format!(concat!($words) $(, $crate::cli::safe::Shown::shown(&$shown))*))
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::foreign::Foreign;

    #[test]
    fn is_made_of_words_numbers_and_escaped_text() {
        let text = crate::safe!("{} of {:>3}: {}", "two", 3_usize, Foreign::line("\u{7}"));
        assert_eq!(text.as_str(), r"two of   3: \u{7}");
    }

    #[test]
    fn measures_without_styling() {
        let red = Safe::vouched("\u{1b}[31mab\u{1b}[0m".into());
        assert_eq!(red.width(), 2);
        assert_eq!(red.pad(4).width(), 4);
        assert_eq!(crate::safe!("abcdef").fit(3).as_str(), "ab…");
    }
}
