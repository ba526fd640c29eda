//! What nodes say, without the values of secrets: a program prints what it was fed, a file holds it, and whoever reads that would know it.

use std::borrow::Cow;

use arcus_contract::facts::{Answer, Fact};
use arcus_node::Hidden;
use memchr::memmem;

/// Shorter ones are words like any other, and would be found everywhere.
const SHORTEST: usize = 6;
/// Each line of a value of several is looked for alone, when it has this length.
const LINE: usize = 16;
const INSTEAD: &[u8] = b"(secret)";

/// The values that are shown to nobody, the longest first.
#[derive(Default)]
pub struct Veil(Vec<Hidden>);

impl Veil {
    /// Over these.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a Hidden>) -> Self {
        let mut all = Vec::new();
        for value in values {
            let whole = value.reveal().trim_ascii();
            let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| line.len() >= LINE && line.len() < whole.len());
            all.extend(std::iter::once(whole).chain(lines).filter(|word| word.len() >= SHORTEST).map(Hidden::new));
        }
        all.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(all)
    }

    /// What was said, as people are shown it.
    pub fn bytes<'b>(&self, said: &'b [u8]) -> Cow<'b, [u8]> {
        self.without(said, |_| true)
    }

    fn without<'b>(&self, said: &'b [u8], counts: impl Fn(&[u8]) -> bool) -> Cow<'b, [u8]> {
        let mut shown = Cow::Borrowed(said);
        for value in self.0.iter().map(Hidden::reveal).filter(|value| counts(value)) {
            if memmem::find(&shown, value).is_some() {
                let mut rest = &*shown;
                let mut without = Vec::with_capacity(rest.len());
                while let Some(at) = memmem::find(rest, value) {
                    without.extend_from_slice(&rest[..at]);
                    without.extend_from_slice(INSTEAD);
                    rest = &rest[at + value.len()..];
                }
                without.extend_from_slice(rest);
                shown = Cow::Owned(without);
            }
            // Output is cut to a length, maybe within one.
            if let Some(cut) = (SHORTEST..value.len()).rev().find(|cut| shown.starts_with(&value[value.len() - cut..])) {
                shown = Cow::Owned([INSTEAD, &shown[cut..]].concat());
            }
            if let Some(cut) = (SHORTEST..value.len()).rev().find(|cut| shown.ends_with(&value[..*cut])) {
                shown = Cow::Owned([&shown[..shown.len() - cut], INSTEAD].concat());
            }
        }
        shown
    }

    /// The same of a text.
    pub fn text(&self, said: String) -> String {
        match self.bytes(said.as_bytes()) {
            Cow::Borrowed(_) => said,
            // A value that is no text may end in the middle of a character.
            Cow::Owned(shown) => String::from_utf8_lossy(&shown).into_owned(),
        }
    }

    /// An answer as a plugin is given it. It reads it: a password like `rainbond` would be missing in every path and unit of that name.
    pub fn answer(&self, mut answer: Answer) -> Answer {
        if self.0.is_empty() {
            return answer;
        }
        let over = |bytes: &mut Vec<u8>| {
            if let Cow::Owned(shown) = self.without(bytes, |value| !is_word(value)) {
                *bytes = shown;
            }
        };
        match &mut answer {
            Ok(Fact::Query(output)) => {
                over(&mut output.stdout);
                over(&mut output.stderr);
            }
            Ok(Fact::File(Some(file))) => over(&mut file.content),
            Ok(Fact::Job(Some(job))) => over(&mut job.tail),
            Ok(_) => {}
            Err(problem) => problem.message = self.text(std::mem::take(&mut problem.message)),
        }
        answer
    }
}

fn is_word(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_lowercase() || b"-_./".contains(byte))
}

#[cfg(test)]
mod tests {
    use arcus_contract::facts::{FileFact, Output};

    use super::*;

    fn veil(values: &[&str]) -> Veil {
        Veil::new(&values.iter().map(|value| Hidden::from(*value)).collect::<Vec<_>>())
    }

    #[test]
    fn no_value_of_a_secret_is_left_in_what_was_said() {
        let veil = veil(&["hush-hush", "hush-hush-more\n", "root", "-----KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END-----"]);
        for (said, shown) in [
            ("nothing of it", "nothing of it"),
            ("a hush-hush b hush-hush-more", "a (secret) b (secret)"),
            ("hush-hushhush-hush", "(secret)(secret)"),
            // Cut at either end.
            ("sh-hush-more, then", "(secret), then"),
            ("it is hush-hu", "it is (secret)"),
            // One line of several.
            ("+ MIIEvQIBADANBgkqhkiG9w0B", "+ (secret)"),
            // Too short to be told from a word.
            ("root:root", "root:root"),
        ] {
            assert_eq!(veil.text(said.to_owned()), shown);
        }
        assert!(matches!(Veil::default().bytes(b"hush-hush"), Cow::Borrowed(_)));
    }

    #[test]
    fn answers_are_given_to_plugins_without_them() {
        let veil = veil(&["Hush-hush", "rainbond"]);
        let output = |stdout: &str, stderr: &str| Ok(Fact::Query(Output { status: 0, stdout: stdout.into(), stderr: stderr.into(), truncated: false }));
        assert_eq!(veil.answer(output("k=Hush-hush\n", "Hush-hush?")), output("k=(secret)\n", "(secret)?"));
        let file = |content: &str| Ok(Fact::File(Some(FileFact { mode: 0o600, owner: "root".into(), group: "root".into(), size_bytes: 9, sha256: "x".into(), content: content.into() })));
        assert_eq!(veil.answer(file("Hush-hush")), file("(secret)"));
        // A name like any other: a plugin could not work without, and people do not need it.
        assert_eq!(veil.answer(file("/opt/rainbond")), file("/opt/rainbond"));
        assert_eq!(veil.text("/opt/rainbond".into()), "/opt/(secret)");
    }
}
