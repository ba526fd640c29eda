//! The engine, and eight plugins: compiled, and taken from the cache, in a process that has just begun as far as plugins are concerned.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use arcus_plan::vet;
use arcus_plugin::{Cache, Options, Plugin, Sandbox, Source, digest, embedded, inspect};
use futures::future::try_join_all;

use crate::report::Report;

/// What a cluster may use, one or two of each concern.
const EIGHT: [&str; 8] = [
    "preflight", "storage-glusterfs", "storage-nfs", "migrate-storage", "network-calico", "network-flannel", "gateway-keepalived", "platform-rainbond",
];
const RUNS: usize = 50;

/// Loads them again and again; gives them, and the bench's own plugin.
pub async fn measure(folder: &Path, bench: &[u8], report: &mut Report) -> Result<Vec<Plugin>> {
    let eight = EIGHT
        .iter()
        .map(|name| embedded().iter().find(|plugin| plugin.name == *name).with_context(|| format!("{name} is not embedded: run `cargo xtask plugins`")))
        .collect::<Result<Vec<_>>>()?;
    let cache = folder.join("figures-cache");
    if cache.exists() {
        std::fs::remove_dir_all(&cache).with_context(|| cache.display().to_string())?;
    }
    let size: usize = eight.iter().map(|plugin| plugin.bytes.len()).sum();
    let (mut engine, mut warm, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let begun = Instant::now();
        let mut options = Options::new(Arc::new(vet::permit));
        options.cache = Some(Arc::new(Cache::open(&cache)?));
        let sandbox = Sandbox::new(options)?;
        let made = begun.elapsed();
        let loaded = try_join_all(eight.iter().map(|plugin| sandbox.load(Source::Embedded(**plugin)))).await?;
        let took = begun.elapsed();
        if run == 0 {
            report.alone(format!("eight plugins compiled, {} KB", size.div_ceil(1000)), vec![took]);
            sandbox.load(Source::Bytes("storage-bench", bench)).await?;
        } else {
            anyhow::ensure!(loaded.iter().all(Plugin::is_cached), "a plugin was compiled again");
            engine.push(made);
            warm.push(took);
        }
        if run == RUNS {
            all = loaded;
            all.push(sandbox.load(Source::Bytes("storage-bench", bench)).await?);
        }
    }
    report.alone("the engine", engine);
    report.alone("the engine and eight plugins from a warm cache", warm);
    let mut each = Vec::new();
    for _ in 0..RUNS {
        let begun: Instant = Instant::now();
        let sandbox = sandbox(&cache)?;
        let made = begun.elapsed();
        for plugin in &eight {
            sandbox.load(Source::Embedded(**plugin)).await?;
        }
        let took: Duration = begun.elapsed().saturating_sub(made);
        each.push(took / u32::try_from(EIGHT.len())?);
    }
    report.alone("one plugin from a warm cache, one after the other", each);
    let (mut read, mut hashed) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let begun = Instant::now();
        for plugin in &eight {
            std::hint::black_box(inspect(plugin.bytes).map_err(|fault| anyhow::anyhow!("{fault}"))?);
        }
        read.push(begun.elapsed() / u32::try_from(EIGHT.len())?);
        let begun = Instant::now();
        for plugin in &eight {
            std::hint::black_box(digest(plugin.bytes));
        }
        hashed.push(begun.elapsed() / u32::try_from(EIGHT.len())?);
    }
    report.alone("one that is not known yet: read and checked without being run", read);
    report.alone("one that comes from outside: its SHA-256", hashed);
    Ok(all)
}

fn sandbox(cache: &Path) -> Result<Sandbox> {
    let mut options = Options::new(Arc::new(vet::permit));
    options.cache = Some(Arc::new(Cache::open(cache)?));
    Ok(Sandbox::new(options)?)
}
