//! A cluster being worked on: the engine with the operator's login and bindings, its events shown, its signals heard.

use std::sync::{Arc, Mutex};

use arcus_cluster::{Cluster, File};
use arcus_engine::{Engine, Events, Fault, Gate, Kind, Operator, Setup};
use arcus_node::Transport;
use arcus_plugin::{Approvals, Cache, LOCK, embedded};
use tokio_util::sync::CancellationToken;

use crate::cli::Context;
use crate::cli::environment::host;
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::cli::policy::policy;
use crate::cli::progress::{Progress, Witnessed};
use crate::cli::verbs::plugin::ask_for_approvals;
use crate::cli::{bindings, interrupt, ssh};
use crate::safe;

/// A cluster being worked on.
pub struct Work {
    /// The engine.
    pub engine: Engine,
    /// The cluster.
    pub cluster: Cluster,
    progress: Arc<Mutex<Option<Progress>>>,
    stop: CancellationToken,
}

impl Work {
    /// Opens everything; connects to nobody yet.
    pub async fn open(context: &Context) -> Result<Self, Fault> {
        let folder = Folder::open(&context.global.file)?;
        let (_, cluster) = folder.cluster()?;
        plugins_are_there(&cluster)?;
        let gate = Gate::open(&folder.dir, approvals(context, &folder, &cluster)?)?;
        ask_for_approvals(context, &folder, &cluster, &gate)?;
        let transport = ssh::transport(context, &folder, &cluster)?;
        let stop = CancellationToken::new();
        let progress = Arc::new(Mutex::new(None::<Progress>));
        let under_way: interrupt::UnderWay = {
            let progress = progress.clone();
            Arc::new(Mutex::new(Some(Box::new(move || progress.lock().expect("no panic while held").as_ref().map(Progress::under_way).unwrap_or_default()))))
        };
        interrupt::listen(&context.console, &stop, &under_way);
        // Asks for secrets, so nothing is drawn yet.
        let bindings = bindings::bindings(&context.global.bind, &context.environment, &context.console)?;
        let shown = Progress::begin(&context.console, context.global.quiet);
        let events = shown.events();
        *progress.lock().expect("no panic while held") = Some(shown);
        let setup = Setup {
            folder: folder.dir,
            file: folder.name,
            transport,
            embedded: embedded(),
            cache: cache(context),
            approvals: gate.approvals,
            bindings,
            jobs: usize::from(context.global.pace.jobs),
            limit: context.global.pace.limit.clone(),
            operator: operator(context),
            events,
            stop: stop.clone(),
        };
        let engine = Engine::open(setup).await;
        match engine {
            Ok(engine) => Ok(Self { engine, cluster, progress, stop }),
            Err(fault) => {
                progress.lock().expect("no panic while held").take();
                Err(fault)
            }
        }
    }

    /// Something that changes nothing: an interrupt ends it at once.
    pub async fn look<T>(&self, looking: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        tokio::select! {
            result = looking => result,
            () = self.stop.cancelled() => Err(Fault::new(Kind::Interrupted, "cli.interrupted", "interrupted: nothing was changed").help("run it again when you like")),
        }
    }

    /// Whether the operator interrupted.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Shows nothing more, so that questions can be asked and results be shown; says what was seen. Showing goes on
    /// with [`Work::resume`].
    pub fn pause(&self) -> Witnessed {
        let progress = self.progress.lock().expect("no panic while held");
        progress.as_ref().map(|progress| {
            progress.pause();
            progress.witnessed()
        }).unwrap_or_default()
    }

    /// Shows what happens again.
    pub fn resume(&self) {
        if let Some(progress) = self.progress.lock().expect("no panic while held").as_ref() {
            progress.resume();
        }
    }

    /// Ends the connections and the showing; says what was seen, and counts it.
    pub async fn end(&self, context: &Context) -> Witnessed {
        let witnessed = match self.progress.lock().expect("no panic while held").take() {
            Some(progress) => progress.end(),
            None => Witnessed::default(),
        };
        // A node that hangs must not keep us.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(3), self.engine.close()).await;
        if !witnessed.missing.is_empty() {
            context.console.cause(Kind::Unreachable);
        }
        if witnessed.performed > 0 {
            context.console.changed();
        }
        witnessed
    }
}

