//! Members of etcd, by etcd's own word: the list that every member serves to its peers needs no majority, and no `grctl`.

use crate::config::Config;
use crate::seat::Seat;
use crate::{member, paths};
use arcus_sdk::prelude::*;

/// The unit on managers.
pub const UNIT: &str = "etcd.service";
/// What makes a member forget all others and go on alone with its own data.
const ALONE: &str = " \\\n  --force-new-cluster";

/// A member as it is registered, whether it runs or not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Member {
    /// Its number.
    pub id: u64,
    /// Empty until it has run once.
    #[serde(default)]
    pub name: String,
    /// Where the others reach it.
    #[serde(rename = "peerURLs", default)]
    pub peers: Vec<String>,
}

impl Member {
    /// Whether it is the one on this node.
    pub fn is(&self, address: &str) -> bool {
        self.peers.iter().any(|url| host(url) == Some(address))
    }

    /// Its number, as the tools of etcd write it.
    pub fn hex(&self) -> String {
        format!("{:x}", self.id)
    }

    /// Its address, for people.
    pub fn place(&self) -> &str {
        self.peers.first().and_then(|url| host(url)).unwrap_or("nowhere")
    }
}

/// The host of `http://10.0.0.1:2380`.
fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next()?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    Some(host.trim_start_matches('[').trim_end_matches(']'))
}

/// Where a member serves its list.
pub fn list(address: &str) -> String {
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    format!("http://{host}:2380/members")
}

/// Reads that list. `Err`: what was said instead.
pub fn members(said: &Output) -> Result<Vec<Member>, String> {
    if said.status == 0
        && let Some(members) = said.json::<Vec<Member>>()
    {
        return Ok(members);
    }
    let text = said.error_text();
    Err(text.lines().map(str::trim).find(|line| !line.is_empty()).map_or_else(|| "etcd shows no list of its members".to_owned(), str::to_owned))
}

/// Whether `/health` says so. It is answered by a majority, not by the member alone.
pub fn is_healthy(said: &Output) -> bool {
    let text: String = said.text().split_whitespace().collect();
    said.status == 0 && ["\"health\":\"true\"", "\"health\":true"].iter().any(|word| text.contains(word))
}

/// How etcd is started so that the member goes on alone. `None`: it is, or the file is not understood.
pub fn alone(script: &str) -> Option<String> {
    let text = script.trim_end();
    // The command is the last of it, and all of its words are options of etcd.
    (text.contains("--data-dir") && text.contains("exec ") && !is_alone(script)).then(|| format!("{text}{ALONE}\n"))
}

/// Whether it is.
pub fn is_alone(script: &str) -> bool {
    script.contains(ALONE.trim_start_matches([' ', '\\', '\n']))
}

/// How it is started beside the others.
pub fn together(script: &str) -> String {
    script.replace(ALONE, "")
}

/// What is known of another manager than the first.
pub struct Other<'a> {
    /// The manager.
    pub node: &'a Node,
    /// Its installation, by the first manager.
    pub install: Look<Option<JobFact>>,
    /// Whether its etcd accepts somebody, as the first manager sees it.
    pub reached: Look<Reachability>,
    /// Its etcd, by systemd.
    pub unit: Look<Option<ServiceFact>>,
    /// What its etcd keeps.
    pub data: Look<Option<DirectoryFact>>,
    /// Where Rainbond will be, or is.
    pub home: Look<Option<DirectoryFact>>,
    /// What trials of its disk have left, by path.
    pub trials: Vec<(&'static str, Look<Option<FileFact>>)>,
}

impl Other<'_> {
    /// Its etcd runs, as far as the first manager can tell.
    pub fn runs(&self) -> bool {
        self.reached.is_known_and(|reach| *reach == Reachability::Open)
    }

    /// Arcus began to install it, and that ended without success.
    pub fn has_failed(&self) -> bool {
        self.install.is_known_and(|job| job.as_ref().is_some_and(|job| !job.running && !String::from_utf8_lossy(&job.tail).contains("successful")))
    }
}

/// All that is known of etcd.
pub struct Ring<'a> {
    /// Those who are registered, as the first manager has them.
    pub members: Look<Vec<Member>>,
    /// Whether the first manager's etcd has a majority.
    pub healthy: Look<bool>,
    /// How the first manager's etcd is started.
    pub script: Look<Option<FileFact>>,
    /// Rainbond's own database, if it has one.
    pub database: Look<Option<ServiceFact>>,
    /// The other managers of the file.
    pub others: Vec<Other<'a>>,
}

