//! When a step is done. Nothing here goes by an exit status: `grctl` says 0 when it fails.

use crate::config::{self, Config};
use crate::grctl::{self, Listed};
use crate::region::{self, Held};
use crate::version::Version;
use crate::paths;
use arcus_sdk::prelude::*;

type In<'a> = &'a Cluster<Config>;

/// Who judges which steps.
pub fn goals() -> Goals<Config> {
    Goals::new()
        .on("fetch", digest)
        .on("upload", digest)
        .on("place", placed)
        .on("version", version)
        .on("bundle", bundle)
        .on("address", address)
        .on("init", init)
        .on("joined", joined)
        .on("add", added)
        .on("install", installed)
        .on("member", member)
        .on("up", up)
        .on("tcpdomain", tcpdomain)
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
        Some(line) if line == cluster.config.version.word() => met(),
        Some(line) => will_fail(
            problem("rainbond.version-differs", format!("the installer is of Rainbond {line}, the file asks for {}", cluster.config.version))
                .at("/version")
                .help("give the installer of that version, or correct the version"),
        ),
        None => unmet("the installer does not say which version it is of"),
    }
}

fn bundle(cluster: In, case: &Case<'_>) -> Judged {
    for (place, path) in cluster.config.version.offline_files().into_iter().enumerate() {
        if case.get::<Option<FileFact>>(place)?.is_none() {
            return will_fail(
                problem("rainbond.no-bundle", format!("{path} is not there, and an offline installation needs it"))
                    .at("/install")
                    .help("unpack the offline bundle on this node and run its offline.sh, then `arcus apply` again"),
            );
        }
    }
    met()
}

fn address(cluster: In, case: &Case<'_>) -> Judged {
    let Some(address) = config::virtual_address(cluster) else { return met() };
    match case.get::<Vec<NetworkInterface>>(0)?.with_address(address) {
        Some(_) => met(),
        None => unmet(format!("{address} is on another node")),
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
            let log = case.get::<Output>(marks + 1).ok().filter(|said| said.status == 0).map(OutputText::text);
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

fn installed(_: In, case: &Case<'_>) -> Judged {
    let listed = row(case)?;
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
                    .help("the logs are on the first node in /opt/rainbond/rainbond-ansible/log and /tmp/install; mend the cause and `arcus apply` again"),
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
        Reachability::Open => met(),
        Reachability::Refused => unmet(format!("etcd of {} does not listen on 2379", case.subject())),
        Reachability::Silent => unmet(format!("port 2379 of {} does not answer", case.subject())),
    }
}

fn joined(_: In, case: &Case<'_>) -> Judged {
    let listed = row(case)?;
    if listed.status.is_good() { met() } else { unmet(format!("{} is {}", case.subject(), listed.status)) }
}

fn up(_: In, case: &Case<'_>) -> Judged {
    let listed = row(case)?;
    if listed.status.is_in_service() { met() } else { unmet(format!("{} is {}", case.subject(), listed.status)) }
}

fn tcpdomain(cluster: In, case: &Case<'_>) -> Judged {
    let Some(wanted) = config::virtual_address(cluster) else { return met() };
    match region::held(case.get::<Output>(0)?, &cluster.config.region) {
        Held::Address(found) if found == wanted => met(),
        Held::Address(found) => unmet(format!("it is {found}")),
        Held::NoRegion(others) => will_fail(
            problem("rainbond.no-region", no_region(&cluster.config.region, &others)).at("/region").help("write the name that the console shows"),
        ),
        Held::Silent(why) => unmet(format!("the database says: {why}")),
    }
}

/// In words.
pub fn no_region(region: &str, others: &[String]) -> String {
    match others {
        [] => format!("the console has no data centre {region}, and no other"),
        others => format!("the console has no data centre {region}; it has {}", others.join(", ")),
    }
}
