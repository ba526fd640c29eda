//! A repository in a registry: looked into, got from, put to. <https://github.com/opencontainers/distribution-spec>

use std::cell::{OnceCell, RefCell};

use http_auth::ChallengeParser;
use secrecy::SecretString;
use serde::Deserialize;

use crate::artefact::{Artefact, Contents, MANIFEST, MOST_MANIFEST};
use crate::fault::Fault;
use crate::login::{Login, Logins};
use crate::place::{Place, Version, is_tag};
use crate::wire::{Ask, Network, Reply, Wire, hop};
use crate::digest;

/// How often we are sent on for one thing.
const MOST_HOPS: usize = 3;
/// Pages of a list of versions, and the size of one.
const MOST_PAGES: usize = 50;
const MOST_LIST: u64 = 1 << 20;
/// An answer that matters by its status.
const MOST_WORDS: u64 = 64 << 10;

/// A repository that is talked to.
pub struct Registry<'a> {
    place: Place,
    base: String,
    login: Option<&'a Login>,
    logins: &'a Logins,
    network: &'a Network,
    wire: Wire,
    /// The same with TLS, for who is not this registry, where that has none.
    tls: OnceCell<Wire>,
    /// What this registry is sent with each request. Nobody else is.
    granted: RefCell<Option<SecretString>>,
}

/// Got from one.
#[derive(Debug)]
pub struct Pulled {
    /// The component.
    pub component: Vec<u8>,
    /// The text of its signature.
    pub signature: Option<String>,
    /// Where it was, to the digest.
    pub place: Place,
}

/// Put to one.
#[derive(Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Where it is.
    pub place: Place,
    /// By what it is.
    pub digest: String,
    /// It was there before.
    pub known: bool,
}

#[derive(Deserialize)]
struct Tags {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl<'a> Registry<'a> {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// When this machine cannot talk to registries.
    pub fn open(place: &Place, logins: &'a Logins, network: &'a Network) -> Result<Self, Fault> {
        let plain = place.is_here() || network.plain.contains(&place.host);
        let base = format!("{}://{}/v2/{}", if plain { "http" } else { "https" }, place.server(), place.repository);
        Ok(Self { place: place.clone(), base, login: logins.of(&place.host), logins, network, wire: Wire::open(network, !plain)?, tls: OnceCell::new(), granted: RefCell::default() })
    }

    /// All versions that read as such, the highest last.
    ///
    /// # Errors
    /// When they cannot be got.
    pub fn versions(&self) -> Result<Vec<semver::Version>, Fault> {
        let mut versions = Vec::new();
        let mut url = format!("{}/tags/list", self.base);
        for _ in 0..MOST_PAGES {
            let reply = self.ask(&Ask::Get("application/json"), &url, &[], MOST_LIST, false)?;
            let reply = self.expect(reply, &[200], &url)?;
            let tags: Tags = serde_json::from_slice(&reply.body).map_err(|error| self.nonsense(&url, &error.to_string()))?;
            // A tag has no `+`.
            versions.extend(tags.tags.unwrap_or_default().iter().filter_map(|tag| semver::Version::parse(&tag.replace('_', "+")).ok()));
            let Some(next) = reply.header("link").and_then(next_page) else { break };
            url = hop(&url, next, false)?.to;
        }
        versions.sort();
        Ok(versions)
    }

    /// The highest version; one before its release only where there is no other.
    ///
    /// # Errors
    /// When there is none, or it cannot be told.
    pub fn newest(&self) -> Result<Version, Fault> {
        let versions = self.versions()?;
        let newest = versions.iter().rfind(|version| version.pre.is_empty()).or(versions.last());
        newest.map(|version| Version::tag(&version.to_string())).ok_or_else(|| {
            Fault::new("registry.no-version", format!("{} has no version in the form 1.2.3", self.place.source()), format!("name what is meant: {}:TAG", self.place.source()))
        })
    }

    /// Gets a component of at most so many bytes.
    ///
    /// # Errors
    /// When it is not there, is none, is too large, or is not what it is said to be.
    pub fn pull(&self, version: &Version, most: u64) -> Result<Pulled, Fault> {
        let place = self.place.at(version.clone());
        let url = format!("{}/manifests/{}", self.base, version.word());
        let reply = self.ask(&Ask::Get(MANIFEST), &url, &[], MOST_MANIFEST, false)?;
        let reply = self.expect(reply, &[200], &url)?;
        let is = digest(&reply.body);
        let said = [reply.header("docker-content-digest"), if let Version::Digest(wanted) = version { Some(wanted.as_str()) } else { None }];
        if let Some(other) = said.into_iter().flatten().find(|other| *other != is) {
            return Err(Fault::denied("registry.wrong-digest", format!("the manifest of {place} is not the one that it is said to be: {is}, not {other}"), "it was damaged or swapped: do not use it, and tell who keeps it"));
        }
        let contents = Contents::read(&reply.body, &place.to_string(), most)?;
        let url = format!("{}/blobs/{}", self.base, contents.layer.digest);
        let reply = self.ask(&Ask::Get("*/*"), &url, &[], contents.layer.size, true)?;
        let component = self.expect(reply, &[200], &url)?.body;
        contents.check(&component, &place.to_string())?;
        Ok(Pulled { component, signature: contents.signature, place: self.place.at(Version::Digest(is)) })
    }

