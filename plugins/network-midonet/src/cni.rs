//! What gives pods to MidoNet on a node: a file of the operator's. The only one ever published has a quote too many, so it is read.

use arcus_sdk::prelude::*;

/// Its place.
pub const FILE: &str = "/opt/rainbond/etc/cni/10-midonet.conf";
/// Its type is the name of a program there.
pub const PROGRAMS: [&str; 2] = ["/opt/rainbond/bin/midonet-cni", "/opt/rainbond/bin/midonet"];

#[derive(serde::Deserialize)]
struct Conf {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    midonet_api: Option<Api>,
}

#[derive(serde::Deserialize)]
struct Api {
    #[serde(default)]
    url: String,
    #[serde(default)]
    provider_router_id: String,
}

/// Whether it can work. `Err`: what is wrong, in words.
pub fn read(file: Option<&FileFact>, api: &str) -> Result<String, String> {
    let file = file.ok_or_else(|| format!("there is no {FILE}"))?;
    let conf: Conf = serde_json::from_slice(&file.content).map_err(|error| format!("{FILE} is no JSON: {error}"))?;
    if !matches!(conf.kind.as_str(), "midonet" | "midonet-cni") {
        return Err(format!("{FILE} is of the type {:?}, not midonet", conf.kind));
    }
    let told = conf.midonet_api.ok_or_else(|| format!("{FILE} does not say where the API is (midonet_api)"))?;
    let same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
    if !same(&told.url, api) {
        return Err(format!("{FILE} says the API is at {:?}, the cluster file says {api}", told.url));
    }
    if told.provider_router_id.is_empty() {
        return Err(format!("{FILE} names no provider_router_id"));
    }
    Ok(format!("{}, {}", conf.kind, told.url))
}
