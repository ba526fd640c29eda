//! What the cluster file comes to: which directory of which server; and everything the file alone shows to be wrong with it.

use crate::config::{Config, Preset};
use crate::options;
use arcus_sdk::prelude::*;
use std::net::IpAddr;

/// What is mounted, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// As fstab and the kernel have it.
    pub source: String,
    /// As fstab has them.
    pub options: Vec<String>,
    /// As the option `vers` has it.
    pub version: String,
    /// Ports of the server that a mount needs.
    pub ports: Vec<u16>,
    /// Name of the node that is the server, where a node is: nothing is mounted on it.
    pub local: Option<String>,
}

const VERSIONS: [&str; 4] = ["3", "4", "4.1", "4.2"];

/// Everything that the cluster file alone shows to be wrong, or what it comes to.
pub fn read(cluster: &Cluster<Config>) -> Result<Share, Vec<Problem>> {
    let config = &cluster.config;
    let version = config.version();
    let mut problems = Vec::new();
    problems.extend(server_mistake(&config.server));
    problems.extend(path_mistake(&config.export));
    problems.extend(version_mistake(config, &version));
    let options = match options::of(config, &version) {
        Ok(options) => options,
        Err(mistakes) => {
            problems.extend(mistakes);
            Vec::new()
        }
    };
    let local = cluster.nodes.iter().find(|node| node.address == config.server || node.name == config.server);
    let path = cluster.handed.demands.shared.as_ref().filter(|shared| local.is_some_and(|node| shared.nodes.contains(&node.name)));
    if let (Some(node), Some(shared)) = (local, path)
        && shared.path != config.export
    {
        let message = format!("{} is the server and needs the directory itself, at {}; what it exports is {}", node.name, shared.path, config.export);
        problems.push(problem("nfs.served-elsewhere", message).at("/export").help(format!("have it export {}, or use a server that is no node of the cluster", shared.path)));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    // Version 3 asks at 111 where the rest of the server listens.
    let ports = if version == "3" { vec![2049, 111] } else { vec![2049] };
    let source = format!("{}:{}", options::host(&config.server), config.export);
    Ok(Share { source, options, version, ports, local: path.and(local).map(|node| node.name.clone()) })
}

fn server_mistake(server: &str) -> Option<Problem> {
    let wrong = |message: String, help: &str| Some(problem("nfs.server", message).at("/server").help(help));
    if let Ok(address) = server.parse::<IpAddr>() {
        return if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
            wrong(format!("{server} is another machine, or none, for each node"), "give the address by which all nodes reach the server")
        } else {
            None
        };
    }
    let label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    // A name of digits only is an address with a mistake in it.
    let is_name = server.len() <= 253 && server.split('.').all(label) && server.bytes().any(|b| b.is_ascii_alphabetic());
    if server == "localhost" || !is_name {
        return wrong(format!("{server:?} is neither an address nor the name of a host that all nodes know"), "the server alone, without path, port or brackets");
    }
    None
}

fn path_mistake(export: &str) -> Option<Problem> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let is_clean = export == "/" || export.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain));
    // The kernel shows the path as it was given: `/a/` and `/a` would be two sources for one directory.
    (!is_clean).then(|| {
        let message = format!("the export {export:?} is no plain absolute path");
        problem("nfs.export-path", message).at("/export").help("write it like /grdata: without `.`, `..`, doubled or trailing slashes, of letters, digits, `.`, `_` and `-`")
    })
}

fn version_mistake(config: &Config, version: &str) -> Option<Problem> {
    if !VERSIONS.contains(&version) {
        let message = format!("there is no version {version} of NFS that is supported here");
        return Some(problem("nfs.version", message).at("/version").help("use 3, 4, 4.1 or 4.2"));
    }
    (config.preset == Preset::Nas && version != "3").then(|| {
        let message = format!("a NAS is mounted with NFS 3, not {version}: with version 4 its file locks hang applications");
        problem("nfs.nas-version", message).at("/version").help("leave `version` out, or use `preset: nfs` if the vendor of the server says that its locks in version 4 are sound")
    })
}
