//! What sound files mean: defaults, the model, the template, relaxations, settings of plugins.

mod common;

use arcus_cluster::{File, Jump, Severity, schema, template};
use arcus_contract::types::Role;
use common::{SOUND, cluster, findings, spoiled};
use serde_json::json;
use uuid::Uuid;

#[test]
fn the_model() {
    let text = spoiled(&[
        (
            "cluster:\n",
            "ssh: { user: ops, port: 2200, bastion: jump, hosts: { jump: { address: jump.example.com, user: me } } }\ncluster:\n",
        ),
        (
            "name: manage01, address: 10.99.0.11, ",
            "name: manage01, address: 10.99.0.11, labels: { rack: 007, b: x }, ssh: { address: 192.168.1.5, port: 22 }, ",
        ),
    ]);
    let cluster = cluster(&text);
    assert_eq!(cluster.name, "demo");
    assert_eq!(
        cluster.id.to_string(),
        "4f1c2f0e-7d3a-4c56-9b1e-2a8f0c6d5e41"
    );
    assert_eq!(cluster.nodes.len(), 8);
    assert!(cluster.notes.is_empty() && cluster.relaxed.is_empty());
    let first = cluster.node("manage01").unwrap();
    assert_eq!(first.node.address, "10.99.0.11");
    assert_eq!(first.node.roles, [Role::Manage, Role::Gateway]);
    assert_eq!(
        first.node.labels,
        [
            ("b".to_owned(), "x".to_owned()),
            ("rack".to_owned(), "007".to_owned())
        ]
    );
    assert_eq!(
        (
            first.ssh.address.as_str(),
            first.ssh.port,
            first.ssh.user.as_str()
        ),
        ("192.168.1.5", 22, "ops")
    );
    assert_eq!(
        first.ssh.bastion,
        Some(Jump {
            name: "jump".into(),
            address: "jump.example.com".into(),
            port: 2200,
            user: "me".into()
        })
    );
    assert_eq!(
        cluster
            .with(Role::Storage)
            .map(|member| member.ssh.port)
            .collect::<Vec<_>>(),
        [2200; 3]
    );
    let storage = cluster.storage.as_ref().unwrap();
    assert_eq!(
        (storage.plugin.as_str(), storage.pointer.as_str()),
        ("storage-glusterfs", "/storage/glusterfs")
    );
    assert_eq!(
        storage.config,
        json!({"volume": "data", "brick": "/data/brick", "arbiter": "storage03"})
    );
    assert_eq!(
        cluster
            .uses()
            .map(|one| one.plugin.as_str())
            .collect::<Vec<_>>(),
        [
            "storage-glusterfs",
            "network-calico",
            "gateway-keepalived",
            "platform-rainbond"
        ]
    );
}

#[test]
fn a_wish_to_move_names_both_storages_and_what_moves_them() {
    let moving = spoiled(&[(
        "{ use: glusterfs, ",
        "{ use: glusterfs, migrating-from: nfs, nfs: { server: 10.99.0.11, export: /grdata }, migration: { exclude: [compute02] }, ",
    )]);
    let cluster = cluster(&moving);
    let migrating = cluster.migrating.as_ref().unwrap();
    assert_eq!(
        (migrating.from.plugin.as_str(), migrating.from.pointer.as_str()),
        ("storage-nfs", "/storage/nfs")
    );
    assert_eq!(migrating.by.config, json!({"exclude": ["compute02"]}));
    assert_eq!(
        cluster
            .uses()
            .map(|one| one.plugin.as_str())
            .take(3)
            .collect::<Vec<_>>(),
        ["storage-glusterfs", "storage-nfs", "migrate-storage"]
    );
    let told = |text: &str| arcus_cluster::File::parse("cluster.yaml", text).unwrap().cluster().unwrap_err()[0].code.clone();
    assert_eq!(told(&moving.replace("migrating-from: nfs", "migrating-from: glusterfs")), "cluster.migrating-from");
    assert_eq!(told(&moving.replace("migrating-from: nfs, ", "")), "cluster.unknown-key");
}

#[test]
fn a_node_as_bastion_is_itself_reached_directly() {
    let cluster = cluster(&spoiled(&[(
        "cluster:\n",
        "ssh: { bastion: manage02 }\ncluster:\n",
    )]));
    for member in &cluster.nodes {
        let through = member
            .ssh
            .bastion
            .as_ref()
            .map(|jump| jump.address.as_str());
        assert_eq!(
            through,
            (member.node.name != "manage02").then_some("10.99.0.12"),
            "{}",
            member.node.name
        );
        assert_eq!((member.ssh.port, member.ssh.user.as_str()), (22, "root"));
    }
}

