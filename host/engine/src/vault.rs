//! Values that plugins only name: generated secrets (kept on the nodes that use them), secrets and artifacts of the operator.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arcus_node::Hidden;
use arcus_plan::likeness::{Contents, Kept};
use arcus_plan::manifest::{Manifest, Secret};

use crate::fault::{Fault, Kind};
use crate::veil::Veil;

/// What the operator bound to names, on their own side. The cluster file cannot.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    /// Files to put on nodes, by the name plugins give them.
    pub artifacts: BTreeMap<String, PathBuf>,
    /// Values of the operator's secrets, by `plugin/name` or by `name` alone.
    pub secrets: BTreeMap<String, Hidden>,
}

/// Every value of this run, and where the generated ones were found.
pub struct Vault {
    bindings: Bindings,
    artifacts: Mutex<HashMap<String, Option<Arc<Vec<u8>>>>>,
    generated: Mutex<HashMap<String, Generated>>,
    kept: Mutex<HashMap<(String, String), Kept>>,
    /// Values that were read from nodes at any time, and what keeps all values from being shown.
    met: Mutex<(Vec<Hidden>, Arc<Veil>)>,
}

#[derive(Default)]
struct Generated {
    /// Value → nodes that keep it.
    values: Vec<(Hidden, BTreeSet<String>)>,
    /// Nodes that answered that they keep none.
    without: BTreeSet<String>,
    /// Nodes that did not answer.
    unknown: BTreeSet<String>,
}

/// What is known of a generated secret.
pub enum Known {
    /// Every node that keeps one keeps this. Named are the users that keep none yet.
    One(Hidden, Vec<String>),
    /// Every user answered, and none keeps one: it may be made.
    None,
    /// Some user did not answer, and none that did keeps one: it must not be made.
    Unknown,
    /// Nodes keep different ones.
    Conflict(Vec<String>),
}

impl Vault {
    /// Nothing read yet.
    pub fn new(bindings: Bindings) -> Self {
        let met = Mutex::new((Vec::new(), Arc::new(Veil::new(bindings.secrets.values()))));
        Self { bindings, artifacts: Mutex::default(), generated: Mutex::default(), kept: Mutex::default(), met }
    }

    /// The name under which a node keeps a plugin's secret.
    pub fn key(plugin: &str, name: &str) -> String {
        format!("{plugin}.{name}")
    }

    /// What nodes say is shown through this.
    pub fn veil(&self) -> Arc<Veil> {
        self.met.lock().expect("no panic while held").1.clone()
    }

    /// A value that is somewhere on the nodes.
    pub fn meet(&self, value: &Hidden) {
        let mut met = self.met.lock().expect("no panic while held");
        if !met.0.contains(value) {
            met.0.push(value.clone());
            met.1 = Arc::new(Veil::new(self.bindings.secrets.values().chain(&met.0)));
        }
    }

    /// Notes what a node answered.
    pub fn note(&self, key: &str, node: &str, answer: Result<Option<Hidden>, ()>) {
        if let Ok(Some(value)) = &answer {
            self.meet(value);
        }
        let mut generated = self.generated.lock().expect("no panic while held");
        let entry = generated.entry(key.to_owned()).or_default();
        for (_, nodes) in &mut entry.values {
            nodes.remove(node);
        }
        entry.without.remove(node);
        entry.unknown.remove(node);
        match answer {
            Ok(Some(value)) => match entry.values.iter_mut().find(|(have, _)| *have == value) {
                Some((_, nodes)) => {
                    nodes.insert(node.to_owned());
                }
                None => entry.values.push((value, BTreeSet::from([node.to_owned()]))),
            },
            Ok(None) => {
                entry.without.insert(node.to_owned());
            }
            Err(()) => {
                entry.unknown.insert(node.to_owned());
            }
        }
        entry.values.retain(|(_, nodes)| !nodes.is_empty());
    }

