//! The folder of the cluster file, opened once and used for everything beside it.

use std::path::{Path, PathBuf};

use arcus_cluster::{Cluster, File, check_folder};
use arcus_engine::{Fault, Kind};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

/// Name of the file that pins the nodes' host keys, beside the cluster file.
pub const KNOWN_HOSTS: &str = "known_hosts";

/// A folder and the name of the cluster file in it.
pub struct Folder {
    /// The folder.
    pub dir: Dir,
    /// Name of the file in it.
    pub name: String,
    /// The folder as the operator named it.
    pub path: PathBuf,
}

impl Folder {
    /// Opens the folder of `-f FILE`. Refused when others can put things there.
    pub fn open(file: &Path) -> Result<Self, Fault> {
        let path = match file.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            return Err(Fault::new(Kind::Input, "cli.file-name", format!("`{}` is not the name of a file", file.display())).help("`-f FILE` names the cluster file"));
        };
        let unusable = |error: std::io::Error| {
            Fault::new(Kind::Input, "file.no-folder", format!("the folder of the cluster file, {}, cannot be opened: {error}", path.display()))
                .help("`-f FILE` names the cluster file")
        };
        let dir = Dir::open_ambient_dir(&path, ambient_authority()).map_err(unusable)?;
        let metadata = dir.dir_metadata().map_err(unusable)?;
        let known = dir.metadata(name).ok();
        if let Some(open) = check_folder(&path.display().to_string(), &metadata, known.as_ref(), rustix::process::geteuid().as_raw()) {
            return Err(Fault::file(vec![open]));
        }
        Ok(Self { dir, name: name.to_owned(), path })
    }

    /// The file, read and checked.
    pub fn cluster(&self) -> Result<(File, Cluster), Fault> {
        let file = File::read(&self.dir, &self.name).map_err(Fault::file)?;
        let cluster = file.cluster().map_err(Fault::file)?;
        Ok((file, cluster))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("cluster.yaml");
        assert!(Folder::open(&file).is_ok());
        std::fs::set_permissions(temp.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let fault = Folder::open(&file).err().unwrap();
        assert_eq!(fault.diagnostics[0].code, "file.open-folder");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let fault = Folder::open(Path::new("/nowhere/at/all/cluster.yaml")).err().unwrap();
        assert!(fault.to_string().contains("/nowhere/at/all"), "{fault}");
    }
}
