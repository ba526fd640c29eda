//! Logins at registries, as `docker login` and its kin keep them. Each is for one host.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::fault::Fault;

/// Name and password at one host.
#[derive(Debug, Clone)]
pub struct Login {
    /// Who.
    pub user: String,
    /// Not shown by anything here.
    pub password: SecretString,
}

impl Login {
    /// As it is sent.
    pub(crate) fn basic(&self) -> SecretString {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password.expose_secret()))).into()
    }
}

/// All that are known.
#[derive(Debug, Clone, Default)]
pub struct Logins {
    own: BTreeMap<String, Login>,
    helpers: BTreeMap<String, String>,
    helper: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: SecretText,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: SecretText,
}

/// Text that no error repeats.
#[derive(Deserialize, Default)]
#[serde(transparent)]
struct SecretText(String);

impl Logins {
    /// From the text of docker's `config.json`, or podman's `auth.json`.
    ///
    /// # Errors
    /// When it is none; what it holds is not repeated.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Fault> {
        let wrong = |why: String| Fault::new("registry.logins", format!("the logins in {origin} cannot be read: {why}"), "`docker login HOST` writes such a file; secrets in it are base64 of `name:password`");
        let document: Document = serde_json::from_str(text).map_err(|error| wrong(format!("line {}, column {}", error.line(), error.column())))?;
        let mut this = Self { helper: Some(document.creds_store).filter(|name| !name.is_empty()), ..Self::default() };
        for (key, entry) in document.auths {
            let Some(host) = host(&key) else { continue };
            if let Some(login) = entry.login().map_err(|()| wrong(format!("`auth` of {key} is not base64 of `name:password`")))? {
                this.own.insert(host, login);
            }
        }
        this.helpers = document.cred_helpers.into_iter().filter_map(|(key, name)| Some((host(&key)?, name))).collect();
        Ok(this)
    }

    /// The login at a host: with its port, as it is there.
    pub fn of(&self, host: &str) -> Option<&Login> {
        self.own.get(called(host))
    }

    /// The program that keeps the login at a host: `docker-credential-` before it.
    pub fn helper(&self, host: &str) -> Option<&str> {
        self.helpers.get(called(host)).or(self.helper.as_ref()).map(String::as_str)
    }

    /// Those of another file, as far as they are not known yet.
    pub fn behind(&mut self, other: Self) {
        for (host, login) in other.own {
            self.own.entry(host).or_insert(login);
        }
        for (host, helper) in other.helpers {
            self.helpers.entry(host).or_insert(helper);
        }
        self.helper = self.helper.take().or(other.helper);
    }

    /// One more.
    pub fn insert(&mut self, host: &str, login: Login) {
        self.own.insert(called(host).to_owned(), login);
    }
}

impl Entry {
    fn login(self) -> Result<Option<Login>, ()> {
        if !self.username.is_empty() {
            return Ok(Some(Login { user: self.username, password: self.password.0.into() }));
        }
        if self.auth.0.is_empty() {
            return Ok(None);
        }
        let bytes = BASE64_STANDARD.decode(self.auth.0.trim()).map_err(drop)?;
        let text = String::from_utf8(bytes).map_err(drop)?;
        let (user, password) = text.split_once(':').ok_or(())?;
        // Docker pads with zeros at times.
        Ok(Some(Login { user: user.to_owned(), password: password.trim_end_matches('\0').into() }))
    }
}

/// The host that a key is for. None: for a part of a host's repositories, which is not taken for all of them.
fn host(key: &str) -> Option<String> {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, rest) = bare.split_once('/').unwrap_or((bare, ""));
    matches!(rest, "" | "v1/" | "v2/" | "v1" | "v2").then(|| called(&host.to_ascii_lowercase()).to_owned())
}

/// Docker's own registry has one login at all of its names.
fn called(host: &str) -> &str {
    match host {
        "docker.io" | "registry-1.docker.io" | "auth.docker.io" => "index.docker.io",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
        "auths": {
            "registry.example.org:5000": { "auth": "b3BzOmh1c2g6aA==" },
            "https://index.docker.io/v1/": { "username": "d", "password": "p" },
            "registry.example.org:5000/team": { "auth": "eDp5" },
            "empty.example.org": {}
        },
        "credHelpers": { "ecr.example.org": "ecr-login" }
    }"#;

    #[test]
    fn a_login_is_for_its_host_and_no_other() {
        let logins = Logins::parse(FILE, "x").unwrap();
        let ops = logins.of("registry.example.org:5000").unwrap();
        assert_eq!((ops.user.as_str(), ops.password.expose_secret()), ("ops", "hush:h"));
        assert_eq!(ops.basic().expose_secret(), "Basic b3BzOmh1c2g6aA==");
        for other in ["registry.example.org", "registry.example.org:5001", "example.org", "empty.example.org", "sub.registry.example.org:5000"] {
            assert!(logins.of(other).is_none(), "{other}");
        }
        assert_eq!(logins.of("auth.docker.io").map(|login| login.user.as_str()), Some("d"));
        assert_eq!((logins.helper("ecr.example.org"), logins.helper("registry.example.org:5000")), (Some("ecr-login"), None));
        assert!(!format!("{logins:?}").contains("hush"));
    }

    #[test]
    fn what_cannot_be_read_is_said_without_what_it_holds() {
        for bad in ["", "3", r#"{"auths": {"h": {"auth": "hush"}}}"#, r#"{"auths": {"h": {"auth": "aHVzaA=="}}}"#, r#"{"auths": {"h": {"auth": ["hush"]}}}"#] {
            let fault = Logins::parse(bad, "config.json").unwrap_err();
            assert_eq!(fault.code, "registry.logins");
            assert!(!fault.to_string().contains("hush") && !fault.to_string().contains("aHVz"), "{fault}");
        }
    }
}
