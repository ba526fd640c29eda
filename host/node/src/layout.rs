//! Where Arcus keeps its things on a node.

/// Paths on the node. All but tests use [`Layout::new`].
#[derive(Debug, Clone)]
pub struct Layout {
    /// The cluster's folder on the node, 0700: lock, epoch, secrets, jobs, records.
    pub state: String,
    /// Folder for a batch's private folder: on tmpfs, never `/tmp`.
    pub run: String,
    /// Where persistent mounts stand.
    pub fstab: String,
    /// Whether the content of a path is read for nobody, also when a link leads there.
    pub private: fn(&str) -> bool,
}

impl Layout {
    /// The real places, for the cluster of this id.
    pub fn new(cluster_id: &str) -> Self {
        Self { state: format!("/var/lib/arcus/{cluster_id}"), run: "/run".into(), fstab: "/etc/fstab".into(), private: |_| false }
    }

    /// With places whose content is read for nobody.
    pub fn keeping(self, private: fn(&str) -> bool) -> Self {
        Self { private, ..self }
    }

    /// Everything below one folder, for tests on a machine that must stay as it is.
    pub fn below(root: &str) -> Self {
        Self { state: format!("{root}/state"), run: root.into(), fstab: format!("{root}/fstab"), private: |_| false }
    }
}
