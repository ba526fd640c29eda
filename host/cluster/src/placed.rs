//! A text and the place of everything in it: where to point at when something is wrong.

use std::collections::HashMap;
use std::ops::Range;

use crate::diagnostic::Diagnostic;
use crate::pointer;
use crate::source::{Source, Span};
use crate::yaml::Place;

/// A text that was read.
#[derive(Debug)]
pub struct Placed {
    source: Source,
    places: HashMap<String, Place>,
}

impl Placed {
    /// With the place of each value, by its JSON pointer.
    pub fn new(source: Source, places: HashMap<String, Place>) -> Self {
        Self { source, places }
    }

    /// Its name and text.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The place to show for a value, or for the nearest thing around it when it is not there: a scalar itself, and of a list
    /// or mapping its key or first line.
    pub fn span(&self, pointer: &str) -> Span {
        self.source.span(self.bytes(pointer, false))
    }

    /// An error at a value. The message is one sentence without a full stop.
    pub fn diagnose(&self, code: &str, pointer: &str, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(code, pointer, self.bytes(pointer, false), message.into())
    }

    /// An error at the key of a value.
    pub fn diagnose_key(
        &self,
        code: &str,
        pointer: &str,
        message: impl Into<String>,
    ) -> Diagnostic {
        self.diagnostic(code, pointer, self.bytes(pointer, true), message.into())
    }

    fn diagnostic(
        &self,
        code: &str,
        pointer: &str,
        bytes: Range<usize>,
        message: String,
    ) -> Diagnostic {
        let mut diagnostic = Diagnostic::about(&self.source, code, message).at(bytes);
        diagnostic.pointer = pointer.to_owned();
        diagnostic
    }

    fn bytes(&self, pointer: &str, on_key: bool) -> Range<usize> {
        let mut at = pointer;
        loop {
            if let Some(place) = self.places.get(at) {
                let exact = at.len() == pointer.len();
                return match &place.key {
                    Some(key) if place.compound || (on_key && exact) => key.clone(),
                    _ if place.compound => {
                        let text = &self.source.text()[place.value.clone()];
                        let line = text.find(['\n', '\r']).map_or(text, |end| &text[..end]);
                        place.value.start..place.value.start + line.trim_end().len()
                    }
                    _ => place.value.clone(),
                };
            }
            match pointer::parent(at) {
                Some(parent) => at = parent,
                None => return 0..0,
            }
        }
    }

    /// A number, or other plain scalar, as it is written.
    pub fn written(&self, pointer: &str) -> Option<&str> {
        self.places
            .get(pointer)
            .filter(|place| place.plain && !place.compound)
            .map(|place| &self.source.text()[place.value.clone()])
    }
}
