//! The first node: its installer, and one init.

use crate::addresses::Addresses;
use crate::config::{Config, Source};
use crate::seat::{Seat, Stage};
use crate::{bundle, database, init, member, paths, tool};
use arcus_sdk::prelude::*;

/// All that should be so for the first node. Returns the step after which it is healthy.
pub fn plan(cluster: &Cluster<Config>, seat: &Seat<'_>, plan: &mut Plan) -> Result<Planned, Problem> {
    let config = &cluster.config;
    let node = seat.node;
    // What only serves the start of init is not kept up after it: nobody must find the installer again for a cluster that stands.
    let begun = matches!(seat.stage, Stage::Done | Stage::Running);
    if !begun {
        warn_of_exports(cluster, node, plan);
    }
    let folder = (!begun || config.database.is_some()).then(|| plan.directory("folder", node, paths::FOLDER, 0o755).known(&seat.stage.known()));
    let mut ready = match &folder {
        Some(folder) if !begun => prepare(cluster, seat, folder, plan),
        _ => Vec::new(),
    };
    if let Some(folder) = &folder {
        ready.extend(database::prepare(cluster, seat, folder, plan));
    }

    let marks = sorted(member::managers(cluster)).into_iter().map(|manager| probe::content(paths::MARK, 64).on(manager));
    let signs = [probe::job(format!("init:{}", node.name)).on(node), probe::query("fail-log", []).on(node)];
    let init = plan
        .job("init", node, init::argv(cluster, node)?)
        .status_lies()
        .until(marks.chain(signs), format!("{} has the mark of a finished installation", node.name), 5)
        .title(format!("install Rainbond {} on its first node (grctl init)", config.version))
        .timeout_s(config.timeouts.init)
        .once()
        .known(&seat.stage.known())
        .after(&ready)
        .provides(milestone::PLATFORM_INITIALISED);
    let init = if cluster.handed.storage.is_empty() { init } else { init.needs(milestone::STORAGE_MOUNTED, [node]) };
    let init = if cluster.handed.network.is_some() { init.needs(milestone::NETWORK_READY, [node]) } else { init };
    let init = match Addresses::of(cluster) {
        Some(addresses) if config.version.asks_at_virtual_address() => init.needs_anywhere(addresses.managers_answering()),
        _ => init,
    };
    database::seal(cluster, seat, &init, plan);

    let asks = tool::plan(cluster, seat, plan);
    let joined = plan
        .wait("joined", node, [probe::query("nodes", []).on(node)], &format!("{} is running", node.name), config.timeouts.healthy)
        .after([&init].into_iter().chain(&asks))
        .provides(milestone::PLATFORM_JOINED);
    Ok(joined)
}

/// Where the first node has the directory on its own disk, the installer makes it the server, whatever it was before
/// (rainbond-ansible, `roles/storage/nfs/server`).
fn warn_of_exports(cluster: &Cluster<Config>, node: &Node, plan: &mut Plan) {
    if cluster.handed.storage.iter().any(|(_, offer)| offer.local.contains(&node.name)) {
        let message = format!("the installer writes /etc/exports of {} anew: {} and folders of Rainbond for everybody who reaches it, root as root", node.name, paths::SHARED);
        plan.warn(problem("rainbond.exports", message).on(node).help("keep a copy of that file; afterwards let only the cluster's nodes in there, and `exportfs -ra`"));
    }
}

/// The installer in its place, of the right version; what it needs in theirs.
fn prepare(cluster: &Cluster<Config>, seat: &Seat<'_>, folder: &Planned, plan: &mut Plan) -> Vec<Planned> {
    let config = &cluster.config;
    let node = seat.node;
    let known = seat.stage.known();
    let digest = probe::query("installer-digest", []).on(node);
    let installer = match &config.grctl.url {
        Some(url) => {
            let fetched = plan
                .command("fetch", node, ["curl", "-fsSL", "--max-time", "900", "--output", paths::FETCHED, url])
                .until([probe::query("fetched-digest", []).on(node)], "what was fetched has the digest of the file", 30)
                .title(format!("fetch grctl from {url}"))
                .timeout_s(930)
                .known(&known)
                .after([folder]);
            plan.command("place", node, ["install", "-m", "0755", paths::FETCHED, paths::INSTALLER])
                .until([digest, probe::file(paths::INSTALLER).on(node)], "the installer is in its place", 30)
                .title("put grctl in its place")
                .known(&known)
                .after([&fetched])
        }
        None => {
            let spec = file(paths::INSTALLER).artifact("grctl").mode(0o755);
            let upload = plan.file("upload", node, spec).title("upload grctl").timeout_s(600).known(&known).after([folder]);
            match config.grctl.sha256 {
                Some(_) => upload.until([digest], "it has the digest of the file", 30),
                None => upload,
            }
        }
    };
    let mut ready = Vec::new();
    let asked = [probe::query("installer-version", []).on(node), probe::query("installer-help", []).on(node)];
    ready.push(plan.wait("version", node, asked, &format!("the installer is of {}", config.version), 20).after([&installer]));
    if config.install == Source::Offline {
        ready.push(bundle::plan(cluster, seat, folder, plan));
    }
    if let Some(addresses) = Addresses::of(cluster)
        && config.version.asks_at_virtual_address()
    {
        let here = format!("{} is on {}, which alone can answer there at first", addresses.managers, node.name);
        let here = plan.wait("address", node, [probe::interfaces().on(node)], &here, 60).after([&installer]);
        ready.push(here.needs_anywhere(addresses.managers_answering()));
    }
    ready
}

/// By name: the order of the file must not show in a goal.
fn sorted(mut nodes: Vec<&Node>) -> Vec<&Node> {
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    nodes
}
