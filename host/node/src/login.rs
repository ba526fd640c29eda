//! By what the operator proves who they are.
use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use secrecy::SecretString;

/// By what the operator proves who they are. The same for all nodes; tried in this order: identities, agent, password.
#[derive(Clone)]
pub struct Login {
    /// Keys, in order.
    pub identities: Vec<Identity>,
    /// Socket of an ssh-agent (`SSH_AUTH_SOCK`, read by the caller).
    pub agent: Option<PathBuf>,
    /// Whether to ask the prompt for a login password when no key was accepted.
    pub password: bool,
    /// Where passphrases and passwords come from.
    pub prompt: Arc<dyn Prompt>,
}

/// A private key.
#[derive(Clone)]
pub enum Identity {
    /// A file in any format OpenSSH writes; its passphrase is asked for when it has one.
    File {
        /// Where.
        path: PathBuf,
        /// Named by the operator: a file that is missing or unreadable is then an error. Guessed ones (`~/.ssh/id_*`) are passed over.
        explicit: bool,
    },
    /// The text of one, unencrypted.
    Text {
        /// What to call it in errors.
        name: String,
        /// PEM.
        pem: SecretString,
    },
}

/// A secret the login needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Of an encrypted identity file.
    Passphrase {
        /// The file.
        path: PathBuf,
    },
    /// To log in. Asked for only after the node's host key was found to be the pinned one.
    Password {
        /// Node.
        node: String,
        /// Login name there.
        user: String,
    },
    /// For `sudo`. Asked for only after sudo asked.
    Sudo {
        /// Node.
        node: String,
        /// Login name there.
        user: String,
    },
}

/// Where secrets of a login come from: a terminal, the environment, a file. Implementations remember answers if they
/// want to ask once for many nodes, and must put their questions one after the other.
#[async_trait]
pub trait Prompt: Send + Sync {
    /// None: there is no such secret, or nobody to ask.
    async fn secret(&self, wanted: &Wanted) -> Option<SecretString>;
}

/// Nobody to ask.
pub struct NoPrompt;

#[async_trait]
impl Prompt for NoPrompt {
    async fn secret(&self, _: &Wanted) -> Option<SecretString> {
        None
    }
}

impl Login {
    /// Nothing but these key files, each named by the operator.
    pub fn with_files(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            identities: paths.into_iter().map(|path| Identity::File { path, explicit: true }).collect(),
            agent: None,
            password: false,
            prompt: Arc::new(NoPrompt),
        }
    }
}
