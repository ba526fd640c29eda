//! Every step and every question is checked against the manifest before anything is shown or asked.

mod drill;
pub mod handed;
pub mod hatch;

use std::collections::{BTreeMap, BTreeSet};

use arcus_contract::actions::{Action, Desired, Step};
use arcus_contract::facts::{Probe, Request};
use arcus_contract::files::{Content, File, Piece};
use arcus_contract::types::{Node, Problem};

use crate::manifest::{Concern, Manifest};
use crate::pattern;

pub use drill::drill;

/// Never readable, whatever is granted: these answer metadata only.
const PRIVATE: [&str; 9] = [
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/ssh",
    "/root/.ssh",
    "/var/lib/arcus",
    "/opt/rainbond/.init",
    "/opt/rainbond/rainbond-ansible/scripts/installer/global.sh",
    "/proc",
];
/// Harmless below `/proc`.
const PROC: [&str; 4] = ["/proc/cmdline", "/proc/meminfo", "/proc/modules", "/proc/filesystems"];

/// Whether the content of a path is kept from every plugin, diff, journal and report.
pub fn is_private(path: &str) -> bool {
    let home_keys = path.strip_prefix("/home/").is_some_and(|rest| rest.split('/').nth(1) == Some(".ssh"));
    home_keys
        || (PRIVATE.iter().any(|prefix| pattern::is_under(path, prefix)) && !PROC.contains(&path) && !path.ends_with(".pub"))
}

/// Something a plugin may not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{plugin}: {}{reason}", if step.is_empty() { String::new() } else { format!("step `{step}`: ") })]
pub struct Denial {
    /// Name of the plugin.
    pub plugin: String,
    /// Id of the step; empty when it is about the plan as a whole.
    pub step: String,
    /// The permission that is missing, as its manifest would name it (`grant.write = "/etc"`); none when no permission would
    /// help, because the plan itself is wrong.
    pub permission: Option<String>,
    /// What is wrong, in words.
    pub reason: String,
}

/// Checks a plan as a whole: its shape, and every step against the grant.
///
/// # Errors
/// All denials at once.
pub fn plan(manifest: &Manifest, nodes: &[Node], desired: &Desired) -> Result<(), Vec<Denial>> {
    let mut denials = Vec::new();
    let known: BTreeMap<&str, &Node> = nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let ids: BTreeSet<&str> = desired.steps.iter().map(|step| step.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    for step in &desired.steps {
        let mut deny = |permission: Option<String>, reason: String| {
            denials.push(Denial { plugin: manifest.name.clone(), step: step.id.clone(), permission, reason });
        };
        if !seen.insert(&step.id) {
            deny(None, "its id is used twice".into());
        }
        if step.id.is_empty() || step.id.len() > 200 || step.id.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
            deny(None, "an id is 1 to 200 characters without blanks, slashes and control characters".into());
        }
        for after in &step.after {
            if !ids.contains(after.as_str()) {
                deny(None, format!("it comes after `{after}`, which is not in the plan"));
            } else if *after == step.id {
                deny(None, "it comes after itself".into());
            }
        }
        match known.get(step.node.as_str()) {
            None => deny(None, format!("the cluster has no node `{}`", step.node)),
            Some(node) if !manifest.grant.roles.is_empty() && !has_role(node, &manifest.grant.roles) => {
                deny(
                    Some(format!("grant.roles = {:?}", node.roles.iter().map(|role| role.word()).collect::<Vec<_>>())),
                    format!("{} has none of the roles this plugin may touch", step.node),
                );
            }
            Some(_) => {}
        }
        for milestone in step.provides.iter().filter(|milestone| !may_provide(manifest.concern, milestone)) {
            deny(None, format!("it provides `{milestone}`, which is not its to provide: others would go by it"));
        }
        if let Action::Call(call) = &step.action {
            hatch::call(manifest, &known, call, &mut deny);
        }
        self::step(manifest, step, &mut deny);
    }
    if denials.is_empty() { Ok(()) } else { Err(denials) }
}

