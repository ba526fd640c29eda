//! `arcus plugin remove`: neither pinned nor approved any more.

use arcus_engine::{Fault, Gate, Kind};
use arcus_plugin::digest;

use super::add::{put_signature, write};
use super::not_here;
use crate::cli::Context;
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::cli::work::approvals;
use crate::safe;

/// Removes the pin, the approvals, and the component where `add` put it.
pub fn run(context: &Context, name: &str) -> Result<(), Fault> {
    let folder = Folder::open(&context.global.file)?;
    let (_, cluster) = folder.cluster()?;
    let mut gate = Gate::open(&folder.dir, approvals(context, &folder, &cluster)?)?;
    let Some(pin) = gate.lock.pins.get(name).cloned() else { return Err(not_here(name)) };
    if let Some(used) = cluster.uses().find(|used| used.plugin == name) {
        return Err(Fault::new(Kind::Input, "plugin.in-use", format!("the cluster file uses {name}")).help(format!("choose another first: `{}: {{ use: … }}`", used.concern)));
    }
    gate.lock.pins.remove(name);
    write(&gate, &folder)?;
    if let Some(approvals) = &gate.approvals {
        approvals.forget(&cluster.id.to_string(), name).map_err(|error| Fault::new(Kind::Input, error.code(), error.to_string()).help(error.help()))?;
    }
    // A file that the operator put somewhere, or that is not what was pinned, is left alone.
    let usual = Gate::usual(name);
    if !cluster.plugins.contains_key(name) && folder.dir.read(&usual).is_ok_and(|there| digest(&there) == pin.digest) {
        folder.dir.remove_file(&usual).map_err(|error| Fault::new(Kind::Input, "plugin.not-removed", format!("{usual} cannot be removed: {error}")).help("remove it by hand"))?;
        put_signature(&folder, &usual, None)?;
    }
    context.console.data(safe!("{} {} is neither pinned nor approved here any more", Foreign::word(name), Foreign::word(&pin.version)));
    Ok(())
}
