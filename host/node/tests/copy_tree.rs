//! What copies and compares trees: every difference is found, every name survives, and nothing is read twice that has not changed.
#![cfg(unix)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, thread, time::Duration};

const LIBRARY: &str = include_str!("../src/sh/copy-tree.sh");

struct Trees {
    folder: tempfile::TempDir,
}

struct Ended {
    status: i32,
    said: String,
}

impl Trees {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["from/d/e", "to", "memory"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let trees = Self { folder };
        for number in 0..30 {
            trees.write(&format!("from/d/f{number}"), &"x".repeat(number * 100));
        }
        for name in [&b"new\nline"[..], b"tab\there", b"back\\slash", b"back\\nslash", b"cr\rx", b"\xff\xfe latin", b"-", b"--help", b" lead", b"trail ", b"*", b"'q\"", b"$(x)"] {
            fs::write(trees.at("from").join(OsStr::from_bytes(name)), name).unwrap();
        }
        fs::hard_link(trees.at("from/d/f1"), trees.at("from/hard")).unwrap();
        symlink("new\nline", trees.at("from/sym")).unwrap();
        symlink("/nowhere\t\\x", trees.at("from/dangling")).unwrap();
        fs::File::create(trees.at("from/sparse")).unwrap().set_len(20 << 20).unwrap();
        fs::set_permissions(trees.at("from/d/f2"), fs::Permissions::from_mode(0o4751)).unwrap();
        fs::set_permissions(trees.at("from/d/e"), fs::Permissions::from_mode(0o1777)).unwrap();
        trees
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    fn sh(&self, shell: &[&str], line: &str) -> Ended {
        let script = format!("{LIBRARY}\nset -u\ncd {}\n{line}\n", self.folder.path().display());
        let output = Command::new(shell[0]).args(&shell[1..]).arg("-c").arg(script).env("LC_ALL", "C").output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ended { status: output.status.code().unwrap_or(-1), said }
    }

    /// `meanwhile` runs between the copy and the comparison.
    fn copy(&self, compare: bool, meanwhile: &str) -> Ended {
        let between = if meanwhile.is_empty() { String::new() } else { format!("eval \"real_$(sed -n '/^copy() {{/,/^}}/p' library)\"; copy() {{ real_copy \"$@\"; {meanwhile}; }}") };
        fs::write(self.at("library"), LIBRARY).unwrap();
        let here = self.folder.path().display();
        let line = format!("{between}\ncopy_tree {here}/from {here}/to 1 {} {here}/memory/receipt {here}/kept", u8::from(compare));
        self.sh(&["sh"], &line)
    }

    fn receipt(&self) -> Option<String> {
        fs::read_to_string(self.at("memory/receipt")).ok()
    }

    /// Files that were read for a comparison, on both sides.
    fn kept(&self, side: &str) -> usize {
        fs::read(self.at("kept").join(side)).map_or(0, |bytes| bytes.iter().filter(|b| **b == b'\n').count())
    }
}

fn entries(path: &Path) -> usize {
    fs::read_dir(path).unwrap().count()
}

#[test]
fn whatever_is_there_arrives_and_is_compared() {
    for shell in [&["sh"][..], &["bash"], &["bash", "--posix"]] {
        let trees = Trees::new();
        let here = trees.folder.path().display().to_string();
        let ended = trees.sh(shell, &format!("copy_tree {here}/from {here}/to 1 1 {here}/memory/receipt {here}/kept"));
        assert_eq!(ended.status, 0, "{shell:?}: {}", ended.said);
        assert!(ended.said.contains("through: 45 files"), "{shell:?}: {}", ended.said);
        let receipt = trees.receipt().unwrap();
        assert!(receipt.contains(&format!("source: {here}/from\ntarget: {here}/to\nfiles: 45\n")) && receipt.contains("sha256"), "{receipt}");
        assert_eq!(entries(&trees.at("from")), entries(&trees.at("to")));
        assert_eq!(fs::read(trees.at("to").join(OsStr::from_bytes(b"\xff\xfe latin"))).unwrap(), b"\xff\xfe latin");
        assert_eq!(fs::read(trees.at("to").join("new\nline")).unwrap(), b"new\nline");
        let meta = |name: &str| fs::metadata(trees.at(name)).unwrap();
        assert_eq!(meta("to/hard").ino(), meta("to/d/f1").ino());
        assert_eq!(meta("to/d/f2").mode() & 0o7777, 0o4751);
        assert!(meta("to/sparse").blocks() * 512 < 1 << 20, "holes were filled");
        assert!(!trees.at("kept").exists(), "nothing is left after a comparison");
    }
}

#[test]
fn the_live_copy_has_read_what_the_comparison_need_not_read_again() {
    let trees = Trees::new();
    // Fresher files could change again within one tick of the clock.
    thread::sleep(Duration::from_millis(3100));
    assert_eq!(trees.copy(false, "").status, 0);
    assert!(trees.receipt().is_some_and(|receipt| !receipt.contains("sha256")));
    assert_eq!(trees.kept("source"), 45);
    thread::sleep(Duration::from_millis(3100));
    assert_eq!(trees.copy(false, "").status, 0);
    assert_eq!(trees.kept("target"), 45);
    trees.write("from/d/f3", "changed");
    fs::remove_file(trees.at("from/d/f4")).unwrap();
    trees.write("from/d/late", "late");
    let here = trees.folder.path().display();
    let counted = trees.sh(&["sh"], &format!("known() {{ command :; }}\ncopy_tree {here}/from {here}/to 1 1 {here}/memory/receipt {here}/kept"));
    assert_ne!(counted.status, 0, "what was not read does not count as the same");
    let ended = trees.copy(true, "");
    assert_eq!(ended.status, 0, "{}", ended.said);
    assert_eq!(fs::read_to_string(trees.at("to/d/f3")).unwrap(), "changed");
    assert!(!trees.at("to/d/f4").exists() && trees.at("to/d/late").exists());
}

/// What a live copy knows to be the same is not asked for again in the freeze; whatever was changed since is, of every kind.
#[test]
fn the_freeze_asks_for_what_was_changed_since_the_live_copy() {
    let attributes = Command::new("setfattr").arg("--version").output().is_ok();
    let with = |shell: &[&str]| {
        let trees = Trees::new();
        for folder in ["gone/deep", "moved/deep", "still"] {
            fs::create_dir_all(trees.at("from").join(folder)).unwrap();
            for number in 0..20 {
                trees.write(&format!("from/{folder}/x{number}"), "x");
            }
        }
        thread::sleep(Duration::from_millis(3100));
        let here = trees.folder.path().display().to_string();
        let copy = |compare: u8, before: &str| trees.sh(shell, &format!("{before}\ncopy_tree {here}/from {here}/to 1 {compare} {here}/memory/receipt {here}/kept"));
        assert_eq!(copy(0, "").status, 0);
        // Those of the first were written too short a time ago to be known.
        thread::sleep(Duration::from_millis(3100));
        assert_eq!(copy(0, "").status, 0);
        let known = fs::read(trees.at("kept/matched")).unwrap().split(|byte| *byte == b'\n').count();
        assert!(known > 90, "{known} are known");
        let change = "cd from; rm -r gone d/f4 sym; mv moved d/new; echo changed > d/f3; touch -d 2001-01-01 d/f5; chmod 600 d/f6; chown 12:34 d/f7; ln d/f8 d/again
ln -s elsewhere sym; rm d/f9; mkdir -p d/f9/now; echo late > 'late
line'; printf Y | dd of=d/f10 conv=notrunc status=none; rm dangling; cd ..";
        trees.sh(shell, change);
        if attributes {
            trees.sh(shell, "setfattr -n user.a -v b from/d/f11");
        }
        // All of it is gone through by nobody.
        let ended = copy(1, "copy() { stop again; }");
        assert_eq!((ended.status, left(&trees).as_str()), (0, ""), "{shell:?}: {}", ended.said);
        assert!(!trees.at("to/gone").exists() && trees.at("to/d/f9/now").is_dir() && trees.at("to/d/new/deep/x3").exists());
        assert_eq!(fs::metadata(trees.at("to/d/again")).unwrap().ino(), fs::metadata(trees.at("to/d/f8")).unwrap().ino());
    };
    thread::scope(|scope| {
        scope.spawn(|| with(&["sh"]));
        scope.spawn(|| with(&["bash", "--posix"]));
    });
}

#[test]
fn what_is_known_of_the_target_counts_as_long_as_nobody_changes_it() {
    thread::scope(|scope| {
        for (change, named) in [
            ("setfattr -n user.a -v b to/d/f9", "d/f9"),
            ("chmod 600 to/d/f9", "d/f9"),
            ("printf Y | dd of=to/d/f9 conv=notrunc status=none; touch -r from/d/f9 to/d/f9", "d/f9"),
            ("rm to/d/f9; touch -r from/d to/d", "d/f9"),
            ("echo more > to/d/e/more; touch -r from/d/e to/d/e", "more"),
        ] {
            if change.starts_with("setfattr") && Command::new("setfattr").arg("--version").output().is_err() {
                continue;
            }
            scope.spawn(move || {
                let trees = Trees::new();
                for _ in 0..2 {
                    thread::sleep(Duration::from_millis(3100));
                    assert_eq!(trees.copy(false, "").status, 0);
                }
                trees.sh(&["sh"], change);
                let ended = trees.copy(true, "");
                assert!(ended.status == 1 && ended.said.contains(named), "{change}: {}", ended.said);
                let ended = trees.copy(true, "");
                assert_eq!((ended.status, left(&trees).as_str()), (0, ""), "after {change}: {}", ended.said);
            });
        }
    });
}

/// What rsync would still do.
fn left(trees: &Trees) -> String {
    trees.sh(&["sh"], "rsync -aHAX --delete --dry-run --itemize-changes from/ to/").said
}

#[test]
fn a_live_copy_is_whole_also_into_a_tree_that_holds_some_of_it_and_more() {
    for shell in [&["sh"][..], &["bash", "--posix"]] {
        let trees = Trees::new();
        // What several bring at a time puts new times on folders.
        let old = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
        for folder in ["from/d/e", "from/d", "from"] {
            fs::File::open(trees.at(folder)).unwrap().set_times(old).unwrap();
        }
        let here = trees.folder.path().display().to_string();
        let live = format!("copy_tree {here}/from {here}/to 1 0 {here}/memory/receipt {here}/kept");
        // One pass over all of it is not made.
        let ended = trees.sh(shell, &format!("copy() {{ stop again; }}\n{live}"));
        assert_eq!((ended.status, left(&trees).as_str()), (0, ""), "{shell:?}: {}", ended.said);
        assert!(trees.at("to/sparse").metadata().unwrap().blocks() * 512 < 1 << 20, "holes were filled");
        fs::remove_file(trees.at("to/d/f7")).unwrap();
        trees.write("to/d/f8", "torn");
        trees.write("to/d/e/more", "more");
        let ended = trees.sh(shell, &live);
        assert_eq!((ended.status, left(&trees).as_str()), (0, ""), "{shell:?}: {}", ended.said);
    }
}

#[test]
fn how_far_several_copies_are_is_told_as_one() {
    let trees = Trees::new();
    fs::remove_file(trees.at("from/sparse")).unwrap();
    for number in 0..8 {
        trees.write(&format!("from/d/large{number}"), &"x".repeat(1 << 20));
    }
    let here = trees.folder.path().display();
    trees.write("from/large", &"x".repeat(17 << 20));
    let slow = "rsync() { command rsync --bwlimit=7000 \"$@\"; }\ncp() { case $* in *large6*) sleep 2 ;; esac; command cp \"$@\"; }";
    let ended = trees.sh(&["sh"], &format!("{slow}\ncopy_tree {here}/from {here}/to 1 0 {here}/memory/receipt {here}/kept"));
    assert_eq!((ended.status, left(&trees).as_str()), (0, ""), "{}", ended.said);
    let told: Vec<&str> = ended.said.lines().filter(|line| line.starts_with("copying: ")).collect();
    assert!(told.iter().any(|line| line.contains(" of 25 MB, ") && line.contains(" entries to look at, about ")), "{}", ended.said);
}

#[test]
fn somebody_who_has_trouble_is_told_by_whoever_copies_all_of_it() {
    let trees = Trees::new();
    let here = trees.folder.path().display();
    // One of several ends badly, and so does the pass over everything.
    let badly = "cp() { case $* in *f9*) echo no room >&2; return 1 ;; *) command cp \"$@\" ;; esac; }
rsync() { case $* in *progress2*' -- '*) command rsync \"$@\" >/dev/null; echo no room >&2; return 11 ;; *) command rsync \"$@\" ;; esac; }";
    let ended = trees.sh(&["sh"], &format!("{badly}\ncopy_tree {here}/from {here}/to 1 0 {here}/memory/receipt {here}/kept"));
    assert!(ended.status == 1 && ended.said.contains("no room") && ended.said.contains("rsync ended with status 11"), "{}", ended.said);
    assert_eq!(trees.receipt(), None);
}

#[test]
fn every_difference_is_found_and_leaves_no_receipt() {
    let trees = Trees::new();
    assert_eq!(trees.copy(true, "").status, 0);
    for (change, named) in [
        ("printf Y | dd of=to/d/f9 conv=notrunc status=none; touch -r from/d/f9 to/d/f9", "d/f9"),
        ("rm to/d/f9; touch -r from/d to/d", "d/f9"),
        ("chmod 600 to/d/f9", "d/f9"),
        ("chown 12:34 to/d/f9", "d/f9"),
        ("touch -d 2001-01-01 to/d/f9", "d/f9"),
        ("rm to/hard; cp -p to/d/f1 to/hard; touch -r from to", "hard"),
        ("ln -sfn elsewhere to/sym; touch -h -r from/sym to/sym; touch -r from to", "sym"),
        ("mkdir to/more; touch -r from to", "more"),
        ("cp --sparse=never -p to/sparse s; cat s > to/sparse; touch -r from/sparse to/sparse; rm s", "sparse"),
        ("echo > from/more", "more"),
        ("setfattr -n user.a -v b to/d/f9", "d/f9"),
        // The last that is run before the trees count as the same.
        ("wc() { echo late >> from/d/f9; command wc \"$@\"; }", "was written to while it was compared"),
    ] {
        if change.starts_with("setfattr") && Command::new("setfattr").arg("--version").output().is_err() {
            continue;
        }
        let ended = trees.copy(true, change);
        assert_eq!(ended.status, 1, "{change}: {}", ended.said);
        assert!(ended.said.contains(named), "{change}: {}", ended.said);
        assert_eq!(trees.receipt(), None, "{change}");
        let _ = fs::remove_file(trees.at("from/more"));
        // And it is mended by the next attempt, also what size and time do not tell.
        let ended = trees.copy(true, "");
        assert_eq!(ended.status, 0, "after {change}: {}", ended.said);
    }
}

#[test]
fn too_little_room_is_told_before_anything_is_copied() {
    let trees = Trees::new();
    let ended = trees.sh(&["sh"], &{
        let here = trees.folder.path().display();
        format!("df() {{ printf 'Avail\\n1000\\n'; }}\ncopy_tree {here}/from {here}/to 1 0 {here}/memory/receipt {here}/kept")
    });
    assert_eq!(ended.status, 1);
    assert!(ended.said.contains("is too small"), "{}", ended.said);
    assert_eq!((entries(&trees.at("to")), trees.receipt()), (0, None));
}