/// Whether this question may be asked.
///
/// # Errors
/// The answer the plugin gets instead: `node.denied`, naming the permission.
pub fn permit(manifest: &Manifest, request: &Request) -> Result<(), Problem> {
    let denied = |permission: String| {
        Err(Problem {
            code: "node.denied".into(),
            message: format!("{} may not look at this: it has no {permission}", manifest.name),
            help: Some(format!("its manifest does not ask for it, so nobody approved it; for a version that does: `arcus plugin approve {}`", manifest.name)),
            node: Some(request.node.clone()),
            pointer: None,
            retryable: false,
        })
    };
    match &request.probe {
        Probe::File(file) if file.content > 0 && is_private(&file.path) => denied(format!("way to read {}", file.path)),
        Probe::File(file) if !may_read(manifest, &file.path) => denied(format!("grant.read = {:?}", file.path)),
        Probe::FileIs(file) if !may_read(manifest, &file.path) => denied(format!("grant.read = {:?}", file.path)),
        Probe::FileIs(file) => compared(manifest, file).map_or(Ok(()), denied),
        Probe::Directory(path) if !may_read(manifest, path) => denied(format!("grant.read = {path:?}")),
        Probe::Holders(path) if !may_read(manifest, path) => denied(format!("grant.read = {path:?}")),
        Probe::Query(query) => match manifest.query(&query.id) {
            None => denied(format!("grant.query with id = {:?}", query.id)),
            Some(known) => {
                known.filled(&query.args).map(drop).or_else(|reason| denied(format!("query {:?} with these arguments: {reason}", query.id)))
            }
        },
        _ => Ok(()),
    }
}

/// Which right is missing for what a file is to be compared with: the answer tells of it.
fn compared(manifest: &Manifest, file: &File) -> Option<String> {
    let grant = &manifest.grant;
    match &file.content {
        Content::NodeFile((_, path)) if !may_read(manifest, path) => Some(format!("grant.read = {path:?}")),
        Content::Artifact(name) if !grant.artifacts.contains(name) => Some(format!("grant.artifacts = [{name:?}]")),
        Content::Pieces(pieces) => pieces.iter().find_map(|piece| match piece {
            Piece::Secret(name) if !grant.secrets.contains_key(name) => Some(format!("grant.secrets.{name}")),
            _ => None,
        }),
        _ => None,
    }
}

/// The milestones of the contract belong to a concern each; what a plugin calls its own is its own.
fn may_provide(concern: Concern, milestone: &str) -> bool {
    match milestone.split('.').next() {
        Some("storage") => matches!(concern, Concern::Storage | Concern::Migration),
        Some("network") => concern == Concern::Network,
        Some("vip") => concern == Concern::Gateway,
        Some("platform") => concern == Concern::Platform,
        _ => true,
    }
}

fn step(manifest: &Manifest, step: &Step, deny: &mut impl FnMut(Option<String>, String)) {
    let grant = &manifest.grant;
    action(manifest, &step.action, deny);
    if let Some(undo) = &step.undo {
        action(manifest, undo, deny);
        if matches!(undo, Action::Call(_)) {
            deny(None, "what takes it back would run live: that is a step of its own".into());
        }
    }
    if let Action::Later(later) = &step.action {
        for kind in &later.kinds {
            if kind != "wait" && !grant.actions.contains(kind) {
                deny(Some(format!("grant.actions = [{kind:?}]")), format!("it announces a {kind} it may not do"));
            }
        }
        if later.kinds.is_empty() {
            deny(None, "a later step names the kinds of action it may become".into());
        }
    }
    if matches!(step.action, Action::Command(_) | Action::Job(_) | Action::Call(_)) && step.goal.is_none() {
        deny(None, "a command, job or call has no end of its own: it needs a goal".into());
    }
    if step.once && step.goal.is_none() {
        deny(None, "what is done once per cluster needs a goal that tells whether it was".into());
    }
    for request in step.goal.iter().flat_map(|goal| &goal.requests) {
        if let Err(problem) = permit(manifest, request) {
            deny(None, format!("its goal looks at what it may not see: {}", problem.message));
        }
    }
}

