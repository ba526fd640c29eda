//! TCP (or a bastion's channel), key exchange, and the host key's check.
use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKeyBase64, PublicKeyOrCertificate};
use russh::{ChannelOpenFailure, Preferred, cipher, client};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::session::Connection;
use crate::known_hosts::Verdict;
use crate::{ConnectError, Endpoint, HostKey, HostKeyTrouble, KnownHosts};

/// A connection that is not logged in yet, or is.
pub type Handle = client::Handle<Door>;
/// Host key algorithms to offer.
pub type Algorithms = Vec<Algorithm>;

const TCP_WITHIN: Duration = Duration::from_secs(5);
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Looks at the key of who answers. Nothing of ours is sent before it has said yes.
#[derive(Clone)]
pub struct Door {
    host: String,
    port: u16,
    known: Option<Arc<KnownHosts>>,
    seen: Seen,
}

/// What the door saw.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<(Option<HostKey>, Option<HostKeyTrouble>)>>);

impl Seen {
    /// The key that was presented.
    pub fn key(&self) -> Option<HostKey> {
        self.0.lock().ok()?.0.clone()
    }

    fn trouble(&self) -> Option<HostKeyTrouble> {
        self.0.lock().ok()?.1.clone()
    }
}

impl Door {
    /// Lets in who is pinned.
    pub fn strict(host: &str, port: u16, known: Arc<KnownHosts>) -> Self {
        Self { host: host.into(), port, known: Some(known), seen: Seen::default() }
    }

    /// Lets nobody in, but looks at them.
    pub fn curious(host: &str, port: u16) -> Self {
        Self { host: host.into(), port, known: None, seen: Seen::default() }
    }

    /// Where it notes what it saw.
    pub fn seen(&self) -> Seen {
        self.seen.clone()
    }

    fn judge(&self, key: &HostKey) -> Option<HostKeyTrouble> {
        let host = self.host.clone();
        let (algorithm, fingerprint) = (key.algorithm.clone(), key.fingerprint());
        let Some(known) = &self.known else { return Some(HostKeyTrouble::Unknown { host, algorithm, fingerprint }) };
        match known.check(&self.host, self.port, key) {
            Verdict::Pinned => None,
            Verdict::Unknown => Some(HostKeyTrouble::Unknown { host, algorithm, fingerprint }),
            Verdict::Changed { line, pinned } => Some(HostKeyTrouble::Changed { host, line, pinned, algorithm, fingerprint }),
            Verdict::Revoked { line } => Some(HostKeyTrouble::Revoked { host, line, fingerprint }),
        }
    }
}

impl client::Handler for Door {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        // Certificates are not offered, so none can come.
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        let algorithm = match key.algorithm() {
            Algorithm::Rsa { .. } => "ssh-rsa".to_owned(),
            other => other.as_str().to_owned(),
        };
        let key = HostKey { algorithm, blob: key.public_key_bytes() };
        let trouble = self.judge(&key);
        let good = trouble.is_none();
        if let Ok(mut seen) = self.seen.0.lock() {
            *seen = (Some(key), trouble);
        }
        Ok(good)
    }
}

/// For each family of host keys, what to offer to see it.
pub fn families() -> Vec<Algorithms> {
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"].map(algorithms).into()
}

/// What to offer so that the host presents a key that is pinned: none is a change then, not another key. None: nothing is pinned.
pub fn pinned(names: &[String]) -> Option<Algorithms> {
    let all: Algorithms = names.iter().flat_map(|name| algorithms(name)).collect();
    (!all.is_empty()).then_some(all)
}

/// Never with SHA-1.
fn algorithms(name: &str) -> Algorithms {
    match name {
        "ssh-ed25519" => vec![Algorithm::Ed25519],
        "ecdsa-sha2-nistp256" => vec![Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }],
        "ecdsa-sha2-nistp384" => vec![Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 }],
        "ecdsa-sha2-nistp521" => vec![Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 }],
        "ssh-rsa" => vec![Algorithm::Rsa { hash: Some(HashAlg::Sha512) }, Algorithm::Rsa { hash: Some(HashAlg::Sha256) }],
        _ => vec![],
    }
}

