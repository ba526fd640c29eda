//! `arcus node remove`: takes a node out of the cluster.

use arcus_engine::{Aim, Fault, Kind};

use crate::cli::args::Carry;
use crate::cli::foreign::Foreign;
use crate::cli::verbs::mend::carry_out;
use crate::cli::work::Work;
use crate::cli::{Context, consent, verbs};
use crate::safe;

/// Shows what takes it out, asks, and does it. The file is the operator's: they delete the line.
pub async fn remove(context: &Context, node: &str, args: &Carry) -> Result<(), Fault> {
    consent::check_risks(&args.accept)?;
    let work = Work::open(context).await?;
    if work.cluster.node(node).is_none() {
        let names: Vec<&str> = work.cluster.nodes.iter().map(|member| member.node.name.as_str()).collect();
        work.end(context).await;
        return Err(Fault::new(Kind::Input, "node.unknown", format!("the cluster file names no node `{node}`"))
            .help(format!("it names {}; a node that was deleted from the file is put back first, so that Arcus can reach it", names.join(", "))));
    }
    let result = carry_out(context, args, &work, Aim::Leave(node.to_owned())).await;
    verbs::apply::end(context, &work).await;
    let name = Foreign::word(node);
    match result? {
        true => context.console.data(safe!("{} is out: delete it from {}, then `arcus apply` tells the others", name, Foreign::line(&context.global.file.display().to_string()))),
        false => context.console.data(safe!("{} is no member of anything: delete it from {}", name, Foreign::line(&context.global.file.display().to_string()))),
    }
    Ok(())
}
