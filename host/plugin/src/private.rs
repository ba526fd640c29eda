//! What only the operator may write: compiled code, and what was approved.

/// Why something of this owner and mode cannot be trusted.
pub fn exposed(owner: u32, mode: u32) -> Option<String> {
    let me = rustix::process::geteuid().as_raw();
    if owner != me {
        return Some(format!("it belongs to user {owner}, and this is user {me}"));
    }
    (mode & 0o022 != 0).then(|| format!("others can write to it (mode {:04o})", mode & 0o7777))
}
