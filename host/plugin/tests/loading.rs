//! Files that are no plugin, or not one for this Arcus: each is refused with its own words, and none is run.

mod support;

use std::path::Path;

use arcus_plan::manifest::Concern;
use arcus_plugin::{Fault, MAX_SIZE, Sandbox, Source, componentize, digest, inspect};
use support::{Bench, Guest, echo, manifest, with_section};

async fn refused(sandbox: &Sandbox, bytes: &[u8]) -> Fault {
    let error = sandbox.load(Source::Bytes("tried", bytes)).await.expect_err("not a plugin");
    assert!(error.to_string().starts_with("plugin tried cannot be used: "), "{error}");
    assert!(!error.help().is_empty());
    error.fault
}

fn section() -> Vec<u8> {
    manifest().to_section()
}

#[test]
fn what_a_file_says_without_being_run() {
    let bytes = Guest::new("(unreachable)").build();
    let inspection = inspect(&bytes).unwrap();
    assert_eq!(inspection.manifest, manifest());
    assert_eq!((inspection.size, inspection.digest), (bytes.len(), digest(&bytes)));
    assert_eq!(inspection.imports, ["arcus:plugin/log@0.1.0#emit", "arcus:plugin/observe@0.1.0#ask"]);
    assert_eq!(
        inspection.exports,
        ["drills", "judge", "leave", "mend", "plan", "unfinished", "verify"]
            .map(|name| format!("arcus:plugin/lifecycle@0.1.0#{name}"))
            .into_iter()
            .chain(["arcus:plugin/storage@0.1.0#offer".to_owned()])
            .collect::<Vec<_>>()
    );
}

