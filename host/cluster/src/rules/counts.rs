//! How many nodes of which role: the planning rules of the installation guide.

use crate::diagnostic::Diagnostic;
use crate::document::RoleName;
use crate::model::Concern;
use crate::pointer;
use crate::sketch::{NodeSketch, Sketch};

pub const MANAGERS: &str = "manager-count";
pub const COMPUTE: &str = "compute-count";
pub const STORAGE: &str = "storage-count";
pub const NETWORK: &str = "network-nodes";
pub const VIRTUAL_ADDRESS: &str = "vip";

fn relaxed(diagnostic: Diagnostic, name: &'static str, help: &str) -> Diagnostic {
    diagnostic
        .help(format!(
            "{help}; to go on as it is, list `{name}` under `preflight.relax`"
        ))
        .relaxed_by(name)
}

fn nodes(count: usize, kind: &str) -> String {
    match count {
        0 => format!("no {kind} node"),
        1 => format!("1 {kind} node"),
        count => format!("{count} {kind} nodes"),
    }
}

/// Shows up to five of the nodes.
fn showing<'n, 's: 'n>(
    sketch: &Sketch<'_>,
    mut diagnostic: Diagnostic,
    all: impl Iterator<Item = &'n NodeSketch<'s>>,
) -> Diagnostic {
    for node in all.take(5) {
        diagnostic = diagnostic.related(
            Some(sketch.text.span(&pointer::join(&node.pointer, "roles"))),
            node.label(),
        );
    }
    diagnostic
}

/// At least one manager, and an odd number of them.
pub fn managers(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    if !sketch.roles_known {
        return Vec::new();
    }
    let all = || sketch.with(RoleName::Manage);
    let found = match all().count() {
        0 => sketch
            .text
            .diagnose(
                "cluster.no-manager",
                "/nodes",
                "no node has the role `manage`",
            )
            .help("give it to three nodes (or to one, without high availability)"),
        1 => relaxed(
            sketch
                .text
                .diagnose(
                    "cluster.manager-count",
                    &format!(
                        "{}/roles",
                        all().next().map_or("/nodes", |node| &node.pointer)
                    ),
                    "there is one manager only, so losing it is losing the platform",
                )
                .warning(),
            MANAGERS,
            "three are recommended",
        ),
        even if even % 2 == 0 => {
            let error = sketch.text.diagnose(
                "cluster.manager-count",
                "/nodes",
                format!("there are {even} managers, an even number: they bear the loss of no more nodes than {} would, and half of them is no majority", even - 1),
            );
            showing(
                sketch,
                relaxed(
                    error,
                    MANAGERS,
                    &format!("make it {} or {}", even - 1, even + 1),
                ),
                all(),
            )
        }
        _ => return Vec::new(),
    };
    vec![found]
}

/// 2 to 100 compute nodes.
pub fn compute(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    if !sketch.roles_known {
        return Vec::new();
    }
    let count = sketch.with(RoleName::Compute).count();
    if (2..=100).contains(&count) {
        return Vec::new();
    }
    let wanted = if count < 2 {
        "at least 2 are needed, so that applications can move when one is lost"
    } else {
        "100 are the most that were planned for"
    };
    vec![relaxed(
        sketch.text.diagnose(
            "cluster.compute-count",
            "/nodes",
            format!(
                "there {} {}: {wanted}",
                if count == 1 { "is" } else { "are" },
                nodes(count, "compute")
            ),
        ),
        COMPUTE,
        "give 2 to 100 nodes the role `compute`",
    )]
}

/// At least 2 storage nodes for GlusterFS.
pub fn storage(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let count = sketch.with(RoleName::Storage).count();
    if !sketch.roles_known || sketch.uses(Concern::Storage) != Some("glusterfs") || count >= 2 {
        return Vec::new();
    }
    let error = sketch.text.diagnose(
        "cluster.storage-count",
        "/storage/use",
        format!(
            "GlusterFS keeps each file on at least 2 machines, and there {} {}",
            if count == 1 { "is" } else { "are" },
            nodes(count, "storage")
        ),
    );
    vec![showing(
        sketch,
        relaxed(
            error,
            STORAGE,
            "give three nodes the role `storage` (the third may be an arbiter)",
        ),
        sketch.with(RoleName::Storage),
    )]
}

/// Network nodes with midonet, and only with it; 2 of them.
pub fn network(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    if !sketch.roles_known {
        return Vec::new();
    }
    let used = sketch.uses(Concern::Network);
    let all: Vec<_> = sketch.with(RoleName::Network).collect();
    if used == Some("midonet") {
        return match all.len() {
            0 => vec![relaxed(
                sketch.text.diagnose(
                    "cluster.network-nodes",
                    "/network/use",
                    "midonet runs on network nodes, and there is none",
                ),
                NETWORK,
                "give two nodes the role `network`",
            )],
            1 => vec![relaxed(
                sketch
                    .text
                    .diagnose(
                        "cluster.network-nodes",
                        &format!("{}/roles", all[0].pointer),
                        "there is one network node only, so losing it cuts the applications off",
                    )
                    .warning(),
                NETWORK,
                "two are recommended",
            )],
            _ => Vec::new(),
        };
    }
    let Some(first) = all.first() else {
        return Vec::new();
    };
    let error = sketch.text.diagnose(
        "cluster.network-nodes",
        &format!("{}/roles", first.pointer),
        format!(
            "only midonet has network nodes, and the network is {}",
            used.map_or("not chosen".to_owned(), crate::wording::quoted)
        ),
    );
    vec![showing(
        sketch,
        relaxed(error, NETWORK, "remove the role `network`"),
        all.into_iter().skip(1),
    )]
}

/// Says that all managers become gateways, when none is named.
pub fn gateways(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let managers: Vec<_> = sketch
        .with(RoleName::Manage)
        .map(NodeSketch::label)
        .collect();
    if !sketch.roles_known || managers.is_empty() || sketch.with(RoleName::Gateway).next().is_some()
    {
        return Vec::new();
    }
    let names = crate::wording::any_of(&managers).replace(" or ", " and ");
    vec![
        sketch
            .text
            .diagnose(
                "cluster.gateways-default",
                "/nodes",
                format!(
                    "no node has the role `gateway`, so the managers are the gateways: {names}"
                ),
            )
            .help("give the role `gateway` to the nodes that are to have it")
            .note(),
    ]
}

/// More than one gateway wants an address that moves between them.
pub fn virtual_address(sketch: &Sketch<'_>) -> Vec<Diagnostic> {
    let count = sketch.gateways();
    if !sketch.roles_known
        || count < 2
        || sketch
            .value
            .get("gateway")
            .is_some_and(|section| !section.is_null())
    {
        return Vec::new();
    }
    vec![relaxed(
        sketch.text.diagnose("cluster.vip-wanted", "/nodes", format!("there are {count} gateways and no virtual address: who uses one of them is cut off when it is lost")).warning(),
        VIRTUAL_ADDRESS,
        "add `gateway: { use: keepalived, keepalived: { vip: ADDRESS/PREFIX } }`",
    )]
}
