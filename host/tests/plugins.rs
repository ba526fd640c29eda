//! A component of the first version of the contract, kept for good: it is still used, approved at a terminal, and known by who signed it.

mod common;

use std::path::PathBuf;

use common::{Folder, Ran};

/// Built with the SDK of contract 0.1.0, from the template for storage. Never built again.
const FROZEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/frozen/storage-frozen.wasm");
/// A test key, and another. Its secret half signed the component once.
const ACME: &str = "RWRBQUFBQUFBQa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd";
const OTHER: &str = "RWRCQkJCQkJCQi3wQSXwAVr7R86FOu+HcglP+UmMFMsbnhKXPCkn2g+m";

const FILE: &str = "\
cluster: { name: demo, id: 4f1c2f0e-7d57-4c9e-9c5e-3b1d6c1e9a01 }
nodes:
  - { name: manage01, address: 10.99.0.11, ssh: { address: 127.99.0.11, port: 9 }, roles: [manage, gateway] }
  - { name: compute01, address: 10.99.0.21, ssh: { address: 127.99.0.21, port: 9 }, roles: [compute] }
  - { name: compute02, address: 10.99.0.22, ssh: { address: 127.99.0.22, port: 9 }, roles: [compute] }
storage: { use: frozen, frozen: { source: \"10.99.0.9:/srv/data\" } }
";

/// An operator's folder, and what is theirs outside of it.
struct Desk {
    folder: Folder,
    side: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: Folder::with(FILE), side: tempfile::tempdir().unwrap() }
    }

    /// With the component where the author left it, signed.
    fn signed(policy: &str) -> (Self, PathBuf) {
        let desk = Self::new();
        let offered = desk.side.path().join("storage-frozen.wasm");
        std::fs::copy(FROZEN, &offered).unwrap();
        std::fs::copy(format!("{FROZEN}.minisig"), offered.with_extension("wasm.minisig")).unwrap();
        desk.policy(policy);
        (desk, offered)
    }

    fn policy(&self, text: &str) {
        std::fs::create_dir_all(self.side.path().join("arcus")).unwrap();
        std::fs::write(self.side.path().join("arcus/policy.toml"), text).unwrap();
    }

    fn environment(&self) -> Vec<(String, String)> {
        ["XDG_STATE_HOME", "XDG_CONFIG_HOME"].iter().map(|name| ((*name).to_owned(), self.side.path().display().to_string())).collect()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let environment = self.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.folder.run_with(&[arguments, &["-o", "json"]].concat(), &environment, "")
    }

    fn refused(&self, arguments: &[&str], code: i32, name: &str) {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.json()["error"]["code"].as_str()), (code, Some(name)), "{arguments:?}: {ran:?}");
    }
}

