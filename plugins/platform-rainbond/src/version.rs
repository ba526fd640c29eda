//! Everything in which the tools of Rainbond 5.0 and 5.1 differ.

use crate::role::{Role, Roles};
use arcus_sdk::contract::handoffs::StorageOffer;
use std::fmt;

/// A line of Rainbond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum Version {
    /// January 2019.
    #[serde(rename = "5.0")]
    V50,
    /// March 2019 to March 2020.
    #[serde(rename = "5.1")]
    V51,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Version {
    /// As the cluster file and `--rainbond-version` have it.
    pub fn word(self) -> &'static str {
        match self {
            Version::V50 => "5.0",
            Version::V51 => "5.1",
        }
    }

    /// The line that a text such as `5.1.1-5cb66ee-2019-03-21-10` or `v5.0` begins with. `None`: it names none (self-built tools
    /// have an empty version).
    pub fn line(text: &str) -> Option<String> {
        let text = text.trim().trim_start_matches(['v', 'V']);
        let mut parts = text.split(['.', '-']);
        let (major, minor) = (parts.next()?, parts.next()?);
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        (number(major) && number(minor)).then(|| format!("{major}.{minor}"))
    }

    /// The line that `grctl version` names.
    pub fn of_grctl(said: &str) -> Option<String> {
        said.lines().find_map(|line| Self::line(line.trim().strip_prefix("Rainbond grctl")?))
    }

    /// The line that the help of `grctl init` shows as its default version; for tools that were built without a version.
    pub fn of_help(said: &str) -> Option<String> {
        let line = said.lines().find(|line| line.trim_start().starts_with("--rainbond-version"))?;
        Self::line(line.split("(default: \"").nth(1)?.split('"').next()?)
    }

    /// The number behind the line, in a text such as `5.1.11-standin`. `None`: it names none.
    pub fn patch(text: &str) -> Option<u32> {
        let text = text.lines().find_map(|line| line.trim().strip_prefix("Rainbond grctl"))?;
        let third = text.trim().trim_start_matches(['v', 'V']).split(['.', '-']).nth(2)?;
        third.parse().ok()
    }

    /// Why a node that is a gateway and nothing else cannot be added by a tool of this patch.
    pub fn cannot_add_gateway(self, patch: Option<u32>) -> Option<&'static str> {
        (self == Version::V51 && patch.is_some_and(|patch| patch < 4)).then_some("Rainbond adds gateways on machines of their own from 5.1.4 on")
    }

    /// `--role` of `grctl init`.
    pub fn init_roles(self, roles: &Roles) -> String {
        let compute = roles.contains(&Role::Compute);
        match self {
            Version::V50 => if compute { "master,worker" } else { "master" }.to_owned(),
            Version::V51 => self.add_roles(&roles.iter().copied().chain([Role::Gateway]).collect()),
        }
    }

    /// `--role` of `grctl node add`.
    pub fn add_roles(self, roles: &Roles) -> String {
        let words = [(Role::Manage, "manage"), (Role::Gateway, "gateway"), (Role::Compute, "compute")];
        let words = words.iter().filter(|(role, _)| roles.contains(role)).map(|(_, word)| *word);
        words.collect::<Vec<_>>().join(",")
    }

    /// A manager is a gateway without being told, and cannot be told.
    pub fn gateway_on_every_manager(self) -> bool {
        self == Version::V50
    }

    /// The installer refuses a first node that is no gateway, also where all others are machines of their own.
    pub fn first_node_is_a_gateway(self) -> bool {
        self == Version::V51
    }

    /// Why `grctl node add` refuses a node with these roles.
    pub fn cannot_add(self, roles: &Roles) -> Option<&'static str> {
        match self {
            Version::V51 => None,
            Version::V50 if roles.contains(&Role::Gateway) => {
                Some("Rainbond 5.0 has gateways on its managers and nowhere else")
            }
            Version::V50 if roles.contains(&Role::Manage) && roles.contains(&Role::Compute) => {
                Some("Rainbond 5.0 takes a node as a manager or as a compute node, not as both")
            }
            Version::V50 => None,
        }
    }

    /// The API is asked at the virtual address from init on: nothing can be asked before that address leads to the first node.
    pub fn asks_at_virtual_address(self) -> bool {
        self == Version::V51
    }

    /// Arguments that keep the installer from setting up its own NFS. 5.0 knows none, and leaves alone what is mounted already; 5.1 has
    /// the very line that the storage plugin wrote, and mounts it on every node. So where a node serves the directory itself, it is left
    /// to think of NFS of its own, which leaves alone whoever has the directory (rainbond-ansible, `roles/storage`).
    pub fn storage_args(self, path: &str, offer: &StorageOffer) -> Vec<String> {
        if self == Version::V50 || !offer.local.is_empty() {
            return Vec::new();
        }
        let kind = if offer.fstype == "glusterfs" { "gfs" } else { "nas" };
        let options = if offer.options.is_empty() { "defaults".to_owned() } else { offer.options.join(",") };
        let line = format!("{} {path} {} {options} 0 0", offer.source, offer.fstype);
        vec!["--storage".into(), kind.into(), "--storage-args".into(), line]
    }

    /// The console asks the API by its name, which the certificate is for. 5.1 asks at the address that init was told, for which it makes one.
    pub fn names_its_api(self) -> bool {
        self == Version::V50
    }

    /// The database may be one of the operator's.
    pub fn takes_outside_database(self) -> bool {
        self == Version::V51
    }

    /// Builds of it let Kubernetes' API listen on the port that the gateway needs on the same node.
    pub fn may_clash_with_gateway(self) -> bool {
        self == Version::V50
    }

    /// An offline installation has its files in the shared directory: what is mounted there later hides them.
    pub fn offline_in_shared(self) -> bool {
        self == Version::V50
    }

    /// Files that an offline installation needs on the first node.
    pub fn offline_files(self) -> &'static [&'static str] {
        match self {
            Version::V50 => &[
                "/grdata/services/offline/base.images.tgz",
                "/grdata/services/offline/rainbond.images.tgz",
                "/grdata/services/offline/pkgs/rpm/centos/7/repodata/repomd.xml",
                "/opt/rainbond/rainbond-ansible/roles/prepare/templates/rainbond.repo.j2",
                "/opt/rainbond/rainbond-ansible/setup.sh",
            ],
            Version::V51 => &[
                "/opt/rainbond/offline/base.images.tgz",
                "/opt/rainbond/offline/rainbond.images.tgz",
                "/opt/rainbond/rainbond-ansible/setup.sh",
            ],
        }
    }

    /// `grctl cluster` compares the whole text of a node's roles with `manage`, `compute` or both: any other text counts as neither,
    /// and the cluster as unavailable.
    pub fn miscounts_roles(self) -> bool {
        self == Version::V50
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_in_what_the_tools_say() {
        assert_eq!(Version::of_grctl("Rainbond grctl 5.1.1-5cb66ee-2019-03-21-10\n").as_deref(), Some("5.1"));
        assert_eq!(Version::of_grctl("noise\nRainbond grctl 5.0.4-standin-2019-03-05-10").as_deref(), Some("5.0"));
        assert_eq!(Version::of_grctl("Rainbond grctl \n"), None);
        assert_eq!(Version::of_grctl("No help topic for 'version'"), None);
        assert_eq!(Version::of_help("   --rainbond-version value   Rainbond Install Version. default 5.1 (default: \"5.1\")\n").as_deref(), Some("5.1"));
        assert_eq!(Version::line("5.0\n").as_deref(), Some("5.0"));
        assert_eq!(Version::line("-"), None);
    }

    #[test]
    fn roles_in_the_words_of_each_version() {
        let roles = |list: &[Role]| list.iter().copied().collect::<Roles>();
        let all = roles(&[Role::Compute, Role::Gateway, Role::Manage]);
        assert_eq!(Version::V51.init_roles(&all), "manage,gateway,compute");
        assert_eq!(Version::V50.init_roles(&roles(&[Role::Manage])), "master");
        assert_eq!(Version::V50.init_roles(&roles(&[Role::Manage, Role::Compute])), "master,worker");
        assert_eq!(Version::V50.add_roles(&roles(&[Role::Compute])), "compute");
        assert!(Version::V50.cannot_add(&roles(&[Role::Gateway])).is_some());
        assert_eq!(Version::V51.init_roles(&roles(&[Role::Manage])), "manage,gateway", "its installer wants it so");
    }
}
