//! YAML 1.2 (core schema) into a JSON value and the place of every key and value.
//!
//! What makes a file mean something else than it seems to say is refused: anchors, aliases, merge keys, tags, duplicate keys,
//! several documents, tabs for indentation, control characters and characters that change the direction of writing.

use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks};
use serde_json::{Map, Number, Value};

use crate::diagnostic::Diagnostic;
use crate::pointer;
use crate::source::Source;

/// Deepest nesting of lists and mappings; a cluster file needs five.
const DEEPEST: usize = 32;

/// Mistakes collected before reading is given up.
const MOST_MISTAKES: usize = 200;

/// Where a value and its key are written.
#[derive(Clone, Debug)]
pub struct Place {
    /// The key, when it is the value of one.
    pub key: Option<Range<usize>>,
    /// All of the value.
    pub value: Range<usize>,
    /// Is it a list or a mapping?
    pub compound: bool,
    /// Was it written without quotes, and so guessed from its looks?
    pub plain: bool,
}

/// A read text.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// What it says.
    pub value: Value,
    /// By JSON Pointer.
    pub places: HashMap<String, Place>,
    /// What has to be mended although the rest could be read.
    pub mistakes: Vec<Diagnostic>,
    /// JSON Pointers of values that stand for such a mistake: nothing more is said about these.
    pub broken: Vec<String>,
}

/// Reads all of `source`; an error when nothing can be made of it.
pub fn read(source: &Source) -> Result<Tree, Vec<Diagnostic>> {
    let unwanted = unwanted_characters(source);
    if !unwanted.is_empty() {
        return Err(unwanted);
    }
    let skipped = if source.text().starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let offsets = Offsets::of(source.text(), skipped);
    let mut reader = Reader {
        source,
        offsets,
        tree: Tree::default(),
        open: Vec::new(),
        at: String::new(),
        muted: 0,
        root: None,
    };
    let mut parser = Parser::new_from_str(&source.text()[skipped..]);
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, marks) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = reader.offsets.byte(error.marker().index());
                reader
                    .tree
                    .mistakes
                    .push(not_yaml(source, at, error.info()));
                return Err(reader.tree.mistakes);
            }
        };
        if let Event::DocumentStart(_) = event {
            documents += 1;
            if documents == 2 {
                let at = reader.offsets.byte(marks.start.index());
                reader.tree.mistakes.push(
                    Diagnostic::about(source, "yaml.documents", "a second document starts here, and a cluster file has one only")
                        .help("remove this `---` and all that follows it, or keep it in a file of its own")
                        .at(line_at(source, at)),
                );
                return Err(reader.tree.mistakes);
            }
        }
        if reader.take(event, marks).is_err() || reader.tree.mistakes.len() > MOST_MISTAKES {
            return Err(reader.tree.mistakes);
        }
    }
    match reader.root {
        Some(value) if documents > 0 && !(value.is_null() && reader.tree.mistakes.is_empty()) => {
            reader.tree.value = value;
            Ok(reader.tree)
        }
        _ => {
            reader.tree.mistakes.push(
                Diagnostic::about(source, "yaml.empty", "the file says nothing")
                    .help("`arcus init` writes a cluster file to start from"),
            );
            Err(reader.tree.mistakes)
        }
    }
}

/// What nobody would see in an editor, or what YAML forbids although it looks right.
fn unwanted_characters(source: &Source) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut indenting = true;
    let mut tab = None;
    let text = source.text();
    for (at, c) in text.char_indices() {
        if found.len() >= MOST_MISTAKES {
            break;
        }
        let end = at + c.len_utf8();
        match c {
            '\n' => {
                indenting = true;
                tab = None;
                continue;
            }
            '\t' if indenting => {
                tab = tab.or(Some(at));
                continue;
            }
            ' ' | '\t' => continue,
            '\r' if text[end..].starts_with('\n') => continue,
            '\u{feff}' if at == 0 => continue,
            c if hidden(c) => found.push(
                Diagnostic::about(
                    source,
                    "yaml.hidden-character",
                    format!("a hidden character ({})", say_hidden(c)),
                )
                .help("remove it; if a value really needs it, Arcus does not take that value")
                .at(at..end),
            ),
            _ => {}
        }
        // A line of white space alone, or a comment, indents nothing.
        if indenting
            && c != '#'
            && let Some(tab) = tab
        {
            found.push(
                Diagnostic::about(
                    source,
                    "yaml.tab",
                    "a tab indents this line, and YAML knows only spaces for that",
                )
                .help("indent with spaces; most editors can turn tabs into spaces")
                .at(tab..tab + 1),
            );
        }
        indenting = false;
    }
    found
}