    /// Where a generated secret stands.
    pub fn known(&self, key: &str) -> Known {
        let generated = self.generated.lock().expect("no panic while held");
        let Some(entry) = generated.get(key) else { return Known::Unknown };
        match entry.values.as_slice() {
            [(value, _)] => Known::One(value.clone(), entry.without.iter().cloned().collect()),
            [] if entry.unknown.is_empty() => Known::None,
            [] => Known::Unknown,
            many => Known::Conflict(many.iter().flat_map(|(_, nodes)| nodes.iter().cloned()).collect()),
        }
    }

    /// Makes a value; it counts only after the nodes were told to keep it.
    ///
    /// # Errors
    /// When this machine has no randomness.
    pub fn make(length: usize, alphabet: Option<&str>) -> Result<Hidden, Fault> {
        const PLAIN: &str = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
        let letters: Vec<char> = alphabet.unwrap_or(PLAIN).chars().collect();
        let mut value = String::with_capacity(length);
        while value.chars().count() < length {
            let mut byte = [0_u8; 1];
            getrandom::fill(&mut byte)
                .map_err(|error| Fault::new(Kind::Step, "secret.no-randomness", format!("cannot make a secret: {error}")).help("this machine's kernel gives no randomness: run Arcus on another one"))?;
            // Rejection keeps every letter equally likely.
            let bound = 256 - 256 % letters.len().clamp(1, 256);
            if usize::from(byte[0]) < bound {
                value.push(letters[usize::from(byte[0]) % letters.len()]);
            }
        }
        Ok(Hidden::from(value))
    }

    /// Notes what was fetched from a node under a name.
    pub fn keep(&self, node: &str, name: &str, kept: Kept) {
        self.kept.lock().expect("no panic while held").insert((node.to_owned(), name.to_owned()), kept);
    }

    fn kept(&self, node: &str, name: &str) -> Option<Kept> {
        self.kept.lock().expect("no panic while held").get(&(node.to_owned(), name.to_owned())).cloned()
    }

    /// The operator's value for a secret.
    fn bound(&self, plugin: &str, name: &str) -> Option<Hidden> {
        let secrets = &self.bindings.secrets;
        secrets.get(&format!("{plugin}/{name}")).or_else(|| secrets.get(name)).cloned()
    }

    fn artifact(&self, name: &str) -> Option<Arc<Vec<u8>>> {
        let mut artifacts = self.artifacts.lock().expect("no panic while held");
        let read = || self.bindings.artifacts.get(name).and_then(|path| std::fs::read(path).ok()).map(Arc::new);
        artifacts.entry(name.to_owned()).or_insert_with(read).clone()
    }

    /// The values as one plugin may name them.
    pub fn contents<'a>(&'a self, manifest: &'a Manifest, node_files: &'a NodeFiles) -> Held<'a> {
        Held { vault: self, manifest, node_files }
    }
}

/// What files of nodes hold that are to be carried over, as far as it was read.
pub type NodeFiles = HashMap<(String, String), Option<Hidden>>;

/// The values as one plugin may name them.
pub struct Held<'a> {
    vault: &'a Vault,
    manifest: &'a Manifest,
    node_files: &'a NodeFiles,
}

impl Contents for Held<'_> {
    fn secret(&self, name: &str) -> Option<Vec<u8>> {
        match self.manifest.grant.secrets.get(name)? {
            Secret::Operator => self.vault.bound(&self.manifest.name, name).map(|value| value.reveal().to_vec()),
            Secret::Generated { .. } => match self.vault.known(&Vault::key(&self.manifest.name, name)) {
                Known::One(value, _) => Some(value.reveal().to_vec()),
                _ => None,
            },
        }
    }

    fn artifact(&self, name: &str) -> Option<Vec<u8>> {
        self.vault.artifact(name).map(|bytes| bytes.to_vec())
    }

    fn kept(&self, node: &str, name: &str) -> Option<Kept> {
        self.vault.kept(node, name)
    }

    fn node_file(&self, node: &str, path: &str) -> Option<Vec<u8>> {
        let held = self.node_files.get(&(node.to_owned(), path.to_owned()))?;
        held.as_ref().map(|bytes| bytes.reveal().to_vec())
    }
}
