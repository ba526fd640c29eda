//! Which host keys are known, new, or changed, and which the operator has proven: decisions only, no words.

use std::sync::Arc;

use arcus_cluster::Cluster;
use arcus_engine::endpoint;
use arcus_node::{ConnectError, Endpoint, HostKey, KnownHosts, Verdict};

/// A machine that has keys: a node, or the one in between.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name in the file.
    pub name: String,
    /// Where sshd listens.
    pub address: String,
    /// And on which port.
    pub port: u16,
    /// What it presents.
    pub keys: Vec<HostKey>,
    /// How that compares with the pins.
    pub state: State,
}

/// A host's keys against the pins.
#[derive(Debug, Clone)]
pub enum State {
    /// One of its keys is pinned.
    Pinned,
    /// Nothing is pinned for it.
    New,
    /// Something is pinned for it, and it presents none of that.
    Changed {
        /// Line of the first pin, from 1.
        line: usize,
        /// Fingerprints that are pinned.
        pinned: Vec<String>,
        /// What the line says of who pinned it and when.
        pinned_by: String,
    },
    /// It presents a key that is revoked.
    Revoked {
        /// Line that says so.
        line: usize,
    },
    /// It presents nothing.
    NotReached(ConnectError),
}

impl State {
    /// As in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::New => "new",
            Self::Changed { .. } => "changed",
            Self::Revoked { .. } => "revoked",
            Self::NotReached(_) => "not reached",
        }
    }
}

impl Host {
    /// Compares what an endpoint presents with the pins.
    pub fn compare(endpoint: &Endpoint, found: Result<Vec<HostKey>, ConnectError>, pins: &KnownHosts) -> Self {
        let host = |keys, state| Self { name: endpoint.name.clone(), address: endpoint.address.clone(), port: endpoint.port, keys, state };
        let keys = match found {
            Ok(keys) => keys,
            Err(error) => return host(vec![], State::NotReached(error)),
        };
        let mut state = State::New;
        for key in &keys {
            match pins.check(&endpoint.address, endpoint.port, key) {
                Verdict::Revoked { line } => return host(keys.clone(), State::Revoked { line }),
                // Whoever has one of the pinned keys is the host, whatever else it has.
                Verdict::Pinned => state = State::Pinned,
                Verdict::Changed { line, pinned } if matches!(state, State::New) => {
                    state = State::Changed { line, pinned, pinned_by: comment(pins, line) };
                }
                Verdict::Changed { .. } | Verdict::Unknown => {}
            }
        }
        host(keys, state)
    }

    /// `address:port`.
    pub fn target(&self) -> String {
        if self.address.contains(':') { format!("[{}]:{}", self.address, self.port) } else { format!("{}:{}", self.address, self.port) }
    }
}

/// What stands behind a pin.
fn comment(pins: &KnownHosts, line: usize) -> String {
    let text = pins.text();
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().skip(3).collect();
    if words.is_empty() { "it is not said who pinned it".into() } else { words.join(" ") }
}

/// What the operator has given beforehand.
#[derive(Debug, Default)]
pub struct Given {
    /// `node, fingerprint`.
    pub fingerprints: Vec<(String, String)>,
    /// Pins of a colleague.
    pub from: Option<KnownHosts>,
    /// Whatever is presented.
    pub anything: bool,
    /// Nodes whose changed key may be replaced.
    pub replace: Vec<String>,
}

/// What is to become of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it is pinned, or not there.
    Leave,
    /// These keys are proven.
    Pin(Vec<HostKey>),
    /// A person must say.
    Ask,
    /// No, and why.
    Refuse(Refusal),
}

/// Why a key is not pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It presents another key than was given.
    OtherThanGiven,
    /// It presents another key than is pinned, and nobody said that this is right.
    Changed,
    /// Its key is revoked.
    Revoked,
}

impl Given {
    /// Decides on one host.
    pub fn decide(&self, host: &Host) -> Decision {
        match &host.state {
            State::NotReached(_) | State::Pinned => return Decision::Leave,
            State::Revoked { .. } => return Decision::Refuse(Refusal::Revoked),
            State::Changed { .. } if !self.replace.contains(&host.name) => return Decision::Refuse(Refusal::Changed),
            State::Changed { .. } | State::New => {}
        }
        let mut expected = self.fingerprints.iter().filter(|(name, _)| *name == host.name).map(|(_, fingerprint)| fingerprint).peekable();
        if expected.peek().is_some() {
            let wanted: Vec<&String> = expected.collect();
            return pin(host.keys.iter().filter(|key| wanted.contains(&&key.fingerprint())));
        }
        if let Some(from) = &self.from {
            let verdicts: Vec<Verdict> = host.keys.iter().map(|key| from.check(&host.address, host.port, key)).collect();
            if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Revoked { .. })) {
                return Decision::Refuse(Refusal::Revoked);
            }
            if verdicts.iter().any(|verdict| *verdict != Verdict::Unknown) {
                return pin(host.keys.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Pinned).map(|(key, _)| key));
            }
        }
        if self.anything { Decision::Pin(host.keys.clone()) } else { Decision::Ask }
    }
}

fn pin<'a>(keys: impl Iterator<Item = &'a HostKey>) -> Decision {
    let keys: Vec<HostKey> = keys.cloned().collect();
    if keys.is_empty() { Decision::Refuse(Refusal::OtherThanGiven) } else { Decision::Pin(keys) }
}

