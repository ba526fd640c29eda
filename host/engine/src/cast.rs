//! The plugins a cluster file uses, each with its input: config checked, and all that the others promised handed over.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcus_cluster::{Cluster, Concern, Diagnostic, File, Use};
use arcus_contract::handoffs::{Handed, Input, PlatformDemand};
use arcus_contract::types::Problem;
use arcus_plan::manifest::{self, Manifest};
use arcus_plan::vet::{Denial, handed as vet};
use arcus_plugin::{Embedded, Export, Failure, LoadError, Plugin, Sandbox, Source};
use futures::future::join_all;

use crate::fault::{Fault, Kind, Trouble};
use crate::gate::{Gate, refused};

/// The plugin that inspects the machines; files do not name it.
const PREFLIGHT: &str = "preflight";

/// A plugin and what each of its functions is given.
pub struct Role {
    /// The plugin.
    pub plugin: Plugin,
    /// Its input.
    pub input: Input,
    /// Where its section is in the cluster file.
    pub pointer: String,
    /// Of a third party.
    pub outside: Option<Outside>,
}

/// Where a third party's plugin came from.
pub struct Outside {
    /// Its file, in the folder of the cluster file.
    pub path: String,
    /// The operator's name of the key that signed it.
    pub signed_by: Option<String>,
}

/// All plugins of a cluster, in the order in which their plans are put together.
pub struct Cast {
    /// Storage, network, gateway, platform, as far as the file uses them.
    pub roles: Vec<Role>,
    /// The inspection of the machines.
    pub preflight: Option<Role>,
}

impl Cast {
    /// Loads what the file uses, checks each section against its plugin's schema, and lets the plugins make their promises.
    ///
    /// # Errors
    /// Plugins of third parties that may not be used; else all mistakes at once: missing plugins, sections that do not fit, what the plugins themselves find wrong.
    pub async fn load(sandbox: &Sandbox, embedded: &[Embedded], file: &File, cluster: &Cluster, gate: &Gate, read: impl Fn(&str) -> std::io::Result<Vec<u8>>) -> Result<Self, Fault> {
        let mut known: Vec<&str> = embedded.iter().map(|plugin| plugin.name).collect();
        let inspects = known.contains(&PREFLIGHT);
        known.extend(gate.lock.pins.keys().map(String::as_str));
        let unknown = file.unknown_plugins(cluster, &known);
        if !unknown.is_empty() {
            return Err(Fault::file(unknown));
        }
        // All at once: every command waits for this.
        let names = cluster.uses().map(|used| used.plugin.as_str()).chain(inspects.then_some(PREFLIGHT));
        let mut loaded = join_all(names.map(|name| load(sandbox, embedded, cluster, gate, name, &read))).await.into_iter();
        let mut diagnostics = Vec::new();
        let mut roles = Vec::new();
        for (used, plugin) in cluster.uses().zip(&mut loaded) {
            let plugin = plugin?;
            expect_concern(&plugin, used)?;
            let outside = outside(embedded, cluster, gate, &plugin);
            match file.config(&used.pointer, &plugin.manifest().schema) {
                Ok(config) => roles.push(Role { input: input(cluster, &config), plugin, pointer: used.pointer.clone(), outside }),
                Err(found) => diagnostics.extend(found),
            }
        }
        let preflight = match loaded.next().transpose()? {
            Some(plugin) => {
                let config = serde_json::json!({});
                let outside = outside(embedded, cluster, gate, &plugin);
                Some(Role { input: input(cluster, &config), plugin, pointer: "/preflight".into(), outside })
            }
            None => None,
        };
        let relaxable: Vec<&str> = preflight.iter().flat_map(|role| relaxable(role.plugin.manifest())).collect();
        diagnostics.extend(file.unknown_relaxations(cluster, &relaxable));
        if !diagnostics.is_empty() {
            return Err(Fault::file(diagnostics));
        }
        let mut cast = Self { roles, preflight };
        cast.hand_over(file, cluster).await?;
        Ok(cast)
    }

    /// Manifests by plugin name, the preflight's included.
    pub fn manifests(&self) -> BTreeMap<String, Arc<Manifest>> {
        let all = self.roles.iter().chain(&self.preflight);
        all.map(|role| (role.plugin.name().to_owned(), role.plugin.manifest().clone())).collect()
    }

