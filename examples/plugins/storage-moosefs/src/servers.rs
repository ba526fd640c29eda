//! Chunk servers and loggers: their files, and what the master says of them and their copies.

use crate::Config;
use crate::layout::{self, Layout};
use arcus_sdk::contract::facts::Request;
use arcus_sdk::prelude::*;
use arcus_sdk::{FileSpec, Planned};

/// Their units.
pub const CHUNKS: &str = "moosefs-chunkserver.service";
pub const LOGGER: &str = "moosefs-metalogger.service";
/// What they read.
pub const SETTINGS: &str = "/etc/mfs/mfschunkserver.cfg";
pub const DISKS: &str = "/etc/mfs/mfshdd.cfg";
pub const LOGGER_SETTINGS: &str = "/etc/mfs/mfsmetalogger.cfg";
/// At most one chunk server is started anew at a time.
const GROUP: &str = "moosefs-chunks";

fn settings(layout: &Layout<'_>, node: &Node) -> FileSpec {
    let own = format!("# Written by Arcus (storage-moosefs).\nMASTER_HOST = {}\nBIND_HOST = {}\nAUTH_CODE = ", layout.master.address, node.address);
    file(SETTINGS).content(text![own, secret("auth"), "\n"]).mode(0o640).owner("root", "mfs")
}

/// The steps of one storage node; the last runs its chunk server. `ready`: the master answers.
pub fn plan(config: &Config, layout: &Layout<'_>, node: &Node, ready: &Planned, plan: &mut Plan) -> Planned {
    let package = plan.package("chunks", node, "moosefs-chunkserver");
    let disk = plan.directory("disk", node, &config.disk, 0o750).owner("mfs", "mfs").after([&package]);
    let disks = plan.file("disks", node, file(DISKS).content(format!("{}\n", config.disk))).after([&package]);
    let own = plan.file("chunk-settings", node, settings(layout, node)).after([&package]);
    if node.name != layout.master.name {
        let package = plan.package("logger", node, "moosefs-metalogger");
        let text = format!("# Written by Arcus (storage-moosefs).\nMASTER_HOST = {}\nBIND_HOST = {}\nMETA_DOWNLOAD_FREQ = 1\n", layout.master.address, node.address);
        let own = plan.file("logger-settings", node, file(LOGGER_SETTINGS).content(text)).after([&package]);
        plan.service("run-logger", node, LOGGER).newer_than([LOGGER_SETTINGS]).after([&own, ready]);
    }
    plan.service("run-chunks", node, CHUNKS).newer_than([SETTINGS, DISKS]).group(GROUP).after([&disk, &disks, &own, ready])
}

/// What the master says of its chunk servers and chunks, asked on its own node.
pub fn asks(layout: &Layout<'_>) -> Vec<Request> {
    let address = layout.master.address.as_str();
    vec![probe::query("servers", [address]).on(layout.master), probe::query("chunks", [address]).on(layout.master)]
}

/// Addresses of chunk servers that are connected. None: the master does not say.
pub fn connected(output: &Output) -> Option<Vec<String>> {
    let text = output.text();
    let row = |line: &str| Some(line.strip_prefix("chunk servers:")?.split('\t').find(|cell| !cell.trim().is_empty())?.trim().to_owned());
    output.is_ok().then(|| text.lines().filter_map(row).collect())
}

/// How many chunks have too few copies, and how many none that can be read. None: the master does not say.
pub fn lacking(output: &Output) -> Option<(u64, u64)> {
    let text = output.text();
    let of = |class: &str| {
        let line = text.lines().find(|line| line.contains(&format!("chunkclass {class}:")))?;
        line.rsplit('\t').next()?.trim().parse::<u64>().ok()
    };
    if !output.is_ok() {
        return None;
    }
    Some((of("endangered")?.saturating_add(of("undergoal")?), of("missing")?))
}

/// What a program complains of.
pub fn complaint(output: &Output) -> String {
    let said = [output.error_text(), output.text()].into_iter().find_map(|text| text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned));
    said.unwrap_or_else(|| format!("it ended with status {}", output.status))
}

/// Judges `connected`: so many that every file can be kept as often as it should be.
pub fn are_connected(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let output: &Output = case.get(0)?;
    match connected(output) {
        None => unmet(format!("the master does not say: {}", complaint(output))),
        Some(found) if found.len() < cluster.config.copies as usize => unmet(format!("{} storage nodes are connected, and {} are needed", found.len(), cluster.config.copies)),
        Some(_) => met(),
    }
}

/// All storage nodes are connected, and every chunk has its copies. `Err`: what is missing.
pub fn is_whole(cluster: &Cluster<Config>, servers: &Output, chunks: &Output) -> Result<(), String> {
    let layout = layout::read(cluster).map_err(|problems| problems[0].message.clone())?;
    let found = connected(servers).ok_or_else(|| format!("the master does not say who is connected: {}", complaint(servers)))?;
    let away: Vec<&str> = layout.servers.iter().filter(|node| !found.contains(&node.address)).map(|node| node.name.as_str()).collect();
    if !away.is_empty() {
        return Err(format!("{} {} not connected", away.join(", "), if away.len() == 1 { "is" } else { "are" }));
    }
    match lacking(chunks) {
        None => Err(format!("the master does not say how many copies there are: {}", complaint(chunks))),
        Some((0, 0)) => Ok(()),
        Some((few, 0)) => Err(format!("{few} chunks have fewer copies than they should")),
        Some((_, none)) => Err(format!("{none} chunks have no copy that can be read")),
    }
}
