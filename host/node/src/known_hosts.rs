//! The file of pinned host keys, in OpenSSH's format, and a strict answer to "is this the host?".
//!
//! Any line for a host means that one of its lines must match: a key of another algorithm is a changed key, not an unknown
//! one. What cannot be read is an error, not an empty file. Lines are kept as they are, comments too.
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A host's public key, as it presented it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`.
    pub algorithm: String,
    /// As on the wire.
    pub blob: Vec<u8>,
}

impl HostKey {
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.blob)
    }
}

/// The file.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    text: String,
    pin: Option<Pin>,
}

#[derive(Debug, Clone)]
struct Pin {
    marker: Marker,
    hosts: String,
    algorithm: String,
    blob: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Plain,
    Revoked,
    Authority,
}

/// What the file says of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the pinned one.
    Pinned,
    /// There is no line for this host.
    Unknown,
    /// There are lines for it, and none is this key.
    Changed {
        /// The first of them, from 1.
        line: usize,
        /// `SHA256:… (ssh-ed25519)` of each.
        pinned: Vec<String>,
    },
    /// This key is not to be trusted from any host it is listed for.
    Revoked {
        /// From 1.
        line: usize,
    },
}

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KnownHostsError {
    /// It is there, and cannot be read; or it cannot be written.
    #[error("{}: {reason}", path.display())]
    Io { path: PathBuf, reason: String },
    /// A line that is no pin and no comment.
    #[error("line {line} of known_hosts: {reason}")]
    Line { line: usize, reason: String },
}

impl KnownHosts {
    /// Reads the file. One that is not there is empty.
    pub fn load(path: &Path) -> Result<Self, KnownHostsError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(KnownHostsError::Io { path: path.into(), reason: error.to_string() }),
        }
    }

    /// Takes its text.
    pub fn parse(text: &str) -> Result<Self, KnownHostsError> {
        let lines = text.lines().enumerate().map(|(index, line)| {
            let pin = parse_line(line).map_err(|reason| KnownHostsError::Line { line: index + 1, reason: reason.into() })?;
            Ok(Line { text: line.into(), pin })
        });
        Ok(Self { lines: lines.collect::<Result<_, _>>()? })
    }

    /// Whether this host may present this key.
    pub fn check(&self, host: &str, port: u16, key: &HostKey) -> Verdict {
        let name = name(host, port);
        let mut first = None;
        let mut pinned = Vec::new();
        let mut matched = false;
        for (index, pin) in self.pins(&name) {
            match pin.marker {
                Marker::Revoked if pin.blob == key.blob => return Verdict::Revoked { line: index + 1 },
                Marker::Plain => {
                    matched |= pin.blob == key.blob;
                    first.get_or_insert(index + 1);
                    pinned.push(format!("{} ({})", fingerprint(&pin.blob), pin.algorithm));
                }
                Marker::Revoked | Marker::Authority => {}
            }
        }
        match first {
            _ if matched => Verdict::Pinned,
            None => Verdict::Unknown,
            Some(line) => Verdict::Changed { line, pinned },
        }
    }

    /// Keys pinned for this host: the line, from 1, and the fingerprint.
    pub fn pinned(&self, host: &str, port: u16) -> Vec<(usize, String)> {
        let name = name(host, port);
        self.pins(&name).filter(|(_, pin)| pin.marker == Marker::Plain).map(|(index, pin)| (index + 1, fingerprint(&pin.blob))).collect()
    }

    /// Fingerprints of all keys that are pinned for anybody.
    pub fn fingerprints(&self) -> impl Iterator<Item = String> {
        let pins = self.lines.iter().filter_map(|line| line.pin.as_ref());
        pins.filter(|pin| pin.marker == Marker::Plain).map(|pin| fingerprint(&pin.blob))
    }

    /// Algorithms of the keys pinned for this host.
    pub fn algorithms(&self, host: &str, port: u16) -> Vec<String> {
        let name = name(host, port);
        let mut all: Vec<String> = self.pins(&name).filter(|(_, pin)| pin.marker == Marker::Plain).map(|(_, pin)| pin.algorithm.clone()).collect();
        all.dedup();
        all
    }

    /// Pins a key of a host. The comment (the node's name) ends the line. There already: nothing happens.
    pub fn add(&mut self, host: &str, port: u16, key: &HostKey, comment: &str) {
        let name = name(host, port);
        if self.pins(&name).any(|(_, pin)| pin.marker == Marker::Plain && pin.blob == key.blob) {
            return;
        }
        let comment: String = comment.chars().filter(|c| !c.is_control()).collect();
        let text = format!("{name} {} {} {comment}", key.algorithm, STANDARD.encode(&key.blob));
        let pin = Pin { marker: Marker::Plain, hosts: name, algorithm: key.algorithm.clone(), blob: key.blob.clone() };
        self.lines.push(Line { text: text.trim_end().into(), pin: Some(pin) });
    }

    /// Pins these keys in place of all that stood for this host. The old lines stay as comments, after `note` (who, when, why). Lines
    /// with a pattern, or for other hosts too, are not ours to take away: then this fails with their number.
    pub fn replace(&mut self, host: &str, port: u16, keys: &[HostKey], comment: &str, note: &str) -> Result<(), KnownHostsError> {
        let name = name(host, port);
        let old: Vec<usize> = self.pins(&name).filter(|(_, pin)| pin.marker == Marker::Plain).map(|(index, _)| index).collect();
        for index in &old {
            if let Some(pin) = &self.lines[*index].pin
                && !pin.hosts.starts_with("|1|") && pin.hosts.contains([',', '*', '?', '!']) {
                    return Err(KnownHostsError::Line { line: index + 1, reason: format!("it pins other hosts beside {name}; take {name} out of it by hand") });
                }
        }
        let note: String = note.chars().filter(|c| !c.is_control()).collect();
        for index in old {
            let line = &mut self.lines[index];
            *line = Line { text: format!("# {note}: {}", line.text), pin: None };
        }
        keys.iter().for_each(|key| self.add(host, port, key, comment));
        Ok(())
    }

    /// Writes the file beside, then renames: it is never half there.
    pub fn save(&self, path: &Path) -> Result<(), KnownHostsError> {
        let io = |error: io::Error| KnownHostsError::Io { path: path.into(), reason: error.to_string() };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", crate::script::nonce()));
        let beside = path.with_file_name(name);
        let write = || -> io::Result<()> {
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
            file.write_all(self.text().as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, path)
        };
        write().map_err(|error| {
            let _ = std::fs::remove_file(&beside);
            io(error)
        })
    }

    /// As the file stands.
    pub fn text(&self) -> String {
        self.lines.iter().fold(String::new(), |text, line| text + &line.text + "\n")
    }

    /// Lines for this host, with their places from 0.
    fn pins<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (usize, &'a Pin)> {
        self.lines.iter().enumerate().filter_map(|(index, line)| Some((index, line.pin.as_ref()?))).filter(|(_, pin)| covers(&pin.hosts, name))
    }
}

