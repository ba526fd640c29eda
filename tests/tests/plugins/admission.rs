//! Before a plugin counts, it has to be let in: what a pull request, a stranger on this machine or an author can try there, and what is said.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use arcus_tests::{Running, approved, page, root, with_manifest};
use serde_json::Value;

use super::super::{Desk, FILE, LIMIT, json};

/// What the page says of an attack: what stops it, and each error that was told.
pub fn row(desk: &Desk, what: &str, stopped: &str, printed: &[&Value]) -> Result<String> {
    let said = printed.iter().map(|printed| {
        let trouble = &printed["error"]["troubles"][0];
        let message = trouble["message"].as_str().context("no message")?.replace('\n', " … ");
        Ok(format!("`{}` {}", trouble["code"].as_str().context("no code")?, plain(desk, &message)))
    });
    Ok(format!("| {what} | {stopped} | {} |", said.collect::<Result<Vec<_>>>()?.join("; ")))
}

/// Without what is another each time.
fn plain(desk: &Desk, text: &str) -> String {
    let (project, side) = (desk.path().display().to_string(), desk.0.path().display().to_string());
    page::cell(text, &[(&project, "/home/eva/project"), (&side, "/home/eva")])
}

/// A component of another version, whose grant reads otherwise.
fn version(of: &Path, to: &Path, version: &str, edit: impl FnOnce(&mut Value)) -> Result<String> {
    let bytes = with_manifest(&fs::read(of)?, |manifest| {
        manifest["version"] = version.into();
        edit(&mut manifest["grant"]);
    })?;
    fs::write(to, bytes)?;
    approved(to)
}

pub fn unapproved(hostile: &Path, rows: &mut Vec<String>) -> Result<()> {
    // It would never end if anything of it ran.
    let desk = Desk::in_mode(hostile, "hang")?;
    for verb in ["plan", "apply", "verify", "validate", "status", "preflight"] {
        let words: &[&str] = if verb == "apply" { &["apply", "--yes"] } else { &[verb] };
        let refused = desk.refused(words, 7, "plugin.not-pinned")?;
        ensure!(refused["error"]["troubles"][0]["help"].to_string().contains("arcus plugin approve storage-hostile"), "{refused:#}");
    }
    ensure!(!desk.path().join(".arcus").exists() && !desk.path().join("arcus.lock").exists(), "something was written");
    // Nobody to ask: everything is shown, nothing is approved or pinned.
    let shown = desk.shown(&["plugin", "approve", "storage-hostile"])?.code(7)?;
    for words in ["It asks to be allowed:", "amounts to root", "run true (as root)", "/srv/hostile", "plugin approve storage-hostile --digest"] {
        ensure!(shown.stderr.contains(words), "{words:?} is not shown:\n{}", shown.stderr);
    }
    let refused = desk.refused(&["plan"], 7, "plugin.not-pinned")?;
    rows.push(row(&desk, "a pull request brings a component, and a line in the cluster file", "nobody approved it: nothing of it is compiled or run", &[&refused])?);
    desk.refused(&["plugin", "approve", "storage-hostile", "--digest", &"0".repeat(64)], 7, "plugin.other-digest")?;
    desk.refused(&["plugin", "approve", "storage-nfs"], 3, "plugin.embedded")?;
    desk.refused(&["plugin", "approve", "storage-nobody"], 3, "plugin.unknown")?;
    // A state folder that the project brings is no place for approvals.
    let digest = approved(hostile)?;
    let inside = Running::start("approve inside".into(), desk.command(&["plugin", "approve", "storage-hostile", "--digest", &digest, "-o", "json"])?.env("XDG_STATE_HOME", desk.path().join("state")))?.end(LIMIT)?;
    let refused = json(&inside.code(3)?)?;
    ensure!(refused["error"]["code"] == "approvals.not-private", "{refused:#}");
    rows.push(row(&desk, "the project's folder brings approvals", "they are not looked for there, and refused there", &[&refused])?);
    desk.refused(&["plan"], 7, "plugin.not-pinned")?;
    Ok(())
}

