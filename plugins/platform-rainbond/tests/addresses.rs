//! Everything that leads to the first node after its installation leads to the virtual address in the end, and each is seen to when it does not.

mod common;

use arcus_platform_rainbond::Rainbond;
use arcus_sdk::contract::actions::Action;
use arcus_sdk::contract::checks::{Check, Outcome};
use arcus_sdk::contract::files::Piece;
use arcus_sdk::contract::handoffs::GatewayOffer;
use arcus_sdk::contract::types::Role;
use arcus_sdk::fake::{Fixture, Lab, World};
use common::*;

const MANAGERS: &str = "http://10.99.0.11:2379,http://10.99.0.12:2379,http://10.99.0.13:2379";

fn check(lab: &Lab<Rainbond>, id: &str, node: Option<&str>) -> Check {
    let checks = lab.verify().unwrap_or_else(|trouble| panic!("{trouble}")).checks;
    let found = checks.into_iter().find(|check| check.id == id && check.node.as_deref() == node);
    found.unwrap_or_else(|| panic!("no check {id} on {node:?}"))
}

/// Breaks a cluster that is whole; the check must say so, in these words, and the next apply mends it with these steps.
fn broken(lab: &mut Lab<Rainbond>, whole: &World, change: impl Fn(&mut World), id: &str, node: Option<&str>, words: &str, mended_by: &[&str]) {
    *lab.world() = whole.clone();
    assert_eq!(check(lab, id, node).outcome, Outcome::Passed, "{id} before");
    change(&mut lab.world());
    let found = check(lab, id, node);
    assert_eq!(found.outcome, Outcome::Failed, "{id}: {found:?}");
    assert!(found.detail.contains(words), "{id}: {}", found.detail);
    assert_eq!(done(lab), mended_by, "{id}");
    assert_eq!(check(lab, id, node).outcome, Outcome::Passed, "{id} after");
}

fn replaced(world: &mut World, node: &str, path: &str, from: &str, to: &str) {
    let text = world.text(node, path).unwrap();
    assert!(text.contains(from), "{path}: {text}");
    world.write(node, path, text.replace(from, to));
}

#[test]
fn the_data_centre_is_set_alone_and_its_old_values_kept() {
    let mut lab = lab(of_5_1());
    assert!(matches!(step(&lab, "region:rainbond").action, Action::Later(_)));
    done(&mut lab);
    let whole = "https://10.99.0.100:8443\tws://10.99.0.100:6060\t10.99.0.100\tabc123.grapps.cn";
    assert_eq!(lab.world().memory["region/rainbond"], whole);
    assert_eq!(lab.world().memory["region/other"], region("192.0.2.9"));
    for old in ["https://10.99.0.11:8443\tws://10.99.0.100:6060\t10.99.0.100", "https://10.99.0.100:8443\tws://10.99.0.11:6060\t10.99.0.100", "https://10.99.0.100:8443\tws://10.99.0.100:6060\t10.99.0.11"] {
        lab.world().memory.insert("region/rainbond".into(), format!("{old}\tabc123.grapps.cn"));
        let found = check(&lab, "region", None);
        assert!(found.outcome == Outcome::Failed && found.detail.contains("10.99.0.11"), "{found:?}");
        let step = step(&lab, "region:rainbond");
        let Some(Action::Command(undo)) = &step.undo else { panic!("no undo") };
        let [url, wsurl, tcpdomain] = old.split('\t').collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!(undo.stdin, [Piece::Text(format!("UPDATE console.region_info SET url='{url}', wsurl='{wsurl}', tcpdomain='{tcpdomain}' WHERE region_name='rainbond';\n"))]);
        assert_eq!(done(&mut lab), ["region:rainbond"]);
        assert_eq!(lab.world().memory["region/rainbond"], whole);
    }
    // What cannot be put back safely has no undo, and is set all the same.
    lab.world().memory.insert("region/rainbond".into(), "https://a'b:8443\tws://x:6060\ty\tabc123.grapps.cn".into());
    assert!(step(&lab, "region:rainbond").undo.is_none());
    assert_eq!(done(&mut lab), ["region:rainbond"]);
}

