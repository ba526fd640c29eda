//! What keepalived reads: its configuration for one gateway, and its password where there is one.

use crate::config::Config;
use crate::health;
use crate::ring::{Member, Ring};
use arcus_sdk::prelude::*;
use arcus_sdk::FileSpec;

/// Where the configuration is.
pub const PATH: &str = "/etc/keepalived/keepalived.conf";
/// Where the password is: apart, so that the rest can be read and shown.
pub const AUTH: &str = "/etc/keepalived/arcus-auth.conf";
/// keepalived's unit.
pub const UNIT: &str = "keepalived.service";

/// The configuration of one gateway.
pub fn text(cluster: &Cluster<Config>, ring: &Ring, member: &Member, interface: &str, vrid: u8) -> String {
    let config = &cluster.config;
    let mut out = format!(
        "# Written by Arcus for the cluster {}. What is changed here by hand is written over; what was here\n\
         # before is in {PATH}.arcus-original.\n\
         global_defs {{\n    router_id {}\n    vrrp_version {}\n    enable_script_security\n    script_user root\n",
        cluster.cluster_id, member.node.name, config.version
    );
    if ring.advert < 1000 {
        out.push_str(
            "    # With signs of life this close together, keepalived must not wait for the processor. By default the kernel kills it then after\n    \
             # 10 ms without a pause, which a slow or shared machine does take: it would be away for a minute and leave the address behind.\n    \
             vrrp_rt_priority 50\n    vrrp_rlimit_rttime 1000000\n",
        );
    }
    out.push_str("}\n");
    if ring.check.is_some() {
        let crate::config::Health { interval, fall, rise } = &config.health;
        out.push_str(&format!(
            "\nvrrp_script gateway {{\n    script \"{}\"\n    interval {interval}\n    timeout {interval}\n    fall {fall}\n    rise {rise}\n    \
             # Lowers the priority below that of every healthy gateway; when all are unwell, the order is as before.\n    weight -{}\n    init_fail\n}}\n",
            health::PATH,
            ring.penalty
        ));
    }
    out.push_str(&format!(
        "\nvrrp_instance vip {{\n    state BACKUP\n    interface {interface}\n    virtual_router_id {vrid}\n    priority {}\n    advert_int {}\n",
        member.priority,
        seconds(ring.advert)
    ));
    let others: Vec<&Node> = ring.nodes().filter(|node| node.name != member.node.name).collect();
    if config.unicast && !others.is_empty() {
        out.push_str(&format!("    unicast_src_ip {}\n    unicast_peer {{\n", member.node.address));
        others.iter().for_each(|other| out.push_str(&format!("        {}\n", other.address)));
        out.push_str("    }\n");
    }
    if config.version == 2 {
        out.push_str(&format!("    include {AUTH}\n"));
    }
    out.push_str(&format!("    virtual_ipaddress {{\n        {} dev {interface}\n    }}\n", ring.vip));
    if ring.check.is_some() {
        out.push_str("    track_script {\n        gateway\n    }\n");
    }
    out.push_str("}\n");
    out
}

/// The configuration as a file; what was there before is kept once.
pub fn file(text: String) -> FileSpec {
    arcus_sdk::file(PATH).content(text).keep_original()
}

/// The program that looks at health, as a file.
pub fn program(check: &health::Check) -> FileSpec {
    arcus_sdk::file(health::PATH).content(check.program()).mode(0o755)
}

/// The password as a file.
pub fn auth() -> FileSpec {
    let content = text!["authentication {\n    auth_type PASS\n    auth_pass ", secret("vrrp"), "\n}\n"];
    arcus_sdk::file(AUTH).content(content).mode(0o600)
}

/// The files that keepalived reads when it starts.
pub fn read_at_start(config: &Config, ring: &Ring) -> Vec<&'static str> {
    let mut files = vec![PATH];
    if ring.check.is_some() {
        files.push(health::PATH);
    }
    if config.version == 2 {
        files.push(AUTH);
    }
    files
}

/// Milliseconds as keepalived has them: `0.25`, `1`.
fn seconds(milliseconds: u32) -> String {
    let text = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn seconds_have_no_empty_places() {
        for (milliseconds, wanted) in [(250, "0.25"), (1000, "1"), (10, "0.01"), (40_950, "40.95"), (10_000, "10")] {
            assert_eq!(super::seconds(milliseconds), wanted);
        }
    }
}
