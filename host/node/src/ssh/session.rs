//! Shells over a connection, through sudo where the login is not root's.
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelStream, ChannelWriteHalf};
use secrecy::ExposeSecret;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex, Notify, Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use super::connect::Handle;
use crate::library::PATH;
use crate::script::nonce;
use crate::shell::{Broken, Drain, Feed, Piece, Shell, Shells};
use crate::{ConnectError, Endpoint, Prompt, Wanted, frames};

/// OpenSSH allows ten sessions on a connection.
const SESSIONS: usize = 8;
/// What may wait to be read of one channel. More is nothing a batch can have asked for.
const BUFFER: usize = 160 << 20;
const OPEN_WITHIN: Duration = Duration::from_secs(20);

/// A connection that is logged in.
pub struct Connection {
    handle: Handle,
    places: Arc<Semaphore>,
    /// The bastion's connection it goes through lives as long as it does.
    _hop: Option<Arc<Connection>>,
}

impl Connection {
    pub fn new(handle: Handle, hop: Option<Arc<Connection>>) -> Self {
        Self { handle, places: Arc::new(Semaphore::new(SESSIONS)), _hop: hop }
    }

    pub fn is_lost(&self) -> bool {
        self.handle.is_closed()
    }

    /// A way on from here.
    pub async fn tunnel(&self, host: &str, port: u16) -> Result<ChannelStream<Msg>, russh::Error> {
        Ok(self.handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0).await?.into_stream())
    }

    /// Runs a command line in the login shell of the user.
    async fn exec(self: &Arc<Self>, command: &str) -> Result<Shell, Broken> {
        let lost = |reason: String| Broken { code: "node.lost", reason };
        let place = self.places.clone().acquire_owned().await.map_err(|_| lost("shutting down".into()))?;
        let open = async {
            let mut pause = Duration::from_millis(20);
            let channel = loop {
                match self.handle.channel_open_session().await {
                    // The server frees a session a moment after it closed it, and some servers allow fewer than ten: wait for ours.
                    Err(russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed | ChannelOpenFailure::ResourceShortage)) if pause < Duration::from_secs(4) => {
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    other => break other?,
                }
            };
            // No answer is wanted: what follows is sent at once.
            channel.exec(false, command).await?;
            Ok::<_, russh::Error>(channel)
        };
        let channel = match timeout(OPEN_WITHIN, open).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => {
                return Err(Broken { code: "node.no-shell", reason: format!("the server allows no further session: {reason:?}") });
            }
            Ok(Err(error)) => return Err(lost(format!("the connection is lost: {error}"))),
            Err(_) => return Err(lost(format!("the server opened no session within {} s", OPEN_WITHIN.as_secs()))),
        };
        let (read, write) = channel.split();
        let writer = Box::new(write.make_writer());
        let (pieces, inbox) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        // Always drained, whoever reads it: one full channel would stall all others of the connection. The place is free again
        // when the server has closed the channel, not when we have read enough: it counts the sessions, too.
        let end = Arc::new(End::default());
        tokio::spawn({
            let (waiting, end) = (waiting.clone(), end.clone());
            async move {
                tokio::select! {
                    () = forward(read, pieces, waiting) => end.closed.notify_one(),
                    () = end.stop.notified() => {}
                }
                drop(place);
            }
        });
        Ok(Shell {
            feed: Box::new(SshFeed { writer, channel: Some(write), end: end.clone() }),
            drain: Box::new(SshDrain { inbox, waiting, end, _connection: self.clone() }),
            early: vec![],
        })
    }
}

async fn forward(mut read: ChannelReadHalf, pieces: mpsc::UnboundedSender<Piece>, waiting: Arc<AtomicUsize>) {
    while let Some(message) = read.wait().await {
        let piece = match message {
            ChannelMsg::Data { data } => Piece::Out(data.to_vec()),
            ChannelMsg::ExtendedData { data, ext: 1 } => Piece::Err(data.to_vec()),
            ChannelMsg::Close => break,
            _ => continue,
        };
        let size = match &piece {
            Piece::Out(bytes) | Piece::Err(bytes) => bytes.len(),
        };
        if waiting.fetch_add(size, Ordering::Relaxed) > BUFFER || pieces.send(piece).is_err() {
            // Too much, or nobody reads: go on draining, so that the others of this connection live.
            while read.wait().await.is_some() {}
            break;
        }
    }
}

/// How a channel ends.
#[derive(Default)]
struct End {
    /// The script said its last word, so the server is about to close the channel.
    through: AtomicBool,
    /// The server closed it.
    closed: Notify,
    /// Nothing more will come.
    stop: Notify,
}

struct SshFeed {
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    channel: Option<ChannelWriteHalf<Msg>>,
    end: Arc<End>,
}

