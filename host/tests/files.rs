//! The commands that connect to nobody, as the built binary does them.

mod common;

use common::{Folder, GOOD};

/// Whether this build holds plugins; both kinds are tested, each for what it must say.
fn has_plugins(folder: &Folder) -> bool {
    !folder.run(&["plugin", "list", "-o", "json"]).json()["plugins"].as_array().unwrap().is_empty()
}

#[test]
fn init_writes_a_file_that_is_valid_and_never_overwrites() {
    let folder = Folder::new();
    let first = folder.run(&["init", "--name", "demo"]);
    assert_eq!((first.code, first.out.as_str()), (0, "cluster.yaml\n"), "{first:?}");
    let written = folder.read("cluster.yaml");
    let again = folder.run(&["init"]);
    assert_eq!(again.code, 3, "{again:?}");
    assert!(again.err.contains("init.exists"), "{again:?}");
    assert_eq!(folder.read("cluster.yaml"), written);
    let other = folder.run(&["init", "-f", "other.yaml", "-o", "json"]).json();
    assert_ne!(folder.read("other.yaml"), written, "each cluster has an id of its own");
    assert!(folder.read("other.yaml").contains(other["cluster"]["id"].as_str().unwrap()));

    let checked = folder.run(&["validate", "-o", "json"]);
    let said = checked.json();
    if has_plugins(&folder) {
        assert_eq!(checked.code, 0, "{checked:?}");
        assert_eq!((&said["valid"], &said["cluster"]["name"]), (&true.into(), &"demo".into()));
    } else {
        assert_eq!((checked.code, &said["error"]["code"]), (3, &"plugin.none-embedded".into()), "{checked:?}");
    }
}

#[test]
fn a_cluster_cannot_be_called_just_anything() {
    let folder = Folder::new();
    for name in ["", "a b", "x: y", "../x", "\u{1b}[31m"] {
        let ran = folder.run(&["init", "--name", name]);
        assert_eq!(ran.code, 3, "{name:?}: {ran:?}");
        assert!(!ran.err.contains('\u{1b}'));
        assert!(!folder.path().join("cluster.yaml").exists());
    }
}

