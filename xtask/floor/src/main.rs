//! The floor of `cargo xtask bench converge`: one script to each node over one connection, all at once, and nothing else. What
//! takes longer than this is what a tool adds.
//!
//! `arcus-floor KEY KNOWN-HOSTS FOLDER`: every file `ADDRESS.sh` of the folder goes to `sh -s` of root at that address.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use russh::client::{Config, Handle, Handler, connect};
use russh::keys::known_hosts::check_known_hosts_path;
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{ChannelMsg, Disconnect};
use tokio::task::JoinSet;

/// No node may take longer: nearly all of it is for packages.
const LIMIT: Duration = Duration::from_secs(900);

/// Accepts the recorded key of its host, and no other.
struct Pinned {
    address: String,
    known_hosts: Arc<PathBuf>,
}

impl Handler for Pinned {
    type Error = anyhow::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        Ok(check_known_hosts_path(&self.address, 22, key, &*self.known_hosts)?)
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(key), Some(known_hosts), Some(folder), None) = (args.next(), args.next(), args.next(), args.next()) else {
        bail!("usage: arcus-floor KEY KNOWN-HOSTS FOLDER");
    };
    let key = Arc::new(load_secret_key(&key, None).with_context(|| key.display().to_string())?);
    let known_hosts = Arc::new(known_hosts);
    let mut nodes = JoinSet::new();
    for (address, script) in scripts(&folder)? {
        let (key, known_hosts) = (key.clone(), known_hosts.clone());
        nodes.spawn(async move {
            let result = tokio::time::timeout(LIMIT, node(&address, key, known_hosts, script)).await;
            (address, result.unwrap_or_else(|_| bail!("took longer than {} s", LIMIT.as_secs())))
        });
    }
    let (mut count, mut changed, mut failed) = (0, 0, 0);
    while let Some(ended) = nodes.join_next().await {
        count += 1;
        match ended? {
            (_, Ok(changes)) => changed += changes,
            (address, Err(error)) => {
                failed += 1;
                eprintln!("{address}: {error:#}");
            }
        }
    }
    println!("{count} nodes, {changed} changes, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scripts(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if let (Some(address), Some("sh")) = (path.file_stem(), path.extension().and_then(|extension| extension.to_str())) {
            scripts.push((address.to_string_lossy().into_owned(), std::fs::read(&path)?));
        }
    }
    Ok(scripts)
}

/// Gives how many changes the script told.
async fn node(address: &str, key: Arc<PrivateKey>, known_hosts: Arc<PathBuf>, script: Vec<u8>) -> Result<usize> {
    let config = Arc::new(Config { nodelay: true, ..Config::default() });
    let handler = Pinned { address: address.to_owned(), known_hosts };
    let mut session = connect(config, (address, 22), handler).await.context("connecting")?;
    let login = session.authenticate_publickey("root", PrivateKeyWithHashAlg::new(key, None)).await.context("logging in")?;
    if !login.success() {
        bail!("the key is not accepted");
    }
    let said = run(&mut session, script).await?;
    session.disconnect(Disconnect::ByApplication, "", "en").await?;
    Ok(said.lines().filter(|line| line.starts_with("changed ")).count())
}

async fn run(session: &mut Handle<Pinned>, script: Vec<u8>) -> Result<String> {
    let mut channel = session.channel_open_session().await?;
    channel.exec(true, "sh -s").await?;
    channel.data(&script[..]).await?;
    channel.eof().await?;
    let (mut said, mut status) = (Vec::new(), None);
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => said.extend_from_slice(&data),
            ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
            _ => {}
        }
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    match status {
        Some(0) => Ok(said),
        Some(status) => bail!("status {status}: {}", said.trim()),
        None => bail!("the connection was lost"),
    }
}
