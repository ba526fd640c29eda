//! Changes, performed for real by each shell in a folder of the test's own.
mod common;

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, Instant};
use std::{fs, io};

use arcus_node::{Batch, Change, Event, Expect, Failure, Fence, Hidden, LockOwner, Look, Outcome, Quiet, Seen, Source};
use common::{SHELLS, code, command, done, node, task, write};

#[tokio::test]
async fn commands_get_their_words_and_their_own_input() {
    for shell in SHELLS {
        let node = node(shell).await;
        let odd = "a b'c\"d$(false)`x`\\ *\n;é";
        let tail = done(&node.change(command(&["printf", "%s|", odd, "", "-n"])).await);
        assert_eq!(String::from_utf8_lossy(&tail), format!("{odd}||-n|"), "{shell:?}");
        // A child that reads all of its stdin takes nothing of the script.
        let report = node.run(&Batch { tasks: vec![task("a", command(&["cat"])), task("b", command(&["echo", "still here"]))], ..Batch::default() }).await;
        assert_eq!(done(&report.outcomes[0]), b"");
        assert_eq!(done(&report.outcomes[1]), b"still here\n");
        let bytes: Vec<u8> = (0..=255u8).cycle().take(70_000).collect();
        let outcome = node
            .change(Change::Command { argv: vec!["sha256sum".into()], stdin: Hidden::new(bytes.clone()), status_lies: false })
            .await;
        assert!(done(&outcome).starts_with(Hidden::new(bytes).sha256().as_bytes()), "{shell:?}");
    }
}

#[tokio::test]
async fn a_batch_stops_at_the_first_that_is_not_done() {
    for shell in SHELLS {
        let node = node(shell).await;
        let batch = Batch {
            tasks: vec![task("a", command(&["true"])), task("b", command(&["sh", "-c", "echo why; exit 3"])), task("c", command(&["true"]))],
            looks: vec![Look::Lock],
            ..Batch::default()
        };
        let mut events = Vec::new();
        let report = node.link.run(&batch, &mut |event| events.push(event)).await.unwrap();
        let Outcome::Failed(Failure { code, status, tail, .. }) = &report.outcomes[1] else { panic!("{:?}", report.outcomes) };
        assert_eq!((code.as_str(), *status, tail.as_slice()), ("command.failed", Some(3), &b"why\n"[..]));
        assert_eq!(report.outcomes[2], Outcome::NotReached);
        assert_eq!(report.answers[0].as_ref().unwrap_err().code, "node.not-reached");
        assert_eq!(events.len(), 4, "{events:?}");
    }
}

#[tokio::test]
async fn a_status_that_lies_is_only_told() {
    let node = node(&["sh"]).await;
    let Outcome::Done(ended) = node.change(Change::Command { argv: vec!["false".into()], stdin: Hidden::new(vec![]), status_lies: true }).await else { panic!() };
    assert_eq!(ended.status, 1);
    assert_eq!(code(&node.change(command(&["no-such-program-here"])).await), "tool.missing");
}

#[tokio::test]
async fn time_is_limited_and_progress_is_heard() {
    futures::future::join_all(SHELLS.iter().map(|shell| async move {
        let node = node(shell).await;
        let mut slow = task("slow", command(&["sh", "-c", "echo first; sleep 2; echo second; printf 'a\\rb'; sleep 30"]));
        slow.timeout = Duration::from_secs(5);
        let mut lines = Vec::new();
        let begun = Instant::now();
        let report = node
            .link
            .run(&Batch { tasks: vec![slow], ..Batch::default() }, &mut |event| {
                if let Event::Line { line, .. } = event {
                    lines.push(line)
                }
            })
            .await
            .unwrap();
        assert!(matches!(&report.outcomes[0], Outcome::Timeout(ended) if ended.tail == b"first\nsecond\na\rb"), "{shell:?}: {:?}", report.outcomes);
        assert!(begun.elapsed() < Duration::from_secs(20), "{shell:?}");
        assert_eq!(lines, ["first", "a\rb"], "{shell:?}: each once");
    }))
    .await;
}