    /// Puts a component there under its version, or the tag that the place names. What is there already is never replaced.
    ///
    /// # Errors
    /// When that cannot be done, or another component has this version already.
    pub fn push(&self, artefact: &Artefact) -> Result<Pushed, Fault> {
        let version = match &self.place.version {
            None => Version::tag(&artefact.version),
            Some(Version::Tag(tag)) => Version::Tag(tag.clone()),
            Some(Version::Digest(_)) => return Err(Fault::new("registry.place", "a component is put under a version, not under a digest", format!("{}:{}", self.place.source(), artefact.version))),
        };
        if !is_tag(version.word()) {
            return Err(Fault::new("registry.place", format!("`{}` cannot be a tag", version.word()), "give it another one: oci://HOST/REPOSITORY:TAG"));
        }
        let place = self.place.at(version.clone());
        let url = format!("{}/manifests/{}", self.base, version.word());
        let there = self.ask(&Ask::Get(MANIFEST), &url, &[], MOST_MANIFEST, false)?;
        if there.status != 404 {
            let there = self.expect(there, &[200], &url)?;
            if there.body == artefact.manifest {
                return Ok(Pushed { place, digest: artefact.digest(), known: true });
            }
            return Err(Fault::new("registry.version-taken", format!("{place} is there already, and is another: {}", digest(&there.body)), "others may have pinned it: give this one a version of its own"));
        }
        for content in [&artefact.config, &artefact.component] {
            self.upload(content)?;
        }
        let reply = self.ask(&Ask::Put(&artefact.manifest, MANIFEST), &url, &[], MOST_WORDS, false)?;
        self.expect(reply, &[201], &url)?;
        Ok(Pushed { place, digest: artefact.digest(), known: false })
    }

    fn upload(&self, content: &[u8]) -> Result<(), Fault> {
        let is = digest(content);
        let url = format!("{}/blobs/{is}", self.base);
        if self.ask(&Ask::Head, &url, &[], 0, false)?.status == 200 {
            return Ok(());
        }
        let url = format!("{}/blobs/uploads/", self.base);
        let reply = self.ask(&Ask::Post, &url, &[], MOST_WORDS, false)?;
        let reply = self.expect(reply, &[202], &url)?;
        let to = reply.header("location").ok_or_else(|| self.nonsense(&url, "it does not say where to put it"))?;
        let to = hop(&url, to, false)?.to;
        let reply = self.ask(&Ask::Put(content, "application/octet-stream"), &to, &[("digest", &is)], MOST_WORDS, false)?;
        self.expect(reply, &[201], &to).map(drop)
    }

    /// Asks the registry; logs in when it wants that, and goes where it sends us: to another host only where `elsewhere` allows it, and
    /// then without anything of ours.
    fn ask(&self, ask: &Ask<'_>, url: &str, query: &[(&str, &str)], most: u64, elsewhere: bool) -> Result<Reply, Fault> {
        // What is refused says why, and may be longer than what was wanted.
        let most = most.max(MOST_WORDS);
        let (mut url, mut ours, mut refused, mut hops) = (url.to_owned(), true, false, 0);
        loop {
            let granted = if ours { self.granted.borrow().clone() } else { None };
            let reply = self.way(&url)?.send(ask, &url, query, granted.as_ref(), most)?;
            match reply.status {
                401 if ours && !refused => {
                    refused = true;
                    self.log_in(&reply, &url)?;
                }
                301 | 302 | 303 | 307 | 308 => {
                    let to = reply.header("location").ok_or_else(|| self.nonsense(&url, "it does not say where it sends us"))?;
                    let too_far = |why: &str| Fault::denied("registry.redirect", format!("{url} sends us to `{to}`, {why}"), "do not use this registry for it, and tell its operator");
                    if !matches!(ask, Ask::Get(_) | Ask::Head) {
                        return Err(too_far("with what we bring"));
                    }
                    hops += 1;
                    if hops > MOST_HOPS {
                        return Err(too_far("and was not the first to send us on"));
                    }
                    let hop = hop(&url, to, elsewhere)?;
                    // Whoever sent us away does not get us back.
                    ours = ours && hop.same;
                    url = hop.to;
                }
                _ => return Ok(reply),
            }
        }
    }

    /// This registry's own way, or that of anybody else.
    fn way(&self, url: &str) -> Result<&Wire, Fault> {
        if self.base.starts_with("https://") || url.starts_with("http://") {
            return Ok(&self.wire);
        }
        if self.tls.get().is_none() {
            let _ = self.tls.set(Wire::open(self.network, true)?);
        }
        Ok(self.tls.get().expect("it was just made"))
    }

