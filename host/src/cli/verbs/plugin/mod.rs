//! `arcus plugin`: which there are, what one asks for, and which of third parties' may be used here. Runs no code of theirs.

mod add;
mod approve;
mod build;
mod inspect;
mod list;
mod new;
mod pack;
mod publish;
mod remove;
mod signed;
mod source;
mod test;
mod update;

pub use approve::ask as ask_for_approvals;

use arcus_engine::{Fault, Kind, Trouble};
use arcus_plugin::{Inspection, embedded};

use crate::cli::Context;
use crate::cli::args::Plugin;
use crate::cli::show::grant;

/// Where an embedded plugin comes from.
const EMBEDDED: &str = "this arcus";

/// Does it.
pub fn run(context: &Context, verb: Plugin) -> Result<(), Fault> {
    match verb {
        Plugin::List => list::run(context),
        Plugin::Inspect { plugin } => inspect::run(context, &plugin),
        Plugin::Add { source } => add::run(context, &source),
        Plugin::Approve { plugin, digest, draft } => approve::run(context, &plugin, digest.as_deref(), draft),
        Plugin::Update(args) => update::run(context, &args),
        Plugin::Remove { plugin } => remove::run(context, &plugin),
        Plugin::New(args) => new::run(context, &args),
        Plugin::Test(args) => test::run(context, &args),
        Plugin::Build { folder, offline, module } => build::run(context, &folder, offline, module.as_deref()),
        Plugin::Pack { component, out } => pack::pack(context, &component, out.as_deref()),
        Plugin::Bundle { sources, out } => pack::bundle(context, &sources, &out),
        Plugin::Publish { component, to } => publish::run(context, &component, &to),
    }
}

fn comes_with_arcus(name: &str) -> bool {
    embedded().iter().any(|plugin| plugin.name == name)
}

fn unreadable(name: &str, path: &str, error: &std::io::Error) -> Fault {
    Fault::one(Kind::Input, Trouble { code: "plugin.unreadable".into(), message: format!("{path} cannot be read: {error}"), help: Some("name a component, a `.wasm` file; one in a registry is oci://HOST/REPOSITORY:VERSION".into()), plugin: Some(name.to_owned()), ..Trouble::default() })
}

/// What a component says of itself.
fn read(origin: &str, bytes: &[u8]) -> Result<Inspection, Fault> {
    arcus_plugin::inspect(bytes).map_err(|fault| {
        Fault::one(
            Kind::Input,
            Trouble { code: fault.code.into(), message: format!("{origin} is no plugin that this arcus can use: {}", fault.message), help: Some(fault.help), plugin: Some(origin.to_owned()), ..Trouble::default() },
        )
    })
}

/// No third party's plugin of that name is here.
fn not_here(name: &str) -> Fault {
    if comes_with_arcus(name) {
        return Fault::new(Kind::Input, "plugin.embedded", format!("`{name}` comes with this arcus, and needs neither pin nor approval")).help(format!("`arcus plugin inspect {name}` shows what it may do"));
    }
    Fault::new(Kind::Input, "plugin.unknown", format!("there is no plugin `{name}` here")).help("`arcus plugin list` shows which there are; `arcus plugin add` adds one")
}

fn json(inspection: &Inspection, origin: &str) -> serde_json::Value {
    let powers: Vec<String> = grant::powers(&inspection.manifest.grant).iter().map(|power| power.as_str().to_owned()).collect();
    serde_json::json!({
        "name": inspection.manifest.name,
        "origin": origin,
        "digest": inspection.digest,
        "size": inspection.size,
        "imports": inspection.imports,
        "exports": inspection.exports,
        "manifest": inspection.manifest,
        "amounts_to_root": powers,
    })
}
