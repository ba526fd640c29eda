//! Names: given once, and leading somewhere.

use std::collections::HashMap;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::sketch::Sketch;
use crate::{pointer, wording};

/// No two nodes have one name, nor a node and a host of `ssh.hosts`.
pub fn unique(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let mut first: HashMap<&str, String> = HashMap::new();
    let mut found = Vec::new();
    let hosts = sketch
        .value
        .pointer("/ssh/hosts")
        .and_then(Value::as_object);
    let nodes = sketch
        .nodes
        .iter()
        .filter_map(|node| Some((node.name?, pointer::join(&node.pointer, "name"), false)));
    let hosts = hosts
        .into_iter()
        .flatten()
        .map(|(name, _)| (name.as_str(), pointer::join("/ssh/hosts", name), true));
    for (name, at, host) in nodes.chain(hosts) {
        let Some(other) = first.get(name) else {
            first.insert(name, at);
            continue;
        };
        let message = if host {
            format!("{} is the name of a node already", wording::quoted(name))
        } else {
            format!("a second node is called {}", wording::quoted(name))
        };
        found.push(
            sketch
                .text
                .diagnose("cluster.duplicate-name", &at, message)
                .help("give each machine a name of its own")
                .related(Some(sketch.text.span(other)), "the first"),
        );
    }
    found
}

/// The id is one that nobody else has.
pub fn id(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let id = sketch.value.pointer("/cluster/id").and_then(Value::as_str);
    if id
        .and_then(|id| uuid::Uuid::parse_str(id).ok())
        .is_none_or(|id| !id.is_nil() && !id.is_max())
    {
        return Vec::new();
    }
    vec![
        sketch
            .text
            .diagnose(
                "cluster.bad-id",
                "/cluster/id",
                "this id is no cluster's own",
            )
            .help("put a new one: `arcus init` makes one, and so does `uuidgen`"),
    ]
}

/// The bastion is a node or a host of `ssh.hosts`.
pub fn bastion(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let Some(name) = sketch.value.pointer("/ssh/bastion").and_then(Value::as_str) else {
        return Vec::new();
    };
    let hosts = sketch
        .value
        .pointer("/ssh/hosts")
        .and_then(Value::as_object);
    let known: Vec<&str> = sketch
        .nodes
        .iter()
        .filter_map(|node| node.name)
        .chain(hosts.into_iter().flatten().map(|(name, _)| name.as_str()))
        .collect();
    if known.contains(&name) {
        return Vec::new();
    }
    let help = match wording::meant(name, known) {
        Some(word) => format!("did you mean `{word}`?"),
        None => "name one of the nodes, or describe the machine under `ssh.hosts`, e.g. `hosts: { jump: { address: 203.0.113.9 } }`".to_owned(),
    };
    vec![
        sketch
            .text
            .diagnose(
                "cluster.unknown-bastion",
                "/ssh/bastion",
                format!(
                    "there is no machine {} to go through",
                    wording::quoted(name)
                ),
            )
            .help(help),
    ]
}