#[test]
fn managers_become_gateways_and_it_is_said() {
    let cluster = cluster(&spoiled(&[("[manage, gateway]", "[manage]")]));
    assert_eq!(
        cluster
            .with(Role::Gateway)
            .map(|member| member.node.name.as_str())
            .collect::<Vec<_>>(),
        ["manage01", "manage02", "manage03"]
    );
    assert_eq!(
        cluster
            .notes
            .iter()
            .map(|one| (one.code.as_str(), one.severity))
            .collect::<Vec<_>>(),
        [("cluster.gateways-default", Severity::Note)]
    );
}

#[test]
fn addresses_are_told_in_one_form() {
    let cluster = cluster(&spoiled(&[
        ("10.99.0.21", "\"FD00:0:0::0021\""),
        ("10.99.0.22", "\"::ffff:10.99.0.22\""),
    ]));
    assert_eq!(cluster.node("compute01").unwrap().node.address, "fd00::21");
    assert_eq!(
        cluster.node("compute02").unwrap().node.address,
        "10.99.0.22"
    );
}

#[test]
fn every_relaxation_relaxes_its_rule_and_no_other() {
    let no_vip = (
        "gateway: { use: keepalived, keepalived: { vip: 10.99.0.100/24 } }\n",
        "",
    );
    let even = (
        "  - { name: manage03, address: 10.99.0.13, roles: [manage, gateway] }\n",
        "",
    );
    let one_compute = (
        "  - { name: compute02, address: 10.99.0.22, roles: [compute] }\n",
        "",
    );
    let storage = ("roles: [storage]", "roles: [compute]");
    let midonet = (
        "use: calico, calico: { pods: 10.244.0.0/16 }",
        "use: midonet",
    );
    for (edit, name, code) in [
        (no_vip, "vip", "cluster.vip-wanted"),
        (even, "manager-count", "cluster.manager-count"),
        (one_compute, "compute-count", "cluster.compute-count"),
        (storage, "storage-count", "cluster.storage-count"),
        (midonet, "network-nodes", "cluster.network-nodes"),
    ] {
        let before = findings(&spoiled(&[edit]));
        assert_eq!(
            before
                .iter()
                .map(|one| one.code.as_str())
                .collect::<Vec<_>>(),
            [code],
            "{name}"
        );
        assert!(
            before[0]
                .help
                .as_deref()
                .unwrap()
                .contains(&format!("`{name}`")),
            "the help names the way"
        );
        let relaxed = cluster(&format!(
            "{}preflight: {{ relax: [cpu, {name}] }}\n",
            spoiled(&[edit])
        ));
        assert_eq!(
            relaxed
                .relaxed
                .iter()
                .map(|one| one.code.as_str())
                .collect::<Vec<_>>(),
            [code]
        );
        assert!(relaxed.notes.is_empty());
        assert_eq!(relaxed.relax[1].name, name);
        assert_eq!(relaxed.relax[1].pointer, "/preflight/relax/1");
        let other = findings(&format!(
            "{}preflight: {{ relax: [cpu, memory] }}\n",
            spoiled(&[edit])
        ));
        assert_eq!(
            other
                .iter()
                .map(|one| one.code.as_str())
                .collect::<Vec<_>>(),
            [code],
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_relaxed_is_not() {
    let text = format!(
        "{}preflight: {{ relax: [no-manager, manager-count, duplicate-name, cluster.no-manager] }}\n",
        spoiled(&[("[manage, gateway]", "[gateway]")])
    );
    assert_eq!(
        findings(&text)
            .iter()
            .map(|one| one.code.as_str())
            .collect::<Vec<_>>(),
        ["cluster.no-manager"]
    );
}

#[test]
fn the_template_is_sound_once_addresses_are_filled_in() {
    let id = Uuid::from_u128(0x4f1c_2f0e_7d3a_4c56_9b1e_2a8f_0c6d_5e41);
    let text = template("demo", id);
    let filled = cluster(&text.replace("192.0.2.", "10.1.2."));
    assert!(filled.notes.is_empty(), "{:?}", filled.notes);
    assert_eq!((filled.name.as_str(), filled.id), ("demo", id));
    assert_eq!(filled.uses().count(), 4);
    // As it is, nothing but the addresses of the example is told.
    let as_is = cluster(&text);
    assert_eq!(
        as_is
            .notes
            .iter()
            .map(|one| one.code.as_str())
            .collect::<Vec<_>>(),
        ["cluster.example-address"]
    );
    // What it offers in comments is sound too.
    let uncommented = text
        .replace("192.0.2.", "10.1.2.")
        .replace("  # bastion:", "  bastion:")
        .replace("  # hosts:", "  hosts:")
        .replace("  #   jump:", "    jump:");
    let through = cluster(&uncommented).nodes[0].ssh.bastion.clone().unwrap();
    assert_eq!(
        (through.address.as_str(), through.user.as_str()),
        ("jump.example.com", "ops")
    );
}

#[test]
fn the_schema_is_for_editors() {
    let schema = schema();
    let nodes = &schema["$defs"]["NodeEntry"]["properties"];
    for (pointer, name) in [
        ("/properties/nodes/description", "nodes"),
        ("/properties/cluster", "cluster"),
    ] {
        assert!(schema.pointer(pointer).is_some(), "{name}");
    }
    assert_eq!(
        nodes["name"]["description"],
        "Its name in this file and in all output."
    );
    assert_eq!(schema["additionalProperties"], false);
}

fn keepalived() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": {
            "vip": {"type": "string", "pattern": "^[0-9a-f.:]+/[0-9]+$", "x-expected": "an address with the length of its prefix, such as `10.0.0.100/24`"},
            "multicast": {"type": "boolean", "default": false},
            "version": {"type": "string"},
        },
        "required": ["vip"],
        "additionalProperties": false,
    })
}

