//! Files that are offered as plugins: each is refused at the door, before any of its code is compiled or run. And components without an
//! SDK that keep to nothing of how values are handed over.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use arcus_tests::{approved, page, root, with_manifest};
use serde_json::Value;

use super::super::{Desk, json};

/// What it is, what stops it, and the code of the error.
struct Offered(&'static str, &'static str, &'static str, fn(&[u8]) -> Result<Vec<u8>>);

const OUTSIDE: &str = "a component's imports are looked at: `log.emit` and `observe.ask`";
const SAYS: &str = "what the manifest says is compared with what the code has";
const BYTES: &str = "its form is checked before anything is compiled";

const OFFERED: [Offered; 13] = [
    Offered("wants files and sockets of its system", OUTSIDE, "plugin.imports-wasi", |_| {
        let wants = r#"(component (import "wasi:filesystem/preopens@0.2.6" (instance (export "get-directories" (func)))) (import "wasi:sockets/instance-network@0.2.6" (instance (export "instance-network" (func)))))"#;
        Ok(wat::parse_str(wants)?)
    }),
    Offered("wants a function that nobody has", OUTSIDE, "plugin.imports", |_| Ok(wat::parse_str(r#"(component (import "evil:corp/run@1.0.0" (instance (export "sh" (func)))))"#)?)),
    Offered("says that it is of another concern than its code", SAYS, "plugin.concern", |good| {
        with_manifest(good, |manifest| {
            manifest["concern"] = "network".into();
            manifest["name"] = "network-hostile".into();
        })
    }),
    Offered("says that it was built for a later contract", SAYS, "plugin.manifest-wrong", |good| with_manifest(good, |manifest| manifest["contract"] = "0.9".into())),
    Offered("says in its manifest what no Arcus knows", "unknown fields might be permissions", "plugin.manifest-wrong", |good| with_manifest(good, |manifest| manifest["grant"]["everything"] = true.into())),
    Offered("has a hole in a command that lets anything through", "holes have types", "plugin.manifest-wrong", |good| {
        with_manifest(good, |manifest| manifest["grant"]["command"] = serde_json::json!([{ "argv": ["sh", "-c", "<anything>"] }]))
    }),
    Offered("has no manifest", "without one nothing can be approved", "plugin.manifest-missing", |_| Ok(wat::parse_str("(component)")?)),
    Offered("has two of them", "one is shown and approved, and that is the only one", "plugin.manifest-wrong", |good| {
        let other = with_manifest(good, |manifest| manifest["summary"] = "harmless".into())?;
        Ok([good, &other[last_section(&other)..]].concat())
    }),
    Offered("is cut", BYTES, "plugin.damaged", |good| Ok(good[..good.len() / 2].to_vec())),
    Offered("has a bit flipped on the way", BYTES, "plugin.damaged", |good| {
        let mut bytes = good.to_vec();
        // What kind its first section is: how it is told depends on no size.
        bytes[8] ^= 0x40;
        Ok(bytes)
    }),
    Offered("is a module without an interface", BYTES, "plugin.core-module", |_| Ok(wat::parse_str("(module)")?)),
    Offered("is a program", BYTES, "plugin.not-wasm", |_| Ok(b"#!/bin/sh\nreboot\n".to_vec())),
    Offered("is larger than any plugin", "8 MiB are read, and no more", "plugin.too-large", |good| {
        // As a section that nobody looks at.
        Ok([good, &[0, 0x81, 0x80, 0x80, 0x04, 0], &vec![0; 8 << 20]].concat())
    }),
];

/// Where it begins: that of the manifest, where that was written anew.
fn last_section(component: &[u8]) -> usize {
    let mut at = 8;
    loop {
        let (mut size, mut shift, mut body) = (0_usize, 0, at + 1);
        while let Some(byte) = component.get(body) {
            size |= usize::from(byte & 0x7f) << shift;
            (body, shift) = (body + 1, shift + 7);
            if byte & 0x80 == 0 {
                break;
            }
        }
        if body + size >= component.len() {
            return at;
        }
        at = body + size;
    }
}

/// Each is refused wherever it is offered, and a row of the page.
pub fn refused(hostile: &Path, rows: &mut Vec<String>) -> Result<()> {
    let good = fs::read(hostile)?;
    for Offered(what, stopped, code, make) in &OFFERED {
        let desk = Desk::in_mode(hostile, "hang")?;
        fs::write(desk.path().join("hostile.wasm"), make(&good)?)?;
        let mut told = None;
        for words in [&["plugin", "inspect", "./hostile.wasm"][..], &["plugin", "add", "./hostile.wasm"], &["plugin", "approve", "storage-hostile"], &["plan"], &["apply", "--yes"]] {
            let ended = desk.run(words)?.code(3).with_context(|| format!("{what}: {words:?}"))?;
            let printed = json(&ended)?;
            let trouble = printed["error"]["troubles"][0].clone();
            ensure!(trouble["code"] == *code, "{what}: {words:?}: not {code}: {printed:#}");
            ensure!(trouble["help"].as_str().is_some_and(|help| !help.is_empty()), "{what}: what to do is not said: {printed:#}");
            told.get_or_insert(trouble);
        }
        ensure!(!desk.path().join("arcus.lock").exists() && !desk.path().join("plugins").exists() && !desk.path().join(".arcus/runs").exists(), "{what}: something was written");
        rows.push(row(what, stopped, &told.context("nothing was told")?, &desk.path()));
    }
    Ok(())
}

fn row(what: &str, stopped: &str, error: &Value, folder: &Path) -> String {
    let said = page::cell(error["message"].as_str().unwrap_or_default(), &[(&format!("{}/", folder.display()), "./"), ("./hostile.wasm is no plugin that this arcus can use: ", "")]);
    // Where in its bytes depends on the build.
    let said = said.split(" (at byte").next().unwrap_or_default();
    format!("| {what} | {stopped} | `{}` {said} |", error["code"].as_str().unwrap_or_default())
}

/// What `plan` returns in the place of the good one of `tests/wat-plugin`: what it is, what stops it, and its code.
const RETURNED: [(&str, &str, &str); 3] = [
    (
        "a plan whose every text is the same 32 MiB: little in the plugin, and gigabytes where it is copied to",
        "64 MiB for all that is handed over at once",
        "(local $left i32) (local $step i32)
         (drop (call $take (i32.const 40000000)))
         (local.set $left (i32.const 1000))
         (local.set $step (call $take (i32.mul (local.get $left) (global.get $step))))
         (i32.store offset=4 (global.get $result) (local.get $step))
         (i32.store offset=8 (global.get $result) (local.get $left))
         (loop $each
           (call $text (local.get $step) (i32.const 4194304) (i32.const 33554432))
           (local.set $step (i32.add (local.get $step) (global.get $step)))
           (local.set $left (i32.sub (local.get $left) (i32.const 1)))
           (br_if $each (local.get $left)))
         (global.get $result)",
    ),
    (
        "a text that is not UTF-8",
        "values are checked as they leave the plugin",
        "(local $step i32)
         (local.set $step (call $take (global.get $step)))
         (i32.store8 (i32.const 1000) (i32.const 0xff))
         (call $text (local.get $step) (i32.const 1000) (i32.const 1))
         (i32.store offset=4 (global.get $result) (local.get $step))
         (i32.store offset=8 (global.get $result) (i32.const 1))
         (global.get $result)",
    ),
    (
        "a list that reaches beyond its memory",
        "values are checked as they leave the plugin",
        "(i32.store offset=4 (global.get $result) (i32.const 8))
         (i32.store offset=8 (global.get $result) (i32.const 1000000))
         (global.get $result)",
    ),
];

/// Written in WebAssembly's own text, as no SDK would let anybody.
pub fn returned(rows: &mut Vec<String>) -> Result<()> {
    const HEAD: &str = "(func (export \"arcus:plugin/lifecycle@0.1.0#plan\") (param $input i32) (result i32)";
    let source = root().join("tests/wat-plugin");
    let text = fs::read_to_string(source.join("plugin.wat"))?;
    ensure!(text.matches(HEAD).count() == 1, "the plugin has changed");
    for (what, stopped, body) in RETURNED {
        let desk = Desk::new()?;
        fs::copy(source.join("manifest.toml"), desk.path().join("manifest.toml"))?;
        let module = text.replace(HEAD, &format!("{HEAD} {body})\n(func $good (param $input i32) (result i32)"));
        fs::write(desk.path().join("plugin.wasm"), wat::parse_str(&module)?)?;
        desk.run(&["plugin", "build", "--module", "plugin.wasm"])?.code(0)?;
        let built: PathBuf = desk.path().join("storage-wat.wasm");
        let file = super::super::FILE.split_once("storage:").context("no storage")?.0;
        desk.write("cluster.yaml", &format!("{file}storage: {{ use: wat }}\n"))?;
        desk.run(&["plugin", "add", "./storage-wat.wasm"])?.code(0)?;
        desk.run(&["plugin", "approve", "storage-wat", "--digest", &approved(&built)?])?.code(0)?;
        let printed = json(&desk.run(&["plan"])?.code(1).with_context(|| what.to_owned())?)?;
        let trouble = &printed["error"]["troubles"][0];
        ensure!(trouble["code"] == "plugin.output" && trouble["plugin"] == "storage-wat", "{what}: {printed:#}");
        rows.push(row(what, stopped, trouble, &desk.path()));
    }
    Ok(())
}
