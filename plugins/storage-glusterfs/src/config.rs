//! The plugin's section of the cluster file.

use arcus_sdk::prelude::*;
use std::collections::BTreeMap;

/// The plugin's section of the cluster file.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Name of the volume.
    #[serde(default = "default_volume")]
    pub volume: String,
    /// Directory of the volume's files on every storage node.
    #[serde(default = "default_brick")]
    pub brick: String,
    /// Name of the storage node that keeps names only.
    pub arbiter: Option<String>,
    /// Two copies and nobody to decide.
    #[serde(default)]
    pub accept_split_brain_risk: bool,
    /// The brick may lie on the system's own disk.
    #[serde(default)]
    pub accept_brick_on_root: bool,
    /// The nodes' repositories hold GlusterFS already.
    #[serde(default)]
    pub own_repository: bool,
    /// Seconds for which writes hang when a node vanishes.
    #[serde(default = "default_ping_timeout")]
    pub ping_timeout: u32,
    /// Further options of the volume.
    #[serde(default)]
    pub options: BTreeMap<String, Setting>,
}

fn default_volume() -> String {
    "data".into()
}
fn default_brick() -> String {
    "/data/glusterfs".into()
}
fn default_ping_timeout() -> u32 {
    10
}

/// Value of a volume's option, as YAML has it.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// `yes` and `no` of YAML are gluster's `on` and `off`.
    Switch(bool),
    /// A number.
    Number(i64),
    /// Anything else, one word.
    Word(String),
}

impl Setting {
    /// As gluster has it.
    pub fn word(&self) -> String {
        match self {
            Setting::Switch(true) => "on".into(),
            Setting::Switch(false) => "off".into(),
            Setting::Number(number) => number.to_string(),
            Setting::Word(word) => word.clone(),
        }
    }
}

/// Options that follow from the rest of the section.
pub const OWN: [&str; 3] = ["cluster.quorum-type", "cluster.server-quorum-type", "network.ping-timeout"];

/// How often it is looked for what is to be healed. What could not be healed when its node came back, because somebody wrote, waits for
/// that; GlusterFS itself takes ten minutes.
pub const HEAL_OPTION: &str = "cluster.heal-timeout";
/// Seconds.
pub const HEAL_TIMEOUT: u32 = 60;

/// Seconds in which every copy is whole again after little was written: one look for what is to be healed, and the healing.
pub fn heals(config: &Config) -> u32 {
    let given = config.options.get(HEAL_OPTION).and_then(|given| given.word().parse::<u32>().ok());
    given.unwrap_or(HEAL_TIMEOUT).min(86_400) + 60
}

/// What is wrong with the options.
pub fn option_mistakes(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, value) in &config.options {
        let pointer = format!("/options/{name}");
        if OWN.contains(&name.as_str()) {
            let message = format!("the option {name} follows from the rest of this section");
            let help = if name == "network.ping-timeout" { "use `ping-timeout`" } else { "leave it out" };
            problems.push(problem("gluster.option-own", message).at(pointer).help(help));
        } else if !is_word(&value.word()) {
            let message = format!("the value of {name} is not one word of letters, digits, `.`, `_` and `-`");
            problems.push(problem("gluster.option-value", message).at(pointer).help("set it by hand; options that this file does not name are left alone"));
        }
    }
    problems
}

/// What fills an `<ident>` of the manifest.
fn is_word(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}