impl Drop for SshFeed {
    /// A script that is still at work when we leave must find its output closed, and stop. But where the server is about to
    /// close the channel itself, it has to be left to it: once we closed it, russh forgets it and the server's word
    /// is never heard, so that nobody would know when its place is free.
    fn drop(&mut self) {
        let (Some(channel), Ok(runtime)) = (self.channel.take(), tokio::runtime::Handle::try_current()) else { return };
        let end = self.end.clone();
        runtime.spawn(async move {
            let patience = if end.through.load(Ordering::Relaxed) { Duration::from_secs(10) } else { Duration::ZERO };
            if timeout(patience, end.closed.notified()).await.is_err() {
                let _ = timeout(Duration::from_secs(5), channel.close()).await;
                tokio::time::sleep(Duration::from_secs(2)).await;
                end.stop.notify_one();
            }
        });
    }
}

#[async_trait]
impl Feed for SshFeed {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes).await?;
        self.writer.flush().await
    }
}

struct SshDrain {
    inbox: mpsc::UnboundedReceiver<Piece>,
    waiting: Arc<AtomicUsize>,
    end: Arc<End>,
    _connection: Arc<Connection>,
}

#[async_trait]
impl Drain for SshDrain {
    async fn next(&mut self) -> Option<Piece> {
        let piece = self.inbox.recv().await?;
        let (Piece::Out(bytes) | Piece::Err(bytes)) = &piece;
        self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
        Some(piece)
    }

    fn through(&mut self) {
        self.end.through.store(true, Ordering::Relaxed);
    }
}

/// How to become root.
pub struct Sudo {
    who: Option<(String, String)>,
    prompt: Option<Arc<dyn Prompt>>,
    /// Known to go without a password: the script need not wait.
    free: AtomicBool,
    /// Known to want one.
    asks: AtomicBool,
    /// Between the first look and the first batch.
    ready: Mutex<Option<Shell>>,
}

impl Sudo {
    pub fn not_needed() -> Self {
        Self { who: None, prompt: None, free: AtomicBool::new(true), asks: AtomicBool::new(false), ready: Mutex::new(None) }
    }

    pub fn new(endpoint: &Endpoint, prompt: Arc<dyn Prompt>) -> Self {
        Self { who: Some((endpoint.name.clone(), endpoint.user.clone())), prompt: Some(prompt), free: AtomicBool::new(false), asks: AtomicBool::new(false), ready: Mutex::new(None) }
    }
}

/// Shells of one node.
pub struct SshShells {
    connection: Arc<Connection>,
    sudo: Sudo,
}

/// A clean environment; works in any login shell, csh and fish too.
fn clean(home: &str, user: &str) -> String {
    format!("env -i HOME={home} USER={user} LOGNAME={user} PATH={PATH} LC_ALL=C")
}

impl SshShells {
    pub fn new(connection: Arc<Connection>, sudo: Sudo) -> Self {
        Self { connection, sudo }
    }

    /// Becomes root once, so that a user who may not is told when connecting. The shell is kept for the first batch.
    pub async fn try_sudo(&self, endpoint: &Endpoint) -> Result<(), ConnectError> {
        if self.sudo.who.is_none() {
            return Ok(());
        }
        let shell = self.open().await.map_err(|broken| match broken.code {
            "node.lost" | "node.timeout" => ConnectError::Unreachable { node: endpoint.name.clone(), target: endpoint.to_string(), reason: broken.reason },
            code => ConnectError::Sudo { node: endpoint.name.clone(), user: endpoint.user.clone(), code, reason: broken.reason },
        })?;
        *self.sudo.ready.lock().await = Some(shell);
        Ok(())
    }