fn action(manifest: &Manifest, action: &Action, deny: &mut impl FnMut(Option<String>, String)) {
    let grant = &manifest.grant;
    let kind = action.word();
    if !matches!(action, Action::Wait | Action::Later(_)) && !grant.actions.iter().any(|have| have == kind) {
        deny(Some(format!("grant.actions = [{kind:?}]")), format!("it may not do a {kind}"));
        return;
    }
    let mut write = |path: &str| {
        if !may_write(manifest, path) {
            deny(Some(format!("grant.write = {path:?}")), format!("it may not write {path}"));
        }
    };
    match action {
        Action::Package(package) if !grant.packages.contains(&package.name) => {
            deny(Some(format!("grant.packages = {:?}", package.name)), format!("it may not install {}", package.name));
        }
        Action::Directory(directory) => write(&directory.path),
        Action::Absent(path) | Action::Unmount(path) => write(path),
        Action::Mount(mount) => {
            write(&mount.target);
            // What is shown elsewhere could be written there.
            own_places(&mount.source, &mount.fstype, &mount.options).for_each(write);
        }
        Action::CopyTree(copy) => {
            write(&copy.target);
            write(&copy.receipt);
            if !may_read(manifest, &copy.source) {
                deny(Some(format!("grant.read = {:?}", copy.source)), format!("it may not read {}", copy.source));
            }
            if let Some(private) = is_private(&copy.source).then_some(copy.source.as_str()).or_else(|| private_below(&copy.source)) {
                deny(None, format!("{private} is copied by nobody"));
            }
        }
        Action::Fetch(fetch) => {
            if !may_read(manifest, &fetch.path) {
                deny(Some(format!("grant.read = {:?}", fetch.path)), format!("it may not read {}", fetch.path));
            }
            if is_private(&fetch.path) {
                deny(None, format!("{} is read by nobody", fetch.path));
            }
            let ok = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            if fetch.name.is_empty() || fetch.name.len() > 100 || fetch.name.starts_with('.') || !fetch.name.bytes().all(ok) {
                deny(None, format!("{:?} is no name for a file to keep", fetch.name));
            }
        }
        Action::File(file) => {
            write(&file.path);
            self::file(manifest, file, deny);
        }
        Action::Service(service) if !grant.services.contains(&service.name) => {
            deny(Some(format!("grant.services = {:?}", service.name)), format!("it may not touch {}", service.name));
        }
        Action::Command(command) | Action::Job(command) => {
            let stdin: Vec<&Piece> = command.stdin.iter().collect();
            for piece in &stdin {
                if let Piece::Secret(name) = piece
                    && !grant.secrets.contains_key(name)
                {
                    deny(Some(format!("grant.secrets.{name}")), format!("it was not granted the secret `{name}`"));
                }
            }
            let text = stdin.iter().map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Secret(name) => format!("secret-{name}"),
            });
            let text: String = text.collect();
            if !runs(manifest, &command.argv, &text, stdin.is_empty()) {
                deny(
                    Some(format!("grant.command with argv = {:?}", command.argv)),
                    format!("no command of its manifest reads `{}`", command.argv.join(" ")),
                );
            }
        }
        _ => {}
    }
}

fn file(manifest: &Manifest, file: &File, deny: &mut impl FnMut(Option<String>, String)) {
    match &file.content {
        Content::Pieces(pieces) => {
            for piece in pieces {
                if let Piece::Secret(name) = piece
                    && !manifest.grant.secrets.contains_key(name)
                {
                    deny(Some(format!("grant.secrets.{name}")), format!("it was not granted the secret `{name}`"));
                }
            }
        }
        Content::Artifact(name) if !manifest.grant.artifacts.contains(name) => {
            deny(Some(format!("grant.artifacts = [{name:?}]")), format!("it was not granted the artifact `{name}`"));
        }
        Content::NodeFile((_, path)) if !may_read(manifest, path) => {
            deny(Some(format!("grant.read = {path:?}")), format!("it may not carry over {path}"));
        }
        // Where it can be read, it would be read.
        Content::NodeFile((_, path)) if is_private(path) && !is_private(&file.path) => {
            deny(None, format!("{path} is kept from every plugin, and {} is not", file.path));
        }
        _ => {}
    }
    if file.mode > 0o7777 {
        deny(None, format!("mode {:o} is no permission", file.mode));
    }
}

/// Folders of the node itself that a mount shows at its target: no device, no other machine.
fn own_places<'a>(source: &'a str, fstype: &str, options: &'a [String]) -> impl Iterator<Item = &'a str> {
    let overlay = fstype == "overlay";
    let options = options.iter().filter(move |_| overlay).filter_map(|option| option.split_once('='));
    let layers = options.filter(|(key, _)| key.ends_with("dir")).flat_map(|(_, paths)| paths.split(':'));
    std::iter::once(source).chain(layers).filter(|place| place.starts_with('/') && !pattern::is_under(place, "/dev"))
}

/// A path in this folder whose content is kept from everybody.
fn private_below(folder: &str) -> Option<&'static str> {
    let homes = (pattern::is_under(folder, "/home") && folder.matches('/').count() < 3).then_some("/home/*/.ssh");
    PRIVATE.into_iter().find(|private| pattern::is_under(private, folder)).or(homes)
}

/// Whether a command of the manifest reads so.
fn runs(manifest: &Manifest, argv: &[String], stdin: &str, unfed: bool) -> bool {
    manifest.grant.command.iter().any(|known| {
        pattern::matches(&known.argv, &known.options, argv)
            && match &known.stdin {
                Some(template) => pattern::matches_text(template, stdin),
                None => unfed,
            }
    })
}

fn may_read(manifest: &Manifest, path: &str) -> bool {
    let grant = &manifest.grant;
    grant.read.iter().chain(&grant.write).any(|prefix| pattern::is_under(path, prefix))
}

fn may_write(manifest: &Manifest, path: &str) -> bool {
    manifest.grant.write.iter().any(|prefix| pattern::is_under(path, prefix))
}

