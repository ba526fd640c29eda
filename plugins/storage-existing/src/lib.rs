//! Storage existing: the shared directory is mounted by the operator; it is proven, and nothing is changed.

mod config;
mod found;
mod proof;

use arcus_sdk::prelude::*;
pub use config::Config;
use found::{Amiss, amiss};

/// The plugin.
pub struct Existing;

impl Plugin for Existing {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        if let Err(problems) = config::read(cluster) {
            problems.into_iter().for_each(|problem| plan.problem(problem));
            return Ok(());
        }
        let Some(shared) = cluster.handed.demands.shared.as_ref().filter(|shared| shared.attach) else { return Ok(()) };
        let nodes = cluster.named(&shared.nodes);
        let seen = cluster.ask_each(nodes.iter().copied(), probe::mounts());
        for node in nodes {
            if let Known(mounts) = seen.of(node)
                && let Some(amiss) = amiss(&cluster.config, &shared.path, mounts)
            {
                plan.problem(refusal(&cluster.config, &shared.path, node, &amiss));
            }
            // Nothing to do, and what others wait for: left out where it is so.
            plan.wait("mounted", node, [probe::mounts().on(node)], "the operator's mount is there", 5)
                .provides(milestone::STORAGE_READY)
                .provides(milestone::STORAGE_MOUNTED);
        }
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("mounted", |cluster, case| {
            let Some(shared) = &cluster.handed.demands.shared else { return unmet("nobody wants a shared directory") };
            match amiss(&cluster.config, &shared.path, case.get::<Vec<Mounted>>(0)?) {
                None => met(),
                Some(amiss) => unmet(amiss.words),
            }
        })
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        match config::read(cluster) {
            Ok(()) => proof::verify(cluster, checks),
            Err(problems) => problems.into_iter().for_each(|problem| checks.problem(problem)),
        }
        Ok(())
    }
}

fn refusal(config: &Config, path: &str, node: &Node, amiss: &Amiss) -> Problem {
    let message = format!("{path} on {}: {}", node.name, amiss.words);
    let (code, help) = match amiss.other {
        true => ("existing.other-mounted", "correct `source` and `type`; or, if the directory is to be on what the file says: its data are moved with `arcus migrate`, a mount moves none".to_owned()),
        false => {
            let help = format!("mount {} ({}) there yourself, or correct `source` and `type`; with `use: nfs` or `use: glusterfs` Arcus mounts it", config.source, config.kind);
            ("existing.not-mounted", help)
        }
    };
    problem(code, message).on(node).help(help)
}

impl Storage for Existing {
    fn offer(cluster: &Cluster<Config>) -> Result<StorageOffer, Vec<Problem>> {
        config::read(cluster)?;
        let config = &cluster.config;
        Ok(StorageOffer { source: config.source.clone(), fstype: config.kind.clone(), options: config.options().to_vec(), local: Vec::new() })
    }
}

arcus_sdk::export!(storage: Existing);
