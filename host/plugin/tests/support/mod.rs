//! Guests written by hand, good and bad, and a sandbox to put them in.
#![allow(dead_code)]

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use arcus_component::concern_functions;
use arcus_contract::{
    actions::Step,
    facts::{Answer, Probe, Request},
    handoffs::{Handed, Input, PlatformDemand},
    types::{Node, Problem, Role},
};
use arcus_plan::manifest::{Concern, Manifest};
use arcus_plugin::{Asker, Cache, LogLine, Options, Plugin, Sandbox, Source, componentize};
use wasmtime::component::ComponentType as _;
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// The contract, as files and text.
pub fn contract() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wit"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// A guest in the making.
pub struct Guest {
    /// Body of its functions, apart from judge, verify and drills: takes the input's address in `$input`, leaves the
    /// result's on the stack. Zeroes mean an empty plan or offer.
    pub body: String,
    /// Imports beyond log and observe.
    pub imports: String,
    /// More functions and data.
    pub more: String,
    /// Changes to the text of the contract that it is built for.
    pub wit: Vec<(&'static str, &'static str)>,
    pub concern: Concern,
    /// World of the contract.
    pub world: String,
}

/// Address of what zeroes are left in.
pub const NOTHING: u32 = 1024;

impl Guest {
    /// Of concern storage.
    pub fn new(body: &str) -> Self {
        Self { imports: String::new(), more: String::new(), wit: Vec::new(), ..Self::of(Concern::Storage, body) }
    }

    pub fn of(concern: Concern, body: &str) -> Self {
        Self {
            body: body.to_owned(),
            imports: String::new(),
            more: String::new(),
            wit: Vec::new(),
            concern,
            world: format!("{}-plugin", concern.as_str()),
        }
    }

    /// Of concern storage, and runs live: this body has `$fleet`, and leaves the address of a `result<_, problem>`, which any result of the
    /// session's functions is as well. `$open` and `$exec` are there, the words `yes` at 32 and `sh` at 48, and argvs of them at 64 and 96.
    pub fn live(body: &str) -> Self {
        let mut guest = Self::new("(i32.const 1024)").more(&format!(
            r#"(data (i32.const 32) "yes") (data (i32.const 48) "sh") (data (i32.const 56) "n2")
               (data (i32.const 64) "\20\00\00\00\03\00\00\00") (data (i32.const 96) "\30\00\00\00\02\00\00\00")
               (global $kept (mut i32) (i32.const 0))
               (func $live (param $fleet i32) (result i32) (local $session i32) {body})
               (func (export "arcus:plugin/hatch@0.1.0#run") (param i32 i32 i32 i32) (param $fleet i32) (result i32)
                 (local $said i32)
                 (local.set $said (call $live (local.get $fleet)))
                 ;; What was lent is given back.
                 (call $back (local.get $fleet))
                 (local.get $said))"#
        ));
        guest.world = "storage-plugin-with-hatch".into();
        guest.imports = r#"
            (import "arcus:plugin/session@0.1.0" "[method]fleet.open" (func $open (param i32 i32 i32 i32)))
            (import "arcus:plugin/session@0.1.0" "[resource-drop]fleet" (func $back (param i32)))
            (import "arcus:plugin/session@0.1.0" "[method]session.exec" (func $exec (param i32 i32 i32 i32 i32 i32 i32)))"#
            .into();
        guest
    }

    /// As [`Guest::build`], with the manifest of [`live_manifest`].
    pub fn build_live(&self) -> Vec<u8> {
        componentize(&self.module(), &live_manifest()).unwrap().0
    }

    pub fn more(mut self, more: &str) -> Self {
        self.more.push_str(more);
        self
    }

    /// Built against a contract in which the first text reads as the second.
    pub fn wit(mut self, from: &'static str, to: &'static str) -> Self {
        self.wit.push((from, to));
        self
    }

