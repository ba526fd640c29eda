//! Requests within limits: how long, how large, where to, and over what.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use secrecy::{ExposeSecret as _, SecretString};
use ureq::http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};

use crate::fault::Fault;

/// To connect.
const CONNECT: Duration = Duration::from_secs(15);
/// All headers of an answer.
const HEADERS: usize = 16 << 10;

/// How the network is used from here.
#[derive(Debug, Clone)]
pub struct Network {
    /// A proxy for https.
    pub proxy: Option<String>,
    /// What is reached without it, as in `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// Certificates of authorities, instead of the system's: a file of them, and folders.
    pub authorities: (Option<PathBuf>, Option<PathBuf>),
    /// Hosts that are asked without TLS. This machine itself always is.
    pub plain: Vec<String>,
    /// For one request, answer included.
    pub patience: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self { proxy: None, no_proxy: None, authorities: (None, None), plain: vec![], patience: Duration::from_secs(300) }
    }
}

/// What is asked.
pub(crate) enum Ask<'a> {
    Get(&'a str),
    Head,
    Post,
    /// A content and its media type.
    Put(&'a [u8], &'a str),
}

/// What came back.
pub(crate) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// One connection pool per way.
pub(crate) struct Wire {
    agent: Agent,
}

impl Wire {
    /// To a registry with TLS, or to one without.
    pub(crate) fn open(network: &Network, tls: bool) -> Result<Self, Fault> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Where we are sent is looked at first.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("arcus/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(network.patience))
            .max_response_header_size(HEADERS)
            // Over TLS nothing is ever asked without it.
            .https_only(tls);
        let config = if tls {
            let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(ring::default_provider())).root_certs(authorities(network)?).build();
            config.proxy(proxy(network)?).tls_config(tls)
        } else {
            config.proxy(None)
        };
        Ok(Self { agent: config.build().into() })
    }

    /// Asks, and reads at most so many bytes of the answer.
    pub(crate) fn send(&self, ask: &Ask<'_>, url: &str, query: &[(&str, &str)], authorization: Option<&SecretString>, most: u64) -> Result<Reply, Fault> {
        let told = |error: ureq::Error| unreached(url, error);
        let authorization = authorization.map(header).transpose()?;
        let query = query.iter().copied();
        let response = match ask {
            Ask::Get(_) | Ask::Head => {
                let request = if let Ask::Get(accept) = ask { self.agent.get(url).header(ACCEPT, *accept) } else { self.agent.head(url).header(ACCEPT, "*/*") };
                let request = request.query_pairs(query);
                match authorization {
                    Some(value) => request.header(AUTHORIZATION, value).call(),
                    None => request.call(),
                }
            }
            Ask::Post | Ask::Put(..) => {
                let request = if let Ask::Post = ask { self.agent.post(url) } else { self.agent.put(url) };
                let request = request.query_pairs(query);
                let request = match authorization {
                    Some(value) => request.header(AUTHORIZATION, value),
                    None => request,
                };
                match ask {
                    Ask::Put(content, media_type) => request.content_type(*media_type).send(*content),
                    _ => request.send_empty(),
                }
            }
        };
        read(response.map_err(told)?, url, most)
    }
}

fn header(secret: &SecretString) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| Fault::new("registry.logins", "a login holds characters that cannot be sent", "log in again: `docker login HOST`"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn read(response: Response<Body>, url: &str, most: u64) -> Result<Reply, Fault> {
    let too_large = || Fault::denied("registry.too-large", format!("{url} answers with more than the {most} bytes that this may be"), "do not use this registry for it, and tell its operator");
    let (parts, body) = response.into_parts();
    if body.content_length().is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    body.into_reader().take(most + 1).read_to_end(&mut bytes).map_err(|error| match error.downcast::<ureq::Error>() {
        Ok(error) => unreached(url, error),
        Err(error) => unreached(url, ureq::Error::Io(error)),
    })?;
    if bytes.len() as u64 > most {
        return Err(too_large());
    }
    Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body: bytes })
}

fn unreached(url: &str, error: ureq::Error) -> Fault {
    let tls = match &error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        ureq::Error::Io(error) => error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        _ => false,
    };
    match error {
        _ if tls => Fault::denied(
            "registry.tls",
            format!("{url}: {error}"),
            "its certificate must be from an authority that this machine trusts (SSL_CERT_FILE names another file of them); one without TLS must be in your policy: plain-http = [\"HOST:PORT\"]",
        ),
        ureq::Error::Timeout(what) => Fault::new("registry.too-slow", format!("{url} did not answer in time ({what})"), "try again later"),
        ureq::Error::LargeResponseHeader(..) => Fault::denied("registry.too-large", format!("{url} answers with too many headers"), "do not use this registry, and tell its operator"),
        error => Fault::new("registry.not-reached", format!("{url} cannot be reached: {error}"), "check the name, the network and HTTPS_PROXY; one without TLS must be in your policy (plain-http); without a network: `arcus plugin bundle` elsewhere, and `arcus plugin add FILE` here"),
    }
}

