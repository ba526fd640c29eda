//! What keepalived runs with, and what its file says: they differ between a file's writing and the service's restart.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::{Node, World, wait_until};

/// One gateway: milliseconds between two signs of life.
#[derive(Debug)]
pub struct Gate {
    /// As keepalived itself tells.
    pub runs: u32,
    /// As its file says.
    pub written: u32,
}

/// The cluster file with another interval.
pub fn with_advert(text: &str, ms: u32) -> Result<String> {
    let (before, after) = text.split_once("    vip: 10.99.0.100/24\n").context("the file has another address")?;
    let rest = match after.strip_prefix("    advert: ") {
        Some(old) => old.split_once('\n').context("the file ends early")?.1,
        None => after,
    };
    Ok(format!("{before}    vip: 10.99.0.100/24\n    advert: {ms}ms\n{rest}"))
}

/// Looks at these.
pub fn seen(world: &World, nodes: &[&str]) -> Result<Vec<Gate>> {
    nodes.iter().map(|name| gate(&world.node(name)?)).collect()
}

/// Which start of keepalived runs, on each.
pub fn starts(world: &World, nodes: &[&str]) -> Result<Vec<String>> {
    nodes.iter().map(|name| world.node(name)?.sh("systemctl show -p InvocationID -p ExecMainPID keepalived.service; stat -c %y /etc/keepalived/keepalived.conf")).collect()
}

fn gate(node: &Node<'_>) -> Result<Gate> {
    let file = node.sh("cat /etc/keepalived/keepalived.conf")?;
    let written = file.lines().find_map(|line| line.trim().strip_prefix("advert_int ")).context("the file has no interval")?;
    let written: f64 = written.trim().parse()?;
    Ok(Gate { runs: runs(node)?, written: (written * 1000.0).round() as u32 })
}

/// keepalived writes down its configuration when it is asked to by a signal.
fn runs(node: &Node<'_>) -> Result<u32> {
    let mut interval = None;
    node.sh("rm -f /tmp/keepalived.data; systemctl kill -s USR1 --kill-who=main keepalived.service")?;
    wait_until("what keepalived runs with", Duration::from_secs(10), || {
        let data = node.sh("cat /tmp/keepalived.data 2> /dev/null || true")?;
        interval = data.lines().find_map(|line| line.trim().strip_prefix("Advert interval = ").map(str::to_owned));
        Ok(interval.is_some())
    })
    .with_context(|| format!("on {}", node.name()))?;
    let interval = interval.context("no interval")?;
    let (number, unit) = interval.split_once(' ').context("no unit")?;
    ensure!(unit.starts_with("milli"), "an interval in {unit}");
    Ok(number.parse()?)
}
