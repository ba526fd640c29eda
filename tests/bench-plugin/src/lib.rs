//! Arcus's side of `cargo xtask bench converge`: per node what any tool of this kind does, packages, a directory, a mount with
//! its line of fstab, a file from a template, a service that runs on it, and checks.

pub mod values;

use arcus_sdk::prelude::*;

/// There is nothing to choose: all contenders do the same.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The plugin.
pub struct Bench;

const CONF: &str = "/etc/keepalived/keepalived.conf";
const UNIT: &str = "keepalived.service";
const CACHE: &str = "/srv/bench/cache";
const SYNCOOKIES: &str = "net.ipv4.tcp_syncookies";

impl Plugin for Bench {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        let os = cluster.ask_each(&cluster.nodes, probe::os());
        let known: Vec<(&str, &str)> = cluster.nodes.iter().map(|node| (node.name.as_str(), node.address.as_str())).collect();
        for (place, node) in cluster.nodes.iter().enumerate() {
            if let Known(os) = os.of(node)
                && !os.is_like("debian")
            {
                plan.problem(problem("bench.os", format!("{} is no Debian", node.name)).on(node));
                continue;
            }
            let keepalived = plan.package("install-keepalived", node, "keepalived");
            let jq = plan.package("install-jq", node, "jq");
            let directory = plan.directory("directory", node, "/srv/bench", 0o750);
            let mounted = plan
                .mount("mount", node, mount("bench-cache", CACHE, "tmpfs").options(["size=1024k", "mode=755"]))
                .after([&directory]);
            let values = values::values(&known, place);
            let configured = plan.file("configure", node, file(CONF).content(values::filled(&values))).after([&keepalived]);
            let running = plan.service("run", node, UNIT).newer_than([CONF]).after([&configured]);
            plan.wait(
                "checked",
                node,
                [probe::sysctl(SYNCOOKIES).on(node), probe::sockets().on(node), probe::mounts().on(node)],
                "the node is as it should be",
                10,
            )
            .after([&jq, &mounted, &running]);
        }
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("checked", is_well)
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        let service = cluster.ask_each(&cluster.nodes, probe::service(UNIT));
        for node in &cluster.nodes {
            checks.on(node, "running", "keepalived runs").judge(service.of(node), |unit| match unit {
                Some(unit) if unit.active => passed("active"),
                _ => failed("it does not run"),
            });
        }
        Ok(())
    }
}

fn is_well(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    if case.get::<Option<String>>(0)?.as_deref().map(str::trim) != Some("1") {
        return unmet(format!("{SYNCOOKIES} is not 1"));
    }
    if case.get::<Vec<Socket>>(1)?.tcp(22).is_none() {
        return unmet("nobody listens on TCP 22");
    }
    match case.get::<Vec<Mounted>>(2)?.at(CACHE) {
        Some(found) if found.live && found.fstype == "tmpfs" => met(),
        _ => unmet(format!("{CACHE} is not mounted")),
    }
}

impl Storage for Bench {
    fn offer(_: &Cluster<Config>) -> Result<StorageOffer, Vec<Problem>> {
        Ok(StorageOffer { source: "bench-cache".into(), fstype: "tmpfs".into(), options: Vec::new(), local: Vec::new() })
    }
}

arcus_sdk::export!(storage: Bench);
