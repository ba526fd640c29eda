//! A whole plan of a thousand nodes that are not there: file read, plugins loaded, promises made, nodes asked, plans made, checked against
//! their manifests, compared with what is so, and put in order.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use arcus_contract::types::Role;
use arcus_engine::{Bindings, Engine, Operator, Setup};
use arcus_node::{Batch, Ended, LockFact, Look, Outcome, Report as Said, Seen, Simulated};
use arcus_plugin::{Cache, embedded};
use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use crate::report::Report;
use crate::simulated::{answer, missing, nodes};

const RUNS: usize = 5;

/// Opens the cluster and plans, a few times each.
pub async fn measure(folder: &Path, report: &mut Report) -> Result<()> {
    for count in [8, 1000] {
        let place = folder.join(format!("figures-{count}"));
        std::fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
        std::fs::write(place.join("cluster.yaml"), file(count))?;
        let (mut opened, mut planned, mut steps) = (Vec::new(), Vec::new(), 0);
        for run in 0..=RUNS {
            let begun = Instant::now();
            let engine = Engine::open(setup(&place, folder)?).await.map_err(|fault| anyhow!("{fault:?}"))?;
            let open = begun.elapsed();
            let begun = Instant::now();
            let proposal = engine.plan().await.map_err(|fault| anyhow!("{fault:?}"))?;
            if run > 0 {
                opened.push(open);
                planned.push(begun.elapsed());
            }
            steps = proposal.steps.len() + proposal.later.len();
            engine.close().await;
        }
        report.alone(format!("a cluster of {count} nodes opened: file, four plugins, promises"), opened);
        report.alone(format!("its whole plan by four plugins, on simulated nodes: {steps} steps"), planned);
    }
    Ok(())
}

/// More compute nodes than Rainbond was planned for.
fn file(count: usize) -> String {
    let mut text = String::from("cluster: { name: figures, id: 6b0d6a51-3a3f-4f0e-9a55-2f7d1c1e8a10 }\nnodes:\n");
    for node in nodes(count) {
        let roles = node.roles.iter().map(|role| match role {
            Role::Manage => "manage",
            Role::Gateway => "gateway",
            Role::Storage => "storage",
            Role::Compute => "compute",
            Role::Network => "network",
        });
        let _ = writeln!(text, "  - {{ name: {}, address: {}, roles: [{}] }}", node.name, node.address, roles.collect::<Vec<_>>().join(", "));
    }
    text + "storage: { use: glusterfs, glusterfs: { volume: data, brick: /data/brick } }\n\
        network: { use: calico, calico: { pods: 10.244.0.0/16 } }\n\
        gateway: { use: keepalived, keepalived: { vip: 10.99.200.200/16 } }\n\
        platform: { use: rainbond, rainbond: { version: \"5.1\" } }\n\
        preflight: { relax: [compute-count] }\n"
}

fn setup(place: &Path, folder: &Path) -> Result<Setup> {
    Ok(Setup {
        folder: Dir::open_ambient_dir(place, cap_std::ambient_authority())?,
        file: "cluster.yaml".into(),
        transport: Arc::new(Simulated::new(|node, batch| Ok(say(node, batch)))),
        embedded: embedded(),
        cache: Some(Arc::new(Cache::open(&folder.join("figures-cache"))?)),
        approvals: None,
        bindings: Bindings::default(),
        jobs: 32,
        limit: vec![],
        operator: Operator { user: "figures".into(), host: "here".into(), pid: std::process::id() },
        events: Arc::new(|_| {}),
        stop: CancellationToken::new(),
    })
}

/// What a bare machine says to a batch of looks.
fn say(node: &str, batch: &Batch) -> Said {
    let answers = batch.looks.iter().map(|look| match look {
        Look::Probe(probe) => answer(node, probe).map(Seen::Fact),
        Look::Command { argv, .. } => Err(missing(node, argv.first().map_or("", String::as_str))),
        Look::Content { .. } => Ok(Seen::Content(None)),
        Look::Names { .. } => Ok(Seen::Names(vec![])),
        Look::Lock => Ok(Seen::Lock(LockFact { epoch: 0, owner: None, idle_s: 0 })),
        Look::Secret(_) => Ok(Seen::Secret(None)),
        Look::Record(_) => Ok(Seen::Record(vec![])),
        Look::Watched(_) => Ok(Seen::Watched(None)),
        Look::Timers => Ok(Seen::Timers(vec![])),
        Look::Drill => Ok(Seen::Drill(None)),
    });
    Said { answers: answers.collect(), outcomes: batch.tasks.iter().map(|_| Outcome::Done(Ended::default())).collect(), ..Said::default() }
}
