//! The hatch is held against the manifest twice: the step when it is planned, and everything it does while it runs.

use std::collections::BTreeMap;

use arcus_contract::actions::Call;
use arcus_contract::facts::{FileProbe, Probe, Request};
use arcus_contract::types::{Node, Problem};

use super::{has_role, is_private, may_write, permit, runs};
use crate::manifest::Manifest;
use crate::pattern;

/// Bytes of a step's arguments.
const ARGS: usize = 64 << 10;
/// Bytes of what a command is fed.
const STDIN: usize = 64 << 10;
/// Bytes of a file, and of a command's output.
pub const CONTENT: usize = 1 << 20;

/// Checks the step: what it is called, and the nodes it opens.
pub(super) fn call(manifest: &Manifest, known: &BTreeMap<&str, &Node>, call: &Call, deny: &mut impl FnMut(Option<String>, String)) {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if call.name.is_empty() || call.name.len() > 100 || !call.name.bytes().all(plain) {
        deny(None, format!("{:?} is no name for what runs live: lower-case letters, digits and `-`", call.name));
    }
    if call.args.len() > ARGS || serde_json::from_str::<serde::de::IgnoredAny>(&call.args).is_err() {
        deny(None, format!("what it tells itself is no JSON, or more than {ARGS} bytes"));
    }
    if call.nodes.is_empty() {
        deny(None, "it runs live on no node at all".into());
    }
    for (place, name) in call.nodes.iter().enumerate() {
        if call.nodes[..place].contains(name) {
            deny(None, format!("it names {name} twice"));
        }
        match known.get(name.as_str()) {
            None => deny(None, format!("it wants to run live on `{name}`, and the cluster has no such node")),
            Some(node) if !has_role(node, &manifest.grant.roles) => {
                let roles: Vec<&str> = node.roles.iter().map(|role| role.word()).collect();
                deny(Some(format!("grant.roles = {roles:?}")), format!("it wants to run live on {name}, which has none of the roles this plugin may touch"));
            }
            Some(_) => {}
        }
    }
}

/// Whether this command may be run live.
///
/// # Errors
/// What the plugin gets instead.
pub fn exec(manifest: &Manifest, node: &str, argv: &[String], stdin: &[u8]) -> Result<(), Problem> {
    if stdin.len() > STDIN {
        return Err(large(node, format!("what a command is fed has {} bytes, of {STDIN} at most", stdin.len())));
    }
    let Some(text) = std::str::from_utf8(stdin).ok().filter(|text| !text.contains('\0')) else {
        return Err(problem(node, "session.denied", "what a command is fed is no text".into()));
    };
    if argv.iter().any(|word| word.contains('\0')) || !runs(manifest, argv, text, stdin.is_empty()) {
        return Err(denied(manifest, node, format!("run `{}`", argv.join(" ")), &format!("grant.command with argv = {argv:?}")));
    }
    Ok(())
}

/// Whether this file may be read live.
///
/// # Errors
/// What the plugin gets instead.
pub fn read(manifest: &Manifest, node: &str, path: &str) -> Result<(), Problem> {
    if is_private(path) || manifest.grant.secret.iter().any(|prefix| pattern::is_under(path, prefix)) {
        return Err(problem(node, "session.secret", format!("what {path} holds is kept from every plugin")));
    }
    let request = Request { node: node.to_owned(), probe: Probe::File(FileProbe { path: path.to_owned(), content: 1 }) };
    permit(manifest, &request).map_err(|_| denied(manifest, node, format!("read {path}"), &format!("grant.read = {path:?}")))
}

/// Whether this file may be written live.
///
/// # Errors
/// What the plugin gets instead.
pub fn write(manifest: &Manifest, node: &str, path: &str, content: &[u8], mode: u32) -> Result<(), Problem> {
    if !may_write(manifest, path) {
        return Err(denied(manifest, node, format!("write {path}"), &format!("grant.write = {path:?}")));
    }
    if content.len() > CONTENT {
        return Err(large(node, format!("a file of {} bytes, of {CONTENT} at most", content.len())));
    }
    if mode > 0o7777 {
        return Err(problem(node, "session.denied", format!("mode {mode:o} is no permission")));
    }
    Ok(())
}

/// The nodes that one step may open, and none else.
///
/// # Errors
/// What the plugin gets instead.
pub fn open(nodes: &[String], node: &str) -> Result<(), Problem> {
    if nodes.iter().any(|known| known == node) {
        return Ok(());
    }
    Err(problem(node, "session.node", format!("{node} is not among the nodes of this step: {}", nodes.join(", "))))
}

fn denied(manifest: &Manifest, node: &str, what: String, permission: &str) -> Problem {
    let name = &manifest.name;
    let help = format!("its manifest does not ask for {permission}, so nobody approved that; for a version that does: `arcus plugin approve {name}`");
    Problem { help: Some(help), ..problem(node, "session.denied", format!("{name} may not {what}")) }
}

