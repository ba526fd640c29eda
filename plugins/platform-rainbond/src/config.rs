//! The plugin's section of the cluster file.

use crate::version::Version;

/// The plugin's section of the cluster file.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Line of Rainbond.
    pub version: Version,
    /// Manager that is installed first; the first of the file when absent.
    pub init_node: Option<String>,
    /// The installer.
    #[serde(default)]
    pub grctl: Grctl,
    /// External address of the first manager.
    pub eip: Option<String>,
    /// Default domain of applications.
    pub domain: Option<String>,
    /// Name of the data centre in the console.
    #[serde(default = "rainbond")]
    pub region: String,
    /// Where the installer takes its packages from.
    #[serde(default)]
    pub install: Source,
    /// What an offline installation is unpacked from; absent: the operator has unpacked it.
    pub bundle: Option<Bundle>,
    /// A database of the operator's instead of Rainbond's own.
    pub database: Option<Outside>,
    /// Secrets that may be on a command line of the installer.
    pub accept_argv_secret: Option<ArgvSecret>,
    /// Whether the installer checks the machine itself.
    #[serde(default = "yes")]
    pub installer_checks: bool,
    /// Seconds that things may take.
    #[serde(default)]
    pub timeouts: Timeouts,
}

/// Which installer, and from where.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grctl {
    /// Lower-case hex.
    pub sha256: Option<String>,
    /// The first manager fetches it from there. Absent: it is an artifact of the operator.
    pub url: Option<String>,
}

/// The bundle of an offline installation.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// On the first manager.
    pub path: String,
    /// Lower-case hex.
    pub sha256: String,
}

/// A database of the operator's.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// Where it is.
    pub host: String,
    /// Its port.
    #[serde(default = "mysql")]
    pub port: u16,
    /// Who is let in, with all rights.
    pub user: String,
}

/// A secret that may be on a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArgvSecret {
    /// The password of the operator's database.
    Exdb,
}

fn mysql() -> u16 {
    3306
}

/// Where the installer takes its packages from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The internet.
    #[default]
    Online,
    /// A bundle that was unpacked on the first manager.
    Offline,
}

impl Source {
    /// As `grctl init` wants it.
    pub fn word(self) -> &'static str {
        match self {
            Source::Online => "online",
            Source::Offline => "offline",
        }
    }
}

/// Seconds that things may take.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// The first node.
    pub init: u32,
    /// Each other node.
    pub install: u32,
    /// From installed to healthy.
    pub healthy: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        // An hour is common for the first node on slow disks; health is reported minutes late.
        Timeouts { init: 7200, install: 3600, healthy: 600 }
    }
}

fn rainbond() -> String {
    "rainbond".into()
}

fn yes() -> bool {
    true
}
