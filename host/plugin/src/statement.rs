//! Approvals that somebody signed: they lie in the cluster's folder, which others write to, and count by a key that the operator's
//! policy lets approve. What is signed says itself which cluster, component and grant it is for.

use std::io::Read as _;

use arcus_component::Inspection;
use cap_std::fs::Dir;

use crate::approval::{Approval, ApprovalError};
use crate::signature::Policy;

/// The folder of statements beside the cluster file.
const FOLDER: &str = "approvals";
/// The largest that is read.
const MAX_SIZE: u64 = 1 << 20;

/// Where the statement about a plugin lies in the folder of the cluster file. Its signature lies beside it, `.minisig`.
pub fn place(plugin: &str) -> String {
    format!("{FOLDER}/{plugin}.json")
}

/// What is to be signed.
pub fn text(approval: &Approval) -> String {
    serde_json::to_string_pretty(approval).expect("an approval is plain data with text as keys") + "\n"
}

/// Those of a folder.
#[derive(Debug)]
pub(crate) struct Statements {
    pub folder: Dir,
    pub policy: Policy,
}

impl Statements {
    /// That of this very component, asking for this very grant, in this cluster. Not one that is about something else, or that nobody
    /// signed who may approve.
    pub(crate) fn find(&self, cluster: &str, inspection: &Inspection) -> Result<Option<Approval>, ApprovalError> {
        let place = place(&inspection.manifest.name);
        let (Some(text), Some(signature)) = (self.read(&place)?, self.read(&format!("{place}.minisig"))?) else { return Ok(None) };
        let signature = String::from_utf8_lossy(&signature);
        let signer = self.policy.approver(&text, &signature).map_err(|error| ApprovalError::Statement { place: place.clone(), reason: error.to_string() })?;
        let Some(signer) = signer else { return Ok(None) };
        let wrong = |error: serde_json::Error| ApprovalError::Statement { place: place.clone(), reason: error.to_string() };
        let found: Approval = serde_json::from_slice(&text).map_err(wrong)?;
        let wanted = Approval { signed_by: found.signed_by.clone(), ..Approval::of(inspection, cluster, &found.by, &found.at) };
        Ok((wanted == found).then(|| Approval { by: format!("{}, by signature", signer.name), ..found }))
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ApprovalError> {
        let failed = |error: std::io::Error| ApprovalError::Statement { place: path.to_owned(), reason: error.to_string() };
        let mut options = cap_std::fs::OpenOptions::new();
        // A pipe in its place must not hold us up.
        cap_std::fs::OpenOptionsExt::custom_flags(options.read(true), rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let file = match self.folder.open_with(path, &options) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(failed(std::io::Error::other("it is not a regular file")));
        }
        let mut bytes = Vec::new();
        file.take(MAX_SIZE).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }
}
