//! The stand-ins: they behave as documented, and what they print is true. Each claim is tried against what is real below it.

use std::net::Ipv4Addr;
use std::time::Duration;

use arcus_lab::{Answer, Base, Node, NodeSpec, Options, World, wait_until};

const COMPUTE: &str = "22222222-bbbb-4bbb-8bbb-000000000001";
const INIT: &str = "--iip 10.99.0.11 --network calico --pod-cidr 10.244.0.0/16";

fn world(knobs: &[(&str, &str)]) -> World {
    let say = &mut |line: &str| eprintln!("{line}");
    arcus_lab::ensure(say).expect("a machine that can run the lab");
    let base = Base::ensure(say).expect("the base");
    let nodes = [
        NodeSpec::new("manage01", Ipv4Addr::new(10, 99, 0, 11)).role("manage").role("gateway"),
        NodeSpec::new("compute01", Ipv4Addr::new(10, 99, 0, 21)).role("compute"),
        NodeSpec::new("storage01", Ipv4Addr::new(10, 99, 0, 31)).role("storage"),
    ];
    let mut options = Options::default().knob("init-seconds", "1").knob("install-seconds", "0").knob("health-seconds", "2");
    for (name, content) in knobs {
        options = options.knob(name, content);
    }
    World::start(&base, &nodes, &options).expect("a world")
}

fn grctl(node: &Node<'_>, line: &str) -> Answer {
    node.exec(["sh", "-c", &format!("PATH=/root:$PATH; grctl {line}")]).unwrap()
}

fn upload(node: &Node<'_>, version: &str) {
    assert!(arcus_lab::standin(&format!("grctl-{version}")).unwrap().is_file());
    node.sh(&format!("cp /srv/standins/grctl-{version} /root/grctl")).unwrap();
}

/// A status of `node list`, found by the header.
fn status(node: &Node<'_>, address: &str) -> String {
    let list = grctl(node, "node list");
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let mut lines = list.stdout.lines().filter(|line| line.starts_with('|'));
    let header = cells(lines.next().unwrap_or_default());
    let at = |name: &str| header.iter().position(|cell| cell == name);
    let (Some(ip), Some(status)) = (at("IP"), at("Status")) else { return list.stdout };
    lines.map(cells).find(|row| row[ip] == address).map_or_else(|| "absent".into(), |row| row[status].clone())
}

fn until(node: &Node<'_>, address: &str, wanted: &str) {
    let mut last = String::new();
    wait_until(wanted, Duration::from_secs(40), || {
        last = status(node, address);
        Ok(last == wanted)
    })
    .unwrap_or_else(|error| panic!("{error}; last: {last}"));
}

fn inits(node: &Node<'_>) -> usize {
    node.sh("cat /var/log/standin-grctl-init.log 2> /dev/null || true").unwrap().lines().count()
}

/// A volume with one brick, mounted where the cluster shares its files.
fn shared_storage(world: &World) {
    let install = |package: &str| format!("export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -q -y install {package}");
    let storage = world.node("storage01").unwrap();
    storage.sh(&install("glusterfs-server")).unwrap();
    storage.sh("systemctl enable --now glusterd && gluster --mode=script volume create data 10.99.0.31:/data/brick && gluster volume start data").unwrap();
    for name in ["manage01", "compute01"] {
        let node = world.node(name).unwrap();
        node.sh(&install("glusterfs-client")).unwrap();
        node.sh("mkdir /grdata && echo '10.99.0.31:/data /grdata glusterfs defaults 0 0' >> /etc/fstab && mount /grdata").unwrap();
    }
}

fn let_in(from: &Node<'_>, to: &Node<'_>) {
    let key = from.sh("cat /root/.ssh/id_rsa.pub").unwrap();
    to.sh(&format!("echo '{}' >> /root/.ssh/authorized_keys", key.trim())).unwrap();
}