/// Asks.
pub fn look<'a>(cluster: &'a Cluster<Config>, seat: &Seat<'_>) -> Ring<'a> {
    let others: Vec<&Node> = member::managers(cluster).into_iter().filter(|node| node.name != seat.node.name).collect();
    let mut batch = cluster.batch();
    let address = list(&seat.node.address);
    let own = batch.one(
        seat.node,
        (probe::query("etcd-members", [address.as_str()]), probe::query("etcd-health", []), probe::content(paths::START_ETCD, 16_384), probe::service("rbd-db.service")),
    );
    let views: Vec<_> = others.iter().map(|node| (probe::job(format!("install:{}", node.name)), probe::reach(node.address.as_str(), 2379))).collect();
    let views = batch.one(seat.node, views);
    let units = batch.each(others.iter().copied(), (probe::service(UNIT), probe::directory(paths::ETCD), probe::directory(paths::HOME), paths::TRIALS.map(probe::file).to_vec()));
    let mut got = batch.send();
    let (list, health, script, database) = got.take(own);
    let views = got.take(views);
    let units = got.take(units);
    let members = match list {
        Known(said) => match members(&said) {
            Ok(members) => Known(members),
            Err(why) => Unknown(problem("rainbond.etcd-silent", why).on(seat.node).retryable()),
        },
        Unknown(problem) => Unknown(problem),
    };
    let others = others.into_iter().zip(views).map(|(node, (install, reached))| {
        let (unit, data, home, trials) = units.of(node).clone();
        let trials = paths::TRIALS.into_iter().zip(trials).collect();
        Other { node, install, reached, unit, data, home, trials }
    });
    Ring { members, healthy: health.map(|said| is_healthy(&said)), script, database, others: others.collect() }
}

impl Ring<'_> {
    /// Registered under this address.
    pub fn has(&self, address: &str) -> bool {
        self.members.is_known_and(|members| members.iter().any(|member| member.is(address)))
    }

    /// Registered, and was started at least once.
    pub fn has_run(&self, address: &str) -> bool {
        self.members.is_known_and(|members| members.iter().any(|member| member.is(address) && !member.name.is_empty()))
    }

    /// Managers that count for the majority, do not run, and never will by themselves: their installation failed half-way.
    pub fn half_joined(&self) -> Vec<(&Other<'_>, &Member)> {
        let Known(members) = &self.members else { return Vec::new() };
        // One that has run once is a member like any other: if it is down, somebody starts it.
        let of = |other: &Other<'_>| members.iter().find(|member| member.is(&other.node.address) && member.name.is_empty());
        // A silence of the first manager's proves nothing of them.
        let is = |other: &&Other<'_>| other.has_failed() && !other.runs() && matches!(other.reached, Known(_));
        self.others.iter().filter(is).filter_map(|other| Some((other, of(other)?))).collect()
    }

    /// The first manager would forget the others when its etcd is started again.
    pub fn starts_alone(&self) -> bool {
        self.script.is_known_and(|script| script.as_ref().is_some_and(|script| is_alone(&script.text())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: i32, stdout: &str) -> Output {
        Output { status, stdout: stdout.into(), stderr: b"curl: (7) Failed to connect\n".to_vec(), truncated: false }
    }

    #[test]
    fn the_list_that_peers_are_served() {
        let text = r#"[{"id":10276657743932975437,"peerURLs":["http://10.99.0.11:2380"],"name":"a","clientURLs":["http://10.99.0.11:2379"]},{"id":26,"peerURLs":["http://[fd00::2]:2380"],"name":""}]"#;
        let members = members(&said(0, text)).unwrap();
        assert!(members[0].is("10.99.0.11") && !members[0].is("10.99.0.1"));
        assert_eq!((members[0].hex().as_str(), members[1].hex().as_str(), members[1].place()), ("8e9e05c52164694d", "1a", "fd00::2"));
        assert_eq!(super::members(&said(7, "")).unwrap_err(), "curl: (7) Failed to connect");
    }

    #[test]
    fn a_start_alone_and_back() {
        // As the installer writes it: a container, no newline at the end.
        let script = "#!/bin/sh\nexec docker \\\n  run \\\n  --name etcd \\\n  /usr/local/bin/etcd \\\n  --data-dir ${ETCD_DATA_DIR} \\\n  --quota-backend-bytes=$((4*1024))";
        let alone = super::alone(script).unwrap();
        assert!(alone.ends_with("--quota-backend-bytes=$((4*1024)) \\\n  --force-new-cluster\n") && is_alone(&alone) && !is_alone(script));
        assert_eq!(together(&alone).trim_end(), script);
        assert_eq!(super::alone(&alone), None, "it is already");
        assert_eq!(super::alone("#!/bin/sh\necho no etcd\n"), None);
    }
}
