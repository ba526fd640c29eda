//! Checking a value against a JSON schema, with every mistake found; the schema of the cluster file itself.
//!
//! Schemas of plugins are strangers' data: they must not reach for other documents, nor cost more than a bounded time.

use std::collections::HashMap;
use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{JsonType, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::document::Document;
use crate::{pointer, wording};

/// The JSON schema of `cluster.yaml`, for editors: `arcus schema`.
pub fn schema() -> Value {
    schemars::schema_for!(Document).to_value()
}

/// One mistake, before its place in the file is looked up.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Last part of the code.
    pub code: String,
    /// From the root of the file.
    pub pointer: String,
    /// The key is wrong, not the value.
    pub on_key: bool,
    pub message: String,
    pub help: Option<String>,
}

/// A schema made ready.
pub struct Checker {
    schema: Value,
    validator: Validator,
}

impl Checker {
    /// That of the cluster file.
    pub fn of_document() -> &'static Self {
        static CHECKER: OnceLock<Checker> = OnceLock::new();
        CHECKER.get_or_init(|| Self::new(schema()).expect("the schema of our own types is one"))
    }

    /// Says what is wrong with the schema when it cannot be used.
    pub fn new(schema: Value) -> Result<Self, String> {
        Cost::of(&schema)?;
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
            .should_validate_formats(true)
            .offline()
            .build(&schema)
            .map_err(|error| format!("at `{}`: {}", error.instance_path(), error.masked()))?;
        Ok(Self { schema, validator })
    }

    /// All mistakes in `value`, which stands at `base` in its file. Where text is wanted and a number is written without quotes, the text as `written` is taken:
    /// `version: 5.10` is `"5.10"`.
    pub fn check<'t>(
        &self,
        base: &str,
        value: &mut Value,
        written: &dyn Fn(&str) -> Option<&'t str>,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        // A second round is usual where there were numbers, a third needs alternatives within alternatives.
        for _ in 0..8 {
            let mut pass = Pass {
                schema: &self.schema,
                base,
                written,
                findings: Vec::new(),
                texts: Vec::new(),
            };
            for error in self.validator.iter_errors(value) {
                pass.take(&error);
            }
            let texts = pass.texts;
            findings = pass.findings;
            if texts.is_empty() {
                break;
            }
            for (at, text) in texts {
                if let Some(place) = value.pointer_mut(&at[base.len()..]) {
                    *place = Value::String(text);
                }
            }
        }
        findings
    }
}

struct Pass<'a, 't> {
    schema: &'a Value,
    base: &'a str,
    written: &'a dyn Fn(&str) -> Option<&'t str>,
    findings: Vec<Finding>,
    /// What is to be taken as text: where, and which.
    texts: Vec<(String, String)>,
}

