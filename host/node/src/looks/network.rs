//! Interfaces, routes, sockets; and block devices, which are asked for alike.
use arcus_contract::facts::{BlockDevice, Fact, NetworkInterface, Route, Socket};

use super::{Gathering, Sorted, fact};
use crate::library::Piece;

pub fn render(all: &mut Gathering, sorted: &Sorted) {
    if !sorted.interfaces.is_empty() {
        let (id, places) = (all.ids(1), sorted.interfaces.clone());
        all.line(Piece::Network, &format!("interfaces {id}"));
        all.parser(move |parts| fact(places, parts.text(id).map(|text| Fact::Interfaces(interfaces(&text)))));
    }
    if !sorted.routes.is_empty() {
        let (id, places) = (all.ids(2), sorted.routes.clone());
        all.line(Piece::Network, &format!("routes {id}"));
        all.parser(move |parts| {
            let all = parts.text(id).and_then(|four| {
                let mut all = routes(&four, "0.0.0.0/0", 32);
                all.extend(routes(&parts.text(id + 1)?, "::/0", 128));
                Ok(all)
            });
            fact(places, all.map(Fact::Routes))
        });
    }
    if !sorted.sockets.is_empty() {
        let (id, places) = (all.ids(1), sorted.sockets.clone());
        all.line(Piece::Network, &format!("sockets {id}"));
        all.parser(move |parts| fact(places, parts.text(id).map(|text| Fact::Sockets(sockets(&text)))));
    }
    if !sorted.devices.is_empty() {
        let (id, places) = (all.ids(2), sorted.devices.clone());
        all.line(Piece::Network, &format!("block_devices {id}"));
        all.parser(move |parts| {
            let all = parts.text(id).and_then(|text| Ok(devices(&text, &parts.text(id + 1)?)));
            fact(places, all.map(Fact::BlockDevices))
        });
    }
}

fn interfaces(text: &str) -> Vec<NetworkInterface> {
    let mut all: Vec<NetworkInterface> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let after = |key: &str| words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1)).copied();
        if !line.starts_with(' ') {
            let Some(name) = words.get(1) else { continue };
            let name = name.trim_end_matches(':').split('@').next().unwrap_or_default();
            let flags = words.get(2).copied().unwrap_or_default();
            let up = flags.trim_matches(['<', '>']).split(',').any(|flag| flag == "UP") && after("state") != Some("DOWN");
            let mtu = after("mtu").and_then(|mtu| mtu.parse().ok()).unwrap_or_default();
            all.push(NetworkInterface { name: name.into(), up, mtu, mac: String::new(), addresses: vec![] });
        } else if let Some(last) = all.last_mut() {
            match words.as_slice() {
                ["link/none", ..] => {}
                [link, mac, ..] if link.starts_with("link/") => last.mac = (*mac).into(),
                // A point-to-point address is followed by "peer …/len": that has the prefix.
                ["inet" | "inet6", address, "peer", peer, ..] => {
                    last.addresses.push(format!("{address}/{}", peer.split('/').nth(1).unwrap_or("32")));
                }
                ["inet" | "inet6", address, ..] => last.addresses.push((*address).into()),
                _ => {}
            }
        }
    }
    all
}

fn routes(text: &str, all: &str, bits: u8) -> Vec<Route> {
    let mut routes = Vec::new();
    for line in text.lines() {
        // With -o, the lines of one route are joined by a backslash.
        let mut hops = line.split('\\');
        let mut words: Vec<&str> = hops.next().unwrap_or_default().split_ascii_whitespace().collect();
        if words.first().is_some_and(|word| ["unicast", "blackhole", "unreachable", "prohibit", "local", "broadcast", "multicast", "throw"].contains(word)) {
            words.remove(0);
        }
        let Some(to) = words.first() else { continue };
        let to = match *to {
            "default" => all.to_owned(),
            to if to.contains('/') => to.to_owned(),
            to => format!("{to}/{bits}"),
        };
        let after = |words: &[&str], key: &str| words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1)).map(|word| (*word).to_owned());
        let via = |words: &[&str]| after(words, "via").map(|via| if via.starts_with("inet") { after(words, &via).unwrap_or_default() } else { via });
        let proto = after(&words, "proto").unwrap_or_else(|| "boot".into());
        let mut any = false;
        for hop in hops {
            let hop: Vec<&str> = hop.split_ascii_whitespace().collect();
            if hop.first() == Some(&"nexthop") {
                any = true;
                routes.push(Route { to: to.clone(), via: via(&hop), dev: after(&hop, "dev").unwrap_or_default(), proto: proto.clone() });
            }
        }
        if !any {
            routes.push(Route { to, via: via(&words), dev: after(&words, "dev").unwrap_or_default(), proto });
        }
    }
    routes
}

fn sockets(text: &str) -> Vec<Socket> {
    let mut all: Vec<Socket> = text
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let tcp = match *words.first()? {
                "tcp" => true,
                "udp" => false,
                _ => return None,
            };
            let (address, port) = words.get(4)?.rsplit_once(':')?;
            let address = address.trim_matches(['[', ']']).split('%').next().unwrap_or_default();
            // users:(("sshd",pid=1,fd=3))
            let process = line.split_once("((\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
            Some(Socket { tcp, address: address.into(), port: port.parse().ok()?, process: process.into() })
        })
        .collect();
    all.dedup();
    all
}

