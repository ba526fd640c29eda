//! Proves who we are: identity files, agent, password.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use russh::client::{AuthResult, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::Inner;
use super::connect::Handle;
use crate::{ConnectError, Endpoint, Identity, Login, Wanted};

/// One exchange of the login.
const WITHIN: Duration = Duration::from_secs(20);

/// Our keys, read once.
pub struct Keys {
    open: Vec<Loaded>,
    /// Need a passphrase, so they come after the agent.
    closed: Vec<Closed>,
    /// What could not be used, for the error.
    notes: Vec<String>,
}

struct Loaded {
    name: String,
    key: Arc<PrivateKey>,
}

struct Closed {
    path: std::path::PathBuf,
    text: SecretString,
    opened: tokio::sync::OnceCell<Result<Arc<PrivateKey>, String>>,
}

/// Whether somebody was asked meanwhile.
#[derive(Default)]
pub struct Prompts(AtomicBool);

impl Prompts {
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Keys {
    /// Reads the identities. One that the operator named and that cannot be read is an error.
    async fn load(login: &Login) -> Result<Self, String> {
        let mut keys = Self { open: vec![], closed: vec![], notes: vec![] };
        for identity in &login.identities {
            let (name, text, explicit) = match identity {
                Identity::Text { name, pem } => (name.clone(), pem.clone(), true),
                Identity::File { path, explicit } => match tokio::fs::read_to_string(path).await {
                    Ok(text) => (path.display().to_string(), SecretString::from(text), *explicit),
                    Err(error) if *explicit => return Err(format!("the identity {} cannot be read: {error}", path.display())),
                    Err(_) => continue,
                },
            };
            match (decode(text.clone(), None).await, identity) {
                (Ok(key), _) => keys.open.push(Loaded { name, key }),
                (Err(russh::keys::Error::KeyIsEncrypted), Identity::File { path, .. }) => {
                    keys.closed.push(Closed { path: path.clone(), text, opened: tokio::sync::OnceCell::new() });
                }
                (Err(error), _) if explicit => return Err(format!("the identity {name} cannot be used: {error}")),
                (Err(error), _) => keys.notes.push(format!("key {name}: passed over, {error}")),
            }
        }
        Ok(keys)
    }
}

/// Deriving a key from a passphrase is meant to take long.
async fn decode(text: SecretString, passphrase: Option<SecretString>) -> Result<Arc<PrivateKey>, russh::keys::Error> {
    tokio::task::spawn_blocking(move || russh::keys::decode_secret_key(text.expose_secret(), passphrase.as_ref().map(ExposeSecret::expose_secret)).map(Arc::new))
        .await
        .unwrap_or(Err(russh::keys::Error::CouldNotReadKey))
}

/// A login under way.
struct Attempt<'a> {
    handle: Handle,
    endpoint: &'a Endpoint,
    tried: Vec<String>,
    /// What the server accepts; none before it said so.
    accepted: Option<MethodSet>,
    /// Public keys refused already, so that the agent's copies are not tried again: sshd allows six failures.
    refused: Vec<PublicKey>,
}

/// What came of one way.
enum Step {
    In,
    Next,
}

