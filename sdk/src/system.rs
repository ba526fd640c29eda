//! What software is called on a node's system: the one place for it, by what os-release says. What has one name everywhere (keepalived)
//! needs none of it.

use crate::ask::Look::{self, Known, Unknown};
use crate::plan::{Plan, Planned};
use crate::{Explain, problem};
use arcus_contract::facts::Os;
use arcus_contract::types::Node;

/// Systems that share a package manager and the names of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Debian, Ubuntu, and what says that it is like them.
    Debian,
    /// Red Hat, CentOS, Rocky, AlmaLinux, Anolis, openEuler, Kylin's server, and what says that it is like them.
    RedHat,
}

/// Families by the ids of os-release.
const FAMILIES: [(Family, &[&str]); 2] = [
    (Family::Debian, &["debian", "ubuntu"]),
    // openEuler and Kylin's server say of nobody that they are like it.
    (Family::RedHat, &["rhel", "centos", "fedora", "rocky", "almalinux", "anolis", "openeuler", "kylin"]),
];

impl Family {
    /// Of a system; none when it is of neither.
    pub fn of(os: &Os) -> Option<Self> {
        // What it says of itself first: Kylin's desktop is like Debian, and has the id of Kylin's server.
        let named = |id: &str| {
            let id = id.to_ascii_lowercase();
            FAMILIES.iter().find(|(_, ids)| ids.contains(&id.as_str())).map(|(family, _)| *family)
        };
        os.like.iter().find_map(|id| named(id)).or_else(|| named(&os.id))
    }
}

/// What plugins install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    /// GlusterFS's daemon and command.
    GlusterServer,
    /// What mounts GlusterFS.
    GlusterClient,
    /// What mounts NFS.
    NfsClient,
    /// The program `mysql`.
    MariadbClient,
}

impl Software {
    /// Name of its package.
    pub fn package(self, family: Family) -> &'static str {
        match (self, family) {
            (Self::GlusterServer, _) => "glusterfs-server",
            (Self::GlusterClient, Family::Debian) => "glusterfs-client",
            (Self::GlusterClient, Family::RedHat) => "glusterfs-fuse",
            (Self::NfsClient, Family::Debian) => "nfs-common",
            (Self::NfsClient, Family::RedHat) => "nfs-utils",
            (Self::MariadbClient, Family::Debian) => "mariadb-client",
            (Self::MariadbClient, Family::RedHat) => "mariadb",
        }
    }

    /// The package that makes its repository known, where the system's own does not have it: CentOS 7 has a client of GlusterFS that is
    /// older than any server, and no server.
    pub fn repository(self, os: &Os) -> Option<&'static str> {
        let is_centos_7 = os.id == "centos" && os.version.split('.').next() == Some("7");
        match self {
            Self::GlusterServer | Self::GlusterClient if is_centos_7 => Some(GLUSTER_RELEASE),
            _ => None,
        }
    }
}

/// Brings the repository of CentOS's storage group.
const GLUSTER_RELEASE: &str = "centos-release-gluster";

impl Plan {
    /// Installs software, by the name its package has on the node's system. While that is not known, the step is for later; a system of
    /// no known family is a problem of the plan.
    pub fn software(&mut self, verb: &str, node: &Node, software: Software, os: &Look<Os>) -> Planned {
        let family = match os {
            Known(os) => Family::of(os).unwrap_or_else(|| {
                let message = format!("{} runs {} {}, which is of no family whose packages are known", node.name, os.id, os.version);
                let help = "use a system of Debian's or Red Hat's family; a derived one says so by ID_LIKE in /etc/os-release";
                self.problem(problem("system.unknown", message).on(node).help(help));
                Family::Debian
            }),
            Unknown(_) => Family::RedHat,
        };
        self.package(verb, node, software.package(family)).known(os)
    }

    /// Makes the repository of the software known, where that takes a package of its own; [`Planned::after`] it comes the software.
    pub fn repository(&mut self, verb: &str, node: &Node, software: Software, os: &Look<Os>) -> Option<Planned> {
        let name = match os {
            Known(os) => software.repository(os)?,
            // Announced, for it may be needed.
            Unknown(_) if matches!(software, Software::GlusterServer | Software::GlusterClient) => GLUSTER_RELEASE,
            Unknown(_) => return None,
        };
        Some(self.package(verb, node, name).title(format!("make a repository known: install {name}")).known(os))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An os-release as the host reads it.
    fn os(text: &str) -> Os {
        let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{key}="))).unwrap_or_default().trim_matches('"').to_owned();
        Os {
            id: field("ID"),
            version: field("VERSION_ID"),
            like: field("ID_LIKE").split_whitespace().map(Into::into).collect(),
            kernel: String::new(),
            arch: String::new(),
            hostname: String::new(),
            machine_id: String::new(),
            boot_id: String::new(),
        }
    }

    /// From documents: os-release as others show it; that of Debian was recorded.
    #[test]
    fn systems_by_their_os_release() {
        let debian = [
            "ID=debian\nVERSION_ID=\"12\"",
            "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"18.04\"",
            "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"22.04\"",
            // Kylin's desktop.
            "ID=kylin\nID_LIKE=debian\nVERSION_ID=\"v10\"",
        ];
        let red_hat = [
            "ID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"",
            "ID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"7.4\"",
            "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"8.8\"",
            "ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.3\"",
            "ID=\"anolis\"\nID_LIKE=\"rhel fedora centos\"\nVERSION_ID=\"7.9\"",
            "ID=\"anolis\"\nVERSION_ID=\"23\"",
            "ID=\"openEuler\"\nVERSION_ID=\"20.03\"",
            "ID=\"openEuler\"\nVERSION_ID=\"22.03\"",
            "ID=\"kylin\"\nVERSION_ID=\"V10\"",
            "ID=\"kylin\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"V10\"",
        ];
        for (all, family) in [(&debian[..], Family::Debian), (&red_hat[..], Family::RedHat)] {
            for text in all {
                assert_eq!(Family::of(&os(text)), Some(family), "{text}");
            }
        }
        for text in ["ID=arch", "ID=alpine\nVERSION_ID=3.19.0", "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"", "ID="] {
            assert_eq!(Family::of(&os(text)), None, "{text}");
        }
    }

    #[test]
    fn only_centos_7_needs_a_package_for_the_repository() {
        let of = |text: &str, software: Software| software.repository(&os(text));
        assert_eq!(of("ID=\"centos\"\nVERSION_ID=\"7\"", Software::GlusterServer), Some("centos-release-gluster"));
        assert_eq!(of("ID=\"centos\"\nVERSION_ID=\"7\"", Software::GlusterClient), Some("centos-release-gluster"));
        assert_eq!(of("ID=\"centos\"\nVERSION_ID=\"7\"", Software::NfsClient), None);
        for text in ["ID=\"centos\"\nVERSION_ID=\"8\"", "ID=\"rhel\"\nVERSION_ID=\"7.4\"", "ID=debian\nVERSION_ID=\"7\""] {
            assert_eq!(of(text, Software::GlusterServer), None, "{text}");
        }
    }
}
