//! When a step is done. Nothing here goes by an exit status: `grctl` says 0 when it fails.

use crate::addresses::Addresses;
use crate::config::Config;
use crate::grctl::{self, Listed};
use crate::version::Version;
use crate::{apiserver, bundle, database, domain, endpoints, etcd, leave, mend, names, paths, ready, region, tool};
use arcus_sdk::prelude::*;

type In<'a> = &'a Cluster<Config>;

/// Who judges which steps.
pub fn goals() -> Goals<Config> {
    Goals::new()
        .on("quorum", crate::trials::has_quorum)
        .on("answers", crate::trials::lists_nodes)
        .on("fetch", digest)
        .on("upload", digest)
        .on("place", placed)
        .on("version", version)
        .on("bundle-digest", bundle::digest)
        .on("unpack", bundle::unpacked)
        .on("offline", bundle::is_set_up)
        .on("bundle", bundle::is_there)
        .on("database", database::answers)
        .on("seal", database::sealed)
        .on("address", address)
        .on("init", init)
        .on("joined", joined)
        .on("add", added)
        .on("install", installed)
        .on("member", member)
        .on("trial", ready::tried)
        .on("ready", ready::is_ready)
        .on("snapshot", ready::is_backed_up)
        .on("dump", ready::is_backed_up)
        .on("copy-dump", ready::is_backed_up)
        .on("keep-snapshot", ready::is_fresh)
        .on("keep-dump", ready::is_fresh)
        .on("settled", settled)
        .on("refresh", refreshed)
        .on("expel", mend::expelled)
        .on("restart-alone", mend::is_alone)
        .on("restart-together", mend::is_healthy)
        .on("aside", mend::is_aside)
        .on("cordon", leave::is_cordoned)
        .on("down", leave::is_down)
        .on("without", leave::are_healthy)
        .on("gone", leave::is_silent)
        .on("delete", leave::is_deleted)
        .on("up", up)
        .on("region", region::judge)
        .on("tool", tool::answers)
        .on("domain", domain::judge)
        .on("dns-update", names::updated)
        .on("agent-run", endpoints::restarted)
        .on("proxy-run", endpoints::restarted)
        .on("agent-well", endpoints::is_well)
        .on("api-update", apiserver::updated)
        .on("api-run", apiserver::runs)
}

/// The digest that `sha256sum` prints is the one of the file.
fn digest(cluster: In, case: &Case<'_>) -> Judged {
    let said = case.get::<Output>(0)?;
    if said.status != 0 {
        return unmet("it is not there");
    }
    let text = said.text();
    let found = text.split_whitespace().next().unwrap_or_default();
    match &cluster.config.grctl.sha256 {
        Some(wanted) if wanted == found => met(),
        Some(_) => {
            let message = format!("it has the digest {found}, which is not grctl.sha256 of the file");
            will_fail(problem("rainbond.grctl-digest", message).at("/grctl/sha256").help("get the installer again, or correct the digest"))
        }
        None => met(),
    }
}

fn placed(cluster: In, case: &Case<'_>) -> Judged {
    digest(cluster, case)?;
    match case.get::<Option<FileFact>>(1)? {
        Some(fact) if fact.mode & 0o111 != 0 => met(),
        Some(_) => unmet("it cannot be executed"),
        None => unmet("it is not there"),
    }
}

fn version(cluster: In, case: &Case<'_>) -> Judged {
    let said = case.get::<Output>(0)?;
    // Tools that were built without a version still know their default.
    let line = Version::of_grctl(&said.text());
    let line = line.or_else(|| case.get::<Output>(1).ok().and_then(|help| Version::of_help(&help.text())));
    match line {
        Some(line) if line == cluster.config.version.word() => match crate::member::cannot_add(cluster, Version::patch(&said.text())) {
            Some(problem) => will_fail(problem),
            None => met(),
        },
        Some(line) => will_fail(
            problem("rainbond.version-differs", format!("the installer is of Rainbond {line}, the file asks for {}", cluster.config.version))
                .at("/version")
                .help("give the installer of that version, or correct the version"),
        ),
        None => unmet("the installer does not say which version it is of"),
    }
}

fn address(cluster: In, case: &Case<'_>) -> Judged {
    let Some(Addresses { managers, .. }) = Addresses::of(cluster) else { return met() };
    match case.get::<Vec<NetworkInterface>>(0)?.with_address(managers) {
        Some(_) => met(),
        None => unmet(format!("{managers} is on another node")),
    }
}

/// Requests: the mark on every manager, the job, the log of failures.
fn init(cluster: In, case: &Case<'_>) -> Judged {
    let seat = case.node()?;
    let marks = case.len().saturating_sub(2);
    let mut silent = Ok(());
    for place in 0..marks {
        let Some((request, _)) = case.raw(place) else { continue };
        match case.get::<Option<FileFact>>(place) {
            Ok(Some(mark)) if request.node == seat.name => {
                return match Version::line(&mark.text()) {
                    Some(line) if line != cluster.config.version.word() => will_fail(
                        problem("rainbond.version-differs", format!("it was installed as Rainbond {line}")).on(seat).at("/version"),
                    ),
                    _ => met(),
                };
            }
            Ok(Some(_)) => {
                let message = format!("{} has the mark of a first node already", request.node);
                return will_fail(problem("rainbond.init-node-moved", message).help(format!("write init-node: {}", request.node)));
            }
            Ok(None) => {}
            Err(why) => silent = Err(why),
        }
    }
    silent?;
    let job = case.get::<Option<JobFact>>(marks)?;
    match job {
        Some(job) if job.running => unmet(progress("init", job)),
        Some(job) => {
            let tail = String::from_utf8_lossy(&job.tail);
            // With a password on the installer's command line its own logs may have it; what the job printed has not.
            let quotable = cluster.config.database.is_none();
            let log = case.get::<Output>(marks + 1).ok().filter(|said| said.status == 0 && quotable).map(OutputText::text);
            let why = log.as_deref().and_then(grctl::reason).or_else(|| grctl::reason(&tail)).or_else(|| grctl::last_line(&tail));
            // Not `failed`: whether another may begin is decided by what this one left behind, when the plan is made.
            let why = why.unwrap_or_else(|| "it printed nothing".into());
            unmet(format!("grctl init ended without the mark {}: {why} (its logs: /opt/rainbond/rainbond-ansible/log/fail.log, /tmp/install)", paths::MARK))
        }
        None => unmet(format!("{} has no mark, and no init was started", seat.name)),
    }
}

