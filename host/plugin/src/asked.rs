//! A grant as a list of single permissions: what is pinned, compared and approved.

use std::collections::BTreeSet;

use arcus_component::digest;
use arcus_plan::manifest::{Command, Grant, Query, Secret};
use serde_json::{Map, Value};

/// SHA-256 of a grant, the same however it is written down. What a grant does not use adds nothing, so a field that the contract
/// gains does not undo what was approved before.
pub fn grant_digest(grant: &Grant) -> String {
    digest(bare(grant).to_string().as_bytes())
}

/// The grant without what it leaves empty, keys in order.
pub(crate) fn bare(grant: &Grant) -> Value {
    let value = serde_json::to_value(grant).expect("a grant is plain data with text as keys");
    pruned(value).unwrap_or_else(|| Value::Object(Map::new()))
}

fn pruned(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(list) if list.is_empty() => None,
        // A place in a list says something: nothing is taken out of it.
        Value::Array(list) => Some(Value::Array(list.into_iter().map(|one| pruned(one).unwrap_or_else(|| Value::Array(vec![]))).collect())),
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().filter_map(|(key, value)| Some((key, pruned(value)?))).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            (!entries.is_empty()).then(|| Value::Object(entries.into_iter().collect()))
        }
        plain => Some(plain),
    }
}

/// Every single permission of a grant, in the words of its manifest.
pub fn permissions(grant: &Grant) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (key, value) in bare(grant).as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            // Written below, with what belongs together on one line.
            ("command" | "query" | "secrets", _) => {}
            // What is kept secret takes from what can be seen.
            ("secret", _) => {}
            (_, Value::Array(list)) => all.extend(list.iter().map(|one| format!("grant.{key} = {one}"))),
            (_, one) => {
                all.insert(format!("grant.{key} = {one}"));
            }
        }
    }
    if grant.roles.is_empty() {
        all.insert("grant.roles = every role".into());
    }
    all.extend(grant.command.iter().map(command));
    all.extend(grant.query.iter().map(query));
    all.extend(grant.secrets.iter().map(|(name, secret)| {
        let origin = match secret {
            Secret::Operator => "yours",
            Secret::Generated { .. } => "generated",
        };
        format!("grant.secrets.{name} ({origin})")
    }));
    // That something is not kept secret any more is as good as one more permission.
    all.extend(grant.query.iter().filter(|query| query.redact.is_empty()).map(|query| format!("all that the query `{}` prints", query.id)));
    all
}

fn command(command: &Command) -> String {
    let mut text = format!("grant.command = {:?}", command.argv);
    for option in &command.options {
        text += &format!(", with {option:?}");
    }
    if let Some(stdin) = &command.stdin {
        text += &format!(", fed {stdin:?}");
    }
    text
}

fn query(query: &Query) -> String {
    let mut text = format!("grant.query = {:?}", query.argv);
    if let Some(stdin) = &query.stdin {
        text += &format!(", fed {stdin:?}");
    }
    for pointer in &query.redact {
        text += &format!(", without {pointer}");
    }
    text
}

/// What one grant allows that another does not.
pub fn beyond(before: &Grant, now: &Grant) -> Vec<String> {
    permissions(now).difference(&permissions(before)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(text: &str) -> Grant {
        let head = "name = \"storage-x\"\nversion = \"1.0.0\"\nconcern = \"storage\"\ncontract = \"0.1\"\nsummary = \"x\"\n[grant]\n";
        arcus_plan::manifest::Manifest::from_toml(&format!("{head}{text}")).unwrap().grant
    }

    #[test]
    fn what_is_left_empty_says_nothing() {
        let one = grant("roles = [\"storage\"]\nactions = [\"file\"]\nwrite = [\"/srv/x\"]");
        let other = Grant { read: vec![], ..one.clone() };
        assert_eq!(grant_digest(&one), grant_digest(&other));
        assert_eq!(bare(&one).to_string(), r#"{"actions":["file"],"roles":["storage"],"write":["/srv/x"]}"#);
        assert_ne!(grant_digest(&one), grant_digest(&Grant { write: vec!["/srv".into()], ..one }));
    }

    #[test]
    fn each_thing_that_is_more_is_named() {
        let before = grant("roles = [\"storage\"]\nactions = [\"file\"]\nwrite = [\"/srv/x\"]\n[[grant.query]]\nid = \"q\"\nargv = [\"x\", \"show\"]\nredact = [\"/pass\"]");
        let now = grant(
            "actions = [\"file\", \"command\"]\nwrite = [\"/etc/cron.d\"]\n[[grant.command]]\nargv = [\"x\", \"<uint>\"]\nstdin = \"y\"\n[[grant.query]]\nid = \"q\"\nargv = [\"x\", \"show\"]\n[grant.secrets.s]\norigin = \"operator\"",
        );
        assert_eq!(
            beyond(&before, &now),
            [
                "all that the query `q` prints",
                r#"grant.actions = "command""#,
                r#"grant.command = ["x", "<uint>"], fed "y""#,
                r#"grant.query = ["x", "show"]"#,
                "grant.roles = every role",
                "grant.secrets.s (yours)",
                r#"grant.write = "/etc/cron.d""#,
            ]
        );
        assert_eq!(beyond(&before, &before), [""; 0]);
    }
}
