//! `arcus plugin update`: another version of a pinned plugin takes its place. Never an older one or one from elsewhere, unless that is said.

use arcus_engine::{Fault, Gate, Kind};
use arcus_plugin::{Inspection, Pin, beyond};

use super::add::{put, put_signature, version, write};
use super::source::Offered;
use super::{not_here, read, signed, source};
use crate::cli::Context;
use crate::cli::args::PluginUpdate;
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::cli::show::grant;
use crate::safe;

/// What `--accept` takes here.
const RISKS: [&str; 3] = ["lower-version", "other-source", "other-key"];

/// Reads, compares with what is pinned, copies, pins.
pub fn run(context: &Context, args: &PluginUpdate) -> Result<(), Fault> {
    if let Some(word) = args.accept.iter().find(|word| !RISKS.contains(&word.as_str())) {
        return Err(Fault::new(Kind::Input, "cli.unknown-risk", format!("--accept {word}: there is no such risk")).help(format!("there are: {}", RISKS.join(", "))));
    }
    let folder = Folder::open(&context.global.file)?;
    let (_, cluster) = folder.cluster()?;
    let mut gate = Gate::open(&folder.dir, None)?;
    let name = &args.plugin;
    let (Some(before), Some(path)) = (gate.lock.pins.get(name).cloned(), gate.path(&cluster, name)) else { return Err(not_here(name)) };
    let given = match &args.source {
        Some(given) => given.clone(),
        None => source::again(&folder, name, &before.source)?,
    };
    let (Offered { bytes, signature, source, .. }, inspection) = called(name, source::offered(context, Some(&folder), &given)?)?;
    let signer = signed::signer(context, name, &bytes, signature.as_deref())?;
    let now = Pin::of(&inspection, &source, signer.map(|signer| signer.key));
    let risk = |risk: &str, message: String| -> Result<(), Fault> {
        if args.accept.iter().any(|word| word == risk) {
            return Ok(());
        }
        Err(Fault::new(Kind::Denied, &format!("plugin.{risk}"), message).help(format!("if that is meant: --accept {risk}")))
    };
    if now.source != before.source {
        risk("other-source", format!("{name} is pinned from {}, and this comes from {}", before.source, now.source))?;
    }
    if before.key.is_some() && now.key != before.key {
        let by = if now.key.is_some() { "another key signed this" } else { "no key of yours signed this" };
        risk("other-key", format!("{name} is pinned with a signature, and {by}"))?;
    }
    // One that was pinned without a version that can be compared is as good as newer.
    let pinned = semver::Version::parse(&before.version).ok();
    let offered = version(&inspection)?;
    if pinned.as_ref().is_none_or(|pinned| offered < *pinned) {
        risk("lower-version", format!("{name} is pinned at {}, and this is {offered}", before.version))?;
    }
    let console = &context.console;
    if now == before && folder.dir.read(&path).is_ok_and(|there| there == bytes) {
        console.data(safe!("{} {} is what is pinned", Foreign::word(name), Foreign::word(&before.version)));
        return Ok(());
    }
    put(&folder, &path, &bytes)?;
    put_signature(&folder, &path, signature.as_deref())?;
    gate.lock.pins.insert(name.clone(), now.clone());
    write(&gate, &folder)?;
    console.report_all(&super::json(&inspection, &path));
    console.report("beyond", &beyond(&before.grant, &now.grant));
    if now.digest == before.digest {
        console.data(safe!("{} {} is the same component, pinned from {} now: an approval of it holds", Foreign::word(name), Foreign::word(&now.version), Foreign::line(&now.source)));
        if now.key.is_some() && before.key.is_none() {
            console.data(safe!("it is signed now: `arcus plugin approve {}` notes by whom", Foreign::word(name)));
        }
        return Ok(());
    }
    console.data(safe!("{}: {} becomes {}", Foreign::word(name), Foreign::word(&before.version), Foreign::word(&now.version)));
    if now.version == before.version {
        console.say(console.terminal().err.yellow("the version is the same, and the component is another"));
    }
    console.data(grant::change(&before.version, &before.grant, &inspection, console.terminal().out));
    console.data(safe!("it must be approved again: `arcus plugin approve {}`", Foreign::word(name)));
    Ok(())
}

/// The one of that name.
fn called(name: &str, all: Vec<Offered>) -> Result<(Offered, Inspection), Fault> {
    let mut others = Vec::new();
    for offered in all {
        let inspection = read(&offered.shown, &offered.bytes)?;
        if inspection.manifest.name == name {
            return Ok((offered, inspection));
        }
        others.push(format!("{} calls itself `{}`", offered.shown, inspection.manifest.name));
    }
    Err(Fault::new(Kind::Input, "plugin.other-name", format!("{}, not `{name}`", others.join(", "))).help("`arcus plugin add` adds another plugin"))
}
