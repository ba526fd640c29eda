//! What the operator approved, on the operator's own side: never in the folder of a cluster, which others write to.
//!
//! One file per approval, `<folder>/<cluster id>/<plugin>/<digest>.json`.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use arcus_component::Inspection;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, MetadataExt as _, OpenOptions, OpenOptionsExt as _};

use crate::approval::{Approval, ApprovalError};
use crate::private::exposed;
use crate::signature::Policy;
use crate::statement::Statements;

/// The largest that is read.
const MAX_SIZE: u64 = 1 << 20;

/// The folder, held open: what is checked is what is used.
#[derive(Debug)]
pub struct Approvals {
    dir: Dir,
    path: PathBuf,
    statements: Option<Statements>,
    refuses_hatches: bool,
}

impl Approvals {
    /// Opens the folder, and makes it (mode 0700, with its parents) when it is not there.
    ///
    /// # Errors
    /// When it cannot be used, belongs to somebody else, others can write to it, or it lies inside of `project`, the folder of the
    /// cluster file: what is pulled there must not approve anything.
    pub fn open(path: &Path, project: &Path) -> Result<Self, ApprovalError> {
        let io = |source| ApprovalError::Io { path: path.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(io)?;
        let this = Self { dir, path: path.to_owned(), statements: None, refuses_hatches: false };
        if let (Ok(path), Ok(project)) = (path.canonicalize(), project.canonicalize())
            && path.starts_with(&project)
        {
            return Err(this.open_to(format!("it lies in the folder of the cluster file, {}", project.display())));
        }
        let meta = this.dir.dir_metadata().map_err(io)?;
        this.private(&meta)?;
        Ok(this)
    }

    /// With what others approved by their signature: statements in the folder of the cluster file, by keys of this policy.
    #[must_use]
    pub fn with_statements(self, folder: Dir, policy: Policy) -> Self {
        Self { statements: Some(Statements { folder, policy }), ..self }
    }

    /// Nothing that runs live on nodes counts as approved, neither by the operator nor by anybody's signature.
    #[must_use]
    pub fn refusing_hatches(self, refuses: bool) -> Self {
        Self { refuses_hatches: refuses, ..self }
    }

    /// Whether that is so.
    pub fn refuses_hatches(&self) -> bool {
        self.refuses_hatches
    }

    /// The approval of this very component, asking for this very grant, in this cluster: the operator's own, or one by signature.
    ///
    /// # Errors
    /// When a record or a statement is there and cannot be trusted or read.
    pub fn find(&self, cluster: &str, inspection: &Inspection) -> Result<Option<Approval>, ApprovalError> {
        match (self.own(cluster, inspection)?, &self.statements) {
            (None, Some(statements)) => statements.find(cluster, inspection),
            (own, _) => Ok(own),
        }
    }

    fn own(&self, cluster: &str, inspection: &Inspection) -> Result<Option<Approval>, ApprovalError> {
        let Some(folder) = self.folder(cluster, &inspection.manifest.name)? else { return Ok(None) };
        let Some(found) = self.read(&folder, &format!("{}.json", inspection.digest))? else { return Ok(None) };
        let wanted = Approval { signed_by: found.signed_by.clone(), ..Approval::of(inspection, cluster, &found.by, &found.at) };
        Ok((wanted == found).then_some(found))
    }

    /// What was approved last of a plugin in a cluster, whichever version.
    ///
    /// # Errors
    /// When a record is there and cannot be trusted or read.
    pub fn last(&self, cluster: &str, plugin: &str) -> Result<Option<Approval>, ApprovalError> {
        let Some(folder) = self.folder(cluster, plugin)? else { return Ok(None) };
        let mut all = Vec::new();
        for entry in folder.entries().map_err(|error| self.io(error))? {
            let name = entry.map_err(|error| self.io(error))?.file_name();
            let Some(name) = name.to_str().filter(|name| name.ends_with(".json")) else { continue };
            all.extend(self.read(&folder, name)?.filter(|found| found.cluster == cluster && found.plugin == plugin));
        }
        all.sort_by(|one, other| (&one.at, &one.digest).cmp(&(&other.at, &other.digest)));
        Ok(all.pop())
    }

    /// Keeps one.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn keep(&self, approval: &Approval) -> Result<(), ApprovalError> {
        let place = place(&approval.cluster, &approval.plugin).ok_or_else(|| self.io(std::io::Error::other("the names of cluster and plugin make no path")))?;
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        self.dir.create_dir_with(&place, &builder).map_err(|error| self.io(error))?;
        let Some(folder) = self.folder(&approval.cluster, &approval.plugin)? else { return Err(self.io(std::io::ErrorKind::NotFound.into())) };
        let (name, beside) = (format!("{}.json", approval.digest), format!("{}.new.{}", approval.digest, std::process::id()));
        let text = serde_json::to_string_pretty(approval).map_err(|error| self.io(error.into()))?;
        let _ = folder.remove_file(&beside);
        let written = (|| {
            let mut file = folder.open_with(&beside, OpenOptions::new().write(true).create_new(true).mode(0o600))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            folder.rename(&beside, &folder, &name)
        })();
        written.map_err(|error| self.io(error))
    }

