//! The seam between the engine and whatever reaches a node.
use std::{sync::Arc, time::Duration};

use arcus_contract::types::Problem;
use async_trait::async_trait;

use crate::{Answer, Change, Endpoint, Look, Outcome};

/// Reaches nodes.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Connects, checks the host key, logs in. Tries again where that can help, 15 s at most.
    async fn connect(&self, endpoint: &Endpoint) -> Result<Arc<dyn Link>, ConnectError>;
}

/// A connection to one node.
#[async_trait]
pub trait Link: Send + Sync {
    /// Name of the node.
    fn node(&self) -> &str;

    /// Performs the tasks in order, then looks. Batches of one link may run at the same time (8 at most do, others wait).
    async fn run(&self, batch: &Batch, sink: &mut dyn Sink) -> Result<Report, Lost>;

    /// Only looks.
    async fn look(&self, looks: Vec<Look>) -> Result<Vec<Answer>, Lost> {
        let batch = Batch { looks, ..Batch::default() };
        Ok(self.run(&batch, &mut Quiet).await?.answers)
    }

    /// Whether the connection is known to be gone. Connect again to go on.
    fn is_lost(&self) -> bool;

    /// Ends it in order. Dropping it ends it as well.
    async fn close(&self);
}

/// What one round trip does.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Checked on the node before the first task and before each. Every batch with tasks in a locked run has one.
    pub fence: Option<Fence>,
    /// Performed in order, up to the first that is not done.
    pub tasks: Vec<Task>,
    /// Looked at after the tasks, when all were done.
    pub looks: Vec<Look>,
    /// How long the looks may take together; 0: 30 s, or what their commands need. What was not answered by then is `node.timeout`.
    pub look_within: Duration,
}

/// The right to change something on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// Our epoch. A node that stored a higher one does nothing and says `Fenced`.
    pub epoch: u64,
    /// Our run: steps done are noted under it.
    pub run: String,
}

/// A change with its name and time.
#[derive(Debug, Clone)]
pub struct Task {
    /// Step id, for the node's own record.
    pub id: String,
    /// What to do.
    pub change: Change,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a batch brought, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// One per task.
    pub outcomes: Vec<Outcome>,
    /// One per look.
    pub answers: Vec<Answer>,
}

/// What happens while a batch runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A task begins.
    Begin {
        /// Index among the tasks.
        task: usize,
    },
    /// The last line it printed so far, 200 bytes at most. Foreign text: show it escaped.
    Line {
        /// Index among the tasks.
        task: usize,
        /// Without the newline.
        line: String,
    },
    /// A task ended.
    End {
        /// Index among the tasks.
        task: usize,
        /// How.
        outcome: Outcome,
    },
}

/// Who wants to know what happens while a batch runs. Must not block.
pub trait Sink: Send {
    /// Called in order.
    fn event(&mut self, event: Event);
}

impl<F: FnMut(Event) + Send> Sink for F {
    fn event(&mut self, event: Event) {
        self(event)
    }
}

/// Nobody.
pub struct Quiet;

impl Sink for Quiet {
    fn event(&mut self, _: Event) {}
}

/// The link broke, or the node talked nonsense, before the batch was known to be through.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{node}: {reason}")]
pub struct Lost {
    /// The node.
    pub node: String,
    /// Stable: `node.lost`, `node.timeout`, `node.nonsense`, `node.no-sudo`, `node.sudo-refused`, `node.no-shell`, `node.no-state`.
    pub code: &'static str,
    /// One sentence.
    pub reason: String,
    /// How the first tasks ended, as far as the node said.
    pub outcomes: Vec<Outcome>,
    /// The task that had begun and of which no end was heard: *unknown*, to be decided by looking.
    pub open: Option<usize>,
    /// Nothing of the batch was started: sending it again is safe.
    pub untouched: bool,
}

/// Why there is no link.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answered, or not in time.
    #[error("{node}: cannot reach {target}: {reason}")]
    Unreachable { node: String, target: String, reason: String },
    /// The machine answered that nobody listens on this port.
    #[error("{node}: {target} refuses connections on that port")]
    Refused { node: String, target: String },
    /// Somebody listens, but they do not speak SSH as we do.
    #[error("{node}: {target} accepted the connection, but the SSH handshake failed: {reason}")]
    Handshake { node: String, target: String, reason: String },
    /// The host key is not the one that was pinned.
    #[error("{node}: {trouble}")]
    HostKey { node: String, target: String, trouble: HostKeyTrouble },
    /// No key and no password was accepted.
    #[error("{node}: {target} accepts none of what was tried: {}", tried.join("; "))]
    Auth { node: String, target: String, tried: Vec<String>, accepted: Vec<String> },
    /// Something on this side: an identity file that cannot be read, a bastion behind a bastion.
    #[error("{node}: {reason}")]
    Setup { node: String, reason: String },
    /// Logged in, but not as root and not able to become it.
    #[error("{node}: {reason}")]
    Sudo { node: String, user: String, code: &'static str, reason: String },
    /// The bastion was not reached; the node may well be fine.
    #[error("{node}: not tried, since its bastion was not reached: {cause}")]
    Bastion { node: String, cause: Box<ConnectError> },
}