pub fn swapped(hostile: &Path, rows: &mut Vec<String>) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    desk.run(&["validate"])?.code(0)?;
    let lock = desk.read("arcus.lock")?;
    ensure!(lock.contains("[plugin.storage-hostile]") && lock.contains(&approved(hostile)?), "{lock}");
    // Other bytes in its place.
    let there = desk.path().join("hostile.wasm");
    version(hostile, &there, "0.1.0", |grant| grant["write"] = serde_json::json!(["/etc"]))?;
    let refused = desk.refused(&["plan"], 7, "plugin.not-as-pinned")?;
    ensure!(refused["error"]["troubles"][0]["plugin"] == "storage-hostile", "{refused:#}");
    rows.push(row(&desk, "the component is swapped after it was approved", "its digest", &[&refused])?);
    // And a lock file that was made to fit, as with a pull request: still not approved here.
    let wide = approved(&there)?;
    desk.write("arcus.lock", &lock.replace(&approved(hostile)?, &wide))?;
    desk.refused(&["plan"], 7, "plugin.lock-edited")?;
    desk.write("arcus.lock", &lock.replace(&approved(hostile)?, &wide).replace("\"/srv/hostile\"", "\"/etc\""))?;
    let refused = desk.refused(&["plan"], 7, "plugin.not-approved")?;
    ensure!(refused["error"]["message"].to_string().contains("+ grant.write = "), "what is more is not said: {refused:#}");
    rows.push(row(&desk, "it is swapped, and a lock file that fits comes with it", "the lock file approves nothing", &[&refused])?);
    // Widened in the lock file alone.
    fs::copy(hostile, &there)?;
    desk.write("arcus.lock", &lock.replace("\"/srv/hostile\"", "\"/etc\""))?;
    let refused = desk.refused(&["plan"], 7, "plugin.lock-edited")?;
    rows.push(row(&desk, "the lock file is edited by hand", "it must say what the component says itself", &[&refused])?);
    desk.write("arcus.lock", "format = 1\n[plugin.\u{1b}[2J]")?;
    let refused = desk.refused(&["plan"], 3, "lock-file.damaged")?;
    rows.push(row(&desk, "the lock file is damaged", "it is read whole or not at all", &[&refused])?);
    desk.write("arcus.lock", &lock)?;
    desk.run(&["validate"])?.code(0)?;
    Ok(())
}

/// Nobody answers, so nothing is performed; what is told comes before.
pub fn swapped_after_the_plan(hostile: &Path, rows: &mut Vec<String>) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    desk.run(&["plan", "--out", "saved.json"])?.code(4)?;
    let there = desk.path().join("hostile.wasm");
    let digest = version(hostile, &there, "0.1.0", |grant| grant["write"] = serde_json::json!(["/srv/hostile", "/srv/more"]))?;
    ensure!(digest != approved(hostile)?, "it is the same");
    desk.refused(&["apply", "--yes"], 7, "plugin.not-as-pinned")?;
    let refused = desk.refused(&["apply", "saved.json"], 7, "plugin.not-as-pinned")?;
    rows.push(row(&desk, "it is swapped between `plan` and `apply`", "its digest", &[&refused])?);
    // Even where the operator approves it: that is not what the plan was made with.
    desk.run(&["plugin", "update", "storage-hostile", "./hostile.wasm"])?.code(0)?;
    desk.run(&["plugin", "approve", "storage-hostile", "--digest", &digest])?.code(0)?;
    let told = desk.run(&["apply", "saved.json"])?;
    ensure!(json(&told)?["error"]["code"] == "apply.other-plan" && told.stderr.contains("plugin storage-hostile"), "{}{}", told.stdout, told.stderr);
    rows.push(row(&desk, "the other one is approved as well, and the plan is the one that was made before", "a saved plan names the digests that it was made with", &[&json(&told)?])?);
    // The plan that was made with the approved one, edited by hand so that it fits: what it shows is not what would be done.
    fs::copy(hostile, &there)?;
    desk.run(&["plugin", "update", "storage-hostile", "./hostile.wasm"])?.code(0)?;
    desk.run(&["plugin", "approve", "storage-hostile", "--digest", &approved(hostile)?])?.code(0)?;
    let mut saved: Value = serde_json::from_str(&desk.read("saved.json")?)?;
    saved["plugins"]["storage-hostile"] = digest.into();
    desk.write("saved.json", &saved.to_string())?;
    let told = desk.run(&["apply", "saved.json"])?;
    ensure!(json(&told)?["error"]["code"] == "apply.other-plan", "{}{}", told.stdout, told.stderr);
    rows.push(row(&desk, "a saved plan is edited by hand", "it is compared and never executed: what it shows must be what would be done", &[&json(&told)?])?);
    Ok(())
}

