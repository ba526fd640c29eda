//! Rules of preflight that the lab's nodes cannot meet: they share one machine's processors, memory and clock, and their disks are in memory.

const BY_ALL: [&str; 9] = ["cpu", "memory", "disk-root", "disk-docker", "disk-opt-rainbond", "disk-cache", "disk-grlocaldata", "disk-data", "time-sync"];

/// The section of a cluster file that relaxes these, and more.
#[must_use]
pub fn relaxed(more: &[&str]) -> String {
    format!("preflight: {{ relax: [{}] }}\n", [&BY_ALL, more].concat().join(", "))
}