/// Its sha256, as the binary itself says.
fn digest() -> String {
    Folder::new().run(&["plugin", "inspect", FROZEN, "-o", "json"]).json()["digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_component_of_contract_0_1_is_served() {
    let desk = Desk::new();
    desk.folder.write("world.toml", "config = { source = \"10.99.0.9:/srv/data\" }\n[[node]]\nname = \"manage01\"\naddress = \"10.99.0.11\"\nroles = [\"manage\"]\n[[node]]\nname = \"compute01\"\naddress = \"10.99.0.21\"\nroles = [\"compute\"]\n");
    let ran = desk.run(&["plugin", "test", FROZEN, "--world", "world.toml"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let inspected = desk.run(&["plugin", "inspect", FROZEN]).json();
    assert_eq!((inspected["manifest"]["contract"].as_str(), inspected["name"].as_str()), (Some("0.1"), Some("storage-frozen")));
}

/// Written in WebAssembly's own text: `tests/wat-plugin`.
#[test]
fn a_plugin_without_the_sdk_is_one_like_any_other() {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/wat-plugin");
    let desk = Desk::new();
    std::fs::copy(source.join("manifest.toml"), desk.folder.path().join("manifest.toml")).unwrap();
    std::fs::write(desk.folder.path().join("plugin.wasm"), wat::parse_file(source.join("plugin.wat")).unwrap()).unwrap();
    let built = desk.run(&["plugin", "build", "--module", "plugin.wasm"]);
    assert_eq!(built.code, 0, "{built:?}");
    let inspected = desk.run(&["plugin", "inspect", "./storage-wat.wasm"]).json();
    assert_eq!(inspected["imports"], serde_json::json!(["arcus:plugin/observe@0.1.0#ask"]));
    // Its world is guessed from its manifest: ten machines, of each role.
    let tried = desk.run(&["plugin", "test", "storage-wat.wasm"]);
    assert_eq!(tried.code, 0, "{tried:?}");
    let trials = tried.json()["trials"].as_array().unwrap().clone();
    assert!(trials.len() >= 13 && trials.iter().all(|trial| trial["outcome"]["result"] == "passed"), "{trials:#?}");
    // What is no module is told, and what is none of the concern that its manifest says.
    std::fs::write(desk.folder.path().join("text.wasm"), "(module)").unwrap();
    desk.refused(&["plugin", "build", "--module", "text.wasm"], 3, "plugin.encode");
    std::fs::write(desk.folder.path().join("empty.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    desk.refused(&["plugin", "build", "--module", "empty.wasm"], 3, "plugin.encode");
    desk.refused(&["plugin", "build", "--module", "nowhere.wasm"], 3, "plugin.no-module");
}

/// Its offer is a network of its own, and Rainbond's installer brings one always: `validate` knows, whatever the plugin is called.
#[test]
fn what_a_platform_cannot_use_of_the_others_offers_is_told_before_any_node_is_asked() {
    const OFFER: &str = "(func (export \"arcus:plugin/storage@0.1.0#offer\")";
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/wat-plugin");
    let (module, manifest) = ["plugin.wat", "manifest.toml"].map(|name| std::fs::read_to_string(source.join(name)).unwrap()).into();
    let other = "(data (i32.const 256) \"mesh\") (data (i32.const 264) \"10.244.0.0/16\")
      (func (export \"arcus:plugin/network@0.1.0#offer\") (param $input i32) (result i32)
        (call $text (i32.add (global.get $result) (i32.const 4)) (i32.const 256) (i32.const 4))
        (call $text (i32.add (global.get $result) (i32.const 12)) (i32.const 264) (i32.const 13))
        (i32.store8 offset=20 (global.get $result) (i32.const BROUGHT))
        (global.get $result))
      (func";
    assert_eq!(module.matches(OFFER).count(), 1, "the plugin has changed");
    let desk = Desk::new();
    desk.folder.write("manifest.toml", &manifest.replace("storage", "network"));
    for (brought, words) in [("0", "beside which mesh cannot run"), ("1", "knows no network mesh")] {
        let module = module.replace(OFFER, &other.replace("BROUGHT", brought));
        std::fs::write(desk.folder.path().join("plugin.wasm"), wat::parse_str(&module).unwrap()).unwrap();
        let built = desk.run(&["plugin", "build", "--module", "plugin.wasm"]);
        assert_eq!(built.code, 0, "{built:?}");
        let alone = FILE.split_once("storage:").unwrap().0.to_owned() + "storage: { use: nfs, nfs: { server: 10.99.0.9, export: /srv/data } }\nnetwork: { use: wat }\n";
        desk.folder.write("cluster.yaml", &alone);
        let verb = if brought == "0" { &["plugin", "add", "./network-wat.wasm"][..] } else { &["plugin", "update", "network-wat"] };
        assert_eq!(desk.run(verb).code, 0);
        let digest = desk.run(&["plugin", "inspect", "./network-wat.wasm"]).json()["digest"].as_str().unwrap().to_owned();
        assert_eq!(desk.run(&["plugin", "approve", "network-wat", "--digest", &digest]).code, 0);
        let valid = desk.run(&["validate"]);
        assert_eq!(valid.code, 0, "{valid:?}");
        desk.folder.write("cluster.yaml", &format!("{alone}platform: {{ use: rainbond, rainbond: {{ version: \"5.1\" }} }}\n"));
        desk.refused(&["validate"], 3, "rainbond.network");
        let told = desk.run(&["validate"]).json()["error"].clone();
        let trouble = &told["troubles"][0];
        assert!(trouble["message"].as_str().unwrap().contains(words) && trouble["help"].is_string() && trouble["plugin"] == "platform-rainbond", "{told:#}");
    }
}

#[test]
fn at_a_terminal_its_name_is_typed() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["plugin", "add", FROZEN]).code, 0);
    let environment = desk.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // A yes is not enough, neither is the name of the cluster.
    for answer in ["yes\n", "demo\n", "\n"] {
        let mut terminal = desk.folder.on_terminal(&["plugin", "approve", "storage-frozen"], &environment);
        terminal.until("It asks to be allowed:");
        terminal.until("This amounts to root on nodes");
        terminal.until("type the name of the plugin (storage-frozen):");
        terminal.types(answer);
        assert_eq!(terminal.ends(), 7, "{}", terminal.seen());
    }
    desk.refused(&["validate"], 7, "plugin.not-approved");
    // Whoever wants to use it is asked as well, before anything else is done.
    let mut terminal = desk.folder.on_terminal(&["plan"], &environment);
    terminal.until("type the name of the plugin (storage-frozen):");
    terminal.types("storage-frozen\n");
    // No platform wants a shared directory, so there is nothing to ask the nodes but what others began there; they are not there.
    assert_eq!(terminal.ends(), 4, "{}", terminal.seen());
    terminal.until("0 steps");
    let list = desk.run(&["plugin", "list"]).json();
    let frozen = list["plugins"].as_array().unwrap().iter().find(|plugin| plugin["name"] == "storage-frozen").unwrap();
    assert_eq!(frozen["state"], "approved", "{frozen:#}");
}

#[test]
fn a_signature_counts_by_a_key_of_the_operators_policy() {
    let (desk, offered) = Desk::signed(&format!("[keys]\nacme = \"{ACME}\"\n"));
    let from = offered.display().to_string();
    assert_eq!(desk.run(&["plugin", "add", &from]).code, 0);
    assert!(desk.folder.read("arcus.lock").contains(ACME));
    let list = || {
        let list = desk.run(&["plugin", "list"]).json();
        list["plugins"].as_array().unwrap().iter().find(|plugin| plugin["name"] == "storage-frozen").unwrap().clone()
    };
    assert!(list()["signed_by"].is_null());
    assert_eq!(desk.run(&["plugin", "approve", "storage-frozen", "--digest", &digest()]).code, 0);
    assert_eq!(list()["signed_by"], "acme");
    // What was signed by one key is not replaced by what nobody signed, or another.
    std::fs::remove_file(offered.with_extension("wasm.minisig")).unwrap();
    desk.refused(&["plugin", "update", "storage-frozen"], 7, "plugin.other-key");
    assert_eq!(desk.run(&["plugin", "update", "storage-frozen", "--accept", "other-key"]).code, 0);
    assert!(!desk.folder.path().join("plugins/storage-frozen.wasm.minisig").exists() && !desk.folder.read("arcus.lock").contains(ACME));
}

#[test]
fn what_was_approved_unsigned_and_is_signed_since_is_noted_so_by_another_yes() {
    let (desk, offered) = Desk::signed("");
    let signature = offered.with_extension("wasm.minisig");
    std::fs::remove_file(&signature).unwrap();
    let from = offered.display().to_string();
    assert_eq!(desk.run(&["plugin", "add", &from]).code, 0);
    let approve = ["plugin", "approve", "storage-frozen", "--digest", &digest()];
    assert_eq!(desk.run(&approve).code, 0);
    let signed_by = || {
        let list = desk.run(&["plugin", "list"]).json();
        list["plugins"].as_array().unwrap().iter().find(|plugin| plugin["name"] == "storage-frozen").unwrap()["signed_by"].clone()
    };
    assert!(signed_by().is_null());
    // Approved as it is, there is nothing to say yes to.
    let again = desk.folder.run_with(&approve, &desk.environment().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), "");
    assert!(again.code == 0 && again.out.contains("is approved already"), "{again:?}");
    std::fs::copy(format!("{FROZEN}.minisig"), &signature).unwrap();
    desk.policy(&format!("[keys]\nacme = \"{ACME}\"\n"));
    let updated = desk.folder.run_with(&["plugin", "update", "storage-frozen"], &desk.environment().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), "");
    assert!(updated.code == 0 && updated.out.contains("an approval of it holds") && !updated.out.contains("approved again"), "{updated:?}");
    assert_eq!(desk.run(&["validate"]).code, 0);
    assert!(signed_by().is_null());
    assert_eq!(desk.run(&approve).code, 0);
    assert_eq!(signed_by(), "acme");
}

#[test]
fn a_colleague_without_the_key_or_the_signature_does_not_approve_it_as_signed() {
    let (desk, offered) = Desk::signed(&format!("[keys]\nacme = \"{ACME}\"\n"));
    assert_eq!(desk.run(&["plugin", "add", &offered.display().to_string()]).code, 0);
    desk.policy(&format!("[keys]\nother = \"{OTHER}\"\n"));
    desk.refused(&["plugin", "approve", "storage-frozen", "--digest", &digest()], 7, "plugin.signature-missing");
    desk.policy(&format!("[keys]\nacme = \"{ACME}\"\n"));
    let signature = desk.folder.path().join("plugins/storage-frozen.wasm.minisig");
    let whole = std::fs::read_to_string(&signature).unwrap();
    std::fs::write(&signature, whole.replace("\ntrusted comment: a test", "\ntrusted comment: v9")).unwrap();
    desk.refused(&["plugin", "approve", "storage-frozen", "--digest", &digest()], 7, "plugin.signature-wrong");
    std::fs::write(&signature, whole).unwrap();
    assert_eq!(desk.run(&["plugin", "approve", "storage-frozen", "--digest", &digest()]).code, 0);
}

#[test]
fn a_policy_can_refuse_what_is_not_signed() {
    let (desk, offered) = Desk::signed("unsigned = \"refuse\"\n");
    let from = offered.display().to_string();
    // A key that is not in the policy is as good as none.
    desk.refused(&["plugin", "add", &from], 7, "plugin.unsigned-refused");
    assert!(!desk.folder.path().join("arcus.lock").exists() && !desk.folder.path().join("plugins").exists());
    desk.policy(&format!("unsigned = \"refuse\"\n[keys]\nacme = \"{ACME}\"\n"));
    assert_eq!(desk.run(&["plugin", "add", &from]).code, 0);
    desk.policy("unsigned = \"perhaps\"\n");
    desk.refused(&["plugin", "approve", "storage-frozen", "--digest", &digest()], 3, "policy.unreadable");
}
