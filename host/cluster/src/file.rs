//! A cluster file that was read: its value, the place of everything in it, and from there the model or all the mistakes.

use std::collections::HashSet;
use std::io::Read as _;

use cap_std::fs::Dir;
use serde_json::Value;
use uuid::Uuid;

use crate::diagnostic::{Diagnostic, Severity, in_order};
use crate::document::{Document, MIGRATING_FROM, MIGRATION, RoleName, Section};
use crate::folder::leads_out;
use crate::model::{Cluster, Concern, Jump, Member, Migrating, PluginPath, Relaxation, Ssh, Use};
use crate::placed::Placed;
use crate::schema::{Checker, Finding};
use crate::sketch::{self, Sketch};
use crate::source::Source;
use crate::{pointer, rules, wording, yaml};
use arcus_contract::types::{Node, Role};

/// Largest file taken: 1 MiB. A node is about 100 bytes.
const LARGEST: u64 = 1 << 20;

/// A cluster file.
#[derive(Debug)]
pub struct File {
    text: Placed,
    value: Value,
    mistakes: Vec<Diagnostic>,
    broken: Vec<String>,
    dir: Option<Dir>,
}

impl File {
    /// Reads `name` in the folder `dir`. Paths in the file are then checked there: they must lead to files, and not out of it.
    pub fn read(dir: &Dir, name: &str) -> Result<Self, Vec<Diagnostic>> {
        let nowhere = Source::new(name, "");
        let failed = |error: std::io::Error| {
            let (code, message, help) = match error.kind() {
                std::io::ErrorKind::NotFound => (
                    "file.missing",
                    "there is no such file".to_owned(),
                    "`arcus init` writes one; `-f FILE` names another",
                ),
                _ if leads_out(&error) => (
                    "file.outside",
                    "it is a link that leads out of its folder".to_owned(),
                    "name the file it leads to",
                ),
                _ => (
                    "file.unreadable",
                    format!("it cannot be read: {error}"),
                    "check who may read it",
                ),
            };
            vec![Diagnostic::about(&nowhere, code, message).help(help)]
        };
        // A pipe or a device would hold us up at opening.
        if !dir.metadata(name).map_err(failed)?.is_file() {
            return Err(vec![
                Diagnostic::about(&nowhere, "file.no-file", "it is not a regular file")
                    .help("name a file; `-f -` reads from standard input"),
            ]);
        }
        let mut bytes = Vec::new();
        dir.open(name)
            .map_err(failed)?
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let mut file = Self::from_bytes(name, &bytes)?;
        file.dir = Some(dir.try_clone().map_err(failed)?);
        Ok(file)
    }