/// As OpenSSH names a host there.
fn name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

fn parse_line(line: &str) -> Result<Option<Pin>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut fields = line.split_ascii_whitespace().peekable();
    let marker = match fields.peek().copied() {
        Some("@revoked") => Marker::Revoked,
        Some("@cert-authority") => Marker::Authority,
        Some(other) if other.starts_with('@') => return Err("an unknown marker"),
        _ => Marker::Plain,
    };
    if marker != Marker::Plain {
        fields.next();
    }
    let (Some(hosts), Some(algorithm), Some(key)) = (fields.next(), fields.next(), fields.next()) else {
        return Err("it has no host, algorithm and key");
    };
    let blob = STANDARD.decode(key).or_else(|_| STANDARD_NO_PAD.decode(key)).map_err(|_| "its key is not base64")?;
    // The key says itself what it is; a line that says otherwise would pin nothing.
    let length = blob.get(..4).map(|length| u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize);
    if length.and_then(|length| blob.get(4..4 + length)) != Some(algorithm.as_bytes()) {
        return Err("its key is not of the algorithm it names");
    }
    if hosts.starts_with("|1|") && hashed(hosts).is_none() {
        return Err("its hashed name cannot be read");
    }
    Ok(Some(Pin { marker, hosts: hosts.into(), algorithm: algorithm.into(), blob }))
}

/// Salt and hash of `|1|salt|hash`.
fn hashed(hosts: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (salt, hash) = hosts.strip_prefix("|1|")?.split_once('|')?;
    Some((STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?))
}

/// Whether a line's list of hosts covers this name.
fn covers(hosts: &str, name: &str) -> bool {
    if let Some((salt, hash)) = hashed(hosts) {
        return Hmac::<Sha1>::new_from_slice(&salt).is_ok_and(|mac| mac.chain_update(name).verify_slice(&hash).is_ok());
    }
    let mut covered = false;
    for pattern in hosts.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern, name) => return false,
            Some(_) => {}
            None => covered |= matches(pattern, name),
        }
    }
    covered
}

