//! Embeds the components that `cargo xtask plugins` wrote to `target/plugins/`. None there: none embedded.

use std::{env, fmt::Write as _, fs, path::Path};

use sha2::{Digest as _, Sha256};

fn main() {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("../../target/plugins");
    // Cargo runs this again for ever while a watched path is missing.
    fs::create_dir_all(&folder).expect("target/ can be written");
    let folder = folder.canonicalize().expect("it was just made");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("it was just made")
        .map(|entry| entry.expect("target/ can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    files.sort();
    let mut source = String::from("&[\n");
    for path in files {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_stem().expect("it has an extension").to_string_lossy();
        // Once here, instead of at every start.
        let digest = Sha256::digest(fs::read(&path).expect("target/ can be read"));
        let _ = writeln!(source, "    Embedded {{ name: {name:?}, bytes: include_bytes!({path:?}), digest: \"{digest:x}\" }},");
    }
    source.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR").expect("set by cargo")).join("embedded.rs"), source).expect("OUT_DIR can be written");
}