#[test]
fn the_api_of_5_0_keeps_its_name_which_its_certificate_is_for() {
    let mut lab = lab(of_5_0());
    done(&mut lab);
    assert_eq!(lab.world().memory["region/rainbond"], "https://region.goodrain.me:8443\tws://10.99.0.100:6060\t10.99.0.100\tabc123.grapps.cn");
}

#[test]
fn all_that_led_to_the_first_node_leads_to_the_address_and_to_all_managers() {
    let mut lab = lab(of_5_1());
    let performed = done(&mut lab);
    let world = lab.world();
    for node in ["manage01", "manage02", "manage03", "compute01", "compute02"] {
        assert_eq!(
            world.text(node, "/etc/hosts").unwrap(),
            "127.0.0.1 localhost\n10.99.0.11 first\n10.99.0.100 kubeapi.goodrain.me goodrain.me repo.goodrain.me lang.goodrain.me maven.goodrain.me region.goodrain.me\n",
            "the rest of the file is not ours"
        );
        let records = "\n    --recoders=goodrain.me=10.99.0.100,*.goodrain.me=10.99.0.100\n";
        assert!(world.text(node, "/opt/rainbond/conf/dns.yaml").unwrap().contains(records));
        assert!(world.text(node, "/etc/systemd/system/rbd-dns.service").unwrap().contains(records));
    }
    assert!(world.text("manage01", "/opt/rainbond/scripts/start-node.sh").unwrap().contains(&format!("--log-level=info --etcd={MANAGERS}   --noderule manage,gateway\"")));
    assert!(world.text("manage02", "/opt/rainbond/etc/cni/10-calico.conf").unwrap().contains(&format!("    \"etcd_endpoints\": \"{MANAGERS}\",\n")));
    assert!(world.text("compute01", "/opt/rainbond/scripts/start-etcd-proxy.sh").unwrap().contains(&format!("  --endpoints={MANAGERS} \\\n")));
    assert!(world.text("compute01", "/opt/rainbond/scripts/start-node.sh").unwrap().contains("--etcd=http://127.0.0.1:2379 "), "its agent goes by the proxy");
    assert_eq!(world.memory["vendor"], VIP);
    // One agent after the other, and a name only when what it leads to is there.
    let place = |id: &str| performed.iter().position(|step| step == id).unwrap_or_else(|| panic!("no {id} in {performed:?}"));
    for node in ["manage01", "manage02", "manage03", "compute01", "compute02"] {
        assert!(place(&format!("names:{node}")) > place("install:manage03"), "{performed:?}");
    }
    drop(world);
    let run = step(&lab, "agent-run:manage02");
    assert_eq!(run.group.as_deref(), Some("agents"));
    assert!(run.needs.iter().any(|need| need.milestone == "platform.joined" && need.nodes.contains(&"manage03".to_owned())), "{:?}", run.needs);
}

#[test]
fn each_that_leads_elsewhere_is_seen_and_mended() {
    let mut lab = lab(of_5_1());
    done(&mut lab);
    let whole = lab.world().clone();
    let lab = &mut lab;
    broken(lab, &whole, |world| replaced(world, "compute01", "/etc/hosts", VIP, "10.99.0.11"), "names", Some("compute01"), "other addresses", &["names:compute01"]);
    // As the installer writes it again.
    let again = |world: &mut World| {
        let text = world.text("manage02", "/etc/hosts").unwrap();
        world.write("manage02", "/etc/hosts", format!("10.99.0.11 goodrain.me region.goodrain.me\n{text}"));
    };
    broken(lab, &whole, again, "names", Some("manage02"), "other addresses", &["names:manage02"]);
    let dns = "/opt/rainbond/conf/dns.yaml";
    broken(lab, &whole, |world| replaced(world, "manage02", dns, "=10.99.0.100,", "=10.99.0.11,"), "dns", Some("manage02"), "goodrain.me leads to 10.99.0.11", &["dns:manage02"]);
    let unit = "/etc/systemd/system/rbd-dns.service";
    broken(lab, &whole, |world| replaced(world, "compute02", unit, "10.99.0.100", "10.99.0.11"), "dns", Some("compute02"), "rbd-dns.service: ", &["dns-update:compute02"]);
    let agent = "/opt/rainbond/scripts/start-node.sh";
    let stale = |world: &mut World| replaced(world, "manage03", agent, MANAGERS, "http://127.0.0.1:2379");
    broken(lab, &whole, stale, "etcd-endpoints", Some("manage03"), "says http://127.0.0.1:2379", &["agent-etcd:manage03", "agent-run:manage03", "agent-well:manage03"]);
    let proxy = |world: &mut World| replaced(world, "compute01", "/opt/rainbond/scripts/start-etcd-proxy.sh", ",http://10.99.0.13:2379", "");
    broken(lab, &whole, proxy, "etcd-endpoints", Some("compute01"), "start-etcd-proxy.sh says", &["proxy-etcd:compute01", "proxy-run:compute01"]);
    let pods = |world: &mut World| replaced(world, "manage01", "/opt/rainbond/etc/cni/10-calico.conf", MANAGERS, "http://10.99.0.11:2379");
    broken(lab, &whole, pods, "etcd-endpoints", Some("manage01"), "10-calico.conf says", &["pods-etcd:manage01"]);
    let vendor = |world: &mut World| drop(world.memory.insert("vendor".into(), "10.99.0.11".into()));
    broken(lab, &whole, vendor, "domain", None, "leads to 10.99.0.11", &["domain:manage01"]);
    let open = |world: &mut World| world.machine("manage01").files.get_mut("/opt/rainbond/.init/.db_info").unwrap().mode = 0o644;
    broken(lab, &whole, open, "passwords", Some("manage01"), ".db_info has the mode 0644", &["seal:manage01"]);
}

