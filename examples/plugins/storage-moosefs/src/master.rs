//! The master: its settings, who may mount, and its list of names, which is made once and never over one that is there.

use crate::layout::Layout;
use crate::{Config, servers};
use arcus_sdk::contract::facts::Request;
use arcus_sdk::prelude::*;
use arcus_sdk::{FileSpec, Planned};
use std::fmt::Write as _;

/// Its unit.
pub const UNIT: &str = "moosefs-master.service";
/// What it reads.
pub const SETTINGS: &str = "/etc/mfs/mfsmaster.cfg";
pub const EXPORTS: &str = "/etc/mfs/mfsexports.cfg";
/// Beside what the package says of the unit.
const OVERRIDES: &str = "/etc/systemd/system/moosefs-master.service.d";
/// The list: as it lies while the master does not run, while it runs, and as a logger has it.
const NAMES: [&str; 2] = ["/var/lib/mfs/metadata.mfs", "/var/lib/mfs/metadata.mfs.back"];
const LOGGED: &str = "/var/lib/mfs/metadata_ml.mfs.back";
/// Seconds until it answers: a long list takes its time to be read.
const STARTS: u32 = 120;

/// What a storage node shows of lists of names.
pub type Lists = (Look<Option<FileFact>>, Look<Option<FileFact>>, Look<Option<FileFact>>);

/// To every storage node.
pub fn asks() -> (Ask<Option<FileFact>>, Ask<Option<FileFact>>, Ask<Option<FileFact>>) {
    (probe::file(NAMES[0]), probe::file(NAMES[1]), probe::file(LOGGED))
}

fn is_there(look: &Look<Option<FileFact>>) -> bool {
    look.is_known_and(Option::is_some)
}

/// It has been a master.
pub fn has_list(lists: &Lists) -> bool {
    is_there(&lists.0) || is_there(&lists.1)
}

/// What makes it too dangerous to begin with an empty list: a master that does not know a chunk has it deleted.
pub fn refuse(layout: &Layout<'_>, lists: &[(&Node, &Lists)], holds_chunks: &dyn Fn(&Node) -> bool, plan: &mut Plan) {
    let of = |node: &Node| lists.iter().find(|(known, _)| known.name == node.name).map(|(_, lists)| *lists);
    let others = || layout.servers.iter().copied().filter(|node| node.name != layout.master.name);
    if let Some(other) = others().find(|node| of(node).is_some_and(has_list)) {
        let message = format!("{} has been a master, and the file says {}", other.name, layout.master.name);
        let help = format!("write `master: {}`; how a master is moved says the README of this plugin", other.name);
        plan.problem(problem("moosefs.other-master", message).on(other).at("/master").help(help));
    }
    if of(layout.master).is_some_and(has_list) {
        return;
    }
    let remembers = others().find(|node| of(node).is_some_and(|lists| is_there(&lists.2))).map(|node| (node, "has the log of a master"));
    let keeps = layout.servers.iter().copied().find(|node| holds_chunks(node)).map(|node| (node, "has chunks of files"));
    if let Some((node, what)) = remembers.or(keeps) {
        let message = format!("{} {what}, and {} has no list of names: beginning with an empty one would have all files deleted", node.name, layout.master.name);
        let help = "bring the list back from a logger, as the README of this plugin says; or, if nobody needs those files any more, remove them by hand";
        plan.problem(problem("moosefs.names-lost", message).on(node).help(help));
    }
}

/// Asked of everybody who could know that there is a list.
fn known_to(layout: &Layout<'_>) -> Vec<Request> {
    layout.servers.iter().flat_map(|node| NAMES.map(|path| probe::file(path).on(node))).collect()
}

/// The steps of the master; the last is its answer.
pub fn plan(cluster: &Cluster<Config>, layout: &Layout<'_>, sure: &Look<()>, plan: &mut Plan) -> Planned {
    let node = layout.master;
    let package = plan.package("master", node, "moosefs-master");
    let tools = plan.package("tools", node, "moosefs-cli");
    let names = plan
        .command("names", node, ["cp", "--no-clobber", "/var/lib/mfs/metadata.mfs.empty", NAMES[0]])
        .until(known_to(layout), format!("{} has its list of names", node.name), 5)
        .title("begin with an empty list of names")
        .once()
        .known(sure)
        .after([&package]);
    let settings = plan.file("settings", node, settings()).after([&package]);
    let exports = plan.file("exports", node, exports(cluster)).after([&package]).title("who may mount");
    let folder = plan.directory("overrides", node, OVERRIDES, 0o755);
    let recovers = plan.file("recovers", node, recovers()).after([&folder, &package]).title("after a power loss the master makes its list of its log by itself");
    // Other settings are read while it goes on: nobody reads or writes without it.
    let run = plan.service("run-master", node, UNIT).newer_than([SETTINGS, EXPORTS]).reload().after([&tools, &names, &settings, &exports, &recovers]);
    plan.wait("answers", node, [probe::query("servers", [node.address.as_str()]).on(node)], "the master answers", STARTS).after([&run])
}

fn settings() -> FileSpec {
    // The log of changes is on the disk before a change is acknowledged: a power loss takes no name.
    let text = text!["# Written by Arcus (storage-moosefs).\nCHANGELOG_SAVE_MODE = 2\nREPLICATIONS_DELAY_INIT = 30\nCHUNKS_LOOP_MIN_TIME = 60\nAUTH_CODE = ", secret("auth"), "\n"];
    file(SETTINGS).content(text).mode(0o640).owner("root", "mfs")
}

/// The package's unit does not start after a crash: somebody would have to call `mfsmaster -a`.
fn recovers() -> FileSpec {
    let text = "# Written by Arcus (storage-moosefs).\n[Service]\nExecStart=\nExecStart=/usr/sbin/mfsmaster -c ${CFGFILE} -a -f start\nRestart=on-failure\nRestartSec=5\n";
    file(format!("{OVERRIDES}/arcus.conf")).content(text)
}

fn exports(cluster: &Cluster<Config>) -> FileSpec {
    let mut text = String::from("# Written by Arcus (storage-moosefs).\n");
    let clients = cluster.handed.demands.shared.as_ref().map(|shared| cluster.named(&shared.nodes)).unwrap_or_default();
    for node in clients {
        let _ = writeln!(text, "{} / rw,alldirs,maproot=0:0", node.address);
    }
    file(EXPORTS).content(text)
}

/// Judges `names`: anybody's list counts, also one where it should not be.
pub fn has_names(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let found = case.all::<Option<FileFact>>()?.into_iter().any(|(_, file)| file.is_some());
    if found { met() } else { unmet("there is no list of names") }
}

/// Judges `answers`.
pub fn answers(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let said: &Output = case.get(0)?;
    if said.is_ok() { met() } else { unmet(servers::complaint(said)) }
}