impl<'a> Pass<'a, '_> {
    /// Ten times what is ever shown: some are dropped as echoes of others.
    const MOST: usize = 1000;

    fn take(&mut self, error: &ValidationError<'_>) {
        let at = &self.at(error);
        let holder = self.holder(error);
        match error.kind() {
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected } => {
                let known: Vec<&str> = holder
                    .get("properties")
                    .and_then(Value::as_object)
                    .map_or(Vec::new(), |known| {
                        known.keys().map(String::as_str).collect()
                    });
                // Those that are there already cannot be meant.
                let free: Vec<&str> = known
                    .into_iter()
                    .filter(|key| error.instance().get(*key).is_none())
                    .collect();
                for key in unexpected {
                    let (message, help) = wording::unknown_key(key, free.iter().copied());
                    self.find("unknown-key", pointer::join(at, key), true, message, help);
                }
            }
            Kind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                let help = holder
                    .pointer(&pointer::join("/properties", key))
                    .and_then(|schema| schema.get("description"))
                    .and_then(Value::as_str);
                let owner = pointer::short(at);
                let of = if owner.is_empty() {
                    String::new()
                } else {
                    format!(" in `{owner}`")
                };
                self.find(
                    "missing-key",
                    at.to_owned(),
                    true,
                    format!("`{key}` is missing{of}"),
                    help.map(|text| format!("{key}: {text}")),
                );
            }
            Kind::PropertyNames { error: inner } => {
                let key = inner.instance().as_str().unwrap_or_default();
                let names = holder.get("propertyNames").unwrap_or(holder);
                let expected = names
                    .get("x-expected")
                    .and_then(Value::as_str)
                    .unwrap_or("another key");
                let code = names
                    .get("x-code")
                    .and_then(Value::as_str)
                    .unwrap_or("wrong-form");
                self.find(
                    code,
                    pointer::join(at, key),
                    true,
                    format!(
                        "expected {expected} as the key, found {}",
                        wording::quoted(key)
                    ),
                    None,
                );
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                self.alternatives(error, context, at)
            }
            Kind::Type { kind } if self.as_text(&wording::wanted(kind), at, error.instance()) => {}
            Kind::Enum { options }
                if options
                    .as_array()
                    .is_some_and(|all| all.iter().all(Value::is_string))
                    && self.as_text(&[JsonType::String], at, error.instance()) => {}
            // A type that is wrong is told as such; that it is none of these words either would be told twice.
            Kind::Enum { options }
                if holder.get("type").is_some()
                    && !options.as_array().is_some_and(|all| {
                        all.iter()
                            .any(|one| JsonType::from(one) == JsonType::from(&**error.instance()))
                    }) => {}
            _ => {
                let (code, message, help) = wording::say(error, holder, at);
                let code = match code {
                    "wrong-form" | "not-one-of" => {
                        holder.get("x-code").and_then(Value::as_str).unwrap_or(code)
                    }
                    code => code,
                };
                let code = code.to_owned();
                self.find(&code, at.to_owned(), false, message, help);
            }
        }
    }

    /// No alternative fits: tells what is wrong with the one that was meant, as far as that can be told.
    fn alternatives(
        &mut self,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
        at: &str,
    ) {
        let wrong_type = |branch: &&Vec<ValidationError<'static>>| {
            branch.iter().any(|one| {
                matches!(one.kind(), Kind::Type { .. })
                    && one.instance_path() == error.instance_path()
            })
        };
        let wrong_tag = |branch: &&Vec<ValidationError<'static>>| {
            branch
                .iter()
                .any(|one| matches!(one.kind(), Kind::Constant { .. } | Kind::Enum { .. }))
        };
        let right: Vec<_> = context
            .iter()
            .filter(|branch| !wrong_type(branch))
            .collect();
        if right.is_empty() {
            let mut types: Vec<JsonType> = Vec::new();
            for one in context.iter().flatten() {
                if let Kind::Type { kind } = one.kind()
                    && one.instance_path() == error.instance_path()
                {
                    types.extend(wording::wanted(kind));
                }
            }
            if types.iter().any(|one| *one != JsonType::Null) {
                types.retain(|one| *one != JsonType::Null);
            }
            types.sort_by_key(|one| *one as u8);
            types.dedup();
            if !self.as_text(&types, at, error.instance()) {
                let (message, help) = wording::wrong_type(&types, at, error.instance());
                self.find("wrong-type", at.to_owned(), false, message, help);
            }
            return;
        }
        let tagged: Vec<_> = right
            .iter()
            .copied()
            .filter(|branch| !wrong_tag(branch))
            .collect();
        let chosen = match (&right[..], &tagged[..]) {
            ([one], _) | (_, [one]) => Some(*one),
            _ => None,
        };
        if let Some(branch) = chosen {
            for one in branch {
                self.take(one);
            }
            return;
        }
        // A list of words, each with a description of its own.
        let mut options = Vec::new();
        let mut holder = None;
        for branch in &right {
            for one in *branch {
                match one.kind() {
                    Kind::Constant { expected_value } => options.push((**expected_value).clone()),
                    Kind::Enum { options: more } => {
                        options.extend(more.as_array().into_iter().flatten().cloned())
                    }
                    _ => continue,
                }
                holder = holder.or(Some((self.at(one), one.instance().clone().into_owned())));
            }
        }
        if let Some((at, value)) = holder {
            let (code, message, help) = wording::not_one_of(&options, &at, &value);
            let code = self
                .holder(error)
                .get("x-code")
                .and_then(Value::as_str)
                .unwrap_or(code)
                .to_owned();
            self.find(&code, at, false, message, help);
            return;
        }
        let expected = self
            .holder(error)
            .get("x-expected")
            .and_then(Value::as_str)
            .map_or_else(|| format!("one of {} forms", right.len()), str::to_owned);
        self.find(
            "wrong-form",
            at.to_owned(),
            false,
            format!(
                "expected {expected}, found {}",
                wording::found(error.instance())
            ),
            None,
        );
    }

    /// Text is wanted and a bare number is there: taken as it is written.
    fn as_text(&mut self, types: &[JsonType], at: &str, value: &Value) -> bool {
        if !value.is_number()
            || !types.contains(&JsonType::String)
            || types.contains(&JsonType::Number)
            || types.contains(&JsonType::Integer)
        {
            return false;
        }
        match (self.written)(at) {
            Some(text) => {
                self.texts.push((at.to_owned(), text.to_owned()));
                true
            }
            None => false,
        }
    }

    /// Where the value is, from the root of the file.
    fn at(&self, error: &ValidationError<'_>) -> String {
        format!("{}{}", self.base, error.instance_path())
    }

    /// The schema that has the broken keyword.
    fn holder(&self, error: &ValidationError<'_>) -> &'a Value {
        let schema: &'a Value = self.schema;
        pointer::parent(error.schema_path().as_str())
            .and_then(|holder| schema.pointer(holder))
            .unwrap_or(&Value::Null)
    }

    fn find(
        &mut self,
        code: &str,
        pointer: String,
        on_key: bool,
        message: String,
        help: Option<String>,
    ) {
        if self.findings.len() >= Self::MOST {
            return;
        }
        self.findings.push(Finding {
            code: code.to_owned(),
            pointer,
            on_key,
            message,
            help,
        });
    }
}

