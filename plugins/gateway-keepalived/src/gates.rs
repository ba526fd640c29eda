//! What the gateways are like now.

use crate::config::Config;
use crate::ring::Ring;
use crate::{conf, health, vrid};
use arcus_sdk::prelude::*;
use arcus_sdk::{Batch, Ticket};
use std::collections::BTreeMap;

/// Most of keepalived.conf that is read.
const ENOUGH: u32 = 32_768;

/// What was seen on a gateway.
pub struct Gate {
    /// With the address, where it holds it.
    pub interfaces: Look<Vec<NetworkInterface>>,
    /// keepalived.conf as it is.
    pub file: Look<Option<FileFact>>,
    /// The health program as it is.
    pub program: Look<Option<FileFact>>,
    /// keepalived's unit.
    pub service: Look<Option<ServiceFact>>,
}

impl Gate {
    /// Users come in here: it holds the address, or the one that its keepalived was told to hold before.
    pub fn serves(&self, address: &str) -> bool {
        let text = self.file.known().and_then(Option::as_ref).map(FileFact::text).unwrap_or_default();
        let shared = |cidr: &String| cidr.split('/').next().is_some_and(|own| own == address || vrid::in_file(&text, own).is_some());
        self.interfaces.known().into_iter().flatten().flat_map(|interface| &interface.addresses).any(shared)
    }

    /// It runs, and will be restarted to read this.
    pub fn restarts(&self, text: &str, program: Option<String>) -> bool {
        let is = |look: &Look<Option<FileFact>>, wanted: &str| look.is_known_and(|file| file.as_ref().is_some_and(|file| file.text() == wanted));
        let current = is(&self.file, text) && program.is_none_or(|program| is(&self.program, &program));
        self.service.is_known_and(|service| service.as_ref().is_some_and(|service| service.active && (service.stale || !current)))
    }
}

/// What was seen on all gateways.
pub struct Gates(BTreeMap<String, Gate>);

/// Four answers of a gateway, in the order of the fields of [`Gate`].
type Answers = (Look<Vec<NetworkInterface>>, Look<Option<FileFact>>, Look<Option<FileFact>>, Look<Option<ServiceFact>>);

impl Gates {
    /// Puts the questions to all gateways into an ask.
    pub fn ask(batch: &mut Batch<'_, Config>, config: &Config, ring: &Ring) -> Ticket<PerNode<Answers>> {
        let service = probe::service_with(conf::UNIT, conf::read_at_start(config, ring));
        batch.each(ring.nodes(), (probe::interfaces(), probe::content(conf::PATH, ENOUGH), probe::content(health::PATH, ENOUGH), service))
    }

    /// From the answers.
    pub fn of(answers: &PerNode<Answers>) -> Self {
        let gate = |(interfaces, file, program, service): Answers| Gate { interfaces, file, program, service };
        Gates(answers.iter().map(|(node, answers)| (node.to_owned(), gate(answers.clone()))).collect())
    }

    /// Looks at all gateways, and at nothing else.
    pub fn look(cluster: &Cluster<Config>, ring: &Ring) -> Self {
        let mut batch = cluster.batch();
        let ticket = Self::ask(&mut batch, &cluster.config, ring);
        Self::of(&batch.send().take(ticket))
    }

    /// What was seen on this one.
    pub fn at(&self, node: &Node) -> &Gate {
        &self.0[&node.name]
    }

    /// The interfaces of a gateway that answered.
    pub fn interfaces(&self, node: &Node) -> Option<&[NetworkInterface]> {
        self.at(node).interfaces.known().map(Vec::as_slice)
    }

    /// Those that hold the address, in the order of their priority.
    pub fn holders<'a>(&self, ring: &Ring<'a>) -> Vec<&'a Node> {
        let address = ring.address();
        let holds = |node: &&Node| self.interfaces(node).is_some_and(|interfaces| interfaces.with_address(&address).is_some());
        ring.nodes().filter(holds).collect()
    }

    /// The number in the gateways' own files; the first that has one decides.
    pub fn vrid(&self, ring: &Ring) -> Option<u8> {
        let address = ring.address();
        ring.nodes().find_map(|node| vrid::in_file(&self.at(node).file.known()?.as_ref()?.text(), &address))
    }

    /// The addresses of the group's nodes, as the file and they themselves say.
    pub fn addresses(&self, ring: &Ring) -> Vec<String> {
        let seen = self.0.values().filter_map(|gate| gate.interfaces.known()).flatten().flat_map(|interface| &interface.addresses);
        let seen = seen.filter_map(|cidr| cidr.split('/').next()).map(str::to_owned);
        seen.chain(ring.nodes().map(|node| node.address.clone())).collect()
    }

    /// The MAC addresses of all that answered.
    pub fn macs(&self) -> Vec<String> {
        let interfaces = self.0.values().filter_map(|gate| gate.interfaces.known()).flatten();
        interfaces.map(|interface| interface.mac.to_lowercase()).collect()
    }
}
