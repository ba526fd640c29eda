//! Whether a third party's plugin may be used in a cluster: it must be what the lock file pins, and what the operator approved.

use arcus_component::Inspection;

use crate::approval::{Approval, ApprovalError};
use crate::approvals::Approvals;
use crate::asked::{beyond, grant_digest};
use crate::lock::{Lock, Pin};

/// Why it may not.
#[derive(Debug)]
pub enum Refusal {
    /// The lock file does not have it.
    NotPinned,
    /// It is not the file that the lock file pins.
    OtherThanPinned(Box<Pin>),
    /// It is that file, and the lock file says of it what it does not say itself.
    LockEdited(&'static str),
    /// It runs live on nodes, and the operator's policy refuses all that do.
    Hatch,
    /// The operator did not approve it here. What was approved last of it, if anything.
    NotApproved(Option<Box<Approval>>),
    /// What was approved cannot be told.
    Unknown(ApprovalError),
}

/// Decides it, and gives what was approved. Nothing of the plugin was compiled or run so far. Without a place for approvals nothing is
/// approved.
///
/// # Errors
/// Why it may not be used.
pub fn admit(lock: &Lock, approvals: Option<&Approvals>, cluster: &str, inspection: &Inspection) -> Result<Approval, Refusal> {
    let manifest = &inspection.manifest;
    let Some(pin) = lock.pins.get(&manifest.name) else { return Err(Refusal::NotPinned) };
    if pin.digest != inspection.digest {
        return Err(Refusal::OtherThanPinned(Box::new(pin.clone())));
    }
    if pin.version != manifest.version {
        return Err(Refusal::LockEdited("version"));
    }
    if grant_digest(&pin.grant) != grant_digest(&manifest.grant) {
        return Err(Refusal::LockEdited("grant"));
    }
    if manifest.has_hatch() && approvals.is_some_and(Approvals::refuses_hatches) {
        return Err(Refusal::Hatch);
    }
    let Some(approvals) = approvals else { return Err(Refusal::NotApproved(None)) };
    if let Some(approval) = approvals.find(cluster, inspection).map_err(Refusal::Unknown)? {
        return Ok(approval);
    }
    let last = approvals.last(cluster, &manifest.name).map_err(Refusal::Unknown)?;
    Err(Refusal::NotApproved(last.map(Box::new)))
}

impl Refusal {
    /// Stable dotted name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotPinned => "plugin.not-pinned",
            Self::OtherThanPinned(_) => "plugin.not-as-pinned",
            Self::LockEdited(_) => "plugin.lock-edited",
            Self::Hatch => "plugin.hatch-refused",
            Self::NotApproved(_) => "plugin.not-approved",
            Self::Unknown(error) => error.code(),
        }
    }

    /// What happened, one sentence; below it, line by line, what is asked for beyond what was approved before.
    pub fn message(&self, inspection: &Inspection) -> String {
        let manifest = &inspection.manifest;
        let which = format!("{} {} (sha256 {})", manifest.name, manifest.version, short(&inspection.digest));
        match self {
            Self::NotPinned => format!("{which} is a third party's plugin, and arcus.lock does not pin it"),
            Self::OtherThanPinned(pin) => {
                format!("{which} is not the component that arcus.lock pins: {} (sha256 {}) from {}", pin.version, short(&pin.digest), pin.source)
            }
            Self::LockEdited(field) => format!("arcus.lock was edited by hand: its `{field}` of {which} is not what the component itself says"),
            Self::Hatch => format!("{which} runs live on nodes (`grant.actions = \"call\"`: its steps of the kind `call`), and your policy refuses every plugin that does"),
            Self::NotApproved(None) => format!("{which} is a third party's plugin, and you have not approved it for this cluster"),
            Self::NotApproved(Some(before)) => {
                let more = beyond(&before.grant, &manifest.grant);
                let less = if more.is_empty() { "it asks for nothing more".to_owned() } else { format!("beyond that it asks for:\n+ {}", more.join("\n+ ")) };
                format!("{which} is not approved for this cluster; {} was, {less}", before.version)
            }
            Self::Unknown(error) => format!("whether {which} is approved cannot be told: {error}"),
        }
    }

    /// What to do next.
    pub fn help(&self, name: &str) -> String {
        match self {
            Self::NotPinned | Self::NotApproved(_) => format!("`arcus plugin approve {name}` shows what it asks for, and asks you"),
            Self::Hatch => "use a plugin that states steps instead; or leave `hatch = \"refuse\"` out of your policy, and look at what it asks for: `arcus plugin inspect ".to_owned() + name + "`",
            Self::OtherThanPinned(_) => {
                format!("if it was changed on purpose, `arcus plugin update {name}` pins it anew; if not, get the file back from version control")
            }
            Self::LockEdited(_) => format!("get arcus.lock back from version control, or pin the component anew: `arcus plugin update {name}`"),
            Self::Unknown(error) => error.help().into(),
        }
    }
}

/// As much of a digest as a person compares.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