    /// Digests by plugin name.
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.roles.iter().map(|role| (role.plugin.name().to_owned(), role.plugin.digest().to_owned())).collect()
    }

    /// Whether the platform can use what the others promised: it is asked once more, with that in hand, and must want the same. Where nodes
    /// are asked, its plan says it, together with all that the others find there.
    ///
    /// # Errors
    /// With what it cannot use.
    pub async fn agrees(&self, file: &File, cluster: &Cluster) -> Result<(), Fault> {
        let mut found = Findings { file, diagnostics: vec![], troubles: vec![], denied: false };
        for role in self.roles.iter().filter(|role| role.plugin.manifest().concern == manifest::Concern::Platform) {
            match role.plugin.demands(&role.input).await.map(|again| as_handed(again, cluster)) {
                Ok(again) if again == role.input.handed.demands => {}
                Ok(_) => found.troubles.push(changed_its_mind(role)),
                Err(failure) => found.add(role, failure),
            }
        }
        found.into_result()
    }

    /// Demands first, then offers: both from the file alone, so that all plans can be made at once.
    async fn hand_over(&mut self, file: &File, cluster: &Cluster) -> Result<(), Fault> {
        let mut found = Findings { file, diagnostics: vec![], troubles: vec![], denied: false };
        let nodes: Vec<_> = cluster.nodes.iter().map(|member| member.node.clone()).collect();
        let mut handed = Handed { demands: no_demands(), storage: vec![], network: None, gateway: None, others: vec![] };
        for role in &self.roles {
            if role.plugin.manifest().concern == manifest::Concern::Platform {
                match role.plugin.demands(&role.input).await {
                    Ok(demands) => {
                        found.deny(Export::Demands, vet::demands(role.plugin.manifest(), &nodes, &demands));
                        handed.demands = as_handed(demands, cluster);
                    }
                    Err(failure) => found.add(role, failure),
                }
            }
        }
        let offers: Vec<usize> = (0..self.roles.len()).collect();
        for place in offers {
            self.roles[place].input.handed.demands = handed.demands.clone();
            let role = &self.roles[place];
            match role.plugin.manifest().concern {
                manifest::Concern::Storage => match role.plugin.offer_storage(&role.input).await {
                    Ok(offer) => {
                        let name = role.plugin.name();
                        let name = name.strip_prefix("storage-").unwrap_or(name).to_owned();
                        found.deny(Export::OfferStorage, vet::storage(role.plugin.manifest(), &nodes, &offer));
                        handed.storage.push((name, offer));
                    }
                    Err(failure) => found.add(role, failure),
                },
                manifest::Concern::Network => match role.plugin.offer_network(&role.input).await {
                    Ok(offer) => {
                        found.deny(Export::OfferNetwork, vet::network(role.plugin.manifest(), &offer));
                        handed.network = Some(offer);
                    }
                    Err(failure) => found.add(role, failure),
                },
                manifest::Concern::Gateway => match role.plugin.offer_gateway(&role.input).await {
                    Ok(offer) => {
                        found.deny(Export::OfferGateway, vet::gateway(role.plugin.manifest(), &offer));
                        handed.gateway = Some(offer);
                    }
                    Err(failure) => found.add(role, failure),
                },
                _ => {}
            }
        }
        for role in self.roles.iter_mut().chain(&mut self.preflight) {
            role.input.handed = handed.clone();
        }
        found.into_result()
    }
}

/// Ids of the checks that `preflight.relax` may name, from the manifest of the plugin that makes them.
fn relaxable(manifest: &Manifest) -> impl Iterator<Item = &str> {
    let ids = manifest.schema.pointer("/properties/relax/items/examples").and_then(|ids| ids.as_array());
    ids.into_iter().flatten().filter_map(|id| id.as_str())
}

/// What plugins found wrong, put to its place in the file where it has one.
struct Findings<'a> {
    file: &'a File,
    diagnostics: Vec<Diagnostic>,
    troubles: Vec<Trouble>,
    /// Of what was handed over, something goes beyond a grant.
    denied: bool,
}

impl Findings<'_> {
    /// Others act by what is handed over, so it is held against the grant of whoever says it.
    fn deny(&mut self, export: Export, checked: Result<(), Vec<Denial>>) {
        for denial in checked.err().into_iter().flatten() {
            self.denied |= denial.permission.is_some();
            let mut trouble = Trouble::from(denial);
            trouble.message = format!("{} (in what its `{export}` returned)", trouble.message);
            self.troubles.push(trouble);
        }
    }

    fn add(&mut self, role: &Role, failure: Failure) {
        match failure {
            Failure::Problems(problems) => {
                for problem in problems {
                    match place(self.file, role, &problem) {
                        Some(diagnostic) => self.diagnostics.push(diagnostic),
                        None => self.troubles.push(Trouble::of(Some(role.plugin.name()), problem)),
                    }
                }
            }
            Failure::Call(error) => self.troubles.push(broken(&error)),
        }
    }

    fn into_result(self) -> Result<(), Fault> {
        if self.diagnostics.is_empty() && self.troubles.is_empty() {
            return Ok(());
        }
        let kind = if self.denied { Kind::Denied } else { Kind::Input };
        Err(Fault { kind, troubles: self.troubles, diagnostics: self.diagnostics })
    }
}

/// A plugin's problem with a pointer into its config, as a finding in the file.
pub fn place(file: &File, role: &Role, problem: &Problem) -> Option<Diagnostic> {
    let pointer = problem.pointer.as_deref()?;
    let diagnostic = file.diagnose(&problem.code, &format!("{}{pointer}", role.pointer), problem.message.clone());
    Some(match &problem.help {
        Some(help) => diagnostic.help(help.clone()),
        None => diagnostic,
    })
}