pub fn elsewhere(hostile: &Path, rows: &mut Vec<String>) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    let (here, there) = ("9b1f7a52-6c0e-4d8e-9f43-5d2b8c7a1e60", "0c6f8f0a-9f0e-4b53-8a7c-2a4b8e1d3f52");
    desk.write("cluster.yaml", &desk.read("cluster.yaml")?.replace(here, there))?;
    desk.refused(&["validate"], 7, "plugin.not-approved")?;
    // The record, copied to where one of the other cluster would be.
    let approvals = desk.state().join("arcus/approvals");
    fs::create_dir_all(approvals.join(there).join("storage-hostile"))?;
    let record = PathBuf::from("storage-hostile").join(approved(hostile)?).with_extension("json");
    fs::copy(approvals.join(here).join(&record), approvals.join(there).join(&record))?;
    let refused = desk.refused(&["validate"], 7, "plugin.not-approved")?;
    rows.push(row(&desk, "an approval is copied from another cluster", "it says which cluster, component and grant it is for", &[&refused])?);
    // Another operator pulls all that is committed.
    desk.write("cluster.yaml", &desk.read("cluster.yaml")?.replace(there, here))?;
    desk.run(&["validate"])?.code(0)?;
    let colleague = Running::start("validate".into(), desk.command(&["validate", "-o", "json"])?.env("XDG_STATE_HOME", desk.0.path().join("colleague")))?.end(LIMIT)?;
    let refused = json(&colleague.code(7)?)?;
    ensure!(refused["error"]["code"] == "plugin.not-approved", "{refused:#}");
    rows.push(row(&desk, "a lock file comes with the component, to somebody who never saw either", "the lock file approves nothing; each operator does", &[&refused])?);
    // Of this cluster, renamed and edited to be that of a component which may do more.
    let there = desk.path().join("hostile.wasm");
    let wider = version(hostile, &there, "0.1.0", |grant| grant["write"] = serde_json::json!(["/srv/hostile", "/srv/more"]))?;
    desk.run(&["plugin", "update", "storage-hostile", "./hostile.wasm"])?.code(0)?;
    let edited = fs::read_to_string(approvals.join(here).join(&record))?.replace(&approved(hostile)?, &wider);
    let other = approvals.join(here).join("storage-hostile").join(&wider).with_extension("json");
    fs::write(&other, edited)?;
    let refused = desk.refused(&["validate"], 7, "plugin.not-approved")?;
    rows.push(row(&desk, "an approval is edited to be that of another component", "it says which cluster, component and grant it is for", &[&refused])?);
    fs::remove_file(&other)?;
    // Others can write to what was approved.
    fs::set_permissions(&approvals, fs::Permissions::from_mode(0o777))?;
    let refused = desk.refused(&["validate"], 3, "approvals.not-private")?;
    rows.push(row(&desk, "somebody else can write to what was approved", "owner and mode of every folder and file on the way", &[&refused])?);
    Ok(())
}

pub fn wants_more(hostile: &Path, rows: &mut Vec<String>) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    let newer = desk.0.path().join("newer.wasm");
    let digest = version(hostile, &newer, "0.2.0", |grant| {
        grant["write"] = serde_json::json!(["/srv/hostile", "/etc/cron.d"]);
        grant["roles"] = serde_json::json!([]);
    })?;
    let updated = json(&desk.run(&["plugin", "update", "storage-hostile", &newer.display().to_string(), "--accept", "other-source"])?.code(0)?)?;
    ensure!(updated["beyond"] == serde_json::json!(["grant.roles = every role", "grant.write = \"/etc/cron.d\""]), "{updated:#}");
    let refused = desk.refused(&["plan"], 7, "plugin.not-approved")?;
    ensure!(refused["error"]["message"].as_str().is_some_and(|message| message.contains("+ grant.write = \"/etc/cron.d\"")), "{refused:#}");
    rows.push(row(&desk, "a new version wants more", "it must be approved again, and the difference is shown", &[&refused])?);
    let shown = desk.shown(&["plugin", "approve", "storage-hostile"])?.code(7)?.stderr;
    for words in ["Compared with 0.1.0:", "+ grant.roles = every role", "+ grant.write = \"/etc/cron.d\"", "write below /etc/cron.d (/etc/cron.d: its jobs are run as root)"] {
        ensure!(shown.contains(words), "{words:?} is not shown:\n{shown}");
    }
    desk.run(&["plugin", "approve", "storage-hostile", "--digest", &digest])?.code(0)?;
    desk.run(&["validate"])?.code(0)?;
    Ok(())
}

