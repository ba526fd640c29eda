//! Who signed a component, by the keys of the operator's policy. The policy is the operator's: nothing of it comes from a cluster's folder.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use arcus_engine::{Fault, Kind};
use arcus_plugin::{Policy, SignatureError, Signer};

use crate::cli::Context;
use crate::cli::foreign::Foreign;
use crate::safe;

/// A signature is four lines.
const MAX_SIZE: u64 = 16 << 10;

/// What a signature's file is called, beside its component.
pub fn beside(path: &str) -> String {
    format!("{path}.minisig")
}

/// The signature in a file, if there is one.
pub fn read(file: std::io::Result<impl std::io::Read>) -> Result<Option<String>, Fault> {
    let failed = |error: std::io::Error| Fault::new(Kind::Input, "plugin.signature-unreadable", format!("the signature cannot be read: {error}")).help("it is a text file, as minisign writes it");
    match file {
        Ok(file) => {
            let mut text = String::new();
            file.take(MAX_SIZE).read_to_string(&mut text).map_err(failed)?;
            Ok(Some(text))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

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

/// Who signed it. None is said, and refused where the policy wants signatures.
pub fn signer(context: &Context, name: &str, bytes: &[u8], signature: Option<&str>) -> Result<Option<Signer>, Fault> {
    let policy = policy(context)?;
    let console = &context.console;
    let signer = match signature {
        Some(signature) => policy.signer(bytes, signature).map_err(|error| told(&error))?,
        None => None,
    };
    let why = match (&signer, signature) {
        (Some(_), _) => return Ok(signer),
        (None, Some(_)) => "is signed by a key that your policy does not have, which is as good as unsigned",
        (None, None) => "is not signed",
    };
    if policy.refuses_unsigned {
        return Err(Fault::new(Kind::Denied, "plugin.unsigned-refused", format!("{name} {why}, and your policy refuses that")).help("get a signature of the author's, and put their key into your policy"));
    }
    console.note(console.terminal().err.yellow(safe!("{} {}", Foreign::word(name), why)));
    Ok(None)
}

fn told(error: &SignatureError) -> Fault {
    let kind = if matches!(error, SignatureError::Policy(_)) { Kind::Input } else { Kind::Denied };
    Fault::new(kind, error.code(), error.to_string()).help(error.help())
}
