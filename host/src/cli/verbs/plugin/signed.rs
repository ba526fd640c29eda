//! Who signed a component, by the keys of the operator's policy.

use std::io::Read as _;

use arcus_engine::{Fault, Kind};
use arcus_plugin::Signer;

use crate::cli::Context;
use crate::cli::foreign::Foreign;
use crate::cli::policy::{policy, told};
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