pub fn comes_and_goes(hostile: &Path, rows: &mut Vec<String>) -> Result<()> {
    let desk = Desk::new()?;
    desk.write("cluster.yaml", &FILE.replace("MODE", "good").replace("plugins: { storage-hostile: ./hostile.wasm }\n", ""))?;
    desk.refused(&["plugin", "update", "storage-hostile"], 3, "plugin.unknown")?;
    let shelf = desk.0.path().join("shelf");
    fs::create_dir(&shelf)?;
    let from = shelf.display().to_string();
    desk.refused(&["plugin", "add", &from], 3, "plugin.none-there")?;
    let offered = shelf.join("hostile.wasm");
    fs::copy(hostile, &offered)?;
    // No line in the cluster file but the one that uses it.
    desk.run(&["plugin", "add", &from])?.code(0)?;
    ensure!(desk.path().join("plugins/storage-hostile.wasm").exists() && desk.read("arcus.lock")?.contains("version = \"0.1.0\""), "it is not there");
    desk.refused(&["plugin", "add", &from], 3, "plugin.added-already")?;
    let listed = |desk: &Desk| -> Result<Value> {
        let listed = json(&desk.run(&["plugin", "list"])?.code(0)?)?;
        let all = listed["plugins"].as_array().context("no plugins")?;
        all.iter().find(|one| one["name"] == "storage-hostile").cloned().context("it is not listed")
    };
    ensure!(listed(&desk)?["state"] == "not approved" && listed(&desk)?["signed_by"].is_null(), "{:#}", listed(&desk)?);
    desk.refused(&["validate"], 7, "plugin.not-approved")?;
    desk.run(&["plugin", "approve", "storage-hostile", "--digest", &approved(hostile)?])?.code(0)?;
    desk.run(&["validate"])?.code(0)?;
    ensure!(listed(&desk)?["state"] == "approved", "{:#}", listed(&desk)?);
    desk.shown(&["plugin", "list"])?.code(0)?.says("approved, unsigned")?;
    // Older ones and those from elsewhere only when that is said.
    version(hostile, &offered, "0.0.9", |_| ())?;
    let lower = desk.refused(&["plugin", "update", "storage-hostile"], 7, "plugin.lower-version")?;
    rows.push(row(&desk, "an older version, with a known fault", "`update` refuses", &[&lower])?);
    let other = desk.0.path().join("other.wasm");
    version(hostile, &other, "0.3.0", |_| ())?;
    let moved = desk.refused(&["plugin", "update", "storage-hostile", &other.display().to_string()], 7, "plugin.other-source")?;
    rows.push(row(&desk, "one from elsewhere", "`update` refuses", &[&moved])?);
    desk.run(&["validate"])?.code(0)?;
    desk.refused(&["plugin", "update", "storage-hostile", "--accept", "everything"], 3, "cli.unknown-risk")?;
    version(hostile, &offered, "one point two", |_| ())?;
    desk.refused(&["plugin", "update", "storage-hostile"], 3, "plugin.version")?;
    version(hostile, &offered, "0.2.0", |_| ())?;
    desk.run(&["plugin", "update", "storage-hostile"])?.code(0)?;
    desk.refused(&["validate"], 7, "plugin.not-approved")?;
    // One that comes with Arcus is not replaced by what somebody adds.
    fs::write(&offered, with_manifest(&fs::read(hostile)?, |manifest| manifest["name"] = "storage-nfs".into())?)?;
    let embedded = desk.refused(&["plugin", "add", &from], 3, "plugin.embedded")?;
    // Nor by what a pull request puts where added ones lie; and where the cluster file names it, it is approved like any.
    let elsewhere = Desk::new()?;
    elsewhere.write("cluster.yaml", &FILE.replace("use: hostile, hostile: { mode: MODE }", "use: nfs, nfs: { server: 10.96.0.9, export: /srv/grdata }").replace("plugins: { storage-hostile: ./hostile.wasm }\n", ""))?;
    fs::create_dir(elsewhere.path().join("plugins"))?;
    fs::copy(&offered, elsewhere.path().join("plugins/storage-nfs.wasm"))?;
    elsewhere.write("arcus.lock", &desk.read("arcus.lock")?.replace("storage-hostile", "storage-nfs"))?;
    let list = json(&elsewhere.run(&["plugin", "list"])?.code(0)?)?;
    let listed_so = list["plugins"].as_array().context("no plugins")?.iter().find(|one| one["name"] == "storage-nfs").context("it is not listed")?;
    ensure!(listed_so["origin"] == "this arcus", "{listed_so:#}");
    elsewhere.run(&["validate"])?.code(0)?;
    elsewhere.write("cluster.yaml", &format!("{}plugins: {{ storage-nfs: ./plugins/storage-nfs.wasm }}\n", elsewhere.read("cluster.yaml")?))?;
    fs::remove_file(elsewhere.path().join("arcus.lock"))?;
    let named = elsewhere.refused(&["validate"], 7, "plugin.not-pinned")?;
    rows.push(row(&desk, "a component in place of one that comes with Arcus", "the lock file cannot do that; the cluster file must name it, and then it must be approved", &[&embedded, &named])?);
    desk.refused(&["plugin", "remove", "storage-hostile"], 3, "plugin.in-use")?;
    let text = desk.read("cluster.yaml")?;
    let (before, _) = text.split_once("storage:").context("no storage")?;
    desk.write("cluster.yaml", before)?;
    desk.run(&["plugin", "remove", "storage-hostile"])?.code(0)?;
    ensure!(!desk.path().join("plugins/storage-hostile.wasm").exists() && !desk.read("arcus.lock")?.contains("hostile"), "it is still there");
    ensure!(fs::read_dir(desk.state().join("arcus/approvals/9b1f7a52-6c0e-4d8e-9f43-5d2b8c7a1e60"))?.next().is_none(), "it is still approved");
    Ok(())
}