/// `*` and `?`, without regard to case.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase().into_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(algorithm: &str, seed: u8) -> HostKey {
        let mut blob = (algorithm.len() as u32).to_be_bytes().to_vec();
        blob.extend_from_slice(algorithm.as_bytes());
        blob.extend_from_slice(&[seed; 32]);
        HostKey { algorithm: algorithm.into(), blob }
    }

    fn line(hosts: &str, key: &HostKey) -> String {
        format!("{hosts} {} {}\n", key.algorithm, STANDARD.encode(&key.blob))
    }

    #[test]
    fn another_key_and_another_algorithm_are_changes() {
        let (good, other, rsa) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2), key("ssh-rsa", 3));
        let hosts = KnownHosts::parse(&format!("# ours\n{}", line("10.0.0.1,Node1", &good))).unwrap();
        assert_eq!(hosts.check("10.0.0.1", 22, &good), Verdict::Pinned);
        assert_eq!(hosts.check("NODE1", 22, &good), Verdict::Pinned);
        for bad in [&other, &rsa] {
            let Verdict::Changed { line, pinned } = hosts.check("10.0.0.1", 22, bad) else { panic!() };
            assert_eq!((line, pinned), (2, vec![format!("{} (ssh-ed25519)", good.fingerprint())]));
        }
        assert_eq!(hosts.check("10.0.0.1", 2222, &good), Verdict::Unknown, "another port is another host");
        assert_eq!(hosts.check("10.0.0.2", 22, &good), Verdict::Unknown);
        assert_eq!(hosts.algorithms("10.0.0.1", 22), ["ssh-ed25519"]);
        assert_eq!(hosts.pinned("10.0.0.1", 22), [(2, good.fingerprint())]);
        assert_eq!(hosts.fingerprints().collect::<Vec<_>>(), [good.fingerprint()]);
    }

    #[test]
    fn revoked_wins() {
        let (good, bad) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2));
        let hosts = KnownHosts::parse(&format!("{}@revoked {}{}", line("h", &bad), line("*", &bad), line("h", &good))).unwrap();
        assert_eq!(hosts.check("h", 22, &bad), Verdict::Revoked { line: 2 });
        assert_eq!(hosts.check("h", 22, &good), Verdict::Pinned);
        assert_eq!(hosts.check("other", 22, &good), Verdict::Unknown, "a revocation is no pin");
    }

    #[test]
    fn patterns_ports_and_hashes() {
        let good = key("ssh-ed25519", 1);
        let hosts = KnownHosts::parse(&line("*.example.com,!bad.example.com,[10.0.0.?]:2222", &good)).unwrap();
        for (host, port, expected) in [
            ("a.example.com", 22, true),
            ("bad.example.com", 22, false),
            ("example.com", 22, false),
            ("10.0.0.7", 2222, true),
            ("10.0.0.17", 2222, false),
            ("10.0.0.7", 22, false),
        ] {
            assert_eq!(hosts.check(host, port, &good) == Verdict::Pinned, expected, "{host} {port}");
        }
        // ssh-keygen -H of "node1" with the salt of twenty zero bytes.
        let salt = [0u8; 20];
        let hash = Hmac::<Sha1>::new_from_slice(&salt).unwrap().chain_update("[node1]:2222").finalize().into_bytes();
        let hosts = KnownHosts::parse(&line(&format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hash)), &good)).unwrap();
        assert_eq!(hosts.check("node1", 2222, &good), Verdict::Pinned);
        assert_eq!(hosts.check("node1", 22, &good), Verdict::Unknown);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for (bad, at) in [("host ssh-ed25519\n", 1), ("\n\nhost ssh-ed25519 !!!\n", 3), ("@odd h ssh-ed25519 AAAA\n", 1), ("|1|x h AAAA", 1)] {
            assert!(matches!(KnownHosts::parse(bad), Err(KnownHostsError::Line { line, .. }) if line == at), "{bad:?}");
        }
        let lying = line("h", &key("ssh-ed25519", 1)).replace("ssh-ed25519", "ssh-rsa");
        assert!(KnownHosts::parse(&lying).is_err());
        assert!(KnownHosts::load(Path::new("/proc/self")).is_err(), "a folder is no empty file");
        assert!(KnownHosts::load(Path::new("/nonexistent/known_hosts")).unwrap().text().is_empty());
    }

    #[test]
    fn adding_and_replacing_keep_the_rest() {
        let (old, new, rsa) = (key("ssh-ed25519", 1), key("ssh-ed25519", 2), key("ssh-rsa", 3));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        let mut hosts = KnownHosts::parse("# by hand\n").unwrap();
        hosts.add("10.0.0.1", 22, &old, "manage01");
        hosts.add("10.0.0.1", 22, &old, "manage01");
        hosts.add("10.0.0.2", 22, &old, "manage02\nevil");
        hosts.replace("10.0.0.1", 22, &[new.clone(), rsa.clone()], "manage01", "replaced by me").unwrap();
        hosts.save(&path).unwrap();
        let again = KnownHosts::load(&path).unwrap();
        assert_eq!(again.text().lines().count(), 5, "{}", again.text());
        assert!(again.text().starts_with("# by hand\n# replaced by me: 10.0.0.1 ssh-ed25519 "));
        assert_eq!(again.check("10.0.0.1", 22, &new), Verdict::Pinned);
        assert_eq!(again.check("10.0.0.1", 22, &rsa), Verdict::Pinned);
        assert!(matches!(again.check("10.0.0.1", 22, &old), Verdict::Changed { line: 4, .. }));
        assert_eq!(again.check("10.0.0.2", 22, &old), Verdict::Pinned);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let mut shared = KnownHosts::parse(&line("a,b", &old)).unwrap();
        assert!(shared.replace("a", 22, &[new], "", "").is_err());
    }
}
