//! Disks: sizes of the guide by path. A path without a mount of its own counts against the filesystem it lies on, together with all
//! others there.

use crate::seen::Seen;
use crate::sizes::{enough, tenths};
use arcus_sdk::prelude::*;

/// What the guide calls G.
const GB: u64 = 1_000_000_000;

/// Check id, path, GB, by role.
const WANTED: [(Role, &str, &str, u64); 9] = [
    (Role::Manage, "disk-root", "/", 40),
    (Role::Manage, "disk-docker", "/var/lib/docker", 100),
    (Role::Manage, "disk-opt-rainbond", "/opt/rainbond", 50),
    (Role::Manage, "disk-cache", "/cache", 50),
    (Role::Compute, "disk-root", "/", 40),
    (Role::Compute, "disk-docker", "/var/lib/docker", 100),
    (Role::Compute, "disk-grlocaldata", "/grlocaldata", 100),
    (Role::Storage, "disk-root", "/", 40),
    (Role::Storage, "disk-data", "/data", 500),
];

/// What containers and etcd were written for.
const LOCAL: [&str; 5] = ["ext4", "xfs", "btrfs", "ext3", "zfs"];

struct Wish {
    id: &'static str,
    path: &'static str,
    gb: u64,
    role: Role,
}

/// Below this a node cannot even take what is installed first.
const ROOM: u64 = GB;

/// One for each path: the largest of the node's roles.
fn wishes(seen: &Seen<'_>) -> Vec<Wish> {
    let mut wishes: Vec<Wish> = Vec::new();
    for (role, id, path, gb) in WANTED {
        if !seen.has(role) {
            continue;
        }
        match wishes.iter_mut().find(|wish| wish.path == path) {
            Some(wish) if wish.gb >= gb => {}
            Some(wish) => (wish.gb, wish.role) = (gb, role),
            None => wishes.push(Wish { id, path, gb, role }),
        }
    }
    wishes
}

/// The checks `disk-*`.
pub fn check(seen: &Seen<'_>, checks: &mut Checks) {
    let wishes = wishes(seen);
    for wish in &wishes {
        let title = format!("{} is large enough", wish.path);
        checks.on(seen.node, wish.id, title).judge(&seen.mounts, |mounts| judge(wish, &wishes, mounts));
    }
    checks.on(seen.node, "disk-room", "there is room on the system's disk").judge(&seen.mounts, |mounts| {
        let found = ["/", "/var/lib", "/usr"].iter().filter_map(|path| holder(mounts, path));
        let Some(mount) = found.min_by_key(|mount| mount.free_bytes) else { return arcus_sdk::unknown("no filesystem holds /") };
        let said = format!("{} has {} of {} GB left ({})", mount.target, tenths(mount.free_bytes, GB), tenths(mount.size_bytes, GB), mount.source);
        if mount.free_bytes >= ROOM { passed(said) } else { failed(format!("{said}: make room there, at least {} GB", ROOM / GB)) }
    });
    let kept = ["/var/lib/docker", "/opt/rainbond"];
    if seen.is_member() {
        checks.on(seen.node, "disk-type", "containers and the platform's data lie on a local disk").judge(&seen.mounts, |mounts| {
            let found: Vec<(&str, &Mounted)> = kept.iter().filter_map(|path| Some((*path, holder(mounts, path)?))).collect();
            let far = |fstype: &str| fstype.starts_with("nfs") || fstype.starts_with("fuse.") || fstype == "cifs" || fstype == "ceph";
            let said = |(path, mount): &(&str, &Mounted)| format!("{path} is {} ({})", mount.fstype, mount.source);
            if let Some(one) = found.iter().find(|(_, mount)| far(&mount.fstype)) {
                return failed(format!("{}: containers and etcd need a disk of this machine", said(one)));
            }
            match found.iter().find(|(_, mount)| !LOCAL.contains(&mount.fstype.as_str())) {
                Some(one) => warned(format!("{}: neither containers nor etcd are commonly run on that; use ext4 or xfs", said(one))),
                None => passed(found.iter().map(said).collect::<Vec<_>>().join(", ")),
            }
        });
    }
}

