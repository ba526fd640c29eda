//! Bad input at run time, on real nodes: each is told by its own code, names its node, ends as documented, and changes nothing.

mod found;
mod files;
mod way;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::{NodeSpec, Options, World};
use arcus_tests::{Allowed, Checkout, Ended, Picture, Scenes, unexplained};
use serde_json::Value;

/// Longest that anything here may take.
const LIMIT: Duration = Duration::from_secs(90);

/// What logging in leaves on a node, whoever does it.
const LOGINS: [Allowed; 7] = [
    Allowed { what: "file /var/log/wtmp", why: "who logged in" },
    Allowed { what: "file /var/log/btmp", why: "who was refused" },
    Allowed { what: "file /var/log/lastlog", why: "who logged in last" },
    Allowed { what: "file /var/lib/sudo", why: "sudo has lectured a user" },
    Allowed { what: "file /var/lib/sudo/lectured", why: "sudo has lectured a user" },
    Allowed { what: "file /var/lib/sudo/lectured/*", why: "sudo has lectured a user" },
    Allowed { what: "file /home/*/.sudo_as_admin_successful", why: "Debian's sudo notes its first success at its user's home" },
];

#[test]
fn bad_input_is_told_by_name_and_changes_nothing() {
    let world = arcus_tests::bare(&nodes(), |options| Options { root_disk: "2g".into(), data_disk: "1g".into(), ..options }).expect("a lab");
    let mut scenes = Scenes::default();
    way::play(&world, &mut scenes);
    found::play(&world, &mut scenes);
    scenes.end();
}

/// Four nodes of the cluster, and one that is none of it.
fn nodes() -> Vec<NodeSpec> {
    let node = |name: &str, last: u8, roles: &[&str]| {
        roles.iter().fold(NodeSpec::new(name, [10, 97, 0, last].into()), |node, role| node.role(role))
    };
    vec![
        node("one", 11, &["manage", "gateway"]),
        node("two", 12, &["compute", "gateway"]),
        node("three", 13, &["compute", "storage"]),
        node("four", 14, &["storage"]),
        node("five", 15, &[]),
    ]
}

/// An operator with this cluster file.
fn checkout<'w>(world: &'w World, text: &str) -> Result<Checkout<'w>> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text)?;
    Checkout::new(world, file.path())
}

/// That no run was begun here, and no node is other than it was.
fn untouched(world: &World, checkout: &Checkout<'_>, before: &Picture, allowed: &[Allowed]) -> Result<()> {
    ensure!(runs(checkout) == 0, "a run was begun");
    unchanged(world, before, allowed)
}

/// That no node is other than it was.
fn unchanged(world: &World, before: &Picture, allowed: &[Allowed]) -> Result<()> {
    let allowed = [&LOGINS, allowed].concat();
    let found: Vec<String> = unexplained(before.differences(&Picture::of_files(world)?), &[], &allowed).iter().map(ToString::to_string).collect();
    ensure!(found.is_empty(), "nodes were changed:\n{}", found.join("\n"));
    Ok(())
}

/// How many runs this checkout has a journal of.
fn runs(checkout: &Checkout<'_>) -> usize {
    std::fs::read_dir(checkout.folder().join(".arcus/runs")).map_or(0, Iterator::count)
}

/// What was printed as JSON.
fn json(ended: &Ended) -> Result<Value> {
    serde_json::from_str(&ended.stdout).with_context(|| format!("`{}` printed no JSON:\n{}\n{}", ended.name, ended.stdout, ended.stderr))
}

/// All that an error holds, as flat as it can be told: a trouble, or a finding in the cluster file.
fn errors(printed: &Value) -> Vec<&Value> {
    let of = |key: &str| printed["error"][key].as_array().map(Vec::as_slice).unwrap_or_default();
    of("troubles").iter().chain(of("diagnostics")).collect()
}

/// One error with this code, which says all these words in its message, names the node, and says what to do next.
fn told(printed: &Value, code: &str, node: Option<&str>, words: &[&str]) -> Result<()> {
    let errors = errors(printed);
    let is = |error: &&&Value| {
        let text = error["message"].as_str().unwrap_or_default();
        let named = node.is_none_or(|node| error["node"] == node || text.split(|c: char| !c.is_alphanumeric()).any(|word| word == node));
        error["code"] == code && named && words.iter().all(|word| text.to_lowercase().contains(&word.to_lowercase()))
    };
    let found = errors.iter().find(is).with_context(|| format!("no error {code} on {node:?} with {words:?}: {:#}", printed["error"]))?;
    ensure!(found["help"].as_str().is_some_and(|help| !help.is_empty()), "{code} does not say what to do: {found}");
    Ok(())
}

/// A folder's path as an argument.
fn word(path: &Path) -> String {
    path.display().to_string()
}