#[test]
fn grctl_5_1_from_init_to_a_healthy_cluster() {
    let world = world(&[]);
    let manage = world.node("manage01").unwrap();
    let compute = world.node("compute01").unwrap();
    upload(&manage, "5.1");
    shared_storage(&world);

    // Wrong roles: a message, status 0, nothing begun.
    let wrong = grctl(&manage, "init --role compute");
    assert!(wrong.status == 0 && wrong.stderr.contains("first node must have manage and gateway role"), "{wrong:?}");
    assert_eq!(inits(&manage), 0);
    assert!(grctl(&manage, "version").stdout.starts_with("Rainbond grctl 5.1"));
    assert_eq!(grctl(&manage, "nonsense").status, 3);
    let down = grctl(&manage, "cluster");
    assert!(down.status == 1 && down.stdout.contains("api server is not working properly"), "{down:?}");

    let init = grctl(&manage, &format!("init --role manage,gateway {INIT}"));
    assert!(init.stderr.contains("stand-in"), "it says what it is: {init:?}");
    assert_eq!(manage.sh("cat /opt/rainbond/.rainbond.success").unwrap(), "5.1\n", "{init:?}");
    let again = grctl(&manage, &format!("init --role manage,gateway {INIT}"));
    assert!(again.status == 0 && again.stderr.contains("already installed"), "{again:?}");
    assert_eq!(inits(&manage), 1);
    manage.sh("rm /root/grctl").unwrap();
    until(&manage, "10.99.0.11", "running");

    // No compute node yet: unavailable, with status 0, with colours although this is no terminal.
    let cluster = grctl(&manage, "cluster");
    assert!(cluster.status == 0 && cluster.stdout.contains("unavailable") && cluster.stdout.contains("\x1b["), "{cluster:?}");
    assert!(cluster.stderr.contains("level=error msg=\"error config k8s"), "{cluster:?}");

    let add = format!("node add --host compute01 --iip 10.99.0.21 -r compute --key /root/.ssh/id_rsa --id {COMPUTE}");
    let added = grctl(&manage, &add);
    assert!(added.status == 0 && added.stdout.contains(&format!("success add compute node {COMPUTE}")), "{added:?}");
    let twice = grctl(&manage, &add);
    assert!(twice.status == 1 && twice.stdout.contains("(Code:400) msg:node internal ip 10.99.0.21 is exist"), "{twice:?}");
    assert_eq!(status(&manage, "10.99.0.21"), "not_installed(unschedulable,unhealth)");
    assert!(manage.sh(&format!("etcdctl get --print-value-only /rainbond/nodes/{COMPUTE}")).unwrap().contains("\"internal_ip\":\"10.99.0.21\""));

    // Nobody let it in: status 0 all the same.
    let install = format!("node install {COMPUTE}");
    let refused = grctl(&manage, &install);
    assert!(refused.status == 0 && refused.stderr.contains("Make sure you can SSH in 10.99.0.21"), "{refused:?}");
    assert!(status(&manage, "10.99.0.21").starts_with("install_failed"));
    let_in(&manage, &compute);
    // Without the shared files mounted it does not work either.
    compute.sh("umount /grdata").unwrap();
    let unmounted = grctl(&manage, &install);
    assert!(unmounted.status == 0 && unmounted.stderr.contains("no network mount"), "{unmounted:?}");
    compute.sh("mount /grdata").unwrap();
    let installed = grctl(&manage, &install);
    assert!(installed.stdout.contains(&format!("Install node {COMPUTE} successful")), "{installed:?}");
    until(&manage, "10.99.0.21", "offline(unschedulable,unhealth,offline)");
    assert!(grctl(&manage, &format!("node up {COMPUTE}")).stdout.contains("success"));
    until(&manage, "10.99.0.21", "running");
    assert!(grctl(&manage, "cluster").stdout.contains("healthy"));
    let json: serde_json::Value = serde_json::from_str(&grctl(&manage, &format!("node get -o json {COMPUTE}")).stdout).unwrap();
    assert_eq!(json["node_status"]["node_health"], true);
    assert_eq!(json["root_pass"], "");

    // The network is real: a route by BGP to the other node's block, and a pod that answers through it.
    wait_until("a route to the other block", Duration::from_secs(20), || {
        Ok(manage.sh("ip route show proto bird")?.contains("10.244.0.64/26 via 10.99.0.21"))
    })
    .unwrap();
    manage.sh("ip netns exec standin-pod ping -c 1 -W 5 10.244.0.65").unwrap();
    assert!(manage.sh("calicoctl node status").unwrap().contains("Established"));

    // The database is real; `docker` knows one form only.
    let row = manage.sh("docker exec -i rbd-db mysql -Ne \"SELECT region_name, tcpdomain FROM console.region_info\"").unwrap();
    assert_eq!(row, "rainbond\t10.99.0.11\n");
    assert_eq!(manage.exec(["docker", "ps"]).unwrap().status, 125);

    // What is broken for real is seen: the gateway, then the whole node.
    manage.sh("systemctl stop rbd-gateway").unwrap();
    until(&manage, "10.99.0.11", "running(unhealth)");
    assert!(grctl(&manage, "cluster").stdout.contains("unhealthy"));
    manage.sh("systemctl start rbd-gateway").unwrap();
    until(&manage, "10.99.0.11", "running");
    compute.power_off().unwrap();
    wait_until("the loss of the route", Duration::from_secs(50), || {
        Ok(!manage.sh("ip route show proto bird")?.contains("10.244.0.64/26"))
    })
    .unwrap();
    compute.power_on().unwrap();
    until(&manage, "10.99.0.21", "running");
    world.stop().unwrap();
}

