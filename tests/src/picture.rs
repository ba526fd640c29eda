//! A picture of all nodes at one moment, and what differs between two: for showing that something changes nothing.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use arcus_lab::{Node, World};
use rustix::fs::{lgetxattr, llistxattr};
use sha2::{Digest, Sha256};

const LOOK: &str = include_str!("look.sh");
/// What the kernel notes on an overlay for itself, also when a file is only looked at.
const OVERLAY: [&str; 4] = ["trusted.overlay.origin", "trusted.overlay.impure", "trusted.overlay.nlink", "trusted.overlay.uuid"];

/// What was to be seen: on which node, what, and how it was.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Picture(BTreeMap<(String, String), String>);

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// On this node.
    pub node: String,
    /// E.g. `file /etc/fstab`, `unit glusterd.service`, `mount ...`.
    pub what: String,
    /// None: it was not there.
    pub before: Option<String>,
    /// None: it is there no more.
    pub after: Option<String>,
}

/// A path that may differ, and why. `*` stands for anything within one name.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// As in [`Difference::what`].
    pub what: &'static str,
    /// Why this is no change.
    pub why: &'static str,
}

impl Picture {
    /// Takes it. No node is reached by ssh for it, and nothing is left on any.
    ///
    /// # Errors
    /// When a node cannot be looked at.
    pub fn take(world: &World) -> Result<Self> {
        let nodes = world.nodes();
        let taken: Vec<Result<BTreeMap<String, String>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = nodes.iter().map(|node| scope.spawn(move || of_node(world, node))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("looking panicked")))).collect()
        });
        let mut all = BTreeMap::new();
        for (node, seen) in nodes.iter().zip(taken) {
            let seen = seen.with_context(|| format!("a picture of {}", node.name()))?;
            all.extend(seen.into_iter().map(|(what, how)| ((node.name().to_owned(), what), how)));
        }
        Ok(Self(all))
    }

    /// Files on disk only: quick, and no program is run on any node.
    ///
    /// # Errors
    /// When a node's disk cannot be looked at.
    pub fn of_files(world: &World) -> Result<Self> {
        let mut all = BTreeMap::new();
        for node in world.nodes() {
            let mut seen = BTreeMap::new();
            files(world, &node, &mut seen)?;
            all.extend(seen.into_iter().map(|(what, how)| ((node.name().to_owned(), what), how)));
        }
        Ok(Self(all))
    }

    /// How many things are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many things of this kind (`file`, `unit`, ...) are in it.
    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        self.0.keys().filter(|(_, what)| what.split(' ').next() == Some(kind)).count()
    }

    /// What is not the same in a later one.
    #[must_use]
    pub fn differences(&self, later: &Self) -> Vec<Difference> {
        let keys: std::collections::BTreeSet<_> = self.0.keys().chain(later.0.keys()).collect();
        let differs = keys.into_iter().filter(|key| self.0.get(*key) != later.0.get(*key));
        differs
            .map(|key| Difference { node: key.0.clone(), what: key.1.clone(), before: self.0.get(key).cloned(), after: later.0.get(key).cloned() })
            .collect()
    }
}

/// What differs and neither differed in the control (nobody but time did that), nor may.
#[must_use]
pub fn unexplained(found: Vec<Difference>, control: &[Difference], allowed: &[Allowed]) -> Vec<Difference> {
    let same = |one: &Difference, other: &Difference| one.node == other.node && one.what == other.what;
    let is_explained = |one: &Difference| control.iter().any(|other| same(one, other)) || allowed.iter().any(|allowed| matches(allowed.what, &one.what));
    found.into_iter().filter(|one| !is_explained(one)).collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |text: &Option<String>| match text {
            None => "-".to_owned(),
            Some(text) => text.chars().take(300).collect(),
        };
        write!(f, "{}: {}: {} => {}", self.node, self.what, short(&self.before), short(&self.after))
    }
}

/// Whether a text is of this pattern: `*` is any run of characters without a slash.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            let end = rest.find('/').unwrap_or(rest.len());
            (0..=end).any(|at| rest.is_char_boundary(at) && matches(tail, &rest[at..]))
        }),
    }
}

fn of_node(world: &World, node: &Node<'_>) -> Result<BTreeMap<String, String>> {
    let mut seen = BTreeMap::new();
    files(world, node, &mut seen)?;
    sections(&node.sh(LOOK)?, &mut seen);
    Ok(seen)
}

fn files(world: &World, node: &Node<'_>, seen: &mut BTreeMap<String, String>) -> Result<()> {
    tree(&world.outside(&node.upper()), "file ", seen)?;
    if node.spec().is("storage") {
        tree(&world.outside(&node.data()), "file /data", seen)?;
    }
    Ok(())
}

