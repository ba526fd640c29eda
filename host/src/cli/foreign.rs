//! Foreign text: whatever others wrote. This is the only way it reaches a terminal.
//!
//! Output of nodes, words of plugins, file names, pieces of YAML, comments in `known_hosts`, banners: all of it may hold
//! control characters, ANSI sequences, or marks that reverse or hide text. Shown through [`Foreign`], each of those is
//! visible as an escape, and no text is longer than its place.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::cli::safe::{Safe, Shown};

/// Characters of a line that are shown.
const LINE: usize = 600;
/// Characters of a word (a name, a code, a fingerprint) that are shown.
const WORD: usize = 160;

/// Somebody else's text, shown as one line.
#[derive(Debug, Clone, Copy)]
pub struct Foreign<'a> {
    text: &'a str,
    most: usize,
}

impl<'a> Foreign<'a> {
    /// A sentence or a line.
    pub fn line(text: &'a str) -> Self {
        Self { text, most: LINE }
    }

    /// A name or another short thing.
    pub fn word(text: &'a str) -> Self {
        Self { text, most: WORD }
    }

    /// No longer than this many characters.
    pub fn capped(text: &'a str, most: usize) -> Self {
        Self { text, most }
    }

    /// Several lines, the first `most` of them, and how many were left out.
    pub fn lines(text: &'a str, most: usize) -> Vec<Safe> {
        let mut shown: Vec<Safe> = text.lines().take(most).map(|line| Safe::of(&Foreign::line(line))).collect();
        let left = text.lines().count().saturating_sub(most);
        if left > 0 {
            shown.push(crate::safe!("({} more lines)", left));
        }
        shown
    }

    /// Several lines, the last `most` of them, and how many were left out before.
    pub fn tail(text: &'a str, most: usize) -> Vec<Safe> {
        let all: Vec<&str> = text.lines().collect();
        let left = all.len().saturating_sub(most);
        let mut shown = Vec::new();
        if left > 0 {
            shown.push(crate::safe!("({} lines before)", left));
        }
        shown.extend(all[left..].iter().map(|line| Safe::of(&Foreign::line(line))));
        shown
    }
}

impl Display for Foreign<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        let mut room = self.most;
        let mut rest = self.text.chars();
        for character in rest.by_ref() {
            let before = shown.len();
            escape(character, &mut shown);
            let took = shown[before..].chars().count();
            if took > room {
                shown.truncate(before);
                shown.push('…');
                break;
            }
            room -= took;
        }
        f.pad(&shown)
    }
}

impl Shown for Foreign<'_> {
    fn shown(&self) -> std::borrow::Cow<'_, str> {
        self.to_string().into()
    }
}

/// A message about a node without the node's name before it, where the name is shown anyway.
pub fn without_name<'a>(message: &'a str, node: &str) -> &'a str {
    message.strip_prefix(node).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(message)
}

/// Appends a character as it may be shown.
pub fn escape(character: char, to: &mut String) {
    match character {
        '\n' => to.push_str("\\n"),
        '\r' => to.push_str("\\r"),
        '\t' => to.push_str("\\t"),
        _ if is_plain(character) => to.push(character),
        _ => {
            let _ = write!(to, "\\u{{{:x}}}", u32::from(character));
        }
    }
}

/// Whether a character shows as itself, alone, where it stands. What controls the terminal, turns the direction, takes no
/// room, is joined to its neighbour, or is assigned to nobody, does not.
pub fn is_plain(character: char) -> bool {
    // Those that are letters by their category and show as nothing.
    const BLANK: [char; 5] = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}', '\u{2800}'];
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    // The standard library escapes what Unicode calls control, format, unassigned, private, separator, or extending.
    character.escape_debug().len() == 1 && !BLANK.contains(&character) && !is_selector(character)
}

