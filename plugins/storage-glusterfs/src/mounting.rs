//! How a node has the shared directory: this volume, by whichever name its server goes; or something else, which is in the way.

use crate::config::Config;
use crate::layout::{Layout, storage};
use crate::pool::is_called;
use crate::volume::Volume;
use arcus_sdk::prelude::*;

/// This volume. Mounted by hand, its server may go by its name instead of its address.
pub fn is_ours(cluster: &Cluster<Config>, mounted: &Mounted) -> bool {
    let is_server = |host: &str| storage(cluster).into_iter().any(|node| is_called(node, host));
    let is_volume = |name: &str| name.strip_prefix('/').unwrap_or(name) == cluster.config.volume;
    matches!(mounted.fstype.as_str(), "fuse.glusterfs" | "glusterfs")
        && mounted.source.split_once(':').is_some_and(|(host, volume)| is_server(host) && is_volume(volume))
}

/// What is mounted there now, and what fstab has for it.
pub fn found<'m>(path: &str, mounts: &'m [Mounted]) -> (Option<&'m Mounted>, Option<&'m Mounted>) {
    let here = || mounts.iter().filter(|mounted| mounted.target == path);
    (here().rfind(|mounted| mounted.live), here().find(|mounted| mounted.fstab.is_some()))
}

/// By which source a node mounts the volume. One by which it does already stays: what is in use is not mounted anew.
pub fn source(cluster: &Cluster<Config>, layout: &Layout, path: &str, mounts: &Look<Vec<Mounted>>) -> String {
    let (wanted, _) = layout.mounted(&cluster.config.volume);
    let Known(mounts) = mounts else { return wanted };
    let (live, noted) = found(path, mounts);
    live.or(noted).filter(|mounted| is_ours(cluster, mounted)).map_or(wanted, |mounted| mounted.source.clone())
}

/// What is in the way of the mount on a node. The volume by a server that was taken out of the file is not: that is told of the volume.
pub fn in_the_way(cluster: &Cluster<Config>, node: &Node, path: &str, mounts: &[Mounted], there: Option<&Volume>) -> Option<Problem> {
    let volume = &cluster.config.volume;
    let is_ours = |mounted: &Mounted| is_ours(cluster, mounted) || there.is_some_and(|there| is_by_another(volume, there, mounted));
    let (live, noted) = found(path, mounts);
    let help = "mounting something else moves no data: what is there is moved with `arcus migrate`; if nobody needs it any more, unmount it and take its line out of /etc/fstab";
    if let Some(live) = live.filter(|live| !is_ours(live)) {
        let message = format!("{path} on {} is {} ({}), wanted is the volume {volume} (glusterfs)", node.name, live.source, live.fstype);
        return Some(problem("gluster.other-mounted", message).on(node).help(help));
    }
    let noted = noted.filter(|noted| !is_ours(noted))?;
    let message = format!("fstab of {} has {} ({}) for {path}, wanted is the volume {volume} (glusterfs)", node.name, noted.source, noted.fstype);
    Some(problem("gluster.other-in-fstab", message).on(node).help(help))
}

/// This volume, by a host that keeps a brick of it.
fn is_by_another(name: &str, volume: &Volume, mounted: &Mounted) -> bool {
    let found = mounted.source.split_once(':').filter(|(host, at)| at.strip_prefix('/').unwrap_or(at) == name && volume.is_kept_by(host));
    found.is_some() && matches!(mounted.fstype.as_str(), "fuse.glusterfs" | "glusterfs")
}

/// Judges `mount`: live, of this type, from this volume.
pub fn is_mounted(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let Some(shared) = &cluster.handed.demands.shared else { return unmet("nobody wants a shared directory") };
    match case.get::<Vec<Mounted>>(0)?.at(&shared.path) {
        Some(found) if found.live && is_ours(cluster, found) => met(),
        Some(found) if found.live => unmet(format!("{} ({}) is mounted there", found.source, found.fstype)),
        _ => unmet("nothing is mounted there"),
    }
}
