//! How the share is mounted, in the words of fstab: each option for a reason (see the README).

use crate::config::{Config, Preset};
use arcus_sdk::prelude::*;

/// Options that the file may add or set otherwise. None of them decides whether data are safe, or what is mounted.
const FREE: [(&str, Value); 14] = [
    ("rsize", Value::Number(4096, 1_048_576)),
    ("wsize", Value::Number(4096, 1_048_576)),
    ("timeo", Value::Number(10, 6000)),
    ("retrans", Value::Number(1, 100)),
    ("acregmin", Value::Number(0, 3600)),
    ("acregmax", Value::Number(0, 3600)),
    ("acdirmin", Value::Number(0, 3600)),
    ("acdirmax", Value::Number(0, 3600)),
    ("actimeo", Value::Number(0, 3600)),
    ("nconnect", Value::Number(1, 16)),
    ("lookupcache", Value::Word(&["all", "none", "positive", "pos"])),
    ("noresvport", Value::None),
    ("nodiratime", Value::None),
    ("nordirplus", Value::None),
];

/// What follows an option's `=`.
enum Value {
    None,
    Number(u32, u32),
    Word(&'static [&'static str]),
}

/// As it stands before the colon of a source.
pub fn host(server: &str) -> String {
    if server.contains(':') { format!("[{server}]") } else { server.to_owned() }
}

/// The options of fstab: those of the preset, with those of the file over them.
pub fn of(config: &Config, version: &str) -> Result<Vec<String>, Vec<Problem>> {
    let mut options: Vec<String> = vec![format!("vers={version}")];
    // `tcp` is IPv4 alone for mount.nfs.
    let transport = if config.server.contains(':') { "proto=tcp6" } else { "proto=tcp" };
    let rest: &[&str] = match config.preset {
        Preset::Nas => &["nolock", transport, "rsize=1048576", "wsize=1048576", "hard", "timeo=600", "retrans=2", "noresvport", "noatime", "_netdev"],
        Preset::Nfs => &[transport, "hard", "timeo=600", "retrans=2", "noatime", "_netdev"],
    };
    options.extend(rest.iter().map(|option| (*option).to_owned()));
    let mut problems = Vec::new();
    for (place, option) in config.options.iter().enumerate() {
        match mistake(option) {
            Some((message, help)) => problems.push(problem("nfs.option", message).at(format!("/options/{place}")).help(help)),
            None => {
                let key = |option: &str| option.split('=').next().unwrap_or_default().to_owned();
                match options.iter_mut().find(|known| key(known) == key(option)) {
                    Some(known) => known.clone_from(option),
                    // `_netdev` stays the last.
                    None => options.insert(options.len() - 1, option.clone()),
                }
            }
        }
    }
    if problems.is_empty() { Ok(options) } else { Err(problems) }
}

/// What is wrong with an option of the file.
fn mistake(option: &str) -> Option<(String, String)> {
    let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
    let Some((_, wanted)) = FREE.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = FREE.iter().map(|(name, _)| *name).collect();
        let why = match name {
            "soft" | "softerr" => "with it, writes are given up when the server is slow, and data are lost",
            "ro" => "the platform writes to the shared directory",
            "vers" | "nfsvers" | "minorversion" => "the version is set by `version`",
            "lock" | "nolock" | "local_lock" => "locks are a matter of `preset`",
            _ => "it is not among those that are known to do no harm",
        };
        return Some((format!("the option {name} is not taken: {why}"), format!("what may be set: {}", names.join(", "))));
    };
    match (wanted, value) {
        (Value::None, None) => None,
        (Value::None, Some(_)) => Some((format!("the option {name} has no value"), format!("write `{name}`"))),
        (Value::Number(least, most), value) => {
            let fits = value.is_some_and(|value| value.parse::<u32>().is_ok_and(|number| (*least..=*most).contains(&number) && number.to_string() == value));
            (!fits).then(|| (format!("the option {name} wants a number from {least} to {most}"), format!("write it like `{name}={most}`")))
        }
        (Value::Word(words), value) => {
            let fits = value.is_some_and(|value| words.contains(&value));
            (!fits).then(|| (format!("the option {name} wants one of {}", words.join(", ")), format!("write it like `{name}={}`", words[0])))
        }
    }
}
