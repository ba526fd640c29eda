//! Who is measured, and how each is told to bring the state about and to look at it again.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use arcus_lab::World;

use super::site::{Script, Site};
use super::venv;

/// Longest time for anything that installs packages, and for anything else.
const LONG: Duration = Duration::from_secs(1200);
const SHORT: Duration = Duration::from_secs(420);

/// Who.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// Ours.
    Arcus,
    /// One script to each node, over one connection, with OpenSSH.
    OpenSsh,
    /// The same with bare russh: the floor.
    Russh,
    /// The peer.
    Pyinfra,
    /// As it is, 50 at a time, pipelined.
    Ansible,
    /// With mitogen.
    Mitogen,
}

/// What a contender does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Bring the state about.
    Apply,
    /// Look whether anything is to be done.
    Again,
}

/// Programs that were built or installed.
pub struct Tools {
    /// `arcus`.
    pub arcus: PathBuf,
    /// `arcus-floor`.
    pub floor: PathBuf,
    /// pyinfra's environment.
    pub pyinfra: PathBuf,
    /// Ansible's environment, with `--all`.
    pub ansible: Option<PathBuf>,
    /// Where Arcus keeps compiled plugins.
    pub cache: PathBuf,
    /// Where Arcus keeps what was approved.
    pub state: PathBuf,
}

impl Contender {
    /// Its name in options and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Contender::Arcus => "arcus",
            Contender::OpenSsh => "openssh",
            Contender::Russh => "russh",
            Contender::Pyinfra => "pyinfra",
            Contender::Ansible => "ansible",
            Contender::Mitogen => "mitogen",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Contender::Arcus => "Arcus",
            Contender::OpenSsh => "floor, OpenSSH",
            Contender::Russh => "floor, bare russh",
            Contender::Pyinfra => "pyinfra 3.10",
            Contender::Ansible => "Ansible 2.19",
            Contender::Mitogen => "Ansible + mitogen",
        }
    }

    /// The command, ready to run; it ends in time.
    pub fn command(self, deed: Deed, site: &Site, world: &World, tools: &Tools) -> Result<Command> {
        if let Contender::OpenSsh = self {
            return Ok(Self::openssh(site, world, Script::Converge));
        }
        let mut command = limited(world, if deed == Deed::Apply { LONG } else { SHORT });
        match self {
            Contender::Arcus => {
                let folder = site.folder().join("arcus");
                command.arg(&tools.arcus).arg("-f").arg(folder.join("cluster.yaml")).arg("--identity").arg(site.key()).arg("--no-agent");
                command.env("XDG_CACHE_HOME", &tools.cache).env("XDG_STATE_HOME", &tools.state).current_dir(folder);
                match deed {
                    Deed::Apply => command.args(["apply", "--yes", "--no-verify"]),
                    Deed::Again => command.args(["plan", "--detailed-exitcode"]),
                };
            }
            Contender::Russh => {
                command.arg(&tools.floor).arg(site.key()).arg(site.known_hosts()).arg(site.scripts(Script::Converge));
            }
            Contender::Pyinfra => {
                command.arg(tools.pyinfra.join("bin/pyinfra")).args(["--parallel", "100"]);
                command.arg(if deed == Deed::Apply { "-y" } else { "--dry" });
                command.args(["inventory.py", "deploy.py"]).current_dir(site.folder().join("pyinfra"));
            }
            Contender::Ansible | Contender::Mitogen => {
                let venv = tools.ansible.as_deref().unwrap_or(&tools.pyinfra);
                let folder = site.folder().join("ansible");
                let mut config = folder.join("ansible.cfg");
                if self == Contender::Mitogen {
                    config = folder.join("mitogen.cfg");
                    let text = std::fs::read_to_string(&config)?.replace("@mitogen@", &venv::mitogen(venv)?.display().to_string());
                    std::fs::write(&config, text)?;
                }
                command.arg(venv.join("bin/ansible-playbook")).arg("site.yml").env("ANSIBLE_CONFIG", config).current_dir(folder);
            }
            Contender::OpenSsh => unreachable!("is above"),
        }
        Ok(command)
    }

    /// One OpenSSH per node, all at once.
    pub fn openssh(site: &Site, world: &World, script: Script) -> Command {
        let mut command = limited(world, LONG);
        let ssh = world.ssh_args().join(" ");
        // Paths of a lab and options of ours: no character of them means anything to a shell. The first value of an option counts.
        let line = format!("ssh -q -o ConnectTimeout=60 {ssh} -o IdentityAgent=none root@$1 sh -s < {}/$1.sh", site.scripts(script).display());
        let nodes: String = site.nodes().iter().map(|node| format!("{} ", node.address)).collect();
        command.args(["sh", "-c", &format!("echo {nodes} | tr ' ' '\\n' | grep . | xargs -P 100 -n 1 sh -c '{line}' sh")]);
        command
    }

    /// Whether its own words say that nothing was to be done.
    pub fn is_quiet(self, said: &str) -> bool {
        match self {
            // The exit status says so.
            Contender::Arcus => true,
            Contender::OpenSsh => !said.contains("changed "),
            Contender::Russh => said.contains(" 0 changes, 0 failed"),
            Contender::Pyinfra => {
                let table = said.split("--> Detected changes:").nth(1).unwrap_or_default();
                let mut rows = table.lines().skip(2).take_while(|line| !line.trim().is_empty()).peekable();
                // Name, nodes that change, nodes that change if another step does.
                rows.peek().is_some() && rows.all(|row| row.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).nth(1) == Some("-"))
            }
            Contender::Ansible | Contender::Mitogen => said.contains("changed=0") && !said.contains("changed=1"),
        }
    }
}

fn limited(world: &World, limit: Duration) -> Command {
    let mut command = world.operator("timeout");
    command.args(["--kill-after=5", &limit.as_secs().to_string()]);
    for (key, value) in [("LC_ALL", "C.UTF-8"), ("NO_COLOR", "1")] {
        command.env(key, value);
    }
    command
}
