//! All that is known of the managers as members of etcd.

use crate::config::Config;
use crate::etcd::{self, Member};
use crate::seat::Seat;
use crate::{member, paths};
use arcus_sdk::prelude::*;

/// Members of etcd change one at a time; a failure leaves the rest alone.
pub const MEMBERSHIP: &str = "membership";

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
    let address = etcd::list(&seat.node.address);
    let own = batch.one(
        seat.node,
        (probe::query("etcd-members", [address.as_str()]), probe::query("etcd-health", []), probe::content(paths::START_ETCD, 16_384), probe::service("rbd-db.service")),
    );
    let views: Vec<_> = others.iter().map(|node| (probe::job(format!("install:{}", node.name)), probe::reach(node.address.as_str(), 2379))).collect();
    let views = batch.one(seat.node, views);
    let units = batch.each(others.iter().copied(), (probe::service(etcd::UNIT), probe::directory(paths::ETCD), probe::directory(paths::HOME), paths::TRIALS.map(probe::file).to_vec()));
    let mut got = batch.send();
    let (list, health, script, database) = got.take(own);
    let views = got.take(views);
    let units = got.take(units);
    let members = match list {
        Known(said) => match etcd::members(&said) {
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
    Ring { members, healthy: health.map(|said| etcd::is_healthy(&said)), script, database, others: others.collect() }
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
        self.script.is_known_and(|script| script.as_ref().is_some_and(|script| etcd::is_alone(&script.text())))
    }
}
