//! Findings in the cluster file, each drawn at its place: the line, underlined, with what is wrong and what to do.

use std::fmt;
use std::ops::Range;

use arcus_cluster::{Diagnostic, Severity, Source, Span};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::cli::console::Terminal;
use crate::cli::foreign::{Foreign, escape};
use crate::cli::paint::Paint;
use crate::cli::safe::{Safe, Shown};

/// Characters of a line that are drawn; longer ones are cut to a window around what is underlined.
const WINDOW: usize = 160;
/// Of these, so many before it.
const BEFORE: usize = 60;
/// Lines drawn before and after.
const CONTEXT: usize = 1;

/// All findings, in their order.
pub fn draw(found: &[Diagnostic], paint: Paint, terminal: Terminal) -> Safe {
    let theme = match (terminal.unicode, paint.is_on()) {
        (true, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, true) => GraphicalTheme { characters: miette::ThemeCharacters::ascii(), styles: miette::ThemeStyles::ansi() },
        (false, false) => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(terminal.width).with_context_lines(CONTEXT).with_links(false);
    let mut text = String::new();
    for one in found {
        let drawing = Drawing::of(one);
        if handler.render_report(&mut text, &drawing).is_err() {
            // A renderer that fails must not swallow the finding.
            text.push_str(&Foreign::line(&one.to_string()).shown());
            text.push('\n');
        }
    }
    // The renderer was fed nothing but escaped text.
    Safe::vouched(text.lines().map(|line| format!("{}\n", line.trim_end())).collect())
}

/// A finding, made ready: all its text escaped, its places moved along.
#[derive(Debug)]
struct Drawing {
    code: String,
    message: String,
    help: Option<String>,
    severity: Severity,
    labels: Vec<LabeledSpan>,
    view: View,
}

impl Drawing {
    fn of(found: &Diagnostic) -> Self {
        let spans: Vec<Span> = found.span.into_iter().chain(found.related.iter().map(|related| related.span)).collect();
        let view = View::of(&found.source, &spans);
        let mut labels = Vec::new();
        let mut places = view.places.iter();
        if found.span.is_some()
            && let Some((place, _)) = places.next()
        {
            labels.push(LabeledSpan::new_primary_with_span(None, place.clone()));
        }
        for (related, (place, _)) in found.related.iter().zip(places) {
            labels.push(LabeledSpan::new_with_span(Some(Foreign::line(&related.label).to_string()), place.clone()));
        }
        let message = Foreign::line(&found.message).to_string();
        let message = if found.span.is_none() { format!("{}: {message}", Foreign::line(found.source.name())) } else { message };
        Self {
            code: Foreign::word(&found.code).to_string(),
            message,
            help: found.help.as_ref().map(|help| Foreign::line(help).to_string()),
            severity: found.severity,
            labels,
            view,
        }
    }
}

impl fmt::Display for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawing {}

impl miette::Diagnostic for Drawing {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.labels.is_empty()).then_some(&self.view as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

/// The lines around some places, escaped and cut; other lines are there and empty, so that they count.
#[derive(Debug)]
struct View {
    name: String,
    text: String,
    /// Where each place is in `text`, and where it is in truth.
    places: Vec<(Range<usize>, Span)>,
}

impl View {
    fn of(source: &Source, spans: &[Span]) -> Self {
        let mut text = String::new();
        let mut moved: Vec<Option<Range<usize>>> = vec![None; spans.len()];
        let mut start = 0;
        for (index, line) in source.text().split('\n').enumerate() {
            let number = index + 1;
            let here: Vec<(usize, Span)> = spans.iter().copied().enumerate().filter(|(_, span)| span.line == number).collect();
            let near = spans.iter().any(|span| span.line.abs_diff(number) <= CONTEXT);
            if near {
                let window = window(line, start, here.first().map(|(_, span)| span.offset));
                let places = put(line, start, &window, &here, &mut text);
                for (place, (which, _)) in places.into_iter().zip(&here) {
                    moved[*which] = Some(place);
                }
            }
            text.push('\n');
            start += line.len() + 1;
        }
        let places = moved.into_iter().zip(spans).map(|(place, span)| (place.unwrap_or(0..0), *span)).collect();
        Self { name: Foreign::line(source.name()).to_string(), text, places }
    }
}

/// The bytes of a line that are drawn.
fn window(line: &str, start: usize, around: Option<usize>) -> Range<usize> {
    let characters: Vec<usize> = line.char_indices().map(|(at, _)| at).chain([line.len()]).collect();
    let count = characters.len() - 1;
    if count <= WINDOW {
        return 0..line.len();
    }
    let around = around.map_or(0, |offset| characters.partition_point(|at| *at < offset.saturating_sub(start)));
    let from = around.saturating_sub(BEFORE).min(count - WINDOW);
    characters[from]..characters[from + WINDOW]
}

/// Appends a window of a line, escaped; gives the places of what starts in it.
fn put(line: &str, start: usize, window: &Range<usize>, spans: &[(usize, Span)], text: &mut String) -> Vec<Range<usize>> {
    let mut edges: Vec<(usize, usize)> = Vec::new();
    if window.start > 0 {
        text.push('…');
    }
    for (at, character) in line.char_indices() {
        if !window.contains(&at) {
            continue;
        }
        edges.push((at, text.len()));
        match character {
            '\t' => text.push_str("  "),
            '\r' if at + 1 == line.len() => {}
            _ => escape(character, text),
        }
    }
    let end = text.len();
    if window.end < line.len() {
        text.push('…');
    }
    let find = |offset: usize| {
        let at = offset.saturating_sub(start);
        let index = edges.partition_point(|(original, _)| *original < at);
        edges.get(index).map_or(end, |(_, moved)| *moved)
    };
    spans.iter().map(|(_, span)| find(span.offset)..find(span.offset + span.len)).collect()
}

impl SourceCode for View {
    fn read_span<'a>(&'a self, span: &SourceSpan, before: usize, after: usize) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.text.read_span(span, before, after)?;
        // The column that is named is that of the file, not of what is drawn.
        let column = match self.places.first() {
            Some((place, truth)) if before == 0 && place.start == span.offset() => truth.column - 1,
            _ => contents.column(),
        };
        let named = MietteSpanContents::new_named(self.name.clone(), contents.data(), *contents.span(), contents.line(), column, contents.line_count());
        Ok(Box::new(named))
    }
}