/// What is wrong with a host key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostKeyTrouble {
    /// There is no pin for this host.
    #[error("the host key of {host} is not pinned yet (it presents {fingerprint}, {algorithm})")]
    Unknown { host: String, algorithm: String, fingerprint: String },
    /// There is one, and it is another key (or one of another algorithm).
    #[error("the host key of {host} has changed: pinned {} (line {line} of known_hosts), presented {fingerprint} ({algorithm})", pinned.join(", "))]
    Changed { host: String, line: usize, pinned: Vec<String>, algorithm: String, fingerprint: String },
    /// The key is marked `@revoked`.
    #[error("the host key of {host}, {fingerprint}, is revoked by line {line} of known_hosts")]
    Revoked { host: String, line: usize, fingerprint: String },
}

impl ConnectError {
    /// Stable: `node.unreachable`, `node.refused`, `node.handshake`, `node.host-key-unknown`, `node.host-key-changed`, `node.host-key-revoked`,
    /// `node.auth-refused`, `node.setup`, `node.no-sudo`, `node.sudo-refused`, `node.no-shell`, `node.bastion`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "node.unreachable",
            Self::Refused { .. } => "node.refused",
            Self::Handshake { .. } => "node.handshake",
            Self::HostKey { trouble: HostKeyTrouble::Unknown { .. }, .. } => "node.host-key-unknown",
            Self::HostKey { trouble: HostKeyTrouble::Changed { .. }, .. } => "node.host-key-changed",
            Self::HostKey { trouble: HostKeyTrouble::Revoked { .. }, .. } => "node.host-key-revoked",
            Self::Auth { .. } => "node.auth-refused",
            Self::Setup { .. } => "node.setup",
            Self::Sudo { code, .. } => code,
            Self::Bastion { .. } => "node.bastion",
        }
    }

    /// The node it is about.
    pub fn node(&self) -> &str {
        match self {
            Self::Unreachable { node, .. }
            | Self::Refused { node, .. }
            | Self::Handshake { node, .. }
            | Self::HostKey { node, .. }
            | Self::Auth { node, .. }
            | Self::Setup { node, .. }
            | Self::Sudo { node, .. }
            | Self::Bastion { node, .. } => node,
        }
    }

    /// What the operator can do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Unreachable { target, .. } => format!("Is the machine up, is the address right, and does a firewall let this machine reach {target}?"),
            Self::Refused { .. } => "Is sshd running there, and on this port? The port is `ssh: { port: … }` in the cluster file.".into(),
            Self::Handshake { .. } => "Is it really sshd that listens there? Try `ssh -v` to the same address.".into(),
            Self::HostKey { trouble: HostKeyTrouble::Unknown { .. }, node, .. } => {
                format!("Compare the fingerprint with the machine's own (`ssh-keygen -lf /etc/ssh/ssh_host_*.pub` on its console), then `arcus trust {node}`.")
            }
            Self::HostKey { trouble: HostKeyTrouble::Changed { .. }, node, .. } => {
                format!("If the machine was reinstalled, `arcus trust --replace {node}`. Otherwise somebody else may be answering: find out before going on.")
            }
            Self::HostKey { trouble: HostKeyTrouble::Revoked { .. }, .. } => "This key was revoked for a reason. Give the machine a new host key.".into(),
            Self::Auth { accepted, .. } if accepted.is_empty() => "Put the public key of one of the identities into authorized_keys of that user, or name another identity.".into(),
            Self::Auth { accepted, .. } => {
                format!("The node accepts: {}. Put the public key of one of the identities into authorized_keys of that user, or name another identity.", accepted.join(", "))
            }
            Self::Setup { .. } => "Correct this on the machine Arcus runs on.".into(),
            Self::Sudo { code: "node.sudo-refused", .. } => "Give the right password for sudo.".into(),
            Self::Sudo { user, .. } => format!("Let {user} run everything through sudo (`{user} ALL=(ALL) NOPASSWD: ALL`), give its password if it has the right, or log in as root."),
            Self::Bastion { cause, .. } => cause.help(),
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Refused { .. } | Self::Handshake { .. } => true,
            Self::Bastion { cause, .. } => cause.retryable(),
            _ => false,
        }
    }

    /// As the contract's record: what plugins get for each probe of this node.
    pub fn to_problem(&self) -> Problem {
        Problem {
            code: self.code().into(),
            message: self.to_string(),
            help: Some(self.help()),
            node: Some(self.node().into()),
            pointer: None,
            retryable: self.retryable(),
        }
    }
}

impl Lost {
    /// What the operator can do about it.
    pub fn help(&self) -> &'static str {
        match self.code {
            "node.nonsense" => "Something on the node speaks in the place of its shell: look at what `ssh NODE true` prints, and at who changed the machine. Nothing it said is believed.",
            "node.timeout" => "The node is busy, or something on it hangs: look at its load and at its mounts, then run the same again.",
            "node.no-shell" => "Log in by hand with the same user: what does `ssh NODE sh` say?",
            "node.no-state" => "Make room for, or let root write to, /var/lib/arcus on the node.",
            "node.no-sudo" | "node.sudo-refused" => "Let this user run everything through sudo, give the right password, or log in as root.",
            _ => "Run the same again: what was done already is left out.",
        }
    }

    /// As the contract's record: what plugins get for each probe of this node.
    pub fn to_problem(&self) -> Problem {
        Problem { code: self.code.into(), message: self.to_string(), help: Some(self.help().into()), node: Some(self.node.clone()), pointer: None, retryable: true }
    }
}
