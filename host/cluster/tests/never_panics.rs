//! Whatever the bytes are: no panic, and every place that is shown lies in the text.

mod common;

use arcus_cluster::{Diagnostic, File, template};
use common::SOUND;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

fn lies_inside(found: &[Diagnostic]) {
    for one in found {
        let text = one.source.text();
        for span in one
            .span
            .iter()
            .chain(one.related.iter().map(|related| &related.span))
        {
            assert!(
                span.offset + span.len <= text.len(),
                "{one}: {span:?} of {}",
                text.len()
            );
            assert!(
                text.is_char_boundary(span.offset) && text.is_char_boundary(span.offset + span.len),
                "{one}: {span:?}"
            );
            assert_eq!(span.line, text[..span.offset].matches('\n').count() + 1);
            assert!(span.column >= 1);
        }
        assert!(
            !one.message.is_empty() && !one.message.contains('\n'),
            "{one}"
        );
    }
}

fn read(bytes: &[u8]) {
    match File::from_bytes("cluster.yaml", bytes) {
        Err(found) => {
            assert!(!found.is_empty());
            lies_inside(&found);
        }
        Ok(file) => {
            match file.cluster() {
                Ok(cluster) => {
                    lies_inside(&cluster.notes);
                    lies_inside(&cluster.relaxed);
                }
                Err(found) => {
                    assert!(!found.is_empty());
                    lies_inside(&found);
                }
            }
            let schema = json!({"type": "object", "properties": {"volume": {"type": "string"}, "pods": {"type": "integer"}}, "additionalProperties": false, "required": ["other"]});
            for pointer in ["/storage/glusterfs", "/network/calico", "/nowhere", ""] {
                lies_inside(&file.check_config(pointer, &schema));
            }
        }
    }
}

/// What is awkward in YAML.
const AWKWARD: &[&str] = &[
    ":",
    " ",
    "\n",
    "\n  ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "!x ",
    "? ",
    "| ",
    ">\n",
    "'",
    "\"",
    "\\",
    "#",
    " #",
    "%YAML 1.1\n",
    "---\n",
    "...\n",
    "\t",
    "\0",
    "\r",
    "\u{feff}",
    "ä",
    "\u{202e}",
    "😀",
    "~",
    "null",
    "1e999",
    ".nan",
    "0x",
    "-1",
    "10.0.0.0/8",
    "::",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "@",
    "`",
    "\u{85}",
    "\u{2028}",
];

mod fuzz {
    use super::*;

    #[test]
    fn cluster_files() {
        let template = template("demo", Uuid::from_u128(7));
        arcus_fuzz::bytes(&[SOUND.as_bytes(), template.as_bytes()], AWKWARD, read);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_any_values(name in ".{0,20}", address in "[0-9a-f.:/]{0,20}", role in "[a-z]{0,8}", vip in "[0-9a-f.:/]{0,20}", pods in "[0-9.:/]{0,20}", path in "[a-z./~\\\\]{0,12}") {
        let text = json!({
            "cluster": {"name": name, "id": name},
            "ssh": {"bastion": name, "hosts": {name.clone(): {"address": address}}},
            "nodes": [
                {"name": name, "address": address, "roles": ["manage", role], "ssh": {"address": address}},
                {"name": name, "address": address, "roles": ["gateway", "network"], "labels": {name.clone(): name}},
            ],
            "gateway": {"use": name, name.clone(): {"vip": vip}},
            "network": {"use": "calico", "calico": {"pods": pods}},
            "platform": {"use": "rainbond"},
            "plugins": {"storage-x": path},
            "preflight": {"relax": [name, "vip"]},
        });
        read(text.to_string().as_bytes());
    }
}

/// Large, and made to be dear to read. That it ends is the test: what grows with the square of the size would take minutes.
#[test]
fn on_large_hostile_files() {
    let full = |head: &str, piece: &dyn Fn(usize) -> String, tail: &str| {
        let mut text = head.to_owned();
        for number in 0.. {
            let piece = piece(number);
            if text.len() + piece.len() + tail.len() > 1 << 18 {
                break;
            }
            text += &piece;
        }
        text + tail
    };
    let node = |number: usize| {
        format!(
            "{{name: n{},address: 10.0.0.{},roles: [manage]}},",
            number % 7,
            number % 5
        )
    };
    for text in [
        full("{", &|number| format!("k{number}: ä,"), "}"),
        full("{", &|_| "k: 1,".to_owned(), "}"),
        full("[", &|_| "[],".to_owned(), "]"),
        full("", &|_| "- ".to_owned(), ""),
        full("", &|_| "? ".to_owned(), ""),
        full("a: \"", &|_| "\\u0007".to_owned(), "\""),
        full("", &|number| format!("k{number}: &a{number} x\n"), ""),
        full("", &|_| "a\n".to_owned(), ""),
        full("", &|_| "a: |\n".to_owned(), ""),
        full("", &|_| "!".to_owned(), ""),
        full("", &|_| "\t#\t\n\ta".to_owned(), ""),
        full("# ö\n{nodes: [", &node, "]}"),
        full("nodes: [", &|_| "{name: x},".to_owned(), "]"),
        full("cluster: {name: ", &|_| "-".to_owned(), "}"),
        full("cluster: {name: ", &|_| "9".to_owned(), "}"),
        full(
            "plugins: {",
            &|number| format!("storage-{number}: ../x,"),
            "}",
        ),
        full("preflight: {relax: [", &|_| "x,".to_owned(), "]}"),
        full(
            "storage: {use: x, ",
            &|number| format!("k{number}: {{}},"),
            "}",
        ),
    ] {
        read(text.as_bytes());
    }
}