    fn resolve(&self) -> (Resolve, wit_parser::WorldId) {
        let folder = tempfile::tempdir().unwrap();
        let mut found = vec![false; self.wit.len()];
        for (name, mut text) in contract() {
            for ((from, to), found) in self.wit.iter().zip(&mut found) {
                *found |= text.contains(from);
                text = text.replace(from, to);
            }
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        assert!(found.iter().all(|found| *found), "the contract no longer has the text to change: {:?}", self.wit);
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(folder.path()).unwrap();
        let world = resolve.select_world(&[package], Some(&self.world)).unwrap();
        (resolve, world)
    }

    /// A core module with the contract's type section.
    pub fn module(&self) -> Vec<u8> {
        let (resolve, world) = self.resolve();
        let version = resolve.packages.iter().find(|(_, package)| package.name.namespace == "arcus").unwrap().1.name.version.clone().unwrap();
        let mut functions = String::new();
        for (interface, function) in concern_functions(self.concern) {
            let body = match function {
                "judge" | "verify" => format!("(i32.const {NOTHING})"),
                // An error without any problem.
                "drills" => "(i32.store8 (i32.const 2048) (i32.const 1)) (i32.const 2048)".to_owned(),
                _ => self.body.clone(),
            };
            functions.push_str(&format!(
                "(func ${function} (export \"arcus:plugin/{interface}@{version}#{function}\") (param $input i32) (result i32) {body})\n"
            ));
        }
        let text = format!(
            r#"(module
              (import "arcus:plugin/log@{version}" "emit" (func $emit (param i32 i32 i32)))
              (import "arcus:plugin/observe@{version}" "ask" (func $ask (param i32 i32 i32)))
              {imports}
              (memory (export "memory") 2)
              (global $heap (mut i32) (i32.const 65536))
              (global $stride i32 (i32.const {stride}))
              (data (i32.const 16) "n1")
              (func $alloc (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $new i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
                (global.set $heap (i32.add (local.get $at) (local.get $new)))
                (block $fits
                  (loop $grow
                    (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
                    (drop (memory.grow (i32.const 1)))
                    (br $grow)))
                (local.get $at))
              {functions}
              {more})"#,
            imports = self.imports,
            more = self.more,
            stride = Step::SIZE32,
        );
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        module
    }

    /// The component, with the manifest of [`manifest`].
    pub fn build(&self) -> Vec<u8> {
        componentize(&self.module(), &manifest_of(self.concern)).unwrap().0
    }

    /// The component before it is checked: with any manifest, or without one.
    pub fn raw(&self, sections: &[&[u8]]) -> Vec<u8> {
        let mut encoder = wit_component::ComponentEncoder::default();
        let bytes = encoder.validate(true).module(&self.module()).unwrap().encode().unwrap();
        sections.iter().fold(bytes, |bytes, data| with_section(bytes, arcus_plan::manifest::SECTION, data))
    }
}

/// Appends a custom section.
pub fn with_section(mut bytes: Vec<u8>, name: &str, data: &[u8]) -> Vec<u8> {
    fn number(bytes: &mut Vec<u8>, mut value: usize) {
        while value >= 0x80 {
            bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
    }
    let mut section = Vec::new();
    number(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(data);
    bytes.push(0);
    number(&mut bytes, section.len());
    bytes.extend_from_slice(&section);
    bytes
}

/// Body of `plan`: asks `count` times the same request, all at once, then goes on.
pub fn ask(count: usize) -> String {
    // The requests: node `n1`, probe 0 (`os`).
    let size = Request::SIZE32;
    format!(
        "(local $i i32) (local $requests i32)
         (local.set $requests (call $alloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const {})))
         (loop $fill
           (i32.store (i32.add (local.get $requests) (i32.mul (local.get $i) (i32.const {size}))) (i32.const 16))
           (i32.store offset=4 (i32.add (local.get $requests) (i32.mul (local.get $i) (i32.const {size}))) (i32.const 2))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $fill (i32.lt_u (local.get $i) (i32.const {count}))))
         (call $ask (local.get $requests) (i32.const {count}) (i32.const 512))",
        count * size
    )
}

/// Body of `plan`: asks once, then gives the problem that came as the first answer back as the plan's only warning.
pub fn echo() -> String {
    format!(
        "{}
         ;; Ok(desired {{ steps: [], warnings: [that problem] }}); a problem lies 8 bytes into its answer.
         (i32.store offset=12 (i32.const {NOTHING}) (i32.add (i32.load (i32.const 512)) (i32.const 8)))
         (i32.store offset=16 (i32.const {NOTHING}) (i32.const 1))
         (i32.const {NOTHING})",
        ask(1)
    )
}

pub fn manifest() -> Manifest {
    manifest_of(Concern::Storage)
}

pub fn live_manifest() -> Manifest {
    live_manifest_of(Concern::Storage)
}

pub fn live_manifest_of(concern: Concern) -> Manifest {
    let mut manifest = manifest_of(concern);
    manifest.grant.roles = vec!["storage".into()];
    manifest.grant.actions = vec!["call".into()];
    manifest.grant.command = vec![arcus_plan::manifest::Command { argv: vec!["yes".into()], options: vec![], stdin: None }];
    manifest
}

pub fn manifest_of(concern: Concern) -> Manifest {
    let concern = concern.as_str();
    Manifest::from_toml(&format!(
        r#"
        name = "{concern}-tried"
        version = "0.1.0"
        concern = "{concern}"
        contract = "0.1"
        summary = "A guest of the tests."
        "#
    ))
    .unwrap()
}

pub fn input() -> Input {
    Input {
        cluster_id: "4f1c2f0e-0000-4000-8000-000000000000".into(),
        cluster: "tried".into(),
        config: "{}".into(),
        nodes: vec![Node { name: "n1".into(), address: "10.0.0.1".into(), roles: vec![Role::Storage], labels: vec![] }],
        handed: Handed {
            demands: PlatformDemand { shared: None, gateway_health: None, gateway_unit: None, manage_health: None, manage_unit: None },
            storage: vec![],
            network: None,
            gateway: None,
            others: vec![],
        },
    }
}

pub fn problem(code: &str, message: &str) -> Problem {
    Problem { code: code.into(), message: message.into(), help: None, node: None, pointer: None, retryable: false }
}

pub fn os(node: &str) -> Request {
    Request { node: node.into(), probe: Probe::Os }
}

/// Answers each request with a problem that tells who asked what.
pub struct Parrot;

#[async_trait::async_trait]
impl Asker for Parrot {
    async fn ask(&self, plugin: &str, requests: Vec<Request>) -> Vec<Answer> {
        requests.iter().map(|request| Err(problem("parrot", &format!("{plugin} asks {}", request.node)))).collect()
    }
}

/// Permits all; collects logs.
pub struct Bench {
    pub options: Options,
    pub logs: Arc<Mutex<Vec<LogLine>>>,
}

impl Bench {
    pub fn new() -> Self {
        let logs = Arc::new(Mutex::new(Vec::new()));
        let mut options = Options::new(Arc::new(|_, _| Ok(())));
        let sink = Arc::clone(&logs);
        options.log = Arc::new(move |line| sink.lock().unwrap().push(line));
        Self { options, logs }
    }

    pub fn with_cache(mut self, cache: Cache) -> Self {
        self.options.cache = Some(Arc::new(cache));
        self
    }

    pub fn sandbox(&self) -> Sandbox {
        Sandbox::new(self.options.clone()).unwrap()
    }

    pub async fn load(&self, guest: &Guest) -> Plugin {
        self.sandbox().load(Source::Bytes("tried", &guest.build())).await.unwrap_or_else(|error| panic!("{error}"))
    }
}
