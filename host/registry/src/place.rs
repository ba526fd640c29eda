//! Where a component is in a registry: `oci://HOST/REPOSITORY`, and which version of it.

use std::fmt::{self, Display, Formatter};

use crate::fault::Fault;
use crate::is_digest;

/// The word before it.
const SCHEME: &str = "oci://";

/// A repository, and maybe a version in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// With its port, if that is not the usual one.
    pub host: String,
    /// Its name there.
    pub repository: String,
    /// None: not said.
    pub version: Option<Version>,
}

/// One of the things in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// By a name that its owner can give to another.
    Tag(String),
    /// By what it is.
    Digest(String),
}

impl Place {
    /// Whether somebody means a registry.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// From `oci://HOST/REPOSITORY`, `…:TAG` or `…@sha256:HEX`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::parts(text).ok_or_else(|| {
            Fault::new("registry.place", format!("`{text}` is no place in a registry"), "it has the form oci://HOST/REPOSITORY:VERSION or oci://HOST/REPOSITORY@sha256:…, e.g. oci://registry.example.org/plugins/storage-shelf:1.2.0")
        })
    }

    fn parts(text: &str) -> Option<Self> {
        let (host, rest) = text.strip_prefix(SCHEME)?.split_once('/')?;
        let (repository, version) = match (rest.split_once('@'), rest.rsplit_once(':')) {
            (Some((repository, digest)), _) => (repository, Some(Version::Digest(is_digest(digest).then(|| digest.to_owned())?))),
            (None, Some((repository, tag))) => (repository, Some(Version::Tag(is_tag(tag).then(|| tag.to_owned())?))),
            (None, None) => (rest, None),
        };
        (is_host(host) && is_repository(repository)).then(|| Self { host: host.to_ascii_lowercase(), repository: repository.to_owned(), version })
    }

    /// Without a version: what stays the same from one to the next.
    pub fn source(&self) -> String {
        format!("{SCHEME}{}/{}", self.host, self.repository)
    }

    /// Another version in the same repository.
    #[must_use]
    pub fn at(&self, version: Version) -> Self {
        Self { version: Some(version), ..self.clone() }
    }

    /// Who is asked: Docker's own registry answers at another name than it goes by.
    pub(crate) fn server(&self) -> &str {
        match self.host.as_str() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            host => host,
        }
    }

    /// Whether it is this machine.
    pub(crate) fn is_here(&self) -> bool {
        let name = self.host.split(':').next().unwrap_or_default();
        name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source())?;
        match &self.version {
            Some(Version::Tag(tag)) => write!(f, ":{tag}"),
            Some(Version::Digest(digest)) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl Version {
    /// As a registry is asked for it.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Tag(word) | Self::Digest(word) => word,
        }
    }

    /// The tag of a version of a component: `+` has no place in one.
    pub fn tag(version: &str) -> Self {
        Self::Tag(version.replace('+', "_"))
    }
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    (1..=253).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['.', '-']) && port.parse::<u16>().is_ok_and(|port| port > 0) && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_repository(text: &str) -> bool {
    let part = |part: &str| {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
        part.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-')) && part.bytes().next().is_some_and(plain) && part.bytes().last().is_some_and(plain) && !part.contains("..")
    };
    text.len() <= 255 && text.split('/').all(part)
}

pub(crate) fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&text.len()) && text.bytes().next().is_some_and(word) && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_it_is_written() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for text in ["oci://registry.example.org/shelf", "oci://localhost:5000/a/b-c/d_e:1.2.0-rc.1", "oci://10.99.0.5:5443/x:latest", &format!("oci://ghcr.io/acme/shelf@{digest}")] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
        let place = Place::parse("oci://Registry.Example.org:5000/a/b:1.0.0").unwrap();
        assert_eq!((place.host.as_str(), place.source().as_str()), ("registry.example.org:5000", "oci://registry.example.org:5000/a/b"));
        assert_eq!(place.at(Version::tag("1.0.0+5")).to_string(), "oci://registry.example.org:5000/a/b:1.0.0_5");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for bad in [
            "registry/x", "oci://", "oci://host", "oci://host/", "oci:///x", "oci://user@host/x", "oci://user:pass@host/x", "oci://host:0/x", "oci://host:+5/x", "oci://host:x/y", "oci://-host/x",
            "oci://host/Upper", "oci://host/a//b", "oci://host/../v2", "oci://host/a..b", "oci://host/-a", "oci://host/x:", "oci://host/x:-tag", "oci://host/x:ta g", "oci://host/x:1.0.0?y=z",
            "oci://host/x#y", "oci://host/x@sha256:ab", "oci://host/x@md5:00", "oci://host/x\r\nHost: other", "oci://hést/x", "https://host/x",
        ] {
            assert_eq!(Place::parse(bad).unwrap_err().code, "registry.place", "{bad}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_own_names() {
        let here = |text: &str| Place::parse(text).unwrap().is_here();
        assert!(here("oci://localhost:5000/x") && here("oci://127.0.0.1:5000/x") && here("oci://127.9.9.9/x"));
        assert!(!here("oci://127.0.0.1.example.org/x") && !here("oci://localhost.example.org/x") && !here("oci://10.0.0.1/x"));
    }
}
