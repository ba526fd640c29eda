//! Control groups of the nodes: what makes a power cut atomic (`cgroup.kill`) and an end checkable (`populated`).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::wait::wait_until;

/// The mount of the cgroup2 hierarchy as this process sees it; alone or beside version 1.
pub(crate) struct Root(PathBuf);

impl Root {
    pub(crate) fn find() -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("reading /proc/self/mountinfo")?;
        // The last mount wins: a world mounts its own over what the machine has.
        let found = mounts.lines().rev().find_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let mut after = after.split(' ');
            (after.next()? == "cgroup2").then(|| PathBuf::from(before.split(' ').nth(4).unwrap_or_default()))
        });
        let root = found.context("no cgroup2 file system is mounted (mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified)")?;
        Ok(Self(root))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn group(&self, path: &str) -> Group {
        Group(self.0.join(path))
    }
}

/// One group and all below it.
pub(crate) struct Group(PathBuf);

impl Group {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn below(&self, name: &str) -> Self {
        Self(self.0.join(name))
    }

    /// Whether no process is in it or below.
    pub(crate) fn is_empty(&self) -> bool {
        let events = fs::read_to_string(self.0.join("cgroup.events")).unwrap_or_default();
        events.lines().any(|line| line == "populated 0")
    }

    /// Kills every process in it at once, waits until none is left.
    pub(crate) fn kill(&self) -> Result<()> {
        if !self.0.exists() {
            return Ok(());
        }
        fs::write(self.0.join("cgroup.kill"), "1").with_context(|| format!("killing {}", self.0.display()))?;
        self.wait_empty()
    }

    pub(crate) fn wait_empty(&self) -> Result<()> {
        wait_until(&format!("the end of all processes in {}", self.0.display()), Duration::from_secs(20), || {
            Ok(self.is_empty() || !self.0.exists())
        })
        .map(drop)
    }

    /// Removes it and all groups below, which must be empty.
    pub(crate) fn remove(&self) -> Result<()> {
        if !self.0.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.0).with_context(|| format!("reading {}", self.0.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                Group(entry.path()).remove()?;
            }
        }
        // The last process may be gone from the list a moment before its group lets go.
        let mut last = None;
        let gone = wait_until("rmdir", Duration::from_secs(5), || match fs::remove_dir(&self.0) {
            Ok(()) => Ok(true),
            Err(error) => {
                last = Some(error);
                Ok(!self.0.exists())
            }
        });
        if gone.is_err() {
            bail!("removing {}: {}", self.0.display(), last.map(|e| e.to_string()).unwrap_or_default());
        }
        Ok(())
    }
}
