//! What the schema checker found, in words for people.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use crate::pointer;

/// A value as it is quoted in a message: short, on one line.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 40;
    let one_line: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    let more = if text.chars().nth(LONGEST).is_some() {
        "…"
    } else {
        ""
    };
    format!("`{one_line}{more}`")
}

/// `a`, `b` or `c`.
pub fn any_of<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [all @ .., last] => format!(
            "{} or {}",
            all.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", "),
            last.as_ref()
        ),
    }
}

/// The one of `known` that was probably meant by `word`.
pub fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long words are compared in quadratic time; no name is that long.
    if word.len() > 64 {
        return None;
    }
    let wanted = word.to_lowercase().replace('_', "-");
    known
        .into_iter()
        .filter(|known| known.len() <= 64)
        .map(|known| {
            (
                strsim::damerau_levenshtein(&wanted, &known.to_lowercase()),
                known,
            )
        })
        .filter(|(distance, known)| {
            *distance <= 1.max(known.chars().count() / 3) && *distance < known.chars().count()
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// What a value is.
pub fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(yes) => format!("`{yes}`"),
        Value::Number(number) => format!("the number `{number}`"),
        Value::String(text) if text.is_empty() => "empty text".to_owned(),
        Value::String(text) => format!("the text {}", quoted(text)),
        Value::Array(items) if items.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn kind(one: JsonType) -> &'static str {
    match one {
        JsonType::Null => "nothing",
        JsonType::Boolean => "`true` or `false`",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "text",
        JsonType::Array => "a list",
        JsonType::Object => "a mapping (`key: value`)",
    }
}

/// The types a `type` error wanted. Nobody writes `nothing`, so it is left out where there is something else.
pub fn wanted(types: &TypeKind) -> Vec<JsonType> {
    match types {
        TypeKind::Single(one) => vec![*one],
        TypeKind::Multiple(set) => {
            let all: Vec<_> = set.iter().collect();
            let some: Vec<_> = all
                .iter()
                .copied()
                .filter(|one| *one != JsonType::Null)
                .collect();
            if some.is_empty() { all } else { some }
        }
    }
}

/// `expected A or B for `key`, found C`, and what to do about the common slips.
pub fn wrong_type(types: &[JsonType], at: &str, value: &Value) -> (String, Option<String>) {
    let words: Vec<_> = types.iter().map(|one| kind(*one)).collect();
    let message = format!(
        "expected {}{}, found {}",
        any_of(&words),
        for_key(at),
        found(value)
    );
    let help = match (types, value) {
        ([JsonType::Boolean], Value::String(text))
            if matches!(text.to_lowercase().as_str(), "yes" | "on" | "y") =>
        {
            Some("write `true`".to_owned())
        }
        ([JsonType::Boolean], Value::String(text))
            if matches!(text.to_lowercase().as_str(), "no" | "off" | "n") =>
        {
            Some("write `false`".to_owned())
        }
        ([JsonType::Integer | JsonType::Number], Value::String(text))
            if text.parse::<f64>().is_ok() =>
        {
            Some("remove the quotes".to_owned())
        }
        ([JsonType::String], Value::Bool(_)) => {
            Some("put it into quotes if it is meant as text".to_owned())
        }
        ([JsonType::Array], Value::String(_) | Value::Number(_) | Value::Object(_)) => {
            Some("a list is written `[a, b]`, or one `- a` per line".to_owned())
        }
        ([JsonType::Object], Value::Array(_)) => Some("remove the `-` before the keys".to_owned()),
        (_, Value::Null) => Some("write a value, or remove the key".to_owned()),
        _ => None,
    };
    (message, help)
}

fn for_key(at: &str) -> String {
    match pointer::short(at) {
        short if short.is_empty() => String::new(),
        short => format!(" for `{short}`"),
    }
}

fn subject(at: &str) -> String {
    match pointer::short(at) {
        short if short.is_empty() => "it".to_owned(),
        short => format!("`{short}`"),
    }
}

fn plural(count: u64, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}

/// Words for one broken rule of a schema: the last part of the code, the message, the help.
/// `holder` is the schema the rule stands in; `at` where the value is.
pub fn say(
    error: &ValidationError<'_>,
    holder: &Value,
    at: &str,
) -> (&'static str, String, Option<String>) {
    let value: &Value = error.instance();
    let subject = subject(at);
    let described = || {
        holder
            .get("description")
            .and_then(Value::as_str)
            .map(|text| match pointer::short(at) {
                key if key.is_empty() => text.to_owned(),
                key => format!("{key}: {text}"),
            })
    };
    match error.kind() {
        Kind::Type { kind } => {
            let (message, help) = wrong_type(&wanted(kind), at, value);
            ("wrong-type", message, help.or_else(described))
        }
        Kind::Enum { options } => {
            not_one_of(options.as_array().map_or(&[][..], Vec::as_slice), at, value)
        }
        Kind::Constant { expected_value } => {
            not_one_of(std::slice::from_ref(&**expected_value), at, value)
        }
        Kind::Pattern { pattern } => {
            let expected = holder
                .get("x-expected")
                .and_then(Value::as_str)
                .map_or_else(|| format!("text like `{pattern}`"), str::to_owned);
            (
                "wrong-form",
                format!("expected {expected}{}, found {}", for_key(at), found(value)),
                described(),
            )
        }
        Kind::Format { format } => {
            let expected = match format.as_str() {
                "ipv4" => "an IPv4 address",
                "ipv6" => "an IPv6 address",
                "uuid" => "a UUID",
                "uri" => "a URL",
                "date" => "a date (`2024-01-31`)",
                "duration" => "a duration",
                "email" => "a mail address",
                "hostname" => "a host name",
                other => other,
            };
            (
                "wrong-form",
                format!("expected {expected}{}, found {}", for_key(at), found(value)),
                described(),
            )
        }
        Kind::Minimum { limit } => (
            "out-of-range",
            format!("{subject} must be at least {limit}, and is {value}"),
            described(),
        ),
        Kind::Maximum { limit } => (
            "out-of-range",
            format!("{subject} must be at most {limit}, and is {value}"),
            described(),
        ),
        Kind::ExclusiveMinimum { limit } => (
            "out-of-range",
            format!("{subject} must be more than {limit}, and is {value}"),
            described(),
        ),
        Kind::ExclusiveMaximum { limit } => (
            "out-of-range",
            format!("{subject} must be less than {limit}, and is {value}"),
            described(),
        ),
        Kind::MultipleOf { multiple_of } => (
            "out-of-range",
            format!("{subject} must be a multiple of {multiple_of}, and is {value}"),
            described(),
        ),
        Kind::MinLength { limit: 1 }
        | Kind::MinItems { limit: 1 }
        | Kind::MinProperties { limit: 1 } => (
            "out-of-range",
            format!("{subject} must not be empty"),
            described(),
        ),
        Kind::MinLength { limit } => (
            "out-of-range",
            format!(
                "{subject} must have at least {}",
                plural(*limit, "character")
            ),
            described(),
        ),
        Kind::MaxLength { limit } => (
            "out-of-range",
            format!(
                "{subject} must have at most {}",
                plural(*limit, "character")
            ),
            described(),
        ),
        Kind::MinItems { limit } => (
            "out-of-range",
            format!("{subject} must have at least {}", plural(*limit, "item")),
            described(),
        ),
        Kind::MaxItems { limit } => (
            "out-of-range",
            format!("{subject} must have at most {}", plural(*limit, "item")),
            described(),
        ),
        Kind::MinProperties { limit } => (
            "out-of-range",
            format!("{subject} must have at least {}", plural(*limit, "key")),
            described(),
        ),
        Kind::MaxProperties { limit } => (
            "out-of-range",
            format!("{subject} must have at most {}", plural(*limit, "key")),
            described(),
        ),
        Kind::UniqueItems => (
            "duplicate",
            format!("something is listed twice in {subject}"),
            Some("remove one of the two".to_owned()),
        ),
        Kind::FalseSchema => (
            "unknown-key",
            format!("{subject} cannot be set here"),
            described(),
        ),
        // What no words were found for is told in those of the checker, without the value.
        _ => (
            "wrong-form",
            format!("{subject} does not fit: {}", error.masked_with("the value")),
            described(),
        ),
    }
}

/// A value that is none of those there are.
pub fn not_one_of(
    options: &[Value],
    at: &str,
    value: &Value,
) -> (&'static str, String, Option<String>) {
    let texts: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
    let words: Vec<String> = options
        .iter()
        .filter(|one| !one.is_null())
        .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
        .map(|word| quoted(&word))
        .collect();
    let message = format!(
        "expected {}{}, found {}",
        any_of(&words),
        for_key(at),
        found(value)
    );
    let help = value
        .as_str()
        .and_then(|text| meant(text, texts))
        .map(|word| format!("did you mean `{word}`?"));
    ("not-one-of", message, help)
}

/// A key that is not known where it stands.
pub fn unknown_key<'a>(
    key: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> (String, Option<String>) {
    let known: Vec<&str> = known.into_iter().collect();
    let help = match meant(key, known.iter().copied()) {
        Some(word) => Some(format!("did you mean `{word}`?")),
        None if known.is_empty() => Some("remove it: no key can be set here".to_owned()),
        None => Some(format!(
            "known here: {}",
            known
                .iter()
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    };
    (format!("unknown key {}", quoted(key)), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near() {
        assert_eq!(
            meant("adress", ["name", "address", "roles"]),
            Some("address")
        );
        assert_eq!(meant("Manage", ["manage", "compute"]), Some("manage"));
        assert_eq!(meant("mange", ["manage", "storage"]), Some("manage"));
        assert_eq!(meant("nmae", ["name"]), Some("name"));
        assert_eq!(meant("xyz", ["name", "address"]), None);
        assert_eq!(meant("a", ["b"]), None);
        assert_eq!(meant(&"x".repeat(1000), ["name"]), None);
    }

    #[test]
    fn quotes_briefly() {
        assert_eq!(quoted("a\nb"), "`a b`");
        assert_eq!(quoted(&"ä".repeat(41)), format!("`{}…`", "ä".repeat(40)));
        assert_eq!(any_of(&["a", "b", "c"]), "a, b or c");
    }
}
