//! Which address the API's certificate is for: 5.1 makes it for the one that init was told, and nothing of Rainbond's makes another later. The
//! console asks at the virtual address and compares, so where it is for another one an operator has to make a new one.

use crate::addresses::Addresses;
use crate::config::Config;
use crate::seat::{Seat, Stage};
use crate::member;
use arcus_sdk::prelude::*;

/// The folder, on every manager.
const FOLDER: &str = "/opt/rainbond/etc/rbd-api/region.goodrain.me/ssl";

/// Whether it is for the virtual address. `None`: that cannot be told, or it is of no matter.
fn fits(cluster: &Cluster<Config>, seat: &Seat<'_>) -> Option<bool> {
    if seat.stage != Stage::Done || cluster.config.version.names_its_api() {
        return None;
    }
    let address = Addresses::of(cluster)?.managers;
    let said = cluster.ask_many([seat.node], probe::query("api-certificate", [address]));
    let text = said.of(seat.node).known().filter(|said| said.is_ok())?.text();
    match () {
        () if text.contains("does NOT match certificate") => Some(false),
        () if text.contains("does match certificate") => Some(true),
        () => None,
    }
}

/// The finding, with the way to mend it.
pub fn plan(cluster: &Cluster<Config>, seat: &Seat<'_>, plan: &mut Plan) {
    if let (Some(false), Some(addresses)) = (fits(cluster, seat), Addresses::of(cluster)) {
        let message = format!("the certificate of the API is not for {}, where the console asks it: whoever compares them gets no answer", addresses.managers);
        plan.warn(problem("rainbond.api-certificate", message).on(seat.node).help(by_hand(cluster, seat, addresses.managers)));
    }
}

/// From Rainbond's own page on certificates, as far as it is about the API.
fn by_hand(cluster: &Cluster<Config>, seat: &Seat<'_>, address: &str) -> String {
    let managers = member::managers(cluster).into_iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
    format!(
        "a new one is made by hand: 1. on {seat}: `cd /root && docker run --rm -v $PWD/new/ssl:{FOLDER} -v $PWD/new/k8s:/opt/rainbond/etc/kubernetes/ssl -v $PWD/new/kubecfg:/opt/rainbond/etc/kubernetes/kubecfg -v $PWD/new/share:/grdata/kubernetes rainbond/r6dctl:docker-cfg-certs kip {address}`; of what it makes only `new/ssl` is needed, and Kubernetes keeps its own; 2. on {managers}: `mv {FOLDER} {FOLDER}.bak`, and `new/ssl` of {seat} in its place; 3. on {seat}: copy ca.pem, client.pem and client.key.pem from there to /grdata/services/console/uidata/rainbond/ssl, and write them into ssl_ca_cert, cert_file and key_file of the row of `{region}` in console.region_info; 4. on {managers}, one after the other: `systemctl restart rbd-api`; then on {seat}: `systemctl restart rbd-app-ui`, `arcus verify`",
        seat = seat.node.name,
        region = cluster.config.region,
    )
}

/// The check: a warning, since what does not compare goes on.
pub fn verify(cluster: &Cluster<Config>, seat: &Seat<'_>, checks: &mut Checks) {
    if let (Some(fits), Some(addresses)) = (fits(cluster, seat), Addresses::of(cluster)) {
        let check = checks.on(seat.node, "api-certificate", format!("the certificate of the API is for {}", addresses.managers));
        if fits { check.passed("it is") } else { check.warned("it is for another address: `arcus plan` tells how a new one is made") }
    }
}
