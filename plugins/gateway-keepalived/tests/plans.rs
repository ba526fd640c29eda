//! What is planned, and what is refused.

mod common;

use arcus_gateway_keepalived::Keepalived;
use arcus_sdk::contract::actions::{Action, Disruption};
use arcus_sdk::contract::facts::Vrrp;
use arcus_sdk::contract::types::{Problem, Role};
use arcus_sdk::fake::{Fixture, Lab, Trouble};
use arcus_sdk::guest;
use common::{CONF, HA, VIP, converged, fixture, ha, holders, steps, text};

fn refused(fixture: Fixture) -> Vec<Problem> {
    match Lab::<Keepalived>::new(fixture).plan() {
        Err(Trouble::Refused(problems)) => problems,
        Err(trouble) => panic!("{trouble}"),
        Ok(_) => panic!("planned"),
    }
}

fn codes(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{} {}", problem.code, problem.node.clone().unwrap_or_default())).collect()
}

fn vrid(text: &str) -> u8 {
    text.lines().find_map(|line| line.trim().strip_prefix("virtual_router_id ")).unwrap().parse().unwrap()
}

fn heard(fixture: &mut Fixture, node: &str, source: &str, router_id: u8) {
    let router = Vrrp { source: source.into(), router_id, priority: 100 };
    fixture.world.machine(node).heard.entry("eth0".into()).or_default().push(router);
}

#[test]
fn the_configuration_of_a_gateway() {
    let steps = steps(&Lab::<Keepalived>::new(ha()));
    let conf = text(&steps, "configure:manage02");
    let number = vrid(&conf);
    let wanted = format!(
        "# Written by Arcus for the cluster 6b0d6a51-3a3f-4f0e-9a55-2f7d1c1e8a10. What is changed here by hand is written over; what was here
# before is in /etc/keepalived/keepalived.conf.arcus-original.
global_defs {{
    router_id manage02
    vrrp_version 3
    enable_script_security
    script_user root
    # With signs of life this close together, keepalived must not wait for the processor. By default the kernel kills it then after
    # 10 ms without a pause, which a slow or shared machine does take: it would be away for a minute and leave the address behind.
    vrrp_rt_priority 50
    vrrp_rlimit_rttime 1000000
}}

vrrp_script gateway {{
    script \"/etc/keepalived/arcus-gateway-check\"
    interval 2
    timeout 2
    fall 2
    rise 2
    # Lowers the priority below that of every healthy gateway; when all are unwell, the order is as before.
    weight -30
    init_fail
}}

vrrp_instance vip {{
    state BACKUP
    interface eth0
    virtual_router_id {number}
    priority 130
    advert_int 0.25
    unicast_src_ip 10.99.0.12
    unicast_peer {{
        10.99.0.11
        10.99.0.13
    }}
    virtual_ipaddress {{
        10.99.0.100/24 dev eth0
    }}
    track_script {{
        gateway
    }}
}}
"
    );
    assert_eq!(conf, wanted);
    for (node, priority) in [("manage01", 140), ("manage03", 120)] {
        assert!(text(&steps, &format!("configure:{node}")).contains(&format!("priority {priority}\n")));
    }
}

