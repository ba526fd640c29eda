//! `arcus validate`: everything that can be told from the file and the plugins, without connecting to anybody.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use arcus_cluster::{Cluster, File};
use arcus_engine::{Fault, Kind};

use crate::cli::console::count;
use crate::cli::folder::Folder;
use crate::cli::foreign::Foreign;
use crate::cli::safe::Safe;
use crate::cli::show::snippet;
use crate::cli::work::{block_on, check, check_sections, plugins_are_there};
use crate::cli::Context;
use crate::safe;

/// Checks the file. `-f -` is standard input, of which no plugin is asked.
pub fn run(context: &Context) -> Result<(), Fault> {
    context.console.report("valid", &false);
    if context.global.file == Path::new("-") {
        let mut bytes = Vec::new();
        // One byte more than is taken, so that too much is told as such.
        std::io::stdin()
            .take((1 << 20) + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Fault::new(Kind::Input, "file.unreadable", format!("standard input cannot be read: {error}")).help("`-f FILE` reads a file"))?;
        let file = File::from_bytes("standard input", &bytes).map_err(Fault::file)?;
        let cluster = file.cluster().map_err(Fault::file)?;
        notes(context, &cluster);
        plugins_are_there(&cluster)?;
        check_sections(&file, &cluster)?;
        context.console.note("the plugins themselves were not asked: paths and promises are checked for files only");
        valid(context, &cluster);
        return Ok(());
    }
    let folder = Folder::open(&context.global.file)?;
    let (_, cluster) = folder.cluster()?;
    notes(context, &cluster);
    plugins_are_there(&cluster)?;
    block_on(async {
        // Lets the plugins check their sections and make their promises to each other.
        let engine = check(context, folder, Arc::new(|_| ())).await?;
        let agreed = engine.agrees().await;
        engine.close().await;
        agreed
    })?;
    valid(context, &cluster);
    Ok(())
}

fn notes(context: &Context, cluster: &Cluster) {
    let console = &context.console;
    let terminal = console.terminal();
    console.report("diagnostics", &cluster.notes);
    console.report("relaxed", &cluster.relaxed);
    if !cluster.notes.is_empty() {
        console.note(snippet::draw(&cluster.notes, terminal.err, terminal));
    }
    for relaxed in &cluster.relaxed {
        let place = relaxed.span.map(|span| safe!(" (line {})", span.line)).unwrap_or_default();
        console.note(safe!("{} {}{}", terminal.err.yellow("relaxed:"), Foreign::line(&relaxed.message), place));
    }
}

fn valid(context: &Context, cluster: &Cluster) {
    let console = &context.console;
    console.report("valid", &true);
    console.report("cluster", &serde_json::json!({ "name": cluster.name, "id": cluster.id, "nodes": cluster.nodes.len() }));
    let plugins: Vec<Safe> = cluster.uses().map(|used| Safe::of(&Foreign::word(&used.plugin))).collect();
    let relax: Vec<Safe> = cluster.relax.iter().map(|relaxed| Safe::of(&Foreign::word(&relaxed.name))).collect();
    let mut line = safe!("{}: valid; cluster {}, {}", Foreign::line(&context.global.file.display().to_string()), Foreign::word(&cluster.name), count(cluster.nodes.len(), "node", "nodes"));
    if !plugins.is_empty() {
        line.push(&safe!(", {}", Safe::join(&plugins, ", ")));
    }
    if !relax.is_empty() {
        line.push(&safe!("; relaxed: {}", Safe::join(&relax, ", ")));
    }
    console.data(line);
}
