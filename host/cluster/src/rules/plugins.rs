//! Which plugins are used, with which settings, and where those are that do not come with Arcus.

use std::path::{Component, Path};

use cap_std::fs::Dir;
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::document::{MIGRATING_FROM, MIGRATION};
use crate::folder::leads_out;
use crate::model::Concern;
use crate::sketch::Sketch;
use crate::{pointer, wording};

/// Beside `use` stands one key: the name of what is used.
pub fn sections(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for concern in Concern::ALL {
        let Some(section) = sketch
            .value
            .get(concern.as_str())
            .and_then(Value::as_object)
        else {
            continue;
        };
        let used = sketch.uses(concern);
        let from = section.get(MIGRATING_FROM).and_then(Value::as_str).filter(|_| concern == Concern::Storage);
        if from.is_some() && from == used {
            let message = format!("it comes from {} and goes there", wording::quoted(from.unwrap_or_default()));
            let at = pointer::join("/storage", MIGRATING_FROM);
            found.push(sketch.text.diagnose("cluster.migrating-from", &at, message).help("name the storage that the data are on now, with its section beside that of the new one"));
        }
        let moving = |key: &str| from.is_some_and(|from| key == from || key == MIGRATING_FROM || key == MIGRATION);
        for key in section
            .keys()
            .filter(|key| *key != "use" && Some(key.as_str()) != used && !moving(key))
        {
            let at = pointer::join(&format!("/{concern}"), key);
            let (message, help) = match used {
                Some(used) => (
                    format!(
                        "unknown key {}: `{concern}` is {}",
                        wording::quoted(key),
                        wording::quoted(used)
                    ),
                    match wording::meant(
                        key,
                        ["use", used]
                            .into_iter()
                            .filter(|known| !section.contains_key(*known)),
                    ) {
                        Some(word) => format!("did you mean `{word}`?"),
                        None => format!(
                            "settings go under `{used}`, e.g. `{concern}: {{ use: {used}, {used}: {{ … }} }}`; remove those of what is not used"
                        ),
                    },
                ),
                // That `use` is missing is told already.
                None => continue,
            };
            found.push(
                sketch
                    .text
                    .diagnose_key("cluster.unknown-key", &at, message)
                    .help(help),
            );
        }
    }
    found
}

/// A plugin whose path is given is also used.
pub fn used(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let plugins = sketch.value.get("plugins").and_then(Value::as_object);
    let mut found = Vec::new();
    for name in plugins.into_iter().flatten().map(|(name, _)| name) {
        // Others are not chosen by a section.
        let Some((concern, rest)) = Concern::ALL.iter().find_map(|concern| {
            Some((
                *concern,
                name.strip_prefix(concern.as_str())?.strip_prefix('-')?,
            ))
        }) else {
            continue;
        };
        let from = sketch.value.pointer("/storage/migrating-from").and_then(Value::as_str).filter(|_| concern == Concern::Storage);
        if sketch.uses(concern) != Some(rest) && from != Some(rest) {
            let help = format!("use it (`{concern}: {{ use: {rest} }}`), or remove it here");
            found.push(
                sketch
                    .text
                    .diagnose_key(
                        "cluster.plugin-unused",
                        &pointer::join("/plugins", name),
                        format!("nothing uses the plugin {}", wording::quoted(name)),
                    )
                    .help(help)
                    .warning(),
            );
        }
    }
    found
}

/// The paths of plugins stay in the folder of the file, and lead to files.
pub fn paths(sketch: &Sketch<'_>, dir: Option<&Dir>) -> Vec<Diagnostic> {
    let plugins = sketch.value.get("plugins").and_then(Value::as_object);
    plugins
        .into_iter()
        .flatten()
        .filter_map(|(name, path)| {
            let (code, message, help) = path_fault(path.as_str()?, dir)?;
            Some(
                sketch
                    .text
                    .diagnose(code, &pointer::join("/plugins", name), message)
                    .help(help),
            )
        })
        .collect()
}

fn path_fault(text: &str, dir: Option<&Dir>) -> Option<(&'static str, String, &'static str)> {
    const OUTSIDE: &str = "cluster.path-outside";
    const HELP: &str =
        "put the component into the folder of the cluster file, and write `./NAME.wasm`";
    let quoted = wording::quoted(text);
    if text.is_empty() {
        return Some(("cluster.path-missing", "the path is empty".to_owned(), HELP));
    }
    let path = Path::new(text);
    let home = text.starts_with('~');
    if path.is_absolute() || text.contains('\\') || home {
        return Some((
            OUTSIDE,
            format!("the path {quoted} does not start in the folder of this file"),
            HELP,
        ));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Some((
            OUTSIDE,
            format!("the path {quoted} leads out of the folder of this file"),
            HELP,
        ));
    }
    match dir?.metadata(path) {
        Ok(found) if found.is_file() => None,
        Ok(_) => Some((
            "cluster.path-missing",
            format!("{quoted} is not a file"),
            "name the component itself, a `.wasm` file",
        )),
        Err(error) if leads_out(&error) => Some((
            OUTSIDE,
            format!("the path {quoted} leads out of the folder of this file through a link"),
            HELP,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some((
            "cluster.path-missing",
            format!("there is no file {quoted} beside this file"),
            "check the path; it starts in the folder of the cluster file",
        )),
        Err(error) => Some((
            "cluster.path-missing",
            format!("{quoted} cannot be looked at: {error}"),
            "check the path and who may read it",
        )),
    }
}
