//! May the folder of a cluster file be trusted? Pins of host keys, the journal and the lock file live beside it.

use cap_std::fs::{Metadata, MetadataExt};

use crate::diagnostic::Diagnostic;
use crate::source::Source;

const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;

/// Refuses a folder that anybody on this machine can write to, given its metadata (`Dir::dir_metadata`), its name for the
/// message, and the user who asks (their effective uid).
///
/// With the sticky bit, and as a folder of the user or of root, others can at least not replace what is there, so the first
/// use is what matters: such a folder is taken when `file` exists in it and belongs to the user or to root.
pub fn check_folder(
    folder: &str,
    metadata: &Metadata,
    file: Option<&Metadata>,
    user: u32,
) -> Option<Diagnostic> {
    let ours = |metadata: &Metadata| metadata.uid() == user || metadata.uid() == 0;
    let mode = metadata.mode();
    if mode & OTHERS_WRITE == 0 || (mode & STICKY != 0 && ours(metadata) && file.is_some_and(ours))
    {
        return None;
    }
    let source = Source::new(folder, "");
    let why = if mode & STICKY == 0 {
        ""
    } else {
        ", and the cluster file in it is not yours"
    };
    Some(
        Diagnostic::about(&source, "file.open-folder", format!("anybody on this machine can write to the folder of the cluster file (mode {:o}){why}", mode & 0o7777))
            .help("somebody else could pin host keys or change the journal there: use a folder of your own, or `chmod o-w` this one"),
    )
}

/// cap-std's way to say that a path would leave its folder; the system's own refusals carry a number.
pub(crate) fn leads_out(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;
    use cap_std::fs::{Dir, Permissions, PermissionsExt};

    #[test]
    fn open_folders_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(temp.path(), ambient_authority()).unwrap();
        dir.create_dir("f").unwrap();
        dir.write("f/cluster.yaml", "x").unwrap();
        let file = dir.metadata("f/cluster.yaml").unwrap();
        let owner = file.uid();
        let stranger = 4_000_000;
        let check = |mode: u32, file: Option<&Metadata>, user: u32| {
            dir.set_permissions("f", Permissions::from_mode(mode))
                .unwrap();
            check_folder(
                "f",
                &dir.open_dir("f").unwrap().dir_metadata().unwrap(),
                file,
                user,
            )
            .map(|one| one.code)
        };
        let refused = Some("file.open-folder".to_owned());
        assert_eq!(check(0o755, Some(&file), owner), None);
        assert_eq!(check(0o775, Some(&file), owner), None);
        assert_eq!(check(0o777, Some(&file), owner), refused);
        assert_eq!(check(0o1777, Some(&file), owner), None);
        assert_eq!(check(0o1777, None, owner), refused);
        // To somebody else, the folder and the file are root's (taken) or a stranger's (refused).
        let expected = if owner == 0 { None } else { refused };
        assert_eq!(check(0o1777, Some(&file), stranger), expected);
    }
}
