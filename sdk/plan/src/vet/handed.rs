//! What a plugin hands over is held against its own grant: another plugin, which may do more, acts by it.

use std::net::IpAddr;

use arcus_contract::handoffs::{GatewayOffer, NetworkOffer, PlatformDemand, StorageOffer};
use arcus_contract::types::Node;

use super::{Denial, may_write, own_places};
use crate::manifest::Manifest;
use crate::pattern;

/// What others are told of a storage: they mount it.
///
/// # Errors
/// All denials at once.
pub fn storage(manifest: &Manifest, nodes: &[Node], offer: &StorageOffer) -> Result<(), Vec<Denial>> {
    let mut told = Told::by(manifest);
    told.is(field(&offer.source), format!("the source {:?} is not one word as fstab has it", offer.source));
    told.is(name(&offer.fstype), format!("the type {:?} is no name", offer.fstype));
    for option in offer.options.iter().filter(|option| !field(option) || option.contains(',')) {
        told.is(false, format!("the option {option:?} is not one word as fstab has it"));
    }
    told.nodes(nodes, &offer.local);
    for place in own_places(&offer.source, &offer.fstype, &offer.options).filter(|place| !may_write(manifest, place)) {
        let reason = format!("it would have others mount the node's own {place}, which it may not write");
        told.denials.push(Denial { permission: Some(format!("grant.write = {place:?}")), ..told.denial(reason) });
    }
    told.result()
}

/// What others are told of a network: they give its kind and range to the installer.
///
/// # Errors
/// All denials at once.
pub fn network(manifest: &Manifest, offer: &NetworkOffer) -> Result<(), Vec<Denial>> {
    let mut told = Told::by(manifest);
    told.is(name(&offer.kind), format!("the kind {:?} is no name", offer.kind));
    told.is(offer.pods.parse::<ipnet::IpNet>().is_ok(), format!("the pods' range {:?} is none", offer.pods));
    told.result()
}

/// What others are told of a gateway: they put its address into files, commands and the database.
///
/// # Errors
/// All denials at once.
pub fn gateway(manifest: &Manifest, offer: &GatewayOffer) -> Result<(), Vec<Denial>> {
    let mut told = Told::by(manifest);
    for address in std::iter::once(&offer.address).chain(&offer.managers) {
        let bare = address.split('/').next().unwrap_or_default();
        // Without one there is none to go by.
        let is_one = address.is_empty() || if address.contains('/') { address.parse::<ipnet::IpNet>().is_ok() } else { bare.parse::<IpAddr>().is_ok() };
        told.is(is_one, format!("{address:?} is no address"));
    }
    told.result()
}

/// What a platform wants of the others: a directory they mount, units they stop, URLs that their programs ask.
///
/// # Errors
/// All denials at once.
pub fn demands(manifest: &Manifest, nodes: &[Node], demands: &PlatformDemand) -> Result<(), Vec<Denial>> {
    let mut told = Told::by(manifest);
    if let Some(shared) = &demands.shared {
        told.is(pattern::is_under(&shared.path, "/") && shared.path != "/" && field(&shared.path), format!("the shared directory {:?} is no absolute path", shared.path));
        told.nodes(nodes, &shared.nodes);
    }
    let units = demands.shared.iter().flat_map(|shared| shared.users.iter().map(|(_, unit)| unit)).chain(&demands.gateway_unit).chain(&demands.manage_unit);
    for unit in units.filter(|unit| !name(unit)) {
        told.is(false, format!("{unit:?} is no unit"));
    }
    for url in demands.gateway_health.iter().chain(&demands.manage_health).filter(|url| !pattern::is_url(url)) {
        told.is(false, format!("{url:?} is no URL of the web"));
    }
    told.result()
}

/// What is wrong so far.
struct Told<'m> {
    manifest: &'m Manifest,
    denials: Vec<Denial>,
}

impl<'m> Told<'m> {
    fn by(manifest: &'m Manifest) -> Self {
        Self { manifest, denials: Vec::new() }
    }

    fn denial(&self, reason: String) -> Denial {
        Denial { plugin: self.manifest.name.clone(), step: String::new(), permission: None, reason }
    }

    fn is(&mut self, right: bool, otherwise: String) {
        if !right {
            self.denials.push(self.denial(otherwise));
        }
    }

    fn nodes(&mut self, all: &[Node], named: &[String]) {
        for name in named.iter().filter(|name| all.iter().all(|node| node.name != **name)) {
            self.is(false, format!("the cluster has no node `{name}`"));
        }
    }

