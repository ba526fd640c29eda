//! A kernel on the fake cluster, and how a check is found: for the tests of the network plugins.

use arcus_sdk::contract::checks::Check;
use arcus_sdk::fake::World;

/// It forwards when told to. Nodes that have the module's name in their memory can load it.
pub fn kernel(world: &mut World, name: &'static str) {
    world.simulate(|world, run| {
        run.matches(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])?;
        world.machine(&run.node).sysctls.insert("net.ipv4.ip_forward".into(), "1".into());
        Some(run.prints(""))
    });
    world.simulate(move |world, run| {
        let has = world.at(&run.node).memory.contains_key(name);
        if run.matches(["modinfo", "-F", "filename", name]).is_some() {
            return Some(if has { run.prints(format!("/lib/modules/{name}.ko\n")) } else { run.fails(1, format!("modinfo: ERROR: Module {name} not found.\n")) });
        }
        run.matches(["modprobe", name])?;
        if !has {
            return Some(run.fails(1, format!("modprobe: FATAL: Module {name} not found\n")));
        }
        world.machine(&run.node).modules.insert(name.into());
        Some(run.prints(""))
    });
}

/// That check, which must be there.
pub fn of<'a>(checks: &'a [Check], id: &str, node: Option<&str>) -> &'a Check {
    let found = checks.iter().find(|check| check.id == id && check.node.as_deref() == node);
    found.unwrap_or_else(|| panic!("no check {id} on {node:?} in {checks:#?}"))
}
