//! What others on a node can do to us: users who are not root, and programs that are no friends. All of it is tried with real shells, which is what
//! every change and look goes through, and the page on attacks is written by what is said here.
mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use arcus_contract::facts::Fact;
use arcus_node::{Batch, Change, Endpoint, Expect, Failure, Hidden, Layout, Local, Look, Outcome, Over, Seen, Transport as _};
use arcus_tests::page;
use common::{Node, SHELLS, command, done, fact, file, node, task, write};

const HEAD: &str = "| What they do | What stops it | What is said |";

/// Lines of the page.
#[derive(Default)]
struct Rows(Mutex<Vec<String>>);

impl Rows {
    fn add(&self, what: &str, stopped: &str, refused: &Failure, node: &Node) {
        self.once(what, stopped, &refused.code, &refused.message, node.folder.path());
    }

    /// The same in every shell, or it is not one line.
    fn once(&self, what: &str, stopped: &str, code: &str, message: &str, folder: &Path) {
        let said = page::cell(message, &[(folder.to_str().expect("plain"), "/srv")]);
        self.push(format!("| {what} | {stopped} | `{code}` {said} |"));
    }

    fn push(&self, row: String) {
        let mut rows = self.0.lock().unwrap();
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
}

/// It was refused, or failed, for this.
fn failure(outcome: &Outcome, code: &str) -> Failure {
    match outcome {
        Outcome::Failed(failure) | Outcome::Refused(failure) if failure.code == code => failure.clone(),
        other => panic!("not {code}: {other:?}"),
    }
}

#[tokio::test]
async fn what_others_on_a_node_do_comes_to_nothing() {
    // In the order of the page.
    let parts: [Rows; 6] = Default::default();
    tokio::join!(
        links_that_flip_during_a_thousand_writes_catch_nothing(&parts[0]),
        what_changed_since_it_was_read_is_not_written_over(&parts[1]),
        links_are_followed_only_where_nobody_but_root_can_make_them(&parts[2]),
        nothing_is_mounted_where_a_link_leads(&parts[3]),
        whoever_knows_the_nonce_forges_nothing(&parts[4]),
        a_full_disk_leaves_what_was_there(&parts[5]),
    );
    let rows: Vec<String> = parts.into_iter().flat_map(|rows| rows.0.into_inner().unwrap()).collect();
    page::table("docs/attacks.md", HEAD, &rows).unwrap();
}

/// Flips names as fast as it can, until its end.
struct Flipper {
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    flips: std::sync::Arc<std::sync::atomic::AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Flipper {
    /// As this user of the node.
    fn start(user: u32, mut flip: impl FnMut() + Send + 'static) -> Self {
        let (stop, flips) = <(std::sync::Arc<std::sync::atomic::AtomicBool>, std::sync::Arc<std::sync::atomic::AtomicU64>)>::default();
        let thread = std::thread::spawn({
            let (stop, flips) = (stop.clone(), flips.clone());
            move || {
                // Of this thread alone: the system call is not the library's, which changes all of them.
                let became = rustix::thread::set_thread_res_uid(uid(user), uid(user), uid(user));
                assert!(became.is_ok(), "{became:?}");
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    flip();
                    flips.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
        });
        Self { stop, flips, thread }
    }

    /// How often it flipped yet.
    fn flips(&self) -> u64 {
        self.flips.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn end(self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        self.thread.join().expect("it flips");
    }
}

fn uid(user: u32) -> rustix::process::Uid {
    rustix::process::Uid::from_raw(user)
}

/// Everything below a folder: names, modes, owners, contents.
fn picture(folder: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = vec![std::path::PathBuf::from(folder)];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let content = if meta.is_file() { String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned() } else { String::new() };
        all.push(format!("{} {:o} {} {} {content}", path.display(), meta.mode(), meta.uid(), meta.gid()));
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    all.sort();
    all
}

/// A thousand writes, and folders made and files removed among them, while somebody on the node flips what lies there for links that lead out.
/// What is outside stays as it is: content, mode and owner. Once the somebody is root, and then a user in a folder of their own.
async fn links_that_flip_during_a_thousand_writes_catch_nothing(rows: &Rows) {
    const USER: u32 = 65534;
    let node = node(&["sh"]).await;
    fs::set_permissions(node.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let outside = node.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::create_dir(format!("{outside}/sub")).unwrap();
    for name in ["passwd", "f0", "f1", "sub/passwd"] {
        fs::write(format!("{outside}/{name}"), "precious").unwrap();
        fs::set_permissions(format!("{outside}/{name}"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let before = picture(&outside);
    let mut ended = [0_usize; 2];
    for (user, shared, home) in [(0, false, "ours"), (USER, true, "shared"), (USER, false, "theirs")] {
        let home = node.path(home);
        fs::create_dir(&home).unwrap();
        std::os::unix::fs::chown(&home, Some(user), None).unwrap();
        let name = format!("{home}/name");
        let flipper = Flipper::start(user, {
            let (real, name, file, outside, home) = (format!("{home}/real"), name.clone(), format!("{home}/f0"), outside.clone(), home.clone());
            move || {
                // The folder, for a link to one outside; and back.
                let _ = fs::create_dir(&real);
                let _ = fs::rename(&real, &name);
                let _ = fs::rename(&name, &real);
                let _ = symlink(&outside, &name);
                let _ = fs::remove_file(&name);
                // A file to be written, for a link to one outside; and, where the folder is theirs, whatever is half-written beside it.
                let _ = fs::remove_file(&file);
                let _ = symlink(format!("{outside}/passwd"), &file);
                if user == 0 {
                    return;
                }
                for entry in fs::read_dir(&home).into_iter().flatten().flatten() {
                    let path = entry.path();
                    if entry.file_name().to_string_lossy().starts_with(".arcus") {
                        let _ = fs::rename(&path, format!("{home}/was"));
                        let _ = symlink(format!("{outside}/passwd"), &path).or_else(|_| symlink(format!("{outside}/sub"), &path));
                        let _ = fs::remove_file(&path);
                        let _ = fs::rename(format!("{home}/was"), &path);
                    }
                }
            }
        });
        let one = |round: usize, n: usize| {
            let path = if n % 2 == 0 { format!("{name}/f{n}") } else { format!("{home}/f{}", n % 4 / 2) };
            let change = match n % 10 {
                7 => Change::Directory { path: format!("{name}/d{n}"), mode: 0o777, owner: "daemon".into(), group: "daemon".into(), shared_parent: shared },
                9 => Change::Remove { path, expect: Expect::Any, shared_parent: shared },
                _ => {
                    let Change::WriteFile { path, content, group, keep_original, expect, .. } = write(&path, "evil", Expect::Any) else { unreachable!() };
                    Change::WriteFile { path, content, mode: 0o666, owner: "daemon".into(), group, keep_original, expect, shared_parent: shared }
                }
            };
            task(&format!("{round}.{n}"), change)
        };
        // Each in a batch of its own, as many side by side as a link takes: a batch stops at what is refused.
        let rounds: usize = if shared { 500 } else if user == 0 { 450 } else { 50 };
        // On a machine with other work the flips come slower than the changes: there are more of both, then.
        let patience = Instant::now() + Duration::from_secs(60);
        let mut round = 0;
        while round < rounds / 50 || flipper.flips() <= 2 * rounds as u64 && Instant::now() < patience {
            round += 1;
            let batches = (0..50).map(|n| Batch { tasks: vec![one(round, n)], ..Batch::default() });
            let reports = futures::stream::StreamExt::buffer_unordered(futures::stream::iter(batches.map(|batch| {
                let node = &node;
                async move { node.run(&batch).await }
            })), 4);
            let reports: Vec<_> = futures::stream::StreamExt::collect(reports).await;
            for report in reports {
                ended[usize::from(report.outcomes[0].is_done())] += 1;
            }
        }
        let flips = flipper.flips();
        flipper.end();
        assert!(flips > 2 * rounds as u64, "{flips} flips are not worth the name");
        assert_eq!(picture(&outside), before, "as user {user}, {}", if shared { "with leave" } else { "without" });
        // What was said again and again, now that nothing moves.
        if user == USER && !shared {
            let refused = failure(&node.change(write(&format!("{home}/f1"), "x", Expect::Any)).await, "file.shared-parent");
            rows.add("own a folder on the way, and flip what lies there", "a folder that is not root's alone is not written in without leave; with leave, what is half-written lies in a folder of its own", &refused, &node);
        }
        if user == 0 {
            let _ = fs::remove_file(&name);
            symlink(&outside, &name).unwrap();
            let refused = failure(&node.change(write(&format!("{name}/f0"), "x", Expect::Any)).await, "file.symlink");
            rows.add("flip a folder on the way, or a file, for a link to elsewhere, during 1,000 writes", "the script goes into the real folder, and works by plain names there", &refused, &node);
        }
    }
    // Some came through, some were refused: else nothing would have been tried.
    assert!(ended[0] > 50 && ended[1] > 50, "{} refused, {} done", ended[0], ended[1]);
}

/// Between a plan and its writes somebody edits the file, or puts a link in its place.
async fn what_changed_since_it_was_read_is_not_written_over(rows: &Rows) {
    for shell in SHELLS {
        let node = node(shell).await;
        let (path, precious) = (node.path("app.conf"), node.path("precious"));
        let seen = || Expect::Digest(Hidden::from("as planned").sha256());
        fs::write(&precious, "precious").unwrap();
        fs::write(&path, "as planned").unwrap();
        done(&node.change(write(&path, "as planned", seen())).await);
        fs::write(&path, "edited").unwrap();
        let outcome = node.change(write(&path, "ours", seen())).await;
        assert_eq!(outcome, Outcome::Stale { found: Some(Hidden::from("edited").sha256()) }, "{shell:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "edited");
        rows.push("| change a file between plan and write | its digest is compared right before | no error: nothing is written, and everything is planned again |".into());
        fs::remove_file(&path).unwrap();
        symlink(&precious, &path).unwrap();
        for expect in [seen(), Expect::Any, Expect::Absent] {
            let refused = failure(&node.change(write(&path, "ours", expect)).await, "file.symlink");
            rows.add("put a link in the place of a file between plan and write", "it is looked at again right before", &refused, &node);
        }
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious", "{shell:?}");
    }
}

/// A user of the node makes a link to what only root may read, where root is asked to read.
async fn links_are_followed_only_where_nobody_but_root_can_make_them(rows: &Rows) {
    const USER: u32 = 65534;
    for shell in SHELLS {
        common::need::shells();
        // Not below /tmp, where everybody makes names.
        let root = tempfile::tempdir_in("/root").unwrap();
        let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
        let layout = Layout::below(root.path().to_str().unwrap()).keeping(|path| path.ends_with("/kept"));
        let link = Local::new(layout).with_shell(shell).connect(&Endpoint::new("n1", "127.0.0.1")).await.unwrap();
        let look = async |look: Look| tokio::time::timeout(Duration::from_secs(60), link.look(vec![look])).await.expect("in time").unwrap().remove(0);
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for folder in ["ours", "theirs"] {
            fs::create_dir(path(folder)).unwrap();
        }
        for (name, text) in [("ours/plain", "fine"), ("ours/secret", "precious"), ("ours/kept", "precious"), ("theirs/plain", "theirs")] {
            fs::write(path(name), text).unwrap();
        }
        for (from, to) in [("ours/link", "ours/plain"), ("ours/to-kept", "ours/kept"), ("way", "ours"), ("theirs/link", "ours/secret"), ("theirs/way", "ours"), ("ours/back", "theirs/plain")] {
            symlink(path(to), path(from)).unwrap();
        }
        std::os::unix::fs::chown(path("theirs"), Some(USER), None).unwrap();
        let content = |name: &str| Look::Content { path: path(name), limit: 100 };
        for (name, text) in [("ours/plain", "fine"), ("ours/link", "fine"), ("way/plain", "fine"), ("theirs/plain", "theirs")] {
            assert!(matches!(fact(&look(file(&path(name), 100)).await), Fact::File(Some(found)) if found.content == text.as_bytes()), "{shell:?} {name}");
            assert!(matches!(fact(&look(file(&path(name), 2)).await), Fact::File(Some(found)) if found.content == &text.as_bytes()[..2]), "{shell:?} {name}");
            assert!(matches!(look(content(name)).await, Ok(Seen::Content(Some(found))) if found.bytes.reveal() == text.as_bytes()), "{shell:?} {name}");
        }
        for name in ["theirs/link", "theirs/way/secret", "ours/back"] {
            for answer in [look(file(&path(name), 100)).await, look(file(&path(name), 1)).await, look(content(name)).await] {
                let problem = answer.expect_err("it leads out");
                assert_eq!((problem.code.as_str(), problem.retryable), ("node.unreadable", false), "{shell:?} {name}");
                assert!(problem.message.contains("symbolic link") && problem.message.contains("/theirs"), "{}", problem.message);
                if name == "theirs/link" {
                    rows.once("make a link to what only root may read, where root is asked to read", "links are followed only where nobody but root can have made them; what is open is compared with what was reached", &problem.code, &problem.message, root.path());
                }
            }
        }
        // What is private is so by any name.
        for answer in [look(file(&path("ours/to-kept"), 100)).await, look(content("ours/to-kept")).await] {
            let problem = answer.expect_err("it is private");
            assert!(problem.code == "node.denied" && problem.message.contains("/ours/kept"), "{problem:?}");
            rows.once("lead to what is private by a link that root made", "what is private is so by any name", &problem.code, &problem.message, root.path());
        }
        // What it is may be known.
        assert!(matches!(fact(&look(file(&path("ours/to-kept"), 0)).await), Fact::File(Some(found)) if found.content.is_empty()));

        // While it is looked at, it is now a file of theirs, now a link.
        let (name, secret, other) = (path("theirs/flip"), path("ours/secret"), path("theirs/other"));
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let flipper = std::thread::spawn({
            let stop = stop.clone();
            move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = fs::write(&other, "theirs..");
                    let _ = fs::rename(&other, &name);
                    std::thread::sleep(Duration::from_millis(3));
                    let _ = symlink(&secret, &other);
                    let _ = fs::rename(&other, &name);
                    std::thread::sleep(Duration::from_millis(3));
                }
            }
        });
        let mut read = [0; 2];
        for round in 0..60 {
            let flipped = path("theirs/flip");
            let asked = if round % 2 == 0 { file(&flipped, 8) } else { Look::Content { path: flipped, limit: 100 } };
            let bytes = match look(asked).await {
                Ok(Seen::Fact(Fact::File(Some(found)))) => found.content,
                Ok(Seen::Content(Some(found))) => found.bytes.reveal().to_vec(),
                _ => vec![],
            };
            assert_ne!(bytes, b"precious", "{shell:?}");
            read[usize::from(!bytes.is_empty())] += 1;
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        flipper.join().unwrap();
        assert!(read[0] > 0 && read[1] > 0, "{shell:?}: {read:?}");
    }
}

/// Each try has mounts of its own, so that nothing of this machine is covered where one goes wrong.
async fn nothing_is_mounted_where_a_link_leads(rows: &Rows) {
    for shell in SHELLS {
        let node = common::node(&[&["unshare", "-m"], *shell].concat()).await;
        let at = |name: &str| Change::Mount {
            live: true,
            source: "one".into(),
            target: node.path(name),
            fstype: "tmpfs".into(),
            options: vec!["size=4m".into()],
            persist: false,
            over: Over::Nothing,
        };
        for folder in ["outside", "theirs"] {
            fs::create_dir(node.path(folder)).unwrap();
        }
        std::os::unix::fs::chown(node.path("theirs"), Some(65534), None).unwrap();
        symlink(node.path("outside"), node.path("way")).unwrap();
        symlink(node.path("nowhere"), node.path("theirs/gone")).unwrap();
        for (name, code) in [("way/mnt", "file.symlink"), ("way/a/b", "file.symlink"), ("theirs/gone/a", "file.symlink"), ("theirs/mnt", "file.shared-parent"), ("theirs/a/b", "file.shared-parent")] {
            let refused = failure(&node.change(at(name)).await, code);
            match name {
                "way/mnt" => rows.add("put a link on the way to a mount point", "it is neither made nor mounted on", &refused, &node),
                "theirs/mnt" => rows.add("own a folder on the way to a mount point", "the same", &refused, &node),
                _ => {}
            }
        }
        assert_eq!(fs::read_dir(node.path("outside")).unwrap().chain(fs::read_dir(node.path("theirs")).unwrap()).count(), 1);
        assert!(node.change(at("new/deep")).await.is_done(), "{shell:?}");
    }
}

/// The nonce of the script that it is run by: a program of root's that looks for it in memory has it as well.
async fn whoever_knows_the_nonce_forges_nothing(rows: &Rows) {
    for shell in SHELLS {
        let spied = tempfile::tempdir().unwrap();
        let script = spied.path().join("script").to_str().unwrap().to_owned();
        // Everything that the shell is sent is put down as well, before it is heard.
        let node = common::node(&["sh", "-c", "tee \"$0\" | exec \"$@\"", &script].iter().chain(*shell).copied().collect::<Vec<_>>()).await;
        let forge = format!(
            "n=$(sed -n 's/^N=\\([0-9a-f]*\\) .*/\\1/p' {script} | tail -n 1); [ ${{#n}} -ge 16 ] || exit 9; printf '\\n@%s a 1 0 4\\nevil\\n@%s e 0 0 0\\n\\n' $n $n; printf '@%s d 2 0 0\\n\\n' $n >&2"
        );
        let batch = Batch { tasks: vec![task("a", command(&["sh", "-c", &forge])), task("b", command(&["sh", "-c", "echo honest; exit 3"]))], ..Batch::default() };
        let report = node.run(&batch).await;
        let printed = String::from_utf8(done(&report.outcomes[0])).unwrap();
        // It knew it, its words came as its words, and what came after is what was so.
        let spoken = printed.split_whitespace().find_map(|word| word.strip_prefix('@')).unwrap_or_default().to_owned();
        assert!(spoken.len() >= 16 && fs::read_to_string(&script).unwrap().contains(&format!("N={spoken}")), "{shell:?}: {printed:?}");
        assert!(printed.contains(" a 1 0 4\nevil\n"), "{shell:?}: {printed:?}");
        assert!(matches!(&report.outcomes[1], Outcome::Failed(failure) if failure.status == Some(3) && failure.tail == b"honest\n"), "{shell:?}: {:?}", report.outcomes);
        rows.push("| print a frame of ours, with the right nonce | output travels as bytes with a length | no error: it is what the command printed, and nothing else |".into());
    }
}

/// A folder on a disk that is full but for a little.
async fn a_full_disk_leaves_what_was_there(rows: &Rows) {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let machine = Machine::start(&format!("mount -t tmpfs -o size=64k full {0} && echo theirs >{0}/conf", disk.display()));
    for shell in SHELLS {
        let enter = machine.enter();
        let shell: Vec<&str> = enter.iter().map(String::as_str).chain(shell.iter().copied()).collect();
        let link = Local::new(Layout::below(folder.path().to_str().unwrap())).with_shell(&shell).connect(&Endpoint::new("n1", "127.0.0.1")).await.unwrap();
        let node = Node { folder: tempfile::tempdir().unwrap(), link };
        let path = disk.join("conf").to_str().unwrap().to_owned();
        let outcome = node.change(write(&path, "x".repeat(200_000), Expect::Any)).await;
        let full = failure(&outcome, "node.no-space");
        rows.once("fill the disk while a file is written", "it is written beside, and compared before it takes its place", &full.code, &full.message, folder.path());
        assert_eq!(machine.says(&format!("cat {path}; ls -A {}", disk.display())), "theirs\nconf\n", "{shell:?}");
    }
}

/// Mounts of its own, as long as a process lives.
struct Machine(Child);

impl Machine {
    fn start(prepare: &str) -> Self {
        let ready = tempfile::NamedTempFile::new().unwrap();
        let script = format!("{prepare} && echo ready >{} && exec sleep 300", ready.path().display());
        let machine = Self(Command::new("unshare").args(["-m", "sh", "-c", &script]).stdin(Stdio::null()).spawn().unwrap());
        let begun = Instant::now();
        while fs::read(ready.path()).unwrap().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(30), "this test needs root, for mounts of its own");
            std::thread::sleep(Duration::from_millis(5));
        }
        machine
    }

    fn enter(&self) -> Vec<String> {
        ["nsenter", "-t", &self.0.id().to_string(), "-m"].map(str::to_owned).into()
    }

    fn says(&self, line: &str) -> String {
        let enter = self.enter();
        let out = Command::new(&enter[0]).args(&enter[1..]).args(["sh", "-c", line]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