#[test]
fn grctl_5_0_has_its_own_warts_and_init_fails_with_status_0() {
    let world = world(&[("init-fail", "db")]);
    let manage = world.node("manage01").unwrap();
    upload(&manage, "5.0");
    let newer = grctl(&manage, &format!("init --role master --token x {INIT}"));
    assert!(newer.status == 1 && newer.stdout.contains("not defined: -token"), "{newer:?}");
    // A file in the work folder does not live through an init, and a failed one returns 0 and leaves no mark.
    manage.sh("mkdir -p /opt/rainbond/rainbond-ansible && touch /opt/rainbond/rainbond-ansible/mine").unwrap();
    let failed = grctl(&manage, &format!("init --role master {}", INIT.replace("calico", "midonet")));
    assert!(failed.status == 0 && failed.stderr.contains("!!! told to fail") && failed.stderr.contains("exit status 1"), "{failed:?}");
    // Asked for midonet, it would have brought calico, and no word about it.
    let chosen = "grep ^CLUSTER_NETWORK: /opt/rainbond/rainbond-ansible/roles/rainvar/defaults/main.yml";
    assert_eq!(manage.sh(chosen).unwrap(), "CLUSTER_NETWORK: calico\n");
    manage.sh("! test -e /opt/rainbond/rainbond-ansible/mine && ! test -e /opt/rainbond/.rainbond.success").unwrap();
    manage.sh("rm /etc/arcus-lab/init-fail").unwrap();
    let init = grctl(&manage, &format!("init --role master {}", INIT.replace("calico", "flannel")));
    manage.sh("test -e /opt/rainbond/.rainbond.success").unwrap_or_else(|error| panic!("{error}: {init:?}"));
    assert_eq!(inits(&manage), 2);
    assert_eq!(manage.sh(chosen).unwrap(), "CLUSTER_NETWORK: flannel\n");
    wait_until("a subnet", Duration::from_secs(20), || Ok(manage.sh("cat /run/flannel/subnet.env").is_ok_and(|text| text.contains("FLANNEL_NETWORK=10.244.0.0/16")))).unwrap();
    // The official check is content with any process of that name; a manager has no pods, and no bridge.
    manage.sh("systemctl kill -s STOP flannel && /opt/rainbond/health/network.sh && systemctl kill -s CONT flannel && ! ip link show cni0").unwrap();
    until(&manage, "10.99.0.11", "running");
    // A gateway on every manager, asked for or not.
    manage.sh("curl -fs http://127.0.0.1:10254/healthz").unwrap();

    let gateway = grctl(&manage, "node add --iip 10.99.0.21 -r gateway --key /root/.ssh/id_rsa");
    assert!(gateway.status == 1 && gateway.stdout.contains("node role only support"), "{gateway:?}");
    let added = grctl(&manage, &format!("node add --iip 10.99.0.21 -r compute --key /root/.ssh/id_rsa.pub --id {COMPUTE}"));
    assert!(added.stdout.contains("<nodeID>") && !added.stdout.contains(COMPUTE), "{added:?}");
    assert!(grctl(&manage, "node list").stdout.contains("NodeMode"));
    let missing = grctl(&manage, "node up");
    assert!(missing.status == 0 && missing.stderr.contains("need hostID"), "{missing:?}");
    world.stop().unwrap();
}

#[test]
fn grctl_5_1_with_a_virtual_address_needs_it_to_answer() {
    let world = world(&[]);
    let manage = world.node("manage01").unwrap();
    upload(&manage, "5.1");
    grctl(&manage, &format!("init --role manage,gateway --vip 10.99.0.100 {INIT}"));
    manage.sh("test -e /opt/rainbond/.rainbond.success && rm /root/grctl").unwrap();
    let lost = grctl(&manage, "node list");
    assert!(lost.status == 1 && lost.stdout.contains("api server is not working"), "{lost:?}");
    manage.sh("ip addr add 10.99.0.100/32 dev eth0").unwrap();
    until(&manage, "10.99.0.11", "running");
    world.stop().unwrap();
}