/// What checking with a schema can cost: how many schemas it is, with every `$ref` written out.
///
/// References that go round, or that double at every level, would let a small schema check for ever.
struct Cost<'a> {
    root: &'a Value,
    /// By reference; `None` while it is being counted.
    known: HashMap<&'a str, Option<usize>>,
}

impl<'a> Cost<'a> {
    const MOST: usize = 20_000;
    const DEEPEST: usize = 100;

    fn of(root: &'a Value) -> Result<usize, String> {
        Cost {
            root,
            known: HashMap::new(),
        }
        .count(root, 0)
    }

    fn count(&mut self, schema: &'a Value, depth: usize) -> Result<usize, String> {
        if depth > Self::DEEPEST {
            return Err(format!("it is nested more than {} deep", Self::DEEPEST));
        }
        let mut sum = 1_usize;
        match schema {
            Value::Array(items) => {
                for item in items {
                    sum += self.count(item, depth + 1)?;
                }
            }
            Value::Object(keys) => {
                for (key, value) in keys {
                    match (key.as_str(), value) {
                        ("$ref", Value::String(target)) => sum += self.target(target, depth)?,
                        (
                            "$id" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "$recursiveRef"
                            | "$recursiveAnchor",
                            Value::String(_) | Value::Bool(_),
                        ) => {
                            return Err(format!(
                                "`{key}` is not taken, only `$ref` to a place in the same schema"
                            ));
                        }
                        ("$schema", Value::String(version))
                            if version.trim_end_matches('#')
                                != "https://json-schema.org/draft/2020-12/schema" =>
                        {
                            return Err("its `$schema` must be `https://json-schema.org/draft/2020-12/schema`".to_owned());
                        }
                        _ => sum += self.count(value, depth + 1)?,
                    }
                }
            }
            _ => {}
        }
        if sum > Self::MOST {
            return Err(format!(
                "it is longer than {} parts with its `$ref`s written out",
                Self::MOST
            ));
        }
        Ok(sum)
    }