    /// Bytes from elsewhere, such as standard input.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, Vec<Diagnostic>> {
        if bytes.len() as u64 > LARGEST {
            // The text is not worth keeping; nothing of it is shown.
            return Err(vec![too_large(&Source::new(name, ""))]);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(name, text),
            Err(error) => {
                let at = error.valid_up_to();
                let source = Source::new(name, &String::from_utf8_lossy(bytes));
                Err(vec![
                    Diagnostic::about(&source, "file.encoding", "this is not UTF-8")
                        .help("save the file as UTF-8 text")
                        .at(at..at + char::REPLACEMENT_CHARACTER.len_utf8()),
                ])
            }
        }
    }

    /// A text from elsewhere. Fails only where nothing can be made of it; other mistakes are told by [`File::cluster`].
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        if text.len() as u64 > LARGEST {
            return Err(vec![too_large(&Source::new(name, ""))]);
        }
        let source = Source::new(name, text);
        let tree = yaml::read(&source).map_err(in_order)?;
        Ok(Self {
            text: Placed::new(source, tree.places),
            value: tree.value,
            mistakes: tree.mistakes,
            broken: tree.broken,
            dir: None,
        })
    }

    /// Its name and text.
    pub fn source(&self) -> &Source {
        self.text.source()
    }

    /// What it says, as it is.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// An error at a value. The message is one sentence without a full stop.
    pub fn diagnose(&self, code: &str, pointer: &str, message: impl Into<String>) -> Diagnostic {
        self.text.diagnose(code, pointer, message)
    }

    fn found(&self, kind: &str, finding: Finding) -> Option<Diagnostic> {
        let pointer = finding.pointer;
        if self
            .broken
            .iter()
            .any(|broken| pointer::within(&pointer, broken))
        {
            return None;
        }
        let code = format!("{kind}.{}", finding.code);
        let mut diagnostic = if finding.on_key {
            self.text.diagnose_key(&code, &pointer, finding.message)
        } else {
            self.diagnose(&code, &pointer, finding.message)
        };
        diagnostic.help = finding.help;
        Some(diagnostic)
    }

    /// The settings at `pointer` (see [`Use::pointer`]) as `schema` wants them, or all that is wrong with them. Settings that are
    /// not there are `{}`. Where the schema wants text and the file has a bare number, it is the text as written, so `5.10`
    /// stays that.
    ///
    /// The schema is taken from a plugin: its `$ref`s must stay inside of it, and not go round.
    pub fn config(&self, pointer: &str, schema: &Value) -> Result<Value, Vec<Diagnostic>> {
        let checker = Checker::new(schema.clone()).map_err(|why| {
            vec![
                self.diagnose(
                    "plugin.bad-schema",
                    pointer,
                    format!("the plugin's own schema for these settings cannot be used: {why}"),
                )
                .help("this is a mistake of the plugin; tell its author"),
            ]
        })?;
        let mut value = match self.value.pointer(pointer) {
            None | Some(Value::Null) => Value::Object(serde_json::Map::new()),
            Some(value) => value.clone(),
        };
        let findings = checker.check(pointer, &mut value, &|at| self.text.written(at));
        let found: Vec<_> = findings
            .into_iter()
            .filter_map(|finding| self.found("config", finding))
            .collect();
        if found.is_empty() {
            Ok(value)
        } else {
            Err(in_order(found))
        }
    }

    /// The mistakes of [`File::config`] alone.
    pub fn check_config(&self, pointer: &str, schema: &Value) -> Vec<Diagnostic> {
        self.config(pointer, schema).err().unwrap_or_default()
    }

    /// The model; or all that is wrong, warnings and notes included.
    pub fn cluster(&self) -> Result<Cluster, Vec<Diagnostic>> {
        let mut value = self.value.clone();
        let findings = Checker::of_document().check("", &mut value, &|at| self.text.written(at));
        let mut found: Vec<_> = findings
            .into_iter()
            .filter_map(|finding| self.found("cluster", finding))
            .collect();
        found.extend(self.mistakes.iter().cloned());
        found.extend(rules::check(&Sketch::of(&self.text, &value), self.dir.as_ref()));

        let relax: HashSet<&str> = value
            .pointer("/preflight/relax")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let (relaxed, found): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|one| one.relax.is_some_and(|name| relax.contains(name)));
        let (relaxed, found) = (in_order(relaxed), in_order(found));
        if found.iter().any(|one| one.severity == Severity::Error) {
            return Err(found);
        }
        // Whatever the schema lets through, serde takes; if they ever differ, that is told and not hidden.
        let document: Document = serde_json::from_value(value).map_err(|error| {
            vec![Diagnostic::about(
                self.source(),
                "cluster.wrong-form",
                error.to_string(),
            )]
        })?;
        self.model(document, found, relaxed)
    }

    fn model(
        &self,
        document: Document,
        notes: Vec<Diagnostic>,
        relaxed: Vec<Diagnostic>,
    ) -> Result<Cluster, Vec<Diagnostic>> {
        let Document {
            cluster,
            ssh,
            nodes,
            storage,
            network,
            gateway,
            platform,
            preflight,
            plugins,
        } = document;
        let id = Uuid::parse_str(&cluster.id).map_err(|error| {
            vec![self.diagnose("cluster.bad-id", "/cluster/id", error.to_string())]
        })?;
        let user = ssh.user.unwrap_or_else(|| "root".to_owned());
        let port = ssh.port.unwrap_or(22);
        let own = |node: &crate::document::NodeEntry| Ssh {
            address: node
                .ssh
                .address
                .clone()
                .unwrap_or_else(|| plain_ip(&node.address)),
            port: node.ssh.port.unwrap_or(port),
            user: node.ssh.user.clone().unwrap_or_else(|| user.clone()),
            bastion: None,
        };
        let jump = ssh.bastion.and_then(|name| match ssh.hosts.get(&name) {
            Some(host) => Some(Jump {
                address: host.address.clone(),
                port: host.port.unwrap_or(port),
                user: host.user.clone().unwrap_or_else(|| user.clone()),
                name,
            }),
            None => nodes.iter().find(|node| node.name == name).map(own).map(
                |Ssh {
                     address,
                     port,
                     user,
                     ..
                 }| Jump {
                    name,
                    address,
                    port,
                    user,
                },
            ),
        });
        let no_gateway = !nodes
            .iter()
            .any(|node| node.roles.contains(&RoleName::Gateway));
        let members = nodes
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                let mut roles: Vec<Role> = entry.roles.iter().map(|role| role_of(*role)).collect();
                if no_gateway && roles.contains(&Role::Manage) {
                    roles.push(Role::Gateway);
                }
                let bastion = jump.clone().filter(|jump| jump.name != entry.name);
                Member {
                    node: Node {
                        name: entry.name.clone(),
                        address: plain_ip(&entry.address),
                        roles,
                        labels: entry
                            .labels
                            .iter()
                            .map(|(key, value)| (key.clone(), value.clone()))
                            .collect(),
                    },
                    ssh: Ssh {
                        bastion,
                        ..own(entry)
                    },
                    pointer: format!("/nodes/{index}"),
                }
            })
            .collect();
        Ok(Cluster {
            name: cluster.name,
            id,
            nodes: members,
            migrating: storage.as_ref().and_then(migrating),
            storage: storage.map(|section| used(Concern::Storage, section)),
            network: network.map(|section| used(Concern::Network, section)),
            gateway: gateway.map(|section| used(Concern::Gateway, section)),
            platform: platform.map(|section| used(Concern::Platform, section)),
            relax: preflight
                .relax
                .into_iter()
                .enumerate()
                .map(|(index, name)| Relaxation {
                    name,
                    pointer: format!("/preflight/relax/{index}"),
                })
                .collect(),
            plugins: plugins
                .into_iter()
                .map(|(name, path)| {
                    (
                        name.clone(),
                        PluginPath {
                            path,
                            pointer: pointer::join("/plugins", &name),
                        },
                    )
                })
                .collect(),
            notes,
            relaxed,
        })
    }

    /// Plugins the file uses that are neither `known` nor listed under `plugins`.
    pub fn unknown_plugins(&self, cluster: &Cluster, known: &[&str]) -> Vec<Diagnostic> {
        let unknown = cluster.uses().filter(|used| {
            !known.contains(&used.plugin.as_str()) && !cluster.plugins.contains_key(&used.plugin)
        });
        let told = unknown.map(|used| {
            let prefix = format!("{}-", used.concern);
            let others: Vec<&str> = known
                .iter()
                .copied()
                .chain(cluster.plugins.keys().map(String::as_str))
                .filter_map(|name| name.strip_prefix(prefix.as_str()))
                .collect();
            let help = match wording::meant(&used.name, others.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None if others.is_empty() => format!(
                    "name the path of its component: `plugins: {{ {}: ./PATH.wasm }}`",
                    used.plugin
                ),
                None => format!(
                    "there is {}; for another, name the path of its component under `plugins`",
                    wording::any_of(
                        &others
                            .iter()
                            .map(|word| format!("`{word}`"))
                            .collect::<Vec<_>>()
                    )
                ),
            };
            self.diagnose(
                "cluster.unknown-plugin",
                &format!("/{}/use", used.concern),
                format!("there is no plugin `{}`", used.plugin),
            )
            .help(help)
        });
        in_order(told.collect())
    }

    /// Names under `preflight.relax` that are neither `known` (checks of the preflight plugin) nor those of rules of the file:
    /// whoever mistypes one believes in a relaxation that is not there.
    pub fn unknown_relaxations(&self, cluster: &Cluster, known: &[&str]) -> Vec<Diagnostic> {
        let all: Vec<&str> = known.iter().chain(rules::RELAXABLE).copied().collect();
        let unknown = cluster
            .relax
            .iter()
            .filter(|one| !all.contains(&one.name.as_str()));
        let told = unknown.map(|one| {
            let help = match wording::meant(&one.name, all.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("there are: {}", all.join(", ")),
            };
            self.diagnose(
                "cluster.unknown-relaxation",
                &one.pointer,
                format!(
                    "there is no requirement {} to relax",
                    wording::quoted(&one.name)
                ),
            )
            .help(help)
        });
        in_order(told.collect())
    }
}