#[test]
fn a_good_file_is_valid() {
    let folder = Folder::with(GOOD);
    let ran = folder.run(&["validate"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.starts_with("cluster.yaml: valid; cluster demo, 3 nodes"), "{ran:?}");
    assert_eq!(folder.run_with(&["validate", "-f", "-"], &[], GOOD).code, 0);
    assert!(!folder.path().join(".arcus").exists(), "looking leaves nothing behind");
}

#[test]
fn all_mistakes_are_told_at_once_underlined_and_in_json() {
    let folder = Folder::with(&GOOD.replace("roles: [compute]", "roles: [computer]").replace("  name: demo", "  naem: demo"));
    let ran = folder.run(&["validate"]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{ran:?}");
    insta::assert_snapshot!(ran.err);
    let said = folder.run(&["validate", "-o", "json"]);
    let json = said.json();
    assert_eq!((said.code, &json["exit"]["code"], &json["valid"]), (3, &3.into(), &false.into()));
    let found: Vec<(&str, u64, u64)> = json["error"]["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["code"].as_str().unwrap(), one["span"]["line"].as_u64().unwrap(), one["span"]["column"].as_u64().unwrap()))
        .collect();
    assert!(found.contains(&("cluster.unknown-key", 2, 3)) && found.contains(&("cluster.unknown-role", 6, 93)), "{found:?}");
}

#[test]
fn plugins_sections_are_checked_by_the_plugins() {
    let storage: String = (1..=3).map(|number| format!("  - {{ name: storage0{number}, address: 10.99.0.3{number}, roles: [storage] }}\n")).collect();
    let folder = Folder::with(&format!("{GOOD}{storage}storage: {{ use: glusterfs, glusterfs: {{ volume: data, brikc: /data/brick, arbiter: storage03 }} }}\n"));
    let ran = folder.run(&["validate", "-o", "json"]);
    let json = ran.json();
    assert_eq!(ran.code, 3, "{ran:?}");
    if has_plugins(&folder) {
        let found: Vec<&str> = json["error"]["diagnostics"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
        assert!(found.contains(&"config.unknown-key"), "{json}");
        assert!(ran.out.contains("did you mean `brick`?"), "{json}");
    } else {
        assert_eq!(json["error"]["code"], "plugin.none-embedded", "{json}");
    }
}

#[test]
fn an_unknown_plugin_is_an_error_or_none_is_there_at_all() {
    let folder = Folder::with(&format!("{GOOD}network: {{ use: calcio, calcio: {{}} }}\n"));
    let ran = folder.run(&["validate", "-o", "json"]);
    let json = ran.json();
    assert_eq!(ran.code, 3, "{ran:?}");
    if has_plugins(&folder) {
        assert_eq!(json["error"]["diagnostics"][0]["code"], "cluster.unknown-plugin");
        assert_eq!(json["error"]["diagnostics"][0]["help"], "did you mean `calico`?");
    } else {
        assert_eq!(json["error"]["code"], "plugin.none-embedded");
    }
}

#[test]
fn what_is_no_file_is_told_and_nothing_hangs() {
    let folder = Folder::new();
    for (file, code) in [("none.yaml", "file.missing"), ("/nowhere/x.yaml", "file.no-folder"), ("/dev/zero", "file.no-file"), ("..", "cli.file-name")] {
        let ran = folder.run(&["validate", "-o", "json", "-f", file]);
        assert_eq!((ran.code, ran.json()["error"]["code"].as_str()), (3, Some(code)), "{file}: {ran:?}");
    }
    assert_eq!(folder.run_with(&["validate", "-f", "-"], &[], "\0\u{1}").code, 3);
}

#[test]
fn the_schema_describes_the_file() {
    let ran = Folder::new().run(&["schema"]);
    let schema = ran.json();
    assert_eq!((ran.code, &schema["title"]), (0, &"cluster.yaml of Arcus".into()));
    assert!(schema["properties"]["nodes"].is_object());
}

#[test]
fn every_shell_has_completions() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = folder.run(&["completion", shell]);
        assert!(ran.code == 0 && ran.out.contains("arcus") && ran.out.contains("preflight"), "{shell}: {ran:?}");
    }
}

#[test]
fn a_plugin_shows_everything_it_asks_for() {
    let folder = Folder::new();
    let list = folder.run(&["plugin", "list"]);
    assert_eq!(list.code, 0, "{list:?}");
    if has_plugins(&folder) {
        let json = folder.run(&["plugin", "list", "-o", "json"]).json();
        for plugin in json["plugins"].as_array().unwrap() {
            let name = plugin["name"].as_str().unwrap();
            let ran = folder.run(&["plugin", "inspect", name]);
            assert!(ran.code == 0 && ran.out.contains(plugin["digest"].as_str().unwrap()), "{ran:?}");
            // What first-party components import is part of the contract.
            for import in plugin["imports"].as_array().unwrap() {
                assert!(["arcus:plugin/log@0.1.0#emit", "arcus:plugin/observe@0.1.0#ask"].contains(&import.as_str().unwrap()), "{name}: {import}");
            }
        }
    } else {
        assert!(list.err.contains("built without any plugins"), "{list:?}");
    }
    folder.write("bad.wasm", "not wasm");
    let bad = folder.run(&["plugin", "inspect", "./bad.wasm", "-o", "json"]);
    assert_eq!((bad.code, bad.json()["error"]["code"].as_str()), (3, Some("plugin.not-wasm")), "{bad:?}");
    assert_eq!(folder.run(&["plugin", "inspect", "/dev/zero"]).code, 3);
    assert_eq!(folder.run(&["plugin", "inspect", "no-such"]).code, 3);
}

#[test]
fn a_log_that_is_not_there_is_empty_and_made_by_nobody() {
    let folder = Folder::with(GOOD);
    let ran = folder.run(&["log", "-o", "json"]);
    assert_eq!((ran.code, &ran.json()["runs"]), (0, &serde_json::json!([])), "{ran:?}");
    assert!(!folder.path().join(".arcus").exists());
    assert_eq!(folder.run(&["log", "r1"]).code, 3);
}

#[test]
fn a_log_tells_runs_and_their_steps() {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = Folder::with(GOOD);
    std::fs::DirBuilder::new().mode(0o700).recursive(true).create(folder.path().join(".arcus/runs")).unwrap();
    folder.write(
        ".arcus/runs/r1.jsonl",
        concat!(
            r#"{"event":"run","format":1,"run":"r1","verb":"apply","operator":"eva@desk","at":"2026-05-01T10:00:00.000Z","plugins":{}}"#,
            "\n",
            r#"{"event":"intent","plugin":"p","step":"s","node":"manage01","action":"file","wanted":"ab","at":"2026-05-01T10:00:01.000Z"}"#,
            "\n",
            r#"{"event":"outcome","plugin":"p","step":"s","node":"manage01","end":"failed","detail":"disk full\u001b[2J","at":"2026-05-01T10:00:02.000Z"}"#,
            "\n{\"torn",
        ),
    );
    let all = folder.run(&["log"]);
    assert_eq!((all.code, all.out.as_str()), (0, "2026-05-01T10:00:00.000Z  r1  apply  eva@desk  no end  0 done, 1 failed\n"), "{all:?}");
    let one = folder.run(&["log", "r1"]);
    assert!(one.out.contains(r"disk full\u{1b}[2J") && !one.out.contains('\u{1b}'), "{one:?}");
    assert_eq!(folder.run(&["log", "r1", "-o", "json"]).json()["entries"].as_array().unwrap().len(), 3);
}
