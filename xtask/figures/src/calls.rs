//! Calls of the contract's functions: of a component, each in an instance of its own, and of the same code natively, in turn.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use arcus_bench_plugin::Bench;
use arcus_contract::actions::Desired;
use arcus_contract::handoffs::Input;
use arcus_contract::types::Problem;
use arcus_gateway_keepalived::Keepalived;
use arcus_platform_rainbond::Rainbond;
use arcus_plugin::{Failure, Plugin};
use arcus_sdk::{guest, native};
use arcus_storage_glusterfs::Gluster;

use crate::report::Report;
use crate::simulated::{Everybody, input};

const FEW: usize = 8;
const MANY: usize = 1000;

/// All calls, at eight nodes and at a thousand.
pub async fn measure(loaded: &[Plugin], report: &mut Report) -> Result<()> {
    let find = |name: &str| loaded.iter().find(|plugin| plugin.name() == name).with_context(|| format!("{name} was not loaded"));
    let gluster = r#"{"volume": "data", "brick": "/data/brick"}"#;
    let (storage, bench) = (find("storage-glusterfs")?, find("storage-bench")?);
    for count in [FEW, MANY] {
        let input = input(count, gluster);
        instantiated(storage, &input, report).await?;
        offered(storage, &input, report).await?;
    }
    for count in [FEW, MANY] {
        asked(bench, &input(count, "{}"), report).await?;
    }
    for count in [FEW, MANY] {
        planned(storage, &input(count, gluster), guest::plan::<Gluster>, report).await?;
        planned(find("gateway-keepalived")?, &input(count, r#"{"vip": "10.99.200.200/16"}"#), guest::plan::<Keepalived>, report).await?;
        planned(find("platform-rainbond")?, &input(count, r#"{"version": "5.1"}"#), guest::plan::<Rainbond>, report).await?;
        planned(bench, &input(count, "{}"), guest::plan::<Bench>, report).await?;
    }
    Ok(())
}

/// So often that a figure means something, and not for minutes.
fn runs(input: &Input) -> usize {
    if input.nodes.len() > 100 { 30 } else { 300 }
}

fn said(input: &Input, plugin: &Plugin, what: &str) -> String {
    format!("{what}, {} nodes ({})", input.nodes.len(), plugin.name())
}

/// `judge` of no goals: an instance is made, called, and dropped.
async fn instantiated(plugin: &Plugin, input: &Input, report: &mut Report) -> Result<()> {
    let (mut component, mut native) = (Vec::new(), Vec::new());
    for run in 0..=runs(input) {
        let begun = Instant::now();
        ensure!(plugin.judge(input, &[], &[]).await?.is_empty(), "verdicts on nothing");
        let one = begun.elapsed();
        let begun = Instant::now();
        ensure!(guest::judge::<Gluster>(input.clone(), vec![], vec![]).is_empty(), "verdicts on nothing");
        push(run, (&mut component, one), (&mut native, begun.elapsed()));
    }
    report.both(said(input, plugin, "instantiate, and judge no goal"), "", component, native);
    Ok(())
}

/// `offer`: pure, from the cluster file.
async fn offered(plugin: &Plugin, input: &Input, report: &mut Report) -> Result<()> {
    let (mut component, mut native) = (Vec::new(), Vec::new());
    for run in 0..=runs(input) {
        let begun = Instant::now();
        let there = plugin.offer_storage(input).await.map_err(told)?;
        let one = begun.elapsed();
        let begun = Instant::now();
        let here = guest::storage_offer::<Gluster>(input.clone()).map_err(all)?;
        push(run, (&mut component, one), (&mut native, begun.elapsed()));
        ensure!(there == here, "the component offers {there:?}, and natively {here:?}");
    }
    report.both(said(input, plugin, "call `offer`"), "", component, native);
    Ok(())
}

/// One ask of one question for each node, and a check of each answer.
async fn asked(plugin: &Plugin, input: &Input, report: &mut Report) -> Result<()> {
    let (mut component, mut native, mut checks) = (Vec::new(), Vec::new(), 0);
    for run in 0..=runs(input) {
        let begun = Instant::now();
        let there = plugin.verify(Everybody, input).await.map_err(told)?;
        let one = begun.elapsed();
        let begun = Instant::now();
        let here = native::with(Everybody::answers, || guest::verify::<Bench>(input.clone())).map_err(all)?;
        push(run, (&mut component, one), (&mut native, begun.elapsed()));
        ensure!(there == here, "the component finds something else");
        checks = there.checks.len();
    }
    report.both(said(input, plugin, "ask each node, check each answer"), format!("{checks} checks"), component, native);
    Ok(())
}

async fn planned(plugin: &Plugin, input: &Input, plan: fn(Input) -> Result<Desired, Vec<Problem>>, report: &mut Report) -> Result<()> {
    let (mut component, mut native, mut steps) = (Vec::new(), Vec::new(), 0);
    for run in 0..=runs(input) {
        let begun = Instant::now();
        let there = plugin.plan(Everybody, input).await.map_err(told)?;
        let one = begun.elapsed();
        let begun = Instant::now();
        let here = native::with(Everybody::answers, || plan(input.clone())).map_err(all)?;
        push(run, (&mut component, one), (&mut native, begun.elapsed()));
        ensure!(there == here, "{}: the component plans something else", plugin.name());
        steps = there.steps.len();
    }
    report.both(said(input, plugin, "plan"), format!("{steps} steps"), component, native);
    Ok(())
}

/// The first run only warms up.
fn push(run: usize, component: (&mut Vec<Duration>, Duration), native: (&mut Vec<Duration>, Duration)) {
    if run > 0 {
        component.0.push(component.1);
        native.0.push(native.1);
    }
}

fn told(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Problems(problems) => all(problems),
        Failure::Call(error) => anyhow!("{error}"),
    }
}

fn all(problems: Vec<Problem>) -> anyhow::Error {
    anyhow!("{}", problems.iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect::<Vec<_>>().join("; "))
}