/// Characters that do something to a terminal, or to how a line reads, without being seen.
pub fn hidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn say_hidden(c: char) -> String {
    let kind = match c {
        '\0' => "NUL",
        '\r' => "a carriage return without a line feed",
        '\u{1b}' => "escape",
        c if c.is_control() => "a control character",
        '\u{feff}' => "a byte order mark",
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
            "it changes the direction of writing"
        }
        _ => "it has no width",
    };
    format!("U+{:04X}, {kind}", c as u32)
}

fn line_at(source: &Source, at: usize) -> Range<usize> {
    let end = source.text()[at..]
        .find(['\n', '\r'])
        .map_or(source.text().len(), |len| at + len);
    at..end
}

fn not_yaml(source: &Source, at: usize, info: &str) -> Diagnostic {
    let (code, message, help) = match info {
        _ if info.contains("unknown anchor") => (
            "yaml.anchor",
            "an alias (`*`) of nothing".to_owned(),
            REFUSED_ANCHOR,
        ),
        _ if info.contains("recursion limit") => (
            "yaml.too-deep",
            "lists or mappings nested too deep".to_owned(),
            TOO_DEEP,
        ),
        _ if info.contains("mapping values are not allowed") => (
            "yaml.syntax",
            "a `key: value` cannot stand here".to_owned(),
            "check the indentation of this line and the one above; put a value that has `: ` in it into quotes",
        ),
        _ if info.contains("tab") => (
            "yaml.tab",
            format!("this is no YAML: {info}"),
            "use spaces instead of tabs",
        ),
        _ if info.contains("anchor") => (
            "yaml.syntax",
            format!("this is no YAML: {info}"),
            "put a value that starts with `&` or `*` into quotes",
        ),
        _ if info.contains("quoted scalar") => (
            "yaml.syntax",
            format!("this is no YAML: {info}"),
            "a quote is opened and not closed",
        ),
        _ if info.contains("flow") || info.contains("only valid inside a block") => (
            "yaml.syntax",
            format!("this is no YAML: {info}"),
            "a `[` or `{` is not closed, or a comma is missing",
        ),
        _ => (
            "yaml.syntax",
            format!("this is no YAML: {info}"),
            "keys of one mapping start in the same column; a value with `: `, ` #` or a special first character needs quotes",
        ),
    };
    // Often the reader notices at the very end, or at a line break: the line before is where people look.
    let text = source.text();
    let mut at = at.min(text.len());
    if text[at..].trim().is_empty() {
        at = text.trim_end().len();
        at -= text[..at].chars().next_back().map_or(0, char::len_utf8);
    }
    let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    Diagnostic::about(source, code, message)
        .help(help)
        .at(at..end)
}

const REFUSED_ANCHOR: &str = "write the value out in each place: a cluster file has no anchors (`&`), aliases (`*`) or merge keys (`<<`)";
const TOO_DEEP: &str =
    "a cluster file needs five levels; remove the brackets or the indentation that is too much";

/// The parser counts characters; everything else counts bytes.
enum Offsets {
    /// One byte each.
    Ascii { skipped: usize, len: usize },
    /// Byte of each character, and the end.
    Table(Vec<usize>),
}

impl Offsets {
    fn of(text: &str, skipped: usize) -> Self {
        let rest = &text[skipped..];
        if rest.is_ascii() {
            return Self::Ascii {
                skipped,
                len: text.len(),
            };
        }
        Self::Table(
            rest.char_indices()
                .map(|(at, _)| at + skipped)
                .chain([text.len()])
                .collect(),
        )
    }