    /// Forgets all that was approved of a plugin in a cluster; says whether there was anything.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn forget(&self, cluster: &str, plugin: &str) -> Result<bool, ApprovalError> {
        match self.folder(cluster, plugin)? {
            Some(folder) => folder.remove_open_dir_all().map_err(|error| self.io(error)).map(|()| true),
            None => Ok(false),
        }
    }

    fn folder(&self, cluster: &str, plugin: &str) -> Result<Option<Dir>, ApprovalError> {
        let Some(place) = place(cluster, plugin) else { return Ok(None) };
        // Each on the way must be private: whoever can rename one can put another in its place.
        let mut folder = self.dir.try_clone().map_err(|error| self.io(error))?;
        for part in place.iter() {
            folder = match folder.open_dir(part) {
                Ok(folder) => folder,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(self.io(error)),
            };
            let meta = folder.dir_metadata().map_err(|error| self.io(error))?;
            self.private(&meta)?;
        }
        Ok(Some(folder))
    }

    fn read(&self, folder: &Dir, name: &str) -> Result<Option<Approval>, ApprovalError> {
        let mut options = OpenOptions::new();
        // A pipe in its place must not hold us up.
        options.read(true).custom_flags((rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits().cast_signed());
        let file = match folder.open_with(name, &options) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(error)),
        };
        let meta = file.metadata().map_err(|error| self.io(error))?;
        self.private(&meta)?;
        if !meta.is_file() {
            return Err(self.io(std::io::Error::other(format!("{name} is not a regular file"))));
        }
        let mut text = Vec::new();
        file.take(MAX_SIZE).read_to_end(&mut text).map_err(|error| self.io(error))?;
        serde_json::from_slice(&text).map(Some).map_err(|error| self.io(std::io::Error::other(format!("{name}: {error}"))))
    }

    fn private(&self, meta: &cap_std::fs::Metadata) -> Result<(), ApprovalError> {
        exposed(meta.uid(), meta.mode()).map_or(Ok(()), |reason| Err(self.open_to(reason)))
    }

    fn open_to(&self, reason: String) -> ApprovalError {
        ApprovalError::NotPrivate { path: self.path.clone(), reason }
    }

    fn io(&self, source: std::io::Error) -> ApprovalError {
        ApprovalError::Io { path: self.path.clone(), source }
    }
}

/// Where approvals of a plugin in a cluster lie. None: names that make no path.
fn place(cluster: &str, plugin: &str) -> Option<PathBuf> {
    let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (plain(cluster) && plain(plugin)).then(|| Path::new(cluster).join(plugin))
}