pub fn escapes(hostile: &Path, rows: &mut Vec<String>) -> Result<()> {
    let desk = Desk::in_mode(hostile, "good")?;
    let bytes = with_manifest(&fs::read(hostile)?, |manifest| {
        manifest["tested-on"] = serde_json::json!(["\u{1b}[2J\u{1b}]0;x\u{7}", "\u{202e}nothing at all\u{2066}", "line\nIt asks for nothing."]);
        manifest["version"] = "0.1.0-\u{1b}[8m".into();
    })?;
    fs::write(desk.path().join("hostile.wasm"), bytes)?;
    for (words, code) in [(&["plugin", "inspect", "./hostile.wasm"][..], 0), (&["plugin", "approve", "storage-hostile"], 7), (&["plugin", "list"], 0), (&["plan"], 7)] {
        let ended = desk.shown(words)?.code(code)?;
        let all = format!("{}{}", ended.stdout, ended.stderr);
        ensure!(!all.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{2066}']) && !all.contains("\nIt asks for nothing."), "{words:?}: {all:?}");
        ensure!(all.contains("\\u{1b}"), "{words:?} does not show it: {all}");
        if words[1..] == ["approve", "storage-hostile"] {
            let line = all.lines().find(|line| line.contains("\\u{1b}[8m")).context("its version is not shown")?;
            rows.push(format!("| control characters for the operator's terminal, in a manifest | everything foreign is shown escaped | {} |", plain(&desk, line.trim())));
        }
    }
    Ok(())
}


/// Code that was compiled before lies in a folder of the operator's.
pub fn poisons(hostile: &Path, rows: &mut Vec<String>) -> Result<()> {
    let desk = Desk::approved(hostile, "good")?;
    let cache = desk.0.path().join("cache");
    let validate = || -> Result<String> {
        let ended = Running::start("validate".into(), desk.command(&["validate"])?.env("XDG_CACHE_HOME", &cache))?.end(LIMIT)?.code(0)?;
        Ok(ended.stderr)
    };
    let said = |stderr: &str| stderr.lines().filter(|line| line.starts_with("a compiled plugin is not used: ")).map(str::to_owned).collect::<Vec<_>>();
    ensure!(said(&validate()?).is_empty() && said(&validate()?).is_empty(), "what is whole is ignored");
    let (mut entries, mut folders) = (Vec::new(), vec![cache.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { entries.push(path) }
        }
    }
    ensure!(!entries.is_empty(), "nothing is kept");
    // As somebody else's tool would: a new file of that name.
    let mut bad = Vec::new();
    for entry in &entries {
        let mut code = fs::read(entry)?;
        let middle = code.len() / 2;
        code[middle] ^= 1;
        fs::remove_file(entry)?;
        fs::write(entry, &code)?;
        fs::set_permissions(entry, fs::Permissions::from_mode(0o600))?;
        bad.push(code);
    }
    let changed = said(&validate()?);
    ensure!(changed.len() == entries.len(), "{changed:?} of {entries:?}");
    ensure!(entries.iter().zip(&bad).all(|(entry, bad)| fs::read(entry).is_ok_and(|now| now != *bad)) && said(&validate()?).is_empty(), "it was not compiled anew");
    rows.push(format!("| compiled code in the cache is changed | what does not fit its seal and name is not loaded | {} |", plain(&desk, &changed[0])));
    for entry in &entries {
        fs::set_permissions(entry, fs::Permissions::from_mode(0o666))?;
    }
    let open = said(&validate()?);
    ensure!(open.len() == entries.len(), "{open:?} of {entries:?}");
    ensure!(entries.iter().all(|entry| fs::metadata(entry).is_ok_and(|meta| meta.mode() & 0o777 == 0o600)), "it was not compiled anew");
    rows.push(format!("| somebody else can write to compiled code | each file must be the operator's alone | {} |", plain(&desk, &open[0])));
    let folder = entries[0].parent().context("no folder")?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777))?;
    let stderr = validate()?;
    let line = stderr.lines().find(|line| line.contains("compiled plugins are not kept")).context("that others can write to its folder is not said")?;
    rows.push(format!("| somebody else can write to its folder | nothing of it is used, and nothing put there | {} |", plain(&desk, line)));
    Ok(())
}