    fn byte(&self, character: usize) -> usize {
        match self {
            Self::Ascii { skipped, len } => character.saturating_add(*skipped).min(*len),
            Self::Table(bytes) => bytes[character.min(bytes.len() - 1)],
        }
    }
}

/// Reading is given up; the reason is among the mistakes.
struct GivenUp;

/// What the next node belongs to, in a mapping.
enum Slot {
    /// A key comes.
    Key,
    /// The value of this key comes.
    Value(String, Range<usize>),
    /// The value of a key that was refused comes, and is dropped.
    Refused,
}

enum Kind {
    List(Vec<Value>),
    Mapping {
        map: Map<String, Value>,
        keys: HashMap<String, Range<usize>>,
        slot: Slot,
    },
}

/// A list or mapping whose end was not seen yet.
struct Open {
    kind: Kind,
    start: usize,
    /// End of what was last seen in it.
    end: usize,
    /// Length of the pointer of its parent, to cut back to.
    outer: usize,
    key: Option<Range<usize>>,
    /// Itself is dropped: it is no key, or belongs to a refused one.
    dropped: bool,
}

struct Reader<'a> {
    source: &'a Source,
    offsets: Offsets,
    tree: Tree,
    open: Vec<Open>,
    /// Pointer of the innermost open list or mapping.
    at: String,
    /// Open ones that are dropped.
    muted: usize,
    root: Option<Value>,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, marks: Marks) -> Result<(), GivenUp> {
        let start = self.offsets.byte(marks.start.index());
        let bytes = start..self.offsets.byte(marks.end.index()).max(start);
        match event {
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), &bytes);
                self.start(
                    Kind::Mapping {
                        map: Map::new(),
                        keys: HashMap::new(),
                        slot: Slot::Key,
                    },
                    bytes,
                )?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), &bytes);
                self.start(Kind::List(Vec::new()), bytes)?;
            }
            Event::MappingEnd | Event::SequenceEnd => self.end(bytes),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(anchor, tag.is_some(), &bytes);
                self.scalar(&text, style, bytes);
            }
            Event::Alias(_) => {
                let broken = self.refuse(
                    "yaml.alias",
                    "an alias (`*`) instead of a value",
                    REFUSED_ANCHOR,
                    bytes.clone(),
                );
                self.leaf(
                    Leaf {
                        key_text: Some("*"),
                        value: Value::Null,
                        broken,
                        plain: false,
                    },
                    bytes,
                );
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// True, for `Leaf::broken`.
    fn refuse(
        &mut self,
        code: &str,
        message: impl Into<String>,
        help: &str,
        bytes: Range<usize>,
    ) -> bool {
        self.tree.mistakes.push(
            Diagnostic::about(self.source, code, message)
                .help(help)
                .at(bytes),
        );
        true
    }

    fn refuse_extras(&mut self, anchor: usize, tag: bool, bytes: &Range<usize>) {
        if anchor != 0 {
            let place = line_at(self.source, bytes.start);
            self.refuse(
                "yaml.anchor",
                "an anchor (`&`)",
                REFUSED_ANCHOR,
                place.clone(),
            );
        }
        if tag {
            let place = line_at(self.source, bytes.start);
            self.refuse(
                "yaml.tag",
                "a tag (`!`)",
                "write the value without it; put it into quotes where it is to be text",
                place,
            );
        }
    }

    fn start(&mut self, kind: Kind, bytes: Range<usize>) -> Result<(), GivenUp> {
        if self.open.len() >= DEEPEST {
            let message = format!("lists and mappings nested more than {DEEPEST} deep");
            self.refuse(
                "yaml.too-deep",
                message,
                TOO_DEEP,
                line_at(self.source, bytes.start),
            );
            return Err(GivenUp);
        }
        let outer = self.at.len();
        let mut key = None;
        let mut dropped = false;
        let mut complex_key = false;
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => {}
            Some(Kind::List(items)) => pointer::push(&mut self.at, &items.len().to_string()),
            Some(Kind::Mapping { slot, .. }) => match slot {
                Slot::Value(name, place) => {
                    pointer::push(&mut self.at, name);
                    key = Some(place.clone());
                }
                Slot::Refused => dropped = true,
                Slot::Key => {
                    dropped = true;
                    complex_key = true;
                }
            },
        }
        if complex_key {
            self.refuse(
                "yaml.key",
                "a list or mapping as a key",
                "a key is a word; quote it if it has `[` or `{` in it",
                line_at(self.source, bytes.start),
            );
        }
        self.muted += usize::from(dropped);
        self.open.push(Open {
            kind,
            start: bytes.start,
            end: bytes.end,
            outer,
            key,
            dropped,
        });
        Ok(())
    }

    fn end(&mut self, bytes: Range<usize>) {
        let Some(mut open) = self.open.pop() else {
            return;
        };
        // Of a block, the end is noticed at the next token, lines later; of brackets, it is the closing one.
        if self.source.text()[bytes.clone()].starts_with([']', '}']) {
            open.end = open.end.max(bytes.end);
        }
        let value = match open.kind {
            Kind::List(items) => Value::Array(items),
            Kind::Mapping { map, .. } => Value::Object(map),
        };
        if self.muted == 0 {
            let place = Place {
                key: open.key,
                value: open.start..open.end.max(open.start),
                compound: true,
                plain: false,
            };
            self.tree.places.insert(self.at.clone(), place);
        }
        self.muted -= usize::from(open.dropped);
        self.at.truncate(open.outer);
        self.put(value, open.end);
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, bytes: Range<usize>) {
        let plain = style == ScalarStyle::Plain;
        let bytes = self.own_bytes(text, style, bytes);
        let is_key = matches!(
            self.open.last(),
            Some(Open {
                kind: Kind::Mapping {
                    slot: Slot::Key,
                    ..
                },
                ..
            })
        );
        if is_key {
            self.leaf(
                Leaf {
                    key_text: (!bytes.is_empty()).then_some(text),
                    value: Value::Null,
                    broken: false,
                    plain,
                },
                bytes,
            );
            return;
        }
        let mut broken = false;
        let value = if plain && (bytes.is_empty() || text.is_empty()) {
            Value::Null
        } else if plain {
            match resolve(text) {
                Some(value) => value,
                None => {
                    broken = self.refuse(
                        "yaml.number",
                        format!(
                            "the number {} cannot be kept exactly",
                            crate::wording::quoted(text)
                        ),
                        "if it is meant as text, put it into quotes",
                        bytes.clone(),
                    );
                    Value::Null
                }
            }
        } else {
            Value::String(text.to_owned())
        };
        if let Some(c) = text.chars().find(|&c| hidden(c)) {
            broken = self.refuse(
                "yaml.hidden-character",
                format!("a hidden character in this value ({})", say_hidden(c)),
                "remove it; if the value really needs it, Arcus does not take that value",
                bytes.clone(),
            );
        }
        self.leaf(
            Leaf {
                key_text: None,
                value,
                broken,
                plain,
            },
            bytes,
        );
    }

    /// The bytes of a scalar alone. The parser's may take in white space, a comment or a bracket after it.
    fn own_bytes(&self, text: &str, style: ScalarStyle, bytes: Range<usize>) -> Range<usize> {
        let start = bytes.start;
        let rest = &self.source.text()[start..];
        let len = match style {
            ScalarStyle::Plain if rest.starts_with(text) => text.len(),
            // An absent value is handed over as `~`, somewhere after its key.
            ScalarStyle::Plain if text == "~" => 0,
            ScalarStyle::SingleQuoted => quoted_len(rest, '\'').unwrap_or(bytes.len()),
            ScalarStyle::DoubleQuoted => quoted_len(rest, '"').unwrap_or(bytes.len()),
            _ => self.source.text()[bytes].trim_end().len(),
        };
        start..start + len
    }

    fn leaf(&mut self, leaf: Leaf<'_>, bytes: Range<usize>) {
        let Leaf {
            key_text,
            value,
            broken,
            plain,
        } = leaf;
        let Some(open) = self.open.last_mut() else {
            self.note(String::new(), None, &bytes, plain, broken);
            self.root = Some(value);
            return;
        };
        match &mut open.kind {
            Kind::List(items) => {
                let at = pointer::join(&self.at, &items.len().to_string());
                self.note(at, None, &bytes, plain, broken);
                self.put(value, bytes.end);
            }
            Kind::Mapping { keys, slot, .. } => match slot {
                Slot::Value(name, place) => {
                    let at = pointer::join(&self.at, name);
                    let key = place.clone();
                    // Nothing was written: the key is what can be shown.
                    let shown = if bytes.is_empty() {
                        key.clone()
                    } else {
                        bytes.clone()
                    };
                    self.note(at, Some(key), &shown, plain, broken);
                    let end = if bytes.is_empty() {
                        shown.end
                    } else {
                        bytes.end
                    };
                    self.put(value, end);
                }
                Slot::Refused => self.put(value, bytes.end),
                Slot::Key => {
                    open.end = open.end.max(bytes.end);
                    let refused = match key_text {
                        // Told already, as an alias.
                        Some("*") if broken => None,
                        Some("<<") if plain => Some((
                            "yaml.merge-key",
                            "a merge key (`<<`)".to_owned(),
                            REFUSED_ANCHOR,
                            None,
                        )),
                        None | Some("") => Some((
                            "yaml.key",
                            "a value without a key".to_owned(),
                            "write the key before the `:`",
                            None,
                        )),
                        Some(text) if text.chars().any(|c| hidden(c) || c == '\n') => Some((
                            "yaml.hidden-character",
                            "a hidden character in this key".to_owned(),
                            "remove it",
                            None,
                        )),
                        Some(text) => match keys.get(text) {
                            Some(first) => Some((
                                "yaml.duplicate-key",
                                format!(
                                    "the key {} is here a second time",
                                    crate::wording::quoted(text)
                                ),
                                "remove one of the two",
                                Some(first.clone()),
                            )),
                            None => {
                                keys.insert(text.to_owned(), bytes.clone());
                                *slot = Slot::Value(text.to_owned(), bytes);
                                return;
                            }
                        },
                    };
                    *slot = Slot::Refused;
                    if let Some((code, message, help, first)) = refused {
                        let place = if bytes.is_empty() {
                            line_at(self.source, bytes.start)
                        } else {
                            bytes
                        };
                        let mut mistake = Diagnostic::about(self.source, code, message)
                            .help(help)
                            .at(place);
                        if let Some(first) = first {
                            let span = self.source.span(first);
                            mistake = mistake.related(Some(span), "first here");
                        }
                        self.tree.mistakes.push(mistake);
                    }
                }
            },
        }
    }

    fn note(
        &mut self,
        at: String,
        key: Option<Range<usize>>,
        bytes: &Range<usize>,
        plain: bool,
        broken: bool,
    ) {
        if self.muted == 0 {
            if broken {
                self.tree.broken.push(at.clone());
            }
            self.tree.places.insert(
                at,
                Place {
                    key,
                    value: bytes.clone(),
                    compound: false,
                    plain,
                },
            );
        }
    }

    /// A finished value goes into what is open.
    fn put(&mut self, value: Value, end: usize) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(value);
            return;
        };
        open.end = open.end.max(end);
        match &mut open.kind {
            Kind::List(items) => items.push(value),
            Kind::Mapping { map, slot, .. } => match std::mem::replace(slot, Slot::Key) {
                Slot::Value(name, _) => {
                    map.insert(name, value);
                }
                Slot::Refused => {}
                // A list or mapping stood where a key belongs.
                Slot::Key => *slot = Slot::Refused,
            },
        }
    }
}