/// Names of the nodes that a plugin may touch.
#[must_use]
pub fn reach(manifest: &Manifest, nodes: &[Node]) -> Vec<String> {
    let roles = &manifest.grant.roles;
    nodes.iter().filter(|node| roles.is_empty() || has_role(node, roles)).map(|node| node.name.clone()).collect()
}

fn has_role(node: &Node, roles: &[String]) -> bool {
    node.roles.iter().any(|role| roles.iter().any(|name| name == role.word()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arcus_contract::actions::{CopyTree, Mount, Over};
    use arcus_contract::files::Part;

    const MANIFEST: &str = "name = \"storage-x\"\nversion = \"0.1.0\"\nconcern = \"storage\"\ncontract = \"0.1\"\nsummary = \"x\"\n\
        [grant]\nactions = [\"file\"]\nwrite = [\"/srv\"]\nartifacts = [\"mine\"]\n[grant.secrets.mine]\norigin = \"operator\"\n";

    #[test]
    fn a_file_is_compared_with_nothing_that_is_not_granted() {
        let manifest = Manifest::from_toml(MANIFEST).unwrap();
        let asked = |content: Content| {
            let file = File { path: "/srv/x".into(), part: Part::Whole, content, mode: 0o644, owner: "root".into(), group: "root".into(), keep_original: false };
            permit(&manifest, &Request { node: "one".into(), probe: Probe::FileIs(file) }).map_err(|problem| problem.message)
        };
        let secret = |name: &str| Content::Pieces(vec![Piece::Text("a".into()), Piece::Secret(name.into())]);
        for good in [secret("mine"), Content::Artifact("mine".into()), Content::NodeFile(("two".into(), "/srv/y".into()))] {
            assert_eq!(asked(good), Ok(()));
        }
        for (bad, missing) in [(secret("theirs"), "grant.secrets.theirs"), (Content::Artifact("theirs".into()), "grant.artifacts"), (Content::NodeFile(("two".into(), "/etc/shadow".into())), "grant.read")] {
            assert!(asked(bad).unwrap_err().contains(missing), "{missing}");
        }
    }

    #[test]
    fn what_nobody_may_read_is_not_put_where_it_can_be_read() {
        let text = MANIFEST.replace("\"file\"", "\"file\", \"copy-tree\", \"mount\"").replace("[grant]\n", "[grant]\nread = [\"/\"]\n");
        let manifest = Manifest::from_toml(&text).unwrap();
        let denied = |wanted: Action| {
            let mut all = Vec::new();
            action(&manifest, &wanted, &mut |_, reason| all.push(reason));
            all
        };
        let carried = |from: &str| Action::File(File { path: "/srv/x".into(), part: Part::Whole, content: Content::NodeFile(("two".into(), from.into())), mode: 0o600, owner: "root".into(), group: "root".into(), keep_original: false });
        let copied = |from: &str| Action::CopyTree(CopyTree { source: from.into(), target: "/srv/x".into(), mirror: false, compare: false, receipt: "/srv/receipt".into() });
        let mounted = |source: &str, fstype: &str, options: &[&str]| {
            let options = options.iter().map(|option| (*option).to_owned()).collect();
            Action::Mount(Mount { live: true, source: source.into(), target: "/srv/x".into(), fstype: fstype.into(), options, persist: false, over: Over::Nothing })
        };
        for good in [carried("/etc/hosts"), copied("/opt/data"), mounted("10.0.0.9:/etc", "nfs4", &[]), mounted("/srv/y", "none", &["bind"]), mounted("/dev/sdb", "xfs", &[])] {
            assert_eq!(denied(good), Vec::<String>::new());
        }
        for (bad, words) in [
            (carried("/root/.ssh/id_rsa"), "/root/.ssh/id_rsa is kept from every plugin, and /srv/x is not"),
            (copied("/root/.ssh"), "/root/.ssh is copied by nobody"),
            (copied("/root"), "/root/.ssh is copied by nobody"),
            (copied("/home/eva"), "/home/*/.ssh is copied by nobody"),
            (mounted("/", "none", &["bind"]), "it may not write /"),
            (mounted("/etc", "none", &["rbind"]), "it may not write /etc"),
            (mounted("overlay", "overlay", &["lowerdir=/srv/l:/root", "upperdir=/srv/u", "workdir=/srv/w"]), "it may not write /root"),
        ] {
            assert_eq!(denied(bad), [words]);
        }
    }

    #[test]
    fn milestones_of_other_concerns_are_theirs() {
        let mine = |milestone: &str| may_provide(Concern::Storage, milestone);
        assert!(mine("storage.mounted") && mine("storage-x.filled"));
        assert!(!mine("vip.answering") && !mine("platform.initialised") && !mine("network.ready"));
        assert!(may_provide(Concern::Migration, "storage.mounted") && !may_provide(Concern::Gateway, "storage.mounted"));
    }
}