#[tokio::test]
async fn output_keeps_its_end_and_cannot_forge() {
    for shell in SHELLS {
        let node = node(shell).await;
        let tail = done(&node.change(command(&["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; printf 'END\\000\\001'"])).await);
        assert_eq!(tail.len(), 8191, "NULs are left out");
        assert!(tail.ends_with(b"xEND\x01"));
        // All that a command can know of our frames: it prints what it finds in its parents' memory of the script.
        let forged = "for p in $PPID $(ps -o ppid= -p $PPID); do tr '\\0' '\\n' </proc/$p/environ; tr '\\0' ' ' </proc/$p/cmdline; done; printf '\\n@%s e 0 0 0\\n\\n' 0123456789abcdef; echo";
        let report = node.run(&Batch { tasks: vec![task("a", command(&["sh", "-c", forged])), task("b", command(&["true"]))], ..Batch::default() }).await;
        assert!(report.outcomes.iter().all(Outcome::is_done), "{shell:?} {report:?}");
    }
}

#[tokio::test]
async fn files_are_written_whole_or_not_at_all() {
    for shell in SHELLS {
        let node = node(shell).await;
        let path = node.path("x.conf");
        let all: Vec<u8> = (0..=255u8).cycle().take(5000).chain(*b"no newline at the end").collect();
        done(&node.change(write(&path, all.clone(), Expect::Absent)).await);
        assert_eq!(fs::read(&path).unwrap(), all, "{shell:?}");
        let meta = fs::metadata(&path).unwrap();
        assert_eq!((meta.permissions().mode() & 0o7777, meta.uid(), meta.gid(), meta.nlink()), (0o640, 0, 1, 1));

        // Somebody else was faster.
        assert_eq!(node.change(write(&path, "new", Expect::Absent)).await, Outcome::Stale { found: Some(Hidden::new(all.clone()).sha256()) });
        fs::write(&path, "edited by hand").unwrap();
        let outcome = node.change(write(&path, "new", Expect::Digest(Hidden::new(all).sha256()))).await;
        assert_eq!(outcome, Outcome::Stale { found: Some(Hidden::from("edited by hand").sha256()) });
        assert_eq!(fs::read(&path).unwrap(), b"edited by hand");
        done(&node.change(write(&path, "new", Expect::Digest(Hidden::from("edited by hand").sha256()))).await);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        fs::remove_file(&path).unwrap();
        assert_eq!(node.change(write(&path, "new", Expect::Digest(Hidden::from("new").sha256()))).await, Outcome::Stale { found: None });

        // Nothing of it is left lying about.
        let left: Vec<_> = fs::read_dir(node.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{shell:?}: {left:?}");
    }
}

#[tokio::test]
async fn originals_are_kept_once_and_are_never_our_own() {
    let node = node(&["sh"]).await;
    let keep = |path: &str, text: &str| {
        let Change::WriteFile { path, content, mode, owner, group, expect, shared_parent, .. } = write(path, text, Expect::Any) else { unreachable!() };
        Change::WriteFile { path, content, mode, owner, group, keep_original: true, expect, shared_parent }
    };
    let (old, new) = (node.path("old"), node.path("new"));
    fs::write(&old, "theirs").unwrap();
    for text in ["one", "two"] {
        done(&node.change(keep(&old, text)).await);
        done(&node.change(keep(&new, text)).await);
    }
    assert_eq!(fs::read_to_string(format!("{old}.arcus-original")).unwrap(), "theirs");
    assert_eq!(fs::read_to_string(&old).unwrap(), "two");
    assert!(!fs::exists(format!("{new}.arcus-original")).unwrap(), "there was nothing of theirs");
}

#[tokio::test]
async fn links_are_not_followed() {
    for shell in SHELLS {
        let node = node(shell).await;
        let target = node.path("target");
        fs::create_dir(&target).unwrap();
        fs::write(node.path("target/passwd"), "precious").unwrap();
        symlink(&target, node.path("way")).unwrap();
        symlink(node.path("target/passwd"), node.path("name")).unwrap();
        for path in ["way/passwd", "way/new", "name"] {
            assert_eq!(code(&node.change(write(&node.path(path), "evil", Expect::Any)).await), "file.symlink", "{shell:?} {path}");
        }
        let mkdir = |path: String| Change::Directory { path, mode: 0o777, owner: "root".into(), group: "root".into(), shared_parent: false };
        assert_eq!(code(&node.change(mkdir(node.path("way/dir"))).await), "file.symlink");
        assert_eq!(code(&node.change(mkdir(node.path("way"))).await), "file.symlink");
        let remove = Change::Remove { path: node.path("way/passwd"), expect: Expect::Any, shared_parent: false };
        assert_eq!(code(&node.change(remove).await), "file.symlink");
        done(&node.change(Change::Remove { path: node.path("name"), expect: Expect::Any, shared_parent: false }).await);
        assert_eq!(fs::read_to_string(node.path("target/passwd")).unwrap(), "precious");
        assert!(!fs::exists(node.path("target/new")).unwrap());
    }
}

#[tokio::test]
async fn folders_that_others_write_to_need_a_word() {
    let node = node(&["sh"]).await;
    let theirs = node.path("theirs");
    fs::create_dir(&theirs).unwrap();
    std::os::unix::fs::chown(&theirs, Some(65534), None).unwrap();
    let path = format!("{theirs}/x");
    assert_eq!(code(&node.change(write(&path, "x", Expect::Any)).await), "file.shared-parent");
    std::os::unix::fs::chown(&theirs, Some(0), None).unwrap();
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o775)).unwrap();
    assert_eq!(code(&node.change(write(&path, "x", Expect::Any)).await), "file.shared-parent");
    let Change::WriteFile { path, content, mode, owner, group, keep_original, expect, .. } = write(&path, "x", Expect::Any) else { unreachable!() };
    done(&node.change(Change::WriteFile { path: path.clone(), content, mode, owner, group, keep_original, expect, shared_parent: true }).await);
    assert_eq!(fs::read_to_string(path).unwrap(), "x");
}

