//! Mounts: what the kernel has, what fstab says, and the sizes.
use std::collections::HashMap;

use arcus_contract::facts::{Fact, Mounted};
use arcus_contract::types::Problem;

use super::{Gathering, Parts, fact, unreadable};
use crate::Layout;
use crate::quote::from_fstab_field;
use crate::library::Piece;

pub fn render(all: &mut Gathering, places: &[usize], layout: &Layout) {
    if places.is_empty() {
        return;
    }
    let (id, places, fstab) = (all.ids(2), places.to_vec(), layout.fstab.clone());
    all.line(Piece::Mounts, &format!("mounts {id}"));
    all.parser(move |parts| fact(places, read(parts, id, &fstab).map(Fact::Mounts)));
}

fn read(parts: &Parts, id: u32, fstab: &str) -> Result<Vec<Mounted>, Problem> {
    let both = parts.get(id)?;
    let text = both.text();
    if both.status != 0 {
        return Err(unreadable(&text));
    }
    let of = |file: &str| text.lines().filter_map(|line| line.strip_prefix(file)?.strip_prefix(':')).collect::<Vec<_>>().join("\n");
    Ok(merge(&of("/proc/self/mounts"), &of("/proc/self/mountinfo"), &of(fstab), &parts.get(id + 1)?.text()))
}

/// A mount point that a hung file system gave no size for has 0.
fn merge(live: &str, info: &str, fstab: &str, sizes: &str) -> Vec<Mounted> {
    let sizes: HashMap<&str, (u64, u64)> = sizes
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(4, ' ');
            let block: u64 = fields.next()?.parse().ok()?;
            let (all, free): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            Some((fields.next()?, (block.saturating_mul(all), block.saturating_mul(free))))
        })
        .collect();
    let mut mounts = Vec::new();
    for line in live.lines() {
        let Some((source, target, fstype, options)) = fields(line) else { continue };
        let (size_bytes, free_bytes) = sizes.get(target.as_str()).copied().unwrap_or_default();
        mounts.push(Mounted { source, target, fstype, options, size_bytes, free_bytes, live: true, fstab: None });
    }
    // Where on its file system a mount begins, the topmost of several on one mount point.
    let begins: HashMap<String, String> = info
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(3);
            let (root, target) = (fields.next()?, fields.next()?);
            Some((from_fstab_field(target), from_fstab_field(root)))
        })
        .collect();
    for line in fstab.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((source, target, fstype, options)) = fields(line) else { continue };
        // The source of what is bound is the device it lies on: it is known by where on it it begins.
        if options.iter().any(|option| option == "bind")
            && begins.get(&target).is_some_and(|root| root != "/" && source.ends_with(root.as_str()))
            && let Some(mount) = mounts.iter_mut().rev().find(|mount| mount.live && mount.target == target)
        {
            mount.source.clone_from(&source);
        }
        // The topmost of several on one mount point.
        match mounts.iter_mut().rev().find(|mount| mount.live && mount.target == target && target != "none" && same_source(&mount.source, &source)) {
            Some(mount) => mount.fstab = Some(options),
            None => {
                let fstab = Some(options.clone());
                mounts.push(Mounted { source, target, fstype, options, size_bytes: 0, free_bytes: 0, live: false, fstab });
            },
        }
    }
    mounts
}

/// Gluster's helper leaves out the slash of the volume. Labels are not resolved: a line with one is an entry of its own.
fn same_source(live: &str, noted: &str) -> bool {
    live == noted || live.replacen(":/", ":", 1) == noted.replacen(":/", ":", 1) || noted.contains('=')
}

fn fields(line: &str) -> Option<(String, String, String, Vec<String>)> {
    let mut fields = line.split_ascii_whitespace();
    let (source, target, fstype) = (fields.next()?, fields.next()?, fields.next()?);
    let options = fields.next().unwrap_or("defaults");
    Some((from_fstab_field(source), from_fstab_field(target), fstype.into(), options.split(',').map(from_fstab_field).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_noted_and_both() {
        let mounts = merge(
            "/dev/vda / ext4 rw,relatime 0 0\nstorage01:data /grdata fuse.glusterfs rw 0 0\ntmpfs /a\\040b tmpfs rw 0 0\n",
            "",
            "# comment\nUUID=abc / ext4 defaults 0 1\nstorage01:/data /grdata glusterfs defaults,_netdev 0 0\nnfs:/x /y nfs ro\n",
            "4096 100 50 /\n4096 1 1 /a b\n",
        );
        let by = |target: &str| mounts.iter().filter(|m| m.target == target).collect::<Vec<_>>();
        assert_eq!((by("/").len(), by("/")[0].fstab.is_some(), by("/")[0].size_bytes), (1, true, 409_600));
        assert_eq!((by("/grdata").len(), by("/grdata")[0].live, by("/grdata")[0].fstab.clone().unwrap().join(",")), (1, true, "defaults,_netdev".into()));
        assert_eq!(by("/a b")[0].size_bytes, 4096);
        assert!(!by("/y")[0].live && by("/y")[0].fstab.is_some());
    }

    #[test]
    fn what_is_bound_is_told_by_its_directory() {
        let live = "/dev/vda / ext4 rw 0 0\n/dev/vda /grdata ext4 ro,relatime 0 0\n";
        let merged = |info: &str| merge(live, info, "/grdata /grdata none bind,ro 0 0\n", "");
        let bound = merged("22 1 254:0 / / rw - ext4 /dev/vda rw\n40 22 254:0 /grdata /grdata ro - ext4 /dev/vda rw\n");
        assert_eq!(bound.len(), 2);
        assert!(bound[1].source == "/grdata" && bound[1].live && bound[1].fstab.is_some(), "{bound:?}");
        // Something else lies there.
        let other = merged("22 1 254:0 / / rw - ext4 /dev/vda rw\n40 22 254:0 /elsewhere /grdata ro - ext4 /dev/vda rw\n");
        assert!(other.len() == 3 && other[1].source == "/dev/vda" && !other[2].live, "{other:?}");
    }

    #[test]
    fn another_source_in_fstab_is_told() {
        let mounts = merge("nfs:/old /grdata nfs4 rw 0 0\n", "", "s1:/data /grdata glusterfs defaults 0 0\n", "");
        assert_eq!(mounts.len(), 2);
        assert!(mounts[0].live && mounts[0].fstab.is_none() && !mounts[1].live && mounts[1].fstab.is_some());
    }
}