fn large(node: &str, message: String) -> Problem {
    problem(node, "session.too-large", message)
}

fn problem(node: &str, code: &str, message: String) -> Problem {
    Problem { code: code.into(), message, help: None, node: Some(node.to_owned()), pointer: None, retryable: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arcus_contract::types::Role;

    const MANIFEST: &str = "name = \"storage-x\"\nversion = \"0.1.0\"\nconcern = \"storage\"\ncontract = \"0.1\"\nsummary = \"x\"\n\
        [grant]\nroles = [\"storage\"]\nactions = [\"call\"]\nread = [\"/etc\"]\nwrite = [\"/srv/x\"]\nsecret = [\"/etc/x/key\"]\n\
        [[grant.command]]\nargv = [\"x\", \"join\", \"<address>\"]\n[[grant.command]]\nargv = [\"x\", \"feed\"]\nstdin = \"name <ident>\\n\"\n";

    fn manifest() -> Manifest {
        Manifest::from_toml(MANIFEST).unwrap()
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_step_opens_nodes_of_its_roles_and_says_what_it_is() {
        let node = |name: &str, role| Node { name: name.into(), address: "10.0.0.1".into(), roles: vec![role], labels: vec![] };
        let (store, other) = (node("s1", Role::Storage), node("c1", Role::Compute));
        let known = BTreeMap::from([("s1", &store), ("c1", &other)]);
        let said = |name: &str, args: &str, nodes: &[&str]| {
            let mut reasons = Vec::new();
            let step = Call { name: name.into(), args: args.into(), nodes: nodes.iter().map(|name| (*name).to_owned()).collect() };
            call(&manifest(), &known, &step, &mut |permission, reason| reasons.push((permission.is_some(), reason)));
            reasons
        };
        assert_eq!(said("join", "{}", &["s1"]), []);
        for (name, args, nodes, permission, words) in [
            ("join", "{}", &["c1"][..], true, "none of the roles"),
            ("join", "{}", &["nobody"], false, "no such node"),
            ("join", "{}", &["s1", "s1"], false, "twice"),
            ("join", "{}", &[], false, "no node at all"),
            ("join", "{", &["s1"], false, "no JSON"),
            ("Join us", "{}", &["s1"], false, "no name"),
        ] {
            let reasons = said(name, args, nodes);
            assert!(reasons.iter().any(|(has, reason)| *has == permission && reason.contains(words)), "{words}: {reasons:?}");
        }
    }

    #[test]
    fn what_it_does_is_in_its_manifest_or_not_done() {
        let manifest = manifest();
        let code = |result: Result<(), Problem>| result.err().map(|problem| problem.code).unwrap_or_default();
        assert_eq!(exec(&manifest, "s1", &words("x join 10.0.0.1"), b""), Ok(()));
        assert_eq!(exec(&manifest, "s1", &words("x feed"), b"name one\n"), Ok(()));
        for (argv, stdin) in [("x join --all", &b""[..]), ("x join 10.0.0.1 now", b""), ("sh -c reboot", b""), ("x feed", b"name $(x)\n"), ("x feed", b""), ("x join 10.0.0.1", b"y"), ("x feed", b"\xff"), ("x join 10.0.0.1\0", b"")] {
            assert_eq!(code(exec(&manifest, "s1", &words(argv), stdin)), "session.denied", "{argv} {stdin:?}");
        }
        assert_eq!(code(exec(&manifest, "s1", &words("x feed"), &vec![b'a'; STDIN + 1])), "session.too-large");
        for path in ["/etc/x/conf", "/srv/x/state"] {
            assert_eq!(read(&manifest, "s1", path), Ok(()), "{path}");
        }
        for (path, said) in [("/etc/shadow", "session.secret"), ("/etc/x/key/one", "session.secret"), ("/root/.ssh/id_rsa", "session.secret"), ("/var/x", "session.denied"), ("/etc/../var/x", "session.denied")] {
            assert_eq!(code(read(&manifest, "s1", path)), said, "{path}");
        }
        assert_eq!(write(&manifest, "s1", "/srv/x/a", b"b", 0o640), Ok(()));
        for path in ["/etc/x/conf", "/srv/x/../y", "/srv/xy", "srv/x"] {
            let problem = write(&manifest, "s1", path, b"b", 0o640).unwrap_err();
            assert!(problem.code == "session.denied" && problem.help.is_some_and(|help| help.contains("grant.write")), "{path}");
        }
        assert_eq!(code(write(&manifest, "s1", "/srv/x/a", &vec![0; CONTENT + 1], 0o640)), "session.too-large");
        assert_eq!(code(write(&manifest, "s1", "/srv/x/a", b"", 0o40755)), "session.denied");
        assert_eq!(code(open(&["s1".into()], "s2")), "session.node");
    }
}