/// Logs in.
pub async fn login(handle: Handle, endpoint: &Endpoint, inner: &Inner, prompts: &Prompts) -> Result<Handle, ConnectError> {
    let setup = |reason: String| ConnectError::Setup { node: endpoint.name.clone(), reason };
    let keys = inner.keys.get_or_init(|| Keys::load(&inner.login)).await.as_ref().map_err(|reason| setup(reason.clone()))?;
    let mut attempt = Attempt { handle, endpoint, tried: keys.notes.clone(), accepted: None, refused: vec![] };
    for loaded in &keys.open {
        if let Step::In = attempt.key(&format!("key {}", loaded.name), &loaded.key).await? {
            return Ok(attempt.handle);
        }
    }
    if let Some(socket) = &inner.login.agent
        && let Step::In = attempt.agent(socket).await?
    {
        return Ok(attempt.handle);
    }
    for closed in &keys.closed {
        if !attempt.accepts(MethodKind::PublicKey) {
            break;
        }
        let key = closed.opened.get_or_init(|| open(closed, &inner.login, prompts)).await;
        match key {
            Ok(key) => {
                if let Step::In = attempt.key(&format!("key {}", closed.path.display()), key).await? {
                    return Ok(attempt.handle);
                }
            }
            Err(reason) => attempt.tried.push(format!("key {}: {reason}", closed.path.display())),
        }
    }
    if inner.login.password
        && let Step::In = attempt.password(&inner.login, prompts).await?
    {
        return Ok(attempt.handle);
    }
    if attempt.tried.is_empty() {
        attempt.tried.push("nothing: there is no identity, no agent and no password to try".into());
    }
    let accepted = attempt.accepted.iter().flat_map(|methods| methods.iter()).map(|method| <&'static str>::from(method).to_owned()).collect();
    Err(ConnectError::Auth { node: endpoint.name.clone(), target: endpoint.to_string(), tried: attempt.tried, accepted })
}

async fn open(closed: &Closed, login: &Login, prompts: &Prompts) -> Result<Arc<PrivateKey>, String> {
    prompts.0.store(true, Ordering::Relaxed);
    let wanted = Wanted::Passphrase { path: closed.path.clone() };
    let passphrase = login.prompt.secret(&wanted).await.ok_or("it has a passphrase, which was not given")?;
    decode(closed.text.clone(), Some(passphrase)).await.map_err(|_| "wrong passphrase".to_owned())
}

impl Attempt<'_> {
    fn accepts(&self, method: MethodKind) -> bool {
        self.accepted.as_ref().is_none_or(|methods| methods.contains(&method))
    }

    /// What a server's answer means.
    fn result(&mut self, what: &str, result: Result<AuthResult, String>) -> Result<Step, ConnectError> {
        let reason = match result {
            Ok(AuthResult::Success) => return Ok(Step::In),
            // russh tells a connection lost meanwhile as a failure without methods.
            Ok(AuthResult::Failure { remaining_methods, .. }) if remaining_methods.is_empty() => "the connection was closed".to_owned(),
            Ok(AuthResult::Failure { remaining_methods, partial_success }) => {
                self.tried.push(format!("{what}: {}", if partial_success { "accepted, but more is wanted" } else { "refused" }));
                self.accepted = Some(remaining_methods);
                return Ok(Step::Next);
            }
            Err(reason) => reason,
        };
        let (node, target) = (self.endpoint.name.clone(), self.endpoint.to_string());
        if self.tried.len() >= 5 {
            self.tried.push(format!("{what}: {reason} (sshd allows six tries; name the identity to use)"));
            return Err(ConnectError::Auth { node, target, tried: self.tried.clone(), accepted: vec![] });
        }
        Err(ConnectError::Unreachable { node, target, reason: format!("while logging in with {what}: {reason}") })
    }

    /// For a key of RSA, the hash to sign with; SHA-1 never.
    async fn hash(&self, rsa: bool) -> Option<HashAlg> {
        if !rsa {
            return None;
        }
        match self.handle.best_supported_rsa_hash().await {
            Ok(Some(Some(hash))) => Some(hash),
            _ => Some(HashAlg::Sha256),
        }
    }

    async fn key(&mut self, what: &str, key: &Arc<PrivateKey>) -> Result<Step, ConnectError> {
        if !self.accepts(MethodKind::PublicKey) {
            return Ok(Step::Next);
        }
        let hash = self.hash(key.algorithm().is_rsa()).await;
        let what = format!("{what} ({})", key.fingerprint(HashAlg::Sha256));
        let exchange = self.handle.authenticate_publickey(&self.endpoint.user, PrivateKeyWithHashAlg::new(key.clone(), hash));
        let result = flat(timeout(WITHIN, exchange).await);
        self.refused.push(key.public_key().clone());
        self.result(&what, result)
    }

    async fn agent(&mut self, socket: &std::path::Path) -> Result<Step, ConnectError> {
        if !self.accepts(MethodKind::PublicKey) {
            return Ok(Step::Next);
        }
        let identities = async {
            let mut agent = AgentClient::connect_uds(socket).await?;
            let identities = agent.request_identities().await?;
            Ok::<_, russh::keys::Error>((agent, identities))
        };
        let (mut agent, identities) = match timeout(WITHIN, identities).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                self.tried.push(format!("agent {}: {error}", socket.display()));
                return Ok(Step::Next);
            }
            Err(_) => {
                self.tried.push(format!("agent {}: no answer", socket.display()));
                return Ok(Step::Next);
            }
        };
        if identities.is_empty() {
            self.tried.push(format!("agent {}: it holds no keys", socket.display()));
        }
        for identity in identities {
            let AgentIdentity::PublicKey { key, comment } = identity else { continue };
            if self.refused.iter().any(|refused| refused.key_data() == key.key_data()) || !self.accepts(MethodKind::PublicKey) {
                continue;
            }
            let hash = self.hash(key.algorithm().is_rsa()).await;
            let what = format!("agent key {comment} ({})", key.fingerprint(HashAlg::Sha256));
            let exchange = self.handle.authenticate_publickey_with(&self.endpoint.user, key, hash, &mut agent);
            let result = match timeout(WITHIN, exchange).await {
                Ok(Err(error)) => {
                    // The agent would not sign (it may ask its user); that is no word of the server.
                    self.tried.push(format!("{what}: the agent did not sign: {error}"));
                    continue;
                }
                other => flat(other),
            };
            if let Step::In = self.result(&what, result)? {
                return Ok(Step::In);
            }
        }
        Ok(Step::Next)
    }

    /// Only reached over a connection whose host key is the pinned one.
    async fn password(&mut self, login: &Login, prompts: &Prompts) -> Result<Step, ConnectError> {
        let user = self.endpoint.user.clone();
        let (plain, interactive) = (self.accepts(MethodKind::Password), self.accepts(MethodKind::KeyboardInteractive));
        if !plain && !interactive {
            return Ok(Step::Next);
        }
        prompts.0.store(true, Ordering::Relaxed);
        let wanted = Wanted::Password { node: self.endpoint.name.clone(), user: user.clone() };
        let Some(password) = login.prompt.secret(&wanted).await else {
            self.tried.push("password: none was given".into());
            return Ok(Step::Next);
        };
        if plain {
            let result = flat(timeout(WITHIN, self.handle.authenticate_password(&user, password.expose_secret())).await);
            if let Step::In = self.result("password", result)? {
                return Ok(Step::In);
            }
        }
        // Some servers ask for the password as one question of several possible ones.
        if interactive && self.accepts(MethodKind::KeyboardInteractive) && !(plain && self.accepts(MethodKind::Password)) {
            let result = match timeout(WITHIN, self.interactive(&user, &password)).await {
                Ok(result) => result,
                Err(_) => Err("no answer".into()),
            };
            return self.result("password, asked for interactively", result);
        }
        Ok(Step::Next)
    }

    async fn interactive(&mut self, user: &str, password: &SecretString) -> Result<AuthResult, String> {
        let mut response = self.handle.authenticate_keyboard_interactive_start(user, None).await.map_err(|error| error.to_string())?;
        for _ in 0..8 {
            match response {
                KeyboardInteractiveAuthResponse::Success => return Ok(AuthResult::Success),
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                    return Ok(AuthResult::Failure { remaining_methods, partial_success });
                }
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                    // The password answers one hidden question; a server that asks for more (a code) gets nothing it can use.
                    let answers = match prompts.as_slice() {
                        [] => vec![],
                        [one] if !one.echo => vec![password.expose_secret().to_owned()],
                        _ => return Err("the server asks for more than a password".into()),
                    };
                    response = self.handle.authenticate_keyboard_interactive_respond(answers).await.map_err(|error| error.to_string())?;
                }
            }
        }
        Err("the server asks without end".into())
    }
}

fn flat<E: std::fmt::Display>(result: Result<Result<AuthResult, E>, tokio::time::error::Elapsed>) -> Result<AuthResult, String> {
    match result {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", WITHIN.as_secs())),
    }
}