fn config(algorithms: Option<Algorithms>) -> Arc<client::Config> {
    let algorithms = algorithms.unwrap_or_else(|| families().concat());
    Arc::new(client::Config {
        // Without it every exchange waits for a delayed acknowledgement: 47 ms in place of 2.
        nodelay: true,
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 3,
        preferred: Preferred {
            key: Cow::Owned(algorithms),
            // AES has instructions of its own on every server, and is the faster one to read.
            cipher: Cow::Borrowed(&[
                cipher::AES_256_GCM,
                cipher::AES_128_GCM,
                cipher::CHACHA20_POLY1305,
                cipher::AES_256_CTR,
                cipher::AES_192_CTR,
                cipher::AES_128_CTR,
            ]),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    })
}

/// One try.
pub async fn connect(endpoint: &Endpoint, door: Door, algorithms: Option<Algorithms>, hop: Option<Arc<Connection>>) -> Result<Handle, ConnectError> {
    let (node, target) = (endpoint.name.clone(), endpoint.to_string());
    let unreachable = |reason: String| ConnectError::Unreachable { node: node.clone(), target: target.clone(), reason };
    let config = config(algorithms);
    let seen = door.seen();
    let handshake = match hop {
        None => {
            let stream = match timeout(TCP_WITHIN, TcpStream::connect((endpoint.address.as_str(), endpoint.port))).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => return Err(ConnectError::Refused { node, target }),
                Ok(Err(error)) => return Err(unreachable(plain(&error))),
                Err(_) => return Err(unreachable(format!("no answer within {} s", TCP_WITHIN.as_secs()))),
            };
            let _ = stream.set_nodelay(true);
            timeout(HANDSHAKE_WITHIN, client::connect_stream(config, stream, door)).await
        }
        Some(hop) => {
            let stream = match timeout(HANDSHAKE_WITHIN, hop.tunnel(&endpoint.address, endpoint.port)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited))) => {
                    return Err(ConnectError::Setup { node, reason: "its bastion forbids forwarding (AllowTcpForwarding, PermitOpen)".into() });
                }
                Ok(Err(error)) => return Err(unreachable(format!("the bastion could not connect to it: {error}"))),
                Err(_) => return Err(unreachable(format!("the bastion did not connect to it within {} s", HANDSHAKE_WITHIN.as_secs()))),
            };
            timeout(HANDSHAKE_WITHIN, client::connect_stream(config, stream, door)).await
        }
    };
    match handshake {
        Ok(Ok(handle)) => Ok(handle),
        _ if seen.trouble().is_some() => {
            let trouble = seen.trouble().unwrap_or(HostKeyTrouble::Unknown { host: String::new(), algorithm: String::new(), fingerprint: String::new() });
            Err(ConnectError::HostKey { node, target, trouble })
        }
        Ok(Err(russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, ours, theirs })) => {
            // It has no key of the pinned kind any more.
            let (algorithm, fingerprint) = (theirs.join(", "), "a key of another kind".to_owned());
            let pinned = vec![ours.join(", ")];
            Err(ConnectError::HostKey { node, target, trouble: HostKeyTrouble::Changed { host: endpoint.address.clone(), line: 0, pinned, algorithm, fingerprint } })
        }
        Ok(Err(error)) => Err(ConnectError::Handshake { node, target, reason: error.to_string() }),
        Err(_) => Err(ConnectError::Handshake { node, target, reason: format!("no answer within {} s", HANDSHAKE_WITHIN.as_secs()) }),
    }
}

/// Without "os error 113".
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From documents: see `tests/transcripts/README.md`.
    const OLD: &str = include_str!("../../tests/transcripts/kexinit");

    #[test]
    fn a_server_of_centos_7_and_we_have_good_algorithms_in_common() {
        let theirs = |what: &str| -> Vec<&str> {
            let line = OLD.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(": ")).expect("a line");
            line.split(',').collect()
        };
        // As RFC 4253 has it: the first of the client's that the server has.
        let agreed = |what: &str, ours: Vec<String>| ours.into_iter().find(|name| theirs(what).contains(&name.as_str()));
        let names = |list: &[&dyn AsRef<str>]| list.iter().map(|name| name.as_ref().to_owned()).collect::<Vec<String>>();
        let ours = config(None).preferred.clone();
        let kex = names(&ours.kex.iter().map(|name| name as &dyn AsRef<str>).collect::<Vec<_>>());
        let cipher = names(&ours.cipher.iter().map(|name| name as &dyn AsRef<str>).collect::<Vec<_>>());
        let mac = names(&ours.mac.iter().map(|name| name as &dyn AsRef<str>).collect::<Vec<_>>());
        let key: Vec<String> = ours.key.iter().map(ToString::to_string).collect();
        assert_eq!(agreed("KEX algorithms", kex).as_deref(), Some("curve25519-sha256"));
        assert_eq!(agreed("ciphers", cipher).as_deref(), Some("aes256-gcm@openssh.com"));
        assert!(agreed("MACs", mac).is_some_and(|name| name.starts_with("hmac-sha2-")));
        assert_eq!(agreed("host key algorithms", key).as_deref(), Some("ssh-ed25519"));
        // Pinned by its RSA key only: never with SHA-1.
        let rsa = pinned(&["ssh-rsa".into()]).unwrap_or_default().iter().map(ToString::to_string).collect();
        assert_eq!(agreed("host key algorithms", rsa).as_deref(), Some("rsa-sha2-512"));
    }
}