fn authorities(network: &Network) -> Result<RootCerts, Fault> {
    let (file, folder) = &network.authorities;
    let found = match (file, folder) {
        (None, None) => rustls_native_certs::load_native_certs(),
        (file, folder) => rustls_native_certs::load_certs_from_paths(file.as_deref(), folder.as_deref()),
    };
    if found.certs.is_empty() {
        let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(Fault::new("registry.no-authorities", format!("this machine trusts no authority for certificates{why}"), "install the package ca-certificates, or name a file of them by SSL_CERT_FILE"));
    }
    Ok(found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect::<Vec<_>>().into())
}

fn proxy(network: &Network) -> Result<Option<Proxy>, Fault> {
    let Some(text) = &network.proxy else { return Ok(None) };
    // What was given is not repeated: it may hold a password.
    let wrong = |_| Fault::new("registry.proxy", "the proxy that the environment names is none", "HTTPS_PROXY has the form http://HOST:PORT");
    let given = Proxy::new(text).map_err(wrong)?;
    let mut proxy = Proxy::builder(given.protocol()).host(given.host()).port(given.port());
    if let Some(user) = given.username() {
        proxy = proxy.username(user);
    }
    if let Some(password) = given.password() {
        proxy = proxy.password(password);
    }
    for one in network.no_proxy.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|one| !one.is_empty()) {
        proxy = proxy.no_proxy(one);
    }
    proxy.build().map(Some).map_err(wrong)
}

/// Where an answer sends us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The whole address.
    pub to: String,
    /// It is the host that we asked: it may be given what it was given before.
    pub same: bool,
}

/// Follows a `Location`: to the same host, or, where `elsewhere` allows it, to another one by https.
///
/// # Errors
/// When it leads to where it must not.
pub fn hop(from: &str, location: &str, elsewhere: bool) -> Result<Hop, Fault> {
    let refused = |why: &str| Fault::denied("registry.redirect", format!("{from} sends us to `{location}`, {why}"), "do not use this registry for it, and tell its operator");
    let here: Uri = from.parse().map_err(|_| refused("and that cannot be followed"))?;
    let place = |uri: &Uri| {
        let authority = uri.authority()?;
        let scheme = uri.scheme_str()?;
        let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
        let port = authority.port_u16().or(match scheme { "https" => Some(443), "http" => Some(80), _ => None })?;
        plain.then(|| (scheme.to_owned(), authority.host().to_ascii_lowercase(), port))
    };
    let at = place(&here).ok_or_else(|| refused("and that cannot be followed"))?;
    if location.starts_with('/') && !location.starts_with("//") {
        let authority = here.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let to = format!("{}://{authority}{location}", at.0);
        // As one that was whole.
        return to.parse::<Uri>().map(|_| Hop { to, same: true }).map_err(|_| refused("which is no address"));
    }
    let there: Uri = location.parse().map_err(|_| refused("which is no address"))?;
    let to = place(&there).ok_or_else(|| refused("which is no address"))?;
    if to == at {
        return Ok(Hop { to: location.to_owned(), same: true });
    }
    if !elsewhere {
        return Err(refused("another host, and for this only the registry itself is asked"));
    }
    if to.0 != "https" {
        return Err(refused("another host, without TLS"));
    }
    Ok(Hop { to: location.to_owned(), same: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "https://registry.example.org/v2/x/blobs/sha256:00";

    #[test]
    fn the_same_host_stays_the_same_and_another_gets_nothing_of_ours() {
        for (location, to, same) in [
            ("/v2/y?z=1", "https://registry.example.org/v2/y?z=1", true),
            ("https://registry.example.org:443/y", "https://registry.example.org:443/y", true),
            ("https://REGISTRY.example.org/y", "https://REGISTRY.example.org/y", true),
            ("https://registry.example.org:8443/y", "https://registry.example.org:8443/y", false),
            ("https://cdn.example.net/y", "https://cdn.example.net/y", false),
        ] {
            assert_eq!(hop(FROM, location, true).unwrap(), Hop { to: to.into(), same }, "{location}");
        }
    }

    #[test]
    fn nobody_is_sent_to_where_they_must_not_go() {
        for location in [
            "http://registry.example.org/y", "http://cdn.example.net/y", "http://169.254.169.254/latest", "//cdn.example.net/y", "file:///etc/passwd", "ftp://x/y", "y", "", "https://user@cdn.example.net/y",
            "https://registry.example.org@cdn.example.net/y", "https:///y", "/v2/ y",
        ] {
            assert_eq!(hop(FROM, location, true).unwrap_err().code, "registry.redirect", "{location}");
        }
        // For an upload or a list, the registry alone.
        assert_eq!(hop(FROM, "https://cdn.example.net/y", false).unwrap_err().code, "registry.redirect");
        let plain = "http://localhost:5000/v2/x";
        assert!(hop(plain, "http://localhost:5000/y", true).unwrap().same);
        for location in ["http://localhost:5001/y", "http://127.0.0.2:5000/y"] {
            assert_eq!(hop(plain, location, true).unwrap_err().code, "registry.redirect", "{location}");
        }
    }
}