#[tokio::test]
async fn large_contents_are_streamed() {
    for shell in SHELLS {
        let node = node(shell).await;
        let bytes: Vec<u8> = (0..3_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let (path, other) = (node.path("big"), node.path("other"));
        let (sha256, size) = (Hidden::new(bytes.clone()).sha256(), bytes.len() as u64);
        let shared = std::sync::Arc::new(bytes);
        let stream = |sha256: String| {
            let shared = shared.clone();
            let Change::WriteFile { path, mode, owner, group, keep_original, expect, shared_parent, .. } = write(&path, "", Expect::Absent) else { unreachable!() };
            let open = std::sync::Arc::new(move || Ok(Box::new(io::Cursor::new(shared.to_vec())) as Box<dyn io::Read + Send>));
            Change::WriteFile { path, content: Source::Stream { size, sha256, open }, mode, owner, group, keep_original, expect, shared_parent }
        };
        assert_eq!(code(&node.change(stream("0".repeat(64))).await), "file.failed", "{shell:?}: the digest is checked there");
        assert!(!fs::exists(&path).unwrap());
        let report = node.run(&Batch { tasks: vec![task("a", stream(sha256)), task("b", write(&other, shared[..400_000].to_vec(), Expect::Absent))], ..Batch::default() }).await;
        assert!(report.outcomes.iter().all(Outcome::is_done), "{shell:?}: {:?}", report.outcomes);
        assert!(fs::read(&path).unwrap() == *shared && fs::read(&other).unwrap() == shared[..400_000], "{shell:?}");
    }
}

#[tokio::test]
async fn directories() {
    for shell in SHELLS {
        let node = node(shell).await;
        let make = |path: String, mode| Change::Directory { path, mode, owner: "daemon".into(), group: "root".into(), shared_parent: false };
        done(&node.change(make(node.path("d"), 0o2750)).await);
        let meta = fs::metadata(node.path("d")).unwrap();
        assert_eq!((meta.permissions().mode() & 0o7777, meta.uid()), (0o2750, 1), "{shell:?}");
        done(&node.change(make(node.path("d"), 0o700)).await);
        assert_eq!(fs::metadata(node.path("d")).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(code(&node.change(make(node.path("no/parent"), 0o700)).await), "file.no-parent");
        fs::write(node.path("f"), "").unwrap();
        assert_eq!(code(&node.change(make(node.path("f"), 0o700)).await), "file.not-a-directory");
        let remove = |name: &str| Change::Remove { path: node.path(name), expect: Expect::Any, shared_parent: false };
        assert_eq!(code(&node.change(remove("d")).await), "file.not-a-file");
        done(&node.change(remove("f")).await);
        done(&node.change(remove("f")).await);
    }
}

#[tokio::test]
async fn impossible_changes_are_refused_here() {
    let node = node(&["sh"]).await;
    for change in [
        write("relative", "", Expect::Any),
        write("/tmp/../etc/passwd", "", Expect::Any),
        write("/tmp/a\nb", "", Expect::Any),
        command(&[]),
        command(&["a\0b"]),
        Change::Package { name: "rm-".into(), version: None },
    ] {
        assert_eq!(code(&node.change(change).await), "change.bad");
    }
}

fn owner(run: &str, epoch: u64) -> LockOwner {
    LockOwner { run: run.into(), epoch, user: "me".into(), host: "here".into(), pid: 1, since: 7, verb: "apply".into() }
}

fn take(run: &str, epoch: u64, stale_after_s: u32) -> Change {
    Change::LockTake { owner: owner(run, epoch), stale_after_s, over: None }
}

#[tokio::test]
async fn the_lock_excludes_and_the_fence_stops() {
    for shell in SHELLS {
        let node = node(shell).await;
        assert_eq!(node.look(Look::Lock).await, Ok(Seen::Lock(Default::default())));
        done(&node.change(take("a", 1, 60)).await);
        let Ok(Seen::Lock(fact)) = node.look(Look::Lock).await else { panic!() };
        assert_eq!((fact.epoch, fact.owner), (1, Some(owner("a", 1))));
        assert_eq!(code(&node.change(take("b", 2, 60)).await), "lock.held");
        done(&node.change(take("a", 1, 60)).await);
        done(&node.change(Change::LockBeat { run: "a".into() }).await);

        let fenced = |run: &str, epoch| Batch {
            fence: Some(Fence { epoch, run: run.into() }),
            tasks: vec![task("one", command(&["touch", &node.path("ran")])), task("two", Change::Nothing)],
            ..Batch::default()
        };
        assert!(node.run(&fenced("a", 1)).await.outcomes.iter().all(Outcome::is_done));
        assert_eq!(node.look(Look::Record("a".into())).await, Ok(Seen::Record(vec!["one".into(), "two".into()])));
        fs::remove_file(node.path("ran")).unwrap();

        // Silent too long: another takes over, and the first can do nothing more.
        assert_eq!(code(&node.change(take("b", 1, 0)).await), "lock.epoch");
        done(&node.change(take("b", 2, 0)).await);
        assert_eq!(node.run(&fenced("a", 1)).await.outcomes, [Outcome::Fenced { epoch: 2 }, Outcome::NotReached]);
        assert!(!fs::exists(node.path("ran")).unwrap(), "{shell:?}");
        assert_eq!(node.change(Change::LockBeat { run: "a".into() }).await, Outcome::Fenced { epoch: 2 });
        done(&node.change(Change::LockRelease { run: "a".into() }).await);
        let Ok(Seen::Lock(fact)) = node.look(Look::Lock).await else { panic!() };
        assert_eq!(fact.owner.map(|owner| owner.run).as_deref(), Some("b"), "not the first one's to give back");
        done(&node.change(Change::LockRelease { run: "b".into() }).await);
        let Ok(Seen::Lock(fact)) = node.look(Look::Lock).await else { panic!() };
        assert_eq!((fact.epoch, fact.owner), (2, None), "the epoch stays");
    }
}

#[tokio::test]
async fn a_full_disk_is_no_other_run() {
    for shell in SHELLS {
        let node = node(shell).await;
        fs::create_dir(node.path("state")).unwrap();
        symlink("/dev/full", node.path("state/epoch.new")).unwrap();
        let batch = Batch { fence: Some(Fence { epoch: 1, run: "a".into() }), tasks: vec![task("one", command(&["touch", &node.path("ran")]))], ..Batch::default() };
        let lost = node.link.run(&batch, &mut Quiet).await.unwrap_err();
        assert!(lost.code == "node.no-state" && lost.reason.contains("No space left on device") && lost.untouched, "{shell:?}: {lost:?}");
        assert!(!fs::exists(node.path("ran")).unwrap() && !fs::exists(node.path("state/epoch")).unwrap());
        symlink("/dev/full", node.path("state/epoch.new")).unwrap();
        let Outcome::Failed(failure) = node.change(take("a", 1, 60)).await else { panic!("{shell:?}") };
        assert_eq!(failure.code, "node.no-space");
        assert!(String::from_utf8_lossy(&failure.tail).contains("No space left on device"), "{shell:?}: {failure:?}");
    }
}

#[tokio::test]
async fn a_batch_is_fenced_in_its_middle() {
    let node = node(&["sh"]).await;
    let epoch = node.path("state/epoch");
    let batch = Batch {
        fence: Some(Fence { epoch: 3, run: "a".into() }),
        tasks: vec![task("one", command(&["sh", "-c", &format!("echo 9 >{epoch}")])), task("two", command(&["touch", &node.path("ran")]))],
        ..Batch::default()
    };
    let report = node.run(&batch).await;
    assert!(report.outcomes[0].is_done());
    assert_eq!(report.outcomes[1], Outcome::Fenced { epoch: 9 });
    assert!(!fs::exists(node.path("ran")).unwrap());
}

#[tokio::test]
async fn of_two_that_take_the_lock_at_once_one_has_it() {
    let node = node(&["sh"]).await;
    for round in 1..6u64 {
        let takes = (0..8).map(|n| {
            let (link, change) = (node.link.clone(), take(&format!("run-{round}-{n}"), round, 3600));
            tokio::spawn(async move {
                let report = link.run(&Batch { tasks: vec![task("lock", change)], ..Batch::default() }, &mut Quiet).await.unwrap();
                report.outcomes[0].clone()
            })
        });
        let outcomes = futures::future::join_all(takes).await;
        let winners: Vec<usize> = (0..8).filter(|n| outcomes[*n].as_ref().unwrap().is_done()).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        done(&node.change(Change::LockRelease { run: format!("run-{round}-{}", winners[0]) }).await);
    }
}

#[tokio::test]
async fn secrets_are_kept_once_and_stay_private() {
    for shell in SHELLS {
        let node = node(shell).await;
        let keep = |value: &str| Change::KeepSecret { name: "vrrp/pass".into(), value: value.into() };
        assert_eq!(node.look(Look::Secret("vrrp/pass".into())).await, Ok(Seen::Secret(None)));
        done(&node.change(keep("s3cret'\n")).await);
        done(&node.change(keep("s3cret'\n")).await);
        assert_eq!(node.change(keep("other")).await, Outcome::Stale { found: Some(Hidden::from("s3cret'\n").sha256()) });
        assert_eq!(node.look(Look::Secret("vrrp/pass".into())).await, Ok(Seen::Secret(Some("s3cret'\n".into()))), "{shell:?}");
        let path = node.path("state/secrets/vrrp%2fpass");
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(node.path("state")).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!format!("{:?}", keep("s3cret")).contains("s3cret"));
    }
}

/// While it runs, no process's arguments or environment hold what a file or a stdin holds.
#[tokio::test]
async fn secrets_are_in_no_process_list() {
    let node = node(&["sh"]).await;
    let secret = "VERY-SECRET-VALUE-42";
    let listing = node.path("ps");
    let spy = format!("for i in 1 2 3; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' >>{listing}; sleep 0.1; done");
    let batch = Batch {
        tasks: vec![
            task("w", write(&node.path("f"), secret, Expect::Any)),
            task("c", Change::Command { argv: vec!["sh".into(), "-c".into(), format!("cat >/dev/null; {spy}")], stdin: secret.into(), status_lies: false }),
        ],
        ..Batch::default()
    };
    assert!(node.run(&batch).await.outcomes.iter().all(Outcome::is_done));
    let listed = fs::read(&listing).unwrap();
    assert!(listed.len() > 100);
    // This very test's own arguments do not hold it either.
    assert!(!String::from_utf8_lossy(&listed).contains(secret));
}

/// Nothing that a batch makes for itself outlives it.
#[tokio::test]
async fn private_folders_go() {
    for shell in SHELLS {
        let node = node(shell).await;
        node.change(command(&["false"])).await;
        node.change(command(&["true"])).await;
        let left: Vec<String> = fs::read_dir(node.folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert!(left.is_empty(), "{shell:?}: {left:?}");
    }
}
