//! The plugin's section of the cluster file.

/// The plugin's section of the cluster file.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Address or name of the server.
    pub server: String,
    /// Absolute path that it exports.
    pub export: String,
    /// Which options it is mounted with.
    #[serde(default)]
    pub preset: Preset,
    version: Option<Version>,
    /// Further options.
    #[serde(default)]
    pub options: Vec<String>,
}

/// What kind of server it is, as far as a mount must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// A NAS as clouds have them.
    Nas,
    /// Any other server.
    #[default]
    Nfs,
}

/// `4.1` of YAML is a number, `"4.1"` is not.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
enum Version {
    Number(f64),
    Word(String),
}

impl Config {
    /// As the option `vers` has it.
    pub fn version(&self) -> String {
        match (&self.version, self.preset) {
            (Some(Version::Number(number)), _) => number.to_string(),
            (Some(Version::Word(word)), _) => word.clone(),
            (None, Preset::Nas) => "3".into(),
            (None, Preset::Nfs) => "4.1".into(),
        }
    }

    /// Locks are the server's, and hold between nodes.
    pub fn locks(&self) -> bool {
        self.preset == Preset::Nfs
    }
}
