//! The files of one number of nodes, in `target/bench/<number>/`: cluster file, scripts, inventories, all from the same values.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use arcus_lab::{NodeSpec, World};
use serde_json::json;

use super::values;

const CONVERGE: &str = include_str!("floor/converge.sh");
const RESET: &str = include_str!("floor/reset.sh");
const STAMP: &str = include_str!("floor/stamp.sh");
const DEPLOY: &str = include_str!("pyinfra/deploy.py");
const INVENTORY: &str = include_str!("pyinfra/inventory.py");
const PLAYBOOK: &str = include_str!("ansible/site.yml");
/// What the lab's nodes cannot be: they share one machine's processors, memory and clock, and the benchmark needs one manager only.
const RELAXED: &[&str] = &[
    "manager-count",
    "cpu",
    "memory",
    "disk-root",
    "disk-docker",
    "disk-opt-rainbond",
    "disk-cache",
    "disk-grlocaldata",
    "os",
    "time-sync",
];
/// What [`World::key`] and [`World::known_hosts`] are copied to: the same path for every world.
const KEY: &str = "key";
const KNOWN_HOSTS: &str = "known_hosts";

/// One number of nodes, and a folder with everything that contenders are given.
pub struct Site {
    folder: PathBuf,
    nodes: Vec<NodeSpec>,
}

/// Which script.
#[derive(Clone, Copy)]
pub enum Script {
    /// Brings the state about.
    Converge,
    /// Fails where the state is not.
    Check,
    /// Takes the state away, but for the packages.
    Reset,
    /// Says that the package lists are fresh.
    Stamp,
}

impl Script {
    fn folder(self) -> &'static str {
        match self {
            Script::Converge => "scripts",
            Script::Check => "check",
            Script::Reset => "reset",
            Script::Stamp => "stamp",
        }
    }
}

impl Site {
    /// Writes everything but what belongs to a world.
    pub fn new(folder: &Path, count: usize, component: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let nodes = (0..count).map(|place| {
            let node = NodeSpec::new(&format!("node{:03}", place + 1), Ipv4Addr::new(10, 99, 0, 11 + place as u8));
            node.role(if place == 0 { "manage" } else { "compute" })
        });
        let site = Self { folder: folder.to_owned(), nodes: nodes.collect() };
        site.write_arcus(component)?;
        site.write_scripts()?;
        site.write_inventories()?;
        Ok(site)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[NodeSpec] {
        &self.nodes
    }

    /// The key that logs in.
    pub fn key(&self) -> PathBuf {
        self.folder.join(KEY)
    }

    /// The nodes' host keys, beside the cluster file as Arcus wants it.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("arcus").join(KNOWN_HOSTS)
    }

    /// A folder of scripts, `ADDRESS.sh` each.
    pub fn scripts(&self, script: Script) -> PathBuf {
        self.folder.join(script.folder())
    }

    /// Takes over what is new with every world. What Arcus remembered of the last one goes.
    pub fn enter(&self, world: &World) -> Result<()> {
        fs::copy(world.key(), self.key())?;
        fs::copy(world.known_hosts(), self.known_hosts())?;
        self.forget()
    }

    /// Removes what Arcus keeps on the operator's side.
    pub fn forget(&self) -> Result<()> {
        match fs::remove_dir_all(self.folder.join("arcus/.arcus")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().context("no folder")?)?;
        fs::write(&path, text).with_context(|| path.display().to_string())
    }

    fn write_arcus(&self, component: &Path) -> Result<()> {
        let mut text = String::from("cluster: { name: bench, id: 5c4e8b0e-2f1d-4f57-9a53-0d6f3b1c7e21 }\nnodes:\n");
        for node in &self.nodes {
            text += &format!("  - {{ name: {}, address: {}, roles: [{}] }}\n", node.name, node.address, node.roles.join(", "));
        }
        text += "storage: { use: bench, bench: {} }\nplugins: { storage-bench: ./storage-bench.wasm }\n";
        text += &format!("preflight: {{ relax: [{}] }}\n", RELAXED.join(", "));
        self.write("arcus/cluster.yaml", &text)?;
        fs::copy(component, self.folder.join("arcus/storage-bench.wasm")).with_context(|| component.display().to_string())?;
        Ok(())
    }

