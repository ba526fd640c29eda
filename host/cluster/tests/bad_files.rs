//! A table of bad files and what is said about each: every rule, each kind of wrong shape, each refusal of YAML.

mod common;

use common::{SOUND, findings, spoiled};

const CASES: &[(&str, &[(&str, &str)])] = &[
    ("nothing wrong", &[]),
    // Shape.
    ("unknown key", &[("storage: {", "storge: {")]),
    (
        "unknown key of a node",
        &[("name: compute01, address", "name: compute01, adress")],
    ),
    (
        "unknown key far from all",
        &[("nodes:", "zzz: { a: [1, 2] }\nnodes:")],
    ),
    (
        "wrong types",
        &[
            (
                "roles: [compute] }\n  - { name: compute02",
                "roles: compute }\n  - { name: compute02",
            ),
            ("name: demo", "name: [demo]"),
            ("cluster:\n", "ssh: { port: ssh, user: true }\ncluster:\n"),
        ],
    ),
    (
        "nothing where a value belongs",
        &[
            ("  id: 4f1c2f0e-7d3a-4c56-9b1e-2a8f0c6d5e41", "  id:"),
            (
                "gateway: { use: keepalived, keepalived: { vip: 10.99.0.100/24 } }",
                "gateway: { use: }",
            ),
        ],
    ),
    (
        "a list that is none",
        &[("nodes:\n", "nodes: none\nothers:\n")],
    ),
    (
        "missing keys",
        &[
            ("  id: 4f1c2f0e-7d3a-4c56-9b1e-2a8f0c6d5e41\n", ""),
            ("address: 10.99.0.21, ", ""),
            (
                ", roles: [compute] }\n  - { name: storage01",
                " }\n  - { name: storage01",
            ),
            ("use: calico, ", ""),
        ],
    ),
    (
        "port out of range",
        &[
            ("cluster:\n", "ssh: { port: 0 }\ncluster:\n"),
            (
                "roles: [storage] }\n  - { name: storage02",
                "roles: [storage], ssh: { port: 65536 } }\n  - { name: storage02",
            ),
        ],
    ),
    (
        "bad names",
        &[
            ("name: demo", "name: Demo Cluster"),
            ("name: manage01", "name: -manage01"),
            ("name: manage02", "name: manage02.example.com"),
            ("name: manage03", "name: manägе03"),
        ],
    ),
    (
        "a number as a name is text",
        &[("name: compute01", "name: 1e3")],
    ),
    (
        "bad ids",
        &[("4f1c2f0e-7d3a-4c56-9b1e-2a8f0c6d5e41", "4f1c2f0e")],
    ),
    (
        "nobody's id",
        &[(
            "4f1c2f0e-7d3a-4c56-9b1e-2a8f0c6d5e41",
            "00000000-0000-0000-0000-000000000000",
        )],
    ),
    (
        "unknown role",
        &[(
            "[manage, gateway] }\n  - { name: compute01",
            "[mange, gatway] }\n  - { name: compute01",
        )],
    ),
    (
        "role twice, and none",
        &[
            (
                "roles: [compute] }\n  - { name: compute02",
                "roles: [compute, compute] }\n  - { name: compute02",
            ),
            (
                "roles: [storage] }\n  - { name: storage02",
                "roles: [] }\n  - { name: storage02",
            ),
        ],
    ),
    (
        "settings under the wrong name",
        &[
            ("calico: { pods", "claico: { pods"),
            (
                "glusterfs: { volume: data,",
                "volume: x, glusterfs: { volume: data,",
            ),
        ],
    ),
    (
        "labels are text",
        &[(
            "roles: [compute] }\n  - { name: compute02",
            "roles: [compute], labels: { rack: 7, ssd: true } }\n  - { name: compute02",
        )],
    ),
    // Names.
    ("duplicate name", &[("name: compute02", "name: compute01")]),
    (
        "duplicate name of a host",
        &[(
            "cluster:\n",
            "ssh: { bastion: manage01, hosts: { manage01: { address: jump.example.com } } }\ncluster:\n",
        )],
    ),
    (
        "unknown bastion",
        &[("cluster:\n", "ssh: { bastion: manage1 }\ncluster:\n")],
    ),
    (
        "unknown bastion, nothing like it",
        &[("cluster:\n", "ssh: { bastion: jump }\ncluster:\n")],
    ),
    // Addresses.
    (
        "duplicate address",
        &[
            ("10.99.0.22", "10.99.0.21"),
            ("10.99.0.33", "\"::ffff:10.99.0.32\""),
        ],
    ),
    (
        "duplicate address for SSH",
        &[(
            "roles: [compute] }\n  - { name: compute02",
            "roles: [compute], ssh: { address: 10.99.0.22 } }\n  - { name: compute02",
        )],
    ),
    (
        "one address, two ports for SSH",
        &[(
            "roles: [compute] }\n  - { name: compute02",
            "roles: [compute], ssh: { address: 10.99.0.22, port: 2222 } }\n  - { name: compute02",
        )],
    ),
    (
        "no addresses",
        &[
            ("10.99.0.11", "manage01.example.com"),
            ("10.99.0.12", "10.99.0.256"),
            ("10.99.0.13", "10.99.0.013"),
            ("10.99.0.21", "10.99.0.21/24"),
            ("10.99.0.22", "10.99.0.22:22"),
            ("10.99.0.31", "10.99"),
            ("10.99.0.32", "\"fd00::1::2\""),
        ],
    ),
    (
        "addresses of no one machine",
        &[
            ("10.99.0.11", "127.0.0.1"),
            ("10.99.0.12", "0.0.0.0"),
            ("10.99.0.13", "224.0.0.18"),
            ("10.99.0.21", "\"fe80::1\""),
            ("10.99.0.22", "255.255.255.255"),
            ("10.99.0.31", "169.254.1.1"),
        ],
    ),
    (
        "bad addresses for SSH",
        &[
            (
                "roles: [compute] }\n  - { name: compute02",
                "roles: [compute], ssh: { address: 10.99.0.2222 } }\n  - { name: compute02",
            ),
            (
                "cluster:\n",
                "ssh: { bastion: jump, hosts: { jump: { address: \"jump example\" } } }\ncluster:\n",
            ),
        ],
    ),
    ("address of the example", &[("10.99.0.11", "192.0.2.11")]),
    (
        "virtual address is a node's",
        &[("vip: 10.99.0.100/24", "vip: 10.99.0.12/24")],
    ),
    (
        "virtual address is a node's, without prefix",
        &[("vip: 10.99.0.100/24", "vip: 10.99.0.12")],
    ),
    // Counts.
    ("no manager", &[("[manage, gateway]", "[gateway]")]),
    (
        "even managers",
        &[(
            "  - { name: manage03, address: 10.99.0.13, roles: [manage, gateway] }\n",
            "",
        )],
    ),
    (
        "one manager",
        &[(
            "  - { name: manage02, address: 10.99.0.12, roles: [manage, gateway] }\n  - { name: manage03, address: 10.99.0.13, roles: [manage, gateway] }\n",
            "",
        )],
    ),
    (
        "one compute node",
        &[(
            "  - { name: compute02, address: 10.99.0.22, roles: [compute] }\n",
            "",
        )],
    ),
    (
        "one storage node",
        &[(
            "roles: [storage] }\n  - { name: storage02, address: 10.99.0.32, roles: [storage] }\n  - { name: storage03, address: 10.99.0.33, roles: [storage] }",
            "roles: [storage] }",
        )],
    ),
    (
        "network node without midonet",
        &[(
            "roles: [compute] }\n  - { name: compute02",
            "roles: [compute, network] }\n  - { name: compute02",
        )],
    ),
    (
        "midonet without network nodes",
        &[(
            "use: calico, calico: { pods: 10.244.0.0/16 }",
            "use: midonet",
        )],
    ),
    (
        "midonet with one network node",
        &[
            (
                "use: calico, calico: { pods: 10.244.0.0/16 }",
                "use: midonet",
            ),
            (
                "name: compute01, address: 10.99.0.21, roles: [compute]",
                "name: compute01, address: 10.99.0.21, roles: [compute, network]",
            ),
        ],
    ),
    ("no gateway", &[("[manage, gateway]", "[manage]")]),
    (
        "gateways without a virtual address",
        &[(
            "gateway: { use: keepalived, keepalived: { vip: 10.99.0.100/24 } }\n",
            "",
        )],
    ),
    (
        "no nodes",
        &[("nodes:\n", "nodes: []\nplugins: {}\nothers:\n")],
    ),
    // Ranges.
    (
        "containers among the nodes",
        &[("10.244.0.0/16", "10.99.0.16/28")],
    ),
    (
        "containers over services",
        &[("10.244.0.0/16", "11.0.0.0/8")],
    ),
    (
        "containers over docker",
        &[("10.244.0.0/16", "172.30.64.0/18")],
    ),
    (
        "containers over the virtual address",
        &[("10.244.0.0/16", "10.99.0.96/28")],
    ),
    ("a node in docker's range", &[("10.99.0.22", "172.30.0.22")]),
    // Plugins.
    (
        "paths",
        &[
            (
                "platform:",
                "plugins: { storage-a: /etc/passwd, storage-b: ../x.wasm, storage-c: ~/x.wasm, storage-d: plugins/../../x.wasm, storage-e: \"\" }\nplatform:",
            ),
            ("storage: {", "storage: {"),
        ],
    ),
    (
        "bad plugin name",
        &[("platform:", "plugins: { moosefs: ./a.wasm }\nplatform:")],
    ),
    (
        "unused plugin",
        &[(
            "platform:",
            "plugins: { storage-moosefs: ./a.wasm }\nplatform:",
        )],
    ),
    // YAML.
    (
        "duplicate key",
        &[("  name: demo", "  name: demo\n  name: other")],
    ),
    (
        "duplicate key and more",
        &[
            ("  name: demo", "  name: demo\n  name: other"),
            ("[compute]", "[compte]"),
        ],
    ),
    (
        "anchor and alias",
        &[(
            "roles: [compute] }\n  - { name: compute02, address: 10.99.0.22, roles: [compute]",
            "roles: &r [compute] }\n  - { name: compute02, address: 10.99.0.22, roles: *r",
        )],
    ),
    (
        "merge key",
        &[("  name: demo", "  name: demo\n  <<: { a: 1 }")],
    ),
    ("tag", &[("name: demo", "name: !!python/object demo")]),
    ("second document", &[("nodes:", "---\nnodes:")]),
    ("tab", &[("  name: demo", "\tname: demo")]),
    ("NUL", &[("name: demo", "name: de\0mo")]),
    (
        "escape in a value",
        &[("name: demo", "name: \"demo\\e[2J\"")],
    ),
    (
        "direction of writing",
        &[("name: demo", "name: demo # \u{202e}omed")],
    ),
    (
        "unclosed list",
        &[(
            "roles: [compute] }\n  - { name: compute02",
            "roles: [compute }\n  - { name: compute02",
        )],
    ),
    ("unclosed quote", &[("name: demo", "name: \"demo")]),
    ("wrong indentation", &[("  id:", "   id:")]),
    ("colon in a value", &[("name: demo", "name: demo: x")]),
    // All at once.
    (
        "many",
        &[
            ("name: demo", "name: Demo"),
            (
                "roles: [compute] }\n  - { name: compute02",
                "roles: [compute], rack: a }\n  - { name: compute01",
            ),
            ("10.99.0.32", "10.99.0.31"),
            ("vip: 10.99.0.100/24", "vip: 10.99.0.11/24"),
            ("10.244.0.0/16", "172.30.0.0/16"),
            (
                "  - { name: manage03, address: 10.99.0.13, roles: [manage, gateway] }\n",
                "",
            ),
        ],
    ),
];

#[test]
fn each_is_told_at_its_place() {
    let mut table = String::new();
    for (name, edits) in CASES {
        let found = findings(&spoiled(edits));
        table += &format!("## {name}\n");
        for one in found {
            table += &format!("{one}\n");
        }
        table += "\n";
    }
    insta::assert_snapshot!(table);
}

#[test]
fn nothing_at_all() {
    let mut table = String::new();
    for text in [
        "",
        "\n\n",
        "# later\n",
        "---\n",
        "null\n",
        "[]\n",
        "words\n",
        "{}\n",
        "- a\n- b\n",
    ] {
        table += &format!("## {text:?}\n");
        for one in findings(text) {
            table += &format!("{one}\n");
        }
        table += "\n";
    }
    insta::assert_snapshot!(table);
}

#[test]
fn mistakes_without_number_are_cut_off_with_a_word() {
    let keys: String = (0..5000)
        .map(|number| format!("key{number}: 1\n"))
        .collect();
    let found = findings(&format!("{SOUND}{keys}"));
    assert_eq!(found.len(), 101);
    assert_eq!(found[100].code, "file.more");
    assert!(
        found[..100]
            .iter()
            .all(|one| one.code == "cluster.unknown-key")
    );
}
