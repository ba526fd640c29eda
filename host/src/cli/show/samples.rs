//! Reports made by hand, for tests of what is shown.

use std::collections::BTreeMap;

use arcus_contract::actions::Disruption;
use arcus_engine::{Diff, PlannedLater, PlannedStep, Proposal, Trouble};

fn step(plugin: &str, node: &str, id: &str, action: &str, title: &str, what: &str) -> PlannedStep {
    PlannedStep {
        id: id.into(),
        plugin: plugin.into(),
        node: node.into(),
        about: None,
        title: title.into(),
        action: action.into(),
        what: what.into(),
        why: "first time: it is not there".into(),
        diff: None,
        disrupts: vec![],
        loses: None,
        group: None,
        once: false,
        until: None,
        undo: "restored".into(),
        outside_limit: false,
    }
}

/// A plan with one of everything.
pub fn proposal() -> Proposal {
    let diff = Diff {
        path: "/etc/keepalived/keepalived.conf".into(),
        text: Some("--- /etc/keepalived/keepalived.conf\n+++ /etc/keepalived/keepalived.conf\n@@ -1,2 +1,2 @@\n global_defs {\n-  priority 90\n+  priority 100\n".into()),
        note: None,
    };
    let configuration = |node: &str| PlannedStep {
        diff: Some(diff.clone()),
        why: "drift since 2026-05-01T10:00:00.000Z: its content differs".into(),
        ..step("gateway-keepalived", node, &format!("conf-{node}"), "file", "Write the configuration", "file /etc/keepalived/keepalived.conf 0640 root:root")
    };
    let secret = PlannedStep {
        diff: Some(Diff { path: "/etc/keepalived/secret".into(), text: None, note: Some("its content is secret and not shown".into()) }),
        ..step("gateway-keepalived", "manage01", "secret-manage01", "file", "Write the secret", "file /etc/keepalived/secret 0600 root:root")
    };
    Proposal {
        aim: arcus_engine::Aim::default(),
        cluster: "demo".into(),
        steps: vec![
            step("storage-glusterfs", "storage01", "package-storage01", "package", "Install the server", "install glusterfs-server"),
            PlannedStep {
                disrupts: vec![Disruption::Data],
                loses: Some("data".into()),
                once: true,
                until: Some("the volume is started".into()),
                ..step("storage-glusterfs", "storage01", "volume", "command", "Create the volume data", "run gluster volume create data replica 3 arbiter 1")
            },
            configuration("manage01"),
            secret,
            PlannedStep {
                group: Some("keepalived".into()),
                disrupts: vec![Disruption::Blackout],
                ..step("gateway-keepalived", "manage01", "service-manage01", "service", "Run keepalived", "keepalived.service running, enabled")
            },
            PlannedStep { outside_limit: true, ..configuration("manage02") },
            PlannedStep {
                about: Some("compute01".into()),
                ..step("platform-rainbond", "manage01", "install-compute01", "job", "Install the node compute01", "run as a job grctl node install compute01")
            },
        ],
        later: vec![PlannedLater {
            id: "up-compute01".into(),
            plugin: "platform-rainbond".into(),
            node: "manage01".into(),
            title: "Bring compute01 up".into(),
            kinds: vec!["command".into()],
            why: "its id is known once it is installed".into(),
            disrupts: vec![Disruption::Quorum],
            loses: None,
            live: None,
        }],
        blocked: vec![PlannedLater {
            id: "peer-storage03".into(),
            plugin: "storage-glusterfs".into(),
            node: "storage01".into(),
            title: "Take storage03 into the pool".into(),
            kinds: vec!["command".into()],
            why: "storage03 did not answer".into(),
            disrupts: vec![],
            loses: None,
            live: None,
        }],
        refused: vec![],
        satisfied: 12,
        warnings: vec![Trouble {
            code: "gateway.vrid-unknown".into(),
            message: "nobody listened for other routers yet".into(),
            help: Some("it is looked at again before keepalived starts".into()),
            plugin: Some("gateway-keepalived".into()),
            ..Trouble::default()
        }],
        relaxed: vec!["cpu".into(), "memory".into()],
        missing: BTreeMap::from([(
            "storage03".into(),
            Trouble {
                code: "node.unreachable".into(),
                message: "storage03: cannot reach root@10.0.0.33:22: timed out".into(),
                help: Some("Is the machine up?".into()),
                node: Some("storage03".into()),
                ..Trouble::default()
            },
        )]),
        unanswered: BTreeMap::from([(
            "compute02".into(),
            Trouble { code: "node.timeout".into(), message: "compute02: no answer came in 30 s".into(), ..Trouble::default() },
        )]),
        plugins: BTreeMap::from([("storage-glusterfs".into(), "ab12".into())]),
        digest: "cd34".into(),
        envelope: arcus_plan::envelope::Envelope::default(),
    }
}
