//! The guide's commands, as somebody types them: its sections by their numbers. Other words only where the lab has no other way: `apt-get`
//! for `yum`, a copy for `wget`, online for offline (there is no bundle), and `docker exec -i` for `din`, which wants a terminal.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::{World, wait_until};

/// Until the platform shows what it was told.
const SOON: Duration = Duration::from_secs(60);
/// The managers, the first first.
pub const MANAGERS: [&str; 3] = ["manage01", "manage02", "manage03"];
/// The compute nodes.
pub const COMPUTE: [&str; 2] = ["compute01", "compute02"];
const STORAGE: [&str; 2] = ["server1", "server2"];

/// All of it.
pub fn build(world: &World) -> Result<()> {
    names(world).context("names")?;
    gluster(world).context("3.2, the linked page")?;
    mount(world).context("3.2")?;
    init(world).context("5.1")?;
    for (name, address) in [("manage02", "10.99.0.12"), ("manage03", "10.99.0.13")] {
        add(world, name, address, "manage").with_context(|| format!("6.1, {name}"))?;
    }
    vip(world).context("7.1")?;
    for (name, address) in [("compute01", "10.99.0.21"), ("compute02", "10.99.0.22")] {
        add(world, name, address, "compute").with_context(|| format!("8.1, {name}"))?;
    }
    // Calico's sessions need a while after the last node came.
    for name in [&MANAGERS[..], &COMPUTE].concat() {
        wait_until("the routes", SOON, || Ok(world.node(name)?.sh("ip route show proto bird")?.matches(" via ").count() >= 4)).with_context(|| name.to_owned())?;
    }
    Ok(())
}

/// On many nodes at once.
fn on(world: &World, nodes: &[&str], line: &str) -> Result<()> {
    std::thread::scope(|scope| {
        let started: Vec<_> = nodes.iter().map(|name| (name, scope.spawn(move || world.node(name)?.sh(line)))).collect();
        for (name, thread) in started {
            thread.join().map_err(|_| anyhow::anyhow!("it panicked"))?.with_context(|| format!("on {name}"))?;
        }
        Ok(())
    })
}

fn install(package: &str) -> String {
    format!("export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && apt-get -qq -y install {package} > /dev/null 2>&1")
}

fn names(world: &World) -> Result<()> {
    let all: Vec<&str> = [&MANAGERS[..], &COMPUTE, &STORAGE].concat();
    on(world, &all, "printf '10.99.0.31 server1\\n10.99.0.32 server2\\n' >> /etc/hosts")
}

fn gluster(world: &World) -> Result<()> {
    on(world, &STORAGE, &format!("{} && systemctl start glusterd.service && systemctl enable glusterd.service && mkdir -p /data/glusterfs", install("glusterfs-server")))?;
    let first = world.node("server1")?;
    first.sh("gluster peer probe server2 && gluster peer status")?;
    // It asks whether one means it; and right after the probe it may say that the peer is not there yet.
    wait_until("the volume", SOON, || Ok(first.exec(["gluster", "--mode=script", "volume", "create", "data", "replica", "2", "server2:/data/glusterfs", "server1:/data/glusterfs"])?.status == 0))?;
    first.sh("gluster volume start data").map(drop)
}

fn mount(world: &World) -> Result<()> {
    let line = "server1:/data /grdata glusterfs   backupvolfile-server=server2,use-readdirp=no,log-level=WARNING,log-file=/var/log/gluster.log 0 0";
    let nodes = [&MANAGERS[..], &COMPUTE].concat();
    on(world, &nodes, &format!("{} && echo '{line}' >> /etc/fstab && mkdir /grdata && mount -a", install("glusterfs-client")))?;
    // Whoever loses count types it twice, and has it twice.
    on(world, &["manage03"], &format!("echo '{line}' >> /etc/fstab"))
}

fn init(world: &World) -> Result<()> {
    let first = world.node("manage01")?;
    first.sh("cp /srv/standins/grctl-5.0 ./grctl && chmod +x ./grctl && ./grctl init --iip 10.99.0.11 --eip 10.99.0.11 --network calico --vip 10.99.0.100")?;
    first.sh("test -e /opt/rainbond/.rainbond.success").map(drop)?;
    // 6.1 wants ssh without a password.
    let key = first.sh("cat /root/.ssh/id_rsa.pub")?;
    on(world, &["manage02", "manage03", "compute01", "compute02"], &format!("mkdir -p -m 700 /root/.ssh && echo '{}' >> /root/.ssh/authorized_keys", key.trim()))
}

/// 6.1 and 8.1; the id has to be looked up in 5.0, which prints `<nodeID>`.
fn add(world: &World, name: &str, address: &str, role: &str) -> Result<()> {
    let first = world.node("manage01")?;
    let mut last = String::new();
    wait_until("the list of nodes", SOON, || {
        let answer = first.exec(["sh", "-c", &format!("grctl node add --host {name} --iip {address} --key /root/.ssh/id_rsa.pub --role {role} && grctl node list | awk '$4 == \"{address}\" {{ print $2 }}'")])?;
        last = format!("{}{}", answer.stdout, answer.stderr);
        Ok(answer.status == 0 || last.contains("is exist"))
    })
    .with_context(|| last.clone())?;
    let uid = first.sh(&format!("grctl node list | awk '$4 == \"{address}\" {{ print $2 }}'"))?;
    ensure!(uid.trim().len() == 36, "no id of {name}: {uid:?}, {last}");
    let installed = first.exec(["grctl", "node", "install", uid.trim()])?;
    ensure!(installed.stderr.contains("successful"), "{}{}", installed.stdout, installed.stderr);
    Ok(())
}

fn vip(world: &World) -> Result<()> {
    on(world, &MANAGERS, &install("keepalived"))?;
    for name in MANAGERS {
        let (state, priority) = if name == "manage01" { ("MASTER", 100) } else { ("BACKUP", 50) };
        let text = CONF.replace("STATE", state).replace("PRIORITY", &priority.to_string());
        world.node(name)?.sh(&format!("cat > /etc/keepalived/keepalived.conf <<'E'\n{text}E\nsystemctl start keepalived && systemctl -q enable keepalived"))?;
    }
    world.node("manage01")?.sh("docker exec -i rbd-db mysql -e 'use console; UPDATE region_info set tcpdomain=\"10.99.0.100\";'").map(drop)
}

const CONF: &str = "! Configuration File for keepalived

global_defs {
   router_id LVS_DEVEL
}

vrrp_instance VI_1 {
    state STATE
    interface eth0
    virtual_router_id 51
    priority PRIORITY
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass 1111
    }
    virtual_ipaddress {
        10.99.0.100
    }
}
";