#[cfg(test)]
mod tests {
    use arcus_cluster::File;

    use super::*;

    fn terminal() -> Terminal {
        Terminal { person: false, live: false, out: Paint::new(false), err: Paint::new(false), width: 100, unicode: true }
    }

    fn drawn(text: &str) -> String {
        let found = File::parse("cluster.yaml", text).map_or_else(|found| found, |file| file.cluster().unwrap_err());
        draw(&found, Paint::new(false), terminal()).as_str().to_owned()
    }

    const BAD: &str = "\
cluster:
  name: demo
  id: 4f1c2f0e-7d57-4c9e-9c5e-3b1d6c1e9a01
nodes:
  - { name: manage01, address: 10.0.0.1, roles: [manage] }
  - { name: manage01, address: 10.0.0.1, roles: [manage, chief] }
storrage: { use: glusterfs }
";

    #[test]
    fn all_mistakes_are_drawn_at_their_places() {
        insta::assert_snapshot!(drawn(BAD));
    }

    #[test]
    fn hidden_characters_are_seen_at_the_column_an_editor_counts() {
        let text = BAD.replace("name: demo", "name: \"\u{202e}ä\u{1b}[31m\"");
        let shown = drawn(&text);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
        // The second stands behind one that is drawn eight characters wide, and is two bytes further than its column.
        assert!(shown.contains("cluster.yaml:2:10") && shown.contains("cluster.yaml:2:12"), "{shown}");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn long_lines_are_cut_to_what_matters() {
        let text = BAD.replace("chief", &format!("{}, chief", "manage, ".repeat(500)));
        let shown = drawn(&text);
        assert!(shown.lines().all(|line| line.chars().count() < 200), "{shown}");
        assert!(shown.contains("chief"));
    }

    #[test]
    fn what_is_about_the_whole_file_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = cap_std::fs::Dir::open_ambient_dir(dir.path(), cap_std::ambient_authority()).unwrap();
        let found = File::read(&dir, "none.yaml").unwrap_err();
        insta::assert_snapshot!(draw(&found, Paint::new(false), terminal()).as_str());
    }
}