    fn target(&mut self, reference: &'a str, depth: usize) -> Result<usize, String> {
        match self.known.get(reference) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => {
                return Err(format!(
                    "`$ref` {} leads back to itself",
                    wording::quoted(reference)
                ));
            }
            None => {}
        }
        let root = self.root;
        let target = reference
            .strip_prefix('#')
            .filter(|pointer| !pointer.contains('%'))
            .and_then(|pointer| root.pointer(pointer))
            .ok_or_else(|| {
                format!(
                    "`$ref` {} is not a place in the same schema",
                    wording::quoted(reference)
                )
            })?;
        self.known.insert(reference, None);
        let cost = self.count(target, depth + 1)?;
        self.known.insert(reference, Some(cost));
        Ok(cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: Value, mut value: Value) -> Vec<String> {
        let checker = Checker::new(schema).unwrap();
        let mut found: Vec<String> = checker
            .check("", &mut value, &|_| None)
            .into_iter()
            .map(|one| {
                format!(
                    "{} {}{} {}{}",
                    one.code,
                    one.pointer,
                    if one.on_key { " key" } else { "" },
                    one.message,
                    one.help.map_or(String::new(), |help| format!(" / {help}"))
                )
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn says_each_kind_of_mistake() {
        let schema = json!({
            "type": "object",
            "required": ["name"],
            "additionalProperties": false,
            "properties": {
                "name": {"type": "string", "description": "How it is called."},
                "count": {"type": "integer", "minimum": 1},
                "on": {"type": "boolean"},
                "mode": {"enum": ["fast", "safe"]},
                "list": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
                "path": {"type": "string", "pattern": "^/", "x-expected": "an absolute path"},
            }
        });
        assert_eq!(
            check(
                schema,
                json!({"count": "x", "on": "yes", "mode": "fsat", "list": [], "path": "x", "naem": "b"})
            ),
            [
                "missing-key  key `name` is missing / name: How it is called.",
                "not-one-of /mode expected `fast` or `safe` for `mode`, found the text `fsat` / did you mean `fast`?",
                "out-of-range /list `list` must not be empty",
                "unknown-key /naem key unknown key `naem` / did you mean `name`?",
                "wrong-form /path expected an absolute path for `path`, found the text `x`",
                "wrong-type /count expected a whole number for `count`, found the text `x`",
                "wrong-type /on expected `true` or `false` for `on`, found the text `yes` / write `true`",
            ]
        );
    }

    #[test]
    fn tells_which_alternative_was_meant() {
        let schema = json!({
            "properties": {
                "opt": {"anyOf": [{"$ref": "#/$defs/inner"}, {"type": "null"}]},
                "either": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
                "word": {"oneOf": [{"const": "a", "description": "A"}, {"const": "b", "description": "B"}]},
                "kind": {"oneOf": [
                    {"type": "object", "properties": {"t": {"const": "x"}, "n": {"type": "integer"}}, "required": ["t"]},
                    {"type": "object", "properties": {"t": {"const": "y"}, "s": {"type": "string"}}, "required": ["t"]},
                ]},
            },
            "$defs": {"inner": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        });
        assert_eq!(
            check(schema.clone(), json!({"opt": {"n": "x"}})),
            ["wrong-type /opt/n expected a whole number for `n`, found the text `x`"]
        );
        assert_eq!(
            check(schema.clone(), json!({"opt": 5})),
            ["wrong-type /opt expected a mapping (`key: value`) for `opt`, found the number `5`"]
        );
        assert_eq!(
            check(schema.clone(), json!({"either": true})),
            ["wrong-type /either expected text or a list for `either`, found `true`"]
        );
        assert_eq!(
            check(schema.clone(), json!({"word": "c"})),
            ["not-one-of /word expected `a` or `b` for `word`, found the text `c`"]
        );
        assert_eq!(
            check(schema.clone(), json!({"kind": {"t": "x", "n": "1"}})),
            [
                "wrong-type /kind/n expected a whole number for `n`, found the text `1` / remove the quotes"
            ]
        );
        assert_eq!(
            check(schema, json!({"kind": {"t": "z"}})),
            ["not-one-of /kind/t expected `x` or `y` for `t`, found the text `z`"]
        );
    }

    #[test]
    fn numbers_are_text_where_text_is_wanted() {
        let checker = Checker::new(json!({
            "properties": {
                "version": {"type": "string", "pattern": r"^\d+\.\d+$"},
                "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "of": {"type": "string", "enum": ["5.0", "5.10"]},
                "both": {"type": ["string", "number"]},
            }
        }))
        .unwrap();
        let mut value = json!({"version": 5.1, "maybe": 1, "of": 5.1, "both": 5.1});
        let found = checker.check("", &mut value, &|at| match at {
            "/maybe" => Some("0x01"),
            _ => Some("5.10"),
        });
        assert_eq!(found, []);
        assert_eq!(
            value,
            json!({"version": "5.10", "maybe": "0x01", "of": "5.10", "both": 5.1})
        );
        let mut value = json!({"version": 5});
        let found = checker.check("", &mut value, &|_| Some("5"));
        assert_eq!(found.len(), 1, "the text is checked as such");
        assert_eq!(found[0].code, "wrong-form");
    }

    #[test]
    fn schemas_that_reach_out_or_go_round_are_refused() {
        let refused = |schema: Value| Checker::new(schema).map(|_| ()).unwrap_err();
        for reference in [
            "https://example.com/s.json",
            "file:///etc/passwd",
            "other.json",
            "#/$defs/none",
            "#anchor",
        ] {
            assert!(
                refused(json!({"$ref": reference})).contains("not a place in the same schema"),
                "{reference}"
            );
        }
        assert!(refused(json!({"$ref": "#"})).contains("leads back"));
        assert!(refused(json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}})).contains("leads back"));
        assert!(refused(json!({"$id": "https://example.com/"})).contains("`$id`"));
        assert!(refused(json!({"$schema": "https://example.com/"})).contains("`$schema`"));
        assert!(
            refused(json!({"type": "nonsense"})).contains("nonsense")
                || refused(json!({"type": "nonsense"})).contains("/type")
        );
        assert!(
            Checker::new(json!({"pattern": "(?=x)"})).is_err(),
            "only patterns that take linear time"
        );
        assert!(
            Checker::new(json!({"pattern": "(a{1000}){1000}"})).is_err(),
            "and little memory"
        );
        let mut defs = serde_json::Map::new();
        for level in 0..20 {
            let next = format!("#/$defs/d{}", level + 1);
            defs.insert(
                format!("d{level}"),
                json!({"allOf": [{"$ref": next}, {"$ref": next}]}),
            );
        }
        defs.insert("d20".to_owned(), json!(true));
        assert!(refused(json!({"$ref": "#/$defs/d0", "$defs": defs})).contains("longer than"));
    }

    #[test]
    fn our_own_schema_is_one() {
        assert_eq!(
            Checker::of_document().schema["title"],
            "cluster.yaml of Arcus"
        );
    }
}
