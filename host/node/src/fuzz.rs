//! Scripts against real shells: any size, cut anywhere, with children that read, print and forge what they like.
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use crate::frames::{Frame, Kind, Parser};
use crate::library;
use crate::{Batch, Change, Expect, Hidden, Layout, Look, Outcome, Source, Task, script, tasks};

mod parsers;

#[path = "../tests/common/need.rs"]
mod need;

const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];
const NONCE: &str = "00112233445566778899aabbccddeeff";

fn command(argv: &[&str], stdin: &[u8]) -> Task {
    let change = Change::Command { argv: argv.iter().map(|word| (*word).to_owned()).collect(), stdin: Hidden::new(stdin), status_lies: true };
    Task { id: "t".into(), change, timeout: Duration::from_secs(20) }
}

fn rendered(batch: &Batch, layout: &Layout) -> Vec<u8> {
    script::render(batch, layout, NONCE).unwrap().text.to_vec()
}

/// What the shell prints when it is given these bytes and then nothing more.
fn feed(shell: &[&str], bytes: &[u8]) -> Vec<u8> {
    need::shells();
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .arg("-s")
        .env_clear()
        .env("PATH", library::PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("this test needs {shell:?} (apt-get install dash bash busybox): {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    // A shell that ends early closes its stdin; that is no error here.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap();
    out.stdout
}

fn frames(bytes: &[u8]) -> Vec<Frame> {
    Parser::new(NONCE).push(bytes).unwrap()
}

#[test]
fn whatever_is_cut_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::below(folder.path().to_str().unwrap());
    let marker = folder.path().join("ran");
    let ran = marker.to_str().unwrap();
    let text = rendered(&Batch { tasks: vec![command(&["touch", ran], b""), command(&["rm", "-rf", "/nonexistent/a b"], b"x")], ..Batch::default() }, &layout);
    for shell in SHELLS {
        // The whole script does what it says; so silence of a part means something.
        assert_eq!(frames(&feed(shell, &text)).last().map(|frame| frame.kind), Some(Kind::End), "{shell:?}");
        assert!(marker.exists());
        std::fs::remove_file(&marker).unwrap();
        // Every byte with the shell of most nodes; with the others in steps, and every byte where the call is.
        let last = text.len() - 1;
        let cuts: Vec<usize> = (0..last).filter(|cut| shell[0] == "dash" || cut % 23 == 0 || last - cut < 120).collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while let Some(cut) = cuts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let said = feed(shell, &text[..*cut]);
                        assert!(said.is_empty() && !marker.exists(), "{shell:?} cut at {cut} of {}: {:?}", text.len(), String::from_utf8_lossy(&said));
                    }
                });
            }
        });
    }
}

#[test]
fn large_scripts_arrive_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::below(folder.path().to_str().unwrap());
    let marker = folder.path().join("ran");
    for size in [1, 4095, 4096, 4097, 8192, 65_535, 65_536, 65_537, 262_143, 1 << 20] {
        let bytes: Vec<u8> = (0..size as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let text = rendered(&Batch { tasks: vec![command(&["touch", marker.to_str().unwrap()], b""), command(&["sha256sum"], &bytes)], ..Batch::default() }, &layout);
        for shell in SHELLS {
            for part in [3, 7, 50, 99] {
                feed(shell, &text[..text.len() * part / 100]);
                assert!(!marker.exists(), "{shell:?} {size} {part}");
            }
            let all = frames(&feed(shell, &text));
            let result = all.iter().rfind(|frame| frame.kind == Kind::Result).unwrap_or_else(|| panic!("{shell:?} {size}: {all:?}"));
            let Some(Outcome::Done(ended)) = tasks::outcome(result.status, &result.bytes) else { panic!() };
            assert!(ended.tail.starts_with(Hidden::new(bytes.clone()).sha256().as_bytes()), "{shell:?} {size}");
            std::fs::remove_file(&marker).unwrap();
        }
    }
}

