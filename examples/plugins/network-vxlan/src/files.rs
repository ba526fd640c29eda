//! The files of a node. What differs between nodes is in them, so nothing is computed on a node and nothing is asked of another.

use crate::Config;
use crate::layout::{Layout, Seat};
use arcus_sdk::FileSpec;
use arcus_sdk::prelude::*;
use std::fmt::Write as _;

/// The tunnels' device.
pub const DEVICE: &str = "arcus-vxlan";
/// The bridge of a node's pods, which the container runtime makes for the first of them.
pub const BRIDGE: &str = "cni0";
/// The unit.
pub const UNIT: &str = "arcus-vxlan.service";
/// Where the rest lies.
pub const FOLDER: &str = "/etc/arcus-vxlan";
/// For `ip`: routes and neighbours.
pub const PEERS: &str = "/etc/arcus-vxlan/peers.ip";
/// For `bridge`: behind which machine a neighbour is.
pub const FORWARDING: &str = "/etc/arcus-vxlan/peers.fdb";
/// Where the container runtime looks, and our file there.
pub const CNI_FOLDER: &str = "/etc/cni/net.d";
pub const CNI: &str = "/etc/cni/net.d/10-arcus-vxlan.conflist";
/// Settings for every boot.
pub const SYSCTL: &str = "/etc/sysctl.d/60-arcus-vxlan.conf";

fn written(path: &str, content: String) -> FileSpec {
    file(path).content(content)
}

/// The unit makes the device; a reload hands the kernel other peers and leaves the device, and the packets on it, alone.
pub fn unit(config: &Config, seat: &Seat<'_>) -> FileSpec {
    let (vni, port, mtu) = (config.vni, config.port, config.mtu);
    let (address, own, mac) = (seat.address, seat.own(), seat.mac());
    let add = format!("/sbin/ip link add {DEVICE} type vxlan id {vni} dstport {port} local {address} nolearning");
    let rest = |key: &str| {
        format!(
            "{key}=/sbin/ip link set {DEVICE} address {mac} mtu {mtu} up\n\
             {key}=/sbin/ip addr replace {own}/32 dev {DEVICE}\n\
             {key}=/sbin/ip -batch {PEERS}\n\
             {key}=/sbin/bridge -batch {FORWARDING}\n"
        )
    };
    let (start, reload) = (rest("ExecStart"), rest("ExecReload"));
    let text = format!(
        "# Written by Arcus (network-vxlan).\n\
         [Unit]\n\
         Description=Pod network: tunnels to the other nodes\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         Before=docker.service containerd.service crio.service kubelet.service\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         RemainAfterExit=yes\n\
         ExecStartPre=-/sbin/ip link delete {DEVICE}\n\
         ExecStart={add}\n\
         {start}\
         ExecReload=-{add}\n\
         {reload}\
         ExecStop=-/sbin/ip link delete {DEVICE}\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    );
    written("/etc/systemd/system/arcus-vxlan.service", text)
}

/// Routes to all blocks but the node's own, through the other node's end, whose hardware address is never asked for.
pub fn peers(layout: &Layout<'_>, seat: &Seat<'_>) -> FileSpec {
    let mut text = format!("route flush dev {DEVICE}\n");
    for other in layout.others(seat) {
        let (own, mac, block) = (other.own(), other.mac(), other.block);
        let _ = writeln!(text, "neigh replace {own} lladdr {mac} dev {DEVICE} nud permanent");
        let _ = writeln!(text, "route replace {block} via {own} dev {DEVICE} onlink");
    }
    written(PEERS, text)
}

/// Which machine a packet for a hardware address is wrapped for.
pub fn forwarding(layout: &Layout<'_>, seat: &Seat<'_>) -> FileSpec {
    let mut text = String::new();
    for other in layout.others(seat) {
        let _ = writeln!(text, "fdb replace {} dev {DEVICE} dst {} self permanent", other.mac(), other.address);
    }
    written(FORWARDING, text)
}

/// What the container runtime is told: a bridge with the node's block, packets no larger than the tunnels carry.
pub fn cni(config: &Config, seat: &Seat<'_>) -> FileSpec {
    let (mtu, block) = (config.mtu, seat.block);
    let text = format!(
        r#"{{
  "cniVersion": "0.4.0",
  "name": "arcus-vxlan",
  "plugins": [
    {{
      "type": "bridge",
      "bridge": "{BRIDGE}",
      "isDefaultGateway": true,
      "hairpinMode": true,
      "mtu": {mtu},
      "ipam": {{ "type": "host-local", "subnet": "{block}" }}
    }},
    {{ "type": "portmap", "capabilities": {{ "portMappings": true }} }}
  ]
}}
"#
    );
    written(CNI, text)
}
