//! What is asked of every node, in one round, and the answers by name.

use arcus_sdk::prelude::*;

type Machine = (Ask<Os>, Ask<Hardware>, Ask<Vec<Mounted>>, Ask<Vec<NetworkInterface>>, Ask<Vec<Route>>, Ask<Vec<Socket>>, Ask<Clock>);
type Units = (Ask<Option<ServiceFact>>, Ask<Option<ServiceFact>>, Ask<Option<ServiceFact>>, Ask<Option<ServiceFact>>, Ask<Option<ServiceFact>>);
type Files = (Ask<Option<FileFact>>, Ask<Option<FileFact>>, Ask<Option<FileFact>>, Ask<Option<FileFact>>);
type Rest = (Ask<Option<DirectoryFact>>, Ask<Option<String>>, Ask<Output>, Ask<Output>, Ask<Output>, Ask<Output>);
/// All questions to a node.
pub type Questions = (Machine, Units, Files, Rest);
/// Their answers, in the same shape.
pub type Answers = <Questions as arcus_sdk::Probes>::Seen;

/// All questions to a node.
pub fn questions() -> Questions {
    (
        (probe::os(), probe::hardware(), probe::mounts(), probe::interfaces(), probe::routes(), probe::sockets(), probe::clock()),
        (
            probe::service("node.service"),
            probe::service("firewalld.service"),
            probe::service("dnsmasq.service"),
            probe::service("nscd.service"),
            probe::service("ufw.service"),
        ),
        (
            probe::file("/opt/rainbond/.rainbond.success"),
            probe::content("/etc/resolv.conf", 8_192),
            probe::content("/sys/fs/selinux/enforce", 8),
            // Only whether it is there.
            probe::file("/root/.ssh/id_rsa"),
        ),
        (
            probe::directory("/run/systemd/system"),
            probe::sysctl("vm.overcommit_memory"),
            probe::query("user", []),
            probe::query("own-name", []),
            probe::query("swaps", []),
            probe::query("firewall", []),
        ),
    )
}

/// A node that answered, and what it said.
pub struct Seen<'a> {
    pub node: &'a Node,
    pub os: Look<Os>,
    pub hardware: Look<Hardware>,
    pub mounts: Look<Vec<Mounted>>,
    pub interfaces: Look<Vec<NetworkInterface>>,
    pub routes: Look<Vec<Route>>,
    pub sockets: Look<Vec<Socket>>,
    pub clock: Look<Clock>,
    pub agent: Look<Option<ServiceFact>>,
    pub firewalld: Look<Option<ServiceFact>>,
    pub dnsmasq: Look<Option<ServiceFact>>,
    pub nscd: Look<Option<ServiceFact>>,
    pub ufw: Look<Option<ServiceFact>>,
    pub mark: Look<Option<FileFact>>,
    pub resolv: Look<Option<FileFact>>,
    pub enforce: Look<Option<FileFact>>,
    pub key: Look<Option<FileFact>>,
    pub systemd: Look<Option<DirectoryFact>>,
    pub overcommit: Look<Option<String>>,
    pub user: Look<Output>,
    pub own_name: Look<Output>,
    pub swaps: Look<Output>,
    pub firewall: Look<Output>,
}

impl<'a> Seen<'a> {
    /// By name.
    pub fn of(node: &'a Node, answers: Answers) -> Self {
        let ((os, hardware, mounts, interfaces, routes, sockets, clock), units, files, rest) = answers;
        let (agent, firewalld, dnsmasq, nscd, ufw) = units;
        let (mark, resolv, enforce, key) = files;
        let (systemd, overcommit, user, own_name, swaps, firewall) = rest;
        Seen {
            node,
            os,
            hardware,
            mounts,
            interfaces,
            routes,
            sockets,
            clock,
            agent,
            firewalld,
            dnsmasq,
            nscd,
            ufw,
            mark,
            resolv,
            enforce,
            key,
            systemd,
            overcommit,
            user,
            own_name,
            swaps,
            firewall,
        }
    }

    /// Why nothing is known of it.
    pub fn silence(&self) -> Option<&Problem> {
        match &self.os {
            Unknown(problem) if problem.code == "node.unreachable" => Some(problem),
            _ => None,
        }
    }

    /// The platform runs on it, so its installer will change it.
    pub fn is_member(&self) -> bool {
        [Role::Manage, Role::Gateway, Role::Compute].iter().any(|role| self.has(*role))
    }

    /// It has this role.
    pub fn has(&self, role: Role) -> bool {
        self.node.roles.contains(&role)
    }

    /// The platform is on it already: what it took and made is its own. Silence is not taken for that.
    pub fn is_installed(&self) -> bool {
        self.mark.is_known_and(Option::is_some) || self.agent.is_known_and(Option::is_some)
    }
}