#[test]
fn what_children_print_stays_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::below(folder.path().to_str().unwrap());
    // The worst: a child that knows the nonce.
    let forged = format!("\n@{NONCE} e 0 0 0\n\n@{NONCE} r 0 0 8\ndone -\n\n\n");
    let file = folder.path().join("forged");
    std::fs::write(&file, &forged).unwrap();
    let path = file.to_str().unwrap().to_owned();
    let batch = Batch {
        tasks: vec![command(&["cat", &path], b""), command(&["sh", "-c", &format!("cat {path} >&2; exec cat {path} -")], forged.as_bytes())],
        looks: vec![
            Look::Command { argv: vec!["cat".into(), path.clone()], stdin: String::new(), timeout_s: 5, limit: 1000 },
            Look::Command { argv: vec!["sh".into(), "-c".into(), "printf 'a\\000b'; printf x >&2; exit 7".into()], stdin: String::new(), timeout_s: 5, limit: 1000 },
            Look::Command { argv: vec!["sh".into(), "-c".into(), "cat; echo read".into()], stdin: String::new(), timeout_s: 5, limit: 1000 },
            Look::Content { path, limit: 1000 },
        ],
        ..Batch::default()
    };
    for shell in SHELLS {
        let all = frames(&feed(shell, &rendered(&batch, &layout)));
        let kinds: Vec<Kind> = all.iter().map(|frame| frame.kind).filter(|kind| *kind != Kind::Answer).collect();
        assert_eq!(kinds, [Kind::Hello, Kind::Begin, Kind::Result, Kind::Begin, Kind::Result, Kind::End], "{shell:?}");
        assert!(all.iter().any(|frame| frame.kind == Kind::Answer && frame.bytes == forged.as_bytes()));
        assert!(all.iter().any(|frame| frame.kind == Kind::Answer && frame.bytes == b"a\0b"), "{shell:?}: NULs arrive");
        assert!(all.iter().any(|frame| frame.kind == Kind::Answer && frame.bytes == b"read\n"), "{shell:?}: a query has no stdin");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_words_and_any_bytes(
        words in prop::collection::vec("[^\\x00]{0,30}", 0..6),
        bytes in prop::collection::vec(any::<u8>(), 0..5000),
        shell in 0..3usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::below(folder.path().to_str().unwrap());
        let path = folder.path().join("file");
        let mut argv = vec!["printf", "%s\n"];
        argv.extend(words.iter().map(String::as_str));
        let write = Change::WriteFile {
            path: path.to_str().unwrap().into(),
            content: Source::Bytes(Hidden::new(bytes.clone())),
            mode: 0o600,
            owner: "root".into(),
            group: "root".into(),
            keep_original: false,
            expect: Expect::Absent,
            shared_parent: false,
        };
        let batch = Batch {
            tasks: vec![command(&argv, b""), command(&["sha256sum"], &bytes), Task { id: "w\n'".into(), change: write, timeout: Duration::from_secs(5) }],
            ..Batch::default()
        };
        let all = frames(&feed(SHELLS[shell], &rendered(&batch, &layout)));
        let results: Vec<Outcome> = all.iter().filter(|frame| frame.kind == Kind::Result).map(|frame| tasks::outcome(frame.status, &frame.bytes).unwrap()).collect();
        prop_assert_eq!(results.len(), 3);
        let mut expected = words.join("\n");
        expected.push('\n');
        let Outcome::Done(ended) = &results[0] else { return Err(TestCaseError::fail(format!("{:?}", results[0]))) };
        prop_assert_eq!(String::from_utf8_lossy(&ended.tail), expected);
        let Outcome::Done(ended) = &results[1] else { return Err(TestCaseError::fail("stdin")) };
        prop_assert!(ended.tail.starts_with(Hidden::new(bytes.clone()).sha256().as_bytes()) || bytes.is_empty());
        prop_assert!(results[2].is_done());
        prop_assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
