//! `arcus init`: a commented cluster file to begin with.

use std::io::Write as _;
use std::path::Path;

use arcus_engine::{Fault, Kind};
use cap_std::fs::OpenOptions;
use uuid::Uuid;

use crate::cli::Context;
use crate::cli::args::Init;
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::safe;

/// Writes it. An existing file is never touched.
pub fn run(context: &Context, args: &Init) -> Result<(), Fault> {
    let folder = Folder::open(&context.global.file)?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => folder_name(&folder.path),
    };
    let id = Uuid::new_v4();
    let text = arcus_cluster::template(&name, id);
    // A name that the file could not hold must not be written into it.
    let made = arcus_cluster::File::parse(&folder.name, &text).and_then(|file| file.cluster());
    if !made.is_ok_and(|cluster| cluster.name == name) {
        return Err(Fault::new(Kind::Input, "init.name", format!("a cluster cannot be called `{name}`")).help("--name NAME: lower-case letters, digits and dashes, beginning with a letter"));
    }
    let file = context.global.file.display().to_string();
    let write = || {
        let mut options = OpenOptions::new();
        let mut out = folder.dir.open_with(&folder.name, options.write(true).create_new(true))?;
        out.write_all(text.as_bytes())?;
        out.sync_all()
    };
    write().map_err(|error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Fault::new(Kind::Input, "init.exists", format!("{file} is there already: it is not touched")).help("`-f FILE` names another"),
        _ => Fault::new(Kind::Input, "init.unwritable", format!("{file} cannot be written: {error}")).help("`-f FILE` names one in a folder that you may write to"),
    })?;
    let console = &context.console;
    console.report_all(&serde_json::json!({ "file": file, "cluster": { "name": name, "id": id } }));
    console.data(safe!("{}", Foreign::line(&file)));
    console.note(safe!("written; put in the addresses of your machines, then:"));
    console.note("  arcus validate    check the file");
    console.note("  arcus trust       look at the machines' host keys and pin them");
    console.note("  arcus preflight   can these machines become this cluster?");
    console.note("  arcus apply       show what would be done, ask, do it, and verify");
    Ok(())
}

/// The folder's name, if a cluster can be called so.
fn folder_name(path: &Path) -> String {
    let name = path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_str()?.to_lowercase()));
    let plain = |name: &String| {
        name.len() <= 32 && name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') && !name.ends_with('-')
    };
    name.filter(plain).unwrap_or_else(|| "demo".into())
}
