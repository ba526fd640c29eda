//! How a node has the shared directory.

use crate::Config;
use crate::layout::{self, Layout, TYPE};
use arcus_sdk::prelude::*;

/// It is of this master.
pub fn is_ours(layout: &Layout<'_>, mounted: &Mounted) -> bool {
    matches!(mounted.fstype.as_str(), "fuse.moosefs" | "moosefs") && mounted.source == layout.source()
}

/// What is in the way of the mount on a node.
pub fn in_the_way(layout: &Layout<'_>, node: &Node, path: &str, mounts: &[Mounted]) -> Option<Problem> {
    let other = mounts.iter().find(|mounted| mounted.target == path && (mounted.live || mounted.fstab.is_some()) && !is_ours(layout, mounted))?;
    let place = if other.live { format!("{path} on {} is", node.name) } else { format!("fstab of {} has for {path}", node.name) };
    let message = format!("{place} {} ({}), wanted is {} ({TYPE})", other.source, other.fstype, layout.source());
    let help = "mounting something else moves no data: what is there is moved with `arcus migrate`; if nobody needs it any more, unmount it and take its line out of /etc/fstab";
    Some(problem("moosefs.other-mounted", message).on(node).help(help))
}

/// Judges `mount`: live, from this master.
pub fn is_mounted(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let Some(shared) = &cluster.handed.demands.shared else { return unmet("nobody wants a shared directory") };
    let Ok(layout) = layout::read(cluster) else { return unmet("the file is wrong") };
    match case.get::<Vec<Mounted>>(0)?.at(&shared.path) {
        Some(found) if found.live && is_ours(&layout, found) => met(),
        Some(found) if found.live => unmet(format!("{} ({}) is mounted there", found.source, found.fstype)),
        _ => unmet("nothing is mounted there"),
    }
}

/// How many copies new files get, as `mfsgetgoal` says: `/grdata: 2`.
pub fn copies(output: &Output) -> Option<u32> {
    let text = output.text();
    if !output.is_ok() {
        return None;
    }
    text.lines().next()?.rsplit(' ').next()?.trim().parse().ok()
}

/// Judges `copies`.
pub fn has_copies(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match copies(case.get(0)?) {
        Some(found) if found == cluster.config.copies => met(),
        Some(found) => unmet(format!("new files have {found} copies")),
        None => unmet("it is not mounted"),
    }
}