/// A finished scalar or alias.
struct Leaf<'a> {
    /// Its text where it stands as a key; `None`: there is none.
    key_text: Option<&'a str>,
    value: Value,
    broken: bool,
    plain: bool,
}

/// Length of the quoted scalar that `rest` starts with, quotes included.
fn quoted_len(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => {
                chars.next();
            }
            c if c == quote
                && quote == '\''
                && chars.peek().is_some_and(|(_, next)| *next == quote) =>
            {
                chars.next();
            }
            c if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// A plain scalar by the core schema of YAML 1.2 (so `no` and `1:30` are text); `None` for a number that JSON cannot hold.
fn resolve(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(text) {
            Some(number) => Value::Number(number?),
            None => Value::String(text.to_owned()),
        },
    })
}

/// Outer `None`: no number. Inner `None`: one that cannot be held.
fn number(text: &str) -> Option<Option<Number>> {
    let digits =
        |text: &str, radix: u32| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return digits(rest, radix)
                .then(|| u64::from_str_radix(rest, radix).ok().map(Number::from));
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits(unsigned, 10) {
        let number = text
            .parse::<i64>()
            .map(Number::from)
            .or_else(|_| text.parse::<u64>().map(Number::from));
        return Some(number.ok());
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(None);
    }
    // [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let mantissa_fits = match (whole.is_empty(), fraction) {
        (true, fraction) => digits(fraction.unwrap_or(""), 10),
        (false, fraction) => {
            digits(whole, 10)
                && (fraction.is_none_or(|fraction| fraction.is_empty() || digits(fraction, 10)))
        }
    };
    let exponent_fits = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent), 10));
    (mantissa_fits && exponent_fits).then(|| {
        text.parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .and_then(Number::from_f64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tree(text: &str) -> Tree {
        read(&Source::new("f", text)).unwrap_or_else(|found| panic!("{text:?}: {}", said(&found)))
    }

    fn said(found: &[Diagnostic]) -> String {
        found.iter().map(|one| one.to_string() + "\n").collect()
    }

    fn codes(text: &str) -> Vec<String> {
        let found = match read(&Source::new("f", text)) {
            Ok(tree) => tree.mistakes,
            Err(found) => found,
        };
        found
            .iter()
            .map(|one| {
                format!(
                    "{} {}",
                    one.code,
                    one.span.map_or(String::new(), |span| format!(
                        "{}:{}",
                        span.line, span.column
                    ))
                )
            })
            .collect()
    }

    #[test]
    fn core_schema() {
        let text = "[no, on, ~, Null, True, 1, -7, +3, 007, 0x1f, 0o17, 1.5, .5, 5., 1e3, 1:30, 2024-01-01, 1_000, '1', \"true\", .x, e3, -, +, 0x]";
        // `-` alone in brackets is an error to some readers; keep it out of the list.
        let text = text.replace("-, +, ", "+, ");
        assert_eq!(
            tree(&text).value,
            json!([
                "no",
                "on",
                null,
                null,
                true,
                1,
                -7,
                3,
                7,
                31,
                15,
                1.5,
                0.5,
                5.0,
                1000.0,
                "1:30",
                "2024-01-01",
                "1_000",
                "1",
                "true",
                ".x",
                "e3",
                "+",
                "0x"
            ])
        );
        for text in [
            "[.inf]",
            "[-.INF]",
            "[.nan]",
            "[1e999]",
            "[99999999999999999999]",
        ] {
            assert_eq!(codes(text), ["yaml.number 1:2"], "{text}");
        }
    }

    #[test]
    fn places_are_bytes() {
        let text = "ä:\n  - öö: \"ü x\"   # c\n    list: [1, zwei ]\n\nlast: x # c\nq: 'it''s'  # c\nd: \"a\\\" b\" # c\n";
        let tree = tree(text);
        let at = |pointer: &str| {
            let place = &tree.places[pointer];
            (
                place.key.clone().map(|key| &text[key]),
                &text[place.value.clone()],
            )
        };
        assert_eq!(at("/ä/0/öö"), (Some("öö"), "\"ü x\""));
        assert_eq!(at("/ä/0/list"), (Some("list"), "[1, zwei ]"));
        assert_eq!(at("/ä/0/list/1"), (None, "zwei"));
        assert_eq!(at("/last"), (Some("last"), "x"));
        assert_eq!(at("/ä/0").1, "öö: \"ü x\"   # c\n    list: [1, zwei ]");
        assert_eq!(at("/ä").0, Some("ä"));
        assert_eq!(at("/q").1, "'it''s'");
        assert_eq!(at("/d").1, "\"a\\\" b\"");
        assert_eq!(at("").1, text.trim_end_matches(" # c\n"));
    }

    #[test]
    fn absent_values_are_shown_at_their_key() {
        let text = "a:\nb: \nc: { d: , e }\n";
        let tree = tree(text);
        assert_eq!(
            tree.value,
            json!({"a": null, "b": null, "c": {"d": null, "e": null}})
        );
        for (pointer, shown) in [("/a", "a"), ("/b", "b"), ("/c/d", "d"), ("/c/e", "e")] {
            assert_eq!(
                &text[tree.places[pointer].value.clone()],
                shown,
                "{pointer}"
            );
        }
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_are_taken() {
        let text = "\u{feff}a: 1\r\nb: [ x,\r\n  y ]\r\n";
        let tree = tree(text);
        assert_eq!(tree.value, json!({"a": 1, "b": ["x", "y"]}));
        assert_eq!(&text[tree.places["/b/1"].value.clone()], "y");
        assert_eq!(
            Source::new("f", text)
                .span(tree.places["/a"].key.clone().unwrap())
                .column,
            1
        );
    }

    #[test]
    fn refuses_and_reads_on() {
        assert_eq!(
            codes("a: 1\nb: 2\na: {x: [1]}\nb: 3\n"),
            ["yaml.duplicate-key 3:1", "yaml.duplicate-key 4:1"]
        );
        assert_eq!(
            codes("a: &x 1\nb: *x\nc: !!str 5\n<<: { d: 1 }\n"),
            [
                "yaml.anchor 1:7",
                "yaml.alias 2:4",
                "yaml.tag 3:10",
                "yaml.merge-key 4:1"
            ]
        );
        assert_eq!(
            codes("? [a, b]\n: 1\nb: 2\nb: 3\n"),
            ["yaml.key 1:3", "yaml.duplicate-key 4:1"]
        );
        assert_eq!(codes("a: \"x\\u001by\"\n"), ["yaml.hidden-character 1:4"]);
        let tree = tree("a: 1\na: {x: [1]}\nb: 2\n");
        assert_eq!(tree.value, json!({"a": 1, "b": 2}));
        assert!(!tree.places.contains_key("/a/x"), "the second is forgotten");
    }

    #[test]
    fn refuses_and_stops() {
        assert_eq!(codes("a: 1\n---\nb: 1\n"), ["yaml.documents 2:1"]);
        assert_eq!(codes(""), ["yaml.empty "]);
        assert_eq!(codes("# only words\n"), ["yaml.empty "]);
        assert_eq!(codes("a:\n\tb: 1\n"), ["yaml.tab 2:1"]);
        assert_eq!(
            codes("a: 1 # \tno\n\t\n\t# neither\n"),
            Vec::<String>::new()
        );
        assert_eq!(codes("a: 1\nb: \0 2\n"), ["yaml.hidden-character 2:4"]);
        assert_eq!(codes("a: \u{202e}x\n"), ["yaml.hidden-character 1:4"]);
        assert_eq!(codes("a: [1\n"), ["yaml.syntax 1:5"]);
        assert_eq!(codes("a: b: c\n"), ["yaml.syntax 1:5"]);
        assert_eq!(codes(&"[".repeat(40)), ["yaml.too-deep 1:33"]);
        // The parser looks ahead for a key, and gives up first.
        assert_eq!(codes(&"[".repeat(100_000)), ["yaml.too-deep 1:256"]);
        assert_eq!(codes(&"- ".repeat(100_000)), ["yaml.too-deep 1:65"]);
    }
}
