//! Arguments: help, misuse, exit codes, and what goes to which output.

mod common;

use common::{Folder, GOOD};

#[test]
fn the_version_is_one_line() {
    let ran = Folder::new().run(&["--version"]);
    assert_eq!((ran.code, ran.out, ran.err), (0, concat!("arcus ", env!("CARGO_PKG_VERSION"), "\n").to_owned(), String::new()));
}

#[test]
fn every_command_has_help() {
    let folder = Folder::new();
    for command in [
        "", "init", "validate", "trust", "preflight", "plan", "apply", "verify", "status", "drill", "mend", "node", "node remove", "unlock", "log", "plugin", "plugin list", "plugin inspect", "plugin add",
        "plugin approve", "plugin update", "plugin remove", "plugin bundle", "plugin new", "plugin build", "plugin test", "plugin pack", "plugin publish",
        "schema", "completion",
    ] {
        // The short form is what people see; the long one adds the options of every command.
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("-h");
        let ran = folder.run(&arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{command}");
        insta::assert_snapshot!(format!("help {command}").trim().replace(' ', "-"), ran.out);
    }
    insta::assert_snapshot!("long-help", folder.run(&["--help"]).out);
}

#[test]
fn misuse_is_3_on_stderr_and_an_object_in_json() {
    let folder = Folder::with(GOOD);
    for arguments in [&["nonsense"][..], &["plan", "--nonsense"], &["plan", "-j", "0"], &["plan", "-j", "many"], &["completion"], &["validate", "-o", "yaml"], &["plan", "-v", "-q"]] {
        let ran = folder.run(arguments);
        assert!(ran.code == 3 && ran.out.is_empty() && !ran.err.is_empty(), "{arguments:?}: {ran:?}");
    }
    let ran = folder.run(&["nonsense\u{1b}[31m", "-o", "json"]);
    assert!(!ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'), "{ran:?}");
    let json = ran.json();
    assert_eq!((&json["error"]["kind"], &json["error"]["code"], &json["error"]["exit_code"], &json["exit"]["code"]), (&"input".into(), &"cli.usage".into(), &3.into(), &3.into()));
    let nothing = folder.run(&[]);
    assert!(nothing.code == 3 && nothing.err.contains("Usage: arcus"), "{nothing:?}");
}

#[test]
fn bad_input_is_3_before_anybody_is_asked() {
    let folder = Folder::with(GOOD);
    for (arguments, code) in [
        (&["plan", "--limit", "nobody"][..], "limit.unknown-node"),
        (&["plan", "--artifact", "grctl"], "cli.binding"),
        (&["plan", "--artifact", "grctl=/nowhere/grctl"], "artifact.unreadable"),
        (&["plan", "--secret", "pass=hunter2"], "cli.binding"),
        (&["plan", "--secret", "pass=env:NOT_SET"], "cli.secret-missing"),
        (&["plan", "--secret", "pass=prompt"], "cli.nobody-to-ask"),
        (&["plan", "--ask-pass"], "cli.nobody-to-ask"),
        (&["plan", "--password-file", "/nowhere/p"], "cli.secret-file"),
        (&["apply", "--accept", "everything"], "cli.unknown-risk"),
        (&["apply", "nowhere.json"], "saved.unreadable"),
        (&["drill", "vip", "--accept", "quorum"], "cli.unknown-risk"),
        (&["drill", "vip", "--power-hook", "'"], "cli.power-hook"),
        (&["drill", "vip"], "cli.nobody-to-ask"),
        (&["drill", "back", "vip"], "cli.drill"),
        (&["trust", "nobody"], "trust.unknown-node"),
        (&["trust", "--fingerprint", "manage01=abc"], "trust.fingerprint"),
        (&["trust", "--accept", "everything"], "cli.unknown-risk"),
        (&["trust", "--from", "/nowhere/known_hosts"], "trust.from"),
    ] {
        let ran = folder.run(&[arguments, &["-o", "json"]].concat());
        assert_eq!((ran.code, ran.json()["error"]["code"].as_str()), (3, Some(code)), "{arguments:?}: {ran:?}");
        assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{ran:?}");
    }
}

#[test]
fn a_damaged_pin_file_is_no_empty_pin_file() {
    let folder = Folder::with(GOOD);
    folder.write("known_hosts", "[127.99.0.11]:9 ssh-ed25519 !!!\n");
    let ran = folder.run(&["plan", "-o", "json"]);
    assert_eq!((ran.code, ran.json()["error"]["code"].as_str()), (3, Some("trust.unreadable")), "{ran:?}");
}

#[test]
fn nodes_that_are_not_there_are_4_and_each_is_named() {
    let folder = Folder::with(GOOD);
    let ran = folder.run(&["status", "-o", "json"]);
    let json = ran.json();
    assert_eq!((ran.code, &json["exit"]["causes"]), (4, &serde_json::json!(["unreachable"])), "{ran:?}");
    for node in ["manage01", "compute01", "compute02"] {
        assert_eq!(json["nodes"][node]["trouble"]["code"], "node.refused", "{json}");
    }
    let text = folder.run(&["status"]);
    assert!(text.out.contains("0 of 3 nodes reached"), "{text:?}");
    let trusted = folder.run(&["trust", "-o", "json"]);
    let json = trusted.json();
    assert_eq!((trusted.code, json["hosts"].as_array().unwrap().len()), (4, 3), "{trusted:?}");
    assert!(!folder.path().join("known_hosts").exists());
}

#[test]
fn colours_only_where_they_are_wanted() {
    let folder = Folder::with("nodes: 1\n");
    let coloured = |arguments: &[&str], environment: &[(&str, &str)]| folder.run_with(&[&["validate"], arguments].concat(), environment, "").err.contains('\u{1b}');
    assert!(!coloured(&[], &[]), "not into a pipe");
    assert!(coloured(&["--color", "always"], &[]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]), "who says always means it");
    assert!(!coloured(&["--color", "never"], &[]));
}

#[test]
fn a_folder_open_to_all_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::with(GOOD);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let ran = folder.run(&["validate", "-o", "json"]);
    assert_eq!((ran.code, ran.json()["error"]["code"].as_str()), (3, Some("file.open-folder")), "{ran:?}");
}
