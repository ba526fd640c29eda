//! A cluster opened to be worked on: its file, its plugins, its nodes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arcus_cluster::{Cluster, File, Member};
use arcus_contract::types::Node;
use arcus_node::{Endpoint, Transport};
use arcus_plan::vet;
use arcus_plugin::{Approvals, Cache, Embedded, Limits, LogLine, Options, Plugin, Sandbox};
use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use crate::ahead::Asked;
use crate::cast::Cast;
use crate::event::{Event, Events};
use crate::fault::{Fault, Kind};
use crate::fleet::Fleet;
use crate::gate::Gate;
use crate::fresh::Fresh;
use crate::heard::Heard;
use crate::vault::{Bindings, Vault};

/// Who works on the cluster, as the lock on the nodes tells others.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Login name.
    pub user: String,
    /// Name of this machine.
    pub host: String,
    /// Process here.
    pub pid: u32,
}

/// All that an engine is made of. Nothing of it comes from the environment.
pub struct Setup {
    /// Folder of the cluster file; everything that Arcus keeps here is below it.
    pub folder: Dir,
    /// Name of the cluster file in it.
    pub file: String,
    /// The way to the nodes.
    pub transport: Arc<dyn Transport>,
    /// Plugins that come with the binary.
    pub embedded: &'static [Embedded],
    /// Compiled plugins.
    pub cache: Option<Arc<Cache>>,
    /// What the operator approved of third parties' plugins; without it, nothing is.
    pub approvals: Option<Arc<Approvals>>,
    /// What the operator bound to names.
    pub bindings: Bindings,
    /// At most so many steps at the same time.
    pub jobs: usize,
    /// Nodes on which things may be changed; all when empty. Never limits what is looked at.
    pub limit: Vec<String>,
    /// Who works.
    pub operator: Operator,
    /// Receives what happens.
    pub events: Events,
    /// Cancelled: start nothing new, come to an end in order.
    pub stop: CancellationToken,
}

/// A cluster opened to be worked on.
pub struct Engine {
    pub(crate) folder: Dir,
    pub(crate) file: File,
    pub(crate) cluster: Cluster,
    pub(crate) cast: Cast,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) jobs: usize,
    pub(crate) limit: Vec<String>,
    pub(crate) operator: Operator,
    pub(crate) events: Events,
    pub(crate) stop: CancellationToken,
    pub(crate) asked: Asked,
    pub(crate) fresh: Mutex<Option<Fresh>>,
    pub(crate) heard: Arc<Heard>,
}

impl Engine {
    /// Reads and checks the file, loads the plugins, lets them make their promises. Connects to nobody.
    ///
    /// # Errors
    /// All that is wrong with the file, the plugins and their sections.
    pub async fn open(setup: Setup) -> Result<Self, Fault> {
        let file = File::read(&setup.folder, &setup.file).map_err(Fault::file)?;
        let cluster = file.cluster().map_err(Fault::file)?;
        for name in &setup.limit {
            if cluster.node(name).is_none() {
                return Err(Fault::new(Kind::Input, "limit.unknown-node", format!("--limit names `{name}`, which the cluster file does not"))
                    .help("name nodes as the cluster file does, with commas between them"));
            }
        }
        let events = setup.events.clone();
        let log = {
            let events = events.clone();
            Arc::new(move |line: LogLine| events(Event::Log { plugin: line.plugin, level: line.level, message: line.message }))
        };
        let sandbox = Sandbox::new(Options { permit: Arc::new(vet::permit), log, cache: setup.cache, limits: Limits::default() })
            .map_err(|error| Fault::new(Kind::Input, error.code(), error.to_string()).help(error.help()))?;
        let read = |path: &str| setup.folder.read(path);
        let gate = Gate::open(&setup.folder, setup.approvals)?;
        let cast = Cast::load(&sandbox, setup.embedded, &file, &cluster, &gate, read).await?;
        let endpoints = cluster.nodes.iter().map(endpoint);
        let fleet = Arc::new(Fleet::new(setup.transport, endpoints, events.clone()));
        Ok(Self {
            folder: setup.folder,
            file,
            cluster,
            cast,
            fleet,
            vault: Arc::new(Vault::new(setup.bindings)),
            jobs: setup.jobs.max(1),
            limit: setup.limit,
            operator: setup.operator,
            events,
            stop: setup.stop,
            asked: Asked::default(),
            fresh: Mutex::default(),
            heard: Arc::default(),
        })
    }

    /// Whether the platform can use what the other plugins promise. No node is asked.
    ///
    /// # Errors
    /// With what it cannot use.
    pub async fn agrees(&self) -> Result<(), Fault> {
        self.cast.agrees(&self.file, &self.cluster).await
    }

    /// The cluster as the file has it.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The file itself, for showing places in it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The plugins in use, in the order of their plans; preflight last.
    pub fn plugins(&self) -> impl Iterator<Item = &Plugin> {
        self.cast.roles.iter().chain(&self.cast.preflight).map(|role| &role.plugin)
    }

    /// Ends all connections in order.
    pub async fn close(&self) {
        self.fleet.close().await;
    }

    pub(crate) fn nodes(&self) -> Vec<Node> {
        self.cluster.nodes.iter().map(|member| member.node.clone()).collect()
    }

    pub(crate) fn emit(&self, event: Event) {
        (self.events)(event);
    }

    /// The folder of runs and reports, made 0700 when it is not there.
    pub(crate) fn state(&self) -> Result<Dir, Fault> {
        crate::journal::state_folder(&self.folder)
            .map_err(|error| Fault::new(Kind::Input, "state.unusable", format!(".arcus: {error}")).help("it must be a folder of yours with mode 0700"))
    }

    pub(crate) fn digests(&self) -> BTreeMap<String, String> {
        self.cast.digests()
    }
}

/// How a member of the cluster is reached.
pub fn endpoint(member: &Member) -> Endpoint {
    let bastion = member.ssh.bastion.as_ref().map(|jump| {
        Arc::new(Endpoint { name: jump.name.clone(), address: jump.address.clone(), port: jump.port, user: jump.user.clone(), bastion: None })
    });
    Endpoint {
        name: member.node.name.clone(),
        address: member.ssh.address.clone(),
        port: member.ssh.port,
        user: member.ssh.user.clone(),
        bastion,
    }
}