fn progress(what: &str, job: &JobFact) -> String {
    match grctl::last_line(&String::from_utf8_lossy(&job.tail)) {
        Some(line) => format!("{what} runs: {line}"),
        None => format!("{what} runs"),
    }
}

/// The list of nodes, from the first request.
fn list(case: &Case<'_>) -> Result<Vec<Listed>, arcus_sdk::contract::checks::Verdict> {
    grctl::nodes(case.get::<Output>(0)?).map_err(arcus_sdk::contract::checks::Verdict::Unmet)
}

fn row(case: &Case<'_>) -> Result<Listed, arcus_sdk::contract::checks::Verdict> {
    let node = case.node()?;
    let missing = || arcus_sdk::contract::checks::Verdict::Unmet(format!("{} is not in the list of nodes", node.name));
    grctl::at(&list(case)?, &node.address).cloned().ok_or_else(missing)
}

fn added(_: In, case: &Case<'_>) -> Judged {
    row(case).map(drop)
}

/// Where an installation says why it failed.
const LOGS: &str = "the logs are on the first node in /opt/rainbond/rainbond-ansible/log and /tmp/install; mend the cause and `arcus apply` again";

fn installed(_: In, case: &Case<'_>) -> Judged {
    let listed = match row(case) {
        Ok(listed) => listed,
        // An installation that failed may have taken the list with it: a second manager that does not run leaves no majority.
        Err(silence) => {
            let ended = case.get::<Option<JobFact>>(1)?.as_ref().filter(|job| !job.running).map(|job| String::from_utf8_lossy(&job.tail).into_owned());
            let Some(tail) = ended.filter(|tail| !tail.contains("successful")) else { return Err(silence) };
            let Some(why) = grctl::reason(&tail) else { return Err(silence) };
            return will_fail(problem("rainbond.install-failed", format!("the installation of {} failed: {why}", case.subject())).help(LOGS));
        }
    };
    if listed.status.is_installed() {
        return met();
    }
    let job = case.get::<Option<JobFact>>(1)?.as_ref();
    let tail = job.map(|job| String::from_utf8_lossy(&job.tail).into_owned()).unwrap_or_default();
    match (job, listed.status.word.as_str()) {
        (Some(job), _) if job.running => unmet(progress("installation", job)),
        (_, "install_failed") => {
            let why = grctl::reason(&tail).or_else(|| grctl::last_line(&tail)).unwrap_or_else(|| "it printed nothing".into());
            will_fail(
                problem("rainbond.install-failed", format!("the installation of {} failed: {why}", case.subject()))
                    .help(LOGS),
            )
        }
        (_, word) => match grctl::reason(&tail) {
            Some(why) => unmet(format!("{} is {word}: {why}", case.subject())),
            None => unmet(format!("{} is {word}", case.subject())),
        },
    }
}

fn member(_: In, case: &Case<'_>) -> Judged {
    let listed = row(case)?;
    if listed.status.word != "running" {
        return unmet(format!("{} is {}", case.subject(), listed.status));
    }
    match case.get::<Reachability>(1)? {
        Reachability::Open => {}
        Reachability::Refused => return unmet(format!("etcd of {} does not listen on 2379", case.subject())),
        Reachability::Silent => return unmet(format!("port 2379 of {} does not answer", case.subject())),
    }
    // By etcd's own word, not only by `grctl`'s.
    let node = case.node()?;
    match etcd::members(case.get::<Output>(2)?) {
        Ok(members) if members.iter().any(|member| member.is(&node.address)) => {}
        Ok(_) => return unmet(format!("{} is not registered in etcd", case.subject())),
        // Its own health proves as much: only a member that takes part can answer.
        Err(_) => {}
    }
    if etcd::is_healthy(case.get::<Output>(3)?) { met() } else { unmet(format!("etcd of {} is not healthy", case.subject())) }
}

/// Seconds after which an agent that was just started should report a healthy node.
const SETTLES_S: u64 = 60;

fn settled(_: In, case: &Case<'_>) -> Judged {
    let listed = row(case)?;
    if listed.status.is_good() {
        return met();
    }
    match case.get::<Option<ServiceFact>>(1)? {
        Some(agent) if agent.active && agent.since_s < SETTLES_S => unmet(format!("{} is {}", case.subject(), listed.status)),
        _ => met(),
    }
}

fn refreshed(_: In, case: &Case<'_>) -> Judged {
    let listed = row(case)?;
    if listed.status.is_good() { met() } else { unmet(format!("{} is {}", case.subject(), listed.status)) }
}

fn joined(_: In, case: &Case<'_>) -> Judged {
    let listed = row(case)?;
    if listed.status.is_good() { met() } else { unmet(format!("{} is {}", case.subject(), listed.status)) }
}

fn up(_: In, case: &Case<'_>) -> Judged {
    let listed = row(case)?;
    if listed.status.is_in_service() { met() } else { unmet(format!("{} is {}", case.subject(), listed.status)) }
}