fn devices(text: &str, swaps: &str) -> Vec<BlockDevice> {
    let field = |line: &str, key: &str| {
        let at = if line.starts_with(&format!("{key}=\"")) { 0 } else { line.find(&format!(" {key}=\""))? + 1 };
        let rest = &line[at + key.len() + 2..];
        Some(rest[..rest.find('"')?].to_owned())
    };
    let parents: Vec<String> = text.lines().filter_map(|line| field(line, "PKNAME")).filter(|name| !name.is_empty()).collect();
    let mut all: Vec<BlockDevice> = Vec::new();
    for line in text.lines() {
        let (Some(path), Some(size)) = (field(line, "NAME"), field(line, "SIZE").and_then(|size| size.parse().ok())) else { continue };
        let kernel = field(line, "KNAME").unwrap_or_default();
        let fstype = field(line, "FSTYPE").filter(|fstype| !fstype.is_empty());
        let mounted = field(line, "MOUNTPOINT").is_some_and(|target| !target.is_empty());
        // Older ones leave the folder out of a parent's name.
        let bare = |name: &str| name.trim_start_matches("/dev/").to_owned();
        let held = parents.iter().any(|parent| bare(parent) == bare(&kernel) || bare(parent) == bare(&path));
        let swap = swaps.lines().any(|swap| swap.split_ascii_whitespace().next().is_some_and(|device| device == path || device == kernel));
        let member = fstype.as_deref().is_some_and(|fstype| fstype.ends_with("_member"));
        if !all.iter().any(|device| device.path == path) {
            all.push(BlockDevice { path, size_bytes: size, fstype, in_use: mounted || held || swap || member });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let all = interfaces(
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n2: eth0@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP\n    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n    inet 10.99.0.11/24 scope global eth0\n    inet6 fe80::1/64 scope link\n3: wg0: <POINTOPOINT,NOARP> mtu 1420 state DOWN\n    link/none\n    inet 10.0.0.1 peer 10.0.0.2/32 scope global wg0\n",
        );
        assert_eq!(all.len(), 3);
        assert_eq!((all[1].name.as_str(), all[1].mtu, all[1].up, all[1].mac.as_str()), ("eth0", 1450, true, "02:00:00:00:00:01"));
        assert_eq!(all[1].addresses, ["10.99.0.11/24", "fe80::1/64"]);
        assert!(all[0].up && !all[2].up);
        assert_eq!(all[2].addresses, ["10.0.0.1/32"]);
    }

    #[test]
    fn ways() {
        let all = routes(
            "default via 10.99.0.1 dev eth0 proto static metric 100 \n10.99.0.0/24 dev eth0 proto kernel scope link src 10.99.0.11 \n10.244.1.0/26 via 10.99.0.12 dev tunl0 proto bird onlink \nblackhole 10.244.0.0/26 proto bird \n10.1.1.1 proto static \\\tnexthop via 10.0.0.1 dev a weight 1 \\\tnexthop via 10.0.0.2 dev b weight 1 \n",
            "0.0.0.0/0",
            32,
        );
        assert_eq!(all.len(), 6);
        assert_eq!(all[0], Route { to: "0.0.0.0/0".into(), via: Some("10.99.0.1".into()), dev: "eth0".into(), proto: "static".into() });
        assert_eq!((all[2].proto.as_str(), all[2].dev.as_str()), ("bird", "tunl0"));
        assert_eq!((all[3].to.as_str(), all[3].dev.as_str()), ("10.244.0.0/26", ""));
        assert_eq!((all[5].to.as_str(), all[5].dev.as_str()), ("10.1.1.1/32", "b"));
    }

    #[test]
    fn listeners() {
        let all = sockets(
            "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\nudp   UNCONN 0      0      127.0.0.53%lo:53        0.0.0.0:*    users:((\"systemd-resolve\",pid=1,fd=12))\ntcp   LISTEN 0      128          0.0.0.0:22        0.0.0.0:*    users:((\"sshd\",pid=7,fd=3))\ntcp   LISTEN 0      128             [::]:22           [::]:*\ntcp   LISTEN 0      128                *:8443            *:*\n",
        );
        assert_eq!(all.len(), 4);
        assert_eq!(all[0], Socket { tcp: false, address: "127.0.0.53".into(), port: 53, process: "systemd-resolve".into() });
        assert_eq!((all[2].address.as_str(), all[3].address.as_str(), all[3].port), ("::", "*", 8443));
    }

    #[test]
    fn disks() {
        let all = devices(
            "NAME=\"/dev/vda\" KNAME=\"/dev/vda\" PKNAME=\"\" SIZE=\"100\" FSTYPE=\"\" TYPE=\"disk\" MOUNTPOINT=\"\"\nNAME=\"/dev/vda1\" KNAME=\"/dev/vda1\" PKNAME=\"/dev/vda\" SIZE=\"90\" FSTYPE=\"ext4\" TYPE=\"part\" MOUNTPOINT=\"/\"\nNAME=\"/dev/vdb\" KNAME=\"/dev/vdb\" PKNAME=\"\" SIZE=\"50\" FSTYPE=\"\" TYPE=\"disk\" MOUNTPOINT=\"\"\nNAME=\"/dev/vdc\" KNAME=\"/dev/vdc\" PKNAME=\"\" SIZE=\"50\" FSTYPE=\"swap\" TYPE=\"disk\" MOUNTPOINT=\"\"\n",
            "Filename Type Size Used Priority\n/dev/vdc partition 1 0 -2\n",
        );
        let used: Vec<bool> = all.iter().map(|device| device.in_use).collect();
        assert_eq!(used, [true, true, false, true]);
        assert_eq!(all[1].fstype.as_deref(), Some("ext4"));
    }
}
