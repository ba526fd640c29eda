//! The contract as seen from outside a component: names of interfaces and functions, without their types.

use arcus_plan::manifest::Concern;

/// The package every interface of the contract belongs to.
pub(crate) const PACKAGE: &str = "arcus:plugin";

/// The version this build was made with.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// The only functions a plugin may import: interface and function.
pub const EXPECTED_IMPORTS: [(&str, &str); 2] = [("log", "emit"), ("observe", "ask")];

/// Beside them, of a plugin whose manifest asks for the hatch.
pub(crate) const LIVE_IMPORTS: [(&str, &str); 4] = [
    ("session", "[method]fleet.open"),
    ("session", "[method]session.exec"),
    ("session", "[method]session.read-file"),
    ("session", "[method]session.write-file"),
];

/// What it exports then.
pub(crate) const HATCH: (&str, &str) = ("hatch", "run");

/// The contract itself, file by file.
pub(crate) const WIT: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/contract.rs"));

/// Interfaces of WASI that languages' own libraries import whatever a program does. A plugin may import them, and gets nothing by it: a call
/// of one of their functions ends the call it is made in. Nothing that a plugin would import for a purpose: files, sockets, clocks.
const OF_LIBRARIES: [&str; 13] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// Whether it is one of those, of any version of WASI 0.2.
pub(crate) fn is_of_libraries(interface: &str) -> bool {
    interface.split_once('@').is_some_and(|(name, version)| OF_LIBRARIES.contains(&name) && version.starts_with("0.2."))
}

/// Interfaces that only a concern's own world exports.
pub(crate) const CONCERNS: [Concern; 6] =
    [Concern::Preflight, Concern::Storage, Concern::Network, Concern::Gateway, Concern::Platform, Concern::Migration];

/// What a plugin of this concern exports: interface and function.
pub fn concern_functions(concern: Concern) -> Vec<(&'static str, &'static str)> {
    let own: &[_] = match concern {
        Concern::Preflight => return vec![("preflight", "inspect")],
        Concern::Storage => &[("storage", "offer")],
        Concern::Network => &[("network", "offer")],
        Concern::Gateway => &[("gateway", "offer")],
        Concern::Platform => &[("platform", "demands")],
        Concern::Migration => &[("migration", "rollback"), ("migration", "confirm")],
    };
    let mut all = ["plan", "unfinished", "mend", "leave", "judge", "verify", "drills"].map(|function| ("lifecycle", function)).to_vec();
    all.extend_from_slice(own);
    all
}

/// The name of an interface of the contract, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InterfaceName<'a> {
    /// `log`
    pub interface: &'a str,
    /// `0.1.0`; empty when none is given.
    pub version: &'a str,
}

impl<'a> InterfaceName<'a> {
    /// None: not of the contract's package.
    pub fn parse(name: &'a str) -> Option<Self> {
        let rest = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
        let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
        Some(Self { interface, version })
    }

    /// Whether this build serves that version: same major and minor, as 0.x may break with each minor.
    pub fn served(&self) -> bool {
        let line = |version: &str| version.rsplit_once('.').map(|(line, _)| line.to_owned());
        line(self.version).is_some() && line(self.version) == line(CONTRACT_VERSION)
    }
}