    fn write_scripts(&self) -> Result<()> {
        for (place, node) in self.nodes.iter().enumerate() {
            let conf = values::filled(&self.values(place));
            for script in [Script::Converge, Script::Check, Script::Reset, Script::Stamp] {
                let text = match script {
                    Script::Converge => CONVERGE.replace("@check@", "no").replace("@conf@", &conf),
                    Script::Check => CONVERGE.replace("@check@", "yes").replace("@conf@", &conf),
                    Script::Reset => RESET.to_owned(),
                    Script::Stamp => STAMP.to_owned(),
                };
                self.write(&format!("{}/{}.sh", script.folder(), node.address), &text)?;
            }
        }
        Ok(())
    }

    fn write_inventories(&self) -> Result<()> {
        let keys: Vec<&str> = self.values(0).into_iter().map(|(key, _)| key).collect();
        let template = keys.iter().fold(values::TEMPLATE.to_owned(), |text, key| text.replace(&format!("@{key}@"), &format!("{{{{ {key} }}}}")));
        let (key, known_hosts) = (self.key().display().to_string(), self.known_hosts().display().to_string());

        let mut hosts = Vec::new();
        let mut lines = String::from("[all]\n");
        for (place, node) in self.nodes.iter().enumerate() {
            let values = self.values(place);
            let mut data: serde_json::Map<_, _> = values.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
            data.extend([
                ("ssh_user".to_owned(), json!("root")),
                ("ssh_key".to_owned(), json!(key)),
                ("ssh_known_hosts_file".to_owned(), json!(known_hosts)),
                ("ssh_strict_host_key_checking".to_owned(), json!("yes")),
                // What would be tried before the key that is named.
                ("ssh_allow_agent".to_owned(), json!(false)),
                ("ssh_look_for_keys".to_owned(), json!(false)),
            ]);
            hosts.push(json!([node.address, data]));
            let values = values.map(|(key, value)| format!("{key}={value}")).join(" ");
            lines += &format!("{} ansible_user=root ansible_ssh_private_key_file={key} {values}\n", node.address);
        }
        self.write("pyinfra/nodes.json", &serde_json::to_string_pretty(&hosts)?)?;
        self.write("pyinfra/inventory.py", INVENTORY)?;
        self.write("pyinfra/deploy.py", DEPLOY)?;
        self.write("pyinfra/keepalived.conf.j2", &template)?;

        self.write("ansible/hosts.ini", &lines)?;
        self.write("ansible/site.yml", PLAYBOOK)?;
        self.write("ansible/keepalived.conf.j2", &template)?;
        let common = format!(
            "[defaults]\ninventory = hosts.ini\nforks = 50\ntimeout = 120\ninterpreter_python = /usr/bin/python3\nhost_key_checking = true\nretry_files_enabled = false\n@strategy@\n[ssh_connection]\npipelining = true\nssh_args = -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={known_hosts} -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes\n"
        );
        self.write("ansible/ansible.cfg", &common.replace("@strategy@\n", ""))?;
        self.write("ansible/mitogen.cfg", &common.replace("@strategy@", "strategy = mitogen_linear\nstrategy_plugins = @mitogen@"))
    }

    fn values(&self, place: usize) -> [(&'static str, String); 6] {
        let addresses: Vec<String> = self.nodes.iter().map(|node| node.address.to_string()).collect();
        let nodes: Vec<(&str, &str)> = self.nodes.iter().zip(&addresses).map(|(node, address)| (node.name.as_str(), address.as_str())).collect();
        values::values(&nodes, place)
    }
}
