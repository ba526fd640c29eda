//! Prints what plugins cost here: compiling, loading from the cache, calling. Paths of components, or none for the embedded ones.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arcus_contract::{
    facts::{Answer, Request},
    handoffs::{Handed, Input, PlatformDemand},
    types::{Node, Problem, Role},
};
use arcus_plan::manifest::Concern;
use arcus_plugin::{Asker, Cache, Options, Plugin, Sandbox, Source, embedded};

struct Nobody;

#[async_trait::async_trait]
impl Asker for Nobody {
    async fn ask(&self, _: &str, requests: Vec<Request>) -> Vec<Answer> {
        let gone = |request: Request| Problem {
            code: "node.unreachable".into(),
            message: "nobody there".into(),
            help: None,
            node: Some(request.node),
            pointer: None,
            retryable: true,
        };
        requests.into_iter().map(|request| Err(gone(request))).collect()
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let files: Vec<(String, Vec<u8>)> = if paths.is_empty() {
        embedded().iter().map(|plugin| (plugin.name.to_owned(), plugin.bytes.to_vec())).collect()
    } else {
        paths.iter().map(|path| (path.clone(), std::fs::read(path).expect("a component"))).collect()
    };
    if files.is_empty() {
        println!("no plugins: run `cargo xtask plugins` first, or give paths");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder for the cache");
    for (pass, what) in ["compiled", "from the cache", "from the cache"].into_iter().enumerate() {
        let start = Instant::now();
        let mut options = Options::new(Arc::new(|_, _| Ok(())));
        options.cache = Some(Arc::new(Cache::open(folder.path()).expect("a private folder")));
        let sandbox = Sandbox::new(options).expect("an engine");
        let engine = start.elapsed();
        let loaded = futures::future::join_all(files.iter().map(|(name, bytes)| sandbox.load(Source::Bytes(name, bytes)))).await;
        println!("engine {engine:?}; {} plugins {what}: {:?}", files.len(), start.elapsed());
        if pass == 2 {
            for plugin in loaded {
                calls(&plugin.expect("a plugin")).await;
            }
        }
    }
}

async fn calls(plugin: &Plugin) {
    print!("{} ({} KB)", plugin.name(), plugin.inspection().size.div_ceil(1000));
    for nodes in [8, 1000] {
        let input = input(nodes);
        let mut times: Vec<Duration> = Vec::new();
        let mut ended = "";
        for _ in 0..50 {
            let start = Instant::now();
            let answered = match plugin.manifest().concern {
                Concern::Preflight => plugin.inspect(Nobody, &input).await.map(drop),
                _ => plugin.plan(Nobody, &input).await.map(drop),
            };
            times.push(start.elapsed());
            ended = match answered {
                Ok(()) => "",
                Err(arcus_plugin::Failure::Problems(_)) => " (problems)",
                Err(_) => " (failed)",
            };
        }
        times.sort();
        print!("; {nodes} nodes: {:?}{ended}", times[times.len() / 2]);
    }
    println!();
}

fn input(nodes: usize) -> Input {
    let node = |number: usize| Node {
        name: format!("node{number}"),
        address: format!("10.{}.{}.{}", number / 65536, number / 256 % 256, number % 256),
        roles: match number {
            0..3 => vec![Role::Manage, Role::Gateway, Role::Storage],
            _ => vec![Role::Compute],
        },
        labels: vec![],
    };
    Input {
        cluster_id: "4f1c2f0e-0000-4000-8000-000000000000".into(),
        cluster: "figures".into(),
        config: "{}".into(),
        nodes: (0..nodes).map(node).collect(),
        handed: Handed {
            demands: PlatformDemand { shared: None, gateway_health: None, gateway_unit: None, manage_health: None, manage_unit: None },
            storage: vec![],
            network: None,
            gateway: None,
            others: vec![],
        },
    }
}
