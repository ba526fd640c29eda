//! Packets go on to other machines: what every network of pods needs of a node's kernel.

use arcus_sdk::prelude::*;

const KEY: &str = "net.ipv4.ip_forward";

/// Now, and after every boot. `network`: whose settings these are.
pub fn plan(network: &str, node: &Node, plan: &mut Plan) {
    let setting = plan
        .file("keep-forward", node, file(format!("/etc/sysctl.d/60-arcus-{network}.conf")).content(format!("{KEY} = 1\n")))
        .title("forward IPv4 packets after every boot");
    plan.command("forward", node, ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])
        .until([probe::sysctl(KEY).on(node)], "IPv4 packets are forwarded", 5)
        .title("forward IPv4 packets")
        .after([&setting])
        .provides(milestone::NETWORK_READY);
}

/// Judges `forward`.
pub fn is_on<C>(_: &Cluster<C>, case: &Case<'_>) -> Judged {
    match case.get::<Option<String>>(0)?.as_deref().map(str::trim) {
        Some("1") => met(),
        Some(_) => unmet(format!("{KEY} is off")),
        None => unmet(format!("the kernel has no {KEY}")),
    }
}
