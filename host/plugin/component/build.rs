//! Puts the contract's text into the program: whoever builds a module without the SDK gives it no types of its own.

use std::{env, fmt::Write as _, fs, path::Path};

fn main() {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("../../../wit").canonicalize().expect("wit/ is part of the sources");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("wit/ can be read")
        .map(|entry| entry.expect("wit/ can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wit"))
        .collect();
    files.sort();
    let mut source = String::from("&[\n");
    for path in files {
        let name = path.file_name().expect("it is a file").to_string_lossy();
        let _ = writeln!(source, "    ({name:?}, include_str!({path:?})),");
    }
    source.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR").expect("set by cargo")).join("contract.rs"), source).expect("OUT_DIR can be written");
}
