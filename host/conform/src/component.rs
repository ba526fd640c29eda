//! A component as the fake cluster calls it: every call in the sandbox, every question to the fake cluster.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arcus_contract::actions::{Call, Desired};
use arcus_contract::checks::{Check, Drill, Seen, Verdict, Verified, Weighing};
use arcus_contract::facts::{Answer, Output, Request};
use arcus_contract::handoffs::Input;
use arcus_contract::types::Problem;
use arcus_plan::vet;
use arcus_plugin::{Asker, CallError, Failure, Live, LoadError, Options, Plugin, Sandbox, Source};
use arcus_sdk::Nodes;
use arcus_sdk::fake::subject::{Component, ask, nodes};
use async_trait::async_trait;
use tokio::runtime::Runtime;

/// What runs live has so long.
const LIVE: Duration = Duration::from_secs(60);

/// A component in the sandbox. Its calls run on the thread that asks for them, since the fake cluster lives on one.
pub struct Sandboxed {
    /// The plugin.
    pub plugin: Plugin,
    runtime: Runtime,
}

/// What a call came to: a result, or that the plugin is broken.
pub type Called<T> = Result<Result<T, Vec<Problem>>, Box<CallError>>;

impl Sandboxed {
    /// Loads it, as the host does.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(origin: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(1).build().expect("a runtime needs nothing that can be missing");
        let sandbox = Sandbox::new(Options::new(Arc::new(vet::permit)))?;
        let plugin = runtime.block_on(sandbox.load(Source::Bytes(origin, bytes)))?;
        Ok(Self { plugin, runtime })
    }

    /// `lifecycle.plan`, asked of whom one likes.
    pub fn planned(&self, asker: impl Asker + 'static, input: &Input) -> Called<Desired> {
        settle(self.runtime.block_on(self.plugin.plan(asker, input)))
    }

    /// `lifecycle.verify`.
    pub fn verified(&self, asker: impl Asker + 'static, input: &Input) -> Called<Verified> {
        settle(self.runtime.block_on(self.plugin.verify(asker, input)))
    }

    /// `lifecycle.drills`.
    pub fn drilled(&self, asker: impl Asker + 'static, input: &Input) -> Called<Vec<Drill>> {
        settle(self.runtime.block_on(self.plugin.drills(asker, input)))
    }

    /// `preflight.inspect`.
    pub fn inspected(&self, asker: impl Asker + 'static, input: &Input) -> Called<Vec<Check>> {
        settle(self.runtime.block_on(self.plugin.inspect(asker, input)))
    }

    /// `lifecycle.judge`.
    pub fn judged(&self, input: &Input, cases: &[Weighing], seen: &[Seen]) -> Result<Vec<Verdict>, Box<CallError>> {
        self.runtime.block_on(self.plugin.judge(input, cases, seen))
    }

    /// `hatch.run`, on these nodes.
    pub fn lived(&self, name: &str, args: &str, nodes: Vec<String>) -> Called<()> {
        let call = Call { name: name.to_owned(), args: args.to_owned(), nodes };
        settle(self.runtime.block_on(self.plugin.live(Arc::new(World), &call, LIVE)))
    }

    /// What it tells the others, from the cluster file alone, as text to compare, and what the host would deny of it.
    pub fn promised(&self, input: &Input) -> Called<(String, Vec<vet::Denial>)> {
        use arcus_plan::manifest::Concern;
        let (manifest, nodes) = (self.plugin.manifest(), &input.nodes);
        self.runtime.block_on(async {
            match manifest.concern {
                Concern::Storage => settle(self.plugin.offer_storage(input).await.map(|offer| vetted(&offer, vet::handed::storage(manifest, nodes, &offer)))),
                Concern::Network => settle(self.plugin.offer_network(input).await.map(|offer| vetted(&offer, vet::handed::network(manifest, &offer)))),
                Concern::Gateway => settle(self.plugin.offer_gateway(input).await.map(|offer| vetted(&offer, vet::handed::gateway(manifest, &offer)))),
                Concern::Platform => settle(self.plugin.demands(input).await.map(|demands| vetted(&demands, vet::handed::demands(manifest, nodes, &demands)))),
                Concern::Preflight | Concern::Migration => Ok(Ok((String::new(), vec![]))),
            }
        })
    }
}

fn vetted(said: &impl std::fmt::Debug, checked: Result<(), Vec<vet::Denial>>) -> (String, Vec<vet::Denial>) {
    (format!("{said:?}"), checked.err().unwrap_or_default())
}

fn settle<T>(result: Result<T, Failure>) -> Called<T> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::Problems(problems)) => Ok(Err(problems)),
        Err(Failure::Call(error)) => Err(error),
    }
}

/// Properties speak by panicking, and so does this when the plugin breaks.
fn or_broken<T>(called: Result<T, Box<CallError>>) -> T {
    called.unwrap_or_else(|error| panic!("{}: {error}", error.code()))
}

impl Component for Sandboxed {
    fn plan(&self, input: Input) -> Result<Desired, Vec<Problem>> {
        or_broken(self.planned(World, &input))
    }
    fn judge(&self, input: Input, cases: Vec<Weighing>, seen: Vec<Seen>) -> Vec<Verdict> {
        or_broken(self.judged(&input, &cases, &seen))
    }
    fn verify(&self, input: Input) -> Result<Verified, Vec<Problem>> {
        or_broken(self.verified(World, &input))
    }
    fn drills(&self, input: Input) -> Result<Vec<Drill>, Vec<Problem>> {
        or_broken(self.drilled(World, &input))
    }
    fn live(&self, name: &str, args: &str) -> Result<(), Problem> {
        let nodes = nodes().map(|nodes| nodes.names()).unwrap_or_default();
        or_broken(self.lived(name, args, nodes)).map_err(|problems| problems.into_iter().next().unwrap_or_else(nobody))
    }
}

/// The fake cluster of this thread answers.
struct World;

#[async_trait]
impl Asker for World {
    async fn ask(&self, _: &str, requests: Vec<Request>) -> Vec<Answer> {
        ask(&requests)
    }
}

/// It runs live on the fake cluster, which vets and counts as the host does, and can be cut.
#[async_trait]
impl Live for World {
    async fn exec(&self, node: &str, argv: Vec<String>, stdin: String, timeout_s: u32) -> Result<Output, Problem> {
        there()?.exec(node, &argv, stdin.as_bytes(), timeout_s)
    }
    async fn read(&self, node: &str, path: String) -> Result<Vec<u8>, Problem> {
        there()?.read(node, &path)
    }
    async fn write(&self, node: &str, path: String, content: Vec<u8>, mode: u32) -> Result<(), Problem> {
        there()?.write(node, &path, &content, mode)
    }
    fn refused(&self, _: &str, _: &str, _: &Problem) {}
}

fn there() -> Result<Rc<dyn Nodes>, Problem> {
    nodes().ok_or_else(nobody)
}

fn nobody() -> Problem {
    Problem { code: "session.ended".into(), message: "no step runs live".into(), help: None, node: None, pointer: None, retryable: false }
}