    /// Answers a challenge.
    fn log_in(&self, reply: &Reply, url: &str) -> Result<(), Fault> {
        let headers = reply.headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok());
        let challenges: Vec<_> = headers.flat_map(|text| ChallengeParser::new(text).map_while(Result::ok).collect::<Vec<_>>()).collect();
        let of = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme));
        let granted = if let Some(bearer) = of("bearer") {
            let parameter = |name: &str| bearer.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_unescaped());
            let realm = parameter("realm").ok_or_else(|| self.nonsense(url, "it does not say who gives tokens"))?;
            self.token(&realm, parameter("service").as_deref(), parameter("scope").as_deref())?
        } else if of("basic").is_some() {
            self.sendable(&self.base, self.login)?.ok_or_else(|| self.no_login("it wants a login, and there is none for it"))?.basic()
        } else {
            return Err(self.no_login("it wants a login of a kind that this Arcus does not know"));
        };
        *self.granted.borrow_mut() = Some(granted);
        Ok(())
    }

    /// Gets a token from the server that the registry names. That may be anybody: they are given a login of their own host, or nothing.
    fn token(&self, realm: &str, service: Option<&str>, scope: Option<&str>) -> Result<SecretString, Fault> {
        let to = hop(&self.base, realm, true)?;
        let host = to.to.split('/').nth(2).unwrap_or_default().to_ascii_lowercase();
        let login = if to.same { self.login } else { self.logins.of(host.trim_end_matches(":443")) };
        let basic = self.sendable(&to.to, login)?.map(Login::basic);
        let query: Vec<(&str, &str)> = [("service", service), ("scope", scope)].into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        let reply = self.way(&to.to)?.send(&Ask::Get("application/json"), &to.to, &query, basic.as_ref(), MOST_WORDS)?;
        match reply.status {
            401 | 403 if basic.is_none() && self.login.is_some() => {
                return Err(self.no_login(&format!("its logins are checked by another host, {host}, which is not given the login of {}", self.place.host)));
            }
            401 | 403 => return Err(self.no_login(&format!("{host} gives no token for it"))),
            _ => {}
        }
        let reply = self.expect(reply, &[200], &to.to)?;
        // What came is not repeated: it may be a token.
        let token: Token = serde_json::from_slice(&reply.body).map_err(|_| self.nonsense(&to.to, "no token"))?;
        match (token.token, token.access_token) {
            (token, _) | (_, token) if !token.is_empty() => Ok(format!("Bearer {token}").into()),
            _ => Err(self.nonsense(&to.to, "no token")),
        }
    }

    /// A login, unless it would go readable over a network.
    fn sendable<'l>(&self, url: &str, login: Option<&'l Login>) -> Result<Option<&'l Login>, Fault> {
        if login.is_some() && url.starts_with("http://") && !self.place.is_here() {
            return Err(Fault::denied("registry.login-in-the-clear", format!("{} has no TLS: a login would be read by everybody on the way", self.place.host), "give it TLS, or let it be read without a login"));
        }
        Ok(login)
    }

    /// The answer, if its status is one of these.
    fn expect(&self, reply: Reply, wanted: &[u16], url: &str) -> Result<Reply, Fault> {
        if wanted.contains(&reply.status) {
            return Ok(reply);
        }
        let said = serde_json::from_slice::<Errors>(&reply.body).ok().and_then(|all| all.errors.into_iter().next()).map(|one| format!(": {} {}", one.code, one.message)).unwrap_or_default();
        Err(match reply.status {
            401 => self.no_login(&format!("the login is not accepted{said}")),
            403 => Fault::new("registry.forbidden", format!("{} does not allow it{said}", self.place.source()), format!("ask who runs it; another login: `docker login {}`", self.place.host)),
            404 => Fault::new("registry.not-there", format!("{url} is not there{said}"), "check the name and the version; what is not public looks as if it were not there"),
            429 => Fault::new("registry.busy", format!("{} wants to be asked later{said}", self.place.host), "wait, or log in"),
            status => Fault::new("registry.refused", format!("{url} answers with {status}{said}"), "ask who runs it"),
        })
    }

    fn no_login(&self, why: &str) -> Fault {
        let host = &self.place.host;
        Fault::new("registry.unauthorized", format!("{}: {why}", self.place.source()), format!("`docker login {host}` or `podman login {host}`; or name a file like theirs by REGISTRY_AUTH_FILE, or its text by DOCKER_AUTH_CONFIG"))
    }

    fn nonsense(&self, url: &str, why: &str) -> Fault {
        Fault::new("registry.nonsense", format!("{url} answers what no registry does: {why}"), "check that this is a registry")
    }
}

/// The next page, of a header `Link`.
fn next_page(link: &str) -> Option<&str> {
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then_some(target)
}