/// Variation selectors and tags: invisible companions.
fn is_selector(character: char) -> bool {
    matches!(character, '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// JSON as `serde_json` writes it, with everything escaped that must not reach a terminal as it is.
pub struct PlainJson {
    pretty: serde_json::ser::PrettyFormatter<'static>,
}

impl PlainJson {
    /// Pretty JSON.
    pub fn text(value: &impl serde::Serialize) -> String {
        let mut bytes = Vec::new();
        let formatter = Self { pretty: serde_json::ser::PrettyFormatter::with_indent(b"  ") };
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        value.serialize(&mut serializer).expect("reports are plain data with text as keys");
        String::from_utf8(bytes).expect("JSON is UTF-8")
    }
}

impl serde_json::ser::Formatter for PlainJson {
    fn write_string_fragment<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, fragment: &str) -> std::io::Result<()> {
        let mut plain_from = 0;
        for (at, character) in fragment.char_indices().filter(|(_, character)| !is_plain(*character)) {
            writer.write_all(&fragment.as_bytes()[plain_from..at])?;
            let mut units = [0_u16; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain_from = at + character.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[plain_from..])
    }

    fn begin_array<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the terminal and its readers must never get from others.
    fn is_dangerous(character: char) -> bool {
        let point = u32::from(character);
        point < 0x20
            || (0x7f..0xa0).contains(&point)
            || matches!(point, 0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb)
            || (0xe0000..=0xe0fff).contains(&point)
            || (0xfe00..=0xfe0f).contains(&point)
    }

    /// Text with more than its share of what bites.
    fn nasty() -> impl Strategy<Value = String> {
        let bad = prop::sample::select(vec![
            '\u{1b}', '\u{9b}', '\u{7}', '\0', '\r', '\n', '\t', '\u{8}', '\u{7f}', '\u{90}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{200d}', '\u{feff}',
            '\u{ad}', '\u{61c}', '\u{2028}', '\u{e0041}', '\u{fe0f}', '\u{301}', '\u{115f}', '[', ']', ';', 'm', '8',
        ]);
        prop::collection::vec(prop_oneof![3 => bad, 2 => any::<char>()], 0..80).prop_map(|characters| characters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_shown(text in nasty()) {
            for shown in [Foreign::line(&text).to_string(), Foreign::word(&text).to_string()] {
                prop_assert!(!shown.chars().any(is_dangerous), "{:?}", shown);
            }
            for line in Foreign::lines(&text, 10).iter().chain(&Foreign::tail(&text, 10)) {
                prop_assert!(!line.as_str().chars().any(is_dangerous), "{:?}", line.as_str());
            }
        }

        #[test]
        fn no_longer_than_its_place(text in nasty(), most in 0_usize..50) {
            let shown = Foreign::capped(&text, most).to_string();
            prop_assert!(shown.chars().count() <= most + 1);
        }

        #[test]
        fn harmless_text_is_shown_as_it_is(text in "[ -~äöüß€漢字]{0,100}") {
            prop_assert_eq!(Foreign::line(&text).to_string(), text);
        }

        #[test]
        fn json_says_the_same_and_holds_nothing_dangerous(text in nasty()) {
            let value = serde_json::json!({ text.as_str(): [text.as_str(), 1, {"a": null}] });
            let json = PlainJson::text(&value);
            prop_assert!(!json.chars().any(|c| c != '\n' && is_dangerous(c)), "{:?}", json);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
        }
    }

    #[test]
    fn every_character_is_decided_as_it_should_be() {
        for point in 0..=0x10_ffff {
            let Some(character) = char::from_u32(point) else { continue };
            assert!(!(is_plain(character) && is_dangerous(character)), "{point:x}");
        }
    }

    #[test]
    fn escapes_are_readable() {
        assert_eq!(Foreign::line("\u{1b}[31mred\u{1b}[0m\n\u{202e}txt.exe").to_string(), r"\u{1b}[31mred\u{1b}[0m\n\u{202e}txt.exe");
        assert_eq!(Foreign::capped("abcdef", 3).to_string(), "abc…");
        assert_eq!(Foreign::lines("a\nb\nc", 2).iter().map(Safe::as_str).collect::<Vec<_>>(), ["a", "b", "(1 more lines)"]);
        assert_eq!(Foreign::tail("a\nb\nc", 2).iter().map(Safe::as_str).collect::<Vec<_>>(), ["(1 lines before)", "b", "c"]);
    }
}