/// The engine without any way to a node: what can be told from the file and the plugins alone.
pub async fn check(context: &Context, folder: Folder, events: Events) -> Result<Engine, Fault> {
    let (_, cluster) = folder.cluster()?;
    let approvals = approvals(context, &folder, &cluster)?;
    let setup = Setup {
        folder: folder.dir,
        file: folder.name,
        transport: nowhere(),
        embedded: embedded(),
        cache: cache(context),
        approvals,
        bindings: arcus_engine::Bindings::default(),
        jobs: 1,
        limit: context.global.pace.limit.clone(),
        operator: operator(context),
        events,
        stop: CancellationToken::new(),
    };
    Engine::open(setup).await
}

fn nowhere() -> Arc<dyn Transport> {
    Arc::new(arcus_node::Simulated::new(|node, _| {
        Err(arcus_node::Lost { node: node.to_owned(), code: "node.lost", reason: "no node is asked here".into(), outcomes: vec![], open: None, untouched: true })
    }))
}

fn operator(context: &Context) -> Operator {
    Operator { user: context.environment.user(), host: host(), pid: std::process::id() }
}

/// Where compiled plugins are kept. Without it everything works, only slower.
pub fn cache(context: &Context) -> Option<Arc<Cache>> {
    let path = context.environment.cache()?;
    match Cache::open(&path) {
        Ok(cache) => {
            let console = context.console.clone();
            Some(Arc::new(cache.telling(move |ignored| {
                let words = format!("{}: {}; it is compiled anew", ignored.path.display(), ignored.reason);
                console.note(safe!("{} {}", console.terminal().err.yellow("a compiled plugin is not used:"), Foreign::line(&words)));
            })))
        }
        Err(error) => {
            context.console.note(safe!("{} {}", context.console.terminal().err.yellow("compiled plugins are not kept:"), Foreign::line(&error.to_string())));
            context.console.note(safe!("  {}", Foreign::line(&error.help())));
            None
        }
    }
}

/// What the operator approved of third parties' plugins. Not looked for where there is none of them.
pub fn approvals(context: &Context, folder: &Folder, cluster: &Cluster) -> Result<Option<Arc<Approvals>>, Fault> {
    if cluster.plugins.is_empty() && !folder.dir.exists(LOCK) {
        return Ok(None);
    }
    let Some(path) = context.environment.approvals() else { return Ok(None) };
    let opened = Approvals::open(&path, &folder.path).map_err(|error| Fault::new(Kind::Input, error.code(), error.to_string()).help(error.help()))?;
    let policy = policy(context)?;
    let opened = opened.refusing_hatches(policy.refuses_hatches);
    if !policy.has_approvers() {
        return Ok(Some(Arc::new(opened)));
    }
    let dir = folder.dir.try_clone().map_err(|error| Fault::new(Kind::Input, "file.no-folder", format!("the folder of the cluster file cannot be opened again: {error}")).help("it must stay where it is while Arcus runs"))?;
    Ok(Some(Arc::new(opened.with_statements(dir, policy))))
}

/// A binary that was built without plugins says so, instead of calling every one unknown.
pub fn plugins_are_there(cluster: &Cluster) -> Result<(), Fault> {
    let missing: Vec<&str> = cluster.uses().map(|used| used.plugin.as_str()).filter(|plugin| !cluster.plugins.contains_key(*plugin)).collect();
    if missing.is_empty() || !embedded().is_empty() {
        return Ok(());
    }
    Err(not_embedded().help(format!("build them first, then this binary: `cargo xtask plugins`, `cargo build`; the file uses {}", missing.join(", "))))
}

/// That this binary holds no plugins.
pub fn not_embedded() -> Fault {
    Fault::new(Kind::Input, "plugin.none-embedded", "this arcus was built without any plugins")
}

/// Runs something that waits for others. Plugins share the runtime with connections: it must look at those after each
/// turn of a plugin, or a busy plugin starves them.
pub fn block_on<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .event_interval(1)
        .build()
        .map_err(|error| Fault::new(Kind::Input, "cli.runtime", format!("this machine has no threads left: {error}")).help("end other programs, or raise its limits (`ulimit -u`)"))?;
    let result = runtime.block_on(work);
    // A prompt in the background must not keep the process.
    runtime.shutdown_background();
    result
}

/// The mistakes in plugins' sections, without running any plugin.
pub fn check_sections(file: &File, cluster: &Cluster) -> Result<(), Fault> {
    let known: Vec<&str> = embedded().iter().map(|plugin| plugin.name).collect();
    let mut found = file.unknown_plugins(cluster, &known);
    for used in cluster.uses() {
        let Some(plugin) = embedded().iter().find(|plugin| plugin.name == used.plugin) else { continue };
        if let Ok(inspection) = arcus_plugin::inspect(plugin.bytes) {
            found.extend(file.check_config(&used.pointer, &inspection.manifest.schema));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Fault::file(found)) }
}
