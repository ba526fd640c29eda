//! The addresses that outlive a node, and the names and URLs that must lead to them instead of to the first node.

use crate::config::Config;
use arcus_sdk::prelude::*;

/// Names of the cluster's own services that gateways serve: images, packages, the API of Kubernetes.
pub const BY_GATEWAYS: [&str; 5] = ["kubeapi.goodrain.me", "goodrain.me", "repo.goodrain.me", "lang.goodrain.me", "maven.goodrain.me"];
/// The name of Rainbond's own API, which managers serve.
pub const BY_MANAGERS: &str = "region.goodrain.me";

/// Where users and nodes find the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses<'a> {
    /// Of the gateways: applications, and what the cluster itself gets through them.
    pub gateways: &'a str,
    /// Of the managers: the API. The same, where the managers are the gateways.
    pub managers: &'a str,
}

impl<'a> Addresses<'a> {
    /// As the gateway plugin offers them, if there is one.
    pub fn of(cluster: &'a Cluster<Config>) -> Option<Self> {
        let offer = cluster.handed.gateway.as_ref()?;
        let bare = |address: &'a str| address.split('/').next().unwrap_or(address);
        let gateways = bare(&offer.address);
        Some(Addresses { gateways, managers: offer.managers.as_deref().map_or(gateways, bare) })
    }

    /// The milestone that says that the managers' one answers.
    pub fn managers_answering(self) -> &'static str {
        if self.are_one() { milestone::VIP_ANSWERING } else { milestone::MANAGERS_ANSWERING }
    }

    /// One serves for both.
    pub fn are_one(self) -> bool {
        self.gateways == self.managers
    }

    /// The entries of a hosts file.
    pub fn entries(self) -> String {
        match self.are_one() {
            true => format!("{} {} {BY_MANAGERS}\n", self.gateways, BY_GATEWAYS.join(" ")),
            false => format!("{} {}\n{} {BY_MANAGERS}\n", self.gateways, BY_GATEWAYS.join(" "), self.managers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_names_have_an_address_each() {
        let one = Addresses { gateways: "10.0.0.100", managers: "10.0.0.100" };
        assert_eq!(one.entries(), "10.0.0.100 kubeapi.goodrain.me goodrain.me repo.goodrain.me lang.goodrain.me maven.goodrain.me region.goodrain.me\n");
        let two = Addresses { gateways: "10.0.0.100", managers: "10.0.0.101" };
        assert!(two.entries().ends_with(" maven.goodrain.me\n10.0.0.101 region.goodrain.me\n"));
        assert_eq!(two.managers_answering(), "vip.managers-answering");
    }
}