/// Every line of what was seen inside is a thing of its own; what has a name is told by it.
fn sections(text: &str, seen: &mut BTreeMap<String, String>) {
    let mut section = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("@@ ") {
            section = name;
            continue;
        }
        match section {
            "unit" | "memory" | "content" | "etcd" => {
                let (name, how) = line.split_once(' ').unwrap_or((line, ""));
                seen.insert(format!("{section} {name}"), how.to_owned());
            }
            // Looked at more than once.
            "process" => drop(seen.insert(format!("{section} {line}"), "runs".to_owned())),
            // Two of the same are not one.
            _ => {
                let times = seen.entry(format!("{section} {line}")).or_insert_with(|| "0".into());
                *times = (times.parse::<usize>().unwrap_or_default() + 1).to_string();
            }
        }
    }
}

/// Every file below `top`: kind, mode, owner, extended attributes, and what it holds.
fn tree(top: &Path, name: &str, seen: &mut BTreeMap<String, String>) -> Result<()> {
    let mut left = vec![(top.to_owned(), name.to_owned())];
    while let Some((folder, name)) = left.pop() {
        // What is gone by now was not there for long.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            let name = format!("{}/{}", name.trim_end_matches('/'), path.file_name().unwrap_or_default().to_string_lossy());
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            let mut how = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
            for (attribute, value) in attributes(&path) {
                how += &format!(" {attribute}={}", hex(&value));
            }
            if meta.is_symlink() {
                how += &format!(" -> {}", fs::read_link(&path).unwrap_or_default().display());
            } else if meta.is_file() {
                how += &format!(" {}", digest(&path).unwrap_or_else(|error| format!("unreadable: {error}")));
            } else if meta.is_dir() {
                left.push((path, name.clone()));
            } else {
                how += &format!(" {}", meta.rdev());
            }
            seen.insert(name, how);
        }
    }
    Ok(())
}

fn digest(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut fs::File::open(path)?, &mut hash)?;
    Ok(hex(&hash.finalize()[..12]))
}

fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 16 << 10];
    let Ok(length) = llistxattr(path, &mut names[..]) else { return BTreeMap::new() };
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names
        .filter(|name| !OVERLAY.iter().any(|own| own.as_bytes() == *name))
        .filter_map(|name| {
            let mut value = vec![0; 64 << 10];
            let length = lgetxattr(path, CString::new(name).ok()?, &mut value[..]).ok()?;
            value.truncate(length);
            Some((String::from_utf8_lossy(name).into_owned(), value))
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(what: &str) -> Difference {
        Difference { node: "one".into(), what: what.into(), before: None, after: Some("x".into()) }
    }

    #[test]
    fn what_the_control_did_or_is_allowed_is_explained_and_nothing_else() {
        let allowed = [Allowed { what: "file /var/log/*.log", why: "a log" }];
        let elsewhere = Difference { node: "two".into(), ..difference("file /a") };
        let found = vec![difference("file /a"), difference("file /b"), difference("file /var/log/x.log"), difference("file /var/log/x/y.log")];
        let left = unexplained(found, &[difference("file /b"), elsewhere], &allowed);
        assert_eq!(left, [difference("file /a"), difference("file /var/log/x/y.log")]);
    }

    #[test]
    fn every_kind_of_change_is_a_difference() {
        let folder = tempfile::tempdir().unwrap();
        let picture = || {
            let mut seen = BTreeMap::new();
            tree(folder.path(), "file ", &mut seen).unwrap();
            Picture(seen.into_iter().map(|(what, how)| (("one".to_owned(), what), how)).collect())
        };
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("d")).unwrap();
        fs::write(path("d/f"), "1").unwrap();
        let mut before = picture();
        assert!(before.0.contains_key(&("one".into(), "file /d/f".into())), "{before:?}");
        assert_eq!(before.differences(&picture()), []);
        let changes: [(&str, &dyn Fn()); 6] = [
            ("content", &|| fs::write(path("d/f"), "2").unwrap()),
            ("mode", &|| fs::set_permissions(path("d/f"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap()),
            ("owner", &|| std::os::unix::fs::lchown(path("d/f"), Some(1), None).unwrap()),
            ("attribute", &|| rustix::fs::lsetxattr(path("d/f"), "trusted.x", b"1", rustix::fs::XattrFlags::empty()).unwrap()),
            ("new", &|| std::os::unix::fs::symlink("f", path("d/l")).unwrap()),
            ("gone", &|| fs::remove_file(path("d/f")).unwrap()),
        ];
        for (what, change) in changes {
            change();
            let after = picture();
            assert_eq!(before.differences(&after).len(), 1, "{what}");
            before = after;
        }
    }

    #[test]
    fn lines_and_names_of_sections() {
        let seen = |text: &str| {
            let mut seen = BTreeMap::new();
            sections(text, &mut seen);
            seen
        };
        let one = seen("\n@@ unit\nssh.service ActiveState=active\n@@ mount\n/a x\n/a x\n");
        assert_eq!(one["unit ssh.service"], "ActiveState=active");
        assert_eq!(one["mount /a x"], "2");
    }
}
