//! SSH through russh: connections, host keys, login, sudo, one bastion hop.
//!
//! The library's settings and what has to be done around it were measured; see the comments where it is done.
mod auth;
mod connect;
mod session;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use tokio::sync::{Mutex, OnceCell, Semaphore};

use self::auth::Keys;
use self::connect::Door;
use self::session::{Connection, Sudo};
use crate::shell::ShellLink;
use crate::{ConnectError, Endpoint, HostKey, HostKeyTrouble, KnownHosts, Layout, Link, Login, Transport};

/// Nodes over SSH. Cheap to clone; clones share keys and bastions.
#[derive(Clone)]
pub struct Ssh {
    inner: Arc<Inner>,
}

struct Inner {
    layout: Layout,
    login: Login,
    known: Arc<KnownHosts>,
    keys: OnceCell<Result<Keys, String>>,
    bastions: Mutex<HashMap<Endpoint, Arc<OnceCell<Arc<Connection>>>>>,
    /// Set-ups at a time: key exchange is work for both sides.
    direct: Semaphore,
    /// Behind a bastion sshd counts them all together, and drops some from ten on (MaxStartups).
    through: Semaphore,
}

/// Tries that can help: three, in this time.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

impl Ssh {
    /// With these proofs of who we are, and these of who they are.
    pub fn new(layout: Layout, login: Login, known: KnownHosts) -> Self {
        Self {
            inner: Arc::new(Inner {
                layout,
                login,
                known: Arc::new(known),
                keys: OnceCell::new(),
                bastions: Mutex::default(),
                direct: Semaphore::new(64),
                through: Semaphore::new(8),
            }),
        }
    }

    /// The keys a node presents, one per algorithm it has, without logging in: for `arcus trust`. A bastion in between is
    /// logged in to, so its own key must be pinned.
    pub async fn host_keys(&self, endpoint: &Endpoint) -> Result<Vec<HostKey>, ConnectError> {
        let mut keys = Vec::new();
        let mut last = None;
        for algorithms in connect::families() {
            let door = Door::curious(&endpoint.address, endpoint.port);
            let seen = door.seen();
            match self.inner.knock(endpoint, door, Some(algorithms)).await {
                Ok(_) | Err(ConnectError::HostKey { .. }) => {}
                Err(error @ (ConnectError::Unreachable { .. } | ConnectError::Refused { .. } | ConnectError::Setup { .. } | ConnectError::Bastion { .. })) => return Err(error),
                Err(error) => last = Some(error),
            }
            keys.extend(seen.key());
        }
        match last {
            Some(error) if keys.is_empty() => Err(error),
            _ => Ok(keys),
        }
    }
}

#[async_trait]
impl Transport for Ssh {
    async fn connect(&self, endpoint: &Endpoint) -> Result<Arc<dyn Link>, ConnectError> {
        let begun = std::time::Instant::now();
        let connection = self.inner.connection(endpoint).await.inspect_err(|error| tracing::debug!(node = endpoint.name, code = error.code(), "not connected"))?;
        tracing::debug!(node = endpoint.name, target = %endpoint, took = ?begun.elapsed(), "connected");
        let sudo = if endpoint.user == "root" { Sudo::not_needed() } else { Sudo::new(endpoint, self.inner.login.prompt.clone()) };
        let shells = session::SshShells::new(Arc::new(connection), sudo);
        shells.try_sudo(endpoint).await?;
        Ok(ShellLink::new(&endpoint.name, &self.inner.layout, Box::new(shells)))
    }
}

impl Inner {
    /// A connection that is logged in.
    async fn connection(&self, endpoint: &Endpoint) -> Result<Connection, ConnectError> {
        if let Some(bastion) = &endpoint.bastion
            && bastion.bastion.is_some()
        {
            return Err(ConnectError::Setup { node: endpoint.name.clone(), reason: format!("its bastion {} is itself behind a bastion; one hop is possible", bastion.name) });
        }
        let gate = if endpoint.bastion.is_some() { &self.through } else { &self.direct };
        // A prompt may take a person minutes, in which sshd hangs up: once more then, with the answer at hand.
        let mut again = true;
        loop {
            let prompts = auth::Prompts::default();
            let result = async {
                let _place = gate.acquire().await.map_err(|_| ConnectError::Setup { node: endpoint.name.clone(), reason: "shutting down".into() })?;
                let door = Door::strict(&endpoint.address, endpoint.port, self.known.clone());
                let algorithms = connect::pinned(&self.known.algorithms(&endpoint.address, endpoint.port));
                let (handle, hop) = match self.knock(endpoint, door.clone(), algorithms).await {
                    // It has no key of a pinned kind any more: look at the one it has, to say which.
                    Err(ConnectError::HostKey { trouble: HostKeyTrouble::Changed { line: 0, .. }, .. }) => self.knock(endpoint, door, None).await?,
                    other => other?,
                };
                let handle = auth::login(handle, endpoint, self, &prompts).await?;
                Ok(Connection::new(handle, hop))
            }
            .await;
            match result {
                Err(ConnectError::Unreachable { .. }) if again && prompts.any() => again = false,
                other => return other,
            }
        }
    }

    /// Connects and exchanges keys, with three tries where that can help.
    async fn knock(&self, endpoint: &Endpoint, door: Door, algorithms: Option<connect::Algorithms>) -> Result<(connect::Handle, Option<Arc<Connection>>), ConnectError> {
        let hop = match &endpoint.bastion {
            Some(bastion) => Some(
                self.bastion(bastion).await.map_err(|cause| ConnectError::Bastion { node: endpoint.name.clone(), cause: Box::new(cause) })?,
            ),
            None => None,
        };
        let tries = ExponentialBuilder::default().with_min_delay(Duration::from_millis(700)).with_factor(3.0).with_max_times(2);
        let mut last = None;
        let attempt = || connect::connect(endpoint, door.clone(), algorithms.clone(), hop.clone());
        let all = attempt.retry(tries).when(ConnectError::retryable).notify(|error, _| last = Some(error.clone()));
        let handle = match tokio::time::timeout(CONNECT_WITHIN, all).await {
            Ok(result) => result?,
            Err(_) => {
                return Err(last.unwrap_or_else(|| ConnectError::Unreachable {
                    node: endpoint.name.clone(),
                    target: endpoint.to_string(),
                    reason: format!("no answer within {} s", CONNECT_WITHIN.as_secs()),
                }));
            }
        };
        Ok((handle, hop))
    }

    /// The one connection to a bastion that all nodes behind it share; a new one when it is gone.
    async fn bastion(&self, bastion: &Arc<Endpoint>) -> Result<Arc<Connection>, ConnectError> {
        for _ in 0..2 {
            let cell = self.bastions.lock().await.entry((**bastion).clone()).or_default().clone();
            let connection = cell.get_or_try_init(|| async { Box::pin(self.connection(bastion)).await.map(Arc::new) }).await?.clone();
            if !connection.is_lost() {
                return Ok(connection);
            }
            let mut bastions = self.bastions.lock().await;
            if bastions.get(&**bastion).is_some_and(|now| Arc::ptr_eq(now, &cell)) {
                bastions.remove(&**bastion);
            }
        }
        Err(ConnectError::Unreachable { node: bastion.name.clone(), target: bastion.to_string(), reason: "the connection was lost as soon as it was made".into() })
    }
}