#[test]
fn a_file_that_nobody_knows_is_told_and_left_alone() {
    let mut lab = lab(of_5_1());
    done(&mut lab);
    lab.world().write("manage02", "/opt/rainbond/conf/dns.yaml", "services: []\n");
    lab.world().write("manage02", "/opt/rainbond/scripts/start-node.sh", "exec node\n");
    let plan = lab.plan().unwrap();
    let codes: Vec<&str> = plan.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert!(codes.contains(&"rainbond.dns-by-hand") && codes.contains(&"rainbond.etcd-by-hand"), "{codes:?}");
    assert!(lab.converge().unwrap().performed().is_empty());
    assert_eq!(check(&lab, "dns", Some("manage02")).outcome, Outcome::Failed);
    assert_eq!(check(&lab, "etcd-endpoints", Some("manage02")).outcome, Outcome::Failed);
}

#[test]
fn a_domain_of_ones_own_is_ones_own() {
    for config in [r#"{"version": "5.1", "domain": "apps.example.org"}"#, r#"{"version": "5.1", "install": "offline"}"#] {
        let plan = lab(fixture(world("5.1"), config)).plan().unwrap();
        assert!(plan.steps.iter().all(|step| !step.id.starts_with("domain:")));
    }
}

/// Gateways on machines of their own, with an address of theirs, and the managers with one of their own.
fn separate() -> Fixture {
    let mut world = world("5.1");
    for node in &mut world.nodes {
        node.roles.retain(|role| *role != Role::Gateway);
    }
    world.machine("manage01").interfaces[1].addresses = vec!["10.99.0.11/24".into(), "10.99.0.101/24".into()];
    world.node("edge01", "10.99.0.41", &[Role::Gateway]).interfaces[1].addresses.push(format!("{VIP}/24"));
    world.node("edge02", "10.99.0.42", &[Role::Gateway]);
    fixture(world, r#"{"version": "5.1"}"#)
        .provided("storage.mounted", &["edge01", "edge02"])
        .provided("network.ready", &["edge01", "edge02"])
        .provided("vip.managers-answering", &["manage01"])
        .handing(|handed| handed.gateway.as_mut().unwrap().managers = Some("10.99.0.101".into()))
}

#[test]
fn gateways_and_managers_may_have_an_address_each() {
    let mut lab = lab(separate());
    let init = step(&lab, "init:manage01");
    let argv = argv(&init);
    assert_eq!(argv[3], "manage,gateway", "the installer wants its first node so");
    assert!(argv.windows(2).any(|words| words == ["--vip", "10.99.0.101"]), "{argv:?}");
    assert!(init.needs.iter().any(|need| need.milestone == "vip.managers-answering"));
    assert!(lab.plan().unwrap().warnings.iter().any(|warning| warning.code == "rainbond.first-gateway"));
    done(&mut lab);
    assert_eq!(lab.world().memory["region/rainbond"], "https://10.99.0.101:8443\tws://10.99.0.101:6060\t10.99.0.100\tabc123.grapps.cn");
    let hosts = lab.world().text("edge02", "/etc/hosts").unwrap();
    assert!(hosts.ends_with("10.99.0.100 kubeapi.goodrain.me goodrain.me repo.goodrain.me lang.goodrain.me maven.goodrain.me\n10.99.0.101 region.goodrain.me\n"), "{hosts}");
    assert!(lab.world().text("edge01", "/opt/rainbond/scripts/start-node.sh").unwrap().contains(MANAGERS), "a gateway alone knew the first manager only");
    let checks = lab.verify().unwrap().checks;
    let bad: Vec<_> = checks.iter().filter(|check| check.outcome != Outcome::Passed).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    lab.world().machine("edge01").interfaces[1].addresses.pop();
    assert_eq!(check(&lab, "traffic-by-vip", None).outcome, Outcome::Failed);
    assert_eq!(check(&lab, "api-by-vip", None).outcome, Outcome::Passed);
    lab.world().machine("manage01").interfaces[1].addresses.pop();
    assert_eq!(check(&lab, "api-by-vip", None).outcome, Outcome::Failed);
}

fn clash() -> Fixture {
    let mut fixture = of_5_0();
    fixture.world.memory.insert("api-on-6443".into(), "yes".into());
    fixture
}

#[test]
fn kubernetes_api_is_moved_out_of_the_gateways_way_one_manager_after_the_other() {
    let mut lab = lab(clash());
    let performed = done(&mut lab);
    for node in ["manage01", "manage02", "manage03"] {
        let text = lab.world().text(node, "/opt/rainbond/conf/k8s-master.yaml").unwrap();
        assert!(text.contains("port: 6442\n") && text.contains("\n    --secure-port=6442\n    --insecure-port=8181\n"), "{text}");
        assert!(lab.world().text(node, "/opt/rainbond/conf/k8s-master.yaml.arcus-original").unwrap().contains("port: 6443"));
        assert_eq!(check(&lab, "kubernetes-port", Some(node)).outcome, Outcome::Passed);
    }
    let api: Vec<&str> = performed.iter().map(String::as_str).filter(|id| id.starts_with("api-")).collect();
    assert_eq!(api, ["api-port:manage01", "api-update:manage01", "api-port:manage02", "api-update:manage02", "api-port:manage03", "api-update:manage03"]);
    // One that does not come back stops the rest: a group alone would let another node's step in between.
    assert!(step(&lab, "api-port:manage02").after.contains(&"api-run:manage01".into()) && step(&lab, "api-port:manage03").after.contains(&"api-run:manage02".into()));
    assert!(step(&lab, "agent-run:manage03").after.iter().any(|id| id.starts_with("agent-") && id.ends_with(":manage02")));
    assert!(["api-port", "api-update", "api-run"].iter().all(|verb| step(&lab, &format!("{verb}:manage02")).group.as_deref() == Some("kubernetes-api")));
    lab.world().machine("manage03").unit("kube-apiserver.service").active = false;
    assert_eq!(check(&lab, "kubernetes", Some("manage03")).outcome, Outcome::Failed);
}

#[test]
fn builds_of_5_0_that_have_it_right_are_left_alone_and_5_1_is_only_looked_at() {
    let mut five_zero = lab(of_5_0());
    assert!(done(&mut five_zero).iter().all(|id| !id.starts_with("api-")));
    let mut five_one = lab(of_5_1());
    done(&mut five_one);
    assert!(five_one.plan().unwrap().steps.iter().all(|step| !step.id.starts_with("api-")));
    replaced(&mut five_one.world(), "manage02", "/opt/rainbond/conf/k8s-master.yaml", "--secure-port=6442", "--secure-port=6443");
    assert_eq!(check(&five_one, "kubernetes-port", Some("manage02")).outcome, Outcome::Failed);
}

/// The file has another virtual address from now on, and keepalived has led it to the first manager.
fn with_another_address(mut lab: Lab<Rainbond>) -> Lab<Rainbond> {
    let mut fixture = of_5_1();
    fixture.world = lab.world().clone();
    let other = "10.99.0.200";
    for address in &mut fixture.world.machine("manage01").interfaces[1].addresses {
        *address = address.replace(VIP, other);
    }
    let mut fixture = fixture.handing(|handed| handed.gateway = Some(GatewayOffer { address: other.into(), managers: None }));
    fixture.config = lab.fixture().config.clone();
    Lab::new(fixture)
}

#[test]
fn another_virtual_address_leaves_no_tool_that_asks_at_the_old_one() {
    let mut lab = lab(of_5_1());
    assert!(!done(&mut lab).iter().any(|step| step.starts_with("tool:")));
    assert_eq!(check(&lab, "tool", Some("manage01")).detail, "https://10.99.0.100:8443");
    let whole = lab.world().text("manage02", TOOL).unwrap();
    let mut lab = with_another_address(lab);
    let found = check(&lab, "tool", Some("manage01"));
    assert!(found.outcome == Outcome::Failed && found.detail.contains("it asks https://10.99.0.100:8443, which is no address of the cluster"), "{found:?}");
    let performed = done(&mut lab);
    for node in ["manage01", "manage02", "manage03"] {
        assert!(performed.contains(&format!("tool:{node}")), "{performed:?}");
        assert_eq!(lab.world().text(node, TOOL).unwrap(), whole.replace("https://10.99.0.100:8443", "http://127.0.0.1:8888"), "the rest is the installer's");
        assert_eq!(lab.world().text(node, &format!("{TOOL}.arcus-original")).unwrap(), whole);
    }
    assert_eq!(lab.world().memory["region/rainbond"], "https://10.99.0.200:8443\tws://10.99.0.200:6060\t10.99.0.200\tabc123.grapps.cn");
    assert_eq!(check(&lab, "tool", Some("manage01")).outcome, Outcome::Passed);
    assert!(done(&mut lab).is_empty());
}

#[test]
fn a_manager_that_joins_after_another_address_is_announced_to_be_told_it_too() {
    let mut lab = lab(of_5_1());
    let third = lab.world().nodes.iter().position(|node| node.name == "manage03").unwrap();
    let third = lab.world().nodes.remove(third);
    lab.world().nodes.retain(|node| node.name != "manage02");
    done(&mut lab);
    let mut lab = with_another_address(lab);
    done(&mut lab);
    let mut second = third.clone();
    (second.name, second.address) = ("manage02".into(), "10.99.0.12".into());
    lab.world().nodes.extend([second, third]);
    assert!(matches!(step(&lab, "tool:manage02").action, Action::Later(_)));
    let performed = done(&mut lab);
    assert!(performed.contains(&"tool:manage02".to_owned()) && performed.contains(&"tool:manage03".to_owned()), "{performed:?}");
    assert!(done(&mut lab).is_empty());
}

#[test]
fn a_certificate_for_another_address_is_told_with_the_way_to_a_new_one() {
    let mut lab = lab(of_5_1());
    done(&mut lab);
    let told = |lab: &Lab<Rainbond>| lab.plan().unwrap().warnings.into_iter().find(|warning| warning.code == "rainbond.api-certificate");
    assert_eq!(told(&lab), None);
    assert_eq!(check(&lab, "api-certificate", Some("manage01")).outcome, Outcome::Passed);
    let mut lab = with_another_address(lab);
    done(&mut lab);
    let warning = told(&lab).expect("it is told");
    assert!(warning.message.contains("is not for 10.99.0.200"), "{}", warning.message);
    let help = warning.help.unwrap();
    for words in ["1. on manage01: `cd /root && docker run", "kip 10.99.0.200`", "2. on manage01, manage02, manage03: `mv ", "row of `rainbond` in console.region_info", "`systemctl restart rbd-api`"] {
        assert!(help.contains(words), "{words}: {help}");
    }
    assert_eq!(check(&lab, "api-certificate", Some("manage01")).outcome, Outcome::Warned);
    // Made anew.
    lab.world().write("manage01", &format!("{CERTIFICATES}/server.pem"), "10.99.0.200");
    assert_eq!(told(&lab), None);
    // Where it cannot be told nobody claims anything, and 5.0 asks by a name.
    lab.world().remove("manage01", &format!("{CERTIFICATES}/server.pem"));
    assert_eq!(told(&lab), None);
    let mut old = common::lab(of_5_0());
    done(&mut old);
    assert_eq!(told(&old), None);
}