#[test]
fn version_two_has_its_password_apart() {
    let steps = steps(&Lab::<Keepalived>::new(fixture(2, r#"{"vip": "10.99.0.100/24", "version": 2, "unicast": false}"#)));
    let conf = text(&steps, "configure:manage01");
    assert!(conf.contains("    advert_int 1\n") && conf.contains("    include /etc/keepalived/arcus-auth.conf\n") && conf.contains("vrrp_version 2\n"));
    assert!(!conf.contains("unicast") && !conf.contains("rt_priority"), "{conf}");
    assert_eq!(text(&steps, "password:manage01"), "authentication {\n    auth_type PASS\n    auth_pass <vrrp>\n}\n");
    let Action::File(file) = &steps.iter().find(|step| step.id == "password:manage01").unwrap().action else { panic!() };
    assert_eq!(file.mode, 0o600);
    let Action::Service(service) = &steps.iter().find(|step| step.id == "run:manage01").unwrap().action else { panic!() };
    assert!(service.newer_than.contains(&file.path));
}

#[test]
fn many_gateways_keep_distinct_priorities_and_the_sick_stay_below_the_well() {
    // The fake cluster's election refuses priorities that VRRP has not.
    for (gateways, first) in [(2, 140), (7, 140), (9, 140), (9, 18), (2, 4)] {
        let config = format!(r#"{{"vip": "10.99.0.100/24", "priority": {first}}}"#);
        let lab = converged(fixture(gateways, &config));
        let steps = steps(&lab);
        let value = |node: usize, key: &str| {
            let text = text(&steps, &format!("configure:manage0{node}"));
            text.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap().trim().parse::<i32>().unwrap()
        };
        let (best, worst, penalty) = (value(1, "priority "), value(gateways, "priority "), value(1, "weight "));
        assert!(best > worst && best + penalty < worst && worst + penalty >= 1, "{gateways} from {first}: {best} {worst} {penalty}");
        for unwell in 1..gateways {
            lab.world().machine(&format!("manage0{unwell}")).memory.insert("unwell".into(), String::new());
            lab.world().pass(1);
            assert_eq!(holders(&lab.world()), [format!("manage0{}", unwell + 1)]);
        }
        // All are unwell: the address does not vanish.
        lab.world().machine(&format!("manage0{gateways}")).memory.insert("unwell".into(), String::new());
        lab.world().pass(1);
        assert_eq!(holders(&lab.world()), ["manage01"]);
    }
}

#[test]
fn managers_are_gateways_where_none_is_named() {
    let mut fixture = ha();
    fixture.world.nodes.iter_mut().for_each(|node| node.roles.retain(|role| *role != arcus_sdk::contract::types::Role::Gateway));
    converged(fixture);
}

#[test]
fn what_was_there_is_kept_once() {
    let mut fixture = ha();
    fixture.world.directory("manage01", "/etc/keepalived");
    fixture.world.write("manage01", CONF, "by hand\n");
    let lab = converged(fixture);
    assert_eq!(lab.world().text("manage01", &format!("{CONF}.arcus-original")).as_deref(), Some("by hand\n"));
}

#[test]
fn the_address_is_in_the_network_of_every_gateway() {
    let outside = fixture(2, r#"{"vip": "10.98.0.100/24"}"#);
    assert_eq!(codes(&refused(outside)), ["vip.outside-subnet manage01", "vip.outside-subnet manage02"]);
    let mut one = ha();
    one.world.machine("manage02").interfaces[1].addresses = vec!["10.98.0.12/24".into()];
    assert_eq!(codes(&refused(one)), ["vip.outside-subnet manage02"]);
    assert_eq!(codes(&refused(fixture(1, r#"{"vip": "10.99.0.100/24", "interface": "bond0"}"#))), ["vip.no-interface manage01"]);
    assert_eq!(codes(&refused(fixture(1, r#"{"vip": "10.99.0.100/24", "interface": "lo"}"#))), ["vip.outside-subnet manage01"]);
}

#[test]
fn the_address_itself_says_nothing_about_the_network() {
    // A leftover on another interface: by its prefix it would seem to be in the network.
    let mut fixture = ha();
    let mut leftover = fixture.world.at("manage01").interfaces[1].clone();
    (leftover.name, leftover.addresses) = ("eth9".into(), vec!["10.99.0.100/24".into()]);
    fixture.world.machine("manage01").interfaces.insert(0, leftover);
    assert!(text(&steps(&Lab::<Keepalived>::new(fixture)), "configure:manage01").contains("interface eth0\n"));
}

#[test]
fn an_address_that_a_stranger_answers_is_taken() {
    let mut taken = ha();
    taken.world.machine("manage02").neighbours.insert(VIP.into(), "02:AA:00:00:00:01".into());
    assert_eq!(codes(&refused(taken)), ["vip.taken manage02"]);
    // A gateway that holds it already is no stranger.
    let mut ours = ha();
    let mac = ours.world.at("manage03").interfaces[1].mac.to_uppercase();
    ours.world.machine("manage02").neighbours.insert(VIP.into(), mac);
    converged(ours);
}

#[test]
fn the_number_of_the_group_is_nobody_elses() {
    let derived = vrid(&text(&steps(&Lab::<Keepalived>::new(ha())), "configure:manage01"));
    let mut other = ha();
    heard(&mut other, "manage03", "10.99.0.250", derived);
    heard(&mut other, "manage01", "10.99.0.251", derived % 255 + 1);
    let lab = Lab::<Keepalived>::new(other.clone());
    assert_eq!(vrid(&text(&steps(&lab), "configure:manage01")), (derived + 1) % 255 + 1);
    // Our own gateways are no strangers.
    let mut own = ha();
    heard(&mut own, "manage03", "10.99.0.11", derived);
    assert_eq!(vrid(&text(&steps(&Lab::<Keepalived>::new(own)), "configure:manage01")), derived);
    // A number that was asked for is used or refused.
    let mut asked = fixture(3, r#"{"vip": "10.99.0.100/24", "vrid": 77}"#);
    assert_eq!(vrid(&text(&steps(&Lab::<Keepalived>::new(asked.clone())), "configure:manage01")), 77);
    heard(&mut asked, "manage02", "10.99.0.250", 77);
    let problems = refused(asked);
    assert_eq!(codes(&problems), ["vrid.in-use manage02"]);
    assert_eq!(problems[0].pointer.as_deref(), Some("/vrid"));
}

#[test]
fn the_number_stays_whatever_is_heard_later() {
    let lab = converged(ha());
    let number = vrid(&text(&steps(&lab), "configure:manage01"));
    lab.world().machine("manage01").heard.insert("eth0".into(), vec![Vrrp { source: "10.99.0.250".into(), router_id: number, priority: 1 }]);
    assert_eq!(vrid(&text(&steps(&lab), "configure:manage01")), number);
    // Nor does it change when the file is gone from all but one.
    for node in ["manage01", "manage02"] {
        lab.world().remove(node, CONF);
    }
    assert_eq!(vrid(&text(&steps(&lab), "configure:manage01")), number);
}

#[test]
fn who_speaks_with_our_number_and_is_not_in_the_file_is_told_in_every_plan() {
    let lab = converged(ha());
    let number = vrid(&text(&steps(&lab), "configure:manage01"));
    let speaks = |node: &str, source: &str, router_id: u8, priority: u8| {
        lab.world().machine(node).heard.entry("eth0".into()).or_default().push(Vrrp { source: source.into(), router_id, priority });
    };
    // Our own, other groups of the segment, and one that says that it stops.
    speaks("manage02", "10.99.0.11", number, 140);
    speaks("manage02", "10.99.0.250", number % 255 + 1, 100);
    speaks("manage02", "10.99.0.251", number, 0);
    let warnings = || lab.plan().unwrap_or_else(|trouble| panic!("{trouble}")).warnings;
    assert!(warnings().is_empty(), "{:#?}", warnings());
    // Under an address of its own that the file does not know.
    lab.world().machine("manage03").interfaces[1].addresses.push("10.99.0.213/24".into());
    speaks("manage01", "10.99.0.213", number, 120);
    assert!(warnings().is_empty(), "{:#?}", warnings());
    speaks("manage01", "10.99.0.14", number, 110);
    speaks("manage02", "10.99.0.14", number, 110);
    speaks("manage02", "10.99.0.21", number, 90);
    let told = warnings();
    assert_eq!(codes(&told), ["vrrp.unlisted manage01", "vrrp.unlisted manage02"]);
    assert!(told[0].message.starts_with("10.99.0.14 (priority 110) speaks"), "{}", told[0].message);
    assert!(told[1].message.starts_with("compute01 at 10.99.0.21 (priority 90) speaks"), "{}", told[1].message);
    // Nothing is changed for that.
    assert_eq!(vrid(&text(&steps(&lab), "configure:manage01")), number);
}

#[test]
fn an_address_on_its_way_home_is_waited_for() {
    let mut lab = converged(ha());
    let at = |lab: &Lab<Keepalived>, from: &str, to: &str| {
        let mut world = lab.world();
        world.machine(from).interfaces[1].addresses.retain(|cidr| !cidr.starts_with(VIP));
        world.machine(to).interfaces[1].addresses.push(format!("{VIP}/24"));
    };
    // It moves back within a second; whoever asks for it then may find nobody.
    at(&lab, "manage01", "manage02");
    assert_eq!(lab.converge().unwrap().performed(), ["answering:vip"]);
    assert_eq!(holders(&lab.world()), ["manage01"]);
    // Where the best is not well, it is at home on the next.
    lab.world().machine("manage01").memory.insert("unwell".into(), String::new());
    at(&lab, "manage01", "manage02");
    assert!(lab.converge().unwrap().performed().is_empty());
}

#[test]
fn a_group_by_hand_keeps_its_number() {
    let mut fixture = ha();
    fixture.world.directory("manage02", "/etc/keepalived");
    fixture.world.write("manage02", CONF, "vrrp_instance VI_1 {\n  virtual_router_id 51\n  virtual_ipaddress {\n    10.99.0.100\n  }\n}\n");
    assert_eq!(vrid(&text(&steps(&Lab::<Keepalived>::new(fixture)), "configure:manage01")), 51);
}

#[test]
fn another_address_takes_the_old_one_from_its_users_last_and_only_with_a_yes_to_that() {
    let mut lab = converged(ha());
    lab.fixture().config = r#"{"vip": "10.99.0.101/24"}"#.into();
    let runs: Vec<_> = steps(&lab).into_iter().filter(|step| step.id.starts_with("run:")).collect();
    let ids: Vec<&str> = runs.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["run:manage02", "run:manage03", "run:manage01"]);
    for step in &runs {
        assert_eq!(step.disrupts == [Disruption::Blackout], step.id == "run:manage01", "{}", step.id);
    }
    assert!(["run:manage02", "run:manage03"].iter().all(|other| runs[2].after.contains(&(*other).to_owned())), "{:?}", runs[2].after);
}

#[test]
fn the_holder_is_restarted_last_and_only_with_a_yes_to_the_blackout() {
    let mut lab = converged(ha());
    assert_eq!(holders(&lab.world()), ["manage01"]);
    assert!(steps(&lab).iter().all(|step| step.disrupts.is_empty()), "nothing restarts");
    lab.fixture().config = r#"{"vip": "10.99.0.100/24", "advert": "500ms"}"#.into();
    for step in steps(&lab) {
        assert_eq!(step.disrupts == [Disruption::Blackout], step.id == "run:manage01", "{}", step.id);
    }
    for first in ["manage01", "manage02", "manage03"] {
        let mut changed = fixture(3, r#"{"vip": "10.99.0.100/24", "advert": "500ms"}"#);
        changed.world = lab.world().clone();
        let mut lab = Lab::<Keepalived>::new(changed);
        lab.hurry(first);
        let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
        assert!(report.is_done());
        let restarts: Vec<&str> = report.performed().into_iter().filter(|id| id.starts_with("run:")).collect();
        assert_eq!(restarts.len(), 3);
        assert_eq!(restarts[2], "run:manage01");
    }
}

#[test]
fn settings_that_do_not_understand_each_other_are_changed_over() {
    let mut lab = converged(ha());
    for config in [r#"{"vip": "10.99.0.100/24", "version": 2}"#, r#"{"vip": "10.99.0.100/24", "version": 2, "vrid": 9}"#, HA] {
        lab.fixture().config = config.into();
        let report = lab.converge().unwrap_or_else(|trouble| panic!("{config}: {trouble}"));
        assert!(report.is_done());
        assert_eq!(holders(&lab.world()), ["manage01"]);
    }
    // The password that is no longer used is gone.
    assert_eq!(lab.world().text("manage01", "/etc/keepalived/arcus-auth.conf"), None);
}

#[test]
fn without_a_gateway_nobody_is_restarted() {
    let mut lab = converged(ha());
    lab.world().machine("manage02").reachable = false;
    lab.fixture().config = r#"{"vip": "10.99.0.100/24", "advert": "500ms"}"#.into();
    let report = lab.converge().unwrap_or_else(|trouble| panic!("{trouble}"));
    assert!(!report.is_done());
    assert!(!report.performed().iter().any(|id| id.starts_with("run:")), "{:?}", report.performed());
}

#[test]
fn every_mistake_of_the_file_is_told_at_once() {
    let told = |config: &str| {
        let problems = guest::gateway_offer::<Keepalived>(Lab::<Keepalived>::new(fixture(3, config)).input()).unwrap_err();
        problems.iter().map(|problem| format!("{} {}", problem.code, problem.pointer.clone().unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(told(r#"{"vip": "10.99.0.100"}"#), ["net.cidr /vip"]);
    assert_eq!(told(r#"{"vip": "fd00::1/64"}"#), ["vip.ipv6 /vip"]);
    assert_eq!(told(r#"{"vip": "10.99.0.0/24"}"#), ["vip.not-a-host /vip"]);
    assert_eq!(told(r#"{"vip": "10.99.0.255/24"}"#), ["vip.not-a-host /vip"]);
    assert_eq!(told(r#"{"vip": "10.99.0.31/24"}"#), ["vip.is-a-node /vip"]);
    assert_eq!(told(r#"{"vip": "10.99.0.100/24", "advert": 15}"#), ["vrrp.advert /advert"]);
    assert_eq!(told(r#"{"vip": "10.99.0.100/24", "advert": "fast"}"#), ["vrrp.advert /advert"]);
    assert_eq!(told(r#"{"vip": "10.99.0.100/24", "advert": "250ms", "version": 2}"#), ["vrrp.advert /advert"]);
    assert_eq!(told(r#"{"vip": "10.99.0.31/24", "advert": "60s", "priority": 3}"#), ["vip.is-a-node /vip", "vrrp.advert /advert", "vrrp.priority /priority"]);
    assert_eq!(told("{}"), ["plugin.config "]);
    let input = Lab::<Keepalived>::new(ha()).input();
    assert_eq!(guest::gateway_offer::<Keepalived>(input).unwrap().address, VIP);
}

/// Two gateways and two managers on machines of their own.
fn apart(config: &str) -> Fixture {
    let mut fixture = fixture(2, config);
    for (place, name) in ["manage01", "manage02"].into_iter().enumerate() {
        fixture.world.nodes.iter_mut().find(|node| node.name == name).unwrap().roles = vec![Role::Manage];
        fixture.world.node(&format!("edge0{}", place + 1), &format!("10.99.0.4{}", place + 1), &[Role::Gateway]);
    }
    fixture.handing(|handed| {
        handed.demands.manage_health = Some("http://127.0.0.1:8888/v2/health".into());
        handed.demands.manage_unit = Some("rbd-api.service".into());
    })
}

#[test]
fn managers_apart_from_gateways_have_a_group_of_their_own() {
    let lab = Lab::<Keepalived>::new(apart(r#"{"vip": "10.99.0.100/24", "managers": "10.99.0.101/24", "vrid": 255}"#));
    let steps = steps(&lab);
    let (edge, manager) = (text(&steps, "configure:edge02"), text(&steps, "configure:manage01"));
    assert!(edge.contains("10.99.0.100/24") && edge.contains("virtual_router_id 255") && edge.contains("        10.99.0.41\n"), "{edge}");
    assert!(manager.contains("10.99.0.101/24") && manager.contains("virtual_router_id 1\n") && manager.contains("        10.99.0.12\n"), "{manager}");
    assert!(!manager.contains("10.99.0.41"), "the groups do not know each other");
    assert!(text(&steps, "health:edge01").contains("rbd-gateway.service") && text(&steps, "health:manage02").contains("rbd-api.service"));
    let step = |id: &str| steps.iter().find(|step| step.id == id).unwrap_or_else(|| panic!("no {id}"));
    assert_eq!(step("answering:vip").provides, ["vip.answering"]);
    assert_eq!((step("answering:managers-vip").node.as_str(), &step("answering:managers-vip").provides[..]), ("manage01", &["vip.managers-answering".to_owned()][..]));
    let Ok(offer) = lab.gateway_offer() else { panic!("no offer") };
    assert_eq!((offer.address.as_str(), offer.managers.as_deref()), ("10.99.0.100", Some("10.99.0.101")));
}

#[test]
fn derived_numbers_of_two_groups_differ() {
    let lab = Lab::<Keepalived>::new(apart(r#"{"vip": "10.99.0.100/24", "managers": "10.99.0.101/24"}"#));
    let number = |id: &str| text(&steps(&lab), id).lines().find_map(|line| line.trim().strip_prefix("virtual_router_id ").map(str::to_owned)).unwrap();
    assert_ne!(number("configure:edge01"), number("configure:manage01"));
    assert_eq!(number("configure:manage02"), number("configure:manage01"));
}

#[test]
fn an_address_of_their_own_is_for_managers_that_are_no_gateways() {
    let refused = |fixture: Fixture| match Lab::<Keepalived>::new(fixture).plan() {
        Err(Trouble::Refused(problems)) => (problems[0].code.clone(), problems[0].pointer.clone().unwrap()),
        other => panic!("not refused: {other:?}"),
    };
    let both = fixture(2, r#"{"vip": "10.99.0.100/24", "managers": "10.99.0.101/24"}"#);
    assert_eq!(refused(both), ("vip.one-serves".into(), "/managers".into()));
    assert_eq!(refused(apart(r#"{"vip": "10.99.0.100/24", "managers": "10.99.0.100/24"}"#)), ("vip.twice".into(), "/managers".into()));
    assert_eq!(refused(apart(r#"{"vip": "10.99.0.100/24", "managers": "10.99.0.11/24"}"#)), ("vip.is-a-node".into(), "/managers".into()));
}
