//! A module of the kernel that a network needs: whether a node has it, and that it is loaded now and at every boot.

use arcus_sdk::prelude::*;

/// Which, for which network.
pub struct Module {
    /// As `modprobe` has it.
    pub name: &'static str,
    /// As ids of steps have it, behind `load-`.
    pub verb: &'static str,
    /// What people call it.
    pub words: &'static str,
    /// The query of the manifest that finds it among what can be loaded.
    pub query: &'static str,
    /// Whose settings these are.
    pub network: &'static str,
}

/// What a node can do about it.
pub enum Standing {
    /// It is loaded or built in.
    Loaded,
    /// It is there to be loaded.
    Loadable,
    /// This kernel has none.
    Missing,
    /// Not answered.
    Unknown(Problem),
}

/// What is asked, and what [`Standing::of`] is told from.
pub type Seen = (Look<bool>, Look<Output>);

impl Module {
    /// What to ask.
    pub fn ask(&self) -> (Ask<bool>, Ask<Output>) {
        (probe::kernel_module(self.name), probe::query(self.query, []))
    }

    /// It is loaded, now and at every boot. Where nobody knows whether the node has it, that is announced.
    pub fn load(&self, node: &Node, seen: &Seen, plan: &mut Plan) {
        let Module { name, verb, words, network, .. } = self;
        let kept = plan
            .file(&format!("keep-{verb}"), node, file(format!("/etc/modules-load.d/arcus-{network}.conf")).content(format!("{name}\n")))
            .title(format!("load the kernel's {words} at every boot"))
            .known(&seen.0);
        plan.command(&format!("load-{verb}"), node, ["modprobe", name])
            .until([probe::kernel_module(*name).on(node)], format!("the kernel's {words} is loaded"), 5)
            .title(format!("load the kernel's {words}"))
            .known(&seen.0)
            .after([&kept])
            .provides(milestone::NETWORK_READY);
    }
}

impl Standing {
    /// From what was seen.
    pub fn of(seen: &Seen) -> Self {
        match seen {
            (Unknown(problem), _) => Standing::Unknown(problem.clone()),
            (Known(true), _) => Standing::Loaded,
            (Known(false), Known(module)) if module.is_ok() => Standing::Loadable,
            (Known(false), Known(_)) => Standing::Missing,
            // Without `modinfo` there is no `modprobe` either: both are of the same package.
            (Known(false), Unknown(problem)) if problem.code == "query.missing" => Standing::Missing,
            (Known(false), Unknown(problem)) => Standing::Unknown(problem.clone()),
        }
    }
}

/// Judges its `load-`.
pub fn is_loaded<C>(_: &Cluster<C>, case: &Case<'_>) -> Judged {
    if *case.get::<bool>(0)? { met() } else { unmet("the module is not loaded") }
}
