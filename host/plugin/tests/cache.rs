//! The cache of compiled code: quick when it is whole, never trusted when it is not.

mod support;

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use arcus_plugin::{Cache, Ignored, Plugin, Source, inspect};
use support::{Bench, Guest, Parrot, echo, input};

/// In a sandbox, hence an engine, of its own: as another run of Arcus would.
async fn load(folder: &Path, guest: &Guest) -> Plugin {
    let (plugin, ignored) = told(folder, guest).await;
    assert!(ignored.is_empty(), "{ignored:?}");
    plugin
}

/// And why the entry that was there was not used.
async fn told(folder: &Path, guest: &Guest) -> (Plugin, Vec<Ignored>) {
    let (tell, told) = std::sync::mpsc::channel();
    let cache = Cache::open(folder).unwrap().telling(move |ignored| tell.send(ignored.clone()).unwrap());
    let sandbox = Bench::new().with_cache(cache).sandbox();
    let plugin = sandbox.load(Source::Bytes("tried", &guest.build())).await.unwrap();
    assert_eq!(plugin.plan(Parrot, &input()).await.unwrap().warnings.len(), 1);
    (plugin, told.try_iter().collect())
}

/// It is compiled anew, and this is why.
async fn is_anew(folder: &Path, guest: &Guest, reason: &str) -> Plugin {
    let path = entry(folder);
    let (plugin, ignored) = told(folder, guest).await;
    assert!(!plugin.is_cached(), "{reason}");
    assert_eq!(ignored, [Ignored { path, reason: reason.into() }]);
    plugin
}

fn entry(folder: &Path) -> PathBuf {
    let entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}

#[tokio::test]
async fn the_second_run_does_not_compile() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("a/b");
    let guest = Guest::new(&echo());
    assert!(!load(&cache, &guest).await.is_cached());
    assert!(load(&cache, &guest).await.is_cached());
    assert_eq!(fs::metadata(&cache).unwrap().mode() & 0o7777, 0o700);
    assert_eq!(fs::metadata(entry(&cache)).unwrap().mode() & 0o7777, 0o600);
    // Another plugin is another entry.
    let other = Guest::new(&echo()).more("(func $other)");
    assert!(!load(&cache, &other).await.is_cached());
}

#[tokio::test]
async fn a_poisoned_entry_is_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::new(&echo());
    load(folder.path(), &guest).await;
    let path = entry(folder.path());
    let good = fs::read(&path).unwrap();
    // Machine code with one flipped bit is what wasmtime itself would take.
    let middle = good.len() / 2;
    let flipped: Vec<u8> = good.iter().enumerate().map(|(at, byte)| if at == middle { byte ^ 1 } else { *byte }).collect();
    for (what, bad) in [
        ("flipped", flipped),
        ("cut", good[..good.len() - 1].to_vec()),
        ("only a header", good[..20].to_vec()),
        ("empty", vec![]),
        ("without its seal", good[48..].to_vec()),
        ("text", b"not code".to_vec()),
    ] {
        fs::write(&path, &bad).unwrap();
        is_anew(folder.path(), &guest, "damaged").await;
        // And mended.
        assert!(fs::read(&path).unwrap() != bad, "{what}");
        assert!(load(folder.path(), &guest).await.is_cached(), "{what}");
    }
}

/// What a component says of itself is kept beside its code: one that was let in must not come to ask for more by it.
#[tokio::test]
async fn a_poisoned_manifest_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::new(&echo());
    let bytes = guest.build();
    load(folder.path(), &guest).await;
    assert_eq!(*load(folder.path(), &guest).await.inspection(), inspect(&bytes).unwrap());
    let path = entry(folder.path());
    let good = fs::read(&path).unwrap();
    let manifest = support::manifest().to_section();
    let at = good.windows(manifest.len()).position(|window| window == manifest).unwrap();
    let import = b"arcus:plugin/observe@0.1.0";
    let imports = good.windows(import.len()).rposition(|window| window == import).unwrap();
    for (what, at, text) in [
        ("its name", at, &b"{\"name\":\"storage-y"[..]),
        ("no manifest", at, b"null"),
        ("what it imports", imports, b"arcus:plugin/session"),
        ("its length", good.len() - 56, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("its length, none", good.len() - 56, b"\0\0\0\0\0\0\0\0"),
    ] {
        let mut bad = good.clone();
        bad[at..at + text.len()].copy_from_slice(text);
        assert!(bad != good, "{what}");
        fs::write(&path, &bad).unwrap();
        let plugin = is_anew(folder.path(), &guest, "damaged").await;
        assert_eq!(*plugin.inspection(), inspect(&bytes).unwrap(), "{what}");
    }
}

#[tokio::test]
async fn an_entry_in_anothers_place_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Guest::new(&echo()), Guest::new(&echo()).more("(func $other)"));
    load(folder.path(), &one).await;
    let first = entry(folder.path());
    let code = fs::read(&first).unwrap();
    fs::remove_file(&first).unwrap();
    load(folder.path(), &two).await;
    fs::write(entry(folder.path()), code).unwrap();
    is_anew(folder.path(), &two, "damaged").await;
}

#[tokio::test]
async fn an_entry_others_can_write_to_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::new(&echo());
    load(folder.path(), &guest).await;
    let path = entry(folder.path());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    is_anew(folder.path(), &guest, "not private: others can write to it (mode 0666)").await;
    // Something else under its name is no entry either, and does not hold anyone up.
    let kept = folder.path().join("../kept-elsewhere.bin");
    fs::rename(&path, &kept).unwrap();
    symlink(&kept, &path).unwrap();
    is_anew(folder.path(), &guest, "a path led outside of the filesystem").await;
    fs::remove_file(&kept).unwrap();
}

#[test]
fn a_folder_others_can_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (mode, fine) in [(0o700, true), (0o750, true), (0o770, false), (0o702, false), (0o1777, false)] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        match Cache::open(folder.path()) {
            Ok(_) => assert!(fine, "{mode:o}"),
            Err(error) => {
                assert!(!fine, "{mode:o}: {error}");
                assert_eq!(error.code(), "cache.not-private");
                assert!(error.to_string().contains(&format!("mode {mode:04o}")), "{error}");
            }
        }
    }
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(folder.path(), Some(65534), None).unwrap();
        let error = Cache::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("it belongs to user 65534"), "{error}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(Cache::open(&file).unwrap_err().code(), "cache.unusable");
}

#[tokio::test]
async fn old_entries_are_dropped() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..70 {
        fs::write(folder.path().join(format!("old{number}")), "").unwrap();
    }
    load(folder.path(), &Guest::new(&echo())).await;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 64);
    assert!(load(folder.path(), &Guest::new(&echo())).await.is_cached());
}