/// Code that runs as soon as it is looked at, as `inspect`, `add` and `approve` do. It shows that it is there once it is approved and asked.
pub fn starts(rows: &mut Vec<String>) -> Result<()> {
    let source = root().join("tests/wat-plugin");
    let text = fs::read_to_string(source.join("plugin.wat"))?;
    let end = text.rfind(')').context("the plugin has changed")?;
    let desk = Desk::new()?;
    fs::copy(source.join("manifest.toml"), desk.path().join("manifest.toml"))?;
    fs::write(desk.path().join("plugin.wasm"), wat::parse_str(format!("{}(func $begin unreachable) (start $begin))", &text[..end]))?)?;
    desk.run(&["plugin", "build", "--module", "plugin.wasm"])?.code(0)?;
    desk.write("cluster.yaml", &format!("{}storage: {{ use: wat }}\n", FILE.split_once("storage:").context("no storage")?.0))?;
    let digest = approved(&desk.path().join("storage-wat.wasm"))?;
    for words in [&["plugin", "inspect", "./storage-wat.wasm"][..], &["plugin", "add", "./storage-wat.wasm"], &["plugin", "list"], &["plugin", "approve", "storage-wat", "--draft"], &["plugin", "approve", "storage-wat", "--digest", &digest]] {
        desk.run(words)?.code(0)?;
    }
    let told = desk.refused(&["validate"], 3, "plugin.trap")?;
    let line = row(&desk, "code that runs as soon as it is looked at", "`inspect`, `add` and `approve` read the file, and start nothing", &[&told])?;
    rows.push(line.replacen("| `plugin.trap`", "| nothing; once it is approved, `validate` says `plugin.trap`", 1));
    Ok(())
}