/// Some code of a component runs before anything of it is called: `start`. Neither looking at it nor loading it does that.
#[tokio::test]
async fn looking_at_one_runs_nothing_of_it() {
    let bytes = Guest::new("(unreachable)").more("(func $forever (loop (br 0))) (start $forever)").build();
    let mut bench = Bench::new();
    bench.options.limits.cpu = std::time::Duration::from_millis(200);
    assert_eq!(inspect(&bytes).unwrap().manifest, manifest());
    let plugin = bench.sandbox().load(Source::Bytes("tried", &bytes)).await.unwrap();
    // It is in there: whoever calls it meets it.
    match plugin.plan(support::Parrot, &support::input()).await {
        Err(arcus_plugin::Failure::Call(error)) => assert_eq!(error.code(), "plugin.hang", "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_module_and_manifest_give_the_same_bytes() {
    let guest = Guest::new(&echo());
    assert_eq!(guest.build(), guest.build());
}

#[tokio::test]
async fn files_that_are_no_component() {
    let sandbox = Bench::new().sandbox();
    let module = Guest::new("(unreachable)").module();
    for (bytes, code, words) in [
        (&b""[..], "plugin.not-wasm", "it is empty"),
        (b"#!/bin/sh\nreboot\n", "plugin.not-wasm", "it is text, not WebAssembly"),
        (b"\x7fELF\xff\xff", "plugin.not-wasm", "it is something else, not WebAssembly"),
        (b"\0asm", "plugin.damaged", "it ends inside its header"),
        (b"\0asm\x0d\0\x02\0", "plugin.damaged", "its version field 0d000200 is that of no known component"),
        (&module, "plugin.core-module", "it is a core module, not a component"),
        (&vec![0; MAX_SIZE + 1], "plugin.too-large", "it is 8388609 bytes long, and a plugin may have 8388608"),
    ] {
        let fault = refused(&sandbox, bytes).await;
        assert_eq!((fault.code, fault.message.as_str()), (code, words));
    }
}

#[tokio::test]
async fn files_that_cannot_be_read() {
    let sandbox = Bench::new().sandbox();
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.wasm");
    std::fs::write(&good, Guest::new(&echo()).build()).unwrap();
    assert_eq!(sandbox.load(Source::File(&good)).await.unwrap().origin(), good.display().to_string());
    for path in [folder.path(), Path::new("/dev/zero"), &folder.path().join("missing.wasm")] {
        let error = sandbox.load(Source::File(path)).await.unwrap_err();
        assert_eq!(error.code(), "plugin.unreadable", "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn another_version_of_the_contract_is_named() {
    let sandbox = Bench::new().sandbox();
    let guest = Guest::new("(unreachable)").wit("arcus:plugin@0.1.0", "arcus:plugin@0.2.0");
    let fault = refused(&sandbox, &guest.raw(&[&section()])).await;
    assert_eq!(fault.code, "plugin.contract-version");
    assert!(fault.message.starts_with("it was built for 0.2.0 of the contract"), "{fault}");
    assert!(fault.message.ends_with("this Arcus serves 0.1.0"), "{fault}");
}

#[tokio::test]
async fn a_patch_of_the_contract_is_served() {
    let guest = Guest::new(&echo()).wit("arcus:plugin@0.1.0", "arcus:plugin@0.1.7");
    let plugin = Bench::new().load(&guest).await;
    assert_eq!(plugin.plan(support::Parrot, &support::input()).await.unwrap().warnings.len(), 1);
}

/// Components of each world that was ever published, with functions that do nothing: all their types are those that the host has today.
#[tokio::test]
async fn every_published_world_is_served() {
    let sandbox = Bench::new().sandbox();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let mut folders: Vec<_> = std::fs::read_dir(&wit).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.iter().any(|folder| folder.ends_with("v0.1")), "{folders:?}");
    for folder in folders {
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve.push_path(&folder).unwrap();
        let mut served = 0;
        for concern in [Concern::Preflight, Concern::Storage, Concern::Network, Concern::Gateway, Concern::Platform, Concern::Migration] {
            for (more, manifest) in [("", support::manifest_of(concern)), ("-with-hatch", support::live_manifest_of(concern))] {
                let name = format!("{}-plugin{more}", concern.as_str());
                let Some(world) = resolve.packages[package].worlds.get(&name).copied() else { continue };
                let mut module = wit_component::dummy_module(&resolve, world, wit_parser::ManglingAndAbi::Standard32);
                wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8, true).unwrap();
                let (bytes, _) = componentize(&module, &manifest).unwrap_or_else(|fault| panic!("{} {name}: {fault}", folder.display()));
                sandbox.load(Source::Bytes(&name, &bytes)).await.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
                served += 1;
            }
        }
        assert!(served >= 8, "{}: {served} worlds", folder.display());
    }
}

#[tokio::test]
async fn imports_beyond_the_contract_are_named() {
    let sandbox = Bench::new().sandbox();
    // WASI, written out here, as it is nowhere near this repository.
    let wasi = wat::parse_str(
        r#"(component
            (import "wasi:filesystem/preopens@0.2.6" (instance (export "get-directories" (func))))
            (import "wasi:random/random@0.2.6" (instance (export "get-random-u64" (func)))))"#,
    )
    .unwrap();
    let fault = refused(&sandbox, &wasi).await;
    assert_eq!(fault.code, "plugin.imports-wasi");
    assert_eq!(
        fault.message,
        "it wants 2 interfaces from its system, and plugins get nothing: `wasi:filesystem/preopens@0.2.6`, `wasi:random/random@0.2.6`"
    );
    for (import, named) in [
        (r#"(import "arcus:plugin/log@0.1.0" (instance (export "shout" (func))))"#, "`arcus:plugin/log@0.1.0#shout`"),
        (r#"(import "evil:corp/run@1.0.0" (instance (export "sh" (func))))"#, "`evil:corp/run@1.0.0#sh`"),
        (r#"(import "bare" (func))"#, "`bare`"),
        (r#"(import "module" (core module))"#, "`module`"),
    ] {
        let fault = refused(&sandbox, &wat::parse_str(format!("(component {import})")).unwrap()).await;
        assert_eq!(fault.code, "plugin.imports");
        assert!(fault.message.contains(named), "{fault}");
    }
}

#[tokio::test]
async fn the_hatch_is_there_exactly_where_the_manifest_asks_for_it() {
    let sandbox = Bench::new().sandbox();
    let live = Guest::live("(i32.const 1024)");
    let asks = support::live_manifest().to_section();
    let inspection = inspect(&live.raw(&[&asks])).unwrap();
    assert!(inspection.imports.contains(&"arcus:plugin/session@0.1.0#[method]session.exec".to_owned()), "{:?}", inspection.imports);
    assert!(inspection.exports.contains(&"arcus:plugin/hatch@0.1.0#run".to_owned()), "{:?}", inspection.exports);
    sandbox.load(Source::Bytes("tried", &live.raw(&[&asks]))).await.unwrap_or_else(|error| panic!("{error}"));
    let fault = refused(&sandbox, &live.raw(&[&section()])).await;
    assert_eq!(fault.code, "plugin.hatch-undeclared");
    let fault = refused(&sandbox, &Guest::new("(unreachable)").raw(&[&asks])).await;
    assert_eq!(fault.code, "plugin.hatch-missing");
    // Whoever opens sessions and has no step to do that in: nobody calls it, and still it is not let in.
    let mut sneaky = Guest::new("(unreachable)").more("(func (export \"unused\") (call $open (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512)))");
    sneaky.imports = r#"(import "arcus:plugin/session@0.1.0" "[method]fleet.open" (func $open (param i32 i32 i32 i32)))"#.into();
    sneaky.wit = vec![("world storage-plugin { include plugin; export storage; }", "world storage-plugin { include plugin; import session; export storage; }")];
    assert_eq!(refused(&sandbox, &sneaky.raw(&[&section()])).await.code, "plugin.hatch-undeclared");
}

#[tokio::test]
async fn manifests_that_are_missing_or_wrong() {
    let sandbox = Bench::new().sandbox();
    let guest = Guest::new("(unreachable)");
    assert_eq!(refused(&sandbox, &guest.raw(&[])).await.code, "plugin.manifest-missing");
    for (sections, words) in [
        (&[&b"{"[..]][..], "does not parse"),
        (&[b"\xff\xfe"], "does not parse"),
        (&[b"{\"name\":\"storage-x\"}"], "missing field"),
        (&[&section(), &section()], "it has 2 manifests"),
        (&[&vec![b' '; 300 << 10]], "its manifest has 307200 bytes, of 262144 at most"),
    ] {
        let fault = refused(&sandbox, &guest.raw(sections)).await;
        assert_eq!(fault.code, "plugin.manifest-wrong");
        assert!(fault.message.contains(words), "{fault}");
    }
    // One hidden inside the core module is not the component's.
    let hidden = with_section(guest.module(), arcus_plan::manifest::SECTION, &section());
    let encoded = wit_component::ComponentEncoder::default().module(&hidden).unwrap().encode().unwrap();
    assert_eq!(refused(&sandbox, &encoded).await.code, "plugin.manifest-missing");
}

#[tokio::test]
async fn concern_and_exports_must_agree() {
    let guest = Guest::new("(unreachable)");
    let mut other = manifest();
    other.concern = arcus_plan::manifest::Concern::Network;
    other.name = "network-tried".into();
    let fault = componentize(&guest.module(), &other).unwrap_err();
    assert_eq!(fault.code, "plugin.concern");
    assert_eq!(fault.message, "its manifest says `network`, but it exports the functions of `storage`");
    // Nothing of any concern.
    let empty = with_section(wat::parse_str("(component)").unwrap(), arcus_plan::manifest::SECTION, &section());
    let fault = refused(&Bench::new().sandbox(), &empty).await;
    assert_eq!(fault.code, "plugin.export-missing");
    assert!(fault.message.contains("`lifecycle.plan`") && fault.message.contains("`storage.offer`"), "{fault}");
}

#[tokio::test]
async fn functions_of_another_type_are_refused_before_any_call() {
    let sandbox = Bench::new().sandbox();
    let guest = Guest::new("(unreachable)").wit("plan: func(input: input) -> result<desired, list<problem>>;", "plan: func(input: input) -> result<desired, list<string>>;");
    let fault = refused(&sandbox, &guest.raw(&[&section()])).await;
    assert_eq!(fault.code, "plugin.export-type");
    assert!(fault.message.contains("`lifecycle.plan`"), "{fault}");
    let guest = Guest::new("(unreachable)").wit("enum level { debug, info, warn }", "enum level { debug, info, warn, fatal }");
    let fault = refused(&sandbox, &guest.raw(&[&section()])).await;
    assert_eq!(fault.code, "plugin.import-type", "{fault}");
}

/// Small code, nested loops, many variables: minutes of compiling, were it not refused.
#[tokio::test]
async fn a_bomb_for_the_compiler_is_refused() {
    let (loops, variables) = (300, 300);
    let sets: String = (1..=variables).map(|n| format!("(local.set {n} (i64.add (local.get {}) (i64.const 1)))", n % variables + 1)).collect();
    let more = format!(
        "(func $deep (param i32) (local {}) {}{sets}{})",
        "i64 ".repeat(variables),
        "(loop ".repeat(loops),
        "(br_if 0 (local.get 0)))".repeat(loops)
    );
    let start = std::time::Instant::now();
    let fault = refused(&Bench::new().sandbox(), &Guest::new("(unreachable)").more(&more).build()).await;
    assert_eq!(fault.code, "plugin.too-complex", "{fault}");
    assert!(start.elapsed() < std::time::Duration::from_secs(20));
}

#[tokio::test]
async fn compiling_that_takes_too_long_is_given_up() {
    let mut bench = Bench::new();
    bench.options.limits.compile = std::time::Duration::from_millis(1);
    let more: String = (0..5_000).map(|n| format!("(func (result i32) (i32.const {n}))")).collect();
    let fault = refused(&bench.sandbox(), &Guest::new("(unreachable)").more(&more).build()).await;
    assert_eq!((fault.code, fault.message.as_str()), ("plugin.compile", "it was not compiled after 0.001 s"));
}

/// Every type of the contract in Rust is the one in the WIT, or loading would refuse guests of some world.
#[tokio::test]
async fn the_contract_in_rust_is_the_contract() {
    use arcus_plan::manifest::Concern;
    for concern in [Concern::Preflight, Concern::Storage, Concern::Network, Concern::Gateway, Concern::Platform, Concern::Migration] {
        let plugin = Bench::new().load(&Guest::of(concern, "(i32.const 1024)")).await;
        let input = support::input();
        let answered = match concern {
            Concern::Preflight => plugin.inspect(support::Parrot, &input).await.map(drop),
            Concern::Storage => plugin.offer_storage(&input).await.map(drop),
            Concern::Network => plugin.offer_network(&input).await.map(drop),
            Concern::Gateway => plugin.offer_gateway(&input).await.map(drop),
            Concern::Platform => plugin.demands(&input).await.map(drop),
            Concern::Migration => plugin.rollback(support::Parrot, &input).await.map(drop),
        };
        answered.unwrap();
    }
}

#[tokio::test]
async fn a_cut_file_is_never_a_plugin() {
    let sandbox = Bench::new().sandbox();
    let good = Guest::new(&echo()).build();
    for end in (0..good.len()).step_by(31).chain([good.len() - 1]) {
        let fault = refused(&sandbox, &good[..end]).await;
        // Cut at the end of a section, it may be a whole component that lacks what came after.
        let codes = ["plugin.not-wasm", "plugin.damaged", "plugin.manifest-missing", "plugin.compile"];
        assert!(codes.contains(&fault.code), "cut at {end}: {fault:?}");
    }
}

#[tokio::test]
async fn a_flipped_bit_never_harms_the_host() {
    let sandbox = Bench::new().sandbox();
    let good = Guest::new(&echo()).build();
    let (mut loaded, mut refused) = (0, 0);
    for at in (0..good.len()).step_by(37) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        match sandbox.load(Source::Bytes("flipped", &bad)).await {
            // A name, a constant: another plugin then, with another digest.
            Ok(plugin) => {
                loaded += 1;
                assert_ne!(plugin.digest(), digest(&good));
                let _ = plugin.plan(support::Parrot, &support::input()).await;
            }
            Err(error) => {
                refused += 1;
                assert!(error.code().starts_with("plugin."), "{error}");
            }
        }
    }
    assert!(refused > loaded / 10, "{refused} of {} refused", refused + loaded);
}

mod fuzz {
    use std::time::Duration;

    use super::*;

    /// Cut, damaged, put together from pieces: refused in words, or a component like any other. Never a panic, and nothing that holds us up.
    #[test]
    fn components() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut bench = Bench::new();
        bench.options.limits.cpu = Duration::from_millis(50);
        let sandbox = runtime.block_on(async { bench.sandbox() });
        let (good, other) = (Guest::new(&echo()).build(), Guest::of(Concern::Network, "(unreachable)").build());
        arcus_fuzz::bytes(&[&good, &other], &["arcus:manifest", "arcus:plugin/session@0.1.0", "wasi:cli/environment@0.2.6", "\0asm", "\u{d}\0\u{1}\0"], |bytes| {
            match inspect(bytes) {
                Err(fault) => assert!(fault.code.starts_with("plugin.") && !fault.message.is_empty() && !fault.help.is_empty(), "{fault:?}"),
                Ok(inspection) => {
                    assert_eq!((inspection.size, inspection.digest.as_str()), (bytes.len(), digest(bytes).as_str()));
                    runtime.block_on(async {
                        if let Ok(plugin) = sandbox.load(Source::Bytes("tried", bytes)).await {
                            let _ = plugin.plan(support::Parrot, &support::input()).await;
                        }
                    });
                }
            }
        });
    }
}