    async fn root(&self, node: &str, user: &str) -> Result<Shell, Broken> {
        if !self.sudo.asks.load(Ordering::Relaxed) {
            let ready = nonce();
            let command = format!("exec sudo -n -H -- {} sh -c 'echo {ready}; exec sh -s'", clean("/root", "root"));
            let shell = self.connection.exec(&command).await?;
            if self.sudo.free.load(Ordering::Relaxed) {
                // Its first line is noise to the parser.
                return Ok(shell);
            }
            match self.await_ready(shell, &ready, None).await {
                Ok(shell) => {
                    self.sudo.free.store(true, Ordering::Relaxed);
                    return Ok(shell);
                }
                Err(Refusal::Broken(broken)) => return Err(broken),
                Err(Refusal::Said(said)) if said.contains("password is required") || said.contains("a password") => {}
                Err(Refusal::Said(said)) => return Err(no_sudo(user, &said)),
                Err(Refusal::Asked(_)) => return Err(no_sudo(user, "it asked although it was told not to")),
            }
        }
        let wanted = Wanted::Sudo { node: node.into(), user: user.into() };
        let password = match &self.sudo.prompt {
            Some(prompt) => prompt.secret(&wanted).await,
            None => None,
        };
        let Some(password) = password else { return Err(Broken { code: "node.no-sudo", reason: format!("sudo wants a password of {user}, and none was given") }) };
        let (ready, question) = (nonce(), nonce());
        let command = format!("exec sudo -S -k -H -p '[{question}]' -- {} sh -c 'echo {ready}; exec sh -s'", clean("/root", "root"));
        let shell = self.connection.exec(&command).await?;
        let shell = match self.await_ready(shell, &ready, Some(&question)).await {
            // With NOPASSWD for this command it does not ask, and the password stays here.
            Ok(shell) => return Ok(shell),
            Err(Refusal::Asked(mut shell)) => {
                // Only now, and only to what asked with our nonce.
                let line = zeroize::Zeroizing::new(format!("{}\n", password.expose_secret()));
                shell.feed.send(line.as_bytes()).await.map_err(|error| Broken { code: "node.lost", reason: format!("the connection is lost: {error}") })?;
                *shell
            }
            Err(Refusal::Broken(broken)) => return Err(broken),
            Err(Refusal::Said(said)) => return Err(no_sudo(user, &said)),
        };
        match self.await_ready(shell, &ready, Some(&question)).await {
            Ok(shell) => {
                self.sudo.asks.store(true, Ordering::Relaxed);
                Ok(shell)
            }
            Err(Refusal::Broken(broken)) => Err(broken),
            Err(Refusal::Asked(_)) => Err(Broken { code: "node.sudo-refused", reason: format!("sudo refused the password of {user}") }),
            Err(Refusal::Said(said)) if said.contains("incorrect password") || said.contains("try again") => {
                Err(Broken { code: "node.sudo-refused", reason: format!("sudo refused the password of {user}") })
            }
            Err(Refusal::Said(said)) => Err(no_sudo(user, &said)),
        }
    }

    /// Waits until the shell of root says that it is there.
    async fn await_ready(&self, mut shell: Shell, ready: &str, question: Option<&str>) -> Result<Shell, Refusal> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let deadline = Instant::now() + Duration::from_secs(45);
        loop {
            let piece = timeout_at(deadline, shell.drain.next())
                .await
                .map_err(|_| Refusal::Broken(Broken { code: "node.timeout", reason: "sudo did not answer within 45 s".into() }))?;
            match piece {
                Some(Piece::Out(bytes)) => {
                    out.extend_from_slice(&bytes);
                    if let Some(at) = frames::find(&out, ready.as_bytes()) {
                        shell.early = out.split_off(at + ready.len());
                        return Ok(shell);
                    }
                }
                Some(Piece::Err(bytes)) => {
                    err.extend_from_slice(&bytes);
                    if question.is_some_and(|question| frames::find(&err, question.as_bytes()).is_some()) {
                        return Err(Refusal::Asked(Box::new(shell)));
                    }
                }
                None if self.connection.is_lost() => return Err(Refusal::Broken(Broken { code: "node.lost", reason: "the connection was lost".into() })),
                None => return Err(Refusal::Said(String::from_utf8_lossy(if err.is_empty() { &out } else { &err }).trim().to_owned())),
            }
            if out.len() + err.len() > 1 << 20 {
                return Err(Refusal::Broken(Broken { code: "node.nonsense", reason: "the login shell prints without end".into() }));
            }
        }
    }
}

enum Refusal {
    /// It asks for the password.
    Asked(Box<Shell>),
    /// It ended, saying this.
    Said(String),
    Broken(Broken),
}

fn no_sudo(user: &str, said: &str) -> Broken {
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    let reason = if said.contains("not found") && !said.contains("sudoers") {
        format!("{user} is not root, and there is no sudo on this node")
    } else if said.contains("must have a tty") {
        format!("sudo wants a terminal for {user}: take `requiretty` out of its configuration")
    } else {
        format!("{user} may not become root through sudo: {last}")
    };
    Broken { code: "node.no-sudo", reason }
}

#[async_trait]
impl Shells for SshShells {
    async fn open(&self) -> Result<Shell, Broken> {
        match &self.sudo.who {
            None => self.connection.exec(&format!("exec {} sh -s", clean("\"$HOME\"", "root"))).await,
            Some((node, user)) => {
                if let Some(shell) = self.sudo.ready.lock().await.take() {
                    return Ok(shell);
                }
                self.root(node, user).await
            }
        }
    }

    fn is_lost(&self) -> bool {
        self.connection.is_lost()
    }

    async fn close(&self) {
        let goodbye = self.connection.handle.disconnect(russh::Disconnect::ByApplication, "", "");
        let _ = timeout(Duration::from_secs(2), goodbye).await;
    }
}
