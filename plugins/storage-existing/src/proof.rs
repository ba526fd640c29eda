//! Proof: the same file system on every node, mounted again after a boot, and root writes what the others read.

use crate::config::Config;
use crate::found::{amiss, same_source};
use arcus_sdk::{Finding, prelude::*};

/// All checks.
pub fn verify(cluster: &Cluster<Config>, checks: &mut Checks) {
    let Some(shared) = cluster.handed.demands.shared.as_ref().filter(|shared| shared.attach) else { return };
    let (config, path) = (&cluster.config, &shared.path);
    let nodes = cluster.named(&shared.nodes);
    // Apart: who looks into a mount whose server is gone waits, and with it all else that is asked of the node at once.
    let seen = cluster.ask_each(nodes.iter().copied(), probe::mounts());
    let inside = cluster.ask_each(nodes.iter().copied(), probe::directory(path));
    for node in &nodes {
        let (mounts, directory) = (seen.of(node), inside.of(node));
        checks.on(node, "mounted", format!("{path} is {}", config.source)).judge(mounts, |mounts| match (amiss(config, path, mounts), directory) {
            (Some(amiss), _) => failed(amiss.words),
            (None, Known(Some(_))) => passed(format!("{} from {}", config.kind, config.source)),
            // It hangs in the table of mounts, and whoever looks into it gets an error, or waits.
            (None, Unknown(problem)) => failed(format!("it is mounted, but cannot be read: {}", problem.message)),
            (None, Known(None)) => failed("it is mounted, but cannot be read"),
        });
        checks.on(node, "fstab", format!("{path} is mounted again after a boot")).judge(mounts, |mounts| noted(config, path, mounts));
    }
    checks.witness("shared", format!("what one node writes to {path} the others read"), nodes.iter().copied(), path);
    // A server may let one node write as root and not another.
    for node in nodes.iter().skip(1) {
        checks.witness(format!("written-by-{}", node.name), format!("{} writes to {path} as root", node.name), [*node, nodes[0]], path);
    }
}

fn noted(config: &Config, path: &str, mounts: &[Mounted]) -> Finding {
    let line = mounts.iter().filter(|mounted| mounted.target == path).find_map(|mounted| Some((mounted, mounted.fstab.as_ref()?)));
    match line {
        // A unit of systemd or an automounter may do it.
        None => warned(format!("fstab has no line for {path}: see that something else mounts it at boot")),
        Some((mounted, _)) if !same_source(&mounted.source, &config.source) => failed(format!("fstab says {}, the file says {}", mounted.source, config.source)),
        Some((_, options)) if options != config.options() && config.names_options() => {
            failed(format!("fstab says {}, the file says {}", options.join(","), config.options().join(",")))
        }
        Some((_, options)) if options != config.options() => {
            warned(format!("fstab says {}: write them as `options`, so that nodes that the platform adds have them too", options.join(",")))
        }
        Some(_) => passed(format!("from {}", config.source)),
    }
}