#[test]
fn settings_of_plugins() {
    let file = |settings: &str| {
        File::parse(
            "cluster.yaml",
            &spoiled(&[("{ vip: 10.99.0.100/24 }", settings)]),
        )
        .unwrap()
    };
    let told = |settings: &str| {
        file(settings)
            .check_config("/gateway/keepalived", &keepalived())
            .iter()
            .map(|one| format!("{} {one}", one.pointer))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(
        file("{ vip: 10.99.0.100/24, version: 5.10 }")
            .config("/gateway/keepalived", &keepalived())
            .unwrap(),
        json!({"vip": "10.99.0.100/24", "version": "5.10"})
    );
    let settings = [
        "{ vip: 10.99.0.100, multicst: yes, multicast: yes }",
        "{ vip: 10.99, vpi: 1 }",
        "{}",
        "nothing",
    ];
    let mut table: String = settings
        .into_iter()
        .map(|settings| format!("## {settings}\n{}\n\n", told(settings)))
        .collect();
    // Absent settings are shown where they would be.
    let absent = File::parse(
        "cluster.yaml",
        &spoiled(&[(", keepalived: { vip: 10.99.0.100/24 }", "")]),
    )
    .unwrap();
    let found = absent.check_config("/gateway/keepalived", &keepalived());
    table += &format!("## absent\n{}\n", found[0]);
    insta::assert_snapshot!(table);
}

#[test]
fn a_bad_schema_is_the_plugins_mistake() {
    let file = File::parse("cluster.yaml", SOUND).unwrap();
    let found = file
        .config("/network/calico", &json!({"$ref": "file:///etc/passwd"}))
        .unwrap_err();
    assert_eq!(found[0].code, "plugin.bad-schema");
    assert_eq!(
        (found[0].span.unwrap().line, found[0].span.unwrap().column),
        (14, 25)
    );
}

#[test]
fn names_that_nobody_knows() {
    let text = format!(
        "{}preflight: {{ relax: [cpu, memroy, vip] }}\nplugins: {{ storage-moosefs: ./a.wasm }}\n",
        spoiled(&[
            (
                "use: calico, calico: { pods: 10.244.0.0/16 }",
                "use: calcio"
            ),
            (
                "use: glusterfs, glusterfs: { volume: data, brick: /data/brick, arbiter: storage03 }",
                "use: moosefs"
            )
        ])
    );
    let file = File::parse("cluster.yaml", &text).unwrap();
    let cluster = file.cluster().unwrap();
    let known = [
        "network-calico",
        "network-flannel",
        "gateway-keepalived",
        "platform-rainbond",
    ];
    let mut told: String = file
        .unknown_plugins(&cluster, &known)
        .iter()
        .map(|one| format!("{one}\n"))
        .collect();
    told += &file
        .unknown_plugins(&cluster, &[])
        .iter()
        .map(|one| format!("{one}\n"))
        .collect::<String>();
    told += &file
        .unknown_relaxations(&cluster, &["cpu", "memory"])
        .iter()
        .map(|one| format!("{one}\n"))
        .collect::<String>();
    insta::assert_snapshot!(told);
}
