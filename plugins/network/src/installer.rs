//! What the platform's installer was told, and what it told the nodes.

use arcus_sdk::Finding;
use arcus_sdk::prelude::*;

/// Exists on the manager that installed the platform, once it stands.
pub const INITIALISED: &str = "/opt/rainbond/.rainbond.success";
/// The installer's choice of network, on the same manager.
pub const DEPLOYED: &str = "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults/main.yml";
/// The services of the network, on every node.
pub const SERVICES: &str = "/opt/rainbond/conf/network.yaml";

/// To every manager.
pub fn asks() -> (Ask<Option<FileFact>>, Ask<Option<FileFact>>) {
    (probe::file(INITIALISED), probe::content(DEPLOYED, 65_536))
}

/// The answers to [`asks`].
pub type Seen = (Look<Option<FileFact>>, Look<Option<FileFact>>);

/// The network's services, on every node.
pub fn services() -> Ask<Option<FileFact>> {
    probe::content(SERVICES, 16_384)
}

/// The manager on which the installer ran to its end, with what it chose. `Err`: nothing is deployed that could be compared, or
/// nobody can tell, in words.
pub fn seat<'a, 's>(seen: impl IntoIterator<Item = (&'a Node, &'s Seen)>, network: &str) -> Result<(&'a Node, &'s Look<Option<FileFact>>), String> {
    let mut silent = None;
    for (node, (mark, deployed)) in seen {
        match mark {
            Known(Some(_)) => return Ok((node, deployed)),
            Known(None) => {}
            Unknown(problem) => silent = silent.or(Some(problem)),
        }
    }
    Err(match silent {
        Some(problem) => format!("it is not known whether the platform is initialised: {}", problem.message),
        None => format!("the platform is not initialised, and brings {network}"),
    })
}

/// The word of the installer for the network it brought.
pub fn chosen(file: &FileFact) -> Option<String> {
    parse::assignments(&file.text(), "CLUSTER_NETWORK").last().map(str::to_owned)
}

/// The installer takes anything it does not know for calico, so its own word counts, not ours.
pub fn is_deployed(network: &str, manager: &Node, file: Option<&FileFact>) -> Finding {
    let Some(file) = file else {
        return unknown(format!("{} has the platform, but no {DEPLOYED}", manager.name));
    };
    match chosen(file).as_deref() {
        Some(found) if found == network => passed(network),
        Some(other) => failed(format!("{other} is deployed, {network} was asked for")),
        None if file.is_cut() => unknown(format!("{DEPLOYED} is too long to be read")),
        None => failed(format!("{DEPLOYED} names no network")),
    }
}

/// Whether the node's agent runs this network.
pub fn is_service(network: &str, file: Option<&FileFact>) -> Finding {
    let Some(file) = file else { return failed(format!("there is no {SERVICES}")) };
    match service_names(&file.text()).as_slice() {
        [] => failed(format!("{SERVICES} names no service")),
        names if names.iter().any(|name| name == network) => passed(network),
        names => failed(format!("{SERVICES} has {}, not {network}", names.join(", "))),
    }
}

/// The names of the services in a file of the node's agent.
pub fn service_names(yaml: &str) -> Vec<String> {
    let name = |line: &str| line.strip_prefix("- name:").map(|name| name.trim().trim_matches(['"', '\'']).to_owned());
    // Services are items of the top-level list; deeper names belong to their health checks.
    yaml.lines().filter_map(|line| name(line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')).unwrap_or(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::service_names;

    #[test]
    fn names_of_services_and_not_of_their_health() {
        let yaml = "version: '2.1'\nservices:\n- name: flannel\n  health:\n    name: flannel-health\n  start: >-\n    - name: no\n- name: \"x\"\n";
        assert_eq!(service_names(yaml), ["flannel", "x"]);
        assert!(service_names("").is_empty());
    }
}