fn too_large(source: &Source) -> Diagnostic {
    Diagnostic::about(source, "file.too-large", "it is larger than 1 MiB")
        .help("is this the cluster file? A cluster of a hundred nodes takes about 10 KiB")
}

fn plain_ip(text: &str) -> String {
    sketch::ip(text).map_or_else(|| text.to_owned(), |ip| ip.to_string())
}

fn role_of(role: RoleName) -> Role {
    match role {
        RoleName::Manage => Role::Manage,
        RoleName::Compute => Role::Compute,
        RoleName::Gateway => Role::Gateway,
        RoleName::Storage => Role::Storage,
        RoleName::Network => Role::Network,
    }
}

/// What moves the shared directory.
const MOVES: &str = "migrate-storage";

fn migrating(section: &Section) -> Option<Migrating> {
    let name = section.rest.get(MIGRATING_FROM)?.as_str()?;
    let settings = |key: &str| section.rest.get(key).filter(|value| !value.is_null()).cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    Some(Migrating {
        from: Use {
            concern: Concern::Storage,
            plugin: format!("{}-{name}", Concern::Storage),
            pointer: pointer::join("/storage", name),
            config: settings(name),
            name: name.to_owned(),
        },
        by: Use {
            concern: Concern::Migration,
            plugin: MOVES.to_owned(),
            pointer: pointer::join("/storage", MIGRATION),
            config: settings(MIGRATION),
            name: MOVES.to_owned(),
        },
    })
}

fn used(concern: Concern, mut section: Section) -> Use {
    let config = match section.rest.remove(&section.name) {
        None | Some(Value::Null) => Value::Object(serde_json::Map::new()),
        Some(value) => value,
    };
    Use {
        concern,
        plugin: format!("{concern}-{}", section.name),
        pointer: pointer::join(&format!("/{concern}"), &section.name),
        name: section.name,
        config,
    }
}
