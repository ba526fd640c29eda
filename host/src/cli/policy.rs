//! The operator's policy: whose signatures count, and what is refused. Nothing of it comes from a cluster's folder.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use arcus_engine::{Fault, Kind};
use arcus_plugin::{Policy, SignatureError};

use crate::cli::Context;

/// The operator's policy; an empty one where there is none.
pub fn policy(context: &Context) -> Result<Policy, Fault> {
    let Some(path) = context.environment.policy() else { return Ok(Policy::default()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            private(context, &path)?;
            Policy::parse(&text).map_err(|error| told(&error))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Policy::default()),
        Err(error) => Err(told(&SignatureError::Policy(format!("{}: {error}", path.display())))),
    }
}

/// Whoever writes the policy decides who may sign and approve.
fn private(context: &Context, path: &Path) -> Result<(), Fault> {
    let open = |why: String| {
        Fault::new(Kind::Input, "policy.not-private", format!("your policy, {}, is not yours alone: {why}", path.display())).help("look who wrote it; it must belong to you, be written by nobody else (`chmod go-w`), and lie outside of the cluster's folder")
    };
    let project = context.global.file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    if let (Ok(whole), Ok(project)) = (path.canonicalize(), project.canonicalize())
        && whole.starts_with(&project)
    {
        return Err(open(format!("it lies in the folder of the cluster file, {}", project.display())));
    }
    for place in [Some(path), path.parent()].into_iter().flatten() {
        let metadata = std::fs::metadata(place).map_err(|error| open(error.to_string()))?;
        if let Some(why) = arcus_plugin::exposed(metadata.uid(), metadata.mode()) {
            return Err(open(format!("{}: {why}", place.display())));
        }
    }
    Ok(())
}

/// What is wrong with the policy or a signature.
pub fn told(error: &SignatureError) -> Fault {
    let kind = if matches!(error, SignatureError::Policy(_)) { Kind::Input } else { Kind::Denied };
    Fault::new(kind, error.code(), error.to_string()).help(error.help())
}
