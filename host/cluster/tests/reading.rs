//! Reading from a folder: what is no file, too large, not text, or leads out.

use arcus_cluster::{Diagnostic, File, template};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use uuid::Uuid;

fn folder() -> (tempfile::TempDir, Dir) {
    let temp = tempfile::tempdir().unwrap();
    std::fs::create_dir(temp.path().join("inner")).unwrap();
    let dir = Dir::open_ambient_dir(temp.path().join("inner"), ambient_authority()).unwrap();
    (temp, dir)
}

fn codes(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|one| one.code.as_str()).collect()
}

#[test]
fn what_cannot_be_read_is_told() {
    let (temp, dir) = folder();
    let code = |name: &str| File::read(&dir, name).unwrap_err()[0].code.clone();
    assert_eq!(code("cluster.yaml"), "file.missing");
    assert_eq!(code("../cluster.yaml"), "file.outside");
    dir.create_dir("folder").unwrap();
    assert_eq!(code("folder"), "file.no-file");
    std::fs::write(temp.path().join("outer.yaml"), "a: 1").unwrap();
    dir.symlink("../outer.yaml", "link.yaml").unwrap();
    assert_eq!(code("link.yaml"), "file.outside");
    let fifo = std::process::Command::new("mkfifo")
        .arg(temp.path().join("inner/pipe"))
        .status()
        .unwrap();
    assert!(fifo.success());
    assert_eq!(code("pipe"), "file.no-file");
    dir.write("large.yaml", vec![b'#'; (1 << 20) + 1]).unwrap();
    assert_eq!(code("large.yaml"), "file.too-large");
    dir.write("largest.yaml", vec![b'#'; 1 << 20]).unwrap();
    assert_eq!(code("largest.yaml"), "yaml.empty");
}

#[test]
fn what_is_no_text_is_told_where() {
    let found = File::from_bytes("cluster.yaml", b"a: 1\nb: \xff\xfe x\n").unwrap_err();
    assert_eq!(codes(&found), ["file.encoding"]);
    let span = found[0].span.unwrap();
    assert_eq!((span.line, span.column), (2, 4));
}

#[test]
fn paths_of_plugins_are_followed() {
    let (temp, dir) = folder();
    std::fs::write(temp.path().join("outside.wasm"), "").unwrap();
    dir.create_dir("plugins").unwrap();
    dir.write("plugins/there.wasm", "").unwrap();
    dir.symlink("there.wasm", "plugins/inside.wasm").unwrap();
    dir.symlink("../../outside.wasm", "plugins/outside.wasm")
        .unwrap();
    let told = |path: &str| {
        let text = template("demo", Uuid::from_u128(1))
            .replace("192.0.2.", "10.1.2.")
            .replace("use: glusterfs\n  glusterfs:", "use: moosefs\n  moosefs:");
        dir.write(
            "cluster.yaml",
            format!("{text}plugins:\n  storage-moosefs: {path}\n"),
        )
        .unwrap();
        match File::read(&dir, "cluster.yaml").unwrap().cluster() {
            Ok(cluster) => {
                assert_eq!(cluster.plugins["storage-moosefs"].path, path);
                Vec::new()
            }
            Err(found) => found.into_iter().map(|one| one.code).collect(),
        }
    };
    assert_eq!(told("./plugins/there.wasm"), [""; 0]);
    assert_eq!(told("plugins/inside.wasm"), [""; 0]);
    assert_eq!(told("plugins/outside.wasm"), ["cluster.path-outside"]);
    assert_eq!(told("./plugins/none.wasm"), ["cluster.path-missing"]);
    assert_eq!(told("./plugins"), ["cluster.path-missing"]);
    assert_eq!(told("../outside.wasm"), ["cluster.path-outside"]);
}