fn judge(wish: &Wish, wishes: &[Wish], mounts: &[Mounted]) -> arcus_sdk::Finding {
    if wish.id == "disk-data" {
        return data(wish, mounts);
    }
    let Some(mount) = holder(mounts, wish.path) else { return arcus_sdk::unknown(format!("no filesystem holds {}", wish.path)) };
    let here = |other: &&Wish| other.id != "disk-data" && holder(mounts, other.path).is_some_and(|found| found.target == mount.target);
    let sharing: Vec<&Wish> = wishes.iter().filter(here).collect();
    let want: u64 = sharing.iter().map(|wish| wish.gb).sum();
    let size = tenths(mount.size_bytes, GB);
    let said = match sharing.as_slice() {
        [_] => format!("{} has {size} GB ({}); {} are wanted for {}", mount.target, mount.source, wish.gb, wish.role.word()),
        all => {
            let parts: Vec<String> = all.iter().map(|wish| format!("{} {}", wish.path, wish.gb)).collect();
            format!("{} has {size} GB ({}) for all that lies on it; {want} are wanted: {}", mount.target, mount.source, parts.join(" + "))
        }
    };
    if enough(mount.size_bytes, want * GB) {
        return passed(said);
    }
    let what = if mount.target == wish.path { "enlarge it".to_owned() } else { format!("give {} a disk of its own, or enlarge {}", wish.path, mount.target) };
    failed(format!("{said}: {what}, or relax `{}`", wish.id))
}

/// Data must not fill the system's disk, so here a mount of its own is wanted: of the path, or of what lies below it.
fn data(wish: &Wish, mounts: &[Mounted]) -> arcus_sdk::Finding {
    let below = format!("{}/", wish.path);
    let own = mounts.iter().filter(|mount| mount.live && (mount.target == wish.path || mount.target.starts_with(&below)));
    let Some(mount) = own.max_by_key(|mount| mount.size_bytes) else {
        return failed(format!("{} has no mount of its own; a disk of {} GB is wanted there: mount one, or relax `{}`", wish.path, wish.gb, wish.id));
    };
    let said = format!("{} has {} GB ({}); {} are wanted for {}", mount.target, tenths(mount.size_bytes, GB), mount.source, wish.gb, wish.role.word());
    if enough(mount.size_bytes, wish.gb * GB) { passed(said) } else { failed(format!("{said}: use a larger disk, or relax `{}`", wish.id)) }
}

/// The live mount that a path lies on.
fn holder<'a>(mounts: &'a [Mounted], path: &str) -> Option<&'a Mounted> {
    let holds = |mount: &&Mounted| {
        let target = mount.target.trim_end_matches('/');
        mount.live && (path == mount.target || path.strip_prefix(target).is_some_and(|rest| rest.starts_with('/')))
    };
    // Of several on one point the last is the one that is seen; `max_by_key` takes it.
    mounts.iter().filter(holds).max_by_key(|mount| mount.target.trim_end_matches('/').len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(target: &str, gb: u64) -> Mounted {
        Mounted {
            source: "/dev/x".into(),
            target: target.into(),
            fstype: "ext4".into(),
            options: vec![],
            size_bytes: gb * GB,
            free_bytes: gb * GB,
            live: true,
            fstab: None,
        }
    }

    #[test]
    fn a_path_lies_on_the_deepest_mount_above_it() {
        let mounts = [mount("/", 40), mount("/var", 1), mount("/var/lib", 2), mount("/var/lib/dock", 3)];
        assert_eq!(holder(&mounts, "/var/lib/docker").unwrap().target, "/var/lib");
        assert_eq!(holder(&mounts, "/opt/rainbond").unwrap().target, "/");
        assert_eq!(holder(&mounts, "/").unwrap().target, "/");
        assert!(holder(&[], "/").is_none());
    }
}