    fn result(self) -> Result<(), Vec<Denial>> {
        if self.denials.is_empty() { Ok(()) } else { Err(self.denials) }
    }
}

/// A word that stays one word in fstab and on a command line.
fn field(text: &str) -> bool {
    pattern::is_plain(text)
}

fn name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte)) && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use arcus_contract::handoffs::SharedDirectory;

    use super::*;

    fn manifest() -> Manifest {
        Manifest::from_toml("name = \"storage-x\"\nversion = \"0.1.0\"\nconcern = \"storage\"\ncontract = \"0.1\"\nsummary = \"x\"\n[grant]\nwrite = [\"/srv/x\"]\n").unwrap()
    }

    fn reasons(result: Result<(), Vec<Denial>>) -> Vec<String> {
        result.err().into_iter().flatten().map(|denial| denial.reason).collect()
    }

    #[test]
    fn nobody_is_told_to_mount_what_whoever_says_so_may_not_write() {
        let offer = |source: &str, fstype: &str, options: &[&str]| {
            let offer = StorageOffer { source: source.into(), fstype: fstype.into(), options: options.iter().map(|one| (*one).to_owned()).collect(), local: vec![] };
            reasons(storage(&manifest(), &[], &offer))
        };
        for (source, fstype, options) in [("10.0.0.9:/srv", "nfs4", &["nfsvers=4.2", "_netdev"][..]), ("[fd00::1]:/srv", "nfs4", &[]), ("none", "tmpfs", &[]), ("/srv/x/y", "none", &["bind"]), ("/dev/sdb", "gfs2", &[])] {
            assert_eq!(offer(source, fstype, options), Vec::<String>::new(), "{source}");
        }
        for (source, fstype, options, words) in [
            ("/root", "none", &["bind"][..], "it would have others mount the node's own /root, which it may not write"),
            ("over", "overlay", &["lowerdir=/etc"], "it would have others mount the node's own /etc, which it may not write"),
            ("x:/y /grdata nfs4 defaults 0 0\n/root", "nfs4", &[], "is not one word as fstab has it"),
            ("x:/y", "nfs4 --bind", &[], "is no name"),
            ("x:/y", "nfs4", &["rw,suid"], "the option \"rw,suid\" is not one word as fstab has it"),
            ("x:/y", "nfs4", &["rw\u{1b}[2J"], "is not one word as fstab has it"),
        ] {
            let told = offer(source, fstype, options);
            assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
        }
        let stranger = StorageOffer { source: "x:/y".into(), fstype: "nfs4".into(), options: vec![], local: vec!["nobody".into()] };
        assert_eq!(reasons(storage(&manifest(), &[], &stranger)), ["the cluster has no node `nobody`"]);
    }

    #[test]
    fn what_goes_into_others_commands_is_what_it_is_said_to_be() {
        let offered = |kind: &str, pods: &str| reasons(network(&manifest(), &NetworkOffer { kind: kind.into(), pods: pods.into(), by_platform: true }));
        assert!(offered("calico", "10.1.0.0/16").is_empty());
        assert_eq!((offered("--x", "10.1.0.0/16").len(), offered("calico", "10.1.0.0/16;reboot").len()), (1, 1));
        let held = |address: &str| reasons(gateway(&manifest(), &GatewayOffer { address: address.into(), managers: None }));
        assert!(held("10.0.0.1").is_empty() && held("10.0.0.1/24").is_empty() && held("fd00::1").is_empty() && held("").is_empty());
        assert_eq!(held("10.0.0.1'; DROP TABLE x"), ["\"10.0.0.1'; DROP TABLE x\" is no address"]);
        let shared = SharedDirectory { path: "/grdata".into(), nodes: vec![], attach: true, users: vec![] };
        let good = PlatformDemand { shared: Some(shared.clone()), gateway_health: Some("http://127.0.0.1:80/x".into()), gateway_unit: Some("x@1.service".into()), manage_health: None, manage_unit: None };
        assert!(reasons(demands(&manifest(), &[], &good)).is_empty());
        for bad in [
            PlatformDemand { shared: Some(SharedDirectory { path: "/grdata/../etc".into(), ..shared.clone() }), ..good.clone() },
            PlatformDemand { shared: Some(SharedDirectory { nodes: vec!["nobody".into()], ..shared }), ..good.clone() },
            PlatformDemand { gateway_health: Some("http://127.0.0.1/$(reboot)".into()), ..good.clone() },
            PlatformDemand { gateway_unit: Some("x.service; reboot".into()), ..good },
        ] {
            assert_eq!(reasons(demands(&manifest(), &[], &bad)).len(), 1, "{bad:?}");
        }
    }
}