/// A plugin that failed instead of answering.
pub fn broken(error: &arcus_plugin::CallError) -> Trouble {
    Trouble {
        code: error.code().into(),
        message: error.to_string(),
        help: Some(error.help().into()),
        plugin: Some(error.plugin.clone()),
        tail: (!error.backtrace.is_empty()).then(|| error.backtrace.join("\n")),
        ..Trouble::default()
    }
}

fn changed_its_mind(role: &Role) -> Trouble {
    Trouble {
        code: "plugin.contract-broken".into(),
        message: "it wants something else of the others once it knows what they offer".into(),
        help: Some("tell its author: `arcus plugin test` shows it".into()),
        plugin: Some(role.plugin.name().to_owned()),
        ..Trouble::default()
    }
}

/// What the platform demands, as the others are told it: while the directory moves nobody mounts anything but by the migration itself.
fn as_handed(mut demands: PlatformDemand, cluster: &Cluster) -> PlatformDemand {
    if cluster.migrating.is_some()
        && let Some(shared) = &mut demands.shared
    {
        shared.attach = false;
    }
    demands
}

fn no_demands() -> PlatformDemand {
    PlatformDemand { shared: None, gateway_health: None, gateway_unit: None, manage_health: None, manage_unit: None }
}

fn input(cluster: &Cluster, config: &serde_json::Value) -> Input {
    Input {
        cluster_id: cluster.id.to_string(),
        cluster: cluster.name.clone(),
        config: config.to_string(),
        nodes: cluster.nodes.iter().map(|member| member.node.clone()).collect(),
        handed: Handed { demands: no_demands(), storage: vec![], network: None, gateway: None, others: vec![] },
    }
}

async fn load(
    sandbox: &Sandbox,
    embedded: &[Embedded],
    cluster: &Cluster,
    gate: &Gate,
    name: &str,
    read: &impl Fn(&str) -> std::io::Result<Vec<u8>>,
) -> Result<Plugin, Fault> {
    let unusable = |error: LoadError| {
        Fault::one(
            Kind::Input,
            Trouble {
                code: error.code().into(),
                message: error.to_string(),
                help: Some(error.help().into()),
                plugin: Some(name.to_owned()),
                ..Trouble::default()
            },
        )
    };
    let plugin = if let Some(path) = lies(embedded, cluster, gate, name) {
        let bytes = read(&path).map_err(|error| {
            Fault::new(Kind::Input, "plugin.unreadable", format!("{path}: {error}")).help("the path is relative to the cluster file")
        })?;
        // Of what may not be used, nothing is compiled or run.
        let read = sandbox.read(Source::Bytes(&path, &bytes)).await.map_err(unusable)?;
        called(&read.inspection().manifest.name, name)?;
        gate.admit(cluster, read.inspection()).map_err(|refusal| refused(read.inspection(), &refusal))?;
        sandbox.load_read(read).await
    } else {
        let plugin = embedded.iter().find(|plugin| plugin.name == name);
        let plugin = plugin.ok_or_else(|| Fault::new(Kind::Input, "plugin.unknown", format!("there is no plugin `{name}`")).help("`arcus plugin list` shows which there are; `arcus plugin add` adds one"))?;
        sandbox.load(Source::Embedded(*plugin)).await
    };
    let plugin = plugin.map_err(unusable)?;
    called(plugin.name(), name)?;
    Ok(plugin)
}

/// Where a plugin lies that does not come with Arcus. What does is never replaced by the lock file, which the folder brings.
fn lies(embedded: &[Embedded], cluster: &Cluster, gate: &Gate, name: &str) -> Option<String> {
    let path = gate.path(cluster, name)?;
    (cluster.plugins.contains_key(name) || !embedded.iter().any(|plugin| plugin.name == name)).then_some(path)
}

fn outside(embedded: &[Embedded], cluster: &Cluster, gate: &Gate, plugin: &Plugin) -> Option<Outside> {
    let path = lies(embedded, cluster, gate, plugin.name())?;
    let signed_by = gate.admit(cluster, plugin.inspection()).ok().and_then(|approval| approval.signed_by);
    Some(Outside { path, signed_by })
}

/// The name in the cluster file and the one in the manifest must be one.
fn called(itself: &str, name: &str) -> Result<(), Fault> {
    if itself == name {
        return Ok(());
    }
    let message = format!("the component under the name `{name}` calls itself `{itself}`");
    Err(Fault::new(Kind::Input, "plugin.other-name", message).help("name it in the cluster file as it calls itself"))
}

fn expect_concern(plugin: &Plugin, used: &Use) -> Result<(), Fault> {
    let wanted = match used.concern {
        Concern::Storage => manifest::Concern::Storage,
        Concern::Network => manifest::Concern::Network,
        Concern::Gateway => manifest::Concern::Gateway,
        Concern::Platform => manifest::Concern::Platform,
        Concern::Migration => manifest::Concern::Migration,
    };
    if plugin.manifest().concern == wanted {
        return Ok(());
    }
    let message = format!("`{}` is a plugin for {}, not for {}", plugin.name(), plugin.manifest().concern.as_str(), used.concern);
    Err(Fault::new(Kind::Input, "plugin.other-concern", message).help(format!("name one for {} in the cluster file; `arcus plugin list` shows which there are", used.concern)))
}