/// Machines to look at: those reached directly, the ones in between among them, then those behind.
pub fn endpoints(cluster: &Cluster, only: &[String]) -> [Vec<Arc<Endpoint>>; 2] {
    let mut groups: [Vec<Arc<Endpoint>>; 2] = Default::default();
    let mut add = |group: usize, endpoint: Arc<Endpoint>| {
        let known = |other: &Arc<Endpoint>| (&other.name, &other.address, other.port) == (&endpoint.name, &endpoint.address, endpoint.port);
        if !groups[group].iter().any(known) {
            groups[group].push(endpoint);
        }
    };
    for member in &cluster.nodes {
        let endpoint = endpoint(member);
        let wanted = only.is_empty() || only.contains(&member.node.name);
        match endpoint.bastion.clone() {
            Some(bastion) if !wanted => {
                if only.contains(&bastion.name) {
                    add(0, bastion);
                }
            }
            None if !wanted => {}
            Some(bastion) => {
                add(0, bastion);
                add(1, Arc::new(endpoint));
            }
            None => add(0, Arc::new(endpoint)),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> HostKey {
        let mut blob = vec![0, 0, 0, 11];
        blob.extend_from_slice(b"ssh-ed25519");
        blob.push(seed);
        HostKey { algorithm: "ssh-ed25519".into(), blob }
    }

    fn pinned(pins: &[(&str, HostKey)]) -> KnownHosts {
        let mut hosts = KnownHosts::default();
        for (address, key) in pins {
            hosts.add(address, 22, key, "pinned by eva");
        }
        hosts
    }

    fn host(keys: &[HostKey], pins: &KnownHosts) -> Host {
        Host::compare(&Endpoint::new("a", "10.0.0.1"), Ok(keys.to_vec()), pins)
    }

    #[test]
    fn a_host_is_who_has_one_of_its_pinned_keys() {
        let pins = pinned(&[("10.0.0.1", key(1)), ("10.0.0.2", key(9))]);
        assert_eq!(host(&[key(2), key(1)], &pins).state.word(), "pinned");
        assert_eq!(host(&[key(9)], &pins).state.word(), "changed", "another host's key is not this one's");
        assert_eq!(host(&[key(9)], &KnownHosts::default()).state.word(), "new");
        let State::Changed { line, pinned_by, .. } = host(&[key(3)], &pins).state else { panic!() };
        assert_eq!((line, pinned_by.as_str()), (1, "pinned by eva"));
        let revoked = KnownHosts::parse(&format!("@revoked * {}", pins.text().lines().next().unwrap().split_once(' ').unwrap().1)).unwrap();
        assert_eq!(host(&[key(2), key(1)], &revoked).state.word(), "revoked");
    }

    #[test]
    fn new_keys_are_asked_for_unless_they_are_proven() {
        let new = host(&[key(1), key(2)], &KnownHosts::default());
        let given = |given: Given| given.decide(&new);
        assert_eq!(given(Given::default()), Decision::Ask);
        assert_eq!(given(Given { anything: true, ..Given::default() }), Decision::Pin(vec![key(1), key(2)]));
        let right = vec![("a".to_owned(), key(2).fingerprint())];
        assert_eq!(given(Given { fingerprints: right, ..Given::default() }), Decision::Pin(vec![key(2)]));
        let wrong = vec![("a".to_owned(), key(3).fingerprint())];
        assert_eq!(given(Given { fingerprints: wrong, anything: true, ..Given::default() }), Decision::Refuse(Refusal::OtherThanGiven));
        let others = vec![("b".to_owned(), key(1).fingerprint())];
        assert_eq!(given(Given { fingerprints: others, ..Given::default() }), Decision::Ask);
    }

    #[test]
    fn a_colleagues_pins_are_taken_as_far_as_they_are_presented() {
        let new = host(&[key(1), key(2)], &KnownHosts::default());
        let from = |pins: KnownHosts| Given { from: Some(pins), anything: true, ..Given::default() }.decide(&new);
        assert_eq!(from(pinned(&[("10.0.0.1", key(1))])), Decision::Pin(vec![key(1)]));
        assert_eq!(from(pinned(&[("10.0.0.1", key(7))])), Decision::Refuse(Refusal::OtherThanGiven));
        assert_eq!(from(pinned(&[("10.0.0.9", key(7))])), Decision::Pin(vec![key(1), key(2)]), "nothing said of this host");
    }

    #[test]
    fn a_changed_key_needs_more_than_accepting_anything() {
        let pins = pinned(&[("10.0.0.1", key(1))]);
        let changed = host(&[key(2)], &pins);
        assert_eq!(Given { anything: true, ..Given::default() }.decide(&changed), Decision::Refuse(Refusal::Changed));
        let replace = vec!["a".to_owned()];
        assert_eq!(Given { replace: replace.clone(), ..Given::default() }.decide(&changed), Decision::Ask);
        assert_eq!(Given { replace, anything: true, ..Given::default() }.decide(&changed), Decision::Pin(vec![key(2)]));
    }

    #[test]
    fn what_is_in_between_comes_first() {
        let text = arcus_cluster::template("demo", "4f1c2f0e-7d57-4c9e-9c5e-3b1d6c1e9a01".parse().unwrap());
        let text = text.replace("  port: 22\n", "  port: 22\n  bastion: manage01\n");
        let cluster = arcus_cluster::File::parse("cluster.yaml", &text).unwrap().cluster().unwrap();
        let [direct, behind] = endpoints(&cluster, &["manage01".into(), "compute01".into()]);
        assert_eq!(direct.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["manage01"]);
        assert_eq!(behind.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["compute01"]);
        let [direct, behind] = endpoints(&cluster, &["manage01".into()]);
        assert_eq!((direct.len(), behind.len()), (1, 0));
    }
}
